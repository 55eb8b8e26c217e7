// SPDX-License-Identifier: Apache-2.0
#include "core/evm/fork.h"

/* Mainnet's, EIP-6110. */
static const struct dam_address mainnet_deposit_contract = {
    {0x00, 0x00, 0x00, 0x00, 0x21, 0x9a, 0xb5, 0x40, 0x35, 0x6c,
     0xbb, 0x83, 0x9c, 0xbe, 0x05, 0x30, 0x3d, 0x77, 0x05, 0xfa}};

void dam_chain_config_init(struct dam_chain_config *config, uint64_t chain_id, enum dam_fork fork)
{
    *config = (struct dam_chain_config){.chain_id = chain_id,
                                        .dao_block = DAM_FORK_NEVER,
                                        .deposit_contract = mainnet_deposit_contract};
    for (unsigned i = 0; i < DAM_GLACIER_COUNT; i++) {
        config->glacier_block[i] = DAM_FORK_NEVER;
    }
    for (unsigned i = 0; i <= DAM_FORK_PARIS; i++) {
        config->fork_block[i] = i <= (unsigned)fork ? 0 : DAM_FORK_NEVER;
    }
    for (unsigned i = 0; i < DAM_FORK_COUNT; i++) {
        config->fork_time[i] = i <= (unsigned)fork ? 0 : DAM_FORK_NEVER;
    }
    if (fork >= DAM_FORK_PRAGUE) { /* EIP-7691 */
        config->blob[config->blob_count++] =
            (struct dam_blob_params){.target = 6, .max = 9, .base_fee_update_fraction = 5007716};
    } else if (fork >= DAM_FORK_CANCUN) { /* EIP-4844 */
        config->blob[config->blob_count++] =
            (struct dam_blob_params){.target = 3, .max = 6, .base_fee_update_fraction = 3338477};
    }
}

enum dam_fork dam_chain_config_fork(const struct dam_chain_config *config, uint64_t number,
                                    uint64_t time)
{
    for (unsigned fork = DAM_FORK_COUNT; fork-- > DAM_FORK_SHANGHAI;) {
        if (time >= config->fork_time[fork] && config->fork_time[fork] != DAM_FORK_NEVER &&
            number >= config->fork_block[DAM_FORK_PARIS]) {
            return (enum dam_fork)fork;
        }
    }
    for (unsigned fork = DAM_FORK_PARIS + 1; fork-- > 0;) {
        if (number >= config->fork_block[fork] && config->fork_block[fork] != DAM_FORK_NEVER) {
            return (enum dam_fork)fork;
        }
    }
    return DAM_FORK_FRONTIER;
}

struct dam_blob_params dam_chain_config_blob(const struct dam_chain_config *config, uint64_t time)
{
    struct dam_blob_params params = {0};
    for (size_t i = 0; i < config->blob_count && config->blob[i].time <= time; i++) {
        params = config->blob[i];
    }
    return params;
}

static bool same_letters(const char *a, const char *b)
{
    while (*a != '\0' && (*a | 0x20) == (*b | 0x20)) {
        a++;
        b++;
    }
    return *a == *b;
}

enum dam_err dam_fork_find(const char *name, enum dam_fork *ret)
{
    static const struct {
        const char *name;
        enum dam_fork fork;
    } names[] = {
#define X(constant, number, text) {text, DAM_FORK_##constant},
        DAM_FORK_LIST(X)
#undef X
            {"TangerineWhistle", DAM_FORK_TANGERINE_WHISTLE},
        {"Tangerine", DAM_FORK_TANGERINE_WHISTLE},
        {"SpuriousDragon", DAM_FORK_SPURIOUS_DRAGON},
        {"Spurious", DAM_FORK_SPURIOUS_DRAGON},
        {"Petersburg", DAM_FORK_PETERSBURG},
        {"Merge", DAM_FORK_PARIS},
        {"MuirGlacier", DAM_FORK_ISTANBUL},
        {"ArrowGlacier", DAM_FORK_LONDON},
        {"GrayGlacier", DAM_FORK_LONDON},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (same_letters(name, names[i].name)) {
            *ret = names[i].fork;
            return DAM_OK;
        }
    }
    return DAM_ENOTFOUND;
}
