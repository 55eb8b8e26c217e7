// SPDX-License-Identifier: Apache-2.0
/* The envoy's line: whichever of the workers is faster, they work with it one at a time, in the
 * order in which the loop gave the work out. And what it tells its witness: this program is its own
 * signer; started as `signer-process` it is one. */
#include "chain/envoy.h"

#include "base/heap.h"
#include "chain/block_fixture.h"
#include "signer/home.h"
#include "signer/signer_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 4u /* as many as threads: all of them run at once */
#define WORK_MS 2u
#define LATE_MS 10u

struct worker {
    uv_work_t work;
    char name;
    uint64_t place;
    unsigned late_ms; /* its thread comes to the envoy so late */
    bool comes_back;  /* and works with it a second time */
};

static struct dam_envoy *envoy;
static uv_loop_t loop;
static char order[6 * WORKERS + 1]; /* written by whoever has entered */
static size_t order_len;
static int inside;

static int begin(void **state)
{
    const struct dam_envoy_options options = {.url_count = 0};
    (void)state;
    order_len = 0;
    memset(order, 0, sizeof(order));
    return uv_loop_init(&loop) == 0 && dam_envoy_create(&options, &envoy) == DAM_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    dam_envoy_release(envoy);
    return uv_loop_close(&loop);
}

static void stay(const struct worker *w)
{
    order[order_len++] = inside++ == 0 ? w->name : '!';
    uv_sleep(WORK_MS);
    inside--;
    dam_envoy_leave(envoy);
}

static void on_work(uv_work_t *work)
{
    const struct worker *w = work->data;
    uv_sleep(w->late_ms);
    dam_envoy_enter(envoy, w->place);
    stay(w);
    if (w->comes_back) {
        uv_sleep(LATE_MS);
        dam_envoy_step_in(envoy);
        stay(w);
    }
}

static void on_worked(uv_work_t *work, int status)
{
    (void)work;
    assert_int_equal(status, 0);
}

static void give_out(struct worker *workers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        workers[i].work.data = &workers[i];
        workers[i].place = dam_envoy_line_up(envoy);
        assert_int_equal(uv_queue_work(&loop, &workers[i].work, on_work, on_worked), 0);
    }
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
}

static void the_order_is_that_of_the_places(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        struct worker workers[WORKERS];
        for (unsigned i = 0; i < WORKERS; i++) { /* the first one's thread is the last to come */
            workers[i] =
                (struct worker){.name = (char)('a' + i), .late_ms = LATE_MS * (WORKERS - i - 1)};
        }
        order_len = 0;
        give_out(workers, WORKERS);
        assert_memory_equal(order, "abcd", WORKERS);
        assert_int_equal(order_len, WORKERS);
    }
}

/* All threads are held by those who come back, while others stand in the line without one. */
static void who_comes_back_waits_for_nobody_without_a_thread(void **state)
{
    struct worker workers[3 * WORKERS];
    size_t visits[26] = {0};
    (void)state;
    for (unsigned i = 0; i < DAM_COUNT_OF(workers); i++) {
        workers[i] = (struct worker){.name = (char)('a' + i), .comes_back = true};
    }
    give_out(workers, DAM_COUNT_OF(workers));
    for (size_t i = 0; i < order_len; i++) {
        assert_int_not_equal(order[i], '!');
        visits[order[i] - 'a']++;
    }
    for (unsigned i = 0; i < DAM_COUNT_OF(workers); i++) {
        assert_int_equal(visits[i], 2);
    }
}

/* More workers than threads: those in front are given a thread first, so nobody waits for ever. */
static void a_full_pool_does_not_lock_up(void **state)
{
    struct worker workers[3 * WORKERS];
    (void)state;
    for (unsigned i = 0; i < DAM_COUNT_OF(workers); i++) {
        workers[i] = (struct worker){.name = (char)('a' + i), .late_ms = i % 3 * LATE_MS};
    }
    give_out(workers, DAM_COUNT_OF(workers));
    assert_string_equal(order, "abcdefghijkl");
}

/* Whoever made it may be gone while a worker still works with it. */
static void it_keeps_what_it_was_told(void **state)
{
    char url[] = "http://127.0.0.1:1";
    char home[] = "signer";
    const struct dam_envoy_options options = {
        .urls = {url}, .url_count = 1, .agree_min = 1, .signer_folder = home};
    struct dam_envoy *told = NULL;
    (void)state;
    assert_int_equal(dam_envoy_create(&options, &told), DAM_OK);
    memset(url, 'x', sizeof(url) - 1);
    memset(home, 'x', sizeof(home) - 1);
    assert_string_equal(told->options.urls[0], "http://127.0.0.1:1");
    assert_string_equal(told->options.signer_folder, "signer");
    assert_null(told->options.outbox_folder);
    dam_envoy_release(told);
}

