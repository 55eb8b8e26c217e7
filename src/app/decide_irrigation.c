// SPDX-License-Identifier: Apache-2.0
/* Irrigation: maize in AquaCrop, a peer process (bench/decisions/aquacrop_peer.py, which
 * $DAM_AQUACROP starts). Every morning the profile's own mind, in the EVM, is shown what a field
 * would show it, a turn each quarter of an hour while its valve is open; the weather of the day and
 * of later ones stays in the other process. */
#include "app/decisions.h"
#include "app/mind_lab.h"
#include "base/heap.h"
#include "base/json.h"
#include "port/link_program.h"

#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_LEN_MAX 4096u
#define SEASONS_MAX 128u
#define TURNS_A_DAY 20u /* of open valve: 25 mm, AquaCrop's most */
#define TURN_MM 1.25    /* 5 mm an hour, a turn each quarter */

/* The records of profiles/irrigation/dam.toml. */
enum { TIME, SOIL, TANK, RAIN, ET0, POWER, TEMPERATURE, AGE, VALVE_LAST, RECORDS };

/* What the peer says in the morning. */
enum { SEEN_SOIL, SEEN_CAPACITY, SEEN_RAIN, SEEN_ET0, SEEN_LOW, SEEN_HIGH, SEEN };
static const char *const seen_names[SEEN] = {"soil", "capacity", "rain", "et0", "low", "high"};

struct field {
    pid_t pid;
    FILE *told; /* to the peer */
    FILE *said; /* by the peer */
    struct dam_arena arena;
    struct dam_lab lab;
    struct dam_address mind;
    int64_t seasons[SEASONS_MAX];
    size_t seasons_count;
};

/* ---- the peer ---- */

