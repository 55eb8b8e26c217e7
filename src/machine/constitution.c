// SPDX-License-Identifier: Apache-2.0
#include "machine/constitution.h"

#include "base/heap.h"
#include "base/hex.h"
#include "chain/fork_view.h"
#include "core/eth/header.h"
#include "core/flow/purity.h"

#include <stdio.h>

#define TERMS_WORDS 14u
#define HOLD_WORDS 4u
#define VIEW_GAS 10000000
#define MIND_GAS_MAX 10000000u
#define CHARTER_GAS_MAX 2000000u
#define ADDRESSES_MAX 64u

struct reading {
    struct dam_envoy *envoy;
    struct dam_fork_view view;
    struct dam_evm *evm;
    const struct dam_address *address;
    struct dam_u256 args[2]; /* the token, and the epoch where one is asked for */
};

/* A view of the constitution, run here. Out: ret: count words. */
static enum dam_err ask(struct reading *r, const char *signature, size_t arg_count,
                        struct dam_u256 *ret, size_t count)
{
    struct dam_evm_block block;
    struct dam_evm_result result;
    struct dam_evm_message message = {
        .kind = DAM_EVM_KIND_STATICCALL, .to = *r->address, .gas = VIEW_GAS};
    const struct dam_evm_options options = {.fork = DAM_FORK_DEFAULT,
                                            .chain_id = r->envoy->chain.chain_id};
    DAM_TRY(dam_calldata_make(&r->envoy->arena, signature, r->args, arg_count, &message.input));
    dam_fork_view_block(&r->view, &block);
    dam_evm_begin(r->evm, &r->view.view, &block, &options);
    enum dam_err err = dam_evm_call(r->evm, &message, &result);
    if (err == DAM_OK && (result.status != DAM_EVM_SUCCESS || result.output.len != 32 * count)) {
        err = DAM_ENOTFOUND;
    }
    for (size_t i = 0; err == DAM_OK && i < count; i++) {
        ret[i] = dam_u256_load_be(result.output.data + 32 * i);
    }
    dam_evm_discard(r->evm);
    return err;
}

static uint64_t small(const struct dam_u256 *word)
{
    uint64_t value = UINT64_MAX;
    (void)dam_u256_to_u64(word, &value); /* else it stays the largest, which no rule allows */
    return value;
}

static struct dam_terms terms_of(const struct dam_u256 w[TERMS_WORDS], uint32_t epoch)
{
    struct dam_terms terms = {
        .epoch = epoch,
        .mind = dam_u256_to_address(&w[0]),
        .mind_gas = small(&w[1]),
        .since_s = small(&w[2]),
        .charter = dam_u256_to_address(&w[3]),
        .charter_gas = small(&w[4]),
        .notice_s = small(&w[5]),
        .guardian = dam_u256_to_address(&w[9]),
    };
    terms.mind_gas = terms.mind_gas == 0 ? MIND_GAS_MAX : terms.mind_gas;
    terms.charter_gas = terms.charter_gas == 0 ? CHARTER_GAS_MAX : terms.charter_gas;
    dam_u256_store_be(terms.manifest.b, &w[13]);
    return terms;
}

static enum dam_err words_read(struct reading *r, struct dam_constitution *ret)
{
    struct dam_u256 w[TERMS_WORDS + 1];
    DAM_TRY(ask(r, "epochOf(uint256)", 1, w, 1));
    uint64_t epoch = small(&w[0]);
    if (epoch > UINT32_MAX - 1) {
        return DAM_ERANGE;
    }
    ret->has_terms = epoch > 0;
    if (ret->has_terms) {
        r->args[1] = dam_u256_from_u64(epoch);
        DAM_TRY(ask(r, "termsOf(uint256,uint32)", 2, w, TERMS_WORDS));
        ret->terms = terms_of(w, (uint32_t)epoch);
    }
    DAM_TRY(ask(r, "proposed(uint256)", 1, w, TERMS_WORDS + 1));
    ret->enact_at_s = small(&w[TERMS_WORDS]);
    ret->has_proposed = ret->enact_at_s != 0;
    ret->proposed = terms_of(w, (uint32_t)epoch + 1);
    DAM_TRY(ask(r, "holdOf(uint256)", 1, w, HOLD_WORDS));
    ret->stopped = !dam_u256_is_zero(&w[0]);
    return DAM_OK;
}

/* ---- code ------------------------------------------------------------------------------------ */

static const struct dam_law_code *find(const struct dam_law_codes *codes,
                                       const struct dam_address *address)
{
    for (size_t i = 0; i < codes->count; i++) {
        if (dam_address_eq(&codes->list[i].address, address)) {
            return &codes->list[i];
        }
    }
    return NULL;
}

