// SPDX-License-Identifier: Apache-2.0
/* Transactions: may it be in a block, what does it pay, what does it do. */
#include "core/eth/address.h"
#include "core/evm/precompile.h"
#include "core/evm/vm.h"

#define TX_GAS 21000
#define TX_CREATE_GAS 32000
#define ACCESS_ADDRESS_GAS 2400
#define ACCESS_KEY_GAS 1900
#define AUTHORIZATION_GAS 25000
#define AUTHORIZATION_REFUND 12500
#define TX_GAS_LIMIT_MAX (1u << 24) /* EIP-7825 */
#define TX_BLOBS_MAX_OSAKA 6u       /* EIP-7594 */

const char *dam_tx_invalid_name(enum dam_tx_invalid reason)
{
    switch (reason) {
#define X(name, number, text)                                                                      \
    case DAM_TX_##name:                                                                            \
        return text;
        DAM_TX_INVALID_LIST(X)
#undef X
    }
    return "?";
}

const char *dam_evm_status_text(enum dam_evm_status status)
{
    switch (status) {
#define X(name, number, text)                                                                      \
    case DAM_EVM_##name:                                                                           \
        return text;
        DAM_EVM_STATUS_LIST(X)
#undef X
    }
    return "?";
}

/* ---- gas ------------------------------------------------------------------------------------- */

struct tx_gas {
    uint64_t intrinsic;
    uint64_t floor; /* EIP-7623; 0 before Prague */
};

static struct tx_gas tx_gas(enum dam_fork fork, const struct dam_evm_tx *tx)
{
    uint64_t zeros = 0;
    for (size_t i = 0; i < tx->data.len; i++) {
        zeros += tx->data.data[i] == 0;
    }
    const uint64_t others = tx->data.len - zeros;
    uint64_t gas = TX_GAS + 4 * zeros + (fork >= DAM_FORK_ISTANBUL ? 16 : 68) * others;
    if (tx->create && fork >= DAM_FORK_HOMESTEAD) {
        gas += TX_CREATE_GAS;
    }
    if (tx->create && fork >= DAM_FORK_SHANGHAI) { /* EIP-3860 */
        gas += 2 * ((tx->data.len + 31) / 32);
    }
    for (size_t i = 0; i < tx->access_count; i++) {
        gas += ACCESS_ADDRESS_GAS + ACCESS_KEY_GAS * tx->access[i].key_count;
    }
    gas += AUTHORIZATION_GAS * tx->authorization_count;
    const uint64_t floor = TX_GAS + 10 * (zeros + 4 * others);
    return (struct tx_gas){.intrinsic = gas, .floor = fork >= DAM_FORK_PRAGUE ? floor : 0};
}

