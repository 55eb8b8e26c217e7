// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Pay} from "./Pay.sol";

/// A contract account that accepts one digest.
contract Wallet {
    bytes32 public accepted;

    function accept(bytes32 digest) external {
        accepted = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == accepted ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}

contract TestTokenTest is Pay {
    bytes32 private constant TRANSFER = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant RECEIVE = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant CANCEL = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");
    bytes32 private constant NONCE = keccak256("a random nonce");

    address private ann = actor("ann");
    address private bob = actor("bob");

    function setUp() public {
        vm.warp(1_800_000_000);
        token.mint(ann, 100);
    }

    function digest(bytes memory message) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), keccak256(message)));
    }

    function transfer(bytes32 kind, address from) private view returns (bytes32) {
        return digest(abi.encode(kind, from, bob, 60, 0, block.timestamp + 1, NONCE));
    }

    function testNamesItselfATestToken() public view {
        eq(keccak256(bytes(token.name())), keccak256("DAM Test Token"), "name");
        eq(token.decimals(), 6, "decimals");
    }

    function testTransferByAKey() public {
        bytes memory signature = sign("ann", transfer(TRANSFER, ann));
        token.transferWithAuthorization(ann, bob, 60, 0, block.timestamp + 1, NONCE, signature);
        eq(token.balanceOf(bob), 60, "moved");
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, ann, NONCE));
        token.transferWithAuthorization(ann, bob, 60, 0, block.timestamp + 1, NONCE, signature);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        token.transferWithAuthorization(ann, bob, 61, 0, block.timestamp + 1, NONCE, signature);
    }

    function testTransferByAContract() public {
        Wallet wallet = new Wallet();
        token.mint(address(wallet), 60);
        wallet.accept(transfer(TRANSFER, address(wallet)));
        token.transferWithAuthorization(address(wallet), bob, 60, 0, block.timestamp + 1, NONCE, "");
        eq(token.balanceOf(bob), 60, "moved");
    }

    function testReceive() public {
        bytes memory signature = sign("ann", transfer(RECEIVE, ann));
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, bob));
        token.receiveWithAuthorization(ann, bob, 60, 0, block.timestamp + 1, NONCE, signature);
        vm.prank(bob);
        token.receiveWithAuthorization(ann, bob, 60, 0, block.timestamp + 1, NONCE, signature);
        eq(token.balanceOf(bob), 60, "moved");
    }

    function testTimes() public {
        bytes memory signature = sign("ann", transfer(TRANSFER, ann));
        uint256 before = block.timestamp + 1;
        vm.warp(before);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, 0, before));
        token.transferWithAuthorization(ann, bob, 60, 0, before, NONCE, signature);
    }

    function testCancel() public {
        token.cancelAuthorization(ann, NONCE, sign("ann", digest(abi.encode(CANCEL, ann, NONCE))));
        ok(token.authorizationState(ann, NONCE), "used up");
        bytes memory signature = sign("ann", transfer(TRANSFER, ann));
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, ann, NONCE));
        token.transferWithAuthorization(ann, bob, 60, 0, block.timestamp + 1, NONCE, signature);
    }
}
