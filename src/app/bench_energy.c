// SPDX-License-Identifier: Apache-2.0
/* `dam bench energy`: public benchmarks of storage control, decided by the bytecode of PlannerMind.
 * docs/models.md says what each line means and how the environments were proven. */
#include "app/decisions.h"
#include "app/energy_case.h"
#include "app/mind_lab.h"
#include "app/verb.h"
#include "app/verb_bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PERIODS_MAX 64u
#define RECORDS 8

/* The planner on one site, with its memory from turn to turn. */
struct pilot {
    struct dam_planner planner;
    double unit;       /* channel integers per unit of energy */
    double price_unit; /* per unit of price */
    bool by_evm;
    struct dam_lab *lab;
    struct dam_address mind;
    uint8_t memory[2][DAM_PLANNER_MEMORY_MAX];
    size_t memory_len;
    int which;
    int64_t gas_max;
    size_t turns;
    size_t *shown;      /* turns, for whoever watches */
    size_t differences; /* between bytecode and C */
    const char *failed;
};

static void observe(const struct pilot *pilot, const struct dam_energy_case *c, size_t t,
                    double stored, uint8_t *ret)
{
    const double values[RECORDS] = {(double)(c->start_s + (int64_t)t * c->slot_s),
                                    c->load_seen[t] * pilot->unit,
                                    c->pv_seen[t] * pilot->unit,
                                    stored * pilot->unit,
                                    c->buy[t] * pilot->price_unit,
                                    c->sell[t] * pilot->price_unit,
                                    c->up[t],
                                    (double)(c->period - t % c->period)};
    memset(ret, 0, 16 * RECORDS);
    for (size_t i = 0; i < RECORDS; i++) {
        dam_store_be64(ret + 16 * i, (uint64_t)llround(values[i]));
    }
}

/* One turn: the bytecode decides, C must give the same bytes. */
static double act(void *ctx, const struct dam_energy_case *c, size_t t, double stored)
{
    struct pilot *pilot = ctx;
    uint8_t observation[16 * RECORDS];
    observe(pilot, c, t, stored, observation);
    struct dam_bytes seen = dam_bytes(observation, sizeof(observation));
    struct dam_bytes memory = dam_bytes(pilot->memory[pilot->which], pilot->memory_len);
    uint8_t *next = pilot->memory[!pilot->which];
    int64_t move = 0;
    if (dam_planner_decide(&pilot->planner, memory, seen, next, &move) != DAM_OK) {
        pilot->failed = "the planner refused an observation";
        return 0;
    }
    size_t next_len = dam_planner_memory_len(&pilot->planner);
    if (pilot->by_evm && pilot->failed == NULL) {
        static uint8_t evm_next[DAM_PLANNER_MEMORY_MAX];
        size_t evm_next_len = 0;
        int64_t evm_move = 0;
        int64_t gas = 0;
        if (dam_lab_decide(pilot->lab, &pilot->mind, memory, seen, 1, evm_next, &evm_next_len,
                           &evm_move, &gas) != DAM_OK) {
            pilot->failed = "the mind's bytecode failed";
            return 0;
        }
        pilot->differences +=
            evm_move != move || evm_next_len != next_len || memcmp(next, evm_next, next_len) != 0;
        pilot->gas_max = gas > pilot->gas_max ? gas : pilot->gas_max;
        move = evm_move;
    }
    pilot->turns++;
    *pilot->shown = pilot->turns;
    pilot->which = !pilot->which;
    pilot->memory_len = next_len;
    return (double)move / pilot->unit;
}

/* The planner's parameters for a site: its physics, and two sets of habits, one for hourly sites
 * that may lose the grid and one for quarter hours with a deadline. No number here knows a row. */
