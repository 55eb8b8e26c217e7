// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind, ICharter} from "../../src/law/IMachineCode.sol";

/// A mind that remembers how often it ran and proposes the first sensor's value on every actuator.
contract CountingMind is IMind {
    uint256 private immutable actuators;

    constructor(uint256 actuators_) {
        actuators = actuators_;
    }

    function decide(bytes calldata memory_, bytes calldata observation)
        external
        view
        returns (bytes memory next, bytes memory proposal)
    {
        uint64 turns = memory_.length == 0 ? 0 : uint64(bytes8(memory_));
        next = abi.encodePacked(turns + 1);
        bytes8 value = bytes8(observation[16:24]);
        for (uint256 k = 0; k < actuators; k++) {
            proposal = bytes.concat(proposal, value);
        }
    }
}

/// Fails in the way that the first byte of the observation's second value says; else counts.
contract MoodyMind is IMind {
    function decide(bytes calldata memory_, bytes calldata observation)
        external
        pure
        returns (bytes memory next, bytes memory proposal)
    {
        uint8 mood = uint8(observation[16]);
        require(mood != 1, "mood");
        uint256 sum = 1;
        while (mood == 2) {
            sum = uint256(keccak256(abi.encode(sum)));
        }
        next = memory_;
        if (mood == 3) {
            return (next, hex"00"); // wrong length
        }
        if (mood == 4) {
            return (new bytes(8193), new bytes(16)); // too long a memory
        }
        if (mood == 5) {
            assembly {
                mstore(0, 0x60) // an encoding no encoder makes
                return(0, 160)
            }
        }
        proposal = new bytes(16);
    }
}

/// Answers (8 bytes, 16 bytes) in good encoding with mood 0 (as `MoodyMind` reads it), else in one that only just is not.
contract EncodingMind is IMind {
    function decide(bytes calldata, bytes calldata observation)
        external
        pure
        returns (bytes memory, bytes memory)
    {
        uint8 mood = uint8(observation[16]);
        assembly {
            // 0: 0x40, 0x20: 0x80, 0x40: 8, 0x60: eight bytes, 0x80: 16, 0xa0: sixteen bytes
            mstore(0x00, add(0x40, mul(0x20, eq(mood, 1)))) // first offset
            mstore(0x20, add(0x80, mul(0x20, eq(mood, 2)))) // second offset
            mstore(0x40, 8)
            mstore(0x60, eq(mood, 3)) // padding of the first
            mstore(0x80, 16)
            mstore(0xa0, eq(mood, 4)) // padding of the second
            mstore(0xc0, 0)
            let size := 0xc0
            if eq(mood, 5) { size := 0xe0 } // something follows
            if eq(mood, 6) { size := 0xa0 } // cut
            if eq(mood, 7) { size := 0x60 } // too short for two
            if eq(mood, 8) { mstore(0x40, not(0)) } // first length
            if eq(mood, 9) { mstore(0x80, not(0)) } // second length
            if eq(mood, 10) { // the second would lie behind the end
                mstore(0x40, 0xa0)
                mstore(0x20, 0x100)
            }
            return(0, size)
        }
    }
}

/// A charter that permits everything, and says neither bounds nor a safe action.
contract OpenCharter is ICharter {
    function review(bytes calldata, bytes calldata, bytes calldata proposal)
        external
        pure
        returns (bytes memory action, bytes memory reasons)
    {
        return (proposal, new bytes(proposal.length / 4));
    }
}

/// A charter that always fails.
contract BrokenCharter is ICharter {
    error Broken();

    function review(bytes calldata, bytes calldata, bytes calldata)
        external
        pure
        returns (bytes memory, bytes memory)
    {
        revert Broken();
    }
}
