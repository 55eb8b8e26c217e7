// SPDX-License-Identifier: Apache-2.0
/* The watcher on two endpoints that are played here: it moves over final blocks only, waits while
 * they disagree, and says so for good only when a block behind it has become another. */
#include "chain/watcher.h"

#include "base/heap.h"
#include "chain/block_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* One endpoint: how far its chain is, and from which block on it is another one. */
struct endpoint {
    uint64_t final;
    uint64_t forked_at; /* 0: nowhere */
};

static struct endpoint endpoints[2];
static struct dam_arena arena;
static struct dam_remote chain;

static enum dam_err post(void *ctx, const char *url, struct dam_bytes body, uint32_t timeout_ms,
                         struct dam_buf *ret_body, int *ret_status)
{
    const struct endpoint *e = &endpoints[url[7] - '0']; /* http://0 */
    const struct dam_json *root = NULL;
    struct dam_arena scratch;
    uint64_t id = 0;
    uint64_t number = e->final;
    (void)ctx;
    (void)timeout_ms;
    dam_arena_init(&scratch, dam_heap(), 0);
    assert_int_equal(dam_json_parse(&scratch, (const char *)body.data, body.len, 0, &root, NULL),
                     DAM_OK);
    assert_int_equal(dam_json_u64(dam_json_get(root, "id"), &id), DAM_OK);
    dam_buf_put_text(ret_body, "{\"jsonrpc\":\"2.0\",\"id\":");
    dam_buf_put_u64(ret_body, id);
    dam_buf_put_text(ret_body, ",\"result\":");
    const struct dam_json *method = dam_json_get(root, "method");
    if (dam_json_is(method, "eth_chainId")) {
        dam_buf_put_text(ret_body, "\"0x1\"");
    } else if (dam_json_is(method, "eth_getLogs")) {
        dam_buf_put_text(ret_body, "[]");
    } else {
        assert_true(dam_json_is(method, "eth_getBlockByNumber"));
        const struct dam_json *at = dam_json_at(dam_json_get(root, "params"), 0);
        bool is_there = dam_json_quantity(at, &number) != DAM_OK || number <= e->final;
        if (is_there) { /* by its number, or "finalized" */
            bool is_other = e->forked_at != 0 && number >= e->forked_at;
            block_put(ret_body, &(struct dam_header){.form = DAM_HEADER_LONDON,
                                                     .number = number,
                                                     .timestamp = is_other ? 9 : 8});
        } else {
            dam_buf_put_text(ret_body, "null");
        }
    }
    dam_buf_put_text(ret_body, "}");
    dam_arena_finish(&scratch);
    *ret_status = 200;
    return DAM_OK;
}

static struct dam_http_client http = {.post = post};
static struct dam_watcher watcher;

static int begin(void **state)
{
    static const char *const urls[] = {"http://0", "http://1"};
    (void)state;
    dam_arena_init(&arena, dam_heap(), 0);
    endpoints[0] = endpoints[1] = (struct endpoint){.final = 10};
    watcher = (struct dam_watcher){.chain = &chain, .depth = 64, .range_max = 4};
    return dam_remote_open(&chain, &arena, &http, urls, 2, 2, 1000) == DAM_OK &&
                   dam_watcher_begin(&watcher, &arena) == DAM_OK
               ? 0
               : -1;
}

static int end(void **state)
{
    (void)state;
    dam_arena_finish(&arena);
    return 0;
}

static enum dam_err step(void)
{
    struct dam_watcher_news news;
    enum dam_err err = dam_watcher_step(&watcher, &arena, &news);
    if (err == DAM_OK) {
        dam_watcher_accept(&watcher, &news);
    }
    return err;
}

static void it_moves_in_ranges(void **state)
{
    (void)state;
    assert_int_equal(watcher.number, 10);
    endpoints[0].final = endpoints[1].final = 16;
    assert_int_equal(step(), DAM_OK);
    assert_int_equal(watcher.number, 14);
    assert_int_equal(step(), DAM_OK);
    assert_int_equal(watcher.number, 16);
    assert_int_equal(step(), DAM_OK);
    assert_int_equal(watcher.number, 16);
}

/* One that lags behind the other, or has not yet heard of a reorganisation, breaks no word. */
static void disagreement_passes(void **state)
{
    (void)state;
    endpoints[0].final = 13;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(step(), DAM_EAGAIN);
        assert_int_equal(watcher.number, 10);
    }
    endpoints[1] = (struct endpoint){.final = 13, .forked_at = 9};
    assert_int_equal(step(), DAM_EAGAIN);
    endpoints[1].forked_at = 0;
    assert_int_equal(step(), DAM_OK);
    assert_int_equal(watcher.number, 13);
}

static void a_broken_word_stays_broken(void **state)
{
    (void)state;
    endpoints[0] = endpoints[1] = (struct endpoint){.final = 14, .forked_at = 11};
    assert_int_equal(step(), DAM_OK); /* what was not final may change */
    assert_int_equal(watcher.number, 14);
    endpoints[0] = endpoints[1] = (struct endpoint){.final = 20, .forked_at = 14};
    assert_int_equal(step(), DAM_OK); /* the same block as before: forked from 11 or 14, it is 9 */
    endpoints[0] = endpoints[1] = (struct endpoint){.final = 20, .forked_at = 19};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(step(), DAM_ECONFLICT);
        assert_int_equal(watcher.number, 18);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_moves_in_ranges, begin, end),
        cmocka_unit_test_setup_teardown(disagreement_passes, begin, end),
        cmocka_unit_test_setup_teardown(a_broken_word_stays_broken, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
