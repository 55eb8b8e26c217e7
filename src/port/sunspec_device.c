// SPDX-License-Identifier: Apache-2.0
#include "port/sunspec_device.h"

#include "port/modbus_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCK_MAX 125 /* registers in one request: Modbus application protocol 6.3 */
#define ADOPT_LOOK_MS 50u

/* Where a point is on this device. */
struct spot {
    struct dam_sunspec_model *model;
    unsigned items; /* of its lists; 0: it has none */
    unsigned offset;
    int exponent;
};

/* ---- models ---------------------------------------------------------------------------------- */

void dam_sunspec_device_forget(struct dam_sunspec_device *d)
{
    for (size_t i = 0; i < d->model_count; i++) {
        free(d->models[i].registers);
    }
    d->model_count = 0;
}

void dam_sunspec_device_begin(struct dam_sunspec_device *d)
{
    for (size_t i = 0; i < d->model_count; i++) {
        d->models[i].is_read = false;
    }
}

/* From the marker "SunS" on. */
const char *dam_sunspec_device_walk(struct dam_sunspec_device *d, modbus_t *bus)
{
    static const uint16_t bases[] = {40000, 50000, 0};
    uint16_t r[2];
    uint32_t at = 0;
    dam_sunspec_device_forget(d);
    for (size_t i = 0; i < DAM_COUNT_OF(bases) && at == 0; i++) {
        if (modbus_read_registers(bus, bases[i], 2, r) != 2) {
            if (!dam_modbus_is_refusal(errno)) {
                return "reading the SunSpec marker";
            }
        } else if (r[0] == 0x5375 && r[1] == 0x6e53) {
            at = (uint32_t)bases[i] + 2;
        }
    }
    while (at != 0 && at + 2 <= UINT16_MAX && d->model_count < DAM_SUNSPEC_MODELS_MAX) {
        if (modbus_read_registers(bus, (int)at, 2, r) != 2) {
            return dam_modbus_is_refusal(errno) ? NULL : "walking the SunSpec models";
        }
        if (r[0] == DAM_SUNSPEC_ID_END || r[1] == 0) {
            break;
        }
        d->models[d->model_count++] =
            (struct dam_sunspec_model){.id = r[0], .address = (uint16_t)(at + 2), .len = r[1]};
        at += 2u + r[1];
    }
    return NULL;
}

/* In one piece; a device that refuses is asked point by point. */
static enum dam_err model_read(modbus_t *bus, struct dam_sunspec_model *m)
{
    if (m->is_read || m->piecemeal) {
        return DAM_OK;
    }
    m->registers = m->registers == NULL ? calloc(m->len, sizeof(uint16_t)) : m->registers;
    if (m->registers == NULL) {
        return DAM_ENOMEM;
    }
    for (int at = 0; at < m->len; at += BLOCK_MAX) {
        int count = m->len - at < BLOCK_MAX ? m->len - at : BLOCK_MAX;
        if (modbus_read_registers(bus, m->address + at, count, m->registers + at) != count) {
            m->piecemeal = dam_modbus_is_refusal(errno);
            return m->piecemeal ? DAM_OK : DAM_EIO;
        }
    }
    m->is_read = true;
    return DAM_OK;
}

static enum dam_err model_get(modbus_t *bus, struct dam_sunspec_model *m, unsigned offset,
                              unsigned count, uint16_t *ret)
{
    if (offset + count > m->len) {
        return DAM_ENOTFOUND;
    }
    DAM_TRY(model_read(bus, m));
    if (m->is_read) {
        memcpy(ret, m->registers + offset, count * sizeof(*ret));
        return DAM_OK;
    }
    int done = modbus_read_registers(bus, m->address + (int)offset, (int)count, ret);
    return done == (int)count ? DAM_OK : DAM_EIO;
}

/* ---- points ---------------------------------------------------------------------------------- */

/* Returns: DAM_ENOTFOUND if it is not in this model. */
static enum dam_err spot_in(modbus_t *bus, struct dam_sunspec_model *m,
                            const struct dam_sunspec_place *place, struct spot *ret)
{
    const struct dam_sunspec_point *p = place->point;
    uint16_t items = 0;
    uint16_t sf = 0x8000; /* sunssf: -10..10, 0x8000: there is none */
    if (p->stride_by != 0) {
        DAM_TRY(model_get(bus, m, DAM_SUNSPEC_NPT, 1, &items));
    }
    uint32_t offset = dam_sunspec_offset(place, items);
    if (place->item > items || offset + dam_register_count(p->type) > m->len) {
        return DAM_ENOTFOUND;
    }
    if (p->sf >= 0 && p->sf < m->len) {
        DAM_TRY(model_get(bus, m, (unsigned)p->sf, 1, &sf));
    }
    *ret = (struct spot){m, items, offset, sf == 0x8000 ? 0 : (int16_t)sf};
    return ret->exponent < -10 || ret->exponent > 10 ? DAM_EPARSE : DAM_OK;
}

/* In the first model that has it: a device may show one twice. */
static enum dam_err spot_find(struct dam_sunspec_device *d, modbus_t *bus,
                              const struct dam_sunspec_place *place, struct spot *ret)
{
    enum dam_err err = DAM_ENOTFOUND;
    for (size_t i = 0; i < d->model_count && err == DAM_ENOTFOUND; i++) {
        if (d->models[i].id == place->model) {
            err = spot_in(bus, &d->models[i], place, ret);
        }
    }
    return err;
}

