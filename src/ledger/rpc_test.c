// SPDX-License-Identifier: Apache-2.0
/* Requests against a whole ledger in this process: how parameters are read, and what is said of
 * those that are wrong. A line is a call and what its reply must contain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "core/crypto/secp256k1.h"
#include "ledger/genesis.h"
#include "ledger/ledger.h"

#define A "\"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266\""
#define B "\"0x70997970C51812dc3A010C7d01b50e0d17dc79C8\""
#define BURNER "\"0x00000000000000000000000000000000000b0124\""
#define LOGGER "\"0x00000000000000000000000000000000000f0106\""
#define MULTICALL "\"0xcA11bde05977b3631167028862bE2a173976CA11\""
#define WORD "0x0000000000000000000000000000000000000000000000000000000000000001"
#define NO_HASH "\"0x1111111111111111111111111111111111111111111111111111111111111111\""

struct world {
    uv_loop_t loop;
    struct dam_ledger *ledger;
    char dir[64];
    char *reply;
    int replies;
    int with_logs; /* of all replies ever */
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct dam_store_fault fault;
    struct dam_buf genesis;
    struct dam_genesis_choice choice = {
        .chain_id = 31337, .gas_limit = 30000000, .dev = true, .base_fee = 7};
    assert_non_null(w);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/dam-rpc-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    dam_buf_init(&genesis, dam_heap(), 0);
    dam_genesis_builtin(&choice, &genesis);
    struct dam_ledger_options options = {.data_dir = w->dir,
                                         .genesis = (const char *)genesis.data,
                                         .genesis_len = genesis.len,
                                         .dev = true,
                                         .store_len_max = (size_t)256 << 20};
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(dam_ledger_open(&w->loop, &options, &w->ledger, &fault), DAM_OK);
    dam_buf_finish(&genesis);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    static const char *const names[] = {"ledger.mdb", "ledger.mdb-lock", "ledger.lock"};
    struct world *w = *state;
    char path[128];
    dam_ledger_close(w->ledger);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&w->loop);
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(w->dir);
    free(w->reply);
    free(w);
    return 0;
}

static void on_reply(void *ctx, const char *text, size_t len)
{
    struct world *w = ctx;
    free(w->reply);
    w->reply = malloc(len + 1);
    assert_non_null(w->reply);
    memcpy(w->reply, text, len);
    w->reply[len] = '\0';
    w->replies++;
    w->with_logs += strstr(w->reply, "logIndex") != NULL;
}

static void hand_in(struct world *w, const char *text)
{
    dam_ledger_rpc(w->ledger, text, strlen(text), on_reply, w);
}

/* Turn the loop until there are so many replies. Returns: the last of them. */
static const char *await(struct world *w, int replies)
{
    for (int i = 0; i < 5000 && w->replies < replies; i++) {
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        if (w->replies < replies) {
            (void)usleep(1000);
        }
    }
    assert_int_equal(w->replies, replies);
    return w->reply;
}

static const char *ask(struct world *w, const char *text)
{
    w->replies = 0;
    hand_in(w, text);
    return await(w, 1);
}

#define CALL(method, params) "{\"id\":1,\"method\":\"" method "\",\"params\":[" params "]}"

static void expect(struct world *w, const char *text, const char *want)
{
    if (strstr(ask(w, text), want) == NULL) {
        print_error("%s\n  want %s\n  got  %.300s\n", text, want, w->reply);
        fail();
    }
}

struct line {
    const char *method;
    const char *params;
    const char *want; /* a part of the reply */
};

static void check_lines(struct world *w, const struct line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[4096];
        (void)snprintf(text, sizeof(text),
                       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}",
                       lines[i].method, lines[i].params);
        const char *reply = ask(w, text);
        if (strstr(reply, lines[i].want) == NULL) {
            print_error("%s %s\n  want %s\n  got  %.300s\n", lines[i].method, lines[i].params,
                        lines[i].want, reply);
            fail();
        }
    }
}

