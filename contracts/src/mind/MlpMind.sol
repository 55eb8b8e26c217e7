// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ModelBlob} from "./ModelBlob.sol";
import {ModelMind} from "./ModelMind.sol";

/// @title A quantised neural network: docs/spec/model.md section 6.
/// @notice Weights of 8 bits, activations of 8 bits, accumulators of 32 bits.
/// @dev The lanes. A tile's word holds the weights (plus 128) of 8 neurons from 4 inputs, a byte each. A shift and a
/// mask leave the 8 weights of one input, each in the low byte of a 32-bit lane, and one MUL by the input's code makes
/// 8 products: at most 255 * 255 each, so 256 inputs stay far below 2^32 and no lane reaches its neighbour. The
/// 128s come out again at the end: they added 128 times the sum of all codes to every lane.
contract MlpMind is ModelMind {
    using ModelBlob for bytes;

    // constants of lanes of 32 bits
    uint256 private constant ONES = 0x0000000100000001000000010000000100000001000000010000000100000001;
    uint256 private constant SIGNS = 0x8000000080000000800000008000000080000000800000008000000080000000;
    // constants of lanes of 64 bits
    uint256 private constant LOWS = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    uint256 private constant BYTES = 0x00000000000000ff00000000000000ff00000000000000ff00000000000000ff;
    uint256 private constant TOPS = 0x8000000000000000800000000000000080000000000000008000000000000000;
    uint256 private constant LANES = 0x0000000000000001000000000000000100000000000000010000000000000001;
    uint256 private constant ROOM = 0x7fffffffffffff007fffffffffffff007fffffffffffff007fffffffffffff00;

    constructor(address[] memory slices) ModelMind(slices, ModelBlob.MLP) {}

    /// @inheritdoc ModelMind
    function _checkBody(bytes memory blob, uint256 pos, uint256 inputs, uint256 outputs)
        internal
        pure
        override
        returns (uint256 words)
    {
        uint256 layers = blob.u(11, 1);
        words = _eights(inputs);
        for (uint256 layer = 1; layer <= layers; ++layer) {
            uint256 neurons = blob.u(pos + 2, 2);
            ModelBlob.check(blob.u(pos, 2) == inputs && neurons >= 1 && neurons <= 256, pos);
            ModelBlob.check(blob.u(pos + 4, 1) <= 62, pos + 4);
            blob.zeros(pos + 5, 3);
            int256 scale = blob.i(pos + 8, 4);
            ModelBlob.check(layer == layers ? scale == 0 : scale > 0, pos + 8);
            blob.zeros(pos + 12, 20);
            pos += 32;
            if (layer == layers) {
                ModelBlob.check(neurons == outputs, pos - 30);
                for (uint256 j = 0; j < outputs; ++j) {
                    blob.checkOutput(pos);
                    _checkBias(blob, pos);
                    pos += 32;
                }
            }
            for (uint256 first = 0; first < neurons; first += 8) {
                uint256 real = neurons - first < 8 ? neurons - first : 8;
                if (layer < layers) {
                    for (uint256 l = 0; l < 8; ++l) {
                        _checkBias(blob, pos + 4 * l);
                    }
                    blob.zeros(pos + 4 * real, 32 - 4 * real);
                    pos += 32;
                }
                pos = _checkTiles(blob, pos, inputs, real);
            }
            inputs = neurons;
            words = words < neurons ? neurons : words;
        }
        ModelBlob.check(pos == blob.length, pos);
        return 2 * words;
    }

    /// @dev The tiles of one group, of which `real` neurons and `inputs` inputs are not padding.
    function _checkTiles(bytes memory blob, uint256 pos, uint256 inputs, uint256 real) private pure returns (uint256) {
        for (uint256 first = 0; first < _eights(inputs); first += 4) {
            blob.u(pos, 32);
            if (real < 8 || first + 4 > inputs) {
                for (uint256 k = 0; k < 32; ++k) {
                    bool padding = k / 4 >= real || first + k % 4 >= inputs;
                    ModelBlob.check(!padding || blob.u(pos + k, 1) == 128, pos + k);
                }
            }
            pos += 32;
        }
        return pos;
    }

    function _checkBias(bytes memory blob, uint256 pos) private pure {
        int256 bias = blob.i(pos, 4);
        ModelBlob.check(bias >= -(2 ** 30) && bias <= 2 ** 30, pos);
    }

    function _eights(uint256 x) private pure returns (uint256) {
        return (x + 7) & ~uint256(7);
    }

    function decide(bytes calldata memory_, bytes calldata observation)
        external
        view
        returns (bytes memory, bytes memory)
    {
        _open(memory_, observation);
        (uint256 blob, uint256 part) = (_blobAt, _bodyAt);
        (uint256 from, uint256 to) = (0, blob >> 1);
        uint256 sum = _sum(_inputs);
        uint256 layers;
        assembly {
            layers := byte(11, mload(blob))
        }
        while (layers > 1) {
            (part, sum) = _hidden(part, from, to, sum);
            (from, to) = (to, from);
            unchecked {
                --layers;
            }
        }
        _last(part, from, sum);
        _answer();
    }

    /// @dev Clears what `_open` left behind the inputs' last lane, and sums the inputs.
    function _sum(uint256 inputs) private pure returns (uint256 sum) {
        assembly {
            let end := shl(2, inputs)
            mstore(end, 0)
            for { let pos := 0 } lt(pos, end) { pos := add(pos, 32) } {
                sum := add(sum, shr(224, mul(mload(pos), ONES)))
            }
        }
    }

    /// @dev One hidden layer: codes at `from` to codes at `to`. Returns where the next layer starts in the blob, and the
    /// sum of the new codes.
    function _hidden(uint256 part, uint256 from, uint256 to, uint256 sum)
        private
        pure
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

    /// @dev The last layer: codes at `from` to the proposal.
    function _last(uint256 part, uint256 from, uint256 sum) private view {
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

    /// @dev A layer word: its shift and multiplier, the end of its codes, and 4 bytes for each of its neurons.
    function _layer(uint256 part, uint256 from)
        private
        pure
        returns (uint256 shift, uint256 scale, uint256 fromEnd, uint256 lanes)
    {
        assembly {
            let word := mload(part)
            shift := byte(4, word)
            scale := and(shr(160, word), 0xffffffff)
            fromEnd := add(from, and(shl(2, add(shr(240, word), 7)), not(31)))
            lanes := shl(2, add(and(shr(224, word), 0xffff), 7))
        }
    }

    /// @dev Eight dot products at once, a lane each: the tiles of one group with the codes from `from` to `end`.
    function _dot(uint256 tile, uint256 from, uint256 end) private pure returns (uint256 acc) {
        assembly {
            let mask := 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff
            for { } lt(from, end) { from := add(from, 32) } {
                let u := mload(from)
                let w := mload(tile)
                let v := mload(add(tile, 32))
                acc :=
                    add(mul(and(shr(24, w), mask), byte(3, u)),
                    add(mul(and(shr(16, w), mask), byte(7, u)),
                    add(mul(and(shr(8, w), mask), byte(11, u)),
                    add(mul(and(w, mask), byte(15, u)),
                    add(mul(and(shr(24, v), mask), byte(19, u)),
                    add(mul(and(shr(16, v), mask), byte(23, u)),
                    add(mul(and(shr(8, v), mask), byte(27, u)),
                    add(mul(and(v, mask), byte(31, u)), acc))))))))
                tile := add(tile, 64)
            }
        }
    }
}
