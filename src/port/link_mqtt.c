// SPDX-License-Identifier: Apache-2.0
#include "port/link_mqtt.h"

#include "base/heap.h"
#include "core/flow/fixed.h"
#include "port/homeassistant.h"
#include "port/link_json.h"

#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define HOST_MAX 256u
#define INFLIGHT_MAX 64u
#define MISC_MS 500u
#define CONNECT_MS 10000u /* for a broker to take us in */
#define SHOW_MS 1000u     /* a dashboard needs no more */
#define SHOW_SIZE_MAX 65536u
#define KEEPALIVE_S 30
#define PACKETS_MAX 64 /* in one turn of the loop */
#define PATH_SIZE 4096u

/* A write whose end is not known: the broker's answer, then the read-back. */
struct inflight {
    bool used;
    bool acknowledged;
    int mid;
    unsigned point;
    uint64_t ticket;
};

struct point {
    struct dam_mqtt_key key;
    struct dam_mqtt_key readback; /* topic "": none */
    struct dam_link_gate gate;
};

struct link_mqtt {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    const struct dam_link_point *points;
    struct point *keys; /* of the points */
    size_t point_count;
    struct mosquitto *mosq;
    char host[HOST_MAX];
    unsigned port;
    bool version5;
    bool tls;
    bool closing;
    bool waiting;           /* to connect again: whatever socket the library has is given up */
    uint64_t connecting_ms; /* since when, by the loop's clock */
    bool looking_up;
    bool timer_closed;
    unsigned rate_max;
    struct dam_link_health health;
    int polled; /* the descriptor that `poll` watches, -1: none */
    uv_loop_t *loop;
    uv_poll_t *poll; /* allocated anew for each connection */
    uv_timer_t timer;
    uv_getaddrinfo_t lookup;
    struct dam_arena arena;
    char will_topic[DAM_MQTT_TOPIC_MAX];
    char prefix[DAM_MQTT_TOPIC_MAX]; /* of Home Assistant, "": not shown there */
    const struct dam_link_about *about;
    uint64_t shown_ms;
    struct inflight inflight[INFLIGHT_MAX];
};

/* ---- keys ------------------------------------------------------------------------------------ */

/* "OFF|ON" */
static bool words_read(const char *text, struct dam_mqtt_key *key)
{
    size_t first = strcspn(text, "|");
    size_t second = text[first] == '|' ? strlen(text + first + 1) : 0;
    if (first == 0 || second == 0 || first >= sizeof(key->words[0]) ||
        second >= sizeof(key->words[1]) || !dam_link_json_path_is_plain(text)) {
        return false;
    }
    memcpy(key->words[0], text, first);
    memcpy(key->words[1], text + first + 1, second);
    return true;
}

enum dam_err dam_mqtt_key_parse(const char *text, bool write, struct dam_mqtt_key *ret)
{
    struct dam_mqtt_key key = {.topic = ""};
    const char *words = write ? strrchr(text, '=') : NULL;
    size_t len = words == NULL ? strlen(text) : (size_t)(words - text);
    size_t topic = strcspn(text, "#");
    topic = topic < len ? topic : len;
    size_t path = topic < len ? len - topic - 1 : 0;
    if (topic == 0 || topic >= sizeof(key.topic) || path >= sizeof(key.path)) {
        return DAM_EPARSE;
    }
    memcpy(key.topic, text, topic);
    memcpy(key.path, text + topic + 1, path);
    if ((words != NULL && !words_read(words + 1, &key)) ||
        mosquitto_pub_topic_check(key.topic) != 0 ||
        (write && !dam_link_json_path_is_plain(key.path))) {
        return DAM_EPARSE;
    }
    *ret = key;
    return DAM_OK;
}

static const char *mqtt_check_key(const char *key, bool write)
{
    struct dam_mqtt_key parsed;
    if (dam_mqtt_key_parse(key, write, &parsed) == DAM_OK) {
        return NULL;
    }
    return write ? "write topic, topic#path.in.json, or either with =OFF|ON; without + in the topic"
                 : "write topic or topic#path.in.json; a topic without + and #";
}

enum dam_err dam_mqtt_value(struct dam_arena *arena, const void *payload, size_t len,
                            const char *path, unsigned decimals, int64_t *ret)
{
    const struct dam_json *root = NULL;
    if (len > DAM_MQTT_PAYLOAD_MAX) {
        return DAM_ERANGE;
    }
    if (path == NULL || *path == 0) {
        return dam_link_text_value(payload, len, decimals, ret);
    }
    if (dam_json_parse(arena, payload, len, 32, &root, NULL) != DAM_OK) {
        return DAM_EPARSE;
    }
    return dam_link_json_value(root, path, decimals, ret);
}

