// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.sol";
import {EnergyMarket} from "../../src/market/EnergyMarket.sol";
import {OracleFeed} from "../../src/oracle/OracleFeed.sol";
import {TestToken} from "../../src/pay/TestToken.sol";

/// Answers what it was told, in the place of the oracle.
contract FakeOracle {
    mapping(bytes32 topic => int128) public values;
    mapping(bytes32 topic => uint64) public rounds;

    function set(bytes32 topic, int128 value) external {
        values[topic] = value;
        ++rounds[topic];
    }

    function read(bytes32 topic) external view returns (OracleFeed.Answer memory, uint256) {
        require(rounds[topic] > 0, OracleFeed.NeverReported(topic));
        return (OracleFeed.Answer(values[topic], rounds[topic], 0), 0);
    }
}

abstract contract Market is Base {
    uint32 internal constant LENGTH = 900;
    uint32 internal constant GATE = 300;
    uint32 internal constant METERING = 3600;
    uint128 internal constant STEP = 10;
    uint128 internal constant DEPOSIT = 700;
    uint32 internal constant SLOT = 2000;
    uint256 internal constant START = uint256(SLOT) * LENGTH;

    TestToken internal token = new TestToken();
    FakeOracle internal oracle = new FakeOracle();
    EnergyMarket internal market =
        new EnergyMarket(token, OracleFeed(address(oracle)), LENGTH, GATE, METERING, STEP, DEPOSIT);

    address internal ann = actor("ann");
    address internal bob = actor("bob");
    address internal cat = actor("cat");
    address internal dan = actor("dan");

    function gasGroup() internal pure override returns (string memory) {
        return "market";
    }

    function fundAll() internal {
        vm.warp(START - 2 days);
        address[4] memory all = [ann, bob, cat, dan];
        for (uint256 i = 0; i < 4; ++i) {
            token.mint(all[i], 1e18);
            vm.prank(all[i]);
            token.approve(address(market), type(uint256).max);
        }
    }

    function buy(address who, uint8 tick, uint64 quantity) internal returns (uint256) {
        vm.prank(who);
        return market.place(SLOT, EnergyMarket.Side.Buy, tick, quantity);
    }

    function sell(address who, uint8 tick, uint64 quantity) internal returns (uint256) {
        vm.prank(who);
        return market.place(SLOT, EnergyMarket.Side.Sell, tick, quantity);
    }

    function closeGate() internal {
        vm.warp(START - GATE);
    }

    function reading(address who, int128 value) internal {
        oracle.set(market.topic(SLOT, who), value);
    }

    function book() internal view returns (EnergyMarket.Book memory) {
        return market.bookOf(SLOT);
    }
}
