// SPDX-License-Identifier: Apache-2.0
/* The machine's life and its sessions: begin, read and write from outside, and the diff at the end.
 */
#include "core/evm/evm.h"

#include "core/evm/opcode.h"
#include "core/evm/precompile.h"
#include "core/evm/vm.h"

#define CODE_CACHE_LEN_DEFAULT (4u * 1024u * 1024u)

enum dam_err dam_evm_create(const struct dam_mem *mem, const struct dam_evm_limits *limits,
                            struct dam_evm **ret)
{
    struct dam_evm *evm = mem->alloc(mem->ctx, sizeof(*evm));
    if (evm == NULL) {
        return DAM_ENOMEM;
    }
    *evm = (struct dam_evm){.mem = *mem};
    evm->cache.len_max = CODE_CACHE_LEN_DEFAULT;
    if (limits != NULL) {
        evm->hash_seed = limits->hash_seed;
        if (limits->code_cache_len_max != 0) {
            evm->cache.len_max = limits->code_cache_len_max;
        }
    }
    evm->journal.base = 1;
    dam_arena_init(&evm->arena, &evm->mem, 0);
    dam_arena_init(&evm->code_arena, &evm->mem, 0);
    dam_arena_init(&evm->precompile_arena, &evm->mem, 0);
    *ret = evm;
    return DAM_OK;
}

void dam_evm_destroy(struct dam_evm *evm)
{
    if (evm == NULL) {
        return;
    }
    dam_evm_frames_reset(evm);
    dam_evm_frames_finish(evm);
    dam_evm_code_cache_finish(evm);
    dam_evm_state_finish(evm);
    dam_arena_finish(&evm->arena);
    dam_arena_finish(&evm->code_arena);
    dam_arena_finish(&evm->precompile_arena);
    const struct dam_mem mem = evm->mem;
    mem.free(mem.ctx, evm, sizeof(*evm));
}

struct dam_evm_options dam_evm_options_of(const struct dam_chain_config *config, uint64_t number,
                                          uint64_t time)
{
    return (struct dam_evm_options){.fork = dam_chain_config_fork(config, number, time),
                                    .chain_id = config->chain_id,
                                    .blob = dam_chain_config_blob(config, time)};
}

/* One jump table a session: the fork and the refused opcodes are in it, so that the interpreter
 * need not ask. */
static void labels_init(struct dam_evm *evm, const struct dam_evm_options *options)
{
    const void *table[259];
    if (options->tracer != NULL) {
        dam_evm_interpret_traced(evm, table);
    } else {
        dam_evm_interpret(evm, table);
    }
    for (unsigned op = 0; op < 256; op++) {
        evm->labels[op] = table[op];
        if (dam_evm_opcode_since((uint8_t)op) > (unsigned)options->fork) {
            evm->labels[op] = table[256];
        } else if ((options->refuse.word[op >> 6] >> (op & 63) & 1) != 0) {
            evm->labels[op] = table[257];
        }
    }
    if (evm->labels[DAM_OP_JUMP] == table[257] || evm->labels[DAM_OP_JUMPI] == table[257]) {
        evm->labels[DAM_OP_PUSH2] = table[258];
    }
}

void dam_evm_begin(struct dam_evm *evm, const struct dam_evm_view *view,
                   const struct dam_evm_block *block, const struct dam_evm_options *options)
{
    static const int never = 0;
    dam_evm_frames_reset(evm);
    dam_evm_state_reset(evm);
    if (!evm->labels_valid || evm->options.fork != options->fork ||
        (evm->options.tracer == NULL) != (options->tracer == NULL) ||
        memcmp(&evm->options.refuse, &options->refuse, sizeof(options->refuse)) != 0) {
        labels_init(evm, options);
        evm->labels_valid = true;
    }
    evm->options = *options;
    evm->fork = options->fork;
    evm->tracer = options->tracer;
    evm->stop = options->stop != NULL ? options->stop : &never;
    evm->view = *view;
    evm->block = *block;
    evm->tx = (struct dam_evm_tx_context){0};
    evm->blob_base_fee = block->has_blob_base_fee
                             ? block->blob_base_fee
                             : dam_evm_blob_base_fee(block->excess_blob_gas, &options->blob);
    evm->block_gas_used = 0;
    evm->block_blob_gas_used = 0;
    evm->err = DAM_OK;
    evm->step_pending = false;
    evm->moved_count = 0;
    evm->open = true;
    dam_evm_costs_init(&evm->costs, options->fork, options->all_warm);
}

