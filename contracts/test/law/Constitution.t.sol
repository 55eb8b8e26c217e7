// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Constitution} from "../../src/law/Constitution.sol";
import {OpenCharter} from "./Minds.sol";
import {Base, Handler} from "../Base.sol";
import {World} from "../World.sol";

contract ConstitutionTest is World {
    OpenCharter private open;

    function setUp() public override {
        super.setUp();
        open = new OpenCharter();
        purity.admit(address(open));
    }

    function looser() private view returns (Constitution.Terms memory t) {
        t = terms();
        t.charter = address(open);
    }

    function testFirstTermsAtOnce() public view {
        eq(constitution.epochOf(id), 1, "epoch");
        Constitution.Terms memory t = constitution.current(id);
        eq(t.mind, address(mind), "mind");
        eq(t.since, START, "since");
        (address policy_, uint16 scale, uint8 why, address by) = constitution.authorityOf(id);
        eq(policy_, policy, "policy");
        eq(scale, 1000, "scale");
        eq(why, 0, "held");
        eq(by, approver, "approver");
    }

    function testLooseningWaits() public {
        Constitution.Terms memory t = looser();
        vm.expectRevert(abi.encodeWithSelector(Constitution.NotOwner.selector, id, guardian));
        vm.prank(guardian);
        constitution.propose(id, t);
        vm.prank(owner);
        constitution.propose(id, t);
        (Constitution.Terms memory p, uint48 when) = constitution.proposed(id);
        eq(p.charter, address(open), "proposed");
        eq(when, block.timestamp + 1 days, "waits for the notice");
        eq(constitution.current(id).charter, address(charter), "not yet");
        vm.expectRevert(abi.encodeWithSelector(Constitution.TooEarly.selector, when));
        constitution.enact(id);
        vm.warp(when);
        constitution.enact(id);
        eq(constitution.current(id).charter, address(open), "enacted");
        vm.expectRevert(abi.encodeWithSelector(Constitution.NothingProposed.selector, id));
        constitution.enact(id);
    }

    function testHistory() public {
        for (uint256 k = 0; k < 4; k++) {
            Constitution.Terms memory t = terms();
            t.manifest = bytes32(k);
            vm.prank(owner);
            constitution.propose(id, t);
            vm.warp(block.timestamp + 1 days);
            constitution.enact(id);
        }
        eq(constitution.epochOf(id), 5, "epochs");
        eq(constitution.termsOf(id, 4).manifest, bytes32(uint256(2)), "old terms");
        eq(constitution.epochAt(id, START - 1), 0, "before");
        for (uint32 k = 0; k < 5; k++) {
            eq(constitution.epochAt(id, START + k * 1 days), k + 1, "at its start");
            eq(constitution.epochAt(id, START + (k + 1) * 1 days - 1), k + 1, "at its end");
        }
        (,,,, uint48 since, uint48 until) = constitution.codeOf(id, 2);
        eq(since, START + 1 days, "since");
        eq(until, START + 2 days, "until");
        (,,,,, until) = constitution.codeOf(id, 5);
        eq(until, 0, "in force");
        vm.expectRevert(abi.encodeWithSelector(Constitution.NoSuchEpoch.selector, id, 6));
        constitution.termsOf(id, 6);
        for (uint32 epoch = 0; epoch < 7; epoch += 6) {
            (address none,,,,,) = constitution.codeOf(id, epoch);
            eq(none, address(0), "no such epoch");
        }
    }

    function testRollback() public {
        vm.expectRevert(abi.encodeWithSelector(Constitution.NothingToRestore.selector, id));
        vm.prank(guardian);
        constitution.rollback(id);
        Constitution.Terms memory t = looser();
        vm.prank(owner);
        constitution.propose(id, t);
        vm.warp(block.timestamp + 1 days);
        constitution.enact(id);
        vm.prank(owner);
        constitution.propose(id, t);
        vm.expectRevert(abi.encodeWithSelector(Constitution.NotGuardian.selector, id, address(this)));
        constitution.rollback(id);
        uint256 snapshot = block.timestamp;
        vm.warp(snapshot + 1 days);
        vm.expectRevert(abi.encodeWithSelector(Constitution.TooLate.selector, snapshot + 1 days));
        vm.prank(guardian);
        constitution.rollback(id);
        vm.warp(snapshot + 1 hours);
        vm.prank(guardian);
        constitution.rollback(id);
        eq(constitution.epochOf(id), 3, "a new epoch");
        eq(constitution.current(id).charter, address(charter), "the old terms hold");
        eq(constitution.current(id).since, snapshot + 1 hours, "from now on");
        (, uint48 when) = constitution.proposed(id);
        eq(when, 0, "what waited is dropped");
        vm.expectRevert(abi.encodeWithSelector(Constitution.NothingToRestore.selector, id));
        vm.prank(owner);
        constitution.rollback(id);
    }

    /// A guardian that takes a mind back frees nobody from the policy, the bond or the notice that came with it.
    function testRollbackLoosensNoLimit() public {
        Constitution.Terms memory t = looser();
        (t.policy, t.bond, t.notice, t.guardian) = (address(court), t.bond + 1, t.notice + 1, approver);
        vm.prank(owner);
        constitution.propose(id, t);
        vm.warp(block.timestamp + 1 days);
        constitution.enact(id);
        vm.expectRevert(abi.encodeWithSelector(Constitution.NotGuardian.selector, id, guardian));
        vm.prank(guardian);
        constitution.rollback(id); // who was voted out has no say over the vote
        vm.prank(approver);
        constitution.rollback(id);
        Constitution.Terms memory now_ = constitution.current(id);
        eq(now_.charter, address(charter), "the old charter");
        (t.mind, t.mindGas, t.charter, t.charterGas) = (now_.mind, now_.mindGas, now_.charter, now_.charterGas);
        (t.manifest, t.since) = (now_.manifest, now_.since);
        eq(keccak256(abi.encode(now_)), keccak256(abi.encode(t)), "all else is the newest");
    }

    function testOnlyTheOwnerProposes() public {
        Constitution.Terms memory t = terms();
        bytes memory stranger = abi.encodeWithSelector(Constitution.NotOwner.selector, id, guardian);
        vm.startPrank(guardian);
        vm.expectRevert(stranger);
        constitution.propose(id, t);
        vm.expectRevert(stranger);
        constitution.withdraw(id);
        vm.expectRevert(stranger);
        constitution.proposeRelease(id, 1);
        vm.stopPrank();
    }

    function testWithdraw() public {
        vm.expectRevert(abi.encodeWithSelector(Constitution.NothingProposed.selector, id));
        vm.prank(owner);
        constitution.withdraw(id);
        Constitution.Terms memory t = looser();
        vm.startPrank(owner);
        constitution.propose(id, t);
        constitution.withdraw(id);
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(abi.encodeWithSelector(Constitution.NothingProposed.selector, id));
        constitution.enact(id);
        (, uint48 when) = constitution.proposed(id);
        eq(when, 0, "nothing proposed");
    }

    function refuse(Constitution.Terms memory t, bytes memory error_) private {
        vm.expectRevert(error_);
        vm.prank(owner);
        constitution.propose(id, t);
    }

    function testBadTerms() public {
        Constitution.Terms memory t = terms();
        t.mind = address(registry);
        refuse(t, abi.encodeWithSelector(Constitution.NotPure.selector, registry));
        t = terms();
        t.charter = address(0);
        refuse(t, abi.encodeWithSelector(Constitution.NotPure.selector, address(0)));
        bytes memory bad = abi.encodeWithSelector(Constitution.BadTerms.selector);
        t = terms();
        t.mindGas = 10_000_001;
        refuse(t, bad);
        t = terms();
        t.charterGas = 2_000_001;
        refuse(t, bad);
        t = terms();
        t.notice = 1 hours - 1;
        refuse(t, bad);
        t.notice = 366 days;
        refuse(t, bad);
        t = terms();
        t.policy = owner;
        refuse(t, bad);
        t = terms();
        t.court = owner;
        refuse(t, bad);
    }

    function held() private view returns (uint8 why) {
        (,, why,) = constitution.authorityOf(id);
    }

    function testStopAndRelease() public {
        vm.expectRevert(abi.encodeWithSelector(Constitution.NotGuardian.selector, id, challenger));
        vm.prank(challenger);
        constitution.stop(id);
        vm.prank(guardian);
        constitution.stop(id);
        eq(held(), constitution.HELD_STOPPED(), "at once");
        vm.expectRevert(abi.encodeWithSelector(Constitution.NotOwner.selector, id, guardian));
        vm.prank(guardian);
        constitution.proposeRelease(id, 1000);
        vm.expectRevert(abi.encodeWithSelector(Constitution.NothingProposed.selector, id));
        constitution.release(id);
        vm.startPrank(owner);
        vm.expectRevert(Constitution.BadTerms.selector);
        constitution.proposeRelease(id, 1001);
        constitution.proposeRelease(id, 800);
        vm.expectPartialRevert(Constitution.TooEarly.selector);
        constitution.release(id);
        vm.warp(block.timestamp + 1 days);
        vm.stopPrank();
        constitution.release(id);
        eq(held(), 0, "released");
        eq(constitution.holdOf(id).scale, 800, "scale");
    }

    /// New terms that were proposed before a stop do not lift it, and a stop drops a waiting release.
    function testStopOutlastsWhatWasWaiting() public {
        Constitution.Terms memory t = looser();
        vm.startPrank(owner);
        constitution.propose(id, t);
        constitution.proposeRelease(id, 1000);
        vm.stopPrank();
        vm.prank(guardian);
        constitution.stop(id);
        vm.warp(block.timestamp + 1 days);
        constitution.enact(id);
        eq(held(), constitution.HELD_STOPPED(), "still stopped");
        vm.expectRevert(abi.encodeWithSelector(Constitution.NothingProposed.selector, id));
        constitution.release(id);
    }

    function testTighten() public {
        vm.startPrank(guardian);
        constitution.tighten(id, 100);
        vm.expectRevert(abi.encodeWithSelector(Constitution.NotTighter.selector, 100));
        constitution.tighten(id, 100);
        vm.expectRevert(abi.encodeWithSelector(Constitution.NotTighter.selector, 101));
        constitution.tighten(id, 101);
        vm.stopPrank();
        vm.prank(owner);
        constitution.tighten(id, 0); // the owner may, too
        (, uint16 scale,,) = constitution.authorityOf(id);
        eq(scale, 0, "scale");
    }

    function testHeld() public {
        (,, uint8 why,) = constitution.authorityOf(id + 1);
        eq(why, constitution.HELD_LAWLESS(), "no law");
        vm.prank(owner);
        court.startUnbond(id);
        eq(held(), constitution.HELD_UNBONDED(), "no bond");
        Constitution.Terms memory t = terms();
        (t.attestAge, t.software) = (1 hours, "measured");
        vm.prank(owner);
        constitution.propose(id, t);
        vm.warp(block.timestamp + 1 days);
        constitution.enact(id);
        eq(held(), constitution.HELD_UNATTESTED(), "not attested");
    }
}

