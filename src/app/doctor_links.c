// SPDX-License-Identifier: Apache-2.0
#include "app/doctor.h"
#include "app/opened.h"
#include "base/heap.h"
#include "machine/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What was seen of the field while it was open. */
struct probe {
    const struct dam_manifest *manifest;
    struct dam_field field;
    bool up[DAM_MANIFEST_LINKS_MAX];
    bool told[DAM_MANIFEST_LINKS_MAX];
    char said[DAM_MANIFEST_LINKS_MAX][160];
    bool has_value[DAM_FLOW_CHANNELS_MAX];
    int64_t values[DAM_FLOW_CHANNELS_MAX];
    char faults[DAM_FLOW_CHANNELS_MAX][80];
    uv_timer_t timer;
    bool over;
};

static void on_sample(void *ctx, size_t channel, int64_t value, int64_t age_ms)
{
    struct probe *p = ctx;
    (void)age_ms;
    p->has_value[channel] = true;
    p->values[channel] = value;
}

static void on_fault(void *ctx, size_t channel, const char *why)
{
    struct probe *p = ctx;
    (void)snprintf(p->faults[channel], sizeof(p->faults[channel]), "%s", why);
}

static void on_written(void *ctx, size_t actuator, uint64_t ticket, enum dam_link_result result,
                       bool has_value, int64_t value)
{
    (void)ctx; /* nothing is ever written */
    (void)actuator;
    (void)ticket;
    (void)result;
    (void)has_value;
    (void)value;
}

static void on_state(void *ctx, size_t link, bool up, const char *text)
{
    struct probe *p = ctx;
    p->up[link] = up;
    p->told[link] = true;
    (void)snprintf(p->said[link], sizeof(p->said[link]), "%s", text);
}

static void on_dropped(void *ctx, size_t link, uint64_t count)
{
    (void)ctx;
    (void)link;
    (void)count;
}

static int64_t on_wall_ms(void *ctx)
{
    struct timespec now;
    (void)ctx;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* this clock always exists */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_looked_at(const struct dam_manifest_link *link)
{
    return !link->kind->acts_when_opened;
}

/* Every link is up and every channel has told a value or a fault. */
static bool all_is_known(const struct probe *p)
{
    const struct dam_manifest *m = p->manifest;
    for (size_t i = 0; i < m->link_count; i++) {
        if (is_looked_at(&m->links[i]) && !p->up[i]) {
            return false;
        }
    }
    for (size_t i = 0; i < m->channel_count; i++) {
        int link = m->channels[i].link;
        if (link >= 0 && is_looked_at(&m->links[link]) && !p->has_value[i] &&
            p->faults[i][0] == 0) {
            return false;
        }
    }
    return true;
}

static void on_timeout(uv_timer_t *timer)
{
    struct probe *p = timer->data;
    p->over = true;
}

static void field_watch(struct probe *p, uv_loop_t *loop, unsigned wait_ms)
{
    (void)uv_timer_init(loop, &p->timer);
    p->timer.data = p;
    (void)uv_timer_start(&p->timer, on_timeout, wait_ms, 0);
    bool replayed = false;
    int64_t first = dam_field_advance(&p->field, INT64_MIN, &replayed);
    if (replayed && first != INT64_MAX) {
        (void)dam_field_advance(&p->field, first, NULL);
    }
    while (!p->over && !all_is_known(p)) {
        (void)uv_run(loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&p->timer, NULL); /* it ends in the loop's last turns */
}

static void channels_report(struct dam_doctor *d, const struct probe *p, size_t link)
{
    const struct dam_manifest *m = p->manifest;
    for (size_t i = 0; i < m->channel_count; i++) {
        const struct dam_manifest_channel *c = &m->channels[i];
        char what[48];
        char value[32];
        if (c->link != (int)link) {
            continue;
        }
        (void)snprintf(what, sizeof(what), "channel %.38s", c->name);
        if (!p->has_value[i]) {
            dam_doctor_find(
                d, c->vital ? DAM_DOCTOR_BAD : DAM_DOCTOR_WARN, what,
                c->vital ? "it is vital: the machine would stay in its safe state" : NULL, "%s",
                p->faults[i][0] != 0 ? p->faults[i] : "no value came while waiting");
        } else if (p->values[i] < c->min || p->values[i] > c->max) {
            dam_doctor_find(d, DAM_DOCTOR_WARN, what, "check 'decimals', 'min' and 'max'",
                            "%s %s is beyond its range",
                            dam_opened_value(p->values[i], c->decimals, value), c->unit);
        }
    }
}

static void link_report(struct dam_doctor *d, const struct probe *p, size_t link)
{
    const struct dam_manifest *m = p->manifest;
    char what[48];
    unsigned channels = 0;
    unsigned values = 0;
    (void)snprintf(what, sizeof(what), "link %.40s", m->links[link].name);
    if (!is_looked_at(&m->links[link])) {
        dam_doctor_find(d, DAM_DOCTOR_NOTE, what, NULL,
                        "not opened: a link of kind %s acts as soon as it is",
                        m->links[link].kind->name);
        return;
    }
    for (size_t i = 0; i < m->channel_count; i++) {
        channels += m->channels[i].link == (int)link ? 1 : 0;
        values += m->channels[i].link == (int)link && p->has_value[i] ? 1 : 0;
    }
    if (!p->up[link]) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, what,
                        "is the device on, the address right, the login good?", "%s",
                        p->told[link] ? p->said[link] : "it did not connect while waiting");
        return;
    }
    dam_doctor_find(d, DAM_DOCTOR_GOOD, what, NULL, "%s; %u of %u channels read", p->said[link],
                    values, channels);
    channels_report(d, p, link);
}

void dam_doctor_links(struct dam_doctor *d, const struct dam_manifest *manifest, unsigned wait_ms)
{
    struct dam_manifest_complaint complaint = {0};
    struct probe *p = calloc(1, sizeof(*p));
    uv_loop_t loop;
    if (p == NULL || uv_loop_init(&loop) != 0) {
        free(p);
        dam_doctor_find(d, DAM_DOCTOR_BAD, "links", NULL, "out of memory");
        return;
    }
    p->manifest = manifest;
    const struct dam_field_events events = {on_sample,  on_fault,   on_written, on_state,
                                            on_dropped, on_wall_ms, p};
    enum dam_err err =
        dam_field_open(&p->field, manifest, &loop, &events, NULL, is_looked_at, &complaint);
    if (err == DAM_OK) {
        field_watch(p, &loop, wait_ms);
    }
    /* Closing may tell, too. */
    for (size_t i = 0; err == DAM_OK && i < manifest->link_count; i++) {
        link_report(d, p, i);
    }
    if (err != DAM_OK) {
        dam_doctor_find(d, DAM_DOCTOR_BAD, "links", complaint.hint[0] == 0 ? NULL : complaint.hint,
                        "%s", complaint.text[0] == 0 ? dam_err_text(err) : complaint.text);
    }
    dam_field_close(&p->field);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    free(p);
}
