// SPDX-License-Identifier: Apache-2.0
/* A seller's knowledge of its passes on a chain that stops answering in the midst of a look. */
#include "trade/access_pass.h"

#include "base/heap.h"
#include "base/json.h"
#include "core/eth/abi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_S 1000u
#define PASSES 4u /* the first has ended, the others are valid */

/* ---- a chain that knows one AccessPass ------------------------------------------------------- */

static struct {
    struct dam_hash resource;
    uint64_t silent_at; /* asked for this pass it says nothing; 0: it answers all */
} chain;

static bool is_call(struct dam_bytes input, const char *signature)
{
    uint8_t selector[4];
    dam_abi_selector(signature, selector);
    assert_true(input.len >= sizeof(selector));
    return memcmp(input.data, selector, sizeof(selector)) == 0;
}

static void word_put(struct dam_buf *out, uint64_t value)
{
    uint8_t word[32] = {0};
    dam_store_be64(word + 24, value);
    dam_buf_put_hex(out, word, sizeof(word));
}

static enum dam_err call_answer(struct dam_bytes input, struct dam_buf *out)
{
    if (is_call(input, "passes(uint256)")) {
        uint64_t id = dam_load_be64(input.data + 28);
        if (id == chain.silent_at) {
            return DAM_ETIMEOUT;
        }
        dam_buf_put_hex(out, chain.resource.b, 32);
        word_put(out, 1);
        word_put(out, id == 1 ? NOW_S : 2 * NOW_S);
        word_put(out, 0);
    } else if (is_call(input, "resources(bytes32)")) {
        for (unsigned i = 0; i < 6; i++) {
            word_put(out, i == 1 ? 60 : 0);
        }
    } else {
        word_put(out, is_call(input, "passCount()") ? PASSES : 0);
    }
    return DAM_OK;
}

static enum dam_err post(void *ctx, const char *url, struct dam_bytes body, uint32_t timeout_ms,
                         struct dam_buf *ret_body, int *ret_status)
{
    const struct dam_json *root = NULL;
    struct dam_arena arena;
    struct dam_bytes input;
    uint64_t id = 0;
    (void)ctx;
    (void)url;
    (void)timeout_ms;
    dam_arena_init(&arena, dam_heap(), 0);
    assert_int_equal(dam_json_parse(&arena, (const char *)body.data, body.len, 0, &root, NULL),
                     DAM_OK);
    assert_int_equal(dam_json_u64(dam_json_get(root, "id"), &id), DAM_OK);
    dam_buf_put_text(ret_body, "{\"jsonrpc\":\"2.0\",\"id\":");
    dam_buf_put_u64(ret_body, id);
    dam_buf_put_text(ret_body, ",\"result\":\"0x");
    enum dam_err err = DAM_OK;
    if (dam_json_is(dam_json_get(root, "method"), "eth_chainId")) {
        dam_buf_put_text(ret_body, "1");
    } else {
        const struct dam_json *call = dam_json_at(dam_json_get(root, "params"), 0);
        assert_int_equal(dam_json_hex(dam_json_get(call, "input"), &arena, &input), DAM_OK);
        err = call_answer(input, ret_body);
    }
    dam_buf_put_text(ret_body, "\"}");
    dam_arena_finish(&arena);
    *ret_status = 200;
    return err;
}

/* ---- the test -------------------------------------------------------------------------------- */

static void ids_are(const struct dam_access_pass *a, const uint64_t *ids, size_t count)
{
    assert_int_equal(a->pass_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(a->passes[i].id, ids[i]);
    }
}

static void a_silence_neither_loses_nor_doubles_a_pass(void **state)
{
    char folder[] = "/tmp/dam-access-XXXXXX";
    const struct dam_envoy_options options = {
        .urls = {"http://node"}, .url_count = 1, .agree_min = 1, .http = {.post = post}};
    const struct dam_access_terms terms = {.label = "hall", .slot_s = 60};
    const struct dam_tx_signer signer = {.address = {{5}}};
    const struct dam_address address = {{6}};
    static struct dam_access_pass a;
    struct dam_envoy *envoy = NULL;
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(dam_envoy_create(&options, &envoy), DAM_OK);
    dam_envoy_step_in(envoy);
    assert_int_equal(dam_envoy_connect(envoy), DAM_OK);
    assert_int_equal(dam_outbox_open(&envoy->outbox, &envoy->arena, &envoy->chain, &signer, folder),
                     DAM_OK);
    dam_access_pass_init(&a, envoy, &address, &address, &terms);
    chain.resource = a.resource;
    assert_int_equal(dam_access_pass_settle(&a, NOW_S - 1), DAM_OK);
    ids_are(&a, (const uint64_t[]){1, 2, 3, 4}, 4);
    chain.silent_at = 3; /* when the first is known to have ended */
    assert_int_equal(dam_access_pass_settle(&a, NOW_S), DAM_ETIMEOUT);
    ids_are(&a, (const uint64_t[]){2, 3, 4}, 3);
    assert_int_equal(dam_access_pass_settle(&a, NOW_S), DAM_ETIMEOUT);
    ids_are(&a, (const uint64_t[]){2, 3, 4}, 3);
    chain.silent_at = 0;
    assert_int_equal(dam_access_pass_settle(&a, NOW_S), DAM_OK);
    ids_are(&a, (const uint64_t[]){2, 3, 4}, 3);
    dam_envoy_leave(envoy);
    dam_access_pass_finish(&a);
    dam_envoy_release(envoy);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silence_neither_loses_nor_doubles_a_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
