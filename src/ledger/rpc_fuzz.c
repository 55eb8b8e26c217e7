// SPDX-License-Identifier: Apache-2.0
/* JSON-RPC bodies against a whole ledger on a temporary store. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "ledger/genesis.h"
#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uv_loop_t loop;
static struct dam_ledger *ledger;

static char dir[64];

static void remove_dir(void)
{
    static const char *const names[] = {"ledger.mdb", "ledger.mdb-lock", "ledger.lock",
                                        "ledger.journal"};
    char path[128];
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)remove(path);
    }
    (void)remove(dir);
}

static void open_ledger(void)
{
    struct dam_store_fault fault;
    struct dam_buf genesis;
    struct dam_genesis_choice choice = {
        .chain_id = 1, .gas_limit = 1000000, .dev = true, .base_fee = 7};
    (void)snprintf(dir, sizeof(dir), "/tmp/dam-fuzz-XXXXXX");
    DAM_ASSERT(mkdtemp(dir) != NULL && atexit(remove_dir) == 0);
    dam_buf_init(&genesis, dam_heap(), 0);
    dam_genesis_builtin(&choice, &genesis);
    struct dam_ledger_options options = {.data_dir = dir,
                                         .genesis = (const char *)genesis.data,
                                         .genesis_len = genesis.len,
                                         .dev = true,
                                         .call_gas_max = 1000000,
                                         .store_len_max = (size_t)256 << 20};
    DAM_ASSERT(uv_loop_init(&loop) == 0);
    DAM_ASSERT(dam_ledger_open(&loop, &options, &ledger, &fault) == DAM_OK);
    dam_buf_finish(&genesis);
}

static void on_reply(void *ctx, const char *text, size_t len)
{
    (void)text;
    (void)len;
    *(int *)ctx += 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int replies = 0;
    if (ledger == NULL) {
        open_ledger();
    }
    dam_ledger_rpc(ledger, (const char *)data, size, on_reply, &replies);
    while (replies == 0) { /* the end of a turn, or another thread's work */
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    DAM_ASSERT(replies == 1);
    return 0;
}