struct dam_u256 dam_evm_blob_base_fee(uint64_t excess_blob_gas, const struct dam_blob_params *blob)
{
    /* fake_exponential of EIP-4844 with a factor of 1. */
    struct dam_u256 sum = {{0, 0, 0, 0}};
    if (blob->base_fee_update_fraction == 0) {
        return sum;
    }
    const struct dam_u256 fraction = dam_u256_from_u64(blob->base_fee_update_fraction);
    const struct dam_u256 excess = dam_u256_from_u64(excess_blob_gas);
    struct dam_u256 term = fraction;
    for (uint64_t i = 1; !dam_u256_is_zero(&term); i++) {
        if (term.w[3] != 0 || sum.w[3] != 0) {
            return (struct dam_u256){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
        }
        (void)dam_u256_add(&sum, &sum, &term);
        const struct dam_u256 step = dam_u256_from_u64(i);
        struct dam_u256 divisor;
        dam_u256_mul(&term, &term, &excess);
        dam_u256_mul(&divisor, &fraction, &step);
        dam_u256_divmod(&term, &divisor, &term, NULL);
    }
    dam_u256_divmod(&sum, &fraction, &sum, NULL);
    return sum;
}

/* *sum += a * b. Returns: false if that does not fit 256 bits. */
static bool add_product(struct dam_u256 *sum, const struct dam_u256 *a, uint64_t b)
{
    struct dam_u256 product;
    const struct dam_u256 factor = dam_u256_from_u64(b);
    if (b != 0 && dam_u256_bit_len(a) > 192) {
        struct dam_u256 most = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
        dam_u256_divmod(&most, &factor, &most, NULL);
        if (dam_u256_lt(&most, a)) {
            return false;
        }
    }
    dam_u256_mul(&product, a, &factor);
    return !dam_u256_add(sum, sum, &product);
}

/* ---- validity -------------------------------------------------------------------------------- */

static enum dam_tx_invalid check_type(const struct dam_evm *evm, const struct dam_evm_tx *tx)
{
    switch (tx->type) {
    case 0: /* EIP-155 */
        return tx->has_chain_id && !tx->simulate && evm->fork < DAM_FORK_SPURIOUS_DRAGON
                   ? DAM_TX_SIGNATURE
                   : DAM_TX_NONE;
    case 1:
        return evm->fork < DAM_FORK_BERLIN ? DAM_TX_TYPE_1_PRE_FORK : DAM_TX_NONE;
    case 2:
        return evm->fork < DAM_FORK_LONDON ? DAM_TX_TYPE_2_PRE_FORK : DAM_TX_NONE;
    case 3:
        return evm->fork < DAM_FORK_CANCUN ? DAM_TX_TYPE_3_PRE_FORK : DAM_TX_NONE;
    case 4:
        return evm->fork < DAM_FORK_PRAGUE ? DAM_TX_TYPE_4_PRE_FORK : DAM_TX_NONE;
    }
    return DAM_TX_TYPE_NOT_SUPPORTED;
}

static enum dam_tx_invalid check_blobs(const struct dam_evm *evm, const struct dam_evm_tx *tx)
{
    if (tx->create) {
        return DAM_TX_BLOB_CREATE;
    }
    if (tx->blob_hash_count == 0) {
        return DAM_TX_BLOB_NONE;
    }
    if (evm->block_blob_gas_used + tx->blob_hash_count * DAM_GAS_PER_BLOB >
        (uint64_t)evm->options.blob.max * DAM_GAS_PER_BLOB) {
        return DAM_TX_BLOB_GAS_ALLOWANCE;
    }
    if (evm->fork >= DAM_FORK_OSAKA && tx->blob_hash_count > TX_BLOBS_MAX_OSAKA) {
        return DAM_TX_BLOB_COUNT;
    }
    for (size_t i = 0; i < tx->blob_hash_count; i++) {
        if (tx->blob_hashes[i].b[0] != 0x01) {
            return DAM_TX_BLOB_HASH_VERSION;
        }
    }
    if (dam_u256_lt(&tx->blob_fee_max, &evm->blob_base_fee) &&
        !(tx->simulate && dam_u256_is_zero(&tx->blob_fee_max))) {
        return DAM_TX_BLOB_FEE_BELOW_BASE_FEE;
    }
    return DAM_TX_NONE;
}

static enum dam_tx_invalid check_fees(const struct dam_evm *evm, const struct dam_evm_tx *tx)
{
    if (tx->type >= 2 && dam_u256_lt(&tx->gas_price_max, &tx->priority_fee_max)) {
        return DAM_TX_PRIORITY_ABOVE_MAX_FEE;
    }
    if (evm->fork >= DAM_FORK_LONDON && dam_u256_lt(&tx->gas_price_max, &evm->block.base_fee) &&
        !(tx->simulate && dam_u256_is_zero(&tx->gas_price_max))) {
        return DAM_TX_MAX_FEE_BELOW_BASE_FEE;
    }
    return DAM_TX_NONE;
}

static enum dam_tx_invalid check_gas(const struct dam_evm *evm, const struct dam_evm_tx *tx,
                                     const struct tx_gas *gas)
{
    if (tx->gas_limit < gas->intrinsic) {
        return DAM_TX_INTRINSIC_GAS_TOO_LOW;
    }
    if (tx->gas_limit < gas->floor) {
        return DAM_TX_FLOOR_GAS;
    }
    if (tx->simulate) {
        return tx->gas_limit > INT64_MAX ? DAM_TX_GAS_ALLOWANCE_EXCEEDED : DAM_TX_NONE;
    }
    if (evm->fork >= DAM_FORK_OSAKA && tx->gas_limit > TX_GAS_LIMIT_MAX) {
        return DAM_TX_GAS_LIMIT_EXCEEDS_MAXIMUM;
    }
    if (tx->gas_limit > INT64_MAX || evm->block.gas_limit < evm->block_gas_used ||
        tx->gas_limit > evm->block.gas_limit - evm->block_gas_used) {
        return DAM_TX_GAS_ALLOWANCE_EXCEEDED;
    }
    return DAM_TX_NONE;
}

static enum dam_tx_invalid check_nonce(const struct dam_evm_tx *tx,
                                       const struct dam_evm_record *sender)
{
    if (tx->simulate) {
        return DAM_TX_NONE;
    }
    if (tx->nonce == UINT64_MAX) { /* EIP-2681 */
        return DAM_TX_NONCE_IS_MAX;
    }
    if (tx->nonce != sender->now.nonce) {
        return tx->nonce < sender->now.nonce ? DAM_TX_NONCE_TOO_LOW : DAM_TX_NONCE_TOO_HIGH;
    }
    return DAM_TX_NONE;
}

/* EIP-3607, and EIP-7702: a delegated account may send. */
static bool may_send(struct dam_evm *evm, const struct dam_evm_record *sender)
{
    if (dam_hash_eq(&sender->now.code_hash, &dam_empty_code_hash)) {
        return true;
    }
    const struct dam_evm_code *code = dam_evm_code_get(evm, &sender->now.code_hash);
    struct dam_address delegate;
    return code != NULL && evm->fork >= DAM_FORK_PRAGUE &&
           dam_evm_code_is_delegation(dam_bytes(code->bytes, code->len), &delegate);
}

static bool can_pay(const struct dam_evm_tx *tx, const struct dam_evm_record *sender)
{
    struct dam_u256 cost = tx->value;
    return add_product(&cost, &tx->gas_price_max, tx->gas_limit) &&
           add_product(&cost, &tx->blob_fee_max, tx->blob_hash_count * DAM_GAS_PER_BLOB) &&
           !dam_u256_lt(&sender->now.balance, &cost);
}

static enum dam_tx_invalid check(struct dam_evm *evm, const struct dam_evm_tx *tx,
                                 const struct dam_evm_record *sender, const struct tx_gas *gas)
{
    enum dam_tx_invalid reason = check_type(evm, tx);
    if (reason == DAM_TX_NONE && tx->has_chain_id && tx->chain_id != evm->options.chain_id) {
        reason = DAM_TX_CHAIN_ID;
    }
    if (reason == DAM_TX_NONE && tx->type == 4 && tx->create) {
        reason = DAM_TX_SET_CODE_CREATE;
    }
    if (reason == DAM_TX_NONE && tx->type == 4 && tx->authorization_count == 0) {
        reason = DAM_TX_SET_CODE_EMPTY;
    }
    if (reason == DAM_TX_NONE && tx->create && evm->fork >= DAM_FORK_SHANGHAI &&
        tx->data.len > DAM_EVM_INITCODE_LEN_MAX) {
        reason = DAM_TX_INITCODE_SIZE;
    }
    if (reason == DAM_TX_NONE) {
        reason = check_gas(evm, tx, gas);
    }
    if (reason == DAM_TX_NONE && (tx->type == 3 || tx->blob_hash_count != 0)) {
        reason = check_blobs(evm, tx);
    }
    if (reason == DAM_TX_NONE) {
        reason = check_fees(evm, tx);
    }
    if (reason == DAM_TX_NONE && !tx->simulate && !may_send(evm, sender)) {
        reason = DAM_TX_SENDER_NOT_EOA;
    }
    if (reason == DAM_TX_NONE) {
        reason = check_nonce(tx, sender);
    }
    if (reason == DAM_TX_NONE && !can_pay(tx, sender)) {
        reason = DAM_TX_INSUFFICIENT_FUNDS;
    }
    return reason;
}

/* ---- doing it -------------------------------------------------------------------------------- */

/* What a unit of gas costs the sender, and what of it goes to the coinbase. */
static void prices(const struct dam_evm *evm, const struct dam_evm_tx *tx,
                   struct dam_u256 *ret_price, struct dam_u256 *ret_tip)
{
    struct dam_u256 price = tx->gas_price_max;
    if (tx->type >= 2) {
        struct dam_u256 wanted;
        const bool carry = dam_u256_add(&wanted, &evm->block.base_fee, &tx->priority_fee_max);
        if (!carry && dam_u256_lt(&wanted, &price)) {
            price = wanted;
        }
    }
    *ret_price = price;
    if (evm->fork < DAM_FORK_LONDON) {
        *ret_tip = price;
    } else if (dam_u256_sub(ret_tip, &price, &evm->block.base_fee)) {
        *ret_tip = dam_u256_from_u64(0); /* a simulated call that pays nothing */
    }
}

static bool warm_up(struct dam_evm *evm, const struct dam_evm_tx *tx, struct dam_evm_record *sender)
{
    if (evm->fork < DAM_FORK_BERLIN) {
        return true;
    }
    (void)dam_evm_record_warm(evm, sender);
    if (evm->fork >= DAM_FORK_SHANGHAI) { /* EIP-3651 */
        struct dam_evm_record *coinbase = dam_evm_record_get(evm, &evm->block.coinbase);
        if (coinbase == NULL) {
            return false;
        }
        (void)dam_evm_record_warm(evm, coinbase);
    }
    for (size_t i = 0; i < tx->access_count; i++) {
        const struct dam_evm_access *access = &tx->access[i];
        struct dam_evm_record *record = dam_evm_record_get(evm, &access->address);
        if (record == NULL) {
            return false;
        }
        (void)dam_evm_record_warm(evm, record);
        for (size_t j = 0; j < access->key_count; j++) {
            const struct dam_u256 key = dam_u256_load_be(access->keys[j].b);
            struct dam_evm_storage_slot *slot = dam_evm_slot_get(evm, record, &key);
            if (slot == NULL) {
                return false;
            }
            (void)dam_evm_slot_warm(evm, slot);
        }
    }
    return evm->err == DAM_OK;
}

/* EIP-7702: one entry that does not hold is skipped, the transaction goes on. */
static bool authorize(struct dam_evm *evm, const struct dam_evm_authorization *entry)
{
    const struct dam_u256 chain_id = dam_u256_from_u64(evm->options.chain_id);
    const struct dam_address *signer = dam_evm_authority(evm, entry);
    if (signer == NULL || entry->nonce == UINT64_MAX ||
        (!dam_u256_is_zero(&entry->chain_id) && !dam_u256_eq(&entry->chain_id, &chain_id))) {
        return true;
    }
    struct dam_evm_record *authority = dam_evm_record_get(evm, signer);
    if (authority == NULL) {
        return false;
    }
    (void)dam_evm_record_warm(evm, authority);
    const struct dam_evm_code *code = dam_evm_code_get(evm, &authority->now.code_hash);
    struct dam_address old;
    if (code == NULL) {
        return false;
    }
    if ((code->len != 0 && !dam_evm_code_is_delegation(dam_bytes(code->bytes, code->len), &old)) ||
        authority->now.nonce != entry->nonce) {
        return true;
    }
    if (!dam_evm_record_save(evm, authority)) {
        return false;
    }
    if (authority->now.exists) {
        evm->refund += AUTHORIZATION_GAS - AUTHORIZATION_REFUND;
    }
    uint8_t delegation[23] = {0xef, 0x01, 0x00};
    memcpy(delegation + 3, entry->address.b, sizeof(entry->address.b));
    static const struct dam_address zero;
    const size_t len = dam_address_eq(&entry->address, &zero) ? 0 : sizeof(delegation);
    if (!dam_evm_code_add(evm, dam_bytes(delegation, len), &authority->now.code_hash)) {
        return false;
    }
    authority->now.nonce++;
    authority->now.exists = true;
    return true;
}

/* The account that is called, and the code that runs for it. */
static bool target_of_call(struct dam_evm *evm, const struct dam_address *to,
                           struct dam_evm_record **ret_record, const struct dam_hash **ret_code)
{
    struct dam_evm_record *record = dam_evm_record_get(evm, to);
    if (record == NULL) {
        return false;
    }
    *ret_record = record;
    *ret_code = &record->now.code_hash;
    if (evm->fork >= DAM_FORK_BERLIN) {
        (void)dam_evm_record_warm(evm, record);
    }
    if (evm->fork < DAM_FORK_PRAGUE) {
        return true;
    }
    const struct dam_evm_code *code = dam_evm_code_get(evm, &record->now.code_hash);
    struct dam_address delegate;
    if (code == NULL) {
        return false;
    }
    if (dam_evm_code_is_delegation(dam_bytes(code->bytes, code->len), &delegate)) {
        struct dam_evm_record *other = dam_evm_record_get(evm, &delegate);
        if (other == NULL) {
            return false;
        }
        (void)dam_evm_record_warm(evm, other);
        *ret_code = dam_evm_precompile_at(evm, &delegate) != NULL ? &dam_empty_code_hash
                                                                  : &other->now.code_hash;
    }
    return true;
}

/* Run a request as the outermost frame; evm->status, gas_left and output tell how it went. */
static bool run(struct dam_evm *evm, const struct dam_evm_request *request)
{
    if (!dam_evm_enter(evm, request)) {
        return false;
    }
    if (evm->frame != NULL) {
        if (evm->tracer != NULL) {
            dam_evm_interpret_traced(evm, NULL);
        } else {
            dam_evm_interpret(evm, NULL);
        }
    }
    return evm->err == DAM_OK;
}

static bool logs_keep(struct dam_evm *evm, const struct dam_evm_log **ret, size_t *ret_count)
{
    *ret = NULL;
    *ret_count = evm->log_count;
    if (evm->log_count != 0) {
        *ret = dam_arena_copy(&evm->arena, evm->logs, evm->log_count * sizeof(evm->logs[0]));
    }
    return evm->log_count == 0 || *ret != NULL || dam_evm_fail(evm, DAM_ENOMEM);
}

/* The message of the transaction. */
static bool execute(struct dam_evm *evm, const struct dam_evm_tx *tx, struct dam_evm_record *sender,
                    int64_t gas, struct dam_evm_receipt *receipt)
{
    struct dam_evm_request request = {.kind = tx->create ? DAM_EVM_KIND_CREATE : DAM_EVM_KIND_CALL,
                                      .gas = gas,
                                      .caller = sender,
                                      .caller_address = tx->sender,
                                      .value = tx->value,
                                      .input = tx->data};
    if (tx->create) {
        const uint64_t nonce = tx->simulate ? sender->now.nonce - 1 : tx->nonce;
        dam_address_create(&tx->sender, nonce, &receipt->create);
        receipt->created = true;
        request.to = dam_evm_record_get(evm, &receipt->create);
        if (request.to == NULL) {
            return false;
        }
        request.code_address = receipt->create;
        (void)dam_evm_record_warm(evm, request.to);
    } else {
        request.code_address = tx->to;
        if (!target_of_call(evm, &tx->to, &request.to, &request.code_hash)) {
            return false;
        }
    }
    return run(evm, &request);
}

static bool buy_gas(struct dam_evm *evm, const struct dam_evm_tx *tx, struct dam_evm_record *sender,
                    const struct dam_u256 *price)
{
    struct dam_u256 cost = dam_u256_from_u64(0);
    const uint64_t blob_gas = tx->blob_hash_count * DAM_GAS_PER_BLOB;
    const bool fits =
        add_product(&cost, price, tx->gas_limit) &&
        (dam_u256_is_zero(&tx->blob_fee_max) || add_product(&cost, &evm->blob_base_fee, blob_gas));
    DAM_ASSERT(fits); /* can_pay has looked at more than this */
    if (!dam_evm_balance_sub(evm, sender, &cost)) {
        return false;
    }
    sender->now.nonce++;
    sender->now.exists = true;
    return true;
}

/* Pay back what was not used, pay the coinbase. */
static bool settle(struct dam_evm *evm, const struct dam_evm_tx *tx, struct dam_evm_record *sender,
                   const struct dam_u256 *tip, struct dam_evm_receipt *receipt)
{
    struct dam_u256 back = dam_u256_from_u64(0);
    struct dam_u256 fee = dam_u256_from_u64(0);
    (void)add_product(&back, &receipt->gas_price, tx->gas_limit - receipt->gas_used);
    (void)add_product(&fee, tip, receipt->gas_used);
    struct dam_evm_record *coinbase = dam_evm_record_get(evm, &evm->block.coinbase);
    return coinbase != NULL && dam_evm_balance_add(evm, sender, &back) &&
           dam_evm_balance_add(evm, coinbase, &fee);
}

static bool perform(struct dam_evm *evm, const struct dam_evm_tx *tx, struct dam_evm_record *sender,
                    const struct tx_gas *gas, struct dam_evm_receipt *receipt)
{
    struct dam_u256 tip;
    prices(evm, tx, &receipt->gas_price, &tip);
    evm->tx = (struct dam_evm_tx_context){.origin = tx->sender,
                                          .gas_price = receipt->gas_price,
                                          .blob_hashes = tx->blob_hashes,
                                          .blob_hash_count = tx->blob_hash_count};
    if (!buy_gas(evm, tx, sender, &receipt->gas_price) || !warm_up(evm, tx, sender)) {
        return false;
    }
    for (size_t i = 0; i < tx->authorization_count; i++) {
        if (!authorize(evm, &tx->authorizations[i])) {
            return false;
        }
    }
    if (!execute(evm, tx, sender, (int64_t)(tx->gas_limit - gas->intrinsic), receipt)) {
        return false;
    }
    const uint64_t used = tx->gas_limit - (uint64_t)evm->gas_left;
    const uint64_t refund_max = used / (evm->fork >= DAM_FORK_LONDON ? 5 : 2); /* EIP-3529 */
    DAM_ASSERT(evm->refund >= 0);
    receipt->gas_refunded = (uint64_t)evm->refund < refund_max ? (uint64_t)evm->refund : refund_max;
    receipt->gas_used = used - receipt->gas_refunded;
    receipt->gas_used_max = used;
    if (receipt->gas_used < gas->floor) { /* EIP-7623 */
        receipt->gas_used = gas->floor;
        receipt->gas_used_max = used > gas->floor ? used : gas->floor;
    }
    receipt->status = evm->status;
    receipt->output = evm->output;
    receipt->blob_gas_used = tx->blob_hash_count * DAM_GAS_PER_BLOB;
    evm->block_gas_used += receipt->gas_used;
    evm->block_blob_gas_used += receipt->blob_gas_used;
    return settle(evm, tx, sender, &tip, receipt) &&
           logs_keep(evm, &receipt->logs, &receipt->log_count);
}

enum dam_err dam_evm_transact(struct dam_evm *evm, const struct dam_evm_tx *tx,
                              struct dam_evm_receipt *ret_receipt)
{
    DAM_ASSERT(evm->open);
    if (evm->err != DAM_OK) {
        return evm->err;
    }
    dam_evm_state_tx_start(evm);
    struct dam_evm_receipt receipt = {.invalid = DAM_TX_NONE};
    const struct tx_gas gas = tx_gas(evm->fork, tx);
    struct dam_evm_record *sender = dam_evm_record_get(evm, &tx->sender);
    if (sender == NULL) {
        return evm->err;
    }
    receipt.invalid = check(evm, tx, sender, &gas);
    if (receipt.invalid == DAM_TX_NONE && evm->err == DAM_OK) {
        if (!perform(evm, tx, sender, &gas, &receipt)) {
            return evm->err;
        }
        dam_evm_state_tx_finish(evm);
    }
    if (evm->err == DAM_OK) {
        *ret_receipt = receipt;
    }
    return evm->err;
}

enum dam_err dam_evm_call(struct dam_evm *evm, const struct dam_evm_message *message,
                          struct dam_evm_result *ret_result)
{
    DAM_ASSERT(evm->open && message->gas >= 0 && message->gas <= INT64_MAX / 2);
    if (evm->err != DAM_OK) {
        return evm->err;
    }
    dam_evm_state_tx_start(evm);
    evm->tx = (struct dam_evm_tx_context){.origin = message->sender};
    struct dam_evm_result result = {.status = DAM_EVM_SUCCESS};
    struct dam_evm_record *sender = dam_evm_record_get(evm, &message->sender);
    if (sender == NULL) {
        return evm->err;
    }
    struct dam_evm_request request = {.kind = message->kind,
                                      .is_static = message->kind == DAM_EVM_KIND_STATICCALL,
                                      .gas = message->gas,
                                      .caller = sender,
                                      .caller_address = message->sender,
                                      .code_address = message->to,
                                      .value = message->value,
                                      .input = message->input};
    if (message->kind == DAM_EVM_KIND_CREATE) {
        if (dam_u256_lt(&sender->now.balance, &message->value)) {
            *ret_result =
                (struct dam_evm_result){.status = DAM_EVM_BALANCE, .gas_left = message->gas};
            return DAM_OK;
        }
        dam_address_create(&message->sender, sender->now.nonce, &result.create);
        if (!dam_evm_record_save(evm, sender)) {
            return evm->err;
        }
        sender->now.nonce++;
        sender->now.exists = true;
        request.to = dam_evm_record_get(evm, &result.create);
        request.code_address = result.create;
        if (request.to == NULL) {
            return evm->err;
        }
    } else if (!target_of_call(evm, &message->to, &request.to, &request.code_hash)) {
        return evm->err;
    }
    if (!run(evm, &request) || !logs_keep(evm, &result.logs, &result.log_count)) {
        return evm->err;
    }
    result.status = evm->status;
    result.gas_left = evm->gas_left;
    result.gas_refund = evm->refund;
    result.output = evm->output;
    dam_evm_state_tx_finish(evm);
    if (evm->err == DAM_OK) {
        *ret_result = result;
    }
    return evm->err;
}
