// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Rewards} from "../../src/pay/Rewards.sol";
import {Pay} from "./Pay.sol";

contract RewardsTest is Pay {
    address private judge = actor("judge");
    address private scorer = actor("scorer");
    address private critic = actor("critic");
    address private ann = actor("ann");
    address private bob = actor("bob");
    Rewards private rewards = new Rewards(token, judge, 50, 1 days, 2 days, 30 days);

    function setUp() public {
        vm.warp(1_800_000_000);
        rich(scorer, address(rewards));
        rich(critic, address(rewards));
    }

    function leaf(address account, uint256 amount) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(account, amount))));
    }

    function pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function proofOf(bytes32 sibling) private pure returns (bytes32[] memory proof) {
        proof = new bytes32[](1);
        proof[0] = sibling;
    }

    function propose() private returns (uint256) {
        vm.prank(scorer);
        return rewards.propose(pair(leaf(ann, 300), leaf(bob, 700)), 1000, "data", "ipfs://data");
    }

    function disputed() private returns (uint256 epoch) {
        epoch = propose();
        vm.prank(critic);
        rewards.object(epoch, "mine");
    }

    function testUnopposed() public {
        uint256 epoch = propose();
        bytes32[] memory proof = proofOf(leaf(bob, 700));
        vm.expectRevert(Rewards.NotClaimable.selector);
        rewards.claim(epoch, ann, 300, proof);
        vm.warp(block.timestamp + 1 days);
        rewards.claim(epoch, ann, 300, proof);
        eq(token.balanceOf(ann), 300, "paid, by anyone");
        vm.expectRevert(abi.encodeWithSelector(Rewards.AlreadyClaimed.selector, ann));
        rewards.claim(epoch, ann, 300, proof);
        vm.expectRevert(Rewards.BadProof.selector);
        rewards.claim(epoch, bob, 701, proofOf(leaf(ann, 300)));
        (, uint64 until,,,,) = rewards.epochs(epoch);
        vm.expectRevert(abi.encodeWithSelector(Rewards.NotExpired.selector, until + 30 days));
        rewards.close(epoch);
        vm.warp(block.timestamp + 30 days);
        vm.expectRevert(Rewards.NotClaimable.selector);
        rewards.claim(epoch, bob, 700, proofOf(leaf(ann, 300)));
        rewards.close(epoch);
        eq(token.balanceOf(scorer), 1e12 - 300, "the rest and the bond");
        vm.expectRevert(abi.encodeWithSelector(Rewards.WrongState.selector, Rewards.State.Closed));
        rewards.close(epoch);
        eq(token.balanceOf(address(rewards)), 0, "empty");
    }

    function testUpheld() public {
        uint256 epoch = disputed();
        vm.prank(judge);
        rewards.decide(epoch, true);
        rewards.claim(epoch, ann, 300, proofOf(leaf(bob, 700)));
        rewards.claim(epoch, bob, 700, proofOf(leaf(ann, 300)));
        vm.warp(block.timestamp + 30 days);
        rewards.close(epoch);
        eq(token.balanceOf(scorer), 1e12 - 1000 + 50, "won the critic's bond");
        eq(token.balanceOf(critic), 1e12 - 50, "lost it");
        vm.expectRevert(abi.encodeWithSelector(Rewards.NotAllowed.selector, critic));
        vm.prank(critic);
        rewards.withdrawObjection(epoch);
        eq(token.balanceOf(address(rewards)), 0, "empty");
    }

    function testStruck() public {
        uint256 epoch = disputed();
        vm.prank(judge);
        rewards.decide(epoch, false);
        vm.expectRevert(Rewards.NotClaimable.selector);
        rewards.claim(epoch, ann, 300, proofOf(leaf(bob, 700)));
        rewards.close(epoch);
        eq(token.balanceOf(scorer), 1e12 - 50, "the money comes back, the bond does not");
        eq(token.balanceOf(critic), 1e12 + 50, "won");
        eq(token.balanceOf(address(rewards)), 0, "empty");
    }

    function testNobodyJudges() public {
        uint256 epoch = disputed();
        vm.prank(critic);
        vm.expectPartialRevert(Rewards.NotExpired.selector);
        rewards.withdrawObjection(epoch);
        vm.warp(block.timestamp + 2 days);
        vm.expectPartialRevert(Rewards.WindowClosed.selector);
        vm.prank(judge);
        rewards.decide(epoch, true);
        rewards.close(epoch);
        vm.prank(critic);
        rewards.withdrawObjection(epoch);
        eq(token.balanceOf(scorer), 1e12, "own money back");
        eq(token.balanceOf(critic), 1e12, "own bond back");
    }

    function testRefusals() public {
        vm.expectRevert(Rewards.BadConfig.selector);
        new Rewards(token, address(0), 50, 1, 1, 1);
        vm.expectRevert(Rewards.ZeroTotal.selector);
        rewards.propose(0, 0, 0, "");
        vm.expectRevert(abi.encodeWithSelector(Rewards.NoSuchEpoch.selector, 9));
        rewards.object(9, 0);
        vm.expectRevert(abi.encodeWithSelector(Rewards.NoSuchEpoch.selector, 9));
        rewards.close(9);
        uint256 epoch = propose();
        vm.prank(address(0));
        vm.expectRevert(abi.encodeWithSelector(Rewards.WrongState.selector, Rewards.State.Proposed));
        rewards.withdrawObjection(epoch);
        vm.expectRevert(abi.encodeWithSelector(Rewards.NotAllowed.selector, address(this)));
        rewards.decide(epoch, true);
        vm.expectRevert(abi.encodeWithSelector(Rewards.WrongState.selector, Rewards.State.Proposed));
        vm.prank(judge);
        rewards.decide(epoch, true);
        vm.warp(block.timestamp + 1 days);
        vm.expectPartialRevert(Rewards.WindowClosed.selector);
        vm.prank(critic);
        rewards.object(epoch, 0);
    }

    /// A root that promises more than was paid in takes nothing from other epochs.
    function testAGreedyRootIsBounded() public {
        propose();
        vm.prank(scorer);
        uint256 greedy = rewards.propose(leaf(ann, 2000), 1000, "", "");
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert(abi.encodeWithSelector(Rewards.AboveTotal.selector, 2000, 1000));
        rewards.claim(greedy, ann, 2000, new bytes32[](0));
    }

    function testFuzzConserves(uint256 seed) public {
        uint256 epoch = propose();
        if (seed % 4 > 0) {
            vm.prank(critic);
            rewards.object(epoch, 0);
            if (seed % 4 > 1) {
                vm.prank(judge);
                rewards.decide(epoch, seed % 4 == 2);
            }
        }
        vm.warp(block.timestamp + 1 days);
        if (rewards.claimable(epoch)) {
            if ((seed >> 8) % 2 == 0) {
                rewards.claim(epoch, ann, 300, proofOf(leaf(bob, 700)));
            }
            if ((seed >> 9) % 2 == 0) {
                rewards.claim(epoch, bob, 700, proofOf(leaf(ann, 300)));
            }
        }
        vm.warp(block.timestamp + 40 days);
        rewards.close(epoch);
        if (seed % 4 == 1) {
            vm.prank(critic);
            rewards.withdrawObjection(epoch);
        }
        eq(token.balanceOf(address(rewards)), 0, "empty");
    }
}
