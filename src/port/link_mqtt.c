// SPDX-License-Identifier: Apache-2.0
#include "port/link_mqtt.h"

#include "base/heap.h"
#include "core/flow/fixed.h"

#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>

#define TOPIC_MAX 256u
#define INFLIGHT_MAX 64u
#define MISC_MS 500u
#define KEEPALIVE_S 30

/* A write whose end is not known: the broker's answer, then the read-back. */
struct inflight {
    bool used;
    bool acknowledged;
    int mid;
    unsigned point;
    uint64_t ticket;
};

struct link_mqtt {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    const struct dam_link_point *points;
    size_t point_count;
    struct mosquitto *mosq;
    char host[256];
    char will_topic[TOPIC_MAX];
    int port;
    bool version5;
    bool up;
    bool closing;
    int polled; /* the descriptor that `poll` watches, -1: none */
    unsigned attempt;
    unsigned open_handles;
    uv_loop_t *loop;
    uv_poll_t *poll; /* allocated anew for each connection */
    uv_timer_t timer;
    struct dam_arena arena;
    struct inflight inflight[INFLIGHT_MAX];
};

/* "topic#path" taken apart. Returns the path, NULL if there is none. */
static const char *key_split(const char *key, char *topic)
{
    size_t len = strcspn(key, "#");
    (void)snprintf(topic, TOPIC_MAX, "%.*s", (int)len, key);
    return key[len] == '#' ? key + len + 1 : NULL;
}

static const char *mqtt_check_key(const char *key, bool write)
{
    char topic[TOPIC_MAX];
    (void)key_split(key, topic);
    bool bad = strcspn(key, "#") >= TOPIC_MAX || mosquitto_pub_topic_check(topic) != 0;
    (void)write;
    return bad || topic[0] == 0 ? "write topic or topic#path.in.json; a topic without + and #"
                                : NULL;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events);
static void reconnect_later(struct link_mqtt *l, const char *why);

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void poll_drop(struct link_mqtt *l)
{
    if (l->poll != NULL) {
        l->poll->data = NULL;
        uv_close((uv_handle_t *)l->poll, on_poll_closed);
        l->poll = NULL;
    }
    l->polled = -1;
}

/* Watch what the library wants now; its socket changes with every connection. */
static void poll_update(struct link_mqtt *l)
{
    int fd = mosquitto_socket(l->mosq);
    if (fd != l->polled) {
        poll_drop(l);
        l->poll = fd < 0 ? NULL : calloc(1, sizeof(*l->poll));
        if (l->poll == NULL || uv_poll_init(l->loop, l->poll, fd) != 0) {
            free(l->poll);
            l->poll = NULL;
            return;
        }
        l->poll->data = l;
        l->polled = fd;
    }
    if (l->poll != NULL) {
        int events = UV_READABLE | (mosquitto_want_write(l->mosq) ? UV_WRITABLE : 0);
        (void)uv_poll_start(l->poll, events, on_poll);
    }
}

static void settle(struct link_mqtt *l, int err)
{
    if (err != MOSQ_ERR_SUCCESS && !l->closing) {
        reconnect_later(l, mosquitto_strerror(err));
        return;
    }
    poll_update(l);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct link_mqtt *l = poll->data;
    if (l == NULL) {
        return;
    }
    int err = status < 0 ? MOSQ_ERR_CONN_LOST : MOSQ_ERR_SUCCESS;
    if (err == MOSQ_ERR_SUCCESS && (events & UV_READABLE) != 0) {
        err = mosquitto_loop_read(l->mosq, 64);
    }
    if (err == MOSQ_ERR_SUCCESS && (events & UV_WRITABLE) != 0) {
        err = mosquitto_loop_write(l->mosq, 64);
    }
    settle(l, err);
}

