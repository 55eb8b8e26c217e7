// SPDX-License-Identifier: Apache-2.0
/* The session's state: what was read from the view and what was changed since, with undo. */
#include "core/evm/precompile.h"
#include "core/evm/vm.h"

#define TABLE_CAPACITY_KEPT 4096u /* a larger table is given back when the session ends */
#define JOURNAL_CAPACITY_KEPT 4096u

/* Odd constants without a pattern (digits of the golden ratio and of square roots), so that words
 * that are zero or all ones, as most are, do not cancel in a multiplication. */
#define K0 0x9e3779b97f4a7c15u
#define K1 0xc2b2ae3d27d4eb4fu
#define K2 0x165667b19e3779f9u
#define K3 0xbb67ae8584caa73bu
#define K4 0x3c6ef372fe94f82bu

/* Keys are chosen by whoever writes a contract; the seed keeps them from choosing collisions. */
static uint64_t hash_address(const struct dam_evm *evm, const struct dam_address *address)
{
    const uint64_t a = dam_load_be64(address->b);
    const uint64_t b = dam_load_be64(address->b + 8);
    const uint64_t c = dam_load_be32(address->b + 16);
    return dam_table_mix(dam_table_mix(a ^ evm->hash_seed ^ K0, b ^ K1) ^ evm->hash_seed, c ^ K2);
}

static uint64_t hash_slot(const struct dam_evm *evm, uint32_t account, const struct dam_u256 *key)
{
    const uint64_t low = dam_table_mix(key->w[0] ^ evm->hash_seed ^ K0, key->w[1] ^ K1);
    const uint64_t high = dam_table_mix(key->w[2] ^ evm->hash_seed ^ K2, key->w[3] ^ K3);
    return dam_table_mix(low ^ account ^ evm->hash_seed, high ^ K4);
}

bool dam_evm_vector_grow(struct dam_evm *evm, void **items, size_t item_len, size_t count,
                         size_t *capacity)
{
    if (count < *capacity) {
        return true;
    }
    const size_t grown = *capacity == 0 ? 64 : *capacity * 2;
    void *block = evm->mem.alloc(evm->mem.ctx, grown * item_len);
    if (block == NULL) {
        return dam_evm_fail(evm, DAM_ENOMEM);
    }
    if (*items != NULL) {
        memcpy(block, *items, count * item_len);
        evm->mem.free(evm->mem.ctx, *items, *capacity * item_len);
    }
    *items = block;
    *capacity = grown;
    return true;
}

/* ---- accounts and slots ---------------------------------------------------------------------- */

struct dam_evm_record *dam_evm_record_get(struct dam_evm *evm, const struct dam_address *address)
{
    const uint64_t hash = hash_address(evm, address);
    struct dam_evm_record *record;
    for (uint64_t c = hash; (record = dam_table_next(&evm->accounts, hash, &c)) != NULL;) {
        if (dam_address_eq(&record->address, address)) {
            return record;
        }
    }
    record = dam_arena_zalloc(&evm->arena, sizeof(*record));
    if (record == NULL) {
        (void)dam_evm_fail(evm, DAM_ENOMEM);
        return NULL;
    }
    const enum dam_err err =
        evm->view.account(evm->view.ctx, address, &record->view, &record->view_exists);
    if (err != DAM_OK) {
        (void)dam_evm_fail(evm, err);
        return NULL;
    }
    if (!record->view_exists) {
        record->view = (struct dam_evm_account){.code_hash = dam_empty_code_hash};
    }
    record->address = *address;
    record->index = evm->record_count;
    record->now.nonce = record->view.nonce;
    record->now.balance = record->view.balance;
    record->now.code_hash = record->view.code_hash;
    record->now.exists = record->view_exists;
    if (!dam_evm_ok(evm, dam_table_add(&evm->accounts, &evm->mem, hash, record))) {
        return NULL;
    }
    evm->record_count++;
    if (evm->last == NULL) {
        evm->first = record;
    } else {
        evm->last->next = record;
    }
    evm->last = record;
    return record;
}

static struct dam_evm_storage_slot *slot_find(const struct dam_table *table, uint64_t hash,
                                              const struct dam_evm_record *record,
                                              const struct dam_u256 *key)
{
    struct dam_evm_storage_slot *slot;
    for (uint64_t c = hash; (slot = dam_table_next(table, hash, &c)) != NULL;) {
        if (slot->account == record && dam_u256_eq(&slot->key, key)) {
            return slot;
        }
    }
    return NULL;
}

