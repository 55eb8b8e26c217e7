// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ByteNet} from "./ByteNet.sol";
import {ModelBlob} from "./ModelBlob.sol";
import {ModelMind} from "./ModelMind.sol";

/// @title An int8 network of TensorFlow Lite, which rounds as its integer kernels do: docs/spec/model.md section 6, "Int8".
contract Int8Mind is ByteNet {
    using ModelBlob for bytes;

    /// @dev How often a sum is rounded.
    uint256 private constant ONCE = 1;
    uint256 private constant TWICE = 2;

    constructor(address[] memory slices) ModelMind(slices, ModelBlob.INT8) {}

    /// @inheritdoc ByteNet
    function _checkWord(bytes memory blob, uint256 pos, bool first, bool last) internal pure override {
        ModelBlob.check(blob.u(pos + 4, 1) <= 31, pos + 4);
        ModelBlob.check(first || blob.u(pos + 7, 1) == 0, pos + 7);
        ModelBlob.check(blob.i(pos + 8, 4) > 0, pos + 8);
        ModelBlob.check(blob.u(pos + 12, 1) <= (last ? 62 : 0), pos + 12);
        uint256 rounding = blob.u(pos + 13, 1);
        ModelBlob.check(rounding == ONCE || rounding == TWICE, pos + 13);
        blob.zeros(pos + 14, 18);
    }

    /// @dev The inputs, 65,536ths of a step in lanes of 32 bits, to codes; and the sum of these. Codes of padding may be
    /// anything: their weights are 0.
    /// @inheritdoc ByteNet
    function _codes(uint256 part) internal view override returns (uint256 sum) {
        uint256 end = _inputs << 2;
        assembly {
            let zero := byte(7, mload(part))
            mstore(end, 0)
            for { let pos := 0 } lt(pos, end) { pos := add(pos, 32) } {
                let x := mload(pos)
                let codes := 0
                for { let lane := 0 } lt(lane, 8) { lane := add(lane, 1) } {
                    let code := add(sar(16, add(sar(224, x), 32768)), zero)
                    code := mul(code, sgt(code, 0))
                    if gt(code, 255) { code := 255 }
                    sum := add(sum, code)
                    codes := or(shl(32, codes), code)
                    x := shl(32, x)
                }
                mstore(pos, codes)
            }
        }
    }

    /// @inheritdoc ByteNet
    function _hidden(uint256 part, uint256 from, uint256 to, uint256 sum)
        internal
        pure
        override
        returns (uint256, uint256 newSum)
    {
        uint256 word;
        assembly {
            word := mload(part)
        }
        (,, uint256 fromEnd, uint256 end) = _layer(part, from);
        unchecked {
            part += 32;
            end = to + (end & ~uint256(31));
            sum *= 128;
        }
        while (to < end) {
            uint256 acc;
            uint256 biases;
            uint256 codes;
            assembly {
                biases := mload(part)
            }
            unchecked {
                acc = _dot(part + 32, from, fromEnd);
                part += 32 + 2 * (fromEnd - from);
            }
            for (uint256 lane = 0; lane < 8; ) {
                uint256 code;
                assembly {
                    code := add(sub(shr(224, acc), sum), sar(224, biases))
                    acc := shl(32, acc)
                    biases := shl(32, biases)
                }
                code = _round(code, word);
                assembly {
                    codes := or(shl(32, codes), code)
                    newSum := add(newSum, code)
                }
                unchecked {
                    ++lane;
                }
            }
            assembly {
                mstore(to, codes)
                to := add(to, 32)
            }
        }
        return (part, newSum);
    }

    /// @dev A neuron's sum to its code. `word`: the layer's.
    function _round(uint256 sum, uint256 word) private pure returns (uint256 code) {
        assembly {
            let shift := byte(4, word)
            code := mul(sum, and(shr(160, word), 0xffffffff))
            switch byte(13, word)
            case 1 { code := sar(add(31, shift), add(code, shl(add(30, shift), 1))) }
            default {
                code := sar(31, add(code, 0x40000000))
                if shift { code := sar(shift, sub(add(code, shl(sub(shift, 1), 1)), slt(code, 0))) }
            }
            code := add(code, byte(5, word))
            let low := byte(6, word)
            if slt(code, low) { code := low }
            if sgt(code, 255) { code := 255 }
        }
    }

    /// @inheritdoc ByteNet
    function _last(uint256 part, uint256 from, uint256 sum) internal view override {
        uint256 word;
        assembly {
            word := mload(part)
        }
        (,, uint256 fromEnd,) = _layer(part, from);
        uint256 pos = _proposalAt;
        uint256 output;
        uint256 end;
        unchecked {
            (output, end, sum) = (part + 32, pos + 8 * _outputs, sum * 128);
            part = output + 32 * _outputs;
        }
        while (pos < end) {
            uint256 acc = _dot(part, from, fromEnd);
            unchecked {
                part += 2 * (fromEnd - from);
            }
            for (uint256 lane = 0; lane < 8 && pos < end; ) {
                uint256 code;
                assembly {
                    code := add(sub(shr(224, acc), sum), sar(224, mload(output)))
                    acc := shl(32, acc)
                }
                _value(pos, output, _round(code, word), word);
                unchecked {
                    pos += 8;
                    output += 32;
                    ++lane;
                }
            }
        }
    }

    /// @dev Writes a code's value at `pos` of the proposal; in order, as `_propose`.
    function _value(uint256 pos, uint256 output, uint256 code, uint256 word) private pure {
        assembly {
            let shift := byte(12, word)
            let bounds := mload(output)
            let y := mul(sub(code, byte(5, word)), sar(224, shl(32, bounds)))
            y := add(sar(shift, add(y, shr(1, shl(shift, 1)))), sar(192, shl(64, bounds)))
            let bound := sar(192, shl(128, bounds))
            if slt(y, bound) { y := bound }
            bound := sar(192, shl(192, bounds))
            if sgt(y, bound) { y := bound }
            mstore(pos, shl(192, y))
        }
    }
}
