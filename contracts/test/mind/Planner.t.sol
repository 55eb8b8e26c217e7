// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {PlannerMind} from "../../src/mind/PlannerMind.sol";
import {Purity} from "../../src/law/Purity.sol";
import {Model} from "./Model.sol";

/// The planner against its twin in C: vectors/planner.json is what tests/contracts/planner_vectors.c prints.
contract PlannerTest is Model {
    string private json = vm.readFile("test/vectors/planner.json");

    function caseOf(uint256 k) private pure returns (string memory) {
        return string.concat(".cases[", string(abi.encodePacked(uint8(48 + k))), "].");
    }

    function blobOf(uint256 k) private view returns (bytes memory) {
        return vm.parseJsonBytes(json, string.concat(caseOf(k), "blob"));
    }

    function testVectors() public {
        uint256 checked;
        for (uint256 k = 0; k < vm.parseJsonUint(json, ".count"); ++k) {
            PlannerMind mind = new PlannerMind(store(bytes.concat(hex"00", blobOf(k))));
            bytes[] memory memories = vm.parseJsonBytesArray(json, string.concat(caseOf(k), "memory"));
            bytes[] memory observations = vm.parseJsonBytesArray(json, string.concat(caseOf(k), "observation"));
            bytes[] memory nexts = vm.parseJsonBytesArray(json, string.concat(caseOf(k), "next"));
            bytes[] memory proposals = vm.parseJsonBytesArray(json, string.concat(caseOf(k), "proposal"));
            for (uint256 turn = 0; turn < observations.length; ++turn) {
                (bytes memory next, bytes memory proposal) = mind.decide(memories[turn], observations[turn]);
                eq(next, nexts[turn], "next memory");
                eq(proposal, proposals[turn], "proposal");
                ++checked;
            }
        }
        ok(checked >= 100, "vectors were read");
    }

    /// Each byte of a blob turned round is refused exactly where C refuses it.
    function testBlobsRefusedAsInC() public {
        bytes memory refused = vm.parseJsonBytes(json, ".refused");
        bytes memory blob = blobOf(3);
        eq(refused.length, blob.length, "bytes");
        for (uint256 i = 0; i < blob.length; ++i) {
            blob[i] ^= 0xff;
            address data = store(bytes.concat(hex"00", blob));
            bool made = true;
            try new PlannerMind(data) {}
            catch (bytes memory error_) {
                made = false;
                eq(uint32(bytes4(error_)), uint32(PlannerMind.BadBlob.selector), "by name");
            }
            eq(made ? 0 : 1, uint8(refused[i]), "as in C");
            blob[i] ^= 0xff;
        }
    }

    function testShapes() public {
        address short = store(hex"00");
        vm.expectRevert(abi.encodeWithSelector(PlannerMind.BadBlob.selector, 0));
        new PlannerMind(short);
        bytes memory blob = blobOf(0);
        address runnable = store(bytes.concat(hex"01", blob));
        vm.expectRevert(abi.encodeWithSelector(PlannerMind.BadBlob.selector, 0));
        new PlannerMind(runnable);
        PlannerMind mind = new PlannerMind(store(bytes.concat(hex"00", blob)));
        vm.expectRevert(PlannerMind.BadShape.selector);
        mind.decide("", new bytes(16));
    }
}
