// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Base} from "../Base.sol";
import {TestToken} from "../../src/pay/TestToken.sol";
import {TestVault} from "../../src/pay/TestVault.sol";

contract TestVaultTest is Base {
    function testWhatIsSentIsInterest() public {
        TestToken token = new TestToken();
        TestVault vault = new TestVault(token);
        token.mint(address(this), 150e6);
        token.approve(address(vault), 100e6);
        vault.deposit(100e6, address(this));
        token.transfer(address(vault), 50e6);
        eq(vault.convertToAssets(vault.balanceOf(address(this))), 150e6 - 1, "with interest");
        vault.withdraw(149e6, address(this), address(this));
        eq(token.balanceOf(address(this)), 149e6, "back");
    }
}
