// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// Running a mind or a charter once more, under a gas budget that the caller cannot squeeze.
library Rerun {
    /// What a run gave. `ok`: it returned, in budget, the canonical ABI encoding of two byte strings.
    struct Result {
        bool ok;
        uint256 gasUsed;
        bytes first;
        bytes second;
    }

    /// The machine counts gas with every account warm (docs/spec/decision.md section 6); here the first
    /// access to the code and to model blobs is cold. Failing with this much more is failing.
    uint256 internal constant SLACK = 100_000;
    uint256 private constant RETURN_MAX = 64 + 32 + 8192 + 32 + 8192;

    error NotEnoughGas();

    /// Call `code` with `input` and `budget`. Reverts where the transaction has too little gas left for
    /// the budget, so that nobody can make an honest run fail by sending little.
    function run(address code, bytes memory input, uint256 budget) internal view returns (Result memory result) {
        budget += SLACK;
        if (gasleft() - gasleft() / 64 < budget + SLACK) {
            revert NotEnoughGas();
        }
        uint256 before = gasleft();
        bool success;
        uint256 size;
        assembly ("memory-safe") {
            success := staticcall(budget, code, add(input, 32), mload(input), 0, 0)
            size := returndatasize()
        }
        result.gasUsed = before - gasleft();
        if (!success || size > RETURN_MAX) {
            return result;
        }
        bytes memory answer = new bytes(size);
        assembly ("memory-safe") {
            returndatacopy(add(answer, 32), 0, size)
        }
        _decode(answer, result);
    }

    /// Strict decoding: any encoding but the canonical one is malformed, so that two decoders never differ.
    function _decode(bytes memory answer, Result memory result) private pure {
        uint256 size = answer.length;
        if (size < 128 || _word(answer, 0) != 64) {
            return;
        }
        uint256 firstLength = _word(answer, 64);
        if (firstLength > size) {
            return;
        }
        uint256 second = 96 + _padded(firstLength);
        if (_word(answer, 32) != second || second + 32 > size) {
            return;
        }
        uint256 secondLength = _word(answer, second);
        if (secondLength > size || second + 32 + _padded(secondLength) != size) {
            return;
        }
        if (!_zeroTail(answer, 96, firstLength) || !_zeroTail(answer, second + 32, secondLength)) {
            return;
        }
        bytes memory a;
        bytes memory b;
        assembly ("memory-safe") {
            a := add(answer, 96) // 32 + 64: where the first length is
            b := add(add(answer, 32), second)
        }
        (result.ok, result.first, result.second) = (true, a, b);
    }

    function _word(bytes memory data, uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 32), offset))
        }
    }

    function _padded(uint256 length) private pure returns (uint256) {
        return (length + 31) & ~uint256(31);
    }

    function _zeroTail(bytes memory data, uint256 offset, uint256 length) private pure returns (bool) {
        uint256 rest = length % 32;
        return rest == 0 || _word(data, offset + length - rest) << (8 * rest) == 0;
    }
}