static struct dam_evm_storage_slot *slot_add(struct dam_evm *evm, struct dam_table *table,
                                             uint64_t hash, struct dam_evm_record *record,
                                             const struct dam_u256 *key)
{
    struct dam_evm_storage_slot *slot = dam_arena_zalloc(&evm->arena, sizeof(*slot));
    if (slot == NULL) {
        (void)dam_evm_fail(evm, DAM_ENOMEM);
        return NULL;
    }
    slot->key = *key;
    slot->account = record;
    return dam_evm_ok(evm, dam_table_add(table, &evm->mem, hash, slot)) ? slot : NULL;
}

struct dam_evm_storage_slot *dam_evm_slot_get(struct dam_evm *evm, struct dam_evm_record *record,
                                              const struct dam_u256 *key)
{
    const uint64_t hash = hash_slot(evm, record->index, key);
    struct dam_evm_storage_slot *slot = slot_find(&evm->slots, hash, record, key);
    if (slot == NULL) {
        struct dam_u256 value = {{0, 0, 0, 0}};
        if (record->view.has_storage && !record->storage_cleared) {
            const enum dam_err err =
                evm->view.storage(evm->view.ctx, &record->address, key, &value);
            if (err != DAM_OK) {
                (void)dam_evm_fail(evm, err);
                return NULL;
            }
        }
        slot = slot_add(evm, &evm->slots, hash, record, key);
        if (slot == NULL) {
            return NULL;
        }
        slot->view_value = value;
        slot->value = value;
        slot->next = record->slots;
        record->slots = slot;
    }
    if (slot->tx_epoch != evm->epoch) {
        slot->tx_epoch = evm->epoch;
        slot->tx_value = slot->value;
    }
    return slot;
}

/* ---- the journal ----------------------------------------------------------------------------- */

static struct dam_evm_undo *undo_push(struct dam_evm *evm)
{
    struct dam_evm_journal *journal = &evm->journal;
    void *items = journal->undo;
    if (!dam_evm_vector_grow(evm, &items, sizeof(journal->undo[0]), journal->count,
                             &journal->capacity)) {
        return NULL;
    }
    journal->undo = items;
    return &journal->undo[journal->count++];
}

static uint64_t undo_last_mark(const struct dam_evm *evm)
{
    return evm->journal.base + evm->journal.count - 1;
}

bool dam_evm_record_save(struct dam_evm *evm, struct dam_evm_record *record)
{
    if (record->journal_mark >= evm->mark) {
        return true;
    }
    struct dam_evm_undo *undo = undo_push(evm);
    if (undo == NULL) {
        return false;
    }
    undo->kind = DAM_EVM_UNDO_ACCOUNT;
    undo->mark_before = record->journal_mark;
    undo->account.record = record;
    undo->account.old = record->now;
    record->journal_mark = undo_last_mark(evm);
    return true;
}

static bool slot_save(struct dam_evm *evm, struct dam_evm_storage_slot *slot)
{
    if (slot->journal_mark >= evm->mark) {
        return true;
    }
    struct dam_evm_undo *undo = undo_push(evm);
    if (undo == NULL) {
        return false;
    }
    undo->kind = DAM_EVM_UNDO_SLOT;
    undo->mark_before = slot->journal_mark;
    undo->slot.slot = slot;
    undo->slot.old = slot->value;
    undo->slot.warm_epoch = slot->warm_epoch;
    slot->journal_mark = undo_last_mark(evm);
    return true;
}

struct dam_evm_checkpoint dam_evm_state_checkpoint(const struct dam_evm *evm)
{
    return (struct dam_evm_checkpoint){.mark = evm->journal.base + evm->journal.count,
                                       .log_count = evm->log_count,
                                       .refund = evm->refund};
}

/* RIPEMD-160's account is special: on mainnet's block 2,675,119 a call to it ran out of gas, and
 * the clients of the day removed the then empty account all the same. So its touch is not undone.
 */
static bool is_ripemd(const struct dam_address *address)
{
    static const struct dam_address ripemd = {{[19] = 3}};
    return dam_address_eq(address, &ripemd);
}

