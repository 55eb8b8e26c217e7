// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"
#include "machine/explain.h"

static int show(struct dam_opened *o, bool origin, bool json)
{
    size_t count = 0;
    const struct dam_manifest_setting *settings = dam_manifest_settings(&o->manifest, &count);
    if (settings == NULL) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    if (!json) {
        for (size_t i = 0; i < count; i++) {
            (void)printf("%s = %s", settings[i].name, settings[i].value);
            (void)printf(origin ? "    # %s\n" : "\n", settings[i].origin);
        }
        return DAM_EXIT_OK;
    }
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_array(&w);
    for (size_t i = 0; i < count; i++) {
        dam_json_put_object(&w);
        dam_json_put_cstr_at(&w, "name", settings[i].name);
        dam_json_put_cstr_at(&w, "value", settings[i].value);
        dam_json_put_cstr_at(&w, "origin", settings[i].origin);
        dam_json_put_object_end(&w);
    }
    dam_json_put_array_end(&w);
    return dam_opened_print(&buf);
}

static int checked_json(const struct dam_opened *o)
{
    const struct dam_manifest *m = &o->manifest;
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "good");
    dam_json_put_bool(&w, true);
    dam_json_put_cstr_at(&w, "name", m->name);
    dam_json_put_u64_at(&w, "channels", m->channel_count);
    dam_json_put_u64_at(&w, "actuators", m->actuator_count);
    dam_json_put_u64_at(&w, "links", m->link_count);
    dam_json_put_u64_at(&w, "interlocks", m->rules.interlock_count);
    dam_json_put_key(&w, "law");
    dam_json_put_bool(&w, o->has_law);
    dam_json_put_object_end(&w);
    return dam_opened_print(&buf);
}

/* What `dam up` would refuse beyond the law, which loads. */
static int checked(const struct dam_opened *o, bool json)
{
    struct dam_manifest_complaint complaint = {0};
    const struct dam_manifest *m = &o->manifest;
    enum dam_err err = dam_explain_check(m, &complaint);
    if (err != DAM_OK) {
        return dam_opened_fail(&complaint, err);
    }
    for (size_t i = 0; i < m->stray_count; i++) {
        (void)fprintf(stderr, "%s: %s is set, and nothing reads it\n", m->name, m->strays[i]);
    }
    if (json) {
        return checked_json(o);
    }
    (void)fprintf(stderr, "%s: good: %zu channels, %zu actuators, %zu links, %zu interlocks; %s\n",
                  m->name, m->channel_count, m->actuator_count, m->link_count,
                  m->rules.interlock_count,
                  o->has_law ? "mind and charter load"
                             : "mind and charter are not checked: its constitution has them, and "
                               "the first `dam up` takes them from the chain");
    return DAM_EXIT_OK;
}

int dam_verb_config(int argc, char **argv)
{
    bool origin = false;
    bool json = false;
    struct dam_args args;
    const struct dam_arg table[] = {
        {"--origin", NULL, &origin}, {"--json", NULL, &json}, {NULL, NULL, NULL}};
    struct dam_opened opened;
    if (!dam_args_parse(argc, argv, table, 2, &args)) {
        return DAM_EXIT_USAGE;
    }
    bool check = args.count > 0 && strcmp(args.words[0], "check") == 0;
    if (!check && (args.count < 1 || strcmp(args.words[0], "show") != 0)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam config check|show [--origin] [DIR]",
                             "check or show?");
    }
    int code = dam_opened_open(args.count > 1 ? args.words[1] : NULL,
                               check ? DAM_OPENED_LAW_IF_KEPT : DAM_OPENED_MANIFEST, &opened);
    if (code == DAM_EXIT_OK && !check) {
        code = show(&opened, origin, json);
    } else if (code == DAM_EXIT_OK) {
        code = checked(&opened, json);
    }
    dam_opened_close(&opened);
    return code;
}