static void plan_for(const struct dam_energy_case *c, struct pilot *ret)
{
    bool hourly = c->slot_s == 3600;
    ret->unit = hourly ? 1000 : 1;
    ret->price_unit = hourly ? 1e5 : 1e8;
    double energy_max = (double)(1 << 28);
    ret->planner = (struct dam_planner){
        .records = RECORDS,
        .ch_load = 1,
        .ch_pv = 2,
        .ch_store = 3,
        .ch_buy = 4,
        .ch_sell = 5,
        .ch_grid = hourly ? 6 : DAM_PLANNER_NONE,
        .ch_left = hourly ? DAM_PLANNER_NONE : 7,
        .actuators = 1,
        .slot_s = (uint32_t)c->slot_s,
        .slots = (uint16_t)(86400 / c->slot_s),
        .days = 7,
        .levels = 32,
        .horizon = hourly ? 36 : 96,
        .learn = hourly ? 3 : 1,
        .learn_pv = hourly ? 3 : 1,
        .keep_load = hourly ? 240 : 250,
        .keep_pv = hourly ? 220 : 250,
        .doubt = 113, /* of three points that spread as wide as the usual error does */
        .store_mul = 1,
        .store_min = (int64_t)ceil(c->store_min * ret->unit),
        .store_max = (int64_t)(c->store_max * ret->unit),
        .charge_max = (int64_t)(c->charge_max * ret->unit),
        .drain_max = (int64_t)(c->drain_max * ret->unit),
        .charge_cost = (uint32_t)(65536 / c->efficiency),
        .drain_yield = (uint32_t)(65536 * c->efficiency),
        .wear = llround(c->wear * ret->price_unit),
        .grid_max = (int64_t)fmin(c->grid_max * ret->unit, energy_max),
        .gen_min = (int64_t)(c->gen_min * ret->unit),
        .gen_max = (int64_t)(c->gen_max * ret->unit),
        .gen_price = llround(c->gen_price * ret->price_unit),
        .lost_price = llround(c->lost_price * ret->price_unit),
        .end_price = hourly ? 45875 : 0,
        .fail_of = 50,
        .repair_seen = 1,
        .repair_of = 3,
    };
}

static enum dam_err pilot_open(struct pilot *pilot, struct dam_lab *lab,
                               const struct dam_energy_case *c, bool by_evm)
{
    memset(pilot, 0, sizeof(*pilot));
    plan_for(c, pilot);
    pilot->by_evm = by_evm;
    pilot->lab = lab;
    if (!by_evm) {
        return DAM_OK;
    }
    uint8_t blob[DAM_PLANNER_BLOB_LEN];
    dam_planner_write(&pilot->planner, blob);
    return dam_lab_blob_mind(lab, "PlannerMind", dam_bytes(blob, sizeof(blob)), &pilot->mind);
}

struct line {
    char name[32];
    bool relative; /* metric: mean of (cost - none) / |none| over periods, else money */
    double none, rule, bound, ours;
    double closed; /* (rule - ours) / (rule - bound); of the bound itself where relative */
    int64_t gas_max;
    size_t turns;
    size_t differences;
    double check; /* published cost of the rule, or NAN */
};

/* Mean of the periods' savings relative to no battery. */
static double score(const double *costs, const double *none, size_t periods)
{
    double sum = 0;
    for (size_t i = 0; i < periods; i++) {
        sum += (costs[i] - none[i]) / fabs(none[i]);
    }
    return sum / (double)periods;
}

static enum dam_err run_case(const struct dam_energy_case *c, bool by_evm, struct line *ret,
                             size_t *ret_turns)
{
    static struct pilot pilot;
    struct dam_lab lab;
    double none[PERIODS_MAX];
    double rule[PERIODS_MAX];
    double bound[PERIODS_MAX];
    double ours[PERIODS_MAX];
    size_t periods = c->steps / c->period;
    if (periods > PERIODS_MAX) {
        return DAM_ERANGE;
    }
    enum dam_err err = dam_lab_open(&lab);
    err = err == DAM_OK ? pilot_open(&pilot, &lab, c, by_evm) : err;
    pilot.shown = ret_turns;
    if (err == DAM_OK) {
        memcpy(ret->name, c->name, sizeof(ret->name));
        ret->none =
            dam_energy_run(c, (struct dam_energy_controller){dam_energy_act_none, NULL}, none);
        ret->rule =
            dam_energy_run(c, (struct dam_energy_controller){dam_energy_act_rule, NULL}, rule);
        ret->bound = dam_energy_bound(c, bound);
        ret->ours = dam_energy_run(c, (struct dam_energy_controller){act, &pilot}, ours);
        ret->relative = periods > 1;
        if (ret->relative) {
            ret->none = 0;
            ret->rule = score(rule, none, periods);
            ret->bound = score(bound, none, periods);
            ret->ours = score(ours, none, periods);
        }
        ret->closed = ret->relative ? ret->ours / ret->bound
                                    : (ret->rule - ret->ours) / (ret->rule - ret->bound);
        ret->gas_max = pilot.gas_max;
        ret->turns = pilot.turns;
        ret->differences = pilot.differences;
        if (pilot.failed != NULL) {
            (void)fprintf(stderr, "%s: %s\n", c->name, pilot.failed);
            err = DAM_EREFUSED;
        }
    }
    dam_lab_close(&lab);
    return err;
}