void dam_evm_state_revert(struct dam_evm *evm, const struct dam_evm_checkpoint *checkpoint)
{
    struct dam_evm_journal *journal = &evm->journal;
    while (journal->base + journal->count > checkpoint->mark) {
        struct dam_evm_undo *undo = &journal->undo[--journal->count];
        switch (undo->kind) {
        case DAM_EVM_UNDO_ACCOUNT: {
            struct dam_evm_record *record = undo->account.record;
            if (record->now.touched && is_ripemd(&record->address)) {
                evm->ripemd_touched = true;
            }
            record->now = undo->account.old;
            record->journal_mark = undo->mark_before;
            break;
        }
        case DAM_EVM_UNDO_SLOT:
            undo->slot.slot->value = undo->slot.old;
            undo->slot.slot->warm_epoch = undo->slot.warm_epoch;
            undo->slot.slot->journal_mark = undo->mark_before;
            break;
        }
    }
    evm->log_count = checkpoint->log_count;
    evm->refund = checkpoint->refund;
}

/* ---- changes --------------------------------------------------------------------------------- */

/* Precompiles are warm from the start (EIP-2929). */
static bool is_precompile(const struct dam_evm *evm, const struct dam_address *address)
{
    return dam_load_be64(address->b) == 0 && dam_precompile_find(address, evm->fork) != NULL;
}

bool dam_evm_record_warm(struct dam_evm *evm, struct dam_evm_record *record)
{
    if (record->now.warm_epoch == evm->epoch || is_precompile(evm, &record->address)) {
        return false;
    }
    (void)dam_evm_record_save(evm, record);
    record->now.warm_epoch = evm->epoch;
    return true;
}

bool dam_evm_slot_warm(struct dam_evm *evm, struct dam_evm_storage_slot *slot)
{
    if (slot->warm_epoch == evm->epoch) {
        return false;
    }
    (void)slot_save(evm, slot);
    slot->warm_epoch = evm->epoch;
    return true;
}

static bool record_touch(struct dam_evm *evm, struct dam_evm_record *record)
{
    /* Before EIP-161 a touch makes an empty account; after it, one that would be removed again. */
    const bool makes = evm->fork < DAM_FORK_SPURIOUS_DRAGON;
    if (record->now.touched && (record->now.exists || !makes)) {
        return true; /* a loop of calls would fill the journal with nothing */
    }
    if (!dam_evm_record_save(evm, record)) {
        return false;
    }
    record->now.touched = true;
    record->now.exists |= makes;
    return true;
}

bool dam_evm_balance_add(struct dam_evm *evm, struct dam_evm_record *record,
                         const struct dam_u256 *amount)
{
    if (!record_touch(evm, record)) {
        return false;
    }
    if (!dam_u256_is_zero(amount)) {
        if (!dam_evm_record_save(evm, record)) {
            return false;
        }
        (void)dam_u256_add(&record->now.balance, &record->now.balance, amount);
        record->now.exists = true;
    }
    return true;
}

bool dam_evm_balance_sub(struct dam_evm *evm, struct dam_evm_record *record,
                         const struct dam_u256 *amount)
{
    if (!record_touch(evm, record) || !dam_evm_record_save(evm, record)) {
        return false;
    }
    const bool borrow = dam_u256_sub(&record->now.balance, &record->now.balance, amount);
    DAM_ASSERT(!borrow);
    return true;
}

bool dam_evm_slot_set(struct dam_evm *evm, struct dam_evm_storage_slot *slot,
                      const struct dam_u256 *value)
{
    if (!slot_save(evm, slot)) {
        return false;
    }
    slot->value = *value;
    return true;
}

bool dam_evm_transient_set(struct dam_evm *evm, struct dam_evm_record *record,
                           const struct dam_u256 *key, const struct dam_u256 *value)
{
    const uint64_t hash = hash_slot(evm, record->index, key);
    struct dam_evm_storage_slot *slot = slot_find(&evm->transients, hash, record, key);
    if (slot == NULL) {
        slot = slot_add(evm, &evm->transients, hash, record, key);
        if (slot == NULL) {
            return false;
        }
    }
    if (!slot_save(evm, slot)) {
        return false;
    }
    slot->value = *value;
    return true;
}

struct dam_u256 dam_evm_transient_get(struct dam_evm *evm, const struct dam_evm_record *record,
                                      const struct dam_u256 *key)
{
    const uint64_t hash = hash_slot(evm, record->index, key);
    const struct dam_evm_storage_slot *slot = slot_find(&evm->transients, hash, record, key);
    return slot != NULL ? slot->value : dam_u256_from_u64(0);
}

bool dam_evm_record_is_empty(const struct dam_evm_record *record)
{
    return record->now.nonce == 0 && dam_u256_is_zero(&record->now.balance) &&
           dam_hash_eq(&record->now.code_hash, &dam_empty_code_hash);
}

