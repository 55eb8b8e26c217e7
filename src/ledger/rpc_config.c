// SPDX-License-Identifier: Apache-2.0
/* eth_config (EIP-7910): which rules stand now, which come next, and which come last. */
#include "core/evm/precompile.h"
#include "ledger/rpc.h"

#include <zlib.h>

#define TIMES_MAX (DAM_FORK_COUNT + DAM_BLOB_SCHEDULE_MAX)

/* Names as the EIP has them, in its order. */
static const struct {
    const char *name;
    uint16_t at;
} precompiles[] = {
    {"BLAKE2F", 0x09},
    {"BLS12_G1ADD", 0x0b},
    {"BLS12_G1MSM", 0x0c},
    {"BLS12_G2ADD", 0x0d},
    {"BLS12_G2MSM", 0x0e},
    {"BLS12_MAP_FP2_TO_G2", 0x11},
    {"BLS12_MAP_FP_TO_G1", 0x10},
    {"BLS12_PAIRING_CHECK", 0x0f},
    {"BN254_ADD", 0x06},
    {"BN254_MUL", 0x07},
    {"BN254_PAIRING", 0x08},
    {"ECREC", 0x01},
    {"ID", 0x04},
    {"KZG_POINT_EVALUATION", 0x0a},
    {"MODEXP", 0x05},
    {"P256VERIFY", 0x100},
    {"RIPEMD160", 0x03},
    {"SHA256", 0x02},
};

static const struct {
    const char *name;
    const char *address; /* NULL: the chain's deposit contract */
    enum dam_fork since;
} contracts[] = {
    {"BEACON_ROOTS_ADDRESS", "0x000f3df6d732807ef1319fb7b8bb8522d0beac02", DAM_FORK_CANCUN},
    {"CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS", "0x0000bbddc7ce488642fb579f8b00f3a590007251",
     DAM_FORK_PRAGUE},
    {"DEPOSIT_CONTRACT_ADDRESS", NULL, DAM_FORK_PRAGUE},
    {"HISTORY_STORAGE_ADDRESS", "0x0000f90827f1c53a10cb7a02335b175320002935", DAM_FORK_PRAGUE},
    {"WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS", "0x00000961ef480eb55e80d19ad83579a64c007002",
     DAM_FORK_PRAGUE},
};

static void add_time(uint64_t *times, size_t *count, uint64_t time)
{
    size_t at = *count;
    for (size_t i = 0; i < *count; i++) {
        if (times[i] == time) {
            return;
        }
    }
    if (time == DAM_FORK_NEVER) {
        return;
    }
    for (; at > 0 && times[at - 1] > time; at--) {
        times[at] = times[at - 1];
    }
    times[at] = time;
    ++*count;
}

/* When the rules change, ascending. */
static size_t collect_times(const struct dam_chain_config *config, uint64_t times[TIMES_MAX])
{
    size_t count = 0;
    for (size_t i = DAM_FORK_SHANGHAI; i < DAM_FORK_COUNT; i++) {
        add_time(times, &count, config->fork_time[i]);
    }
    for (size_t i = 0; i < config->blob_count; i++) {
        add_time(times, &count, config->blob[i].time);
    }
    return count;
}

static uLong crc_of(uLong crc, uint64_t value)
{
    uint8_t bytes[8];
    dam_store_be64(bytes, value);
    return crc32(crc, bytes, sizeof(bytes));
}

/* EIP-2124 with EIP-6122: the genesis hash and every change since, up to and including `until`. */
static uint32_t fork_hash(const struct dam_ledger_chain *chain, uint64_t genesis_time,
                          const uint64_t *times, size_t count, uint64_t until)
{
    const struct dam_chain_config *config = &chain->rules.config;
    uint64_t blocks[DAM_FORK_PARIS + 1];
    size_t block_count = 0;
    uLong crc = crc32(0, chain->genesis_hash.b, sizeof(chain->genesis_hash.b));
    for (size_t i = 0; i <= DAM_FORK_PARIS; i++) {
        add_time(blocks, &block_count, config->fork_block[i]);
    }
    for (size_t i = 0; i < block_count; i++) {
        crc = blocks[i] > 0 ? crc_of(crc, blocks[i]) : crc;
    }
    for (size_t i = 0; i < count; i++) {
        crc = times[i] > genesis_time && times[i] <= until ? crc_of(crc, times[i]) : crc;
    }
    return (uint32_t)crc;
}

