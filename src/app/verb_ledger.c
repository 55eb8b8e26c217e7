// SPDX-License-Identifier: Apache-2.0
#include "app/verb_ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "app/verb.h"
#include "base/assert.h"
#include "base/hex.h"
#include "base/suggest.h"
#include "core/eth/address.h"
#include "ledger/config.h"

#define OPTIONS_MAX 64u

const char dam_verb_ledger_help[] =
    "usage: dam ledger [OPTION...]                          run it\n"
    "       dam ledger import FILE [--data DIR] [--genesis FILE]  run and keep RLP blocks\n"
    "       dam ledger export FILE [--data DIR] [--to BLOCK]      write them\n"
    "       dam ledger check [--data DIR] [--json]           everything against everything\n"
    "       dam ledger stats [--data DIR] [--json]           records and bytes of each table\n"
    "       dam ledger rollback --to BLOCK [--data DIR]      take the newest blocks back\n"
    "\n"
    "Runs the embedded chain: a durable chain in Ethereum's format with JSON-RPC over HTTP and\n"
    "WebSocket, for every tool that speaks to Ethereum. What it acknowledges is on disk.\n"
    "\n"
    "  --data DIR             where the chain is kept (default ./ledger; with --dev a temporary\n"
    "                         folder that is removed at the end)\n"
    "  --dev                  ten funded accounts of the customary test mnemonic, unlocked, and "
    "the\n"
    "                         anvil_*, hardhat_* and evm_* methods. Never on a network you do not "
    "own\n"
    "  --rpc HOST:PORT        default 127.0.0.1:8545; port 0 picks one and prints it\n"
    "  --ipc PATH             listen on a Unix socket too\n"
    "  --cors ORIGIN          let browsers come from there; '*' for any (default with --dev)\n"
    "  --block-time SECONDS   a block each so many seconds (default: one as soon as there are\n"
    "                         transactions)\n"
    "  --history N|all        blocks whose bodies and states are kept: all (default), or N,\n"
    "                         at least 64\n"
    "  --max-size SIZE        most the store may take on disk, as 500M or 20G\n"
    "  --call-timeout SECONDS most that a call, an estimate, a trace or a query of logs may take\n"
    "                         (default 5)\n"
    "  --coinbase ADDRESS     who gets the fees\n"
    "  --gas-limit N          of new blocks (default 200000000)\n"
    "\n"
    "For a new chain only:\n"
    "  --genesis FILE         a geth-style genesis.json\n"
    "  --chain-id N           default 31337 with --dev, else 32600\n"
    "  --fund ADDRESS         give it 10^9 coins; may be repeated\n"
    "  --base-fee WEI         of the first block (default 1000000000)\n"
    "  --base-fee-min WEI     the base fee never falls below it (default 0)\n"
    "  --gasless              the base fee is zero for ever\n"
    "\n"
    "Exit codes: 0 stopped by a signal, 1 failed, 2 usage, 8 the genesis or the data is refused.\n";

struct running {
    uv_loop_t loop;
    struct dam_ledger *ledger;
    uv_signal_t signals[2];
    char temp[64];
};

/* The table of names writes '_' where the command line has '-'. */
static int unknown(const char *option)
{
    char texts[OPTIONS_MAX][32];
    const char *names[OPTIONS_MAX];
    char hint[DAM_SUGGEST_HINT_SIZE];
    size_t count = 0;
    for (; dam_ledger_config_names[count] != NULL; count++) {
        DAM_ASSERT(count < OPTIONS_MAX);
        (void)snprintf(texts[count], sizeof(texts[count]), "--%s", dam_ledger_config_names[count]);
        for (char *c = texts[count]; *c != 0; c++) {
            *c = (char)(*c == '_' ? '-' : *c);
        }
        names[count] = texts[count];
    }
    return dam_verb_fail(DAM_EXIT_USAGE,
                         dam_suggest_hint(dam_bytes(option, strlen(option)), names, count,
                                          "`dam help ledger` lists the options", hint),
                         "dam ledger has no option '%s'", option);
}

static int read_args(int argc, char **argv, struct dam_ledger_config *config)
{
    static const char hint[] = "`dam help ledger` lists the options";
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            return dam_verb_fail(DAM_EXIT_USAGE, hint, "dam ledger: '%s' is no option", argv[i]);
        }
        const char *name = strncmp(argv[i], "--", 2) == 0 ? argv[i] + 2 : argv[i];
        bool is_switch = dam_ledger_config_is_switch(name);
        const char *value = is_switch ? "true" : i + 1 < argc ? argv[i + 1] : "";
        enum dam_err err = dam_ledger_config_set(config, name, value);
        if (err == DAM_ENOTFOUND) {
            return unknown(argv[i]);
        }
        if (!is_switch && i + 1 >= argc) {
            return dam_verb_fail(DAM_EXIT_USAGE, hint, "dam ledger: %s needs a value", argv[i]);
        }
        if (err != DAM_OK) {
            return dam_verb_fail(DAM_EXIT_USAGE, hint,
                                 "dam ledger: %s: bad value '%s'; it takes %s", argv[i], value,
                                 dam_ledger_config_wants(name));
        }
        i += !is_switch;
    }
    return DAM_EXIT_OK;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static void remove_temp(const char *dir)
{
    static const char *const names[] = {"ledger.mdb", "ledger.mdb-lock", "ledger.lock",
                                        "ledger.journal"};
    char path[128];
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path); /* it is temporary: what stays is the system's to clean */
    }
    (void)rmdir(dir);
}

