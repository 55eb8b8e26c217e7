// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../../contracts/src/law/IMachineCode.sol";

/// What the minds of a solar site share: the reading of its observation and the writing of its
/// proposal, as profiles/solar-site/dam.toml declares them (docs/spec/decision.md sections 2 and 3).
abstract contract SolarSite is IMind {
    uint256 internal constant RECORD = 16;

    // Records of the observation.
    uint256 internal constant TIME = 0; // Unix seconds
    uint256 internal constant PV_W = 1;
    uint256 internal constant SOC = 2; // 1/100 %
    uint256 internal constant HOUSES_FIRST = 3; // four meters, W
    uint256 internal constant TARIFF = 7; // 1/1000 cent per kWh
    uint256 internal constant RECORDS = 11; // with the last three actions
    // A site that also lets its charger's bay and pays out its revenue: one channel and two actuators more.
    uint256 internal constant PURSE = 8; // what its account holds, cent
    uint256 internal constant RECORDS_LETTING = 14;

    int256 internal constant HOUSES = 4;
    int256 internal constant BATTERY_W = 15_000; // at a rate of 100 %
    int256 internal constant BATTERY_WH = 40_000;
    int256 internal constant FULL = 10_000; // 100 % in 1/100 %

    int256 internal constant BAY_PRICE = 25; // of the charger's bay, cent for a quarter of an hour
    int256 internal constant KEEP = 120_00; // stays in the account for deposits and repairs, cent
    int256 internal constant PAY_QUARTER = 92; // at 23:00 what is above it is paid out

    error BadShape();

    /// One channel's value.
    function _value(bytes calldata observation, uint256 index) internal pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(192, calldataload(add(observation.offset, mul(index, RECORD))))
        }
    }

    /// What the four houses draw now, W.
    function _houses(bytes calldata observation) internal pure returns (int256 total) {
        for (uint256 i = HOUSES_FIRST; i < TARIFF; i++) {
            total += _value(observation, i);
        }
    }

    /// The actuators: battery rate (1/100 %, positive discharges), energy offered in the next interval (Wh), the least
    /// price asked (1/1000 cent per kWh); where the site has them also the price of the bay and what is paid out (cent).
    function _propose(bytes calldata observation, int256 rate, int256 offerWh, int256 price)
        internal
        pure
        returns (bytes memory)
    {
        return bytes.concat(abi.encodePacked(int64(rate), int64(offerWh), int64(price)), _letting(observation));
    }

    /// With this battery rate, offer what it leaves to export, a tenth below the tariff.
    function _proposeExport(bytes calldata observation, int256 rate) internal pure returns (bytes memory) {
        int256 exportW = _value(observation, PV_W) + rate * BATTERY_W / FULL;
        int256 offerWh = exportW > 0 ? exportW / 4 : int256(0);
        return _propose(observation, rate, offerWh, _value(observation, TARIFF) * 9 / 10);
    }

    function _letting(bytes calldata observation) private pure returns (bytes memory) {
        if (observation.length != RECORDS_LETTING * RECORD) {
            return "";
        }
        int256 above = _value(observation, PURSE) - KEEP;
        bool pays = above > 0 && (_value(observation, TIME) / 900) % 96 == PAY_QUARTER;
        return abi.encodePacked(int64(BAY_PRICE), int64(pays ? above : int256(0)));
    }

    function _clamp(int256 x, int256 low, int256 high) internal pure returns (int256) {
        return x < low ? low : x > high ? high : x;
    }

    modifier shaped(bytes calldata observation) {
        if (observation.length != RECORDS * RECORD && observation.length != RECORDS_LETTING * RECORD) {
            revert BadShape();
        }
        _;
    }
}

