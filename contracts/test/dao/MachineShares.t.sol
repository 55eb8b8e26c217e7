// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {MachineShares} from "../../src/dao/MachineShares.sol";
import {Base} from "../Base.sol";

/// A revenue token that keeps a hundredth of each transfer when asked to.
contract Revenue is ERC20("Revenue", "R") {
    bool public takesFee;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setFee(bool on) external {
        takesFee = on;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (takesFee && from != address(0) && to != address(0)) {
            super._update(from, address(0), value / 100);
            value -= value / 100;
        }
        super._update(from, to, value);
    }
}

/// A revenue token whose sender is called before its money moves (ERC-777).
contract CallingRevenue is ERC20("Calling", "C") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (from.code.length != 0) {
            Reentrant(from).moves(value);
        }
        super._update(from, to, value);
    }
}

/// Distributes once more from inside its first distribution.
contract Reentrant {
    MachineShares private shares;

    function distribute(MachineShares shares_, uint256 amount) external {
        shares = shares_;
        shares.revenueToken().approve(address(shares), type(uint256).max);
        shares.distribute(amount);
    }

    function moves(uint256 value) external {
        if (value == 1) {
            shares.distribute(1000);
        }
    }
}

contract MachineSharesTest is Base {
    Revenue private revenue;
    MachineShares private shares;
    address private alice = address(0xa11ce);
    address private bob = address(0xb0b);

    function setUp() public {
        vm.warp(1_800_000_000);
        revenue = new Revenue();
        (address[] memory who, uint256[] memory much) = (new address[](2), new uint256[](2));
        (who[0], who[1], much[0], much[1]) = (alice, bob, 60 ether, 40 ether);
        shares = new MachineShares("Pump 7", "PUMP7", revenue, who, much);
        revenue.mint(address(this), 1e30);
        revenue.approve(address(shares), type(uint256).max);
    }

    /// Each holder's part is rounded down: a unit less at most.
    function near(uint256 got, uint256 want, string memory what) private pure {
        ok(got == want || got + 1 == want, what);
    }

    function testSplit() public {
        shares.distribute(1000);
        near(shares.claimable(alice), 600, "alice");
        near(shares.claimable(bob), 400, "bob");
        uint256 due = shares.claimable(alice);
        vm.prank(alice);
        eq(shares.claim(address(0xf00d)), due, "claimed");
        eq(revenue.balanceOf(address(0xf00d)), due, "sent where she said");
        vm.expectRevert(abi.encodeWithSelector(MachineShares.NothingToClaim.selector, alice));
        vm.prank(alice);
        shares.claim(alice);
    }

    /// Shares that move after a distribution do not carry its revenue with them.
    function testNoDoubleClaim() public {
        shares.distribute(1000);
        vm.prank(alice);
        shares.transfer(bob, 60 ether);
        near(shares.claimable(alice), 600, "stays with who held");
        near(shares.claimable(bob), 400, "does not move");
        vm.prank(bob);
        shares.transfer(bob, 100 ether);
        near(shares.claimable(bob), 400, "nor to oneself");
        uint256 before = shares.claimable(bob);
        shares.distribute(1000);
        near(shares.claimable(bob), before + 1000, "the next one is bob's");
    }

    function testSurplusAndFee() public {
        vm.expectRevert(MachineShares.NothingToDistribute.selector);
        shares.distributeSurplus();
        revenue.transfer(address(shares), 500);
        shares.distributeSurplus();
        near(shares.claimable(alice), 300, "sent without a call");
        revenue.setFee(true);
        shares.distribute(1000);
        eq(shares.unclaimed(), 500 + 990, "what arrived counts");
        vm.expectRevert(MachineShares.NothingToDistribute.selector);
        shares.distribute(0);
    }

    /// Revenue that comes inside a distribution is split once.
    function testReentrantDistribution() public {
        CallingRevenue calling = new CallingRevenue();
        Reentrant thief = new Reentrant();
        (address[] memory who, uint256[] memory much) = (new address[](1), new uint256[](1));
        (who[0], much[0]) = (alice, 1 ether);
        MachineShares own = new MachineShares("Pump 8", "PUMP8", calling, who, much);
        calling.mint(address(thief), 1001);
        thief.distribute(own, 1);
        eq(own.unclaimed(), 1001, "no more than there is");
        near(own.claimable(alice), 1001, "all of it");
    }

    /// What cannot be split waits and is not lost.
    function testRestWaits() public {
        for (uint256 k = 0; k < 100; k++) {
            shares.distribute(1);
        }
        le(100 - shares.claimable(alice) - shares.claimable(bob), 2, "at most a unit a holder waits");
    }

    function testVotesByTime() public {
        eq(shares.clock(), block.timestamp, "clock");
        eq(bytes(shares.CLOCK_MODE()), "mode=timestamp", "mode");
        vm.prank(alice);
        shares.delegate(alice);
        vm.warp(block.timestamp + 1);
        eq(shares.getPastVotes(alice, block.timestamp - 1), 60 ether, "votes");
        eq(shares.nonces(alice), 0, "nonce");
    }

    function testPermit() public {
        address signer = vm.addr(0x51);
        bytes32 inner = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                signer, bob, 5, 0, block.timestamp
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", shares.DOMAIN_SEPARATOR(), inner));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(0x51, digest);
        shares.permit(signer, bob, 5, block.timestamp, v, r, s);
        eq(shares.allowance(signer, bob), 5, "allowance");
        eq(shares.nonces(signer), 1, "nonce");
    }

    function testBadAllocation() public {
        (address[] memory who, uint256[] memory much) = (new address[](1), new uint256[](1));
        who[0] = alice;
        vm.expectRevert(MachineShares.BadAllocation.selector);
        new MachineShares("", "", revenue, who, much); // nothing
        much[0] = uint256(type(uint128).max) + 1;
        vm.expectRevert(MachineShares.BadAllocation.selector);
        new MachineShares("", "", revenue, who, much); // too much
        vm.expectRevert(MachineShares.BadAllocation.selector);
        new MachineShares("", "", revenue, who, new uint256[](2));
        vm.expectRevert(MachineShares.BadAllocation.selector);
        new MachineShares("", "", revenue, new address[](0), new uint256[](0));
    }

    function testGas() public {
        shares.distribute(1000);
        vm.prank(alice);
        gasOf("shares: claim", address(shares), abi.encodeCall(shares.claim, (alice)), 120_000);
    }
}

