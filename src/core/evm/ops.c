// SPDX-License-Identifier: Apache-2.0
/* Opcodes that look at state or copy data: too long for the interpreter's one function, and dear
 * enough that a call does not matter. */
#include "core/evm/vm.h"

static int64_t account_access(struct dam_evm *evm, const struct dam_u256 *word, int64_t cost,
                              struct dam_evm_record **ret)
{
    const struct dam_address address = dam_u256_to_address(word);
    *ret = dam_evm_record_get(evm, &address);
    if (*ret == NULL) {
        return -1;
    }
    if (evm->fork >= DAM_FORK_BERLIN && dam_evm_record_warm(evm, *ret)) {
        cost += evm->costs.cold_account;
    }
    return cost;
}

int64_t dam_evm_op_balance(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas)
{
    struct dam_evm_record *record;
    const int64_t cost = account_access(evm, &sp[-1], evm->costs.balance, &record);
    if (cost < 0) {
        return -1;
    }
    sp[-1] = record->now.balance;
    return gas - cost;
}

int64_t dam_evm_op_extcodesize(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas)
{
    struct dam_evm_record *record;
    const int64_t cost = account_access(evm, &sp[-1], evm->costs.extcode, &record);
    if (cost < 0 || gas < cost) {
        return -1;
    }
    const struct dam_evm_code *code = dam_evm_code_get(evm, &record->now.code_hash);
    if (code == NULL) {
        return -1;
    }
    sp[-1] = dam_u256_from_u64(code->len);
    return gas - cost;
}

int64_t dam_evm_op_extcodehash(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas)
{
    struct dam_evm_record *record;
    const int64_t cost = account_access(evm, &sp[-1], evm->costs.extcodehash, &record);
    if (cost < 0) {
        return -1;
    }
    sp[-1] = !record->now.exists || dam_evm_record_is_empty(record)
                 ? dam_u256_from_u64(0)
                 : dam_u256_load_be(record->now.code_hash.b);
    return gas - cost;
}

/* Three gas a word, and memory. Returns: gas left; *ret_to and *ret_len where there is work. */
static int64_t copy_gas(struct dam_evm *evm, const struct dam_u256 *to, const struct dam_u256 *len,
                        int64_t gas)
{
    uint64_t offset;
    uint64_t count;
    if (dam_u256_is_zero(len)) {
        return gas;
    }
    if (!dam_u256_to_u64(to, &offset) || !dam_u256_to_u64(len, &count)) {
        return -1;
    }
    gas = dam_evm_memory_need(evm, evm->frame, offset, count, gas);
    if (gas < 0 || (count >= DAM_EVM_LONG_LEN && dam_evm_stops(evm))) {
        return -1;
    }
    return gas - 3 * (int64_t)((count + 31) / 32);
}

/* Copy what the source has from `from` on, and zeros behind it. */
static void copy_padded(uint8_t *to, struct dam_bytes source, const struct dam_u256 *from,
                        size_t len)
{
    uint64_t offset;
    size_t count = 0;
    if (dam_u256_to_u64(from, &offset) && offset < source.len) {
        count = source.len - offset < len ? source.len - offset : len;
        memcpy(to, source.data + offset, count);
    }
    if (count < len) {
        memset(to + count, 0, len - count);
    }
}

int64_t dam_evm_op_copy(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas,
                        struct dam_bytes source)
{
    gas = copy_gas(evm, &sp[-1], &sp[-3], gas);
    if (gas >= 0 && sp[-3].w[0] != 0) {
        copy_padded(evm->frame->memory + sp[-1].w[0], source, &sp[-2], sp[-3].w[0]);
    }
    return gas;
}

int64_t dam_evm_op_extcodecopy(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas)
{
    struct dam_evm_record *record;
    const int64_t cost = account_access(evm, &sp[-1], evm->costs.extcode, &record);
    if (cost < 0 || gas < cost) {
        return -1;
    }
    gas = copy_gas(evm, &sp[-2], &sp[-4], gas - cost);
    if (gas < 0 || sp[-4].w[0] == 0) {
        return gas;
    }
    const struct dam_evm_code *code = dam_evm_code_get(evm, &record->now.code_hash);
    if (code == NULL) {
        return -1;
    }
    copy_padded(evm->frame->memory + sp[-2].w[0], dam_bytes(code->bytes, code->len), &sp[-3],
                sp[-4].w[0]);
    return gas;
}

