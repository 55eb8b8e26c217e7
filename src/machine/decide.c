// SPDX-License-Identifier: Apache-2.0
#include "machine/decide.h"

#include "base/assert.h"
#include "core/crypto/keccak.h"

#include <stdio.h>

#define WORD 32u
#define CALL_LEN_MAX (4u + 6u * WORD + DAM_FLOW_MEMORY_MAX + 4096u + 512u + 3u * WORD)
#define CREATE_GAS 100000000

/* IMind.decide(bytes,bytes) and ICharter.review(bytes,bytes,bytes), the first four bytes of the
 * Keccak hash of that text. */
static const uint8_t selector_decide[4] = {0x57, 0xbb, 0x08, 0x74};
static const uint8_t selector_review[4] = {0xb8, 0x7c, 0xdd, 0xab};
static const uint8_t selector_migrate[4] = {0xc3, 0xfb, 0xb6, 0xfd}; /* migrate(address,bytes) */

struct code {
    struct dam_address address;
    struct dam_hash hash;
    uint8_t *data;
    size_t len;
};

struct dam_decider {
    const struct dam_mem *mem;
    struct dam_evm *evm;
    struct code *codes; /* DAM_DECIDE_CODES_MAX */
    size_t code_count;
    uint8_t call[CALL_LEN_MAX];
};

/* ---- the state that mind and charter see: code, nothing else --------------------------------- */

static const struct code *code_find(const struct dam_decider *d, const struct dam_address *address)
{
    for (size_t i = 0; i < d->code_count; i++) {
        if (dam_address_eq(&d->codes[i].address, address)) {
            return &d->codes[i];
        }
    }
    return NULL;
}

static enum dam_err view_account(void *ctx, const struct dam_address *address,
                                 struct dam_evm_account *ret, bool *ret_exists)
{
    const struct code *code = code_find(ctx, address);
    *ret_exists = code != NULL;
    if (code != NULL) {
        *ret = (struct dam_evm_account){.nonce = 1, .code_hash = code->hash};
    }
    return DAM_OK;
}

static enum dam_err view_storage(void *ctx, const struct dam_address *address,
                                 const struct dam_u256 *key, struct dam_u256 *ret)
{
    (void)ctx;
    (void)address;
    (void)key;
    *ret = dam_u256_from_u64(0);
    return DAM_OK;
}

static enum dam_err view_code(void *ctx, const struct dam_hash *code_hash, struct dam_bytes *ret)
{
    const struct dam_decider *d = ctx;
    for (size_t i = 0; i < d->code_count; i++) {
        if (dam_hash_eq(&d->codes[i].hash, code_hash)) {
            *ret = dam_bytes(d->codes[i].data, d->codes[i].len);
            return DAM_OK;
        }
    }
    return DAM_ENOTFOUND;
}

static enum dam_err view_block_hash(void *ctx, uint64_t number, struct dam_hash *ret)
{
    (void)ctx;
    (void)number;
    *ret = (struct dam_hash){0};
    return DAM_OK;
}

static struct dam_evm_view view_of(struct dam_decider *d)
{
    return (struct dam_evm_view){view_account, view_storage, view_code, view_block_hash, d};
}

static const struct dam_evm_block block = {.number = 1, .time = 1, .gas_limit = UINT64_MAX >> 2};

/* ---- codes ----------------------------------------------------------------------------------- */

enum dam_err dam_decider_create(const struct dam_mem *mem, struct dam_decider **ret)
{
    struct dam_decider *d = mem->alloc(mem->ctx, sizeof(*d));
    if (d == NULL) {
        return DAM_ENOMEM;
    }
    memset(d, 0, sizeof(*d));
    d->mem = mem;
    d->codes = mem->alloc(mem->ctx, DAM_DECIDE_CODES_MAX * sizeof(*d->codes));
    enum dam_err err = d->codes == NULL ? DAM_ENOMEM : dam_evm_create(mem, NULL, &d->evm);
    if (err != DAM_OK) {
        if (d->codes != NULL) {
            mem->free(mem->ctx, d->codes, DAM_DECIDE_CODES_MAX * sizeof(*d->codes));
        }
        mem->free(mem->ctx, d, sizeof(*d));
        return err;
    }
    *ret = d;
    return DAM_OK;
}

