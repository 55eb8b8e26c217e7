// SPDX-License-Identifier: Apache-2.0
/* Delivery: vehicle routes by ruin and recreate (Christiaens and Vanden Berghe, "Slack Induction by
 * String Removals", 2020), in integers, a fixed number of rounds from a fixed seed: equal on every
 * machine. Capacity, and time windows where an instance has them. */
#include "app/decisions.h"
#include "base/prng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NODES_MAX 256u
#define ROUTE_MAX NODES_MAX
#define ROUNDS 60000u
#define STRING_MAX 10.0
#define REMOVED_MEAN 10.0
#define BLINK 100u /* one insertion place in so many is passed over */

struct instance {
    size_t nodes; /* the depot is 0 */
    int64_t capacity;
    bool windows;
    int64_t scale; /* of distances and times */
    int64_t x[NODES_MAX], y[NODES_MAX];
    int64_t demand[NODES_MAX];
    int64_t ready[NODES_MAX], due[NODES_MAX], service[NODES_MAX];
    int32_t distance[NODES_MAX][NODES_MAX];
    uint16_t near[NODES_MAX][NODES_MAX]; /* customers, nearest first */
};

struct route {
    uint16_t count;
    uint16_t stop[ROUTE_MAX];
    int64_t load;
    int64_t cost;
    int64_t earliest[ROUTE_MAX]; /* begin of service at each stop */
    int64_t latest[ROUTE_MAX];   /* so that the rest is still in time */
};

struct plan {
    size_t count;
    int64_t cost;
    uint16_t route_of[NODES_MAX];
    struct route routes[NODES_MAX];
};

/* ---- reading ---- */

static void distances_make(struct instance *in)
{
    for (size_t i = 0; i < in->nodes; i++) {
        for (size_t j = 0; j < in->nodes; j++) {
            double dx = (double)(in->x[i] - in->x[j]);
            double dy = (double)(in->y[i] - in->y[j]);
            double d = sqrt(dx * dx + dy * dy);
            in->distance[i][j] =
                (int32_t)(in->windows ? floor(d * (double)in->scale) : floor(d + 0.5));
        }
    }
    for (size_t i = 1; i < in->nodes; i++) {
        size_t count = 0;
        for (size_t j = 1; j < in->nodes; j++) { /* insertion keeps equal ones in order */
            size_t at = count++;
            while (at > 0 && in->distance[i][in->near[i][at - 1]] > in->distance[i][j]) {
                in->near[i][at] = in->near[i][at - 1];
                at--;
            }
            in->near[i][at] = (uint16_t)j;
        }
    }
}

static bool read_solomon(FILE *file, struct instance *in)
{
    char line[256];
    long v[7];
    while (fgets(line, sizeof(line), file) != NULL) {
        int fields = sscanf(line, "%ld %ld %ld %ld %ld %ld %ld", &v[0], &v[1], &v[2], &v[3], &v[4],
                            &v[5], &v[6]);
        if (fields == 2) {
            in->capacity = v[1];
        } else if (fields == 7) {
            if (in->nodes == NODES_MAX || v[0] != (long)in->nodes) {
                return false;
            }
            size_t i = in->nodes++;
            in->x[i] = v[1];
            in->y[i] = v[2];
            in->demand[i] = v[3];
            in->ready[i] = v[4] * in->scale;
            in->due[i] = v[5] * in->scale;
            in->service[i] = v[6] * in->scale;
        }
    }
    return in->nodes > 1;
}

static bool read_x(FILE *file, struct instance *in)
{
    char line[256];
    enum { HEAD, COORDS, DEMANDS } part = HEAD;
    while (fgets(line, sizeof(line), file) != NULL) {
        long a = 0;
        long b = 0;
        long c = 0;
        int fields = sscanf(line, "%ld %ld %ld", &a, &b, &c);
        if (sscanf(line, "CAPACITY : %ld", &a) == 1) {
            in->capacity = a;
        } else if (strncmp(line, "NODE_COORD", 10) == 0) {
            part = COORDS;
        } else if (strncmp(line, "DEMAND", 6) == 0) {
            part = DEMANDS;
        } else if (strncmp(line, "DEPOT", 5) == 0) {
            break;
        } else if (part == COORDS && fields == 3 && a >= 1 && a <= (long)NODES_MAX) {
            in->x[a - 1] = b;
            in->y[a - 1] = c;
            in->nodes = in->nodes > (size_t)a ? in->nodes : (size_t)a;
        } else if (part == DEMANDS && fields == 2 && a >= 1 && a <= (long)NODES_MAX) {
            in->demand[a - 1] = b;
        }
    }
    return in->nodes > 1 && in->capacity > 0;
}

