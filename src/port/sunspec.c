// SPDX-License-Identifier: Apache-2.0
#include "port/sunspec.h"

#include "core/flow/fixed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define I16 DAM_REGISTER_INT16
#define U16 DAM_REGISTER_UINT16
#define U32 DAM_REGISTER_UINT32
#define A32 DAM_REGISTER_ACC32
#define F32 DAM_REGISTER_FLOAT32
#define NO DAM_SUNSPEC_NO_SF

static const struct dam_sunspec_point points[] = {
    {1, 1, "DA", 64, U16, NO},
    /* inverter, integers */
    {101, 103, "A", 0, U16, 4},
    {101, 103, "AphA", 1, U16, 4},
    {101, 103, "AphB", 2, U16, 4},
    {101, 103, "AphC", 3, U16, 4},
    {101, 103, "PhVphA", 8, U16, 11},
    {101, 103, "PhVphB", 9, U16, 11},
    {101, 103, "PhVphC", 10, U16, 11},
    {101, 103, "W", 12, I16, 13},
    {101, 103, "Hz", 14, U16, 15},
    {101, 103, "VA", 16, I16, 17},
    {101, 103, "VAr", 18, I16, 19},
    {101, 103, "PF", 20, I16, 21},
    {101, 103, "WH", 22, A32, 24},
    {101, 103, "DCA", 25, U16, 26},
    {101, 103, "DCV", 27, U16, 28},
    {101, 103, "DCW", 29, I16, 30},
    {101, 103, "TmpCab", 31, I16, 35},
    {101, 103, "TmpSnk", 32, I16, 35},
    {101, 103, "St", 36, U16, NO},
    /* inverter, floats */
    {111, 113, "A", 0, F32, NO},
    {111, 113, "PhVphA", 14, F32, NO},
    {111, 113, "PhVphB", 16, F32, NO},
    {111, 113, "PhVphC", 18, F32, NO},
    {111, 113, "W", 20, F32, NO},
    {111, 113, "Hz", 22, F32, NO},
    {111, 113, "VA", 24, F32, NO},
    {111, 113, "VAr", 26, F32, NO},
    {111, 113, "PF", 28, F32, NO},
    {111, 113, "WH", 30, F32, NO},
    {111, 113, "DCA", 32, F32, NO},
    {111, 113, "DCV", 34, F32, NO},
    {111, 113, "DCW", 36, F32, NO},
    {111, 113, "TmpCab", 38, F32, NO},
    {111, 113, "St", 46, U16, NO},
    /* nameplate */
    {120, 120, "DERTyp", 0, U16, NO},
    {120, 120, "WRtg", 1, U16, 2},
    {120, 120, "VARtg", 3, U16, 4},
    {120, 120, "ARtg", 10, U16, 11},
    {120, 120, "WHRtg", 17, U16, 18},
    {120, 120, "MaxChaRte", 21, U16, 22},
    {120, 120, "MaxDisChaRte", 23, U16, 24},
    /* settings */
    {121, 121, "WMax", 0, U16, 20},
    {121, 121, "VRef", 1, U16, 21},
    /* status */
    {122, 122, "PVConn", 0, U16, NO},
    {122, 122, "StorConn", 1, U16, NO},
    {122, 122, "ECPConn", 2, U16, NO},
    /* immediate controls */
    {123, 123, "Conn", 2, U16, NO},
    {123, 123, "WMaxLimPct", 3, U16, 21},
    {123, 123, "WMaxLimPct_RvrtTms", 5, U16, NO},
    {123, 123, "WMaxLim_Ena", 7, U16, NO},
    {123, 123, "OutPFSet", 8, I16, 22},
    {123, 123, "OutPFSet_Ena", 12, U16, NO},
    /* storage */
    {124, 124, "WChaMax", 0, U16, 16},
    {124, 124, "StorCtl_Mod", 3, U16, NO},
    {124, 124, "MinRsvPct", 5, U16, 19},
    {124, 124, "ChaState", 6, U16, 20},
    {124, 124, "StorAval", 7, U16, 21},
    {124, 124, "InBatV", 8, U16, 22},
    {124, 124, "ChaSt", 9, U16, NO},
    {124, 124, "OutWRte", 10, I16, 23},
    {124, 124, "InWRte", 11, I16, 23},
    {124, 124, "InOutWRte_RvrtTms", 13, U16, NO},
    {124, 124, "ChaGriSet", 15, U16, NO},
    /* multiple MPPT, first and second tracker */
    {160, 160, "1_DCA", 17, U16, 0},
    {160, 160, "1_DCV", 18, U16, 1},
    {160, 160, "1_DCW", 19, U16, 2},
    {160, 160, "2_DCA", 37, U16, 0},
    {160, 160, "2_DCV", 38, U16, 1},
    {160, 160, "2_DCW", 39, U16, 2},
    /* meter, integers */
    {201, 204, "A", 0, I16, 4},
    {201, 204, "PhV", 5, I16, 13},
    {201, 204, "PhVphA", 6, I16, 13},
    {201, 204, "PhVphB", 7, I16, 13},
    {201, 204, "PhVphC", 8, I16, 13},
    {201, 204, "Hz", 14, I16, 15},
    {201, 204, "W", 16, I16, 20},
    {201, 204, "WphA", 17, I16, 20},
    {201, 204, "WphB", 18, I16, 20},
    {201, 204, "WphC", 19, I16, 20},
    {201, 204, "VA", 21, I16, 25},
    {201, 204, "VAR", 26, I16, 30},
    {201, 204, "PF", 31, I16, 35},
    {201, 204, "TotWhExp", 36, A32, 52},
    {201, 204, "TotWhImp", 44, A32, 52},
    /* battery base */
    {802, 802, "AHRtg", 0, U16, 50},
    {802, 802, "WHRtg", 1, U16, 51},
    {802, 802, "WChaRteMax", 2, U16, 52},
    {802, 802, "WDisChaRteMax", 3, U16, 52},
    {802, 802, "SoCMax", 5, U16, 54},
    {802, 802, "SoCMin", 6, U16, 54},
    {802, 802, "SoC", 9, U16, 54},
    {802, 802, "DoD", 10, U16, 55},
    {802, 802, "SoH", 11, U16, 56},
    {802, 802, "NCyc", 12, U32, NO},
    {802, 802, "ChaSt", 14, U16, NO},
    {802, 802, "State", 20, U16, NO},
    {802, 802, "V", 32, U16, 57},
    {802, 802, "A", 42, I16, 59},
    {802, 802, "W", 45, I16, 61},
};

