// SPDX-License-Identifier: Apache-2.0
#include "port/link_modbus.h"

#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>

#define MODELS_MAX 64u
#define MODEL_LEN_MAX 65534u

struct model {
    uint16_t id;
    uint16_t address; /* of its first point */
    uint16_t len;
};

/* The state of one point between loop and worker. */
struct slot {
    struct dam_modbus_key key;
    struct dam_modbus_key readback;
    bool has_readback;
    bool write_pending; /* next_* wait for the next job */
    int64_t next_value;
    uint64_t next_ticket;
    bool write_running; /* value and ticket are the running job's */
    int64_t value;
    uint64_t ticket;
    /* the job's result */
    bool has_result;
    enum dam_err err;
    enum dam_link_result result;
    bool has_value;
    int64_t result_value;
};

struct link_modbus {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    const struct dam_link_point *points;
    struct slot *slots;
    size_t point_count;
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_work_t work;
    bool working;
    bool closing;
    bool timer_closed;
    bool poll_due;    /* the running job reads all points */
    bool poll_wanted; /* the next one should */
    bool up;
    unsigned attempt;
    uint64_t every_ms;
    /* the worker's, while a job runs */
    modbus_t *bus;
    bool connected;
    char text[256]; /* of the last change of state */
    struct model models[MODELS_MAX];
    size_t model_count;
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
    ret->point = dam_sunspec_find(text, &ret->model);
    if (ret->point != NULL) {
        ret->type = ret->point->type;
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

static bool drop(struct link_modbus *l, const char *what)
{
    (void)snprintf(l->text, sizeof(l->text), "%s: %s", what, modbus_strerror(errno));
    if (l->connected) {
        modbus_close(l->bus);
    }
    l->connected = false;
    return false;
}

/* The device answered, but with a refusal: the connection is good. */
static bool is_refusal(int error)
{
    return error >= EMBXILFUN && error <= EMBXGTAR;
}

/* Walk the chain of models from the marker "SunS" on. */
static bool walk(struct link_modbus *l)
{
    static const uint16_t bases[] = {40000, 50000, 0};
    uint16_t r[2];
    uint32_t at = 0;
    l->model_count = 0;
    for (size_t i = 0; i < DAM_COUNT_OF(bases) && at == 0; i++) {
        if (modbus_read_registers(l->bus, bases[i], 2, r) != 2) {
            if (!is_refusal(errno)) {
                return drop(l, "reading the SunSpec marker");
            }
        } else if (r[0] == 0x5375 && r[1] == 0x6e53) {
            at = (uint32_t)bases[i] + 2;
        }
    }
    while (at != 0 && at + 2 <= UINT16_MAX && l->model_count < MODELS_MAX) {
        if (modbus_read_registers(l->bus, (int)at, 2, r) != 2) {
            return is_refusal(errno) || drop(l, "walking the SunSpec models");
        }
        if (r[0] == DAM_SUNSPEC_ID_END || r[1] == 0) {
            break;
        }
        l->models[l->model_count++] = (struct model){r[0], (uint16_t)(at + 2), r[1]};
        at += 2u + r[1];
    }
    return true;
}

static bool ensure_connected(struct link_modbus *l)
{
    if (l->connected) {
        return true;
    }
    if (modbus_connect(l->bus) != 0) {
        return drop(l, "connecting");
    }
    l->connected = true;
    (void)snprintf(l->text, sizeof(l->text), "connected");
    if (!l->wants_sunspec || !walk(l)) {
        return l->connected;
    }
    size_t len = (size_t)snprintf(l->text, sizeof(l->text), "SunSpec models");
    for (size_t i = 0; i < l->model_count && len + 8 < sizeof(l->text); i++) {
        len += (size_t)snprintf(l->text + len, sizeof(l->text) - len, " %u", l->models[i].id);
    }
    return true;
}

/* Where a key's registers are on this device, and its exponent. */
static enum dam_err locate(struct link_modbus *l, const struct dam_modbus_key *key,
                           int *ret_address, int *ret_exponent)
{
    *ret_address = key->address;
    *ret_exponent = key->exponent;
    if (key->table != DAM_MODBUS_SUNSPEC) {
        return DAM_OK;
    }
    for (size_t i = 0; i < l->model_count; i++) {
        const struct model *m = &l->models[i];
        uint16_t sf = 0;
        if (m->id != key->model || key->point->offset + dam_register_count(key->type) > m->len) {
            continue;
        }
        *ret_address = m->address + key->point->offset;
        *ret_exponent = 0;
        if (key->point->sf != DAM_SUNSPEC_NO_SF) {
            if (modbus_read_registers(l->bus, m->address + key->point->sf, 1, &sf) != 1) {
                return DAM_EIO;
            }
            /* sunssf: -10..10, 0x8000: there is none */
            *ret_exponent = sf == 0x8000 ? 0 : (int16_t)sf;
        }
        return *ret_exponent < -10 || *ret_exponent > 10 ? DAM_EPARSE : DAM_OK;
    }
    return DAM_ENOTFOUND;
}

static enum dam_err key_read(struct link_modbus *l, const struct dam_modbus_key *key,
                             unsigned decimals, int64_t *ret)
{
    uint16_t registers[4] = {0};
    uint8_t bit = 0;
    int address = 0;
    int exponent = 0;
    int count = (int)dam_register_count(key->type);
    DAM_TRY(locate(l, key, &address, &exponent));
    switch (key->table) {
    case DAM_MODBUS_HOLDING:
    case DAM_MODBUS_SUNSPEC:
        if (modbus_read_registers(l->bus, address, count, registers) != count) {
            return DAM_EIO;
        }
        break;
    case DAM_MODBUS_INPUT:
        if (modbus_read_input_registers(l->bus, address, count, registers) != count) {
            return DAM_EIO;
        }
        break;
    case DAM_MODBUS_COIL:
    case DAM_MODBUS_DISCRETE:
        if ((key->table == DAM_MODBUS_COIL
                 ? modbus_read_bits(l->bus, address, 1, &bit)
                 : modbus_read_input_bits(l->bus, address, 1, &bit)) != 1) {
            return DAM_EIO;
        }
        registers[0] = bit;
        return dam_register_value(registers, DAM_REGISTER_UINT16, 0, decimals, true, ret);
    }
    return dam_register_value(registers, key->type, exponent, decimals,
                              key->table != DAM_MODBUS_SUNSPEC, ret);
}

/* Returns DAM_EIO with errno set by libmodbus. */
static enum dam_err key_write(struct link_modbus *l, const struct dam_modbus_key *key,
                              unsigned decimals, int64_t value)
{
    uint16_t registers[4];
    int address = 0;
    int exponent = 0;
    int count = (int)dam_register_count(key->type);
    DAM_TRY(locate(l, key, &address, &exponent));
    if (key->table == DAM_MODBUS_COIL) {
        return modbus_write_bit(l->bus, address, value != 0 ? 1 : 0) == 1 ? DAM_OK : DAM_EIO;
    }
    DAM_TRY(dam_register_store(value, decimals, key->type, exponent, registers));
    int done = count == 1 ? modbus_write_register(l->bus, address, registers[0])
                          : modbus_write_registers(l->bus, address, count, registers);
    return done == count ? DAM_OK : DAM_EIO;
}

static void slot_write(struct link_modbus *l, struct slot *s, unsigned decimals)
{
    s->has_result = true;
    s->has_value = false;
    s->result = DAM_LINK_REFUSED;
    if (!ensure_connected(l)) {
        return; /* nothing was sent */
    }
    enum dam_err err = key_write(l, &s->key, decimals, s->value);
    if (err == DAM_EIO && !is_refusal(errno)) {
        s->result = DAM_LINK_UNKNOWN;
        (void)drop(l, "writing");
        return;
    }
    if (err != DAM_OK) {
        return;
    }
    s->result = DAM_LINK_DONE;
    if (s->has_readback) {
        err = key_read(l, &s->readback, decimals, &s->result_value);
        s->has_value = err == DAM_OK;
        s->result = err == DAM_OK ? DAM_LINK_DONE : DAM_LINK_UNKNOWN;
    }
}

static void slot_read(struct link_modbus *l, struct slot *s, unsigned decimals)
{
    s->has_result = true;
    s->err = key_read(l, &s->key, decimals, &s->result_value);
    if (s->err == DAM_EIO && !is_refusal(errno)) {
        s->has_result = false;
        (void)drop(l, "reading");
    }
}

static void job(uv_work_t *work)
{
    struct link_modbus *l = work->data;
    for (size_t i = 0; i < l->point_count; i++) { /* set-points first */
        if (l->slots[i].write_running) {
            slot_write(l, &l->slots[i], l->points[i].decimals);
        }
    }
    for (size_t i = 0; l->poll_due && ensure_connected(l) && i < l->point_count; i++) {
        if (!l->points[i].write) {
            slot_read(l, &l->slots[i], l->points[i].decimals);
        }
    }
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void job_start(struct link_modbus *l);

static void modbus_end(struct link_modbus *l)
{
    if (!l->working && l->timer_closed) {
        if (l->bus != NULL) {
            modbus_close(l->bus);
            modbus_free(l->bus);
        }
        free(l->slots);
        free(l);
    }
}

static void results_tell(struct link_modbus *l)
{
    for (unsigned i = 0; i < l->point_count; i++) {
        struct slot *s = &l->slots[i];
        bool wrote = s->write_running;
        s->write_running = false;
        if (!s->has_result) {
            continue;
        }
        s->has_result = false;
        if (wrote) {
            l->events.written(l->events.ctx, i, s->ticket, s->result, s->has_value,
                              s->result_value);
        } else if (s->err == DAM_OK) {
            l->events.sample(l->events.ctx, i, s->result_value);
        } else {
            l->events.fault(l->events.ctx, i,
                            s->err == DAM_ENOTFOUND ? "the device does not have this point"
                                                    : dam_err_text(s->err));
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct link_modbus *l = timer->data;
    l->poll_wanted = true;
    if (!l->working) {
        job_start(l);
    }
}

static void job_done(uv_work_t *work, int status)
{
    struct link_modbus *l = work->data;
    (void)status;
    bool polled = l->poll_due;
    bool more = l->poll_wanted;
    l->working = false;
    if (l->closing) {
        modbus_end(l);
        return;
    }
    if (l->connected != l->up) {
        l->up = l->connected;
        l->events.state(l->events.ctx, l->up, l->text);
    } else if (!l->connected && l->attempt == 0) {
        l->events.state(l->events.ctx, false, l->text);
    }
    results_tell(l);
    uint64_t wait = l->connected ? l->every_ms : dam_link_backoff_ms(&l->attempt, uv_hrtime());
    l->attempt = l->connected ? 0 : l->attempt;
    if (polled) {
        (void)uv_timer_start(&l->timer, on_timer, wait, 0);
    }
    for (size_t i = 0; i < l->point_count; i++) {
        more = more || l->slots[i].write_pending;
    }
    if (more) {
        job_start(l);
    }
}

static void job_start(struct link_modbus *l)
{
    for (size_t i = 0; i < l->point_count; i++) {
        struct slot *s = &l->slots[i];
        s->write_running = s->write_pending;
        s->write_pending = false;
        s->value = s->next_value;
        s->ticket = s->next_ticket;
    }
    l->poll_due = l->poll_wanted;
    l->poll_wanted = false;
    l->working = true;
    l->work.data = l;
    if (uv_queue_work(l->loop, &l->work, job, job_done) != 0) {
        l->working = false;
        (void)uv_timer_start(&l->timer, on_timer, l->every_ms, 0);
    }
}

static void modbus_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct link_modbus *l = (struct link_modbus *)(void *)base;
    struct slot *s = &l->slots[point];
    if (s->write_pending) { /* not sent yet: the newer set-point takes its place */
        l->events.written(l->events.ctx, point, s->next_ticket, DAM_LINK_REFUSED, false, 0);
    }
    s->next_value = value;
    s->next_ticket = ticket;
    s->write_pending = true;
    if (!l->working) {
        job_start(l);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct link_modbus *l = handle->data;
    l->timer_closed = true;
    modbus_end(l);
}

static void modbus_link_close(struct dam_link *base)
{
    struct link_modbus *l = (struct link_modbus *)(void *)base;
    l->closing = true;
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

/* "tcp://HOST:PORT" or "rtu:///dev/ttyUSB0". */
static const char *bus_make(struct link_modbus *l, const struct dam_link_setup *setup)
{
    const char *url = dam_link_option(setup, "url", "");
    const char *parity = dam_link_option(setup, "parity", "N");
    char host[128];
    long port = 0;
    long unit = 0;
    long baud = 0;
    long timeout = 0;
    if (dam_link_option_number(setup, "unit", 1, 0, 247, &unit) != DAM_OK ||
        dam_link_option_number(setup, "baud", 9600, 1200, 4000000, &baud) != DAM_OK ||
        dam_link_option_number(setup, "timeout_ms", 1000, 10, 60000, &timeout) != DAM_OK) {
        return "'unit' is 0..247, 'baud' 1200..4000000, 'timeout_ms' 10..60000";
    }
    if (strncmp(url, "rtu://", 6) == 0) {
        l->bus = modbus_new_rtu(url + 6, (int)baud, parity[0], 8, 1);
    } else if (strncmp(url, "tcp://", 6) == 0) {
        const char *colon = strrchr(url + 6, ':');
        size_t len = colon == NULL ? strlen(url + 6) : (size_t)(colon - url - 6);
        port = colon == NULL ? 502 : strtol(colon + 1, NULL, 10);
        if (len == 0 || len >= sizeof(host) || port < 1 || port > 65535) {
            return "'url' is tcp://HOST:PORT or rtu:///dev/ttyUSB0";
        }
        memcpy(host, url + 6, len);
        host[len] = 0;
        char service[8];
        (void)snprintf(service, sizeof(service), "%ld", port);
        l->bus = modbus_new_tcp_pi(host, service);
    } else {
        return "'url' is tcp://HOST:PORT or rtu:///dev/ttyUSB0";
    }
    if (l->bus == NULL || modbus_set_slave(l->bus, (int)unit) != 0) {
        return "the device's address is not accepted";
    }
    (void)modbus_set_response_timeout(l->bus, (uint32_t)(timeout / 1000),
                                      (uint32_t)(timeout % 1000 * 1000));
    return NULL;
}

static const char *slots_make(struct link_modbus *l)
{
    l->slots = calloc(l->point_count + 1, sizeof(*l->slots));
    if (l->slots == NULL) {
        return "out of memory";
    }
    for (size_t i = 0; i < l->point_count; i++) {
        const struct dam_link_point *p = &l->points[i];
        struct slot *s = &l->slots[i];
        s->has_readback = p->readback != NULL;
        if (dam_modbus_key_parse(p->key, &s->key) != DAM_OK ||
            (s->has_readback && dam_modbus_key_parse(p->readback, &s->readback) != DAM_OK)) {
            return "a key is malformed";
        }
        l->wants_sunspec = l->wants_sunspec || s->key.table == DAM_MODBUS_SUNSPEC ||
                           (s->has_readback && s->readback.table == DAM_MODBUS_SUNSPEC);
    }
    return NULL;
}

static enum dam_err modbus_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                                const char **ret_why)
{
    struct link_modbus *l = calloc(1, sizeof(*l));
    long every = 0;
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    l->kind = &dam_link_modbus;
    l->events = setup->events;
    l->points = setup->points;
    l->point_count = setup->point_count;
    l->loop = setup->loop;
    const char *why = NULL;
    if (dam_link_option_number(setup, "every_ms", 1000, 10, 86400000, &every) != DAM_OK) {
        why = "'every_ms' is from 10 to 86400000";
    }
    why = why == NULL ? bus_make(l, setup) : why;
    why = why == NULL ? slots_make(l) : why;
    if (why != NULL) {
        *ret_why = why;
        l->timer_closed = true;
        modbus_end(l);
        return DAM_EPARSE;
    }
    l->every_ms = (uint64_t)every;
    (void)uv_timer_init(l->loop, &l->timer);
    l->timer.data = l;
    (void)uv_timer_start(&l->timer, on_timer, 0, 0);
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static const char *const modbus_options[] = {"url",    "unit",       "every_ms", "baud",
                                             "parity", "timeout_ms", NULL};

const struct dam_link_kind dam_link_modbus = {
    .name = "modbus",
    .summary = "registers and SunSpec points over Modbus TCP or RTU",
    .options = modbus_options,
    .check_key = modbus_check_key,
    .open = modbus_open,
    .write = modbus_write,
    .close = modbus_link_close,
};
