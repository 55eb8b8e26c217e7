// SPDX-License-Identifier: Apache-2.0
/* dam signer key|token|reset|frame|show: the operator's side of signer/home.h. Each needs the
 * keystore's password, which it reads from a file. */
#include "app/verb_signer.h"

#include "app/args.h"
#include "app/verb.h"
#include "base/heap.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/u256_text.h"
#include "core/eth/address.h"
#include "signer/home.h"
#include "signer/signer.h"

#include <stdio.h>
#include <stdlib.h>

#define PASSWORD_SIZE 1024u
#define POLICY_MAX 65536u
#define SCRYPT_LOG2_N 18u
#define DEFAULT_GAS_LIMIT 2000000u

struct options {
    const char *folder;
    const char *password_file;
    const char *chain_id, *account, *machine, *evidence, *oracle, *approver, *policy;
    const char *max_fee, *fee_per_day, *gas_limit, *may;
    const char *nonce, *relayed_nonce, *size, *root, *time;
    const char *module, *token, *key, *environment;
    bool json;
    bool yes;
};

static int fail(enum dam_err err, const char *what)
{
    switch (err) {
    case DAM_ENOTFOUND:
        return dam_verb_fail(DAM_EXIT_NOT_FOUND,
                             "`dam signer key DIR` makes a key; `dam signer reset` begins a state",
                             "%s: there is no key or no state in this folder", what);
    case DAM_EREFUSED:
        return dam_verb_fail(DAM_EXIT_REFUSED, NULL, "%s: the password is wrong", what);
    case DAM_EEXIST:
        return dam_verb_fail(DAM_EXIT_REFUSED, "a key is never replaced: use another folder",
                             "%s: there is a keystore already", what);
    case DAM_ECONFLICT:
        return dam_verb_fail(DAM_EXIT_REFUSED, "stop the machine first",
                             "%s: a signer is at work in this folder", what);
    default:
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s: %s", what, dam_err_text(err));
    }
}

static bool bad(const char *name, const char *text)
{
    static const char hint[] = "`dam help signer` tells what it takes";
    if (text == NULL) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, hint, "the option %s is missing", name);
    } else {
        (void)dam_verb_fail(DAM_EXIT_USAGE, hint, "%s: '%s' is no value for it", name, text);
    }
    return false;
}

/* What all parts take. Returns: false after telling what is wrong. */
static bool options_read(int argc, char **argv, struct options *ret)
{
    static struct dam_args words;
    struct options *o = ret;
    memset(o, 0, sizeof(*o));
    const struct dam_arg table[] = {{"--password-file", &o->password_file, NULL},
                                    {"--chain-id", &o->chain_id, NULL},
                                    {"--account", &o->account, NULL},
                                    {"--machine", &o->machine, NULL},
                                    {"--evidence", &o->evidence, NULL},
                                    {"--oracle", &o->oracle, NULL},
                                    {"--approver", &o->approver, NULL},
                                    {"--policy", &o->policy, NULL},
                                    {"--max-fee", &o->max_fee, NULL},
                                    {"--fee-per-day", &o->fee_per_day, NULL},
                                    {"--gas-limit", &o->gas_limit, NULL},
                                    {"--may", &o->may, NULL},
                                    {"--nonce", &o->nonce, NULL},
                                    {"--relayed-nonce", &o->relayed_nonce, NULL},
                                    {"--size", &o->size, NULL},
                                    {"--root", &o->root, NULL},
                                    {"--time", &o->time, NULL},
                                    {"--module", &o->module, NULL},
                                    {"--token", &o->token, NULL},
                                    {"--key", &o->key, NULL},
                                    {"--environment", &o->environment, NULL},
                                    {"--json", NULL, &o->json},
                                    {"--yes", NULL, &o->yes},
                                    {0}};
    if (!dam_args_parse(argc, argv, table, 1, &words)) {
        return false;
    }
    if (words.count == 0) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, "`dam help signer` tells what it takes",
                            "dam %s: in which folder?", argv[0]);
        return false;
    }
    o->folder = words.words[0];
    return true;
}

/* Options that may be left out keep what *ret holds. */
static bool read_address(const char *name, const char *text, bool needed, struct dam_address *ret)
{
    if (text == NULL) {
        return needed ? bad(name, text) : true;
    }
    return dam_address_from_text(text, strlen(text), ret) == DAM_OK || bad(name, text);
}

