// SPDX-License-Identifier: Apache-2.0
#include "trade/link_upkeep.h"

#include "base/heap.h"
#include "base/json.h"
#include "port/file.h"
#include "trade/job_board.h"
#include "trade/link_job_board.h"
#include "trade/market_calls.h"
#include "trade/sag.h"
#include "trade/skill.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VERSION 1
#define FILE_NAME "upkeep.json"
#define FILE_LEN_MAX 1024u
#define BUDGET_MAX 1000000000L

struct link_upkeep {
    struct dam_skill skill;
    struct dam_job_board board; /* the worker's while it is busy */
    struct dam_sag sag;         /* the loop's */
    struct dam_sag_terms terms;
    long budget; /* in the token's whole unit */
    size_t channel;
    bool unsaved;         /* a day has ended since the file was written */
    struct dam_sag saved; /* the worker's: what the file is to say, and whether to hire */
    char folder[DAM_SKILL_PATH_SIZE];
};

static struct link_upkeep *of(struct dam_skill *skill)
{
    return (struct link_upkeep *)(void *)skill;
}

/* ---- past days ------------------------------------------------------------------------------- */

static enum dam_err past_write(const struct link_upkeep *l)
{
    uint8_t space[FILE_LEN_MAX];
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, space, sizeof(space));
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "version");
    dam_json_put_u64(&w, VERSION);
    dam_json_put_key(&w, "usual");
    dam_json_put_i64(&w, l->saved.usual);
    dam_json_put_key(&w, "last");
    dam_json_put_i64(&w, l->saved.last);
    dam_json_put_key(&w, "low_days");
    dam_json_put_u64(&w, l->saved.low_days);
    dam_json_put_key(&w, "sags");
    dam_json_put_bool(&w, l->saved.sags);
    dam_json_put_object_end(&w);
    dam_buf_put_text(&buf, "\n");
    int folder = open(l->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || dam_buf_err(&buf) != DAM_OK) {
        return DAM_EIO;
    }
    enum dam_err err = dam_file_put(folder, FILE_NAME, dam_buf_bytes(&buf));
    (void)close(folder); /* only looked through */
    return err;
}

static bool past_parse(struct dam_arena *arena, struct dam_bytes text, struct dam_sag *ret)
{
    const struct dam_json *root = NULL;
    struct dam_sag sag = {.usual = 0};
    uint64_t version = 0;
    uint64_t low_days = 0;
    bool ok =
        dam_json_parse(arena, (const char *)text.data, text.len, 4, &root, NULL) == DAM_OK &&
        dam_json_u64(dam_json_get(root, "version"), &version) == DAM_OK && version == VERSION &&
        dam_json_i64(dam_json_get(root, "usual"), &sag.usual) == DAM_OK && sag.usual >= 0 &&
        dam_json_i64(dam_json_get(root, "last"), &sag.last) == DAM_OK &&
        dam_json_u64(dam_json_get(root, "low_days"), &low_days) == DAM_OK &&
        low_days <= UINT16_MAX && dam_json_bool(dam_json_get(root, "sags"), &sag.sags) == DAM_OK;
    sag.low_days = (unsigned)low_days;
    *ret = ok ? sag : *ret;
    return ok;
}

