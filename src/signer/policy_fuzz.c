// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a policy, and any bytes as a transaction under it: malformed, or a verdict; what it
 * takes fits its buckets, and calls that are read out of calldata are encoded back to it. */
#include "base/assert.h"
#include "base/heap.h"
#include "signer/policy.h"
#include "signer/typed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void unused(void *ctx, const struct dam_hash *key, struct dam_policy_use *ret)
{
    (void)ctx;
    (void)key;
    (void)ret; /* zeroed: never used */
}

static void judge(const struct dam_policy *policy, const struct dam_policy_call *calls,
                  uint32_t count)
{
    static struct dam_policy_verdict verdict;
    const struct dam_address account = {{[19] = 0xaa}};
    const struct dam_policy_ledger ledger = {unused, NULL};
    for (unsigned approved = 0; approved < 2; approved++) {
        const struct dam_policy_authority authority = {.scale = 1000, .approved = approved == 1};
        dam_policy_judge(policy, &account, calls, count, &authority, 1000, &ledger, &verdict);
        DAM_ASSERT(verdict.reason <= DAM_POLICY_APPROVAL);
        DAM_ASSERT(verdict.reason != DAM_POLICY_ALLOWED || (count > 0 && policy->rule_count > 0));
        for (uint32_t i = 0; verdict.reason == DAM_POLICY_ALLOWED && i < verdict.take_count; i++) {
            DAM_ASSERT(!dam_u256_lt(&verdict.takes[i].now.used, &verdict.takes[i].sum));
        }
    }
}

/* Two bytes: the policy's length; the policy; calldata of `execute`, or of one call. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_policy policy;
    struct dam_policy_call calls[DAM_POLICY_CALLS_MAX];
    uint32_t count = 0;
    if (size < 2) {
        return 0;
    }
    size_t len = (size_t)data[0] << 8 | data[1];
    len = len > size - 2 ? size - 2 : len;
    bool good = dam_policy_load(dam_bytes(data + 2, len), &policy);
    DAM_ASSERT(good == (policy.rule_count > 0));
    const struct dam_bytes rest = dam_bytes(data + 2 + len, size - 2 - len);
    if (dam_signer_decode_execute(rest, calls, &count)) {
        struct dam_arena arena;
        struct dam_buf buf;
        dam_arena_init(&arena, dam_heap(), 0);
        dam_buf_init_arena(&buf, &arena, 0);
        dam_signer_encode_calls(calls, count, &buf);
        DAM_ASSERT(dam_buf_err(&buf) == DAM_OK && buf.len <= rest.len);
        DAM_ASSERT(memmem(rest.data, rest.len, buf.data, buf.len) != NULL);
        judge(&policy, calls, count);
        dam_arena_finish(&arena);
    }
    calls[0] = (struct dam_policy_call){.target = {{[19] = 0x11}}, .data = rest};
    judge(&policy, calls, 1);
    return 0;
}