const struct dam_sunspec_point *dam_sunspec_find(const char *key, uint16_t *ret_model)
{
    char *end = NULL;
    unsigned long model = key[0] < '0' || key[0] > '9' ? 0 : strtoul(key, &end, 10);
    if (model == 0 || model >= DAM_SUNSPEC_ID_END || *end != '.') {
        return NULL;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(points); i++) {
        if (model >= points[i].model_first && model <= points[i].model_last &&
            strcmp(points[i].name, end + 1) == 0) {
            *ret_model = (uint16_t)model;
            return &points[i];
        }
    }
    return NULL;
}

unsigned dam_register_count(enum dam_register_type type)
{
    switch (type) {
    case DAM_REGISTER_INT16:
    case DAM_REGISTER_UINT16:
        return 1;
    case DAM_REGISTER_INT32:
    case DAM_REGISTER_UINT32:
    case DAM_REGISTER_ACC32:
    case DAM_REGISTER_FLOAT32:
        return 2;
    case DAM_REGISTER_INT64:
    case DAM_REGISTER_UINT64:
        return 4;
    }
    return 0;
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

enum dam_err dam_register_value(const uint16_t *r, enum dam_register_type type, int sf,
                                unsigned decimals, bool all_available, int64_t *ret)
{
    int64_t raw = 0;
    bool absent = false;
    uint32_t low = dam_register_count(type) < 2 ? r[0] : (uint32_t)r[0] << 16 | r[1];
    switch (type) {
    case DAM_REGISTER_INT16:
        raw = (int16_t)r[0];
        absent = r[0] == 0x8000;
        break;
    case DAM_REGISTER_UINT16:
        raw = r[0];
        absent = r[0] == 0xffff;
        break;
    case DAM_REGISTER_INT32:
        raw = (int32_t)low;
        absent = low == 0x80000000u;
        break;
    case DAM_REGISTER_UINT32:
        raw = low;
        absent = low == UINT32_MAX;
        break;
    case DAM_REGISTER_ACC32:
        raw = low;
        break;
    case DAM_REGISTER_INT64:
    case DAM_REGISTER_UINT64: {
        uint64_t all = (uint64_t)low << 32 | (uint64_t)r[2] << 16 | r[3];
        absent = all == (type == DAM_REGISTER_INT64 ? (uint64_t)INT64_MIN : UINT64_MAX);
        if (type == DAM_REGISTER_UINT64 && all > INT64_MAX && !absent) {
            return DAM_ERANGE;
        }
        raw = (int64_t)all;
        break;
    }
    case DAM_REGISTER_FLOAT32:
        return float_value(low, decimals, ret);
    }
    if (absent && !all_available) {
        return DAM_ENOTFOUND;
    }
    return dam_flow_fixed_scale(raw, sf + (int)decimals, ret);
}

enum dam_err dam_register_store(int64_t value, unsigned decimals, enum dam_register_type type,
                                int sf, uint16_t *r)
{
    int64_t raw = 0;
    DAM_TRY(dam_flow_fixed_scale(value, -(int)decimals - sf, &raw));
    bool wide = dam_register_count(type) == 2;
    bool is_signed = type == DAM_REGISTER_INT16 || type == DAM_REGISTER_INT32;
    if (type == DAM_REGISTER_FLOAT32 || dam_register_count(type) > 2) {
        return DAM_EUNSUPPORTED;
    }
    int64_t max = (INT64_C(1) << ((wide ? 32 : 16) - (is_signed ? 1 : 0))) - 1;
    if (raw > max || raw < (is_signed ? -max : 0)) {
        return DAM_ERANGE;
    }
    r[0] = (uint16_t)((uint64_t)raw >> (wide ? 16 : 0));
    if (wide) {
        r[1] = (uint16_t)raw;
    }
    return DAM_OK;
}
