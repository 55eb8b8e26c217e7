// SPDX-License-Identifier: Apache-2.0
#include "ledger/chain.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "base/json.h"
#include "core/crypto/keccak.h"
#include "core/eth/address.h"
#include "core/eth/genesis.h"
#include "ledger/genesis.h"
#include "ledger/record.h"

#define RECORD_LEN_MAX ((size_t)256 << 20)
#define BASE_FEE_FIRST 1000000000u /* EIP-1559 */
#define PRUNE_PER_BLOCK 8u /* blocks forgotten with each new one: catches up, never stalls */

static const char head_key[] = "head";
static const char genesis_key[] = "genesis";

static struct dam_bytes meta(const char *name)
{
    return dam_bytes(name, strlen(name));
}

static struct dam_bytes number_key(uint64_t number, uint8_t key[8])
{
    dam_store_be64(key, number);
    return dam_bytes(key, 8);
}

static struct dam_bytes place_key(uint64_t number, uint32_t index, uint8_t key[12])
{
    dam_store_be64(key, number);
    dam_store_be32(key + 8, index);
    return dam_bytes(key, 12);
}

/* ---- reading --------------------------------------------------------------------------------- */

enum dam_err dam_ledger_chain_block(struct dam_store_txn *txn, uint64_t number,
                                    struct dam_ledger_chain_block *ret)
{
    uint8_t key[8];
    struct dam_bytes record;
    DAM_TRY(dam_store_get(txn, DAM_STORE_BLOCK, number_key(number, key), &record));
    return dam_record_block(record, ret);
}

enum dam_err dam_ledger_chain_number_of(struct dam_store_txn *txn, const struct dam_hash *hash,
                                        uint64_t *ret)
{
    struct dam_bytes record;
    DAM_TRY(dam_store_get(txn, DAM_STORE_NUMBER, dam_bytes(hash->b, 32), &record));
    if (record.len != 8) {
        return DAM_ECORRUPT;
    }
    *ret = dam_load_be64(record.data);
    return DAM_OK;
}

enum dam_err dam_ledger_chain_tx(struct dam_store_txn *txn, uint64_t number, uint32_t index,
                                 struct dam_ledger_chain_tx *ret)
{
    uint8_t key[12];
    struct dam_bytes record;
    DAM_TRY(dam_store_get(txn, DAM_STORE_TX, place_key(number, index, key), &record));
    ret->number = number;
    ret->index = index;
    return dam_record_tx(record, ret);
}

enum dam_err dam_ledger_chain_find_tx(struct dam_store_txn *txn, const struct dam_hash *hash,
                                      uint64_t *ret_number, uint32_t *ret_index)
{
    struct dam_bytes record;
    DAM_TRY(dam_store_get(txn, DAM_STORE_TX_INDEX, dam_bytes(hash->b, 32), &record));
    if (record.len != 12) {
        return DAM_ECORRUPT;
    }
    *ret_number = dam_load_be64(record.data);
    *ret_index = dam_load_be32(record.data + 8);
    return DAM_OK;
}

enum dam_err dam_ledger_chain_receipt(struct dam_store_txn *txn, struct dam_arena *arena,
                                      uint64_t number, uint32_t index,
                                      struct dam_ledger_chain_receipt *ret)
{
    uint8_t key[12];
    struct dam_bytes record;
    DAM_TRY(dam_store_get(txn, DAM_STORE_RECEIPT, place_key(number, index, key), &record));
    return dam_record_receipt(record, arena, ret);
}

