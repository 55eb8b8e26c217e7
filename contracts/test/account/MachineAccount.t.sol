// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Account} from "@openzeppelin/contracts/account/Account.sol";
import {ERC7821} from "@openzeppelin/contracts/account/extensions/draft-ERC7821.sol";
import {Execution} from "@openzeppelin/contracts/interfaces/draft-IERC7579.sol";
import {PackedUserOperation} from "@openzeppelin/contracts/interfaces/IERC4337.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {MachineAccount} from "../../src/account/MachineAccount.sol";
import {Policy} from "../../src/account/Policy.sol";
import {Keys} from "../../src/identity/Keys.sol";
import {Blob} from "../../src/law/Blob.sol";
import {Constitution} from "../../src/law/Constitution.sol";
import {Base, Handler} from "../Base.sol";
import {World} from "../World.sol";

contract Coin is ERC20("Coin", "C") {
    constructor(address to) {
        _mint(to, 1e30);
    }
}

abstract contract AccountWorld is World {
    bytes32 internal constant MODE = bytes32(uint256(1) << 248);
    bytes32 internal constant MODE_SIGNED = bytes32(uint256(0x01000000000078210001) << 176);
    uint128 internal constant DAY = 1000;
    uint128 internal constant PAYEE = 300;
    uint128 internal constant ASK = 600;
    bytes32 internal constant DOMAIN = keccak256("an application's domain");

    Coin internal coin;

    function setUp() public virtual override {
        coin = new Coin(address(this));
        super.setUp();
        coin.transfer(address(account), 1e24);
        vm.deal(address(account), 100 ether);
    }

    function bucket(address token, uint8 kind, uint32 window, uint128 capacity, uint128 ask)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(token, kind, new bytes(7), window, capacity, ask);
    }

    function rule(address to, bytes4 selector, bytes6 fields) internal pure returns (bytes memory) {
        return abi.encodePacked(to, selector, fields, bytes2(0));
    }

    function policyOf(uint8 buckets, uint8 domains, uint8 rules, bytes memory body) internal pure returns (bytes memory) {
        return abi.encodePacked("DAMP", uint8(1), buckets, domains, rules, new bytes(24), body);
    }

    /// Transfers of the coin: 1000 a day in all, 300 a payee, asking above 600; only multiples are not
    /// checked, but amounts from 1. Chain coin to anyone: 1 ether a day. approve(): to the approver only.
    function policyBlob() internal view virtual override returns (bytes memory) {
        bytes memory buckets = bytes.concat(
            bucket(address(coin), 0, 1 days, DAY, ASK),
            bucket(address(coin), 1, 1 days, PAYEE, type(uint128).max),
            bucket(address(0), 0, 1 days, 1 ether, type(uint128).max)
        );
        bytes memory atLeastOne = abi.encodePacked(uint8(1), uint8(2), new bytes(30), uint256(1));
        bytes memory toApprover = abi.encodePacked(uint8(0), uint8(0), new bytes(30), uint256(uint160(approver)));
        bytes memory rules = bytes.concat(
            rule(address(coin), ERC20.transfer.selector, 0x000100000101), atLeastOne,
            rule(address(coin), ERC20.approve.selector, 0x00010000ff01), toApprover,
            rule(address(0), 0, 0x01ffff02ff00),
            rule(address(registry), bytes4(keccak256("setKey(uint256,address,bytes)")), 0x00feffffff00)
        );
        return policyOf(3, 1, 4, bytes.concat(buckets, DOMAIN, rules));
    }

    function call(address to, uint256 value, bytes memory data) internal pure returns (Execution[] memory calls) {
        calls = new Execution[](1);
        calls[0] = Execution(to, value, data);
    }

    function pay(address to, uint256 amount) internal view returns (Execution[] memory) {
        return call(address(coin), 0, abi.encodeCall(coin.transfer, (to, amount)));
    }

    function both(Execution[] memory a, Execution[] memory b) internal pure returns (Execution[] memory c) {
        c = new Execution[](a.length + b.length);
        for (uint256 k = 0; k < c.length; k++) {
            c[k] = k < a.length ? a[k] : b[k - a.length];
        }
    }

    function run(Execution[] memory calls) internal {
        vm.prank(key);
        account.execute(MODE, abi.encode(calls));
    }

    function refused(Execution[] memory calls, uint256 index, uint8 reason) internal {
        (uint256 i, uint8 r) = account.verdictOf(calls);
        eq(r, reason, "reason");
        eq(i, index, "index");
        vm.expectRevert(abi.encodeWithSelector(MachineAccount.Refused.selector, index, reason));
        vm.prank(key);
        account.execute(MODE, abi.encode(calls));
    }
}

