// SPDX-License-Identifier: Apache-2.0
/* prestateTracer: the accounts and slots that a transaction looks at, as they were before it, and
 * with diffMode as they are after it. An account is noted when it is first looked at, which is
 * before the transaction can have changed it. */
#include <string.h>

#include "core/crypto/keccak.h"
#include "core/eth/address.h"
#include "ledger/touch.h"
#include "ledger/tracers.h"

struct slot {
    struct dam_u256 key;
    struct dam_u256 value;
};

struct seen {
    struct dam_address address;
    struct dam_evm_account account; /* zeros and the empty code's hash if it was not there */
    struct dam_bytes code;
    bool deleted; /* by a SELFDESTRUCT that counts */
    bool created;
    struct slot *slots;
    size_t slot_count, slot_size;
};

struct prestate {
    struct dam_trace_target *target;
    const struct dam_trace_options *options;
    struct seen *list;
    size_t count, size;
    enum dam_err err; /* hooks cannot fail; this is looked at after the run */
};

/* ---- noting ---------------------------------------------------------------------------------- */

static enum dam_err read_account(struct dam_evm *evm, const struct dam_address *address,
                                 struct dam_evm_account *ret, struct dam_bytes *ret_code)
{
    bool exists = false;
    memset(ret, 0, sizeof(*ret));
    DAM_TRY(dam_evm_get_account(evm, address, ret, &exists));
    if (!exists) {
        memset(ret, 0, sizeof(*ret));
    }
    return dam_evm_get_code(evm, address, ret_code);
}

static void *grow(struct dam_arena *arena, const void *list, size_t count, size_t *size,
                  size_t item_len)
{
    size_t bigger = *size == 0 ? 16 : *size * 2;
    uint8_t *copy = dam_arena_zalloc(arena, bigger * item_len);
    if (copy != NULL) {
        if (count > 0) {
            memcpy(copy, list, count * item_len);
        }
        *size = bigger;
    }
    return copy;
}

/* Returns: NULL after an error. Good until the next account is noted. */
static struct seen *note(struct prestate *p, const struct dam_address *address)
{
    for (size_t i = 0; i < p->count; i++) {
        if (dam_address_eq(&p->list[i].address, address)) {
            return &p->list[i];
        }
    }
    if (p->err == DAM_OK && p->count == p->size) {
        struct seen *list = grow(p->target->arena, p->list, p->count, &p->size, sizeof(*p->list));
        p->list = list != NULL ? list : p->list;
        p->err = list != NULL ? DAM_OK : DAM_ENOMEM;
    }
    if (p->err != DAM_OK) {
        return NULL;
    }
    struct seen *seen = &p->list[p->count];
    *seen = (struct seen){.address = *address};
    p->err = read_account(p->target->evm, address, &seen->account, &seen->code);
    p->count += p->err == DAM_OK;
    return p->err == DAM_OK ? seen : NULL;
}

/* An account, and the one whose code it borrows (EIP-7702). */
static void note_callee(struct prestate *p, const struct dam_address *address)
{
    static const uint8_t prefix[3] = {0xef, 0x01, 0x00};
    struct seen *seen = note(p, address);
    struct dam_bytes code = {0};
    struct dam_address delegate;
    /* The code as it is now, which may not be what it was before. */
    if (seen == NULL || dam_evm_get_code(p->target->evm, address, &code) != DAM_OK) {
        return;
    }
    if (code.len == 23 && memcmp(code.data, prefix, 3) == 0) {
        memcpy(delegate.b, code.data + 3, 20);
        (void)note(p, &delegate); /* a failure is kept */
    }
}

