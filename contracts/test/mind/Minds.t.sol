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
            bytes memory blob = vm.parseJsonBytes(json, string.concat(casePath(k), "blob"));
            IMind mind = mindOf(blob);
            eq(ModelMind(address(mind)).modelHash(), sha256(blob), "hash");
            checked += follow(mind, json, k);
        }
        ok(checked >= 50, "vectors were read");
    }
}
