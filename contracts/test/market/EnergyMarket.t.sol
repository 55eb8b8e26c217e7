// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {EnergyMarket} from "../../src/market/EnergyMarket.sol";
import {OracleFeed} from "../../src/oracle/OracleFeed.sol";
import {Market} from "./Market.sol";

contract EnergyMarketTest is Market {
    function setUp() public {
        fundAll();
    }

    /// Two sellers, two buyers, one short and one long: every number by hand.
    function testStory() public {
        uint256 b1 = buy(ann, 49, 1000); // up to 500 a watt-hour
        uint256 b2 = buy(bob, 29, 500); // up to 300
        uint256 s1 = sell(cat, 19, 800); // from 200
        uint256 s2 = sell(dan, 29, 900); // from 300
        closeGate();
        market.clear(SLOT);
        EnergyMarket.Book memory b = book();
        eq(b.tick, 29, "price tick");
        eq(b.volume, 1500, "volume");
        uint256 before = token.balanceOf(ann);
        market.claim(b1);
        eq(token.balanceOf(ann) - before, 1000 * 200, "paid the uniform price");
        eq(market.balanceOf(ann, SLOT), 1000, "credits");
        market.claim(b2);
        eq(market.balanceOf(bob, SLOT), 500, "filled at the margin");
        market.claim(s1);
        market.claim(s2);
        (uint64 sold,,) = market.positions(SLOT, dan);
        eq(sold, 700, "the seller at the margin is cut");

        // bob sells half of his credits to dan before delivery, dan covers with them
        vm.prank(bob);
        market.transfer(dan, SLOT, 250);
        before = token.balanceOf(dan);
        vm.prank(dan);
        market.cover(SLOT, 250);
        eq(token.balanceOf(dan) - before, 250 * (300 + DEPOSIT), "covered");

        vm.warp(START + LENGTH);
        reading(cat, 1000); // 800 sold, 200 more
        reading(dan, 100); // 450 owed, 350 short
        market.meter(SLOT, cat);
        market.meter(SLOT, dan);
        vm.warp(market.meteringEnd(SLOT));

        before = token.balanceOf(cat);
        vm.prank(cat);
        market.collect(SLOT);
        eq(token.balanceOf(cat) - before, 800 * (300 + DEPOSIT) + 200 * 300, "delivered, and surplus at the price");
        before = token.balanceOf(dan);
        vm.prank(dan);
        market.collect(SLOT);
        eq(token.balanceOf(dan) - before, 100 * (300 + DEPOSIT), "short");
        uint256 left = 350 * (300 + DEPOSIT) - 200 * 300;
        vm.prank(ann);
        eq(market.redeem(SLOT, 1000), left * 1000 / 1250, "holders share the rest");
        vm.prank(bob);
        market.redeem(SLOT, 250);
        eq(token.balanceOf(address(market)), 0, "nothing is left");
    }

    function testBetterPriceThenTimeThenSize() public {
        uint256 best = buy(ann, 60, 10);
        uint256 early = buy(bob, 50, 100);
        vm.warp(block.timestamp + 12);
        uint256 small = buy(cat, 50, 30);
        uint256 big = buy(dan, 50, 60);
        vm.warp(block.timestamp + 12);
        uint256 late = buy(ann, 50, 500);
        uint256 worse = buy(ann, 49, 500);
        sell(dan, 0, 10 + 100 + 45);
        closeGate();
        market.clear(SLOT);
        eq(market.fillOf(best, 10), 10, "price first");
        eq(market.fillOf(early, 100), 100, "then time");
        eq(market.fillOf(small, 30), 15, "then size");
        eq(market.fillOf(big, 60), 30, "in proportion");
        eq(market.fillOf(late, 500), 0, "later blocks wait");
        eq(market.fillOf(worse, 500), 0, "worse prices wait");
    }

    function testNothingCrosses() public {
        uint256 b = buy(ann, 10, 5);
        uint256 s = sell(bob, 11, 5);
        closeGate();
        market.clear(SLOT);
        market.claim(b);
        market.claim(s);
        eq(token.balanceOf(ann), 1e18, "buyer whole");
        eq(token.balanceOf(bob), 1e18, "seller whole");
    }

    function testAnUnclaimedSellOrderCountsAsShort() public {
        uint256 b = buy(ann, 10, 5);
        uint256 s = sell(bob, 10, 9);
        closeGate();
        market.clear(SLOT);
        vm.warp(market.meteringEnd(SLOT));
        market.claim(s);
        eq(token.balanceOf(bob), 1e18 - 5 * DEPOSIT, "only the unfilled part's deposit");
        market.claim(b);
        vm.prank(bob);
        eq(market.collect(SLOT), 0, "nothing delivered");
        vm.prank(ann);
        market.redeem(SLOT, 5);
        eq(token.balanceOf(ann), 1e18 + 5 * DEPOSIT, "price back and the deposits");
    }

    function testReadings() public {
        buy(ann, 10, 5);
        uint256 s = sell(bob, 10, 5);
        closeGate();
        market.clear(SLOT);
        vm.warp(START + LENGTH);
        reading(bob, 3);
        market.meter(SLOT, bob);
        market.claim(s); // claimed after it was metered
        eq(book().delivered, 3, "counted");
        reading(bob, -3);
        market.meter(SLOT, bob);
        eq(book().delivered, 0, "negative is nothing");
        reading(bob, type(int128).max);
        market.meter(SLOT, bob);
        eq(book().delivered, 5, "all");
        eq(book().surplus, (1 << 48) - 5, "bounded");
    }

    function testRefusals() public {
        vm.expectRevert(EnergyMarket.ZeroQuantity.selector);
        buy(ann, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.TooFarAhead.selector, SLOT + 10_000));
        vm.prank(ann);
        market.place(SLOT + 10_000, EnergyMarket.Side.Buy, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.GateOpen.selector, SLOT));
        market.clear(SLOT);
        uint256 b = buy(ann, 1, 1);
        uint256 s = sell(bob, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.LadderFull.selector, uint8(1)));
        sell(bob, 1, 1 << 56);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.NotCleared.selector, SLOT));
        market.claim(b);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.NotCleared.selector, SLOT));
        market.collect(SLOT);
        closeGate();
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.GateClosed.selector, SLOT));
        buy(ann, 1, 1);
        market.clear(SLOT);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.AlreadyCleared.selector, SLOT));
        market.clear(SLOT);
        market.claim(b);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.NoSuchOrder.selector, b));
        market.claim(b);
        market.claim(s);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.NotOwed.selector, 2, 1));
        vm.prank(bob);
        market.cover(SLOT, 2);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.NotDelivered.selector, SLOT));
        market.meter(SLOT, bob);
        vm.warp(START + LENGTH);
        bytes32 topic = market.topic(SLOT, bob);
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.NeverReported.selector, topic));
        market.meter(SLOT, bob);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.MeteringOpen.selector, SLOT));
        market.redeem(SLOT, 1);
        vm.warp(market.meteringEnd(SLOT));
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.MeteringClosed.selector, SLOT));
        market.meter(SLOT, bob);
        vm.expectRevert(abi.encodeWithSelector(EnergyMarket.MeteringClosed.selector, SLOT));
        market.cover(SLOT, 1);
        market.collect(SLOT);
        vm.expectRevert(EnergyMarket.AlreadyCollected.selector);
        market.collect(SLOT);
    }

    function testConfig() public {
        OracleFeed feed = OracleFeed(address(oracle));
        vm.expectRevert(EnergyMarket.BadConfig.selector);
        new EnergyMarket(token, feed, 0, GATE, METERING, STEP, DEPOSIT);
        vm.expectRevert(EnergyMarket.BadConfig.selector);
        new EnergyMarket(token, feed, LENGTH, GATE, METERING, STEP, 0);
    }

    /// Any orders, any readings: volumes balance, prices are kept, the price is the best one, and the money comes out.
    function testFuzzConserves(uint256 seed) public {
        uint256 orders = 2 + seed % 12;
        uint256[] memory ids = new uint256[](orders);
        address[4] memory all = [ann, bob, cat, dan];
        for (uint256 i = 0; i < orders; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            address who = all[random % 4];
            uint8 tick = uint8((random >> 8) % 4 == 0 ? (random >> 16) % 256 : 100 + (random >> 16) % 4);
            uint64 quantity = uint64(1 + (random >> 32) % 5000);
            ids[i] = (random >> 64) % 2 == 0 ? buy(who, tick, quantity) : sell(who, tick, quantity);
            if ((random >> 65) % 3 == 0) {
                vm.warp(block.timestamp + 12);
            }
        }
        closeGate();
        market.clear(SLOT);
        checkFills(ids);
        for (uint256 i = 0; i < orders; ++i) {
            if (uint256(keccak256(abi.encode(seed, i, "late"))) % 5 > 0) {
                market.claim(ids[i]);
                ids[i] = 0;
            }
        }
        for (uint256 i = 0; i < 4; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i, "trade")));
            uint256 credits = market.balanceOf(all[i], SLOT);
            vm.prank(all[i]);
            market.transfer(all[random % 4], SLOT, credits / 2);
            (uint64 sold,,) = market.positions(SLOT, all[i]);
            credits = market.balanceOf(all[i], SLOT);
            vm.prank(all[i]);
            market.cover(SLOT, uint64(credits < sold ? credits : sold) / 3);
        }
        vm.warp(START + LENGTH);
        for (uint256 i = 0; i < 4; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i, "meter")));
            if (random % 4 > 0) {
                reading(all[i], int128(uint128((random >> 8) % 9000)));
                market.meter(SLOT, all[i]);
            }
        }
        vm.warp(market.meteringEnd(SLOT));
        for (uint256 i = 0; i < orders; ++i) {
            if (ids[i] != 0) {
                market.claim(ids[i]);
            }
        }
        for (uint256 i = 0; i < 4; ++i) {
            vm.prank(all[i]);
            market.collect(SLOT);
            uint64 credits = uint64(market.balanceOf(all[i], SLOT));
            vm.prank(all[i]);
            market.redeem(SLOT, credits);
        }
        eq(token.balanceOf(address(market)), 0, "conserved to the last unit");
        uint256 sum;
        for (uint256 i = 0; i < 4; ++i) {
            sum += token.balanceOf(all[i]);
        }
        eq(sum, 4e18, "nobody else has it");
    }

    /// Fills against a plain reading of the rules.
    function checkFills(uint256[] memory ids) private view {
        EnergyMarket.Book memory b = book();
        (uint256 bought, uint256 sold) = (0, 0);
        uint64[] memory quantities = new uint64[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            (, quantities[i]) = market.orders(ids[i]);
            uint64 fill = market.fillOf(ids[i], quantities[i]);
            le(fill, quantities[i], "no more than asked");
            if (fill > 0) {
                ok(isBuy(ids[i]) ? tickOf(ids[i]) >= b.tick : tickOf(ids[i]) <= b.tick, "at the limit or better");
            }
            (bought, sold) = isBuy(ids[i]) ? (bought + fill, sold) : (bought, sold + fill);
        }
        eq(bought, b.volume, "all that is bought");
        eq(sold, b.volume, "is sold");
        for (uint256 k = 0; k < ids.length; ++k) {
            (uint256 demand, uint256 supply, uint8 tick) = (0, 0, tickOf(ids[k]));
            for (uint256 i = 0; i < ids.length; ++i) {
                demand += isBuy(ids[i]) && tickOf(ids[i]) >= tick ? quantities[i] : 0;
                supply += !isBuy(ids[i]) && tickOf(ids[i]) <= tick ? quantities[i] : 0;
            }
            le(demand < supply ? demand : supply, b.volume, "no tick of any order would trade more");
        }
    }

    function tickOf(uint256 id) private pure returns (uint8) {
        return uint8(id >> 104);
    }

    function isBuy(uint256 id) private pure returns (bool) {
        return uint8(id >> 112) == 0;
    }

    function testGasOrders() public {
        closeTo("market: first order of a tick and block", 120_000);
        closeTo("market: order in a known tick and block", 120_000);
        vm.warp(block.timestamp + 12);
        closeTo("market: order in a new block", 120_000);
    }

    function closeTo(string memory name, uint256 most) private {
        bytes memory data = abi.encodeCall(market.place, (SLOT, EnergyMarket.Side.Buy, 7, 1000));
        vm.cool(address(token));
        vm.startPrank(ann);
        gasOf(name, address(market), data, most);
        vm.stopPrank();
    }

    function testGasClearing() public {
        for (uint256 i = 0; i < 1000; ++i) {
            uint256 random = uint256(keccak256(abi.encode(i)));
            uint8 tick = uint8(random >> 8);
            if (random % 2 == 0) {
                buy(ann, tick, uint64(1 + (random >> 16) % 10_000));
            } else {
                sell(bob, tick, uint64(1 + (random >> 16) % 10_000));
            }
        }
        closeGate();
        gasOf("market: clearing of 1,000 orders", address(market), abi.encodeCall(market.clear, (SLOT)), 1_500_000);
        ok(book().volume > 0, "cleared");
    }
}