static void put_addresses(struct dam_json_writer *w, const struct dam_chain_config *config,
                          enum dam_fork fork)
{
    dam_json_put_key(w, "precompiles");
    dam_json_put_object(w);
    for (size_t i = 0; i < DAM_COUNT_OF(precompiles); i++) {
        struct dam_address address = {{0}};
        address.b[18] = (uint8_t)(precompiles[i].at >> 8);
        address.b[19] = (uint8_t)precompiles[i].at;
        if (dam_precompile_find(&address, fork) != NULL) {
            dam_rpc_put_address_at(w, precompiles[i].name, &address);
        }
    }
    dam_json_put_object_end(w);
    dam_json_put_key(w, "systemContracts");
    dam_json_put_object(w);
    for (size_t i = 0; i < DAM_COUNT_OF(contracts); i++) {
        if (fork < contracts[i].since) {
            continue;
        }
        if (contracts[i].address == NULL) {
            dam_rpc_put_address_at(w, contracts[i].name, &config->deposit_contract);
        } else {
            dam_json_put_key(w, contracts[i].name);
            dam_json_put_cstr(w, contracts[i].address);
        }
    }
    dam_json_put_object_end(w);
}

static void put_config(struct dam_rpc *rpc, uint64_t genesis_time, const uint64_t *times,
                       size_t count, uint64_t time)
{
    const struct dam_ledger_chain *chain = rpc->ledger->chain;
    const struct dam_chain_config *config = &chain->rules.config;
    struct dam_json_writer *w = rpc->w;
    enum dam_fork fork = dam_chain_config_fork(config, chain->head.header.number, time);
    struct dam_blob_params blob = dam_chain_config_blob(config, time);
    uint8_t id[4];
    dam_json_put_object(w);
    dam_json_put_key(w, "activationTime");
    dam_json_put_u64(w, time);
    dam_json_put_key(w, "blobSchedule");
    if (blob.base_fee_update_fraction == 0) {
        dam_json_put_null(w);
    } else {
        dam_json_put_object(w);
        dam_json_put_key(w, "baseFeeUpdateFraction");
        dam_json_put_u64(w, blob.base_fee_update_fraction);
        dam_json_put_key(w, "max");
        dam_json_put_u64(w, blob.max);
        dam_json_put_key(w, "target");
        dam_json_put_u64(w, blob.target);
        dam_json_put_object_end(w);
    }
    dam_json_put_quantity_at(w, "chainId", config->chain_id);
    dam_store_be32(id, fork_hash(chain, genesis_time, times, count, time));
    dam_json_put_data_at(w, "forkId", dam_bytes(id, sizeof(id)));
    put_addresses(w, config, fork);
    dam_json_put_object_end(w);
}

static void eth_config(struct dam_rpc *rpc)
{
    struct dam_ledger_chain *chain = rpc->ledger->chain;
    struct dam_ledger_chain_block genesis;
    uint64_t times[TIMES_MAX];
    size_t count = collect_times(&chain->rules.config, times);
    size_t coming = 0;
    enum dam_err err = dam_ledger_chain_block(dam_ledger_chain_reader(chain), 0, &genesis);
    if (err != DAM_OK) {
        dam_rpc_fail_err(rpc, err);
        return;
    }
    while (coming < count && times[coming] <= chain->head.header.timestamp) {
        coming++;
    }
    uint64_t start = genesis.header.timestamp;
    dam_json_put_object(rpc->w);
    dam_json_put_key(rpc->w, "current");
    put_config(rpc, start, times, count, coming > 0 ? times[coming - 1] : 0);
    dam_json_put_key(rpc->w, "next");
    if (coming < count) {
        put_config(rpc, start, times, count, times[coming]);
    } else {
        dam_json_put_null(rpc->w);
    }
    dam_json_put_key(rpc->w, "last");
    if (coming < count) {
        put_config(rpc, start, times, count, times[count - 1]);
    } else {
        dam_json_put_null(rpc->w);
    }
    dam_json_put_object_end(rpc->w);
}

const struct dam_rpc_method dam_rpc_config_methods[] = {
    {"eth_config", eth_config, false},
    {0},
};
