// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"
#include "core/flow/fixed.h"

#include <inttypes.h>

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* The candidate as a manifest would name it: a model blob, an artifact or code, a known name, an
 * address of code that is there already. */
static struct dam_manifest_code code_of(const char *text)
{
    if (ends_with(text, ".model") || ends_with(text, ".dam")) {
        return (struct dam_manifest_code){.model = text};
    }
    return (struct dam_manifest_code){.code = text};
}

static void put_outcomes(struct dam_json_writer *w, const char *key, const uint64_t *outcomes)
{
    dam_json_put_key(w, key);
    dam_json_put_array(w);
    for (size_t i = 0; i < 9; i++) {
        dam_json_put_u64(w, outcomes[i]);
    }
    dam_json_put_array_end(w);
}

static int print_json(const struct dam_manifest *m, const struct dam_history_whatif *r)
{
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {{"decisions", r->decisions}, {"different", r->different},
                   {"foreign", r->foreign},     {"first_different", r->first_different},
                   {"gas_then", r->gas_then},   {"gas_now", r->gas_now}};
    for (size_t i = 0; i < DAM_COUNT_OF(numbers); i++) {
        dam_json_put_u64_at(&w, numbers[i].key, numbers[i].value);
    }
    put_outcomes(&w, "outcomes_then", r->outcomes_then);
    put_outcomes(&w, "outcomes_now", r->outcomes_now);
    dam_opened_put_value(&w, "hours", r->span_ms / 3600, 3);
    dam_json_put_key(&w, "actuators");
    dam_json_put_array(&w);
    for (size_t i = 0; i < m->actuator_count; i++) {
        const struct dam_history_actuator *a = &r->actuators[i];
        dam_json_put_object(&w);
        dam_json_put_cstr_at(&w, "name", m->actuators[i].name);
        dam_json_put_cstr_at(&w, "unit", m->actuators[i].unit);
        dam_json_put_u64_at(&w, "different", a->different);
        dam_opened_put_value(&w, "largest", a->largest, m->actuators[i].decimals);
        dam_opened_put_value(&w, "unit_hours", a->milli_hours, 3);
        if (m->actuators[i].worth >= 0) {
            dam_opened_put_value(&w, "money", a->money_micro, 6);
        }
        dam_json_put_object_end(&w);
    }
    dam_json_put_array_end(&w);
    dam_json_put_object_end(&w);
    return dam_opened_print(&buf);
}

static void print_text(const struct dam_manifest *m, const struct dam_history_whatif *r)
{
    char text[DAM_FLOW_FIXED_TEXT_MAX];
    char largest[DAM_FLOW_FIXED_TEXT_MAX];
    int64_t money = 0;
    bool has_worth = false;
    (void)printf("%" PRIu64 " decisions in %s hours; %" PRIu64 " would have been different",
                 r->decisions - r->foreign, dam_opened_value(r->span_ms / 3600, 3, text),
                 r->different);
    (void)printf(r->different > 0 ? ", the first is leaf %" PRIu64 "\n" : "\n", r->first_different);
    for (uint8_t i = 0; i < 9; i++) {
        if (r->outcomes_then[i] != r->outcomes_now[i]) {
            (void)printf("  %-40s %8" PRIu64 " then, %8" PRIu64 " now\n", dam_flow_outcome_text(i),
                         r->outcomes_then[i], r->outcomes_now[i]);
        }
    }
    for (size_t i = 0; i < m->actuator_count; i++) {
        const struct dam_history_actuator *a = &r->actuators[i];
        const struct dam_manifest_actuator *actuator = &m->actuators[i];
        (void)printf("  %-24s %8" PRIu64 " different, %s %s h in sum, at most %s %s",
                     actuator->name, a->different, dam_opened_value(a->milli_hours, 3, text),
                     actuator->unit, dam_opened_value(a->largest, actuator->decimals, largest),
                     actuator->unit);
        if (actuator->worth >= 0) {
            (void)printf(", worth %s %s", dam_opened_value(a->money_micro / 10000, 2, text),
                         m->money_unit == NULL ? "" : m->money_unit);
            money += a->money_micro;
            has_worth = true;
        }
        (void)puts("");
    }
    if (m->money_unit != NULL && has_worth) {
        (void)printf("in money: %s%s %s\n", money > 0 ? "+" : "",
                     dam_opened_value(money / 10000, 2, text), m->money_unit);
    }
    (void)printf("gas: %" PRIu64 " then, %" PRIu64 " now\n", r->gas_then, r->gas_now);
}

