// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// Shares in a machine: votes (by timestamp) and revenue. The supply is fixed at birth and nobody can
/// change it. Revenue in one ERC-20 token is split by shares held when it is distributed: every transfer
/// first settles both sides, so that a share's revenue is claimed once, by who held it.
///
/// Rounding is always down for the holder; what a distribution cannot split waits for the next one.
contract MachineShares is ERC20, ERC20Permit, ERC20Votes {
    using SafeERC20 for IERC20;

    struct Holding {
        uint256 perShareSeen;
        uint256 owed;
    }

    uint256 private constant SCALE = 2 ** 128;

    /// @notice The token in which revenue comes. It must not rebase.
    IERC20 public immutable revenueToken;

    /// @notice Revenue per share so far, times 2^128.
    uint256 public perShare;
    /// @notice Revenue received and not yet claimed.
    uint256 public unclaimed;

    uint256 private _rest; // of the last distribution, times 2^128
    mapping(address holder => Holding) private _holdings;

    event Distributed(address indexed from, uint256 amount);
    event Claimed(address indexed holder, address indexed to, uint256 amount);

    error NothingToDistribute();
    error NothingToClaim(address holder);
    error BadAllocation();

    constructor(
        string memory name_,
        string memory symbol_,
        IERC20 revenueToken_,
        address[] memory holders,
        uint256[] memory amounts
    ) ERC20(name_, symbol_) ERC20Permit(name_) {
        if (holders.length == 0 || holders.length != amounts.length) {
            revert BadAllocation();
        }
        revenueToken = revenueToken_;
        for (uint256 k = 0; k < holders.length; k++) {
            _mint(holders[k], amounts[k]);
        }
        if (totalSupply() == 0 || totalSupply() > type(uint128).max) {
            revert BadAllocation();
        }
    }

    /// @notice Split `amount` of the caller's revenue token among all shares, and what else came meanwhile.
    function distribute(uint256 amount) external {
        revenueToken.safeTransferFrom(msg.sender, address(this), amount);
        distributeSurplus();
    }

    /// @notice Split what was sent here without `distribute`, for example by a market's settlement. What is there and
    /// not yet somebody's counts: a token that takes a fee on transfer splits less, and one whose sender is called back
    /// inside a transfer cannot have the same money split twice.
    function distributeSurplus() public {
        _split(revenueToken.balanceOf(address(this)) - unclaimed);
    }

    /// @notice Claim the caller's revenue, and send it to `to`.
    function claim(address to) external returns (uint256 amount) {
        _settle(msg.sender);
        amount = _holdings[msg.sender].owed;
        if (amount == 0) {
            revert NothingToClaim(msg.sender);
        }
        _holdings[msg.sender].owed = 0;
        unclaimed -= amount;
        emit Claimed(msg.sender, to, amount);
        revenueToken.safeTransfer(to, amount);
    }

    /// @notice What `holder` could claim now.
    function claimable(address holder) public view returns (uint256) {
        Holding storage h = _holdings[holder];
        return h.owed + Math.mulDiv(balanceOf(holder), perShare - h.perShareSeen, SCALE);
    }

    /// @notice ERC-6372: votes are counted by time, not by block.
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice ERC-6372.
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc ERC20Permit
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _split(uint256 amount) private {
        if (amount == 0) {
            revert NothingToDistribute();
        }
        uint256 supply = totalSupply();
        uint256 scaled = amount * SCALE + _rest;
        perShare += scaled / supply;
        _rest = scaled % supply;
        unclaimed += amount;
        emit Distributed(msg.sender, amount);
    }

    function _settle(address holder) private {
        Holding storage h = _holdings[holder];
        h.owed = claimable(holder);
        h.perShareSeen = perShare;
    }

    /// Every change of balance: settle first, then move.
    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        if (from != address(0)) {
            _settle(from);
        }
        if (to != address(0)) {
            _settle(to);
        }
        super._update(from, to, value);
    }
}
