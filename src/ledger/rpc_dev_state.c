// SPDX-License-Identifier: Apache-2.0
/* Writing the state by hand: one account, or all that anvil_loadState brings. Each change is a
 * durable version of the state of its own; the head's header stays as it is, and the next block's
 * root has the change in it. */
#include "base/heap.h"
#include "core/evm/block.h"
#include "ledger/rpc_dev.h"

#include <zlib.h>

#define STATE_LEN_MAX ((size_t)256 << 20) /* of a dump, and of what a compressed one becomes */
#define JSON_DEPTH_MAX 16u

/* What is to be changed; which members count is the function's business. */
struct change {
    struct dam_address address;
    struct dam_u256 amount;
    uint64_t nonce;
    struct dam_bytes code;
    struct dam_u256 slot;
    struct dam_u256 value;
    const struct dam_json *accounts;
    struct dam_arena *arena;
};

typedef enum dam_err change_fn(struct dam_evm *evm, const struct change *change);

static enum dam_err write_version(struct dam_ledger *ledger, struct dam_store_txn *txn,
                                  const struct dam_evm_diff *diff)
{
    struct dam_ledger_chain *chain = ledger->chain;
    struct dam_state_writer writer;
    struct dam_ledger_chain_block block;
    dam_state_write_begin(&writer, txn, &chain->arena, chain->version + 1, &chain->root,
                          chain->nodes);
    DAM_TRY(dam_state_write(&writer, diff));
    DAM_TRY(dam_state_write_end(&writer));
    DAM_TRY(dam_ledger_chain_block(txn, chain->head.header.number, &block));
    DAM_TRY(dam_ledger_chain_keep(&chain->arena, &block));
    block.version = writer.version;
    return dam_ledger_chain_put_head(txn, &block, &writer.root, chain->oldest);
}

static enum dam_err change_state(struct dam_ledger *ledger, change_fn *make,
                                 const struct change *change)
{
    struct dam_ledger_chain *chain = ledger->chain;
    struct dam_store_txn *txn;
    struct dam_builder_view view;
    struct dam_evm_block block;
    struct dam_evm_diff diff;
    struct dam_evm_options options = dam_evm_options_of(
        &chain->rules.config, chain->head.header.number, chain->head.header.timestamp);
    dam_ledger_chain_release_reader(chain);
    DAM_TRY(dam_store_begin(chain->store, true, &txn));
    dam_builder_view_init(&view, txn, DAM_STATE_NEWEST);
    block = dam_evm_block_env(&chain->head.header);
    dam_evm_begin(ledger->evm, &view.view, &block, &options);
    enum dam_err err = make(ledger->evm, change);
    if (err == DAM_OK) {
        err = dam_evm_end(ledger->evm, &diff);
    }
    if (err == DAM_OK) {
        err = write_version(ledger, txn, &diff);
    }
    dam_evm_discard(ledger->evm);
    dam_arena_reset(&chain->arena);
    if (err != DAM_OK) {
        dam_store_abort(txn);
        return err;
    }
    DAM_TRY(dam_store_commit(txn));
    return dam_ledger_chain_adopt(chain);
}

static bool set_state(struct dam_rpc *rpc, change_fn *make, const struct change *change)
{
    enum dam_err err = change_state(rpc->ledger, make, change);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    }
    return err == DAM_OK;
}

/* ---- one account ----------------------------------------------------------------------------- */

static enum dam_err read_account(struct dam_evm *evm, const struct dam_address *address,
                                 struct dam_evm_account *ret)
{
    bool exists = false;
    DAM_TRY(dam_evm_get_account(evm, address, ret, &exists));
    if (!exists) {
        memset(ret, 0, sizeof(*ret));
    }
    return DAM_OK;
}

static enum dam_err change_balance(struct dam_evm *evm, const struct change *change)
{
    struct dam_evm_account account;
    DAM_TRY(read_account(evm, &change->address, &account));
    return dam_evm_put_account(evm, &change->address, account.nonce, &change->amount);
}

static enum dam_err change_more(struct dam_evm *evm, const struct change *change)
{
    struct dam_evm_account account;
    DAM_TRY(read_account(evm, &change->address, &account));
    if (dam_u256_add(&account.balance, &account.balance, &change->amount)) {
        return DAM_ERANGE;
    }
    return dam_evm_put_account(evm, &change->address, account.nonce, &account.balance);
}

static enum dam_err change_nonce(struct dam_evm *evm, const struct change *change)
{
    struct dam_evm_account account;
    DAM_TRY(read_account(evm, &change->address, &account));
    return dam_evm_put_account(evm, &change->address, change->nonce, &account.balance);
}

static enum dam_err change_code(struct dam_evm *evm, const struct change *change)
{
    return dam_evm_put_code(evm, &change->address, change->code);
}

static enum dam_err change_slot(struct dam_evm *evm, const struct change *change)
{
    return dam_evm_put_storage(evm, &change->address, &change->slot, &change->value);
}

