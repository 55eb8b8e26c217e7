// SPDX-License-Identifier: Apache-2.0
/* Decimal text to int64 and back, exactly. Every channel is an int64 with declared decimals; what
 * comes from a file, a topic or a register text is turned into it here, once, without a float, so
 * that every build gets the same value. */
#ifndef DAM_CORE_FLOW_FIXED_H
#define DAM_CORE_FLOW_FIXED_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_FLOW_DECIMALS_MAX 18u
#define DAM_FLOW_FIXED_TEXT_MAX 32u /* room for any int64 with a point, sign and NUL */

/** Read a decimal number as "-12.50", "+3", ".5" or "1.2e-3": value * 10^decimals, rounded half
 *  away from zero.
 *  Returns: DAM_OK; DAM_EPARSE if it is no such number; DAM_ERANGE if it does not fit (nothing
 *  written). In: decimals: at most DAM_FLOW_DECIMALS_MAX. */
DAM_MUST_USE enum dam_err dam_flow_fixed_parse(const char *text, size_t text_len, unsigned decimals,
                                               int64_t *ret_value);

/** Multiply by 10^exponent, rounded half away from zero, as a SunSpec scale factor asks.
 *  Returns: DAM_OK, or DAM_ERANGE if the result does not fit (nothing written). */
DAM_MUST_USE enum dam_err dam_flow_fixed_scale(int64_t value, int exponent, int64_t *ret_value);

/** Write value / 10^decimals with exactly `decimals` digits after the point. Returns: the length.
 *  Out: text: DAM_FLOW_FIXED_TEXT_MAX bytes. */
size_t dam_flow_fixed_format(int64_t value, unsigned decimals, char *text);

#endif
