// SPDX-License-Identifier: Apache-2.0
#include "ledger/genesis.h"

#include "base/assert.h"
#include "base/hex.h"
#include "core/eth/hd.h"
#include "ledger/predeploys.h"

_Static_assert(sizeof(DAM_DEV_MNEMONIC) == sizeof(DAM_HD_DEV_MNEMONIC), "one customary mnemonic");

/* ---- the rules of a genesis.json ------------------------------------------------------------- */

static const struct {
    const char *key;
    enum dam_fork fork;
} block_keys[] = {
    {"homesteadBlock", DAM_FORK_HOMESTEAD},
    {"eip150Block", DAM_FORK_TANGERINE_WHISTLE},
    {"eip158Block", DAM_FORK_SPURIOUS_DRAGON},
    {"byzantiumBlock", DAM_FORK_BYZANTIUM},
    {"constantinopleBlock", DAM_FORK_CONSTANTINOPLE},
    {"petersburgBlock", DAM_FORK_PETERSBURG},
    {"istanbulBlock", DAM_FORK_ISTANBUL},
    {"berlinBlock", DAM_FORK_BERLIN},
    {"londonBlock", DAM_FORK_LONDON},
    {"mergeNetsplitBlock", DAM_FORK_PARIS},
};

static const struct {
    const char *key;
    const char *schedule; /* its entry in blobSchedule */
    enum dam_fork fork;   /* 0: blob parameters only */
} time_keys[] = {
    {"shanghaiTime", "shanghai", DAM_FORK_SHANGHAI},
    {"cancunTime", "cancun", DAM_FORK_CANCUN},
    {"pragueTime", "prague", DAM_FORK_PRAGUE},
    {"osakaTime", "osaka", DAM_FORK_OSAKA},
    {"bpo1Time", "bpo1", 0},
    {"bpo2Time", "bpo2", 0},
    {"bpo3Time", "bpo3", 0},
    {"bpo4Time", "bpo4", 0},
    {"bpo5Time", "bpo5", 0},
};

static enum dam_err number_at(const struct dam_json *object, const char *key, uint64_t *ret)
{
    const struct dam_json *value = dam_json_get(object, key);
    struct dam_u256 number;
    if (dam_json_is_null(value)) {
        return DAM_ENOTFOUND;
    }
    DAM_TRY(dam_json_any_u256(value, &number));
    return dam_u256_to_u64(&number, ret) ? DAM_OK : DAM_ERANGE;
}

static enum dam_err read_blob(const struct dam_json *schedule, const char *name,
                              struct dam_blob_params *ret)
{
    const struct dam_json *entry = dam_json_get(schedule, name);
    uint64_t target;
    uint64_t max;
    if (entry == NULL) {
        return DAM_ENOTFOUND;
    }
    if (number_at(entry, "target", &target) != DAM_OK || target > UINT32_MAX ||
        number_at(entry, "max", &max) != DAM_OK || max > UINT32_MAX ||
        number_at(entry, "baseFeeUpdateFraction", &ret->base_fee_update_fraction) != DAM_OK ||
        ret->base_fee_update_fraction == 0) {
        return DAM_EPARSE;
    }
    ret->target = (uint32_t)target;
    ret->max = (uint32_t)max;
    return DAM_OK;
}

static enum dam_err read_times(const struct dam_json *config, struct dam_chain_config *ret,
                               const char **ret_where)
{
    const struct dam_json *schedule = dam_json_get(config, "blobSchedule");
    for (size_t i = 0; i < DAM_COUNT_OF(time_keys); i++) {
        uint64_t time;
        struct dam_blob_params blob = {0};
        *ret_where = time_keys[i].key;
        enum dam_err err = number_at(config, time_keys[i].key, &time);
        if (err == DAM_ENOTFOUND) {
            continue;
        }
        DAM_TRY(err);
        if (time_keys[i].fork != 0) {
            ret->fork_time[time_keys[i].fork] = time;
        }
        err = read_blob(schedule, time_keys[i].schedule, &blob);
        if (err == DAM_OK) {
            blob.time = time;
            if (ret->blob_count == DAM_BLOB_SCHEDULE_MAX) {
                return DAM_ERANGE;
            }
            /* An entry of the same time overrules the one before it. */
            if (ret->blob_count > 0 && ret->blob[ret->blob_count - 1].time == time) {
                ret->blob_count--;
            }
            ret->blob[ret->blob_count++] = blob;
        } else if (err != DAM_ENOTFOUND) {
            *ret_where = "blobSchedule";
            return err;
        }
    }
    return DAM_OK;
}

