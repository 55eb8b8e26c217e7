// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Blob, BlobStore} from "../../src/law/Blob.sol";
import {BoundsCharter} from "../../src/law/BoundsCharter.sol";
import {Base} from "../Base.sol";

/// docs/spec/rules.md section 2, read slowly: the twin that the Yul must equal.
contract SlowCharter {
    struct Rules {
        uint256 n;
        uint256 m;
        uint256 c;
        bytes blob;
    }

    function word(Rules memory r, uint256 k) private pure returns (bytes32 w) {
        bytes memory blob = r.blob;
        assembly {
            w := mload(add(add(blob, 64), mul(32, k)))
        }
    }

    function field(bytes32 w, uint256 k) private pure returns (int256) {
        return int64(uint64(uint256(w) >> (192 - 64 * k)));
    }

    function clamp(int256 v, int256 low, int256 high) private pure returns (int256) {
        return v < low ? low : v > high ? high : v;
    }

    function test(uint8 t, int256 a, int256 value, uint8 quality, uint256 age) private pure returns (bool) {
        if (t == 0) return value < a;
        if (t == 1) return value <= a;
        if (t == 2) return value > a;
        if (t == 3) return value >= a;
        if (t == 4) return quality != 0;
        if (t == 5) return int256(age) > a;
        if (t == 6) return value == a;
        if (t == 7) return value != a;
        return true;
    }

    function review(Rules memory r, bytes calldata obs, bytes calldata proposal)
        external
        pure
        returns (bytes memory action, bytes memory reasons)
    {
        int256[] memory v = new int256[](r.n);
        uint16[] memory why = new uint16[](r.n);
        for (uint256 k = 0; k < r.n; k++) {
            v[k] = int64(uint64(bytes8(proposal[8 * k:])));
            (v[k], why[k]) = limited(r, obs, k, v[k]);
        }
        interlocks(r, obs, v, why);
        for (uint256 k = 0; k < r.n; k++) {
            int256 w = clamp(v[k], field(word(r, k), 0), field(word(r, k), 1));
            action = bytes.concat(action, bytes8(uint64(int64(w))));
            reasons = bytes.concat(reasons, bytes2(w != v[k] ? 3 : why[k]));
        }
    }

    function limited(Rules memory r, bytes calldata obs, uint256 k, int256 v)
        private
        pure
        returns (int256, uint16 why)
    {
        bytes32 rule = word(r, k);
        int256 w = clamp(v, field(rule, 0), field(rule, 1));
        why = w != v ? 1 : 0;
        bytes calldata last = obs[16 * (r.c - r.n + k):];
        int256 step = field(rule, 2);
        if (step > 0 && uint32(bytes4(last[8:])) != type(uint32).max) {
            int256 was = int64(uint64(bytes8(last)));
            v = w;
            w = clamp(v, was - step, was + step);
            why = w != v ? 2 : why;
        }
        return (w, why);
    }

    function interlocks(Rules memory r, bytes calldata obs, int256[] memory v, uint16[] memory why) private pure {
        for (uint256 k = 0; k < r.m; k++) {
            bytes32 lock = word(r, r.n + k);
            bytes calldata seen = obs[16 * uint256(uint16(bytes2(lock))):];
            int256 value = int64(uint64(bytes8(seen)));
            if (!test(uint8(lock[2]), field(lock, 1), value, uint8(seen[12]), uint32(bytes4(seen[8:])))) {
                continue;
            }
            if (apply_(r, lock, uint16(16 + k), v, why)) {
                return;
            }
        }
    }

    function apply_(Rules memory r, bytes32 lock, uint16 reason, int256[] memory v, uint16[] memory why)
        private
        pure
        returns (bool ends)
    {
        uint8 effect = uint8(lock[3]);
        if (effect == 3) {
            for (uint256 i = 0; i < r.n; i++) {
                int256 safe = field(word(r, i), 3);
                if (v[i] != safe) (v[i], why[i]) = (safe, reason);
            }
            return true;
        }
        uint256 j = uint8(lock[5]);
        int256 b = field(lock, 2);
        if ((effect == 0 && v[j] > b) || (effect == 1 && v[j] < b) || (effect == 2 && v[j] != b)) {
            (v[j], why[j]) = (b, reason);
        }
    }
}

