// SPDX-License-Identifier: Apache-2.0
#include "ledger/resident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/heap.h"

#define TIMEOUT_MS 30000u
#define ASKERS 12u /* more than libuv has threads */
#define SENDS 20u
#define FROM "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"

struct world {
    char dir[64];
    struct dam_ledger_config config;
    struct dam_http_client client;
};

static void open_ledger(struct world *w)
{
    struct dam_store_fault fault;
    assert_int_equal(dam_ledger_resident_open(&w->config, &w->client, &fault), DAM_OK);
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/dam-resident-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    dam_ledger_config_init(&w->config);
    w->config.data = w->dir;
    w->config.port = 0;
    assert_int_equal(dam_ledger_config_set(&w->config, "dev", "true"), DAM_OK);
    w->config.options.store_len_max = (size_t)256 << 20;
    open_ledger(w);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    static const char *const names[] = {"ledger.mdb", "ledger.mdb-lock", "ledger.lock"};
    struct world *w = *state;
    char path[128];
    dam_http_client_destroy(&w->client);
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(w->dir);
    free(w);
    return 0;
}

static enum dam_err ask(const struct world *w, const char *method, const char *params,
                        uint32_t timeout_ms, char *ret, size_t size)
{
    char text[512];
    struct dam_buf body;
    int status = 0;
    int len =
        snprintf(text, sizeof(text),
                 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
    dam_buf_init(&body, dam_heap(), size - 1);
    enum dam_err err =
        w->client.post(w->client.ctx, "", dam_bytes(text, (size_t)len), timeout_ms, &body, &status);
    if (err == DAM_OK) {
        memcpy(ret, body.data, body.len);
        ret[body.len] = '\0';
    }
    dam_buf_finish(&body);
    return err == DAM_OK && status != 200 ? DAM_EIO : err;
}

/* ---- askers ---------------------------------------------------------------------------------- */

struct asker {
    uv_work_t work;
    struct world *world;
    unsigned good;
};

/* A transaction is answered when it is durable; a call runs on a thread of the ledger's. */
static void on_ask(uv_work_t *work)
{
    struct asker *a = work->data;
    char reply[1024];
    for (unsigned i = 0; i < SENDS; i++) {
        bool sent = ask(a->world, "eth_sendTransaction",
                        "[{\"from\":\"" FROM "\",\"to\":\"" FROM "\",\"gas\":\"0x5208\"}]",
                        TIMEOUT_MS, reply, sizeof(reply)) == DAM_OK &&
                    strstr(reply, "\"result\":\"0x") != NULL;
        bool called = ask(a->world, "eth_call", "[{\"to\":\"" FROM "\"},\"latest\"]", TIMEOUT_MS,
                          reply, sizeof(reply)) == DAM_OK &&
                      strstr(reply, "\"result\":\"0x\"") != NULL;
        a->good += sent && called;
    }
}

static void on_asked(uv_work_t *work, int status)
{
    (void)work;
    (void)status; /* never cancelled */
}

static void test_all_of_libuvs_threads_wait_for_it(void **state)
{
    struct world *w = *state;
    static struct asker askers[ASKERS];
    char reply[1024];
    char want[64];
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    for (unsigned i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.world = w};
        askers[i].work.data = &askers[i];
        assert_int_equal(uv_queue_work(&loop, &askers[i].work, on_ask, on_asked), 0);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    for (unsigned i = 0; i < ASKERS; i++) {
        assert_int_equal(askers[i].good, SENDS);
    }
    /* Nothing of it is gone after a new start. */
    (void)snprintf(want, sizeof(want), "\"result\":\"0x%x\"", ASKERS * SENDS);
    for (unsigned start = 0; start < 2; start++) {
        assert_int_equal(ask(w, "eth_getTransactionCount", "[\"" FROM "\",\"latest\"]", TIMEOUT_MS,
                             reply, sizeof(reply)),
                         DAM_OK);
        assert_non_null(strstr(reply, want));
        dam_http_client_destroy(&w->client);
        open_ledger(w);
    }
}

/* ---- its pulse ------------------------------------------------------------------------------- */

static void test_pulse(void **state)
{
    struct world *w = *state;
    const struct dam_http_client other = {0};
    struct dam_ledger_pulse pulse = {0};
    char reply[1024];
    assert_true(dam_ledger_resident_pulse(&w->client, &pulse));
    assert_int_equal(pulse.metrics.blocks_total, 0);
    assert_true(pulse.metrics.store_bytes > 0);
    assert_int_equal(ask(w, "eth_sendTransaction", "[{\"from\":\"" FROM "\",\"gas\":\"0x5208\"}]",
                         TIMEOUT_MS, reply, sizeof(reply)),
                     DAM_OK);
    for (unsigned i = 0; i < 300 && pulse.metrics.blocks_total == 0; i++) {
        (void)usleep(100000);
        assert_true(dam_ledger_resident_pulse(&w->client, &pulse));
    }
    assert_int_equal(pulse.metrics.blocks_total, 1);
    assert_int_equal(pulse.metrics.head_number, 1);
    assert_true(pulse.age_ms < DAM_LEDGER_PULSE_LATE_MS);
    assert_false(dam_ledger_resident_pulse(&other, &pulse));
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

static void test_not_waited_for(void **state)
{
    struct world *w = *state;
    char reply[1024];
    for (unsigned i = 0; i < 50; i++) {
        enum dam_err err =
            ask(w, "eth_sendTransaction", "[{\"from\":\"" FROM "\"}]", 0, reply, sizeof(reply));
        assert_int_equal(err, DAM_ETIMEOUT);
    }
    assert_int_equal(ask(w, "eth_chainId", "[]", TIMEOUT_MS, reply, 16), DAM_EFULL);
    assert_int_equal(ask(w, "eth_chainId", "[]", TIMEOUT_MS, reply, sizeof(reply)), DAM_OK);
    assert_string_equal(reply, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x7a69\"}");
    for (unsigned i = 0; i < 50; i++) { /* some of these are under way when it closes */
        enum dam_err err = ask(w, "eth_call", "[{}]", 0, reply, sizeof(reply));
        assert_int_equal(err, DAM_ETIMEOUT);
    }
}

static void test_refused(void **state)
{
    struct world *w = *state;
    struct dam_ledger_config other = w->config;
    struct dam_http_client client = {0};
    struct dam_store_fault fault;
    char empty[] = "/tmp/dam-resident-XXXXXX";
    assert_int_equal(dam_ledger_resident_open(&other, &client, &fault), DAM_EEXIST);
    assert_non_null(strstr(fault.text, w->dir));
    assert_non_null(mkdtemp(empty));
    other.data = empty;
    other.genesis_path = "/nowhere/genesis.json";
    assert_int_equal(dam_ledger_resident_open(&other, &client, &fault), DAM_ENOTFOUND);
    assert_non_null(strstr(fault.text, "/nowhere/genesis.json"));
    dam_http_client_destroy(&w->client);
    w->config.genesis.chain_id = 5;
    assert_int_equal(dam_ledger_resident_open(&w->config, &client, &fault), DAM_ECONFLICT);
    assert_non_null(strstr(fault.text, "holds chain 31337, not 5"));
    w->config.genesis.chain_id = 0;
    (void)snprintf(w->config.host, sizeof(w->config.host), "nowhere");
    assert_int_equal(dam_ledger_resident_open(&w->config, &client, &fault), DAM_EPARSE);
    assert_non_null(
        strstr(fault.text, "cannot listen on nowhere:0: this machine has no such address"));
    assert_null(client.post);
    assert_int_equal(rmdir(empty), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_of_libuvs_threads_wait_for_it, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_pulse, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_not_waited_for, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_refused, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