/// The mind a site starts with: what the panels give beyond the houses' need goes into the battery, what
/// is missing comes out of it, whatever the hour. It offers what it expects to export, a tenth below the tariff.
contract SurplusMind is SolarSite {
    function decide(bytes calldata, bytes calldata observation)
        external
        pure
        shaped(observation)
        returns (bytes memory next, bytes memory proposal)
    {
        int256 pv = _value(observation, PV_W);
        int256 soc = _value(observation, SOC);
        int256 rate = _clamp((_houses(observation) - pv) * FULL / BATTERY_W, -FULL, FULL);
        if ((rate < 0 && soc >= 9_500) || (rate > 0 && soc <= 1_000)) {
            rate = 0;
        }
        return ("", _proposeExport(observation, rate));
    }
}

/// The mind the community votes in later: it keeps enough in the battery for the dear hours. Its three numbers are trained from the site's
/// evidence (demo/training.py). Its memory is one smoothed value for each hour of the day of what the houses draw, so that
/// what it learns between votes is part of the evidence and replays.
contract PeakMind is SolarSite {
    uint256 private constant HOURS = 24;
    int256 private immutable _dear; // tariff from which the battery empties
    int256 private immutable _reserve; // percent of the dear hours' need that cheap hours leave in the battery
    int256 private immutable _floor; // state of charge that is never sold, 1/100 %

    constructor(int256 dear, int256 reserve, int256 lowest) {
        (_dear, _reserve, _floor) = (dear, reserve, lowest);
    }

    function decide(bytes calldata memory_, bytes calldata observation)
        external
        view
        shaped(observation)
        returns (bytes memory next, bytes memory proposal)
    {
        int256 load = _houses(observation);
        uint256 hour = uint256(_value(observation, TIME) / 3600) % HOURS;
        next = _learn(memory_, hour, load);
        proposal = _proposeExport(observation, _rate(observation, load, _dearHoursNeed(next, hour)));
    }

    /// Exponential smoothing, a quarter of the new value.
    function _learn(bytes calldata memory_, uint256 hour, int256 load) private pure returns (bytes memory next) {
        next = memory_.length == HOURS * 4 ? memory_ : new bytes(HOURS * 4);
        int256 before = _slot(next, hour);
        int256 blended = before == 0 ? load : before + (load - before) / 4;
        assembly ("memory-safe") {
            let at := add(add(next, 32), mul(hour, 4))
            mstore(at, or(shl(224, and(blended, 0xffffffff)), and(mload(at), shr(32, not(0)))))
        }
    }

    function _slot(bytes memory profile, uint256 hour) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := shr(224, mload(add(add(profile, 32), mul(hour, 4))))
        }
    }

    /// What the houses will draw in the dear hours ahead (16:00 to 21:00), Wh, as learnt so far.
    function _dearHoursNeed(bytes memory profile, uint256 hour) private pure returns (int256 needWh) {
        for (uint256 h = hour > 16 ? hour : 16; h < 21; h++) {
            needWh += _slot(profile, h);
        }
    }

    function _rate(bytes calldata observation, int256 load, int256 needWh) private view returns (int256 rate) {
        int256 pv = _value(observation, PV_W);
        int256 soc = _value(observation, SOC);
        if (_value(observation, TARIFF) >= _dear) {
            rate = soc > _floor ? _clamp((load - pv) * FULL / BATTERY_W, 0, FULL) : int256(0);
        } else if (pv > load) {
            rate = soc < 9_800 ? _clamp((load - pv) * FULL / BATTERY_W, -FULL, 0) : int256(0);
        } else if ((soc - _floor) * BATTERY_WH / FULL > needWh * _reserve / 100) {
            // More is stored than the dear hours will take.
            rate = _clamp((load - pv) * FULL / BATTERY_W, 0, FULL);
        }
    }
}

/// A bad mind, for the story's vote that is taken back: it empties the battery at once and asks next to nothing.
contract SpendthriftMind is SolarSite {
    function decide(bytes calldata, bytes calldata observation)
        external
        pure
        shaped(observation)
        returns (bytes memory next, bytes memory proposal)
    {
        int256 pv = _value(observation, PV_W);
        return ("", _propose(observation, FULL, (pv + BATTERY_W) / 4, 1));
    }
}
