// SPDX-License-Identifier: Apache-2.0
#include "base/u256_text.h"

#include "base/hex.h"

/* value = value * factor + add. Returns: false if it does not fit. */
static bool mul_add(struct dam_u256 *value, uint64_t factor, uint64_t add)
{
    unsigned __int128 carry = add;
    for (int i = 0; i < 4; i++) {
        carry += (unsigned __int128)value->w[i] * factor;
        value->w[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return carry == 0;
}

/* value /= divisor. Returns: the remainder. */
static uint64_t div_small(struct dam_u256 *value, uint64_t divisor)
{
    unsigned __int128 rest = 0;
    for (int i = 3; i >= 0; i--) {
        rest = rest << 64 | value->w[i];
        value->w[i] = (uint64_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint64_t)rest;
}

static enum dam_err from_digits(const char *text, size_t text_len, int base, struct dam_u256 *ret)
{
    struct dam_u256 value = {{0}};
    bool fits = true;
    if (text_len == 0) {
        return DAM_EPARSE;
    }
    for (size_t i = 0; i < text_len; i++) {
        int digit = dam_hex_digit(text[i]);
        if (digit < 0 || digit >= base) {
            return DAM_EPARSE;
        }
        fits = mul_add(&value, (uint64_t)base, (uint64_t)digit) && fits;
    }
    if (!fits) {
        return DAM_ERANGE;
    }
    *ret = value;
    return DAM_OK;
}

enum dam_err dam_u256_from_dec(const char *text, size_t text_len, struct dam_u256 *ret)
{
    return from_digits(text, text_len, 10, ret);
}

enum dam_err dam_u256_from_hex(const char *text, size_t text_len, struct dam_u256 *ret)
{
    bool prefixed = text_len >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    return prefixed ? from_digits(text + 2, text_len - 2, 16, ret)
                    : from_digits(text, text_len, 16, ret);
}

size_t dam_u256_to_dec(const struct dam_u256 *value, char text[DAM_U256_DEC_SIZE])
{
    char digits[DAM_U256_DEC_SIZE];
    size_t first = sizeof(digits);
    struct dam_u256 rest = *value;
    do {
        digits[--first] = (char)('0' + div_small(&rest, 10));
    } while (!dam_u256_is_zero(&rest));
    size_t len = sizeof(digits) - first;
    memcpy(text, digits + first, len);
    text[len] = '\0';
    return len;
}

size_t dam_u256_to_hex(const struct dam_u256 *value, char text[DAM_U256_HEX_SIZE])
{
    int word = 3;
    while (word > 0 && value->w[word] == 0) {
        word--;
    }
    size_t len = 16 * (size_t)word + (67 - (size_t)__builtin_clzll(value->w[word] | 1)) / 4;
    uint8_t bytes[32];
    char digits[64];
    dam_u256_store_be(bytes, value);
    size_t used = 8 * ((size_t)word + 1);
    dam_hex_digits(bytes + sizeof(bytes) - used, used, digits);
    memcpy(text, "0x", 2);
    memcpy(text + 2, digits + 2 * used - len, len);
    len += 2;
    text[len] = '\0';
    return len;
}
