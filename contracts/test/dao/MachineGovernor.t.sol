// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {MachineGovernor} from "../../src/dao/MachineGovernor.sol";
import {MachineShares} from "../../src/dao/MachineShares.sol";
import {MachineTimelock} from "../../src/dao/MachineTimelock.sol";
import {Constitution} from "../../src/law/Constitution.sol";
import {OpenCharter} from "../law/Minds.sol";
import {World} from "../World.sol";

contract Money is ERC20("Money", "M") {}

/// A community buys the machine and votes a charter in.
contract MachineGovernorTest is World {
    MachineShares private shares;
    MachineGovernor private governor;
    MachineTimelock private timelock;
    address private alice = address(0xa11ce);
    address private bob = address(0xb0b);
    address private canceller = address(0xca);

    function setUp() public override {
        super.setUp();
        (address[] memory who, uint256[] memory much) = (new address[](2), new uint256[](2));
        (who[0], who[1], much[0], much[1]) = (alice, bob, 60 ether, 40 ether);
        shares = new MachineShares("Pump 7", "PUMP7", new Money(), who, much);
        governor = new MachineGovernor(
            "Pump 7", shares, MachineGovernor.Setup(1 hours, 3 days, 1 days, 1 ether, 10, 2 days, canceller)
        );
        timelock = MachineTimelock(payable(governor.timelock()));
        vm.prank(alice);
        shares.delegate(alice);
        vm.prank(bob);
        shares.delegate(bob);

        vm.startPrank(owner);
        court.startUnbond(id);
        registry.announceTransfer(id, address(timelock));
        vm.warp(block.timestamp + 14 days);
        court.unbond(id);
        registry.transferFrom(owner, address(timelock), id);
        vm.stopPrank();
    }

    function proposal() private returns (address[] memory to, uint256[] memory value, bytes[] memory data) {
        OpenCharter open = new OpenCharter();
        purity.admit(address(open));
        Constitution.Terms memory t = terms();
        t.charter = address(open);
        (to, value, data) = (new address[](1), new uint256[](1), new bytes[](1));
        (to[0], data[0]) = (address(constitution), abi.encodeCall(constitution.propose, (id, t)));
    }

    function testNobodyHoldsARole() public view {
        ok(timelock.hasRole(timelock.PROPOSER_ROLE(), address(governor)), "the governor proposes");
        ok(timelock.hasRole(timelock.EXECUTOR_ROLE(), address(0)), "anyone executes");
        ok(!timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(governor)), "no admin");
        ok(!timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(this)), "no admin");
        ok(timelock.hasRole(timelock.DEFAULT_ADMIN_ROLE(), address(timelock)), "roles change by vote");
        eq(governor.quorum(block.timestamp - 1), 10 ether, "quorum");
        eq(governor.proposalThreshold(), 1 ether, "threshold");
    }

    function testVoteACharterIn() public {
        (address[] memory to, uint256[] memory value, bytes[] memory data) = proposal();
        vm.prank(bob);
        uint256 vote = governor.propose(to, value, data, "open it");
        vm.warp(block.timestamp + 1 hours + 1);
        vm.prank(alice);
        governor.castVote(vote, 1);
        vm.warp(block.timestamp + 3 days);
        ok(governor.proposalNeedsQueuing(vote), "queued first");
        governor.queue(to, value, data, keccak256("open it"));
        vm.expectRevert();
        governor.execute(to, value, data, keccak256("open it"));
        vm.warp(block.timestamp + 2 days);
        governor.execute(to, value, data, keccak256("open it"));
        vm.warp(block.timestamp + 1 days);
        constitution.enact(id);
        eq(constitution.epochOf(id), 2, "the law changed");
        ok(governor.state(vote) == IGovernor.ProposalState.Executed, "executed");
    }

    /// A quorum in the last minute leaves a day to answer it.
    function testLateQuorum() public {
        (address[] memory to, uint256[] memory value, bytes[] memory data) = proposal();
        vm.prank(bob);
        uint256 vote = governor.propose(to, value, data, "late");
        uint256 deadline = governor.proposalDeadline(vote);
        vm.warp(deadline - 1);
        vm.prank(bob);
        governor.castVote(vote, 1);
        eq(governor.proposalDeadline(vote), block.timestamp + 1 days, "extended");
        vm.warp(block.timestamp + 1 hours);
        vm.prank(alice);
        governor.castVote(vote, 0);
        vm.warp(block.timestamp + 1 days);
        ok(governor.state(vote) == IGovernor.ProposalState.Defeated, "answered in time");
    }

    function testProposalGuardianOnlyCancels() public {
        (address[] memory to, uint256[] memory value, bytes[] memory data) = proposal();
        vm.prank(bob);
        uint256 vote = governor.propose(to, value, data, "cancel me");
        vm.expectPartialRevert(IGovernor.GovernorUnableToCancel.selector);
        vm.prank(alice);
        governor.cancel(to, value, data, keccak256("cancel me"));
        vm.warp(block.timestamp + 2 hours);
        vm.prank(canceller);
        governor.cancel(to, value, data, keccak256("cancel me"));
        ok(governor.state(vote) == IGovernor.ProposalState.Canceled, "cancelled");
        vm.expectPartialRevert(IGovernor.GovernorInsufficientProposerVotes.selector);
        vm.prank(canceller);
        governor.propose(to, value, data, "mine");
    }
}