void dam_decider_destroy(struct dam_decider *d)
{
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; i < d->code_count; i++) {
        d->mem->free(d->mem->ctx, d->codes[i].data, d->codes[i].len + 1);
    }
    dam_evm_destroy(d->evm);
    d->mem->free(d->mem->ctx, d->codes, DAM_DECIDE_CODES_MAX * sizeof(*d->codes));
    d->mem->free(d->mem->ctx, d, sizeof(*d));
}

enum dam_err dam_decider_put(struct dam_decider *d, const struct dam_address *address,
                             struct dam_bytes code)
{
    struct code *slot = (struct code *)code_find(d, address);
    if (slot == NULL && d->code_count == DAM_DECIDE_CODES_MAX) {
        return DAM_EFULL;
    }
    uint8_t *data = d->mem->alloc(d->mem->ctx, code.len + 1);
    if (data == NULL) {
        return DAM_ENOMEM;
    }
    if (code.len > 0) {
        memcpy(data, code.data, code.len);
    }
    if (slot == NULL) {
        slot = &d->codes[d->code_count++];
    } else {
        d->mem->free(d->mem->ctx, slot->data, slot->len + 1);
    }
    *slot = (struct code){.address = *address, .data = data, .len = code.len};
    dam_keccak256(data, code.len, &slot->hash);
    return DAM_OK;
}

struct dam_bytes dam_decider_code(const struct dam_decider *d, const struct dam_address *address)
{
    const struct code *code = code_find(d, address);
    return code == NULL ? dam_bytes(NULL, 0) : dam_bytes(code->data, code->len);
}

enum dam_err dam_decider_construct(struct dam_decider *d, const struct dam_address *address,
                                   struct dam_bytes init_code)
{
    const struct dam_evm_view view = view_of(d);
    const struct dam_evm_options options = {.fork = DAM_FORK_DEFAULT, .chain_id = 1};
    const struct dam_evm_message message = {
        .kind = DAM_EVM_KIND_CREATE, .input = init_code, .gas = CREATE_GAS};
    struct dam_evm_result result;
    dam_evm_begin(d->evm, &view, &block, &options);
    enum dam_err err = dam_evm_call(d->evm, &message, &result);
    if (err == DAM_OK && result.status != DAM_EVM_SUCCESS) {
        err = DAM_EREFUSED;
    }
    struct dam_bytes code = {0};
    err = err == DAM_OK ? dam_evm_get_code(d->evm, &result.create, &code) : err;
    err = err == DAM_OK ? dam_decider_put(d, address, code) : err;
    dam_evm_discard(d->evm);
    return err;
}

/* ---- the ABI of the two interfaces ----------------------------------------------------------- */

static void word_put(uint8_t *at, uint64_t value)
{
    memset(at, 0, WORD - 8);
    dam_store_be64(at + WORD - 8, value);
}

/* selector, one offset for each string, then length and padded bytes of each. */
static struct dam_bytes call_encode(struct dam_decider *d, const uint8_t selector[4],
                                    const struct dam_bytes *args, size_t count)
{
    uint8_t *head = d->call + 4;
    uint8_t *tail = head + WORD * count;
    memcpy(d->call, selector, 4);
    for (size_t i = 0; i < count; i++) {
        size_t padded = (args[i].len + WORD - 1) / WORD * WORD;
        DAM_ASSERT((size_t)(tail - d->call) + WORD + padded <= sizeof(d->call));
        word_put(head + WORD * i, (uint64_t)(tail - head));
        word_put(tail, args[i].len);
        tail += WORD;
        memset(tail, 0, padded);
        if (args[i].len > 0) {
            memcpy(tail, args[i].data, args[i].len);
        }
        tail += padded;
    }
    return dam_bytes(d->call, (size_t)(tail - d->call));
}

static bool word_take(struct dam_bytes data, uint64_t at, uint64_t *ret)
{
    if (at > data.len || data.len - at < WORD) {
        return false;
    }
    for (size_t i = 0; i < WORD - 8; i++) {
        if (data.data[at + i] != 0) {
            return false;
        }
    }
    *ret = dam_load_be64(data.data + at + WORD - 8);
    return true;
}

