// SPDX-License-Identifier: Apache-2.0
/* Treasury: a basket of assets day by day, with a cost on what is bought and sold. */
#include "app/decisions.h"

#include <math.h>
#include <stdio.h>

#define ASSETS_MAX 128u
#define COST 0.005 /* of what is moved there and back: half on each side */

struct purse {
    size_t assets;
    double held[ASSETS_MAX]; /* worth of each */
};

static double worth(const struct purse *p)
{
    double sum = 0;
    for (size_t i = 0; i < p->assets; i++) {
        sum += p->held[i];
    }
    return sum;
}

/* Moves to equal parts; what is moved pays. */
static void level(struct purse *p)
{
    double all = worth(p);
    double moved = 0;
    for (size_t i = 0; i < p->assets; i++) {
        moved += fabs(p->held[i] - all / (double)p->assets);
    }
    double left = all - moved * COST / 2;
    for (size_t i = 0; i < p->assets; i++) {
        p->held[i] = left / (double)p->assets;
    }
}

/* Only when an asset has left its part by more than the band; the rule knows today's holdings
 * and nothing else. */
static bool beyond(const struct purse *p, double band)
{
    double all = worth(p);
    for (size_t i = 0; i < p->assets; i++) {
        if (p->held[i] > all / (double)p->assets * (1 + band)) {
            return true;
        }
    }
    return false;
}

static double run(const struct dam_rows *t, double band)
{
    struct purse p = {.assets = t->columns};
    for (size_t i = 0; i < p.assets; i++) {
        p.held[i] = 1.0 / (double)p.assets;
    }
    for (size_t r = 0; r < t->rows; r++) {
        if (beyond(&p, band)) {
            level(&p);
        }
        for (size_t i = 0; i < p.assets; i++) {
            p.held[i] *= t->values[r * t->columns + i];
        }
    }
    return worth(&p);
}

static double best_asset(const struct dam_rows *t)
{
    double best = 0;
    for (size_t i = 0; i < t->columns; i++) {
        double v = 1;
        for (size_t r = 0; r < t->rows; r++) {
            v *= t->values[r * t->columns + i];
        }
        best = fmax(best, v);
    }
    return best;
}

enum dam_err dam_decide_treasury(const char *folder, const struct dam_decision_out *out)
{
    static const char *const markets[] = {"nyse-o", "tse", "msci"};
    for (size_t i = 0; i < DAM_COUNT_OF(markets); i++) {
        struct dam_decision_line line = {.metric = "final wealth at 0.5% cost",
                                         .nothing = 1,
                                         .more = true,
                                         .rule_name = "buy and hold",
                                         .best_name = "best single asset, in hindsight"};
        struct dam_rows t = {0};
        char name[64];
        (void)snprintf(line.benchmark, sizeof(line.benchmark), "treasury/%s", markets[i]);
        (void)snprintf(name, sizeof(name), "g-treasury/olps/%s.csv", markets[i]);
        if (!dam_decision_wanted(out, line.benchmark)) {
            continue;
        }
        DAM_TRY(dam_decision_table(folder, name, &t));
        if (t.columns > ASSETS_MAX) {
            dam_rows_close(&t);
            return DAM_ERANGE;
        }
        line.rule = run(&t, INFINITY);
        line.ours = run(&t, 2); /* when one is worth three times its part */
        line.best = best_asset(&t);
        dam_rows_close(&t);
        out->put(out->ctx, &line);
    }
    return DAM_OK;
}
