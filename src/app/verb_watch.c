// SPDX-License-Identifier: Apache-2.0
/* dam watch: a machine live in the terminal; in a pipe, a line for each decision and each change.
 */
#include "app/api_token.h"
#include "app/args.h"
#include "app/glance.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"
#include "port/http_client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define EVERY_MS 500
#define NEWS_MAX 10u
#define NEWS_SIZE 256u

struct watch {
    const char *folder; /* or, where it is NULL and url is not: */
    const char *url;
    struct dam_http_client http;
    struct dam_arena arena;
    bool screen;  /* a terminal: drawn again and again */
    bool reached; /* the last look succeeded */
    bool begun;
    struct dam_glance now;
    struct dam_glance before;
    char news[NEWS_MAX][NEWS_SIZE]; /* a ring, for the screen */
    uint64_t news_count;
};

/* ---- news: what changed between two looks ---------------------------------------------------- */

static void tell(struct watch *w, const char *fmt, ...) DAM_PRINTF(2, 3);

static void tell(struct watch *w, const char *fmt, ...)
{
    char text[NEWS_SIZE - 40];
    char when[32];
    struct timespec ts;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)clock_gettime(CLOCK_REALTIME, &ts); /* this clock always exists */
    (void)dam_opened_time((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000, when);
    (void)snprintf(w->news[w->news_count++ % NEWS_MAX], NEWS_SIZE, "%.19s  %s", when, text);
    if (!w->screen) {
        (void)printf("%.19s  %s\n", when, text);
    }
}

static const char *item_text(const struct dam_glance_item *item, char *text, size_t size)
{
    char value[32];
    (void)snprintf(text, size, "%s%s%s", dam_opened_value(item->value, item->decimals, value),
                   item->unit[0] == 0 ? "" : " ", item->unit);
    return text;
}

static void news_of_channels(struct watch *w)
{
    bool same = w->begun && w->before.channel_count == w->now.channel_count;
    for (size_t i = 0; i < w->now.channel_count; i++) {
        const struct dam_glance_item *c = &w->now.channels[i];
        uint8_t quality = same ? w->before.channels[i].quality : (uint8_t)DAM_FLOW_GOOD;
        if (c->quality == quality) {
            continue;
        }
        if (c->quality == DAM_FLOW_GOOD) {
            tell(w, "channel %s is good again", c->name);
        } else if (c->age_ms == DAM_FLOW_AGE_NEVER) {
            tell(w, "OUTAGE channel %s: %s, no value yet", c->name,
                 dam_flow_quality_text(c->quality));
        } else {
            tell(w, "OUTAGE channel %s: %s, last value %" PRIu32 ".%" PRIu32 " s old", c->name,
                 dam_flow_quality_text(c->quality), c->age_ms / 1000, c->age_ms % 1000 / 100);
        }
    }
}

static void news_of_law(struct watch *w)
{
    const struct dam_glance *a = &w->before;
    const struct dam_glance *b = &w->now;
    if (w->begun && a->has_decision &&
        (strcmp(a->mind, b->mind) != 0 || strcmp(a->charter, b->charter) != 0)) {
        tell(w, "LAW mind %s charter %s", b->mind, b->charter);
    }
    if (w->begun ? a->stopped != b->stopped : b->stopped) {
        tell(w, b->stopped ? "STOP by its operator" : "the operator's stop is lifted");
    }
    if (w->begun ? a->running != b->running : !b->running) {
        tell(w, b->running ? "it runs" : "it does not run");
    }
    if (b->treasury[0] != 0 && strcmp(a->treasury, b->treasury) != 0) {
        tell(w, "treasury %s", b->treasury);
    }
}

static void news_of_decision(struct watch *w)
{
    const struct dam_glance *b = &w->now;
    char line[NEWS_SIZE - 60];
    if (!b->has_decision || (w->begun && w->before.seq == b->seq)) {
        return;
    }
    bool plain = b->outcome == DAM_FLOW_PERMITTED;
    size_t len = (size_t)snprintf(line, sizeof(line), "#%" PRIu64 " %s:", b->seq,
                                  dam_flow_outcome_text(b->outcome));
    for (size_t i = 0; i < b->actuator_count && len < sizeof(line); i++) {
        char text[64];
        len +=
            (size_t)snprintf(line + len, sizeof(line) - len, " %s %s%s%s%s", b->actuators[i].name,
                             item_text(&b->actuators[i], text, sizeof(text)),
                             b->actuators[i].why[0] == 0 ? "" : " (", b->actuators[i].why,
                             b->actuators[i].why[0] == 0 ? "" : ")");
    }
    if (!w->screen || !plain) { /* the screen shows every decision anyway */
        tell(w, "%s", line);
    }
}

/* ---- the screen ------------------------------------------------------------------------------ */