static bool instance_read(const char *path, bool windows, struct instance *ret)
{
    FILE *file = fopen(path, "r");
    memset(ret, 0, sizeof(*ret));
    ret->windows = windows;
    ret->scale = windows ? 10 : 1;
    bool done = file != NULL && (windows ? read_solomon(file, ret) : read_x(file, ret));
    if (file != NULL) {
        (void)fclose(file);
    }
    if (done) {
        distances_make(ret);
    }
    return done;
}

/* The cost that the .sol file names. */
static double best_known(const char *path)
{
    char line[4096];
    double cost = NAN;
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        (void)sscanf(line, "Cost %lf", &cost);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return cost;
}

/* ---- routes ---- */

static void route_renew(const struct instance *in, struct route *r)
{
    int64_t time = 0;
    size_t before = 0;
    r->load = 0;
    r->cost = 0;
    for (size_t i = 0; i < r->count; i++) {
        size_t c = r->stop[i];
        r->load += in->demand[c];
        r->cost += in->distance[before][c];
        if (in->windows) {
            int64_t arrival = time + in->distance[before][c];
            r->earliest[i] = arrival > in->ready[c] ? arrival : in->ready[c];
            time = r->earliest[i] + in->service[c];
        }
        before = c;
    }
    r->cost += r->count > 0 ? in->distance[before][0] : 0;
    int64_t limit = in->due[0];
    size_t after = 0;
    for (size_t i = r->count; in->windows && i-- > 0;) {
        size_t c = r->stop[i];
        int64_t latest = limit - in->distance[c][after] - in->service[c];
        r->latest[i] = latest < in->due[c] ? latest : in->due[c];
        limit = r->latest[i];
        after = c;
    }
}

/* Is customer c in time between stops at - 1 and at, and all that follow still? */
static bool in_time(const struct instance *in, const struct route *r, size_t at, size_t c)
{
    size_t before = at == 0 ? 0 : r->stop[at - 1];
    int64_t left = at == 0 ? 0 : r->earliest[at - 1] + in->service[before];
    int64_t begin = left + in->distance[before][c];
    begin = begin > in->ready[c] ? begin : in->ready[c];
    if (begin > in->due[c]) {
        return false;
    }
    size_t after = at == r->count ? 0 : r->stop[at];
    int64_t latest = at == r->count ? in->due[0] : r->latest[at];
    return begin + in->service[c] + in->distance[c][after] <= latest;
}

static void plan_insert(const struct instance *in, struct plan *plan, size_t route, size_t at,
                        uint16_t c)
{
    struct route *r = &plan->routes[route];
    memmove(r->stop + at + 1, r->stop + at, (r->count - at) * sizeof(r->stop[0]));
    r->stop[at] = c;
    r->count++;
    plan->route_of[c] = (uint16_t)route;
    plan->cost -= r->cost;
    route_renew(in, r);
    plan->cost += r->cost;
}

/* The cheapest place of a customer; a new route where there is none. */
static void insert_best(const struct instance *in, struct plan *plan, uint16_t c,
                        struct dam_prng *prng)
{
    int64_t best = INT64_MAX;
    size_t best_route = plan->count;
    size_t best_at = 0;
    for (size_t k = 0; k < plan->count; k++) {
        const struct route *r = &plan->routes[k];
        if (r->load + in->demand[c] > in->capacity) {
            continue;
        }
        for (size_t at = 0; at <= r->count; at++) {
            size_t before = at == 0 ? 0 : r->stop[at - 1];
            size_t after = at == r->count ? 0 : r->stop[at];
            int64_t more = (int64_t)in->distance[before][c] + in->distance[c][after] -
                           (r->count == 0 ? 0 : in->distance[before][after]);
            if (more < best && (!in->windows || in_time(in, r, at, c)) &&
                (prng == NULL || dam_prng_below(prng, BLINK) != 0)) {
                best = more;
                best_route = k;
                best_at = at;
            }
        }
    }
    if (best_route == plan->count) {
        plan->routes[plan->count++].count = 0;
        plan->routes[best_route].cost = 0;
    }
    plan_insert(in, plan, best_route, best_at, c);
}

static void route_drop(struct plan *plan, size_t k)
{
    plan->count--;
    if (k != plan->count) {
        plan->routes[k] = plan->routes[plan->count];
        for (size_t i = 0; i < plan->routes[k].count; i++) {
            plan->route_of[plan->routes[k].stop[i]] = (uint16_t)k;
        }
    }
}

/* ---- ruin and recreate ---- */

static double unit(struct dam_prng *prng)
{
    return (double)(dam_prng_next(prng) >> 11) * 0x1p-53;
}

