// SPDX-License-Identifier: Apache-2.0
#include "ledger/chain.h"

#include "ledger/chain_fixture.h"

#define BLOCKS 80u

/* What was the head once. */
struct moment {
    struct dam_hash hash;
    struct dam_hash root;
    uint64_t version;
    struct dam_hash tx;
};

static void grow(struct chain_fixture *f, uint64_t from, uint64_t to, struct moment *moments)
{
    for (uint64_t n = from; n <= to; n++) {
        struct dam_builder builder;
        struct dam_signed_tx tx = chain_fixture_transfer(f, (size_t)(n % 3), (n - 1) / 3);
        struct dam_signed_tx first = chain_fixture_transfer(f, 4, n - 1 - (n - 1) / 5);
        chain_fixture_begin(f, &builder, 30000000);
        if (n % 5 != 0) { /* every fifth has another shape */
            assert_int_equal(chain_fixture_add(&builder, &first), DAM_TX_NONE);
        }
        assert_int_equal(chain_fixture_add(&builder, &tx), DAM_TX_NONE);
        chain_fixture_commit(&builder);
        moments[n] =
            (struct moment){f->chain->head.hash, f->chain->root, f->chain->version, tx.hash};
        dam_arena_reset(&f->arena);
    }
}

static void check_head(const struct dam_ledger_chain *chain, uint64_t number,
                       const struct moment *moment)
{
    assert_int_equal(chain->head.header.number, number);
    assert_memory_equal(chain->head.hash.b, moment->hash.b, 32);
    assert_memory_equal(chain->root.b, moment->root.b, 32);
    assert_int_equal(chain->version, moment->version);
}

/* Nothing points to blocks that were taken back. */
static void check_gone(struct dam_ledger_chain *chain, uint64_t from, uint64_t to,
                       const struct moment *moments)
{
    struct dam_store_txn *txn = dam_ledger_chain_reader(chain);
    for (uint64_t n = from; n <= to; n++) {
        struct dam_ledger_chain_block block;
        struct dam_ledger_chain_tx tx;
        uint64_t number;
        uint32_t index;
        assert_int_equal(dam_ledger_chain_block(txn, n, &block), DAM_ENOTFOUND);
        assert_int_equal(dam_ledger_chain_number_of(txn, &moments[n].hash, &number), DAM_ENOTFOUND);
        assert_int_equal(dam_ledger_chain_find_tx(txn, &moments[n].tx, &number, &index),
                         DAM_ENOTFOUND);
        assert_int_equal(dam_ledger_chain_tx(txn, n, 0, &tx), DAM_ENOTFOUND);
    }
}

static void test_rollback(void **state)
{
    (void)state;
    struct chain_fixture f;
    struct moment moments[BLOCKS + 1];
    struct moment again[BLOCKS + 1];
    chain_fixture_init(&f, DAM_LEDGER_HISTORY_ALL);
    moments[0] = (struct moment){f.chain->head.hash, f.chain->root, f.chain->version, {{0}}};
    grow(&f, 1, BLOCKS, moments);
    assert_int_equal(dam_ledger_chain_rollback(f.chain, BLOCKS + 1, 0), DAM_ERANGE);
    check_head(f.chain, BLOCKS, &moments[BLOCKS]);
    static const uint64_t steps[] = {BLOCKS, BLOCKS - 1, BLOCKS - 2, BLOCKS - 7, 10, 0};
    for (size_t i = 0; i < DAM_COUNT_OF(steps); i++) {
        assert_int_equal(dam_ledger_chain_rollback(f.chain, steps[i], 0), DAM_OK);
        check_head(f.chain, steps[i], &moments[steps[i]]);
        check_gone(f.chain, steps[i] + 1, BLOCKS, moments);
    }
    /* The same transactions lead to the same blocks, here and after another start. */
    grow(&f, 1, 40, again);
    dam_ledger_chain_close(f.chain);
    chain_fixture_open(&f, DAM_LEDGER_HISTORY_ALL);
    check_head(f.chain, 40, &moments[40]);
    grow(&f, 41, BLOCKS, again);
    for (uint64_t n = 1; n <= BLOCKS; n++) {
        assert_memory_equal(again[n].hash.b, moments[n].hash.b, 32);
    }
    chain_fixture_finish(&f);
}

