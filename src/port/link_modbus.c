// SPDX-License-Identifier: Apache-2.0
#include "port/link_modbus.h"

#include "port/link_worker.h"
#include "port/modbus_line.h"
#include "port/sunspec_device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct key_pair {
    struct dam_modbus_key key;
    struct dam_modbus_key readback;
    bool has_readback;
};

struct link_modbus {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    const struct dam_link_point *points;
    struct key_pair *keys;
    struct dam_link_slot *slots;
    size_t point_count;
    struct dam_link_worker worker;
    struct dam_link_health health;
    uint64_t every_ms;
    long unit;
    long timeout_ms;
    struct dam_modbus_line *line;
    /* the worker's, while a job runs */
    bool poll_due;       /* the job reads all points */
    unsigned found_when; /* line->opened when this device was found good; 0: it is not */
    char text[256];      /* of the last change of state */
    struct dam_sunspec_device device;
    bool wants_sunspec;
};

/* ---- keys ------------------------------------------------------------------------------------ */

enum dam_err dam_modbus_key_parse(const char *text, struct dam_modbus_key *ret)
{
    static const char *const tables[] = {"holding", "input", "coil", "discrete"};
    static const struct {
        const char *name;
        enum dam_register_type type;
    } types[] = {
        {"int16", DAM_REGISTER_INT16},     {"uint16", DAM_REGISTER_UINT16},
        {"int32", DAM_REGISTER_INT32},     {"uint32", DAM_REGISTER_UINT32},
        {"int64", DAM_REGISTER_INT64},     {"uint64", DAM_REGISTER_UINT64},
        {"float32", DAM_REGISTER_FLOAT32},
    };
    char table[16];
    char type[16] = "uint16";
    unsigned address = 0;
    int exponent = 0;
    int used = 0;
    *ret = (struct dam_modbus_key){.table = DAM_MODBUS_SUNSPEC};
    if (dam_sunspec_find(text, &ret->place)) {
        return DAM_OK;
    }
    int count = sscanf(text, "%15[a-z]:%5u%n:%15[a-z0-9]%n:%3d%n", table, &address, &used, type,
                       &used, &exponent, &used);
    if (count < 2 || text[used] != 0 || address > 65535 || exponent < -18 || exponent > 18) {
        return DAM_EPARSE;
    }
    size_t t = 0;
    size_t k = 0;
    while (t < DAM_COUNT_OF(tables) && strcmp(tables[t], table) != 0) {
        t++;
    }
    while (k < DAM_COUNT_OF(types) && strcmp(types[k].name, type) != 0) {
        k++;
    }
    if (t == DAM_COUNT_OF(tables) || k == DAM_COUNT_OF(types)) {
        return DAM_EPARSE;
    }
    ret->table = (enum dam_modbus_table)t;
    ret->type = types[k].type;
    ret->address = (uint16_t)address;
    ret->exponent = exponent;
    return DAM_OK;
}

static const char *modbus_check_key(const char *key, bool write)
{
    struct dam_modbus_key parsed;
    if (dam_modbus_key_parse(key, &parsed) != DAM_OK) {
        return "write a SunSpec point (103.W) or TABLE:ADDRESS:TYPE[:EXPONENT] "
               "(holding:100:int16:-1)";
    }
    bool read_only = parsed.table == DAM_MODBUS_INPUT || parsed.table == DAM_MODBUS_DISCRETE;
    return write && read_only ? "input registers and discrete inputs cannot be written" : NULL;
}

/* ---- in the worker --------------------------------------------------------------------------- */

static bool is_connected(const struct link_modbus *l)
{
    return l->line->is_open && l->found_when == l->line->opened;
}

static bool drop(struct link_modbus *l, const char *what)
{
    (void)snprintf(l->text, sizeof(l->text), "%s: %s", what, modbus_strerror(errno));
    dam_modbus_line_failed(l->line, errno);
    l->found_when = 0;
    return false;
}

static bool ensure_connected(struct link_modbus *l)
{
    if (is_connected(l)) {
        return true;
    }
    if (!dam_modbus_line_open(l->line)) {
        return drop(l, errno == ECONNREFUSED ? "connecting (or the name is not known)"
                                             : "connecting"); /* libmodbus tells them not apart */
    }
    l->found_when = l->line->opened;
    (void)snprintf(l->text, sizeof(l->text), "connected");
    if (!l->wants_sunspec) {
        return true;
    }
    const char *failed = dam_sunspec_device_walk(&l->device, l->line->bus);
    if (failed != NULL) {
        return drop(l, failed);
    }
    size_t len = (size_t)snprintf(l->text, sizeof(l->text), "SunSpec models");
    for (size_t i = 0; i < l->device.model_count && len + 8 < sizeof(l->text); i++) {
        len +=
            (size_t)snprintf(l->text + len, sizeof(l->text) - len, " %u", l->device.models[i].id);
    }
    return true;
}

