// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ModelBlob} from "./ModelBlob.sol";
import {ModelMind} from "./ModelMind.sol";

/// @title Sums of decision trees (boosted trees, random forests): docs/spec/model.md section 7.
/// @dev An input is kept as `x << 224 | (2^224 - 1)`, and a node is read as the word that starts with its threshold. Then
/// one signed comparison of the two words is `x < t`: where x = t, the ones are never below the node's low bytes.
contract ForestMind is ModelMind {
    using ModelBlob for bytes;

    constructor(address[] memory slices) ModelMind(slices, ModelBlob.FOREST) {}

    /// @inheritdoc ModelMind
    function _checkBody(bytes memory blob, uint256 pos, uint256 inputs, uint256 outputs)
        internal
        pure
        override
        returns (uint256)
    {
        for (uint256 j = 0; j < outputs; ++j) {
            uint256 trees = blob.u(pos, 2);
            uint256 depth = blob.u(pos + 2, 1);
            ModelBlob.check(depth >= 1 && depth <= 8, pos + 2);
            ModelBlob.check(blob.u(pos + 3, 1) <= 62, pos + 3);
            blob.zeros(pos + 4, 28);
            blob.checkOutput(pos + 32);
            pos += 64;
            uint256 end = pos + trees * ((9 << depth) - 5);
            ModelBlob.check(end <= blob.length, pos);
            for (; pos < end; pos += 4 << depth) {
                pos = _checkNodes(blob, pos, (1 << depth) - 1, inputs);
            }
        }
        ModelBlob.check(pos == blob.length, pos);
        return inputs;
    }

    /// @dev Every node asks for an input that there is. Written out: a large forest has 50,000 nodes.
    function _checkNodes(bytes memory blob, uint256 pos, uint256 count, uint256 inputs)
        private
        pure
        returns (uint256 end)
    {
        end = pos + 5 * count;
        uint256 bad;
        assembly ("memory-safe") {
            let start := add(blob, 32)
            let last := add(start, end)
            for { let node := add(start, pos) } lt(node, last) { node := add(node, 5) } {
                if iszero(lt(byte(4, mload(node)), inputs)) {
                    bad := add(sub(node, start), 4)
                    break
                }
            }
        }
        ModelBlob.check(bad == 0, bad);
    }

    function decide(bytes calldata memory_, bytes calldata observation)
        external
        view
        returns (bytes memory, bytes memory)
    {
        _open(memory_, observation);
        (uint256 group, uint256 pos) = (_bodyAt, _proposalAt);
        for (uint256 end = pos + 8 * _outputs; pos < end; pos += 8) {
            uint256 word;
            int256 acc;
            assembly {
                word := mload(group)
            }
            uint256 end_;
            (acc, end_) = _sum(group + 64, word >> 240, uint8(word >> 232));
            _propose(pos, group + 32, acc, uint8(word >> 224));
            group = end_;
        }
        _answer();
    }

    /// @dev The sum of `trees` trees of one depth from `start`, and where they end.
    function _sum(uint256 start, uint256 trees, uint256 depth) private pure returns (int256 acc, uint256 end) {
        assembly {
            let size := sub(mul(9, shl(depth, 1)), 5)
            end := add(start, mul(size, trees))
            // node k is at tree + 5 k, and the leaf that k has become at tree + leaves + 4 k
            let leaves := shl(depth, 1)
            let tree := sub(start, 5)
            let last := sub(end, 5)
            switch depth
            case 5 {
                // a usual depth, written out: the inner loop below costs as much as a level
                for { } lt(tree, last) { tree := add(tree, size) } {
                    let node := mload(add(tree, 5))
                    let k := add(2, slt(mload(shl(5, byte(4, node))), node))
                    node := mload(add(tree, mul(5, k)))
                    k := add(add(k, k), slt(mload(shl(5, byte(4, node))), node))
                    node := mload(add(tree, mul(5, k)))
                    k := add(add(k, k), slt(mload(shl(5, byte(4, node))), node))
                    node := mload(add(tree, mul(5, k)))
                    k := add(add(k, k), slt(mload(shl(5, byte(4, node))), node))
                    node := mload(add(tree, mul(5, k)))
                    k := add(add(k, k), slt(mload(shl(5, byte(4, node))), node))
                    acc := add(acc, sar(224, mload(add(add(tree, leaves), shl(2, k)))))
                }
            }
            default {
                for { } lt(tree, last) { tree := add(tree, size) } {
                    let k := 1
                    for { let level := 0 } lt(level, depth) { level := add(level, 1) } {
                        let node := mload(add(tree, mul(5, k)))
                        k := add(add(k, k), slt(mload(shl(5, byte(4, node))), node))
                    }
                    acc := add(acc, sar(224, mload(add(add(tree, leaves), shl(2, k)))))
                }
            }
        }
    }
}