contract MachineAccountTest is AccountWorld {
    address private alice = address(0xa11ce);
    address private bob = address(0xb0b);
    address private carol = address(0xca401);

    // ---- the policy, reason by reason ----

    function testAllowed() public {
        run(pay(alice, 200));
        eq(coin.balanceOf(alice), 200, "paid");
        run(both(pay(alice, 50), pay(bob, 50)));
        (uint208 used, uint48 last) = account.bucketOf(policy, 0);
        eq(used, 300, "used");
        eq(last, block.timestamp, "last");
        run(call(alice, 0.5 ether, ""));
        eq(alice.balance, 0.5 ether, "chain coin");
    }

    function testReasons() public {
        refused(new Execution[](0), 0, Policy.BATCH);
        refused(new Execution[](33), 32, Policy.BATCH);
        refused(call(address(account), 0, ""), 0, Policy.SELF);
        refused(call(address(0), 0, ""), 0, Policy.SELF);
        refused(call(address(coin), 0, hex"a9059c"), 0, Policy.SHORT);
        refused(call(alice, 0, hex"a9059cbb"), 0, Policy.TARGET);
        refused(call(address(coin), 0, abi.encodeCall(coin.transferFrom, (alice, bob, 1))), 0, Policy.SELECTOR);
        refused(pay(alice, 0), 0, Policy.PARAMETER);
        refused(call(address(coin), 0, hex"a9059cbb"), 0, Policy.PARAMETER);
        refused(call(address(coin), 0, abi.encodeCall(coin.approve, (alice, 1))), 0, Policy.PARAMETER);
        refused(call(address(coin), 1, abi.encodeCall(coin.transfer, (alice, 1))), 0, Policy.VALUE);
        bytes memory short = abi.encodePacked(ERC20.approve.selector, uint256(uint160(approver)));
        refused(call(address(coin), 0, short), 0, Policy.ARGUMENT);
        refused(both(pay(alice, 1), call(bob, 0, hex"01020304")), 1, Policy.TARGET);
        refused(pay(alice, PAYEE + 1), 0, Policy.PAYEE_ALLOWANCE);
        refused(pay(alice, type(uint256).max), 0, Policy.ALLOWANCE);
        refused(call(alice, 1 ether + 1, ""), 0, Policy.ALLOWANCE);
        run(call(address(coin), 0, abi.encodeCall(coin.approve, (approver, 100))));
    }

    /// A batch cannot split what it may not do whole.
    function testBatchIsSummed() public {
        refused(both(pay(alice, 200), pay(alice, 101)), 1, Policy.PAYEE_ALLOWANCE);
        Execution[] memory calls = both(both(pay(alice, 300), pay(bob, 300)), both(pay(carol, 300), pay(owner, 101)));
        refused(calls, 3, Policy.ALLOWANCE);
        refused(both(pay(alice, type(uint256).max), pay(alice, type(uint256).max)), 1, Policy.ALLOWANCE);
    }

    function testRefill() public {
        run(pay(alice, 300));
        refused(pay(alice, 1), 0, Policy.PAYEE_ALLOWANCE);
        vm.warp(block.timestamp + 1 days / 300 - 1);
        refused(pay(alice, 1), 0, Policy.PAYEE_ALLOWANCE);
        vm.warp(block.timestamp + 1);
        run(pay(alice, 1));
        refused(pay(alice, 1), 0, Policy.PAYEE_ALLOWANCE);
        vm.warp(block.timestamp + 10 days);
        run(pay(alice, 300));
        refused(pay(alice, 1), 0, Policy.PAYEE_ALLOWANCE);
    }

    function testApproval() public {
        Execution[] memory calls = both(both(pay(alice, 300), pay(bob, 300)), pay(carol, 1));
        refused(calls, 2, Policy.APPROVAL);
        bytes32 batch = account.batchHash(calls);
        vm.expectRevert(abi.encodeWithSelector(MachineAccount.NotApprover.selector, key));
        vm.prank(key);
        account.approve(batch);
        vm.prank(approver);
        account.approve(batch);
        refused(both(calls, pay(carol, 1)), 3, Policy.APPROVAL); // not exactly these calls
        run(calls);
        vm.warp(block.timestamp + 1 days);
        refused(calls, 2, Policy.APPROVAL); // one approval, one execution
        vm.prank(approver);
        account.approve(batch);
        vm.warp(block.timestamp + 1 days + 1);
        refused(calls, 2, Policy.APPROVAL); // and for one day
    }

    function testScale() public {
        vm.prank(guardian);
        constitution.tighten(id, 500);
        refused(pay(alice, 151), 0, Policy.PAYEE_ALLOWANCE);
        run(pay(alice, 150));
        vm.prank(guardian);
        constitution.tighten(id, 0);
        refused(pay(bob, 1), 0, Policy.ALLOWANCE);
    }

    function testHeld() public {
        vm.prank(owner);
        court.startUnbond(id);
        refused(pay(alice, 1), 0, constitution.HELD_UNBONDED());
        vm.prank(guardian);
        constitution.stop(id);
        refused(both(pay(alice, 1), pay(bob, 1)), 1, constitution.HELD_STOPPED());
        vm.prank(owner);
        uint256 other = registry.register();
        MachineAccount lawless = new MachineAccount(registry, constitution, other);
        (, uint8 reason) = lawless.verdictOf(new Execution[](0));
        eq(reason, constitution.HELD_LAWLESS(), "no law");
    }

    // ---- malformed policies: every line of policy.md section 1 ----

    function enactPolicy(bytes memory blob) private {
        Constitution.Terms memory t = terms();
        t.policy = Blob.deploy(blob);
        vm.prank(owner);
        constitution.propose(id, t);
        vm.warp(block.timestamp + 1 days);
        constitution.enact(id);
    }

    function malformed(bytes memory good, uint256 offset, uint8 value) private {
        bytes memory bad = bytes.concat(good);
        bad[offset] = bytes1(value);
        enactPolicy(bad);
        (, uint8 reason) = account.verdictOf(pay(alice, 1));
        eq(reason, Policy.MALFORMED, "malformed");
    }

    function testMalformedPolicies() public {
        bytes memory check = abi.encodePacked(uint8(1), uint8(2), new bytes(30), uint256(1));
        bytes memory good = policyOf(
            1, 0, 1,
            bytes.concat(
                bucket(address(coin), 0, 1 days, DAY, ASK),
                rule(address(coin), ERC20.transfer.selector, 0x00010000ff01), check
            )
        );
        enactPolicy(good);
        (, uint8 reason) = account.verdictOf(pay(alice, 1));
        eq(reason, 0, "good");
        malformed(good, 0, 0x45); // magic
        malformed(good, 4, 2); // version
        malformed(good, 5, 33); // buckets
        malformed(good, 5, 2); // more buckets than there are
        malformed(good, 6, 17); // domains
        malformed(good, 7, 129); // rules
        malformed(good, 7, 0); // no rule
        malformed(good, 7, 2); // one rule too few
        malformed(good, 31, 1); // reserved
        malformed(good, 32 + 20, 2); // kind of bucket
        malformed(good, 32 + 21, 1); // reserved
        enactPolicy(policyOf(1, 0, 1, bytes.concat(bucket(address(0), 0, 0, 1, 1), rule(alice, 0, 0x01ffffffff00))));
        (, reason) = account.verdictOf(pay(alice, 1));
        eq(reason, Policy.MALFORMED, "window 0");
        uint256 at_ = 96;
        malformed(good, at_ + 24, 2); // flags
        malformed(good, at_ + 24, 1); // no calldata, but a selector
        malformed(good, at_ + 25, 32); // amount
        malformed(good, at_ + 26, 0xfe); // payee
        malformed(good, at_ + 27, 1); // bucket
        malformed(good, at_ + 28, 1); // cap
        malformed(good, at_ + 29, 9); // checks
        malformed(good, at_ + 29, 2); // one check too few
        malformed(good, at_ + 29, 0); // one too many
        malformed(good, at_ + 31, 1); // reserved
        malformed(good, at_ + 32, 32); // argument of the check
        malformed(good, at_ + 33, 4); // test
        malformed(good, at_ + 63, 1); // reserved
        enactPolicy(policyOf(0, 0, 1, rule(address(0), ERC20.transfer.selector, 0x00feffffff00)));
        (, reason) = account.verdictOf(pay(alice, 1));
        eq(reason, Policy.MALFORMED, "a selector at any address");
        enactPolicy("short");
        (, reason) = account.verdictOf(pay(alice, 1));
        eq(reason, Policy.MALFORMED, "short");
    }

    function testChecks() public {
        // transfer(to, amount) with amount == 5, or amount != 7 and amount <= 6
        bytes memory rules = bytes.concat(
            rule(address(coin), ERC20.transfer.selector, 0x00feffffff01),
            abi.encodePacked(uint8(1), uint8(0), new bytes(30), uint256(9)),
            rule(address(coin), ERC20.transfer.selector, 0x00feffffff02),
            abi.encodePacked(uint8(1), uint8(3), new bytes(30), uint256(3)),
            abi.encodePacked(uint8(1), uint8(1), new bytes(30), uint256(6))
        );
        enactPolicy(policyOf(0, 0, 2, rules));
        for (uint256 amount = 0; amount < 12; amount++) {
            (, uint8 reason) = account.verdictOf(pay(alice, amount));
            bool allowed = amount == 9 || (amount != 3 && amount <= 6);
            eq(reason, allowed ? 0 : Policy.PARAMETER, "checks");
        }
    }

    /// A new policy starts with full buckets; the state of the old one stays with the old one.
    function testPolicyChange() public {
        run(pay(alice, 300));
        enactPolicy(bytes.concat(policyOf(1, 0, 1, bucket(address(coin), 1, 1 days, 300, 300)),
            rule(address(coin), ERC20.transfer.selector, 0x00010000ff00)));
        run(pay(alice, 300));
        refused(pay(alice, 300), 0, Policy.PAYEE_ALLOWANCE);
    }

    // ---- who may act ----

    function testCallers() public {
        bytes memory data = abi.encode(pay(alice, 1));
        address[4] memory strangers = [owner, guardian, challenger, address(account)];
        for (uint256 k = 0; k < 4; k++) {
            vm.expectRevert(abi.encodeWithSelector(Account.AccountUnauthorized.selector, strangers[k]));
            vm.prank(strangers[k]);
            account.execute(MODE, data);
        }
        vm.prank(address(account.entryPoint()));
        account.execute(MODE, data);
        vm.expectRevert(ERC7821.UnsupportedExecutionMode.selector);
        account.execute(bytes32(uint256(0xff) << 248), data); // DELEGATECALL's mode
        ok(account.supportsExecutionMode(MODE) && account.supportsExecutionMode(MODE_SIGNED), "modes");
        ok(!account.supportsExecutionMode(0), "single calls are batches of one");
        vm.expectRevert(abi.encodeWithSelector(MachineAccount.NotRegistry.selector, address(this)));
        account.onKeyChanged(address(this));
    }

    function testNoKeyNoCaller() public {
        MachineAccount fresh = new MachineAccount(registry, constitution, id);
        vm.expectRevert(abi.encodeWithSelector(Account.AccountUnauthorized.selector, address(0)));
        vm.prank(address(0));
        fresh.execute(MODE, abi.encode(pay(alice, 1)));
    }

    function signedCall(Execution[] memory calls, uint256 nonce, uint256 deadline, uint256 secret)
        private
        view
        returns (bytes memory)
    {
        bytes32 inner = keccak256(
            abi.encode(
                keccak256("Execute(bytes32 batch,uint256 nonce,uint256 deadline)"),
                keccak256(abi.encode(calls)), nonce, deadline
            )
        );
        bytes memory s = sign(secret, typed("DAM MachineAccount", address(account), inner));
        return abi.encode(calls, abi.encodePacked(nonce, deadline, s));
    }

    function testSignedExecution() public {
        Execution[] memory calls = pay(alice, 10);
        uint256 deadline = block.timestamp;
        account.execute(MODE_SIGNED, signedCall(calls, 0, deadline, KEY));
        eq(coin.balanceOf(alice), 10, "carried by a stranger");
        bytes memory data = signedCall(calls, 0, deadline, KEY);
        vm.expectPartialRevert(Nonces.InvalidAccountNonce.selector);
        account.execute(MODE_SIGNED, data);
        data = signedCall(calls, 1, deadline - 1, KEY);
        vm.expectRevert(abi.encodeWithSelector(MachineAccount.Expired.selector, deadline - 1));
        account.execute(MODE_SIGNED, data);
        data = signedCall(calls, 1, deadline, 0xbad);
        vm.expectRevert(MachineAccount.WrongSignature.selector);
        account.execute(MODE_SIGNED, data);
        data = signedCall(pay(alice, PAYEE), 1, deadline, KEY);
        vm.expectRevert(abi.encodeWithSelector(MachineAccount.Refused.selector, 0, Policy.PAYEE_ALLOWANCE));
        account.execute(MODE_SIGNED, data);
    }

    function testMachineRotatesItsKey() public {
        bytes memory proof = keyProof(0xbeef, vm.addr(0xbeef));
        run(call(address(registry), 0, abi.encodeCall(registry.setKey, (id, vm.addr(0xbeef), proof))));
        eq(account.key(), vm.addr(0xbeef), "rotated");
        vm.expectRevert(abi.encodeWithSelector(Account.AccountUnauthorized.selector, key));
        vm.prank(key);
        account.execute(MODE, abi.encode(pay(alice, 1)));
    }

    // ---- ERC-4337 ----

    function userOp(bytes memory signature) private pure returns (PackedUserOperation memory op) {
        op.signature = signature;
    }

    function testValidateUserOp() public {
        bytes32 hash = keccak256("user operation");
        vm.expectRevert(abi.encodeWithSelector(Account.AccountUnauthorized.selector, address(this)));
        account.validateUserOp(userOp(""), hash, 0);
        vm.startPrank(address(account.entryPoint()));
        eq(account.validateUserOp(userOp(sign(KEY, hash)), hash, 0), 0, "the key's");
        eq(account.validateUserOp(userOp(sign(0xbad, hash)), hash, 0), 1, "another's");
        eq(account.validateUserOp(userOp(hex"00"), hash, 0), 1, "garbage");
        vm.expectRevert(abi.encodeWithSelector(MachineAccount.NotPrepaid.selector, 1));
        account.validateUserOp(userOp(sign(KEY, hash)), hash, 1);
    }

    function testP256UserOp() public {
        (uint256 x, uint256 y) = vm.publicKeyP256(0xbeef);
        address p256 = Keys.ofP256(bytes32(x), bytes32(y));
        vm.prank(address(registry));
        account.onKeyChanged(p256);
        bytes32 hash = keccak256("user operation");
        (bytes32 r, bytes32 s) = vm.signP256(0xbeef, hash);
        s = uint256(s) > P256.N / 2 ? bytes32(P256.N - uint256(s)) : s;
        bytes memory data = abi.encodeCall(account.validateUserOp, (userOp(abi.encode(r, s, x, y)), hash, 0));
        vm.startPrank(address(account.entryPoint()));
        bytes memory ret = gasOf("account: P-256 user operation validated", address(account), data, 60_000);
        eq(abi.decode(ret, (uint256)), 0, "valid");
        eq(account.validateUserOp(userOp(abi.encode(r, ~s, x, y)), hash, 0), 1, "invalid");
    }

    // ---- ERC-1271 ----

    string private constant CONTENTS = "Voucher(bytes32 channelId,uint128 maxClaimableAmount)";

    /// An ERC-7739 nested typed signature, spelt out.
    function nested(uint256 secret, bytes32 separator, bytes32 contents) private view returns (bytes memory) {
        bytes memory type_ = abi.encodePacked(
            "TypedDataSign(Voucher contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)",
            CONTENTS
        );
        bytes32 inner = keccak256(
            abi.encode(
                keccak256(type_), contents, keccak256("DAM MachineAccount"), keccak256("1"),
                block.chainid, address(account), bytes32(0)
            )
        );
        bytes memory s = sign(secret, keccak256(abi.encodePacked(hex"1901", separator, inner)));
        return abi.encodePacked(s, separator, contents, CONTENTS, uint16(bytes(CONTENTS).length));
    }

    function valid(uint256 secret, bytes32 separator, bytes32 contents) private view returns (bool) {
        bytes32 hash = keccak256(abi.encodePacked(hex"1901", separator, contents));
        return account.isValidSignature(hash, nested(secret, separator, contents)) == bytes4(0x1626ba7e);
    }

    function testSignatures() public {
        ok(valid(KEY, DOMAIN, "voucher"), "a listed domain");
        ok(!valid(KEY, "a token's domain", "permit"), "another domain");
        ok(!valid(0xbad, DOMAIN, "voucher"), "another key");
        bytes memory s = nested(KEY, DOMAIN, "voucher");
        eq(uint32(account.isValidSignature("another hash", s)), 0xffffffff, "another hash");
        // A plain or a personal signature over a hash says nothing about its domain.
        bytes32 hash = keccak256("permit");
        bytes32 personal = keccak256(abi.encode(keccak256("PersonalSign(bytes prefixed)"), hash));
        s = sign(KEY, typed("DAM MachineAccount", address(account), personal));
        eq(uint32(account.isValidSignature(hash, s)), 0xffffffff, "personal");
        eq(uint32(account.isValidSignature(hash, sign(KEY, hash))), 0xffffffff, "plain");
        vm.prank(guardian);
        constitution.stop(id);
        ok(!valid(KEY, DOMAIN, "voucher"), "a stopped machine signs nothing");
    }

    function testGas() public {
        run(pay(bob, 1));
        vm.prank(key);
        bytes memory data = abi.encodeCall(account.execute, (MODE, abi.encode(pay(alice, 10))));
        gasOf("account: one policed transfer", address(account), data, 130_000);
    }
}

