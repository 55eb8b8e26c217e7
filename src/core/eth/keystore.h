// SPDX-License-Identifier: Apache-2.0
/* Secret keys on disk: Web3 Secret Storage version 3, with scrypt or PBKDF2, as geth, ethers and
 * cast write it. Randomness comes from the caller. The derivation takes about a second and up to
 * 256 MB by design. Pure but for OpenSSL's own memory. */
#ifndef DAM_CORE_ETH_KEYSTORE_H
#define DAM_CORE_ETH_KEYSTORE_H

#include "base/buf.h"
#include "base/json.h"

#define DAM_KEYSTORE_TEXT_MAX 4096u

/** Decrypt a keystore.
 *  Returns: DAM_OK with the 32-byte secret in ret; DAM_EPARSE if the JSON is no keystore;
 *           DAM_EVERSION for another version; DAM_EUNSUPPORTED for another cipher or kdf;
 *           DAM_ERANGE for kdf parameters beyond what any tool writes; DAM_EREFUSED if the password
 *           is wrong; DAM_ENOMEM.
 *  In:      json: the parsed file; arena: scratch of up to 2 GiB, given back and wiped.
 *  Surprise: the caller wipes ret. */
DAM_MUST_USE enum dam_err dam_keystore_decrypt(struct dam_arena *arena, const struct dam_json *json,
                                               const char *password, size_t password_len,
                                               uint8_t ret[32]);

struct dam_keystore_random {
    uint8_t salt[32];
    uint8_t iv[16];
    uint8_t id[16]; /* becomes a version 4 UUID */
};

/** Append a keystore (scrypt, r = 8, p = 1, AES-128-CTR).
 *  Returns: DAM_OK; DAM_ERANGE for a log2_n outside 10 to 20 or a bad key; DAM_ENOMEM.
 *  In:      arena: scratch, 1024 * 2^log2_n bytes, given back and wiped.
 *           log2_n: 18 is what geth uses (256 MB, a second); 12 is its light form.
 *           random: fresh for each file; never used twice. */
DAM_MUST_USE enum dam_err dam_keystore_encrypt(struct dam_arena *arena, const uint8_t secret[32],
                                               const char *password, size_t password_len,
                                               unsigned log2_n,
                                               const struct dam_keystore_random *random,
                                               struct dam_buf *buf);

#endif