static void screen_draw(const struct watch *w)
{
    const struct dam_glance *g = &w->now;
    char text[80];
    char when[32];
    /* Home; each line is cleared to its end; below the last one everything. */
    (void)printf("\033[H\033[1m%s\033[0m  %s%s\033[K\n", g->name,
                 !w->reached  ? "\033[31mcannot be reached\033[0m"
                 : g->running ? "\033[32mruns\033[0m"
                              : "\033[31mdoes not run\033[0m",
                 g->stopped ? "  \033[31mSTOPPED by its operator\033[0m" : "");
    if (g->has_decision) {
        (void)printf("decision #%" PRIu64 " at %s: %s\033[K\n\033[K\n", g->seq,
                     dam_opened_time(g->time_ms, when), dam_flow_outcome_text(g->outcome));
    }
    for (size_t i = 0; i < g->channel_count; i++) {
        const struct dam_glance_item *c = &g->channels[i];
        bool good = c->quality == DAM_FLOW_GOOD;
        (void)printf("  %-24s %20s  %s%s%s\033[K\n", c->name, item_text(c, text, sizeof(text)),
                     good ? "" : "\033[33m", good ? "" : dam_flow_quality_text(c->quality),
                     good ? "" : "\033[0m");
    }
    (void)printf("\033[K\n");
    for (size_t i = 0; i < g->actuator_count; i++) {
        const struct dam_glance_item *a = &g->actuators[i];
        (void)printf("> %-24s %20s  %s\033[K\n", a->name, item_text(a, text, sizeof(text)), a->why);
    }
    (void)printf("\033[K\nmind %s  charter %s\033[K\n", g->mind, g->charter);
    if (g->treasury[0] != 0) {
        (void)printf("treasury %s\033[K\n", g->treasury);
    }
    (void)printf("\033[K\n");
    uint64_t first = w->news_count > NEWS_MAX ? w->news_count - NEWS_MAX : 0;
    for (uint64_t i = first; i < w->news_count; i++) {
        (void)printf("%s\033[K\n", w->news[i % NEWS_MAX]);
    }
    (void)printf("\033[J");
}

/* ---- the verb -------------------------------------------------------------------------------- */

/* Returns: DAM_EXIT_OK, or the code with which to end. */
static int look(struct watch *w)
{
    static struct dam_glance seen; /* large */
    enum dam_err err = DAM_OK;
    if (w->url == NULL) {
        int code = dam_glance_folder(w->folder, &seen);
        if (code != DAM_EXIT_OK) {
            return code;
        }
    } else {
        dam_arena_reset(&w->arena);
        err = dam_glance_api(&w->http, w->url, &w->arena, &seen);
    }
    if (err != DAM_OK && !w->begun) {
        return dam_verb_fail(DAM_EXIT_NOT_READY,
                             err == DAM_EREFUSED ? DAM_API_TOKEN_HINT
                                                 : "`dam up DIR --api HOST:PORT` serves one",
                             "%s: %s", dam_api_token_hide(w->url),
                             err == DAM_EPARSE ? "this is no machine's API" : dam_err_text(err));
    }
    if (err != DAM_OK) {
        if (w->reached) {
            tell(w, "it cannot be reached: %s", dam_err_text(err));
        }
        w->reached = false;
        return DAM_EXIT_OK;
    }
    if (w->begun && !w->reached) {
        tell(w, "it can be reached again");
    }
    w->reached = true;
    w->before = w->now;
    w->now = seen;
    news_of_law(w);
    news_of_channels(w);
    news_of_decision(w);
    w->begun = true;
    return DAM_EXIT_OK;
}

int dam_verb_watch(int argc, char **argv)
{
    static struct watch w; /* large */
    const char *looks = NULL;
    uint64_t looks_max = UINT64_MAX;
    struct dam_args args;
    const struct dam_arg table[] = {
        {"--api", &w.url, NULL}, {"--looks", &looks, NULL}, {NULL, NULL, NULL}};
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    if (looks != NULL && !dam_args_u64(looks, &looks_max)) {
        return dam_verb_fail(DAM_EXIT_USAGE, NULL, "'%s' is no number of looks", looks);
    }
    if (w.url != NULL && args.count > 0) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam watch DIR, or dam watch --api URL",
                             "a folder or an API, not both");
    }
    if (w.url != NULL && dam_http_client_create(&w.http) != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    dam_arena_init(&w.arena, dam_heap(), 0);
    w.folder = args.count > 0 ? args.words[0] : NULL;
    w.screen = isatty(STDOUT_FILENO) != 0;
    int code = DAM_EXIT_OK;
    for (uint64_t i = 0; code == DAM_EXIT_OK && i < looks_max; i++) {
        if (i > 0) {
            const struct timespec pause = {0, EVERY_MS * 1000000};
            (void)nanosleep(&pause, NULL);
        }
        code = look(&w);
        if (code == DAM_EXIT_OK && w.screen) {
            (void)printf("%s", i == 0 ? "\033[2J" : "");
            screen_draw(&w);
        }
        if (fflush(stdout) != 0) {
            break; /* nobody reads any more */
        }
    }
    dam_arena_finish(&w.arena);
    dam_http_client_destroy(&w.http);
    return code;
}