static enum dam_err bit_read(struct link_modbus *l, const struct dam_modbus_key *key,
                             unsigned decimals, int64_t *ret)
{
    uint8_t bit = 0;
    int done = key->table == DAM_MODBUS_COIL
                   ? modbus_read_bits(l->line->bus, key->address, 1, &bit)
                   : modbus_read_input_bits(l->line->bus, key->address, 1, &bit);
    uint16_t value = bit;
    return done != 1 ? DAM_EIO
                     : dam_register_value(&value, DAM_REGISTER_UINT16, 0, decimals, true, ret);
}

/* Returns: DAM_EIO with errno set by libmodbus. */
static enum dam_err key_read(struct link_modbus *l, const struct dam_modbus_key *key,
                             unsigned decimals, int64_t *ret)
{
    uint16_t registers[4] = {0};
    int count = (int)dam_register_count(key->type);
    int done = count;
    switch (key->table) {
    case DAM_MODBUS_SUNSPEC:
        return dam_sunspec_device_read(&l->device, l->line->bus, &key->place, decimals, ret);
    case DAM_MODBUS_HOLDING:
        done = modbus_read_registers(l->line->bus, key->address, count, registers);
        break;
    case DAM_MODBUS_INPUT:
        done = modbus_read_input_registers(l->line->bus, key->address, count, registers);
        break;
    case DAM_MODBUS_COIL:
    case DAM_MODBUS_DISCRETE:
        return bit_read(l, key, decimals, ret);
    }
    return done != count
               ? DAM_EIO
               : dam_register_value(registers, key->type, key->exponent, decimals, true, ret);
}

/* Returns: as dam_sunspec_device_write. */
static enum dam_err key_write(struct link_modbus *l, const struct dam_modbus_key *key,
                              unsigned decimals, int64_t value)
{
    uint16_t registers[4];
    int count = (int)dam_register_count(key->type);
    if (key->table == DAM_MODBUS_SUNSPEC) {
        return dam_sunspec_device_write(&l->device, l->line->bus, &key->place, decimals, value,
                                        (unsigned)l->timeout_ms);
    }
    if (key->table == DAM_MODBUS_COIL) {
        return modbus_write_bit(l->line->bus, key->address, value != 0 ? 1 : 0) == 1 ? DAM_OK
                                                                                     : DAM_EIO;
    }
    DAM_TRY(dam_register_store(value, decimals, key->type, key->exponent, registers));
    int done = count == 1 ? modbus_write_register(l->line->bus, key->address, registers[0])
                          : modbus_write_registers(l->line->bus, key->address, count, registers);
    return done == count ? DAM_OK : DAM_EIO;
}

static void slot_write(struct link_modbus *l, const struct key_pair *k, struct dam_link_slot *s,
                       unsigned decimals)
{
    if (!is_connected(l)) {
        return; /* refused: nothing was sent */
    }
    enum dam_err err = key_write(l, &k->key, decimals, s->value);
    if (err == DAM_EIO && !dam_modbus_is_refusal(errno)) {
        s->got_result = DAM_LINK_UNKNOWN;
        (void)drop(l, "writing");
        return;
    }
    if (err != DAM_OK) {
        s->got_result = err == DAM_ETIMEOUT ? DAM_LINK_UNKNOWN : DAM_LINK_REFUSED;
        return;
    }
    s->got_result = DAM_LINK_DONE;
    if (k->has_readback) {
        err = key_read(l, &k->readback, decimals, &s->got_value);
        s->got_readback = err == DAM_OK;
        s->got_result = err == DAM_OK ? DAM_LINK_DONE : DAM_LINK_UNKNOWN;
        if (err == DAM_EIO && !dam_modbus_is_refusal(errno)) {
            (void)drop(l, "reading back");
        }
    }
}

static void slot_read(struct link_modbus *l, const struct key_pair *k, struct dam_link_slot *s,
                      unsigned decimals)
{
    s->got_answer = true;
    s->got_err = key_read(l, &k->key, decimals, &s->got_value);
    if (s->got_err == DAM_ENOTFOUND) {
        s->got_why = "the device does not have this point";
    } else if (s->got_err == DAM_EIO) {
        s->got_why = "the device refuses to give this register";
        if (!dam_modbus_is_refusal(errno)) {
            s->got_answer = false;
            (void)drop(l, "reading");
        }
    }
}