/* Decodes (bytes, bytes) in its one canonical form (docs/spec/decision.md section 1): both strings
 * in order, zero padding, nothing before, between or after; so that no two decoders can differ. */
static bool answer_decode(struct dam_bytes data, struct dam_bytes ret[2])
{
    uint64_t at = 2 * WORD;
    for (size_t i = 0; i < 2; i++) {
        uint64_t offset = 0;
        uint64_t len = 0;
        if (!word_take(data, WORD * i, &offset) || offset != at || !word_take(data, at, &len) ||
            len > data.len - at - WORD) {
            return false;
        }
        uint64_t padded = (len + WORD - 1) / WORD * WORD;
        at += WORD;
        if (padded > data.len - at) {
            return false;
        }
        for (uint64_t k = len; k < padded; k++) {
            if (data.data[at + k] != 0) {
                return false;
            }
        }
        ret[i] = dam_bytes(data.data + at, len);
        at += padded;
    }
    return at == data.len;
}

/* A session in which nothing but code can be seen. */
static void pure_begin(struct dam_decider *d)
{
    const struct dam_evm_view view = view_of(d);
    const struct dam_evm_options options = {
        .fork = DAM_FORK_DEFAULT,
        .chain_id = 1,
        .refuse = dam_evm_impure_opcodes,
        .static_call_precompiles_only = true,
        .all_warm = true,
    };
    dam_evm_begin(d->evm, &view, &block, &options);
}

/* ---- one decision ---------------------------------------------------------------------------- */

enum fate { FATE_ANSWER, FATE_GAS, FATE_REVERT, FATE_MALFORMED };

/* Call a contract. The answer is borrowed until the session's next step. */
static enum dam_err ask(struct dam_decider *d, const struct dam_address *to, struct dam_bytes input,
                        uint64_t gas, uint64_t *ret_gas, enum fate *ret_fate,
                        struct dam_bytes ret_answer[2], char *why)
{
    const struct dam_evm_message message = {
        .kind = DAM_EVM_KIND_STATICCALL, .to = *to, .input = input, .gas = (int64_t)gas};
    struct dam_evm_result result;
    if (dam_decider_code(d, to).len == 0) {
        *ret_gas = 0;
        *ret_fate = FATE_MALFORMED; /* a call to no code answers with nothing */
        (void)snprintf(why, DAM_DECIDE_WHY_MAX, "there is no code at this address");
        return DAM_OK;
    }
    DAM_TRY(dam_evm_call(d->evm, &message, &result));
    *ret_gas = gas - (uint64_t)result.gas_left;
    if (result.status == DAM_EVM_SUCCESS) {
        *ret_fate = answer_decode(result.output, ret_answer) ? FATE_ANSWER : FATE_MALFORMED;
        if (*ret_fate == FATE_MALFORMED) {
            (void)snprintf(why, DAM_DECIDE_WHY_MAX,
                           "the answer is not (bytes, bytes) in canonical form");
        }
        return DAM_OK;
    }
    *ret_fate = result.status == DAM_EVM_OUT_OF_GAS ? FATE_GAS : FATE_REVERT;
    (void)snprintf(why, DAM_DECIDE_WHY_MAX, "%s after %llu gas", dam_evm_status_text(result.status),
                   (unsigned long long)*ret_gas);
    return DAM_OK;
}

static void safe_action(const struct dam_flow_rules *rules, int64_t *values)
{
    for (size_t i = 0; i < rules->actuator_count; i++) {
        values[i] = rules->limits[i].safe;
    }
}

static void fall_back(const struct dam_decide_input *in, struct dam_decision *ret, uint8_t outcome)
{
    ret->outcome = outcome;
    safe_action(in->rules, ret->action);
    memset(ret->reasons, 0, sizeof(ret->reasons));
}

