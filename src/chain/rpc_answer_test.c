// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/heap.h"
#include "chain/rpc.h"

/* A node that answers with the text it is given. */
static enum dam_err post(void *ctx, const char *url, struct dam_bytes body, uint32_t timeout_ms,
                         struct dam_buf *ret_body, int *ret_status)
{
    (void)url;
    (void)body;
    (void)timeout_ms;
    dam_buf_put_text(ret_body, ctx);
    *ret_status = 200;
    return dam_buf_err(ret_body);
}

/* The question has id 1. */
static void test_answers(void **state)
{
    static const struct {
        const char *answer;
        enum dam_err want;
    } rows[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x1\"}", DAM_OK},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null}", DAM_OK},
        {"{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":\"0x1\"}", DAM_EPARSE},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":\"0x1\"}", DAM_EPARSE},
        {"{\"jsonrpc\":\"2.0\",\"result\":\"0x1\"}", DAM_EPARSE},
        {"{\"jsonrpc\":\"2.0\",\"id\":1}", DAM_EPARSE},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-1,\"message\":\"no\"}}", DAM_EREFUSED},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-1,\"message\":\"no\"}}",
         DAM_EREFUSED},
        {"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":\"no\"}}", DAM_EREFUSED},
        {"{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-1,\"message\":\"no\"}}", DAM_EPARSE},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"message\":\"no\"}}", DAM_EPARSE},
        {"<html>busy</html>", DAM_EPARSE},
        {"", DAM_EPARSE},
    };
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(rows); i++) {
        const struct dam_http_client node = {.post = post, .ctx = (void *)rows[i].answer};
        const struct dam_json *result = NULL;
        struct dam_rpc_error error = {0};
        struct dam_arena arena;
        struct dam_rpc rpc;
        dam_arena_init(&arena, dam_heap(), 0);
        assert_int_equal(dam_rpc_init(&rpc, &node, "ws://node", 1000), DAM_OK);
        assert_int_equal(
            dam_rpc_call(&rpc, &arena, "eth_chainId", dam_bytes("[]", 2), &result, &error),
            rows[i].want);
        assert_true((result != NULL) == (rows[i].want == DAM_OK));
        assert_true((error.code == -1) == (rows[i].want == DAM_EREFUSED));
        dam_arena_finish(&arena);
    }
}

static void test_urls(void **state)
{
    char url[DAM_RPC_URL_SIZE + 1] = "wss://";
    struct dam_rpc rpc;
    (void)state;
    memset(url + 6, 'a', sizeof(url) - 7);
    assert_int_equal(dam_rpc_init(&rpc, NULL, url, 1000), DAM_EPARSE);
    url[DAM_RPC_URL_SIZE - 1] = 0;
    assert_int_equal(dam_rpc_init(&rpc, NULL, url, 1000), DAM_OK);
    assert_string_equal(rpc.url, url);
    assert_int_equal(dam_rpc_init(&rpc, NULL, "ipc:///tmp/node", 1000), DAM_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
