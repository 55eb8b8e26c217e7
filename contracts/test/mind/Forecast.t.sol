// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ForecastMind} from "../../src/mind/ForecastMind.sol";
import {Model} from "./Model.sol";

/// The forecasters' constructor refuses what src/model/forecast.c refuses; decisions are compared by `dam model verify`.
contract ForecastTest is Model {
    /// One forecaster of channel 1, a day of 24 hours; its forecast is the proposal.
    function blobOf(uint16 channel, uint8 method, uint8 ahead, uint16 season, uint8 alpha, uint8 limit)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory head = abi.encodePacked(
            "DAMF", uint16(0x0100), uint16(2), uint8(1), uint8(1), uint16(0), uint32(3600), uint32(160), bytes12(0)
        );
        bytes memory one = abi.encodePacked(channel, method, ahead, season, alpha, uint8(2), uint8(0), limit, bytes22(0));
        bytes memory row = abi.encodePacked(
            bytes32(0), int32(0), int32(1), int64(0), type(int64).min, type(int64).max, int32(0), int32(1), bytes24(0)
        );
        return bytes.concat(head, one, row);
    }

    function refused(bytes memory blob, uint256 pos) internal {
        address slice = store(bytes.concat(hex"00", blob));
        vm.expectRevert(abi.encodeWithSelector(ForecastMind.BadBlob.selector, pos));
        new ForecastMind(slice);
    }

    function testWhatIsRefused() public {
        new ForecastMind(store(bytes.concat(hex"00", blobOf(1, 3, 1, 24, 8, 16))));
        refused(blobOf(0, 3, 1, 24, 8, 16), 32); // the time is no channel
        refused(blobOf(2, 3, 1, 24, 8, 16), 32); // nor is a record that there is not
        refused(blobOf(1, 4, 1, 24, 8, 16), 32);
        refused(blobOf(1, 3, 0, 24, 8, 16), 32);
        refused(blobOf(1, 3, 25, 24, 8, 16), 32); // further ahead than a season
        refused(blobOf(1, 3, 1, 337, 8, 16), 32);
        refused(blobOf(1, 3, 1, 24, 3, 16), 32); // least squares that forget too fast
        refused(blobOf(1, 1, 1, 24, 0, 0), 32);
        bytes memory blob = blobOf(1, 3, 1, 24, 8, 16);
        for (uint256 i = 20; i < 32; ++i) {
            blob[i] = 0x01;
            refused(blob, 0); // reserved
            blob[i] = 0x00;
        }
        blob[64 + 3] = bytes1(uint8(63));
        refused(blob, 64); // the output's shift
    }

    function testSeasonalNaive() public {
        ForecastMind mind = new ForecastMind(store(bytes.concat(hex"00", blobOf(1, 1, 1, 3, 0, 16))));
        bytes memory memory_;
        bytes memory proposal;
        for (uint256 t = 0; t < 12; ++t) {
            bytes memory seen = bytes.concat(
                abi.encodePacked(int64(int256(3600 * t)), bytes8(0)), abi.encodePacked(int64(int256(10 + t % 3)), bytes8(0))
            );
            (memory_, proposal) = mind.decide(memory_, seen);
        }
        // at turn 11 the newest slot that ended is 10: forecast is slot 11, 11 % 3 = 2
        eq(proposal, abi.encodePacked(int64(12)), "what it was a season ago");
        vm.expectRevert(ForecastMind.BadShape.selector);
        mind.decide("", new bytes(31));
    }
}
