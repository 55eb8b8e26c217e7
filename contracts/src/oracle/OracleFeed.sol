// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Pull} from "../pay/Pull.sol";

/// @title Reports of n signers of which fewer than a third may lie.
/// @notice A report is the sorted observations of at least 2f + 1 signers, signed by exactly f + 1 of them. One of those
/// f + 1 is honest and has checked that each observation came from a signer, so at most f observations are lies, and the
/// median lies between two honest ones. A topic is anything measured: a price, or a meter in an interval.
/// @dev What it cannot know: whether f + 1 signers conspire, or what a sensor saw. A signer that signs two different
/// reports of one round loses its bond to whoever shows them.
contract OracleFeed is EIP712 {
    using SafeERC20 for IERC20;

    error BadConfig();
    error UnknownConfig(bytes32 config);
    error OldRound(uint64 round, uint64 latest);
    error FutureReport(uint64 time);
    error OldReport(uint64 time, uint64 latest);
    error WrongObservationCount(uint256 count);
    error UnsortedObservations();
    error OutOfRange(int128 value);
    error WrongSignatureCount(uint256 count);
    error NotSigner(address who);
    error DuplicateSigner(address signer);
    error SignerNotBonded(address signer);
    error NeverReported(bytes32 topic);
    error Stale(bytes32 topic, uint64 time);
    error AlreadyBonded();
    error NotLeaving();
    error StillLocked(uint64 until);
    error NotEquivocation();

    struct Report {
        bytes32 config;
        bytes32 topic;
        uint64 round;
        uint64 time;
        int128[] observations;
    }

    struct Answer {
        int128 value;
        uint64 round;
        uint64 time;
    }

    /// @dev Do not renumber.
    enum Bond {
        None,
        Posted,
        Leaving,
        Slashed
    }

    struct Signer {
        bool known;
        uint8 index;
        Bond bond;
        uint64 until;
    }

    event Reported(bytes32 indexed topic, uint64 indexed round, int128 value, uint64 time);
    event Bonded(address indexed signer);
    event Leaving(address indexed signer, uint64 until);
    event Withdrawn(address indexed signer);
    event Slashed(address indexed signer, address indexed by);

    /// @notice How far ahead of the block a report's time may be.
    uint64 public constant SKEW = 60;
    /// @notice How long a leaving signer's bond can still be slashed.
    uint64 public constant LEAVE_DELAY = 7 days;

    bytes32 private constant REPORT_TYPE =
        keccak256("Report(bytes32 config,bytes32 topic,uint64 round,uint64 time,int128[] observations)");

    IERC20 public immutable token;
    uint256 public immutable bond;
    /// @notice Gets what a slashed bond leaves after the challenger's half.
    address public immutable treasury;
    uint256 public immutable count;
    uint256 public immutable faulty;
    int128 public immutable low;
    int128 public immutable high;
    /// @notice Binds a report to the signers, the bounds and this contract.
    bytes32 public immutable config;

    mapping(address => Signer) public signers;
    mapping(bytes32 topic => Answer) private _answers;

    constructor(
        address[] memory signers_,
        uint256 faulty_,
        int128 low_,
        int128 high_,
        IERC20 token_,
        uint256 bond_,
        address treasury_
    ) EIP712("DAM OracleFeed", "1") {
        uint256 n = signers_.length;
        if (n > 31 || n <= 3 * faulty_ || low_ > high_ || treasury_ == address(0)) {
            revert BadConfig();
        }
        for (uint256 i = 0; i < n; ++i) {
            if (signers_[i] == address(0) || signers[signers_[i]].known) {
                revert BadConfig();
            }
            signers[signers_[i]] = Signer(true, uint8(i), Bond.None, 0);
        }
        (count, faulty, low, high) = (n, faulty_, low_, high_);
        (token, bond, treasury) = (token_, bond_, treasury_);
        config = keccak256(
            abi.encode(block.chainid, address(this), signers_, faulty_, low_, high_, token_, bond_, treasury_)
        );
    }

    /// @notice Post the bond; only then do the caller's signatures count.
    function post() external {
        Signer storage signer = signers[msg.sender];
        if (!signer.known) {
            revert NotSigner(msg.sender);
        }
        if (signer.bond != Bond.None) {
            revert AlreadyBonded();
        }
        signer.bond = Bond.Posted;
        emit Bonded(msg.sender);
        Pull.exact(token, msg.sender, bond);
    }

    /// @notice Stop signing. The bond comes back after the delay.
    function resign() external {
        Signer storage signer = signers[msg.sender];
        if (signer.bond != Bond.Posted) {
            revert SignerNotBonded(msg.sender);
        }
        signer.bond = Bond.Leaving;
        signer.until = uint64(block.timestamp) + LEAVE_DELAY;
        emit Leaving(msg.sender, signer.until);
    }

    /// @notice Take the bond back after `resign` and its delay.
    function withdraw() external {
        Signer storage signer = signers[msg.sender];
        if (signer.bond != Bond.Leaving) {
            revert NotLeaving();
        }
        if (block.timestamp < signer.until) {
            revert StillLocked(signer.until);
        }
        signer.bond = Bond.None;
        emit Withdrawn(msg.sender);
        token.safeTransfer(msg.sender, bond);
    }

    /// @notice Publish a report. Anyone may carry it.
    /// @param signatures Exactly f + 1, of distinct signers.
    function report(Report calldata r, bytes[] calldata signatures) external {
        if (r.config != config) {
            revert UnknownConfig(r.config);
        }
        Answer memory last = _answers[r.topic];
        if (r.round <= last.round) {
            revert OldRound(r.round, last.round);
        }
        if (r.time > block.timestamp + SKEW) {
            revert FutureReport(r.time);
        }
        if (r.time < last.time) {
            revert OldReport(r.time, last.time);
        }
        int128 value = _median(r.observations);
        _checkSignatures(digest(r), signatures);
        _answers[r.topic] = Answer(value, r.round, r.time);
        emit Reported(r.topic, r.round, value, r.time);
    }

    /// @notice The latest answer, and how old it is by the chain's clock.
    function read(bytes32 topic) public view returns (Answer memory answer, uint256 age) {
        answer = _answers[topic];
        if (answer.round == 0) {
            revert NeverReported(topic);
        }
        age = block.timestamp > answer.time ? block.timestamp - answer.time : 0;
    }

    /// @notice The latest value, or a revert when it is older than `ageMax` seconds.
    function fresh(bytes32 topic, uint256 ageMax) external view returns (int128) {
        (Answer memory answer, uint256 age) = read(topic);
        if (age > ageMax) {
            revert Stale(topic, answer.time);
        }
        return answer.value;
    }

    /// @notice Show two different reports of one topic and round that one signer signed. Half of the bond is the
    /// caller's, half the treasury's (so that slashing oneself costs).
    function equivocation(Report calldata a, bytes calldata signatureA, Report calldata b, bytes calldata signatureB)
        external
    {
        (bytes32 digestA, bytes32 digestB) = (digest(a), digest(b));
        address who = ECDSA.recover(digestA, signatureA);
        if (
            digestA == digestB || a.config != config || b.config != config || a.topic != b.topic || a.round != b.round
                || who != ECDSA.recover(digestB, signatureB)
        ) {
            revert NotEquivocation();
        }
        Signer storage signer = signers[who];
        if (signer.bond != Bond.Posted && signer.bond != Bond.Leaving) {
            revert SignerNotBonded(who);
        }
        signer.bond = Bond.Slashed;
        emit Slashed(who, msg.sender);
        token.safeTransfer(msg.sender, bond / 2);
        token.safeTransfer(treasury, bond - bond / 2);
    }

    /// @notice What a signer signs.
    function digest(Report calldata r) public view returns (bytes32) {
        bytes32 observations = keccak256(abi.encodePacked(r.observations));
        return _hashTypedDataV4(keccak256(abi.encode(REPORT_TYPE, r.config, r.topic, r.round, r.time, observations)));
    }

    function _median(int128[] calldata observations) private view returns (int128 value) {
        uint256 length = observations.length;
        if (length < 2 * faulty + 1 || length > count) {
            revert WrongObservationCount(length);
        }
        for (uint256 i = 1; i < length; ++i) {
            if (observations[i - 1] > observations[i]) {
                revert UnsortedObservations();
            }
        }
        value = observations[length / 2];
        if (value < low || value > high) {
            revert OutOfRange(value);
        }
    }

    function _checkSignatures(bytes32 hash, bytes[] calldata signatures) private view {
        if (signatures.length != faulty + 1) {
            revert WrongSignatureCount(signatures.length);
        }
        uint256 seen;
        for (uint256 i = 0; i < signatures.length; ++i) {
            address who = ECDSA.recover(hash, signatures[i]);
            Signer memory signer = signers[who];
            if (!signer.known) {
                revert NotSigner(who);
            }
            if (signer.bond != Bond.Posted) {
                revert SignerNotBonded(who);
            }
            if (seen & (1 << signer.index) != 0) {
                revert DuplicateSigner(who);
            }
            seen |= 1 << signer.index;
        }
    }
}
