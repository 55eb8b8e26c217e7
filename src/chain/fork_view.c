// SPDX-License-Identifier: Apache-2.0
#include "chain/fork_view.h"

#include "base/heap.h"
#include "core/crypto/keccak.h"
#include "core/eth/trie.h"
#include "core/evm/block.h"

struct slot {
    struct slot *next;
    struct dam_u256 key;
    struct dam_u256 value;
};

/* What is known of an account. Few slots of an account are read in a session: a list does. */
struct account {
    struct dam_address address;
    struct dam_account state;
    bool exists;
    struct slot *slots;
};

static uint64_t address_hash(const struct dam_address *address)
{
    return dam_load_be64(address->b + 12) * 0x9e3779b97f4a7c15u;
}

/* Asks for an account and, if key is given, one of its slots; proves both. */
static enum dam_err fetch(struct dam_fork_view *view, struct account *account,
                          const struct dam_u256 *key, struct dam_u256 *ret_value)
{
    struct dam_arena scratch;
    dam_arena_init(&scratch, dam_heap(), DAM_RPC_ANSWER_LEN_MAX);
    enum dam_err err = dam_remote_proof(
        view->chain, &scratch, &view->header.state_root, view->header.number, &account->address,
        key, key == NULL ? 0 : 1, &account->state, &account->exists, ret_value);
    dam_arena_finish(&scratch);
    return err;
}

static enum dam_err account_find(struct dam_fork_view *view, const struct dam_address *address,
                                 struct account **ret)
{
    uint64_t hash = address_hash(address);
    uint64_t cursor = hash;
    struct account *account;
    while ((account = dam_table_next(&view->accounts, hash, &cursor)) != NULL) {
        if (dam_address_eq(&account->address, address)) {
            *ret = account;
            return DAM_OK;
        }
    }
    account = dam_arena_zalloc(view->arena, sizeof(*account));
    if (account == NULL) {
        return DAM_ENOMEM;
    }
    account->address = *address;
    DAM_TRY(fetch(view, account, NULL, NULL));
    DAM_TRY(dam_table_add(&view->accounts, dam_heap(), hash, account));
    *ret = account;
    return DAM_OK;
}

static enum dam_err view_account(void *ctx, const struct dam_address *address,
                                 struct dam_evm_account *ret, bool *ret_exists)
{
    struct account *account;
    DAM_TRY(account_find(ctx, address, &account));
    *ret = (struct dam_evm_account){
        .nonce = account->state.nonce,
        .balance = account->state.balance,
        .code_hash = account->state.code_hash,
        .has_storage = !dam_hash_eq(&account->state.storage_root, &dam_empty_trie_root),
    };
    *ret_exists = account->exists;
    return DAM_OK;
}

static enum dam_err view_storage(void *ctx, const struct dam_address *address,
                                 const struct dam_u256 *key, struct dam_u256 *ret)
{
    struct dam_fork_view *view = ctx;
    struct account *account;
    DAM_TRY(account_find(view, address, &account));
    for (const struct slot *slot = account->slots; slot != NULL; slot = slot->next) {
        if (dam_u256_eq(&slot->key, key)) {
            *ret = slot->value;
            return DAM_OK;
        }
    }
    struct slot *slot = dam_arena_alloc(view->arena, sizeof(*slot));
    if (slot == NULL) {
        return DAM_ENOMEM;
    }
    *slot = (struct slot){.next = account->slots, .key = *key};
    DAM_TRY(fetch(view, account, key, &slot->value));
    account->slots = slot;
    *ret = slot->value;
    return DAM_OK;
}

/* The view knows code by its hash only, so it asks the account that has it. */
static enum dam_err view_code(void *ctx, const struct dam_hash *code_hash, struct dam_bytes *ret)
{
    struct dam_fork_view *view = ctx;
    for (size_t i = 0; i < view->accounts.capacity; i++) {
        const struct account *account = view->accounts.cells[i].item;
        if (account == NULL || !dam_hash_eq(&account->state.code_hash, code_hash)) {
            continue;
        }
        struct dam_bytes code;
        struct dam_hash hash;
        DAM_TRY(dam_remote_code(view->chain, view->arena, &account->address,
                                dam_remote_at_number(view->header.number), &code));
        dam_keccak256(code.data, code.len, &hash);
        if (!dam_hash_eq(&hash, code_hash)) {
            return DAM_ECORRUPT;
        }
        *ret = code;
        return DAM_OK;
    }
    return DAM_ENOTFOUND;
}

/* Walks back from the pinned block by parent hashes, so that the answer is as good as the pin. */
static enum dam_err view_block_hash(void *ctx, uint64_t number, struct dam_hash *ret)
{
    struct dam_fork_view *view = ctx;
    struct dam_header header = view->header;
    struct dam_hash hash = view->hash;
    while (header.number > number) {
        struct dam_hash parent = header.parent_hash;
        struct dam_arena scratch;
        dam_arena_init(&scratch, dam_heap(), DAM_RPC_ANSWER_LEN_MAX);
        enum dam_err err = dam_remote_header(
            view->chain, &scratch, dam_remote_at_number(header.number - 1), &header, &hash);
        dam_arena_finish(&scratch);
        DAM_TRY(err);
        if (!dam_hash_eq(&hash, &parent)) {
            return DAM_ECORRUPT;
        }
    }
    *ret = hash;
    return header.number == number ? DAM_OK : DAM_ENOTFOUND;
}

enum dam_err dam_fork_view_open(struct dam_fork_view *view, struct dam_remote *chain,
                                struct dam_arena *arena, struct dam_remote_at at)
{
    struct dam_fork_view opened = {.chain = chain, .arena = arena};
    DAM_TRY(dam_remote_header(chain, arena, at, &opened.header, &opened.hash));
    *view = opened;
    view->view = (struct dam_evm_view){.account = view_account,
                                       .storage = view_storage,
                                       .code = view_code,
                                       .block_hash = view_block_hash,
                                       .ctx = view};
    return DAM_OK;
}

void dam_fork_view_close(struct dam_fork_view *view)
{
    dam_table_finish(&view->accounts, dam_heap());
}

void dam_fork_view_block(const struct dam_fork_view *view, struct dam_evm_block *ret)
{
    *ret = dam_evm_block_env(&view->header);
}