static void print_line(const struct line *line, bool json)
{
    if (json) {
        char published[32] = "null";
        if (!isnan(line->check)) {
            (void)snprintf(published, sizeof(published), "%.0f", line->check);
        }
        (void)printf("{\"case\":\"%s\",\"metric\":\"%s\",\"none\":%.6f,\"rule\":%.6f,"
                     "\"bound\":%.6f,\"ours\":%.6f,\"%s\":%.4f,\"check\":%s,\"turns\":%zu,"
                     "\"gas_max\":%lld,\"differences\":%zu}\n",
                     line->name, line->relative ? "relative saving" : "cost", line->none,
                     line->rule, line->bound, line->ours,
                     line->relative ? "of_bound" : "gap_closed", line->closed, published,
                     line->turns, (long long)line->gas_max, line->differences);
        return;
    }
    char check[32] = "-";
    if (!isnan(line->check)) {
        (void)snprintf(check, sizeof(check), "%s %.0f",
                       fabs(line->check - line->rule) < 1 ? "ok" : "DIFFERS", line->check);
    }
    int digits = line->relative ? 4 : 0;
    (void)printf("%-13s %12.*f %12.*f %12.*f %12.*f %7.1f%% %13s %8zu %9lld %5zu\n", line->name,
                 digits, line->none, digits, line->rule, digits, line->bound, digits, line->ours,
                 100 * line->closed, check, line->turns, (long long)line->gas_max,
                 line->differences);
    (void)fflush(stdout);
}

/* What the rule costs on these hours by the published table: its whole year less its last third. */
static double published_rule(const char *folder, int id)
{
    char path[1024];
    char row[512];
    double check = NAN;
    (void)snprintf(path, sizeof(path), "%s/pymgrid25_reference_costs.csv", folder);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(row, sizeof(row), file) != NULL) {
        double at;
        double none;
        double rule;
        double mpc;
        double perfect;
        double last_third;
        if (sscanf(row, "%lf,%lf,%lf,%lf,%lf,%lf", &at, &none, &rule, &mpc, &perfect,
                   &last_third) == 6 &&
            (int)at == id) {
            check = rule - last_third;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return check;
}

static const int grids[] = {0, 1, 8, 10, 16};
#define CASES (DAM_COUNT_OF(grids) + 2)

/* One case in a process of its own, which leaves its line in shared memory. */
struct job {
    struct line line;
    pid_t pid;
    enum dam_err err;
    bool wanted;
    bool grid;
    size_t turns; /* done so far */
    size_t turns_all;
};

static enum dam_err job_open(const struct dam_bench_energy *how, size_t index,
                             struct dam_energy_case *ret, bool *ret_cut)
{
    bool grid = index < DAM_COUNT_OF(grids);
    DAM_TRY(grid ? dam_energy_pymgrid(how->folder, grids[index], ret)
                 : dam_energy_powerlaws(how->folder, (int)(index - 4), ret));
    *ret_cut = how->turns > 0 && how->turns < ret->steps;
    if (*ret_cut) {
        ret->steps = how->turns;
        ret->period = ret->period < ret->steps ? ret->period : ret->steps;
    }
    return DAM_OK;
}

static void job_run(const struct dam_bench_energy *how, size_t index, struct job *job)
{
    struct dam_energy_case c;
    bool cut = false;
    job->line.check = NAN;
    job->grid = index < DAM_COUNT_OF(grids);
    job->err = job_open(how, index, &c, &cut);
    if (job->err == DAM_OK) {
        job->wanted = dam_decision_named(how->only, c.name);
        job->turns_all = c.steps;
        job->err = job->wanted ? run_case(&c, how->by_evm, &job->line, &job->turns) : DAM_OK;
        job->line.check = job->grid && !cut ? published_rule(how->folder, grids[index]) : NAN;
        dam_energy_close(&c);
    }
}

static void show_progress(const struct job *jobs, size_t count)
{
    size_t done = 0;
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        done += jobs[i].turns;
        all += jobs[i].turns_all;
    }
    (void)fprintf(stderr, "\r%zu of %zu turns\033[K", done, all);
}