/* Returns: NULL, or what is wrong. No file is no past. */
static const char *past_read(struct link_upkeep *l)
{
    uint8_t space[FILE_LEN_MAX];
    char path[DAM_SKILL_PATH_SIZE + sizeof(FILE_NAME)];
    struct dam_arena arena;
    (void)snprintf(path, sizeof(path), "%s/" FILE_NAME, l->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    ssize_t len = read(fd, space, sizeof(space));
    (void)close(fd); /* only read from */
    dam_arena_init(&arena, dam_heap(), 0);
    bool ok = len > 0 && past_parse(&arena, dam_bytes(space, (size_t)len), &l->sag);
    dam_arena_finish(&arena);
    return ok ? NULL
              : "upkeep.json in the machine's folder is not readable: remove it to learn anew";
}

/* ---- turns ----------------------------------------------------------------------------------- */

static enum dam_err reach(struct dam_skill *s)
{
    struct link_upkeep *l = of(s);
    enum dam_err err = s->has_turn ? past_write(l) : DAM_OK;
    if (err != DAM_OK) {
        (void)snprintf(s->why, sizeof(s->why), "writing " FILE_NAME ": %s", dam_err_text(err));
    }
    return dam_job_board_connect(&l->board);
}

static void act(struct dam_skill *s)
{
    struct link_upkeep *l = of(s);
    const struct dam_sag *sag = &l->saved;
    struct dam_u256 budget = dam_trade_amount(l->budget, 0, l->board.token_decimals);
    bool recorded = false;
    bool was = dam_job_is_active(&l->board.hired);
    if (!sag->sags) {
        return;
    }
    enum dam_err err =
        dam_job_board_hire(&l->board, &budget, (uint64_t)s->turn.wall_ms / 1000, &recorded);
    if (err != DAM_OK || (!was && l->board.seat.why[0] != 0)) {
        int64_t percent = sag->usual > 0 ? (int64_t)((__int128)sag->last * 100 / sag->usual) : 0;
        (void)snprintf(s->why, sizeof(s->why), "the peak is %lld %% of the usual: %.384s",
                       (long long)percent, l->board.seat.why);
    }
}

static enum dam_err settle(struct dam_skill *s)
{
    return dam_job_board_settle(&of(s)->board);
}

static void tell(struct dam_skill *s)
{
    struct link_upkeep *l = of(s);
    if (dam_job_is_active(&l->board.hired)) {
        l->unsaved = l->unsaved || l->sag.sags;
        dam_sag_mended(&l->sag);
    }
}

static void finish(struct dam_skill *s)
{
    dam_job_board_finish(&of(s)->board);
}

static const struct dam_skill_ops ops = {
    .work = dam_skill_round,
    .reach = reach,
    .act = act,
    .settle = settle,
    .tell = tell,
    .finish = finish,
};

static bool wants_turn(struct dam_link *link)
{
    (void)link;
    return true;
}

static void show_turn(struct dam_link *link, const struct dam_link_turn *turn)
{
    struct link_upkeep *l = (struct link_upkeep *)(void *)link;
    if (turn->good[l->channel] &&
        dam_sag_add(&l->sag, &l->terms, turn->time_ms, turn->values[l->channel])) {
        l->unsaved = true;
    }
    bool wants = l->unsaved || l->sag.sags;
    if (!l->skill.busy && (wants || dam_job_is_active(&l->board.hired))) {
        l->saved = l->sag;
        l->unsaved = false;
        dam_skill_act(&l->skill);
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

static const char *check_key(const char *key, bool write)
{
    (void)key;
    (void)write;
    return "this link has no channels and no actuators: 'watch' names the channel";
}

static const char *watch_read(struct link_upkeep *l, const struct dam_link_setup *setup)
{
    const char *name = dam_link_option(setup, "watch", "");
    long percent = 0;
    long days = 0;
    size_t count = setup->about == NULL ? 0 : setup->about->count;
    while (l->channel < count && (setup->about->shown[l->channel].is_actuator ||
                                  strcmp(setup->about->shown[l->channel].name, name) != 0)) {
        l->channel++;
    }
    if (l->channel == count) {
        return "'watch' is a channel of this machine";
    }
    if (dam_link_option_number(setup, "sag", 80, 1, 99, &percent) != DAM_OK ||
        dam_link_option_number(setup, "days", 2, 1, 60, &days) != DAM_OK) {
        return "'sag' is a percentage from 1 to 99, 'days' a number from 1 to 60";
    }
    if (dam_link_option_number(setup, "budget", 0, 1, BUDGET_MAX, &l->budget) != DAM_OK) {
        return "'budget' is what a repair may cost, in whole tokens";
    }
    l->terms = (struct dam_sag_terms){.percent = (unsigned)percent, .days = (unsigned)days};
    return NULL;
}

static enum dam_err upkeep_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                                const char **ret_why)
{
    struct dam_envoy *envoy = NULL;
    struct dam_address account;
    struct dam_address address;
    struct dam_job_terms terms;
    struct link_upkeep *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    int len = snprintf(l->folder, sizeof(l->folder), "%s", setup->folder);
    const char *why = dam_skill_open(&l->skill, &dam_link_upkeep, &ops, setup, &account, &envoy);
    if (why == NULL && !dam_skill_address(setup, "board", &address)) {
        why = "'board' is the address of the JobBoard";
    } else if (why == NULL && (len < 0 || (size_t)len >= sizeof(l->folder))) {
        why = "the machine's folder has too long a path";
    }
    why = why == NULL ? dam_link_job_terms(setup, true, &terms) : why;
    why = why == NULL ? watch_read(l, setup) : why;
    why = why == NULL ? past_read(l) : why;
    if (why == NULL) {
        dam_job_board_init(&l->board, envoy, &account, &address, &terms);
    }
    return dam_skill_begin(&l->skill, &l->board.seat, envoy, why, ret_link, ret_why);
}

static const char *const options[] = {
    DAM_SKILL_OPTIONS, "board", "token", "provider", "evaluator", "description",
    "lifetime_s",      "watch", "sag",   "days",     "budget",    NULL};

const struct dam_link_kind dam_link_upkeep = {
    .name = "upkeep",
    .summary = "hires maintenance where a channel's daily peak sags, from the machine's account",
    .options = options,
    .check_key = check_key,
    .open = upkeep_open,
    .write = dam_skill_write,
    .wants_turn = wants_turn,
    .show_turn = show_turn,
    .is_busy = dam_skill_is_busy,
    .close = dam_skill_close,
    .acts_when_opened = true,
};
