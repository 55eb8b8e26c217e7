// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../../contracts/src/law/IMachineCode.sol";

/// Waters a field by its soil and its crop's age: the valve opens when the root zone is drier than the crop may have it at that age, and
/// stays open until it is somewhat wetter, so that it is not switched at every reading and leaves room for rain. After a day of rain, or
/// with a low tank, it waits longer. Toward the harvest the crop lives on what the soil still holds.
/// The numbers are those of maize on sandy loam, tuned on AquaCrop's seasons of Champion, Nebraska, 1982 to 2007 (docs/decisions.md).
/// Records as profiles/irrigation/dam.toml declares them (docs/spec/decision.md section 2).
contract IrrigationMind is IMind {
    uint256 private constant RECORD = 16;
    uint256 private constant SOIL = 1; // 1/100 %
    uint256 private constant TANK = 2; // 1/10 %
    uint256 private constant RAIN = 3; // 1/10 mm, the last day
    uint256 private constant AGE = 7; // days since sowing
    uint256 private constant VALVE_LAST = 8;
    uint256 private constant RECORDS = 9;

    /// Ages, and the soil's moisture in 1/100 % below which the valve opens then: 16 bits each, the first knot lowest; straight lines between.
    uint256 private constant KNOTS = 7;
    uint256 private constant AGES = 120 << 96 | 105 << 80 | 85 << 64 | 66 << 48 | 45 << 32 | 25 << 16 | 0;
    uint256 private constant STARTS = 1450 << 96 | 4750 << 80 | 4200 << 64 | 4300 << 48 | 5400 << 32 | 5700 << 16 | 3700;
    int256 private constant START_UNKNOWN = 55_00; // nobody has said when it was sown
    int256 private constant BAND = 16_00;
    int256 private constant AFTER_RAIN = 8_00;
    int256 private constant LOW_TANK = 15_00;

    error BadShape();

    function decide(bytes calldata, bytes calldata observation)
        external
        pure
        returns (bytes memory next, bytes memory proposal)
    {
        if (observation.length != RECORDS * RECORD) {
            revert BadShape();
        }
        int256 start = _quality(observation, AGE) == 0 ? _start(_value(observation, AGE)) : START_UNKNOWN;
        if (_value(observation, RAIN) >= 50) {
            start -= AFTER_RAIN;
        }
        if (_value(observation, TANK) < 30_0) {
            start -= LOW_TANK;
        }
        int256 stop = _value(observation, VALVE_LAST) != 0 ? start + BAND : start;
        return ("", abi.encodePacked(int64(_value(observation, SOIL) < stop ? int256(1) : int256(0))));
    }

    function _start(int256 age) private pure returns (int256) {
        for (uint256 i = 1; i < KNOTS; i++) {
            int256 to = _knot(AGES, i);
            if (age < to) {
                int256 from = _knot(AGES, i - 1);
                int256 low = _knot(STARTS, i - 1);
                return low + (_knot(STARTS, i) - low) * (age - from) / (to - from);
            }
        }
        return _knot(STARTS, KNOTS - 1);
    }

    function _knot(uint256 packed, uint256 index) private pure returns (int256) {
        return int256(packed >> (16 * index) & 0xffff);
    }

    function _quality(bytes calldata observation, uint256 index) private pure returns (uint8) {
        return uint8(observation[index * RECORD + 12]);
    }

    function _value(bytes calldata observation, uint256 index) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(192, calldataload(add(observation.offset, mul(index, RECORD))))
        }
    }
}
