// SPDX-License-Identifier: Apache-2.0
/* UTF-8 (RFC 3629), checked: no overlong forms, no surrogates, nothing above U+10FFFF. Header
 * only. */
#ifndef DAM_BASE_UTF8_H
#define DAM_BASE_UTF8_H

#include "base/bytes.h"

/** The length of the valid character at the front. Returns: 1 to 4, or 0 if there is none. */
static inline size_t dam_utf8_len(const uint8_t *text, size_t text_len)
{
    if (text_len == 0 || text[0] < 0x80) {
        return text_len == 0 ? 0 : 1;
    }
    size_t len = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4 || text_len < len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool surrogate = text[0] == 0xed && text[1] >= 0xa0;
    bool beyond = text[0] == 0xf4 && text[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : len;
}

/** Write a character. Returns: its length, 1 to 4. In: code: a Unicode scalar value. */
static inline size_t dam_utf8_put(uint32_t code, uint8_t ret[4])
{
    if (code < 0x80) {
        ret[0] = (uint8_t)code;
        return 1;
    }
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    const size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; code >>= 6) {
        ret[i] = (uint8_t)(0x80 | (code & 0x3f));
    }
    ret[0] = (uint8_t)(lead[len] | code);
    return len;
}

/** Is the whole text valid? */
static inline bool dam_utf8_is_valid(const uint8_t *text, size_t text_len)
{
    for (size_t at = 0; at < text_len;) {
        size_t len = dam_utf8_len(text + at, text_len - at);
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return true;
}

#endif