static enum dam_err read_dam_part(const struct dam_json *config, struct dam_ledger_chain_rules *ret,
                                  const char **ret_where)
{
    const struct dam_json *dam = dam_json_get(config, "dam");
    ret->free_gas_limit = dam != NULL;
    const struct dam_json *gasless = dam_json_get(dam, "gasless");
    const struct dam_json *min = dam_json_get(dam, "baseFeeMin");
    *ret_where = "dam.gasless";
    if (gasless != NULL) {
        DAM_TRY(dam_json_bool(gasless, &ret->gasless));
    }
    *ret_where = "dam.baseFeeMin";
    return min != NULL ? dam_json_any_u256(min, &ret->base_fee_min) : DAM_OK;
}

enum dam_err dam_genesis_rules(const struct dam_json *genesis, struct dam_ledger_chain_rules *ret,
                               const char **ret_where)
{
    const struct dam_json *config = dam_json_get(genesis, "config");
    struct dam_ledger_chain_rules rules;
    struct dam_chain_config defaults;
    memset(&rules, 0, sizeof(rules));
    *ret_where = "config";
    if (config == NULL || config->type != DAM_JSON_OBJECT) {
        return DAM_EPARSE;
    }
    *ret_where = "chainId";
    DAM_TRY(number_at(config, "chainId", &rules.config.chain_id));
    for (size_t i = 0; i < DAM_COUNT_OF(rules.config.fork_block); i++) {
        rules.config.fork_block[i] = DAM_FORK_NEVER;
    }
    for (size_t i = 0; i < DAM_FORK_COUNT; i++) {
        rules.config.fork_time[i] = DAM_FORK_NEVER;
    }
    rules.config.fork_block[DAM_FORK_FRONTIER] = 0;
    for (size_t i = 0; i < DAM_COUNT_OF(block_keys); i++) {
        *ret_where = block_keys[i].key;
        enum dam_err err =
            number_at(config, block_keys[i].key, &rules.config.fork_block[block_keys[i].fork]);
        if (err != DAM_OK && err != DAM_ENOTFOUND) {
            return err;
        }
    }
    /* A chain that was never anything but proof of stake says so with a total difficulty of 0. */
    uint64_t difficulty;
    if (rules.config.fork_block[DAM_FORK_PARIS] == DAM_FORK_NEVER &&
        number_at(config, "terminalTotalDifficulty", &difficulty) == DAM_OK && difficulty == 0) {
        rules.config.fork_block[DAM_FORK_PARIS] = 0;
    }
    DAM_TRY(read_times(config, &rules.config, ret_where));
    dam_chain_config_init(&defaults, 0, DAM_FORK_DEFAULT);
    rules.config.deposit_contract = defaults.deposit_contract;
    const struct dam_json *deposit = dam_json_get(config, "depositContractAddress");
    *ret_where = "depositContractAddress";
    if (deposit != NULL) {
        DAM_TRY(dam_json_hex_exact(deposit, rules.config.deposit_contract.b, 20));
    }
    DAM_TRY(read_dam_part(config, &rules, ret_where));
    *ret = rules;
    return DAM_OK;
}

/* ---- the built-in genesis -------------------------------------------------------------------- */