static enum dam_err mind_run(struct dam_decider *d, const struct dam_decide_input *in,
                             struct dam_decision *ret)
{
    const struct dam_bytes args[2] = {in->memory, in->observation};
    struct dam_bytes answer[2];
    enum fate fate;
    DAM_TRY(ask(d, &in->law->mind, call_encode(d, selector_decide, args, 2), in->law->mind_gas,
                &ret->mind_gas, &fate, answer, ret->why));
    if (fate == FATE_ANSWER &&
        (answer[0].len > DAM_FLOW_MEMORY_MAX || answer[1].len != 8 * ret->count)) {
        fate = FATE_MALFORMED;
        (void)snprintf(ret->why, sizeof(ret->why),
                       "%zu bytes of memory and %zu of proposal, wanted at most %u and %zu",
                       answer[0].len, answer[1].len, DAM_FLOW_MEMORY_MAX, 8 * ret->count);
    }
    switch (fate) {
    case FATE_ANSWER:
        ret->memory_len = answer[0].len;
        if (answer[0].len > 0) {
            memcpy(ret->memory, answer[0].data, answer[0].len);
        }
        dam_flow_values_load(answer[1].data, ret->proposal, ret->count);
        ret->outcome = DAM_FLOW_PERMITTED;
        break;
    case FATE_GAS:
        ret->outcome = DAM_FLOW_MIND_GAS;
        break;
    case FATE_REVERT:
        ret->outcome = DAM_FLOW_MIND_REVERT;
        break;
    case FATE_MALFORMED:
        ret->outcome = DAM_FLOW_MIND_MALFORMED;
        break;
    }
    return DAM_OK;
}

static enum dam_err charter_run(struct dam_decider *d, const struct dam_decide_input *in,
                                struct dam_decision *ret)
{
    uint8_t proposal[8 * DAM_FLOW_ACTUATORS_MAX];
    char why[DAM_DECIDE_WHY_MAX] = "";
    struct dam_bytes answer[2];
    enum fate fate;
    dam_flow_values_store(proposal, ret->proposal, ret->count);
    const struct dam_bytes args[3] = {in->memory, in->observation,
                                      dam_bytes(proposal, 8 * ret->count)};
    DAM_TRY(ask(d, &in->law->charter, call_encode(d, selector_review, args, 3),
                in->law->charter_gas, &ret->charter_gas, &fate, answer, why));
    if (fate != FATE_ANSWER || answer[0].len != 8 * ret->count || answer[1].len != 2 * ret->count) {
        fall_back(in, ret, DAM_FLOW_CHARTER_FAILED);
        (void)snprintf(ret->why, sizeof(ret->why), "%s",
                       why[0] != 0 ? why : "the charter's answer has the wrong length");
        return DAM_OK;
    }
    bool changed = false;
    dam_flow_values_load(answer[0].data, ret->action, ret->count);
    for (size_t i = 0; i < ret->count; i++) {
        ret->reasons[i] = dam_load_be16(answer[1].data + 2 * i);
        changed = changed || ret->reasons[i] != 0;
    }
    if (ret->outcome == DAM_FLOW_PERMITTED && changed) {
        ret->outcome = DAM_FLOW_CHANGED;
    }
    return DAM_OK;
}

/* The last word is C's: the rules once more over whatever the charter permitted. With the charter
 * made from the same rules this never changes anything. */
static void guard_run(const struct dam_decide_input *in, struct dam_decision *ret)
{
    uint8_t packed[8 * DAM_FLOW_ACTUATORS_MAX];
    int64_t action[DAM_FLOW_ACTUATORS_MAX];
    uint16_t reasons[DAM_FLOW_ACTUATORS_MAX];
    dam_flow_values_store(packed, ret->action, ret->count);
    bool ok = dam_flow_rules_review(in->rules, in->observation, dam_bytes(packed, 8 * ret->count),
                                    action, reasons);
    DAM_ASSERT(ok);
    for (size_t i = 0; i < ret->count; i++) {
        if (action[i] != ret->action[i]) {
            ret->action[i] = action[i];
            ret->reasons[i] = reasons[i];
            ret->outcome = DAM_FLOW_GUARDED;
        }
    }
}