static void test_addresses_and_hashes(void **state)
{
    static const struct line lines[] = {
        {"eth_getBalance", "[" A "]", "\"result\":\"0x21e19e0c9bab2400000\""},
        {"eth_getBalance", "[" A ",null]", "\"result\":\"0x21e19e0c9bab2400000\""},
        {"eth_getBalance", "[]", "missing value for required argument 0"},
        {"eth_getBalance", "[null]", "missing value for required argument 0"},
        {"eth_getBalance", "[7]",
         "-32602,\"message\":\"invalid argument 0: json: cannot unmarshal"},
        {"eth_getBalance", "[\"f39Fd6e51aad88F6F4ce6aB8827279cffFb92266\"]", "without 0x prefix"},
        {"eth_getBalance", "[\"0x1\"]", "hex string has length 1, want 40 for common.Address"},
        {"eth_getBalance", "[\"0xZZ9Fd6e51aad88F6F4ce6aB8827279cffFb92266\"]",
         "invalid hex string"},
        {"eth_getBalance",
         "[\"0X"
         "f39Fd6e51aad88F6F4ce6aB8827279cffFb92266\"]",
         "\"result\""},
        {"eth_getTransactionByHash", "[" NO_HASH "]", "\"result\":null"},
        {"eth_getTransactionByHash", "[\"0x11\"]", "length 2, want 64 for common.Hash"},
        {"eth_getTransactionByHash", "[{}]", "cannot unmarshal non-string"},
    };
    check_lines(*state, lines, DAM_COUNT_OF(lines));
}

static void test_blocks(void **state)
{
    static const struct line lines[] = {
        {"eth_getBlockByNumber", "[\"latest\"]", "\"number\":\"0x0\""},
        {"eth_getBlockByNumber", "[\"pending\",true]", "\"number\":\"0x0\""},
        {"eth_getBlockByNumber", "[\"safe\",false]", "\"number\":\"0x0\""},
        {"eth_getBlockByNumber", "[\"finalized\",false]", "\"number\":\"0x0\""},
        {"eth_getBlockByNumber", "[\"earliest\",false]", "\"number\":\"0x0\""},
        {"eth_getBlockByNumber", "[\"0x0\",false]", "\"number\":\"0x0\""},
        {"eth_getBlockByNumber", "[0,false]", "\"number\":\"0x0\""},
        {"eth_getBlockByNumber", "[\"0x1\",false]", "\"result\":null"},
        {"eth_getBlockByNumber", "[\"0xffffffffffffffff\",false]", "\"result\":null"},
        {"eth_getBlockByNumber", "[\"0x10000000000000000\",false]", "-32602"},
        {"eth_getBlockByNumber", "[\"0x\",false]", "-32602"},
        {"eth_getBlockByNumber", "[\"newest\",false]", "hex string without 0x prefix"},
        {"eth_getBlockByNumber", "[-1,false]", "-32602"},
        {"eth_getBlockByNumber", "[1.5,false]", "-32602"},
        {"eth_getBlockByNumber", "[true,false]", "not a block number, tag or hash"},
        {"eth_getBlockByNumber", "[\"latest\",\"true\"]", "argument 1: not true or false"},
        {"eth_getBalance", "[" A ",{\"blockNumber\":\"0x0\"}]", "\"result\""},
        {"eth_getBalance", "[" A ",{\"blockNumber\":0}]", "neither blockHash nor blockNumber"},
        {"eth_getBalance", "[" A ",{}]", "neither blockHash nor blockNumber"},
        {"eth_getBalance", "[" A ",{\"blockHash\":" NO_HASH "}]", "header not found"},
        {"eth_getBalance", "[" A ",\"0x99\"]", "header not found"},
    };
    check_lines(*state, lines, DAM_COUNT_OF(lines));
}

