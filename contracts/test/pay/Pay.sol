// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Base} from "../Base.sol";
import {TestToken} from "../../src/pay/TestToken.sol";

/// Keeps a unit of each transfer.
contract FeeToken is ERC20("Fee", "FEE") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) {
            super._update(to, address(0xfee), 1);
        }
    }
}

/// Signs with the keys behind `actor`.
abstract contract Pay is Base {
    TestToken internal token = new TestToken();

    function gasGroup() internal pure override returns (string memory) {
        return "pay";
    }

    function sign(string memory name, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(uint256(keccak256(bytes(name))) >> 1, digest);
        return abi.encodePacked(r, s, v);
    }

    function rich(address who, address spender) internal {
        token.mint(who, 1e12);
        vm.prank(who);
        token.approve(spender, type(uint256).max);
    }
}
