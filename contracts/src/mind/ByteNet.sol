// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ModelBlob} from "./ModelBlob.sol";
import {ModelMind} from "./ModelMind.sol";

/// @title What both nets of bytes share: docs/spec/model.md section 6.
/// @notice Weights of 8 bits, codes of 8 bits, accumulators of 32 bits.
/// @dev The lanes. A tile's word holds the weights (plus 128) of 8 neurons from 4 inputs, a byte each. A shift and a
/// mask leave the 8 weights of one input, each in the low byte of a 32-bit lane, and one MUL by the input's code makes
/// 8 products: at most 255 * 255 each, so 1,024 inputs stay far below 2^32 and no lane reaches its neighbour. The
/// 128s come out again at the end: they added 128 times the sum of all codes to every lane.
abstract contract ByteNet is ModelMind {
    using ModelBlob for bytes;

    /// @dev A one in each lane of 32 bits.
    uint256 internal constant ONES = 0x0000000100000001000000010000000100000001000000010000000100000001;

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
            _checkWord(blob, pos, layer == 1, layer == layers);
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

    /// @dev What the kinds have of their own in a layer word.
    function _checkWord(bytes memory blob, uint256 pos, bool first, bool last) internal pure virtual;

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

    /// @dev The inputs to codes at 0, in lanes of 32 bits. Returns their sum. `part`: the first layer.
    function _codes(uint256 part) internal view virtual returns (uint256 sum);

    /// @dev One hidden layer: codes at `from` to codes at `to`. Returns where the next layer starts in the blob, and the
    /// sum of the new codes.
    function _hidden(uint256 part, uint256 from, uint256 to, uint256 sum)
        internal
        pure
        virtual
        returns (uint256, uint256 newSum);

    /// @dev The last layer: codes at `from` to the proposal.
    function _last(uint256 part, uint256 from, uint256 sum) internal view virtual;

    function decide(bytes calldata memory_, bytes calldata observation)
        external
        view
        returns (bytes memory, bytes memory)
    {
        _open(memory_, observation);
        (uint256 blob, uint256 part) = (_blobAt, _bodyAt);
        (uint256 from, uint256 to) = (0, blob >> 1);
        uint256 sum = _codes(part);
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

    /// @dev A layer word: its shift and multiplier, the end of its codes, and 4 bytes for each of its neurons.
    function _layer(uint256 part, uint256 from)
        internal
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
    function _dot(uint256 tile, uint256 from, uint256 end) internal pure returns (uint256 acc) {
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