const struct dam_address dam_dev_addresses[DAM_DEV_ACCOUNT_COUNT] = {
    {{0xf3, 0x9f, 0xd6, 0xe5, 0x1a, 0xad, 0x88, 0xf6, 0xf4, 0xce,
      0x6a, 0xb8, 0x82, 0x72, 0x79, 0xcf, 0xff, 0xb9, 0x22, 0x66}},
    {{0x70, 0x99, 0x79, 0x70, 0xc5, 0x18, 0x12, 0xdc, 0x3a, 0x01,
      0x0c, 0x7d, 0x01, 0xb5, 0x0e, 0x0d, 0x17, 0xdc, 0x79, 0xc8}},
    {{0x3c, 0x44, 0xcd, 0xdd, 0xb6, 0xa9, 0x00, 0xfa, 0x2b, 0x58,
      0x5d, 0xd2, 0x99, 0xe0, 0x3d, 0x12, 0xfa, 0x42, 0x93, 0xbc}},
    {{0x90, 0xf7, 0x9b, 0xf6, 0xeb, 0x2c, 0x4f, 0x87, 0x03, 0x65,
      0xe7, 0x85, 0x98, 0x2e, 0x1f, 0x10, 0x1e, 0x93, 0xb9, 0x06}},
    {{0x15, 0xd3, 0x4a, 0xaf, 0x54, 0x26, 0x7d, 0xb7, 0xd7, 0xc3,
      0x67, 0x83, 0x9a, 0xaf, 0x71, 0xa0, 0x0a, 0x2c, 0x6a, 0x65}},
    {{0x99, 0x65, 0x50, 0x7d, 0x1a, 0x55, 0xbc, 0xc2, 0x69, 0x5c,
      0x58, 0xba, 0x16, 0xfb, 0x37, 0xd8, 0x19, 0xb0, 0xa4, 0xdc}},
    {{0x97, 0x6e, 0xa7, 0x40, 0x26, 0xe7, 0x26, 0x55, 0x4d, 0xb6,
      0x57, 0xfa, 0x54, 0x76, 0x3a, 0xbd, 0x0c, 0x3a, 0x0a, 0xa9}},
    {{0x14, 0xdc, 0x79, 0x96, 0x4d, 0xa2, 0xc0, 0x8b, 0x23, 0x69,
      0x8b, 0x3d, 0x3c, 0xc7, 0xca, 0x32, 0x19, 0x3d, 0x99, 0x55}},
    {{0x23, 0x61, 0x8e, 0x81, 0xe3, 0xf5, 0xcd, 0xf7, 0xf5, 0x4c,
      0x3d, 0x65, 0xf7, 0xfb, 0xc0, 0xab, 0xf5, 0xb2, 0x1e, 0x8f}},
    {{0xa0, 0xee, 0x7a, 0x14, 0x2d, 0x26, 0x7c, 0x1f, 0x36, 0x71,
      0x4e, 0x4a, 0x8f, 0x75, 0x61, 0x2f, 0x20, 0xa7, 0x97, 0x20}},
};

const uint8_t *dam_dev_secret(size_t index)
{
    static uint8_t secrets[DAM_DEV_ACCOUNT_COUNT][32];
    static bool derived;
    uint8_t seed[64];
    char path[] = "m/44'/60'/0'/0/0";
    DAM_ASSERT(index < DAM_DEV_ACCOUNT_COUNT);
    if (!derived && dam_hd_seed(DAM_DEV_MNEMONIC, "", seed) != DAM_OK) {
        return NULL;
    }
    for (size_t i = 0; i < DAM_DEV_ACCOUNT_COUNT && !derived; i++) {
        path[sizeof(path) - 2] = (char)('0' + i);
        if (dam_hd_derive(seed, sizeof(seed), path, secrets[i]) != DAM_OK) {
            return NULL;
        }
    }
    derived = true;
    return secrets[index];
}

static void put_funded(struct dam_json_writer *w, const struct dam_address *address,
                       const char *balance)
{
    char text[43];
    dam_hex_encode(address->b, sizeof(address->b), text);
    dam_json_put_key(w, text);
    dam_json_put_object(w);
    dam_json_put_key(w, "balance");
    dam_json_put_cstr(w, balance);
    dam_json_put_object_end(w);
}