static void note_slot(struct prestate *p, const struct dam_address *address,
                      const struct dam_u256 *key)
{
    struct seen *seen = p->options->no_storage ? NULL : note(p, address);
    for (size_t i = 0; seen != NULL && i < seen->slot_count; i++) {
        if (dam_u256_eq(&seen->slots[i].key, key)) {
            return;
        }
    }
    if (seen == NULL) {
        return;
    }
    if (seen->slot_count == seen->slot_size) {
        struct slot *slots =
            grow(p->target->arena, seen->slots, seen->slot_count, &seen->slot_size, sizeof(*slots));
        if (slots == NULL) {
            p->err = DAM_ENOMEM;
            return;
        }
        seen->slots = slots;
    }
    struct slot *slot = &seen->slots[seen->slot_count];
    slot->key = *key;
    enum dam_err err = dam_evm_get_storage(p->target->evm, address, key, &slot->value);
    seen->slot_count += err == DAM_OK;
    p->err = p->err == DAM_OK ? err : p->err;
}

static void note_created(struct prestate *p, const struct dam_address *address)
{
    struct seen *seen = note(p, address);
    if (seen != NULL) {
        seen->created = true;
    }
}

static void note_create(struct prestate *p, const struct dam_address *creator)
{
    struct dam_evm_account account = {0};
    struct dam_address address;
    bool exists = false;
    enum dam_err err = dam_evm_get_account(p->target->evm, creator, &account, &exists);
    p->err = p->err == DAM_OK ? err : p->err;
    dam_address_create(creator, exists ? account.nonce : 0, &address);
    note_created(p, &address);
}

/* The init code is memory that may not be there yet: zeros behind its end. */
static void note_create2(struct prestate *p, const struct dam_evm_step *step)
{
    static const uint8_t zeros[4096];
    const struct dam_u256 *top = step->stack + step->stack_count;
    struct dam_keccak256 state;
    struct dam_hash salt;
    struct dam_hash hash;
    struct dam_address address;
    uint64_t offset;
    uint64_t len;
    if (!dam_u256_to_u64(&top[-3], &len) || len > (size_t)1 << 24 ||
        (!dam_u256_to_u64(&top[-2], &offset) && len > 0)) {
        return; /* it will run out of gas */
    }
    dam_keccak256_init(&state);
    if (len > 0 && offset < step->memory.len) {
        size_t there = step->memory.len - (size_t)offset;
        there = there < len ? there : (size_t)len;
        dam_keccak256_update(&state, step->memory.data + offset, there);
        len -= there;
    }
    for (; len > 0; len -= len < sizeof(zeros) ? len : sizeof(zeros)) {
        dam_keccak256_update(&state, zeros, len < sizeof(zeros) ? (size_t)len : sizeof(zeros));
    }
    dam_keccak256_final(&state, &hash);
    dam_u256_store_be(salt.b, &top[-4]);
    dam_address_create2(&step->address, &salt, &hash, &address);
    note_created(p, &address);
}

/* From Cancun on only what was made in the same transaction is destroyed (EIP-6780). */
static void note_selfdestruct(struct prestate *p, const struct dam_address *address)
{
    struct seen *seen = note(p, address);
    if (seen != NULL && (seen->created || p->target->fork < DAM_FORK_CANCUN)) {
        seen->deleted = true;
    }
}

static void on_step(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step)
{
    struct prestate *p = ctx;
    struct dam_address address;
    struct dam_u256 slot;
    switch (dam_touch_of(step, &address, &slot)) {
    case DAM_TOUCH_NOTHING:
        break;
    case DAM_TOUCH_SLOT:
        note_slot(p, &address, &slot);
        break;
    case DAM_TOUCH_ACCOUNT:
        (void)note(p, &address); /* a failure is kept */
        break;
    case DAM_TOUCH_CALLEE:
        note_callee(p, &address);
        break;
    }
    if (step->op == 0xff && step->stack_count >= 1) { /* SELFDESTRUCT */
        note_selfdestruct(p, &step->address);
    } else if (step->op == 0xf0) { /* CREATE */
        note_create(p, &step->address);
    } else if (step->op == 0xf5 && step->stack_count >= 4) { /* CREATE2 */
        note_create2(p, step);
    }
    if (p->err != DAM_OK) {
        dam_evm_tracer_fail(evm, p->err);
    }
}

