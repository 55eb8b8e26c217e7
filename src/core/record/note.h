// SPDX-License-Identifier: Apache-2.0
/* The texts that a log shows to others: checkpoints (C2SP tlog-checkpoint, signed-note), tile paths
 * (C2SP tlog-tiles) and offline proofs (C2SP tlog-proof). Parsers are strict: what they accept,
 * the writers write back byte for byte. Signatures are carried, not checked: the caller has the
 * keys. */
#ifndef DAM_CORE_RECORD_NOTE_H
#define DAM_CORE_RECORD_NOTE_H

#include "base/bytes.h"
#include "base/err.h"
#include "core/record/tree.h"

#define DAM_RECORD_NOTE_MAX 8192u
#define DAM_RECORD_NAME_MAX 256u
#define DAM_RECORD_SIGNATURES_MAX 16u
#define DAM_RECORD_SIGNATURE_MAX 512u
#define DAM_RECORD_TILE_WIDTH 256u
#define DAM_RECORD_TILE_PATH_MAX 64u
#define DAM_RECORD_TILE_ENTRIES (-1)

/* One "— name base64" line. */
struct dam_record_signature {
    struct dam_bytes name; /* borrowed */
    uint8_t key_id[4];
    uint8_t data[DAM_RECORD_SIGNATURE_MAX];
    size_t len;
};

struct dam_record_checkpoint {
    struct dam_bytes origin; /* borrowed, one line, not empty */
    uint64_t size;
    struct dam_hash root;
    struct dam_bytes extension; /* borrowed, whole lines, may be empty */
};

/** Write what is signed: origin, size, root, extension lines. Returns: DAM_OK with *ret_len, or
 *  DAM_EFULL. */
DAM_MUST_USE enum dam_err dam_record_checkpoint_store(const struct dam_record_checkpoint *point,
                                                      char *text, size_t size, size_t *ret_len);

/** Add one signature line to a note (the first one also adds the empty line before it).
 *  In/out: text, *len. Returns: DAM_OK, or DAM_EFULL with nothing changed. */
DAM_MUST_USE enum dam_err dam_record_note_sign(char *text, size_t size, size_t *len,
                                               const struct dam_record_signature *signature);

/** Read a signed note that is a checkpoint.
 *  Returns: DAM_OK with the point, the signed text and the signatures (all borrowing from text); or
 *  DAM_EPARSE. Out: ret_signatures: DAM_RECORD_SIGNATURES_MAX of them. */
DAM_MUST_USE enum dam_err dam_record_checkpoint_parse(struct dam_bytes text,
                                                      struct dam_record_checkpoint *ret_point,
                                                      struct dam_bytes *ret_signed,
                                                      struct dam_record_signature *ret_signatures,
                                                      size_t *ret_count);

/** The key id of signed-note: SHA-256(name || 0x0A || type || key)[:4]. In: key: at most 256 bytes.
 */
void dam_record_key_id(struct dam_bytes name, uint8_t type, struct dam_bytes key, uint8_t ret[4]);

/** The path of a tile: "tile/<level>/<index>", with ".p/<width>" when width < 256. In: level:
 *  0..7, or DAM_RECORD_TILE_ENTRIES. Out: path: DAM_RECORD_TILE_PATH_MAX bytes. Returns: length. */
size_t dam_record_tile_path(int level, uint64_t index, unsigned width, char *path);

/** The reverse. Returns: DAM_OK, or DAM_EPARSE for any path that dam_record_tile_path would not
 *  write. */
DAM_MUST_USE enum dam_err dam_record_tile_path_parse(struct dam_bytes path, int *ret_level,
                                                     uint64_t *ret_index, unsigned *ret_width);

/** Take the next leaf out of an entries tile (big-endian uint16 length, bytes).
 *  Returns: DAM_OK with *tile moved on, DAM_ENOTFOUND at its end, DAM_EPARSE if it is cut off. */
DAM_MUST_USE enum dam_err dam_record_entry_next(struct dam_bytes *tile, struct dam_bytes *ret_leaf);

/** Write an offline proof: the leaf's index, its inclusion proof, the signed checkpoint. Returns:
 *  DAM_OK with *ret_len, or DAM_EFULL. */
DAM_MUST_USE enum dam_err dam_record_proof_store(uint64_t index,
                                                 const struct dam_record_proof *proof,
                                                 struct dam_bytes checkpoint, char *text,
                                                 size_t size, size_t *ret_len);

/** Read one. Returns: DAM_OK, or DAM_EPARSE. Out: ret_checkpoint borrows from text and is not
 *  parsed. */
DAM_MUST_USE enum dam_err dam_record_proof_parse(struct dam_bytes text, uint64_t *ret_index,
                                                 struct dam_record_proof *ret_proof,
                                                 struct dam_bytes *ret_checkpoint);

#endif
