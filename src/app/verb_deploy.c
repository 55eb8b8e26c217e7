// SPDX-License-Identifier: Apache-2.0
#include "app/verb_deploy.h"

#include "app/args.h"
#include "app/verb.h"
#include "base/heap.h"
#include "base/hex.h"
#include "chain/deploy.h"
#include "core/eth/address.h"
#include "core/eth/hd.h"
#include "core/eth/keystore.h"
#include "port/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define RPC_TIMEOUT_MS 30000u
#define FILE_LEN_MAX (64u << 20)

const char dam_verb_deploy_help[] =
    "usage: dam deploy [NAME=VALUE...] [--rpc URL[,URL...]] [--dev | --keystore FILE\n"
    "                  --password-file FILE] [--contracts FILE] [--out DIR] [--dry-run] "
    "[--json]\n\n"
    "Makes the shared contracts of a network at their deterministic addresses, checks the code of\n"
    "those that are there already, and writes DIR/CHAIN_ID.json (default: deployments/). A run "
    "that\n"
    "was interrupted is simply run again; a second run only checks.\n\n"
    "  NAME=VALUE         a setting of contracts/deploy-order.json; arbiter is the sender unless "
    "told\n"
    "  --rpc URL          default http://127.0.0.1:8545; several must be on the same chain\n"
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
    struct dam_deploy_setting settings[DAM_DEPLOY_SETTINGS_MAX];
    size_t setting_count;
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
    const char *out;
    bool dev;
    bool dry_run;
};

static enum dam_err file_read(struct dam_arena *arena, const char *path, struct dam_bytes *ret)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    enum dam_err err = DAM_EIO;
    if (file == NULL) {
        return errno == ENOENT ? DAM_ENOTFOUND : DAM_EIO;
    }
    if (fstat(fileno(file), &info) == 0 && info.st_size < (off_t)FILE_LEN_MAX) {
        size_t len = (size_t)info.st_size;
        uint8_t *data = dam_arena_alloc(arena, len + 1);
        err = data == NULL ? DAM_ENOMEM : fread(data, 1, len, file) == len ? DAM_OK : DAM_EIO;
        *ret = dam_bytes(data, len);
    }
    (void)fclose(file); /* only read */
    return err;
}

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
    }
    enum dam_err err = dam_http_client_create(&d->http);
    if (err == DAM_OK) {
        err = dam_remote_open(&d->chain, &d->arena, &d->http, urls, count, count, RPC_TIMEOUT_MS);
    }
    return err == DAM_OK ? DAM_EXIT_OK
                         : fail(d, err, urls[0], "is a node listening there? see --rpc");
}

/* The key's file and the password's are the caller's to protect; both are read once. */
static int keystore_open(struct deploy *d, const struct options *options)
{
    struct dam_bytes text;
    struct dam_bytes password;
    const struct dam_json *json;
    enum dam_err err = file_read(&d->arena, options->keystore, &text);
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
    err = file_read(&d->arena, options->password_file, &password);
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

static enum dam_err tx_sign(void *ctx, struct dam_tx *tx, struct dam_arena *arena)
{
    return dam_tx_sign(tx, ctx, arena);
}

/* NAME=VALUE words; and the sender as arbiter if nobody else is named. */
static int settings_read(struct deploy *d, struct dam_args *args)
{
    static char sender_text[DAM_ADDRESS_TEXT_SIZE];
    bool has_arbiter = false;
    for (int i = 0; i < args->count; i++) {
        const char *equals = strchr(args->words[i], '=');
        if (equals == NULL || d->setting_count == DAM_DEPLOY_SETTINGS_MAX - 1) {
            return dam_verb_fail(DAM_EXIT_USAGE, "write NAME=VALUE", "'%s' is no setting",
                                 args->words[i]);
        }
        size_t len = (size_t)(equals - args->words[i]);
        char *name = dam_arena_alloc(&d->arena, len + 1);
        if (name == NULL) {
            return fail(d, DAM_ENOMEM, "settings", NULL);
        }
        memcpy(name, args->words[i], len);
        name[len] = '\0';
        has_arbiter = has_arbiter || strcmp(name, "arbiter") == 0;
        d->settings[d->setting_count++] = (struct dam_deploy_setting){name, equals + 1};
    }
    if (!has_arbiter && d->has_sender) {
        dam_address_to_text(&d->sender, sender_text);
        d->settings[d->setting_count++] = (struct dam_deploy_setting){"arbiter", sender_text};
        (void)fprintf(stderr, "arbiter: %s, the sender (another: arbiter=ADDRESS)\n", sender_text);
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
        err = file_read(&d->arena, options->contracts, &text);
        what = options->contracts;
    } else if (text.len == 0) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, "build with -Dcontracts=true, or use --contracts",
                             "this build has no contracts in it");
    }
    if (err == DAM_OK) {
        err = dam_contracts_read(&d->arena, text, &contracts);
    }
    if (err == DAM_OK) {
        err =
            dam_deploy_plan(&d->arena, &contracts, d->settings, d->setting_count, &d->plan, &what);
    }
    return err == DAM_OK ? DAM_EXIT_OK
                         : fail(d, err, what, "a setting is given as NAME=VALUE, see --help");
}

