// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ModelBlob} from "./ModelBlob.sol";
import {ModelMind} from "./ModelMind.sol";

/// @title A neural network of 16 bits: docs/spec/model.md section 6, "Wide".
/// @notice Weights of 16 bits, activations of 15 bits, accumulators of 32 bits, smooth activations by table.
/// @dev A tile's word holds the weights (plus 32,768) of 4 neurons from 4 inputs. A shift and a mask leave the 4 weights
/// of one input in lanes of 64 bits, and one MUL by the input's code makes 4 products below 2^31, of which 1,024 stay
/// far below 2^64. The 32,768s come out again at the end: they added 32,768 times the sum of all codes to every lane.
/// A layer's codes are a word each.
contract WideMind is ModelMind {
    using ModelBlob for bytes;

    uint256 private constant TABLE_SIZE = 544;
    int256 private constant CODE_MAX = 32767;

    constructor(address[] memory slices) ModelMind(slices, ModelBlob.WIDE) {}

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
            ModelBlob.check(blob.u(pos, 2) == inputs && neurons >= 1 && neurons <= 1024, pos);
            if (layer == layers) {
                ModelBlob.check(neurons == outputs, pos + 2);
            }
            pos = _checkLayer(blob, pos, inputs, neurons, layer == layers);
            inputs = neurons;
            words = words < _eights(neurons) ? _eights(neurons) : words;
        }
        ModelBlob.check(pos == blob.length, pos);
        return 2 * words;
    }

    function _checkLayer(bytes memory blob, uint256 pos, uint256 inputs, uint256 neurons, bool last)
        private
        pure
        returns (uint256)
    {
        ModelBlob.check(blob.u(pos + 4, 1) <= 62, pos + 4);
        uint256 table = blob.u(pos + 5, 1);
        ModelBlob.check(table <= (last ? 0 : 1), pos + 5);
        blob.zeros(pos + 6, 2);
        int256 scale = blob.i(pos + 8, 4);
        ModelBlob.check(last ? scale == 0 : scale > 0, pos + 8);
        blob.zeros(pos + 12, 20);
        pos += 32;
        if (table == 1) {
            for (uint256 k = 0; k < 257; ++k) {
                ModelBlob.check(blob.u(pos + 2 * k, 2) <= uint256(CODE_MAX), pos + 2 * k);
            }
            blob.zeros(pos + 514, 30);
            pos += TABLE_SIZE;
        }
        uint256 biases = pos; // of the last layer: its output words
        if (last) {
            for (uint256 j = 0; j < neurons; ++j) {
                blob.checkOutput(pos);
                pos += 32;
            }
        }
        for (uint256 first = 0; first < neurons; first += 8) {
            if (!last) {
                biases = pos;
                uint256 real = neurons - first < 8 ? neurons - first : 8;
                blob.zeros(pos + 4 * real, 32 - 4 * real);
                pos += 32;
            }
            for (uint256 j = first; j < first + 8; ++j) {
                uint256 bias = last ? biases + 32 * j : biases + 4 * (j - first);
                _checkNeuron(blob, pos, inputs, j - first, j < neurons, bias);
            }
            pos += 16 * _eights(inputs);
        }
        return pos;
    }

    /// @dev The interval analysis of one neuron: no codes can take its sum out of 32 bits. Padding weighs nothing.
    function _checkNeuron(bytes memory blob, uint256 tiles, uint256 inputs, uint256 j, bool real, uint256 biasPos)
        private
        pure
    {
        int256 sum = 0;
        uint256 row = tiles + (j / 4) * 8 * _eights(inputs) + 8 * (j % 4);
        for (uint256 i = 0; i < _eights(inputs); ++i) {
            uint256 pos = row + 32 * (i / 4) + 2 * (i % 4);
            int256 w = int256(blob.u(pos, 2)) - 32768;
            ModelBlob.check((real && i < inputs) || w == 0, pos);
            sum += w < 0 ? -w : w;
        }
        if (real) {
            int256 bias = blob.i(biasPos, 4);
            ModelBlob.check(CODE_MAX * sum + (bias < 0 ? -bias : bias) < 2 ** 31, biasPos);
        }
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
        uint256 layers;
        assembly {
            layers := byte(11, mload(blob))
        }
        _clear(_inputs, from);
        while (layers > 1) {
            part = _hidden(part, from, to);
            (from, to) = (to, from);
            unchecked {
                --layers;
            }
        }
        _last(part, from);
        _answer();
    }

    /// @dev Codes of padding are zero.
    function _clear(uint256 count, uint256 from) private pure {
        assembly {
            let end := add(from, shl(5, and(add(count, 7), not(7))))
            for { let pos := add(from, shl(5, count)) } lt(pos, end) { pos := add(pos, 32) } { mstore(pos, 0) }
        }
    }

    /// @dev A layer word, and 32,768 times the sum of its codes.
    function _layer(uint256 part, uint256 from)
        private
        pure
        returns (uint256 shift, uint256 scale, uint256 fromEnd, uint256 neurons, uint256 sum)
    {
        assembly {
            let word := mload(part)
            shift := byte(4, word)
            scale := and(shr(160, word), 0xffffffff)
            fromEnd := add(from, shl(5, and(add(shr(240, word), 7), not(7))))
            neurons := and(shr(224, word), 0xffff)
            for { let pos := from } lt(pos, fromEnd) { pos := add(pos, 32) } { sum := add(sum, mload(pos)) }
            sum := shl(15, sum)
        }
    }

    /// @dev One hidden layer: codes at `from` to codes at `to`. Returns where the next layer starts in the blob.
    function _hidden(uint256 part, uint256 from, uint256 to) private pure returns (uint256) {
        (uint256 shift, uint256 scale, uint256 fromEnd, uint256 neurons, uint256 sum) = _layer(part, from);
        uint256 table = 0;
        uint256 end = to + 32 * neurons;
        assembly {
            if byte(5, mload(part)) { table := add(part, 32) }
            // both halves of what `_four` needs of the layer
            scale := or(scale, shl(32, shift))
            shift := shr(2, sub(fromEnd, from)) // from now on: the tiles of four neurons
        }
        unchecked {
            part += table > 0 ? 32 + TABLE_SIZE : 32;
            for (uint256 pos = to; pos < end; pos += 256) {
                uint256 biases;
                assembly {
                    biases := mload(part)
                }
                part += 32;
                _four(pos, _dot(part, from, fromEnd), biases, sum, scale);
                part += shift;
                _four(pos + 128, _dot(part, from, fromEnd), biases << 128, sum, scale);
                part += shift;
            }
        }
        if (table > 0) {
            _look(table, to, end);
        }
        _clear(neurons, to);
        return part;
    }

    /// @dev Four sums to four codes at `pos`. `scale` has the shift above its 32 bits.
    function _four(uint256 pos, uint256 acc, uint256 biases, uint256 sum, uint256 scale) private pure {
        assembly {
            let shift := shr(32, scale)
            scale := and(scale, 0xffffffff)
            for { let end := add(pos, 128) } lt(pos, end) { pos := add(pos, 32) } {
                let y := add(sub(shr(192, acc), sum), sar(224, biases))
                y := shr(shift, mul(mul(sgt(y, 0), y), scale))
                if gt(y, 32767) { y := 32767 }
                mstore(pos, y)
                acc := shl(64, acc)
                biases := shl(32, biases)
            }
        }
    }

    /// @dev Codes through a table: straight between 257 points.
    function _look(uint256 table, uint256 pos, uint256 end) private pure {
        assembly {
            for { } lt(pos, end) { pos := add(pos, 32) } {
                let k := mload(pos)
                let points := mload(add(table, shl(1, shr(7, k))))
                let point := shr(240, points)
                let rise := sub(and(shr(224, points), 0xffff), point)
                mstore(pos, add(point, sar(7, mul(rise, and(k, 127)))))
            }
        }
    }

    /// @dev The last layer: codes at `from` to the proposal.
    function _last(uint256 part, uint256 from) private view {
        (uint256 shift,, uint256 fromEnd, uint256 neurons, uint256 sum) = _layer(part, from);
        uint256 pos = _proposalAt;
        uint256 tile;
        unchecked {
            part += 32;
            tile = part + 32 * neurons;
        }
        for (uint256 j = 0; j < neurons; ) {
            uint256 acc = _dot(tile, from, fromEnd);
            for (uint256 lane = 0; lane < 4 && j < neurons; ) {
                unchecked {
                    _propose(pos, part, int256(acc >> 192) - int256(sum), shift);
                    acc <<= 64;
                    pos += 8;
                    part += 32;
                    ++lane;
                    ++j;
                }
            }
            assembly {
                tile := add(tile, shr(2, sub(fromEnd, from)))
            }
        }
    }

    /// @dev Four dot products at once, a lane each: the tiles of four neurons with the codes from `from` to `end`.
    function _dot(uint256 tile, uint256 from, uint256 end) private pure returns (uint256 acc) {
        assembly {
            let mask := 0x000000000000ffff000000000000ffff000000000000ffff000000000000ffff
            for { } lt(from, end) { from := add(from, 128) } {
                let w := mload(tile)
                acc :=
                    add(mul(and(shr(48, w), mask), mload(from)),
                    add(mul(and(shr(32, w), mask), mload(add(from, 32))),
                    add(mul(and(shr(16, w), mask), mload(add(from, 64))),
                    add(mul(and(w, mask), mload(add(from, 96))), acc))))
                tile := add(tile, 32)
            }
        }
    }
}