/* The code at an address, if there is any. */
static enum dam_err code_read(struct reading *r, const struct dam_address *address,
                              struct dam_arena *arena, struct dam_law_codes *ret)
{
    struct dam_evm_account account;
    struct dam_bytes code;
    bool exists = false;
    if (find(ret, address) != NULL) {
        return DAM_OK;
    }
    DAM_TRY(r->view.view.account(r->view.view.ctx, address, &account, &exists));
    if (!exists || dam_hash_eq(&account.code_hash, &dam_empty_code_hash)) {
        return DAM_OK;
    }
    DAM_TRY(r->view.view.code(r->view.view.ctx, &account.code_hash, &code));
    if (ret->count == DAM_LAW_CODES_MAX) {
        return DAM_EFULL;
    }
    uint8_t *copy = dam_arena_copy(arena, code.data, code.len);
    if (copy == NULL) {
        return DAM_ENOMEM;
    }
    ret->list[ret->count++] =
        (struct dam_law_code){.address = *address, .code = dam_bytes(copy, code.len)};
    return DAM_OK;
}

/* A mind or charter, and the models and rules whose addresses stand in its code. Those are blobs
 * behind a STOP byte: data, which names nothing further. */
static enum dam_err contract_read(struct reading *r, const struct dam_address *address,
                                  struct dam_arena *arena, struct dam_law_codes *ret)
{
    struct dam_address named[ADDRESSES_MAX];
    DAM_TRY(code_read(r, address, arena, ret));
    const struct dam_law_code *code = find(ret, address);
    if (code == NULL) {
        return DAM_OK; /* judged below */
    }
    size_t count = dam_flow_code_addresses(code->code, named, ADDRESSES_MAX);
    if (count > ADDRESSES_MAX) {
        return DAM_EFULL;
    }
    for (size_t i = 0; i < count; i++) {
        DAM_TRY(code_read(r, &named[i], arena, ret));
    }
    return DAM_OK;
}

static bool is_fit(const char *what, const struct dam_address *address, uint64_t gas,
                   uint64_t gas_max, const struct dam_law_codes *codes, char *ret)
{
    const struct dam_law_code *code = find(codes, address);
    char text[41];
    size_t offset = 0;
    dam_hex_encode(address->b, 20, text);
    if (code == NULL) {
        (void)snprintf(ret, DAM_LAW_WHY_SIZE, "there is no %s at 0x%s", what, text);
    } else if (!dam_flow_code_is_pure(code->code, &offset)) {
        (void)snprintf(ret, DAM_LAW_WHY_SIZE, "the %s 0x%s is not pure: opcode 0x%02x at %zu", what,
                       text, code->code.len == 0 ? 0u : code->code.data[offset], offset);
    } else if (gas > gas_max) {
        (void)snprintf(ret, DAM_LAW_WHY_SIZE, "the %s's gas of %llu is above %llu", what,
                       (unsigned long long)gas, (unsigned long long)gas_max);
    } else {
        return true;
    }
    return false;
}

void dam_constitution_judge(const struct dam_terms *terms, const struct dam_law_codes *codes,
                            char *ret)
{
    ret[0] = 0;
    (void)(is_fit("mind", &terms->mind, terms->mind_gas, MIND_GAS_MAX, codes, ret) &&
           is_fit("charter", &terms->charter, terms->charter_gas, CHARTER_GAS_MAX, codes, ret));
}

static enum dam_err terms_code(struct reading *r, const struct dam_terms *terms,
                               struct dam_arena *arena, struct dam_law_codes *ret, char *ret_unfit)
{
    DAM_TRY(contract_read(r, &terms->mind, arena, ret));
    DAM_TRY(contract_read(r, &terms->charter, arena, ret));
    dam_constitution_judge(terms, ret, ret_unfit);
    return DAM_OK;
}

static enum dam_err read_all(struct reading *r, struct dam_arena *arena,
                             struct dam_constitution *ret)
{
    DAM_TRY(words_read(r, ret));
    if (ret->has_terms) {
        DAM_TRY(terms_code(r, &ret->terms, arena, &ret->codes, ret->unfit));
    }
    if (ret->has_proposed) {
        DAM_TRY(terms_code(r, &ret->proposed, arena, &ret->codes, ret->proposed_unfit));
    }
    return DAM_OK;
}

enum dam_err dam_constitution_read(struct dam_envoy *envoy, const struct dam_address *address,
                                   const struct dam_u256 *id, uint64_t number,
                                   struct dam_arena *arena, struct dam_constitution *ret)
{
    struct reading r = {.envoy = envoy, .address = address, .args = {*id}};
    *ret = (struct dam_constitution){.block = number};
    DAM_TRY(
        dam_fork_view_open(&r.view, &envoy->chain, &envoy->arena, dam_remote_at_number(number)));
    enum dam_err err = dam_evm_create(dam_heap(), NULL, &r.evm);
    if (err == DAM_OK) {
        err = read_all(&r, arena, ret);
        dam_evm_destroy(r.evm);
    }
    dam_fork_view_close(&r.view);
    return err;
}
