// SPDX-License-Identifier: Apache-2.0
#include "core/record/note.h"

#include "base/assert.h"
#include "base/buf.h"
#include "core/crypto/sha256.h"

/* ---- text pieces ----------------------------------------------------------------------------- */

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const char proof_head[] = "c2sp.org/tlog-proof@v1\n";
static const char dash[] = "\xe2\x80\x94 "; /* em dash, space */

static int digit64(uint8_t c)
{
    const char *at = c == 0 ? NULL : strchr(digits64, c);
    return at == NULL ? -1 : (int)(at - digits64);
}

/* Strict base64 with padding: one text for one value. */
static enum dam_err base64_read(struct dam_bytes text, uint8_t *data, size_t size, size_t *ret_len)
{
    if (text.len == 0 || text.len % 4 != 0) {
        return DAM_EPARSE;
    }
    size_t pad = text.data[text.len - 1] != '=' ? 0 : text.data[text.len - 2] != '=' ? 1 : 2;
    size_t len = text.len / 4 * 3 - pad;
    if (len > size) {
        return DAM_EPARSE;
    }
    size_t out = 0;
    for (size_t i = 0; i < text.len; i += 4) {
        uint32_t group = 0;
        size_t used = i + 4 == text.len ? 4 - pad : 4;
        for (size_t k = 0; k < used; k++) {
            int digit = digit64(text.data[i + k]);
            if (digit < 0) {
                return DAM_EPARSE;
            }
            group |= (uint32_t)digit << (18 - 6 * k);
        }
        if ((used == 3 && (group & 0xff) != 0) || (used == 2 && (group & 0xffff) != 0)) {
            return DAM_EPARSE;
        }
        for (size_t k = 0; k + 1 < used; k++) {
            data[out++] = (uint8_t)(group >> (16 - 8 * k));
        }
    }
    *ret_len = len;
    return DAM_OK;
}

static enum dam_err hash_read(struct dam_bytes text, struct dam_hash *ret)
{
    size_t len = 0;
    DAM_TRY(base64_read(text, ret->b, sizeof(ret->b), &len));
    return len == sizeof(ret->b) ? DAM_OK : DAM_EPARSE;
}

/* A decimal number without leading zeros. */
static enum dam_err u64_read(struct dam_bytes text, uint64_t *ret)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > 20 || (text.len > 1 && text.data[0] == '0')) {
        return DAM_EPARSE;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value)) {
            return DAM_EPARSE;
        }
    }
    *ret = value;
    return DAM_OK;
}

/* Cut the next line off, without its newline. */
static enum dam_err line_next(struct dam_bytes *text, struct dam_bytes *ret)
{
    const uint8_t *end = text->len == 0 ? NULL : memchr(text->data, '\n', text->len);
    if (end == NULL) {
        return DAM_EPARSE;
    }
    *ret = dam_bytes(text->data, (size_t)(end - text->data));
    text->data += ret->len + 1;
    text->len -= ret->len + 1;
    return DAM_OK;
}

static bool starts_with(struct dam_bytes text, const char *start, size_t len)
{
    return text.len >= len && memcmp(text.data, start, len) == 0;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

enum dam_err dam_record_checkpoint_store(const struct dam_record_checkpoint *point, char *text,
                                         size_t size, size_t *ret_len)
{
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, text, size);
    dam_buf_put(&buf, point->origin.data, point->origin.len);
    dam_buf_put_byte(&buf, '\n');
    dam_buf_put_u64(&buf, point->size);
    dam_buf_put_byte(&buf, '\n');
    dam_buf_put_base64(&buf, point->root.b, sizeof(point->root.b));
    dam_buf_put_byte(&buf, '\n');
    dam_buf_put(&buf, point->extension.data, point->extension.len);
    DAM_TRY(dam_buf_err(&buf));
    *ret_len = buf.len;
    return DAM_OK;
}

/* Where the signatures of a note begin: after its last empty line. 0: there are none. */
static size_t signatures_at(const char *text, size_t len)
{
    for (size_t i = len; i >= 2; i--) {
        if (text[i - 1] == '\n' && text[i - 2] == '\n') {
            return i;
        }
    }
    return 0;
}

enum dam_err dam_record_note_sign(char *text, size_t size, size_t *len,
                                  const struct dam_record_signature *signature)
{
    DAM_ASSERT(signature->len <= DAM_RECORD_SIGNATURE_MAX);
    uint8_t blob[4 + DAM_RECORD_SIGNATURE_MAX];
    memcpy(blob, signature->key_id, 4);
    memcpy(blob + 4, signature->data, signature->len);
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, text, size);
    buf.len = *len;
    if (signatures_at(text, *len) == 0) {
        dam_buf_put_byte(&buf, '\n');
    }
    dam_buf_put_text(&buf, dash);
    dam_buf_put(&buf, signature->name.data, signature->name.len);
    dam_buf_put_byte(&buf, ' ');
    dam_buf_put_base64(&buf, blob, 4 + signature->len);
    dam_buf_put_byte(&buf, '\n');
    DAM_TRY(dam_buf_err(&buf));
    *len = buf.len;
    return DAM_OK;
}

