// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// The part of ERC-1056 that `did:ethr` resolvers read: with this registry in its configuration an
/// unmodified resolver turns `did:ethr:<chain>:<wallet>` into the machine's owner and keys. Events of
/// one identity form a chain through `previousChange`.
abstract contract EthrDid {
    /// @notice Block of the last event about `identity`; a resolver walks back from it.
    mapping(address identity => uint256 block_) public changed;

    event DIDOwnerChanged(address indexed identity, address owner, uint256 previousChange);
    event DIDDelegateChanged(
        address indexed identity, bytes32 delegateType, address delegate, uint256 validTo, uint256 previousChange
    );

    bytes32 private constant VERI_KEY = "veriKey";

    /// @notice Who controls `identity`: the machine's owner, or the identity itself if it is no machine's.
    function identityOwner(address identity) public view virtual returns (address);

    function _didOwner(address identity, address owner) internal {
        if (identity != address(0)) {
            emit DIDOwnerChanged(identity, owner, changed[identity]);
            changed[identity] = block.number;
        }
    }

    function _didKey(address identity, address key, bool valid) internal {
        if (identity != address(0) && key != address(0)) {
            uint256 until = valid ? type(uint256).max : block.timestamp;
            emit DIDDelegateChanged(identity, VERI_KEY, key, until, changed[identity]);
            changed[identity] = block.number;
        }
    }
}
