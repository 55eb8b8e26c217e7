// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pull} from "../pay/Pull.sol";

/// @title Hiring: an escrow with an evaluator, in the shape of ERC-8183.
/// @notice A client offers a job, a provider does it, an evaluator says whether it is done: a delivery, a repair, an hour of
/// a machine. The budget is here from funding to the end.
///
///     Open --fund--> Funded --submit--> Submitted --complete--> Completed   (the provider is paid)
///       |               |                   |-------reject----> Rejected    (the client is paid back)
///       |               |----reject (evaluator)---------------> Rejected
///       |---reject (client)-----------------------------------> Rejected
///                       after `expiredAt`, from Funded and Submitted: claimRefund --> Expired
///
/// @dev There are no hooks, no pause, no owner: nothing and nobody stands between an expired job and its refund.
contract JobBoard {
    using SafeERC20 for IERC20;

    error NoSuchJob(uint256 jobId);
    error NotAllowed(address who);
    error WrongStatus(Status status);
    error ZeroAddress();
    error PastExpiry(uint256 expiredAt);
    error Expired();
    error NotExpired(uint256 expiredAt);
    error ZeroBudget();
    error UnexpectedBudget(uint256 budget);
    error NoProvider();
    error ProviderSet();

    /// @dev Do not renumber.
    enum Status {
        Open,
        Funded,
        Submitted,
        Completed,
        Rejected,
        Expired
    }

    struct Job {
        address client;
        uint64 expiredAt;
        Status status;
        address provider;
        address evaluator;
        IERC20 token;
        uint256 budget;
        bytes32 deliverable;
    }

    event JobCreated(
        uint256 indexed jobId,
        address indexed client,
        address indexed provider,
        address evaluator,
        address token,
        uint64 expiredAt,
        string description
    );
    event ProviderChosen(uint256 indexed jobId, address indexed provider);
    event BudgetSet(uint256 indexed jobId, uint256 amount);
    event JobFunded(uint256 indexed jobId, address indexed client, uint256 amount);
    event JobSubmitted(uint256 indexed jobId, address indexed provider, bytes32 deliverable);
    event JobCompleted(uint256 indexed jobId, address indexed evaluator, bytes32 reason);
    event JobRejected(uint256 indexed jobId, address indexed rejector, bytes32 reason);
    event JobExpired(uint256 indexed jobId);
    event PaymentReleased(uint256 indexed jobId, address indexed provider, uint256 amount);
    event Refunded(uint256 indexed jobId, address indexed client, uint256 amount);

    uint256 public jobCount;
    mapping(uint256 jobId => Job) private _jobs;

    /// @notice Offer a job. Ids count from 1.
    /// @param provider Zero: chosen later with `setProvider`.
    function createJob(
        address provider,
        address evaluator,
        IERC20 token,
        uint64 expiredAt,
        string calldata description
    ) external returns (uint256 jobId) {
        if (evaluator == address(0) || address(token) == address(0)) {
            revert ZeroAddress();
        }
        if (expiredAt <= block.timestamp) {
            revert PastExpiry(expiredAt);
        }
        jobId = ++jobCount;
        Job storage job = _jobs[jobId];
        (job.client, job.provider, job.evaluator) = (msg.sender, provider, evaluator);
        (job.token, job.expiredAt) = (token, expiredAt);
        emit JobCreated(jobId, msg.sender, provider, evaluator, address(token), expiredAt, description);
    }

    /// @notice The client names the provider, once.
    function setProvider(uint256 jobId, address provider) external {
        Job storage job = _at(jobId, Status.Open);
        _only(job.client);
        if (provider == address(0)) {
            revert ZeroAddress();
        }
        if (job.provider != address(0)) {
            revert ProviderSet();
        }
        job.provider = provider;
        emit ProviderChosen(jobId, provider);
    }

    /// @notice Client or provider propose the price; the client accepts by funding exactly it.
    function setBudget(uint256 jobId, uint256 amount) external {
        Job storage job = _at(jobId, Status.Open);
        if (msg.sender != job.client && msg.sender != job.provider) {
            revert NotAllowed(msg.sender);
        }
        job.budget = amount;
        emit BudgetSet(jobId, amount);
    }

    /// @notice The client pays the budget in.
    /// @param expectedBudget What the client agreed to; a budget changed meanwhile is refused.
    function fund(uint256 jobId, uint256 expectedBudget) external {
        Job storage job = _at(jobId, Status.Open);
        _only(job.client);
        if (job.provider == address(0)) {
            revert NoProvider();
        }
        if (job.budget == 0) {
            revert ZeroBudget();
        }
        if (job.budget != expectedBudget) {
            revert UnexpectedBudget(job.budget);
        }
        _notExpired(job);
        job.status = Status.Funded;
        emit JobFunded(jobId, msg.sender, expectedBudget);
        Pull.exact(job.token, msg.sender, expectedBudget);
    }

    /// @notice The provider shows its work.
    function submit(uint256 jobId, bytes32 deliverable) external {
        Job storage job = _at(jobId, Status.Funded);
        _only(job.provider);
        _notExpired(job);
        job.status = Status.Submitted;
        job.deliverable = deliverable;
        emit JobSubmitted(jobId, msg.sender, deliverable);
    }

    /// @notice The evaluator accepts the work: the provider is paid.
    function complete(uint256 jobId, bytes32 reason) external {
        Job storage job = _at(jobId, Status.Submitted);
        _only(job.evaluator);
        job.status = Status.Completed;
        emit JobCompleted(jobId, msg.sender, reason);
        emit PaymentReleased(jobId, job.provider, job.budget);
        job.token.safeTransfer(job.provider, job.budget);
    }

    /// @notice The client takes back an open job, or the evaluator refuses a funded one: the client is paid back.
    function reject(uint256 jobId, bytes32 reason) external {
        Job storage job = _get(jobId);
        Status status = job.status;
        if (status > Status.Submitted) {
            revert WrongStatus(status);
        }
        _only(status == Status.Open ? job.client : job.evaluator);
        job.status = Status.Rejected;
        emit JobRejected(jobId, msg.sender, reason);
        if (status != Status.Open) {
            _refund(jobId, job);
        }
    }

    /// @notice After expiry anyone may send the budget back to the client.
    function claimRefund(uint256 jobId) external {
        Job storage job = _get(jobId);
        if (job.status != Status.Funded && job.status != Status.Submitted) {
            revert WrongStatus(job.status);
        }
        if (block.timestamp < job.expiredAt) {
            revert NotExpired(job.expiredAt);
        }
        job.status = Status.Expired;
        emit JobExpired(jobId);
        _refund(jobId, job);
    }

    function getJob(uint256 jobId) external view returns (Job memory) {
        return _get(jobId);
    }

    function _refund(uint256 jobId, Job storage job) private {
        emit Refunded(jobId, job.client, job.budget);
        job.token.safeTransfer(job.client, job.budget);
    }

    function _get(uint256 jobId) private view returns (Job storage job) {
        job = _jobs[jobId];
        if (job.client == address(0)) {
            revert NoSuchJob(jobId);
        }
    }

    function _at(uint256 jobId, Status status) private view returns (Job storage job) {
        job = _get(jobId);
        if (job.status != status) {
            revert WrongStatus(job.status);
        }
    }

    function _only(address who) private view {
        if (msg.sender != who) {
            revert NotAllowed(msg.sender);
        }
    }

    function _notExpired(Job storage job) private view {
        if (block.timestamp >= job.expiredAt) {
            revert Expired();
        }
    }
}
