// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../../contracts/src/law/IMachineCode.sol";

/// Opens to who shows a pass, warms the hall in the hour before it is let and while it is, and lets no pipe freeze. An hour
/// costs more when it takes heat. What the roof gives above the house's use is offered once for each quarter of an hour; its
/// memory is the last quarter that it offered for.
contract BuildingMind is IMind {
    uint256 private constant RECORD = 16;
    uint256 private constant RECORDS = 13;
    uint256 private constant TIME = 0;
    uint256 private constant VISIT = 1;
    uint256 private constant TAKEN = 2;
    uint256 private constant NEXT = 3;
    uint256 private constant TEMPERATURE = 4; // 1/10 degree
    uint256 private constant ROOF = 5;
    uint256 private constant HOUSE = 6;
    uint256 private constant LAST_HEAT = 9;

    int256 private constant QUARTER = 900;
    int256 private constant LET = 200;
    int256 private constant EMPTY = 80;
    int256 private constant BAND = 5;
    int256 private constant HOUR_PRICE = 4_00;
    int256 private constant HEATED_HOUR_PRICE = 6_00;
    int256 private constant ENERGY_PRICE = 0.12e5;
    int256 private constant OFFER_MIN = 200; // Wh

    error BadShape();

    function decide(bytes calldata memory_, bytes calldata observation)
        external
        pure
        returns (bytes memory next, bytes memory proposal)
    {
        if (observation.length != RECORDS * RECORD) {
            revert BadShape();
        }
        int256 quarter = _value(observation, TIME) / QUARTER;
        int256 offered = memory_.length == 8 ? int256(int64(uint64(bytes8(memory_)))) : int256(0);
        int256 offer = quarter > offered ? _spare(observation) : int256(0);
        if (offer > 0) {
            offered = quarter;
        }
        int256 lock = _value(observation, VISIT) > 0 ? int256(1) : int256(0);
        int256 hour = _value(observation, TEMPERATURE) < LET - BAND ? HEATED_HOUR_PRICE : HOUR_PRICE;
        return (
            abi.encodePacked(int64(offered)),
            abi.encodePacked(
                int64(lock), int64(_heat(observation)), int64(hour), int64(offer), int64(ENERGY_PRICE)
            )
        );
    }

    /// A quarter of an hour of what the house leaves of the roof's power.
    function _spare(bytes calldata observation) private pure returns (int256 wh) {
        wh = (_value(observation, ROOF) - _value(observation, HOUSE)) / 4;
        return wh >= OFFER_MIN ? wh : int256(0);
    }

    function _heat(bytes calldata observation) private pure returns (int256) {
        int256 wanted = _value(observation, TAKEN) + _value(observation, NEXT) > 0 ? LET : EMPTY;
        int256 is_ = _value(observation, TEMPERATURE);
        if (is_ >= wanted + BAND) {
            return 0;
        }
        return is_ <= wanted - BAND ? int256(1) : _value(observation, LAST_HEAT);
    }

    function _value(bytes calldata observation, uint256 index) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(192, calldataload(add(observation.offset, mul(index, RECORD))))
        }
    }
}