/* What is looked at before the first opcode. */
static void note_outside(struct prestate *p)
{
    const struct dam_evm_tx *tx = &p->target->tx;
    if (tx->create) {
        note_create(p, &tx->sender);
    } else {
        note_callee(p, &tx->to);
    }
    (void)note(p, &tx->sender); /* failures are kept */
    (void)note(p, &p->target->coinbase);
    for (size_t i = 0; i < tx->authorization_count; i++) {
        const struct dam_address *authority =
            dam_evm_authority(p->target->evm, &tx->authorizations[i]);
        if (authority != NULL) {
            (void)note(p, authority);
        }
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool is_empty(const struct seen *seen)
{
    return seen->account.nonce == 0 && dam_u256_is_zero(&seen->account.balance) &&
           seen->code.len == 0;
}

static void begin_account(struct dam_json_writer *w, const struct dam_address *address)
{
    dam_json_put_key_data(w, address->b, sizeof(address->b));
    dam_json_put_object(w);
}

static void put_slot(struct dam_json_writer *w, bool *open, const struct dam_u256 *key,
                     const struct dam_u256 *value)
{
    if (!*open) {
        dam_json_put_key(w, "storage");
        dam_json_put_object(w);
        *open = true;
    }
    dam_trace_put_word_key(w, key);
    dam_trace_put_word(w, value);
}

static void put_code(struct dam_json_writer *w, const struct dam_trace_options *options,
                     const struct dam_evm_account *account, struct dam_bytes code)
{
    if (!options->no_code) {
        dam_json_put_data_at(w, "code", code);
    }
    dam_json_put_data_at(w, "codeHash", dam_bytes(account->code_hash.b, 32));
}

/* An account as it was. after: values of its slots now, for a diff: only those that changed and
 * were not zero are shown; NULL: all. */
static void put_before(struct dam_json_writer *w, const struct dam_trace_options *options,
                       const struct seen *seen, const struct dam_u256 *after)
{
    bool open = false;
    begin_account(w, &seen->address);
    dam_json_put_quantity_u256_at(w, "balance", &seen->account.balance);
    if (seen->account.nonce != 0) {
        dam_json_put_key(w, "nonce");
        dam_json_put_u64(w, seen->account.nonce);
    }
    if (seen->code.len > 0) {
        put_code(w, options, &seen->account, seen->code);
    }
    for (size_t i = 0; i < seen->slot_count; i++) {
        const struct slot *slot = &seen->slots[i];
        if (after == NULL ||
            (!dam_u256_is_zero(&slot->value) && !dam_u256_eq(&slot->value, &after[i]))) {
            put_slot(w, &open, &slot->key, &slot->value);
        }
    }
    if (open) {
        dam_json_put_object_end(w);
    }
    dam_json_put_object_end(w);
}

/* What became of an account; read when the transaction is over. */
struct outcome {
    struct dam_evm_account account;
    struct dam_bytes code;
    struct dam_u256 *slots;
    bool changed;
};

static enum dam_err read_outcome(struct prestate *p, const struct seen *seen, struct outcome *ret)
{
    DAM_TRY(read_account(p->target->evm, &seen->address, &ret->account, &ret->code));
    ret->slots = dam_arena_alloc(p->target->arena, seen->slot_count * sizeof(*ret->slots) + 1);
    if (ret->slots == NULL) {
        return DAM_ENOMEM;
    }
    ret->changed = ret->account.nonce != seen->account.nonce ||
                   !dam_u256_eq(&ret->account.balance, &seen->account.balance) ||
                   !dam_bytes_eq(ret->code, seen->code);
    for (size_t i = 0; i < seen->slot_count; i++) {
        DAM_TRY(dam_evm_get_storage(p->target->evm, &seen->address, &seen->slots[i].key,
                                    &ret->slots[i]));
        ret->changed = ret->changed || !dam_u256_eq(&ret->slots[i], &seen->slots[i].value);
    }
    return DAM_OK;
}

static void put_after(struct dam_json_writer *w, const struct dam_trace_options *options,
                      const struct seen *seen, const struct outcome *now)
{
    bool open = false;
    begin_account(w, &seen->address);
    if (!dam_u256_eq(&seen->account.balance, &now->account.balance)) {
        dam_json_put_quantity_u256_at(w, "balance", &now->account.balance);
    }
    if (seen->account.nonce != now->account.nonce) {
        dam_json_put_key(w, "nonce");
        dam_json_put_u64(w, now->account.nonce);
    }
    if (!dam_bytes_eq(seen->code, now->code)) {
        put_code(w, options, &now->account, now->code);
    }
    for (size_t i = 0; i < seen->slot_count; i++) {
        if (!dam_u256_eq(&seen->slots[i].value, &now->slots[i]) &&
            !dam_u256_is_zero(&now->slots[i])) {
            put_slot(w, &open, &seen->slots[i].key, &now->slots[i]);
        }
    }
    if (open) {
        dam_json_put_object_end(w);
    }
    dam_json_put_object_end(w);
}

static enum dam_err write_diff(struct prestate *p, struct dam_json_writer *w)
{
    struct outcome *now = dam_arena_zalloc(p->target->arena, p->count * sizeof(*now) + 1);
    if (now == NULL) {
        return DAM_ENOMEM;
    }
    dam_json_put_object(w);
    dam_json_put_key(w, "post");
    dam_json_put_object(w);
    for (size_t i = 0; i < p->count; i++) {
        if (!p->list[i].deleted) {
            DAM_TRY(read_outcome(p, &p->list[i], &now[i]));
            if (now[i].changed) {
                put_after(w, p->options, &p->list[i], &now[i]);
            }
        }
    }
    dam_json_put_object_end(w);
    dam_json_put_key(w, "pre");
    dam_json_put_object(w);
    for (size_t i = 0; i < p->count; i++) {
        if ((p->list[i].deleted || now[i].changed) && !is_empty(&p->list[i])) {
            put_before(w, p->options, &p->list[i], p->list[i].deleted ? NULL : now[i].slots);
        }
    }
    dam_json_put_object_end(w);
    dam_json_put_object_end(w);
    return DAM_OK;
}

static void write_all(const struct prestate *p, struct dam_json_writer *w)
{
    dam_json_put_object(w);
    for (size_t i = 0; i < p->count; i++) {
        if (p->options->with_empty || !is_empty(&p->list[i])) {
            put_before(w, p->options, &p->list[i], NULL);
        }
    }
    dam_json_put_object_end(w);
}

/* The first accounts are noted between opening the session and the transaction: by the open hook
 * of a target that stands before the real one. */
struct opener {
    enum dam_err (*open)(void *ctx, const struct dam_evm_tracer *tracer);
    void *ctx;
    struct prestate *prestate;
};

static enum dam_err open_and_note(void *ctx, const struct dam_evm_tracer *tracer)
{
    struct opener *opener = ctx;
    DAM_TRY(opener->open(opener->ctx, tracer));
    note_outside(opener->prestate);
    return opener->prestate->err;
}

enum dam_err dam_trace_prestate(struct dam_trace_target *target,
                                const struct dam_trace_options *options, struct dam_json_writer *w,
                                enum dam_tx_invalid *ret_invalid)
{
    struct dam_trace_target noted = *target;
    struct prestate p = {.target = &noted, .options = options};
    struct opener opener = {target->open, target->ctx, &p};
    struct dam_evm_tracer hooks = {.step = on_step, .ctx = &p};
    struct dam_evm_receipt receipt;
    noted.open = open_and_note;
    noted.ctx = &opener;
    DAM_TRY(dam_trace_transact(&noted, &hooks, &receipt));
    *ret_invalid = receipt.invalid;
    DAM_TRY(p.err);
    if (receipt.invalid != DAM_TX_NONE) {
        return DAM_OK;
    }
    if (options->diff) {
        return write_diff(&p, w);
    }
    write_all(&p, w);
    return DAM_OK;
}
