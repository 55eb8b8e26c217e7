// SPDX-License-Identifier: Apache-2.0
#include "machine/field.h"

#include <stdio.h>

/* A link and which points of it are which channels and actuators. */
struct dam_field_link {
    struct dam_field *field;
    size_t index; /* in the manifest */
    struct dam_link *link;
    const struct dam_link_kind *kind;
    bool up;
    uint64_t dropped;
    int64_t age_ms; /* of the recorded samples that it gives just now */
    size_t point_count;
    struct dam_link_point *points; /* these two in the manifest's arena */
    uint16_t *target;              /* channel, or actuator where the point is written */
};

/* ---- what links tell ------------------------------------------------------------------------- */

static void on_sample(void *ctx, unsigned point, int64_t value)
{
    const struct dam_field_link *link = ctx;
    const struct dam_field_events *e = &link->field->events;
    e->sample(e->ctx, link->target[point], value, link->age_ms);
}

static void on_fault(void *ctx, unsigned point, const char *why)
{
    const struct dam_field_link *link = ctx;
    const struct dam_field_events *e = &link->field->events;
    if (!link->points[point].write) {
        e->fault(e->ctx, link->target[point], why);
    }
}

static void on_written(void *ctx, unsigned point, uint64_t ticket, enum dam_link_result result,
                       bool has_value, int64_t value)
{
    const struct dam_field_link *link = ctx;
    const struct dam_field_events *e = &link->field->events;
    e->written(e->ctx, link->target[point], ticket, result, has_value, value);
}

static void on_state(void *ctx, bool up, const char *text)
{
    struct dam_field_link *link = ctx;
    struct dam_field *field = link->field;
    if (up != link->up) {
        field->links_up += up ? 1u : 0u - 1u;
        link->up = up;
    }
    field->events.state(field->events.ctx, link->index, up, text);
}

static void on_dropped(void *ctx, unsigned count)
{
    struct dam_field_link *link = ctx;
    struct dam_field *field = link->field;
    link->dropped += count;
    field->dropped += count;
    field->events.dropped(field->events.ctx, link->index, link->dropped);
}

static int64_t on_wall_ms(void *ctx)
{
    const struct dam_field_link *link = ctx;
    const struct dam_field_events *e = &link->field->events;
    return e->wall_ms(e->ctx);
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum dam_err about_make(struct dam_field *field)
{
    const struct dam_manifest *m = field->manifest;
    size_t channels = m->channel_count;
    size_t count = channels + m->actuator_count;
    struct dam_link_shown *shown = dam_arena_alloc(m->arena, count * sizeof(*shown));
    if (shown == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < channels; i++) {
        const struct dam_manifest_channel *c = &m->channels[i];
        shown[i] = (struct dam_link_shown){c->name, c->title == NULL ? c->name : c->title, c->unit,
                                           c->decimals, false};
    }
    for (size_t i = 0; i < m->actuator_count; i++) {
        const struct dam_manifest_actuator *a = &m->actuators[i];
        shown[channels + i] = (struct dam_link_shown){
            a->name, a->title == NULL ? a->name : a->title, a->unit, a->decimals, true};
    }
    field->about =
        (struct dam_link_about){m->name, m->title == NULL ? m->name : m->title, shown, count};
    return DAM_OK;
}

static enum dam_err points_make(const struct dam_manifest *m, struct dam_field_link *link)
{
    size_t max = m->channel_count + m->actuator_count;
    link->points = dam_arena_alloc(m->arena, max * sizeof(*link->points));
    link->target = dam_arena_alloc(m->arena, max * sizeof(*link->target));
    if (link->points == NULL || link->target == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < m->channel_count; i++) {
        const struct dam_manifest_channel *c = &m->channels[i];
        if (c->link == (int)link->index) {
            link->target[link->point_count] = (uint16_t)i;
            link->points[link->point_count++] =
                (struct dam_link_point){.key = c->key, .decimals = c->decimals};
        }
    }
    for (size_t i = 0; i < m->actuator_count; i++) {
        const struct dam_manifest_actuator *a = &m->actuators[i];
        if (a->link == (int)link->index) {
            link->target[link->point_count] = (uint16_t)i;
            link->points[link->point_count++] = (struct dam_link_point){
                .key = a->key, .readback = a->readback, .decimals = a->decimals, .write = true};
        }
    }
    return DAM_OK;
}

static enum dam_err link_open(struct dam_field *field, size_t index, uv_loop_t *loop,
                              struct dam_envoy *envoy, struct dam_manifest_complaint *ret_complaint)
{
    const struct dam_manifest_link *described = &field->manifest->links[index];
    struct dam_field_link *link = &field->links[index];
    const char *why = NULL;
    *link = (struct dam_field_link){.field = field, .index = index, .kind = described->kind};
    DAM_TRY(points_make(field->manifest, link));
    const struct dam_link_setup setup = {
        .loop = loop,
        .folder = field->manifest->folder,
        .options = described->options,
        .option_count = described->option_count,
        .points = link->points,
        .point_count = link->point_count,
        .about = &field->about,
        .events = {on_sample, on_fault, on_written, on_state, on_dropped, link},
        .wall_ms = on_wall_ms,
        .envoy = envoy,
    };
    enum dam_err err = described->kind->open(&setup, &link->link, &why);
    if (err != DAM_OK) {
        link->link = NULL;
        (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text), "%s:%u: [link.%s]: %s",
                       DAM_MANIFEST_FILE, described->line, described->name,
                       why == NULL ? dam_err_text(err) : why);
        ret_complaint->hint[0] = 0;
    }
    return err;
}

