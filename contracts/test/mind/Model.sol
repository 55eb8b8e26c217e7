// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.sol";
import {IMind} from "../../src/law/IMachineCode.sol";
import {LinearMind} from "../../src/mind/LinearMind.sol";
import {Int8Mind} from "../../src/mind/Int8Mind.sol";
import {MlpMind} from "../../src/mind/MlpMind.sol";
import {ForestMind} from "../../src/mind/ForestMind.sol";
import {WideMind} from "../../src/mind/WideMind.sol";

/// Blobs into code and minds, as docs/spec/model.md section 9 says.
abstract contract Model is Base {
    uint256 internal constant SLICE = 24575;

    /// Where case `k` of a vector file is.
    function casePath(uint256 k) internal pure returns (string memory) {
        return string.concat(".cases[", vm.toString(k), "].");
    }

    /// Every turn of case `k` gives the memory and the proposal that the file says. Returns how many there are.
    function follow(IMind mind, string memory json, uint256 k) internal view returns (uint256 turns) {
        bytes[] memory memories = vm.parseJsonBytesArray(json, string.concat(casePath(k), "memory"));
        bytes[] memory observations = vm.parseJsonBytesArray(json, string.concat(casePath(k), "observation"));
        bytes[] memory nexts = vm.parseJsonBytesArray(json, string.concat(casePath(k), "next"));
        bytes[] memory proposals = vm.parseJsonBytesArray(json, string.concat(casePath(k), "proposal"));
        for (; turns < observations.length; ++turns) {
            (bytes memory next, bytes memory proposal) = mind.decide(memories[turns], observations[turns]);
            eq(next, nexts[turns], "next memory");
            eq(proposal, proposals[turns], "proposal");
        }
    }

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
        if (all.length > 4) {
            bytes memory directory = "\x00DAMD";
            for (uint256 k = 0; k < all.length; ++k) {
                directory = bytes.concat(directory, bytes20(all[k]));
            }
            all = new address[](1);
            all[0] = store(directory);
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
        if (kind == 4) {
            return new WideMind(all);
        }
        if (kind == 5) {
            return new Int8Mind(all);
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

    /// A net with weights that are hashes.
    function mlp(uint16 inputs, uint16[] memory widths) internal pure returns (bytes memory) {
        bytes memory body;
        for (uint16 i = 0; i < inputs; ++i) {
            body = bytes.concat(body, feature(i, 3, 0, 1));
        }
        uint16 from = inputs;
        for (uint256 k = 0; k < widths.length; ++k) {
            uint16 to = widths[k];
            body = bytes.concat(body, abi.encodePacked(from, to, uint8(12), bytes3(0), k + 1 == widths.length ? int32(0) : int32(50), bytes20(0)));
            bool last = k + 1 == widths.length;
            for (uint256 j = 0; last && j < to; ++j) {
                body = bytes.concat(body, output(100, 100_000, 7));
            }
            for (uint256 g = 0; g < to; g += 8) {
                if (!last) {
                    body = bytes.concat(body, bytes32(0));
                }
                for (uint256 b = 0; b < from; b += 4) {
                    body = bytes.concat(body, keccak256(abi.encode(k, g, b)));
                }
            }
            from = to;
        }
        return bytes.concat(header(2, inputs, inputs, uint8(widths[widths.length - 1]), uint8(widths.length), 1, body.length), body);
    }
}