static bool read_hash(const char *name, const char *text, bool needed, struct dam_hash *ret)
{
    if (text == NULL) {
        return needed ? bad(name, text) : true;
    }
    return dam_hex_decode_exact(text, strlen(text), ret->b, 32) == DAM_OK || bad(name, text);
}

static bool read_u64(const char *name, const char *text, uint64_t *ret)
{
    return text == NULL || dam_args_u64(text, ret) || bad(name, text);
}

static bool read_wei(const char *name, const char *text, struct dam_u256 *ret)
{
    if (text == NULL) {
        return bad(name, text);
    }
    return dam_u256_from_dec(text, strlen(text), ret) == DAM_OK || bad(name, text);
}

/* "spend,checkpoint,voucher,report" */
static bool read_permissions(const char *text, uint8_t *ret)
{
    static const char *const names[] = {"spend", "checkpoint", "voucher", "report"};
    *ret = text == NULL ? DAM_SIGNER_MAY_ALL : 0;
    while (text != NULL) {
        size_t len = strcspn(text, ",");
        unsigned found = 0;
        for (unsigned i = 0; i < DAM_COUNT_OF(names); i++) {
            if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0) {
                found = 1u << i;
            }
        }
        if (found == 0) {
            return bad("--may", text);
        }
        *ret |= (uint8_t)found;
        text = text[len] == ',' ? text + len + 1 : NULL;
    }
    return true;
}

static bool password_load(const struct options *o, char text[PASSWORD_SIZE],
                          struct dam_signer_password *ret)
{
    ret->text = text;
    if (o->password_file == NULL) {
        return bad("--password-file", NULL);
    }
    enum dam_err err = dam_signer_password_read(o->password_file, text, PASSWORD_SIZE, &ret->len);
    if (err != DAM_OK) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, "its first line is the password, 1 to 1023 bytes",
                            "the password file %s: %s", o->password_file, dam_err_text(err));
    }
    return err == DAM_OK;
}

static bool policy_store(const struct options *o, struct dam_hash *ret_hash)
{
    static uint8_t blob[POLICY_MAX + 1];
    FILE *file = o->policy == NULL ? NULL : fopen(o->policy, "rb");
    if (file == NULL) {
        return bad("--policy", o->policy);
    }
    size_t len = fread(blob, 1, sizeof(blob), file);
    (void)fclose(file);
    enum dam_err err = len > POLICY_MAX
                           ? DAM_EFULL
                           : dam_signer_home_put_policy(o->folder, dam_bytes(blob, len), ret_hash);
    if (err != DAM_OK) {
        (void)dam_verb_fail(DAM_EXIT_CONFIG, "docs/spec/policy.md is its form", "%s: %s", o->policy,
                            dam_err_text(err));
    }
    return err == DAM_OK;
}

/* The frame that the options describe; its key and version are the caller's. */
static bool pin_read(const struct options *o, struct dam_signer_pin *pin)
{
    pin->gas_limit_max = DEFAULT_GAS_LIMIT;
    pin->account = pin->key;
    return (o->chain_id != NULL || bad("--chain-id", NULL)) &&
           read_u64("--chain-id", o->chain_id, &pin->chain_id) &&
           read_address("--account", o->account, false, &pin->account) &&
           read_hash("--machine", o->machine, true, &pin->machine) &&
           read_address("--evidence", o->evidence, true, &pin->evidence) &&
           read_address("--oracle", o->oracle, false, &pin->oracle) &&
           read_address("--approver", o->approver, false, &pin->approver) &&
           read_wei("--max-fee", o->max_fee, &pin->max_fee) &&
           read_wei("--fee-per-day", o->fee_per_day, &pin->fee_per_day) &&
           ((pin->fee_per_day.w[2] | pin->fee_per_day.w[3]) == 0 ||
            bad("--fee-per-day", o->fee_per_day)) &&
           read_u64("--gas-limit", o->gas_limit, &pin->gas_limit_max) &&
           read_permissions(o->may, &pin->permissions) && policy_store(o, &pin->policy_hash);
}

static int make_key(int argc, char **argv)
{
    struct options o;
    char text[PASSWORD_SIZE];
    char address[DAM_ADDRESS_TEXT_SIZE];
    struct dam_signer_password password;
    struct dam_address key;
    if (!options_read(argc, argv, &o) || !password_load(&o, text, &password)) {
        return DAM_EXIT_USAGE;
    }
    enum dam_err err = dam_signer_home_make_key(o.folder, &password, SCRYPT_LOG2_N, &key);
    explicit_bzero(text, sizeof(text));
    if (err != DAM_OK) {
        return fail(err, o.folder);
    }
    dam_address_to_text(&key, address);
    (void)puts(address);
    return DAM_EXIT_OK;
}

