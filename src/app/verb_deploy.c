// SPDX-License-Identifier: Apache-2.0
#include "app/verb_deploy.h"

#include "app/args.h"
#include "app/verb.h"
#include "base/heap.h"
#include "core/eth/address.h"
#include "core/eth/hd.h"
#include "core/eth/keystore.h"
#include "port/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define RPC_TIMEOUT_MS 30000u
#define SETS_MAX 8u
#define WORDS_MAX ((int)(DAM_DEPLOY_SETTINGS_MAX + SETS_MAX))

const char dam_verb_deploy_help[] =
    "usage: dam deploy [SET...] [NAME=VALUE...] [--settings FILE] [--rpc URL[,URL...]]\n"
    "                  [--dev | --keystore FILE --password-file FILE] [--as LABEL]\n"
    "                  [--contracts FILE] [--out DIR] [--dry-run] [--json]\n\n"
    "Makes contracts at deterministic addresses, checks the code of those that are there already,\n"
    "and writes DIR/CHAIN_ID.json (default: deployments/). A run that was interrupted is simply\n"
    "run again; a second run only checks. Without a SET: the shared contracts of a network. A SET\n"
    "makes the shared contracts that it refers to, too:\n\n"
    "  machine            the charter of its rules, its account, and what else is named:\n"
    "                     rules=@FILE id=TOKEN [policy=@FILE] [mind=CONTRACT [mindArgs=JSON]]\n"
    "  community          shares, governor and timelock: name= symbol= revenueToken= holders=\n"
    "                     amounts= governorSetup=\n"
    "  site               oracle, energy market and rewards: token= signers= faulty= treasury=\n"
    "                     judge=\n"
    "  demo               the test token\n\n"
    "  NAME=VALUE         a setting; lists and tables as JSON; @FILE: a file's bytes; @Name: the\n"
    "                     address of another contract. mindArgs='{\"dear\":300}' names what the\n"
    "                     mind's constructor takes; \"%model\" in it is a blob's address, with\n"
    "                     model=@FILE. arbiter is the sender unless told\n"
    "  --settings FILE    settings from a TOML file; NAME=VALUE goes before it\n"
    "  --as LABEL         the name of the set in the result, for the second machine (default: the\n"
    "                     set's name)\n"
    "  --rpc URL          default http://127.0.0.1:8545; ws:// and wss:// do, too; several must "
    "be\n"
    "                     on the same chain\n"
    "  --dev              pay with the first development account; only on chains 1337 and 31337\n"
    "  --keystore FILE    pay with this key (Web3 Secret Storage, version 3)\n"
    "  --contracts FILE   another set than the built-in one (tools/contracts-embed --json)\n"
    "  --dry-run          only look: what would be made, and where\n";

/* Everything one run holds. */
struct deploy {
    struct dam_arena arena;
    struct dam_http_client http;
    struct dam_remote chain;
    struct dam_outbox outbox;
    struct dam_deploy_plan plan;
    struct dam_deploy_settings settings;
    const char *sets[SETS_MAX];
    size_t set_count;
    uint8_t secret[32];
    struct dam_address sender;
    bool has_sender;
    bool json;
};

struct options {
    const char *rpc;
    const char *keystore;
    const char *password_file;
    const char *contracts;
    const char *settings;
    const char *label;
    const char *out;
    bool dev;
    bool dry_run;
};

static int fail(const struct deploy *d, enum dam_err err, const char *what, const char *hint)
{
    if (err == DAM_EREFUSED && d->chain.error.message[0] != '\0') {
        return dam_verb_fail(DAM_EXIT_FAILED, hint, "%s: the node says: %s", what,
                             d->chain.error.message);
    }
    return dam_verb_fail(DAM_EXIT_FAILED, hint, "%s: %s", what, dam_err_text(err));
}

static int chain_open(struct deploy *d, char *urls_text)
{
    const char *urls[DAM_REMOTE_ENDPOINTS_MAX];
    size_t count = 0;
    for (char *at = urls_text; at != NULL && count < DAM_COUNT_OF(urls);) {
        urls[count++] = at;
        at = strchr(at, ',');
        if (at != NULL) {
            *at++ = '\0';
        }
        if (!dam_args_rpc(urls[count - 1])) {
            return DAM_EXIT_USAGE;
        }
    }
    enum dam_err err = dam_http_client_create(&d->http);
    if (err == DAM_OK) {
        err = dam_remote_open(&d->chain, &d->arena, &d->http, urls, count, count, RPC_TIMEOUT_MS);
    }
    if (dam_err_is_no_answer(err)) {
        return dam_verb_fail(DAM_EXIT_TIMEOUT, "is a node listening there? see --rpc", "%s: %s",
                             urls[0], dam_err_text(err));
    }
    return err == DAM_OK ? DAM_EXIT_OK
                         : fail(d, err, urls[0], "--rpc takes URLs, http://HOST:PORT");
}