void dam_evm_discard(struct dam_evm *evm)
{
    dam_evm_frames_reset(evm);
    dam_evm_state_reset(evm);
    evm->open = false;
}

/* ---- reading and writing from outside -------------------------------------------------------- */

enum dam_err dam_evm_get_account(struct dam_evm *evm, const struct dam_address *address,
                                 struct dam_evm_account *ret, bool *ret_exists)
{
    const struct dam_evm_record *record = dam_evm_record_get(evm, address);
    if (record == NULL) {
        return evm->err;
    }
    *ret_exists = record->now.exists;
    *ret = (struct dam_evm_account){.nonce = record->now.nonce,
                                    .balance = record->now.balance,
                                    .code_hash = record->now.code_hash,
                                    .has_storage = dam_evm_record_has_storage(record)};
    return DAM_OK;
}

enum dam_err dam_evm_get_storage(struct dam_evm *evm, const struct dam_address *address,
                                 const struct dam_u256 *key, struct dam_u256 *ret)
{
    struct dam_evm_record *record = dam_evm_record_get(evm, address);
    const struct dam_evm_storage_slot *slot =
        record != NULL ? dam_evm_slot_get(evm, record, key) : NULL;
    if (slot == NULL) {
        return evm->err;
    }
    *ret = slot->value;
    return DAM_OK;
}

enum dam_err dam_evm_get_code(struct dam_evm *evm, const struct dam_address *address,
                              struct dam_bytes *ret)
{
    const struct dam_evm_record *record = dam_evm_record_get(evm, address);
    struct dam_evm_code *code =
        record != NULL ? dam_evm_code_get(evm, &record->now.code_hash) : NULL;
    if (code == NULL) {
        return evm->err;
    }
    dam_evm_code_give(evm, code);
    *ret = dam_bytes(code->bytes, code->len);
    return DAM_OK;
}

void dam_evm_tracer_fail(struct dam_evm *evm, enum dam_err err)
{
    (void)dam_evm_fail(evm, err);
}

enum dam_err dam_evm_put_account(struct dam_evm *evm, const struct dam_address *address,
                                 uint64_t nonce, const struct dam_u256 *balance)
{
    struct dam_evm_record *record = dam_evm_record_get(evm, address);
    if (record == NULL) {
        return evm->err;
    }
    record->now.exists = true;
    record->now.nonce = nonce;
    record->now.balance = *balance;
    return DAM_OK;
}

enum dam_err dam_evm_put_code(struct dam_evm *evm, const struct dam_address *address,
                              struct dam_bytes code)
{
    struct dam_evm_record *record = dam_evm_record_get(evm, address);
    if (record == NULL || !dam_evm_code_add(evm, code, &record->now.code_hash)) {
        return evm->err;
    }
    record->now.exists = true;
    return DAM_OK;
}

enum dam_err dam_evm_put_storage(struct dam_evm *evm, const struct dam_address *address,
                                 const struct dam_u256 *key, const struct dam_u256 *value)
{
    struct dam_evm_record *record = dam_evm_record_get(evm, address);
    struct dam_evm_storage_slot *slot = record != NULL ? dam_evm_slot_get(evm, record, key) : NULL;
    if (slot == NULL) {
        return evm->err;
    }
    slot->value = *value;
    slot->tx_epoch = 0; /* no transaction has seen the old value */
    record->now.exists = true;
    return DAM_OK;
}

enum dam_err dam_evm_clear_storage(struct dam_evm *evm, const struct dam_address *address)
{
    struct dam_evm_record *record = dam_evm_record_get(evm, address);
    if (record == NULL) {
        return evm->err;
    }
    dam_evm_storage_clear(record);
    return DAM_OK;
}

/* ---- the diff -------------------------------------------------------------------------------- */

/* Merge sort of pointers, bottom up: libc's qsort calls malloc. */
static void sort(const void **items, const void **scratch, size_t count,
                 bool (*less)(const void *a, const void *b))
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            const size_t middle = start + width < count ? start + width : count;
            const size_t end = middle + width < count ? middle + width : count;
            size_t a = start;
            size_t b = middle;
            for (size_t i = start; i < end; i++) {
                const bool take_b = a == middle || (b < end && less(items[b], items[a]));
                scratch[i] = take_b ? items[b++] : items[a++];
            }
        }
        memcpy(items, scratch, count * sizeof(items[0]));
    }
}

static bool record_less(const void *a, const void *b)
{
    const struct dam_evm_record *x = a;
    const struct dam_evm_record *y = b;
    return memcmp(x->address.b, y->address.b, sizeof(x->address.b)) < 0;
}

