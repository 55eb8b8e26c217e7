// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Court} from "../../src/court/Court.sol";
import {Evidence} from "../../src/court/Evidence.sol";
import {Rerun} from "../../src/court/Rerun.sol";
import {Blob} from "../../src/law/Blob.sol";
import {BoundsCharter} from "../../src/law/BoundsCharter.sol";
import {Constitution} from "../../src/law/Constitution.sol";
import {IMind} from "../../src/law/IMachineCode.sol";
import {Model} from "../mind/Model.sol";
import {BrokenCharter, EncodingMind, MoodyMind, OpenCharter} from "../law/Minds.sol";
import {World} from "../World.sol";

abstract contract CourtWorld is World {
    bytes32[] internal hashes;
    bytes[] internal leaves;
    uint64 internal size;

    /// A boot leaf, then turns with receipts between, all honest; not yet anchored.
    function log(uint256 turns, uint256 seed) internal {
        append(abi.encodePacked(head(3, 0, 0), new bytes(48), "test"));
        bytes memory memory_;
        for (uint256 k = 0; k < turns; k++) {
            uint256 draw = uint256(keccak256(abi.encode(seed, k)));
            bytes memory obs = observe(
                int64(uint64(draw)) >> uint8(draw >> 64) % 64,
                uint8((draw >> 72) % 3 == 0 ? (draw >> 80) % 5 : 0),
                int64(uint64(draw >> 96)) >> uint8(draw >> 160) % 64,
                int64(int8(uint8(draw >> 168)))
            );
            append(encode(honest(uint64(leaves.length), prev(), memory_, obs)));
            (memory_,) = mind.decide(memory_, obs);
            append(abi.encodePacked(head(2, uint64(leaves.length), prev()), uint64(leaves.length - 1), new bytes(24)));
        }
    }

    function prev() internal view returns (bytes32) {
        return hashes.length == 0 ? bytes32(0) : hashes[hashes.length - 1];
    }

    function append(bytes memory leaf) internal {
        leaves.push(leaf);
        hashes.push(hashLeaf(leaf));
    }

    function anchorAll() internal {
        size = uint64(hashes.length);
        anchor(size, treeHash(hashes));
    }

    function proofOf(uint256 index) internal view returns (bytes32[] memory) {
        return path(index, hashes);
    }

    function challenge(uint64 index) internal {
        bytes32[] memory proof = proofOf(index); // hashing calls a precompile, which would use up the prank
        vm.prank(challenger);
        court.challenge{value: STAKE}(id, size, index, leaves[index], proof);
    }

    function challengeLink(uint64 k) internal {
        (bytes32[] memory first, bytes32[] memory second) = (proofOf(k), proofOf(k + 1));
        vm.prank(challenger);
        court.challengeLink{value: STAKE}(id, size, k, leaves[k], first, leaves[k + 1], second);
    }

    function challengeMemory(uint64 from, uint64 to) internal {
        bytes[] memory span = new bytes[](to - from + 1);
        for (uint64 k = from; k <= to; k++) {
            span[k - from] = leaves[k];
        }
        bytes32[] memory proof = proofOf(to);
        vm.prank(challenger);
        court.challengeMemory{value: STAKE}(id, size, to, span, proof);
    }

    function convicted(uint8 fault, string memory what) internal view {
        (address by,, uint8 found) = court.caseOf(id);
        eq(found, fault, what);
        eq(by, challenger, "challenger");
        eq(court.bondOf(id), 0, "the bond counts no more");
    }

    function coolAll() internal {
        address[8] memory all = [
            address(registry), address(evidence), address(court), address(constitution),
            address(mind), address(charter), charter.rules(), address(account)
        ];
        for (uint256 k = 0; k < all.length; k++) {
            vm.cool(all[k]);
        }
    }

    function cleared(string memory what) internal view {
        eq(court.bondStateOf(id).state, court.FREE(), what);
        eq(court.bondOf(id), BOND, what);
    }
}