/* The key's file and the password's are the caller's to protect; both are read once. */
static int keystore_open(struct deploy *d, const struct options *options)
{
    struct dam_bytes text;
    struct dam_bytes password;
    const struct dam_json *json;
    enum dam_err err = dam_deploy_file_read(&d->arena, options->keystore, &text);
    if (err == DAM_OK) {
        err = dam_json_parse(&d->arena, (const char *)text.data, text.len, 0, &json, NULL);
    }
    if (err != DAM_OK) {
        return fail(d, err, options->keystore, "a keystore is a JSON file, as geth makes it");
    }
    if (options->password_file == NULL) {
        return dam_verb_fail(DAM_EXIT_USAGE, "put the password into a file of mode 0600",
                             "--keystore needs --password-file");
    }
    err = dam_deploy_file_read(&d->arena, options->password_file, &password);
    if (err != DAM_OK) {
        return fail(d, err, options->password_file, NULL);
    }
    if (password.len > 0 && password.data[password.len - 1] == '\n') {
        password.len--;
    }
    err =
        dam_keystore_decrypt(&d->arena, json, (const char *)password.data, password.len, d->secret);
    return err == DAM_OK ? DAM_EXIT_OK : fail(d, err, options->keystore, "is the password right?");
}

static int sender_open(struct deploy *d, const struct options *options)
{
    bool is_dev_chain = d->chain.chain_id == 1337 || d->chain.chain_id == 31337;
    if (options->dev) {
        if (!is_dev_chain) {
            return dam_verb_fail(DAM_EXIT_REFUSED, "use --keystore",
                                 "--dev: chain %llu is no development chain",
                                 (unsigned long long)d->chain.chain_id);
        }
        enum dam_err err = dam_hd_account(DAM_HD_DEV_MNEMONIC, 0, d->secret);
        if (err != DAM_OK) {
            return fail(d, err, "--dev", NULL);
        }
    } else if (options->keystore != NULL) {
        int code = keystore_open(d, options);
        if (code != DAM_EXIT_OK) {
            return code;
        }
    } else {
        return DAM_EXIT_OK; /* enough to look */
    }
    enum dam_err err = dam_address_of_secret_key(d->secret, &d->sender);
    d->has_sender = err == DAM_OK;
    return err == DAM_OK ? DAM_EXIT_OK : fail(d, err, "the key", NULL);
}

static enum dam_err tx_sign(void *ctx, const struct dam_hash *id, struct dam_tx *tx,
                            struct dam_arena *arena)
{
    (void)id;
    return dam_tx_sign(tx, ctx, arena);
}

/* Words: sets, and NAME=VALUE; then the file's settings; and the sender as arbiter if nobody else
 * is named. */
static int settings_read(struct deploy *d, const struct options *options, struct dam_args *args)
{
    static char sender_text[DAM_ADDRESS_TEXT_SIZE];
    for (int i = 0; i < args->count; i++) {
        const char *equals = strchr(args->words[i], '=');
        if (equals == NULL && d->set_count < SETS_MAX) {
            d->sets[d->set_count++] = args->words[i];
            continue;
        }
        size_t len = equals == NULL ? 0 : (size_t)(equals - args->words[i]);
        char *name = dam_arena_zalloc(&d->arena, len + 1);
        if (name == NULL || len == 0) {
            return dam_verb_fail(DAM_EXIT_USAGE, "write NAME=VALUE", "'%s' is no setting",
                                 args->words[i]);
        }
        memcpy(name, args->words[i], len);
        enum dam_err err = dam_deploy_setting_add(&d->arena, &d->settings, name, equals + 1);
        if (err != DAM_OK) {
            return fail(d, err, args->words[i], NULL);
        }
    }
    if (options->settings != NULL) {
        int code = dam_deploy_settings_read(&d->arena, &d->settings, options->settings);
        if (code != DAM_EXIT_OK) {
            return code;
        }
    }
    if (d->has_sender) {
        size_t at = d->settings.count;
        dam_address_to_text(&d->sender, sender_text);
        enum dam_err err = dam_deploy_setting_add(&d->arena, &d->settings, "arbiter", sender_text);
        if (err == DAM_OK && d->settings.count > at) {
            d->settings.list[at].is_spare = true;
        }
    }
    return DAM_EXIT_OK;
}