enum dam_err dam_ledger_chain_block_rlp(struct dam_store_txn *txn, uint64_t number,
                                        struct dam_buf *buf)
{
    struct dam_ledger_chain_block block;
    DAM_TRY(dam_ledger_chain_block(txn, number, &block));
    size_t whole = dam_rlp_put_list(buf);
    dam_header_encode(&block.header, buf);
    size_t list = dam_rlp_put_list(buf);
    for (uint32_t i = 0; i < block.tx_count; i++) {
        struct dam_ledger_chain_tx tx;
        DAM_TRY(dam_ledger_chain_tx(txn, number, i, &tx));
        if (tx.bytes.len > 0 && tx.bytes.data[0] >= 0xc0) {
            dam_buf_put(buf, tx.bytes.data, tx.bytes.len); /* a legacy transaction is a list */
        } else {
            dam_rlp_put_bytes(buf, tx.bytes.data, tx.bytes.len);
        }
    }
    dam_rlp_put_list_end(buf, list);
    dam_buf_put(buf, block.uncles.data, block.uncles.len);
    if (block.has_withdrawals) {
        dam_buf_put(buf, block.withdrawals.data, block.withdrawals.len);
    }
    dam_rlp_put_list_end(buf, whole);
    return dam_buf_err(buf);
}

enum dam_err dam_ledger_chain_keep(struct dam_arena *arena, struct dam_ledger_chain_block *block)
{
    void *uncles = dam_arena_copy(arena, block->uncles.data, block->uncles.len);
    void *withdrawals = dam_arena_copy(arena, block->withdrawals.data, block->withdrawals.len);
    if (uncles == NULL || withdrawals == NULL) {
        return DAM_ENOMEM;
    }
    block->uncles.data = uncles;
    block->withdrawals.data = withdrawals;
    return DAM_OK;
}

struct dam_store_txn *dam_ledger_chain_reader(struct dam_ledger_chain *chain)
{
    if (chain->reader == NULL && dam_store_begin(chain->store, false, &chain->reader) != DAM_OK) {
        chain->reader = NULL;
    }
    return chain->reader;
}

void dam_ledger_chain_release_reader(struct dam_ledger_chain *chain)
{
    dam_store_abort(chain->reader);
    chain->reader = NULL;
}

enum dam_err dam_ledger_chain_settle(struct dam_ledger_chain *chain)
{
    dam_ledger_chain_release_reader(chain);
    return dam_store_settle(chain->store);
}

enum dam_err dam_ledger_chain_snapshot(struct dam_ledger_chain *chain, struct dam_ledger_chain *ret)
{
    DAM_TRY(dam_ledger_chain_settle(chain));
    *ret = *chain;
    memset(&ret->arena, 0, sizeof(ret->arena));
    return dam_store_begin(chain->store, false, &ret->reader);
}

uint64_t dam_ledger_chain_oldest_state(const struct dam_ledger_chain *chain)
{
    return chain->oldest;
}

/* ---- writing --------------------------------------------------------------------------------- */

enum dam_err dam_ledger_chain_put_tx(struct dam_store_txn *txn,
                                     const struct dam_ledger_chain_tx *tx)
{
    uint8_t key[12];
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), RECORD_LEN_MAX);
    dam_record_put_tx(tx, &buf);
    enum dam_err err = dam_buf_err(&buf);
    if (err == DAM_OK) {
        err = dam_store_append(txn, DAM_STORE_TX, place_key(tx->number, tx->index, key),
                               dam_buf_bytes(&buf));
    }
    dam_buf_finish(&buf);
    return err;
}

enum dam_err dam_ledger_chain_put_receipt(struct dam_store_txn *txn, struct dam_arena *arena,
                                          uint64_t number, uint32_t index,
                                          const struct dam_ledger_chain_receipt *receipt)
{
    uint8_t key[12];
    struct dam_buf buf;
    struct dam_arena_mark mark = dam_arena_mark(arena);
    dam_buf_init_arena(&buf, arena, RECORD_LEN_MAX);
    dam_record_put_receipt(receipt, &buf);
    enum dam_err err = dam_buf_err(&buf);
    if (err == DAM_OK) {
        err = dam_store_append(txn, DAM_STORE_RECEIPT, place_key(number, index, key),
                               dam_buf_bytes(&buf));
    }
    dam_arena_release(arena, mark);
    return err;
}

static int compare_index(const void *a, const void *b)
{
    return memcmp(((const struct dam_ledger_chain_index *)a)->hash.b,
                  ((const struct dam_ledger_chain_index *)b)->hash.b, 32);
}

