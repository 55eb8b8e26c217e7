// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Pull} from "./Pull.sol";

/// @title One-way payment channels for very small payments, in the shape of x402's `batch-settlement`.
/// @notice A payer deposits once and then signs vouchers: each says how much in all the receiver may claim by now, so only
/// the last one counts. The receiver claims many channels in one transaction, which only books the amounts, and settles
/// all that it earned in a token by one transfer.
/// @dev The payer's way out is `initiateWithdraw`, the channel's delay, `finalizeWithdraw`: the receiver has the delay to
/// claim its last voucher, and nobody can hold the rest. The domain is x402's own, so that its clients' vouchers hold.
contract Tab is EIP712 {
    using SafeERC20 for IERC20;

    error BadChannel();
    error ZeroAmount();
    error NotAllowed(address who);
    error BadSignature();
    error AboveVoucher(uint128 claimed, uint128 voucher);
    error AboveDeposit(uint128 claimed, uint128 balance);
    error NothingToClaim(uint128 claimed);
    error AmountTooLarge(uint128 amount, uint128 free);
    error NothingToSettle();
    error NoWithdrawal();
    error StillLocked(uint40 until);

    /// @dev Who pays whom. The channel's id is the EIP-712 hash of this.
    struct ChannelConfig {
        address payer;
        address payerAuthorizer; // signs vouchers; zero: the payer itself
        address receiver;
        address receiverAuthorizer; // may claim and refund for the receiver; zero: the receiver only
        address token;
        uint40 withdrawDelay;
        bytes32 salt;
    }

    struct Claim {
        ChannelConfig channel;
        uint128 maxClaimableAmount; // what the voucher says
        uint128 totalClaimed; // what the receiver charges, at most that
        bytes signature;
    }

    struct Channel {
        uint128 balance; // all deposits, less withdrawals and refunds
        uint128 totalClaimed; // of it, the receiver's
    }

    struct Withdrawal {
        uint128 amount;
        uint40 until;
    }

    event Deposited(bytes32 indexed channelId, address indexed payer, address indexed receiver, uint128 amount);
    event Claimed(bytes32 indexed channelId, address indexed receiver, uint128 totalClaimed);
    event Settled(address indexed receiver, address indexed token, uint256 amount);
    event WithdrawInitiated(bytes32 indexed channelId, uint128 amount, uint40 until);
    event Withdrawn(bytes32 indexed channelId, uint128 amount);
    event Refunded(bytes32 indexed channelId, uint128 amount);

    uint40 public constant DELAY_MIN = 15 minutes;
    uint40 public constant DELAY_MAX = 30 days;

    bytes32 private constant CHANNEL_TYPE = keccak256(
        "ChannelConfig(address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,address token,uint40 withdrawDelay,bytes32 salt)"
    );
    bytes32 private constant VOUCHER_TYPE = keccak256("Voucher(bytes32 channelId,uint128 maxClaimableAmount)");

    mapping(bytes32 channelId => Channel) public channels;
    mapping(bytes32 channelId => Withdrawal) public withdrawals;
    mapping(address receiver => mapping(address token => uint256)) public earned;

    constructor() EIP712("x402 Batch Settlement", "1") {}

    /// @notice Open a channel or add to it. Anyone may pay for the payer.
    function deposit(ChannelConfig calldata config, uint128 amount) external returns (bytes32 id) {
        if (
            config.payer == address(0) || config.receiver == address(0) || config.withdrawDelay < DELAY_MIN
                || config.withdrawDelay > DELAY_MAX
        ) {
            revert BadChannel();
        }
        if (amount == 0) {
            revert ZeroAmount();
        }
        id = channelId(config);
        channels[id].balance += amount;
        emit Deposited(id, config.payer, config.receiver, amount);
        Pull.exact(IERC20(config.token), msg.sender, amount);
    }

    /// @notice Book what vouchers allow, for any number of channels of the caller.
    function claim(Claim[] calldata claims) external {
        for (uint256 i = 0; i < claims.length; ++i) {
            _claim(claims[i]);
        }
    }

    /// @notice Pay a receiver all that it has claimed in a token. Anyone may; the receiver gets it.
    function settle(address receiver, address token) external returns (uint256 amount) {
        amount = earned[receiver][token];
        if (amount == 0) {
            revert NothingToSettle();
        }
        earned[receiver][token] = 0;
        emit Settled(receiver, token, amount);
        IERC20(token).safeTransfer(receiver, amount);
    }

    /// @notice The payer asks for an unclaimed amount back; it can be had after the channel's delay. A second call replaces
    /// the first and starts the delay anew: the payer's alone, so that its authorizer cannot put the money off for ever.
    function initiateWithdraw(ChannelConfig calldata config, uint128 amount) external {
        bytes32 id = channelId(config);
        _only(config.payer, withdrawals[id].amount == 0 ? config.payerAuthorizer : address(0));
        _requireFree(channels[id], amount);
        uint40 until = uint40(block.timestamp) + config.withdrawDelay;
        withdrawals[id] = Withdrawal(amount, until);
        emit WithdrawInitiated(id, amount, until);
    }

    /// @notice After the delay anyone may send the payer its money: the amount asked for, or what claims have left of it.
    function finalizeWithdraw(ChannelConfig calldata config) external returns (uint128 amount) {
        bytes32 id = channelId(config);
        Withdrawal memory asked = withdrawals[id];
        if (asked.amount == 0) {
            revert NoWithdrawal();
        }
        if (block.timestamp < asked.until) {
            revert StillLocked(asked.until);
        }
        delete withdrawals[id];
        Channel storage channel = channels[id];
        uint128 free = channel.balance - channel.totalClaimed;
        amount = asked.amount < free ? asked.amount : free;
        channel.balance -= amount;
        emit Withdrawn(id, amount);
        IERC20(config.token).safeTransfer(config.payer, amount);
    }

    /// @notice The receiver gives unclaimed money back at once.
    function refund(ChannelConfig calldata config, uint128 amount) external {
        _only(config.receiver, config.receiverAuthorizer);
        bytes32 id = channelId(config);
        Channel storage channel = channels[id];
        _requireFree(channel, amount);
        channel.balance -= amount;
        emit Refunded(id, amount);
        IERC20(config.token).safeTransfer(config.payer, amount);
    }

    /// @notice The EIP-712 hash of the config: it binds the channel to this contract and chain.
    function channelId(ChannelConfig calldata config) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(CHANNEL_TYPE, config)));
    }

    /// @notice What a payer signs.
    function voucherDigest(bytes32 id, uint128 maxClaimableAmount) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(VOUCHER_TYPE, id, maxClaimableAmount)));
    }

    function _claim(Claim calldata c) private {
        ChannelConfig calldata config = c.channel;
        _only(config.receiver, config.receiverAuthorizer);
        bytes32 id = channelId(config);
        Channel memory channel = channels[id];
        if (c.totalClaimed > c.maxClaimableAmount) {
            revert AboveVoucher(c.totalClaimed, c.maxClaimableAmount);
        }
        if (c.totalClaimed > channel.balance) {
            revert AboveDeposit(c.totalClaimed, channel.balance);
        }
        if (c.totalClaimed <= channel.totalClaimed) {
            revert NothingToClaim(channel.totalClaimed);
        }
        address signer = config.payerAuthorizer == address(0) ? config.payer : config.payerAuthorizer;
        bytes32 digest = voucherDigest(id, c.maxClaimableAmount);
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, c.signature)) {
            revert BadSignature();
        }
        channels[id].totalClaimed = c.totalClaimed;
        earned[config.receiver][config.token] += c.totalClaimed - channel.totalClaimed;
        emit Claimed(id, config.receiver, c.totalClaimed);
    }

    function _requireFree(Channel memory channel, uint128 amount) private pure {
        if (amount == 0) {
            revert ZeroAmount();
        }
        uint128 free = channel.balance - channel.totalClaimed;
        if (amount > free) {
            revert AmountTooLarge(amount, free);
        }
    }

    function _only(address who, address authorizer) private view {
        if (msg.sender != who && (msg.sender != authorizer || authorizer == address(0))) {
            revert NotAllowed(msg.sender);
        }
    }
}