static bool slot_less(const void *a, const void *b)
{
    const struct dam_evm_storage_slot *x = a;
    const struct dam_evm_storage_slot *y = b;
    return dam_u256_lt(&x->key, &y->key);
}

static bool code_less(const void *a, const void *b)
{
    const struct dam_evm_code_entry *x = a;
    const struct dam_evm_code_entry *y = b;
    return memcmp(x->hash.b, y->hash.b, sizeof(x->hash.b)) < 0;
}

static bool slot_changed(const struct dam_evm_storage_slot *slot)
{
    return slot->account->storage_cleared ? !dam_u256_is_zero(&slot->value)
                                          : !dam_u256_eq(&slot->value, &slot->view_value);
}

static size_t changed_slot_count(const struct dam_evm_record *record)
{
    size_t count = 0;
    for (const struct dam_evm_storage_slot *slot = record->slots; slot != NULL; slot = slot->next) {
        count += slot_changed(slot);
    }
    return count;
}

static bool storage_gone(const struct dam_evm_record *record)
{
    return record->storage_cleared && record->view.has_storage;
}

static bool record_changed(const struct dam_evm_record *record)
{
    if (!record->now.exists || !record->view_exists) {
        return record->now.exists != record->view_exists;
    }
    return record->now.nonce != record->view.nonce ||
           !dam_u256_eq(&record->now.balance, &record->view.balance) ||
           !dam_hash_eq(&record->now.code_hash, &record->view.code_hash) || storage_gone(record) ||
           changed_slot_count(record) != 0;
}

/* Two pointer arrays of the same length in one piece. Returns: NULL if there is no memory. */
static const void **pointers_take(struct dam_evm *evm, size_t count)
{
    return dam_arena_alloc(&evm->arena, 2 * (count + 1) * sizeof(void *));
}

static bool change_fill(struct dam_evm *evm, const struct dam_evm_record *record,
                        struct dam_evm_change *change)
{
    *change = (struct dam_evm_change){.address = record->address, .deleted = !record->now.exists};
    if (change->deleted) {
        return true;
    }
    change->storage_cleared = storage_gone(record);
    change->code_changed = !dam_hash_eq(&record->now.code_hash, &record->view.code_hash);
    change->nonce = record->now.nonce;
    change->balance = record->now.balance;
    change->code_hash = record->now.code_hash;
    const size_t count = changed_slot_count(record);
    if (count == 0) {
        return true;
    }
    const void **sorted = pointers_take(evm, count);
    struct dam_evm_slot *slots = dam_arena_alloc(&evm->arena, count * sizeof(*slots));
    if (sorted == NULL || slots == NULL) {
        return dam_evm_fail(evm, DAM_ENOMEM);
    }
    size_t i = 0;
    for (const struct dam_evm_storage_slot *slot = record->slots; slot != NULL; slot = slot->next) {
        if (slot_changed(slot)) {
            sorted[i++] = slot;
        }
    }
    sort(sorted, sorted + count, count, slot_less);
    for (i = 0; i < count; i++) {
        const struct dam_evm_storage_slot *slot = sorted[i];
        slots[i] = (struct dam_evm_slot){.key = slot->key, .value = slot->value};
    }
    change->slots = slots;
    change->slot_count = count;
    return true;
}

static bool diff_accounts(struct dam_evm *evm, struct dam_evm_diff *diff)
{
    const void **sorted = pointers_take(evm, evm->record_count);
    if (sorted == NULL) {
        return dam_evm_fail(evm, DAM_ENOMEM);
    }
    size_t count = 0;
    for (const struct dam_evm_record *record = evm->first; record != NULL; record = record->next) {
        if (record_changed(record)) {
            sorted[count++] = record;
        }
    }
    sort(sorted, sorted + count, count, record_less);
    struct dam_evm_change *changes = dam_arena_alloc(&evm->arena, (count + 1) * sizeof(changes[0]));
    if (changes == NULL) {
        return dam_evm_fail(evm, DAM_ENOMEM);
    }
    for (size_t i = 0; i < count; i++) {
        if (!change_fill(evm, sorted[i], &changes[i])) {
            return false;
        }
    }
    diff->accounts = changes;
    diff->account_count = count;
    return true;
}

