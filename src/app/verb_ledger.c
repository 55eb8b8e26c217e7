// SPDX-License-Identifier: Apache-2.0
#include "app/verb_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "app/verb.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/eth/address.h"
#include "ledger/genesis.h"
#include "ledger/ledger.h"
#include "port/http_server.h"

#define CHAIN_ID_DEV 31337u /* what tools take for a development chain */
#define CHAIN_ID_SITE 32600u
#define GAS_LIMIT_DEFAULT 200000000u
#define BASE_FEE_FIRST 1000000000u
#define FUNDED_MAX 64u
#define GENESIS_LEN_MAX ((size_t)1 << 30)

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
    "  --history N|all        blocks whose bodies and states are kept (default all)\n"
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

struct ledger_args {
    struct dam_ledger_options options;
    struct dam_genesis_choice genesis;
    const char *data;
    const char *genesis_file;
    const char *ipc;
    const char *cors;
    char host[DAM_HTTP_HOST_SIZE];
    uint16_t port;
    bool new_chain_options; /* something was said about the genesis */
    struct dam_address funded[FUNDED_MAX];
};

struct running {
    uv_loop_t loop;
    struct dam_ledger *ledger;
    uv_signal_t signals[2];
    char temp[64];
};

/* ---- arguments ------------------------------------------------------------------------------- */

static bool read_u64(const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    *ret = value;
    return errno == 0 && end != text && *end == '\0' && text[0] != '-';
}

static bool read_size(const char *text, size_t *ret)
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
    return *ret >> shift == value && value > 0;
}

static bool read_seconds(const char *text, uint64_t *ret_ms)
{
    char *end;
    double seconds = strtod(text, &end);
    bool good = end != text && *end == '\0' && seconds >= 0.001 && seconds < 1e6;
    *ret_ms = good ? (uint64_t)(seconds * 1000) : 0;
    return good;
}

static bool read_address(const char *text, struct dam_address *ret)
{
    return dam_address_from_text(text, strlen(text), ret) == DAM_OK;
}

/* One option with a value. Returns: false if the value is bad. */
static bool read_option(struct ledger_args *args, const char *name, const char *value, bool *known)
{
    struct dam_genesis_choice *genesis = &args->genesis;
    uint64_t number;
    *known = true;
    if (strcmp(name, "--data") == 0) {
        args->data = value;
    } else if (strcmp(name, "--rpc") == 0) {
        return dam_http_address_read(value, args->host, &args->port);
    } else if (strcmp(name, "--ipc") == 0) {
        args->ipc = value;
    } else if (strcmp(name, "--cors") == 0) {
        args->cors = value;
    } else if (strcmp(name, "--block-time") == 0) {
        return read_seconds(value, &args->options.block_interval_ms);
    } else if (strcmp(name, "--call-timeout") == 0) {
        return read_seconds(value, &args->options.call_time_max_ms);
    } else if (strcmp(name, "--history") == 0) {
        return strcmp(value, "all") == 0 ||
               (read_u64(value, &args->options.history) && args->options.history > 0);
    } else if (strcmp(name, "--max-size") == 0) {
        return read_size(value, &args->options.store_len_max);
    } else if (strcmp(name, "--coinbase") == 0) {
        return read_address(value, &args->options.coinbase);
    } else if (strcmp(name, "--gas-limit") == 0) {
        args->options.gas_limit = 0;
        return read_u64(value, &genesis->gas_limit) && genesis->gas_limit >= 21000 &&
               (args->options.gas_limit = genesis->gas_limit) > 0;
    } else if (strcmp(name, "--genesis") == 0) {
        args->genesis_file = value;
        args->new_chain_options = true;
    } else if (strcmp(name, "--chain-id") == 0) {
        args->new_chain_options = true;
        return read_u64(value, &genesis->chain_id) && genesis->chain_id > 0;
    } else if (strcmp(name, "--fund") == 0) {
        args->new_chain_options = true;
        return genesis->funded_count < FUNDED_MAX &&
               read_address(value, &args->funded[genesis->funded_count++]);
    } else if (strcmp(name, "--base-fee") == 0) {
        args->new_chain_options = true;
        return read_u64(value, &genesis->base_fee);
    } else if (strcmp(name, "--base-fee-min") == 0) {
        args->new_chain_options = true;
        return read_u64(value, &number) && (genesis->base_fee_min = number, true);
    } else {
        *known = false;
    }
    return true;
}

