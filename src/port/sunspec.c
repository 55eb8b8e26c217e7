// SPDX-License-Identifier: Apache-2.0
#include "port/sunspec.h"

#include "core/flow/fixed.h"
#include "port/sunspec_points.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MAX 1000u

enum { I16 = DAM_REGISTER_INT16, U16, I32, U32, A16, A32, I64, U64, A64, F32, NO = -1 };

static const struct dam_sunspec_point points[] = {
#define X(first, last, name, offset, type, sf, stride, unit, offset_by, stride_by, item)           \
    {first, last, name, offset, type, sf, stride, unit, offset_by, stride_by, item},
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

/* "714.Prt.2.DCW" is the row "Prt.#.DCW" with the index 2. */
static bool name_matches(const char *row, const char *name, uint16_t indices[2])
{
    size_t found = 0;
    indices[0] = indices[1] = 0;
    for (; *row != 0; row++) {
        if (*row != '#') {
            if (*name++ != *row) {
                return false;
            }
            continue;
        }
        char *end = NULL;
        unsigned long index = *name < '1' || *name > '9' ? 0 : strtoul(name, &end, 10);
        if (index == 0 || index > INDEX_MAX) {
            return false;
        }
        indices[found++] = (uint16_t)index;
        name = end;
    }
    return *name == 0;
}

static bool is_of(const struct dam_sunspec_point *point, unsigned long model)
{
    return model >= point->model_first && model <= point->model_last;
}

bool dam_sunspec_find(const char *key, struct dam_sunspec_place *ret)
{
    char *end = NULL;
    uint16_t indices[2];
    unsigned long model = key[0] < '0' || key[0] > '9' ? 0 : strtoul(key, &end, 10);
    if (model == 0 || model >= DAM_SUNSPEC_ID_END || *end != '.') {
        return false;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(points); i++) {
        if (is_of(&points[i], model) && name_matches(points[i].name, end + 1, indices)) {
            *ret = (struct dam_sunspec_place){&points[i], (uint16_t)model, indices[0], indices[1]};
            return true;
        }
    }
    return false;
}

uint32_t dam_sunspec_offset(const struct dam_sunspec_place *place, unsigned items)
{
    const struct dam_sunspec_point *p = place->point;
    uint32_t at = p->offset + (uint32_t)p->offset_by * items;
    if (place->group > 1) {
        at += (place->group - 1u) * (p->stride + (uint32_t)p->stride_by * items);
    }
    return place->item > 1 ? at + (place->item - 1u) * p->item : at;
}

bool dam_sunspec_curves(uint16_t model, unsigned items, struct dam_sunspec_curves *ret)
{
    struct dam_sunspec_curves curves = {.start = UINT32_MAX};
    uint32_t read_only = UINT32_MAX;
    for (size_t i = 0; i < DAM_COUNT_OF(points); i++) {
        const struct dam_sunspec_point *p = &points[i];
        if (!is_of(p, model) || p->stride == 0) {
            continue;
        }
        curves.start = p->offset < curves.start ? p->offset : curves.start;
        curves.len = p->stride + (uint32_t)p->stride_by * items;
        if (strcmp(strchr(p->name, '#') + 1, ".ReadOnly") == 0) {
            read_only = p->offset;
        }
    }
    curves.read_only = (int)(read_only - curves.start);
    *ret = read_only == UINT32_MAX ? *ret : curves;
    return read_only != UINT32_MAX;
}

bool dam_sunspec_adopts(const struct dam_sunspec_point *point)
{
    return strcmp(point->name, "AdptCrvReq") == 0 || strcmp(point->name, "AdptCtlReq") == 0;
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