contract BoundsCharterTest is Base {
    SlowCharter private slow;
    uint256 private seed;

    function setUp() public {
        slow = new SlowCharter();
    }

    function next(uint256 below) private returns (uint256) {
        seed = uint256(keccak256(abi.encode(seed)));
        return seed % below;
    }

    /// Mostly small values, so that rules meet; sometimes the ends of int64.
    function value() private returns (int64) {
        uint256 how = next(12);
        if (how == 0) return type(int64).min;
        if (how == 1) return type(int64).max;
        if (how == 2) return int64(uint64(next(1 << 63) << 1));
        return int64(int256(next(41)) - 20);
    }

    function rules(uint256 n, uint256 m, uint256 c) private returns (bytes memory blob) {
        blob = abi.encodePacked("DAMR", uint8(1), uint8(n), uint16(m), uint16(c), new bytes(22));
        for (uint256 k = 0; k < n; k++) {
            (int64 a, int64 b, int64 s) = (value(), value(), value());
            (a, b) = a < b ? (a, b) : (b, a);
            int64 step = int64(int256(next(6)));
            blob = abi.encodePacked(blob, a, b, step == 5 ? type(int64).max : step, s < a ? a : s > b ? b : s);
        }
        for (uint256 k = 0; k < m; k++) {
            bytes memory lock = abi.encodePacked(uint16(next(c)), uint8(next(9)), uint8(next(10) == 0 ? 3 : next(3)));
            blob = abi.encodePacked(blob, lock, uint16(next(n)), uint16(0), value(), value(), uint64(0));
        }
    }

    function observation(uint256 c) private returns (bytes memory obs) {
        for (uint256 k = 0; k < c; k++) {
            uint32 age = next(4) == 0 ? type(uint32).max : uint32(next(20));
            obs = abi.encodePacked(obs, value(), age, uint8(next(5)), bytes3(0));
        }
    }

    /// The Yul equals the twin: action and reasons, over random tables, observations and proposals.
    function testFuzzEqualsTwin(uint256 seed_) public {
        seed = seed_;
        (uint256 n, uint256 m) = (1 + next(6), next(9));
        uint256 c = n + 1 + next(5);
        bytes memory blob = rules(n, m, c);
        BoundsCharter charter = new BoundsCharter(Blob.deploy(blob));
        SlowCharter.Rules memory r = SlowCharter.Rules(n, m, c, blob);
        for (uint256 turn = 0; turn < 3; turn++) {
            bytes memory obs = observation(c);
            bytes memory proposal;
            for (uint256 k = 0; k < n; k++) {
                proposal = abi.encodePacked(proposal, value());
            }
            (bytes memory a, bytes memory ra) = charter.review("", obs, proposal);
            (bytes memory b, bytes memory rb) = slow.review(r, obs, proposal);
            eq(a, b, "action");
            eq(ra, rb, "reasons");
            ok(charter.within(a), "the action is within the bounds");
        }
        eq(charter.safe().length, 8 * n, "safe action");
        ok(charter.within(charter.safe()), "safe is within");
    }

    function testShape() public {
        BoundsCharter charter = new BoundsCharter(Blob.deploy(rules(2, 0, 4)));
        vm.expectRevert(BoundsCharter.BadShape.selector);
        charter.review("", new bytes(63), new bytes(16));
        vm.expectRevert(BoundsCharter.BadShape.selector);
        charter.review("", new bytes(64), new bytes(15));
        ok(!charter.within(new bytes(15)), "an action of another length");
    }

    function testWithin() public {
        bytes memory blob = abi.encodePacked(
            "DAMR", uint8(1), uint8(1), uint16(0), uint16(2), new bytes(22),
            abi.encodePacked(int64(-5), int64(7), int64(0), int64(1))
        );
        BoundsCharter charter = new BoundsCharter(Blob.deploy(blob));
        ok(charter.within(abi.encodePacked(int64(-5))) && charter.within(abi.encodePacked(int64(7))), "ends");
        ok(!charter.within(abi.encodePacked(int64(-6))) && !charter.within(abi.encodePacked(int64(8))), "beyond");
        eq(charter.safe(), abi.encodePacked(int64(1)), "safe");
    }

    /// Every line of rules.md section 1 that a blob can break.
    function testBadRules() public {
        bytes memory good = abi.encodePacked(
            "DAMR", uint8(1), uint8(1), uint16(1), uint16(2), new bytes(22),
            abi.encodePacked(int64(-5), int64(7), int64(2), int64(1)),
            abi.encodePacked(uint16(1), uint8(8), uint8(3), new bytes(28))
        );
        new BoundsCharter(Blob.deploy(good));
        refuse(good, 0, 0x45); // magic
        refuse(good, 4, 2); // version
        refuse(good, 5, 0); // no actuator
        refuse(good, 5, 65); // too many
        refuse(good, 7, 2); // one interlock more than there is
        refuse(good, 6, 3); // too many interlocks
        refuse(good, 9, 1); // no channel but the last action
        refuse(good, 8, 2); // too many channels
        refuse(good, 31, 1); // reserved
        refuse(good, 39, 0xff); // min -1 ... is fine
        refuse(good, 47, 0); // max below safe
        refuse(good, 48, 0x80); // negative step
        refuse(good, 65, 2); // channel out of range
        refuse(good, 66, 9); // unknown test
        refuse(good, 67, 4); // unknown effect
        refuse(good, 69, 1); // actuator out of range
        refuse(good, 71, 1); // reserved
        refuse(good, 95, 1); // reserved
        refuse(bytes.concat(good, hex"00"), 0, 0x44); // something follows
        vm.expectRevert(BoundsCharter.BadRules.selector);
        new BoundsCharter(address(this)); // not a blob
        vm.expectRevert(BoundsCharter.BadRules.selector);
        new BoundsCharter(address(0));
    }

    function refuse(bytes memory good, uint256 offset, uint8 value_) private {
        bytes memory bad = bytes.concat(good);
        bad[offset] = bytes1(value_);
        if (offset == 39) {
            bad[39] = 0x02; // min 2 is above safe 1
            bad[32] = bad[33] = bad[34] = bad[35] = bad[36] = bad[37] = bad[38] = 0;
        }
        address blob = Blob.deploy(bad);
        vm.expectRevert(BoundsCharter.BadRules.selector);
        new BoundsCharter(blob);
    }

    // ---- blobs ----

    function testBlobs() public {
        BlobStore store = new BlobStore();
        address blob = store.store("hello");
        eq(blob, store.addressOf("hello"), "address");
        eq(store.store("hello"), blob, "stored once");
        eq(Blob.read(blob), "hello", "read back");
        vm.expectRevert(abi.encodeWithSelector(Blob.NotABlob.selector, address(0)));
        this.read(address(0));
        vm.expectRevert(abi.encodeWithSelector(Blob.NotABlob.selector, address(this)));
        this.read(address(this));
        bytes memory most = new bytes(24575);
        eq(store.store(most).code.length, 24576, "largest");
        vm.expectRevert(abi.encodeWithSelector(Blob.BlobTooLong.selector, 24576));
        store.store(new bytes(24576));
        this.deploy("twice");
        vm.expectRevert(Blob.BlobNotDeployed.selector);
        this.deploy("twice");
    }

    function read(address blob) external view returns (bytes memory) {
        return Blob.read(blob);
    }

    function deploy(bytes calldata data) external returns (address) {
        return Blob.deploy(data);
    }

    function testGas() public {
        seed = 7;
        BoundsCharter charter = new BoundsCharter(Blob.deploy(rules(8, 16, 24)));
        bytes memory obs = observation(24);
        gasOf("charter: 8 actuators, 16 interlocks", address(charter),
            abi.encodeCall(charter.review, ("", obs, new bytes(64))), 25_000);
    }
}
