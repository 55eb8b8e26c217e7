// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Tab} from "../../src/pay/Tab.sol";
import {Pull} from "../../src/pay/Pull.sol";
import {FeeToken, Pay} from "./Pay.sol";

contract TabTest is Pay {
    Tab private tab = new Tab();
    address private payer = actor("payer");
    address private seller = actor("seller");
    address private helper = actor("helper");

    function setUp() public {
        vm.warp(1_800_000_000);
        rich(payer, address(tab));
    }

    function config(uint256 salt) private view returns (Tab.ChannelConfig memory) {
        return Tab.ChannelConfig(payer, address(0), seller, helper, address(token), 1 hours, bytes32(salt));
    }

    function open(uint256 salt, uint128 amount) private returns (Tab.ChannelConfig memory c) {
        c = config(salt);
        vm.prank(payer);
        tab.deposit(c, amount);
    }

    function voucher(Tab.ChannelConfig memory c, uint128 most, uint128 total) private view returns (Tab.Claim memory) {
        return Tab.Claim(c, most, total, sign("payer", tab.voucherDigest(tab.channelId(c), most)));
    }

    function one(Tab.Claim memory c) private pure returns (Tab.Claim[] memory all) {
        all = new Tab.Claim[](1);
        all[0] = c;
    }

    function claimAs(address who, Tab.Claim memory c) private {
        vm.prank(who);
        tab.claim(one(c));
    }

    function refuse(Tab.Claim memory c, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(seller);
        tab.claim(one(c));
    }

    function testCumulativeClaims() public {
        Tab.ChannelConfig memory c = open(1, 1000);
        claimAs(seller, voucher(c, 300, 250));
        claimAs(helper, voucher(c, 900, 900));
        eq(tab.earned(seller, address(token)), 900, "booked once");
        tab.settle(seller, address(token));
        eq(token.balanceOf(seller), 900, "settled");
        vm.expectRevert(Tab.NothingToSettle.selector);
        tab.settle(seller, address(token));
    }

    function testTheDomainIsThatOfX402() public view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("x402 Batch Settlement"),
                keccak256("1"),
                block.chainid,
                address(tab)
            )
        );
        bytes32 voucherType = keccak256("Voucher(bytes32 channelId,uint128 maxClaimableAmount)");
        bytes32 digest = keccak256(
            abi.encodePacked(hex"1901", domain, keccak256(abi.encode(voucherType, bytes32(uint256(7)), uint128(9))))
        );
        eq(tab.voucherDigest(bytes32(uint256(7)), 9), digest, "voucher");
    }

    function testClaimRefusals() public {
        Tab.ChannelConfig memory c = open(1, 1000);
        Tab.Claim[] memory claims = one(voucher(c, 300, 250));
        vm.expectRevert(abi.encodeWithSelector(Tab.NotAllowed.selector, address(this)));
        tab.claim(claims);
        refuse(voucher(c, 300, 301), abi.encodeWithSelector(Tab.AboveVoucher.selector, 301, 300));
        refuse(voucher(c, 2000, 1001), abi.encodeWithSelector(Tab.AboveDeposit.selector, 1001, 1000));
        claims[0].maxClaimableAmount = 299;
        refuse(claims[0], abi.encodeWithSelector(Tab.BadSignature.selector));
        claimAs(seller, voucher(c, 300, 250));
        refuse(voucher(c, 300, 250), abi.encodeWithSelector(Tab.NothingToClaim.selector, 250));
    }

    function testAnAuthorizerSignsForThePayer() public {
        Tab.ChannelConfig memory c = config(1);
        c.payerAuthorizer = actor("signer");
        vm.prank(payer);
        tab.deposit(c, 100);
        Tab.Claim[] memory claims = one(voucher(c, 60, 60));
        vm.startPrank(seller);
        vm.expectRevert(Tab.BadSignature.selector);
        tab.claim(claims);
        vm.stopPrank();
        claims[0].signature = sign("signer", tab.voucherDigest(tab.channelId(c), 60));
        claimAs(seller, claims[0]);
    }

    function testDepositRefusals() public {
        Tab.ChannelConfig memory c = config(1);
        vm.startPrank(payer);
        vm.expectRevert(Tab.ZeroAmount.selector);
        tab.deposit(c, 0);
        c.withdrawDelay = 15 minutes - 1;
        vm.expectRevert(Tab.BadChannel.selector);
        tab.deposit(c, 1);
        c.withdrawDelay = 30 days + 1;
        vm.expectRevert(Tab.BadChannel.selector);
        tab.deposit(c, 1);
        (c.withdrawDelay, c.receiver) = (1 days, address(0));
        vm.expectRevert(Tab.BadChannel.selector);
        tab.deposit(c, 1);
        FeeToken fee = new FeeToken();
        fee.mint(payer, 100);
        fee.approve(address(tab), 100);
        (c.receiver, c.token) = (seller, address(fee));
        vm.expectRevert(abi.encodeWithSelector(Pull.InexactToken.selector, address(fee)));
        tab.deposit(c, 50);
        vm.stopPrank();
    }

    function testTheWayOut() public {
        Tab.ChannelConfig memory c = open(1, 1000);
        vm.expectRevert(Tab.NoWithdrawal.selector);
        tab.finalizeWithdraw(c);
        vm.expectRevert(abi.encodeWithSelector(Tab.NotAllowed.selector, address(this)));
        tab.initiateWithdraw(c, 1);
        vm.startPrank(payer);
        vm.expectRevert(Tab.ZeroAmount.selector);
        tab.initiateWithdraw(c, 0);
        vm.expectRevert(abi.encodeWithSelector(Tab.AmountTooLarge.selector, 1001, 1000));
        tab.initiateWithdraw(c, 1001);
        tab.initiateWithdraw(c, 1000);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(Tab.StillLocked.selector, uint40(block.timestamp + 1 hours)));
        tab.finalizeWithdraw(c);
        // the receiver uses the delay
        claimAs(seller, voucher(c, 400, 400));
        vm.warp(block.timestamp + 1 hours);
        uint256 before = token.balanceOf(payer);
        eq(tab.finalizeWithdraw(c), 600, "what the claim left");
        eq(token.balanceOf(payer) - before, 600, "to the payer, by anyone");
    }

    function testTheAuthorizerPutsNothingOff() public {
        Tab.ChannelConfig memory c = config(1);
        c.payerAuthorizer = helper;
        vm.prank(payer);
        tab.deposit(c, 1000);
        vm.prank(helper);
        tab.initiateWithdraw(c, 1000);
        vm.expectRevert(abi.encodeWithSelector(Tab.NotAllowed.selector, helper));
        vm.prank(helper);
        tab.initiateWithdraw(c, 1);
        vm.warp(block.timestamp + 30 minutes);
        vm.prank(payer);
        tab.initiateWithdraw(c, 500);
        vm.warp(block.timestamp + 1 hours);
        eq(tab.finalizeWithdraw(c), 500, "what the payer asked for");
        vm.prank(helper);
        tab.initiateWithdraw(c, 500);
    }

    function testRefund() public {
        Tab.ChannelConfig memory c = open(1, 1000);
        vm.expectRevert(abi.encodeWithSelector(Tab.NotAllowed.selector, address(this)));
        tab.refund(c, 1);
        vm.startPrank(helper);
        vm.expectRevert(abi.encodeWithSelector(Tab.AmountTooLarge.selector, 1001, 1000));
        tab.refund(c, 1001);
        tab.refund(c, 300);
        vm.stopPrank();
        eq(token.balanceOf(payer), 1e12 - 700, "given back");
    }

    /// Any order of deposits, claims, refunds, withdrawals: the contract holds what it owes, and it ends empty.
    function testFuzzConserves(uint256 seed) public {
        Tab.ChannelConfig[2] memory c = [config(1), config(2)];
        uint128[2] memory claimed;
        for (uint256 i = 0; i < 12; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            uint256 k = random % 2;
            uint128 amount = uint128(1 + (random >> 16) % 1000);
            (uint128 balance, uint128 total) = tab.channels(tab.channelId(c[k]));
            uint256 what = (random >> 8) % 6;
            if (what < 2) {
                vm.prank(payer);
                tab.deposit(c[k], amount);
            } else if (what == 2 && total + amount <= balance) {
                Tab.Claim[] memory claims = one(voucher(c[k], total + amount, total + amount));
                vm.prank(seller);
                tab.claim(claims);
                claimed[k] += amount;
            } else if (what == 3 && balance - total >= amount) {
                vm.prank(seller);
                tab.refund(c[k], amount);
            } else if (what == 4 && balance - total >= amount) {
                vm.prank(payer);
                tab.initiateWithdraw(c[k], amount);
            } else if (what == 5) {
                vm.warp(block.timestamp + 2 hours);
                (uint128 asked,) = tab.withdrawals(tab.channelId(c[k]));
                if (asked > 0) {
                    tab.finalizeWithdraw(c[k]);
                }
            }
            checkHoldings(c);
        }
        for (uint256 k = 0; k < 2; ++k) {
            (uint128 balance, uint128 total) = tab.channels(tab.channelId(c[k]));
            eq(total, claimed[k], "claimed");
            if (balance > total) {
                vm.prank(payer);
                tab.initiateWithdraw(c[k], balance - total);
                vm.warp(block.timestamp + 1 hours);
                tab.finalizeWithdraw(c[k]);
            }
        }
        if (claimed[0] + claimed[1] > 0) {
            tab.settle(seller, address(token));
        }
        eq(token.balanceOf(seller), claimed[0] + claimed[1], "the receiver's");
        eq(token.balanceOf(address(tab)), 0, "empty");
    }

    function checkHoldings(Tab.ChannelConfig[2] memory c) private view {
        uint256 owed = tab.earned(seller, address(token));
        for (uint256 k = 0; k < 2; ++k) {
            (uint128 balance, uint128 total) = tab.channels(tab.channelId(c[k]));
            owed += balance - total;
        }
        eq(token.balanceOf(address(tab)), owed, "holds what it owes");
    }

    function testGasClaim() public {
        Tab.Claim[] memory claims = new Tab.Claim[](25);
        for (uint256 i = 0; i < 25; ++i) {
            claims[i] = voucher(open(i, 1000), 500, 400);
        }
        claimGas("tab: 25 first claims", claims);
        for (uint256 i = 0; i < 25; ++i) {
            claims[i] = voucher(config(i), 700, 600);
        }
        claimGas("tab: 25 later claims", claims);
    }

    function claimGas(string memory name, Tab.Claim[] memory claims) private {
        vm.startPrank(seller);
        gasOf(name, address(tab), abi.encodeCall(tab.claim, (claims)), 25 * 20_000);
        vm.stopPrank();
    }
}
