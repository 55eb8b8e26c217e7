// SPDX-License-Identifier: Apache-2.0
/* For the tests of chain and builder: a chain with the built-in genesis in a folder of its own, and
 * signed transactions of the development accounts. */
#ifndef DAM_LEDGER_CHAIN_FIXTURE_H
#define DAM_LEDGER_CHAIN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
#include "core/eth/tx.h"
#include "ledger/builder.h"
#include "ledger/genesis.h"

#define CHAIN_ID 31337u

struct chain_fixture {
    struct dam_ledger_chain *chain;
    struct dam_evm *evm;
    struct dam_arena arena; /* of what is signed */
    char dir[64];
};

/* Open the chain in the fixture's folder, a new one if it is empty. */
static inline void chain_fixture_open(struct chain_fixture *f, uint64_t history)
{
    const struct dam_genesis_choice choice = {
        .chain_id = CHAIN_ID, .gas_limit = 200000000, .dev = true, .base_fee = 1000};
    struct dam_store_fault fault;
    struct dam_buf genesis;
    dam_buf_init(&genesis, dam_heap(), 0);
    dam_genesis_builtin(&choice, &genesis);
    const struct dam_ledger_chain_options options = {
        .store = {.dir = f->dir, .size_max = (size_t)1 << 30},
        .genesis = (const char *)genesis.data,
        .genesis_len = genesis.len,
        .history = history};
    assert_int_equal(dam_ledger_chain_open(&options, &f->chain, &fault), DAM_OK);
    dam_buf_finish(&genesis);
}

static inline void chain_fixture_init(struct chain_fixture *f, uint64_t history)
{
    *f = (struct chain_fixture){0};
    /* In memory where that is possible: nothing here is about the disk. */
    (void)snprintf(f->dir, sizeof(f->dir), "%s/dam-chain-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    dam_arena_init(&f->arena, dam_heap(), 0);
    assert_int_equal(dam_evm_create(dam_heap(), NULL, &f->evm), DAM_OK);
    chain_fixture_open(f, history);
}

static inline void chain_fixture_remove(const char *dir)
{
    static const char *const names[] = {"ledger.mdb", "ledger.mdb-lock", "ledger.lock"};
    char path[128];
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)remove(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

static inline void chain_fixture_finish(struct chain_fixture *f)
{
    dam_ledger_chain_close(f->chain);
    dam_evm_destroy(f->evm);
    dam_arena_finish(&f->arena);
    chain_fixture_remove(f->dir);
}

/* Sign for a development account; chain id and fees are filled in. Lives as the fixture's arena. */
static inline struct dam_signed_tx chain_fixture_sign(struct chain_fixture *f, size_t account,
                                                      struct dam_tx tx)
{
    struct dam_signed_tx signed_tx;
    struct dam_buf buf;
    tx.has_chain_id = true;
    tx.chain_id = CHAIN_ID;
    tx.max_fee = dam_u256_from_u64(1000000);
    tx.max_blob_fee = dam_u256_from_u64(1000000);
    assert_int_equal(dam_tx_sign(&tx, dam_dev_secret(account), &f->arena), DAM_OK);
    dam_buf_init_arena(&buf, &f->arena, (size_t)1 << 20);
    dam_tx_encode(&tx, &buf);
    assert_int_equal(dam_buf_err(&buf), DAM_OK);
    assert_int_equal(dam_signed_tx_read(&f->arena, dam_buf_bytes(&buf), &signed_tx, NULL), DAM_OK);
    assert_int_equal(dam_signed_tx_recover(&f->arena, true, &signed_tx), DAM_OK);
    return signed_tx;
}

/* A coin from one account to the next. */
static inline struct dam_signed_tx chain_fixture_transfer(struct chain_fixture *f, size_t account,
                                                          uint64_t nonce)
{
    return chain_fixture_sign(f, account,
                              (struct dam_tx){.type = DAM_TX_DYNAMIC_FEE,
                                              .nonce = nonce,
                                              .gas_limit = 21000,
                                              .to = dam_dev_addresses[account + 1],
                                              .value = dam_u256_from_u64(1)});
}

static inline void chain_fixture_begin(struct chain_fixture *f, struct dam_builder *builder,
                                       uint64_t gas_limit)
{
    const struct dam_builder_params params = {.timestamp = f->chain->head.header.timestamp + 12,
                                              .gas_limit = gas_limit};
    assert_int_equal(dam_builder_begin(builder, f->chain, f->evm, &params), DAM_OK);
}

static inline enum dam_tx_invalid chain_fixture_add(struct dam_builder *builder,
                                                    const struct dam_signed_tx *tx)
{
    enum dam_tx_invalid invalid = DAM_TX_NONE;
    assert_int_equal(dam_builder_add(builder, tx, &invalid), DAM_OK);
    return invalid;
}

static inline void chain_fixture_commit(struct dam_builder *builder)
{
    assert_int_equal(dam_builder_seal(builder), DAM_OK);
    assert_int_equal(dam_builder_commit(builder), DAM_OK);
}

#endif