/// Transfers, distributions and claims in any order.
contract SharesHandler is Base {
    Revenue public revenue = new Revenue();
    MachineShares public shares;
    address[4] private holders = [address(1), address(2), address(3), address(4)];
    uint256 public distributed;
    uint256 public claimed;
    uint256 public distributions;

    constructor() {
        (address[] memory who, uint256[] memory much) = (new address[](4), new uint256[](4));
        for (uint256 k = 0; k < 4; k++) {
            (who[k], much[k]) = (holders[k], 7 ** (k + 5));
        }
        shares = new MachineShares("", "", revenue, who, much);
        revenue.approve(address(shares), type(uint256).max);
    }

    function distribute(uint256 amount) external {
        amount = bound(amount, 1, 1e27);
        revenue.mint(address(this), amount);
        shares.distribute(amount);
        distributed += amount;
        distributions++;
    }

    function send(uint256 amount) external {
        amount = bound(amount, 1, 1e27);
        revenue.mint(address(shares), amount);
        shares.distributeSurplus();
        distributed += amount;
        distributions++;
    }

    function transfer(uint256 from, uint256 to, uint256 amount) external {
        address who = holders[from % 4];
        amount = bound(amount, 0, shares.balanceOf(who));
        vm.prank(who);
        shares.transfer(holders[to % 4], amount);
    }

    function claim(uint256 who) external {
        vm.prank(holders[who % 4]);
        try shares.claim(address(this)) returns (uint256 amount) {
            claimed += amount;
        } catch {}
    }

    function claimable() external view returns (uint256 sum) {
        for (uint256 k = 0; k < 4; k++) {
            sum += shares.claimable(holders[k]);
        }
    }
}

contract SharesInvariantTest is Base {
    SharesHandler private handler;

    function setUp() public {
        handler = new SharesHandler();
        target(address(handler));
    }

    function invariantConserved() public view {
        MachineShares shares = handler.shares();
        uint256 held = handler.revenue().balanceOf(address(shares));
        uint256 claimable = handler.claimable();
        eq(held + handler.claimed(), handler.distributed(), "nothing appears or is lost");
        eq(shares.unclaimed(), held, "unclaimed");
        le(claimable, held, "everybody can claim all at once");
        // Each settlement may round down by less than a unit per holder; the rest waits.
        ok(handler.distributions() == 0 || held == 0 || claimable + 1000 > held, "no dust heap");
    }
}