enum dam_err dam_sunspec_device_read(struct dam_sunspec_device *d, modbus_t *bus,
                                     const struct dam_sunspec_place *place, unsigned decimals,
                                     int64_t *ret)
{
    uint16_t registers[4];
    struct spot spot;
    DAM_TRY(spot_find(d, bus, place, &spot));
    DAM_TRY(
        model_get(bus, spot.model, spot.offset, dam_register_count(place->point->type), registers));
    return dam_register_value(registers, place->point->type, spot.exponent, decimals, false, ret);
}

/* ---- curves ---------------------------------------------------------------------------------- */

/* May the curve be written, and is there anything to write?
 * Returns: DAM_OK with *ret_same, or DAM_EREFUSED. */
static enum dam_err curve_check(modbus_t *bus, const struct spot *spot,
                                const struct dam_sunspec_place *place, const uint16_t *registers,
                                bool *ret_same)
{
    struct dam_sunspec_curves curves;
    unsigned count = dam_register_count(place->point->type);
    uint16_t read_only = 0;
    uint16_t now[4];
    *ret_same = false;
    if (place->group == 0 || !dam_sunspec_curves(place->model, spot->items, &curves)) {
        return DAM_OK;
    }
    uint32_t start = curves.start + (place->group - 1u) * curves.len;
    DAM_TRY(model_get(bus, spot->model, start + (unsigned)curves.read_only, 1, &read_only));
    if (read_only == 1) {
        return DAM_EREFUSED;
    }
    DAM_TRY(model_get(bus, spot->model, spot->offset, count, now));
    *ret_same = memcmp(now, registers, count * sizeof(*now)) == 0;
    return DAM_OK;
}

/* Is curve `index` what the device runs already? It is not asked again then: it may write its
 * flash. Returns: DAM_ERANGE if there is no such curve. */
static enum dam_err adopted_already(modbus_t *bus, struct dam_sunspec_model *m, int64_t index,
                                    bool *ret)
{
    struct dam_sunspec_curves curves;
    uint16_t items = 0;
    DAM_TRY(model_get(bus, m, DAM_SUNSPEC_NPT, 1, &items));
    if (!dam_sunspec_curves(m->id, items, &curves) || index < 1 || index > m->len ||
        curves.start + (uint64_t)index * curves.len > m->len) {
        return DAM_ERANGE;
    }
    *ret = m->is_read;
    for (uint32_t i = 0; m->is_read && i < curves.len; i++) {
        const uint16_t *first = m->registers + curves.start;
        *ret = *ret && ((int)i == curves.read_only ||
                        first[i] == first[(uint32_t)(index - 1) * curves.len + i]);
    }
    return DAM_OK;
}

static enum dam_err adopt(modbus_t *bus, const struct spot *spot, int64_t index, unsigned wait_ms)
{
    const struct timespec pause = {.tv_nsec = ADOPT_LOOK_MS * 1000000L};
    struct dam_sunspec_model *m = spot->model;
    int address = m->address + (int)spot->offset;
    uint16_t result = DAM_SUNSPEC_IN_PROGRESS;
    bool already = false;
    DAM_TRY(adopted_already(bus, m, index, &already));
    if (already) {
        return DAM_OK;
    }
    m->is_read = false;
    if (modbus_write_register(bus, address, (uint16_t)index) != 1) {
        return DAM_EIO;
    }
    for (unsigned waited_ms = 0; waited_ms <= wait_ms; waited_ms += ADOPT_LOOK_MS) {
        if (modbus_read_registers(bus, address + 1, 1, &result) != 1) {
            return dam_modbus_is_refusal(errno) ? DAM_ETIMEOUT : DAM_EIO;
        }
        if (result != DAM_SUNSPEC_IN_PROGRESS) {
            return result == DAM_SUNSPEC_COMPLETED ? DAM_OK : DAM_EREFUSED;
        }
        (void)nanosleep(&pause, NULL);
    }
    return DAM_ETIMEOUT;
}

enum dam_err dam_sunspec_device_write(struct dam_sunspec_device *d, modbus_t *bus,
                                      const struct dam_sunspec_place *place, unsigned decimals,
                                      int64_t value, unsigned wait_ms)
{
    uint16_t registers[4];
    struct spot spot;
    bool same = false;
    int count = (int)dam_register_count(place->point->type);
    DAM_TRY(spot_find(d, bus, place, &spot));
    DAM_TRY(dam_register_store(value, decimals, place->point->type, spot.exponent, registers));
    if (dam_sunspec_adopts(place->point)) {
        return adopt(bus, &spot, registers[0], wait_ms);
    }
    DAM_TRY(curve_check(bus, &spot, place, registers, &same));
    if (same) {
        return DAM_OK;
    }
    spot.model->is_read = false; /* what was read is no longer so */
    int address = spot.model->address + (int)spot.offset;
    int done = count == 1 ? modbus_write_register(bus, address, registers[0])
                          : modbus_write_registers(bus, address, count, registers);
    return done == count ? DAM_OK : DAM_EIO;
}