int dam_mqtt_payload(const struct dam_mqtt_key *key, int64_t value, unsigned decimals, char *text,
                     size_t size)
{
    char word[48];
    bool in_json = key->path[0] != 0;
    if (key->words[0][0] != 0) {
        (void)snprintf(word, sizeof(word), "%s%s%s", in_json ? "\"" : "", key->words[value != 0],
                       in_json ? "\"" : "");
    } else {
        (void)dam_flow_fixed_format(value, decimals, word);
    }
    return dam_link_json_make(key->path, word, text, size);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *watch, int status, int events);
static void on_timer(uv_timer_t *timer);
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

static void on_poll(uv_poll_t *watch, int status, int events)
{
    struct link_mqtt *l = watch->data;
    if (l == NULL) {
        return;
    }
    int err = status < 0 ? MOSQ_ERR_CONN_LOST : MOSQ_ERR_SUCCESS;
    /* The library reads one packet a call. */
    struct pollfd more = {l->polled, POLLIN, 0};
    bool readable = (events & UV_READABLE) != 0;
    for (int i = 0; err == MOSQ_ERR_SUCCESS && readable && i < PACKETS_MAX; i++) {
        err = mosquitto_loop_read(l->mosq, 1);
        readable = l->polled == more.fd && poll(&more, 1, 0) == 1;
    }
    if (err == MOSQ_ERR_SUCCESS && (events & UV_WRITABLE) != 0) {
        err = mosquitto_loop_write(l->mosq, 64);
    }
    settle(l, err);
}

/* The name is known to the resolver now: the library's own look-up, which blocks, is short. */
static void connect_to(struct link_mqtt *l, const char *host)
{
    l->waiting = false;
    int err = mosquitto_connect_async(l->mosq, host, (int)l->port, KEEPALIVE_S);
    if (err != MOSQ_ERR_SUCCESS) {
        reconnect_later(l, err == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(err));
        return;
    }
    l->connecting_ms = uv_now(l->loop);
    (void)uv_timer_start(&l->timer, on_timer, MISC_MS, 0);
    settle(l, mosquitto_loop_misc(l->mosq));
}

static void end_if_over(struct link_mqtt *l);

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
    struct link_mqtt *l = lookup->data;
    char address[64];
    l->looking_up = false;
    if (l->closing) {
        end_if_over(l);
    } else if (status != 0) {
        reconnect_later(l, uv_strerror(status));
    } else {
        /* A certificate is checked against the name, so TLS is given that. */
        int err = found->ai_family == AF_INET6
                      ? uv_ip6_name((void *)found->ai_addr, address, sizeof(address))
                      : uv_ip4_name((void *)found->ai_addr, address, sizeof(address));
        connect_to(l, l->tls || err != 0 ? l->host : address);
    }
    uv_freeaddrinfo(found);
}

static void on_timer(uv_timer_t *timer)
{
    struct link_mqtt *l = timer->data;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    bool has_socket = !l->waiting && mosquitto_socket(l->mosq) >= 0;
    if (has_socket && !l->health.up && uv_now(l->loop) - l->connecting_ms >= CONNECT_MS) {
        reconnect_later(l, "whoever listens there does not answer as a broker");
        return;
    }
    if (has_socket) {
        (void)uv_timer_start(timer, on_timer, MISC_MS, 0);
        settle(l, mosquitto_loop_misc(l->mosq));
        return;
    }
    l->lookup.data = l;
    int err = uv_getaddrinfo(l->loop, &l->lookup, on_lookup, l->host, NULL, &hints);
    l->looking_up = err == 0;
    if (err != 0) {
        reconnect_later(l, uv_strerror(err));
    }
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
    poll_drop(l);
    l->waiting = true;
    (void)mosquitto_disconnect(l->mosq); /* only so that the library closes its socket */
    uint64_t delay = dam_link_health_tell(&l->health, &l->events, false, why);
    all_unknown(l);
    (void)uv_timer_start(&l->timer, on_timer, delay, 0);
}

/* ---- what the library tells ------------------------------------------------------------------ */

static void subscribe(struct link_mqtt *l, const char *topic)
{
    if (topic[0] != 0) {
        (void)mosquitto_subscribe(l->mosq, NULL, topic, 1); /* fails only with the connection */
    }
}