void dam_dev_set_balance(struct dam_rpc *rpc)
{
    struct change change;
    if (dam_rpc_address(rpc, 0, &change.address) && dam_rpc_u256(rpc, 1, &change.amount) &&
        set_state(rpc, change_balance, &change)) {
        dam_json_put_null(rpc->w);
    }
}

void dam_dev_add_balance(struct dam_rpc *rpc)
{
    struct change change;
    if (dam_rpc_address(rpc, 0, &change.address) && dam_rpc_u256(rpc, 1, &change.amount) &&
        set_state(rpc, change_more, &change)) {
        dam_json_put_null(rpc->w);
    }
}

void dam_dev_set_nonce(struct dam_rpc *rpc)
{
    struct change change;
    if (dam_rpc_address(rpc, 0, &change.address) && dam_rpc_quantity(rpc, 1, &change.nonce) &&
        set_state(rpc, change_nonce, &change)) {
        dam_json_put_null(rpc->w);
    }
}

void dam_dev_set_code(struct dam_rpc *rpc)
{
    struct change change;
    if (dam_rpc_address(rpc, 0, &change.address) && dam_rpc_data(rpc, 1, &change.code) &&
        set_state(rpc, change_code, &change)) {
        dam_json_put_null(rpc->w);
    }
}

bool dam_dev_write_slot(struct dam_rpc *rpc, const struct dam_address *address,
                        const struct dam_u256 *slot, const struct dam_u256 *value)
{
    const struct change change = {.address = *address, .slot = *slot, .value = *value};
    return set_state(rpc, change_slot, &change);
}

