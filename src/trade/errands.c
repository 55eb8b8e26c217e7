// SPDX-License-Identifier: Apache-2.0
#include "trade/errands.h"

#include "base/heap.h"
#include "base/json.h"
#include "core/crypto/keccak.h"
#include "port/file.h"
#include "trade/errand.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_LEN_MAX (64u << 10)

/* ---- files ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Names of all errands, sorted, so that the order of what is signed is not the file system's. */
static enum dam_err names_list(int folder, char names[][DAM_ERRAND_NAME_SIZE], size_t *ret_count)
{
    int fd = dup(folder);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    enum dam_err err = DAM_OK;
    *ret_count = 0;
    if (dir == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return DAM_EIO;
    }
    rewinddir(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (*ret_count == DAM_ERRANDS_MAX) {
            err = DAM_EFULL;
            break;
        }
        *ret_count += dam_errand_name(entry->d_name, names[*ret_count]);
    }
    (void)closedir(dir); /* only read from */
    qsort(names, *ret_count, sizeof(names[0]), by_name);
    return err;
}

/* Returns: the file's text; empty if it is not there, too long, or no file. */
static struct dam_bytes file_read(struct dam_arena *arena, int folder, const char *name,
                                  const char *suffix)
{
    char path[DAM_ERRAND_NAME_SIZE + 16];
    struct dam_bytes text;
    (void)snprintf(path, sizeof(path), "%.*s%s", (int)DAM_ERRAND_NAME_SIZE - 1, name, suffix);
    return dam_file_get(folder, path, FILE_LEN_MAX, arena, &text) == DAM_OK ? text
                                                                            : dam_bytes(NULL, 0);
}

/* The state in an answer of ours. Returns: NULL if there is none. */
static const struct dam_json *state_read(struct dam_arena *arena, int folder, const char *name)
{
    struct dam_bytes text = file_read(arena, folder, name, ".answer");
    const struct dam_json *root = NULL;
    if (dam_json_parse(arena, (const char *)text.data, text.len, 4, &root, NULL) != DAM_OK) {
        return NULL;
    }
    return dam_json_get(root, "state");
}

static bool is_there(int folder, const char *name)
{
    char path[DAM_ERRAND_NAME_SIZE + 16];
    (void)snprintf(path, sizeof(path), "%.*s.json", (int)DAM_ERRAND_NAME_SIZE - 1, name);
    return faccessat(folder, path, F_OK, 0) == 0;
}

/* Move an answer into place; the skill sees a whole one or none. */
static enum dam_err answer_write(int folder, const char *name, const struct dam_buf *text)
{
    char path[DAM_ERRAND_NAME_SIZE + 16];
    (void)snprintf(path, sizeof(path), "%s.answer", name);
    return dam_buf_err(text) != DAM_OK ? DAM_EIO : dam_file_put(folder, path, dam_buf_bytes(text));
}

static enum dam_err answer(int folder, const char *name, const char *state, const char *why,
                           const struct dam_remote_receipt *receipt)
{
    uint8_t space[1024];
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, space, sizeof(space));
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "state");
    dam_json_put_cstr(&w, state);
    if (why != NULL) {
        dam_json_put_key(&w, "why");
        dam_json_put_cstr(&w, why);
    }
    if (receipt != NULL) {
        dam_json_put_key(&w, "tx");
        dam_json_put_data(&w, receipt->tx_hash.b, sizeof(receipt->tx_hash.b));
        dam_json_put_key(&w, "block");
        dam_json_put_u64(&w, receipt->block_number);
    }
    dam_json_put_object_end(&w);
    dam_buf_put_text(&buf, "\n");
    return answer_write(folder, name, &buf);
}

/* ---- one errand ------------------------------------------------------------------------------ */

/* The cause that names the errand's transaction in the outbox. */
static struct dam_hash cause(const struct dam_errands *e, const char *name)
{
    uint8_t text[6 + 20 + DAM_ERRAND_NAME_SIZE] = "errand";
    struct dam_hash id;
    size_t len = strlen(name);
    memcpy(text + 6, e->envoy->pin.account.b, 20);
    memcpy(text + 26, name, len);
    dam_keccak256(text, 26 + len, &id);
    return id;
}

