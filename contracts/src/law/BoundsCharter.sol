// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IBoundedCharter, ICharter} from "./IMachineCode.sol";

/// The charter that a rules table makes (docs/spec/rules.md): minimum, maximum, largest step and
/// interlocks. One contract per table; the table is a blob. The C guard reads the same blob and must
/// give the same verdict and the same reasons.
contract BoundsCharter is IBoundedCharter {
    /// @notice The blob that holds the rules table.
    address public immutable rules;
    /// @notice Number of actuators.
    uint256 public immutable actuators;
    /// @notice Number of observation channels, time and last actions included.
    uint256 public immutable channels;
    uint256 private immutable interlocks;

    error BadRules();
    error BadShape();

    uint256 private constant HEADER = 32;
    uint256 private constant ACTUATORS_MAX = 64;
    uint256 private constant INTERLOCKS_MAX = 512;
    uint256 private constant CHANNELS_MAX = 256;
    uint256 private constant EFFECT_LAST = 3;
    uint256 private constant TEST_LAST = 8;

    constructor(address rules_) {
        bytes memory table = _load(rules_, rules_.code.length);
        if (table.length < HEADER || rules_.code[0] != 0 || bytes5(table) != "DAMR\x01") {
            revert BadRules();
        }
        uint256 header = uint256(bytes32(table));
        uint256 n = (header >> 208) & 0xff;
        uint256 m = (header >> 192) & 0xffff;
        uint256 c = (header >> 176) & 0xffff;
        bool shape = n > 0 && n <= ACTUATORS_MAX && m <= INTERLOCKS_MAX && c > n && c <= CHANNELS_MAX;
        if (!shape || uint176(header) != 0 || table.length != HEADER + 32 * (n + m)) {
            revert BadRules();
        }
        for (uint256 k = 0; k < n; k++) {
            _checkActuator(_word(table, 1 + k));
        }
        for (uint256 k = 0; k < m; k++) {
            _checkInterlock(_word(table, 1 + n + k), n, c);
        }
        rules = rules_;
        actuators = n;
        interlocks = m;
        channels = c;
    }

    /// @inheritdoc IBoundedCharter
    function safe() external view returns (bytes memory action) {
        bytes memory table = _load(rules, HEADER + 32 * actuators + 1);
        for (uint256 k = 0; k < actuators; k++) {
            action = bytes.concat(action, bytes8(uint64(_word(table, 1 + k))));
        }
    }

    /// @inheritdoc IBoundedCharter
    function within(bytes calldata action) external view returns (bool) {
        if (action.length != 8 * actuators) {
            return false;
        }
        bytes memory table = _load(rules, HEADER + 32 * actuators + 1);
        for (uint256 k = 0; k < actuators; k++) {
            uint256 word = _word(table, 1 + k);
            int64 value = int64(uint64(bytes8(action[8 * k:8 * k + 8])));
            if (value < int64(uint64(word >> 192)) || value > int64(uint64(word >> 128))) {
                return false;
            }
        }
        return true;
    }

    /// @inheritdoc ICharter
    function review(bytes calldata, bytes calldata observation, bytes calldata proposal)
        external
        view
        returns (bytes memory action, bytes memory reasons)
    {
        uint256 n = actuators;
        if (observation.length != 16 * channels || proposal.length != 8 * n) {
            revert BadShape();
        }
        // A frame of words: n values, n reasons, then the rules.
        uint256 frame;
        uint256 size = 32 * (n + interlocks);
        address table = rules;
        uint256 from;
        uint256 records;
        assembly ("memory-safe") {
            frame := mload(0x40)
            let words := add(frame, shl(6, n))
            mstore(0x40, add(words, size))
            extcodecopy(table, words, add(HEADER, 1), size)
            from := proposal.offset
            records := observation.offset
        }
        _limit(frame, n, from, records + 16 * (channels - n));
        _interlock(frame, n, interlocks, records);
        return _pack(frame, n);
    }

    // docs/spec/rules.md section 2, in Yul. Values are int64, sign-extended to 256 bits, so `last + step`
    // and `last - step` cannot overflow.

    /// Minimum, maximum and largest step. `proposal` and `last` are calldata offsets.
    function _limit(uint256 frame, uint256 n, uint256 proposal, uint256 last) private pure {
        assembly ("memory-safe") {
            function clamp(v, low, high) -> r {
                r := v
                if slt(v, low) { r := low }
                if sgt(r, high) { r := high }
            }
            let words := add(frame, shl(6, n))
            for { let k := 0 } lt(k, n) { k := add(k, 1) } {
                let rule := mload(add(words, shl(5, k)))
                let proposed := sar(192, calldataload(add(proposal, shl(3, k))))
                let v := clamp(proposed, sar(192, rule), sar(192, shl(64, rule)))
                let reason := iszero(eq(v, proposed))
                let step := sar(192, shl(128, rule))
                if step {
                    let record := calldataload(add(last, shl(4, k)))
                    if xor(and(shr(160, record), 0xffffffff), 0xffffffff) {
                        let was := sar(192, record)
                        let limited := clamp(v, sub(was, step), add(was, step))
                        if xor(limited, v) {
                            v := limited
                            reason := 2
                        }
                    }
                }
                mstore(add(frame, shl(5, k)), v)
                mstore(add(frame, shl(5, add(n, k))), reason)
            }
        }
    }

    /// The interlocks whose test holds, in order. `records` is a calldata offset.
    function _interlock(uint256 frame, uint256 n, uint256 m, uint256 records) private pure {
        assembly ("memory-safe") {
            function holds(lock, obs) -> yes {
                let value := sar(192, obs)
                let a := sar(192, shl(64, lock))
                switch and(shr(232, lock), 0xff)
                case 0 { yes := slt(value, a) }
                case 1 { yes := iszero(sgt(value, a)) }
                case 2 { yes := sgt(value, a) }
                case 3 { yes := iszero(slt(value, a)) }
                case 4 { yes := byte(12, obs) }
                case 5 { yes := sgt(and(shr(160, obs), 0xffffffff), a) }
                case 6 { yes := eq(value, a) }
                case 7 { yes := iszero(eq(value, a)) }
                default { yes := 1 }
            }
            // Set actuator j to v; the reason is written only if that changes it.
            function set(frame_, n_, j, v, reason) {
                let at := add(frame_, shl(5, j))
                if xor(mload(at), v) {
                    mstore(at, v)
                    mstore(add(at, shl(5, n_)), reason)
                }
            }
            let words := add(frame, shl(6, n))
            for { let k := 0 } lt(k, m) { k := add(k, 1) } {
                let lock := mload(add(words, shl(5, add(n, k))))
                if holds(lock, calldataload(add(records, shl(4, shr(240, lock))))) {
                    let effect := and(shr(224, lock), 0xff)
                    if eq(effect, 3) {
                        for { let i := 0 } lt(i, n) { i := add(i, 1) } {
                            set(frame, n, i, sar(192, shl(192, mload(add(words, shl(5, i))))), add(16, k))
                        }
                        break
                    }
                    let j := and(shr(208, lock), 0xffff)
                    let b := sar(192, shl(128, lock))
                    let v := mload(add(frame, shl(5, j)))
                    if or(eq(effect, 2), or(and(iszero(effect), sgt(v, b)), and(eq(effect, 1), slt(v, b)))) {
                        set(frame, n, j, b, add(16, k))
                    }
                }
            }
        }
    }

    /// Minimum and maximum once more, then the packed answer.
    function _pack(uint256 frame, uint256 n) private pure returns (bytes memory action, bytes memory reasons) {
        action = new bytes(8 * n + 24); // each store is a whole word: room for the last one's tail
        reasons = new bytes(2 * n + 30);
        assembly ("memory-safe") {
            mstore(action, shl(3, n))
            mstore(reasons, shl(1, n))
            let words := add(frame, shl(6, n))
            for { let k := 0 } lt(k, n) { k := add(k, 1) } {
                let rule := mload(add(words, shl(5, k)))
                let min := sar(192, rule)
                let max := sar(192, shl(64, rule))
                let v := mload(add(frame, shl(5, k)))
                let reason := mload(add(frame, shl(5, add(n, k))))
                if slt(v, min) {
                    v := min
                    reason := 3
                }
                if sgt(v, max) {
                    v := max
                    reason := 3
                }
                mstore(add(add(action, 32), shl(3, k)), shl(192, v))
                mstore(add(add(reasons, 32), shl(1, k)), shl(240, reason))
            }
        }
    }

    function _checkActuator(uint256 word) private pure {
        int64 min = int64(uint64(word >> 192));
        int64 max = int64(uint64(word >> 128));
        int64 step = int64(uint64(word >> 64));
        int64 safe_ = int64(uint64(word));
        if (min > safe_ || safe_ > max || step < 0) {
            revert BadRules();
        }
    }

    function _checkInterlock(uint256 word, uint256 n, uint256 c) private pure {
        bool inRange = (word >> 240) < c && ((word >> 232) & 0xff) <= TEST_LAST
            && ((word >> 224) & 0xff) <= EFFECT_LAST && ((word >> 208) & 0xffff) < n;
        if (!inRange || uint16(word >> 192) != 0 || uint64(word) != 0) {
            revert BadRules();
        }
    }

    /// The first `size - 1` bytes of the table.
    function _load(address blob, uint256 size) private view returns (bytes memory table) {
        table = new bytes(size == 0 ? 0 : size - 1);
        assembly ("memory-safe") {
            extcodecopy(blob, add(table, 32), 1, mload(table))
        }
    }

    function _word(bytes memory table, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(table, 32), shl(5, index)))
        }
    }
}