enum dam_err dam_ledger_chain_put_index(struct dam_store_txn *txn, uint64_t number,
                                        struct dam_ledger_chain_index *entries, size_t count)
{
    /* Neighbours in the table share pages: in order, each page is copied once. */
    qsort(entries, count, sizeof(*entries), compare_index);
    for (size_t i = 0; i < count; i++) {
        uint8_t place[12];
        DAM_TRY(dam_store_put(txn, DAM_STORE_TX_INDEX, dam_bytes(entries[i].hash.b, 32),
                              place_key(number, entries[i].index, place)));
    }
    return DAM_OK;
}

enum dam_err dam_ledger_chain_put_head(struct dam_store_txn *txn,
                                       const struct dam_ledger_chain_block *block,
                                       const struct dam_hash *root, uint64_t oldest)
{
    uint8_t key[8];
    uint8_t head[96];
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), RECORD_LEN_MAX);
    dam_record_put_block(block, &buf);
    enum dam_err err = dam_buf_err(&buf);
    if (err == DAM_OK) {
        err = dam_store_put(txn, DAM_STORE_BLOCK, number_key(block->header.number, key),
                            dam_buf_bytes(&buf));
    }
    dam_buf_finish(&buf);
    DAM_TRY(err);
    struct dam_head_record record = {block->header.number, block->version, oldest, *root};
    dam_buf_init_fixed(&buf, head, sizeof(head));
    dam_record_put_head(&record, &buf);
    DAM_ASSERT(dam_buf_err(&buf) == DAM_OK);
    return dam_store_put(txn, DAM_STORE_META, meta(head_key), dam_buf_bytes(&buf));
}

/* Remove the transactions, receipts and indexes of a block. */
static enum dam_err delete_body(struct dam_store_txn *txn, struct dam_arena *arena,
                                const struct dam_ledger_chain_block *block)
{
    uint64_t number = block->header.number;
    for (uint32_t i = 0; i < block->tx_count; i++) {
        uint8_t key[12];
        struct dam_ledger_chain_tx tx;
        struct dam_ledger_chain_receipt receipt;
        enum dam_err err = dam_ledger_chain_receipt(txn, arena, number, i, &receipt);
        for (size_t k = 0; err == DAM_OK && k < receipt.log_count; k++) {
            uint8_t at[28];
            memcpy(at, receipt.logs[k].address.b, 20);
            dam_store_be64(at + 20, number);
            err = dam_store_delete(txn, DAM_STORE_LOG_INDEX, dam_bytes(at, sizeof(at)));
        }
        if (err == DAM_OK) {
            err = dam_ledger_chain_tx(txn, number, i, &tx);
        }
        if (err == DAM_OK) {
            err = dam_store_delete(txn, DAM_STORE_TX_INDEX, dam_bytes(tx.hash.b, 32));
        }
        if (err != DAM_OK && err != DAM_ENOTFOUND) {
            return err;
        }
        struct dam_bytes place = place_key(number, i, key);
        DAM_TRY(dam_store_delete(txn, DAM_STORE_TX, place));
        DAM_TRY(dam_store_delete(txn, DAM_STORE_RECEIPT, place));
    }
    return DAM_OK;
}

/* Forget blocks that are deeper than the history. The header and its hash stay. */
static enum dam_err prune(struct dam_ledger_chain *chain, struct dam_store_txn *txn, uint64_t head,
                          uint64_t *oldest)
{
    uint64_t depth = chain->history < DAM_LEDGER_UNDO_MIN ? DAM_LEDGER_UNDO_MIN : chain->history;
    if (chain->history == DAM_LEDGER_HISTORY_ALL) {
        return DAM_OK;
    }
    for (unsigned n = 0; n < PRUNE_PER_BLOCK && head > depth && *oldest < head - depth; n++) {
        struct dam_ledger_chain_block block;
        struct dam_ledger_chain_block next;
        DAM_TRY(dam_ledger_chain_block(txn, *oldest, &block));
        DAM_TRY(delete_body(txn, &chain->arena, &block));
        /* The state after block N is read from the versions above it, so those of N + 1 go. */
        DAM_TRY(dam_ledger_chain_block(txn, *oldest + 1, &next));
        for (uint64_t v = block.version + 1; v <= next.version; v++) {
            DAM_TRY(dam_state_forget(txn, v));
        }
        (*oldest)++;
    }
    return DAM_OK;
}

