// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Taking tokens in, to the last unit.
library Pull {
    using SafeERC20 for IERC20;

    /// @notice The token delivered another amount than asked: it takes a fee or rebases, and cannot be held here.
    error InexactToken(address token);

    /// @dev Moves exactly `amount` from `from` to this contract, or reverts.
    function exact(IERC20 token, address from, uint256 amount) internal {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(from, address(this), amount);
        if (token.balanceOf(address(this)) - before != amount) {
            revert InexactToken(address(token));
        }
    }
}
