// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../law/IMachineCode.sol";
import {ModelBlob} from "./ModelBlob.sol";

/// @title What the generic minds share: the model blob of docs/spec/model.md, its features, frames and answer.
/// @notice The blob is the code of at most four contracts behind a 0x00 byte each, or of up to 32 that a directory contract
/// names. It is checked once, in the constructor; afterwards a decision trusts it.
/// @dev `decide` owns all memory and ends in `return`, so it lays memory out for itself:
///
///      0          the inputs x, a word `x << _pad | (2^_pad - 1)` each; those of a net of bytes overlap to 4 each
///      _blobAt    the blob
///      _answerAt  abi.encode(next, proposal)
///
/// The three places are fixed at deployment. No Solidity code that allocates may run after `_open`.
abstract contract ModelMind is IMind {
    using ModelBlob for bytes;

    /// @notice The observation is not 16 bytes for each channel.
    error BadShape();

    uint256 private constant SLICE = 24575;
    /// @dev How a directory's code begins: a zero byte, "DAMD".
    bytes5 private constant DIRECTORY = 0x0044414d44;
    /// @dev The quality in a record that begins a word.
    uint256 private constant QUALITY = 0xff << 152;

    address private immutable _slice0;
    address private immutable _slice1;
    address private immutable _slice2;
    address private immutable _slice3;
    uint256 private immutable _blobSize;
    uint256 private immutable _observationSize;
    uint256 private immutable _nextSize;
    uint256 private immutable _answerAt;
    /// @dev QUALITY if the model has frames, or a feature with a field or a period; else 0.
    uint256 private immutable _rare;
    int256 private immutable _low;
    uint256 private immutable _span;
    uint256 private immutable _pad;
    uint256 private immutable _dense;
    uint256 private immutable _features;
    uint256 internal immutable _proposalAt;
    uint256 internal immutable _blobAt;
    uint256 private immutable _featuresAt;
    uint256 internal immutable _bodyAt;
    uint256 internal immutable _inputs;
    uint256 internal immutable _outputs;

    /// @param slices Contracts whose code is the blob, in order; or the one directory of more than four.
    /// @param kind What the blob's `kind` must be.
    constructor(address[] memory slices, uint256 kind) {
        bytes memory blob = _join(_parts(slices));
        (uint256 c, uint256 n, uint256 m, uint256 frames) = blob.checkHeader(kind);
        _rare = blob.checkFeatures(n, c) && frames == 1 ? 0 : QUALITY;
        uint256 words = _checkBody(blob, 32 + 32 * n, n * frames, m);

        _slice0 = slices[0];
        _slice1 = slices.length > 1 ? slices[1] : address(0);
        _slice2 = slices.length > 2 ? slices[2] : address(0);
        _slice3 = slices.length > 3 ? slices[3] : address(0);
        _blobSize = blob.length;
        _observationSize = 16 * c;
        uint256 nextSize = 8 * n * (frames - 1);
        _nextSize = nextSize;
        _answerAt = 32 * words + blob.length;
        _proposalAt = 32 * words + blob.length + 0x80 + ((nextSize + 31) & ~uint256(31));
        _blobAt = 32 * words;
        _features = n;
        _featuresAt = 32 * words + 32;
        _bodyAt = 32 * words + 32 + 32 * n;
        _inputs = n * frames;
        // what an input is clamped to, and how it is kept
        bool codes = kind == ModelBlob.MLP || kind == ModelBlob.WIDE;
        _low = codes ? int256(0) : kind == ModelBlob.LINEAR ? -(2 ** 63) : -(2 ** 31);
        _span = kind == ModelBlob.MLP ? 255 : kind == ModelBlob.WIDE
            ? 32767
            : kind == ModelBlob.LINEAR ? type(uint64).max : type(uint32).max;
        _pad = kind == ModelBlob.LINEAR || kind == ModelBlob.WIDE ? 0 : 224;
        _dense = kind == ModelBlob.MLP || kind == ModelBlob.INT8 ? 3 : 0;
        _outputs = m;
    }

    /// @notice SHA-256 of the blob: the model's hash.
    /// @dev The precompile is called with a written gas figure: `sha256()` would put GAS, which no mind may contain,
    /// into the code (docs/spec/decision.md section 5).
    function modelHash() external view returns (bytes32 hash) {
        bytes memory blob = new bytes(_blobSize);
        uint256 pos;
        assembly ("memory-safe") {
            pos := add(blob, 32)
        }
        _load(pos);
        assembly ("memory-safe") {
            if iszero(staticcall(0xffffffff, 2, pos, mload(blob), 0, 32)) { revert(0, 0) }
            hash := mload(0)
        }
    }

    /// @dev Refuses a body (from `pos`) that breaks its section of the spec, or is not the end of the blob.
    /// @return words Words of memory to keep before the blob; at least `inputs`.
    function _checkBody(bytes memory blob, uint256 pos, uint256 inputs, uint256 outputs)
        internal
        pure
        virtual
        returns (uint256 words);

    /// @dev Checks the observation, loads the blob, writes the inputs to memory from 0, and the next memory into the
    /// answer: docs/spec/model.md sections 2 and 3. One pass does it for the ordinary model and turn: one frame, plain
    /// values, all good. Anything else is noticed on the way and done again in full.
    function _open(bytes calldata memory_, bytes calldata observation) internal view {
        if (observation.length != _observationSize) {
            revert BadShape();
        }
        assembly {
            mstore(0x40, 0) // Solidity's free pointer would be input 2
        }
        _load(_blobAt);
        (uint256 start, uint256 end) = (_featuresAt, _bodyAt);
        (int256 low, uint256 span, uint256 pad, uint256 dense) = (_low, _span, _pad, _dense);
        uint256 rare = _rare;
        assembly {
            for { let pos := start } lt(pos, end) { pos := add(pos, 32) } {
                let feature := mload(pos)
                let record := calldataload(add(observation.offset, shl(4, shr(240, feature))))
                let x := mul(sub(sar(192, record), sar(192, shl(128, feature))), sar(224, shl(192, feature)))
                x := sar(byte(3, feature), x)
                if gt(sub(x, low), span) { x := add(low, mul(span, sgt(x, low))) }
                mstore(shr(dense, sub(pos, start)), not(shl(pad, not(x))))
                rare := or(rare, record)
            }
        }
        if (rare & QUALITY != 0) {
            _openRare(memory_, observation);
        }
    }

    /// @dev The inputs again, in full: with frames, fields, periods, and values that are not good.
    function _openRare(bytes calldata memory_, bytes calldata observation) private view {
        (uint256 n, uint256 inputs, uint256 next) = (_features, _inputs, _answerAt + 0x60);
        bool fresh = memory_.length != _nextSize;
        for (uint256 i = 0; i < inputs; ++i) {
            (uint256 feature, uint256 pos) = (0, _featuresAt + 32 * (i % n));
            assembly {
                feature := mload(pos)
            }
            int256 r = i < n || fresh ? _raw(feature, observation) : _past(memory_, i - n);
            if (i + n < inputs) {
                assembly {
                    mstore(add(next, shl(3, i)), shl(192, r))
                }
            }
            (int256 low, uint256 span, uint256 pad, uint256 dense) = (_low, _span, _pad, _dense);
            assembly {
                r := sar(byte(3, feature), mul(sub(r, sar(192, shl(128, feature))), sar(224, shl(192, feature))))
                if gt(sub(r, low), span) { r := add(low, mul(span, sgt(r, low))) }
                mstore(shr(dense, shl(5, i)), not(shl(pad, not(r))))
            }
        }
    }

    /// @dev A raw feature of this turn: docs/spec/model.md section 2.
    function _raw(uint256 feature, bytes calldata observation) private pure returns (int256 r) {
        assembly {
            let record := calldataload(add(observation.offset, shl(4, shr(240, feature))))
            let field := byte(2, feature)
            switch field
            case 0 { r := sar(192, record) }
            case 1 { r := and(shr(160, record), 0xffffffff) }
            default { r := byte(12, record) }
            let period := and(shr(192, feature), 0xffffffff)
            if period { r := smod(add(smod(r, period), period), period) }
            // the bits of 0x14 are the qualities of an absent value
            if and(iszero(field), shr(byte(12, record), 0x14)) { r := sar(192, shl(64, feature)) }
        }
    }

    /// @dev A raw feature of an earlier turn.
    function _past(bytes calldata memory_, uint256 index) private pure returns (int256 r) {
        assembly {
            r := sar(192, calldataload(add(memory_.offset, shl(3, index))))
        }
    }

    /// @dev Writes one output at `pos` of the proposal: docs/spec/model.md section 4. Outputs are written in order.
    /// @param output Where the output word is.
    function _propose(uint256 pos, uint256 output, int256 acc, uint256 shift) internal pure {
        assembly {
            let word := mload(output)
            let y := mul(add(acc, sar(224, word)), sar(224, shl(32, word)))
            y := add(sar(shift, y), sar(192, shl(64, word)))
            let bound := sar(192, shl(128, word))
            if slt(y, bound) { y := bound }
            bound := sar(192, shl(192, word))
            if sgt(y, bound) { y := bound }
            mstore(pos, shl(192, y))
        }
    }

    /// @dev Ends the call with abi.encode(next, proposal).
    function _answer() internal view {
        (uint256 pos, uint256 nextSize, uint256 proposalAt, uint256 outputs) =
            (_answerAt, _nextSize, _proposalAt, _outputs);
        assembly {
            mstore(pos, 0x40)
            mstore(add(pos, 0x20), sub(sub(proposalAt, 0x20), pos))
            mstore(add(pos, 0x40), nextSize)
            mstore(sub(proposalAt, 0x20), shl(3, outputs))
            return(pos, add(sub(proposalAt, pos), shl(5, shr(2, add(outputs, 3)))))
        }
    }

    /// @dev Copies the blob to memory at `pos`. Most are one slice: they pay for nothing else.
    function _load(uint256 pos) private view {
        (uint256 size, address slice) = (_blobSize, _slice0);
        if (size > SLICE) {
            _loadSlices(pos, size);
            return;
        }
        assembly ("memory-safe") {
            extcodecopy(slice, pos, 1, size)
        }
    }

    function _loadSlices(uint256 pos, uint256 size) private view {
        if (size > 4 * SLICE) {
            _loadMany(pos, size);
            return;
        }
        _copy(_slice0, pos, size);
        _copy(_slice1, pos + SLICE, size - SLICE);
        if (size > 2 * SLICE) {
            _copy(_slice2, pos + 2 * SLICE, size - 2 * SLICE);
        }
        if (size > 3 * SLICE) {
            _copy(_slice3, pos + 3 * SLICE, size - 3 * SLICE);
        }
    }

    /// @dev Each address is read to where its slice then goes.
    function _loadMany(uint256 pos, uint256 size) private view {
        address directory = _slice0;
        assembly ("memory-safe") {
            for { let entry := 5 } 1 { entry := add(entry, 20) } {
                extcodecopy(directory, pos, entry, 20)
                let slice := shr(96, mload(pos))
                if iszero(gt(size, SLICE)) {
                    extcodecopy(slice, pos, 1, size)
                    break
                }
                extcodecopy(slice, pos, 1, SLICE)
                pos := add(pos, SLICE)
                size := sub(size, SLICE)
            }
        }
    }

    function _copy(address slice, uint256 pos, uint256 size) private view {
        assembly ("memory-safe") {
            if gt(size, SLICE) { size := SLICE }
            extcodecopy(slice, pos, 1, size)
        }
    }

    /// @dev What a directory names, or the slices themselves.
    function _parts(address[] memory slices) private view returns (address[] memory parts) {
        ModelBlob.check(slices.length >= 1 && slices.length <= 4, 0);
        bytes memory code = slices[0].code;
        if (bytes5(code) != DIRECTORY) {
            return slices;
        }
        uint256 count = (code.length - 5) / 20;
        ModelBlob.check(slices.length == 1 && code.length == 5 + 20 * count && count > 4 && count <= 32, 0);
        parts = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            assembly ("memory-safe") {
                mstore(add(parts, mul(32, add(i, 1))), shr(96, mload(add(add(code, 37), mul(20, i)))))
            }
        }
    }

    function _join(address[] memory slices) private view returns (bytes memory blob) {
        uint256 last = slices.length - 1;
        uint256 tail = slices[last].code.length;
        ModelBlob.check(tail > 1 && tail <= SLICE + 1, 0);
        blob = new bytes(last * SLICE + tail - 1);
        for (uint256 i = 0; i <= last; ++i) {
            address slice = slices[i];
            bytes1 first;
            assembly ("memory-safe") {
                extcodecopy(slice, 0, 0, 1)
                first := and(mload(0), shl(248, 0xff))
            }
            ModelBlob.check(first == 0 && (i == last || slice.code.length == SLICE + 1), i * SLICE);
            assembly ("memory-safe") {
                let size := sub(extcodesize(slice), 1) // without the leading zero byte
                extcodecopy(slice, add(add(blob, 32), mul(i, SLICE)), 1, size)
            }
        }
    }
}
