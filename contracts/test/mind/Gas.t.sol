// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Model} from "./Model.sol";
import {IMind} from "../../src/law/IMachineCode.sol";

/// Gas of a decision, with the mind warm and the blob cold (docs/spec/model.md section 9).
contract MindGasTest is Model {
    function testGasMlp16x32x8() public {
        uint16[] memory widths = new uint16[](2);
        (widths[0], widths[1]) = (32, 8);
        measure("mind: mlp 16-32-8", mlp(16, widths), 16, 15_000);
    }

    function testGasMlp64x64x64x16() public {
        uint16[] memory widths = new uint16[](3);
        (widths[0], widths[1], widths[2]) = (64, 64, 16);
        measure("mind: mlp 64-64-64-16", mlp(64, widths), 64, 90_000);
    }

    function testGasForest50x5() public {
        measure("mind: forest 50 x 5, 16 inputs", forest(16, 50, 5), 16, 30_000);
    }

    function testGasLinear8x4() public {
        bytes memory body;
        for (uint16 i = 0; i < 8; ++i) {
            body = bytes.concat(body, feature(i, 0, 0, 1));
        }
        for (uint256 j = 0; j < 4; ++j) {
            body = bytes.concat(body, bytes32(uint256(3) << 224), output(5, 1, 0), bytes32(keccak256("weights")));
        }
        measure("mind: linear 8-4", bytes.concat(header(1, 8, 8, 4, 0, 1, body.length), body), 8, 9_000);
    }

    /// Slice contracts are separate accounts: cooling the mind leaves only them cold after a fresh cool().
    function measure(string memory name, bytes memory blob, uint256 channels, uint256 most) private {
        address[] memory all = slices(blob);
        IMind mind = mindOf(all, uint8(blob[5]));
        bytes memory observation;
        for (uint256 i = 0; i < channels; ++i) {
            observation = bytes.concat(observation, record(int64(int256(uint256(keccak256(abi.encode(i))) % 2000)), 0, 0));
        }
        bytes memory data = abi.encodeCall(mind.decide, ("", observation));
        for (uint256 i = 0; i < all.length; ++i) {
            vm.cool(all[i]);
        }
        bool success;
        uint256 used;
        assembly {
            // the answer is not copied: this contract's memory is large and would dominate the figure
            used := gas()
            success := staticcall(gas(), mind, add(data, 32), mload(data), 0, 0)
            used := sub(used, gas())
        }
        ok(success, name);
        figure("mind", name, used, most);
    }

    function forest(uint16 inputs, uint16 trees, uint8 depth) private pure returns (bytes memory) {
        bytes memory body;
        for (uint16 i = 0; i < inputs; ++i) {
            body = bytes.concat(body, feature(i, 0, 0, 1));
        }
        body = bytes.concat(body, abi.encodePacked(trees, depth, uint8(0), bytes28(0)), output(0, 1, 0));
        for (uint256 t = 0; t < trees; ++t) {
            bytes memory tree;
            for (uint256 k = 1; k < 2 ** depth; ++k) {
                uint256 random = uint256(keccak256(abi.encode(t, k)));
                tree = bytes.concat(tree, abi.encodePacked(int32(int256(random % 2000)), uint8((random >> 128) % inputs)));
            }
            for (uint256 k = 0; k < 2 ** depth; ++k) {
                tree = bytes.concat(tree, bytes4(keccak256(abi.encode(t, k, "leaf"))));
            }
            body = bytes.concat(body, tree);
        }
        return bytes.concat(header(3, inputs, inputs, 1, 0, 1, body.length), body);
    }
}