/* ---- deeds ----------------------------------------------------------------------------------- */

#define OLD_DEEDS (DAM_ENVOY_DEEDS_MAX + 7u)

static bool is_failed; /* whatever was sent is in a final block, and did nothing */

static void receipt_put(struct dam_buf *out, const struct dam_json *params)
{
    const struct dam_json *asked = dam_json_at(params, 0);
    dam_buf_put_text(out, "{\"status\":\"0x0\",\"transactionHash\":\"");
    dam_buf_put(out, asked->text, asked->len);
    dam_buf_put_text(out, "\",\"blockHash\":\"");
    dam_buf_put(out, asked->text, asked->len); /* 32 bytes, whichever */
    dam_buf_put_text(out, "\",\"blockNumber\":\"0x0\",\"gasUsed\":\"0x5208\","
                          "\"effectiveGasPrice\":\"0x1\",\"logs\":[],\"contractAddress\":null}");
}

/* A chain with one block. */
static enum dam_err node_post(void *ctx, const char *url, struct dam_bytes body,
                              uint32_t timeout_ms, struct dam_buf *ret_body, int *ret_status)
{
    const struct dam_json *root = NULL;
    struct dam_arena arena;
    uint64_t id = 0;
    (void)ctx;
    (void)url;
    (void)timeout_ms;
    dam_arena_init(&arena, dam_heap(), 0);
    assert_int_equal(dam_json_parse(&arena, (const char *)body.data, body.len, 0, &root, NULL),
                     DAM_OK);
    assert_int_equal(dam_json_u64(dam_json_get(root, "id"), &id), DAM_OK);
    const struct dam_json *method = dam_json_get(root, "method");
    dam_buf_put_text(ret_body, "{\"jsonrpc\":\"2.0\",\"id\":");
    dam_buf_put_u64(ret_body, id);
    dam_buf_put_text(ret_body, ",\"result\":");
    if (dam_json_is(method, "eth_getBlockByNumber")) {
        block_put(ret_body, &(struct dam_header){.form = DAM_HEADER_LONDON, .gas_limit = 30000000});
    } else if (dam_json_is(method, "eth_getTransactionReceipt") && is_failed) {
        receipt_put(ret_body, dam_json_get(root, "params"));
    } else if (dam_json_is(method, "eth_getTransactionReceipt")) {
        dam_buf_put_text(ret_body, "null");
    } else {
        dam_buf_put_text(ret_body, dam_json_is(method, "eth_chainId") ? "\"0x7a69\"" : "\"0x0\"");
    }
    dam_buf_put_text(ret_body, "}");
    dam_arena_finish(&arena);
    *ret_status = 200;
    return DAM_OK;
}

static enum dam_err old_sign(void *ctx, const struct dam_hash *id, struct dam_tx *tx,
                             struct dam_arena *arena)
{
    static const uint8_t secret[32] = {[31] = 7};
    (void)ctx;
    (void)id;
    return dam_tx_sign(tx, secret, arena);
}

/* What an earlier run has left. */
static void outbox_fill(const char *path, const struct dam_address *key)
{
    static const char *const urls[] = {"http://node"};
    static const struct dam_http_client http = {.post = node_post};
    const struct dam_tx_signer signer = {.address = *key, .sign = old_sign};
    struct dam_remote chain;
    struct dam_outbox outbox;
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    assert_int_equal(dam_remote_open(&chain, &arena, &http, urls, 1, 1, 1000), DAM_OK);
    assert_int_equal(dam_outbox_open(&outbox, &arena, &chain, &signer, path), DAM_OK);
    for (uint8_t i = 0; i < OLD_DEEDS; i++) {
        const struct dam_outbox_order wanted = {.id = {{i}}, .to = key, .gas_limit = 21000};
        struct dam_hash hash;
        bool recorded = false;
        assert_int_equal(dam_outbox_send(&outbox, &arena, &wanted, &hash, &recorded), DAM_OK);
        dam_arena_reset(&arena);
    }
    dam_outbox_close(&outbox);
    dam_arena_finish(&arena);
}