static enum dam_err signature_read(struct dam_bytes line, struct dam_record_signature *ret)
{
    uint8_t blob[4 + DAM_RECORD_SIGNATURE_MAX];
    size_t len = 0;
    if (!starts_with(line, dash, sizeof(dash) - 1)) {
        return DAM_EPARSE;
    }
    struct dam_bytes rest = dam_bytes(line.data + sizeof(dash) - 1, line.len - (sizeof(dash) - 1));
    const uint8_t *space = rest.len == 0 ? NULL : memchr(rest.data, ' ', rest.len);
    if (space == NULL || space == rest.data) {
        return DAM_EPARSE;
    }
    ret->name = dam_bytes(rest.data, (size_t)(space - rest.data));
    if (ret->name.len > DAM_RECORD_NAME_MAX || memchr(ret->name.data, '+', ret->name.len) != NULL) {
        return DAM_EPARSE;
    }
    struct dam_bytes base64 = dam_bytes(space + 1, rest.len - ret->name.len - 1);
    DAM_TRY(base64_read(base64, blob, sizeof(blob), &len));
    if (len < 5) {
        return DAM_EPARSE;
    }
    memcpy(ret->key_id, blob, 4);
    ret->len = len - 4;
    memcpy(ret->data, blob + 4, ret->len);
    return DAM_OK;
}

static enum dam_err body_parse(struct dam_bytes text, struct dam_record_checkpoint *ret)
{
    struct dam_bytes line;
    DAM_TRY(line_next(&text, &ret->origin));
    DAM_TRY(line_next(&text, &line));
    DAM_TRY(u64_read(line, &ret->size));
    DAM_TRY(line_next(&text, &line));
    DAM_TRY(hash_read(line, &ret->root));
    ret->extension = text;
    return ret->origin.len == 0 || ret->origin.len > DAM_RECORD_NAME_MAX ? DAM_EPARSE : DAM_OK;
}

/* signed-note: valid UTF-8 is the key holder's business, control characters are not allowed. */
static bool is_note_text(struct dam_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 && text.data[i] != '\n') {
            return false;
        }
    }
    return text.len <= DAM_RECORD_NOTE_MAX;
}

enum dam_err dam_record_checkpoint_parse(struct dam_bytes text,
                                         struct dam_record_checkpoint *ret_point,
                                         struct dam_bytes *ret_signed,
                                         struct dam_record_signature *ret_signatures,
                                         size_t *ret_count)
{
    size_t at = is_note_text(text) ? signatures_at((const char *)text.data, text.len) : 0;
    if (at == 0 || at == text.len) {
        return DAM_EPARSE;
    }
    struct dam_record_checkpoint point;
    struct dam_bytes body = dam_bytes(text.data, at - 1);
    DAM_TRY(body_parse(body, &point));
    struct dam_bytes rest = dam_bytes_from(text, at);
    size_t count = 0;
    while (rest.len > 0) {
        struct dam_bytes line;
        if (count == DAM_RECORD_SIGNATURES_MAX) {
            return DAM_EPARSE;
        }
        DAM_TRY(line_next(&rest, &line));
        DAM_TRY(signature_read(line, &ret_signatures[count++]));
    }
    *ret_point = point;
    *ret_signed = body;
    *ret_count = count;
    return DAM_OK;
}

void dam_record_key_id(struct dam_bytes name, uint8_t type, struct dam_bytes key, uint8_t ret[4])
{
    struct dam_sha256 sha;
    struct dam_hash hash;
    dam_sha256_init(&sha);
    dam_sha256_update(&sha, name.data, name.len);
    dam_sha256_update(&sha, (const uint8_t[]){'\n', type}, 2);
    dam_sha256_update(&sha, key.data, key.len);
    dam_sha256_final(&sha, &hash);
    memcpy(ret, hash.b, 4);
}

/* ---- tiles ----------------------------------------------------------------------------------- */

size_t dam_record_tile_path(int level, uint64_t index, unsigned width, char *path)
{
    DAM_ASSERT(level >= DAM_RECORD_TILE_ENTRIES && level <= 7 && width >= 1 &&
               width <= DAM_RECORD_TILE_WIDTH);
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, path, DAM_RECORD_TILE_PATH_MAX - 1);
    dam_buf_put_text(&buf, "tile/");
    if (level == DAM_RECORD_TILE_ENTRIES) {
        dam_buf_put_text(&buf, "entries");
    } else {
        dam_buf_put_u64(&buf, (uint64_t)level);
    }
    unsigned groups[7];
    size_t count = 0;
    do {
        groups[count++] = (unsigned)(index % 1000);
        index /= 1000;
    } while (index != 0);
    while (count > 0) {
        unsigned group = groups[--count];
        dam_buf_put_text(&buf, count > 0 ? "/x" : "/");
        dam_buf_put_byte(&buf, (uint8_t)('0' + group / 100));
        dam_buf_put_byte(&buf, (uint8_t)('0' + group / 10 % 10));
        dam_buf_put_byte(&buf, (uint8_t)('0' + group % 10));
    }
    if (width < DAM_RECORD_TILE_WIDTH) {
        dam_buf_put_text(&buf, ".p/");
        dam_buf_put_u64(&buf, width);
    }
    DAM_ASSERT(dam_buf_err(&buf) == DAM_OK);
    path[buf.len] = 0;
    return buf.len;
}

