// SPDX-License-Identifier: Apache-2.0
#include "ledger/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/heap.h"
#include "core/eth/address.h"

#define CHAIN_ID_DEV 31337u /* what tools take for a development chain */
#define CHAIN_ID_SITE 32600u
#define GAS_LIMIT_DEFAULT 200000000u
#define BASE_FEE_FIRST 1000000000u
#define PORT_DEFAULT 8545u
#define STORE_LEN_LEAST ((size_t)1 << 20) /* the built-in genesis, and some blocks */
#define GENESIS_LEN_MAX ((size_t)1 << 30)

/* ---- values ---------------------------------------------------------------------------------- */

/* Decimal, or hex behind 0x, as chain ids are often written. */
static bool u64_read(const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    *ret = value;
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static bool size_read(const char *text, size_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    static const char units[] = "KMGT";
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (errno != 0 || end == text || (*end != '\0' && (unit == NULL || end[1] != '\0'))) {
        return false;
    }
    unsigned shift = unit != NULL ? 10 * (unsigned)(unit - units + 1) : 0;
    *ret = (size_t)value << shift;
    return *ret >> shift == value;
}

static bool seconds_read(const char *text, uint64_t *ret_ms)
{
    char *end;
    double seconds = strtod(text, &end);
    bool good =
        end != text && (*end == '\0' || strcmp(end, "s") == 0) && seconds >= 0.001 && seconds < 1e6;
    *ret_ms = good ? (uint64_t)(seconds * 1000) : 0;
    return good;
}

static bool address_read(const char *text, struct dam_address *ret)
{
    return dam_address_from_text(text, strlen(text), ret) == DAM_OK;
}

static bool switch_read(const char *text, bool *ret)
{
    *ret = strcmp(text, "true") == 0;
    return *ret || strcmp(text, "false") == 0;
}

/* ---- options --------------------------------------------------------------------------------- */

static bool read_data(struct dam_ledger_config *c, const char *value)
{
    c->data = value;
    return value[0] != '\0';
}

static bool read_rpc(struct dam_ledger_config *c, const char *value)
{
    return dam_http_address_read(value, c->host, &c->port);
}

static bool read_ipc(struct dam_ledger_config *c, const char *value)
{
    c->ipc = value;
    return true;
}

static bool read_cors(struct dam_ledger_config *c, const char *value)
{
    c->cors = value;
    return true;
}

static bool read_dev(struct dam_ledger_config *c, const char *value)
{
    bool good = switch_read(value, &c->options.dev);
    c->genesis.dev = c->options.dev;
    return good;
}

static bool read_block_time(struct dam_ledger_config *c, const char *value)
{
    return seconds_read(value, &c->options.block_interval_ms);
}

static bool read_call_timeout(struct dam_ledger_config *c, const char *value)
{
    return seconds_read(value, &c->options.call_time_max_ms);
}

static bool read_history(struct dam_ledger_config *c, const char *value)
{
    return strcmp(value, "all") == 0 ||
           (u64_read(value, &c->options.history) && c->options.history > 0);
}

static bool read_max_size(struct dam_ledger_config *c, const char *value)
{
    return size_read(value, &c->options.store_len_max) &&
           c->options.store_len_max >= STORE_LEN_LEAST;
}

static bool read_coinbase(struct dam_ledger_config *c, const char *value)
{
    return address_read(value, &c->options.coinbase);
}

static bool read_gas_limit(struct dam_ledger_config *c, const char *value)
{
    bool good = u64_read(value, &c->genesis.gas_limit) && c->genesis.gas_limit >= 21000;
    c->options.gas_limit = c->genesis.gas_limit;
    return good;
}

static bool read_genesis(struct dam_ledger_config *c, const char *value)
{
    c->genesis_path = value;
    return true;
}

static bool read_chain_id(struct dam_ledger_config *c, const char *value)
{
    return u64_read(value, &c->genesis.chain_id) && c->genesis.chain_id > 0;
}

static bool read_fund(struct dam_ledger_config *c, const char *value)
{
    return c->genesis.funded_count < DAM_LEDGER_FUNDED_MAX &&
           address_read(value, &c->funded[c->genesis.funded_count++]);
}

static bool read_base_fee(struct dam_ledger_config *c, const char *value)
{
    return u64_read(value, &c->genesis.base_fee);
}

static bool read_base_fee_min(struct dam_ledger_config *c, const char *value)
{
    return u64_read(value, &c->genesis.base_fee_min);
}

static bool read_gasless(struct dam_ledger_config *c, const char *value)
{
    return switch_read(value, &c->genesis.gasless);
}

/* name, is it a switch, does only a new ledger take it? what it takes */
#define OPTION_LIST(X)                                                                             \
    X(data, false, false, "a folder")                                                              \
    X(rpc, false, false, "HOST:PORT, as 127.0.0.1:8545")                                           \
    X(ipc, false, false, "a path")                                                                 \
    X(cors, false, false, "an origin, or *")                                                       \
    X(dev, true, false, "true or false")                                                           \
    X(block_time, false, false, "seconds, as 2 or 0.25s")                                          \
    X(call_timeout, false, false, "seconds, as 5 or 0.5s")                                         \
    X(history, false, false, "a number of blocks from 1, or all")                                  \
    X(max_size, false, false, "a size of at least 1M, as 500M or 20G")                             \
    X(coinbase, false, false, "an address")                                                        \
    X(gas_limit, false, false, "a whole number from 21000")                                        \
    X(genesis, false, false, "a file")                                                             \
    X(chain_id, false, true, "a whole number from 1")                                              \
    X(fund, false, true, "an address, 64 times at most")                                           \
    X(base_fee, false, true, "a whole number of wei")                                              \
    X(base_fee_min, false, true, "a whole number of wei")                                          \
    X(gasless, true, true, "true or false")

static const struct option {
    const char *name;
    bool is_switch;
    bool is_about_new;
    const char *wants;
    bool (*read)(struct dam_ledger_config *config, const char *value);
} options[] = {
#define X(name, is_switch, is_about_new, wants)                                                    \
    {#name, is_switch, is_about_new, wants, read_##name},
    OPTION_LIST(X)
#undef X
};

const char *const dam_ledger_config_names[] = {
#define X(name, is_switch, is_about_new, wants) #name,
    OPTION_LIST(X)
#undef X
        NULL};

static bool is_named(const struct option *option, const char *name)
{
    const char *own = option->name;
    while (*own != '\0' && (*own == *name || (*own == '_' && *name == '-'))) {
        own++;
        name++;
    }
    return *own == *name;
}

static const struct option *option_find(const char *name)
{
    for (size_t i = 0; i < DAM_COUNT_OF(options); i++) {
        if (is_named(&options[i], name)) {
            return &options[i];
        }
    }
    return NULL;
}

void dam_ledger_config_init(struct dam_ledger_config *config)
{
    *config = (struct dam_ledger_config){
        .genesis = {.gas_limit = GAS_LIMIT_DEFAULT, .base_fee = BASE_FEE_FIRST},
        .host = "127.0.0.1",
        .port = PORT_DEFAULT,
    };
}

bool dam_ledger_config_is_switch(const char *name)
{
    const struct option *option = option_find(name);
    return option != NULL && option->is_switch;
}

const char *dam_ledger_config_wants(const char *name)
{
    const struct option *option = option_find(name);
    return option != NULL ? option->wants : NULL;
}

enum dam_err dam_ledger_config_set(struct dam_ledger_config *config, const char *name,
                                   const char *value)
{
    const struct option *option = option_find(name);
    if (option == NULL) {
        return DAM_ENOTFOUND;
    }
    config->is_about_new = config->is_about_new || option->is_about_new;
    return option->read(config, value) ? DAM_OK : DAM_EPARSE;
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum dam_err fail(struct dam_store_fault *fault, enum dam_err err, const char *fmt, ...)
    DAM_PRINTF(3, 4);

static enum dam_err fail(struct dam_store_fault *fault, enum dam_err err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(fault->text, sizeof(fault->text), fmt, args);
    va_end(args);
    return err;
}

static enum dam_err file_read(const char *path, struct dam_buf *buf, struct dam_store_fault *fault)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return fail(fault, DAM_ENOTFOUND, "%s: %s; genesis is the path of a genesis.json", path,
                    strerror(errno));
    }
    for (;;) {
        uint8_t *to = dam_buf_reserve(buf, 65536);
        size_t len = to != NULL ? fread(to, 1, 65536, file) : 0;
        buf->len += len;
        if (len == 0) {
            break;
        }
    }
    bool failed = ferror(file) != 0 || dam_buf_err(buf) != DAM_OK;
    (void)fclose(file); /* only read */
    return failed ? fail(fault, DAM_EPARSE, "%s: cannot be read whole", path) : DAM_OK;
}

bool dam_ledger_config_is_new(const char *data_dir)
{
    char path[4200];
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s/ledger.mdb", data_dir);
    return stat(path, &info) != 0;
}

static uint64_t chain_id_of(const struct dam_ledger_config *config)
{
    return config->genesis.chain_id != 0 ? config->genesis.chain_id
           : config->options.dev         ? CHAIN_ID_DEV
                                         : CHAIN_ID_SITE;
}

/* What is there goes on as it began; only what it is called is compared. */
static enum dam_err chain_id_check(const struct dam_ledger_config *config,
                                   struct dam_ledger *ledger, struct dam_store_fault *fault)
{
    uint64_t said = config->genesis.chain_id;
    uint64_t found = dam_ledger_chain(ledger)->rules.config.chain_id;
    return said == 0 || said == found
               ? DAM_OK
               : fail(fault, DAM_ECONFLICT, "%s holds chain %llu, not %llu; choose another folder",
                      config->data, (unsigned long long)found, (unsigned long long)said);
}

enum dam_err dam_ledger_config_open(const struct dam_ledger_config *config, uv_loop_t *loop,
                                    struct dam_ledger **ret, struct dam_store_fault *fault)
{
    struct dam_ledger_options opened = config->options;
    struct dam_genesis_choice choice = config->genesis;
    struct dam_ledger *ledger = NULL;
    enum dam_err err = DAM_OK;
    struct dam_buf genesis;
    dam_buf_init(&genesis, dam_heap(), GENESIS_LEN_MAX);
    if (config->genesis_path != NULL) {
        err = file_read(config->genesis_path, &genesis, fault);
    } else {
        choice.chain_id = chain_id_of(config);
        choice.funded = config->funded;
        opened.genesis_is_default = true;
        dam_genesis_builtin(&choice, &genesis);
    }
    opened.data_dir = config->data;
    opened.genesis = (const char *)genesis.data;
    opened.genesis_len = genesis.len;
    err = err == DAM_OK ? dam_ledger_open(loop, &opened, &ledger, fault) : err;
    dam_buf_finish(&genesis);
    DAM_TRY(err);
    err = chain_id_check(config, ledger, fault);
    if (err != DAM_OK) {
        dam_ledger_close(ledger);
        return err;
    }
    *ret = ledger;
    return DAM_OK;
}

enum dam_err dam_ledger_config_serve(const struct dam_ledger_config *config,
                                     struct dam_ledger *ledger, uint16_t *ret_port,
                                     struct dam_store_fault *fault)
{
    const char *cors = config->cors != NULL ? config->cors : config->options.dev ? "*" : NULL;
    enum dam_err err = dam_ledger_serve(ledger, config->host, config->port, cors, ret_port);
    if (err != DAM_OK) {
        return fail(fault, err, "cannot listen on %s:%u: %s; choose another HOST:PORT as rpc",
                    config->host, config->port, dam_http_listen_text(err));
    }
    err = config->ipc != NULL ? dam_ledger_serve_unix(ledger, config->ipc) : DAM_OK;
    return err == DAM_OK ? DAM_OK
                         : fail(fault, err, "cannot listen on %s: %s; choose another path as ipc",
                                config->ipc, dam_http_listen_text(err));
}

void dam_ledger_config_url(const struct dam_ledger_config *config, uint16_t port,
                           char ret[DAM_LEDGER_URL_SIZE])
{
    bool is_v6 = strchr(config->host, ':') != NULL;
    (void)snprintf(ret, DAM_LEDGER_URL_SIZE, "http://%s%s%s:%u", is_v6 ? "[" : "", config->host,
                   is_v6 ? "]" : "", port);
}