enum dam_err dam_ledger_chain_put_block(struct dam_ledger_chain *chain, struct dam_store_txn *txn,
                                        const struct dam_ledger_chain_block *block,
                                        const struct dam_hash *root)
{
    uint8_t number[8];
    uint64_t oldest = chain->oldest;
    (void)number_key(block->header.number, number);
    DAM_TRY(dam_store_put(txn, DAM_STORE_NUMBER, dam_bytes(block->hash.b, 32),
                          dam_bytes(number, sizeof(number))));
    DAM_TRY(prune(chain, txn, block->header.number, &oldest));
    return dam_ledger_chain_put_head(txn, block, root, oldest);
}

enum dam_err dam_ledger_chain_adopt(struct dam_ledger_chain *chain)
{
    struct dam_bytes bytes;
    struct dam_head_record head;
    struct dam_ledger_chain_block block;
    dam_ledger_chain_release_reader(chain);
    struct dam_store_txn *txn = dam_ledger_chain_reader(chain);
    if (txn == NULL) {
        return DAM_EIO;
    }
    DAM_TRY(dam_store_get(txn, DAM_STORE_META, meta(head_key), &bytes));
    DAM_TRY(dam_record_head(bytes, &head));
    DAM_TRY(dam_ledger_chain_block(txn, head.number, &block));
    block.uncles = block.withdrawals = dam_bytes(NULL, 0);
    chain->head = block;
    chain->version = head.version;
    chain->root = head.root;
    chain->oldest = head.oldest;
    return DAM_OK;
}

/* ---- taking back ----------------------------------------------------------------------------- */

static enum dam_err delete_block(struct dam_ledger_chain *chain, struct dam_store_txn *txn,
                                 uint64_t number)
{
    uint8_t key[8];
    struct dam_ledger_chain_block block;
    DAM_TRY(dam_ledger_chain_block(txn, number, &block));
    struct dam_hash hash = block.hash;
    DAM_TRY(delete_body(txn, &chain->arena, &block));
    DAM_TRY(dam_store_delete(txn, DAM_STORE_NUMBER, dam_bytes(hash.b, 32)));
    return dam_store_delete(txn, DAM_STORE_BLOCK, number_key(number, key));
}

static enum dam_err rollback_in(struct dam_ledger_chain *chain, struct dam_store_txn *txn,
                                uint64_t number, uint64_t version)
{
    struct dam_ledger_chain_block block;
    struct dam_hash root = chain->root;
    DAM_TRY(dam_ledger_chain_block(txn, number, &block));
    if (version == 0) {
        version = block.version;
    }
    if (number < chain->oldest) {
        return DAM_ENOTFOUND;
    }
    for (uint64_t v = chain->version; v > version; v--) {
        DAM_TRY(dam_state_undo(txn, &chain->arena, v, &root));
    }
    for (uint64_t n = chain->head.header.number; n > number; n--) {
        DAM_TRY(delete_block(chain, txn, n));
    }
    DAM_TRY(dam_ledger_chain_block(txn, number, &block)); /* its bytes have moved */
    struct dam_arena_mark mark = dam_arena_mark(&chain->arena);
    DAM_TRY(dam_ledger_chain_keep(&chain->arena, &block));
    block.version = version;
    enum dam_err err = dam_ledger_chain_put_head(txn, &block, &root, chain->oldest);
    dam_arena_release(&chain->arena, mark);
    return err;
}

