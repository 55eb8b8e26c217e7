// SPDX-License-Identifier: Apache-2.0
#include "core/flow/fixed.h"

#include "base/assert.h"

/* A number as digits * 10^exponent. */
struct decimal {
    unsigned __int128 digits;
    int exponent;
    bool negative;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits of a mantissa. Returns the number of characters read, 0 if there was no digit. Digits
 * beyond the 36th cannot change a rounded int64 unless the value is far out of range. */
static size_t mantissa_read(const char *text, size_t len, struct decimal *ret)
{
    size_t i = 0;
    bool any = false;
    bool point = false;
    for (; i < len; i++) {
        if (text[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(text[i])) {
            break;
        }
        any = true;
        if (ret->digits < ((unsigned __int128)1 << 120)) {
            ret->digits = ret->digits * 10 + (unsigned)(text[i] - '0');
            ret->exponent -= point ? 1 : 0;
        } else {
            ret->exponent += point ? 0 : 1;
        }
    }
    return any ? i : 0;
}

static enum dam_err decimal_read(const char *text, size_t len, struct decimal *ret)
{
    size_t at = 0;
    *ret = (struct decimal){0};
    if (len > 4096) {
        return DAM_EPARSE;
    }
    if (at < len && (text[at] == '-' || text[at] == '+')) {
        ret->negative = text[at++] == '-';
    }
    size_t used = mantissa_read(text + at, len - at, ret);
    if (used == 0) {
        return DAM_EPARSE;
    }
    at += used;
    if (at == len) {
        return DAM_OK;
    }
    if (text[at] != 'e' && text[at] != 'E') {
        return DAM_EPARSE;
    }
    at++;
    bool down = false;
    if (at < len && (text[at] == '-' || text[at] == '+')) {
        down = text[at++] == '-';
    }
    int exponent = 0;
    size_t first = at;
    for (; at < len && is_digit(text[at]); at++) {
        exponent = exponent < 100000 ? exponent * 10 + (text[at] - '0') : exponent;
    }
    if (at == first || at != len) {
        return DAM_EPARSE;
    }
    ret->exponent += down ? -exponent : exponent;
    return DAM_OK;
}

/* digits * 10^exponent rounded half away from zero into an int64. */
static enum dam_err decimal_round(struct decimal number, int64_t *ret_value)
{
    unsigned __int128 digits = number.digits;
    int exponent = number.exponent;
    unsigned last = 0; /* the last digit cut off decides the rounding: half goes away from zero */
    for (; exponent < 0 && (digits != 0 || last != 0); exponent++) {
        last = (unsigned)(digits % 10);
        digits /= 10;
    }
    digits += last >= 5 ? 1 : 0;
    for (; exponent > 0 && digits != 0 && digits <= (uint64_t)INT64_MAX; exponent--) {
        digits *= 10;
    }
    bool is_whole = exponent <= 0 || digits == 0;
    if (!is_whole || digits > (uint64_t)INT64_MAX + (number.negative ? 1 : 0)) {
        return DAM_ERANGE;
    }
    uint64_t magnitude = (uint64_t)digits;
    *ret_value = (int64_t)(number.negative ? 0 - magnitude : magnitude);
    return DAM_OK;
}

enum dam_err dam_flow_fixed_parse(const char *text, size_t text_len, unsigned decimals,
                                  int64_t *ret_value)
{
    DAM_ASSERT(decimals <= DAM_FLOW_DECIMALS_MAX);
    struct decimal number;
    DAM_TRY(decimal_read(text, text_len, &number));
    number.exponent += (int)decimals;
    return decimal_round(number, ret_value);
}

enum dam_err dam_flow_fixed_scale(int64_t value, int exponent, int64_t *ret_value)
{
    struct decimal number = {
        .digits = value < 0 ? 0 - (uint64_t)value : (uint64_t)value,
        .exponent = exponent,
        .negative = value < 0,
    };
    return decimal_round(number, ret_value);
}

size_t dam_flow_fixed_format(int64_t value, unsigned decimals, char *text)
{
    DAM_ASSERT(decimals <= DAM_FLOW_DECIMALS_MAX);
    char reversed[DAM_FLOW_FIXED_TEXT_MAX];
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t len = 0;
    for (unsigned digit = 0; digit <= decimals || magnitude != 0; digit++) {
        if (digit == decimals && decimals != 0) {
            reversed[len++] = '.';
        }
        reversed[len++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    }
    if (value < 0) {
        reversed[len++] = '-';
    }
    for (size_t i = 0; i < len; i++) {
        text[i] = reversed[len - 1 - i];
    }
    text[len] = 0;
    return len;
}
