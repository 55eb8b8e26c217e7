// SPDX-License-Identifier: Apache-2.0
#include "machine/law.h"

#include "base/hex.h"
#include "base/json.h"
#include "core/crypto/keccak.h"
#include "core/eth/address.h"
#include "model/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_LEN_MAX (8u << 20)
#define PATH_LEN 4096u

/* github.com/Arachnid/deterministic-deployment-proxy */
static const struct dam_address proxy = {{0x4e, 0x59, 0xb4, 0x48, 0x47, 0xb3, 0x79,
                                          0x57, 0x85, 0x88, 0x92, 0x0c, 0xa7, 0x8f,
                                          0xbf, 0x26, 0xc0, 0xb4, 0x95, 0x6c}};

struct loader {
    const struct dam_manifest *manifest;
    const struct dam_law_chain *chain;
    struct dam_decider *decider;
    struct dam_manifest_complaint *complaint;
    const char *folder; /* of relative paths */
    const char *what;   /* "mind" or "charter" */
    unsigned line;      /* of the manifest; 0: not from there */
};

static enum dam_err complain(struct loader *l, enum dam_err err, const char *hint, const char *fmt,
                             ...) DAM_PRINTF(4, 5);

static enum dam_err complain(struct loader *l, enum dam_err err, const char *hint, const char *fmt,
                             ...)
{
    va_list args;
    char text[DAM_MANIFEST_COMPLAINT_MAX - 64];
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (l->line == 0) {
        (void)snprintf(l->complaint->text, sizeof(l->complaint->text), "%s: %s", l->what, text);
    } else {
        (void)snprintf(l->complaint->text, sizeof(l->complaint->text), "%s:%u: %s: %s",
                       DAM_MANIFEST_FILE, l->line, l->what, text);
    }
    (void)snprintf(l->complaint->hint, sizeof(l->complaint->hint), "%s", hint == NULL ? "" : hint);
    return err;
}

void dam_law_address(struct dam_bytes init_code, struct dam_address *ret)
{
    static const struct dam_hash salt;
    struct dam_hash hash;
    dam_keccak256(init_code.data, init_code.len, &hash);
    dam_address_create2(&proxy, &salt, &hash, ret);
}

/* ---- files ----------------------------------------------------------------------------------- */

static enum dam_err file_read(struct loader *l, const char *name, struct dam_bytes *ret)
{
    char path[2 * PATH_LEN];
    bool absolute = name[0] == '/';
    int path_len = snprintf(path, sizeof(path), "%s%s%s", absolute ? "" : l->folder,
                            absolute ? "" : "/", name);
    FILE *file = path_len < 0 || (size_t)path_len >= sizeof(path) ? NULL : fopen(path, "rb");
    if (file == NULL) {
        return DAM_ENOTFOUND;
    }
    enum dam_err err = DAM_EIO;
    if (fseek(file, 0, SEEK_END) == 0) {
        long len = ftell(file);
        rewind(file);
        uint8_t *data = len < 0 || len > (long)FILE_LEN_MAX
                            ? NULL
                            : dam_arena_alloc(l->manifest->arena, (size_t)len + 1);
        if (data != NULL && fread(data, 1, (size_t)len, file) == (size_t)len) {
            *ret = dam_bytes(data, (size_t)len);
            err = DAM_OK;
        }
    }
    (void)fclose(file); /* only read from */
    return err;
}