int64_t dam_evm_op_blockhash(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas)
{
    uint64_t number;
    struct dam_hash hash = {{0}};
    if (dam_u256_to_u64(&sp[-1], &number) && number < evm->block.number &&
        evm->block.number - number <= 256) {
        const enum dam_err err = evm->view.block_hash(evm->view.ctx, number, &hash);
        if (err != DAM_OK) {
            (void)dam_evm_fail(evm, err);
            return -1;
        }
    }
    sp[-1] = dam_u256_load_be(hash.b);
    return gas - 20;
}

int64_t dam_evm_op_sload(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas)
{
    struct dam_evm_storage_slot *slot = dam_evm_slot_get(evm, evm->frame->self, &sp[-1]);
    if (slot == NULL) {
        return -1;
    }
    gas -= evm->costs.sload;
    if (evm->fork >= DAM_FORK_BERLIN && dam_evm_slot_warm(evm, slot)) {
        gas -= evm->costs.cold_slot;
    }
    sp[-1] = slot->value;
    return gas;
}

/* Net metering with the original value (EIP-1283, 2200, 2929, 3529). */
struct sstore_prices {
    int64_t noop;         /* the value stays, or the slot is dirty already */
    int64_t set;          /* from zero, first change */
    int64_t reset;        /* else, first change */
    int64_t clear_refund; /* to zero */
};

static struct sstore_prices sstore_prices(enum dam_fork fork)
{
    if (fork >= DAM_FORK_LONDON) { /* EIP-3529 */
        return (struct sstore_prices){100, 20000, 2900, 4800};
    }
    if (fork >= DAM_FORK_BERLIN) { /* EIP-2929 */
        return (struct sstore_prices){100, 20000, 2900, 15000};
    }
    return (struct sstore_prices){fork >= DAM_FORK_ISTANBUL ? 800 : 200, 20000, 5000, 15000};
}

static int64_t sstore_net(struct dam_evm *evm, const struct dam_u256 *original,
                          const struct dam_u256 *current, const struct dam_u256 *value)
{
    const struct sstore_prices prices = sstore_prices(evm->fork);
    if (dam_u256_eq(current, value)) {
        return prices.noop;
    }
    if (dam_u256_eq(original, current)) {
        if (dam_u256_is_zero(original)) {
            return prices.set;
        }
        if (dam_u256_is_zero(value)) {
            evm->refund += prices.clear_refund;
        }
        return prices.reset;
    }
    if (!dam_u256_is_zero(original)) {
        if (dam_u256_is_zero(current)) {
            evm->refund -= prices.clear_refund;
        } else if (dam_u256_is_zero(value)) {
            evm->refund += prices.clear_refund;
        }
    }
    if (dam_u256_eq(original, value)) {
        evm->refund += (dam_u256_is_zero(original) ? prices.set : prices.reset) - prices.noop;
    }
    return prices.noop;
}

static int64_t sstore_plain(struct dam_evm *evm, const struct dam_u256 *current,
                            const struct dam_u256 *value)
{
    if (dam_u256_is_zero(current) && !dam_u256_is_zero(value)) {
        return 20000;
    }
    if (!dam_u256_is_zero(current) && dam_u256_is_zero(value)) {
        evm->refund += 15000;
    }
    return 5000;
}

int64_t dam_evm_op_sstore(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas)
{
    if (evm->fork >= DAM_FORK_ISTANBUL && gas <= 2300) { /* EIP-2200 */
        return -1;
    }
    struct dam_evm_storage_slot *slot = dam_evm_slot_get(evm, evm->frame->self, &sp[-1]);
    if (slot == NULL) {
        return -1;
    }
    if (evm->fork >= DAM_FORK_BERLIN && dam_evm_slot_warm(evm, slot)) {
        gas -= evm->costs.cold_slot == 0 ? 0 : evm->costs.cold_slot + evm->costs.sload;
    }
    const bool net = evm->fork == DAM_FORK_CONSTANTINOPLE || evm->fork >= DAM_FORK_ISTANBUL;
    gas -= net ? sstore_net(evm, &slot->tx_value, &slot->value, &sp[-2])
               : sstore_plain(evm, &slot->value, &sp[-2]);
    if (gas < 0 || !dam_evm_slot_set(evm, slot, &sp[-2])) {
        return -1;
    }
    return gas;
}

