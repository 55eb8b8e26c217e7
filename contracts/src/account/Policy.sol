// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Execution} from "@openzeppelin/contracts/interfaces/draft-IERC7579.sol";
import {Blob} from "../law/Blob.sol";

/// The verdict of docs/spec/policy.md: what a batch of calls takes from which allowances, or why it is
/// refused. Pure in (blob, calls, account); the account keeps the buckets. The signer on the machine
/// has the same function in C and must agree to the reason code.
library Policy {
    /// What a batch takes from one bucket.
    struct Take {
        bytes32 key; // of the bucket's state
        uint256 bucket; // index in the policy
        uint256 sum;
    }

    uint8 internal constant ALLOWED = 0;
    uint8 internal constant MALFORMED = 4;
    uint8 internal constant BATCH = 5;
    uint8 internal constant SELF = 6;
    uint8 internal constant SHORT = 7;
    uint8 internal constant TARGET = 8;
    uint8 internal constant SELECTOR = 9;
    uint8 internal constant PARAMETER = 10;
    uint8 internal constant VALUE = 11;
    uint8 internal constant ARGUMENT = 12;
    uint8 internal constant ALLOWANCE = 13;
    uint8 internal constant PAYEE_ALLOWANCE = 14;
    uint8 internal constant APPROVAL = 15;

    uint256 internal constant CALLS_MAX = 32;
    uint256 private constant BUCKETS_MAX = 32;
    uint256 private constant DOMAINS_MAX = 16;
    uint256 private constant RULES_MAX = 128;
    uint256 private constant CHECKS_MAX = 8;
    uint256 private constant ARGUMENT_LAST = 31;
    uint256 private constant NO_AMOUNT = 0xfe;
    uint256 private constant NONE = 0xff; // amount: the value; payee: the target; bucket, cap: none
    uint256 private constant NO_CALLDATA = 1;

    /// Read a policy. `rules` holds the offset of each rule; none if the blob is malformed.
    function load(address blob) internal view returns (bytes memory data, uint256[] memory rules) {
        if (blob.code.length < 33) {
            return (data, rules);
        }
        data = Blob.read(blob);
        uint256 header = word(data, 0);
        (uint256 b, uint256 d, uint256 n) = (_byte(header, 5), _byte(header, 6), _byte(header, 7));
        bool shape = header >> 216 == 0x44414d5001 && header << 64 == 0 && b <= BUCKETS_MAX
            && d <= DOMAINS_MAX && n <= RULES_MAX && data.length >= 32 + 64 * b + 32 * d;
        for (uint256 k = 0; shape && k < b; k++) {
            shape = _bucketOk(data, k);
        }
        if (shape) {
            rules = _rules(data, b, 32 + 64 * b + 32 * d, n);
        }
    }

    /// Whether the account's typed signatures count for the EIP-712 domain `separator`.
    function hasDomain(bytes memory data, bytes32 separator) internal pure returns (bool) {
        uint256 header = word(data, 0);
        uint256 from = 32 + 64 * _byte(header, 5);
        for (uint256 k = 0; k < _byte(header, 6); k++) {
            if (bytes32(word(data, from + 32 * k)) == separator) {
                return true;
            }
        }
        return false;
    }

    /// What the calls take, in the order in which the buckets are met. On refusal `index` is the call.
    function judge(bytes memory data, uint256[] memory rules, Execution[] calldata calls)
        internal
        view
        returns (uint256 index, uint8 reason, Take[] memory takes)
    {
        if (calls.length == 0 || calls.length > CALLS_MAX) {
            return (_last(calls), BATCH, takes);
        }
        takes = new Take[](2 * calls.length);
        uint256 count = 0;
        for (; index < calls.length; index++) {
            Execution calldata call_ = calls[index];
            uint256 rule;
            (rule, reason) = _find(data, rules, call_);
            if (reason != ALLOWED) {
                return (index, reason, takes);
            }
            uint256 amount;
            uint256 payee;
            (amount, payee, reason) = _amounts(rule, call_);
            if (reason != ALLOWED) {
                return (index, reason, takes);
            }
            count = _take(data, takes, count, _byte(rule, 27), payee, amount);
            count = _take(data, takes, count, _byte(rule, 28), payee, amount);
        }
        assembly ("memory-safe") {
            mstore(takes, count)
        }
        index = _last(calls);
    }

    /// Kind, window, capacity and asking threshold of a bucket.
    function bucketOf(bytes memory data, uint256 bucket)
        internal
        pure
        returns (bool perPayee, uint256 window, uint256 capacity, uint256 ask)
    {
        uint256 first = word(data, 32 + 64 * bucket);
        uint256 second = word(data, 64 + 64 * bucket);
        return (_byte(first, 20) == 1, uint32(first), second >> 128, uint128(second));
    }

    function word(bytes memory data, uint256 offset) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 32), offset))
        }
    }

    function _byte(uint256 w, uint256 index) private pure returns (uint256) {
        return (w >> (248 - 8 * index)) & 0xff;
    }

    function _last(Execution[] calldata calls) private pure returns (uint256) {
        return calls.length == 0 ? 0 : calls.length - 1;
    }

    function _bucketOk(bytes memory data, uint256 bucket) private pure returns (bool) {
        uint256 first = word(data, 32 + 64 * bucket);
        return _byte(first, 20) <= 1 && uint56(first >> 32) == 0 && uint32(first) != 0;
    }

    /// Offsets of the rules, or none if one is malformed.
    function _rules(bytes memory data, uint256 buckets, uint256 offset, uint256 n)
        private
        pure
        returns (uint256[] memory rules)
    {
        uint256[] memory found = new uint256[](n);
        for (uint256 k = 0; k < n; k++) {
            if (offset + 32 > data.length) {
                return rules;
            }
            uint256 rule = word(data, offset);
            uint256 checks = _byte(rule, 29);
            if (!_ruleOk(rule, buckets) || offset + 32 + 64 * checks > data.length) {
                return rules;
            }
            found[k] = offset;
            for (offset += 32; checks > 0; checks--) {
                uint256 check = word(data, offset);
                if (_byte(check, 0) > ARGUMENT_LAST || _byte(check, 1) > 3 || check << 16 != 0) {
                    return rules;
                }
                offset += 64;
            }
        }
        return offset == data.length ? found : rules;
    }

    function _ruleOk(uint256 rule, uint256 buckets) private pure returns (bool) {
        (uint256 flags, uint256 amount, uint256 payee) = (_byte(rule, 24), _byte(rule, 25), _byte(rule, 26));
        (uint256 bucket, uint256 cap) = (_byte(rule, 27), _byte(rule, 28));
        bool bare = flags == NO_CALLDATA;
        return flags <= NO_CALLDATA && uint16(rule) == 0 && _byte(rule, 29) <= CHECKS_MAX
            && (rule >> 96 != 0 || bare) && (!bare || uint32(rule >> 64) == 0)
            && (amount <= ARGUMENT_LAST || amount >= NO_AMOUNT) && (payee <= ARGUMENT_LAST || payee == NONE)
            && (bucket < buckets || bucket == NONE) && (cap < buckets || cap == NONE);
    }

    /// The first rule that fits the call, or the reason why none does.
    function _find(bytes memory data, uint256[] memory rules, Execution calldata call_)
        private
        view
        returns (uint256 rule, uint8 reason)
    {
        if (call_.target == address(this) || call_.target == address(0)) {
            return (0, SELF);
        }
        bytes calldata input = call_.callData;
        bool bare = input.length == 0;
        if (!bare && input.length < 4) {
            return (0, SHORT);
        }
        uint256 selector = bare ? 0 : uint32(bytes4(input));
        reason = TARGET;
        for (uint256 k = 0; k < rules.length; k++) {
            rule = word(data, rules[k]);
            uint256 target = rule >> 96;
            if (target != uint160(call_.target) && target != 0) {
                continue;
            }
            if ((_byte(rule, 24) == NO_CALLDATA) != bare || uint32(rule >> 64) != selector) {
                // "Any address" names no target: only a call without calldata meets it.
                if (target != 0 && reason == TARGET) {
                    reason = SELECTOR;
                }
                continue;
            }
            if (_checksHold(data, rules[k], _byte(rule, 29), input)) {
                return (rule, ALLOWED);
            }
            reason = PARAMETER;
        }
    }

    function _checksHold(bytes memory data, uint256 offset, uint256 checks, bytes calldata input)
        private
        pure
        returns (bool)
    {
        for (offset += 32; checks > 0; checks--) {
            uint256 check = word(data, offset);
            (bool there, uint256 value) = _argument(input, _byte(check, 0));
            uint256 bound = word(data, offset + 32);
            uint256 test = _byte(check, 1);
            bool holds = test == 0 ? value == bound : test == 1 ? value <= bound : test == 2 ? value >= bound : value != bound;
            if (!there || !holds) {
                return false;
            }
            offset += 64;
        }
        return true;
    }

    function _amounts(uint256 rule, Execution calldata call_)
        private
        pure
        returns (uint256 amount, uint256 payee, uint8 reason)
    {
        uint256 from = _byte(rule, 25);
        bool there = true;
        if (from == NONE) {
            amount = call_.value;
        } else if (call_.value != 0) {
            return (0, 0, VALUE);
        } else if (from != NO_AMOUNT) {
            (there, amount) = _argument(call_.callData, from);
        }
        payee = uint160(call_.target);
        if (there && _byte(rule, 26) != NONE) {
            (there, payee) = _argument(call_.callData, _byte(rule, 26));
            payee = uint160(payee);
        }
        reason = there ? ALLOWED : ARGUMENT;
    }

    function _argument(bytes calldata input, uint256 index) private pure returns (bool there, uint256 value) {
        uint256 end = 36 + 32 * index;
        if (end <= input.length) {
            return (true, uint256(bytes32(input[end - 32:])));
        }
    }

    /// Add `amount` to what the batch takes from `bucket`. Returns the new number of takes.
    function _take(
        bytes memory data,
        Take[] memory takes,
        uint256 count,
        uint256 bucket,
        uint256 payee,
        uint256 amount
    ) private pure returns (uint256) {
        if (bucket == NONE) {
            return count;
        }
        (bool perPayee,,,) = bucketOf(data, bucket);
        bytes32 key = perPayee ? bytes32((payee << 8) | bucket | (1 << 255)) : bytes32(bucket);
        for (uint256 k = 0; k < count; k++) {
            if (takes[k].key == key) {
                uint256 sum = takes[k].sum;
                takes[k].sum = amount > type(uint256).max - sum ? type(uint256).max : sum + amount;
                return count;
            }
        }
        takes[count] = Take(key, bucket, amount);
        return count + 1;
    }
}