/* However little is kept, 64 blocks can be taken back; what cannot changes nothing. */
static void test_undo_of_a_pruned_chain(void **state)
{
    (void)state;
    struct chain_fixture f;
    struct moment moments[BLOCKS + 1];
    chain_fixture_init(&f, 1);
    grow(&f, 1, BLOCKS, moments);
    uint64_t oldest = dam_ledger_chain_oldest_state(f.chain);
    assert_int_equal(oldest, BLOCKS - DAM_LEDGER_UNDO_MIN);
    assert_int_equal(dam_ledger_chain_rollback(f.chain, oldest - 1, 0), DAM_ENOTFOUND);
    check_head(f.chain, BLOCKS, &moments[BLOCKS]);
    struct dam_ledger_chain_tx tx;
    struct dam_ledger_chain_block block;
    struct dam_store_txn *txn = dam_ledger_chain_reader(f.chain);
    assert_int_equal(dam_ledger_chain_tx(txn, oldest - 1, 0, &tx), DAM_ENOTFOUND);
    assert_int_equal(dam_ledger_chain_block(txn, oldest - 1, &block), DAM_OK); /* headers stay */
    assert_int_equal(dam_ledger_chain_rollback(f.chain, oldest, 0), DAM_OK);
    check_head(f.chain, oldest, &moments[oldest]);
    check_gone(f.chain, oldest + 1, BLOCKS, moments);
    chain_fixture_finish(&f);
}

/* A store of another format is left alone and says so. */
static void test_format(void **state)
{
    (void)state;
    struct chain_fixture f;
    struct dam_store *store = NULL;
    struct dam_store_txn *txn;
    struct dam_store_fault fault;
    chain_fixture_init(&f, DAM_LEDGER_HISTORY_ALL);
    dam_ledger_chain_close(f.chain);
    f.chain = NULL;
    const struct dam_store_options options = {.dir = f.dir};
    static const uint8_t newer[4] = {0, 0, 0, 99};
    assert_int_equal(dam_store_open(&options, &store, &fault), DAM_OK);
    assert_int_equal(dam_store_begin(store, true, &txn), DAM_OK);
    assert_int_equal(
        dam_store_put(txn, DAM_STORE_META, dam_bytes("format", 6), dam_bytes(newer, sizeof(newer))),
        DAM_OK);
    assert_int_equal(dam_store_commit(txn), DAM_OK);
    dam_store_close(store);
    assert_int_equal(dam_store_open(&options, &store, &fault), DAM_EVERSION);
    assert_non_null(strstr(fault.text, "it is format 99"));
    chain_fixture_finish(&f);
}

/* A file that was cut off ends no process: what is missing is found, or named when it is read. */
static void test_cut_off(void **state)
{
    (void)state;
    struct moment moments[BLOCKS + 1];
    unsigned refused = 0;
    for (unsigned eighths = 0; eighths < 8; eighths++) {
        struct chain_fixture f;
        struct dam_store_fault fault;
        char path[96];
        chain_fixture_init(&f, DAM_LEDGER_HISTORY_ALL);
        grow(&f, 1, 20, moments);
        dam_ledger_chain_close(f.chain);
        f.chain = NULL;
        (void)snprintf(path, sizeof(path), "%s/ledger.mdb", f.dir);
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, 0, SEEK_END), 0);
        long len = ftell(file);
        assert_int_equal(ftruncate(fileno(file), len * eighths / 8), 0);
        assert_int_equal(fclose(file), 0);
        struct dam_ledger_chain_options options = {.store = {.dir = f.dir, .read_only = true}};
        struct dam_ledger_chain *chain = NULL;
        enum dam_err err = dam_ledger_chain_open(&options, &chain, &fault);
        assert_int_not_equal(err, DAM_OK);
        assert_true(strlen(fault.text) > 20);
        if (eighths > 0) { /* of nothing a new store is made */
            options.store.read_only = false;
            chain = NULL;
            err = dam_ledger_chain_open(&options, &chain, &fault);
            for (uint64_t n = 0; err == DAM_OK && n <= 20; n++) {
                struct dam_buf buf;
                dam_buf_init_arena(&buf, &f.arena, (size_t)1 << 20);
                err = dam_ledger_chain_block_rlp(dam_ledger_chain_reader(chain), n, &buf);
            }
            refused += err != DAM_OK; /* what is missing may have been of no use */
            dam_ledger_chain_close(chain);
        }
        chain_fixture_finish(&f);
    }
    assert_true(refused >= 4);
}

