// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"

typedef uint8_t lanes __attribute__((vector_size(16))); /* what every processor has */

static lanes digits_of(lanes nibbles)
{
    return nibbles + '0' + ((lanes)(nibbles > 9) & ('a' - '9' - 1));
}

void dam_hex_digits(const uint8_t *data, size_t len, char *text)
{
    static const char digits[16] = "0123456789abcdef";
    for (; len >= 16; len -= 16, data += 16, text += 32) {
        lanes bytes;
        memcpy(&bytes, data, 16);
        lanes high = digits_of(bytes >> 4);
        lanes low = digits_of(bytes & 15);
        lanes first = __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21,
                                              6, 22, 7, 23);
        lanes second = __builtin_shufflevector(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                               29, 14, 30, 15, 31);
        memcpy(text, &first, 16);
        memcpy(text + 16, &second, 16);
    }
    for (; len > 0; len--, data++, text += 2) {
        text[0] = digits[*data >> 4];
        text[1] = digits[*data & 15];
    }
}

void dam_hex_encode(const uint8_t *data, size_t len, char *text)
{
    dam_hex_digits(data, len, text);
    text[2 * len] = '\0';
}

/* A digit's value and one; nothing for what is no digit. */
static const uint8_t digit_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

int dam_hex_digit(char c)
{
    return digit_values[(uint8_t)c] - 1;
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
    int bad = 0;
    for (size_t i = 0; i < text_len / 2; i++) {
        int high = dam_hex_digit(text[2 * i]);
        int low = dam_hex_digit(text[2 * i + 1]);
        bad |= high | low; /* negative if one is */
        data[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    if (bad < 0) {
        return DAM_EPARSE;
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
        int digit = dam_hex_digit(text[i]);
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
