// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// RFC 6962 Merkle tree proofs with SHA-256, as in RFC 9162 sections 2.1.3.2 and 2.1.4.2.
library MerkleLog {
    /// Hash of a leaf: SHA-256(0x00, leaf).
    function leafHash(bytes calldata leaf) internal pure returns (bytes32) {
        return sha256(bytes.concat(hex"00", leaf));
    }

    /// Whether the leaf with hash `leaf` is number `index` in the tree of `size` leaves under `root`.
    function includes(uint256 size, bytes32 root, uint256 index, bytes32 leaf, bytes32[] calldata proof)
        internal
        view
        returns (bool yes)
    {
        if (index >= size) {
            return false;
        }
        assembly ("memory-safe") {
            // 65 bytes at `node`: 0x01, left, right. The hash comes back into scratch space.
            let node := mload(0x40)
            mstore8(node, 1)
            let left := add(node, 1)
            let hash := leaf
            let p := proof.offset
            // Below the level where our path meets the last leaf's, every node has a sibling ...
            for { let apart := xor(index, sub(size, 1)) } apart { apart := shr(1, apart) } {
                let side := shl(5, and(index, 1))
                mstore(add(left, side), hash)
                mstore(add(left, xor(side, 32)), calldataload(p))
                p := add(p, 32)
                if iszero(staticcall(gas(), 2, node, 65, 0, 32)) { revert(0, 0) }
                hash := mload(0)
                index := shr(1, index)
            }
            // ... above it we are the last node of each level: a right child, or alone and lifted.
            for {} index { index := shr(1, index) } {
                if and(index, 1) {
                    mstore(left, calldataload(p))
                    mstore(add(left, 32), hash)
                    p := add(p, 32)
                    if iszero(staticcall(gas(), 2, node, 65, 0, 32)) { revert(0, 0) }
                    hash := mload(0)
                }
            }
            yes := and(eq(p, add(proof.offset, shl(5, proof.length))), eq(hash, root))
        }
    }

    /// Whether the tree (`size`, `root`) only appends to the tree (`oldSize`, `oldRoot`).
    function extends_(uint256 oldSize, bytes32 oldRoot, uint256 size, bytes32 root, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        if (oldSize == 0 || oldSize > size) {
            return false;
        }
        if (oldSize == size) {
            return proof.length == 0 && oldRoot == root;
        }
        uint256 old = oldSize - 1;
        uint256 last = size - 1;
        while (old & 1 == 1) {
            (old, last) = (old >> 1, last >> 1);
        }
        // A complete old tree is its own first node and is left out of the proof.
        uint256 next = 0;
        bytes32 oldHash = oldRoot;
        if (old != 0) {
            if (proof.length == 0) {
                return false;
            }
            oldHash = proof[next++];
        }
        bytes32 hash = oldHash;
        for (; next < proof.length; next++) {
            bytes32 sibling = proof[next];
            if (last == 0) {
                return false;
            }
            if (old & 1 == 1 || old == last) {
                oldHash = _node(sibling, oldHash);
                hash = _node(sibling, hash);
                while (old & 1 == 0 && old != 0) {
                    (old, last) = (old >> 1, last >> 1);
                }
            } else {
                hash = _node(hash, sibling);
            }
            (old, last) = (old >> 1, last >> 1);
        }
        return last == 0 && oldHash == oldRoot && hash == root;
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }
}