static void test_slots_and_data(void **state)
{
    static const struct line lines[] = {
        {"eth_getStorageAt", "[" A ",\"0x0\",\"latest\"]", "\"result\":\"0x0000"},
        {"eth_getStorageAt", "[" A ",\"0x\",\"latest\"]", "\"result\":\"0x0000"},
        {"eth_getStorageAt", "[" A ",\"" WORD "\",\"latest\"]", "\"result\":\"0x0000"},
        {"eth_getStorageAt", "[" A ",\"" WORD "00\",\"latest\"]", "want at most 32 bytes, have 33"},
        {"eth_getStorageAt", "[" A ",\"12\",\"latest\"]", "hex string invalid"},
        {"eth_getStorageAt", "[" A "]", "missing value for required argument 1"},
        {"web3_sha3", "[\"0x\"]",
         "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"web3_sha3", "[\"0x1\"]", "even number of hex digits"},
        {"web3_sha3", "[\"12\"]", "even number of hex digits"},
        {"eth_sendRawTransaction", "[\"0x\"]", "\"error\""},
        {"eth_sendRawTransaction", "[1]", "-32602"},
        {"eth_sendRawTransaction", "[]", "missing value for required argument 0"},
    };
    check_lines(*state, lines, DAM_COUNT_OF(lines));
}

static void test_calls(void **state)
{
    static const struct line lines[] = {
        /* getChainId() of Multicall3 */
        {"eth_call", "[{\"to\":" MULTICALL ",\"data\":\"0x3408e470\"},\"latest\"]", "7a69\""},
        {"eth_call", "[{\"to\":" MULTICALL ",\"input\":\"0x3408e470\"}]", "7a69\""},
        {"eth_call", "[{\"to\":" MULTICALL ",\"data\":\"0x00\",\"input\":\"0x01\"}]",
         "both \\\"data\\\" and \\\"input\\\" are set and not equal"},
        {"eth_call", "[{\"to\":\"0x12\"}]", "to: not an address"},
        {"eth_call", "[{\"gas\":\"0x1ffffffffffffffff\"}]", "gas: not a number of at most 64 bits"},
        {"eth_call", "[{\"value\":\"x\"}]", "value: not a number of at most 256 bits"},
        {"eth_call", "[{\"data\":\"0x1\"}]", "data: not bytes"},
        {"eth_call", "[{\"gasPrice\":\"0x1\",\"maxFeePerGas\":\"0x1\"}]", "both gasPrice and"},
        {"eth_call", "[{\"accessList\":[{}]}]", "accessList: not a list of"},
        {"eth_call", "[7]", "missing value for required argument 0"},
        {"eth_call", "[{},\"latest\",{\"0x12\":{}}]", "a key is not an address"},
        {"eth_call", "[{},\"latest\",7]", "not state overrides"},
        {"eth_call", "[{},\"latest\",{" A ":{\"state\":{},\"stateDiff\":{}}}]", "both 'state' and"},
        {"eth_call", "[{},\"latest\",{" A ":{\"movePrecompileToAddress\":" MULTICALL "}}]",
         "not a precompile"},
        {"eth_estimateGas", "[{\"from\":" A ",\"to\":" MULTICALL ",\"value\":\"0x1\"}]",
         "\"error\""},
        {"eth_estimateGas", "[{\"from\":" A ",\"to\":" A ",\"value\":\"0x1\"}]", "\"0x5208\""},
        {"debug_traceCall", "[{},\"latest\",{\"tracer\":\"nothing\"}]",
         "\\\"nothing\\\" is not known"},
        {"debug_traceCall", "[{\"to\":" A "},\"latest\",{\"tracer\":\"callTracer\"}]", "\"CALL\""},
        {"debug_traceTransaction", "[" NO_HASH "]", "transaction not found"},
        {"debug_traceBlockByNumber", "[\"0x0\"]", "genesis is not traceable"},
    };
    check_lines(*state, lines, DAM_COUNT_OF(lines));
}

static void test_filters(void **state)
{
    static const struct line lines[] = {
        {"eth_getLogs", "[{}]", "\"result\":[]"},
        {"eth_getLogs", "[]", "a filter object is needed"},
        {"eth_getLogs", "[{\"address\":\"0x12\"}]", "not an address or a list"},
        {"eth_getLogs", "[{\"address\":[" A "," A "]}]", "\"result\":[]"},
        {"eth_getLogs", "[{\"topics\":[null,[null]]}]", "\"result\":[]"},
        {"eth_getLogs", "[{\"topics\":[\"0x12\"]}]", "not 32 bytes"},
        {"eth_getLogs", "[{\"topics\":[1,2,3,4,5]}]", "exceed max topics"},
        {"eth_getLogs", "[{\"topics\":{}}]", "exceed max topics"},
        {"eth_newFilter", "[{\"fromBlock\":\"x\"}]", "-32602"},
        {"eth_getFilterChanges", "[\"0x99\"]", "filter not found"},
        {"eth_uninstallFilter", "[\"0x99\"]", "\"result\":false"},
        {"eth_subscribe", "[\"newHeads\"]", "notifications not supported"},
        {"eth_feeHistory", "[\"0x1\",\"latest\",[50,20]]", "invalid reward percentile"},
        {"eth_feeHistory", "[\"0x1\",\"latest\",[\"a\"]]", "not a list of percentiles"},
    };
    check_lines(*state, lines, DAM_COUNT_OF(lines));
}

static void test_envelopes(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } cases[] = {
        {"", "-32700"},
        {"{", "-32700"},
        {"7", "-32600"},
        {"[]", "empty batch"},
        {"[7]", "[{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600"},
        {"{\"id\":{},\"method\":\"eth_chainId\"}", "\"id\":null"},
        {"{\"id\":1}", "invalid request"},
        {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"eth_chainId\"}", "invalid request"},
        {"{\"id\":\"x\",\"method\":\"eth_chainId\"}", "\"id\":\"x\",\"result\":\"0x7a69\""},
        {"{\"id\":1,\"method\":\"eth_nothing\"}", "the method eth_nothing does not exist"},
        {"{\"id\":1,\"method\":\"eth_chainId\",\"params\":{}}", "non-array args"},
        {"{\"id\":1,\"method\":\"eth_chainId\",\"params\":null}", "\"result\":\"0x7a69\""},
        {"[{\"id\":1,\"method\":\"eth_chainId\"},{\"id\":2,\"method\":\"net_version\"}]",
         "\"id\":2,\"result\":\"31337\"}]"},
        /* A worker's answer between two of the loop's: the order stays. */
        {"[{\"id\":1,\"method\":\"eth_chainId\"},{\"id\":2,\"method\":\"eth_call\",\"params\":[{}]}"
         ","
         "{\"id\":3,\"method\":\"eth_chainId\"}]",
         "\"id\":3,\"result\":\"0x7a69\"}]"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        expect(w, cases[i].text, cases[i].want);
    }
}

/* What may take long is not done while the loop waits for it: it is not answered at once, and what
 * comes after it is answered first. */
static void test_long_calls_wait(void **state)
{
    static const char *const calls[] = {
        CALL("eth_getFilterLogs", "\"0x1\""),
        CALL("eth_getFilterChanges", "\"0x1\""),
        CALL("eth_getFilterChanges", "\"0x2\""),
        CALL("eth_getLogs", "{}"),
        CALL("eth_estimateGas", "{\"from\":" A ",\"to\":" A "}"),
        CALL("eth_fillTransaction", "{\"from\":" A ",\"to\":" A "}"),
        CALL("eth_signTransaction", "{\"from\":" A ",\"to\":" BURNER "}"),
        CALL("eth_sendTransaction", "{\"from\":" A ",\"to\":" BURNER "}"),
        CALL("eth_sendTransaction", "{\"from\":" A ",\"to\":" LOGGER "}"),
    };
    struct world *w = *state;
    expect(w, CALL("anvil_setCode", LOGGER ",\"0x5f5fa0\""), "null"); /* LOG0 of nothing */
    /* 30,000 rounds of 26 gas */
    expect(w, CALL("anvil_setCode", BURNER ",\"0x6175305b600190038060035700\""), "null");
    expect(w, CALL("eth_newFilter", "{\"address\":" LOGGER "}"), "\"0x1\"");
    expect(w, CALL("eth_newBlockFilter", ""), "\"0x2\"");
    for (size_t i = 0; i < DAM_COUNT_OF(calls); i++) {
        w->replies = 0;
        hand_in(w, calls[i]);
        assert_int_equal(w->replies, 0);
        hand_in(w, CALL("eth_chainId", ""));
        assert_int_equal(w->replies, 1);
        assert_non_null(strstr(w->reply, "\"0x7a69\""));
        assert_non_null(strstr(await(w, 2), "\"result\""));
    }
    w->replies = 0; /* what is quickly estimated needs no other thread */
    hand_in(w, CALL("eth_signTransaction", "{\"from\":" A ",\"to\":" LOGGER "}"));
    assert_int_equal(w->replies, 1);
    assert_non_null(strstr(w->reply, "\"gas\":\"0x"));
}

/* A filter tells each log and each block once, whatever else goes on while it is read. */
static void test_filter_is_told_once(void **state)
{
    struct world *w = *state;
    const char *send = CALL("eth_sendTransaction", "{\"from\":" A ",\"to\":" LOGGER "}");
    const char *poll = CALL("eth_getFilterChanges", "\"0x1\"");
    expect(w, poll, "\"logIndex\":\"0x0\""); /* of the test before */
    expect(w, poll, "[]");
    expect(w, CALL("eth_getFilterChanges", "\"0x2\""), "[\"0x");
    expect(w, CALL("eth_getFilterChanges", "\"0x2\""), "[]");
    expect(w, CALL("evm_snapshot", ""), "\"0x1\"");
    expect(w, send, "\"result\"");
    w->replies = 0; /* two polls at once: one of them tells it */
    hand_in(w, poll);
    hand_in(w, poll);
    int with_logs = w->with_logs;
    (void)await(w, 2);
    assert_int_equal(w->with_logs, with_logs + 1);
    expect(w, send, "\"result\"");
    w->replies = 0; /* its blocks are taken back under a poll: the ones after are told again */
    hand_in(w, poll);
    hand_in(w, CALL("evm_revert", "\"0x1\""));
    (void)await(w, 2);
    expect(w, send, "\"result\"");
    expect(w, poll, "\"logIndex\":\"0x0\"");
    expect(w, CALL("eth_getFilterLogs", "\"0x1\""), "logIndex");
    w->replies = 0; /* it goes while it is read */
    hand_in(w, CALL("eth_getFilterLogs", "\"0x1\""));
    hand_in(w, CALL("eth_uninstallFilter", "\"0x1\""));
    assert_non_null(strstr(w->reply, "true"));
    assert_non_null(strstr(await(w, 2), "logIndex"));
    expect(w, poll, "filter not found");
}

/* The calls of a batch see what those before them did, and what waits in the pool. */
static void test_batch_sees_pool(void **state)
{
    struct world *w = *state;
#define FILL CALL("eth_fillTransaction", "{\"from\":" B ",\"to\":" A "}")
#define SEND CALL("eth_sendTransaction", "{\"from\":" B ",\"to\":" A "}")
    expect(w, CALL("evm_setAutomine", "false"), "null");
    const char *reply = ask(w, "[" FILL "," SEND "," FILL "," FILL "," SEND "," FILL "]");
    static const char *const nonces[] = {"0x0", "0x1", "0x1", "0x2"};
    for (size_t i = 0; i < DAM_COUNT_OF(nonces); i++) {
        reply = strstr(reply, "\"nonce\":\"");
        assert_non_null(reply);
        reply += strlen("\"nonce\":\"");
        assert_memory_equal(reply, nonces[i], 3);
    }
    expect(w, CALL("evm_setAutomine", "true"), "null");
    /* A failing estimate is the call's failure, and no other's. */
    expect(w, CALL("anvil_setCode", LOGGER ",\"0xfe\""), "null");
    expect(w, "[" CALL("eth_sendTransaction", "{\"from\":" B ",\"to\":" LOGGER "}") "," SEND "]",
           "\"error\":{\"code\":-32000,\"message\":\"invalid opcode\"}},"
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x");
}

static void test_dev_accounts(void **state)
{
    (void)state;
    for (size_t i = 0; i < DAM_DEV_ACCOUNT_COUNT; i++) {
        struct dam_secp256k1_pubkey key;
        struct dam_address address;
        assert_non_null(dam_dev_secret(i));
        assert_int_equal(dam_secp256k1_pubkey(dam_dev_secret(i), &key), DAM_OK);
        dam_secp256k1_address(&key, &address);
        assert_memory_equal(&address, &dam_dev_addresses[i], sizeof(address));
    }
}

/* A first start that was cut short, or a look at what is not there yet, leaves a file that is no
 * ledger: the next start makes it one. */
static void test_first_start(void **state)
{
    static const char *const names[] = {"ledger.mdb", "ledger.mdb-lock", "ledger.lock"};
    static const char one[] = "{\"config\":{\"chainId\":1},\"gasLimit\":\"0x1\","
                              "\"difficulty\":\"0x0\",\"alloc\":{}}";
    static const char two[] = "{\"config\":{\"chainId\":2},\"gasLimit\":\"0x1\","
                              "\"difficulty\":\"0x0\",\"alloc\":{}}";
    char dir[] = "/tmp/dam-first-XXXXXX";
    char path[64];
    struct dam_ledger_chain *chain;
    struct dam_store_fault fault;
    struct dam_ledger_chain_options options = {.store = {.dir = dir, .size_max = (size_t)64 << 20}};
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(dam_ledger_chain_open(&options, &chain, &fault), DAM_ENOTFOUND);
    assert_non_null(strstr(fault.text, "there is no ledger here yet"));
    options.genesis = one;
    options.genesis_len = sizeof(one) - 1;
    assert_int_equal(dam_ledger_chain_open(&options, &chain, &fault), DAM_OK);
    assert_int_equal(chain->rules.config.chain_id, 1);
    dam_ledger_chain_close(chain);
    options.genesis = two;
    assert_int_equal(dam_ledger_chain_open(&options, &chain, &fault), DAM_ECONFLICT);
    options.genesis_is_default = true;
    assert_int_equal(dam_ledger_chain_open(&options, &chain, &fault), DAM_OK);
    assert_int_equal(chain->rules.config.chain_id, 1);
    dam_ledger_chain_close(chain);
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_and_hashes),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_slots_and_data),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_envelopes),
        cmocka_unit_test(test_long_calls_wait),
        cmocka_unit_test(test_filter_is_told_once),
        cmocka_unit_test(test_batch_sees_pool),
        cmocka_unit_test(test_dev_accounts),
        cmocka_unit_test(test_first_start),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