/* A bare name is looked for where contracts are built and installed. */
static enum dam_err artifact_find(struct loader *l, const char *name, struct dam_bytes *ret)
{
    char exe[PATH_LEN];
    char path[2 * PATH_LEN];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    exe[len < 0 ? 0 : len] = 0;
    char *slash = strrchr(exe, '/');
    if (slash != NULL) {
        *slash = 0;
    }
    const char *env = getenv("DAM_CONTRACTS");
    const struct {
        const char *folder;
        const char *below;
    } places[] = {{env == NULL ? "" : env, ""},
                  {l->manifest->folder, "/contracts"},
                  {exe, "/contracts"},
                  {exe, "/../build/contracts"},
                  {exe, "/../../build/contracts"},
                  {exe, "/../share/dam/contracts"},
                  {"/usr/share/dam", "/contracts"}};
    for (size_t i = 0; i < DAM_COUNT_OF(places); i++) {
        (void)snprintf(path, sizeof(path), "%s%s/%s.json", places[i].folder, places[i].below, name);
        struct loader here = *l;
        here.folder = ".";
        if (places[i].folder[0] != 0 && file_read(&here, path, ret) == DAM_OK) {
            return DAM_OK;
        }
    }
    return complain(l, DAM_ENOTFOUND,
                    "`tools/contracts-build` makes build/contracts; DAM_CONTRACTS "
                    "names another folder",
                    "there is no compiled contract named '%s'", name);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* ---- init code ------------------------------------------------------------------------------- */

static void word_put(struct dam_buf *buf, uint64_t value)
{
    uint8_t word[32] = {0};
    dam_store_be64(word + 24, value);
    dam_buf_put(buf, word, sizeof(word));
}

static void address_put(struct dam_buf *buf, const struct dam_address *address)
{
    dam_buf_put_zeros(buf, 12);
    dam_buf_put(buf, address->b, 20);
}

/* The init code of an artifact with the one kind of argument that its constructor may take: none,
 * `address` (a blob) or `address[]` (the slices of a blob). */
static enum dam_err init_code_make(struct loader *l, const char *name, struct dam_bytes text,
                                   const struct dam_address *slices, size_t slice_count,
                                   struct dam_bytes *ret)
{
    const struct dam_json *root = NULL;
    struct dam_bytes code;
    struct dam_buf buf;
    const char *type = "";
    if (dam_json_parse(l->manifest->arena, (const char *)text.data, text.len, 0, &root, NULL) !=
            DAM_OK ||
        dam_json_hex(dam_json_get(root, "bytecode"), l->manifest->arena, &code) != DAM_OK ||
        code.len == 0) {
        return complain(l, DAM_EPARSE, "artifacts are what tools/contracts-build writes",
                        "'%s' is no compiled contract with 'bytecode'", name);
    }
    DAM_JSON_EACH(entry, dam_json_get(root, "abi"))
    {
        const struct dam_json *input = dam_json_at(dam_json_get(entry, "inputs"), 0);
        if (dam_json_is(dam_json_get(entry, "type"), "constructor") && input != NULL &&
            dam_json_string(dam_json_get(input, "type"), l->manifest->arena, &type) != DAM_OK) {
            return complain(l, DAM_EPARSE, NULL, "'%s': its ABI is malformed", name);
        }
    }
    dam_buf_init_arena(&buf, l->manifest->arena, 0);
    dam_buf_put(&buf, code.data, code.len);
    if (strcmp(type, "address") == 0 && slice_count == 1) {
        address_put(&buf, &slices[0]);
    } else if (strcmp(type, "address[]") == 0 && slice_count > 0) {
        word_put(&buf, 32);
        word_put(&buf, slice_count);
        for (size_t i = 0; i < slice_count; i++) {
            address_put(&buf, &slices[i]);
        }
    } else if (type[0] != 0) {
        return complain(l, DAM_EPARSE,
                        "a mind on a model needs 'model'; another one needs a "
                        "constructor without arguments",
                        "'%s': its constructor wants '%s'", name, type);
    }
    *ret = dam_buf_bytes(&buf);
    return dam_buf_err(&buf);
}

/* Data as the code of a contract, behind a STOP byte. `prefix` is the init code before the data. */
static enum dam_err blob_put(struct loader *l, const uint8_t *prefix, size_t prefix_len,
                             struct dam_bytes data, struct dam_address *ret)
{
    struct dam_buf buf;
    dam_buf_init_arena(&buf, l->manifest->arena, 0);
    dam_buf_put(&buf, prefix, prefix_len);
    size_t at = buf.len;
    dam_buf_put_byte(&buf, 0);
    dam_buf_put(&buf, data.data, data.len);
    DAM_TRY(dam_buf_err(&buf));
    dam_law_address(dam_buf_bytes(&buf), ret);
    return dam_decider_put(l->decider, ret, dam_bytes(buf.data + at, buf.len - at));
}

/* docs/spec/rules.md; the init code is that of contracts/src/law/Blob.sol. */
static enum dam_err rules_put(struct loader *l, struct dam_address *ret)
{
    uint8_t *blob = dam_arena_alloc(l->manifest->arena, DAM_FLOW_RULES_LEN_MAX);
    if (blob == NULL) {
        return DAM_ENOMEM;
    }
    size_t len = dam_flow_rules_store(&l->manifest->rules, blob);
    uint8_t prefix[] = {0x61, 0, 0, 0x80, 0x60, 0x0a, 0x3d, 0x39, 0x3d, 0xf3};
    dam_store_be16(prefix + 1, (uint16_t)(len + 1));
    return blob_put(l, prefix, sizeof(prefix), dam_bytes(blob, len), ret);
}

/* docs/spec/model.md section 9. */
static enum dam_err model_put(struct loader *l, const char *file, struct dam_address *slices,
                              size_t *ret_count, struct dam_bytes *ret_blob)
{
    static const uint8_t prefix[] = {0x60, 0x0b, 0x59, 0x81, 0x38, 0x03,
                                     0x80, 0x92, 0x59, 0x39, 0xf3};
    struct dam_bytes blob;
    if (file_read(l, file, &blob) != DAM_OK || dam_model_mind_of(blob)[0] == 0) {
        return complain(l, DAM_EPARSE, "`dam model import` and `dam model make` make them",
                        "'%s' cannot be read or is no model blob", file);
    }
    size_t count = 0;
    for (size_t at = 0; at < blob.len; at += DAM_MODEL_SLICE_LEN) {
        size_t len = blob.len - at < DAM_MODEL_SLICE_LEN ? blob.len - at : DAM_MODEL_SLICE_LEN;
        if (count == DAM_MODEL_SLICES_MAX) {
            return complain(l, DAM_ERANGE, NULL, "the model '%s' is too long", file);
        }
        DAM_TRY(
            blob_put(l, prefix, sizeof(prefix), dam_bytes(blob.data + at, len), &slices[count++]));
    }
    uint8_t directory[DAM_MODEL_DIRECTORY_MAX];
    size_t len = dam_model_directory(slices, count, directory);
    if (len > 0) {
        count = 1;
        DAM_TRY(blob_put(l, prefix, sizeof(prefix), dam_bytes(directory, len), &slices[0]));
    }
    *ret_count = count;
    *ret_blob = blob;
    return DAM_OK;
}

/* ---- one contract ---------------------------------------------------------------------------- */

static enum dam_err raw_put(struct loader *l, const char *file, struct dam_bytes text,
                            const struct dam_address *address)
{
    struct dam_bytes code = text;
    if (ends_with(file, ".hex")) {
        while (text.len > 0 && text.data[text.len - 1] <= ' ') {
            text.len--;
        }
        uint8_t *data = dam_arena_alloc(l->manifest->arena, text.len / 2 + 1);
        size_t len = 0;
        if (data == NULL || dam_hex_decode((const char *)text.data, text.len, data,
                                           text.len / 2 + 1, &len) != DAM_OK) {
            return complain(l, DAM_EPARSE, NULL, "'%s' is not hexadecimal", file);
        }
        code = dam_bytes(data, len);
    }
    return dam_decider_put(l->decider, address, code);
}

static enum dam_err from_chain(struct loader *l, const struct dam_manifest_code *code,
                               const struct dam_address *address)
{
    struct dam_bytes bytes;
    if (l->chain == NULL) {
        return complain(l, DAM_ENOTFOUND, "give 'code' as a file too, or set [chain] url",
                        "the address %s is on a chain, and no chain is connected", code->address);
    }
    if (l->chain->code(l->chain->ctx, address, l->manifest->arena, &bytes) != DAM_OK ||
        bytes.len == 0) {
        return complain(l, DAM_ENOTFOUND, NULL, "there is no code at %s", code->address);
    }
    return dam_decider_put(l->decider, address, bytes);
}

static enum dam_err contract_put(struct loader *l, const struct dam_manifest_code *code,
                                 const char *name, const struct dam_address *slices,
                                 size_t slice_count, struct dam_address *address, bool has_address)
{
    bool bare = strchr(name, '/') == NULL && strchr(name, '.') == NULL;
    struct dam_bytes text;
    struct dam_bytes init;
    if (bare) {
        DAM_TRY(artifact_find(l, name, &text));
    } else if (file_read(l, name, &text) != DAM_OK) {
        return complain(l, DAM_ENOTFOUND, "paths start at the machine's folder",
                        "the file '%s' cannot be read", code->code);
    }
    if (!bare && !ends_with(name, ".json")) {
        if (!ends_with(name, ".hex") && !ends_with(name, ".bin")) {
            return complain(l, DAM_EPARSE,
                            "tools/contracts-build compiles Solidity: name the contract, or its "
                            ".json",
                            "'%s' is no compiled code: .json, .hex or .bin", name);
        }
        if (!has_address) {
            dam_law_address(text, address);
        }
        return raw_put(l, name, text, address);
    }
    DAM_TRY(init_code_make(l, name, text, slices, slice_count, &init));
    if (!has_address) {
        dam_law_address(init, address);
    }
    if (dam_decider_code(l->decider, address).len > 0) {
        return DAM_OK; /* already there: equal init code gives an equal address */
    }
    enum dam_err err = dam_decider_construct(l->decider, address, init);
    return err == DAM_EREFUSED
               ? complain(l, err, "the rules or the model break a rule of their format",
                          "the constructor of '%s' refuses", name)
               : err;
}

static enum dam_err contract_load(struct loader *l, const struct dam_manifest_code *code,
                                  bool is_charter, struct dam_address *ret)
{
    struct dam_address slices[DAM_MODEL_SLICES_MAX];
    struct dam_bytes blob = {0};
    size_t slice_count = 0;
    bool has_address = code->address != NULL;
    const char *name = code->code;
    if (has_address &&
        dam_hex_decode_exact(code->address, strlen(code->address), ret->b, 20) != DAM_OK) {
        return complain(l, DAM_EPARSE, "an address is 0x and 40 hexadecimal digits",
                        "'%s' is no address", code->address);
    }
    if (is_charter) {
        DAM_TRY(rules_put(l, &slices[0]));
        slice_count = 1;
        name = name == NULL && !has_address ? "BoundsCharter" : name;
    } else if (code->model != NULL) {
        DAM_TRY(model_put(l, code->model, slices, &slice_count, &blob));
        name = name == NULL ? dam_model_mind_of(blob) : name;
    }
    if (name == NULL && has_address) {
        return from_chain(l, code, ret);
    }
    if (name == NULL || name[0] == 0) {
        return complain(l, DAM_EPARSE, "[mind] needs 'code', 'model' or 'address'",
                        "nothing says what decides");
    }
    return contract_put(l, code, name, slices, slice_count, ret, has_address);
}

enum dam_err dam_law_load_one(const struct dam_manifest *manifest,
                              const struct dam_law_chain *chain, struct dam_decider *decider,
                              const struct dam_manifest_code *code, bool is_charter,
                              const char *folder, struct dam_address *ret,
                              struct dam_manifest_complaint *ret_complaint)
{
    struct loader l = {manifest,      chain,  decider,
                       ret_complaint, folder, is_charter ? "charter" : "mind",
                       code->line};
    struct dam_address address;
    *ret_complaint = (struct dam_manifest_complaint){0};
    enum dam_err err = contract_load(&l, code, is_charter, &address);
    if (err != DAM_OK && ret_complaint->text[0] == 0) {
        (void)complain(&l, err, NULL, "%s", dam_err_text(err));
    }
    if (err == DAM_OK) {
        *ret = address;
    }
    return err;
}

enum dam_err dam_law_load(const struct dam_manifest *manifest, const struct dam_law_chain *chain,
                          struct dam_decider *decider, struct dam_law *ret,
                          struct dam_manifest_complaint *ret_complaint)
{
    struct dam_law law = {.mind_gas = manifest->mind.gas, .charter_gas = manifest->charter.gas};
    DAM_TRY(dam_law_load_one(manifest, chain, decider, &manifest->mind, false, manifest->folder,
                             &law.mind, ret_complaint));
    DAM_TRY(dam_law_load_one(manifest, chain, decider, &manifest->charter, true, manifest->folder,
                             &law.charter, ret_complaint));
    *ret = law;
    return DAM_OK;
}