static int read_args(int argc, char **argv, struct ledger_args *args)
{
    static const char hint[] = "`dam help ledger` lists the options";
    for (int i = 1; i < argc; i++) {
        bool known;
        if (strcmp(argv[i], "--dev") == 0) {
            args->options.dev = args->genesis.dev = true;
            continue;
        }
        if (strcmp(argv[i], "--gasless") == 0) {
            args->genesis.gasless = args->new_chain_options = true;
            continue;
        }
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        bool good = read_option(args, argv[i], value, &known);
        if (!known && argv[i][0] != '-') {
            return dam_verb_fail(DAM_EXIT_USAGE, hint,
                                 "dam ledger: '%s' is none of import, export, check, stats, "
                                 "rollback",
                                 argv[i]);
        }
        if (!known) {
            return dam_verb_fail(DAM_EXIT_USAGE, hint, "dam ledger: unknown option '%s'", argv[i]);
        }
        if (i + 1 >= argc) {
            return dam_verb_fail(DAM_EXIT_USAGE, hint, "dam ledger: %s needs a value", argv[i]);
        }
        if (!good) {
            return dam_verb_fail(DAM_EXIT_USAGE, hint, "dam ledger: %s: bad value '%s'", argv[i],
                                 value);
        }
        i++;
    }
    if (args->genesis.chain_id == 0) {
        args->genesis.chain_id = args->options.dev ? CHAIN_ID_DEV : CHAIN_ID_SITE;
    }
    return DAM_EXIT_OK;
}

/* ---- genesis and folder ---------------------------------------------------------------------- */

static int read_file(const char *path, struct dam_buf *buf)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return dam_verb_fail(DAM_EXIT_CONFIG, "give --genesis the path of a genesis.json", "%s: %s",
                             path, strerror(errno));
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
    return failed ? dam_verb_fail(DAM_EXIT_CONFIG, NULL, "%s: cannot be read whole", path)
                  : DAM_EXIT_OK;
}

static bool is_new(const char *dir)
{
    char path[4200];
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s/ledger.mdb", dir);
    return stat(path, &info) != 0;
}

static int choose_genesis(struct ledger_args *args, struct dam_buf *buf)
{
    if (args->genesis_file != NULL) {
        int code = read_file(args->genesis_file, buf);
        if (code != DAM_EXIT_OK) {
            return code;
        }
    } else if (args->new_chain_options && !is_new(args->data)) {
        return dam_verb_fail(DAM_EXIT_CONFIG, "leave them out, or choose another --data",
                             "%s holds a ledger already: --chain-id, --fund, --base-fee*, "
                             "--gasless are for a new one",
                             args->data);
    } else {
        args->genesis.funded = args->funded;
        args->options.genesis_is_default = true;
        dam_genesis_builtin(&args->genesis, buf);
    }
    args->options.genesis = (const char *)buf->data;
    args->options.genesis_len = buf->len;
    return DAM_EXIT_OK;
}

