// SPDX-License-Identifier: Apache-2.0
#include "trade/link_errands.h"

#include "trade/errands.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUND_MS_DEFAULT 1000

struct link_errands {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_work_t work;
    long round_ms;
    bool busy;
    bool closing;
    bool timer_open;
    bool is_up; /* as it was told last */
    bool told;
    enum dam_err err; /* of the last round */
    struct dam_errands errands;
};

static void free_if_done(struct link_errands *l)
{
    if (!l->busy && !l->timer_open) {
        dam_errands_finish(&l->errands);
        free(l);
    }
}

static void on_work(uv_work_t *work)
{
    struct link_errands *l = work->data;
    l->err = dam_errands_round(&l->errands);
}

static void on_worked(uv_work_t *work, int status)
{
    struct link_errands *l = work->data;
    (void)status; /* never cancelled */
    l->busy = false;
    if (l->closing) {
        free_if_done(l);
        return;
    }
    bool up = l->err == DAM_OK || l->err == DAM_EFULL;
    if (!l->told || up != l->is_up || l->errands.refused > 0) {
        l->events.state(l->events.ctx, up, l->errands.why[0] != 0 ? l->errands.why : "errands");
        l->told = true;
        l->is_up = up;
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct link_errands *l = timer->data;
    if (!l->busy) {
        l->busy = uv_queue_work(l->loop, &l->work, on_work, on_worked) == 0;
    }
}

static const char *errands_check_key(const char *key, bool write)
{
    (void)key;
    (void)write;
    return "this link has no channels and no actuators";
}

static enum dam_err errands_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                                 const char **ret_why)
{
    char folder[4096];
    const char *name = dam_link_option(setup, "folder", "errands");
    if (setup->envoy == NULL || setup->envoy->options.signer_folder == NULL) {
        *ret_why = "errands need the machine's [chain] and [signer]";
        return DAM_EPARSE;
    }
    int len = name[0] == '/' ? snprintf(folder, sizeof(folder), "%s", name)
                             : snprintf(folder, sizeof(folder), "%s/%s", setup->folder, name);
    if (len < 0 || (size_t)len >= sizeof(folder)) {
        *ret_why = "'folder' is too long";
        return DAM_EPARSE;
    }
    struct link_errands *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    if (dam_link_option_number(setup, "every_ms", ROUND_MS_DEFAULT, 10, 60000, &l->round_ms) !=
        DAM_OK) {
        *ret_why = "'every_ms' is a number from 10 to 60000";
        free(l);
        return DAM_EPARSE;
    }
    l->kind = &dam_link_errands;
    l->events = setup->events;
    l->loop = setup->loop;
    l->work.data = l;
    l->timer.data = l;
    dam_errands_init(&l->errands, setup->envoy, folder);
    (void)uv_timer_init(l->loop, &l->timer);
    l->timer_open = true;
    (void)uv_timer_start(&l->timer, on_timer, 0, (uint64_t)l->round_ms);
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static void errands_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct link_errands *l = (struct link_errands *)(void *)base;
    (void)value;
    l->events.written(l->events.ctx, point, ticket, DAM_LINK_REFUSED, false, 0);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct link_errands *l = handle->data;
    l->timer_open = false;
    free_if_done(l);
}

static void errands_close(struct dam_link *base)
{
    struct link_errands *l = (struct link_errands *)(void *)base;
    l->closing = true;
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

static const char *const errands_options[] = {"folder", "every_ms", NULL};

const struct dam_link_kind dam_link_errands = {
    .name = "errands",
    .summary = "has the machine's account do what skills ask for, under its policy",
    .options = errands_options,
    .check_key = errands_check_key,
    .open = errands_open,
    .write = errands_write,
    .close = errands_close,
};
