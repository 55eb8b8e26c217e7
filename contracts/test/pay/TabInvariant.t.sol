// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Tab} from "../../src/pay/Tab.sol";
import {Handler} from "../Base.sol";
import {Pay} from "./Pay.sol";

/// Two payers, two receivers, four channels; everybody tries everything.
contract TabHandler is Pay, Handler {
    Tab private tab = new Tab();
    string[2] private payerNames = ["payer 1", "payer 2"];
    address[2] private payers = [actor("payer 1"), actor("payer 2")];
    address[2] private receivers = [actor("receiver 1"), actor("receiver 2")];
    bytes32[4] private ids; // of the channels
    uint128[4] private signed; // the highest voucher of each channel
    uint256 public claimed;
    bool public tooMuch;

    constructor() {
        rich(payers[0], address(tab));
        rich(payers[1], address(tab));
        for (uint256 k = 0; k < 4; k++) {
            ids[k] = tab.channelId(channel(k));
        }
    }

    function channel(uint256 k) private view returns (Tab.ChannelConfig memory) {
        return Tab.ChannelConfig(
            payers[k % 2], address(0), receivers[(k >> 1) % 2], address(0), address(token), 1 hours, bytes32(0)
        );
    }

    function deposit(uint256 k, uint128 amount) external {
        vm.prank(payers[k % 2]);
        tab.deposit(channel(k), uint128(bound(amount, 1, 1e9)));
    }

    function claim(uint256 k, uint128 voucher, uint128 total) external {
        k %= 4;
        Tab.ChannelConfig memory c = channel(k);
        voucher = uint128(bound(voucher, 1, 3e9));
        signed[k] = voucher > signed[k] ? voucher : signed[k];
        Tab.Claim[] memory claims = new Tab.Claim[](1);
        claims[0] = Tab.Claim(
            c, voucher, uint128(bound(total, 0, 4e9)), sign(payerNames[k % 2], tab.voucherDigest(ids[k], voucher))
        );
        vm.prank(c.receiver);
        try tab.claim(claims) {
            claimed++;
            tooMuch = tooMuch || claims[0].totalClaimed > signed[k];
        } catch {}
    }

    function settle(uint256 k) external {
        try tab.settle(receivers[k % 2], address(token)) {} catch {}
    }

    function initiate(uint256 k, uint128 amount, bool stranger) external {
        as_(stranger ? receivers[k % 2] : payers[k % 2]);
        try tab.initiateWithdraw(channel(k), uint128(bound(amount, 1, 2e9))) {
            tooMuch = tooMuch || stranger;
        } catch {}
    }

    function finalize(uint256 k) external {
        vm.warp(time);
        try tab.finalizeWithdraw(channel(k)) {} catch {}
    }

    function refund(uint256 k, uint128 amount, bool stranger) external {
        Tab.ChannelConfig memory c = channel(k);
        vm.prank(stranger ? c.payer : c.receiver);
        try tab.refund(c, uint128(bound(amount, 1, 2e9))) {
            tooMuch = tooMuch || stranger;
        } catch {}
    }

    function pass(uint256 seconds_) external {
        time += bound(seconds_, 1, 2 hours);
    }

    /// What the contract owes to everybody by its own books.
    function owed() public view returns (uint256 sum) {
        for (uint256 k = 0; k < 4; k++) {
            (uint128 balance, uint128 total) = tab.channels(ids[k]);
            sum += balance - total;
        }
        sum += tab.earned(receivers[0], address(token)) + tab.earned(receivers[1], address(token));
    }

    function held() public view returns (uint256) {
        return token.balanceOf(address(tab));
    }

    /// The payers leave without anyone's help; the receivers settle.
    function end() external {
        vm.warp(time);
        for (uint256 k = 0; k < 4; k++) {
            (uint128 balance, uint128 total) = tab.channels(ids[k]);
            if (balance > total) {
                vm.prank(payers[k % 2]);
                tab.initiateWithdraw(channel(k), balance - total);
            }
        }
        vm.warp(time + 1 hours);
        for (uint256 k = 0; k < 4; k++) {
            try tab.finalizeWithdraw(channel(k)) {} catch {}
        }
        for (uint256 k = 0; k < 2; k++) {
            try tab.settle(receivers[k], address(token)) {} catch {}
        }
    }

    function people() external view returns (uint256 sum) {
        for (uint256 k = 0; k < 2; k++) {
            sum += token.balanceOf(payers[k]) + token.balanceOf(receivers[k]);
        }
    }
}

contract TabInvariantTest is Pay {
    TabHandler private handler;

    function setUp() public {
        handler = new TabHandler();
        target(address(handler));
        exclude(handler.end.selector);
    }

    function invariantHoldsWhatItOwes() public view {
        eq(handler.held(), handler.owed(), "holds what it owes");
        ok(!handler.tooMuch(), "a claim above the vouchers, or a stranger moved money");
    }

    /// A canary: long random sequences really get there.
    function testHandlerGetsThere() public {
        for (uint256 k = 0; k < 1000; k++) {
            uint256 draw = uint256(keccak256(abi.encode(k)));
            (uint256 a, uint128 b) = (draw >> 8, uint128(draw >> 72));
            if (draw % 8 < 2) handler.deposit(a, b);
            else if (draw % 8 < 4) handler.claim(a, b, uint128(draw >> 100));
            else if (draw % 8 == 4) handler.settle(a);
            else if (draw % 8 == 5) handler.initiate(a, b, b % 4 == 0);
            else if (draw % 8 == 6) handler.refund(a, b, b % 4 == 0);
            else k % 2 == 0 ? handler.finalize(a) : handler.pass(b);
            invariantHoldsWhatItOwes();
        }
        ok(handler.claimed() > 10, "claimed");
        afterInvariant();
    }

    function afterInvariant() public {
        handler.end();
        eq(handler.held(), 0, "ends empty");
        eq(handler.people(), 2e12, "payers and receivers have it");
    }
}
