// SPDX-License-Identifier: Apache-2.0
#include "port/emul_modbus_rtu.h"

#include "base/assert.h"
#include "port/emul_serial.h"

#include <modbus/modbus-rtu.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_AFTER_MS 3u

struct device {
    modbus_mapping_t *map;
    unsigned asked;
    bool deaf;
};

struct dam_emul_rtu {
    struct dam_emul_serial line;
    modbus_t *bus; /* makes the answers */
    uv_poll_t poll;
    uv_timer_t answer;
    unsigned open; /* handles */
    struct device devices[DAM_EMUL_RTU_DEVICES_MAX];
    unsigned count;
    uint8_t frame[MODBUS_RTU_MAX_ADU_LENGTH];
    size_t len;
    unsigned collisions;
};

static struct device *device_of(struct dam_emul_rtu *e, unsigned unit)
{
    DAM_ASSERT(unit >= 1 && unit <= e->count);
    return &e->devices[unit - 1];
}

/* CRC of Modbus over serial line, V1.02, 6.2.2: over a whole frame with its own it is zero. */
static uint16_t crc16(const uint8_t *data, size_t len)
{
    uint16_t crc = 0xffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1);
        }
    }
    return crc;
}

/* The length of the request that begins here. Returns: 0 if that cannot be said yet. */
static size_t request_len(const uint8_t *frame, size_t len)
{
    bool many = len > 1 && (frame[1] == MODBUS_FC_WRITE_MULTIPLE_REGISTERS ||
                            frame[1] == MODBUS_FC_WRITE_MULTIPLE_COILS);
    if (!many) {
        return 8;
    }
    return len > 6 ? 9u + frame[6] : 0;
}

static void on_answer(uv_timer_t *timer)
{
    struct dam_emul_rtu *e = timer->data;
    struct device *d = device_of(e, e->frame[0]);
    /* A line whose reader has gone takes nothing: that shows next time. */
    (void)modbus_reply(e->bus, e->frame, (int)e->len, d->map);
    e->len = 0;
}

static void frame_take(struct dam_emul_rtu *e)
{
    unsigned unit = e->frame[0];
    if (crc16(e->frame, e->len) != 0) {
        e->collisions++;
    } else if (unit >= 1 && unit <= e->count) {
        struct device *d = device_of(e, unit);
        d->asked++;
        if (!d->deaf) {
            (void)uv_timer_start(&e->answer, on_answer, ANSWER_AFTER_MS, 0);
            return;
        }
    }
    e->len = 0;
}

static void on_bytes(uv_poll_t *poll, int status, int events)
{
    struct dam_emul_rtu *e = poll->data;
    uint8_t byte;
    (void)events;
    while (status == 0 && read(e->line.master, &byte, 1) == 1) {
        if (uv_is_active((uv_handle_t *)&e->answer) != 0 || e->len == sizeof(e->frame)) {
            e->collisions++;
            continue;
        }
        e->frame[e->len++] = byte;
        if (e->len == request_len(e->frame, e->len)) {
            frame_take(e);
        }
    }
}

static void emul_free(struct dam_emul_rtu *e)
{
    for (unsigned i = 0; i < e->count; i++) {
        modbus_mapping_free(e->devices[i].map);
    }
    modbus_free(e->bus);
    dam_emul_serial_close(&e->line);
    free(e);
}

enum dam_err dam_emul_rtu_create(uv_loop_t *loop, unsigned count, unsigned holdings,
                                 struct dam_emul_rtu **ret)
{
    DAM_ASSERT(count <= DAM_EMUL_RTU_DEVICES_MAX);
    struct dam_emul_rtu *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return DAM_ENOMEM;
    }
    enum dam_err err = dam_emul_serial_open(&e->line);
    if (err != DAM_OK) {
        free(e);
        return err;
    }
    e->bus = modbus_new_rtu(e->line.path, 9600, 'N', 8, 1);
    while (e->bus != NULL && e->count < count &&
           (e->devices[e->count].map = modbus_mapping_new(0, 0, (int)holdings, 0)) != NULL) {
        e->count++;
    }
    if (e->count < count || modbus_set_socket(e->bus, e->line.master) != 0) {
        emul_free(e);
        return DAM_ENOMEM;
    }
    (void)uv_poll_init(loop, &e->poll, e->line.master);
    (void)uv_timer_init(loop, &e->answer);
    e->poll.data = e;
    e->answer.data = e;
    e->open = 2;
    (void)uv_poll_start(&e->poll, UV_READABLE, on_bytes);
    *ret = e;
    return DAM_OK;
}

const char *dam_emul_rtu_path(const struct dam_emul_rtu *e)
{
    return e->line.path;
}

uint16_t *dam_emul_rtu_holdings(struct dam_emul_rtu *e, unsigned unit)
{
    return device_of(e, unit)->map->tab_registers;
}

void dam_emul_rtu_deaf(struct dam_emul_rtu *e, unsigned unit, bool deaf)
{
    device_of(e, unit)->deaf = deaf;
}

unsigned dam_emul_rtu_asked(const struct dam_emul_rtu *e, unsigned unit)
{
    DAM_ASSERT(unit >= 1 && unit <= e->count);
    return e->devices[unit - 1].asked;
}

unsigned dam_emul_rtu_collisions(const struct dam_emul_rtu *e)
{
    return e->collisions;
}

static void on_closed(uv_handle_t *handle)
{
    struct dam_emul_rtu *e = handle->data;
    if (--e->open == 0) {
        emul_free(e);
    }
}

void dam_emul_rtu_destroy(struct dam_emul_rtu *e)
{
    if (e != NULL) {
        uv_close((uv_handle_t *)&e->poll, on_closed);
        uv_close((uv_handle_t *)&e->answer, on_closed);
    }
}
