// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {MachineRegistry} from "../src/identity/MachineRegistry.sol";
import {MachineAccount} from "../src/account/MachineAccount.sol";
import {Attestation} from "../src/court/Attestation.sol";
import {Court} from "../src/court/Court.sol";
import {Evidence} from "../src/court/Evidence.sol";
import {Blob} from "../src/law/Blob.sol";
import {BoundsCharter} from "../src/law/BoundsCharter.sol";
import {Constitution} from "../src/law/Constitution.sol";
import {Purity} from "../src/law/Purity.sol";
import {Base} from "./Base.sol";
import {CountingMind} from "./law/Minds.sol";

/// The whole law, with one machine: two actuators, one sensor, a bond, and an owner, guardian, approver
/// and arbiter that are different people.
abstract contract World is Base {
    uint48 internal constant START = 1_800_000_000;
    uint256 internal constant STAKE = 0.1 ether;
    uint128 internal constant BOND = 10 ether;
    uint256 internal constant KEY = 0xda3;
    uint256 internal constant ACTUATORS = 2;

    MachineRegistry internal registry;
    Attestation internal attestation;
    Purity internal purity;
    Constitution internal constitution;
    Evidence internal evidence;
    Court internal court;
    MachineAccount internal account;
    CountingMind internal mind;
    BoundsCharter internal charter;

    address internal owner;
    address internal guardian;
    address internal approver;
    address internal arbiter;
    address internal challenger;
    address internal key;
    address internal policy;
    uint256 internal id;
    bytes32 internal machine;

    function setUp() public virtual {
        vm.warp(START);
        vm.roll(1000);
        (owner, guardian, approver) = (actor("owner"), actor("guardian"), actor("approver"));
        (arbiter, challenger) = (actor("arbiter"), actor("challenger"));
        key = vm.addr(KEY);
        registry = new MachineRegistry();
        attestation = new Attestation(registry);
        purity = new Purity();
        constitution = new Constitution(registry, purity, attestation, 1 hours);
        evidence = new Evidence(registry);
        court = new Court(registry, constitution, evidence, arbiter, STAKE);
        mind = new CountingMind(ACTUATORS);
        charter = new BoundsCharter(Blob.deploy(rulesBlob()));
        purity.admit(address(mind));
        purity.admit(address(charter));

        policy = Blob.deploy(policyBlob());
        vm.prank(owner);
        id = registry.register("https://machine.example/card.json");
        machine = registry.machineOf(id);
        account = new MachineAccount(registry, constitution, id);
        vm.startPrank(owner);
        registry.setKey(id, key, keyProof(KEY, key));
        registry.approve(address(account), id);
        registry.addObligor(id, address(court));
        constitution.propose(id, terms());
        vm.stopPrank();
        account.join();
        vm.deal(owner, 100 ether);
        vm.deal(challenger, 100 ether);
        vm.prank(owner);
        court.deposit{value: BOND}(id);
    }

    function terms() internal view returns (Constitution.Terms memory t) {
        t.mind = address(mind);
        t.mindGas = 1_000_000;
        t.charter = address(charter);
        t.charterGas = 500_000;
        t.notice = 1 days;
        t.policy = policy;
        t.court = address(court);
        t.guardian = guardian;
        t.approver = approver;
        t.bond = BOND;
        t.manifest = sha256("manifest");
    }

    /// Two actuators in [-100, 100], step 30, safe 0; both safe when the sensor's quality is bad.
    function rulesBlob() internal pure returns (bytes memory) {
        bytes memory actuator = abi.encodePacked(int64(-100), int64(100), int64(30), int64(0));
        bytes memory interlock = abi.encodePacked(uint16(1), uint8(4), uint8(3), uint32(0), int64(0), int64(0), int64(0));
        bytes memory head_ = abi.encodePacked("DAMR", uint8(1), uint8(2), uint16(1), uint16(4), new bytes(22));
        return bytes.concat(head_, actuator, actuator, interlock);
    }

    function policyBlob() internal view virtual returns (bytes memory) {
        // One bucket of coin, one rule: send coin to anyone.
        return abi.encodePacked(
            "DAMP", uint8(1), uint8(1), uint8(0), uint8(1), new bytes(24),
            abi.encodePacked(address(0), uint8(0), new bytes(7), uint32(1 days), uint128(1 ether), uint128(0.5 ether)),
            abi.encodePacked(address(0), bytes4(0), hex"01ffff00ff000000")
        );
    }

    // ---- signatures ----

    function sign(uint256 secret, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, digest);
        return abi.encodePacked(r, s, v);
    }

    function keyDigest(address key_) internal view returns (bytes32) {
        bytes32 inner = keccak256(
            abi.encode(
                keccak256("MachineKeySet(uint256 agentId,address key,uint32 tenure)"), id, key_, registry.tenureOf(id)
            )
        );
        return typed("ERC8004IdentityRegistry", address(registry), inner);
    }

    function keyProof(uint256 secret, address key_) internal view returns (bytes memory) {
        return sign(secret, keyDigest(key_));
    }

    /// The EIP-712 digest of a struct hash, spelt out.
    function typed(string memory name, address verifier, bytes32 inner) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                verifier
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, inner));
    }

    function checkpoint(uint64 size, bytes32 root) internal view returns (bytes memory) {
        return sign(KEY, evidence.digestOf(id, size, root, uint64(block.timestamp)));
    }

    function anchor(uint64 size, bytes32 root) internal {
        evidence.anchor(id, size, root, uint64(block.timestamp), checkpoint(size, root));
    }

    // ---- RFC 6962, by its recursive definition (section 2.1): not the way the contracts do it ----

    function hashLeaf(bytes memory leaf) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"00", leaf));
    }

    function treeHash(bytes32[] memory leaves, uint256 from, uint256 to) internal pure returns (bytes32) {
        if (to - from == 1) {
            return leaves[from];
        }
        uint256 split = from + half(to - from);
        return sha256(abi.encodePacked(hex"01", treeHash(leaves, from, split), treeHash(leaves, split, to)));
    }

    function treeHash(bytes32[] memory leaves) internal pure returns (bytes32) {
        return treeHash(leaves, 0, leaves.length);
    }

    /// The largest power of two below n.
    function half(uint256 n) internal pure returns (uint256 k) {
        for (k = 1; 2 * k < n;) {
            k *= 2;
        }
    }

    function path(uint256 index, bytes32[] memory leaves) internal pure returns (bytes32[] memory proof) {
        return path(index, leaves, 0, leaves.length);
    }

    function path(uint256 index, bytes32[] memory leaves, uint256 from, uint256 to)
        private
        pure
        returns (bytes32[] memory)
    {
        if (to - from == 1) {
            return new bytes32[](0);
        }
        uint256 split = from + half(to - from);
        return index < split
            ? push(path(index, leaves, from, split), treeHash(leaves, split, to))
            : push(path(index, leaves, split, to), treeHash(leaves, from, split));
    }

    function consistency(uint256 old, bytes32[] memory leaves) internal pure returns (bytes32[] memory) {
        return old == leaves.length ? new bytes32[](0) : subproof(old, leaves, 0, leaves.length, true);
    }

    function subproof(uint256 m, bytes32[] memory leaves, uint256 from, uint256 to, bool complete)
        private
        pure
        returns (bytes32[] memory)
    {
        if (m == to - from) {
            return complete ? new bytes32[](0) : push(new bytes32[](0), treeHash(leaves, from, to));
        }
        uint256 k = half(to - from);
        return m <= k
            ? push(subproof(m, leaves, from, from + k, complete), treeHash(leaves, from + k, to))
            : push(subproof(m - k, leaves, from + k, to, false), treeHash(leaves, from, from + k));
    }

    function push(bytes32[] memory list, bytes32 item) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 k = 0; k < list.length; k++) {
            longer[k] = list[k];
        }
        longer[list.length] = item;
    }

    // ---- leaves (docs/spec/evidence.md) ----

    struct Turn {
        uint64 seq;
        bytes32 prev;
        address mind;
        address charter;
        uint8 outcome;
        uint32 epoch;
        bytes32 nextHash;
        bytes memory_;
        bytes observation;
        bytes proposal;
        bytes action;
        bytes reasons;
    }

    function head(uint8 kind, uint64 seq, bytes32 prev) internal view returns (bytes memory) {
        bytes memory times = abi.encodePacked(int64(int256(block.timestamp * 1000)), uint64(seq * 1000));
        return abi.encodePacked("DAML", uint8(1), kind, uint16(0), seq, times, machine, prev);
    }

    function encode(Turn memory t) internal view returns (bytes memory) {
        bytes memory fixed_ = abi.encodePacked(
            t.mind, t.charter, t.outcome, bytes3(0), t.epoch, uint64(20_000), uint64(9_000), t.nextHash
        );
        bytes memory lengths = abi.encodePacked(
            uint32(t.memory_.length),
            uint32(t.observation.length),
            uint32(t.proposal.length),
            uint32(t.action.length),
            uint32(t.reasons.length)
        );
        bytes memory body = abi.encodePacked(t.memory_, t.observation, t.proposal, t.action, t.reasons);
        return bytes.concat(head(1, t.seq, t.prev), fixed_, lengths, body);
    }

    /// Time, one sensor with `value` and `quality`, and the two last actions.
    function observe(int64 value, uint8 quality, int64 last0, int64 last1) internal view returns (bytes memory) {
        return abi.encodePacked(
            record(int64(uint64(block.timestamp)), 0), record(value, quality), record(last0, 0), record(last1, 0)
        );
    }

    function record(int64 value, uint8 quality) internal pure returns (bytes memory) {
        return abi.encodePacked(value, uint32(5), quality, bytes3(0));
    }

    /// An honest turn: what the machine's mind and charter really give.
    function honest(uint64 seq, bytes32 prev, bytes memory memory_, bytes memory observation)
        internal
        view
        returns (Turn memory t)
    {
        (t.seq, t.prev, t.mind, t.charter, t.epoch) = (seq, prev, address(mind), address(charter), 1);
        (t.memory_, t.observation) = (memory_, observation);
        bytes memory next;
        (next, t.proposal) = mind.decide(memory_, observation);
        t.nextHash = sha256(next);
        (t.action, t.reasons) = charter.review(memory_, observation, t.proposal);
        t.outcome = keccak256(t.reasons) == keccak256(new bytes(t.reasons.length)) ? 0 : 1;
    }
}