enum dam_err dam_ledger_chain_rollback(struct dam_ledger_chain *chain, uint64_t number,
                                       uint64_t version)
{
    struct dam_store_txn *txn;
    if (number > chain->head.header.number || version > chain->version) {
        return DAM_ERANGE;
    }
    dam_ledger_chain_release_reader(chain);
    DAM_TRY(dam_store_begin(chain->store, true, &txn));
    enum dam_err err = rollback_in(chain, txn, number, version);
    dam_arena_trim(&chain->arena, DAM_LEDGER_ARENA_KEPT);
    if (err != DAM_OK) {
        dam_store_abort(txn);
        return err;
    }
    DAM_TRY(dam_store_commit(txn));
    return dam_ledger_chain_adopt(chain);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The genesis accounts as a diff against nothing. */
static enum dam_err genesis_diff(struct dam_arena *arena, const struct dam_genesis *genesis,
                                 struct dam_evm_diff *ret);

/* The fields that the first block's forks demand and that a genesis.json leaves out, as geth sets
 * them. */
static void complete_header(const struct dam_chain_config *config, struct dam_header *header)
{
    enum dam_fork fork = dam_chain_config_fork(config, 0, header->timestamp);
    if (fork >= DAM_FORK_LONDON && header->form < DAM_HEADER_LONDON) {
        header->form = DAM_HEADER_LONDON;
        header->base_fee = dam_u256_from_u64(BASE_FEE_FIRST);
    }
    if (fork >= DAM_FORK_SHANGHAI && header->form < DAM_HEADER_SHANGHAI) {
        header->form = DAM_HEADER_SHANGHAI;
        header->withdrawals_root = dam_empty_trie_root;
    }
    if (fork >= DAM_FORK_CANCUN && header->form < DAM_HEADER_CANCUN) {
        header->form = DAM_HEADER_CANCUN;
    }
    if (fork >= DAM_FORK_PRAGUE && header->form < DAM_HEADER_PRAGUE) {
        header->form = DAM_HEADER_PRAGUE;
        dam_requests_hash(NULL, 0, &header->requests_hash);
    }
}

static enum dam_err write_genesis(struct dam_ledger_chain *chain, struct dam_store_txn *txn,
                                  const struct dam_genesis *genesis, struct dam_bytes text)
{
    struct dam_state_writer writer;
    struct dam_evm_diff diff;
    static const uint8_t empty_list[] = {0xc0};
    DAM_TRY(genesis_diff(&chain->arena, genesis, &diff));
    dam_state_write_begin(&writer, txn, &chain->arena, 0, &dam_empty_trie_root, NULL);
    enum dam_err err = dam_state_write(&writer, &diff);
    struct dam_ledger_chain_block block = {.header = genesis->header};
    block.header.state_root = writer.root;
    complete_header(&chain->rules.config, &block.header);
    dam_header_hash(&block.header, &block.hash);
    block.uncles = dam_bytes(empty_list, 1);
    block.has_withdrawals = block.header.form >= DAM_HEADER_SHANGHAI;
    block.withdrawals = block.uncles;
    struct dam_buf buf;
    dam_buf_init_arena(&buf, &chain->arena, RECORD_LEN_MAX);
    size_t list = dam_rlp_put_list(&buf);
    dam_header_encode(&block.header, &buf);
    dam_buf_put_zeros(&buf, block.has_withdrawals ? 3 : 2); /* as long as the empty lists */
    dam_rlp_put_list_end(&buf, list);
    block.size = buf.len;
    if (err == DAM_OK) {
        err = dam_store_put(txn, DAM_STORE_META, meta(genesis_key), text);
    }
    if (err == DAM_OK) {
        err = dam_ledger_chain_put_block(chain, txn, &block, &writer.root);
    }
    dam_arena_trim(&chain->arena, DAM_LEDGER_ARENA_KEPT);
    return err;
}

static enum dam_err genesis_diff(struct dam_arena *arena, const struct dam_genesis *genesis,
                                 struct dam_evm_diff *ret)
{
    size_t count = genesis->account_count;
    struct dam_evm_change *changes = dam_arena_zalloc(arena, count * sizeof(*changes) + 1);
    struct dam_evm_code_entry *codes = dam_arena_zalloc(arena, count * sizeof(*codes) + 1);
    if (changes == NULL || codes == NULL) {
        return DAM_ENOMEM;
    }
    memset(ret, 0, sizeof(*ret));
    ret->accounts = changes;
    ret->codes = codes;
    ret->account_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct dam_genesis_account *from = &genesis->accounts[i];
        struct dam_evm_slot *slots = dam_arena_alloc(arena, from->slot_count * sizeof(*slots) + 1);
        if (slots == NULL) {
            return DAM_ENOMEM;
        }
        for (size_t k = 0; k < from->slot_count; k++) {
            slots[k].key = dam_u256_load_be(from->slots[k].key.b);
            slots[k].value = dam_u256_load_be(from->slots[k].value.b);
        }
        changes[i] = (struct dam_evm_change){.address = from->address,
                                             .nonce = from->nonce,
                                             .balance = from->balance,
                                             .code_hash = dam_empty_code_hash,
                                             .slots = slots,
                                             .slot_count = from->slot_count};
        if (from->code.len > 0) {
            dam_keccak256(from->code.data, from->code.len, &changes[i].code_hash);
            codes[ret->code_count].hash = changes[i].code_hash;
            codes[ret->code_count++].code = from->code;
        }
    }
    return DAM_OK;
}

