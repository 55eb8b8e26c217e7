// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Keys} from "../identity/Keys.sol";
import {MachineRegistry, machineName} from "../identity/MachineRegistry.sol";
import {MerkleLog} from "./MerkleLog.sol";

/// Checkpoints of the machines' logs (docs/spec/evidence.md section 3). A checkpoint is the machine's
/// signed word for its first `size` leaves; anchoring makes it public and final. Whether a later one
/// extends an earlier one is proven when somebody asks (`Court.demandConsistency`), not on every anchor.
contract Evidence is EIP712 {
    struct Head {
        uint64 size;
        uint64 floor; // size at the start of the tenure
        uint48 anchoredAt;
        uint32 tenure;
    }

    MachineRegistry public immutable registry;

    mapping(uint256 id => Head) private _heads;
    mapping(uint256 id => mapping(uint64 size => bytes32)) private _roots;

    bytes32 private constant CHECKPOINT_TYPEHASH =
        keccak256("Checkpoint(bytes32 machine,uint64 size,bytes32 root,uint64 time)");

    event Anchored(uint256 indexed id, uint64 indexed size, bytes32 root, uint64 time);

    error NotGrowing(uint64 size, uint64 anchored);
    error NotSigned(uint256 id);
    error ZeroRoot();

    constructor(MachineRegistry registry_) EIP712("DAM Evidence", "1") {
        registry = registry_;
    }

    /// @notice Anchor a checkpoint that the machine's present key signed. Anyone may carry it.
    function anchor(uint256 id, uint64 size, bytes32 root, uint64 time, bytes calldata signature) external {
        (address key, uint32 tenure) = registry.signerOf(id);
        if (!Keys.signed(key, digestOf(id, size, root, time), signature)) {
            revert NotSigned(id);
        }
        if (root == 0) {
            revert ZeroRoot(); // would read as "none was anchored", and nobody could challenge it
        }
        Head memory head = _heads[id];
        if (size <= head.size) {
            revert NotGrowing(size, head.size);
        }
        if (tenure != head.tenure) {
            (head.tenure, head.floor) = (tenure, head.size);
        }
        (head.size, head.anchoredAt) = (size, uint48(block.timestamp));
        _heads[id] = head;
        _roots[id][size] = root;
        emit Anchored(id, size, root, time);
    }

    /// @notice The last anchored checkpoint.
    function headOf(uint256 id) external view returns (Head memory) {
        return _heads[id];
    }

    /// @notice The anchored root of the first `size` leaves; zero: none was anchored at that size.
    function rootOf(uint256 id, uint64 size) external view returns (bytes32) {
        return _roots[id][size];
    }

    /// @notice The first leaf that the present owner answers for.
    function liableFrom(uint256 id) external view returns (uint64) {
        Head memory head = _heads[id];
        return head.tenure == registry.tenureOf(id) ? head.floor : head.size;
    }

    /// @notice Whether a key of the present tenure signed this checkpoint.
    function isSigned(uint256 id, uint64 size, bytes32 root, uint64 time, bytes calldata signature)
        external
        view
        returns (bool)
    {
        return registry.isKeyOf(id, Keys.signer(digestOf(id, size, root, time), signature));
    }

    /// @notice The EIP-712 digest of a checkpoint.
    function digestOf(uint256 id, uint64 size, bytes32 root, uint64 time) public view returns (bytes32) {
        bytes32 machine = machineName(address(registry), id);
        return _hashTypedDataV4(keccak256(abi.encode(CHECKPOINT_TYPEHASH, machine, size, root, time)));
    }

    /// @notice Whether `leaf` is number `index` of the anchored log of `size` leaves.
    function includes(uint256 id, uint64 size, uint64 index, bytes calldata leaf, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        bytes32 root = _roots[id][size];
        return root != 0 && MerkleLog.includes(size, root, index, MerkleLog.leafHash(leaf), proof);
    }
}
