// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.sol";
import {IMind} from "../../src/law/IMachineCode.sol";
import {LinearMind} from "../../src/mind/LinearMind.sol";
import {MlpMind} from "../../src/mind/MlpMind.sol";
import {ForestMind} from "../../src/mind/ForestMind.sol";

/// Blobs into code and minds, as docs/spec/model.md section 9 says.
abstract contract Model is Base {
    uint256 internal constant SLICE = 24575;

    function slices(bytes memory blob) internal returns (address[] memory all) {
        all = new address[]((blob.length + SLICE - 1) / SLICE);
        for (uint256 k = 0; k < all.length; ++k) {
            uint256 size = k + 1 == all.length ? blob.length - k * SLICE : SLICE;
            bytes memory part = new bytes(size);
            for (uint256 i = 0; i < size; ++i) {
                part[i] = blob[k * SLICE + i];
            }
            all[k] = store(bytes.concat(hex"00", part));
        }
    }

    function store(bytes memory code) internal returns (address pos) {
        bytes memory init = bytes.concat(hex"600b5981380380925939f3", code);
        assembly {
            pos := create(0, add(init, 32), mload(init))
        }
        ok(pos != address(0), "slice stored");
    }

    function mindOf(bytes memory blob) internal returns (IMind) {
        return mindOf(slices(blob), uint8(blob[5]));
    }

    function mindOf(address[] memory all, uint8 kind) internal returns (IMind) {
        if (kind == 1) {
            return new LinearMind(all);
        }
        return kind == 2 ? IMind(new MlpMind(all)) : IMind(new ForestMind(all));
    }

    /// A blob's header.
    function header(uint8 kind, uint16 c, uint16 n, uint8 m, uint8 layers, uint8 frames, uint256 rest)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
            "DAMM", uint8(1), kind, c, n, m, layers, frames, bytes3(0), uint32(32 + rest), bytes12(0)
        );
    }

    function feature(uint16 channel, uint8 shift, int64 center, int32 mul) internal pure returns (bytes memory) {
        return abi.encodePacked(channel, uint8(0), shift, uint32(0), int64(0), center, mul, uint32(0));
    }

    function output(int32 bias, int32 mul, int64 offset) internal pure returns (bytes memory) {
        return abi.encodePacked(bias, mul, offset, type(int64).min, type(int64).max);
    }

    function record(int64 value, uint32 age, uint8 quality) internal pure returns (bytes memory) {
        return abi.encodePacked(value, age, quality, bytes3(0));
    }
}
