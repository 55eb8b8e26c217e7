// SPDX-License-Identifier: Apache-2.0
/* erc7562Tracer: beside the tree of calls, what a bundler has to know of each to judge a user
 * operation (ERC-7562): opcodes, slots, code that was looked at, and what was hashed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "core/crypto/keccak.h"
#include "core/evm/opcode.h"
#include "ledger/touch.h"
#include "ledger/tracers.h"

#define PADDING_MAX                                                                                \
    ((uint64_t)1 << 20) /* of a preimage behind the memory's end, as geth has it                   \
                         */
#define NO_OP 256u

enum note_kind {
    NOTE_READ,
    NOTE_WRITE,
    NOTE_TRANSIENT_READ,
    NOTE_TRANSIENT_WRITE,
    NOTE_OPCODE,
    NOTE_CONTRACT, /* called, or its code looked at */
    NOTE_CODE,     /* looked at; each time */
    NOTE_PREIMAGE, /* of the whole transaction, with the outermost call */
};

/* One key of one call. */
struct dam_trace_note {
    struct dam_trace_note *next; /* of its call */
    const struct dam_call_frame *frame;
    enum note_kind kind;
    struct dam_u256 key;   /* a slot, an opcode, an address, a hash */
    struct dam_u256 value; /* of a slot that was read */
    uint64_t count;        /* how often; of a contract: its code's bytes */
    uint8_t op;            /* that named the contract first */
    struct dam_bytes preimage;
};

/* ---- noting ---------------------------------------------------------------------------------- */

void dam_trace_rules_init(struct dam_trace_rules *rules, struct dam_arena *arena,
                          const struct dam_evm_opcode_set *ignored)
{
    *rules = (struct dam_trace_rules){.arena = arena, .ignored = *ignored, .last_op = NO_OP};
}

void dam_trace_rules_finish(struct dam_trace_rules *rules)
{
    dam_table_finish(&rules->table, dam_heap());
}

static uint64_t hash_of(const struct dam_call_frame *frame, enum note_kind kind,
                        const struct dam_u256 *key)
{
    uint64_t hash = (uintptr_t)frame + kind; /* where it lies, nobody outside knows */
    for (unsigned i = 0; i < 4; i++) {
        hash = dam_table_mix(hash ^ key->w[i], 0x9e3779b97f4a7c15u);
    }
    return hash;
}

/* Put a note at the end of its call's. Returns: NULL without memory. */
static struct dam_trace_note *append(struct dam_trace_rules *rules, struct dam_call_frame *frame,
                                     enum note_kind kind, const struct dam_u256 *key)
{
    struct dam_trace_note *note = dam_arena_zalloc(rules->arena, sizeof(*note));
    if (note != NULL) {
        note->frame = frame;
        note->kind = kind;
        note->key = *key;
        *(frame->last_note != NULL ? &frame->last_note->next : &frame->first_note) = note;
        frame->last_note = note;
    }
    return note;
}

static struct dam_trace_note *find(const struct dam_trace_rules *rules,
                                   const struct dam_call_frame *frame, enum note_kind kind,
                                   const struct dam_u256 *key)
{
    uint64_t hash = hash_of(frame, kind, key);
    struct dam_trace_note *note;
    for (uint64_t c = hash; (note = dam_table_next(&rules->table, hash, &c)) != NULL;) {
        if (note->frame == frame && note->kind == kind && dam_u256_eq(&note->key, key)) {
            return note;
        }
    }
    return NULL;
}

/* The note of a key that has none yet. Returns: NULL after telling the machine to stop. */
static struct dam_trace_note *add(struct dam_trace_rules *rules, struct dam_evm *evm,
                                  struct dam_call_frame *frame, enum note_kind kind,
                                  const struct dam_u256 *key)
{
    struct dam_trace_note *note = append(rules, frame, kind, key);
    if (note == NULL ||
        dam_table_add(&rules->table, dam_heap(), hash_of(frame, kind, key), note) != DAM_OK) {
        dam_evm_tracer_fail(evm, DAM_ENOMEM);
        return NULL;
    }
    return note;
}