void dam_dev_set_storage(struct dam_rpc *rpc)
{
    struct dam_address address;
    struct dam_u256 slot;
    struct dam_u256 value;
    if (dam_rpc_address(rpc, 0, &address) && dam_rpc_u256(rpc, 1, &slot) &&
        dam_rpc_u256(rpc, 2, &value) && dam_dev_write_slot(rpc, &address, &slot, &value)) {
        dam_json_put_bool(rpc->w, true);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static enum dam_err dump_storage(struct dam_store_txn *txn, const uint8_t *address,
                                 struct dam_json_writer *w)
{
    struct dam_store_cursor cursor = {0};
    uint8_t from[52] = {0};
    memcpy(from, address, 20);
    dam_json_put_key(w, "storage");
    dam_json_put_object(w);
    enum dam_err err = dam_store_seek(&cursor, txn, DAM_STORE_SLOT, dam_bytes(from, sizeof(from)));
    while (err == DAM_OK && cursor.key.len == sizeof(from) &&
           memcmp(cursor.key.data, address, 20) == 0 && cursor.value.len <= 32) {
        uint8_t word[32] = {0};
        memcpy(word + 32 - cursor.value.len, cursor.value.data, cursor.value.len);
        dam_json_put_key_data(w, cursor.key.data + 20, 32);
        dam_json_put_data(w, word, sizeof(word));
        err = dam_store_next(&cursor);
    }
    dam_store_cursor_close(&cursor);
    dam_json_put_object_end(w);
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

static enum dam_err dump_accounts(struct dam_store_txn *txn, struct dam_json_writer *w)
{
    struct dam_store_cursor cursor = {0};
    const struct dam_state state = {.txn = txn, .version = DAM_STATE_NEWEST};
    enum dam_err err = dam_store_seek(&cursor, txn, DAM_STORE_ACCOUNT, dam_bytes(NULL, 0));
    dam_json_put_key(w, "accounts");
    dam_json_put_object(w);
    while (err == DAM_OK) {
        struct dam_address address;
        struct dam_account account;
        struct dam_bytes code = {0};
        memcpy(address.b, cursor.key.data, sizeof(address.b));
        err = dam_state_account(&state, &address, &account);
        if (err == DAM_OK) {
            err = dam_state_code(&state, &account.code_hash, &code);
        }
        if (err != DAM_OK) {
            break;
        }
        dam_json_put_key_data(w, address.b, 20);
        dam_json_put_object(w);
        dam_json_put_key(w, "nonce");
        dam_json_put_u64(w, account.nonce);
        dam_json_put_quantity_u256_at(w, "balance", &account.balance);
        dam_json_put_data_at(w, "code", code);
        err = dump_storage(txn, address.b, w);
        dam_json_put_object_end(w);
        if (err == DAM_OK) {
            err = dam_buf_err(w->buf);
        }
        if (err == DAM_OK) {
            err = dam_store_next(&cursor);
        }
    }
    dam_store_cursor_close(&cursor);
    dam_json_put_object_end(w);
    return err == DAM_ENOTFOUND ? DAM_OK : err;
}

/* The newest state as anvil_loadState takes it, here and in anvil; blocks are not in it. */
void dam_dev_dump_state(struct dam_rpc *rpc)
{
    struct dam_buf buf;
    struct dam_store_txn *txn = dam_ledger_chain_reader(rpc->ledger->chain);
    dam_buf_init(&buf, dam_heap(), STATE_LEN_MAX);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "block");
    dam_json_put_null(&w);
    enum dam_err err = txn != NULL ? dump_accounts(txn, &w) : DAM_EIO;
    dam_json_put_quantity_at(&w, "best_block_number", rpc->ledger->chain->head.header.number);
    dam_json_put_object_end(&w);
    if (err == DAM_OK) {
        err = dam_buf_err(&buf);
    }
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else {
        dam_json_put_data(rpc->w, buf.data, buf.len);
    }
    dam_buf_finish(&buf);
}

/* anvil compresses its dumps. Returns: DAM_EPARSE if it is no gzip. */
static enum dam_err gunzip(struct dam_bytes packed, struct dam_buf *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.data,
                       .avail_in = (uInt)packed.len}; /* zlib only reads it */
    if (packed.len > UINT32_MAX || inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) {
        return DAM_ENOMEM;
    }
    int state = Z_OK;
    while (state == Z_OK && dam_buf_err(out) == DAM_OK) {
        uint8_t part[65536];
        stream.next_out = part;
        stream.avail_out = sizeof(part);
        state = inflate(&stream, Z_NO_FLUSH);
        dam_buf_put(out, part, sizeof(part) - stream.avail_out);
    }
    (void)inflateEnd(&stream); /* nothing that could fail */
    DAM_TRY(dam_buf_err(out));
    return state == Z_STREAM_END ? DAM_OK : DAM_EPARSE;
}

static enum dam_err load_account(struct dam_evm *evm, struct dam_arena *arena,
                                 const struct dam_json *key, const struct dam_json *node)
{
    struct dam_address address;
    struct dam_u256 balance = {{0}};
    struct dam_u256 nonce = {{0}};
    uint64_t count;
    DAM_TRY(dam_json_hex_exact(key, address.b, sizeof(address.b)));
    const struct dam_json *code = dam_json_get(node, "code");
    const struct dam_json *storage = dam_json_get(node, "storage");
    DAM_TRY(dam_json_any_u256(dam_json_get(node, "balance"), &balance));
    DAM_TRY(dam_json_any_u256(dam_json_get(node, "nonce"), &nonce));
    if (!dam_u256_to_u64(&nonce, &count)) {
        return DAM_EPARSE;
    }
    DAM_TRY(dam_evm_put_account(evm, &address, count, &balance));
    if (!dam_json_is_null(code)) {
        struct dam_bytes bytes;
        DAM_TRY(dam_json_hex(code, arena, &bytes));
        DAM_TRY(dam_evm_put_code(evm, &address, bytes));
    }
    DAM_JSON_EACH_KEY(slot, storage)
    {
        struct dam_u256 at;
        struct dam_u256 value;
        DAM_TRY(dam_json_any_u256(slot, &at));
        DAM_TRY(dam_json_any_u256(slot + 1, &value));
        DAM_TRY(dam_evm_put_storage(evm, &address, &at, &value));
    }
    return DAM_OK;
}

static enum dam_err load_accounts(struct dam_evm *evm, const struct change *change)
{
    DAM_JSON_EACH_KEY(key, change->accounts)
    {
        DAM_TRY(load_account(evm, change->arena, key, key + 1));
    }
    return DAM_OK;
}

/* The accounts of a dump over those that are there; one version. */
void dam_dev_load_state(struct dam_rpc *rpc)
{
    struct dam_bytes packed;
    struct dam_buf text;
    const struct dam_json *root = NULL;
    if (!dam_rpc_data(rpc, 0, &packed)) {
        return;
    }
    dam_buf_init(&text, dam_heap(), STATE_LEN_MAX);
    bool is_gzip = packed.len > 2 && packed.data[0] == 0x1f && packed.data[1] == 0x8b;
    enum dam_err err = is_gzip ? gunzip(packed, &text) : DAM_OK;
    struct dam_bytes json = is_gzip ? dam_buf_bytes(&text) : packed;
    if (err == DAM_OK) {
        err = dam_json_parse(rpc->arena, (const char *)json.data, json.len, JSON_DEPTH_MAX, &root,
                             NULL);
    }
    const struct dam_json *accounts = dam_json_get(root, "accounts");
    if (err == DAM_OK && (accounts == NULL || accounts->type != DAM_JSON_OBJECT)) {
        err = DAM_EPARSE;
    }
    if (err == DAM_OK) {
        struct change change = {.accounts = accounts, .arena = rpc->arena};
        err = change_state(rpc->ledger, load_accounts, &change);
    }
    if (err == DAM_EPARSE || err == DAM_ERANGE) {
        dam_rpc_fail(rpc, DAM_RPC_BAD_PARAMS,
                     "invalid argument 0: no state dump (JSON {accounts}, gzip or not)");
    } else if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
    } else {
        dam_json_put_bool(rpc->w, true);
    }
    dam_buf_finish(&text);
}