contract CourtTest is CourtWorld {
    /// Every bit of a leaf: with the honest tree, the changed leaf is not the machine's.
    function testEveryFlippedBitOfLeafIsNotTheMachines() public {
        log(2, 1);
        anchorAll();
        bytes32[] memory proof = proofOf(3);
        bytes memory leaf = leaves[3];
        uint256 rejected;
        for (uint256 bit = 0; bit < 8 * leaf.length; bit++) {
            leaf[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            rejected += evidence.includes(id, size, 3, leaf, proof) ? 0 : 1;
            leaf[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        }
        eq(rejected, 8 * leaf.length, "flipped bits");
        ok(evidence.includes(id, size, 3, leaf, proof), "the true one");
        leaf[200] ^= 0x01;
        vm.expectRevert(abi.encodeWithSelector(Court.NotIncluded.selector, 3));
        vm.prank(challenger);
        court.challenge{value: STAKE}(id, size, 3, leaf, proof);
        leaf[200] ^= 0x01;
        proof[1] ^= bytes32(uint256(4));
        vm.expectRevert(abi.encodeWithSelector(Court.NotIncluded.selector, 3));
        vm.prank(challenger);
        court.challenge{value: STAKE}(id, size, 3, leaf, proof);
    }

    /// Every bit of a leaf that the machine itself anchored: slashed, save the bits that say nothing a
    /// re-execution can see (times, gas counts, prev) or that make another honest decision.
    function testEveryFlippedBitOfAnchoredLeafIsSlashed() public {
        log(2, 1);
        bytes memory leaf = leaves[3];
        uint256 slashed;
        uint256 silent;
        for (uint256 bit = 0; bit < 8 * leaf.length; bit++) {
            leaf[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            uint8 fault = court.judge(id, 3, leaf);
            leaf[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            uint256 at_ = bit / 8;
            bool unseen = (at_ >= 16 && at_ < 32) || (at_ >= 64 && at_ < 96) || (at_ >= 144 && at_ < 160);
            // The observation's bits are the machine's own reading: others give another decision, or the same.
            bool observed = at_ >= 220 && at_ < 284;
            // Outcomes 5..8 claim less than 0 and 1 do, and the action is in bounds.
            uint8 said = uint8(leaf[136]) ^ uint8(1 << (bit % 8));
            bool outcome = at_ == 136 && said >= 5 && said <= 8;
            if (fault == court.HONEST()) {
                // Byte 5: a leaf that is no decision, of which the court says nothing.
                ok(unseen || observed || outcome || at_ == 5, "a false leaf passed");
                silent++;
            } else {
                ok(!unseen, "an unseen bit was judged");
                slashed++;
            }
        }
        eq(slashed + silent, 8 * leaf.length, "all bits");
        ok(slashed > 8 * 150, "most bits are slashed");
    }

    /// For real, bit by bit: a machine that anchors a changed leaf is convicted exactly where `judge` says so, and no
    /// changed proof lets a leaf in.
    function testEveryFlippedBitOnChain() public {
        log(2, 1);
        bytes memory leaf = leaves[3];
        bytes32 honestHash = hashes[3];
        uint256 slashed;
        for (uint256 bit = 0; bit < 8 * leaf.length; bit++) {
            uint256 before = vm.snapshotState();
            leaf[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            (leaves[3], hashes[3]) = (leaf, hashLeaf(leaf));
            anchorAll();
            uint8 fault = court.judge(id, 3, leaf);
            challenge(3);
            (,, uint8 found) = court.caseOf(id);
            eq(found, fault, "the case is what the judge finds");
            eq(court.bondOf(id), fault == court.HONEST() ? BOND : 0, "and the bond is at stake");
            slashed += fault == court.HONEST() ? 0 : 1;
            leaf[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            vm.revertToState(before);
        }
        ok(slashed > 8 * 150, "most bits are slashed");
        eq(hashes[3], honestHash, "the honest leaf again");
        anchorAll();
        bytes32[] memory proof = proofOf(3);
        for (uint256 bit = 0; bit < 256 * proof.length; bit++) {
            proof[bit / 256] ^= bytes32(1 << (bit % 256));
            vm.expectRevert(abi.encodeWithSelector(Court.NotIncluded.selector, 3));
            vm.prank(challenger);
            court.challenge{value: STAKE}(id, size, 3, leaf, proof);
            proof[bit / 256] ^= bytes32(1 << (bit % 256));
        }
        cleared("a wrong proof moves nothing");
    }

    function judged(Turn memory t) private view returns (uint8) {
        return court.judge(id, t.seq, encode(t));
    }

    function turn() private view returns (Turn memory) {
        return honest(1, 0, hex"0000000000000007", observe(50, 0, 40, 0));
    }

    function testFaults() public {
        Turn memory t = turn();
        eq(judged(t), court.HONEST(), "honest");
        eq(t.outcome, 1, "the charter limited the step");
        t.epoch = 0;
        eq(judged(t), court.NOT_THE_LAW(), "epoch 0");
        t.epoch = 2;
        eq(judged(t), court.NOT_THE_LAW(), "a future epoch");
        t = turn();
        t.mind = address(charter);
        eq(judged(t), court.NOT_THE_LAW(), "another mind");
        t = turn();
        t.charter = address(mind);
        eq(judged(t), court.NOT_THE_LAW(), "another charter");
        t = turn();
        t.nextHash = ~t.nextHash;
        eq(judged(t), court.WRONG_DECISION(), "memory");
        t = turn();
        t.proposal[7] ^= 0x01;
        eq(judged(t), court.WRONG_DECISION(), "proposal");
        t = turn();
        t.reasons[1] = 0x09;
        eq(judged(t), court.WRONG_ACTION(), "reasons");
        t = turn();
        t.outcome = 0;
        eq(judged(t), court.WRONG_OUTCOME(), "says nothing was changed");
        t = turn();
        t.observation = hex"";
        eq(judged(t), court.WRONG_DECISION(), "the mind fails on this");
        t.outcome = 9;
        eq(judged(t), court.MALFORMED(), "unknown outcome");
        bytes memory leaf = encode(turn());
        eq(court.judge(id, 1, bytes.concat(leaf, hex"00")), court.MALFORMED(), "something follows");
        eq(court.judge(id, 2, leaf), court.MALFORMED(), "not its index");
        eq(court.judge(id + 1, 1, leaf), court.MALFORMED(), "not this machine");
        eq(court.judge(id, 1, hex"44"), court.MALFORMED(), "short");
        eq(court.judge(id, 1, abi.encodePacked(head(1, 1, 0), new bytes(20))), court.MALFORMED(), "short decision");
        for (uint8 kind = 2; kind <= 9; kind++) {
            eq(court.judge(id, 1, abi.encodePacked(head(kind, 1, 0))), court.HONEST(), "only decisions are judged");
        }
        eq(court.judge(id, 1, abi.encodePacked(head(0, 1, 0))), court.MALFORMED(), "no kind");
        eq(court.judge(id, 1, abi.encodePacked(head(10, 1, 0))), court.MALFORMED(), "unknown kind");
    }

    /// Outcomes 5 to 8: only the charter's bounds bind.
    function testOutcomesWithinBounds() public {
        Turn memory t = turn();
        for (uint8 outcome = 5; outcome <= 8; outcome++) {
            (t.outcome, t.action) = (outcome, abi.encodePacked(int64(100), int64(-100)));
            eq(judged(t), court.HONEST(), "inside");
            t.action = abi.encodePacked(int64(101), int64(0));
            eq(judged(t), court.OUT_OF_BOUNDS(), "outside");
            t.action = "";
            eq(judged(t), court.OUT_OF_BOUNDS(), "no action");
        }
    }

    function enactLaw(address mind_, address charter_) private returns (uint32) {
        if (!purity.isPure(mind_)) purity.admit(mind_);
        if (!purity.isPure(charter_)) purity.admit(charter_);
        Constitution.Terms memory t = terms();
        (t.mind, t.charter) = (mind_, charter_);
        vm.prank(owner);
        constitution.propose(id, t);
        vm.warp(block.timestamp + 1 days);
        constitution.enact(id);
        return constitution.epochOf(id);
    }

    /// A fallback: the mind of mood `mood`, the safe proposal, the memory as it was.
    function fallback_(address mind_, uint8 outcome, uint8 mood, uint32 epoch) private view returns (Turn memory t) {
        (t.seq, t.mind, t.charter, t.outcome, t.epoch) = (1, mind_, address(charter), outcome, epoch);
        t.memory_ = "remember";
        t.nextHash = sha256("remember");
        t.observation = observe(int64(uint64(mood) << 56), 0, 0, 0);
        t.proposal = charter.safe();
        (t.action, t.reasons) = charter.review(t.memory_, t.observation, t.proposal);
    }

    function testFallbacks() public {
        address moody = address(new MoodyMind());
        uint32 epoch = enactLaw(moody, address(charter));
        Turn memory t;
        for (uint8 mood = 1; mood <= 5; mood++) {
            t = fallback_(moody, mood == 2 ? 2 : mood == 1 ? 3 : 4, mood, epoch);
            eq(judged(t), court.HONEST(), "a real failure");
            t.nextHash = sha256("forget");
            eq(judged(t), court.WRONG_DECISION(), "the memory must stay");
            t = fallback_(moody, 3, mood, epoch);
            t.proposal = abi.encodePacked(int64(5), int64(0));
            eq(judged(t), court.WRONG_DECISION(), "not the safe proposal");
            t = fallback_(moody, 3, mood, epoch);
            t.action[7] ^= 0x01;
            eq(judged(t), court.WRONG_ACTION(), "not the charter's action");
            t = fallback_(moody, 0, mood, epoch);
            eq(judged(t), court.WRONG_DECISION(), "the mind failed, the leaf says it did not");
        }
        for (uint8 outcome = 2; outcome <= 4; outcome++) {
            eq(judged(fallback_(moody, outcome, 0, epoch)), court.WRONG_OUTCOME(), "the mind did not fail");
        }
    }

    /// An answer in any but the canonical encoding is no answer: each of its bits and lengths matters.
    function testEncodings() public {
        address liar = address(new EncodingMind());
        uint32 epoch = enactLaw(liar, address(charter));
        for (uint8 mood = 0; mood <= 10; mood++) {
            Turn memory t = fallback_(liar, 4, mood, epoch);
            eq(judged(t), mood == 0 ? court.WRONG_OUTCOME() : court.HONEST(), "one of the encodings is good");
        }
    }

    function testChartersWithoutBounds() public {
        address open = address(new OpenCharter());
        uint32 epoch = enactLaw(address(mind), open);
        Turn memory t = turn();
        (t.charter, t.epoch, t.outcome) = (open, epoch, 0);
        (t.action, t.reasons) = (t.proposal, new bytes(4));
        eq(judged(t), court.HONEST(), "permits");
        t.outcome = 6;
        eq(judged(t), court.HONEST(), "has no bounds");
        address moody = address(new MoodyMind());
        epoch = enactLaw(moody, open);
        t = fallback_(moody, 3, 1, epoch);
        (t.charter, t.action, t.reasons) = (open, t.proposal, new bytes(4));
        eq(judged(t), court.HONEST(), "has no safe action");
        address broken = address(new BrokenCharter());
        epoch = enactLaw(address(mind), broken);
        t = turn();
        (t.charter, t.epoch) = (broken, epoch);
        eq(judged(t), court.WRONG_ACTION(), "a failing charter gives no action");
        t.outcome = 5;
        eq(judged(t), court.HONEST(), "a charter that failed");
    }

    // ---- chain and memory ----

    function testBrokenMemory() public {
        log(1, 5);
        append(encode(honest(3, prev(), hex"00000000000000ff", observe(1, 0, 0, 0))));
        anchorAll();
        challenge(3);
        cleared("each decision for itself is honest");
        challengeMemory(1, 3);
        convicted(court.BROKEN_MEMORY(), "memory");
    }

    function testMemoryNeedsNeighbours() public {
        log(3, 5);
        append(abi.encodePacked(head(4, 7, prev()), new bytes(76)));
        append(encode(honest(8, prev(), "", observe(1, 0, 0, 0))));
        anchorAll();
        uint64[2][5] memory spans = [[uint64(1), 5], [uint64(1), 2], [uint64(0), 1], [uint64(1), 1], [uint64(5), 8]];
        for (uint256 k = 0; k < spans.length; k++) {
            vm.expectRevert(Court.NotAdjacent.selector);
            this.doChallengeMemory(spans[k][0], spans[k][1]);
        }
        bytes[] memory span = new bytes[](3);
        (span[0], span[1], span[2]) = (leaves[1], leaves[4], leaves[3]);
        bytes32[] memory proof = proofOf(3);
        vm.expectRevert(Court.NotAdjacent.selector);
        court.challengeMemory{value: STAKE}(id, size, 3, span, proof);
    }

    function doChallengeMemory(uint64 from, uint64 to) external payable {
        challengeMemory(from, to);
    }

    function testBrokenChain() public {
        log(1, 6);
        append(abi.encodePacked(head(6, 3, keccak256("another history")), uint8(1), "who"));
        anchorAll();
        challengeLink(2);
        convicted(court.BROKEN_CHAIN(), "link");
    }

    // ---- equivocation ----

    function equivocate(bytes32 a, bytes memory sa, bytes32 b, bytes memory sb) private {
        vm.prank(challenger);
        court.challengeEquivocation{value: STAKE}(id, 5, a, uint64(block.timestamp), sa, b, uint64(block.timestamp), sb);
    }

    function doEquivocate(bytes32 a, bytes memory sa, bytes32 b, bytes memory sb) external {
        equivocate(a, sa, b, sb);
    }

    function testEquivocationSigned() public {
        equivocate("a", checkpoint(5, "a"), "b", checkpoint(5, "b"));
        convicted(court.EQUIVOCATION(), "two signatures");
    }

    function testEquivocationAnchored() public {
        anchor(5, "a");
        equivocate("a", "", "b", checkpoint(5, "b"));
        convicted(court.EQUIVOCATION(), "one anchored, one signed");
    }

    function testEquivocationByRotatedKey() public {
        rotate(0xbeef);
        bytes memory old = checkpoint(5, "a");
        bytes memory by = sign(0xbeef, evidence.digestOf(id, 5, "b", uint64(block.timestamp)));
        equivocate("a", old, "b", by);
        convicted(court.EQUIVOCATION(), "a rotated key still binds its tenure");
    }

    function rotate(uint256 secret) private {
        address next = vm.addr(secret);
        bytes memory proof = keyProof(secret, next);
        vm.prank(owner);
        registry.startRecovery(id, next, proof);
        vm.warp(block.timestamp + registry.RECOVERY_DELAY());
        registry.finishRecovery(id);
    }

    function testEquivocationRefusals() public {
        bytes memory a = checkpoint(5, "a");
        vm.expectRevert(Court.SameRoot.selector);
        this.doEquivocate("a", a, "a", a);
        vm.expectRevert(Court.NotSigned.selector);
        this.doEquivocate("a", a, "b", a);
        vm.expectRevert(Court.NotSigned.selector);
        this.doEquivocate("c", a, "a", a);
        vm.expectRevert(Court.NotSigned.selector);
        this.doEquivocate(0, "", "a", a);
    }

    // ---- demands ----

    function testDemandAnswered() public {
        log(1, 7);
        anchorAll();
        vm.prank(challenger);
        bytes32 demand = court.demandLeaf{value: STAKE}(id, size, 1);
        eq(court.obligationsOf(id), 2, "bond and demand");
        vm.expectRevert(abi.encodeWithSelector(Court.DemandOpen.selector, demand));
        this.doDemand(1);
        vm.expectRevert(abi.encodeWithSelector(Court.NotIncluded.selector, 1));
        this.answer(1, leaves[2]);
        this.answer(1, leaves[1]);
        eq(court.owed(owner), STAKE, "the demander pays for the publication");
        vm.expectRevert(abi.encodeWithSelector(Court.NoDemand.selector, demand));
        this.answer(1, leaves[1]);
        vm.expectRevert(abi.encodeWithSelector(Court.NoDemand.selector, demand));
        court.forecloseLeaf(id, size, 1);
        vm.expectRevert(abi.encodeWithSelector(Court.NotAnchored.selector, id, size));
        this.doDemand(size);
        vm.expectRevert(abi.encodeWithSelector(Court.NotAnchored.selector, id, size + 1));
        court.answerLeaf(id, size + 1, 1, leaves[1], new bytes32[](0));
    }

    function doDemand(uint64 index) external payable {
        vm.prank(challenger);
        court.demandLeaf{value: STAKE}(id, size, index);
    }

    function answer(uint64 index, bytes calldata leaf) external {
        court.answerLeaf(id, size, index, leaf, proofOf(index));
    }

    function testWithheldLeafSlashed() public {
        log(1, 8);
        anchorAll();
        vm.prank(challenger);
        court.demandLeaf{value: STAKE}(id, size, 1);
        vm.expectPartialRevert(Court.TooEarly.selector);
        court.forecloseLeaf(id, size, 1);
        vm.warp(block.timestamp + court.ANSWER_WINDOW() + 1);
        court.forecloseLeaf(id, size, 1);
        convicted(court.WITHHELD(), "withheld");
    }

    function testConsistencyDemand() public {
        log(2, 9);
        anchorAll();
        bytes32 old = treeHash(hashes, 0, 3);
        bytes32 root = treeHash(hashes);
        bytes memory signed = checkpoint(3, old);
        uint64 now_ = uint64(block.timestamp);
        vm.startPrank(challenger);
        court.demandConsistency{value: STAKE}(id, 3, old, now_, signed, size, root, 0, "");
        vm.expectRevert(Court.NotConsistent.selector);
        court.answerConsistency(id, 3, old, size, root, new bytes32[](1));
        court.answerConsistency(id, 3, old, size, root, consistency(3, hashes));
        cleared("joined");
        // A signed checkpoint of another history: nothing joins it.
        signed = checkpoint(3, "fork");
        court.demandConsistency{value: STAKE}(id, 3, "fork", now_, signed, size, root, 0, "");
        vm.expectRevert(abi.encodeWithSelector(Court.NotAnchored.selector, id, size));
        court.demandConsistency{value: STAKE}(id, size, root, now_, "", size, root, 0, "");
        vm.expectRevert(Court.NotSigned.selector);
        court.demandConsistency{value: STAKE}(id, 3, 0, now_, "", size, root, 0, "");
        vm.warp(block.timestamp + court.ANSWER_WINDOW() + 1);
        court.forecloseConsistency(id, 3, "fork", size, root);
        vm.stopPrank();
        convicted(court.INCONSISTENT(), "fork");
    }

    // ---- bond, appeal, payout ----

    function convict() private {
        equivocate("a", checkpoint(5, "a"), "b", checkpoint(5, "b"));
    }

    function testPayout() public {
        convict();
        vm.expectPartialRevert(Court.TooEarly.selector);
        court.settle(id);
        vm.warp(block.timestamp + court.APPEAL_WINDOW() + 1);
        court.settle(id);
        eq(court.owed(challenger), BOND / 2 + STAKE, "challenger");
        eq(court.owed(arbiter), BOND / 2, "fund");
        uint256 before = challenger.balance;
        vm.prank(challenger);
        court.collect();
        eq(challenger.balance - before, BOND / 2 + STAKE, "collected");
        vm.expectRevert(abi.encodeWithSelector(Court.NothingOwed.selector, challenger));
        vm.prank(challenger);
        court.collect();
        vm.expectRevert(abi.encodeWithSelector(Court.WrongState.selector, id, 0));
        court.settle(id);
        vm.expectRevert(abi.encodeWithSelector(Court.NoBond.selector, id));
        this.doConvict();
        (,, uint8 held,) = constitution.authorityOf(id);
        eq(held, constitution.HELD_UNBONDED(), "an unbonded machine may not spend");
    }

    function doConvict() external {
        convict();
    }

    function testAppealOverturned() public {
        convict();
        vm.prank(owner);
        court.appeal{value: STAKE}(id);
        vm.expectRevert(abi.encodeWithSelector(Court.NotArbiter.selector, address(this)));
        court.rule(id, false);
        vm.prank(arbiter);
        court.rule(id, false);
        cleared("overturned");
        eq(court.owed(owner), 2 * STAKE, "both stakes");
        vm.expectRevert(abi.encodeWithSelector(Court.WrongState.selector, id, 0));
        vm.prank(arbiter);
        court.rule(id, false);
    }

    function testAppealUpheld() public {
        appealInVain(true);
    }

    function testAppealUnheard() public {
        appealInVain(false);
    }

    function appealInVain(bool ruled) private {
        convict();
        vm.expectRevert(abi.encodeWithSelector(Court.NotOwner.selector, id, challenger));
        vm.prank(challenger);
        court.appeal{value: STAKE}(id);
        vm.prank(owner);
        court.appeal{value: STAKE}(id);
        vm.expectRevert(abi.encodeWithSelector(Court.WrongState.selector, id, 2));
        vm.prank(owner);
        court.appeal{value: STAKE}(id);
        if (ruled) {
            vm.prank(arbiter);
            court.rule(id, true);
        } else {
            vm.warp(block.timestamp + court.RULING_WINDOW() + 1);
            vm.expectPartialRevert(Court.TooLate.selector);
            vm.prank(arbiter);
            court.rule(id, false);
        }
        court.settle(id);
        eq(court.owed(challenger), BOND / 2 + 2 * STAKE, "challenger gets the appeal's stake too");
    }

    /// Every door that is the owner's, or that costs a stake, is shut to others and to those who bring less.
    function testDoors() public {
        vm.startPrank(challenger);
        bytes memory stranger = abi.encodeWithSelector(Court.NotOwner.selector, id, challenger);
        vm.expectRevert(stranger);
        court.startUnbond(id);
        vm.expectRevert(stranger);
        court.cancelUnbond(id);
        vm.expectRevert(stranger);
        court.unbond(id);
        vm.expectRevert(stranger);
        court.appeal{value: STAKE}(id);
        bytes memory cheap = abi.encodeWithSelector(Court.WrongStake.selector, 1);
        vm.expectRevert(cheap);
        court.challenge{value: 1}(id, 1, 0, "", new bytes32[](0));
        vm.expectRevert(cheap);
        court.challengeLink{value: 1}(id, 1, 0, "", new bytes32[](0), "", new bytes32[](0));
        vm.expectRevert(cheap);
        court.challengeMemory{value: 1}(id, 1, 0, new bytes[](2), new bytes32[](0));
        vm.expectRevert(cheap);
        court.challengeEquivocation{value: 1}(id, 1, "a", 0, "", "b", 0, "");
        vm.expectRevert(cheap);
        court.demandLeaf{value: 1}(id, 1, 0);
        vm.expectRevert(cheap);
        court.demandConsistency{value: 1}(id, 1, "a", 0, "", 2, "b", 0, "");
        vm.stopPrank();
        vm.expectRevert(cheap);
        vm.prank(owner);
        court.appeal{value: 1}(id);
    }

    /// The names of demands are what a watcher computes from their events.
    function testDemandNames() public view {
        eq(court.leafDemand(id, 9, 3), keccak256(abi.encode(court.WITHHELD(), id, uint64(9), uint64(3))), "leaf");
        bytes memory named = abi.encode(court.INCONSISTENT(), id, uint64(3), bytes32("a"), uint64(9), bytes32("b"));
        eq(court.consistencyDemand(id, 3, "a", 9, "b"), keccak256(named), "consistency");
    }

    function testLateAppeal() public {
        convict();
        vm.warp(block.timestamp + court.APPEAL_WINDOW() + 1);
        vm.expectPartialRevert(Court.TooLate.selector);
        vm.prank(owner);
        court.appeal{value: STAKE}(id);
    }

    function testStakeAndStates() public {
        vm.expectRevert(abi.encodeWithSelector(Court.WrongStake.selector, 1));
        court.demandLeaf{value: 1}(id, 1, 0);
        convict();
        vm.expectRevert(abi.encodeWithSelector(Court.WrongState.selector, id, 1));
        this.doConvict();
        vm.expectRevert(abi.encodeWithSelector(Court.WrongState.selector, id, 1));
        court.deposit{value: 1}(id);
        vm.prank(owner);
        uint256 other = registry.register();
        vm.expectRevert(abi.encodeWithSelector(Court.NotObliged.selector, other));
        court.deposit{value: 1}(other);
    }

    function testUnbond() public {
        log(1, 4);
        anchorAll();
        vm.startPrank(owner);
        vm.expectPartialRevert(Court.TooEarly.selector);
        court.unbond(id);
        court.startUnbond(id);
        eq(court.bondOf(id), 0, "counts no more");
        court.cancelUnbond(id);
        eq(court.bondOf(id), BOND, "counts again");
        court.startUnbond(id);
        vm.expectPartialRevert(Court.TooEarly.selector);
        court.unbond(id);
        vm.stopPrank();
        this.doDemand(1);
        vm.warp(block.timestamp + court.UNBOND_DELAY());
        vm.expectRevert(abi.encodeWithSelector(Court.OpenDemands.selector, id, 1));
        vm.prank(owner);
        court.unbond(id);
        this.answer(1, leaves[1]);
        vm.startPrank(owner);
        court.unbond(id);
        eq(court.owed(owner), BOND + STAKE, "all of it");
        eq(court.obligationsOf(id), 0, "settled");
        vm.stopPrank();
        vm.expectPartialRevert(Court.NotOwner.selector);
        court.startUnbond(id);
    }

    /// Owed money is fetched, so a payee that refuses coin hurts itself only.
    function testCollectRefused() public {
        vm.deal(address(this), 1 ether);
        log(1, 4);
        anchorAll();
        court.demandLeaf{value: STAKE}(id, size, 1);
        vm.warp(block.timestamp + court.ANSWER_WINDOW() + 1);
        court.forecloseLeaf(id, size, 1);
        vm.warp(block.timestamp + court.APPEAL_WINDOW() + 1);
        court.settle(id);
        vm.expectRevert(abi.encodeWithSelector(Court.PaymentFailed.selector, address(this)));
        court.collect();
    }

    // ---- gas: whole transactions, cold ----

    function testGas() public {
        log(1, 3);
        Turn memory t = honest(3, prev(), hex"0000000000000001", observe(50, 0, 40, 0));
        t.action[7] ^= 0x01;
        append(encode(t));
        size = uint64(hashes.length);
        bytes32 root = treeHash(hashes);
        anchor(1, "an earlier one");
        bytes memory data = abi.encodeCall(
            evidence.anchor, (id, size, root, uint64(block.timestamp), checkpoint(size, root))
        );
        coolAll();
        transactionGas("checkpoint anchored", address(evidence), 0, data, 63_000);
        data = abi.encodeCall(court.challenge, (id, size, 3, leaves[3], proofOf(3)));
        coolAll();
        vm.deal(address(this), STAKE);
        transactionGas("a small mind challenged and convicted", address(court), STAKE, data, 100_000);
        eq(court.bondOf(id), 0, "convicted");
    }

    // ---- evidence ----

    function testAnchor() public {
        anchor(5, "a");
        eq(evidence.headOf(id).size, 5, "head");
        eq(evidence.rootOf(id, 5), "a", "root");
        vm.expectRevert(abi.encodeWithSelector(Evidence.NotGrowing.selector, 5, 5));
        this.doAnchor(5, "b", KEY);
        vm.expectRevert(abi.encodeWithSelector(Evidence.NotSigned.selector, id));
        this.doAnchor(6, "b", 0xbad);
        vm.expectRevert(abi.encodeWithSelector(Evidence.NotSigned.selector, id));
        evidence.anchor(id, 6, "b", 0, hex"1234");
        vm.expectRevert(Evidence.ZeroRoot.selector);
        this.doAnchor(6, 0, KEY);
    }

    function doAnchor(uint64 size_, bytes32 root, uint256 secret) external {
        bytes memory s = sign(secret, evidence.digestOf(id, size_, root, 1));
        evidence.anchor(id, size_, root, 1, s);
    }

    /// The digest, spelt out from docs/spec/evidence.md section 3.
    function testCheckpointDigest() public view {
        bytes32 inner = keccak256(
            abi.encode(
                keccak256("Checkpoint(bytes32 machine,uint64 size,bytes32 root,uint64 time)"),
                machine, uint64(9), bytes32("r"), uint64(77)
            )
        );
        eq(evidence.digestOf(id, 9, "r", 77), typed("DAM Evidence", address(evidence), inner), "digest");
    }

    function testNotLiableForAnEarlierTenure() public {
        log(1, 4);
        anchorAll();
        vm.startPrank(owner);
        court.startUnbond(id);
        registry.announceTransfer(id, challenger);
        vm.warp(block.timestamp + court.UNBOND_DELAY());
        court.unbond(id);
        registry.transferFrom(owner, challenger, id);
        vm.stopPrank();
        eq(evidence.liableFrom(id), size, "before the first anchor of the new tenure");
        vm.deal(address(this), 10 ether);
        court.deposit{value: 1 ether}(id);
        vm.expectRevert(abi.encodeWithSelector(Court.NotLiable.selector, 1, size));
        this.doDemand(1);
        bytes memory proof = keyProof(0xbeef, vm.addr(0xbeef));
        vm.prank(challenger);
        registry.setKey(id, vm.addr(0xbeef), proof);
        this.doAnchor(size + 3, "new", 0xbeef);
        eq(evidence.liableFrom(id), size, "after it");
        ok(!evidence.isSigned(id, 5, "a", 1, sign(KEY, evidence.digestOf(id, 5, "a", 1))), "the old key binds no more");
    }
}

/// The acceptance figure: a decision of a 16-32-8 net, in a log of a million leaves, judged in one
/// transaction.
contract MlpChallengeTest is CourtWorld, Model {
    uint256 private constant N = 8;
    IMind private net;
    BoundsCharter private bounds;
    address private slice;

    function setUp() public override {
        super.setUp();
        uint16[] memory widths = new uint16[](2);
        (widths[0], widths[1]) = (32, 8);
        address[] memory all = slices(mlp(16, widths));
        (slice, net) = (all[0], mindOf(all, 2));
        bytes memory blob = abi.encodePacked("DAMR", uint8(1), uint8(N), uint16(2), uint16(16), new bytes(22));
        for (uint256 k = 0; k < N; k++) {
            blob = abi.encodePacked(blob, int64(-100), int64(100), int64(20), int64(0));
        }
        blob = abi.encodePacked(blob, uint16(1), uint8(0), uint8(1), uint16(3), uint16(0), int64(5), int64(50), uint64(0));
        blob = abi.encodePacked(blob, uint16(2), uint8(4), uint8(3), uint16(0), uint16(0), int64(0), int64(0), uint64(0));
        bounds = new BoundsCharter(Blob.deploy(blob));
        purity.admit(address(net));
        purity.admit(address(bounds));
        Constitution.Terms memory t = terms();
        (t.mind, t.charter) = (address(net), address(bounds));
        vm.prank(owner);
        constitution.propose(id, t);
        vm.warp(block.timestamp + 1 days);
        constitution.enact(id);
    }

    function netTurn() private view returns (Turn memory t) {
        (t.seq, t.mind, t.charter, t.epoch) = (0x5a5a5, address(net), address(bounds), 2);
        for (uint256 k = 0; k < 16; k++) {
            t.observation = bytes.concat(t.observation, record(int64(int256(k * 7)), 0));
        }
        bytes memory next;
        (next, t.proposal) = net.decide("", t.observation);
        t.nextHash = sha256(next);
        (t.action, t.reasons) = bounds.review("", t.observation, t.proposal);
        t.outcome = keccak256(t.reasons) == keccak256(new bytes(2 * N)) ? 0 : 1;
    }

    function challengeNet(Turn memory t, string memory name, uint256 most) private {
        bytes memory leaf = encode(t);
        bytes32[] memory proof = new bytes32[](20);
        bytes32 root = hashLeaf(leaf);
        for (uint256 k = 0; k < 20; k++) {
            proof[k] = keccak256(abi.encode(k));
            root = (t.seq >> k) & 1 == 1
                ? sha256(abi.encodePacked(hex"01", proof[k], root))
                : sha256(abi.encodePacked(hex"01", root, proof[k]));
        }
        anchor(1 << 20, root);
        bytes memory data = abi.encodeCall(court.challenge, (id, 1 << 20, t.seq, leaf, proof));
        coolAll();
        vm.cool(address(net));
        vm.cool(slice);
        vm.cool(address(bounds));
        vm.cool(bounds.rules());
        vm.deal(address(this), STAKE);
        transactionGas(name, address(court), STAKE, data, most);
    }

    function testGasFalseDecision() public {
        Turn memory t = netTurn();
        t.action[63] ^= 0x01;
        challengeNet(t, "16-32-8 net, depth 20: convicted", 130_000);
        eq(court.bondOf(id), 0, "convicted");
    }

    function testGasHonestDecision() public {
        challengeNet(netTurn(), "16-32-8 net, depth 20: cleared", 150_000);
        eq(court.owed(owner), STAKE, "the challenger lost the stake");
    }
}
