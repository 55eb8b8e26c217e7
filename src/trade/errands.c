// SPDX-License-Identifier: Apache-2.0
#include "trade/errands.h"

#include "base/heap.h"
#include "base/json.h"
#include "core/crypto/keccak.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN_MAX 48u
#define FILE_LEN_MAX (64u << 10)

struct errand {
    char name[NAME_LEN_MAX + 1];
    struct dam_calldata_call calls[DAM_CALLDATA_CALLS_MAX];
    size_t call_count;
};

/* ---- files ----------------------------------------------------------------------------------- */

/* "hire-1.json" -> "hire-1". Returns: false if the name is none of ours. */
static bool name_read(const char *file, char ret[NAME_LEN_MAX + 1])
{
    static const char suffix[] = ".json";
    size_t len = strlen(file);
    if (len <= sizeof(suffix) - 1 || len > NAME_LEN_MAX + sizeof(suffix) - 1 ||
        strcmp(file + len - (sizeof(suffix) - 1), suffix) != 0) {
        return false;
    }
    len -= sizeof(suffix) - 1;
    for (size_t i = 0; i < len; i++) {
        char c = file[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    memcpy(ret, file, len);
    ret[len] = 0;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Names of all errands, sorted, so that the order of what is signed is not the file system's. */
static enum dam_err names_list(int folder, char names[][NAME_LEN_MAX + 1], size_t *ret_count)
{
    int fd = dup(folder);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    enum dam_err err = DAM_OK;
    *ret_count = 0;
    if (dir == NULL) {
        return DAM_EIO;
    }
    rewinddir(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (*ret_count == DAM_ERRANDS_MAX) {
            err = DAM_EFULL;
            break;
        }
        *ret_count += name_read(entry->d_name, names[*ret_count]);
    }
    (void)closedir(dir); /* only read from */
    qsort(names, *ret_count, sizeof(names[0]), by_name);
    return err;
}

/* Returns: the file's JSON; NULL if it is not there, too long, or none. */
static const struct dam_json *file_read(struct dam_arena *arena, int folder, const char *name,
                                        const char *suffix)
{
    char path[NAME_LEN_MAX + 16];
    struct stat info;
    const struct dam_json *root = NULL;
    (void)snprintf(path, sizeof(path), "%s%s", name, suffix);
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return NULL;
    }
    char *text = NULL;
    ssize_t len = 0;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= FILE_LEN_MAX) {
        text = dam_arena_alloc(arena, (size_t)info.st_size + 1);
        len = text == NULL ? -1 : read(fd, text, (size_t)info.st_size);
    }
    (void)close(fd); /* only read from */
    if (len <= 0 || dam_json_parse(arena, text, (size_t)len, 16, &root, NULL) != DAM_OK) {
        return NULL;
    }
    return root;
}

static bool is_there(int folder, const char *name)
{
    char path[NAME_LEN_MAX + 16];
    (void)snprintf(path, sizeof(path), "%.*s.json", (int)NAME_LEN_MAX, name);
    return faccessat(folder, path, F_OK, 0) == 0;
}

/* Move an answer into place; the skill sees a whole one or none. */
static enum dam_err answer_write(int folder, const char *name, const struct dam_buf *text)
{
    char path[NAME_LEN_MAX + 16];
    char draft[NAME_LEN_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s.answer", name);
    (void)snprintf(draft, sizeof(draft), ".%s.draft", name);
    int fd = openat(folder, draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || dam_buf_err(text) != DAM_OK) {
        return DAM_EIO;
    }
    bool ok = write(fd, text->data, text->len) == (ssize_t)text->len && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    return ok && renameat(folder, draft, folder, path) == 0 ? DAM_OK : DAM_EIO;
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

/* {"calls": [{"to": "0x...", "data": "0x..."}]}. Returns: NULL, or what is wrong. */
static const char *errand_parse(struct dam_arena *arena, const struct dam_json *root,
                                struct errand *ret)
{
    ret->call_count = 0;
    DAM_JSON_EACH(item, dam_json_get(root, "calls"))
    {
        struct dam_calldata_call *call = &ret->calls[ret->call_count];
        if (ret->call_count == DAM_CALLDATA_CALLS_MAX) {
            return "too many calls";
        }
        if (dam_json_hex_exact(dam_json_get(item, "to"), call->target.b, 20) != DAM_OK ||
            dam_json_hex(dam_json_get(item, "data"), arena, &call->data) != DAM_OK) {
            return "a call is {\"to\": \"0x...\", \"data\": \"0x...\"}";
        }
        ret->call_count++;
    }
    return ret->call_count > 0 ? NULL : "it needs {\"calls\": [...]}";
}

/* The cause that names the errand's transaction in the outbox. */
static struct dam_hash cause(const struct dam_errands *e, const char *name)
{
    uint8_t text[6 + 20 + NAME_LEN_MAX] = "errand";
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
                          const struct dam_json *root, const struct dam_hash *id)
{
    struct dam_envoy *envoy = e->envoy;
    struct errand errand;
    bool recorded = false;
    const char *wrong = errand_parse(&envoy->arena, root, &errand);
    if (wrong != NULL) {
        return refuse(e, folder, name, wrong);
    }
    enum dam_err err = dam_envoy_execute(envoy, id, errand.calls, errand.call_count, &recorded);
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
    const struct dam_json *root = file_read(&envoy->arena, folder, name, ".json");
    const struct dam_json *said = file_read(&envoy->arena, folder, name, ".answer");
    const struct dam_json *state_said = dam_json_get(said, "state");
    if (root == NULL && !is_there(folder, name)) {
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
        return begin(e, folder, name, root, &id);
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
    char names[DAM_ERRANDS_MAX][NAME_LEN_MAX + 1];
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
        dam_envoy_enter(e->envoy);
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