static bool diff_codes(struct dam_evm *evm, struct dam_evm_diff *diff)
{
    const size_t count = evm->new_codes.count;
    const void **sorted = pointers_take(evm, count);
    struct dam_evm_code_entry *codes = dam_arena_alloc(&evm->arena, (count + 1) * sizeof(codes[0]));
    if (sorted == NULL || codes == NULL) {
        return dam_evm_fail(evm, DAM_ENOMEM);
    }
    size_t found = 0;
    for (size_t i = 0; i < evm->new_codes.capacity; i++) {
        if (evm->new_codes.cells[i].item != NULL) {
            sorted[found++] = evm->new_codes.cells[i].item;
        }
    }
    sort(sorted, sorted + found, found, code_less);
    for (size_t i = 0; i < found; i++) {
        codes[i] = *(const struct dam_evm_code_entry *)sorted[i];
    }
    diff->codes = codes;
    diff->code_count = found;
    return true;
}

enum dam_err dam_evm_end(struct dam_evm *evm, struct dam_evm_diff *ret_diff)
{
    DAM_ASSERT(evm->open);
    struct dam_evm_diff diff = {0};
    evm->open = false;
    if (evm->err != DAM_OK || !diff_accounts(evm, &diff) || !diff_codes(evm, &diff)) {
        return evm->err;
    }
    *ret_diff = diff;
    return DAM_OK;
}

enum dam_err dam_evm_apply(struct dam_evm *evm, const struct dam_evm_view *view,
                           const struct dam_evm_block *block, const struct dam_evm_options *options,
                           const struct dam_evm_tx *tx, struct dam_evm_receipt *ret_receipt,
                           struct dam_evm_diff *ret_diff)
{
    struct dam_evm_receipt receipt;
    dam_evm_begin(evm, view, block, options);
    DAM_TRY(dam_evm_transact(evm, tx, &receipt));
    DAM_TRY(dam_evm_end(evm, ret_diff));
    *ret_receipt = receipt;
    return DAM_OK;
}

enum dam_err dam_evm_apply_call(struct dam_evm *evm, const struct dam_evm_view *view,
                                const struct dam_evm_block *block,
                                const struct dam_evm_options *options,
                                const struct dam_evm_message *message,
                                struct dam_evm_result *ret_result, struct dam_evm_diff *ret_diff)
{
    struct dam_evm_result result;
    dam_evm_begin(evm, view, block, options);
    DAM_TRY(dam_evm_call(evm, message, &result));
    DAM_TRY(dam_evm_end(evm, ret_diff));
    *ret_result = result;
    return DAM_OK;
}

void dam_evm_make_up_signatures(struct dam_evm *evm, const struct dam_evm_recovery *list,
                                size_t count)
{
    evm->recoveries = list;
    evm->recovery_count = count;
}

const struct dam_address *dam_evm_made_up_signer(const struct dam_evm *evm,
                                                 const uint8_t signature[65])
{
    for (size_t i = 0; i < evm->recovery_count; i++) {
        const struct dam_evm_recovery *recovery = &evm->recoveries[i];
        if (memcmp(recovery->signature, signature, sizeof(recovery->signature)) == 0) {
            return &recovery->signer;
        }
    }
    return NULL;
}

const struct dam_address *dam_evm_authority(const struct dam_evm *evm,
                                            const struct dam_evm_authorization *entry)
{
    const struct dam_address *made_up = dam_evm_made_up_signer(evm, entry->signature);
    return made_up == NULL && entry->authority_valid ? &entry->authority : made_up;
}

/* ---- moved precompiles ----------------------------------------------------------------------- */

const struct dam_precompile *dam_evm_precompile_at(const struct dam_evm *evm,
                                                   const struct dam_address *address)
{
    for (uint32_t i = 0; i < evm->moved_count; i++) {
        if (dam_address_eq(&evm->moved[i].at, address)) {
            return evm->moved[i].precompile;
        }
    }
    return dam_precompile_find(address, evm->fork);
}

static bool put_moved(struct dam_evm *evm, const struct dam_address *at,
                      const struct dam_precompile *precompile)
{
    uint32_t i = 0;
    while (i < evm->moved_count && !dam_address_eq(&evm->moved[i].at, at)) {
        i++;
    }
    if (i == DAM_EVM_MOVED_MAX) {
        return false;
    }
    evm->moved[i] = (struct dam_evm_moved){*at, precompile};
    evm->moved_count = i == evm->moved_count ? i + 1 : evm->moved_count;
    return true;
}

enum dam_err dam_evm_move_precompile(struct dam_evm *evm, const struct dam_address *from,
                                     const struct dam_address *to)
{
    const struct dam_precompile *precompile = dam_evm_precompile_at(evm, from);
    if (precompile == NULL) {
        return DAM_ENOTFOUND;
    }
    if (!put_moved(evm, from, NULL) || (to != NULL && !put_moved(evm, to, precompile))) {
        return DAM_EFULL;
    }
    return DAM_OK;
}
