// SPDX-License-Identifier: Apache-2.0
#include "app/log_source.h"

#include "app/api_token.h"
#include "app/opened.h"
#include "app/verb.h"
#include "base/heap.h"
#include "machine/machine.h"

#include <stdio.h>
#include <stdlib.h>

#define TIMEOUT_MS 30000u
#define TILE_LEN_MAX (256u * (2u + DAM_RECORD_LEAF_MAX))
#define PATH_SIZE 4096u

/* ---- over HTTP ------------------------------------------------------------------------------- */

static enum dam_err fetch(struct dam_log_source *s, const char *path, struct dam_buf *ret)
{
    char url[2048];
    int status = 0;
    int len = snprintf(url, sizeof(url), "%s/%s", s->url, path);
    if (len < 0 || (size_t)len >= sizeof(url)) {
        return DAM_EPARSE;
    }
    dam_buf_reset(ret);
    DAM_TRY(s->http.get(s->http.ctx, url, TIMEOUT_MS, ret, &status));
    return status == 200   ? DAM_OK
           : status == 404 ? DAM_ENOTFOUND
           : status == 401 ? DAM_EREFUSED
                           : DAM_EIO;
}

/* How many of `count` things the tile `index` holds. */
static unsigned width_of(uint64_t count, uint64_t index)
{
    uint64_t left = count - index * DAM_RECORD_TILE_WIDTH;
    return left < DAM_RECORD_TILE_WIDTH ? (unsigned)left : DAM_RECORD_TILE_WIDTH;
}

static enum dam_err entries_read(struct dam_log_source *s, uint64_t index)
{
    char path[DAM_RECORD_TILE_PATH_MAX];
    if (s->has_tile && s->tile_index == index) {
        return DAM_OK;
    }
    s->has_tile = false;
    (void)dam_record_tile_path(DAM_RECORD_TILE_ENTRIES, index, width_of(s->size, index), path);
    DAM_TRY(fetch(s, path, &s->tile));
    s->tile_index = index;
    s->has_tile = true;
    return DAM_OK;
}

static enum dam_err hashes_read(struct dam_log_source *s, unsigned level, uint64_t index)
{
    char path[DAM_RECORD_TILE_PATH_MAX];
    struct dam_buf buf;
    unsigned width = width_of(s->size >> (8 * level), index);
    if (s->hashes_width > 0 && s->hashes_level == level && s->hashes_index == index) {
        return DAM_OK;
    }
    s->hashes_width = 0;
    (void)dam_record_tile_path((int)level, index, width, path);
    dam_buf_init(&buf, dam_heap(), sizeof(s->hashes));
    enum dam_err err = fetch(s, path, &buf);
    err = err == DAM_OK && buf.len != width * sizeof(struct dam_hash) ? DAM_EPARSE : err;
    if (err == DAM_OK) {
        memcpy(s->hashes, buf.data, buf.len);
        s->hashes_level = level;
        s->hashes_index = index;
        s->hashes_width = width;
    }
    dam_buf_finish(&buf);
    return err;
}

/* A perfect subtree's root, from the hashes of the tile that covers it. */
static enum dam_err tile_node(void *ctx, unsigned level, uint64_t index, struct dam_hash *ret)
{
    struct dam_log_source *s = ctx;
    struct dam_hash nodes[DAM_RECORD_TILE_WIDTH];
    unsigned below = level % 8;
    uint64_t first = index << below;
    size_t count = (size_t)1 << below;
    size_t at = (size_t)(first % DAM_RECORD_TILE_WIDTH);
    DAM_TRY(hashes_read(s, level / 8, first / DAM_RECORD_TILE_WIDTH));
    if (at + count > s->hashes_width) {
        return DAM_ERANGE;
    }
    memcpy(nodes, s->hashes + at, count * sizeof(nodes[0]));
    for (; count > 1; count /= 2) {
        for (size_t i = 0; i < count / 2; i++) {
            dam_record_node_hash(&nodes[2 * i], &nodes[2 * i + 1], &nodes[i]);
        }
    }
    *ret = nodes[0];
    return DAM_OK;
}

/* The last line of an unsigned body has no signature behind it: such a log binds nobody. */
static int url_open(struct dam_log_source *s)
{
    struct dam_record_checkpoint point;
    struct dam_record_signature lines[DAM_RECORD_SIGNATURES_MAX];
    struct dam_bytes signed_text;
    struct dam_buf buf;
    size_t count = 0;
    if (dam_http_client_create(&s->http) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    dam_buf_init(&buf, dam_heap(), sizeof(s->note));
    enum dam_err err = fetch(s, "checkpoint", &buf);
    if (err == DAM_OK) {
        memcpy(s->note, buf.data, buf.len);
        s->note_len = buf.len;
    }
    dam_buf_finish(&buf);
    if (err != DAM_OK) {
        return dam_verb_fail(err == DAM_ENOTFOUND  ? DAM_EXIT_NOT_FOUND
                             : err == DAM_EREFUSED ? DAM_EXIT_REFUSED
                                                   : DAM_EXIT_TIMEOUT,
                             err == DAM_EREFUSED ? DAM_API_TOKEN_HINT
                                                 : "the API of a machine that runs is wanted: "
                                                   "`dam up DIR --api HOST:PORT`",
                             "%s/checkpoint: %s", dam_api_token_hide(s->url), dam_err_text(err));
    }
    if (dam_record_checkpoint_parse(dam_bytes(s->note, s->note_len), &point, &signed_text, lines,
                                    &count) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED,
                             "a machine signs its checkpoints with [chain] and [signer]",
                             "%s/checkpoint is no signed checkpoint", dam_api_token_hide(s->url));
    }
    s->size = point.size;
    s->root = point.root;
    return DAM_EXIT_OK;
}