static void progress(void *ctx, const struct dam_deploy_item *item)
{
    char text[DAM_ADDRESS_TEXT_SIZE];
    (void)ctx;
    dam_address_to_text(&item->address, text);
    (void)fprintf(stderr, "%-20s %s %s\n", item->name, text,
                  item->was_there ? "is there" : "is being made");
}

static void result_put(const struct deploy *d, struct dam_buf *buf)
{
    struct dam_json_writer w = {.buf = buf};
    char text[DAM_ADDRESS_TEXT_SIZE];
    dam_json_put_object(&w);
    dam_json_put_key(&w, "version");
    dam_json_put_u64(&w, 1);
    dam_json_put_key(&w, "chain_id");
    dam_json_put_u64(&w, d->chain.chain_id);
    dam_json_put_key(&w, "factory");
    dam_address_to_text(&d->plan.factory, text);
    dam_json_put_cstr(&w, text);
    dam_json_put_key(&w, "contracts");
    dam_json_put_object(&w);
    for (size_t i = 0; i < d->plan.count; i++) {
        const struct dam_deploy_item *item = &d->plan.items[i];
        dam_json_put_key(&w, item->name);
        dam_json_put_object(&w);
        dam_json_put_key(&w, "address");
        dam_address_to_text(&item->address, text);
        dam_json_put_cstr(&w, text);
        dam_json_put_key(&w, "code_hash");
        dam_json_put_data(&w, item->code_hash.b, sizeof(item->code_hash.b));
        dam_json_put_object_end(&w);
    }
    dam_json_put_object_end(&w);
    dam_json_put_object_end(&w);
    dam_buf_put_byte(buf, '\n');
}

/* deployments/<chain id>.json, replaced as a whole. */
static enum dam_err result_write(struct deploy *d, const char *folder, struct dam_bytes text)
{
    char path[4096];
    char path_new[4096 + 4];
    if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
        return DAM_EIO;
    }
    (void)snprintf(path, sizeof(path), "%s/%llu.json", folder,
                   (unsigned long long)d->chain.chain_id);
    (void)snprintf(path_new, sizeof(path_new), "%s.new", path);
    FILE *file = fopen(path_new, "wb");
    if (file == NULL) {
        return DAM_EIO;
    }
    bool ok = fwrite(text.data, 1, text.len, file) == text.len;
    ok = fclose(file) == 0 && ok;
    return ok && rename(path_new, path) == 0 ? DAM_OK : DAM_EIO;
}

static void summary_print(const struct deploy *d, bool dry_run)
{
    char text[DAM_ADDRESS_TEXT_SIZE];
    for (size_t i = 0; i < d->plan.count; i++) {
        const struct dam_deploy_item *item = &d->plan.items[i];
        dam_address_to_text(&item->address, text);
        (void)printf("%-20s %s %s\n", item->name, text,
                     item->was_there ? "was there"
                     : dry_run       ? "would be made"
                                     : "made");
    }
}

/* Makes what is missing, through an outbox beside the result so that a second run finds it. */
static int make(struct deploy *d, const struct options *options)
{
    char folder[4096];
    const char *what = "";
    struct dam_tx_signer signer = {d->sender, tx_sign, d->secret};
    (void)snprintf(folder, sizeof(folder), "%s/.outbox-%llu", options->out,
                   (unsigned long long)d->chain.chain_id);
    if (mkdir(options->out, 0755) != 0 && errno != EEXIST) {
        return fail(d, DAM_EIO, options->out, "name a folder with --out");
    }
    enum dam_err err = dam_outbox_open(&d->outbox, &d->arena, &d->chain, &signer, folder);
    if (err != DAM_OK) {
        return fail(d, err, folder, "is another `dam deploy` running, or for another sender?");
    }
    err = dam_deploy_run(&d->arena, &d->outbox, &d->plan, progress, NULL, &what);
    return err == DAM_OK ? DAM_EXIT_OK : fail(d, err, what, "run it again to go on");
}

static int run(struct deploy *d, const struct options *options, struct dam_args *args)
{
    const char *what = "";
    char *urls = dam_arena_copy(&d->arena, options->rpc, strlen(options->rpc) + 1);
    int code = urls == NULL ? DAM_EXIT_FAILED : chain_open(d, urls);
    code = code != DAM_EXIT_OK ? code : sender_open(d, options);
    code = code != DAM_EXIT_OK ? code : settings_read(d, args);
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
        is_missing = is_missing || !d->plan.items[i].was_there;
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
    struct dam_buf buf;
    dam_buf_init_arena(&buf, &d->arena, 0);
    result_put(d, &buf);
    if (!options->dry_run) {
        err = result_write(d, options->out, dam_buf_bytes(&buf));
        if (err != DAM_OK) {
            return fail(d, err, options->out, "name a folder with --out");
        }
    }
    if (d->json) {
        (void)fwrite(buf.data, 1, buf.len, stdout);
    } else {
        summary_print(d, options->dry_run);
    }
    return DAM_EXIT_OK;
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
        {"--out", &options.out, NULL},
        {"--dev", NULL, &options.dev},
        {"--dry-run", NULL, &options.dry_run},
        {"--json", NULL, &d.json},
        {0},
    };
    if (!dam_args_parse(argc, argv, table, (int)DAM_DEPLOY_SETTINGS_MAX - 1, &args)) {
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
