// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Reading and checking a model blob (docs/spec/model.md). Used in constructors only.
library ModelBlob {
    /// @notice The blob breaks the spec near byte `pos`.
    error BadModel(uint256 pos);

    uint256 internal constant LINEAR = 1;
    uint256 internal constant MLP = 2;
    uint256 internal constant FOREST = 3;
    uint256 internal constant WIDE = 4;
    uint256 internal constant INT8 = 5;

    function check(bool good, uint256 pos) internal pure {
        if (!good) {
            revert BadModel(pos);
        }
    }

    /// @dev An unsigned field of `size` bytes.
    function u(bytes memory blob, uint256 pos, uint256 size) internal pure returns (uint256 x) {
        check(pos + size <= blob.length, pos);
        assembly ("memory-safe") {
            x := shr(sub(256, shl(3, size)), mload(add(add(blob, 32), pos)))
        }
    }

    /// @dev A signed field of `size` bytes.
    function i(bytes memory blob, uint256 pos, uint256 size) internal pure returns (int256 x) {
        x = int256(u(blob, pos, size));
        assembly ("memory-safe") {
            x := signextend(sub(size, 1), x)
        }
    }

    /// @dev Reserved bytes.
    function zeros(bytes memory blob, uint256 pos, uint256 size) internal pure {
        check(size == 0 || u(blob, pos, size) == 0, pos);
    }

    /// @dev Section 1. Gives channels, features, outputs and frames.
    function checkHeader(bytes memory blob, uint256 kind)
        internal
        pure
        returns (uint256 c, uint256 n, uint256 m, uint256 frames)
    {
        check(u(blob, 0, 4) == 0x44414d4d && u(blob, 4, 1) == 1, 0);
        check(u(blob, 5, 1) == kind, 5);
        (c, n, m, frames) = (u(blob, 6, 2), u(blob, 8, 2), u(blob, 13, 1) << 8 | u(blob, 10, 1), u(blob, 12, 1));
        check(c >= 1 && c <= 2048, 6);
        check(n >= 1 && n <= 1024, 8);
        check(m >= 1 && m <= 1024, 10);
        uint256 layers = u(blob, 11, 1);
        bool net = kind != LINEAR && kind != FOREST;
        check(net ? layers >= 1 && layers <= 16 : layers == 0, 11);
        check(frames >= 1 && frames <= 8 && n * frames <= (kind == FOREST ? 256 : 1024), 12);
        check(8 * n * (frames - 1) <= 8192, 12);
        zeros(blob, 14, 2);
        check(u(blob, 16, 4) == blob.length, 16);
        zeros(blob, 20, 12);
    }

    /// @dev Section 2. Tells whether every feature is a value as it stands, without a period.
    function checkFeatures(bytes memory blob, uint256 n, uint256 c) internal pure returns (bool plain) {
        plain = true;
        for (uint256 pos = 32; pos < 32 + 32 * n; pos += 32) {
            check(u(blob, pos, 2) < c, pos);
            check(u(blob, pos + 2, 1) <= 2, pos + 2);
            check(u(blob, pos + 3, 1) <= 62, pos + 3);
            zeros(blob, pos + 28, 4);
            plain = plain && u(blob, pos + 2, 1) == 0 && u(blob, pos + 4, 4) == 0;
        }
    }

    /// @dev Section 4.
    function checkOutput(bytes memory blob, uint256 pos) internal pure {
        check(i(blob, pos + 16, 8) <= i(blob, pos + 24, 8), pos + 16);
    }
}
