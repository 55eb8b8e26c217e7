// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// Owner and treasury of a community's machines. The governor alone proposes and cancels, anyone
/// executes once the delay is over, and nobody is administrator: roles change by vote.
contract MachineTimelock is TimelockController {
    constructor(uint256 minDelay, address governor)
        TimelockController(minDelay, _only(governor), _only(address(0)), address(0))
    {}

    function _only(address who) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = who;
    }
}