int64_t dam_evm_op_log(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas, unsigned topics)
{
    uint64_t offset = 0;
    uint64_t len;
    if (!dam_u256_to_u64(&sp[-2], &len) || len >> 32 != 0 ||
        (len != 0 && !dam_u256_to_u64(&sp[-1], &offset))) {
        return -1;
    }
    gas = dam_evm_memory_need(evm, evm->frame, offset, len, gas);
    gas -= 375 + 375 * (int64_t)topics + 8 * (int64_t)len;
    if (gas < 0) {
        return -1;
    }
    void *items = evm->logs;
    if (!dam_evm_vector_grow(evm, &items, sizeof(evm->logs[0]), evm->log_count,
                             &evm->log_capacity)) {
        return -1;
    }
    evm->logs = items;
    struct dam_evm_log *log = &evm->logs[evm->log_count];
    log->address = evm->frame->self->address;
    log->topic_count = (uint8_t)topics;
    for (unsigned i = 0; i < topics; i++) {
        dam_u256_store_be(log->topics[i].b, &sp[-3 - (int)i]);
    }
    const uint8_t *data = NULL;
    if (len != 0) {
        data = dam_arena_copy(&evm->arena, evm->frame->memory + offset, len);
        if (data == NULL) {
            (void)dam_evm_fail(evm, DAM_ENOMEM);
            return -1;
        }
    }
    log->data = dam_bytes(data, len);
    evm->log_count++;
    if (evm->tracer != NULL && evm->tracer->log != NULL) {
        evm->tracer->log(evm->tracer->ctx, evm, log);
    }
    return gas;
}

static void trace_selfdestruct(struct dam_evm *evm, int64_t gas, const struct dam_evm_record *from,
                               const struct dam_evm_record *to)
{
    const struct dam_evm_tracer *tracer = evm->tracer;
    if (tracer == NULL) {
        return;
    }
    dam_evm_trace_step_end(evm, gas, DAM_EVM_SUCCESS);
    const struct dam_evm_enter enter = {.kind = DAM_EVM_KIND_SELFDESTRUCT,
                                        .depth = evm->frame->depth + 2,
                                        .sender = from->address,
                                        .to = to->address,
                                        .code_address = to->address,
                                        .value = from->now.balance};
    if (tracer->enter != NULL) {
        tracer->enter(tracer->ctx, evm, &enter);
    }
    if (tracer->exit != NULL) {
        tracer->exit(tracer->ctx, evm, DAM_EVM_SUCCESS, 0, dam_bytes(NULL, 0));
    }
}

int64_t dam_evm_op_selfdestruct(struct dam_evm *evm, struct dam_u256 *sp, int64_t gas)
{
    struct dam_evm_record *self = evm->frame->self;
    const struct dam_address address = dam_u256_to_address(&sp[-1]);
    struct dam_evm_record *heir = dam_evm_record_get(evm, &address);
    if (heir == NULL) {
        return -1;
    }
    gas -= evm->costs.selfdestruct;
    if (evm->fork >= DAM_FORK_BERLIN && dam_evm_record_warm(evm, heir) &&
        evm->costs.cold_account != 0) {
        gas -= evm->costs.cold_account + 100;
    }
    const struct dam_u256 balance = self->now.balance;
    const bool has_balance = !dam_u256_is_zero(&balance);
    if (evm->fork >= DAM_FORK_TANGERINE_WHISTLE) { /* EIP-150, EIP-161 */
        const bool new_account = evm->fork >= DAM_FORK_SPURIOUS_DRAGON
                                     ? has_balance && dam_evm_record_is_empty(heir)
                                     : !heir->now.exists;
        gas -= new_account ? 25000 : 0;
    }
    if (gas < 0) {
        return -1;
    }
    trace_selfdestruct(evm, gas, self, heir);
    /* EIP-6780: only a contract of this very transaction goes away; the balance always moves. */
    const bool goes_away = evm->fork < DAM_FORK_CANCUN || self->now.created_epoch == evm->epoch;
    if (!dam_evm_record_save(evm, self)) {
        return -1;
    }
    if (goes_away && !self->now.destructed) {
        if (evm->fork < DAM_FORK_LONDON) { /* EIP-3529 took the refund away */
            evm->refund += 24000;
        }
        self->now.destructed = true;
    }
    if (heir != self || goes_away) {
        self->now.touched = true;
        self->now.balance = dam_u256_from_u64(0);
    }
    if (heir != self && !dam_evm_balance_add(evm, heir, &balance)) {
        return -1;
    }
    return gas;
}
