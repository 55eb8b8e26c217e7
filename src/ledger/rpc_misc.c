// SPDX-License-Identifier: Apache-2.0
/* net_*, web3_*, rpc_*, and what the ledger says of itself. */
#include <inttypes.h>
#include <stdio.h>

#include "core/crypto/keccak.h"
#include "ledger/rpc.h"

static void web3_clientVersion(struct dam_rpc *rpc)
{
#if defined(__x86_64__)
    dam_json_put_cstr(rpc->w, "dam/v" DAM_VERSION "/linux-x86_64");
#else
    dam_json_put_cstr(rpc->w, "dam/v" DAM_VERSION "/linux");
#endif
}

static void web3_sha3(struct dam_rpc *rpc)
{
    struct dam_bytes data;
    struct dam_hash hash;
    if (dam_rpc_data(rpc, 0, &data)) {
        dam_keccak256(data.data, data.len, &hash);
        dam_rpc_put_hash(rpc->w, &hash);
    }
}

static void net_version(struct dam_rpc *rpc)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, rpc->ledger->chain->rules.config.chain_id);
    dam_json_put_cstr(rpc->w, text);
}

static void net_listening(struct dam_rpc *rpc)
{
    dam_json_put_bool(rpc->w, true);
}

static void net_peerCount(struct dam_rpc *rpc)
{
    dam_json_put_quantity(rpc->w, 0);
}

/* What old tools ask before they do anything. */
static void eth_protocolVersion(struct dam_rpc *rpc)
{
    dam_json_put_quantity(rpc->w, 68);
}

static void eth_mining(struct dam_rpc *rpc)
{
    dam_json_put_bool(rpc->w, false);
}

static void eth_hashrate(struct dam_rpc *rpc)
{
    dam_json_put_quantity(rpc->w, 0);
}

static void rpc_modules(struct dam_rpc *rpc)
{
    static const char *const modules[] = {"debug", "eth", "net", "rpc", "txpool", "web3"};
    dam_json_put_object(rpc->w);
    for (size_t i = 0; i < DAM_COUNT_OF(modules); i++) {
        dam_json_put_key(rpc->w, modules[i]);
        dam_json_put_cstr(rpc->w, "1.0");
    }
    dam_json_put_object_end(rpc->w);
}

const struct dam_rpc_method dam_rpc_misc_methods[] = {
    {"web3_clientVersion", web3_clientVersion, false},
    {"web3_sha3", web3_sha3, false, DAM_RPC_LOOP, 1},
    {"net_version", net_version, false},
    {"eth_protocolVersion", eth_protocolVersion, false},
    {"eth_mining", eth_mining, false},
    {"eth_hashrate", eth_hashrate, false},
    {"net_listening", net_listening, false},
    {"net_peerCount", net_peerCount, false},
    {"rpc_modules", rpc_modules, false},
    {0},
};
