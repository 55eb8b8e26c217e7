// SPDX-License-Identifier: Apache-2.0
#include "core/flow/purity.h"

enum { PUSH1 = 0x60, PUSH4 = 0x63, PUSH20 = 0x73, PUSH32 = 0x7f, STATICCALL = 0xfa };

static bool is_allowed(uint8_t op)
{
    return op <= 0x0b ||                           /* arithmetic */
           (op >= 0x10 && op <= 0x1e) ||           /* comparisons and bits */
           op == 0x20 ||                           /* KECCAK256 */
           (op >= 0x34 && op <= 0x39) ||           /* CALLVALUE, calldata, own code */
           (op >= 0x3b && op <= 0x3f) ||           /* other code, return data */
           (op >= 0x50 && op <= 0x53) ||           /* POP, memory */
           (op >= 0x56 && op <= 0x59) ||           /* jumps, PC, MSIZE */
           op == 0x5b ||                           /* JUMPDEST */
           (op >= 0x5e && op <= 0x9f) ||           /* MCOPY, PUSH, DUP, SWAP */
           op == 0xf3 || op == 0xfd || op == 0xfe; /* RETURN, REVERT, INVALID */
}

/* PUSH1 precompile, PUSH4 gas, STATICCALL: the two pushes are the two opcodes before it, so that no
 * jump can come between. In: first, second: where the last two opcodes were. */
static bool is_precompile_call(struct dam_bytes code, size_t offset, size_t first, size_t second)
{
    return offset >= 7 && first == offset - 7 && second == offset - 5 &&
           code.data[first] == PUSH1 && code.data[first + 1] >= 1 && code.data[first + 1] <= 5 &&
           code.data[second] == PUSH4;
}

static size_t op_len(uint8_t op)
{
    return op >= PUSH1 && op <= PUSH32 ? (size_t)op - PUSH1 + 2 : 1;
}

bool dam_flow_code_is_pure(struct dam_bytes code, size_t *ret_offset)
{
    size_t first = SIZE_MAX;
    size_t second = SIZE_MAX;
    *ret_offset = 0;
    for (size_t at = 0; at < code.len; at += op_len(code.data[at])) {
        uint8_t op = code.data[at];
        if (!is_allowed(op) && !(op == STATICCALL && is_precompile_call(code, at, first, second))) {
            *ret_offset = at;
            return false;
        }
        first = second;
        second = at;
    }
    return code.len > 0;
}

static bool as_address(const uint8_t *data, size_t len, struct dam_address *ret)
{
    size_t ones = 0;
    size_t high = 0;
    for (size_t i = 0; i + 20 < len; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    memcpy(ret->b, data + len - 20, 20);
    for (size_t i = 0; i < 20; i++) {
        ones += ret->b[i] == 0xff;
        high += i < 12 && ret->b[i] != 0;
    }
    return ones < 20 && high > 0;
}

size_t dam_flow_code_addresses(struct dam_bytes code, struct dam_address *ret, size_t max)
{
    size_t count = 0;
    for (size_t at = 0; at < code.len; at += op_len(code.data[at])) {
        struct dam_address address;
        size_t len = op_len(code.data[at]) - 1;
        if (len < 20 || code.len - at - 1 < len || !as_address(code.data + at + 1, len, &address)) {
            continue;
        }
        bool known = false;
        for (size_t i = 0; i < count && i < max; i++) {
            known = known || dam_address_eq(&ret[i], &address);
        }
        if (!known && count < max) {
            ret[count] = address;
        }
        count += known ? 0 : 1;
    }
    return count;
}