/// A key holder who tries everything. Small, as an invariant run calls it often.
contract SpendHandler is Base, Handler {
    bytes32 private constant MODE = bytes32(uint256(1) << 248);
    MachineAccount private account;
    Coin private coin;
    address private key;
    address private approver;
    uint256 private ask;
    uint256 public executed;
    uint256 public refused;
    bool public askedNobody;
    address[3] private payees = [address(0xa11ce), address(0xb0b), address(0xca401)];

    constructor(MachineAccount account_, Coin coin_, address key_, address approver_, uint256 ask_) {
        (account, coin, key, approver, ask, time) = (account_, coin_, key_, approver_, ask_, block.timestamp);
    }

    function spend(uint256 n, uint256 seed, bool approved) external {
        vm.warp(time);
        Execution[] memory calls = new Execution[](bound(n, 1, 4));
        uint256 sum;
        for (uint256 k = 0; k < calls.length; k++) {
            uint256 draw = uint256(keccak256(abi.encode(seed, k)));
            uint256 amount = draw % 16 == 0 ? draw >> 1 : (draw >> 8) % 350;
            unchecked {
                sum += amount;
            }
            calls[k] = Execution(address(coin), 0, abi.encodeCall(coin.transfer, (payees[(draw >> 32) % 3], amount)));
        }
        if (approved) {
            vm.prank(approver);
            account.approve(keccak256(abi.encode(calls)));
        }
        vm.prank(key);
        try account.execute(MODE, abi.encode(calls)) {
            executed++;
            askedNobody = askedNobody || (sum > ask && !approved);
        } catch {
            refused++;
        }
    }

    function pass(uint256 seconds_) external {
        time += bound(seconds_, 1, 6 hours);
    }

    function paid(uint256 k) external view returns (uint256) {
        return coin.balanceOf(payees[k]);
    }
}

contract SpendInvariantTest is AccountWorld {
    SpendHandler private handler;
    uint256 private start;

    function setUp() public override {
        super.setUp();
        handler = new SpendHandler(account, coin, key, approver, ASK);
        start = block.timestamp;
        target(address(handler));
    }

    /// A full bucket and what refilled since: no sequence of batches takes more.
    function invariantLimits() public view {
        uint256 passed = handler.time() - start;
        uint256 sum;
        for (uint256 k = 0; k < 3; k++) {
            uint256 paid = handler.paid(k);
            le(paid, PAYEE + passed * PAYEE / 1 days, "allowance of a payee");
            sum += paid;
        }
        le(sum, DAY + passed * DAY / 1 days, "allowance of the token");
        eq(coin.balanceOf(address(account)) + sum, 1e24, "conserved");
        ok(!handler.askedNobody(), "a batch above the threshold without a human");
    }
}