static void count(struct dam_trace_rules *rules, struct dam_evm *evm, struct dam_call_frame *frame,
                  enum note_kind kind, const struct dam_u256 *key)
{
    struct dam_trace_note *note = find(rules, frame, kind, key);
    note = note != NULL ? note : add(rules, evm, frame, kind, key);
    if (note != NULL) {
        note->count++;
    }
}

static void count_op(struct dam_trace_rules *rules, struct dam_evm *evm,
                     struct dam_call_frame *frame, uint8_t op)
{
    const struct dam_u256 key = dam_u256_from_u64(op);
    count(rules, evm, frame, NOTE_OPCODE, &key);
}

/* What the slot held, if the call has neither read nor written it before. */
static void note_read(struct dam_trace_rules *rules, struct dam_evm *evm,
                      struct dam_call_frame *frame, const struct dam_address *address,
                      const struct dam_u256 *slot)
{
    if (find(rules, frame, NOTE_READ, slot) != NULL ||
        find(rules, frame, NOTE_WRITE, slot) != NULL) {
        return;
    }
    struct dam_trace_note *note = add(rules, evm, frame, NOTE_READ, slot);
    enum dam_err err =
        note != NULL ? dam_evm_get_storage(evm, address, slot, &note->value) : DAM_OK;
    if (err != DAM_OK) {
        dam_evm_tracer_fail(evm, err);
    }
}

/* An account whose code is looked at or run: how long it was the first time. */
static void note_contract(struct dam_trace_rules *rules, struct dam_evm *evm,
                          struct dam_call_frame *frame, uint8_t op, const struct dam_u256 *word)
{
    struct dam_address address = dam_u256_to_address(word);
    struct dam_u256 key = dam_u256_from_address(&address);
    struct dam_bytes code = {0};
    if (find(rules, frame, NOTE_CONTRACT, &key) != NULL) {
        return;
    }
    struct dam_trace_note *note = add(rules, evm, frame, NOTE_CONTRACT, &key);
    enum dam_err err = note != NULL ? dam_evm_get_code(evm, &address, &code) : DAM_OK;
    if (err != DAM_OK) {
        dam_evm_tracer_fail(evm, err);
    } else if (note != NULL) {
        note->count = code.len;
        note->op = op;
    }
}

/* What is hashed, with zeros for memory that is not there yet. */
static void note_preimage(struct dam_trace_rules *rules, struct dam_evm *evm,
                          struct dam_call_frame *root, const struct dam_evm_step *step)
{
    const struct dam_u256 *top = step->stack + step->stack_count;
    uint64_t offset = top[-1].w[0];
    uint64_t len = top[-2].w[0];
    if (offset > INT64_MAX || len > INT64_MAX || offset + len > step->memory.len + PADDING_MAX) {
        return; /* it will run out of gas */
    }
    uint8_t *copy = dam_arena_zalloc(rules->arena, len + 1);
    if (copy == NULL) {
        dam_evm_tracer_fail(evm, DAM_ENOMEM);
        return;
    }
    if (len > 0 && offset < step->memory.len) {
        uint64_t there = step->memory.len - offset;
        memcpy(copy, step->memory.data + offset, there < len ? there : len);
    }
    struct dam_hash hash;
    dam_keccak256(copy, len, &hash);
    struct dam_u256 key = dam_u256_load_be(hash.b);
    struct dam_trace_note *note = find(rules, root, NOTE_PREIMAGE, &key) == NULL
                                      ? add(rules, evm, root, NOTE_PREIMAGE, &key)
                                      : NULL;
    if (note != NULL) {
        note->preimage = dam_bytes(copy, len);
    }
}

static bool is_ext(unsigned op)
{
    return op == DAM_OP_EXTCODESIZE || op == DAM_OP_EXTCODECOPY || op == DAM_OP_EXTCODEHASH;
}