enum dam_err dam_field_open(struct dam_field *field, const struct dam_manifest *manifest,
                            uv_loop_t *loop, const struct dam_field_events *events,
                            struct dam_envoy *envoy,
                            bool (*wanted)(const struct dam_manifest_link *link),
                            struct dam_manifest_complaint *ret_complaint)
{
    *field = (struct dam_field){.manifest = manifest, .events = *events};
    DAM_TRY(about_make(field));
    field->links =
        dam_arena_zalloc(manifest->arena, (manifest->link_count + 1) * sizeof(*field->links));
    if (field->links == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < manifest->link_count; i++) {
        if (wanted == NULL || wanted(&manifest->links[i])) {
            DAM_TRY(link_open(field, i, loop, envoy, ret_complaint));
        }
    }
    return DAM_OK;
}

void dam_field_close(struct dam_field *field)
{
    for (size_t i = 0; field->links != NULL && i < field->manifest->link_count; i++) {
        struct dam_field_link *link = &field->links[i];
        if (link->link != NULL) {
            link->kind->close(link->link);
            link->link = NULL;
        }
    }
}

/* ---- turns ----------------------------------------------------------------------------------- */

void dam_field_write(struct dam_field *field, const int64_t *action, uint64_t ticket)
{
    for (size_t k = 0; field->links != NULL && k < field->manifest->link_count; k++) {
        struct dam_field_link *link = &field->links[k];
        for (size_t i = 0; link->link != NULL && i < link->point_count; i++) {
            if (link->points[i].write) {
                link->kind->write(link->link, (unsigned)i, action[link->target[i]], ticket);
            }
        }
    }
}

/* From one recorded time to the next, so that each sample is as old as it is. */
static int64_t link_advance(struct dam_field_link *link, int64_t now_ms)
{
    int64_t at = link->kind->advance(link->link, INT64_MIN);
    while (at <= now_ms && at != INT64_MAX) {
        link->age_ms = now_ms - at;
        at = link->kind->advance(link->link, at);
    }
    return at;
}

int64_t dam_field_advance(struct dam_field *field, int64_t now_ms, bool *ret_replayed)
{
    int64_t next = INT64_MAX;
    bool replayed = false;
    for (size_t i = 0; field->links != NULL && i < field->manifest->link_count; i++) {
        struct dam_field_link *link = &field->links[i];
        if (link->link != NULL && link->kind->advance != NULL) {
            int64_t at = link_advance(link, now_ms);
            next = at < next ? at : next;
            replayed = true;
        }
    }
    if (ret_replayed != NULL) {
        *ret_replayed = replayed;
    }
    return next;
}

static bool link_wants(const struct dam_field_link *link)
{
    return link->link != NULL && link->kind->wants_turn != NULL &&
           link->kind->wants_turn(link->link);
}

bool dam_field_wants_turn(const struct dam_field *field)
{
    for (size_t i = 0; field->links != NULL && i < field->manifest->link_count; i++) {
        if (link_wants(&field->links[i])) {
            return true;
        }
    }
    return false;
}

bool dam_field_is_busy(const struct dam_field *field)
{
    for (size_t i = 0; field->links != NULL && i < field->manifest->link_count; i++) {
        const struct dam_field_link *link = &field->links[i];
        if (link->link != NULL && link->kind->is_busy != NULL && link->kind->is_busy(link->link)) {
            return true;
        }
    }
    return false;
}

void dam_field_show_turn(struct dam_field *field, const struct dam_link_turn *turn)
{
    for (size_t i = 0; field->links != NULL && i < field->manifest->link_count; i++) {
        if (link_wants(&field->links[i])) {
            field->links[i].kind->show_turn(field->links[i].link, turn);
        }
    }
}