/// Whoever calls in whatever order: only the owner's proposals, after the notice, loosen.
contract LawHandler is Base, Handler {
    uint48 private constant NOTICE = 1 days;
    Constitution private constitution;
    uint256 private id;
    address[5] private people; // the owner first, then the guardian
    Constitution.Terms private terms_;
    uint256 private proposedAt;
    uint256 private releaseAskedAt;
    string public broken;
    uint256 public enacted;
    uint256 public released;
    uint256 public restored;

    constructor(Constitution c, uint256 id_, address[5] memory people_, Constitution.Terms memory t) {
        (constitution, id, people, terms_, time) = (c, id_, people_, t, block.timestamp);
    }

    function check(bool fine, string memory what) private {
        if (!fine) {
            broken = what;
        }
    }

    function as_(uint256 k) private {
        as_(people[k % 5]);
    }

    function propose(uint256 k) external {
        terms_.manifest = bytes32(time);
        terms_.bond = uint128(time);
        as_(k);
        try constitution.propose(id, terms_) {
            check(k % 5 == 0, "a stranger proposed");
            proposedAt = time;
        } catch {}
    }

    function enact(uint256 k) external {
        as_(k);
        try constitution.enact(id) {
            check(time >= proposedAt + NOTICE, "enacted without notice");
            enacted++;
        } catch {}
    }

    function stop(uint256 k) external {
        as_(k);
        try constitution.stop(id) {
            check(k % 5 < 2, "a stranger stopped");
            check(constitution.holdOf(id).stopped, "not at once");
            releaseAskedAt = 0;
        } catch {
            check(k % 5 > 1, "the guardian could not stop");
        }
    }

    function tighten(uint256 k, uint16 scale) external {
        uint16 before = constitution.holdOf(id).scale;
        as_(k);
        try constitution.tighten(id, scale % 1200) {
            check(k % 5 < 2, "a stranger tightened");
            check(constitution.holdOf(id).scale < before, "not tighter");
            releaseAskedAt = 0;
        } catch {}
    }

    function proposeRelease(uint256 k, uint16 scale) external {
        as_(k);
        try constitution.proposeRelease(id, scale % 1200) {
            check(k % 5 == 0, "a stranger asked for a release");
            releaseAskedAt = time;
        } catch {}
    }

    function release(uint256 k) external {
        as_(k);
        try constitution.release(id) {
            check(releaseAskedAt != 0 && time >= releaseAskedAt + NOTICE, "released without notice");
            released++;
            releaseAskedAt = 0;
        } catch {}
    }

    /// Takes back the newest mind, while it is young: never a limit, a stop or a scale.
    function rollback(uint256 k) external {
        uint32 epoch = constitution.epochOf(id);
        Constitution.Hold memory hold = constitution.holdOf(id);
        uint48 since = constitution.current(id).since;
        as_(k);
        try constitution.rollback(id) {
            check(k % 5 < 2, "a stranger rolled back");
            check(time < since + NOTICE, "old terms were taken back");
            Constitution.Terms memory now_ = timeless(epoch + 1);
            check(now_.manifest == timeless(epoch - 1).manifest, "another manifest than the one before");
            now_.manifest = timeless(epoch).manifest;
            check(keccak256(abi.encode(now_)) == keccak256(abi.encode(timeless(epoch))), "a limit was taken back");
            check(keccak256(abi.encode(hold)) == keccak256(abi.encode(constitution.holdOf(id))), "a hold was lifted");
            (, uint48 enactAt) = constitution.proposed(id);
            check(enactAt == 0, "a proposal outlived the rollback");
            restored++;
        } catch {}
    }

    function timeless(uint32 epoch) private view returns (Constitution.Terms memory t) {
        t = constitution.termsOf(id, epoch);
        t.since = 0;
    }

    function pass(uint256 seconds_) external {
        time += bound(seconds_, 1 minutes, 2 days);
    }
}