/* A home whose key is its own account, so that there is no contract to ask. */
static void home_make(const char *path, const char *password_path, struct dam_address *ret_key)
{
    static const struct dam_signer_password password = {"word", 4};
    const struct dam_signer_checkpoint start = {0};
    const uint64_t nonces[2] = {0, 0};
    struct fixture_policy blob;
    struct dam_hash hash;
    FILE *file = fopen(password_path, "wb");
    assert_non_null(file);
    assert_true(fputs("word\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    fixture_default(&blob, &(struct dam_hash){{1}});
    struct dam_signer_pin pin = fixture_pin(&blob);
    assert_int_equal(dam_signer_home_make_key(path, &password, 12, ret_key), DAM_OK);
    pin.key = *ret_key;
    pin.account = *ret_key;
    assert_int_equal(dam_signer_home_put_policy(path, dam_bytes(blob.bytes, blob.len), &hash),
                     DAM_OK);
    assert_int_equal(dam_signer_home_reset(path, &password, &pin, nonces, &start), DAM_OK);
}

static void folder_remove(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." stay */
    }
    (void)closedir(dir);
    assert_int_equal(rmdir(path), 0);
}

static char folder[32];
static char paths[3][64]; /* of the signer, its password, the outbox */
static struct dam_envoy *armed;

static int armed_begin(void **state)
{
    struct dam_address key;
    (void)state;
    memcpy(folder, "/tmp/dam-envoy-XXXXXX", sizeof("/tmp/dam-envoy-XXXXXX"));
    assert_non_null(mkdtemp(folder));
    (void)snprintf(paths[0], sizeof(paths[0]), "%s/signer", folder);
    (void)snprintf(paths[1], sizeof(paths[1]), "%s/password", folder);
    (void)snprintf(paths[2], sizeof(paths[2]), "%s/outbox", folder);
    is_failed = false;
    home_make(paths[0], paths[1], &key);
    outbox_fill(paths[2], &key);
    const struct dam_envoy_options options = {.urls = {"http://node"},
                                              .url_count = 1,
                                              .agree_min = 1,
                                              .http = {.post = node_post},
                                              .signer_folder = paths[0],
                                              .password_path = paths[1],
                                              .outbox_folder = paths[2],
                                              .has_witness = true};
    assert_int_equal(dam_envoy_create(&options, &armed), DAM_OK);
    dam_envoy_step_in(armed);
    return dam_envoy_arm(armed) == DAM_OK ? 0 : -1;
}

static int armed_end(void **state)
{
    (void)state;
    dam_envoy_leave(armed);
    dam_envoy_release(armed);
    folder_remove(paths[0]);
    folder_remove(paths[2]);
    folder_remove(folder);
    return 0;
}

/* However many an earlier run has left, each is told: the evidence may lack any of them. */
static void each_old_deed_is_told(void **state)
{
    bool seen[OLD_DEEDS] = {false};
    struct dam_envoy_deed deed;
    (void)state;
    for (size_t i = 0; i < OLD_DEEDS; i++) {
        assert_true(dam_envoy_deed_take(armed, &deed));
        assert_true(deed.id.b[0] < OLD_DEEDS && !seen[deed.id.b[0]]);
        seen[deed.id.b[0]] = true;
    }
    assert_false(dam_envoy_deed_take(armed, &deed));
    assert_false(dam_envoy_is_witnessed(armed, &deed.id));
    dam_envoy_deeds_kept(armed);
    assert_true(dam_envoy_is_witnessed(armed, &deed.id));
}

static enum dam_outbox_state state_of(const struct dam_hash *id)
{
    struct dam_remote_receipt receipt;
    enum dam_outbox_state ret;
    assert_int_equal(dam_outbox_look(&armed->outbox, &armed->arena, id, &ret, &receipt), DAM_OK);
    return ret;
}

/* What failed for good makes room for another try, when the evidence has it. */
static void a_failure_is_forgotten_when_it_is_known(void **state)
{
    const struct dam_hash id = {{3}};
    struct dam_envoy_deed deed;
    (void)state;
    assert_int_equal(dam_envoy_forget_failed(armed, &id), DAM_OK); /* it may still be mined */
    assert_int_equal(state_of(&id), DAM_OUTBOX_SENT);
    is_failed = true;
    assert_int_equal(dam_envoy_forget_failed(armed, &id), DAM_EAGAIN);
    assert_int_equal(state_of(&id), DAM_OUTBOX_FINAL);
    while (dam_envoy_deed_take(armed, &deed)) {
    }
    dam_envoy_deeds_kept(armed);
    assert_int_equal(dam_envoy_forget_failed(armed, &id), DAM_OK);
    assert_int_equal(state_of(&id), DAM_OUTBOX_UNKNOWN);
    assert_int_equal(dam_envoy_forget_failed(armed, &id), DAM_OK); /* there is none */
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "signer-process") == 0) {
        return dam_signer_process_main(argc - 1, argv + 1);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_order_is_that_of_the_places, begin, end),
        cmocka_unit_test_setup_teardown(who_comes_back_waits_for_nobody_without_a_thread, begin,
                                        end),
        cmocka_unit_test(it_keeps_what_it_was_told),
        cmocka_unit_test_setup_teardown(each_old_deed_is_told, armed_begin, armed_end),
        cmocka_unit_test_setup_teardown(a_failure_is_forgotten_when_it_is_known, armed_begin,
                                        armed_end),
        cmocka_unit_test_setup_teardown(a_full_pool_does_not_lock_up, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