static int plan_read(struct deploy *d, const struct options *options)
{
    struct dam_bytes text = dam_contracts_embedded();
    struct dam_contracts contracts;
    const char *what = "the contracts";
    enum dam_err err = DAM_OK;
    if (options->contracts != NULL) {
        err = dam_deploy_file_read(&d->arena, options->contracts, &text);
        what = options->contracts;
    } else if (text.len == 0) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, "build with -Dcontracts=true, or use --contracts",
                             "this build has no contracts in it");
    }
    if (err == DAM_OK) {
        err = dam_contracts_read(&d->arena, text, &contracts);
    }
    if (err != DAM_OK) {
        return fail(d, err, what, "tools/contracts-embed --json writes such a file");
    }
    err = dam_deploy_plan(&d->arena, &contracts, d->sets, d->set_count, d->settings.list,
                          d->settings.count, &d->plan, &what);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_USAGE,
                             "a setting is given as NAME=VALUE, see dam help deploy", "%s", what);
    }
    for (size_t i = 0; i < d->settings.count; i++) {
        if (d->settings.list[i].is_spare && d->plan.is_used[i]) {
            (void)fprintf(stderr, "arbiter: %s, the sender (another: arbiter=ADDRESS)\n",
                          d->settings.list[i].value);
        }
    }
    return DAM_EXIT_OK;
}

static void progress(void *ctx, const struct dam_deploy_item *item)
{
    const struct dam_deploy_plan *plan = ctx;
    char text[DAM_ADDRESS_TEXT_SIZE];
    dam_address_to_text(&item->address, text);
    (void)fprintf(stderr, "[%td/%zu] %-18s %s %s\n", item - plan->items + 1, plan->count,
                  item->name, text, item->was_there ? "is there" : "is being made");
}

static void summary_print(const struct deploy *d, bool dry_run)
{
    char text[DAM_ADDRESS_TEXT_SIZE];
    for (size_t i = 0; i < d->plan.count; i++) {
        const struct dam_deploy_item *item = &d->plan.items[i];
        dam_address_to_text(&item->address, text);
        (void)printf("%-20s %s %s\n", item->name, text,
                     item->was_there && item->then_missing && dry_run ? "was there, not admitted"
                     : item->was_there                                ? "was there"
                     : dry_run                                        ? "would be made"
                                                                      : "made");
    }
}

/* Can the sender pay for it at all? */
static int funds_check(struct deploy *d)
{
    struct dam_u256 balance;
    struct dam_u256 max_fee;
    struct dam_u256 tip;
    char text[DAM_ADDRESS_TEXT_SIZE];
    enum dam_err err = dam_remote_balance(&d->chain, &d->arena, &d->sender,
                                          dam_remote_at_tag(DAM_REMOTE_LATEST), &balance);
    err = err != DAM_OK ? err : dam_remote_fees(&d->chain, &d->arena, &max_fee, &tip);
    if (err != DAM_OK) {
        return fail(d, err, "the sender's funds", NULL);
    }
    uint64_t gas = dam_deploy_gas_min(&d->plan);
    struct dam_u256 gas_word = dam_u256_from_u64(gas);
    struct dam_u256 need;
    dam_u256_mul(&need, &gas_word, &max_fee); /* no chain has fees at which this wraps */
    if (!dam_u256_lt(&balance, &need)) {
        return DAM_EXIT_OK;
    }
    dam_address_to_text(&d->sender, text);
    return dam_verb_fail(DAM_EXIT_FUNDS, "send coin there, or pay from another key",
                         "%s has too little coin on chain %llu: at least %llu gas at up to %.3f "
                         "gwei will be needed",
                         text, (unsigned long long)d->chain.chain_id, (unsigned long long)gas,
                         (double)max_fee.w[0] / 1e9);
}

/* A folder of its own for each chain, even if two have one id: a test chain begins again. */
static enum dam_err outbox_path(struct deploy *d, const struct options *options, char *path,
                                size_t size)
{
    struct dam_header header;
    struct dam_hash hash;
    DAM_TRY(dam_remote_header(&d->chain, &d->arena, dam_remote_at_number(0), &header, &hash));
    (void)snprintf(path, size, "%s/.outbox-%llu-%02x%02x%02x%02x", options->out,
                   (unsigned long long)d->chain.chain_id, hash.b[0], hash.b[1], hash.b[2],
                   hash.b[3]);
    return DAM_OK;
}