contract LawInvariantTest is World {
    LawHandler private handler;

    function setUp() public override {
        super.setUp();
        address[5] memory people = [owner, guardian, approver, challenger, address(account)];
        handler = new LawHandler(constitution, id, people, terms());
        target(address(handler));
    }

    /// A canary: long random sequences really get there.
    function testHandlerGetsThere() public {
        for (uint256 k = 0; k < 1000; k++) {
            uint256 draw = uint256(keccak256(abi.encode(k)));
            (uint256 a, uint16 b) = (draw >> 8, uint16(draw >> 72));
            if (draw % 8 == 0) handler.propose(0);
            else if (draw % 8 == 1) handler.enact(a);
            else if (draw % 8 == 2) handler.stop(a);
            else if (draw % 8 == 3) handler.tighten(a, b);
            else if (draw % 8 == 4) handler.proposeRelease(0, b);
            else if (draw % 8 == 5) handler.release(a);
            else if (draw % 8 == 6) handler.rollback(a);
            else handler.pass(draw >> 100);
            invariantOnlyTheOwnerLoosensAndWaits();
        }
        ok(handler.enacted() > 0 && handler.released() > 0 && handler.restored() > 0, "enacted, released, restored");
    }

    function invariantOnlyTheOwnerLoosensAndWaits() public view {
        eq(bytes(handler.broken()), "", "broken");
    }
}