/* ---- running --------------------------------------------------------------------------------- */

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    uv_stop(handle->loop);
}

static void print_banner(const struct dam_ledger_config *config, const struct running *run,
                         uint16_t port)
{
    const struct dam_ledger_chain *chain = dam_ledger_chain(run->ledger);
    char hash[65];
    dam_hex_encode(chain->head.hash.b, 32, hash);
    (void)fprintf(stderr, "chain %" PRIu64 ", block %" PRIu64 " 0x%.16s..., data %s\n",
                  chain->rules.config.chain_id, chain->head.header.number, hash, config->data);
    if (config->options.dev && !dam_http_is_loopback(config->host)) {
        (void)fputs(
            "warning: with --dev whoever reaches it may send for the test accounts and write "
            "the state\n",
            stderr);
    }
    if (config->options.dev && isatty(STDERR_FILENO) && dam_dev_secret(0) != NULL) {
        (void)fputs("\nDevelopment accounts, 10,000 coins each. Everybody knows these keys:\n",
                    stderr);
        for (size_t i = 0; i < DAM_DEV_ACCOUNT_COUNT; i++) {
            char address[DAM_ADDRESS_TEXT_SIZE];
            char secret[65];
            dam_address_to_text(&dam_dev_addresses[i], address);
            dam_hex_encode(dam_dev_secret(i), 32, secret);
            (void)fprintf(stderr, "  %s  0x%s\n", address, secret);
        }
        (void)fputs("Mnemonic: " DAM_DEV_MNEMONIC "\n\n", stderr);
    }
    char url[DAM_LEDGER_URL_SIZE];
    dam_ledger_config_url(config, port, url);
    (void)puts(url);
    (void)fflush(stdout); /* whoever started us reads the port from here */
}

static int run_until_signal(struct dam_ledger_config *config, struct running *run)
{
    struct dam_store_fault fault = {0};
    uint16_t port = 0;
    enum dam_err err = dam_ledger_config_open(config, &run->loop, &run->ledger, &fault);
    if (err != DAM_OK) {
        return dam_verb_fail(err == DAM_ENOMEM ? DAM_EXIT_FAILED : DAM_EXIT_CONFIG, NULL, "%s",
                             fault.text[0] != '\0' ? fault.text : dam_err_text(err));
    }
    err = dam_ledger_config_serve(config, run->ledger, &port, &fault);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s", fault.text);
    }
    for (int i = 0; i < 2; i++) {
        (void)uv_signal_init(&run->loop, &run->signals[i]); /* these cannot fail */
        (void)uv_signal_start(&run->signals[i], on_signal, i == 0 ? SIGINT : SIGTERM);
    }
    print_banner(config, run, port);
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
    return DAM_EXIT_OK;
}

static void on_walk(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static int run_ledger(struct dam_ledger_config *config)
{
    struct running run = {0};
    if (config->data == NULL && config->options.dev) {
        const char *tmp = getenv("TMPDIR");
        (void)snprintf(run.temp, sizeof(run.temp), "%.40s/dam-ledger-XXXXXX",
                       tmp != NULL ? tmp : "/tmp");
        if (mkdtemp(run.temp) == NULL) {
            return dam_verb_fail(DAM_EXIT_FAILED, "set TMPDIR, or give --data", "%s: %s", run.temp,
                                 strerror(errno));
        }
        config->data = run.temp;
    }
    config->data = config->data != NULL ? config->data : "ledger";
    if (config->genesis_path == NULL && config->is_about_new &&
        !dam_ledger_config_is_new(config->data)) {
        return dam_verb_fail(DAM_EXIT_CONFIG, "leave them out, or choose another --data",
                             "%s holds a ledger already: --chain-id, --fund, --base-fee*, "
                             "--gasless are for a new one",
                             config->data);
    }
    (void)uv_loop_init(&run.loop);
    int code = run_until_signal(config, &run);
    dam_ledger_close(run.ledger);
    for (int i = 0; i < 2; i++) {
        if (run.signals[i].loop != NULL) {
            uv_close((uv_handle_t *)&run.signals[i], NULL);
        }
    }
    (void)uv_run(&run.loop, UV_RUN_DEFAULT);
    uv_walk(&run.loop, on_walk, NULL);
    (void)uv_run(&run.loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&run.loop);
    if (run.temp[0] != '\0') {
        remove_temp(run.temp);
    }
    return code;
}

/* Ten thousand idle clients need as many descriptors. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* fewer clients then, which is told to them */
    }
}

int dam_verb_ledger(int argc, char **argv)
{
    struct dam_ledger_config config;
    if (argc > 1 && argv[1][0] != '-') {
        return dam_verb_ledger_tool(argc, argv);
    }
    dam_ledger_config_init(&config);
    int code = read_args(argc, argv, &config);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a client that goes away is seen by its write */
    raise_file_limit();
    return run_ledger(&config);
}