static bool place_text(const char *name, const char *text, char ret[DAM_SIGNER_TOKEN_TEXT_MAX])
{
    if (text == NULL || strlen(text) >= DAM_SIGNER_TOKEN_TEXT_MAX) {
        return bad(name, text);
    }
    memcpy(ret, text, strlen(text) + 1);
    return true;
}

static int token_fail(const struct dam_signer_token_place *place, enum dam_err err)
{
    switch (err) {
    case DAM_ENOTFOUND:
        return dam_verb_fail(
            DAM_EXIT_NOT_FOUND,
            "`pkcs11-tool --module M --list-token-slots` and `--list-objects --login` "
            "show what there is",
            "no module %s, no token '%s' in it, or no key '%s' in that", place->module,
            place->token, place->key);
    case DAM_EREFUSED:
        return dam_verb_fail(DAM_EXIT_REFUSED, "the PIN is the second line of the password's file",
                             "the token '%s' refuses the PIN", place->token);
    case DAM_EUNSUPPORTED:
        return dam_verb_fail(DAM_EXIT_REFUSED,
                             "a key on secp256k1 or P-256 that signs with CKM_ECDSA is wanted",
                             "the key '%s' cannot be used", place->key);
    default:
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s: %s", place->module, dam_err_text(err));
    }
}

/* The key is in hardware: look for it, have it sign once, note its place, seal with a keystore. */
static int use_token(int argc, char **argv)
{
    struct options o;
    char text[PASSWORD_SIZE];
    char address[DAM_ADDRESS_TEXT_SIZE];
    struct dam_signer_token_place place = {0};
    struct dam_signer_token token;
    struct dam_signer_password password;
    struct dam_address seal;
    if (!options_read(argc, argv, &o) ||
        !place_text("--environment", o.environment != NULL ? o.environment : "",
                    place.environment) ||
        !place_text("--module", o.module, place.module) ||
        !place_text("--token", o.token, place.token) || !place_text("--key", o.key, place.key) ||
        (o.password_file == NULL && !bad("--password-file", NULL))) {
        return DAM_EXIT_USAGE;
    }
    enum dam_err err = dam_signer_pin_read(o.password_file, text, sizeof(text));
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_CONFIG, "its second line is the token's PIN", "%s: %s",
                             o.password_file, dam_err_text(err));
    }
    err = dam_signer_token_open(&place, text, &token);
    explicit_bzero(text, sizeof(text));
    if (err != DAM_OK) {
        return token_fail(&place, err);
    }
    place.address = token.address;
    dam_signer_token_close(&token);
    if (!password_load(&o, text, &password)) {
        return DAM_EXIT_USAGE;
    }
    err = dam_signer_home_make_key(o.folder, &password, SCRYPT_LOG2_N, &seal);
    explicit_bzero(text, sizeof(text));
    if (err == DAM_OK || err == DAM_EEXIST) { /* a keystore that is there seals as well */
        err = dam_signer_home_put_token(o.folder, &place);
    }
    if (err != DAM_OK) {
        return fail(err, o.folder);
    }
    dam_address_to_text(&place.address, address);
    (void)puts(address);
    return DAM_EXIT_OK;
}

static int reset(int argc, char **argv)
{
    struct options o;
    char text[PASSWORD_SIZE];
    struct dam_signer_password password;
    struct dam_signer_pin pin = {.version = 1};
    struct dam_signer_checkpoint checkpoint = {0};
    uint64_t nonces[2] = {0, 0};
    if (!options_read(argc, argv, &o)) {
        return DAM_EXIT_USAGE;
    }
    enum dam_err err = dam_signer_home_key(o.folder, &pin.key);
    if (err != DAM_OK) {
        return fail(err, o.folder);
    }
    if (!pin_read(&o, &pin) || !read_u64("--nonce", o.nonce, &nonces[0]) ||
        !read_u64("--relayed-nonce", o.relayed_nonce, &nonces[1]) ||
        !read_u64("--size", o.size, &checkpoint.size) ||
        !read_hash("--root", o.root, checkpoint.size != 0, &checkpoint.root) ||
        !read_u64("--time", o.time, &checkpoint.time)) {
        return DAM_EXIT_USAGE;
    }
    if (!o.yes) {
        return dam_verb_fail(DAM_EXIT_REFUSED,
                             "compare --nonce, --size and --root with the chain, then add --yes",
                             "a wrong reset lets the key sign something twice");
    }
    if (!password_load(&o, text, &password)) {
        return DAM_EXIT_USAGE;
    }
    err = dam_signer_home_reset(o.folder, &password, &pin, nonces, &checkpoint);
    explicit_bzero(text, sizeof(text));
    return err == DAM_OK ? DAM_EXIT_OK : fail(err, o.folder);
}