static void remove_temp(const char *dir)
{
    static const char *const names[] = {"ledger.mdb", "ledger.mdb-lock", "ledger.lock"};
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

static void print_banner(const struct ledger_args *args, const struct running *run, uint16_t port)
{
    const struct dam_ledger_chain *chain = dam_ledger_chain(run->ledger);
    char hash[65];
    dam_hex_encode(chain->head.hash.b, 32, hash);
    (void)fprintf(stderr, "chain %" PRIu64 ", block %" PRIu64 " 0x%.16s..., data %s\n",
                  chain->rules.config.chain_id, chain->head.header.number, hash, args->data);
    if (args->options.dev && isatty(STDERR_FILENO) && dam_dev_secret(0) != NULL) {
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
    (void)printf("http://%s%s%s:%u\n", strchr(args->host, ':') != NULL ? "[" : "", args->host,
                 strchr(args->host, ':') != NULL ? "]" : "", port);
    (void)fflush(stdout); /* whoever started us reads the port from here */
}

/* The ways in which it fails that have a better name than the general one. */
static const char *listen_fault(enum dam_err err)
{
    return err == DAM_EEXIST     ? "another program listens there"
           : err == DAM_EPARSE   ? "this machine has no such address"
           : err == DAM_EREFUSED ? "the system does not allow it"
                                 : dam_err_text(err);
}

static int serve(struct ledger_args *args, struct running *run)
{
    uint16_t port = 0;
    const char *cors = args->cors != NULL ? args->cors : args->options.dev ? "*" : NULL;
    enum dam_err err = dam_ledger_serve(run->ledger, args->host, args->port, cors, &port);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, "choose another --rpc HOST:PORT; port 0 picks one",
                             "cannot listen on %s:%u: %s", args->host, args->port,
                             listen_fault(err));
    }
    if (args->ipc != NULL) {
        err = dam_ledger_serve_unix(run->ledger, args->ipc);
    }
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, "choose another --ipc PATH",
                             "cannot listen on %s: %s", args->ipc, listen_fault(err));
    }
    for (int i = 0; i < 2; i++) {
        (void)uv_signal_init(&run->loop, &run->signals[i]); /* these cannot fail */
        (void)uv_signal_start(&run->signals[i], on_signal, i == 0 ? SIGINT : SIGTERM);
    }
    print_banner(args, run, port);
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

static int run_ledger(struct ledger_args *args)
{
    struct running run = {0};
    struct dam_store_fault fault;
    struct dam_buf genesis;
    dam_buf_init(&genesis, dam_heap(), GENESIS_LEN_MAX);
    if (args->data == NULL && args->options.dev) {
        const char *tmp = getenv("TMPDIR");
        (void)snprintf(run.temp, sizeof(run.temp), "%.40s/dam-ledger-XXXXXX",
                       tmp != NULL ? tmp : "/tmp");
        if (mkdtemp(run.temp) == NULL) {
            return dam_verb_fail(DAM_EXIT_FAILED, "set TMPDIR, or give --data", "%s: %s", run.temp,
                                 strerror(errno));
        }
        args->data = run.temp;
    }
    args->data = args->data != NULL ? args->data : "ledger";
    args->options.data_dir = args->data;
    int code = choose_genesis(args, &genesis);
    (void)uv_loop_init(&run.loop);
    if (code == DAM_EXIT_OK) {
        enum dam_err err = dam_ledger_open(&run.loop, &args->options, &run.ledger, &fault);
        if (err != DAM_OK) {
            code = dam_verb_fail(err == DAM_ENOMEM ? DAM_EXIT_FAILED : DAM_EXIT_CONFIG, NULL, "%s",
                                 fault.text);
        }
    }
    dam_buf_finish(&genesis);
    if (code == DAM_EXIT_OK) {
        code = serve(args, &run);
    }
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
    struct ledger_args args = {
        .genesis = {.gas_limit = GAS_LIMIT_DEFAULT, .base_fee = BASE_FEE_FIRST},
        .host = "127.0.0.1",
        .port = 8545,
    };
    bool is_tool;
    int code = dam_verb_ledger_tool(argc, argv, &is_tool);
    if (is_tool) {
        return code;
    }
    code = read_args(argc, argv, &args);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a client that goes away is seen by its write */
    raise_file_limit();
    return run_ledger(&args);
}