static bool is_call(unsigned op)
{
    return op == DAM_OP_CALL || op == DAM_OP_CALLCODE || op == DAM_OP_DELEGATECALL ||
           op == DAM_OP_STATICCALL;
}

/* What the opcode before this one says now that this one is known: GAS is for a call alone
 * (OP-012), EXTCODESIZE may only be asked whether it is zero (OP-051). */
static void note_last(struct dam_trace_rules *rules, struct dam_evm *evm,
                      struct dam_call_frame *frame, uint8_t op)
{
    bool is_zero_test = rules->last_op == DAM_OP_EXTCODESIZE && op == DAM_OP_ISZERO;
    if (is_ext(rules->last_op) && !is_zero_test &&
        append(rules, frame, NOTE_CODE, &rules->last_top) == NULL) {
        dam_evm_tracer_fail(evm, DAM_ENOMEM);
    }
    if (rules->last_op == DAM_OP_GAS && !is_call(op)) {
        count_op(rules, evm, frame, DAM_OP_GAS);
    }
}

static void note_slot(struct dam_trace_rules *rules, struct dam_evm *evm,
                      struct dam_call_frame *frame, const struct dam_evm_step *step)
{
    const struct dam_u256 *slot = &step->stack[step->stack_count - 1];
    switch (step->op) {
    case DAM_OP_SLOAD:
        note_read(rules, evm, frame, &step->address, slot);
        break;
    case DAM_OP_SSTORE:
        count(rules, evm, frame, NOTE_WRITE, slot);
        break;
    case DAM_OP_TLOAD:
        count(rules, evm, frame, NOTE_TRANSIENT_READ, slot);
        break;
    case DAM_OP_TSTORE:
        count(rules, evm, frame, NOTE_TRANSIENT_WRITE, slot);
        break;
    default:
        break;
    }
}