static enum dam_err bad_genesis(struct dam_store_fault *fault, const char *what)
{
    (void)snprintf(fault->text, sizeof(fault->text),
                   "genesis.json: %s; geth's form is expected (docs/ledger.md)", what);
    return DAM_EPARSE;
}

/* From the fork on no block is valid without these contracts. One that comes later leaves time to
 * deploy them. */
static enum dam_err check_contracts(const struct dam_chain_config *config,
                                    const struct dam_genesis *genesis,
                                    struct dam_store_fault *fault)
{
    static const struct {
        const struct dam_address *address;
        unsigned eip;
    } needed[] = {{&dam_evm_withdrawal_requests, 7002}, {&dam_evm_consolidation_requests, 7251}};
    if (dam_chain_config_fork(config, 0, genesis->header.timestamp) < DAM_FORK_PRAGUE) {
        return DAM_OK;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(needed); i++) {
        char address[DAM_ADDRESS_TEXT_SIZE];
        bool is_there = false;
        for (size_t k = 0; k < genesis->account_count && !is_there; k++) {
            is_there = genesis->accounts[k].code.len > 0 &&
                       dam_address_eq(&genesis->accounts[k].address, needed[i].address);
        }
        if (!is_there) {
            dam_address_to_text(needed[i].address, address);
            (void)snprintf(fault->text, sizeof(fault->text),
                           "genesis.json: Prague without code at %s: no block would be valid "
                           "(EIP-%u); add it to alloc, with the code that it has in the built-in "
                           "genesis, or leave pragueTime and osakaTime out",
                           address, needed[i].eip);
            return DAM_EPARSE;
        }
    }
    return DAM_OK;
}

/* Read the rules from the genesis text and, if a new store is to be filled, write its first block.
 * In: txn: NULL if it is there already. */
static enum dam_err use_genesis(struct dam_ledger_chain *chain, struct dam_bytes text,
                                struct dam_store_txn *txn, struct dam_store_fault *fault)
{
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    const struct dam_json *json;
    const struct dam_json *at = NULL;
    struct dam_json_error error;
    struct dam_genesis genesis;
    const char *where = "config";
    enum dam_err err = dam_json_parse(&arena, (const char *)text.data, text.len, 0, &json, &error);
    if (err != DAM_OK) {
        (void)snprintf(fault->text, sizeof(fault->text), "genesis.json: line %u, column %u: %s",
                       error.line, error.column, error.what);
    } else if ((err = dam_genesis_rules(json, &chain->rules, &where)) != DAM_OK) {
        err = bad_genesis(fault, where);
    } else if (txn != NULL) {
        err = dam_genesis_read(&arena, json, &genesis, &at);
        if (err != DAM_OK) {
            char part[96];
            (void)snprintf(part, sizeof(part), "bad value near '%.*s'",
                           at != NULL && at->text != NULL ? (int)(at->len > 60 ? 60 : at->len) : 0,
                           at != NULL && at->text != NULL ? at->text : "");
            err = bad_genesis(fault, part);
        } else if ((err = check_contracts(&chain->rules.config, &genesis, fault)) == DAM_OK) {
            err = write_genesis(chain, txn, &genesis, text);
        }
    }
    dam_arena_finish(&arena);
    return err;
}