bool dam_evm_record_has_storage(const struct dam_evm_record *record)
{
    if (record->view.has_storage && !record->storage_cleared) {
        return true;
    }
    for (const struct dam_evm_storage_slot *slot = record->slots; slot != NULL; slot = slot->next) {
        if (!dam_u256_is_zero(&slot->value)) {
            return true;
        }
    }
    return false;
}

void dam_evm_storage_clear(struct dam_evm_record *record)
{
    record->storage_cleared = true;
    for (struct dam_evm_storage_slot *slot = record->slots; slot != NULL; slot = slot->next) {
        slot->value = dam_u256_from_u64(0);
        slot->tx_epoch = 0;
    }
}

static void record_remove(struct dam_evm_record *record)
{
    record->now.exists = false;
    record->now.nonce = 0;
    record->now.balance = dam_u256_from_u64(0);
    record->now.code_hash = dam_empty_code_hash;
    dam_evm_storage_clear(record);
}

void dam_evm_state_tx_start(struct dam_evm *evm)
{
    evm->epoch++;
    evm->refund = 0;
    evm->log_count = 0;
    evm->ripemd_touched = false;
}

void dam_evm_state_tx_finish(struct dam_evm *evm)
{
    struct dam_evm_journal *journal = &evm->journal;
    for (size_t i = 0; i < journal->count; i++) {
        if (journal->undo[i].kind != DAM_EVM_UNDO_ACCOUNT) {
            continue;
        }
        struct dam_evm_record *record = journal->undo[i].account.record;
        const bool remove_empty = evm->fork >= DAM_FORK_SPURIOUS_DRAGON && record->now.touched &&
                                  dam_evm_record_is_empty(record);
        if (record->now.exists && (record->now.destructed || remove_empty)) {
            record_remove(record);
        }
        record->now.touched = false;
        record->now.destructed = false;
    }
    if (evm->ripemd_touched && evm->fork >= DAM_FORK_SPURIOUS_DRAGON) {
        struct dam_evm_record *record = dam_evm_record_get(evm, &(struct dam_address){{[19] = 3}});
        if (record != NULL && record->now.exists && dam_evm_record_is_empty(record)) {
            record_remove(record);
        }
    }
    journal->base += journal->count;
    journal->count = 0;
    evm->mark = journal->base;
    dam_table_clear(&evm->transients, &evm->mem, TABLE_CAPACITY_KEPT);
}

void dam_evm_state_reset(struct dam_evm *evm)
{
    dam_evm_code_take_back(evm);
    dam_table_clear(&evm->accounts, &evm->mem, TABLE_CAPACITY_KEPT);
    dam_table_clear(&evm->slots, &evm->mem, TABLE_CAPACITY_KEPT);
    dam_table_clear(&evm->transients, &evm->mem, TABLE_CAPACITY_KEPT);
    dam_table_clear(&evm->new_codes, &evm->mem, TABLE_CAPACITY_KEPT);
    evm->first = NULL;
    evm->last = NULL;
    evm->record_count = 0;
    struct dam_evm_journal *journal = &evm->journal;
    journal->base += journal->count;
    journal->count = 0;
    evm->mark = journal->base;
    if (journal->capacity > JOURNAL_CAPACITY_KEPT) {
        evm->mem.free(evm->mem.ctx, journal->undo, journal->capacity * sizeof(journal->undo[0]));
        journal->undo = NULL;
        journal->capacity = 0;
    }
    evm->log_count = 0;
    dam_arena_trim(&evm->arena, DAM_EVM_ARENA_LEN_KEPT);
    dam_arena_trim(&evm->code_arena, DAM_EVM_ARENA_LEN_KEPT);
    dam_arena_trim(&evm->precompile_arena, DAM_EVM_ARENA_LEN_KEPT);
}

void dam_evm_state_finish(struct dam_evm *evm)
{
    dam_table_finish(&evm->accounts, &evm->mem);
    dam_table_finish(&evm->slots, &evm->mem);
    dam_table_finish(&evm->transients, &evm->mem);
    dam_table_finish(&evm->new_codes, &evm->mem);
    if (evm->journal.undo != NULL) {
        evm->mem.free(evm->mem.ctx, evm->journal.undo,
                      evm->journal.capacity * sizeof(evm->journal.undo[0]));
        evm->journal.undo = NULL;
    }
    if (evm->logs != NULL) {
        evm->mem.free(evm->mem.ctx, evm->logs, evm->log_capacity * sizeof(evm->logs[0]));
        evm->logs = NULL;
    }
}
