// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// Reading evidence leaves (docs/spec/evidence.md section 1) from calldata.
library Leaf {
    uint256 internal constant HEAD = 96;
    uint256 internal constant DECISION_FIXED = 212;
    uint256 internal constant OUTCOME_LAST = 8;

    uint8 internal constant DECISION = 1;
    uint8 internal constant CHANGE = 4;
    uint8 internal constant KIND_LAST = 9; // DAM_RECORD_KINDS of src/core/record/leaf.h is one more

    struct Decision {
        address mind;
        address charter;
        uint8 outcome;
        uint32 epoch;
        bytes32 nextHash;
    }

    /// Whether the head is well formed, the leaf says it is number `index`, and names `machine`.
    function headOk(bytes calldata leaf, uint64 index, bytes32 machine) internal pure returns (bool) {
        return leaf.length >= HEAD && bytes5(leaf) == "DAML\x01" && kind(leaf) >= DECISION
            && kind(leaf) <= KIND_LAST && bytes2(leaf[6:]) == 0 && seq(leaf) == index
            && bytes32(leaf[32:]) == machine;
    }

    function kind(bytes calldata leaf) internal pure returns (uint8) {
        return uint8(leaf[5]);
    }

    function seq(bytes calldata leaf) internal pure returns (uint64) {
        return uint64(bytes8(leaf[8:]));
    }

    function prev(bytes calldata leaf) internal pure returns (bytes32) {
        return bytes32(leaf[64:]);
    }

    /// Whether the decision body is well formed: lengths that add up, a known outcome, zeros as said.
    function decisionOk(bytes calldata leaf) internal pure returns (bool) {
        if (leaf.length < DECISION_FIXED || uint8(leaf[136]) > OUTCOME_LAST || bytes3(leaf[137:]) != 0) {
            return false;
        }
        return leaf.length == _offset(leaf, 5);
    }

    function decision(bytes calldata leaf) internal pure returns (Decision memory d) {
        d.mind = address(bytes20(leaf[96:]));
        d.charter = address(bytes20(leaf[116:]));
        d.outcome = uint8(leaf[136]);
        d.epoch = uint32(bytes4(leaf[140:]));
        d.nextHash = bytes32(leaf[160:]);
    }

    /// The byte strings of a decision: 0 memory, 1 observation, 2 proposal, 3 action, 4 reasons.
    function part(bytes calldata leaf, uint256 which) internal pure returns (bytes calldata) {
        return leaf[_offset(leaf, which):_offset(leaf, which + 1)];
    }

    /// Where byte string `which` begins: behind those before it, whose five lengths of 4 bytes stand before the first.
    function _offset(bytes calldata leaf, uint256 which) private pure returns (uint256 at) {
        uint256 lengths = uint256(bytes32(leaf[DECISION_FIXED - 20:]));
        at = DECISION_FIXED;
        unchecked {
            for (; which > 0; which--) {
                (at, lengths) = (at + (lengths >> 224), lengths << 32);
            }
        }
    }
}
