// SPDX-License-Identifier: Apache-2.0
#include "trade/skill.h"

#include "base/assert.h"
#include "core/eth/address.h"
#include "trade/market_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct dam_skill *of(struct dam_link *link)
{
    return (struct dam_skill *)(void *)link;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void on_work(uv_work_t *work)
{
    struct dam_skill *s = work->data;
    s->why[0] = 0;
    dam_envoy_enter(s->seat->envoy, s->place);
    s->ops->work(s);
    dam_envoy_leave(s->seat->envoy);
}

static void answer(struct dam_skill *s, const struct dam_skill_turn *turn,
                   enum dam_link_result result)
{
    for (unsigned k = 0; k < s->ops->key_count; k++) {
        if (turn->has[k]) {
            s->events.written(s->events.ctx, s->point[k], turn->ticket, result, false, 0);
        }
    }
}

static void skill_free(struct dam_skill *s)
{
    s->ops->finish(s);
    free(s);
}

static void begin(struct dam_skill *s);

/* What is as it was is not told again each turn. */
static void state_tell(struct dam_skill *s)
{
    const char *text = s->why[0] != 0 || !s->reached ? s->why : s->is_up ? "" : s->url;
    bool is_new = s->reached != s->is_up || strcmp(text, s->said) != 0;
    if (is_new && (text[0] != 0 || !s->reached)) {
        s->events.state(s->events.ctx, s->reached, text);
    }
    s->is_up = s->reached;
    (void)snprintf(s->said, sizeof(s->said), "%s", text);
}

static void on_worked(uv_work_t *work, int status)
{
    struct dam_skill *s = work->data;
    (void)status; /* never cancelled */
    s->busy = false;
    if (s->closing) {
        skill_free(s);
        return;
    }
    state_tell(s);
    if (s->reached) {
        s->ops->tell(s);
    }
    if (s->has_turn) {
        answer(s, &s->turn, s->result);
    }
    if (s->has_next) {
        s->turn = s->next;
        s->has_turn = true;
        s->has_next = false;
        begin(s);
    }
    if (s->ops->done != NULL) {
        s->ops->done(s);
    }
}

static void begin(struct dam_skill *s)
{
    s->work.data = s;
    s->busy = true;
    s->place = dam_envoy_line_up(s->seat->envoy);
    /* Fails only without a callback. */
    (void)uv_queue_work(s->loop, &s->work, on_work, on_worked);
}

int64_t dam_skill_wall_ms(const struct dam_skill *s)
{
    struct timespec now;
    if (s->wall_ms != NULL) {
        return s->wall_ms(s->events.ctx);
    }
    (void)clock_gettime(CLOCK_REALTIME, &now); /* this clock always exists */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_complete(const struct dam_skill *s, const struct dam_skill_turn *turn)
{
    for (unsigned k = 0; k < s->ops->key_count; k++) {
        if (s->ops->keys[k].write && s->is_used[k] && !turn->has[k]) {
            return false;
        }
    }
    return true;
}

void dam_skill_write(struct dam_link *link, unsigned point, int64_t value, uint64_t ticket)
{
    struct dam_skill *s = of(link);
    unsigned key = 0;
    while (!s->is_used[key] || s->point[key] != point) {
        key++;
        DAM_ASSERT(key < s->ops->key_count);
    }
    if (s->half.ticket != ticket) {
        s->half = (struct dam_skill_turn){.ticket = ticket};
    }
    s->half.has[key] = true;
    s->half.values[key] = value;
    if (!is_complete(s, &s->half)) {
        return;
    }
    struct dam_skill_turn turn = s->half;
    turn.wall_ms = dam_skill_wall_ms(s);
    s->half = (struct dam_skill_turn){.ticket = 0};
    if (s->busy) {
        if (s->has_next) { /* a later turn takes the place of one that never began */
            answer(s, &s->next, DAM_LINK_REFUSED);
        }
        s->next = turn;
        s->has_next = true;
        return;
    }
    s->turn = turn;
    s->has_turn = true;
    begin(s);
}

/* ---- rounds, on a worker --------------------------------------------------------------------- */

bool dam_skill_asks(const struct dam_skill *s, unsigned key)
{
    return s->has_turn && s->turn.has[key] && s->turn.values[key] > 0;
}

struct dam_u256 dam_skill_amount(const struct dam_skill *s, unsigned key, unsigned token_decimals)
{
    return dam_skill_asks(s, key)
               ? dam_trade_amount(s->turn.values[key], s->decimals[key], token_decimals)
               : dam_u256_from_u64(0);
}

static bool asks_any(const struct dam_skill *s)
{
    bool any = false;
    for (unsigned k = 0; k < s->ops->key_count; k++) {
        any = any || dam_skill_asks(s, k);
    }
    return any;
}

static void why_copy(struct dam_skill *s)
{
    if (s->why[0] == 0) {
        memcpy(s->why, s->seat->why, sizeof(s->why));
    }
}

static enum dam_err part(struct dam_skill *s, enum dam_err (*op)(struct dam_skill *skill),
                         const char *doing)
{
    s->seat->why[0] = 0;
    return dam_seat_fail(s->seat, op(s), doing);
}

void dam_skill_round(struct dam_skill *s)
{
    s->result = DAM_LINK_DONE;
    enum dam_err err = part(s, s->ops->reach, "connecting");
    if (err == DAM_OK && s->has_turn) {
        s->seat->why[0] = 0;
        s->ops->act(s); /* first: a market's gate closes */
        why_copy(s);
    } else if (s->ops->asks == NULL ? asks_any(s) : s->ops->asks(s)) {
        s->result = DAM_LINK_REFUSED;
    }
    err = err == DAM_OK ? part(s, s->ops->settle, "settling") : err;
    s->reached = err == DAM_OK;
    why_copy(s);
}

void dam_skill_rest(struct dam_skill *s, unsigned ms)
{
    dam_envoy_leave(s->seat->envoy);
    uv_sleep(ms);
    dam_envoy_step_in(s->seat->envoy);
}

void dam_skill_judge(struct dam_skill *s, enum dam_err err, bool recorded)
{
    if (err != DAM_OK && !recorded) {
        s->result = DAM_LINK_REFUSED;
    } else if (err != DAM_OK && s->result == DAM_LINK_DONE) {
        s->result = DAM_LINK_UNKNOWN;
    }
}

/* ---- the loop's side ------------------------------------------------------------------------- */

void dam_skill_act(struct dam_skill *s)
{
    DAM_ASSERT(!s->busy);
    s->turn = (struct dam_skill_turn){.wall_ms = dam_skill_wall_ms(s)};
    s->has_turn = true;
    begin(s);
}

bool dam_skill_is_busy(struct dam_link *link)
{
    return of(link)->busy;
}

void dam_skill_sample(struct dam_skill *s, unsigned key, int64_t value)
{
    if (s->is_used[key]) {
        s->events.sample(s->events.ctx, s->point[key], value);
    }
}

void dam_skill_sample_amount(struct dam_skill *s, unsigned key, const struct dam_u256 *amount,
                             unsigned token_decimals)
{
    dam_skill_sample(s, key, dam_trade_reading(amount, 1, token_decimals, s->decimals[key]));
}

void dam_skill_close(struct dam_link *link)
{
    struct dam_skill *s = of(link);
    s->closing = true;
    if (!s->busy) {
        skill_free(s);
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

static unsigned key_find(const struct dam_skill_ops *ops, const char *key, bool write)
{
    unsigned k = 0;
    while (k < ops->key_count &&
           (strcmp(ops->keys[k].name, key) != 0 || ops->keys[k].write != write)) {
        k++;
    }
    return k;
}

bool dam_skill_knows(const struct dam_skill_ops *ops, const char *key, bool write)
{
    return key_find(ops, key, write) < ops->key_count;
}

static const char *points_read(struct dam_skill *s, const struct dam_link_setup *setup)
{
    for (size_t i = 0; i < setup->point_count; i++) {
        unsigned k = key_find(s->ops, setup->points[i].key, setup->points[i].write);
        if (k == s->ops->key_count || s->is_used[k]) {
            return "two channels or actuators have the same key";
        }
        s->is_used[k] = true;
        s->point[k] = (unsigned)i;
        s->decimals[k] = setup->points[i].decimals;
    }
    return NULL;
}

static bool path_make(const struct dam_link_setup *setup, const char *option, const char *fallback,
                      char ret[DAM_SKILL_PATH_SIZE])
{
    const char *name = dam_link_option(setup, option, fallback);
    int len = name[0] == '/' ? snprintf(ret, DAM_SKILL_PATH_SIZE, "%s", name)
                             : snprintf(ret, DAM_SKILL_PATH_SIZE, "%s/%s", setup->folder, name);
    return len > 0 && (size_t)len < DAM_SKILL_PATH_SIZE && name[0] != 0;
}

bool dam_skill_address(const struct dam_link_setup *setup, const char *option,
                       struct dam_address *ret)
{
    const char *text = dam_link_option(setup, option, "");
    return dam_address_from_text(text, strlen(text), ret) == DAM_OK;
}

/* What a chain and a signer of the link's own are. Out: paths: what ret borrows. */
static const char *own_read(const struct dam_link_setup *setup, const char *url,
                            char paths[3][DAM_SKILL_PATH_SIZE], struct dam_envoy_options *ret)
{
    long timeout_ms = 0;
    if (!dam_http_client_takes(url) || strlen(url) >= DAM_RPC_URL_SIZE) {
        return "'url' is the chain's JSON-RPC, by " DAM_HTTP_CLIENT_SCHEMES;
    }
    if (!path_make(setup, "signer", "signer", paths[0]) ||
        !path_make(setup, "outbox", "outbox", paths[1])) {
        return "'signer' and 'outbox' are folders";
    }
    if (!path_make(setup, "password_file", "", paths[2])) {
        return "'password_file' is the file with the password of the signer's keystore";
    }
    if (dam_link_option_number(setup, "timeout_ms", 1000, 10, 60000, &timeout_ms) != DAM_OK) {
        return "'timeout_ms' is a number from 10 to 60000";
    }
    *ret = (struct dam_envoy_options){
        .urls = {url},
        .url_count = 1,
        .agree_min = 1,
        .timeout_ms = (uint32_t)timeout_ms,
        .signer_folder = paths[0],
        .outbox_folder = paths[1],
        .password_path = paths[2],
    };
    return NULL;
}

/* The machine's own envoy, or one that the link's options describe. Returns: NULL, or what is
 * wrong; *ret is the caller's to release. */
static const char *envoy_get(struct dam_skill *s, const struct dam_link_setup *setup,
                             struct dam_envoy **ret)
{
    struct dam_envoy_options options;
    char paths[3][DAM_SKILL_PATH_SIZE];
    const char *url = dam_link_option(setup, "url", "");
    if (url[0] != 0) {
        const char *why = own_read(setup, url, paths, &options);
        (void)snprintf(s->url, sizeof(s->url), "%s", url);
        bool ok = why == NULL && dam_envoy_create(&options, ret) == DAM_OK;
        return why != NULL ? why : ok ? NULL : "out of memory";
    }
    if (setup->envoy == NULL || setup->envoy->options.signer_folder == NULL) {
        return "the machine needs [chain] and [signer], or the link its own 'url'";
    }
    (void)snprintf(s->url, sizeof(s->url), "%s", setup->envoy->options.urls[0]);
    *ret = dam_envoy_share(setup->envoy);
    return NULL;
}

const char *dam_skill_open(struct dam_skill *s, const struct dam_link_kind *kind,
                           const struct dam_skill_ops *ops, const struct dam_link_setup *setup,
                           struct dam_address *ret_account, struct dam_envoy **ret_envoy)
{
    s->kind = kind;
    s->ops = ops;
    s->events = setup->events;
    s->wall_ms = setup->wall_ms;
    s->loop = setup->loop;
    const char *why = points_read(s, setup);
    if (why == NULL && !dam_skill_address(setup, "account", ret_account)) {
        why = "'account' is the address of the machine's account";
    }
    return why == NULL ? envoy_get(s, setup, ret_envoy) : why;
}

enum dam_err dam_skill_begin(struct dam_skill *s, struct dam_seat *seat, struct dam_envoy *envoy,
                             const char *why, struct dam_link **ret_link, const char **ret_why)
{
    s->seat = seat;
    dam_envoy_release(envoy);
    if (why != NULL) {
        *ret_why = why;
        free(s);
        return DAM_EPARSE;
    }
    *ret_link = (struct dam_link *)(void *)s;
    s->turn.wall_ms = dam_skill_wall_ms(s);
    begin(s);
    return DAM_OK;
}