static int show_state(const struct options *o, const struct dam_signer_state *state)
{
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &buf};
    const struct {
        const char *name;
        const uint8_t *data;
        size_t len;
    } bytes[] = {{"key", state->pin.key.b, 20},
                 {"account", state->pin.account.b, 20},
                 {"machine", state->pin.machine.b, 32},
                 {"evidence", state->pin.evidence.b, 20},
                 {"oracle", state->pin.oracle.b, 20},
                 {"approver", state->pin.approver.b, 20},
                 {"policy", state->pin.policy_hash.b, 32},
                 {"root", state->checkpoint.root.b, 32}};
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"version", state->pin.version},         {"chain_id", state->pin.chain_id},
                   {"gas_limit", state->pin.gas_limit_max}, {"nonce", state->nonce_next[0]},
                   {"relayed_nonce", state->nonce_next[1]}, {"size", state->checkpoint.size},
                   {"time", state->checkpoint.time},        {"records", state->index_next}};
    dam_json_put_object(&w);
    for (size_t i = 0; i < DAM_COUNT_OF(bytes); i++) {
        dam_json_put_key(&w, bytes[i].name);
        dam_json_put_data(&w, bytes[i].data, bytes[i].len);
    }
    for (size_t i = 0; i < DAM_COUNT_OF(numbers); i++) {
        dam_json_put_key(&w, numbers[i].name);
        dam_json_put_u64(&w, numbers[i].value);
    }
    dam_json_put_object_end(&w);
    enum dam_err err = dam_buf_err(&buf);
    if (err == DAM_OK && o->json) {
        (void)printf("%.*s\n", (int)buf.len, (const char *)buf.data);
    } else if (err == DAM_OK) {
        /* One field a line, without the JSON's punctuation. */
        for (size_t i = 1; i + 1 < buf.len; i++) {
            char c = (char)buf.data[i];
            (void)(c == '"' ? 0 : c == ',' ? putchar('\n') : c == ':' ? putchar('\t') : putchar(c));
        }
        (void)putchar('\n');
    }
    dam_buf_finish(&buf);
    return err == DAM_OK ? DAM_EXIT_OK : fail(err, o->folder);
}

static int show(int argc, char **argv)
{
    struct options o;
    char text[PASSWORD_SIZE];
    struct dam_signer_password password;
    struct dam_signer_home home;
    if (!options_read(argc, argv, &o) || !password_load(&o, text, &password)) {
        return DAM_EXIT_USAGE;
    }
    enum dam_err err = dam_signer_home_open(o.folder, &password, &home);
    explicit_bzero(text, sizeof(text));
    if (err != DAM_OK) {
        return fail(err, o.folder);
    }
    int code = show_state(&o, home.state);
    dam_signer_home_close(&home);
    return code;
}

/* A new frame: everything is told again, the version is the next one. */
static int frame(int argc, char **argv)
{
    struct options o;
    char text[PASSWORD_SIZE];
    struct dam_signer_password password;
    struct dam_signer_pin before = {0};
    struct dam_signer_pin pin = {0};
    if (!options_read(argc, argv, &o) || !password_load(&o, text, &password)) {
        return DAM_EXIT_USAGE;
    }
    enum dam_err err = dam_signer_home_pin(o.folder, &password, &before);
    pin.key = before.key;
    pin.version = before.version + 1;
    int code = DAM_EXIT_USAGE;
    if (err == DAM_OK && pin_read(&o, &pin)) {
        err = dam_signer_home_set_pin(o.folder, &password, &pin);
        code = DAM_EXIT_OK;
    }
    explicit_bzero(text, sizeof(text));
    return err == DAM_OK ? code : fail(err, o.folder);
}

int dam_verb_signer(int argc, char **argv)
{
    static const struct dam_verb_part parts[] = {
        {"signer key", make_key}, {"signer token", use_token}, {"signer reset", reset},
        {"signer frame", frame},  {"signer show", show},       {0}};
    return dam_verb_part(argc, argv, parts);
}

int dam_verb_signer_process(int argc, char **argv)
{
    return dam_signer_process_main(argc, argv);
}
