// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IrrigationMind} from "profiles/irrigation/Minds.sol";
import {Model} from "./Model.sol";

/// What the irrigation profile's mind waters: by age, soil, rain, tank and its own valve.
contract IrrigationTest is Model {
    int64 private constant START_0 = 37_00;
    int64 private constant START_25 = 57_00;
    int64 private constant START_45 = 54_00;
    int64 private constant START_66 = 43_00;
    int64 private constant START_120 = 14_50;
    int64 private constant BAND = 16_00;
    int64 private constant AFTER_RAIN = 8_00;

    IrrigationMind private mind;

    struct Field {
        int64 soil;
        int64 tank;
        int64 rain;
        int64 age;
        uint8 ageQuality;
        int64 valve;
    }

    function setUp() public {
        mind = new IrrigationMind();
    }

    function opens(Field memory f) private view returns (bool) {
        int64[9] memory values = [int64(1), f.soil, f.tank, f.rain, 60, 0, 200, f.age, f.valve];
        bytes memory observation;
        for (uint256 i = 0; i < 9; ++i) {
            observation = bytes.concat(observation, record(values[i], 0, i == 7 ? f.ageQuality : 0));
        }
        (bytes memory next, bytes memory proposal) = mind.decide("", observation);
        eq(next.length, 0, "no memory");
        eq(proposal.length, 8, "one value");
        uint256 value = uint256(uint64(bytes8(proposal)));
        le(value, 1, "a valve");
        return value == 1;
    }

    /// The valve is open below the line and not at it.
    function isLine(Field memory f, int64 start) private view {
        f.soil = start - 1;
        ok(opens(f), "below the line");
        f.soil = start;
        ok(!opens(f), "at the line");
    }

    function field(int64 age) private pure returns (Field memory) {
        return Field({soil: 0, tank: 1000, rain: 0, age: age, ageQuality: 0, valve: 0});
    }

    function testTheLineFollowsTheCrop() public view {
        isLine(field(0), START_0);
        isLine(field(25), START_25);
        isLine(field(35), (START_25 + START_45) / 2);
        isLine(field(45), START_45);
        isLine(field(66), START_66);
        isLine(field(120), START_120);
        isLine(field(400), START_120);
    }

    function testWhatMovesTheLine() public view {
        Field memory f = field(66);
        f.rain = 49;
        isLine(f, START_66);
        f.rain = 50;
        isLine(f, START_66 - AFTER_RAIN);
        f.tank = 299;
        isLine(f, START_66 - AFTER_RAIN - 15_00);
        f = field(66);
        f.valve = 1; // once open it stays open for a while
        isLine(f, START_66 + BAND);
        f.ageQuality = 2; // nobody knows the age
        isLine(f, 55_00 + BAND);
    }

    function testAnotherShape() public {
        vm.expectRevert(IrrigationMind.BadShape.selector);
        mind.decide("", new bytes(16 * 8));
    }
}
