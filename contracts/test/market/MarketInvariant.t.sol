// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {EnergyMarket} from "../../src/market/EnergyMarket.sol";
import {Market} from "./Market.sol";

/// Four traders, three intervals, everything at any time. A clock of its own: each call sets it.
contract MarketHandler is Market {
    uint256 public time = START - 8 hours;
    uint256[] public ids;
    uint256 public cleared;
    uint256 public collected;
    address[4] private all = [ann, bob, cat, dan];

    constructor() {
        fundAll();
    }

    function balance() public view returns (uint256) {
        return token.balanceOf(address(market));
    }

    function traders() public view returns (uint256 sum) {
        for (uint256 k = 0; k < 4; k++) {
            sum += token.balanceOf(all[k]);
        }
    }

    function at(uint256 who) private {
        vm.warp(time);
        vm.prank(all[who % 4]);
    }

    function slot(uint256 seed) private pure returns (uint32) {
        return SLOT + uint32(seed % 3);
    }

    function place(uint256 who, uint256 seed, bool sells, uint64 quantity) external {
        uint8 tick = uint8(seed % 4 == 0 ? seed >> 8 : 100 + (seed >> 8) % 4);
        if (ids.length == 64) {
            return; // enough for every order of steps; more only takes longer
        }
        at(who);
        try market.place(
            slot(seed >> 16), EnergyMarket.Side(sells ? 1 : 0), tick, uint64(bound(quantity, 1, 5000))
        ) returns (uint256 id) {
            ids.push(id);
        } catch {}
    }

    function clear(uint256 who, uint256 seed) external {
        at(who);
        try market.clear(slot(seed)) {
            cleared++;
        } catch {}
    }

    function claim(uint256 who, uint256 which) external {
        if (ids.length > 0) {
            at(who);
            try market.claim(ids[which % ids.length]) {} catch {}
        }
    }

    function trade(uint256 from, uint256 to, uint256 seed, uint256 amount) external {
        uint256 held = market.balanceOf(all[from % 4], slot(seed));
        at(from);
        market.transfer(all[to % 4], slot(seed), bound(amount, 0, held));
    }

    function cover(uint256 who, uint256 seed, uint64 quantity) external {
        uint256 held = market.balanceOf(all[who % 4], slot(seed));
        at(who);
        try market.cover(slot(seed), uint64(bound(quantity, 0, held))) {} catch {}
    }

    function meter(uint256 who, uint256 seed, uint64 value) external {
        oracle.set(market.topic(slot(seed), all[who % 4]), int128(uint128(value % 9000)) - 500);
        vm.warp(time);
        try market.meter(slot(seed), all[who % 4]) {} catch {}
    }

    function collect(uint256 who, uint256 seed) external {
        at(who);
        try market.collect(slot(seed)) {
            collected++;
        } catch {}
    }

    function redeem(uint256 who, uint256 seed, uint64 credits) external {
        uint256 held = market.balanceOf(all[who % 4], slot(seed));
        at(who);
        try market.redeem(slot(seed), uint64(bound(credits, 0, held))) {} catch {}
    }

    /// Small steps mostly; sometimes to the next edge of an interval.
    function pass(uint256 seconds_) external {
        time += seconds_ % 4 == 0 ? bound(seconds_ >> 8, 1 hours, 12 hours) : bound(seconds_ >> 8, 1, 10 minutes);
    }

    /// The end of everything: whoever has something in the market fetches it.
    function end() external {
        vm.warp(START + 30 days);
        for (uint32 s = SLOT; s < SLOT + 3; s++) {
            try market.clear(s) {} catch {}
        }
        for (uint256 k = 0; k < ids.length; k++) {
            try market.claim(ids[k]) {} catch {}
        }
        for (uint32 s = SLOT; s < SLOT + 3; s++) {
            for (uint256 k = 0; k < 4; k++) {
                vm.startPrank(all[k]);
                try market.collect(s) {} catch {}
                market.redeem(s, uint64(market.balanceOf(all[k], s)));
                vm.stopPrank();
            }
        }
    }
}

contract MarketInvariantTest is Market {
    MarketHandler private handler;

    function setUp() public {
        handler = new MarketHandler();
        target(address(handler));
        exclude(handler.end.selector);
    }

    function invariantNothingAppearsOrIsLost() public view {
        eq(handler.balance() + handler.traders(), 4e18, "conserved");
    }

    /// A canary: long random sequences really get there.
    function testHandlerGetsThere() public {
        for (uint256 k = 0; k < 600; k++) {
            uint256 draw = uint256(keccak256(abi.encode(k)));
            (uint256 a, uint256 b, uint64 c) = (draw >> 8, draw >> 72, uint64(draw >> 136));
            if (draw % 10 < 3) handler.place(a, b, c % 2 == 0, c);
            else if (draw % 10 == 3) handler.clear(a, b);
            else if (draw % 10 == 4) handler.claim(a, b);
            else if (draw % 10 == 5) handler.trade(a, b, c, draw);
            else if (draw % 10 == 6) handler.cover(a, b, c);
            else if (draw % 10 == 7) handler.meter(a, b, c);
            else if (draw % 10 == 8) handler.collect(a, b);
            else k % 4 == 0 ? handler.pass(b) : handler.redeem(a, b, c);
            invariantNothingAppearsOrIsLost();
        }
        ok(handler.cleared() > 0 && handler.collected() > 0, "cleared and collected");
        afterInvariant();
    }

    /// However far a sequence got: in the end all money is fetched, and the last one to ask finds it there.
    function afterInvariant() public {
        handler.end();
        eq(handler.balance(), 0, "the market ends empty");
        eq(handler.traders(), 4e18, "and the traders have it");
    }
}
