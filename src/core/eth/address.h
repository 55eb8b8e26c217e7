// SPDX-License-Identifier: Apache-2.0
/* Addresses: where contracts land, whose key it is, and how people write them (EIP-55). Pure. */
#ifndef DAM_CORE_ETH_ADDRESS_H
#define DAM_CORE_ETH_ADDRESS_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_ADDRESS_TEXT_SIZE 43u /* "0x", 40 digits, NUL */

/** Where CREATE puts a contract. */
void dam_address_create(const struct dam_address *sender, uint64_t nonce, struct dam_address *ret);

/** Where CREATE2 puts it (EIP-1014). In: init_code_hash: keccak256 of the init code. */
void dam_address_create2(const struct dam_address *sender, const struct dam_hash *salt,
                         const struct dam_hash *init_code_hash, struct dam_address *ret);

/** The account of a public key. In: key: 64 bytes, x then y. */
void dam_address_of_public_key(const uint8_t key[64], struct dam_address *ret);

/** The account of a secret key. Returns: DAM_ERANGE if it is 0 or not below the curve's order. */
DAM_MUST_USE enum dam_err dam_address_of_secret_key(const uint8_t secret[32],
                                                    struct dam_address *ret);

/** Write "0x" and 40 digits with the EIP-55 checksum in their case, and a NUL. */
void dam_address_to_text(const struct dam_address *address, char text[DAM_ADDRESS_TEXT_SIZE]);

/** Read 40 hex digits, "0x" optional. All lower or all upper case carries no checksum; mixed case
 * must be a right one. Returns: DAM_OK; DAM_EPARSE; DAM_ECORRUPT on a wrong checksum. */
DAM_MUST_USE enum dam_err dam_address_from_text(const char *text, size_t text_len,
                                                struct dam_address *ret);

#endif