static void test_genesis(void **state)
{
    (void)state;
    static const char other[] = "{\"config\":{\"chainId\":1},\"alloc\":{},\"gasLimit\":\"0x5208\","
                                "\"difficulty\":\"0x0\"}";
    static const char bad[] = "{\"config\":{\"chainId\":1},\"alloc\":[}";
    struct chain_fixture f;
    struct dam_store_fault fault;
    struct dam_ledger_chain *chain = NULL;
    chain_fixture_init(&f, DAM_LEDGER_HISTORY_ALL);
    const struct dam_hash genesis = f.chain->genesis_hash;
    struct dam_ledger_chain_options options = {.store = {.dir = f.dir, .size_max = 1 << 28}};
    assert_int_equal(dam_ledger_chain_open(&options, &chain, &fault), DAM_EEXIST); /* in use */
    dam_ledger_chain_close(f.chain);
    options.genesis = other;
    options.genesis_len = sizeof(other) - 1;
    assert_int_equal(dam_ledger_chain_open(&options, &chain, &fault), DAM_ECONFLICT);
    assert_non_null(strstr(fault.text, "another genesis"));
    options.genesis = NULL;
    assert_int_equal(dam_ledger_chain_open(&options, &f.chain, &fault), DAM_OK);
    assert_memory_equal(f.chain->genesis_hash.b, genesis.b, 32);
    chain_fixture_finish(&f);
    /* A new store without one, or with a bad one, is no ledger. */
    chain_fixture_init(&f, DAM_LEDGER_HISTORY_ALL);
    char dir[80];
    (void)snprintf(dir, sizeof(dir), "%s/new", f.dir);
    options = (struct dam_ledger_chain_options){.store = {.dir = dir, .size_max = 1 << 28}};
    assert_int_equal(dam_ledger_chain_open(&options, &chain, &fault), DAM_ENOTFOUND);
    options.genesis = bad;
    options.genesis_len = sizeof(bad) - 1;
    assert_int_equal(dam_ledger_chain_open(&options, &chain, &fault), DAM_EPARSE);
    assert_non_null(strstr(fault.text, "column"));
    chain_fixture_remove(dir); /* what a refused start leaves behind */
    chain_fixture_finish(&f);
}

/* Where Prague holds from the first block the contracts without which no block is valid have to be
 * in it; where it comes later they may come till then. */
static void test_genesis_contracts(void **state)
{
    static const char form[] = "{\"config\":{\"chainId\":1,\"terminalTotalDifficulty\":0,"
                               "\"shanghaiTime\":0,\"cancunTime\":0,\"%s\":%u},\"alloc\":{%s},"
                               "\"timestamp\":\"0x64\",\"gasLimit\":\"0x5208\","
                               "\"difficulty\":\"0x0\"}";
#define WITHDRAWALS(code)                                                                          \
    "\"00000961ef480eb55e80d19ad83579a64c007002\":{\"balance\":\"0x1\",\"code\":\"" code "\"}"
#define CONSOLIDATIONS "\"0000bbddc7ce488642fb579f8b00f3a590007251\":{\"code\":\"0x5f5ffd\"}"
    static const struct {
        const char *fork;
        unsigned time;
        const char *alloc;
        const char *missing;
    } cases[] = {
        {"pragueTime", 100, "", "0x00000961Ef480Eb55e80D19ad83579A64c007002"},
        {"osakaTime", 0, "", "EIP-7002"},
        {"pragueTime", 0, CONSOLIDATIONS, "EIP-7002"},
        {"pragueTime", 0, WITHDRAWALS("0x"), "EIP-7002"},
        {"pragueTime", 0, WITHDRAWALS("0x00"), "0x0000BBdDc7CE488642fb579F8B00f3a590007251"},
        {"pragueTime", 0, WITHDRAWALS("0x00"), "EIP-7251"},
        {"pragueTime", 0, WITHDRAWALS("0x00") "," CONSOLIDATIONS, NULL},
        {"pragueTime", 101, "", NULL},
    };
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(cases); i++) {
        char dir[] = "/tmp/dam-genesis-XXXXXX";
        char text[1024];
        struct dam_store_fault fault;
        struct dam_ledger_chain *chain = NULL;
        int len = snprintf(text, sizeof(text), form, cases[i].fork, cases[i].time, cases[i].alloc);
        assert_non_null(mkdtemp(dir));
        struct dam_ledger_chain_options options = {.store = {.dir = dir, .size_max = 1 << 24},
                                                   .genesis = text,
                                                   .genesis_len = (size_t)len};
        enum dam_err err = dam_ledger_chain_open(&options, &chain, &fault);
        assert_int_equal(err, cases[i].missing != NULL ? DAM_EPARSE : DAM_OK);
        if (cases[i].missing != NULL) {
            assert_non_null(strstr(fault.text, cases[i].missing));
            assert_non_null(strstr(fault.text, "out")); /* it is not cut off */
        } else {
            dam_ledger_chain_close(chain);
        }
        chain_fixture_remove(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rollback), cmocka_unit_test(test_undo_of_a_pruned_chain),
        cmocka_unit_test(test_format),   cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_genesis),  cmocka_unit_test(test_genesis_contracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
