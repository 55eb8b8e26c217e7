// SPDX-License-Identifier: Apache-2.0
/* Hexadecimal text, as Ethereum writes it: lower case, "0x" in front where the caller wants it. */
#ifndef DAM_BASE_HEX_H
#define DAM_BASE_HEX_H

#include "base/bytes.h"
#include "base/err.h"

/** The value of a hex digit. Returns: 0 to 15; -1 for any other character. */
int dam_hex_digit(char c);

/** Write len bytes as 2*len lower-case digits and a NUL; no "0x".
 *  Out: text: at least 2*len+1 bytes. */
void dam_hex_encode(const uint8_t *data, size_t len, char *text);

/** The same without the NUL. */
void dam_hex_digits(const uint8_t *data, size_t len, char *text);

/** Read hex digits, with or without "0x", into a buffer.
 *  Returns: DAM_OK with *ret_len set; DAM_EPARSE on an odd number of digits or a character that is
 * none; DAM_EFULL if it needs more than size bytes. On error nothing is promised about data[]. In:
 * text: text_len characters, no NUL needed. */
DAM_MUST_USE enum dam_err dam_hex_decode(const char *text, size_t text_len, uint8_t *data,
                                         size_t size, size_t *ret_len);

/** Read exactly size bytes. Returns: DAM_OK, or DAM_EPARSE on any other length or character. */
DAM_MUST_USE enum dam_err dam_hex_decode_exact(const char *text, size_t text_len, uint8_t *data,
                                               size_t size);

/** Read a JSON-RPC quantity ("0x1f", no leading zeros demanded) into a uint64. Returns: DAM_OK,
 * DAM_EPARSE, or DAM_ERANGE above 2^64-1. */
DAM_MUST_USE enum dam_err dam_hex_u64(const char *text, size_t text_len, uint64_t *ret);

#endif
