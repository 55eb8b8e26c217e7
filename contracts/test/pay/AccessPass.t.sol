// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {AccessPass} from "../../src/pay/AccessPass.sol";
import {Pay} from "./Pay.sol";

contract AccessPassTest is Pay {
    AccessPass private pass = new AccessPass();
    address private owner = actor("owner");
    address private ann = actor("ann");
    address private bob = actor("bob");
    bytes32 private charger;
    uint64 private slot;

    function setUp() public {
        vm.warp(1_800_000_000);
        slot = uint64(block.timestamp / 900) + 4;
        rich(ann, address(pass));
        vm.startPrank(owner);
        charger = pass.make("charger 1", 900, 1, true);
        pass.setPrice(charger, token, 7);
        vm.stopPrank();
    }

    function buy(address who, uint64 first, uint64 slots) private returns (uint256) {
        vm.prank(who);
        return pass.buy(charger, first, slots, token, 7);
    }

    function testBuy() public {
        uint256 id = buy(ann, slot, 3);
        eq(token.balanceOf(owner), 21, "paid to the owner");
        ok(!pass.valid(id, charger, ann, slot * 900 - 1), "not before");
        ok(pass.valid(id, charger, ann, slot * 900), "from the first second");
        ok(pass.valid(id, charger, ann, (slot + 3) * 900 - 1), "to the last");
        ok(!pass.valid(id, charger, ann, (slot + 3) * 900), "not after");
        ok(!pass.valid(id, charger, bob, slot * 900), "not another");
        vm.prank(ann);
        pass.transferFrom(ann, bob, id);
        ok(pass.valid(id, charger, bob, slot * 900), "passed on");
    }

    function testOnePlace() public {
        buy(ann, slot, 3);
        vm.expectRevert(abi.encodeWithSelector(AccessPass.Full.selector, charger, slot + 2));
        buy(ann, slot + 2, 1);
        buy(ann, slot + 3, 1);
    }

    function testRefusals() public {
        vm.expectRevert(abi.encodeWithSelector(AccessPass.ResourceExists.selector, charger));
        vm.prank(owner);
        pass.make("charger 1", 900, 1, true);
        vm.expectRevert(AccessPass.BadResource.selector);
        pass.make("x", 0, 1, true);
        vm.expectRevert(abi.encodeWithSelector(AccessPass.NoSuchResource.selector, bytes32(0)));
        pass.setPrice(0, token, 1);
        vm.expectRevert(abi.encodeWithSelector(AccessPass.NotOwner.selector, ann));
        vm.prank(ann);
        pass.setPrice(charger, token, 1);
        vm.expectRevert(abi.encodeWithSelector(AccessPass.PriceChanged.selector, 7));
        pass.buy(charger, slot, 1, token, 6);
        vm.expectRevert(abi.encodeWithSelector(AccessPass.PriceChanged.selector, 7));
        pass.buy(charger, slot, 1, IERC20(owner), 7);
        vm.expectPartialRevert(AccessPass.BadTime.selector);
        buy(ann, slot, 0);
        vm.expectPartialRevert(AccessPass.BadTime.selector);
        buy(ann, slot, 97);
        vm.expectPartialRevert(AccessPass.BadTime.selector);
        buy(ann, 1, 1);
        vm.expectPartialRevert(AccessPass.BadTime.selector);
        vm.prank(owner);
        pass.grant(charger, ann, 5, 5);
        vm.prank(owner);
        pass.setPrice(charger, IERC20(address(0)), 0);
        vm.expectRevert(abi.encodeWithSelector(AccessPass.NotForSale.selector, charger));
        buy(ann, slot, 1);
    }

    function testGrantedCanBeRevokedAndPaidCannot() public {
        uint256 paid = buy(ann, slot, 1);
        vm.startPrank(owner);
        uint256 granted = pass.grant(charger, bob, 0, type(uint64).max);
        ok(pass.valid(granted, charger, bob, 77), "granted");
        pass.revoke(granted);
        ok(!pass.valid(granted, charger, bob, 77), "revoked");
        vm.expectRevert(abi.encodeWithSelector(AccessPass.PaidPass.selector, paid));
        pass.revoke(paid);
        vm.stopPrank();
    }

    function testNotTransferable() public {
        vm.startPrank(owner);
        bytes32 door = pass.make("door", 1, 0, false);
        uint256 id = pass.grant(door, ann, 0, 100);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(AccessPass.NotTransferable.selector, id));
        vm.prank(ann);
        pass.transferFrom(ann, bob, id);
    }

    /// The rule of a lock without a network.
    function testOffline() public view {
        bytes memory issued = sign("owner", pass.passDigest(charger, ann, 100, 200));
        bytes memory entry = sign("ann", pass.entryDigest(charger, "challenge"));
        ok(pass.check(owner, charger, ann, 100, 200, issued, "challenge", entry, 100), "opens");
        ok(!pass.check(owner, charger, ann, 100, 200, issued, "challenge", entry, 200), "late");
        ok(!pass.check(owner, charger, ann, 100, 200, issued, "challenge", entry, 99), "early");
        ok(!pass.check(owner, charger, ann, 100, 201, issued, "challenge", entry, 100), "altered");
        ok(!pass.check(owner, charger, bob, 100, 200, issued, "challenge", entry, 100), "another holder");
        ok(!pass.check(owner, charger, ann, 100, 200, issued, "replayed", entry, 100), "old challenge");
        ok(!pass.check(owner, charger, ann, 100, 200, issued, "challenge", issued, 100), "not the holder's");
    }

    function testInterface() public view {
        ok(pass.supportsInterface(0x80ac58cd), "ERC-721");
    }
}