static void on_timer(uv_timer_t *timer)
{
    struct link_mqtt *l = timer->data;
    if (mosquitto_socket(l->mosq) < 0) {
        int err = mosquitto_connect_async(l->mosq, l->host, l->port, KEEPALIVE_S);
        if (err != MOSQ_ERR_SUCCESS) {
            reconnect_later(l, mosquitto_strerror(err));
            return;
        }
    }
    (void)uv_timer_start(timer, on_timer, MISC_MS, 0);
    settle(l, mosquitto_loop_misc(l->mosq));
}

static void all_unknown(struct link_mqtt *l)
{
    for (size_t i = 0; i < INFLIGHT_MAX; i++) {
        if (l->inflight[i].used) {
            l->inflight[i].used = false;
            l->events.written(l->events.ctx, l->inflight[i].point, l->inflight[i].ticket,
                              DAM_LINK_UNKNOWN, false, 0);
        }
    }
}

static void reconnect_later(struct link_mqtt *l, const char *why)
{
    bool first = l->attempt == 0;
    poll_drop(l);
    (void)mosquitto_disconnect(l->mosq); /* only so that the library closes its socket */
    uint64_t delay = dam_link_backoff_ms(&l->attempt, uv_hrtime());
    if (l->up || first) {
        l->up = false;
        l->events.state(l->events.ctx, false, why);
    }
    all_unknown(l);
    (void)uv_timer_start(&l->timer, on_timer, delay, 0);
}

/* ---- what the library tells ------------------------------------------------------------------ */

static void subscribe(struct link_mqtt *l, const char *key)
{
    char topic[TOPIC_MAX];
    (void)key_split(key, topic);
    (void)mosquitto_subscribe(l->mosq, NULL, topic, 1); /* fails only with the connection */
}

static void on_connect(struct mosquitto *mosq, void *ctx, int code)
{
    struct link_mqtt *l = ctx;
    if (code != 0) {
        l->events.state(l->events.ctx, false, mosquitto_connack_string(code));
        return;
    }
    l->attempt = 0;
    l->up = true;
    for (size_t i = 0; i < l->point_count; i++) {
        const struct dam_link_point *p = &l->points[i];
        if (!p->write) {
            subscribe(l, p->key);
        } else if (p->readback != NULL) {
            subscribe(l, p->readback);
        }
    }
    if (l->will_topic[0] != 0) {
        (void)mosquitto_publish(mosq, NULL, l->will_topic, 6, "online", 1, true);
    }
    l->events.state(l->events.ctx, true, l->host);
}

static struct inflight *inflight_of(struct link_mqtt *l, unsigned point)
{
    for (size_t i = 0; i < INFLIGHT_MAX; i++) {
        if (l->inflight[i].used && l->inflight[i].point == point) {
            return &l->inflight[i];
        }
    }
    return NULL;
}

static void take(struct link_mqtt *l, unsigned point, const char *path,
                 const struct mosquitto_message *message)
{
    const struct dam_link_point *p = &l->points[point];
    int64_t value = 0;
    dam_arena_reset(&l->arena);
    enum dam_err err = dam_mqtt_value(&l->arena, message->payload, (size_t)message->payloadlen,
                                      path, p->decimals, &value);
    if (p->write) {
        struct inflight *f = err == DAM_OK ? inflight_of(l, point) : NULL;
        if (f != NULL && !message->retain) { /* a retained one was there before the write */
            f->used = false;
            l->events.written(l->events.ctx, point, f->ticket, DAM_LINK_DONE, true, value);
        }
    } else if (err == DAM_OK) {
        l->events.sample(l->events.ctx, point, value);
    } else if (err != DAM_ENOTFOUND) {
        l->events.fault(l->events.ctx, point, "the payload is no number");
    }
}

static void on_message(struct mosquitto *mosq, void *ctx, const struct mosquitto_message *message)
{
    struct link_mqtt *l = ctx;
    (void)mosq;
    for (unsigned i = 0; i < l->point_count; i++) {
        const char *key = l->points[i].write ? l->points[i].readback : l->points[i].key;
        char topic[TOPIC_MAX];
        const char *path = key == NULL ? NULL : key_split(key, topic);
        if (key != NULL && strcmp(topic, message->topic) == 0) {
            take(l, i, path, message);
        }
    }
}