/* The candidate law. A charter that is another manifest means the charter of its rules. */
static enum dam_err law_make(struct dam_opened *o, const char *mind, const char *charter,
                             struct dam_manifest *candidate, struct dam_law *ret,
                             struct dam_manifest_complaint *complaint)
{
    *ret = o->law;
    *candidate = o->manifest;
    if (mind != NULL) {
        struct dam_manifest_code code = code_of(mind);
        DAM_TRY(dam_law_load_one(&o->manifest, NULL, o->decider, &code, false, ".", &ret->mind,
                                 complaint));
    }
    if (charter == NULL) {
        return DAM_OK;
    }
    struct dam_manifest_code code = code_of(charter);
    if (ends_with(charter, DAM_MANIFEST_FILE)) {
        struct dam_manifest other;
        size_t len = strlen(charter) - strlen(DAM_MANIFEST_FILE);
        char *folder = dam_arena_zalloc(&o->arena, len + 2);
        if (folder == NULL) {
            return DAM_ENOMEM;
        }
        memcpy(folder, len == 0 ? "." : charter, len == 0 ? 1 : len);
        DAM_TRY(dam_manifest_load(folder, &o->arena, &other, complaint));
        candidate->rules = other.rules;
        code = (struct dam_manifest_code){.code = "BoundsCharter"};
        if (other.rules.channel_count != o->manifest.rules.channel_count ||
            other.rules.actuator_count != o->manifest.rules.actuator_count) {
            (void)snprintf(complaint->text, sizeof(complaint->text),
                           "%s is a machine with other channels or actuators", charter);
            return DAM_EPARSE;
        }
    }
    return dam_law_load_one(candidate, NULL, o->decider, &code, true, ".", &ret->charter,
                            complaint);
}

static int whatif(struct dam_opened *o, const char *mind, const char *charter, const char *since,
                  bool json)
{
    struct dam_manifest candidate;
    struct dam_manifest_complaint complaint = {0};
    struct dam_history_whatif result;
    struct dam_history_finding finding;
    struct dam_history_range range = {0, dam_evidence_size(o->evidence)};
    struct dam_law law;
    enum dam_err err = law_make(o, mind, charter, &candidate, &law, &complaint);
    if (err != DAM_OK) {
        return dam_opened_fail(&complaint, err);
    }
    if (since != NULL) {
        struct dam_record_leaf leaf;
        int64_t newest = 0;
        int64_t since_ms = 0;
        if (range.end > 0 && dam_evidence_leaf(o->evidence, range.end - 1, &leaf) == DAM_OK) {
            newest = leaf.time_ms;
        }
        if (!dam_args_time(since, newest, &since_ms)) {
            return dam_verb_fail(DAM_EXIT_USAGE, "as 7d, 2026-08-01 or Unix seconds",
                                 "'%s' is no time", since);
        }
        err = dam_history_since(o->evidence, since_ms, &range, &finding);
    }
    char label[] = "asking what if";
    const struct dam_history_progress progress = {dam_opened_progress, label};
    err = err == DAM_OK ? dam_history_ask_whatif(o->evidence, o->decider, &candidate, &law, range,
                                                 &progress, &result, &finding)
                        : err;
    if (err != DAM_OK) {
        return dam_opened_fail_at(&finding, err);
    }
    if (json) {
        return print_json(&o->manifest, &result);
    }
    print_text(&o->manifest, &result);
    return DAM_EXIT_OK;
}

int dam_verb_whatif(int argc, char **argv)
{
    bool json = false;
    const char *mind = NULL;
    const char *charter = NULL;
    const char *since = NULL;
    struct dam_args args;
    const struct dam_arg table[] = {{"--json", NULL, &json},
                                    {"--mind", &mind, NULL},
                                    {"--charter", &charter, NULL},
                                    {"--since", &since, NULL},
                                    {NULL, NULL, NULL}};
    struct dam_opened opened;
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    if (mind == NULL && charter == NULL) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam whatif --mind FILE [--charter FILE] [DIR]",
                             "what would be different? Name a mind or a charter");
    }
    int code = dam_opened_open(args.count > 0 ? args.words[0] : NULL,
                               DAM_OPENED_EVIDENCE | DAM_OPENED_LAW, &opened);
    code = code == DAM_EXIT_OK ? whatif(&opened, mind, charter, since, json) : code;
    dam_opened_close(&opened);
    return code;
}
