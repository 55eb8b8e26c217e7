// SPDX-License-Identifier: Apache-2.0
/* How long a turn takes: from the first look at the inputs until the decision is durable and the
 * devices are told. The machine is the real one, on its own disk; its time is stepped. */
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_bench.h"
#include "base/heap.h"
#include "machine/machine.h"
#include "port/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TURNS_MAX 1000000u
#define WARM_UP 64u

enum { DECIDED, DURABLE, RELEASED, STAGES }; /* each measured from the beginning of the turn */

static struct dam_now now;

static struct dam_now on_now(void *ctx)
{
    (void)ctx;
    return now;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

struct quantiles {
    double p50_us;
    double p99_us;
};

/* Of one stage; sorts. */
static struct quantiles quantiles_of(uint64_t *times, size_t count)
{
    qsort(times, count, sizeof(*times), by_size);
    return (struct quantiles){(double)times[count / 2] / 1e3,
                              (double)times[count * 99 / 100] / 1e3};
}

static void print(uint64_t *times, size_t count, bool json)
{
    static const struct {
        const char *key;
        const char *text;
    } names[STAGES] = {{"decided", "decide"},
                       {"durable", "decide, durable"},
                       {"released", "decide, durable, actuate"}};
    for (size_t i = 0; i < STAGES; i++) {
        const struct quantiles q = quantiles_of(times + i * count, count);
        if (json) {
            (void)printf("%s\"%s\":{\"p50_us\":%.1f,\"p99_us\":%.1f}%s", i == 0 ? "{" : ",",
                         names[i].key, q.p50_us, q.p99_us, i + 1 == STAGES ? "}\n" : "");
        } else {
            (void)printf("%-28s p50 %9.1f us   p99 %9.1f us\n", names[i].text, q.p50_us, q.p99_us);
        }
    }
}

/* Out: times: for each stage, count times in nanoseconds. */
static enum dam_err turns_run(struct dam_machine *m, uint64_t *times, size_t count)
{
    const struct dam_clock *clock = dam_clock_system();
    uint64_t period = (uint64_t)dam_machine_manifest(m)->period_ms;
    for (size_t i = 0; i < WARM_UP + count; i++) {
        uint64_t t[STAGES];
        (void)dam_machine_advance(m, now.wall_ms, NULL);
        uint64_t start = dam_clock_mono_ns(clock);
        DAM_TRY(dam_machine_decide(m, &now));
        t[DECIDED] = dam_clock_mono_ns(clock) - start;
        DAM_TRY(dam_evidence_sync(dam_machine_evidence(m)));
        t[DURABLE] = dam_clock_mono_ns(clock) - start;
        dam_machine_release(m, &now);
        t[RELEASED] = dam_clock_mono_ns(clock) - start;
        for (size_t k = 0; i >= WARM_UP && k < STAGES; k++) {
            times[k * count + i - WARM_UP] = t[k];
        }
        now.mono_ms += period;
        now.wall_ms += (int64_t)period;
    }
    return DAM_OK;
}

int dam_bench_machine(int argc, char **argv)
{
    static struct dam_args args; /* large */
    const char *turns_text = "2000";
    bool json = false;
    const struct dam_arg table[] = {
        {"--turns", &turns_text, NULL}, {"--json", NULL, &json}, {NULL, NULL, NULL}};
    struct dam_manifest_complaint complaint = {0};
    struct dam_decider *decider = NULL;
    struct dam_machine *m = NULL;
    uint64_t turns = 0;
    if (!dam_args_parse(argc, argv, table, 1, &args) || args.count != 1 ||
        !dam_args_u64(turns_text, &turns) || turns < 1 || turns > TURNS_MAX) {
        return dam_verb_fail(DAM_EXIT_USAGE, NULL, "dam bench machine DIR [--turns N] [--json]");
    }
    uint64_t *times = calloc(turns, STAGES * sizeof(*times));
    enum dam_err err = times == NULL ? DAM_ENOMEM : dam_decider_create(dam_heap(), &decider);
    const struct dam_machine_options options = {.decider = decider, .events = {.now = on_now}};
    now.wall_ms = dam_clock_wall_ms(dam_clock_system());
    err = err == DAM_OK ? dam_machine_open(args.words[0], &options, &m, &complaint) : err;
    err = err == DAM_OK ? dam_machine_connect(m, uv_default_loop(), &complaint) : err;
    err = err == DAM_OK ? dam_machine_boot(m, &now, &complaint) : err;
    err = err == DAM_OK ? turns_run(m, times, turns) : err;
    int code = DAM_EXIT_OK;
    if (err == DAM_OK) {
        print(times, turns, json);
    } else {
        code = dam_opened_fail(&complaint, err);
    }
    dam_machine_close(m);
    dam_decider_destroy(decider);
    free(times);
    return code;
}