/* Runs all, so many at a time. A child that dies leaves DAM_ECORRUPT. */
static void jobs_run(const struct dam_bench_energy *how, struct job *jobs)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t at_once = how->jobs > 0 ? how->jobs : processors > 0 ? (size_t)processors : 1;
    size_t begun = 0;
    size_t running = 0;
    bool tty = isatty(STDERR_FILENO) == 1;
    while (begun < CASES || running > 0) {
        int status = 0;
        if (begun < CASES && running < at_once) {
            struct job *job = &jobs[begun];
            job->err = DAM_ECORRUPT;
            job->pid = fork();
            if (job->pid == 0) {
                job_run(how, begun, job);
                _exit(0);
            }
            running += job->pid > 0;
            begun++;
        } else if (waitpid(-1, &status, tty ? WNOHANG : 0) > 0) {
            running--;
        } else {
            show_progress(jobs, CASES);
            (void)usleep(200000);
        }
    }
    if (tty) {
        (void)fprintf(stderr, "\r\033[K");
    }
}

static struct job *jobs_alloc(void)
{
    void *memory = mmap(NULL, CASES * sizeof(struct job), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

int dam_bench_energy(const struct dam_bench_energy *how)
{
    double closed = 0;
    size_t grids_run = 0;
    size_t run = 0;
    size_t differences = 0;
    struct job *jobs = jobs_alloc();
    if (jobs == NULL) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    if (!how->json) {
        (void)printf("%-13s %12s %12s %12s %12s %8s %13s %8s %9s %5s\n", "case", "do nothing",
                     "the rule", "the bound", "ours", "closed", "rule's check", "turns", "max gas",
                     "C!=EVM");
        (void)fflush(stdout);
    }
    jobs_run(how, jobs);
    enum dam_err err = DAM_OK;
    for (size_t i = 0; i < CASES; i++) {
        const struct job *job = &jobs[i];
        err = err == DAM_OK ? job->err : err;
        if (job->err != DAM_OK) {
            (void)fprintf(stderr, "%s: %s\n", job->grid ? "pymgrid25" : "powerlaws",
                          dam_err_text(job->err));
        } else if (job->wanted) {
            print_line(&job->line, how->json);
            closed += job->grid ? job->line.closed : 0;
            grids_run += job->grid;
            differences += job->line.differences;
            run++;
        }
    }
    (void)munmap(jobs, CASES * sizeof(struct job));
    if (err != DAM_OK) {
        return err == DAM_EIO ? DAM_EXIT_NOT_FOUND : DAM_EXIT_FAILED;
    }
    if (run == 0) {
        return dam_verb_fail(DAM_EXIT_USAGE, "without --only all cases are run",
                             "there is no case named '%s'", how->only);
    }
    if (!how->json && grids_run > 0) {
        (void)printf("pymgrid25 mean gap closed: %.1f%%\n", 100 * closed / (double)grids_run);
    }
    return differences == 0 ? DAM_EXIT_OK : DAM_EXIT_FAILED;
}

enum dam_err dam_decide_energy(const char *folder, const struct dam_decision_out *out)
{
    char path[1024];
    struct job *jobs = jobs_alloc();
    enum dam_err err = jobs == NULL ? DAM_ENOMEM : DAM_OK;
    (void)snprintf(path, sizeof(path), "%s/a-microgrid", folder);
    /* By C alone: `dam bench energy` proves that the bytecode decides the same. */
    const struct dam_bench_energy how = {.folder = path, .only = out->only};
    if (jobs != NULL) {
        jobs_run(&how, jobs);
    }
    for (size_t i = 0; jobs != NULL && i < CASES; i++) {
        const struct line *l = &jobs[i].line;
        struct dam_decision_line line = {.metric = l->relative ? "cost less no battery's, share"
                                                               : "cost of a year's 2/3",
                                         .nothing = l->none,
                                         .rule = l->rule,
                                         .best = l->bound,
                                         .ours = l->ours,
                                         .rule_name = "battery, then grid, then generator",
                                         .best_name = "perfect foresight (linear program)"};
        memcpy(line.benchmark, l->name, sizeof(l->name));
        err = err == DAM_OK ? jobs[i].err : err;
        if (jobs[i].err == DAM_OK && jobs[i].wanted) {
            out->put(out->ctx, &line);
        }
    }
    if (jobs != NULL) {
        (void)munmap(jobs, CASES * sizeof(struct job));
    }
    return err;
}
