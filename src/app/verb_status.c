// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/mind_view.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"
#include "base/hex.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#define SILENT_S 10 /* beside three periods: that long a turn may take where devices hang */

struct status {
    bool running;
    bool stopped;
    bool has_decision;
    bool silent; /* it runs, and has not decided for longer than a period explains */
    int64_t idle_s;
    uint64_t size;
    struct dam_hash root;
    struct dam_record_leaf decision; /* borrows from copy */
    uint8_t copy[DAM_RECORD_LEAF_MAX];
};

/* Returns: an exit code, after telling of a leaf that cannot be read. */
static int status_read(struct dam_opened *o, struct status *s)
{
    char path[4096];
    enum dam_err err = DAM_OK;
    (void)snprintf(path, sizeof(path), "%s/stop", o->manifest.folder);
    s->running = dam_opened_is_running(&o->manifest);
    s->stopped = access(path, F_OK) == 0;
    s->idle_s = dam_opened_idle_s(&o->manifest);
    s->silent = s->running && s->idle_s > SILENT_S + 3 * o->manifest.period_ms / 1000;
    s->size = dam_evidence_size(o->evidence);
    dam_evidence_root(o->evidence, &s->root);
    for (uint64_t seq = s->size; seq > 0 && !s->has_decision; seq--) {
        struct dam_bytes data;
        err = dam_evidence_read(o->evidence, seq - 1, &data);
        if (err == DAM_OK) {
            memcpy(s->copy, data.data, data.len);
            err = dam_record_leaf_load(dam_bytes(s->copy, data.len), &s->decision);
        }
        if (err != DAM_OK) {
            return dam_verb_fail(DAM_EXIT_FAILED, "`dam verify` checks the whole log",
                                 "leaf %" PRIu64 ": %s", seq - 1, dam_err_text(err));
        }
        s->has_decision = s->decision.kind == DAM_RECORD_DECISION;
    }
    return DAM_EXIT_OK;
}

static int print_json(const struct dam_opened *o, const struct status *s)
{
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "name");
    dam_json_put_cstr(&w, o->manifest.name);
    dam_json_put_key(&w, "running");
    dam_json_put_bool(&w, s->running);
    dam_json_put_key(&w, "stopped");
    dam_json_put_bool(&w, s->stopped);
    dam_json_put_key(&w, "silent");
    dam_json_put_bool(&w, s->silent);
    dam_json_put_key(&w, "size");
    dam_json_put_u64(&w, s->size);
    dam_json_put_key(&w, "root");
    dam_json_put_data(&w, s->root.b, 32);
    if (s->has_decision) {
        dam_json_put_key(&w, "decision");
        dam_opened_put_leaf(&w, &o->manifest, &s->decision);
        dam_mind_view_put(&w, &o->manifest, o->evidence, &s->decision);
    }
    dam_json_put_object_end(&w);
    return dam_opened_print(&buf);
}

/* The channels that the decision could not go by. */
static void print_not_good(const struct dam_manifest *m, struct dam_bytes observation)
{
    bool any = false;
    for (size_t i = 1; i <= m->channel_count && (i + 1) * DAM_FLOW_SAMPLE_LEN <= observation.len;
         i++) {
        struct dam_flow_sample sample;
        if (dam_flow_sample_load(observation.data + i * DAM_FLOW_SAMPLE_LEN, &sample) == DAM_OK &&
            sample.quality != DAM_FLOW_GOOD) {
            (void)printf("%s%s %s", any ? ", " : "not good: ", m->channels[i - 1].name,
                         dam_flow_quality_text(sample.quality));
            any = true;
        }
    }
    (void)printf("%s", any ? "\n" : "");
}

static int print_text(const struct dam_opened *o, const struct status *s)
{
    char text[65];
    dam_hex_encode(s->root.b, 32, text);
    (void)printf("%s is %s%s\n", o->manifest.name, s->running ? "running" : "not running",
                 s->stopped ? ", stopped by its operator" : "");
    if (s->silent) {
        (void)printf("it has not decided for %" PRId64 " s: what `dam up` wrote says why\n",
                     s->idle_s);
    }
    (void)printf("evidence: %" PRIu64 " leaves, root %s\n", s->size, text);
    if (!s->has_decision) {
        (void)puts("it has not decided anything yet");
        return DAM_EXIT_OK;
    }
    char time[32];
    const struct dam_record_decision *d = &s->decision.decision;
    (void)printf("last decision: leaf %" PRIu64 " at %s, %s\n", s->decision.seq,
                 dam_opened_time(s->decision.time_ms, time), dam_flow_outcome_text(d->outcome));
    for (size_t i = 0; i < o->manifest.actuator_count && 8 * i < d->action.len; i++) {
        (void)printf("  %-24s %14s %s\n", o->manifest.actuators[i].name,
                     dam_opened_value((int64_t)dam_load_be64(d->action.data + 8 * i),
                                      o->manifest.actuators[i].decimals, text),
                     o->manifest.actuators[i].unit);
    }
    print_not_good(&o->manifest, d->observation);
    dam_mind_view_print_forecasts(&o->manifest, d);
    return DAM_EXIT_OK;
}

int dam_verb_status(int argc, char **argv)
{
    bool json = false;
    struct dam_args args;
    const struct dam_arg table[] = {{"--json", NULL, &json}, {NULL, NULL, NULL}};
    struct dam_opened opened;
    struct status status = {0};
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    int code = dam_opened_open(args.count > 0 ? args.words[0] : NULL, DAM_OPENED_EVIDENCE, &opened);
    if (code == DAM_EXIT_OK) {
        code = status_read(&opened, &status);
    }
    if (code == DAM_EXIT_OK) {
        code = json ? print_json(&opened, &status) : print_text(&opened, &status);
    }
    dam_opened_close(&opened);
    return code;
}