static enum dam_err refuse(struct dam_errands *e, int folder, const char *name, const char *why)
{
    (void)snprintf(e->why, sizeof(e->why), "errand %s: %s", name, why);
    e->refused++;
    return answer(folder, name, "refused", why, NULL);
}

static enum dam_err begin(struct dam_errands *e, int folder, const char *name,
                          struct dam_bytes text, const struct dam_hash *id)
{
    struct dam_envoy *envoy = e->envoy;
    struct dam_errand errand;
    bool recorded = false;
    char what[DAM_ENVOY_WHAT_SIZE];
    const char *wrong = dam_errand_parse(&envoy->arena, text, &errand);
    if (wrong != NULL) {
        return refuse(e, folder, name, wrong);
    }
    (void)snprintf(what, sizeof(what), "errand %s", name);
    enum dam_err err =
        dam_envoy_execute(envoy, id, what, errand.calls, errand.call_count, &recorded);
    if (err == DAM_EREFUSED && !recorded) {
        const char *why = envoy->why[0] != 0 ? envoy->why : envoy->chain.error.message;
        return refuse(e, folder, name, why);
    }
    if (err == DAM_OK) {
        e->sent++;
        return answer(folder, name, "sent", NULL, NULL);
    }
    return err;
}

static enum dam_err follow(struct dam_errands *e, int folder, const char *name)
{
    struct dam_envoy *envoy = e->envoy;
    const struct dam_json *state_said = state_read(&envoy->arena, folder, name);
    struct dam_bytes text = file_read(&envoy->arena, folder, name, ".json");
    if (text.len == 0 && !is_there(folder, name)) {
        return DAM_OK; /* the skill has taken it away */
    }
    if (dam_json_is(state_said, "done") || dam_json_is(state_said, "failed") ||
        dam_json_is(state_said, "refused")) {
        return DAM_OK;
    }
    DAM_TRY(dam_envoy_connect(envoy));
    struct dam_hash id = cause(e, name);
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state;
    DAM_TRY(dam_outbox_look(&envoy->outbox, &envoy->arena, &id, &state, &receipt));
    switch (state) {
    case DAM_OUTBOX_UNKNOWN:
        return begin(e, folder, name, text, &id);
    case DAM_OUTBOX_SENT:
        return dam_json_is(state_said, "sent") ? DAM_OK : answer(folder, name, "sent", NULL, NULL);
    case DAM_OUTBOX_LOST:
        return refuse(e, folder, name, "another transaction has taken its place");
    case DAM_OUTBOX_MINED:
    case DAM_OUTBOX_FINAL:
        return answer(folder, name, receipt.succeeded ? "done" : "failed", NULL, &receipt);
    }
    return DAM_EIO;
}

enum dam_err dam_errands_round(struct dam_errands *e)
{
    char names[DAM_ERRANDS_MAX][DAM_ERRAND_NAME_SIZE];
    size_t count = 0;
    int folder = open(e->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    e->sent = 0;
    e->refused = 0;
    e->why[0] = 0;
    if (folder < 0) {
        return DAM_OK;
    }
    enum dam_err err = names_list(folder, names, &count);
    for (size_t i = 0; i < count && (err == DAM_OK || err == DAM_EFULL); i++) {
        dam_envoy_step_in(e->envoy);
        enum dam_err one = follow(e, folder, names[i]);
        if (one != DAM_OK && e->why[0] == 0) {
            (void)snprintf(e->why, sizeof(e->why), "errand %s: %s", names[i],
                           e->envoy->why[0] != 0 ? e->envoy->why : dam_err_text(one));
        }
        dam_envoy_leave(e->envoy);
        err = one == DAM_OK ? err : one;
    }
    (void)close(folder); /* only read from */
    return err;
}

void dam_errands_init(struct dam_errands *e, struct dam_envoy *envoy, const char *folder)
{
    *e = (struct dam_errands){.envoy = dam_envoy_share(envoy)};
    (void)snprintf(e->folder, sizeof(e->folder), "%s", folder);
}

void dam_errands_finish(struct dam_errands *e)
{
    dam_envoy_release(e->envoy);
    e->envoy = NULL;
}
