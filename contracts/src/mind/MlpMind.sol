// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ByteNet} from "./ByteNet.sol";
import {ModelBlob} from "./ModelBlob.sol";
import {ModelMind} from "./ModelMind.sol";

/// @title A quantised neural network: docs/spec/model.md section 6.
contract MlpMind is ByteNet {
    using ModelBlob for bytes;

    /// @dev The top bit of each lane of 32 bits.
    uint256 private constant SIGNS = 0x8000000080000000800000008000000080000000800000008000000080000000;
    // constants of lanes of 64 bits
    uint256 private constant LOWS = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    uint256 private constant BYTES = 0x00000000000000ff00000000000000ff00000000000000ff00000000000000ff;
    uint256 private constant TOPS = 0x8000000000000000800000000000000080000000000000008000000000000000;
    uint256 private constant LANES = 0x0000000000000001000000000000000100000000000000010000000000000001;
    uint256 private constant ROOM = 0x7fffffffffffff007fffffffffffff007fffffffffffff007fffffffffffff00;

    constructor(address[] memory slices) ModelMind(slices, ModelBlob.MLP) {}

    /// @inheritdoc ByteNet
    function _checkWord(bytes memory blob, uint256 pos, bool, bool last) internal pure override {
        ModelBlob.check(blob.u(pos + 4, 1) <= 62, pos + 4);
        blob.zeros(pos + 5, 3);
        int256 scale = blob.i(pos + 8, 4);
        ModelBlob.check(last ? scale == 0 : scale > 0, pos + 8);
        blob.zeros(pos + 12, 20);
    }

    /// @dev Clears what `_open` left behind the inputs' last lane, and sums the inputs.
    /// @inheritdoc ByteNet
    function _codes(uint256) internal view override returns (uint256 sum) {
        uint256 inputs = _inputs;
        assembly {
            let end := shl(2, inputs)
            mstore(end, 0)
            for { let pos := 0 } lt(pos, end) { pos := add(pos, 32) } {
                sum := add(sum, shr(224, mul(mload(pos), ONES)))
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
        (uint256 shift, uint256 scale, uint256 fromEnd, uint256 end) = _layer(part, from);
        uint256 keep; // the bits of a shifted lane that are its own
        assembly {
            end := add(to, and(end, not(31)))
            part := add(part, 32)
            sum := mul(shl(7, sum), ONES)
            keep := mul(shr(shift, 0xffffffffffffffff), LANES)
        }
        while (to < end) {
            uint256 acc;
            unchecked {
                acc = _dot(part + 32, from, fromEnd);
            }
            assembly {
                // now acc + bias + 2^31 in each lane, so that the top bit says "not negative"
                acc := add(acc, sub(xor(mload(part), SIGNS), sum))
                let over := and(acc, SIGNS)
                acc := and(acc, sub(over, shr(31, over)))
                // lanes of 64 bits hold the products: first the odd neurons, then the even ones
                let odd := and(shr(shift, mul(and(acc, LOWS), scale)), keep)
                over := and(add(odd, ROOM), TOPS)
                odd := and(or(odd, sub(over, shr(63, over))), BYTES)
                acc := and(shr(shift, mul(and(shr(32, acc), LOWS), scale)), keep)
                over := and(add(acc, ROOM), TOPS)
                acc := and(or(acc, sub(over, shr(63, over))), BYTES)
                acc := or(shl(32, acc), odd)
                mstore(to, acc)
                newSum := add(newSum, shr(224, mul(acc, ONES)))
                to := add(to, 32)
                part := add(part, add(32, shl(1, sub(fromEnd, from))))
            }
        }
        return (part, newSum);
    }

    /// @inheritdoc ByteNet
    function _last(uint256 part, uint256 from, uint256 sum) internal view override {
        (uint256 shift,, uint256 fromEnd,) = _layer(part, from);
        uint256 pos = _proposalAt;
        uint256 word;
        uint256 end;
        unchecked {
            (word, end, sum) = (part + 32, pos + 8 * _outputs, sum * 128);
            part = word + 32 * _outputs;
        }
        while (pos < end) {
            uint256 acc = _dot(part, from, fromEnd);
            uint256 last = end < pos + 64 ? end : pos + 64;
            assembly {
                part := add(part, shl(1, sub(fromEnd, from)))
            }
            assembly {
                // as `_propose`, for up to eight lanes
                for { } lt(pos, last) { pos := add(pos, 8) } {
                    let output := mload(word)
                    let y := mul(add(sub(shr(224, acc), sum), sar(224, output)), sar(224, shl(32, output)))
                    y := add(sar(shift, y), sar(192, shl(64, output)))
                    let min := sar(192, shl(128, output))
                    let span := sub(sar(192, shl(192, output)), min)
                    if gt(sub(y, min), span) { y := add(min, mul(span, sgt(y, min))) }
                    mstore(pos, shl(192, y))
                    acc := shl(32, acc)
                    word := add(word, 32)
                }
            }
        }
    }
}
