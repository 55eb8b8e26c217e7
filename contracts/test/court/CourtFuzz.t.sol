// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Rerun} from "../../src/court/Rerun.sol";
import {CourtWorld} from "./Court.t.sol";

contract CourtFuzzTest is CourtWorld {
    /// Random honest logs: no leaf can be challenged, linked or remembered away. 5 leaves a run.
    function testFuzzHonestNeverSlashed(uint256 seed) public {
        log(2, seed);
        anchorAll();
        for (uint64 k = 0; k < size; k++) {
            challenge(k);
            if (k > 0) {
                challengeLink(k - 1);
            }
        }
        challengeMemory(1, 3);
        cleared("honest");
        uint256 attempts = 2 * size; // each leaf, each pair of neighbours, one pair of decisions
        eq(court.owed(owner), attempts * STAKE, "wrong challengers pay the owner");
        eq(address(court).balance, BOND + attempts * STAKE, "nothing else moved");
    }

    /// Every bit of the recorded action, slashed for real, in a log that the machine anchored.
    function testFuzzFalseActionSlashed(uint256 seed, uint256 bit) public {
        log(1, seed);
        Turn memory t = honest(3, prev(), hex"0000000000000001", observe(50, 0, 40, 0));
        t.action[(bit / 8) % t.action.length] ^= bytes1(uint8(1 << (bit % 8)));
        append(encode(t));
        anchorAll();
        challenge(3);
        convicted(court.WRONG_ACTION(), "action");
    }
}

/// One honest log for all runs.
contract CourtGasTest is CourtWorld {
    function setUp() public override {
        super.setUp();
        log(1, 3);
        anchorAll();
    }

    /// With little gas a challenge reverts; it cannot make an honest run look failed.
    function testNoGasGriefing(uint256 gas_) public {
        gas_ = bound(gas_, 60_000, 3_000_000);
        bytes32[] memory proof = proofOf(1);
        vm.prank(challenger);
        try court.challenge{value: STAKE, gas: gas_}(id, size, 1, leaves[1], proof) {} catch {}
        cleared("little gas");
        bytes memory leaf = leaves[1];
        vm.expectRevert(Rerun.NotEnoughGas.selector);
        court.judge{gas: 900_000}(id, 1, leaf);
    }
}
