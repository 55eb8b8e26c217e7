// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

/// @title A lender's stand-in for demonstrations (ERC-4626): what is sent to it is its holders' interest.
contract TestVault is ERC4626 {
    constructor(IERC20 token) ERC20("DAM Test Vault", "vtDAM") ERC4626(token) {}
}