/* Every channel and actuator, retained: Home Assistant finds them whenever it starts. */
static void declare_all(struct link_mqtt *l)
{
    char topic[DAM_HA_TOPIC_MAX];
    for (size_t i = 0; i < l->about->count; i++) {
        struct dam_buf buf;
        dam_arena_reset(&l->arena);
        dam_buf_init_arena(&buf, &l->arena, SHOW_SIZE_MAX);
        dam_ha_config(l->about, i, l->will_topic, &buf);
        if (dam_ha_config_topic(l->about, l->prefix, i, topic) && dam_buf_err(&buf) == DAM_OK) {
            (void)mosquitto_publish(l->mosq, NULL, topic, (int)buf.len, buf.data, 1, true);
        }
    }
}

static void on_connect(struct mosquitto *mosq, void *ctx, int code)
{
    struct link_mqtt *l = ctx;
    if (code != 0) {
        /* The broker closes now; that is no news any more. */
        (void)dam_link_health_tell(&l->health, &l->events, false,
                                   l->version5 ? mosquitto_reason_string(code)
                                               : mosquitto_connack_string(code));
        return;
    }
    for (size_t i = 0; i < l->point_count; i++) {
        subscribe(l, l->points[i].write ? l->keys[i].readback.topic : l->keys[i].key.topic);
    }
    if (l->will_topic[0] != 0) {
        (void)mosquitto_publish(mosq, NULL, l->will_topic, 6, "online", 1, true);
    }
    if (l->prefix[0] != 0) {
        declare_all(l);
    }
    (void)dam_link_health_tell(&l->health, &l->events, true, l->host);
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

/* root: the payload's JSON, NULL if it is none. */
static enum dam_err message_value(const struct mosquitto_message *message,
                                  const struct dam_json *root, const char *path, unsigned decimals,
                                  int64_t *ret)
{
    if (path[0] != 0) {
        return root == NULL ? DAM_EPARSE : dam_link_json_value(root, path, decimals, ret);
    }
    return dam_link_text_value(message->payload, (size_t)message->payloadlen, decimals, ret);
}

static void take(struct link_mqtt *l, unsigned point, const struct mosquitto_message *message,
                 const struct dam_json *root)
{
    const struct dam_link_point *p = &l->points[point];
    const struct dam_mqtt_key *key = p->write ? &l->keys[point].readback : &l->keys[point].key;
    int64_t value = 0;
    enum dam_err err = message_value(message, root, key->path, p->decimals, &value);
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

static const struct dam_json *payload_parse(struct link_mqtt *l,
                                            const struct mosquitto_message *message)
{
    const struct dam_json *root = NULL;
    dam_arena_reset(&l->arena);
    if (message->payloadlen <= 0 || (size_t)message->payloadlen > DAM_MQTT_PAYLOAD_MAX ||
        dam_json_parse(&l->arena, message->payload, (size_t)message->payloadlen, 32, &root, NULL) !=
            DAM_OK) {
        return NULL;
    }
    return root;
}

/* A topic may feed several points: it is parsed once, for the first that wants it and may have it.
 */
static void on_message(struct mosquitto *mosq, void *ctx, const struct mosquitto_message *message)
{
    struct link_mqtt *l = ctx;
    const struct dam_json *root = NULL;
    bool parsed = false;
    (void)mosq;
    for (unsigned i = 0; i < l->point_count; i++) {
        struct point *k = &l->keys[i];
        const struct dam_mqtt_key *key = l->points[i].write ? &k->readback : &k->key;
        if (strcmp(key->topic, message->topic) != 0) {
            continue;
        }
        if (!dam_link_gate_pass(&k->gate, uv_now(l->loop), l->rate_max)) {
            if (l->events.dropped != NULL) {
                l->events.dropped(l->events.ctx, 1);
            }
            continue;
        }
        if (key->path[0] != 0 && !parsed) {
            root = payload_parse(l, message);
            parsed = true;
        }
        take(l, i, message, root);
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

static void mqtt_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct link_mqtt *l = (struct link_mqtt *)(void *)base;
    struct inflight *slot = inflight_of(l, point); /* a newer write takes the place of an older */
    const struct dam_mqtt_key *key = &l->keys[point].key;
    char text[1024];
    int len = dam_mqtt_payload(key, value, l->points[point].decimals, text, sizeof(text));
    int mid = 0;
    if (slot != NULL) {
        slot->used = false;
        l->events.written(l->events.ctx, point, slot->ticket, DAM_LINK_UNKNOWN, false, 0);
    }
    for (size_t i = 0; i < INFLIGHT_MAX && slot == NULL; i++) {
        slot = l->inflight[i].used ? NULL : &l->inflight[i];
    }
    if (!l->health.up || slot == NULL || len < 0 ||
        mosquitto_publish(l->mosq, &mid, key->topic, len, text, 1, false) != MOSQ_ERR_SUCCESS) {
        l->events.written(l->events.ctx, point, ticket, DAM_LINK_REFUSED, false, 0);
        return;
    }
    *slot = (struct inflight){.used = true, .mid = mid, .point = point, .ticket = ticket};
    poll_update(l);
}

/* ---- showing --------------------------------------------------------------------------------- */

static bool mqtt_wants_turn(struct dam_link *base)
{
    const struct link_mqtt *l = (struct link_mqtt *)(void *)base;
    /* Not while the last one still waits for the broker. */
    return l->prefix[0] != 0 && l->health.up && uv_now(l->loop) - l->shown_ms >= SHOW_MS &&
           !mosquitto_want_write(l->mosq);
}

static void mqtt_show_turn(struct dam_link *base, const struct dam_link_turn *turn)
{
    struct link_mqtt *l = (struct link_mqtt *)(void *)base;
    char topic[DAM_HA_TOPIC_MAX];
    struct dam_buf buf;
    dam_arena_reset(&l->arena);
    dam_buf_init_arena(&buf, &l->arena, SHOW_SIZE_MAX);
    dam_ha_state(l->about, turn, &buf);
    if (dam_ha_state_topic(l->about, topic) && dam_buf_err(&buf) == DAM_OK) {
        (void)mosquitto_publish(l->mosq, NULL, topic, (int)buf.len, buf.data, 0, true);
        l->shown_ms = uv_now(l->loop);
        poll_update(l);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void mqtt_free(struct link_mqtt *l)
{
    mosquitto_destroy(l->mosq);
    (void)mosquitto_lib_cleanup();
    dam_arena_finish(&l->arena);
    free(l->keys);
    free(l);
}

static void end_if_over(struct link_mqtt *l)
{
    if (l->timer_closed && !l->looking_up) {
        mqtt_free(l);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct link_mqtt *l = handle->data;
    l->timer_closed = true;
    end_if_over(l);
}

static void mqtt_close(struct dam_link *base)
{
    struct link_mqtt *l = (struct link_mqtt *)(void *)base;
    l->closing = true;
    if (l->health.up && l->will_topic[0] != 0) {
        (void)mosquitto_publish(l->mosq, NULL, l->will_topic, 7, "offline", 1, true);
        (void)mosquitto_loop_write(l->mosq, 64);
    }
    poll_drop(l);
    (void)mosquitto_disconnect(l->mosq);
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The certificates: of those who may sign the broker's, and the machine's own where it wants one.
 */
static const char *tls_make(struct link_mqtt *l, const struct dam_link_setup *setup)
{
    char paths[3][PATH_SIZE];
    static const char *const names[] = {"ca_file", "cert_file", "key_file"};
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        if (!dam_link_option_path(setup, names[i], paths[i], PATH_SIZE)) {
            return "the path of 'ca_file', 'cert_file' or 'key_file' is too long";
        }
    }
    if ((paths[1][0] == 0) != (paths[2][0] == 0)) {
        return "'cert_file' and 'key_file' go together";
    }
    l->tls = l->tls || paths[0][0] != 0;
    if (l->tls && mosquitto_tls_set(l->mosq, paths[0][0] == 0 ? NULL : paths[0],
                                    paths[0][0] == 0 ? "/etc/ssl/certs" : NULL,
                                    paths[1][0] == 0 ? NULL : paths[1],
                                    paths[2][0] == 0 ? NULL : paths[2], NULL) != 0) {
        return "a file of 'ca_file', 'cert_file' or 'key_file' cannot be read";
    }
    return NULL;
}

static const char *login_make(struct link_mqtt *l, const struct dam_link_setup *setup)
{
    const char *user = dam_link_option(setup, "user", NULL);
    char secret[256];
    const char *why = dam_link_option_secret(setup, "password_file", secret, sizeof(secret));
    if (why == NULL && user != NULL &&
        mosquitto_username_pw_set(l->mosq, user, secret[0] == 0 ? NULL : secret) != 0) {
        why = "'user' is not accepted";
    }
    explicit_bzero(secret, sizeof(secret));
    return why;
}

static const char *shown_make(struct link_mqtt *l, const struct dam_link_setup *setup)
{
    const char *will = dam_link_option(setup, "availability", "");
    const char *prefix = dam_link_option(setup, "homeassistant", "");
    (void)snprintf(l->prefix, sizeof(l->prefix), "%s", setup->about == NULL ? "" : prefix);
    (void)snprintf(l->will_topic, sizeof(l->will_topic), "%s", will);
    if (will[0] == 0 && l->prefix[0] != 0) {
        (void)snprintf(l->will_topic, sizeof(l->will_topic), "dam/%s/availability",
                       setup->about->machine);
    }
    if (l->prefix[0] != 0 && mosquitto_pub_topic_check(l->prefix) != 0) {
        return "'homeassistant' is the prefix of its discovery topics: \"homeassistant\"";
    }
    if (l->will_topic[0] != 0 &&
        mosquitto_will_set(l->mosq, l->will_topic, 7, "offline", 1, true) != 0) {
        return "'availability' is no topic";
    }
    return NULL;
}

static bool url_read(const char *url, bool *ret_tls, char *host, size_t size, unsigned *port)
{
    *ret_tls = strncmp(url, "mqtts://", 8) == 0;
    *port = *ret_tls ? 8883 : 1883;
    return dam_link_url(url, *ret_tls ? "mqtts://" : "mqtt://", host, size, port);
}

static const char *mqtt_check_url(const char *url)
{
    char host[HOST_MAX];
    unsigned port;
    bool tls;
    return url_read(url, &tls, host, sizeof(host), &port)
               ? NULL
               : "'url' is mqtt://HOST:PORT or mqtts://HOST:PORT";
}

static const char *client_make(struct link_mqtt *l, const struct dam_link_setup *setup)
{
    const char *version = dam_link_option(setup, "version", "3.1.1");
    const char *url = dam_link_option(setup, "url", "");
    long rate = 0;
    l->version5 = strcmp(version, "5") == 0;
    if (!l->version5 && strcmp(version, "3.1.1") != 0) {
        return "'version' is \"3.1.1\" or \"5\"";
    }
    if (!url_read(url, &l->tls, l->host, sizeof(l->host), &l->port)) {
        return mqtt_check_url(url);
    }
    if (dam_link_option_number(setup, "rate_max", DAM_LINK_RATE_MAX, 1, 1000000, &rate) != DAM_OK) {
        return "'rate_max' is from 1 to 1000000";
    }
    l->rate_max = (unsigned)rate;
    l->mosq = mosquitto_new(dam_link_option(setup, "client_id", NULL), true, l);
    if (l->mosq == NULL) {
        return "out of memory";
    }
    if (l->version5) {
        (void)mosquitto_int_option(l->mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    }
    const char *why = login_make(l, setup);
    why = why == NULL ? tls_make(l, setup) : why;
    why = why == NULL ? shown_make(l, setup) : why;
    mosquitto_connect_callback_set(l->mosq, on_connect);
    mosquitto_message_callback_set(l->mosq, on_message);
    mosquitto_publish_callback_set(l->mosq, on_publish);
    return why;
}

static const char *keys_read(struct link_mqtt *l)
{
    l->keys = calloc(l->point_count + 1, sizeof(*l->keys));
    for (size_t i = 0; l->keys != NULL && i < l->point_count; i++) {
        const struct dam_link_point *p = &l->points[i];
        if (dam_mqtt_key_parse(p->key, p->write, &l->keys[i].key) != DAM_OK ||
            (p->readback != NULL &&
             dam_mqtt_key_parse(p->readback, false, &l->keys[i].readback) != DAM_OK)) {
            return "a key is malformed";
        }
    }
    return l->keys == NULL ? "out of memory" : NULL;
}

static enum dam_err mqtt_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                              const char **ret_why)
{
    struct link_mqtt *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    l->kind = &dam_link_mqtt;
    l->events = setup->events;
    l->points = setup->points;
    l->point_count = setup->point_count;
    l->about = setup->about;
    l->loop = setup->loop;
    l->polled = -1;
    dam_arena_init(&l->arena, dam_heap(), 8u << 20);
    (void)mosquitto_lib_init();
    const char *why = keys_read(l);
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

static const char *const mqtt_options[] = {
    "url",     "version",   "user",     "password_file", "client_id",     "availability",
    "ca_file", "cert_file", "key_file", "rate_max",      "homeassistant", NULL};

const struct dam_link_kind dam_link_mqtt = {
    .name = "mqtt",
    .summary = "topics of an MQTT broker (3.1.1 or 5)",
    .options = mqtt_options,
    .check_key = mqtt_check_key,
    .check_url = mqtt_check_url,
    .open = mqtt_open,
    .write = mqtt_write,
    .wants_turn = mqtt_wants_turn,
    .show_turn = mqtt_show_turn,
    .close = mqtt_close,
};
