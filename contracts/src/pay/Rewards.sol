// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Pull} from "./Pull.sol";

/// @title Rewards of contributors, a Merkle root per epoch, with time to object.
/// @notice Someone computes the scores from public data, publishes where the data is and the root of the result, and puts
/// the money and a bond in. Anyone can run the scoring again. Who finds another result objects within the window and
/// puts the same bond in; then the judge (the DAO) decides, and the loser's bond goes to the winner. An objection that
/// nobody judges in time stops the root: both get their own back.
///
///     Proposed --window--> open for claims --claim period--> the rest goes back to the proposer
///        |---object--> Disputed --uphold--> open for claims, again for the whole period
///                         |-------strike, or no judgement in time--> Struck: the money goes back
///
/// @dev A leaf is keccak256(keccak256(abi.encode(account, amount))), the double hash of OpenZeppelin's merkle-tree.
contract Rewards {
    using SafeERC20 for IERC20;

    error BadConfig();
    error NoSuchEpoch(uint256 epoch);
    error ZeroTotal();
    error NotAllowed(address who);
    error WrongState(State state);
    error WindowClosed(uint64 until);
    error NotClaimable();
    error BadProof();
    error AlreadyClaimed(address account);
    error AboveTotal(uint256 amount, uint256 left);
    error NotExpired(uint64 until);

    /// @dev Do not renumber.
    enum State {
        None,
        Proposed,
        Disputed,
        Upheld,
        Struck,
        Closed
    }

    struct Epoch {
        address proposer;
        uint64 until; // of the window, of the judgement, or of the claims, by state
        State state;
        address objector;
        bytes32 root;
        uint256 left;
    }

    event Proposed(uint256 indexed epoch, address indexed proposer, bytes32 root, uint256 total, bytes32 dataHash, string uri);
    event Objected(uint256 indexed epoch, address indexed objector, bytes32 root);
    event Judged(uint256 indexed epoch, bool upheld);
    event Claimed(uint256 indexed epoch, address indexed account, uint256 amount);
    event Closed(uint256 indexed epoch, uint256 left);

    IERC20 public immutable token;
    address public immutable judge;
    uint256 public immutable bond;
    /// @notice Seconds to object, to judge, and to claim.
    uint64 public immutable window;
    uint64 public immutable judgement;
    uint64 public immutable claims;

    uint256 public epochCount;
    mapping(uint256 epoch => Epoch) public epochs;
    mapping(uint256 epoch => mapping(address account => bool)) public claimed;

    constructor(IERC20 token_, address judge_, uint256 bond_, uint64 window_, uint64 judgement_, uint64 claims_) {
        if (judge_ == address(0) || window_ == 0 || judgement_ == 0 || claims_ == 0) {
            revert BadConfig();
        }
        (token, judge, bond) = (token_, judge_, bond_);
        (window, judgement, claims) = (window_, judgement_, claims_);
    }

    /// @notice Publish a result and pay its total and the bond in. Epochs count from 1.
    /// @param dataHash SHA-256 of the data and the scoring program at `uri`.
    function propose(bytes32 root, uint256 total, bytes32 dataHash, string calldata uri)
        external
        returns (uint256 epoch)
    {
        if (total == 0) {
            revert ZeroTotal();
        }
        epoch = ++epochCount;
        epochs[epoch] = Epoch(msg.sender, uint64(block.timestamp) + window, State.Proposed, address(0), root, total);
        emit Proposed(epoch, msg.sender, root, total, dataHash, uri);
        Pull.exact(token, msg.sender, total + bond);
    }

    /// @notice Object within the window, with the root that the data really gives.
    function object(uint256 epoch, bytes32 root) external {
        Epoch storage e = _in(epoch, State.Proposed);
        if (block.timestamp >= e.until) {
            revert WindowClosed(e.until);
        }
        (e.state, e.objector, e.until) = (State.Disputed, msg.sender, uint64(block.timestamp) + judgement);
        emit Objected(epoch, msg.sender, root);
        Pull.exact(token, msg.sender, bond);
    }

    /// @notice The judge decides a disputed epoch: the winner gets both bonds.
    function decide(uint256 epoch, bool uphold) external {
        if (msg.sender != judge) {
            revert NotAllowed(msg.sender);
        }
        Epoch storage e = _in(epoch, State.Disputed);
        if (block.timestamp >= e.until) {
            revert WindowClosed(e.until);
        }
        address winner = uphold ? e.proposer : e.objector;
        e.objector = address(0);
        (e.state, e.until) = (uphold ? State.Upheld : State.Struck, uint64(block.timestamp) + claims);
        emit Judged(epoch, uphold);
        token.safeTransfer(winner, 2 * bond);
    }

    /// @notice Pay an account its part. Anyone may; the account gets it.
    function claim(uint256 epoch, address account, uint256 amount, bytes32[] calldata proof) external {
        Epoch storage e = epochs[epoch];
        if (!claimable(epoch)) {
            revert NotClaimable();
        }
        if (claimed[epoch][account]) {
            revert AlreadyClaimed(account);
        }
        if (!MerkleProof.verifyCalldata(proof, e.root, keccak256(bytes.concat(keccak256(abi.encode(account, amount)))))) {
            revert BadProof();
        }
        if (amount > e.left) {
            revert AboveTotal(amount, e.left);
        }
        claimed[epoch][account] = true;
        e.left -= amount;
        emit Claimed(epoch, account, amount);
        token.safeTransfer(account, amount);
    }

    /// @notice Send the proposer what is its own: the bond and what nobody claimed in time, or all of a struck epoch.
    /// Anyone may.
    function close(uint256 epoch) external {
        Epoch storage e = epochs[epoch];
        (State state, uint256 left) = (e.state, e.left);
        if (state == State.None) {
            revert NoSuchEpoch(epoch);
        }
        if (state == State.Closed) {
            revert WrongState(state);
        }
        if (state != State.Struck && block.timestamp < _end(e)) {
            revert NotExpired(_end(e));
        }
        (e.state, e.left) = (State.Closed, 0);
        emit Closed(epoch, left);
        if (state == State.Proposed || state == State.Disputed) {
            left += bond;
        }
        token.safeTransfer(e.proposer, left);
    }

    /// @notice After a dispute that nobody judged in time, the objector takes its bond back.
    function withdrawObjection(uint256 epoch) external {
        Epoch storage e = epochs[epoch];
        if (msg.sender != e.objector) {
            revert NotAllowed(msg.sender);
        }
        if (e.state != State.Disputed && e.state != State.Closed) {
            revert WrongState(e.state);
        }
        if (block.timestamp < e.until) {
            revert NotExpired(e.until);
        }
        e.objector = address(0);
        token.safeTransfer(msg.sender, bond);
    }

    /// @notice Whether an epoch's claims are open now.
    function claimable(uint256 epoch) public view returns (bool) {
        Epoch storage e = epochs[epoch];
        if (e.state == State.Proposed) {
            return block.timestamp >= e.until && block.timestamp < e.until + claims;
        }
        return e.state == State.Upheld && block.timestamp < e.until;
    }

    /// @dev When what is left goes back.
    function _end(Epoch storage e) private view returns (uint64) {
        return e.state == State.Proposed ? e.until + claims : e.until;
    }

    function _in(uint256 epoch, State state) private view returns (Epoch storage e) {
        e = epochs[epoch];
        if (e.state == State.None) {
            revert NoSuchEpoch(epoch);
        }
        if (e.state != state) {
            revert WrongState(e.state);
        }
    }
}