enum dam_err dam_record_tile_path_parse(struct dam_bytes path, int *ret_level, uint64_t *ret_index,
                                        unsigned *ret_width)
{
    char again[DAM_RECORD_TILE_PATH_MAX];
    uint64_t index = 0;
    uint64_t width = 0;
    int level = DAM_RECORD_TILE_ENTRIES;
    bool partial = false;
    size_t at = sizeof("tile/entries/") - 1;
    if (path.len < 8 || path.len >= DAM_RECORD_TILE_PATH_MAX) {
        return DAM_EPARSE;
    }
    if (!starts_with(path, "tile/entries/", at)) {
        level = path.data[5] - '0';
        at = 7;
    }
    /* Read the digits loosely, then demand that writing them gives the same text. */
    for (; at < path.len; at++) {
        uint8_t c = path.data[at];
        uint64_t *number = partial ? &width : &index;
        if (c >= '0' && c <= '9') {
            if (*number > UINT64_MAX / 10 - 1) {
                return DAM_EPARSE;
            }
            *number = *number * 10 + (uint64_t)(c - '0');
        } else if (c == 'p') {
            partial = true;
        } else if (c != 'x' && c != '/' && c != '.') {
            return DAM_EPARSE;
        }
    }
    width = partial ? width : DAM_RECORD_TILE_WIDTH;
    if (level < DAM_RECORD_TILE_ENTRIES || level > 7 || width < 1 ||
        width > DAM_RECORD_TILE_WIDTH - (partial ? 1 : 0)) {
        return DAM_EPARSE;
    }
    size_t len = dam_record_tile_path(level, index, (unsigned)width, again);
    if (!dam_bytes_eq(dam_bytes(again, len), path)) {
        return DAM_EPARSE;
    }
    *ret_level = level;
    *ret_index = index;
    *ret_width = (unsigned)width;
    return DAM_OK;
}

enum dam_err dam_record_entry_next(struct dam_bytes *tile, struct dam_bytes *ret_leaf)
{
    if (tile->len == 0) {
        return DAM_ENOTFOUND;
    }
    if (tile->len < 2 || dam_load_be16(tile->data) > tile->len - 2) {
        return DAM_EPARSE;
    }
    *ret_leaf = dam_bytes(tile->data + 2, dam_load_be16(tile->data));
    tile->data += 2 + ret_leaf->len;
    tile->len -= 2 + ret_leaf->len;
    return DAM_OK;
}

/* ---- offline proofs -------------------------------------------------------------------------- */

enum dam_err dam_record_proof_store(uint64_t index, const struct dam_record_proof *proof,
                                    struct dam_bytes checkpoint, char *text, size_t size,
                                    size_t *ret_len)
{
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, text, size);
    dam_buf_put_text(&buf, proof_head);
    dam_buf_put_text(&buf, "index ");
    dam_buf_put_u64(&buf, index);
    dam_buf_put_byte(&buf, '\n');
    for (size_t i = 0; i < proof->count; i++) {
        dam_buf_put_base64(&buf, proof->hashes[i].b, sizeof(proof->hashes[i].b));
        dam_buf_put_byte(&buf, '\n');
    }
    dam_buf_put_byte(&buf, '\n');
    dam_buf_put(&buf, checkpoint.data, checkpoint.len);
    DAM_TRY(dam_buf_err(&buf));
    *ret_len = buf.len;
    return DAM_OK;
}

enum dam_err dam_record_proof_parse(struct dam_bytes text, uint64_t *ret_index,
                                    struct dam_record_proof *ret_proof,
                                    struct dam_bytes *ret_checkpoint)
{
    struct dam_record_proof proof = {0};
    struct dam_bytes line;
    uint64_t index = 0;
    if (!starts_with(text, proof_head, sizeof(proof_head) - 1)) {
        return DAM_EPARSE;
    }
    DAM_TRY(line_next(&text, &line));
    DAM_TRY(line_next(&text, &line));
    if (starts_with(line, "extra ", 6)) { /* application data, not ours to judge */
        DAM_TRY(line_next(&text, &line));
    }
    if (!starts_with(line, "index ", 6)) {
        return DAM_EPARSE;
    }
    DAM_TRY(u64_read(dam_bytes_from(line, 6), &index));
    DAM_TRY(line_next(&text, &line));
    while (line.len > 0) {
        if (proof.count == DAM_RECORD_PROOF_MAX) {
            return DAM_EPARSE;
        }
        DAM_TRY(hash_read(line, &proof.hashes[proof.count++]));
        DAM_TRY(line_next(&text, &line));
    }
    *ret_index = index;
    *ret_proof = proof;
    *ret_checkpoint = text;
    return DAM_OK;
}
