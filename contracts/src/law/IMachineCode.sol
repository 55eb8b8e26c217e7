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

/// A charter that also says its safe action and its outermost bounds, so that the Court can judge the
/// turns in which the machine fell back to them (docs/spec/evidence.md section 2).
interface IBoundedCharter is ICharter {
    /// @notice The safe action: one packed int64 per actuator.
    function safe() external view returns (bytes memory action);

    /// @notice Whether every value of `action` is inside the charter's outermost bounds.
    function within(bytes calldata action) external view returns (bool);
}