static enum dam_err peer_start(struct field *f, const char *command)
{
    int down[2];
    int up[2];
    if (pipe2(down, O_CLOEXEC) != 0) {
        return DAM_EREFUSED;
    }
    if (pipe2(up, O_CLOEXEC) != 0) {
        (void)close(down[0]);
        (void)close(down[1]);
        return DAM_EREFUSED;
    }
    f->pid = fork();
    if (f->pid == 0) {
        if (dup2(down[0], STDIN_FILENO) >= 0 && dup2(up[1], STDOUT_FILENO) >= 0) {
            (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        }
        _exit(127);
    }
    (void)close(down[0]);
    (void)close(up[1]);
    f->told = fdopen(down[1], "w");
    f->said = fdopen(up[0], "r");
    return f->pid < 0 || f->told == NULL || f->said == NULL ? DAM_EREFUSED : DAM_OK;
}

/* Says a line and reads the answer, which is valid until the next one. */
static enum dam_err ask(struct field *f, const struct dam_json **ret, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int said = vfprintf(f->told, format, args);
    va_end(args);
    dam_arena_reset(&f->arena);
    char *line = dam_arena_alloc(&f->arena, LINE_LEN_MAX);
    if (line == NULL) {
        return DAM_ENOMEM;
    }
    if (said < 0 || fputc('\n', f->told) == EOF || fflush(f->told) != 0 ||
        fgets(line, LINE_LEN_MAX, f->said) == NULL) {
        return DAM_ECLOSED;
    }
    return dam_program_line(&f->arena, line, strlen(line), ret);
}

static enum dam_err number(const struct dam_json *line, const char *key, double *ret)
{
    char text[32];
    const struct dam_json *value = dam_json_get(line, key);
    if (value == NULL || value->type != DAM_JSON_NUMBER || value->len >= sizeof(text)) {
        return DAM_EPARSE;
    }
    memcpy(text, value->text, value->len);
    text[value->len] = 0;
    *ret = strtod(text, NULL);
    return DAM_OK;
}

static void field_close(struct field *f)
{
    if (f->told != NULL) {
        (void)fclose(f->told); /* the peer ends with its input; nothing is unsaid */
    }
    if (f->said != NULL) {
        (void)fclose(f->said); /* only read from */
    }
    if (f->pid > 0) {
        (void)waitpid(f->pid, NULL, 0);
    }
    dam_lab_close(&f->lab);
    dam_arena_finish(&f->arena);
}

static enum dam_err field_open(struct field *f, const char *command, const char *weather)
{
    const struct dam_json *answer = NULL;
    memset(f, 0, sizeof(*f));
    dam_arena_init(&f->arena, dam_heap(), 0);
    DAM_TRY(dam_lab_open(&f->lab));
    DAM_TRY(dam_lab_create(&f->lab, "IrrigationMind", dam_bytes(NULL, 0), &f->mind));
    DAM_TRY(peer_start(f, command));
    DAM_TRY(ask(f, &answer, "{\"weather\": \"%s\"}", weather));
    DAM_JSON_EACH(year, dam_json_get(answer, "seasons"))
    {
        if (f->seasons_count == SEASONS_MAX) {
            return DAM_EFULL;
        }
        DAM_TRY(dam_json_i64(year, &f->seasons[f->seasons_count++]));
    }
    return f->seasons_count == 0 ? DAM_EPARSE : DAM_OK;
}

/* ---- a season ---- */

/* What the mind waters on one day. In: *valve: as the last turn left it. */
static enum dam_err day_decide(struct field *f, const struct dam_json *morning, int64_t age,
                               int64_t *valve, double *ret_mm)
{
    static uint8_t next[DAM_MODEL_MEMORY_MAX];
    uint8_t observation[16 * RECORDS] = {0};
    double seen[SEEN];
    for (size_t i = 0; i < SEEN; i++) {
        DAM_TRY(number(morning, seen_names[i], &seen[i]));
    }
    double mm = 0;
    for (size_t turn = 0; turn < TURNS_A_DAY; turn++) {
        size_t next_len = 0;
        int64_t gas = 0;
        double wet = fmin(100, fmax(0, seen[SEEN_SOIL] + 100 * mm / seen[SEEN_CAPACITY]));
        const int64_t values[RECORDS] = {
            [TIME] = 86400 * age + 900 * (int64_t)turn,
            [SOIL] = llround(100 * wet),
            [TANK] = 1000,
            [RAIN] = llround(10 * seen[SEEN_RAIN]),
            [ET0] = llround(10 * seen[SEEN_ET0]),
            [TEMPERATURE] = llround(5 * (seen[SEEN_LOW] + seen[SEEN_HIGH])),
            [AGE] = age,
            [VALVE_LAST] = *valve,
        };
        for (size_t i = 0; i < RECORDS; i++) {
            dam_store_be64(observation + 16 * i, (uint64_t)values[i]);
        }
        DAM_TRY(dam_lab_decide(&f->lab, &f->mind, dam_bytes(NULL, 0),
                               dam_bytes(observation, sizeof(observation)), 1, next, &next_len,
                               valve, &gas));
        if (*valve == 0) {
            break;
        }
        mm += TURN_MM;
    }
    *ret_mm = mm;
    return DAM_OK;
}

static enum dam_err season_ours(struct field *f, int64_t year, double *ret_profit)
{
    const struct dam_json *answer = NULL;
    int64_t valve = 0;
    DAM_TRY(ask(f, &answer, "{\"season\": %lld}", (long long)year));
    for (int64_t age = 0; dam_json_get(answer, "soil") != NULL; age++) {
        double mm = 0;
        DAM_TRY(day_decide(f, answer, age, &valve, &mm));
        DAM_TRY(ask(f, &answer, "{\"water\": %.2f}", mm));
    }
    return number(answer, "profit", ret_profit);
}

/* Mean profit over the seasons. In: rule: of the peer; NULL: our mind. */
static enum dam_err mean_profit(struct field *f, const char *rule, double *ret)
{
    double sum = 0;
    for (size_t i = 0; i < f->seasons_count; i++) {
        const struct dam_json *answer = NULL;
        double profit = 0;
        if (rule == NULL) {
            DAM_TRY(season_ours(f, f->seasons[i], &profit));
        } else {
            DAM_TRY(ask(f, &answer, "{\"season\": %lld, \"rule\": \"%s\"}",
                        (long long)f->seasons[i], rule));
            DAM_TRY(number(answer, "profit", &profit));
        }
        sum += profit;
    }
    *ret = sum / (double)f->seasons_count;
    return DAM_OK;
}

enum dam_err dam_decide_irrigation(const char *folder, const struct dam_decision_out *out)
{
    struct dam_decision_line line = {.benchmark = "irrigation/champion",
                                     .metric = "mean profit of a season, $/ha",
                                     .best = NAN,
                                     .more = true,
                                     .rule_name = "net irrigation at 70 % (nothing: rain)"};
    const char *command = getenv("DAM_AQUACROP");
    char weather[1024];
    struct field f;
    (void)snprintf(weather, sizeof(weather), "%s/b-irrigation/champion.csv", folder);
    if (!dam_decision_wanted(out, line.benchmark)) {
        return DAM_OK;
    }
    if (access(weather, R_OK) != 0) {
        return DAM_EIO;
    }
    if (command == NULL) {
        return DAM_EUNSUPPORTED;
    }
    enum dam_err err = field_open(&f, command, weather);
    err = err == DAM_OK ? mean_profit(&f, "rain", &line.nothing) : err;
    err = err == DAM_OK ? mean_profit(&f, "net", &line.rule) : err;
    err = err == DAM_OK ? mean_profit(&f, NULL, &line.ours) : err;
    field_close(&f);
    if (err == DAM_OK) {
        out->put(out->ctx, &line);
    }
    return err;
}
