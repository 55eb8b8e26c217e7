// SPDX-License-Identifier: Apache-2.0
/* What a block does besides its transactions. */
#include "core/evm/vm.h"

#define SYSTEM_GAS 30000000

static const struct dam_address system_address = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}};
static const struct dam_address beacon_roots = {/* EIP-4788 */
                                                {0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80,
                                                 0x7e, 0xf1, 0x31, 0x9f, 0xb7, 0xb8, 0xbb,
                                                 0x85, 0x22, 0xd0, 0xbe, 0xac, 0x02}};
static const struct dam_address history = {/* EIP-2935 */
                                           {0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5,
                                            0x3a, 0x10, 0xcb, 0x7a, 0x02, 0x33, 0x5b,
                                            0x17, 0x53, 0x20, 0x00, 0x29, 0x35}};
const struct dam_address dam_evm_withdrawal_requests = {/* EIP-7002 */
                                                        {0x00, 0x00, 0x09, 0x61, 0xef, 0x48, 0x0e,
                                                         0xb5, 0x5e, 0x80, 0xd1, 0x9a, 0xd8, 0x35,
                                                         0x79, 0xa6, 0x4c, 0x00, 0x70, 0x02}};
const struct dam_address dam_evm_consolidation_requests = {/* EIP-7251 */
                                                           {0x00, 0x00, 0xbb, 0xdd, 0xc7,
                                                            0xce, 0x48, 0x86, 0x42, 0xfb,
                                                            0x57, 0x9f, 0x8b, 0x00, 0xf3,
                                                            0xa5, 0x90, 0x00, 0x72, 0x51}};

/* Returns: DAM_OK; *ret_ran is false when there is no code to call. */
static enum dam_err system_call(struct dam_evm *evm, const struct dam_address *to,
                                const struct dam_hash *input, struct dam_evm_result *ret,
                                bool *ret_ran)
{
    const struct dam_evm_record *record = dam_evm_record_get(evm, to);
    if (record == NULL) {
        return evm->err;
    }
    *ret_ran = !dam_hash_eq(&record->now.code_hash, &dam_empty_code_hash);
    if (!*ret_ran) {
        return DAM_OK;
    }
    const struct dam_evm_message message = {
        .kind = DAM_EVM_KIND_CALL,
        .sender = system_address,
        .to = *to,
        .input = input != NULL ? dam_bytes(input->b, sizeof(input->b)) : dam_bytes(NULL, 0),
        .gas = SYSTEM_GAS};
    return dam_evm_call(evm, &message, ret);
}

enum dam_err dam_evm_block_start(struct dam_evm *evm, const struct dam_hash *parent_hash,
                                 const struct dam_hash *parent_beacon_root)
{
    struct dam_evm_result result;
    bool ran;
    if (evm->fork >= DAM_FORK_CANCUN && parent_beacon_root != NULL) {
        DAM_TRY(system_call(evm, &beacon_roots, parent_beacon_root, &result, &ran));
    }
    if (evm->fork >= DAM_FORK_PRAGUE) {
        DAM_TRY(system_call(evm, &history, parent_hash, &result, &ran));
    }
    return DAM_OK;
}

static enum dam_err request_call(struct dam_evm *evm, const struct dam_address *to,
                                 struct dam_bytes *ret, enum dam_evm_requests_fault *ret_fault)
{
    struct dam_evm_result result;
    bool ran;
    DAM_TRY(system_call(evm, to, NULL, &result, &ran));
    if (!ran || result.status != DAM_EVM_SUCCESS) {
        *ret_fault = ran ? DAM_EVM_REQUESTS_CALL_FAILED : DAM_EVM_REQUESTS_NO_CONTRACT;
        return DAM_OK;
    }
    const uint8_t *copy = NULL;
    if (result.output.len != 0) {
        copy = dam_arena_copy(&evm->arena, result.output.data, result.output.len);
        if (copy == NULL) {
            return DAM_ENOMEM;
        }
    }
    *ret = dam_bytes(copy, result.output.len);
    return DAM_OK;
}

enum dam_err dam_evm_block_requests(struct dam_evm *evm, struct dam_bytes *ret_withdrawals,
                                    struct dam_bytes *ret_consolidations,
                                    enum dam_evm_requests_fault *ret_fault)
{
    *ret_withdrawals = dam_bytes(NULL, 0);
    *ret_consolidations = dam_bytes(NULL, 0);
    *ret_fault = DAM_EVM_REQUESTS_FINE;
    if (evm->fork < DAM_FORK_PRAGUE) {
        return DAM_OK;
    }
    DAM_TRY(request_call(evm, &dam_evm_withdrawal_requests, ret_withdrawals, ret_fault));
    if (*ret_fault != DAM_EVM_REQUESTS_FINE) {
        return DAM_OK;
    }
    return request_call(evm, &dam_evm_consolidation_requests, ret_consolidations, ret_fault);
}

enum dam_err dam_evm_reward(struct dam_evm *evm, const struct dam_address *address,
                            const struct dam_u256 *amount)
{
    DAM_ASSERT(evm->open);
    if (evm->err != DAM_OK) {
        return evm->err;
    }
    dam_evm_state_tx_start(evm);
    struct dam_evm_record *record = dam_evm_record_get(evm, address);
    if (record == NULL || !dam_evm_balance_add(evm, record, amount)) {
        return evm->err;
    }
    dam_evm_state_tx_finish(evm);
    return evm->err;
}

enum dam_err dam_evm_withdraw(struct dam_evm *evm, const struct dam_address *address,
                              uint64_t amount_gwei)
{
    const struct dam_u256 gwei = dam_u256_from_u64(1000000000);
    struct dam_u256 amount = dam_u256_from_u64(amount_gwei);
    dam_u256_mul(&amount, &amount, &gwei);
    return dam_evm_reward(evm, address, &amount);
}

struct dam_u256 dam_evm_block_reward(enum dam_fork fork)
{
    const uint64_t ether = 1000000000000000000u;
    if (fork >= DAM_FORK_PARIS) {
        return dam_u256_from_u64(0);
    }
    if (fork >= DAM_FORK_CONSTANTINOPLE) { /* EIP-1234 */
        return dam_u256_from_u64(2 * ether);
    }
    return dam_u256_from_u64((fork >= DAM_FORK_BYZANTIUM ? 3 : 5) * ether); /* EIP-649 */
}