static void on_publish(struct mosquitto *mosq, void *ctx, int mid)
{
    struct link_mqtt *l = ctx;
    (void)mosq;
    for (size_t i = 0; i < INFLIGHT_MAX; i++) {
        struct inflight *f = &l->inflight[i];
        if (f->used && !f->acknowledged && f->mid == mid) {
            f->acknowledged = true;
            if (l->points[f->point].readback == NULL) {
                f->used = false;
                l->events.written(l->events.ctx, f->point, f->ticket, DAM_LINK_DONE, false, 0);
            }
            return;
        }
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

/* {"a":{"b":VALUE}} for the path a.b; the value alone without a path. */
static int payload_make(const char *path, int64_t value, unsigned decimals, char *text, size_t size)
{
    char number[DAM_FLOW_FIXED_TEXT_MAX];
    size_t len = 0;
    int depth = 0;
    (void)dam_flow_fixed_format(value, decimals, number);
    while (path != NULL && *path != 0 && len < size) {
        size_t part = strcspn(path, ".");
        len += (size_t)snprintf(text + len, size - len, "{\"%.*s\":", (int)part, path);
        path += part;
        path += *path == '.' ? 1 : 0;
        depth++;
    }
    if (len < size) {
        len += (size_t)snprintf(text + len, size - len, "%s", number);
    }
    for (; depth > 0 && len + 1 < size; depth--) {
        text[len++] = '}';
        text[len] = 0;
    }
    return depth == 0 && len < size ? (int)len : -1;
}

static void mqtt_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct link_mqtt *l = (struct link_mqtt *)(void *)base;
    struct inflight *slot = inflight_of(l, point); /* a newer write takes the place of an older */
    char topic[TOPIC_MAX];
    char text[1024];
    const char *path = key_split(l->points[point].key, topic);
    int len = payload_make(path, value, l->points[point].decimals, text, sizeof(text));
    int mid = 0;
    if (slot != NULL) {
        slot->used = false;
        l->events.written(l->events.ctx, point, slot->ticket, DAM_LINK_UNKNOWN, false, 0);
    }
    for (size_t i = 0; i < INFLIGHT_MAX && slot == NULL; i++) {
        slot = l->inflight[i].used ? NULL : &l->inflight[i];
    }
    if (!l->up || slot == NULL || len < 0 ||
        mosquitto_publish(l->mosq, &mid, topic, len, text, 1, false) != MOSQ_ERR_SUCCESS) {
        l->events.written(l->events.ctx, point, ticket, DAM_LINK_REFUSED, false, 0);
        return;
    }
    *slot = (struct inflight){.used = true, .mid = mid, .point = point, .ticket = ticket};
    poll_update(l);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void mqtt_free(struct link_mqtt *l)
{
    mosquitto_destroy(l->mosq);
    (void)mosquitto_lib_cleanup();
    dam_arena_finish(&l->arena);
    free(l);
}

static void on_timer_closed(uv_handle_t *handle)
{
    mqtt_free(handle->data);
}

static void mqtt_close(struct dam_link *base)
{
    struct link_mqtt *l = (struct link_mqtt *)(void *)base;
    l->closing = true;
    if (l->up && l->will_topic[0] != 0) {
        (void)mosquitto_publish(l->mosq, NULL, l->will_topic, 7, "offline", 1, true);
        (void)mosquitto_loop_write(l->mosq, 64);
    }
    poll_drop(l);
    (void)mosquitto_disconnect(l->mosq);
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

/* "mqtt://host:port" or "host:port". */
static const char *url_read(struct link_mqtt *l, const char *url)
{
    const char *at = strncmp(url, "mqtt://", 7) == 0 ? url + 7 : url;
    const char *colon = strrchr(at, ':');
    size_t len = colon == NULL ? strlen(at) : (size_t)(colon - at);
    char *end = NULL;
    long port = colon == NULL ? 1883 : strtol(colon + 1, &end, 10);
    if (len == 0 || len >= sizeof(l->host) || strstr(at, "//") != NULL || port < 1 ||
        port > 65535 || (end != NULL && (*end != 0 || end == colon + 1))) {
        return "'url' is mqtt://HOST:PORT";
    }
    memcpy(l->host, at, len);
    l->port = (int)port;
    return NULL;
}

static const char *client_make(struct link_mqtt *l, const struct dam_link_setup *setup)
{
    const char *user = dam_link_option(setup, "user", NULL);
    const char *password = dam_link_option(setup, "password_file", NULL);
    const char *will = dam_link_option(setup, "availability", NULL);
    const char *ca = dam_link_option(setup, "ca_file", NULL);
    char secret[256] = "";
    l->mosq = mosquitto_new(dam_link_option(setup, "client_id", NULL), true, l);
    if (l->mosq == NULL) {
        return "out of memory";
    }
    if (l->version5) {
        (void)mosquitto_int_option(l->mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    }
    if (password != NULL) {
        FILE *file = fopen(password, "r");
        if (file == NULL || fgets(secret, sizeof(secret), file) == NULL) {
            secret[0] = 0;
        }
        if (file != NULL) {
            (void)fclose(file); /* only read from */
        }
        secret[strcspn(secret, "\r\n")] = 0;
        if (secret[0] == 0) {
            return "the file of 'password_file' cannot be read or is empty";
        }
    }
    if (user != NULL &&
        mosquitto_username_pw_set(l->mosq, user, secret[0] == 0 ? NULL : secret) != 0) {
        return "'user' is not accepted";
    }
    explicit_bzero(secret, sizeof(secret));
    if (ca != NULL && mosquitto_tls_set(l->mosq, ca, NULL, NULL, NULL, NULL) != 0) {
        return "the file of 'ca_file' cannot be read";
    }
    if (will != NULL) {
        (void)snprintf(l->will_topic, sizeof(l->will_topic), "%s", will);
        if (mosquitto_will_set(l->mosq, will, 7, "offline", 1, true) != 0) {
            return "'availability' is no topic";
        }
    }
    mosquitto_connect_callback_set(l->mosq, on_connect);
    mosquitto_message_callback_set(l->mosq, on_message);
    mosquitto_publish_callback_set(l->mosq, on_publish);
    return NULL;
}

static enum dam_err mqtt_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                              const char **ret_why)
{
    struct link_mqtt *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    const char *version = dam_link_option(setup, "version", "3.1.1");
    l->kind = &dam_link_mqtt;
    l->events = setup->events;
    l->points = setup->points;
    l->point_count = setup->point_count;
    l->loop = setup->loop;
    l->polled = -1;
    l->version5 = strcmp(version, "5") == 0;
    dam_arena_init(&l->arena, dam_heap(), 8u << 20);
    (void)mosquitto_lib_init();
    const char *why = url_read(l, dam_link_option(setup, "url", ""));
    why = why == NULL && !l->version5 && strcmp(version, "3.1.1") != 0
              ? "'version' is \"3.1.1\" or \"5\""
              : why;
    why = why == NULL ? client_make(l, setup) : why;
    if (why != NULL) {
        *ret_why = why;
        mqtt_free(l);
        return DAM_EPARSE;
    }
    (void)uv_timer_init(l->loop, &l->timer);
    l->timer.data = l;
    (void)uv_timer_start(&l->timer, on_timer, 0, 0);
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static const char *const mqtt_options[] = {"url",       "version",      "user",    "password_file",
                                           "client_id", "availability", "ca_file", NULL};

const struct dam_link_kind dam_link_mqtt = {
    .name = "mqtt",
    .summary = "topics of an MQTT broker (3.1.1 or 5)",
    .options = mqtt_options,
    .check_key = mqtt_check_key,
    .open = mqtt_open,
    .write = mqtt_write,
    .close = mqtt_close,
};