/* Takes strings of stops out of routes near one customer. Returns: how many stops. */
static size_t ruin(const struct instance *in, struct plan *plan, struct dam_prng *prng,
                   uint16_t *removed)
{
    bool gone[NODES_MAX] = {false};
    bool touched[NODES_MAX] = {false};
    size_t count = 0;
    double mean = (double)(in->nodes - 1) / (double)plan->count;
    double length_max = fmin(STRING_MAX, mean);
    double strings_max = 4 * REMOVED_MEAN / (1 + length_max) - 1;
    size_t strings = (size_t)(unit(prng) * strings_max + 1);
    size_t seed = 1 + dam_prng_below(prng, in->nodes - 1);
    for (size_t n = 0; n + 1 < in->nodes && strings > 0; n++) {
        uint16_t c = in->near[seed][n];
        size_t k = plan->route_of[c];
        if (gone[c] || touched[k]) {
            continue;
        }
        struct route *r = &plan->routes[k];
        size_t at = 0;
        while (r->stop[at] != c) {
            at++;
        }
        size_t most = (size_t)fmin(length_max, r->count);
        size_t length = 1 + (size_t)(unit(prng) * (double)most);
        length = length > r->count ? r->count : length;
        size_t low = at + 1 > length ? at + 1 - length : 0;
        size_t high = at + length <= r->count ? at : r->count - length;
        size_t from = low + dam_prng_below(prng, high - low + 1);
        for (size_t i = from; i < from + length; i++) {
            gone[r->stop[i]] = true;
            removed[count++] = r->stop[i];
        }
        memmove(r->stop + from, r->stop + from + length,
                (r->count - from - length) * sizeof(r->stop[0]));
        r->count = (uint16_t)(r->count - length);
        plan->cost -= r->cost;
        route_renew(in, r);
        plan->cost += r->cost;
        touched[k] = true;
        strings--;
    }
    for (size_t k = plan->count; k-- > 0;) {
        if (plan->routes[k].count == 0) {
            route_drop(plan, k);
        }
    }
    return count;
}

/* In which order the stops go back in: by chance, by demand, far or near first. */
static void order(const struct instance *in, uint16_t *stops, size_t count, struct dam_prng *prng)
{
    uint64_t way = dam_prng_below(prng, 11);
    for (size_t i = count; i > 1; i--) {
        size_t j = dam_prng_below(prng, i);
        uint16_t swap = stops[i - 1];
        stops[i - 1] = stops[j];
        stops[j] = swap;
    }
    if (way < 4) {
        return;
    }
    for (size_t i = 1; i < count; i++) {
        uint16_t c = stops[i];
        int64_t key = way < 8    ? -in->demand[c]
                      : way < 10 ? -in->distance[0][c]
                                 : in->distance[0][c];
        size_t at = i;
        for (; at > 0; at--) {
            uint16_t other = stops[at - 1];
            int64_t its = way < 8    ? -in->demand[other]
                          : way < 10 ? -in->distance[0][other]
                                     : in->distance[0][other];
            if (its <= key) {
                break;
            }
            stops[at] = other;
        }
        stops[at] = c;
    }
}

static void plan_copy(struct plan *to, const struct plan *from)
{
    to->count = from->count;
    to->cost = from->cost;
    memcpy(to->route_of, from->route_of, sizeof(to->route_of));
    memcpy(to->routes, from->routes, from->count * sizeof(to->routes[0]));
}

static int64_t solve(const struct instance *in, uint64_t rounds)
{
    static struct plan now;
    static struct plan next;
    struct dam_prng prng = {1};
    uint16_t removed[NODES_MAX];
    memset(&now, 0, sizeof(now));
    for (uint16_t c = 1; c < in->nodes; c++) {
        insert_best(in, &now, c, NULL);
    }
    int64_t best = now.cost;
    double hot = in->windows ? 100.0 * (double)in->scale : 100;
    double heat = hot;
    double cooling = pow(0.01, 1.0 / (double)rounds);
    for (uint64_t round = 0; round < rounds; round++) {
        plan_copy(&next, &now);
        size_t count = ruin(in, &next, &prng, removed);
        order(in, removed, count, &prng);
        for (size_t i = 0; i < count; i++) {
            insert_best(in, &next, removed[i], &prng);
        }
        if ((double)next.cost < (double)now.cost - heat * log(unit(&prng) + 1e-300)) {
            plan_copy(&now, &next);
            best = now.cost < best ? now.cost : best;
        }
        heat *= cooling;
    }
    return best;
}

/* ---- the rule: Clarke and Wright's savings ---- */

struct saving {
    int32_t gain;
    uint16_t a, b;
};

static int by_gain(const void *x, const void *y)
{
    const struct saving *a = x;
    const struct saving *b = y;
    if (a->gain != b->gain) {
        return a->gain < b->gain ? 1 : -1;
    }
    return a->a != b->a ? a->a - b->a : a->b - b->b;
}

