// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ModelBlob} from "./ModelBlob.sol";
import {ModelMind} from "./ModelMind.sol";

/// @title A linear model: docs/spec/model.md section 5.
/// @notice Exact in the channels' own decimals: a PI controller, a price rule, a regression.
contract LinearMind is ModelMind {
    using ModelBlob for bytes;

    constructor(address[] memory slices) ModelMind(slices, ModelBlob.LINEAR) {}

    /// @inheritdoc ModelMind
    function _checkBody(bytes memory blob, uint256 pos, uint256 inputs, uint256 outputs)
        internal
        pure
        override
        returns (uint256)
    {
        uint256 padding = (32 - 4 * inputs % 32) % 32;
        for (uint256 j = 0; j < outputs; ++j) {
            blob.zeros(pos, 3);
            ModelBlob.check(blob.u(pos + 3, 1) <= 62, pos + 3);
            blob.zeros(pos + 4, 28);
            blob.checkOutput(pos + 32);
            ModelBlob.check(blob.u(pos + 36, 4) == 1, pos + 36);
            pos += 64 + 4 * inputs;
            blob.zeros(pos, padding);
            pos += padding;
        }
        ModelBlob.check(pos == blob.length, pos);
        return inputs;
    }

    function decide(bytes calldata memory_, bytes calldata observation)
        external
        view
        returns (bytes memory, bytes memory)
    {
        _open(memory_, observation);
        (uint256 row, uint256 inputs, uint256 pos) = (_bodyAt, _inputs << 5, _proposalAt);
        for (uint256 end = pos + 8 * _outputs; pos < end; pos += 8) {
            int256 acc;
            uint256 output;
            uint256 shift;
            assembly {
                shift := byte(3, mload(row))
                output := add(row, 32)
                row := add(row, 64)
                for { let x := 0 } lt(x, inputs) { x := add(x, 32) } {
                    acc := add(acc, mul(sar(224, mload(add(row, shr(3, x)))), mload(x)))
                }
                row := add(row, and(add(shr(3, inputs), 31), not(31)))
            }
            _propose(pos, output, acc, shift);
        }
        _answer();
    }
}
