// SPDX-License-Identifier: Apache-2.0
/* 256-bit numbers as people and JSON-RPC write them. Pure. */
#ifndef DAM_BASE_U256_TEXT_H
#define DAM_BASE_U256_TEXT_H

#include "base/err.h"
#include "base/u256.h"

#define DAM_U256_DEC_SIZE 79u /* 78 digits and a NUL */
#define DAM_U256_HEX_SIZE 67u /* "0x", 64 digits and a NUL */

/* Both return DAM_OK; DAM_EPARSE if there is no digit or another character; DAM_ERANGE above
 * 2^256-1. *ret is written only on DAM_OK. */

/** Decimal digits only. */
DAM_MUST_USE enum dam_err dam_u256_from_dec(const char *text, size_t text_len,
                                            struct dam_u256 *ret);

/** Hex digits, "0x" optional, leading zeros let through. */
DAM_MUST_USE enum dam_err dam_u256_from_hex(const char *text, size_t text_len,
                                            struct dam_u256 *ret);

/** Write decimal digits and a NUL. Returns: the number of digits. */
size_t dam_u256_to_dec(const struct dam_u256 *value, char text[DAM_U256_DEC_SIZE]);

/** Write "0x" and hex digits without leading zeros ("0x0" for zero) and a NUL. Returns: the number
 * of characters. */
size_t dam_u256_to_hex(const struct dam_u256 *value, char text[DAM_U256_HEX_SIZE]);

#endif
