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
