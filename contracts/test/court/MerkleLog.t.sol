// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {MerkleLog} from "../../src/court/MerkleLog.sol";
import {World} from "../World.sol";

contract MerkleLogHarness {
    function includes(uint256 size, bytes32 root, uint256 index, bytes32 leaf, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        return MerkleLog.includes(size, root, index, leaf, proof);
    }

    function extends_(uint256 oldSize, bytes32 oldRoot, uint256 size, bytes32 root, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return MerkleLog.extends_(oldSize, oldRoot, size, root, proof);
    }

    function inclusionGas(uint256 size, bytes32 root, uint256 index, bytes32 leaf, bytes32[] calldata proof)
        external
        view
        returns (uint256)
    {
        uint256 before = gasleft();
        bool yes = MerkleLog.includes(size, root, index, leaf, proof);
        uint256 used = before - gasleft();
        require(yes, "not included");
        return used;
    }
}

contract MerkleLogTest is World {
    uint256 private constant SIZES = 33;
    MerkleLogHarness private log;

    function setUp() public override {
        log = new MerkleLogHarness();
    }

    function some(uint256 n) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](n);
        for (uint256 k = 0; k < n; k++) {
            leaves[k] = sha256(abi.encode("leaf", k));
        }
    }

    /// Every index of every small tree is included, at its own index and size only.
    function testInclusionExhaustive() public view {
        uint256 checked;
        for (uint256 n = 1; n <= SIZES; n++) {
            bytes32[] memory leaves = some(n);
            bytes32 root = treeHash(leaves);
            for (uint256 k = 0; k < n; k++) {
                bytes32[] memory proof = path(k, leaves);
                ok(log.includes(n, root, k, leaves[k], proof), "included");
                ok(!log.includes(n, root, k + 1, leaves[k], proof), "at another index");
                ok(!log.includes(n, root, k, leaves[(k + 1) % n], proof) || n == 1, "another leaf");
                ok(!log.includes(n, root, k, leaves[k], push(proof, root)), "longer proof");
                checked++;
            }
        }
        eq(checked, SIZES * (SIZES + 1) / 2, "count");
    }

    function testConsistencyExhaustive() public view {
        for (uint256 n = 1; n <= SIZES; n++) {
            bytes32[] memory leaves = some(n);
            bytes32 root = treeHash(leaves);
            for (uint256 m = 1; m <= n; m++) {
                bytes32 old = treeHash(leaves, 0, m);
                bytes32[] memory proof = consistency(m, leaves);
                ok(log.extends_(m, old, n, root, proof), "extends");
                ok(!log.extends_(m, root, n, old, proof) || m == n, "roots swapped");
                ok(!log.extends_(m, old, n, root, push(proof, root)), "longer proof");
                for (uint256 k = 0; k < proof.length; k++) {
                    bytes32 was = proof[k];
                    proof[k] = was ^ bytes32(uint256(1) << (13 * k));
                    ok(!log.extends_(m, old, n, root, proof), "flipped proof");
                    proof[k] = was;
                }
            }
            ok(!log.extends_(0, root, n, root, new bytes32[](0)), "nothing to extend");
            ok(!log.extends_(n + 1, root, n, root, new bytes32[](0)), "shrinks");
            ok(n < 3 || !log.extends_(n - 1, treeHash(leaves, 0, n - 1), n, root, new bytes32[](0)), "no proof");
        }
    }

    /// No single bit of leaf, proof, index, size or root can change.
    function testFuzzInclusionFlip(uint8 n, uint8 k, uint256 where, uint8 bit) public view {
        bytes32[] memory leaves = some(uint256(n) % 64 + 2);
        uint256 size = leaves.length;
        uint256 index = uint256(k) % size;
        bytes32 root = treeHash(leaves);
        bytes32[] memory proof = path(index, leaves);
        bytes32 leaf = leaves[index];
        bytes32 mask = bytes32(uint256(1) << bit);
        where %= proof.length + 2;
        if (where == proof.length) {
            leaf ^= mask;
        } else if (where == proof.length + 1) {
            root ^= mask;
        } else {
            proof[where] ^= mask;
        }
        ok(!log.includes(size, root, index, leaf, proof), "flipped bit accepted");
    }

    function testGasDepth20() public {
        bytes32[] memory proof = new bytes32[](20);
        bytes32 root = sha256("leaf");
        uint256 index = 0xa5a5a;
        for (uint256 k = 0; k < 20; k++) {
            proof[k] = keccak256(abi.encode(k));
            root = (index >> k) & 1 == 1
                ? sha256(abi.encodePacked(hex"01", proof[k], root))
                : sha256(abi.encodePacked(hex"01", root, proof[k]));
        }
        uint256 used = log.inclusionGas(1 << 20, root, index, sha256("leaf"), proof);
        figure("law", "inclusion proof, depth 20", used, 8000);
    }
}
