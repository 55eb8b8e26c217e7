// SPDX-License-Identifier: Apache-2.0
/* dam doctor: what would keep a machine from running well, found before it runs. Looks and reads
 * only; the one thing it starts is what a link of kind `program` names. */
#include "app/args.h"
#include "app/doctor.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"

#include <stdlib.h>

static const char *const levels[] = {"ok", "note", "warning", "FAILED"};

static void print_text(const struct dam_doctor *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct dam_doctor_finding *f = &d->findings[i];
        (void)printf("%-8s %-20s %s\n", levels[f->level], f->what, f->text);
        if (f->hint[0] != 0) {
            (void)printf("%-8s %-20s   -> %s\n", "", "", f->hint);
        }
    }
}

static int print_json(const struct dam_doctor *d, bool ready)
{
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "ready");
    dam_json_put_bool(&w, ready);
    dam_json_put_key(&w, "checks");
    dam_json_put_array(&w);
    for (size_t i = 0; i < d->count; i++) {
        const struct dam_doctor_finding *f = &d->findings[i];
        dam_json_put_object(&w);
        dam_json_put_key(&w, "check");
        dam_json_put_cstr(&w, f->what);
        dam_json_put_key(&w, "level");
        dam_json_put_cstr(&w, f->level == DAM_DOCTOR_BAD ? "failed" : levels[f->level]);
        dam_json_put_key(&w, "text");
        dam_json_put_cstr(&w, f->text);
        if (f->hint[0] != 0) {
            dam_json_put_key(&w, "hint");
            dam_json_put_cstr(&w, f->hint);
        }
        dam_json_put_object_end(&w);
    }
    dam_json_put_array_end(&w);
    dam_json_put_object_end(&w);
    return dam_opened_print(&buf);
}

int dam_verb_doctor(int argc, char **argv)
{
    static struct dam_doctor doctor; /* large */
    bool json = false;
    const char *wait = NULL;
    uint64_t wait_s = 5;
    struct dam_args args;
    const struct dam_arg table[] = {
        {"--json", NULL, &json}, {"--wait", &wait, NULL}, {NULL, NULL, NULL}};
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    if (wait != NULL && (!dam_args_u64(wait, &wait_s) || wait_s < 1 || wait_s > 600)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "seconds, 1 to 600", "'%s' is no time to wait", wait);
    }
    const char *env = getenv("DAM_DIR");
    const char *folder = args.count > 0 ? args.words[0] : env != NULL ? env : ".";
    dam_doctor_examine(&doctor, folder, (unsigned)wait_s * 1000);
    bool ready = true;
    for (size_t i = 0; i < doctor.count; i++) {
        ready = ready && doctor.findings[i].level != DAM_DOCTOR_BAD;
    }
    if (json) {
        int code = print_json(&doctor, ready);
        return code != DAM_EXIT_OK ? code : ready ? DAM_EXIT_OK : DAM_EXIT_NOT_READY;
    }
    print_text(&doctor);
    return ready ? DAM_EXIT_OK : DAM_EXIT_NOT_READY;
}