void dam_trace_rules_step(struct dam_trace_rules *rules, struct dam_evm *evm,
                          struct dam_call_frame *root, struct dam_call_frame *frame,
                          const struct dam_evm_step *step)
{
    const struct dam_u256 *top = step->stack + step->stack_count;
    uint8_t op = step->op;
    size_t place = is_call(op) ? 2 : 1; /* of the account on the stack */
    if (op == DAM_OP_RETURN || op == DAM_OP_REVERT) {
        rules->last_op = NO_OP;
    }
    note_last(rules, evm, frame, op);
    if ((is_ext(op) || is_call(op)) && step->stack_count >= place) {
        note_contract(rules, evm, frame, op, top - place);
    }
    if (op != DAM_OP_GAS && (rules->ignored.word[op >> 6] >> (op & 63) & 1) == 0) {
        count_op(rules, evm, frame, op);
    }
    if (step->stack_count >= 1) {
        note_slot(rules, evm, frame, step);
    }
    if (op == DAM_OP_KECCAK256 && step->stack_count >= 2) {
        note_preimage(rules, evm, root, step);
    }
    rules->last_op = is_ext(op) && step->stack_count == 0 ? NO_OP : op;
    rules->last_top = step->stack_count >= 1 ? top[-1] : (struct dam_u256){{0}};
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_word_address(struct dam_json_writer *w, const struct dam_u256 *word, bool as_key)
{
    struct dam_address address = dam_u256_to_address(word);
    if (as_key) {
        dam_json_put_key_data(w, address.b, sizeof(address.b));
    } else {
        dam_json_put_data(w, address.b, sizeof(address.b));
    }
}

static void put_opcode_key(struct dam_json_writer *w, const struct dam_u256 *op)
{
    char text[8];
    (void)snprintf(text, sizeof(text), "0x%x", (unsigned)op->w[0]);
    dam_json_put_key(w, text);
}

/* One member of an object of notes. */
static void put_member(const struct dam_trace_note *note, struct dam_json_writer *w)
{
    switch (note->kind) {
    case NOTE_READ:
        dam_trace_put_word_key(w, &note->key);
        dam_json_put_array(w);
        dam_trace_put_word(w, &note->value);
        dam_json_put_array_end(w);
        break;
    case NOTE_CONTRACT:
        put_word_address(w, &note->key, true);
        dam_json_put_object(w);
        dam_json_put_key(w, "contractSize");
        dam_json_put_u64(w, note->count);
        dam_json_put_key(w, "opcode");
        dam_json_put_u64(w, note->op);
        dam_json_put_object_end(w);
        break;
    case NOTE_OPCODE:
        put_opcode_key(w, &note->key);
        dam_json_put_u64(w, note->count);
        break;
    default:
        dam_trace_put_word_key(w, &note->key);
        dam_json_put_u64(w, note->count);
        break;
    }
}

static void put_object(const struct dam_call_frame *frame, enum note_kind kind, const char *name,
                       struct dam_json_writer *w)
{
    dam_json_put_key(w, name);
    dam_json_put_object(w);
    for (const struct dam_trace_note *note = frame->first_note; note != NULL; note = note->next) {
        if (note->kind == kind) {
            put_member(note, w);
        }
    }
    dam_json_put_object_end(w);
}

static int by_bytes(const void *a, const void *b)
{
    const struct dam_bytes *x = &(*(const struct dam_trace_note *const *)a)->preimage;
    const struct dam_bytes *y = &(*(const struct dam_trace_note *const *)b)->preimage;
    int order = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static enum dam_err put_preimages(struct dam_arena *arena, const struct dam_call_frame *root,
                                  struct dam_json_writer *w)
{
    size_t found = 0;
    for (const struct dam_trace_note *note = root->first_note; note != NULL; note = note->next) {
        found += note->kind == NOTE_PREIMAGE;
    }
    if (found == 0) {
        return DAM_OK;
    }
    const struct dam_trace_note **list = dam_arena_alloc(arena, found * sizeof(*list));
    if (list == NULL) {
        return DAM_ENOMEM;
    }
    size_t at = 0;
    for (const struct dam_trace_note *note = root->first_note; note != NULL; note = note->next) {
        if (note->kind == NOTE_PREIMAGE) {
            list[at++] = note;
        }
    }
    qsort(list, found, sizeof(*list), by_bytes);
    dam_json_put_key(w, "keccak");
    dam_json_put_array(w);
    for (size_t i = 0; i < found; i++) {
        dam_json_put_data(w, list[i]->preimage.data, list[i]->preimage.len);
    }
    dam_json_put_array_end(w);
    return DAM_OK;
}

enum dam_err dam_trace_rules_write(struct dam_arena *arena, const struct dam_call_frame *frame,
                                   struct dam_json_writer *w)
{
    bool is_inner = frame->parent != NULL;
    dam_json_put_key(w, "accessedSlots");
    dam_json_put_object(w);
    put_object(frame, NOTE_READ, "reads", w);
    put_object(frame, NOTE_WRITE, "writes", w);
    put_object(frame, NOTE_TRANSIENT_READ, "transientReads", w);
    put_object(frame, NOTE_TRANSIENT_WRITE, "transientWrites", w);
    dam_json_put_object_end(w);
    dam_json_put_key(w, "extCodeAccessInfo");
    dam_json_put_array(w);
    for (const struct dam_trace_note *note = frame->first_note; note != NULL; note = note->next) {
        if (note->kind == NOTE_CODE) {
            put_word_address(w, &note->key, false);
        }
    }
    dam_json_put_array_end(w);
    put_object(frame, NOTE_OPCODE, "usedOpcodes", w);
    put_object(frame, NOTE_CONTRACT, "contractSize", w);
    dam_json_put_key(w, "outOfGas"); /* geth tells it of inner calls only */
    dam_json_put_bool(
        w, is_inner && (frame->status == DAM_EVM_OUT_OF_GAS || frame->status == DAM_EVM_CODE_GAS));
    return is_inner ? DAM_OK : put_preimages(arena, frame, w);
}