enum dam_err dam_decide(struct dam_decider *d, const struct dam_decide_input *in,
                        struct dam_decision *ret)
{
    DAM_ASSERT(in->observation.len == DAM_FLOW_SAMPLE_LEN * in->rules->channel_count);
    DAM_ASSERT(in->memory.len <= DAM_FLOW_MEMORY_MAX);
    ret->count = in->rules->actuator_count;
    ret->mind_gas = 0;
    ret->charter_gas = 0;
    ret->why[0] = 0;
    ret->memory_len = in->memory.len;
    if (in->memory.len > 0) {
        memcpy(ret->memory, in->memory.data, in->memory.len);
    }
    safe_action(in->rules, ret->proposal);
    switch (in->mode) {
    case DAM_DECIDE_STOPPED:
        fall_back(in, ret, DAM_FLOW_STOPPED);
        return DAM_OK;
    case DAM_DECIDE_VITAL:
        fall_back(in, ret, DAM_FLOW_VITAL);
        return DAM_OK;
    case DAM_DECIDE_NORMAL:
        break;
    }
    pure_begin(d);
    enum dam_err err = mind_run(d, in, ret);
    err = err == DAM_OK ? charter_run(d, in, ret) : err;
    dam_evm_discard(d->evm);
    if (err == DAM_OK && ret->outcome != DAM_FLOW_CHARTER_FAILED) {
        guard_run(in, ret);
    }
    return err;
}

enum dam_decide_mode dam_decide_mode_of(uint8_t outcome)
{
    return outcome == DAM_FLOW_STOPPED ? DAM_DECIDE_STOPPED
           : outcome == DAM_FLOW_VITAL ? DAM_DECIDE_VITAL
                                       : DAM_DECIDE_NORMAL;
}

/* ---- a new mind's first memory --------------------------------------------------------------- */

/* migrate(address,bytes): the address in its word, then the one string. */
static struct dam_bytes migrate_encode(struct dam_decider *d, const struct dam_address *from,
                                       struct dam_bytes memory)
{
    size_t padded = (memory.len + WORD - 1) / WORD * WORD;
    uint8_t *at = d->call + 4;
    memcpy(d->call, selector_migrate, 4);
    memset(at, 0, 3 * WORD + padded);
    memcpy(at + 12, from->b, 20);
    word_put(at + WORD, 2 * WORD);
    word_put(at + 2 * WORD, memory.len);
    if (memory.len > 0) {
        memcpy(at + 3 * WORD, memory.data, memory.len);
    }
    return dam_bytes(d->call, 4 + 3 * WORD + padded);
}

/* The one canonical encoding of one byte string. */
static bool string_decode(struct dam_bytes data, struct dam_bytes *ret)
{
    uint64_t offset = 0;
    uint64_t len = 0;
    if (!word_take(data, 0, &offset) || offset != WORD || !word_take(data, WORD, &len) ||
        len > DAM_FLOW_MEMORY_MAX) {
        return false;
    }
    uint64_t padded = (len + WORD - 1) / WORD * WORD;
    if (data.len != 2 * WORD + padded) {
        return false;
    }
    for (uint64_t i = len; i < padded; i++) {
        if (data.data[2 * WORD + i] != 0) {
            return false;
        }
    }
    *ret = dam_bytes(data.data + 2 * WORD, len);
    return true;
}

enum dam_err dam_decider_migrate(struct dam_decider *d, const struct dam_law *law,
                                 const struct dam_address *from, struct dam_bytes memory,
                                 uint8_t *ret, size_t *ret_len)
{
    DAM_ASSERT(memory.len <= DAM_FLOW_MEMORY_MAX);
    struct dam_evm_result result;
    struct dam_bytes next;
    const struct dam_evm_message message = {.kind = DAM_EVM_KIND_STATICCALL,
                                            .to = law->mind,
                                            .input = migrate_encode(d, from, memory),
                                            .gas = (int64_t)law->mind_gas};
    *ret_len = 0;
    if (dam_decider_code(d, &law->mind).len == 0) {
        return DAM_OK;
    }
    pure_begin(d);
    enum dam_err err = dam_evm_call(d->evm, &message, &result);
    if (err == DAM_OK && result.status == DAM_EVM_SUCCESS && string_decode(result.output, &next)) {
        if (next.len > 0) {
            memcpy(ret, next.data, next.len);
        }
        *ret_len = next.len;
    }
    dam_evm_discard(d->evm);
    return err;
}