/* Makes what is missing, through an outbox beside the result so that a second run finds it. */
static int make(struct deploy *d, const struct options *options)
{
    char folder[4096];
    const char *what = "";
    struct dam_tx_signer signer = {.address = d->sender, .sign = tx_sign, .ctx = d->secret};
    int code = funds_check(d);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    if (mkdir(options->out, 0755) != 0 && errno != EEXIST) {
        return fail(d, DAM_EIO, options->out, "name a folder with --out");
    }
    enum dam_err err = outbox_path(d, options, folder, sizeof(folder));
    if (err != DAM_OK) {
        return fail(d, err, "the chain's first block", NULL);
    }
    err = dam_outbox_open(&d->outbox, &d->arena, &d->chain, &signer, folder);
    if (err != DAM_OK) {
        return fail(d, err, folder, "is another `dam deploy` running, or for another sender?");
    }
    err = dam_deploy_run(&d->arena, &d->outbox, &d->plan, progress, &d->plan, &what);
    if (err == DAM_EUNSUPPORTED) {
        return dam_verb_fail(DAM_EXIT_FAILED,
                             "ask the chain's operator for the deterministic deployment proxy at "
                             "0x4e59b44847b379578588920cA78FbF26c0B4956C",
                             "this chain has no CREATE2 factory and refuses the transaction that "
                             "makes it: %s",
                             d->chain.error.message);
    }
    return err == DAM_OK ? DAM_EXIT_OK : fail(d, err, what, "run it again to go on");
}

/* Writes DIR/CHAIN_ID.json, and what it says to stdout. */
static int report(struct deploy *d, const struct options *options)
{
    char path[4096];
    struct dam_bytes old = {NULL, 0};
    struct dam_buf buf;
    (void)snprintf(path, sizeof(path), "%s/%llu.json", options->out,
                   (unsigned long long)d->chain.chain_id);
    dam_buf_init_arena(&buf, &d->arena, 0);
    enum dam_err err = dam_deploy_file_read(&d->arena, path, &old);
    if (err == DAM_OK || err == DAM_ENOTFOUND) {
        err = dam_deploy_result_put(&d->arena, &d->chain, &d->plan, options->label, old, &buf);
    }
    if (err != DAM_OK) {
        return fail(d, err, path, "it is not as `dam deploy` left it: move it away");
    }
    if (!options->dry_run) {
        if (mkdir(options->out, 0755) != 0 && errno != EEXIST) {
            return fail(d, DAM_EIO, options->out, "name a folder with --out");
        }
        err = dam_deploy_file_write(path, dam_buf_bytes(&buf));
        if (err != DAM_OK) {
            return fail(d, err, path, "name a folder with --out");
        }
    }
    if (d->json) {
        (void)fwrite(buf.data, 1, buf.len, stdout);
    } else {
        summary_print(d, options->dry_run);
    }
    return DAM_EXIT_OK;
}

static int run(struct deploy *d, const struct options *options, struct dam_args *args)
{
    const char *what = "";
    char *urls = dam_arena_copy(&d->arena, options->rpc, strlen(options->rpc) + 1);
    int code = urls == NULL ? DAM_EXIT_FAILED : chain_open(d, urls);
    code = code != DAM_EXIT_OK ? code : sender_open(d, options);
    code = code != DAM_EXIT_OK ? code : settings_read(d, options, args);
    code = code != DAM_EXIT_OK ? code : plan_read(d, options);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    enum dam_err err = dam_deploy_check(&d->arena, &d->chain, &d->plan, &what);
    if (err != DAM_OK) {
        return fail(d, err, what, "its address holds other code than this binary's");
    }
    bool is_missing = false;
    for (size_t i = 0; i < d->plan.count; i++) {
        is_missing = is_missing || !d->plan.items[i].was_there || d->plan.items[i].then_missing;
    }
    if (is_missing && !options->dry_run) {
        if (!d->has_sender) {
            return dam_verb_fail(DAM_EXIT_USAGE, "see --dev and --keystore",
                                 "contracts are missing and nobody pays for them");
        }
        code = make(d, options);
        if (code != DAM_EXIT_OK) {
            return code;
        }
    }
    return report(d, options);
}

int dam_verb_deploy(int argc, char **argv)
{
    static struct dam_args args;
    struct deploy d = {.outbox = {.folder = -1}};
    struct options options = {.rpc = "http://127.0.0.1:8545", .out = "deployments"};
    const struct dam_arg table[] = {
        {"--rpc", &options.rpc, NULL},
        {"--keystore", &options.keystore, NULL},
        {"--password-file", &options.password_file, NULL},
        {"--contracts", &options.contracts, NULL},
        {"--settings", &options.settings, NULL},
        {"--as", &options.label, NULL},
        {"--out", &options.out, NULL},
        {"--dev", NULL, &options.dev},
        {"--dry-run", NULL, &options.dry_run},
        {"--json", NULL, &d.json},
        {0},
    };
    if (!dam_args_parse(argc, argv, table, WORDS_MAX, &args)) {
        return DAM_EXIT_USAGE;
    }
    dam_arena_init(&d.arena, dam_heap(), 0);
    int code = run(&d, &options, &args);
    explicit_bzero(d.secret, sizeof(d.secret));
    dam_outbox_close(&d.outbox);
    dam_http_client_destroy(&d.http);
    dam_arena_finish(&d.arena);
    return code;
}
