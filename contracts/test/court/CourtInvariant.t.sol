// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Court} from "../../src/court/Court.sol";
import {Base, Handler} from "../Base.sol";
import {CourtWorld} from "./Court.t.sol";

/// The owner, two challengers and the arbiter, in any order, over an anchored log whose last leaf is false.
contract CourtHandler is Base, Handler {
    struct Log {
        uint256 id;
        uint64 size;
        uint64 falseIndex;
        bytes[] leaves;
        bytes32[][] proofs;
        bytes32[2] roots; // of the size 1 << 30, signed both
        bytes[2] signatures;
        uint64 signedAt;
    }

    Court private court;
    Log private log;
    uint256 private stake;
    address[4] private people; // owner, two challengers, arbiter
    bytes32[] private demands; // by leaf
    uint256 public paidIn;
    uint256 public paidOut;
    uint256 public convictions;
    string public broken;

    constructor(Court court_, Log memory log_, address[4] memory people_) {
        (court, stake, people, time) = (court_, court_.stake(), people_, block.timestamp);
        log = log_;
        paidIn = address(court_).balance;
        for (uint64 k = 0; k < log_.size; k++) {
            demands.push(court_.leafDemand(log_.id, log_.size, k));
        }
        for (uint256 k = 0; k < 4; k++) {
            vm.deal(people_[k], 1e24);
        }
    }

    function as_(uint256 who) private {
        as_(people[who % 4]);
    }

    /// What a conviction may be for: the false leaf, a withheld leaf, two roots. Never an honest leaf.
    function convicted(uint8 fault) private {
        convictions++;
        (,, uint8 found) = court.caseOf(log.id);
        if (found != fault) {
            broken = "another fault than was committed";
        }
    }

    function state() private view returns (uint8) {
        return court.bondStateOf(log.id).state;
    }

    // ---- the bond ----

    function deposit(uint256 who, uint256 amount) external {
        amount = bound(amount, 1, 20 ether);
        as_(who);
        try court.deposit{value: amount}(log.id) {
            paidIn += amount;
        } catch {}
    }

    function startUnbond(uint256 who) external {
        as_(who);
        try court.startUnbond(log.id) {
            mine(who, "a stranger began to unbond");
        } catch {}
    }

    function cancelUnbond(uint256 who) external {
        as_(who);
        try court.cancelUnbond(log.id) {
            mine(who, "a stranger kept the bond");
        } catch {}
    }

    function unbond(uint256 who) external {
        uint48 from = court.bondStateOf(log.id).withdrawableAt;
        as_(who);
        try court.unbond(log.id) {
            mine(who, "a stranger took the bond");
            if (from == 0 || time < from) {
                broken = "the bond left early";
            }
        } catch {}
    }

    function mine(uint256 who, string memory what) private {
        if (who % 4 != 0) {
            broken = what;
        }
    }

    // ---- challenges ----

    function challenge(uint256 who, uint256 which) external {
        uint64 index = uint64(which % log.size);
        as_(who);
        try court.challenge{value: stake}(log.id, log.size, index, log.leaves[index], log.proofs[index]) {
            paidIn += stake;
            if (state() != court.FREE()) {
                if (index != log.falseIndex) {
                    broken = "an honest leaf was slashed";
                }
                convicted(court.WRONG_ACTION());
            } else if (index == log.falseIndex) {
                broken = "the false leaf passed";
            }
        } catch {}
    }

    function equivocation(uint256 who) external {
        as_(who);
        try court.challengeEquivocation{value: stake}(
            log.id, 1 << 30, log.roots[0], log.signedAt, log.signatures[0], log.roots[1], log.signedAt, log.signatures[1]
        ) {
            paidIn += stake;
            convicted(court.EQUIVOCATION());
        } catch {}
    }

    function demand(uint256 who, uint256 which) external {
        uint64 index = uint64(which % log.size);
        as_(who);
        try court.demandLeaf{value: stake}(log.id, log.size, index) {
            paidIn += stake;
        } catch {}
    }

    function answer(uint256 which) external {
        uint64 index = uint64(which % log.size);
        try court.answerLeaf(log.id, log.size, index, log.leaves[index], log.proofs[index]) {} catch {}
    }

    function foreclose(uint256 which) external {
        vm.warp(time);
        try court.forecloseLeaf(log.id, log.size, uint64(which % log.size)) {
            convicted(court.WITHHELD());
        } catch {}
    }

    // ---- cases ----

    function appeal(uint256 who) external {
        as_(who);
        try court.appeal{value: stake}(log.id) {
            paidIn += stake;
            mine(who, "a stranger appealed");
        } catch {}
    }

    function rule(uint256 who, bool upheld) external {
        as_(who);
        try court.rule(log.id, upheld) {
            if (who % 4 != 3) {
                broken = "a stranger ruled";
            }
        } catch {}
    }

    function settle() external {
        vm.warp(time);
        try court.settle(log.id) {} catch {}
    }

    function collect(uint256 who) public {
        uint256 amount = court.owed(people[who % 4]);
        as_(who);
        try court.collect() {
            paidOut += amount;
        } catch {}
    }

    function pass(uint256 seconds_) external {
        time += bound(seconds_, 1 hours, 4 days);
    }

    // ---- its own books ----

    /// Bond, the stakes of open demands and of the open case, and what waits to be fetched.
    function owes() external view returns (uint256 sum) {
        uint8 s = state();
        sum = court.bondStateOf(log.id).amount + (s == court.APPEALED() ? 2 * stake : s == court.CONVICTED() ? stake : 0);
        for (uint256 k = 0; k < demands.length; k++) {
            sum += isOpen(k) ? stake : 0;
        }
        for (uint256 k = 0; k < 4; k++) {
            sum += court.owed(people[k]);
        }
    }

    function isOpen(uint256 k) private view returns (bool) {
        (address by,) = court.demandOf(demands[k]);
        return by != address(0);
    }

    /// Whatever is open is closed by anyone who waits; the owner leaves; everybody fetches.
    function end() external {
        for (uint256 k = 0; k <= demands.length; k++) {
            time += 30 days;
            vm.warp(time);
            if (state() != court.FREE()) {
                court.settle(log.id);
            }
            if (k < demands.length && isOpen(k)) {
                court.forecloseLeaf(log.id, log.size, uint64(k));
            }
        }
        if (court.bondStateOf(log.id).amount > 0) {
            as_(0);
            court.startUnbond(log.id);
            time += 14 days;
            as_(0);
            court.unbond(log.id);
        }
        for (uint256 k = 0; k < 4; k++) {
            collect(k);
        }
    }
}