static void put_config(struct dam_json_writer *w, const struct dam_genesis_choice *choice)
{
    dam_json_put_key(w, "config");
    dam_json_put_object(w);
    dam_json_put_key(w, "chainId");
    dam_json_put_u64(w, choice->chain_id);
    for (size_t i = 0; i < DAM_COUNT_OF(block_keys); i++) {
        dam_json_put_key(w, block_keys[i].key);
        dam_json_put_u64(w, 0);
    }
    static const char *const times[] = {"shanghaiTime", "cancunTime", "pragueTime", "osakaTime"};
    for (size_t i = 0; i < DAM_COUNT_OF(times); i++) {
        dam_json_put_key(w, times[i]);
        dam_json_put_u64(w, 0);
    }
    dam_json_put_key(w, "terminalTotalDifficulty");
    dam_json_put_u64(w, 0);
    static const char blobs[] = "{\"cancun\":{\"target\":3,\"max\":6,"
                                "\"baseFeeUpdateFraction\":3338477},\"prague\":{\"target\":6,"
                                "\"max\":9,\"baseFeeUpdateFraction\":5007716},\"osaka\":"
                                "{\"target\":6,\"max\":9,\"baseFeeUpdateFraction\":5007716}}";
    dam_json_put_key(w, "blobSchedule");
    dam_json_put_raw(w, blobs, sizeof(blobs) - 1);
    dam_json_put_key(w, "dam");
    dam_json_put_object(w);
    dam_json_put_key(w, "gasless");
    dam_json_put_bool(w, choice->gasless);
    dam_json_put_key(w, "baseFeeMin");
    dam_json_put_quantity(w, choice->base_fee_min);
    dam_json_put_object_end(w);
    dam_json_put_object_end(w);
}

void dam_genesis_builtin(const struct dam_genesis_choice *choice, struct dam_buf *buf)
{
    struct dam_json_writer writer = {.buf = buf};
    struct dam_json_writer *w = &writer;
    dam_json_put_object(w);
    put_config(w, choice);
    dam_json_put_key(w, "timestamp");
    dam_json_put_quantity(w, choice->timestamp);
    dam_json_put_key(w, "gasLimit");
    dam_json_put_quantity(w, choice->gas_limit);
    dam_json_put_key(w, "difficulty");
    dam_json_put_cstr(w, "0x0");
    dam_json_put_key(w, "extraData");
    dam_json_put_cstr(w, "0x64616d"); /* "dam" */
    dam_json_put_key(w, "baseFeePerGas");
    dam_json_put_quantity(w, choice->gasless ? 0 : choice->base_fee);
    dam_json_put_key(w, "alloc");
    dam_json_put_object(w);
    for (size_t i = 0; i < DAM_PREDEPLOY_COUNT; i++) {
        dam_json_put_key(w, dam_predeploys[i].address);
        dam_json_put_object(w);
        dam_json_put_key(w, "nonce");
        dam_json_put_cstr(w, "0x1");
        dam_json_put_key(w, "balance");
        dam_json_put_cstr(w, "0x0");
        dam_json_put_key(w, "code");
        dam_buf_put_text(buf, "\"0x");
        dam_buf_put_text(buf, dam_predeploys[i].code);
        dam_buf_put_text(buf, "\"");
        dam_json_put_object_end(w);
    }
    for (size_t i = 0; choice->dev && i < DAM_DEV_ACCOUNT_COUNT; i++) {
        put_funded(w, &dam_dev_addresses[i], "0x21e19e0c9bab2400000"); /* 10,000 ether */
    }
    for (size_t i = 0; i < choice->funded_count; i++) {
        put_funded(w, &choice->funded[i], "0x33b2e3c9fd0803ce8000000"); /* 10^9 ether */
    }
    dam_json_put_object_end(w);
    dam_json_put_object_end(w);
}
