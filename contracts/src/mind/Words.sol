// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Signed words in memory, as minds that plan keep what they know.
abstract contract Words {
    function _alloc(uint256 words) internal pure returns (uint256 pos) {
        // zeroed, as Solidity keeps memory beyond the free pointer only by convention
        uint256[] memory array = new uint256[](words);
        assembly ("memory-safe") {
            pos := add(array, 32)
        }
    }

    function _get(uint256 pos, uint256 index) internal pure returns (int256 v) {
        assembly ("memory-safe") {
            v := mload(add(pos, shl(5, index)))
        }
    }

    function _set(uint256 pos, uint256 index, int256 v) internal pure {
        assembly ("memory-safe") {
            mstore(add(pos, shl(5, index)), v)
        }
    }

    /// @dev Words as a mind's memory: the first ones in 8 bytes each, the others in 4.
    function _pack(uint256 s, uint256 longs, uint256 shorts) internal pure returns (bytes memory packed) {
        unchecked {
            packed = new bytes(8 * longs + 4 * shorts + 32);
            assembly ("memory-safe") {
                let to := add(packed, 32)
                for { let i := 0 } lt(i, longs) { i := add(i, 1) } {
                    mstore(to, shl(192, mload(add(s, shl(5, i)))))
                    to := add(to, 8)
                }
                for { let i := longs } lt(i, add(longs, shorts)) { i := add(i, 1) } {
                    mstore(to, shl(224, mload(add(s, shl(5, i)))))
                    to := add(to, 4)
                }
                // the last store wrote beyond the memory: the 32 bytes kept for that are cut off
                mstore(packed, sub(mload(packed), 32))
            }
        }
    }

    function _sat(int256 x, int256 min, int256 max) internal pure returns (int256) {
        return x < min ? min : x > max ? max : x;
    }

    function _distance(int256 a, int256 b) internal pure returns (int256) {
        unchecked {
            return a < b ? b - a : a - b;
        }
    }
}
