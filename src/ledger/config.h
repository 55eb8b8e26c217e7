// SPDX-License-Identifier: Apache-2.0
/* How a ledger is run, as people say it: the options of `dam ledger`, and the keys of [ledger] in a
 * dam.toml. One table has their names and how their values are read. */
#ifndef DAM_LEDGER_CONFIG_H
#define DAM_LEDGER_CONFIG_H

#include "ledger/genesis.h"
#include "ledger/ledger.h"
#include "port/http_server.h"

#define DAM_LEDGER_FUNDED_MAX 64u
#define DAM_LEDGER_URL_SIZE (DAM_HTTP_HOST_SIZE + 16u)

/* Texts are borrowed. */
struct dam_ledger_config {
    struct dam_ledger_options options; /* but for data_dir and genesis */
    struct dam_genesis_choice genesis; /* chain_id 0: the customary one */
    const char *data;                  /* folder; NULL: not said */
    const char *genesis_path;          /* NULL: the built-in one */
    const char *ipc;                   /* NULL: no Unix socket */
    const char *cors;                  /* NULL: any with dev, else none */
    char host[DAM_HTTP_HOST_SIZE];
    uint16_t port;
    bool is_about_new; /* something was said that only a new ledger takes */
    struct dam_address funded[DAM_LEDGER_FUNDED_MAX];
};

/** With nothing said. */
void dam_ledger_config_init(struct dam_ledger_config *config);

/* The names, ended by NULL, with '_' between words. */
extern const char *const dam_ledger_config_names[];

/** Is it a switch, of which nobody must say "true"? In: name: as for set. */
bool dam_ledger_config_is_switch(const char *name);

/** What values it takes, in words. Returns: NULL if there is none of this name. In: name: as for
 *  set. */
const char *dam_ledger_config_wants(const char *name);

/** Read one option; `fund` adds one each time. Returns: DAM_OK; DAM_ENOTFOUND if there is none of
 *  this name; DAM_EPARSE if the value is bad. In: name: '-' is as good as '_'; value: as on the
 *  command line; "true" or "false" for a switch. */
DAM_MUST_USE enum dam_err dam_ledger_config_set(struct dam_ledger_config *config, const char *name,
                                                const char *value);

/** Is there no ledger in a folder yet? */
bool dam_ledger_config_is_new(const char *data_dir);

/** Open the ledger. Returns: as dam_ledger_open; DAM_ENOTFOUND for the genesis; DAM_ECONFLICT for
 *  another chain. fault->text says what is wrong. In: config: data is said. */
DAM_MUST_USE enum dam_err dam_ledger_config_open(const struct dam_ledger_config *config,
                                                 uv_loop_t *loop, struct dam_ledger **ret,
                                                 struct dam_store_fault *fault);

/** Listen where it says. Returns: as dam_ledger_serve, with fault->text. */
DAM_MUST_USE enum dam_err dam_ledger_config_serve(const struct dam_ledger_config *config,
                                                  struct dam_ledger *ledger, uint16_t *ret_port,
                                                  struct dam_store_fault *fault);

/** Where its JSON-RPC is. In: port: what dam_ledger_config_serve said. */
void dam_ledger_config_url(const struct dam_ledger_config *config, uint16_t port,
                           char ret[DAM_LEDGER_URL_SIZE]);

#endif