contract CourtInvariantTest is CourtWorld {
    CourtHandler private handler;

    function setUp() public override {
        super.setUp();
        log(2, 1);
        Turn memory t = honest(uint64(leaves.length), prev(), hex"0000000000000001", observe(50, 0, 40, 0));
        t.action[7] ^= 0x01;
        append(encode(t));
        anchorAll();
        CourtHandler.Log memory l;
        (l.id, l.size, l.falseIndex, l.leaves) = (id, size, size - 1, leaves);
        l.proofs = new bytes32[][](size);
        for (uint256 k = 0; k < size; k++) {
            l.proofs[k] = proofOf(k);
        }
        l.roots = [bytes32("a"), bytes32("b")];
        l.signatures = [checkpoint(1 << 30, "a"), checkpoint(1 << 30, "b")];
        l.signedAt = uint64(block.timestamp);
        handler = new CourtHandler(court, l, [owner, challenger, actor("another"), arbiter]);
        target(address(handler));
        exclude(handler.end.selector);
    }

    function invariantHoldsWhatItOwes() public view {
        eq(address(court).balance, handler.owes(), "holds what it owes");
        eq(address(court).balance, handler.paidIn() - handler.paidOut(), "conserved");
        eq(bytes(handler.broken()), "", "broken");
    }

    /// A canary: long random sequences really get there.
    function testHandlerGetsThere() public {
        for (uint256 k = 0; k < 1000; k++) {
            uint256 draw = uint256(keccak256(abi.encode(k)));
            (uint256 a, uint256 b, uint256 what) = (draw >> 8, draw >> 72, draw % 13);
            if (what == 0) handler.deposit(0, b);
            else if (what == 1) handler.startUnbond(a);
            else if (what == 2) handler.cancelUnbond(a);
            else if (what == 3) handler.unbond(a);
            else if (what == 4) handler.challenge(a, b);
            else if (what == 5) handler.equivocation(a);
            else if (what == 6) handler.demand(a, b);
            else if (what == 7) handler.answer(b);
            else if (what == 8) handler.foreclose(b);
            else if (what == 9) handler.appeal(a);
            else if (what == 10) handler.rule(a, b % 2 == 0);
            else if (what == 11) handler.settle();
            else k % 3 == 0 ? handler.collect(a) : handler.pass(b);
            invariantHoldsWhatItOwes();
        }
        ok(handler.convictions() > 3 && handler.paidOut() > 0, "convicted and paid");
        afterInvariant();
    }

    /// Nothing stays behind: whoever waits brings every stake and the bond out.
    function afterInvariant() public {
        handler.end();
        eq(address(court).balance, 0, "ends empty");
    }
}