/* What a new store is filled from. */
struct filling {
    struct dam_ledger_chain *chain;
    const struct dam_ledger_chain_options *options;
    struct dam_store_fault *fault;
};

static enum dam_err fill_store(void *ctx, struct dam_store_txn *txn)
{
    const struct filling *filling = ctx;
    const struct dam_ledger_chain_options *options = filling->options;
    if (options->genesis == NULL) {
        (void)snprintf(filling->fault->text, sizeof(filling->fault->text),
                       "%s: there is no ledger here yet; start one with `dam ledger --data %s`",
                       options->store.dir, options->store.dir);
        return DAM_ENOTFOUND;
    }
    return use_genesis(filling->chain, dam_bytes(options->genesis, options->genesis_len), txn,
                       filling->fault);
}

static enum dam_err open_genesis(struct dam_ledger_chain *chain,
                                 const struct dam_ledger_chain_options *options,
                                 struct dam_store_fault *fault)
{
    struct dam_bytes stored;
    struct dam_bytes given = dam_bytes(options->genesis, options->genesis_len);
    struct dam_store_txn *txn = dam_ledger_chain_reader(chain);
    if (txn == NULL) {
        return DAM_EIO;
    }
    DAM_TRY(dam_store_get(txn, DAM_STORE_META, meta(genesis_key), &stored));
    if (options->genesis != NULL && !options->genesis_is_default && !dam_bytes_eq(given, stored)) {
        (void)snprintf(fault->text, sizeof(fault->text),
                       "%s: this ledger began with another genesis; leave the genesis options out "
                       "to go on with it, or choose another --data",
                       options->store.dir);
        return DAM_ECONFLICT;
    }
    return use_genesis(chain, stored, NULL, fault);
}

enum dam_err dam_ledger_chain_open(const struct dam_ledger_chain_options *options,
                                   struct dam_ledger_chain **ret, struct dam_store_fault *fault)
{
    struct dam_ledger_chain_block first;
    fault->text[0] = '\0';
    struct dam_ledger_chain *chain = calloc(1, sizeof(*chain));
    if (chain == NULL) {
        return DAM_ENOMEM;
    }
    chain->history = options->history;
    dam_arena_init(&chain->arena, dam_heap(), 0);
    chain->nodes = dam_node_cache_create(); /* without memory for it it is slower */
    struct filling filling = {chain, options, fault};
    struct dam_store_options store = options->store;
    store.fill = fill_store;
    store.fill_ctx = &filling;
    enum dam_err err = dam_store_open(&store, &chain->store, fault);
    if (err == DAM_OK) {
        err = open_genesis(chain, options, fault);
    }
    if (err == DAM_OK) {
        err = dam_ledger_chain_adopt(chain);
    }
    if (err == DAM_OK) {
        err = dam_ledger_chain_block(dam_ledger_chain_reader(chain), 0, &first);
    }
    if (err != DAM_OK) {
        if (fault->text[0] == '\0') {
            (void)snprintf(fault->text, sizeof(fault->text), "%s: %s %s", options->store.dir,
                           dam_err_text(err),
                           chain->store != NULL ? dam_store_last_fault(chain->store) : "");
        }
        dam_ledger_chain_close(chain);
        return err;
    }
    chain->genesis_hash = first.hash;
    *ret = chain;
    return DAM_OK;
}

void dam_ledger_chain_close(struct dam_ledger_chain *chain)
{
    if (chain != NULL) {
        dam_ledger_chain_release_reader(chain);
        dam_arena_finish(&chain->arena);
        dam_node_cache_destroy(chain->nodes);
        dam_store_close(chain->store);
        free(chain);
    }
}
