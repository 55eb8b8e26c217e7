// SPDX-License-Identifier: Apache-2.0
#include "machine/pin.h"

#include "base/heap.h"
#include "base/json.h"
#include "port/file.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define VERSION 1u
#define FILE_LEN_MAX (8u << 20)
#define PATH_SIZE 4096u
#define TOKEN_SIZE 24u

static enum dam_err path_of(const struct dam_manifest *m, const char *name, char ret[PATH_SIZE])
{
    int len = snprintf(ret, PATH_SIZE, "%s/law%s%s", m->folder, name[0] == 0 ? "" : "/", name);
    return len > 0 && (size_t)len < PATH_SIZE ? DAM_OK : DAM_ERANGE;
}

/* ---- files ----------------------------------------------------------------------------------- */

static enum dam_err file_write(const struct dam_manifest *m, const char *name,
                               struct dam_bytes data)
{
    const struct dam_file_ops *ops = dam_file_system();
    char folder[PATH_SIZE];
    char path[PATH_SIZE];
    char draft[PATH_SIZE];
    int fd = -1;
    DAM_TRY(path_of(m, "", folder));
    DAM_TRY(path_of(m, name, path));
    DAM_TRY(path_of(m, "draft", draft));
    DAM_TRY(ops->make_folder(ops->ctx, folder));
    DAM_TRY(ops->open(ops->ctx, draft, true, &fd));
    enum dam_err err = ops->truncate(ops->ctx, fd, 0);
    err = err == DAM_OK ? ops->write(ops->ctx, fd, 0, data.data, data.len) : err;
    err = err == DAM_OK ? ops->sync(ops->ctx, fd) : err;
    ops->close(ops->ctx, fd);
    DAM_TRY(err);
    return ops->replace(ops->ctx, draft, path, folder);
}

static enum dam_err file_read(const struct dam_manifest *m, const char *name,
                              struct dam_arena *arena, struct dam_bytes *ret)
{
    const struct dam_file_ops *ops = dam_file_system();
    char path[PATH_SIZE];
    uint64_t size = 0;
    size_t len = 0;
    int fd = -1;
    DAM_TRY(path_of(m, name, path));
    DAM_TRY(ops->open(ops->ctx, path, false, &fd));
    enum dam_err err = ops->size(ops->ctx, fd, &size);
    err = err == DAM_OK && size > FILE_LEN_MAX ? DAM_ECORRUPT : err;
    uint8_t *data = err == DAM_OK ? dam_arena_alloc(arena, (size_t)size + 1) : NULL;
    err = err == DAM_OK && data == NULL ? DAM_ENOMEM : err;
    err = err == DAM_OK ? ops->read(ops->ctx, fd, 0, data, (size_t)size, &len) : err;
    ops->close(ops->ctx, fd);
    *ret = dam_bytes(data, len);
    return err;
}

/* ---- one epoch's file ------------------------------------------------------------------------ */

static void put_data(struct dam_json_writer *w, const char *key, const uint8_t *data, size_t len)
{
    dam_json_put_key(w, key);
    dam_json_put_data(w, data, len);
}

/* A decimal text, as in the manifest. */
static const char *token_text(uint64_t token, char text[TOKEN_SIZE])
{
    (void)snprintf(text, TOKEN_SIZE, "%" PRIu64, token);
    return text;
}

