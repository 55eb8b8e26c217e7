// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../../contracts/src/law/IMachineCode.sol";

/// Keeps a float in cash for the bills, lends what is above it, and in the first turn of each week pays out what cash and
/// vault hold above the fund that the community wants kept. Its channels are read just after its acts, before a block has
/// them, so it rests for one turn after each. Its memory is the week of the last payment.
contract TreasuryMind is IMind {
    uint256 private constant RECORD = 16;
    uint256 private constant RECORDS = 7;
    uint256 private constant TIME = 0;
    uint256 private constant BALANCE = 1;
    uint256 private constant INVESTED = 2;
    uint256 private constant LAST = 4; // distribute, invest, divest

    int256 private constant FLOAT = 500_00;
    int256 private constant FUND = 5_000_00;
    int256 private constant WORTH_MOVING = 100_00;
    int256 private constant WEEK = 604_800;

    error BadShape();

    function decide(bytes calldata memory_, bytes calldata observation)
        external
        pure
        returns (bytes memory next, bytes memory proposal)
    {
        if (observation.length != RECORDS * RECORD) {
            revert BadShape();
        }
        int256 week = _value(observation, TIME) / WEEK;
        int256 paid = memory_.length == 8 ? int256(int64(uint64(bytes8(memory_)))) : week;
        bool rests = _value(observation, LAST) | _value(observation, LAST + 1) | _value(observation, LAST + 2) != 0;
        if (rests) {
            return (abi.encodePacked(int64(paid)), new bytes(24));
        }
        (int256 pay, int256 invest, int256 divest) =
            _plan(_value(observation, BALANCE), _value(observation, INVESTED), week > paid);
        return (abi.encodePacked(int64(week)), abi.encodePacked(int64(pay), int64(invest), int64(divest)));
    }

    function _plan(int256 cash, int256 invested, bool payday)
        private
        pure
        returns (int256 pay, int256 invest, int256 divest)
    {
        if (payday && cash + invested > FUND) {
            pay = cash + invested - FUND;
        }
        int256 missing = FLOAT + pay - cash;
        if (missing > 0) {
            divest = missing < invested ? missing : invested;
        } else if (-missing >= WORTH_MOVING) {
            invest = -missing;
        }
    }

    function _value(bytes calldata observation, uint256 index) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(192, calldataload(add(observation.offset, mul(index, RECORD))))
        }
    }
}
