// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// What a machine thinks with (docs/spec/decision.md). Implementations are immutable and pure in
/// their arguments: they read no storage, block, balance, caller or gas, only code.
interface IMind {
    /// @notice Propose one value per actuator, and the memory for the next turn.
    function decide(bytes calldata memory_, bytes calldata observation)
        external
        view
        returns (bytes memory next, bytes memory proposal);
}

/// What a machine may do (docs/spec/decision.md). Immutable and pure, as a mind.
interface ICharter {
    /// @notice Give the permitted action for a proposal, with one reason code per actuator.
    function review(bytes calldata memory_, bytes calldata observation, bytes calldata proposal)
        external
        view
        returns (bytes memory action, bytes memory reasons);
}
