// SPDX-License-Identifier: Apache-2.0
#include "port/sunspec.h"

#include "core/flow/fixed.h"
#include "port/sunspec_points.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define INDEX_MAX 1000u

enum { I16 = DAM_REGISTER_INT16, U16, I32, U32, A16, A32, I64, U64, A64, F32, NO = -1 };

static const struct dam_sunspec_point points[] = {
#define X(first, last, name, offset, type, sf, stride, unit)                                       \
    {first, last, name, offset, type, sf, stride, unit},
    DAM_SUNSPEC_POINTS(X)
#undef X
};

/* What the types are: how many registers, whether negative, and what says "not available". */
static const struct {
    uint8_t count;
    bool is_signed;
    bool has_absent;
    uint64_t absent;
} types[] = {
    [I16] = {1, true, true, 0x8000},
    [U16] = {1, false, true, UINT16_MAX},
    [I32] = {2, true, true, UINT64_C(0x80000000)},
    [U32] = {2, false, true, UINT32_MAX},
    [A16] = {1, false, false, 0},
    [A32] = {2, false, false, 0},
    [I64] = {4, true, true, (uint64_t)INT64_MIN},
    [U64] = {4, false, true, UINT64_MAX},
    [A64] = {4, false, false, 0},
    [F32] = {2, true, false, 0},
};

/* "714.Prt.2.DCW" is the row "Prt.DCW", one stride on. */
static bool name_matches(const struct dam_sunspec_point *point, const char *name,
                         unsigned *ret_offset)
{
    size_t group = strcspn(point->name, ".");
    *ret_offset = point->offset;
    if (point->stride == 0) {
        return strcmp(point->name, name) == 0;
    }
    if (strncmp(point->name, name, group + 1) != 0 || name[group + 1] < '1' ||
        name[group + 1] > '9') {
        return false;
    }
    char *end = NULL;
    unsigned long index = strtoul(name + group + 1, &end, 10);
    if (index > INDEX_MAX || strcmp(point->name + group, end) != 0) {
        return false;
    }
    *ret_offset += (unsigned)(index - 1) * point->stride;
    return true;
}

const struct dam_sunspec_point *dam_sunspec_find(const char *key, uint16_t *ret_model,
                                                 uint16_t *ret_offset)
{
    char *end = NULL;
    unsigned long model = key[0] < '0' || key[0] > '9' ? 0 : strtoul(key, &end, 10);
    if (model == 0 || model >= DAM_SUNSPEC_ID_END || *end != '.') {
        return NULL;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(points); i++) {
        unsigned offset = 0;
        if (model >= points[i].model_first && model <= points[i].model_last &&
            name_matches(&points[i], end + 1, &offset)) {
            *ret_model = (uint16_t)model;
            *ret_offset = (uint16_t)offset;
            return &points[i];
        }
    }
    return NULL;
}

unsigned dam_register_count(enum dam_register_type type)
{
    return types[type].count;
}

/* A device's float becomes decimal text with the nine digits that it holds, and that exactly the
 * channel's value: two builds agree. */
static enum dam_err float_value(uint32_t bits, unsigned decimals, int64_t *ret)
{
    char text[48];
    float value;
    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value)) {
        return isnan(value) ? DAM_ENOTFOUND : DAM_EPARSE;
    }
    int len = snprintf(text, sizeof(text), "%.9g", (double)value);
    return dam_flow_fixed_parse(text, (size_t)len, decimals, ret);
}

static int64_t sign_extend(uint64_t bits, unsigned width)
{
    return (int64_t)(bits << (64 - width)) >> (64 - width);
}

enum dam_err dam_register_value(const uint16_t *r, enum dam_register_type type, int sf,
                                unsigned decimals, bool all_available, int64_t *ret)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < types[type].count; i++) {
        bits = bits << 16 | r[i];
    }
    if (type == DAM_REGISTER_FLOAT32) {
        return float_value((uint32_t)bits, decimals, ret);
    }
    if (types[type].has_absent && bits == types[type].absent && !all_available) {
        return DAM_ENOTFOUND;
    }
    if (!types[type].is_signed && bits > INT64_MAX) {
        return DAM_ERANGE;
    }
    int64_t raw =
        types[type].is_signed ? sign_extend(bits, 16u * types[type].count) : (int64_t)bits;
    return dam_flow_fixed_scale(raw, sf + (int)decimals, ret);
}

enum dam_err dam_register_store(int64_t value, unsigned decimals, enum dam_register_type type,
                                int sf, uint16_t *r)
{
    int64_t raw = 0;
    unsigned count = types[type].count;
    if (type == DAM_REGISTER_FLOAT32) {
        return DAM_EUNSUPPORTED;
    }
    DAM_TRY(dam_flow_fixed_scale(value, -(int)decimals - sf, &raw));
    unsigned bits = 16 * count - (types[type].is_signed ? 1 : 0);
    int64_t max = bits > 62 ? INT64_MAX : (INT64_C(1) << bits) - 1;
    /* The smallest of all means "not available" to a SunSpec device. */
    if (raw > max || raw < (types[type].is_signed ? -max : 0)) {
        return DAM_ERANGE;
    }
    for (unsigned i = 0; i < count; i++) {
        r[i] = (uint16_t)((uint64_t)raw >> (16 * (count - 1 - i)));
    }
    return DAM_OK;
}
