// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"

void dam_hex_encode(const uint8_t *data, size_t len, char *text)
{
    static const char digits[16] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * len] = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

static size_t prefix_len(const char *text, size_t text_len)
{
    return text_len >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 2 : 0;
}

enum dam_err dam_hex_decode(const char *text, size_t text_len, uint8_t *data, size_t size,
                            size_t *ret_len)
{
    size_t skip = prefix_len(text, text_len);
    text += skip;
    text_len -= skip;
    if (text_len % 2 != 0) {
        return DAM_EPARSE;
    }
    if (text_len / 2 > size) {
        return DAM_EFULL;
    }
    for (size_t i = 0; i < text_len / 2; i++) {
        int high = digit_value(text[2 * i]);
        int low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return DAM_EPARSE;
        }
        data[i] = (uint8_t)(high << 4 | low);
    }
    *ret_len = text_len / 2;
    return DAM_OK;
}

enum dam_err dam_hex_decode_exact(const char *text, size_t text_len, uint8_t *data, size_t size)
{
    size_t skip = prefix_len(text, text_len);
    if (text_len - skip != 2 * size) {
        return DAM_EPARSE;
    }
    size_t len;
    return dam_hex_decode(text, text_len, data, size, &len);
}

enum dam_err dam_hex_u64(const char *text, size_t text_len, uint64_t *ret)
{
    size_t skip = prefix_len(text, text_len);
    if (text_len == skip) {
        return DAM_EPARSE;
    }
    uint64_t value = 0;
    for (size_t i = skip; i < text_len; i++) {
        int digit = digit_value(text[i]);
        if (digit < 0) {
            return DAM_EPARSE;
        }
        if (value >> 60 != 0) {
            return DAM_ERANGE;
        }
        value = value << 4 | (uint64_t)digit;
    }
    *ret = value;
    return DAM_OK;
}
