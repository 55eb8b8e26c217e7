// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Rewards} from "../../src/pay/Rewards.sol";
import {Handler} from "../Base.sol";
import {Pay} from "./Pay.sol";

/// Proposers, objectors and a judge who all act at any time; some roots promise more than was paid in.
contract RewardsHandler is Pay, Handler {
    uint256 private constant AT_ONCE = 8;
    uint256 private constant BOND = 50;
    address private judge = actor("judge");
    address[3] private people = [actor("scorer"), actor("critic"), actor("ann")];
    Rewards private rewards = new Rewards(token, judge, BOND, 1 days, 2 days, 30 days);
    uint256[] private promised; // by epoch - 1, to ann
    uint256 public claims;
    bool public struckPaid;

    constructor() {
        for (uint256 k = 0; k < 3; k++) {
            rich(people[k], address(rewards));
        }
    }

    function leaf(uint256 amount) private view returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(people[2], amount))));
    }

    function propose(uint256 who, uint256 total, bool greedy) external {
        if (promised.length % AT_ONCE == 0 && owed() != 0) {
            return; // enough for every order of steps; more only takes longer
        }
        total = bound(total, 1, 1e6);
        uint256 amount = greedy ? total + 1 : total / 2 + 1;
        as_(people[who % 2]);
        rewards.propose(leaf(amount), total, "", "");
        promised.push(amount);
    }

    function object(uint256 who, uint256 epoch) external {
        as_(people[who % 3]);
        try rewards.object(pick(epoch), "") {} catch {}
    }

    function decide(uint256 epoch, bool uphold) external {
        as_(judge);
        try rewards.decide(pick(epoch), uphold) {} catch {}
    }

    function claim(uint256 epoch) external {
        epoch = pick(epoch);
        if (epoch > promised.length) {
            return;
        }
        (,, Rewards.State state,,,) = rewards.epochs(epoch);
        vm.warp(time);
        try rewards.claim(epoch, people[2], promised[epoch - 1], new bytes32[](0)) {
            claims++;
            struckPaid = struckPaid || state == Rewards.State.Struck || state == Rewards.State.Disputed;
        } catch {}
    }

    function close(uint256 epoch) external {
        vm.warp(time);
        try rewards.close(pick(epoch)) {} catch {}
    }

    function withdrawObjection(uint256 who, uint256 epoch) external {
        as_(people[who % 3]);
        try rewards.withdrawObjection(pick(epoch)) {} catch {}
    }

    function pass(uint256 seconds_) external {
        time += seconds_ % 8 == 0 ? 31 days : bound(seconds_, 1 hours, 1 days);
    }

    /// Epochs are made by the eight; those before the last eight begun are over.
    function first() private view returns (uint256) {
        return promised.length == 0 ? 1 : (promised.length - 1) / AT_ONCE * AT_ONCE + 1;
    }

    /// Mostly one of the last eight, sometimes one that is over or that is not.
    function pick(uint256 epoch) private view returns (uint256) {
        uint256 from = epoch % 8 == 0 ? 1 : first();
        return from + (epoch >> 8) % (promised.length + 2 - from);
    }

    /// By its own books: what is left of each epoch, and the bonds that are in.
    function owed() public view returns (uint256 sum) {
        for (uint256 epoch = first(); epoch <= promised.length; epoch++) {
            (,, Rewards.State state, address objector,, uint256 left) = rewards.epochs(epoch);
            sum += left + (objector == address(0) ? 0 : BOND);
            sum += state == Rewards.State.Proposed || state == Rewards.State.Disputed ? BOND : 0;
        }
    }

    function held() external view returns (uint256) {
        return token.balanceOf(address(rewards));
    }

    function owned() external view returns (uint256 sum) {
        for (uint256 k = 0; k < 3; k++) {
            sum += token.balanceOf(people[k]);
        }
    }

    /// No judge is needed for the money to come back.
    function end() external {
        vm.warp(time + 40 days);
        for (uint256 epoch = 1; epoch <= promised.length; epoch++) {
            (,, Rewards.State state, address objector,,) = rewards.epochs(epoch);
            if (objector != address(0)) {
                vm.prank(objector);
                rewards.withdrawObjection(epoch);
            }
            if (state != Rewards.State.Closed) {
                rewards.close(epoch);
            }
        }
    }
}

contract RewardsInvariantTest is Pay {
    RewardsHandler private handler;

    function setUp() public {
        handler = new RewardsHandler();
        target(address(handler));
        exclude(handler.end.selector);
    }

    function invariantHoldsWhatItOwes() public view {
        uint256 held = handler.held();
        eq(held, handler.owed(), "holds what it owes");
        eq(held + handler.owned(), 3e12, "conserved");
        ok(!handler.struckPaid(), "a disputed or struck root paid");
    }

    /// A canary: long random sequences really get there.
    function testHandlerGetsThere() public {
        for (uint256 k = 0; k < 600; k++) {
            uint256 draw = uint256(keccak256(abi.encode(k)));
            (uint256 a, uint256 b) = (draw >> 8, draw >> 72);
            if (draw % 8 == 0) handler.propose(a, b, draw % 5 == 0);
            else if (draw % 8 == 1) handler.object(a, b);
            else if (draw % 8 == 2) handler.decide(a, b % 2 == 0);
            else if (draw % 8 < 5) handler.claim(a);
            else if (draw % 8 == 5) handler.close(a);
            else if (draw % 8 == 6) handler.withdrawObjection(a, b);
            else handler.pass(b);
            invariantHoldsWhatItOwes();
        }
        ok(handler.claims() > 3, "claimed");
        afterInvariant();
    }

    function afterInvariant() public {
        handler.end();
        eq(handler.held(), 0, "ends empty");
        eq(handler.owned(), 3e12, "the people have it");
    }
}
