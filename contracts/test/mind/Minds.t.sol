// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "./Model.sol";
import {IMind} from "../../src/law/IMachineCode.sol";
import {ModelMind} from "../../src/mind/ModelMind.sol";

/// The generic minds against the independent reference in vectors/model.py.
contract MindsTest is Model {
    function testVectors() public {
        string memory json = vm.readFile("test/vectors/model.json");
        uint256 count = vm.parseJsonUint(json, ".count");
        uint256 checked;
        for (uint256 k = 0; k < count; ++k) {
            string memory pos = string.concat(".cases[", decimal(k), "].");
            bytes memory blob = vm.parseJsonBytes(json, string.concat(pos, "blob"));
            IMind mind = mindOf(blob);
            eq(ModelMind(address(mind)).modelHash(), sha256(blob), "hash");
            bytes[] memory memories = vm.parseJsonBytesArray(json, string.concat(pos, "memory"));
            bytes[] memory observations = vm.parseJsonBytesArray(json, string.concat(pos, "observation"));
            bytes[] memory nexts = vm.parseJsonBytesArray(json, string.concat(pos, "next"));
            bytes[] memory proposals = vm.parseJsonBytesArray(json, string.concat(pos, "proposal"));
            for (uint256 turn = 0; turn < observations.length; ++turn) {
                (bytes memory next, bytes memory proposal) = mind.decide(memories[turn], observations[turn]);
                eq(next, nexts[turn], "next memory");
                eq(proposal, proposals[turn], "proposal");
                ++checked;
            }
        }
        ok(checked >= 50, "vectors were read");
    }

    function decimal(uint256 x) private pure returns (string memory) {
        return x < 10
            ? string(abi.encodePacked(uint8(48 + x)))
            : string(abi.encodePacked(uint8(48 + x / 10), uint8(48 + x % 10)));
    }
}
