// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/decisions.h"
#include "app/verb.h"
#include "app/verb_bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct table {
    bool json;
    size_t lines;
    size_t differences; /* between C and bytecode */
    size_t skipped;     /* suites for what has no world here */
    bool failed;
    bool tty;
};

static void clear_progress(const struct table *table)
{
    if (table->tty) {
        (void)fprintf(stderr, "\r\033[K");
    }
}

static void put_number(char *text, size_t size, double v)
{
    (void)snprintf(text, size, isnan(v) ? "-" : fabs(v) >= 1000 ? "%.0f" : "%.4f", v);
}

static void put_line(void *ctx, const struct dam_decision_line *l)
{
    struct table *table = ctx;
    const double values[] = {l->nothing, l->rule, l->best, l->ours};
    char text[4][32];
    char closed[32] = "-";
    double gap = l->best - l->rule;
    if (!isnan(gap) && gap != 0) {
        (void)snprintf(closed, sizeof(closed), "%.1f%%", 100 * (l->ours - l->rule) / gap);
    }
    for (size_t i = 0; i < 4; i++) {
        put_number(text[i], sizeof(text[i]), values[i]);
    }
    clear_progress(table);
    table->lines++;
    table->differences += l->proof.differences;
    if (table->json) {
        (void)printf("{\"benchmark\":\"%s\",\"metric\":\"%s\",\"better\":\"%s\"", l->benchmark,
                     l->metric, l->more ? "more" : "less");
        static const char *const names[] = {"nothing", "rule", "best", "ours"};
        for (size_t i = 0; i < 4; i++) {
            if (!isnan(values[i])) {
                (void)printf(",\"%s\":%.6g", names[i], values[i]);
            }
        }
        (void)printf(",\"rule_name\":\"%s\",\"best_name\":\"%s\"", l->rule_name,
                     l->best_name == NULL ? "" : l->best_name);
        if (l->proof.turns > 0) {
            (void)printf(",\"bytecode\":%zu,\"differences\":%zu,\"gas_max\":%lld", l->proof.turns,
                         l->proof.differences, (long long)l->proof.gas_max);
        }
        (void)printf("}\n");
    } else {
        (void)printf("%-28s %-30s %10s %10s %10s %10s %8s  %s; %s\n", l->benchmark, l->metric,
                     text[0], text[1], text[2], text[3], closed, l->rule_name,
                     l->best_name == NULL ? "no bound known" : l->best_name);
        if (l->proof.turns > 0) {
            (void)printf(
                "%-28s the mind's bytecode decided %zu turns, %zu differently; most gas %lld\n", "",
                l->proof.turns, l->proof.differences, (long long)l->proof.gas_max);
        }
    }
    (void)fflush(stdout);
}

static void run_suites(const char *folder, const struct dam_decision_out *out, struct table *table)
{
    static const struct {
        const char *name;
        enum dam_err (*run)(const char *folder, const struct dam_decision_out *out);
        const char *needs; /* what plays its world, where that is another program */
    } suites[] = {
        {"microgrid", dam_decide_energy, NULL},
        {"prices", dam_decide_prices, NULL},
        {"irrigation", dam_decide_irrigation,
         "AquaCrop: bench/decisions/run installs and names it"},
        {"delivery", dam_decide_delivery, NULL},
        {"building", dam_decide_building, NULL},
        {"charging", dam_decide_charging, NULL},
        {"sensor", dam_decide_sensor, NULL},
        {"nab", dam_decide_nab, NULL},
        {"cloud", dam_decide_cloud, NULL},
        {"treasury", dam_decide_treasury, NULL},
        {"coldchain", dam_decide_cold, NULL},
        {"forecasting", dam_decide_m4, NULL},
    };
    for (size_t i = 0; i < DAM_COUNT_OF(suites); i++) {
        if (table->tty) {
            (void)fprintf(stderr, "\r%zu of %zu: %s\033[K", i + 1, DAM_COUNT_OF(suites),
                          suites[i].name);
        }
        enum dam_err err = suites[i].run(folder, out);
        clear_progress(table);
        if (err == DAM_EIO) {
            (void)fprintf(stderr, "skipped: %s: its data is not in %s\n", suites[i].name, folder);
        } else if (err == DAM_EUNSUPPORTED && suites[i].needs != NULL) {
            (void)fprintf(stderr, "skipped: %s: it needs %s\n", suites[i].name, suites[i].needs);
            table->skipped++;
        } else if (err != DAM_OK) {
            (void)fprintf(stderr, "%s: %s\n", suites[i].name, dam_err_text(err));
            table->failed = true;
        }
    }
}

int dam_bench_decisions(int argc, char **argv)
{
    char shared[1024];
    const char *folder = NULL;
    struct table table = {0};
    struct dam_decision_out out = {.put = put_line, .ctx = &table};
    const char *bytecode = "0";
    uint64_t turns = 0;
    struct dam_args args;
    const struct dam_arg list[] = {{"--data", &folder, NULL},
                                   {"--only", &out.only, NULL},
                                   {"--bytecode", &bytecode, NULL},
                                   {"--json", NULL, &table.json},
                                   {NULL, NULL, NULL}};
    if (!dam_args_parse(argc, argv, list, 0, &args)) {
        return DAM_EXIT_USAGE;
    }
    if (!dam_args_u64(bytecode, &turns)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "turns of each benchmark, for example 9000",
                             "--bytecode %s", bytecode);
    }
    out.bytecode = turns;
    const char *env = getenv("DAM_SHARED");
    (void)snprintf(shared, sizeof(shared), "%s/data", env == NULL ? "../shared" : env);
    folder = folder == NULL ? shared : folder;
    if (!table.json) {
        (void)printf("%-28s %-30s %10s %10s %10s %10s %8s  %s\n", "benchmark", "metric", "nothing",
                     "rule", "best", "ours", "closed", "the rule; the best");
    }
    table.tty = isatty(STDERR_FILENO) == 1;
    run_suites(folder, &out, &table);
    if (table.failed) {
        return DAM_EXIT_FAILED;
    }
    if (table.differences > 0) {
        return dam_verb_fail(DAM_EXIT_FAILED, "this is a bug: keep the line and report it",
                             "bytecode and C decided differently %zu times", table.differences);
    }
    if (table.lines == 0 && table.skipped > 0) {
        return DAM_EXIT_NOT_FOUND; /* what to install has been said */
    }
    if (table.lines == 0 && out.only != NULL) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND,
                             "without --only all are run; --data FOLDER or DAM_SHARED says where "
                             "the data are",
                             "no benchmark named '%s' was run on the data of %s", out.only, folder);
    }
    if (table.lines == 0) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, "--data FOLDER, or DAM_SHARED",
                             "no benchmark was run on the data of %s", folder);
    }
    return DAM_EXIT_OK;
}
