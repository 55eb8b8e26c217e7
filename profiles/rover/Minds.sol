// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../../contracts/src/law/IMachineCode.sol";

/// Drives a round of stops from the depot and back, and goes home to be charged when the battery is low. Its memory is two
/// bytes: the stop it goes to, and whether it is charging. Speeds are proportional to what is left of the way, so that it
/// slows down where it arrives. Records as profiles/rover/dam.toml declares them.
contract RoverMind is IMind {
    uint256 private constant RECORD = 16;
    uint256 private constant LAT = 1; // degrees * 10^7
    uint256 private constant LON = 2;
    uint256 private constant BATTERY = 4; // 1/100 %
    uint256 private constant RECORDS = 8;

    uint256 private constant STOPS = 5; // the first is the depot
    int256 private constant NEAR = 90; // 1 m
    int256 private constant MM_PER_LAT = 11; // of 10^-7 degrees
    int256 private constant MM_PER_LON = 7; // at this latitude
    int256 private constant SPEED = 1_200; // mm/s
    int256 private constant LOW = 25_00;
    int256 private constant CHARGED = 90_00;

    error BadShape();

    function decide(bytes calldata memory_, bytes calldata observation)
        external
        pure
        returns (bytes memory next, bytes memory proposal)
    {
        if (observation.length != RECORDS * RECORD) {
            revert BadShape();
        }
        uint256 stop = memory_.length == 2 ? uint8(memory_[0]) % STOPS : 1;
        bool charging = memory_.length == 2 && memory_[1] != 0;
        int256 battery = _value(observation, BATTERY);
        charging = charging ? battery < CHARGED : battery < LOW;
        (int256 lat, int256 lon) = _stop(charging ? 0 : stop);
        int256 north = lat - _value(observation, LAT);
        int256 east = lon - _value(observation, LON);
        if (!charging && _near(north) && _near(east)) {
            stop = (stop + 1) % STOPS; // the next turn goes on from here
        }
        next = abi.encodePacked(uint8(stop), charging);
        proposal = abi.encodePacked(_speed(north * MM_PER_LAT), _speed(east * MM_PER_LON));
    }

    /// A round of 40 by 60 metres.
    function _stop(uint256 index) private pure returns (int256 lat, int256 lon) {
        lat = 481170000;
        lon = 115160000;
        if (index == 1 || index == 2) {
            lat += 3600;
        }
        if (index == 2 || index == 3) {
            lon += 8000;
        }
        if (index == 4) {
            lon += 4000;
        }
    }

    function _near(int256 way) private pure returns (bool) {
        return way > -NEAR && way < NEAR;
    }

    /// A third of the way each second, in mm/s.
    function _speed(int256 mm) private pure returns (int64) {
        int256 v = mm / 3;
        return int64(v > SPEED ? SPEED : v < -SPEED ? -SPEED : v);
    }

    function _value(bytes calldata observation, uint256 index) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(192, calldataload(add(observation.offset, mul(index, RECORD))))
        }
    }
}
