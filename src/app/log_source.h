// SPDX-License-Identifier: Apache-2.0
/* A log to look at, from a folder or over HTTP: its leaves, its tree, its checkpoint. What comes
 * over HTTP is C2SP tlog-tiles under the checkpoint's size, and nothing of it is believed: the
 * caller recomputes or proves. Used by `dam verify`. */
#ifndef DAM_APP_LOG_SOURCE_H
#define DAM_APP_LOG_SOURCE_H

#include "core/record/note.h"
#include "machine/evidence.h"
#include "port/http_client.h"

struct dam_log_source {
    struct dam_evidence *evidence; /* of a folder, else NULL */
    struct dam_http_client http;
    const char *url; /* without a slash at its end */
    uint64_t size;
    struct dam_hash root; /* of a folder: recomputed; of a URL: what the checkpoint says */
    char note[DAM_RECORD_NOTE_MAX];
    size_t note_len;     /* 0: there is no checkpoint */
    struct dam_buf tile; /* the entries read last */
    uint64_t tile_index;
    bool has_tile;
    struct dam_hash hashes[DAM_RECORD_TILE_WIDTH]; /* the tile of the tree read last */
    unsigned hashes_level;
    uint64_t hashes_index;
    unsigned hashes_width; /* 0: none */
};

/** Open a machine's folder, a bare evidence folder, or a URL. Returns: an exit code, after printing
 *  what is wrong. Out: source is always fit for close. */
int dam_log_source_open(const char *place, struct dam_log_source *source);
void dam_log_source_close(struct dam_log_source *source);

/** One leaf. Returns: DAM_OK; DAM_ERANGE; as dam_http_client's get; DAM_ECORRUPT, DAM_EPARSE. Out:
 * borrowed until the next call. */
DAM_MUST_USE enum dam_err dam_log_source_leaf(struct dam_log_source *source, uint64_t seq,
                                              struct dam_bytes *ret);

/** Where proofs are made from. */
struct dam_record_source dam_log_source_tree(struct dam_log_source *source);

#endif