static void epoch_write(struct dam_json_writer *w, const struct dam_manifest *m,
                        const struct dam_terms *t, const struct dam_law_codes *codes)
{
    char token[TOKEN_SIZE];
    dam_json_put_object(w);
    dam_json_put_u64_at(w, "version", VERSION);
    dam_json_put_u64_at(w, "chain_id", m->chain_id);
    put_data(w, "constitution", m->chain.constitution.b, 20);
    dam_json_put_key(w, "token");
    dam_json_put_cstr(w, token_text(m->token, token));
    dam_json_put_u64_at(w, "epoch", t->epoch);
    put_data(w, "mind", t->mind.b, 20);
    dam_json_put_u64_at(w, "mind_gas", t->mind_gas);
    put_data(w, "charter", t->charter.b, 20);
    dam_json_put_u64_at(w, "charter_gas", t->charter_gas);
    put_data(w, "guardian", t->guardian.b, 20);
    dam_json_put_u64_at(w, "since", t->since_s);
    dam_json_put_u64_at(w, "notice", t->notice_s);
    put_data(w, "manifest", t->manifest.b, 32);
    dam_json_put_key(w, "codes");
    dam_json_put_array(w);
    for (size_t i = 0; i < codes->count; i++) {
        dam_json_put_object(w);
        put_data(w, "address", codes->list[i].address.b, 20);
        put_data(w, "code", codes->list[i].code.data, codes->list[i].code.len);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
    dam_json_put_object_end(w);
}

static bool address_get(const struct dam_json *root, const char *key, struct dam_address *ret)
{
    return dam_json_hex_exact(dam_json_get(root, key), ret->b, sizeof(ret->b)) == DAM_OK;
}

static bool u64_get(const struct dam_json *root, const char *key, uint64_t *ret)
{
    return dam_json_u64(dam_json_get(root, key), ret) == DAM_OK;
}

static enum dam_err epoch_parse(const struct dam_manifest *m, const struct dam_json *root,
                                struct dam_terms *ret)
{
    uint64_t version = 0;
    uint64_t chain_id = 0;
    uint64_t epoch = 0;
    struct dam_address constitution;
    struct dam_terms t = {0};
    char token[TOKEN_SIZE];
    if (!u64_get(root, "version", &version)) {
        return DAM_ECORRUPT;
    }
    if (version != VERSION) {
        return DAM_EVERSION;
    }
    bool ok =
        u64_get(root, "chain_id", &chain_id) && u64_get(root, "epoch", &epoch) &&
        address_get(root, "constitution", &constitution) && address_get(root, "mind", &t.mind) &&
        address_get(root, "charter", &t.charter) && address_get(root, "guardian", &t.guardian) &&
        u64_get(root, "mind_gas", &t.mind_gas) && u64_get(root, "charter_gas", &t.charter_gas) &&
        u64_get(root, "since", &t.since_s) && u64_get(root, "notice", &t.notice_s) &&
        dam_json_hex_exact(dam_json_get(root, "manifest"), t.manifest.b, 32) == DAM_OK;
    if (!ok || epoch == 0 || epoch > UINT32_MAX) {
        return DAM_ECORRUPT;
    }
    if (chain_id != m->chain_id || !dam_address_eq(&constitution, &m->chain.constitution) ||
        !dam_json_is(dam_json_get(root, "token"), token_text(m->token, token))) {
        return DAM_ECONFLICT;
    }
    t.epoch = (uint32_t)epoch;
    *ret = t;
    return DAM_OK;
}

static enum dam_err epoch_read(const struct dam_manifest *m, uint32_t epoch,
                               struct dam_arena *arena, struct dam_terms *ret,
                               struct dam_law_codes *ret_codes)
{
    char name[32];
    struct dam_bytes text;
    const struct dam_json *root = NULL;
    (void)snprintf(name, sizeof(name), "epoch-%u", epoch);
    DAM_TRY(file_read(m, name, arena, &text));
    if (dam_json_parse(arena, (const char *)text.data, text.len, 8, &root, NULL) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    DAM_TRY(epoch_parse(m, root, ret));
    ret_codes->count = 0;
    DAM_JSON_EACH(item, dam_json_get(root, "codes"))
    {
        struct dam_law_code *code = &ret_codes->list[ret_codes->count];
        if (ret_codes->count == DAM_LAW_CODES_MAX ||
            !address_get(item, "address", &code->address) ||
            dam_json_hex(dam_json_get(item, "code"), arena, &code->code) != DAM_OK) {
            return DAM_ECORRUPT;
        }
        ret_codes->count++;
    }
    char why[DAM_LAW_WHY_SIZE];
    dam_constitution_judge(ret, ret_codes, why);
    return ret->epoch == epoch && why[0] == 0 ? DAM_OK : DAM_ECORRUPT;
}

static bool same_terms(const struct dam_terms *a, const struct dam_terms *b)
{
    return dam_address_eq(&a->mind, &b->mind) && dam_address_eq(&a->charter, &b->charter) &&
           a->mind_gas == b->mind_gas && a->charter_gas == b->charter_gas;
}

enum dam_err dam_pin_terms(const struct dam_manifest *m, uint32_t epoch, struct dam_terms *ret)
{
    struct dam_arena arena;
    struct dam_law_codes codes;
    dam_arena_init(&arena, dam_heap(), 0);
    enum dam_err err = epoch_read(m, epoch, &arena, ret, &codes);
    dam_arena_finish(&arena);
    return err;
}

enum dam_err dam_pin_store(const struct dam_manifest *m, const struct dam_terms *terms,
                           const struct dam_law_codes *codes)
{
    struct dam_terms known;
    char name[32];
    struct dam_buf buf;
    enum dam_err err = dam_pin_terms(m, terms->epoch, &known);
    if (err == DAM_OK) {
        return same_terms(&known, terms) ? DAM_OK : DAM_ECONFLICT;
    }
    if (err != DAM_ENOTFOUND && err != DAM_ECORRUPT) {
        return err;
    }
    (void)snprintf(name, sizeof(name), "epoch-%u", terms->epoch);
    dam_buf_init(&buf, dam_heap(), FILE_LEN_MAX);
    struct dam_json_writer w = {.buf = &buf};
    epoch_write(&w, m, terms, codes);
    err = dam_buf_err(&buf);
    err = err == DAM_OK ? file_write(m, name, dam_buf_bytes(&buf)) : err;
    dam_buf_finish(&buf);
    return err;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static uint32_t number_read(const struct dam_manifest *m, const char *name)
{
    struct dam_arena arena;
    struct dam_bytes text;
    unsigned long number = 0;
    dam_arena_init(&arena, dam_heap(), 0);
    if (file_read(m, name, &arena, &text) == DAM_OK) {
        ((char *)text.data)[text.len] = 0; /* file_read leaves room */
        number = strtoul((const char *)text.data, NULL, 10);
    }
    dam_arena_finish(&arena);
    return number > UINT32_MAX ? 0 : (uint32_t)number;
}

static enum dam_err number_write(const struct dam_manifest *m, const char *name, uint32_t number)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%u\n", number);
    return file_write(m, name, dam_bytes(text, (size_t)len));
}

uint32_t dam_pin_revoked(const struct dam_manifest *m)
{
    return number_read(m, "revoked");
}

enum dam_err dam_pin_revoke(const struct dam_manifest *m, uint32_t epoch)
{
    return number_write(m, "revoked", epoch);
}

/* Where nobody can tell any more, the stop holds. */
bool dam_pin_held(const struct dam_manifest *m)
{
    struct dam_arena arena;
    struct dam_bytes text;
    dam_arena_init(&arena, dam_heap(), 0);
    enum dam_err err = file_read(m, "held", &arena, &text);
    bool none = err == DAM_ENOTFOUND || (err == DAM_OK && dam_bytes_eq(text, dam_bytes("0\n", 2)));
    dam_arena_finish(&arena);
    return !none;
}

enum dam_err dam_pin_hold(const struct dam_manifest *m, bool held)
{
    return number_write(m, "held", held);
}

static enum dam_err codes_put(struct dam_decider *decider, const struct dam_law_codes *codes)
{
    for (size_t i = 0; i < codes->count; i++) {
        DAM_TRY(dam_decider_put(decider, &codes->list[i].address, codes->list[i].code));
    }
    return DAM_OK;
}

static uint32_t newest(const struct dam_manifest *m)
{
    char path[PATH_SIZE];
    uint32_t found = 0;
    DIR *dir = path_of(m, "", path) == DAM_OK ? opendir(path) : NULL;
    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        char *end = entry->d_name;
        unsigned long epoch =
            strncmp(entry->d_name, "epoch-", 6) == 0 ? strtoul(entry->d_name + 6, &end, 10) : 0;
        if (*end == 0 && epoch > found && epoch <= UINT32_MAX) {
            found = (uint32_t)epoch;
        }
    }
    if (dir != NULL) {
        (void)closedir(dir); /* only read */
    }
    return found;
}

enum dam_err dam_pin_load(const struct dam_manifest *m, struct dam_decider *decider,
                          struct dam_terms *ret)
{
    uint32_t last = newest(m);
    uint32_t revoked = dam_pin_revoked(m);
    uint32_t rules = revoked == last && last > 1 ? last - 1 : last;
    enum dam_err err = DAM_ENOTFOUND;
    for (uint32_t epoch = last; epoch > 0; epoch--) {
        struct dam_arena arena;
        struct dam_law_codes codes;
        struct dam_terms terms;
        dam_arena_init(&arena, dam_heap(), 0);
        enum dam_err one = epoch_read(m, epoch, &arena, &terms, &codes);
        one = one == DAM_OK ? codes_put(decider, &codes) : one;
        dam_arena_finish(&arena);
        if (one == DAM_ENOTFOUND && epoch != rules) {
            continue; /* the machine was not there yet */
        }
        DAM_TRY(one); /* what a damaged epoch decided could not be run again */
        if (epoch == rules) {
            *ret = terms;
            err = DAM_OK;
        }
    }
    return err;
}