static void on_job(void *ctx)
{
    struct link_modbus *l = ctx;
    dam_modbus_line_select(l->line, (int)l->unit, (unsigned)l->timeout_ms);
    dam_sunspec_device_begin(&l->device);
    /* Only polls connect, with their back-off: writes may come many times a second. */
    bool reads = l->poll_due && ensure_connected(l);
    for (size_t i = 0; i < l->point_count; i++) { /* set-points first */
        if (l->slots[i].is_running) {
            slot_write(l, &l->keys[i], &l->slots[i], l->points[i].decimals);
        }
    }
    for (size_t i = 0; reads && i < l->point_count; i++) {
        if (!l->points[i].write &&
            is_connected(l)) { /* once it is lost, the next poll tries again */
            slot_read(l, &l->keys[i], &l->slots[i], l->points[i].decimals);
        }
    }
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void on_begin(void *ctx, bool timed)
{
    struct link_modbus *l = ctx;
    l->poll_due = timed;
    dam_link_slots_begin(l->slots, l->point_count);
}

static uint64_t on_done(void *ctx)
{
    struct link_modbus *l = ctx;
    bool is_up = is_connected(l);
    uint64_t wait_ms = 0;
    if (l->poll_due || is_up != l->health.up) {
        wait_ms = dam_link_health_tell(&l->health, &l->events, is_up, l->text);
    }
    dam_link_slots_tell(l->slots, l->point_count, &l->events);
    return is_up ? l->every_ms : wait_ms;
}

static void modbus_end(void *ctx)
{
    struct link_modbus *l = ctx;
    dam_modbus_line_leave(l->line);
    dam_sunspec_device_forget(&l->device);
    free(l->keys);
    free(l->slots);
    free(l);
}

static void modbus_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct link_modbus *l = (struct link_modbus *)(void *)base;
    dam_link_slot_write(&l->slots[point], &l->events, point, value, ticket);
    dam_link_worker_ask(&l->worker);
}

static void modbus_link_close(struct dam_link *base)
{
    struct link_modbus *l = (struct link_modbus *)(void *)base;
    dam_link_worker_close(&l->worker);
}

static const char *keys_read(struct link_modbus *l)
{
    l->keys = calloc(l->point_count + 1, sizeof(*l->keys));
    l->slots = calloc(l->point_count + 1, sizeof(*l->slots));
    if (l->keys == NULL || l->slots == NULL) {
        return "out of memory";
    }
    for (size_t i = 0; i < l->point_count; i++) {
        const struct dam_link_point *p = &l->points[i];
        struct key_pair *k = &l->keys[i];
        k->has_readback = p->readback != NULL;
        if (dam_modbus_key_parse(p->key, &k->key) != DAM_OK ||
            (k->has_readback && dam_modbus_key_parse(p->readback, &k->readback) != DAM_OK)) {
            return "a key is malformed";
        }
        l->wants_sunspec = l->wants_sunspec || k->key.table == DAM_MODBUS_SUNSPEC ||
                           (k->has_readback && k->readback.table == DAM_MODBUS_SUNSPEC);
    }
    return NULL;
}

static const struct dam_link_worker_ops worker_ops = {on_begin, on_job, on_done, modbus_end};

static enum dam_err modbus_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                                const char **ret_why)
{
    struct link_modbus *l = calloc(1, sizeof(*l));
    long every = 0;
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    *l = (struct link_modbus){.kind = &dam_link_modbus,
                              .events = setup->events,
                              .points = setup->points,
                              .point_count = setup->point_count};
    const char *why = NULL;
    if (dam_link_option_number(setup, "every_ms", 1000, 10, 86400000, &every) != DAM_OK ||
        dam_link_option_number(setup, "unit", 1, 0, 247, &l->unit) != DAM_OK ||
        dam_link_option_number(setup, "timeout_ms", 1000, 10, 60000, &l->timeout_ms) != DAM_OK) {
        why = "'every_ms' is 10..86400000, 'unit' 0..247, 'timeout_ms' 10..60000";
    }
    why = why == NULL ? keys_read(l) : why;
    why = why == NULL ? dam_modbus_line_join(setup, &l->line) : why;
    if (why != NULL) {
        *ret_why = why;
        modbus_end(l);
        return DAM_EPARSE;
    }
    l->every_ms = (uint64_t)every;
    dam_link_worker_start(&l->worker, setup->loop, &l->line->queue, &worker_ops, l);
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static const char *modbus_key_unit(const char *key)
{
    struct dam_modbus_key parsed;
    bool is_point =
        dam_modbus_key_parse(key, &parsed) == DAM_OK && parsed.table == DAM_MODBUS_SUNSPEC;
    return is_point ? parsed.place.point->unit : NULL;
}

static const char *const modbus_options[] = {"url",    "unit",       "every_ms", "baud",
                                             "parity", "timeout_ms", NULL};

const struct dam_link_kind dam_link_modbus = {
    .name = "modbus",
    .summary = "registers and SunSpec points over Modbus TCP or RTU",
    .options = modbus_options,
    .check_key = modbus_check_key,
    .check_url = dam_modbus_line_check_url,
    .key_unit = modbus_key_unit,
    .open = modbus_open,
    .write = modbus_write,
    .close = modbus_link_close,
};
