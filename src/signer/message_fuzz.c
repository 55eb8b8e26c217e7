// SPDX-License-Identifier: Apache-2.0
/* The signer's messages, both ways: what decodes encodes to the same bytes, and a guard with an
 * ordinary policy answers anything. */
#include "signer/guard.h"

#include "base/heap.h"
#include "signer/signer_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum dam_err no_replace(void *ctx, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)data;
    (void)len;
    return DAM_OK;
}

static enum dam_err no_disk(void *ctx, uint64_t at, const uint8_t *data, size_t len)
{
    (void)at;
    return no_replace(ctx, data, len);
}

static enum dam_err no_sync(void *ctx)
{
    (void)ctx;
    return DAM_OK;
}

static void round_trip(const uint8_t *data, size_t size)
{
    static uint8_t out[2 * DAM_SIGNER_MESSAGE_MAX];
    struct dam_signer_request request;
    struct dam_signer_reply reply;
    if (dam_signer_request_decode(data, size, &request) == DAM_OK) {
        size_t len = dam_signer_request_encode(&request, out, sizeof(out));
        DAM_ASSERT(len == size && memcmp(out, data, size) == 0);
    }
    if (dam_signer_reply_decode(data, size, &reply) == DAM_OK) {
        size_t len = dam_signer_reply_encode(&reply, out, sizeof(out));
        DAM_ASSERT(len == size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dam_signer_state state;
    static struct fixture_policy blob;
    static struct dam_policy policy;
    static uint64_t now;
    const uint8_t secret[32] = {1};
    const struct dam_hash domain = {{0xd0}};
    const uint64_t nonces[2] = {0, 0};
    const struct dam_signer_checkpoint start = {0};
    if (!state.pinned) {
        const struct dam_signer_disk disk = {no_disk, no_sync, no_replace, NULL};
        fixture_default(&blob, &domain);
        dam_signer_state_init(&state, secret, &disk);
        DAM_ASSERT(dam_policy_load(dam_bytes(blob.bytes, blob.len), &policy));
        struct dam_signer_pin pin = fixture_pin(&blob);
        DAM_ASSERT(dam_signer_state_put_pin(&state, &pin) == DAM_OK);
        DAM_ASSERT(dam_signer_state_put_base(&state, nonces, &start, 0) == DAM_OK);
    }
    round_trip(data, size);
    struct dam_signer_key key = {fixture_sign, NULL};
    struct dam_signer_guard guard = {
        .state = &state, .policy = &policy, .key = &key, .unlocked = true};
    struct dam_signer_reply reply;
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    dam_signer_guard_answer(&guard, dam_bytes(data, size), now++, &arena, &reply);
    dam_arena_finish(&arena);
    return 0;
}
