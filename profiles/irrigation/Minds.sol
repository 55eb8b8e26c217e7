// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../../contracts/src/law/IMachineCode.sol";

/// Waters a field by its soil: the valve opens when the crop begins to want and stays open until the root zone is well
/// filled, so that it is not switched at every reading. After a day of rain, or with a low tank, it waits longer.
/// Records as profiles/irrigation/dam.toml declares them (docs/spec/decision.md section 2).
contract IrrigationMind is IMind {
    uint256 private constant RECORD = 16;
    uint256 private constant SOIL = 1; // 1/100 %
    uint256 private constant TANK = 2; // 1/10 %
    uint256 private constant RAIN = 3; // 1/10 mm, the last day
    uint256 private constant ET0 = 4; // 1/10 mm, today
    uint256 private constant VALVE_LAST = 7;
    uint256 private constant RECORDS = 8;

    int256 private constant FULL = 80_00;
    int256 private constant DRY = 55_00;

    error BadShape();

    function decide(bytes calldata, bytes calldata observation)
        external
        pure
        returns (bytes memory next, bytes memory proposal)
    {
        if (observation.length != RECORDS * RECORD) {
            revert BadShape();
        }
        int256 soil = _value(observation, SOIL);
        int256 start = DRY;
        if (_value(observation, ET0) >= 60) {
            start += 5_00; // a hot day: begin earlier
        }
        if (_value(observation, RAIN) >= 50 || _value(observation, TANK) < 30_0) {
            start -= 15_00;
        }
        bool open = _value(observation, VALVE_LAST) != 0 ? soil < FULL : soil < start;
        return ("", abi.encodePacked(int64(open ? int256(1) : int256(0))));
    }

    function _value(bytes calldata observation, uint256 index) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(192, calldataload(add(observation.offset, mul(index, RECORD))))
        }
    }
}
