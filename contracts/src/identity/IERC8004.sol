// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// The identity registry interface of ERC-8004 (draft), beside ERC-721.
interface IERC8004 {
    struct MetadataEntry {
        string metadataKey;
        bytes metadataValue;
    }

    event Registered(uint256 indexed agentId, string agentURI, address indexed owner);
    event URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy);
    event MetadataSet(
        uint256 indexed agentId, string indexed indexedMetadataKey, string metadataKey, bytes metadataValue
    );

    /// @notice Register an agent owned by the caller.
    function register() external returns (uint256 agentId);

    /// @notice Register an agent with its card's address.
    function register(string calldata agentURI) external returns (uint256 agentId);

    /// @notice Register an agent with its card's address and metadata.
    function register(string calldata agentURI, MetadataEntry[] calldata metadata)
        external
        returns (uint256 agentId);

    /// @notice Change where the agent's card is.
    function setAgentURI(uint256 agentId, string calldata newURI) external;

    /// @notice Free metadata of an agent.
    function getMetadata(uint256 agentId, string calldata metadataKey) external view returns (bytes memory);

    /// @notice Set free metadata; the key `agentWallet` is reserved.
    function setMetadata(uint256 agentId, string calldata metadataKey, bytes calldata metadataValue) external;

    /// @notice The address that is paid for the agent's work.
    function getAgentWallet(uint256 agentId) external view returns (address);

    /// @notice Name the wallet, with the wallet's own consent.
    function setAgentWallet(uint256 agentId, address newWallet, uint256 deadline, bytes calldata signature) external;

    /// @notice Forget the wallet.
    function unsetAgentWallet(uint256 agentId) external;
}
