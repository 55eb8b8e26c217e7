// SPDX-License-Identifier: Apache-2.0
/* Writes accounts with a balance straight into the state of a stopped ledger: `accounts DIR COUNT`.
 * They come as a development method's change would, without history. */
#include <stdio.h>
#include <stdlib.h>

#include "core/crypto/keccak.h"
#include "ledger/chain.h"

#define CHUNK 100000u

static void need(enum dam_err err, const char *what)
{
    if (err != DAM_OK) {
        fprintf(stderr, "accounts: %s: %s\n", what, dam_err_text(err));
        exit(1);
    }
}

static int by_address(const void *a, const void *b)
{
    return memcmp(a, b, 20); /* the address comes first */
}

int main(int argc, char **argv)
{
    struct dam_ledger_chain_options options = {.store.dir = argc > 2 ? argv[1] : "."};
    struct dam_ledger_chain *chain;
    struct dam_store_fault fault;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    static struct dam_evm_change changes[CHUNK];
    if (dam_ledger_chain_open(&options, &chain, &fault) != DAM_OK) {
        fprintf(stderr, "accounts: %s\n", fault.text);
        return 1;
    }
    for (uint64_t done = 0; done < count;) {
        struct dam_state_writer writer;
        struct dam_store_txn *txn;
        struct dam_evm_diff diff = {.accounts = changes};
        for (; diff.account_count < CHUNK && done < count; done++) {
            struct dam_hash hash;
            struct dam_evm_change *change = &changes[diff.account_count++];
            dam_keccak256((const uint8_t *)&done, sizeof(done), &hash);
            *change =
                (struct dam_evm_change){.balance = dam_u256_from_u64(1000000000000000000 + done),
                                        .code_hash = dam_empty_code_hash};
            memcpy(change->address.b, hash.b, 20);
        }
        qsort(changes, diff.account_count, sizeof(changes[0]), by_address);
        struct dam_ledger_chain_block head = chain->head;
        static const uint8_t empty_list[] = {0xc0};
        head.uncles = head.withdrawals = dam_bytes(empty_list, 1);
        dam_ledger_chain_release_reader(chain);
        enum dam_err err;
        do {
            need(dam_store_begin(chain->store, true, &txn), "begin");
            dam_state_write_begin(&writer, txn, &chain->arena, 0, &chain->root);
            err = dam_state_write(&writer, &diff);
            if (err == DAM_OK) {
                err = dam_ledger_chain_put_head(txn, &head, &writer.root, chain->oldest);
            }
            if (err == DAM_OK) {
                err = dam_store_commit(txn);
            } else {
                dam_store_abort(txn);
            }
            dam_arena_reset(&chain->arena);
        } while (err == DAM_ENOSPC && dam_store_grow(chain->store) == DAM_OK);
        need(err, "write");
        need(dam_ledger_chain_adopt(chain), "adopt");
        dam_store_release_pages(chain->store);
        fprintf(stderr, "\r%llu accounts", (unsigned long long)done);
    }
    fprintf(stderr, "\n");
    dam_ledger_chain_close(chain);
    return 0;
}
