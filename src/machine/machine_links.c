// SPDX-License-Identifier: Apache-2.0
/* The machine and its field: what links tell, and which of their points is which channel. */
#include "machine/machine_parts.h"

#include <stdio.h>

/* ---- samples --------------------------------------------------------------------------------- */

static void on_sample(void *ctx, unsigned point, int64_t value)
{
    struct machine_link *link = ctx;
    struct dam_machine *m = link->machine;
    uint64_t mono_ms = m->events.now(m->events.ctx).mono_ms;
    if (dam_sense_sample(&m->sense, link->target[point], mono_ms, value) &&
        m->events.trigger != NULL) {
        m->events.trigger(m->events.ctx, m);
    }
}

static void on_fault(void *ctx, unsigned point, const char *why)
{
    struct machine_link *link = ctx;
    size_t channel = link->target[point];
    if (!link->points[point].write) {
        if (!link->machine->sense.channels[channel].fault) {
            dam_machine_say(link->machine, "channel %s: %s",
                            link->machine->manifest.channels[channel].name, why);
        }
        dam_sense_fault(&link->machine->sense, channel);
    }
}

static void on_state(void *ctx, bool up, const char *text)
{
    struct machine_link *link = ctx;
    if (up != link->up) {
        link->machine->stats.links_up += up ? 1u : 0u - 1u;
        link->up = up;
    }
    dam_machine_say(link->machine, "link %s is %s: %s",
                    link->machine->manifest.links[link->index].name, up ? "up" : "down", text);
}

static int64_t on_wall_ms(void *ctx)
{
    const struct machine_link *link = ctx;
    const struct dam_machine *m = link->machine;
    return m->events.now(m->events.ctx).wall_ms;
}

static enum dam_err link_points(struct dam_machine *m, struct machine_link *link)
{
    size_t max = m->manifest.channel_count + m->manifest.actuator_count;
    link->points = dam_arena_alloc(&m->arena, max * sizeof(*link->points));
    link->target = dam_arena_alloc(&m->arena, max * sizeof(*link->target));
    if (link->points == NULL || link->target == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < m->manifest.channel_count; i++) {
        const struct dam_manifest_channel *c = &m->manifest.channels[i];
        if (c->link == (int)link->index) {
            link->target[link->point_count] = (uint16_t)i;
            link->points[link->point_count++] =
                (struct dam_link_point){.key = c->key, .decimals = c->decimals};
        }
    }
    for (size_t i = 0; i < m->manifest.actuator_count; i++) {
        const struct dam_manifest_actuator *a = &m->manifest.actuators[i];
        if (a->link == (int)link->index) {
            link->target[link->point_count] = (uint16_t)i;
            link->points[link->point_count++] = (struct dam_link_point){
                .key = a->key, .readback = a->readback, .decimals = a->decimals, .write = true};
        }
    }
    return DAM_OK;
}

enum dam_err dam_machine_connect(struct dam_machine *m, uv_loop_t *loop,
                                 struct dam_manifest_complaint *ret_complaint)
{
    m->links = dam_arena_zalloc(&m->arena, (m->manifest.link_count + 1) * sizeof(*m->links));
    if (m->links == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < m->manifest.link_count; i++) {
        const struct dam_manifest_link *described = &m->manifest.links[i];
        struct machine_link *link = &m->links[i];
        const char *why = NULL;
        *link = (struct machine_link){.machine = m, .index = i, .kind = described->kind};
        DAM_TRY(link_points(m, link));
        const struct dam_link_setup setup = {
            .loop = loop,
            .folder = m->manifest.folder,
            .options = described->options,
            .option_count = described->option_count,
            .points = link->points,
            .point_count = link->point_count,
            .events = {on_sample, on_fault, dam_machine_on_written, on_state, link},
            .wall_ms = on_wall_ms,
            .envoy = m->envoy,
        };
        enum dam_err err = described->kind->open(&setup, &link->link, &why);
        if (err != DAM_OK) {
            link->link = NULL;
            (void)snprintf(ret_complaint->text, sizeof(ret_complaint->text), "%s:%u: [link.%s]: %s",
                           DAM_MANIFEST_FILE, described->line, described->name,
                           why == NULL ? dam_err_text(err) : why);
            ret_complaint->hint[0] = 0;
            return err;
        }
    }
    return DAM_OK;
}

int64_t dam_machine_advance(struct dam_machine *m, int64_t now_ms, bool *ret_replayed)
{
    int64_t next = INT64_MAX;
    bool replayed = false;
    for (size_t i = 0; m->links != NULL && i < m->manifest.link_count; i++) {
        struct machine_link *link = &m->links[i];
        if (link->link != NULL && link->kind->advance != NULL) {
            int64_t at = link->kind->advance(link->link, now_ms);
            next = at < next ? at : next;
            replayed = true;
        }
    }
    if (ret_replayed != NULL) {
        *ret_replayed = replayed;
    }
    return next;
}
