// SPDX-License-Identifier: Apache-2.0
#include "chain/checkpoint.h"

#include "base/hex.h"
#include "core/crypto/keccak.h"
#include "core/crypto/p256.h"
#include "core/crypto/secp256k1.h"
#include "core/eth/address.h"
#include "signer/typed.h"

#include <inttypes.h>
#include <stdio.h>

#define TYPE_OTHER 0xffu /* C2SP signed-note: a type without a number of its own */
#define LABEL "dam evidence checkpoint v1"
#define ORIGIN_SIZE DAM_RECORD_NAME_MAX

void dam_checkpoint_machine(const struct dam_checkpoint_origin *origin, struct dam_hash *ret)
{
    uint8_t words[96] = {0};
    dam_store_be64(words + 24, origin->chain_id);
    memcpy(words + 44, origin->registry.b, 20);
    dam_store_be64(words + 88, origin->token);
    dam_keccak256(words, sizeof(words), ret);
}

static size_t origin_text(const struct dam_checkpoint_origin *o, char text[ORIGIN_SIZE])
{
    char evidence[41];
    char registry[41];
    dam_hex_encode(o->evidence.b, 20, evidence);
    dam_hex_encode(o->registry.b, 20, registry);
    int len = snprintf(text, ORIGIN_SIZE, "dam/%" PRIu64 "/0x%s/0x%s/%" PRIu64, o->chain_id,
                       evidence, registry, o->token);
    return (size_t)len;
}

static bool part_next(struct dam_bytes *rest, struct dam_bytes *ret)
{
    const uint8_t *slash = rest->len == 0 ? NULL : memchr(rest->data, '/', rest->len);
    size_t len = slash == NULL ? rest->len : (size_t)(slash - rest->data);
    *ret = dam_bytes(rest->data, len);
    size_t used = slash == NULL ? len : len + 1;
    *rest = dam_bytes(rest->data + used, rest->len - used);
    return len > 0;
}

static bool number_read(struct dam_bytes text, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            return false;
        }
    }
    *ret = value;
    return text.len > 0;
}

/* Only what origin_text writes, byte for byte. */
static bool origin_read(struct dam_bytes text, struct dam_checkpoint_origin *ret)
{
    struct dam_bytes rest = text;
    struct dam_bytes part[5];
    char again[ORIGIN_SIZE];
    for (size_t i = 0; i < DAM_COUNT_OF(part); i++) {
        if (!part_next(&rest, &part[i])) {
            return false;
        }
    }
    bool ok =
        number_read(part[1], &ret->chain_id) && number_read(part[4], &ret->token) &&
        dam_address_from_text((const char *)part[2].data, part[2].len, &ret->evidence) == DAM_OK &&
        dam_address_from_text((const char *)part[3].data, part[3].len, &ret->registry) == DAM_OK;
    return ok && dam_bytes_eq(text, dam_bytes(again, origin_text(ret, again)));
}

static void digest_of(const struct dam_checkpoint_origin *origin,
                      const struct dam_signer_checkpoint *point, struct dam_hash *ret)
{
    struct dam_signer_pin pin = {.chain_id = origin->chain_id, .evidence = origin->evidence};
    dam_checkpoint_machine(origin, &pin.machine);
    dam_signer_digest_checkpoint(&pin, point, ret);
}

static void key_id_of(struct dam_bytes name, const struct dam_address *key, uint8_t ret[4])
{
    uint8_t text[sizeof(LABEL) - 1 + 20];
    memcpy(text, LABEL, sizeof(LABEL) - 1);
    memcpy(text + sizeof(LABEL) - 1, key->b, 20);
    dam_record_key_id(name, TYPE_OTHER, dam_bytes(text, sizeof(text)), ret);
}

enum dam_err dam_checkpoint_store(const struct dam_checkpoint_origin *origin,
                                  const struct dam_signer_checkpoint *point,
                                  const struct dam_address *key, struct dam_bytes signature,
                                  char *text, size_t *ret_len)
{
    char name[ORIGIN_SIZE];
    struct dam_record_checkpoint note = {.size = point->size, .root = point->root};
    struct dam_record_signature line = {.len = 8 + signature.len};
    if (line.len > sizeof(line.data)) {
        return DAM_EFULL;
    }
    note.origin = dam_bytes(name, origin_text(origin, name));
    line.name = note.origin;
    key_id_of(note.origin, key, line.key_id);
    dam_store_be64(line.data, point->time);
    memcpy(line.data + 8, signature.data, signature.len);
    DAM_TRY(dam_record_checkpoint_store(&note, text, DAM_RECORD_NOTE_MAX, ret_len));
    return dam_record_note_sign(text, DAM_RECORD_NOTE_MAX, ret_len, &line);
}

/* docs/spec/evidence.md section 4: 65 bytes are r, s, v of secp256k1, 128 are r, s, x, y of P-256.
 */
static bool key_recover(const struct dam_hash *digest, struct dam_bytes signature,
                        struct dam_address *ret)
{
    if (signature.len == 65) {
        struct dam_secp256k1_sig sig = {.y_parity = (uint8_t)(signature.data[64] - 27)};
        memcpy(sig.r, signature.data, 32);
        memcpy(sig.s, signature.data + 32, 32);
        return dam_secp256k1_is_low_s(sig.s) &&
               dam_secp256k1_recover_address(digest, &sig, ret) == DAM_OK;
    }
    if (signature.len != 128 || !dam_p256_verify(digest, signature.data, signature.data + 64)) {
        return false;
    }
    dam_address_of_public_key(signature.data + 64, ret);
    return true;
}

enum dam_err dam_checkpoint_load(struct dam_bytes text, struct dam_checkpoint_origin *ret_origin,
                                 struct dam_signer_checkpoint *ret_point,
                                 struct dam_address *ret_key, struct dam_record_signature *ret_line,
                                 struct dam_bytes *ret_signature)
{
    struct dam_record_signature lines[DAM_RECORD_SIGNATURES_MAX];
    struct dam_record_checkpoint note;
    struct dam_bytes signed_text;
    size_t count = 0;
    DAM_TRY(dam_record_checkpoint_parse(text, &note, &signed_text, lines, &count));
    if (!origin_read(note.origin, ret_origin)) {
        return DAM_EPARSE;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t id[4];
        struct dam_hash digest;
        if (lines[i].len < 8 || !dam_bytes_eq(lines[i].name, note.origin)) {
            continue;
        }
        *ret_point =
            (struct dam_signer_checkpoint){note.size, note.root, dam_load_be64(lines[i].data)};
        *ret_line = lines[i];
        *ret_signature = dam_bytes(ret_line->data + 8, ret_line->len - 8);
        digest_of(ret_origin, ret_point, &digest);
        if (!key_recover(&digest, *ret_signature, ret_key)) {
            continue;
        }
        key_id_of(note.origin, ret_key, id);
        if (memcmp(id, ret_line->key_id, sizeof(id)) == 0) {
            return DAM_OK;
        }
    }
    return DAM_ESIGNATURE;
}
