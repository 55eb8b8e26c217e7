// SPDX-License-Identifier: Apache-2.0
/* What differs between forks as numbers: opcodes and prices. Rules that differ are in the code that
 * obeys them. */
#include "core/evm/opcode.h"
#include "core/evm/vm.h"

const char *dam_opcode_name(uint8_t op)
{
    static const char *const names[256] = {
#define X(name, number, fork) [number] = #name,
        DAM_OPCODE_LIST(X)
#undef X
    };
    return names[op];
}

unsigned dam_evm_opcode_since(uint8_t op)
{
    /* One more than the fork, so that the holes of the table are 0. */
    static const uint8_t since[256] = {
#define X(name, number, fork) [number] = DAM_FORK_##fork + 1,
        DAM_OPCODE_LIST(X)
#undef X
    };
    return since[op] == 0 ? DAM_FORK_COUNT : since[op] - 1u;
}

void dam_evm_costs_init(struct dam_evm_costs *costs, enum dam_fork fork, bool all_warm)
{
    *costs = (struct dam_evm_costs){
        .balance = 20, .extcode = 20, .extcodehash = 400, .sload = 50, .call = 40, .exp_byte = 10};
    if (fork >= DAM_FORK_TANGERINE_WHISTLE) { /* EIP-150 */
        costs->balance = 400;
        costs->extcode = 700;
        costs->sload = 200;
        costs->call = 700;
        costs->selfdestruct = 5000;
    }
    if (fork >= DAM_FORK_SPURIOUS_DRAGON) { /* EIP-160 */
        costs->exp_byte = 50;
    }
    if (fork >= DAM_FORK_ISTANBUL) { /* EIP-1884 */
        costs->balance = 700;
        costs->extcodehash = 700;
        costs->sload = 800;
    }
    if (fork >= DAM_FORK_BERLIN) { /* EIP-2929 */
        costs->balance = 100;
        costs->extcode = 100;
        costs->extcodehash = 100;
        costs->sload = 100;
        costs->call = 100;
        costs->cold_account = all_warm ? 0 : 2500;
        costs->cold_slot = all_warm ? 0 : 2000;
    }
}

const struct dam_evm_opcode_set dam_evm_impure_opcodes = {{
    /* 0x00-0x3f */
    1ull << DAM_OP_ADDRESS | 1ull << DAM_OP_BALANCE | 1ull << DAM_OP_ORIGIN |
        1ull << DAM_OP_CALLER | 1ull << DAM_OP_GASPRICE,
    /* 0x40-0x7f */
    1ull << (DAM_OP_BLOCKHASH & 63) | 1ull << (DAM_OP_COINBASE & 63) |
        1ull << (DAM_OP_TIMESTAMP & 63) | 1ull << (DAM_OP_NUMBER & 63) |
        1ull << (DAM_OP_PREVRANDAO & 63) | 1ull << (DAM_OP_GASLIMIT & 63) |
        1ull << (DAM_OP_CHAINID & 63) | 1ull << (DAM_OP_SELFBALANCE & 63) |
        1ull << (DAM_OP_BASEFEE & 63) | 1ull << (DAM_OP_BLOBHASH & 63) |
        1ull << (DAM_OP_BLOBBASEFEE & 63) | 1ull << (DAM_OP_SLOAD & 63) |
        1ull << (DAM_OP_SSTORE & 63) | 1ull << (DAM_OP_TLOAD & 63) | 1ull << (DAM_OP_TSTORE & 63) |
        1ull << (DAM_OP_GAS & 63),
    /* 0x80-0xbf */
    1ull << (DAM_OP_LOG0 & 63) | 1ull << (DAM_OP_LOG1 & 63) | 1ull << (DAM_OP_LOG2 & 63) |
        1ull << (DAM_OP_LOG3 & 63) | 1ull << (DAM_OP_LOG4 & 63),
    /* 0xc0-0xff */
    1ull << (DAM_OP_CREATE & 63) | 1ull << (DAM_OP_CREATE2 & 63) | 1ull << (DAM_OP_CALL & 63) |
        1ull << (DAM_OP_CALLCODE & 63) | 1ull << (DAM_OP_DELEGATECALL & 63) |
        1ull << (DAM_OP_SELFDESTRUCT & 63),
}};