/* ---- a folder -------------------------------------------------------------------------------- */

static void note_read(struct dam_log_source *s, const char *folder)
{
    char path[PATH_SIZE];
    int len = snprintf(path, sizeof(path), "%s/%s", folder, DAM_MACHINE_CHECKPOINT_FILE);
    FILE *file = len < 0 || (size_t)len >= sizeof(path) ? NULL : fopen(path, "rb");
    if (file != NULL) {
        s->note_len = fread(s->note, 1, sizeof(s->note), file);
        (void)fclose(file); /* only read from */
    }
}

static int evidence_open(struct dam_log_source *s, const char *folder)
{
    enum dam_err err = dam_evidence_open(folder, false, NULL, NULL, &s->evidence);
    if (err != DAM_OK) {
        return dam_verb_fail(err == DAM_ENOTFOUND ? DAM_EXIT_NOT_FOUND : DAM_EXIT_FAILED,
                             err == DAM_ENOTFOUND ? "`dam up` makes the first leaves" : NULL,
                             "the evidence in %s: %s", folder,
                             err == DAM_ENOTFOUND ? "there is none yet" : dam_err_text(err));
    }
    s->size = dam_evidence_size(s->evidence);
    dam_evidence_root(s->evidence, &s->root);
    note_read(s, folder);
    return DAM_EXIT_OK;
}

/* A folder that somebody else's log was copied to has no manifest: its files are enough. */
static bool is_bare(const char *place)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", place, DAM_MANIFEST_FILE);
    FILE *manifest = fopen(path, "rb");
    (void)snprintf(path, sizeof(path), "%s/log", place);
    FILE *log = manifest == NULL ? fopen(path, "rb") : NULL;
    bool bare = log != NULL;
    if (manifest != NULL) {
        (void)fclose(manifest); /* only looked for */
    }
    if (log != NULL) {
        (void)fclose(log); /* only looked for */
    }
    return bare;
}

int dam_log_source_open(const char *place, struct dam_log_source *s)
{
    const char *env = getenv("DAM_DIR");
    memset(s, 0, sizeof(*s));
    dam_buf_init(&s->tile, dam_heap(), TILE_LEN_MAX);
    place = place != NULL ? place : env != NULL ? env : ".";
    if (strncmp(place, "http://", 7) == 0 || strncmp(place, "https://", 8) == 0) {
        s->url = place;
        return url_open(s);
    }
    if (is_bare(place)) {
        return evidence_open(s, place);
    }
    struct dam_opened opened;
    int code = dam_opened_open(place, DAM_OPENED_MANIFEST, &opened);
    if (code == DAM_EXIT_OK) {
        const char *folder = dam_manifest_path(&opened.manifest, opened.manifest.evidence_folder);
        code = folder == NULL ? dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory")
                              : evidence_open(s, folder);
    }
    dam_opened_close(&opened);
    return code;
}

void dam_log_source_close(struct dam_log_source *s)
{
    dam_evidence_close(s->evidence);
    dam_http_client_destroy(&s->http);
    dam_buf_finish(&s->tile);
}

/* ---- both ------------------------------------------------------------------------------------ */

enum dam_err dam_log_source_leaf(struct dam_log_source *s, uint64_t seq, struct dam_bytes *ret)
{
    if (s->evidence != NULL) {
        return dam_evidence_read(s->evidence, seq, ret);
    }
    if (seq >= s->size) {
        return DAM_ERANGE;
    }
    DAM_TRY(entries_read(s, seq / DAM_RECORD_TILE_WIDTH));
    struct dam_bytes rest = dam_buf_bytes(&s->tile);
    for (uint64_t i = 0; i <= seq % DAM_RECORD_TILE_WIDTH; i++) {
        enum dam_err err = dam_record_entry_next(&rest, ret);
        if (err != DAM_OK) {
            return DAM_EPARSE;
        }
    }
    return DAM_OK;
}

struct dam_record_source dam_log_source_tree(struct dam_log_source *s)
{
    return s->evidence != NULL ? dam_evidence_source(s->evidence)
                               : (struct dam_record_source){.read = tile_node, .ctx = s};
}
