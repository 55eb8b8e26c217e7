// SPDX-License-Identifier: Apache-2.0
#include "core/eth/address.h"

#include "base/hex.h"
#include "core/crypto/keccak.h"
#include "core/crypto/secp256k1.h"
#include "core/eth/rlp.h"

static void address_of_hash(const struct dam_hash *hash, struct dam_address *ret)
{
    memcpy(ret->b, hash->b + 12, sizeof(ret->b));
}

void dam_address_create(const struct dam_address *sender, uint64_t nonce, struct dam_address *ret)
{
    uint8_t memory[40];
    struct dam_buf buf;
    struct dam_hash hash;
    dam_buf_init_fixed(&buf, memory, sizeof(memory));
    dam_rlp_put_bytes(&buf, sender->b, sizeof(sender->b));
    dam_rlp_put_u64(&buf, nonce);
    dam_rlp_put_list_end(&buf, 0);
    dam_keccak256(buf.data, buf.len, &hash);
    address_of_hash(&hash, ret);
}

void dam_address_create2(const struct dam_address *sender, const struct dam_hash *salt,
                         const struct dam_hash *init_code_hash, struct dam_address *ret)
{
    uint8_t data[1 + 20 + 32 + 32];
    struct dam_hash hash;
    data[0] = 0xff;
    memcpy(data + 1, sender->b, 20);
    memcpy(data + 21, salt->b, 32);
    memcpy(data + 53, init_code_hash->b, 32);
    dam_keccak256(data, sizeof(data), &hash);
    address_of_hash(&hash, ret);
}

void dam_address_of_public_key(const uint8_t key[64], struct dam_address *ret)
{
    struct dam_hash hash;
    dam_keccak256(key, 64, &hash);
    address_of_hash(&hash, ret);
}

enum dam_err dam_address_of_secret_key(const uint8_t secret[32], struct dam_address *ret)
{
    struct dam_secp256k1_pubkey key;
    DAM_TRY(dam_secp256k1_pubkey(secret, &key));
    dam_address_of_public_key(key.xy, ret);
    return DAM_OK;
}

void dam_address_to_text(const struct dam_address *address, char text[DAM_ADDRESS_TEXT_SIZE])
{
    struct dam_hash hash;
    char *digits = text + 2;
    memcpy(text, "0x", 2);
    dam_hex_encode(address->b, sizeof(address->b), digits);
    dam_keccak256((const uint8_t *)digits, 40, &hash);
    for (size_t i = 0; i < 40; i++) {
        uint8_t nibble = (uint8_t)(hash.b[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15;
        if (digits[i] >= 'a' && nibble >= 8) {
            digits[i] = (char)(digits[i] - 'a' + 'A');
        }
    }
}

enum dam_err dam_address_from_text(const char *text, size_t text_len, struct dam_address *ret)
{
    struct dam_address address;
    bool lower = false;
    bool upper = false;
    DAM_TRY(dam_hex_decode_exact(text, text_len, address.b, sizeof(address.b)));
    const char *digits = text + text_len - 40;
    for (size_t i = 0; i < 40; i++) {
        lower = lower || digits[i] >= 'a';
        upper = upper || (digits[i] >= 'A' && digits[i] <= 'F');
    }
    if (lower && upper) {
        char right[DAM_ADDRESS_TEXT_SIZE];
        dam_address_to_text(&address, right);
        if (memcmp(right + 2, digits, 40) != 0) {
            return DAM_ECORRUPT;
        }
    }
    *ret = address;
    return DAM_OK;
}