static bool route_good(const struct instance *in, struct route *r)
{
    route_renew(in, r);
    bool good = r->load <= in->capacity;
    for (size_t i = 0; in->windows && i < r->count; i++) {
        good = good && r->earliest[i] <= r->latest[i];
    }
    return good;
}

static int64_t savings(const struct instance *in)
{
    static struct saving list[NODES_MAX * NODES_MAX];
    static struct plan plan;
    size_t count = 0;
    memset(&plan, 0, sizeof(plan));
    for (uint16_t c = 1; c < in->nodes; c++) {
        struct route *r = &plan.routes[plan.count];
        *r = (struct route){.count = 1, .stop = {c}};
        route_renew(in, r);
        plan.route_of[c] = (uint16_t)plan.count++;
        for (uint16_t other = 1; other < in->nodes; other++) {
            if (other != c) {
                list[count++] = (struct saving){
                    in->distance[c][0] + in->distance[0][other] - in->distance[c][other], c, other};
            }
        }
    }
    qsort(list, count, sizeof(list[0]), by_gain);
    for (size_t i = 0; i < count && list[i].gain > 0; i++) {
        size_t a = plan.route_of[list[i].a];
        size_t b = plan.route_of[list[i].b];
        struct route *first = &plan.routes[a];
        const struct route *second = &plan.routes[b];
        if (a == b || first->stop[first->count - 1] != list[i].a || second->stop[0] != list[i].b) {
            continue; /* only an end meets a beginning */
        }
        struct route both = *first;
        memcpy(both.stop + both.count, second->stop, second->count * sizeof(both.stop[0]));
        both.count = (uint16_t)(both.count + second->count);
        if (!route_good(in, &both)) {
            continue;
        }
        for (size_t k = 0; k < second->count; k++) {
            plan.route_of[second->stop[k]] = (uint16_t)a;
        }
        *first = both;
        plan.routes[b].count = 0;
    }
    int64_t cost = 0;
    for (size_t k = 0; k < plan.count; k++) {
        cost += plan.routes[k].count > 0 ? plan.routes[k].cost : 0;
    }
    return cost;
}

/* ---- the suite ---- */

static enum dam_err delivery_set(const char *folder, const char *name, const char *ending,
                                 bool windows, const char *const *instances, size_t count,
                                 const struct dam_decision_out *out)
{
    static struct instance in;
    struct dam_decision_line line = {.metric = "mean gap to best known, %",
                                     .nothing = NAN,
                                     .best = 0,
                                     .rule_name = "Clarke and Wright",
                                     .best_name = "best known (.sol)"};
    (void)snprintf(line.benchmark, sizeof(line.benchmark), "delivery/%s", name);
    if (!dam_decision_wanted(out, line.benchmark)) {
        return DAM_OK;
    }
    for (size_t i = 0; i < count; i++) {
        char path[1024];
        char solution[1024];
        (void)snprintf(path, sizeof(path), "%s/c-delivery/%s/%s.%s", folder, name, instances[i],
                       ending);
        (void)snprintf(solution, sizeof(solution), "%s/c-delivery/%s/%s.sol", folder, name,
                       instances[i]);
        double best = best_known(solution);
        if (!instance_read(path, windows, &in) || isnan(best)) {
            return DAM_EIO;
        }
        best *= (double)in.scale;
        line.rule += 100 * ((double)savings(&in) / best - 1) / (double)count;
        line.ours += 100 * ((double)solve(&in, ROUNDS) / best - 1) / (double)count;
    }
    out->put(out->ctx, &line);
    return DAM_OK;
}

enum dam_err dam_decide_delivery(const char *folder, const struct dam_decision_out *out)
{
    static const char *const x[] = {
        "X-n101-k25", "X-n106-k14", "X-n110-k13", "X-n115-k10", "X-n120-k6",  "X-n125-k30",
        "X-n129-k18", "X-n134-k13", "X-n139-k10", "X-n143-k7",  "X-n148-k46", "X-n153-k22",
        "X-n157-k13", "X-n162-k11", "X-n167-k10", "X-n172-k51", "X-n176-k26", "X-n181-k23",
        "X-n186-k15", "X-n190-k8",  "X-n195-k51", "X-n200-k36"};
    static const char *const solomon[] = {"C101", "C103",  "C105",  "C107",  "C109",
                                          "R101", "R103",  "R105",  "R107",  "R109",
                                          "R111", "RC101", "RC103", "RC105", "RC107"};
    DAM_TRY(delivery_set(folder, "cvrp-X", "vrp", false, x, DAM_COUNT_OF(x), out));
    return delivery_set(folder, "solomon", "txt", true, solomon, DAM_COUNT_OF(solomon), out);
}
