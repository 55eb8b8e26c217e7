// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"
#include "base/hex.h"
#include "core/crypto/keccak.h"

static int compile(const struct dam_manifest *m, const char *out)
{
    uint8_t blob[DAM_FLOW_RULES_LEN_MAX];
    size_t len = dam_flow_rules_store(&m->rules, blob);
    if (out == NULL) {
        static char text[2 * DAM_FLOW_RULES_LEN_MAX + 1];
        dam_hex_encode(blob, len, text);
        (void)printf("0x%s\n", text);
        return DAM_EXIT_OK;
    }
    FILE *file = fopen(out, "wb");
    bool ok = file != NULL && fwrite(blob, 1, len, file) == len;
    ok = file != NULL && fclose(file) == 0 && ok;
    return ok ? DAM_EXIT_OK : dam_verb_fail(DAM_EXIT_FAILED, NULL, "cannot write %s", out);
}

static int show(const struct dam_manifest *m)
{
    uint8_t blob[DAM_FLOW_RULES_LEN_MAX];
    char hex[65];
    struct dam_hash hash;
    size_t len = dam_flow_rules_store(&m->rules, blob);
    dam_keccak256(blob, len, &hash);
    dam_hex_encode(hash.b, 32, hex);
    (void)printf("rules of %s: %zu bytes, keccak256 0x%s\n\n", m->name, len, hex);
    (void)printf("%-24s %14s %14s %14s %14s\n", "actuator", "min", "max", "step", "safe");
    for (size_t i = 0; i < m->actuator_count; i++) {
        const struct dam_flow_limit *limit = &m->rules.limits[i];
        const int64_t values[] = {limit->min, limit->max, limit->step, limit->safe};
        (void)printf("%-24s", m->actuators[i].name);
        for (size_t k = 0; k < DAM_COUNT_OF(values); k++) {
            char text[32];
            (void)printf(" %14s",
                         k == 2 && values[k] == 0
                             ? "-"
                             : dam_opened_value(values[k], m->actuators[i].decimals, text));
        }
        (void)printf(" %s\n", m->actuators[i].unit);
    }
    (void)puts("\nreason  interlock");
    for (size_t i = 0; i < m->rules.interlock_count; i++) {
        (void)printf("%6zu  %s\n", DAM_FLOW_REASON_INTERLOCK + i, m->interlock_texts[i]);
    }
    return DAM_EXIT_OK;
}

static int show_json(const struct dam_manifest *m)
{
    uint8_t blob[DAM_FLOW_RULES_LEN_MAX];
    struct dam_hash hash;
    struct dam_buf buf;
    size_t len = dam_flow_rules_store(&m->rules, blob);
    dam_keccak256(blob, len, &hash);
    dam_buf_init(&buf, dam_heap(), 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_cstr_at(&w, "name", m->name);
    dam_json_put_data_at(&w, "blob", dam_bytes(blob, len));
    dam_json_put_data_at(&w, "hash", dam_bytes(hash.b, sizeof(hash.b)));
    dam_json_put_key(&w, "actuators");
    dam_json_put_array(&w);
    for (size_t i = 0; i < m->actuator_count; i++) {
        const struct dam_flow_limit *limit = &m->rules.limits[i];
        unsigned decimals = m->actuators[i].decimals;
        dam_json_put_object(&w);
        dam_json_put_cstr_at(&w, "name", m->actuators[i].name);
        dam_json_put_cstr_at(&w, "unit", m->actuators[i].unit);
        dam_opened_put_value(&w, "min", limit->min, decimals);
        dam_opened_put_value(&w, "max", limit->max, decimals);
        if (limit->step != 0) {
            dam_opened_put_value(&w, "step", limit->step, decimals);
        }
        dam_opened_put_value(&w, "safe", limit->safe, decimals);
        dam_json_put_object_end(&w);
    }
    dam_json_put_array_end(&w);
    dam_json_put_key(&w, "interlocks");
    dam_json_put_array(&w);
    for (size_t i = 0; i < m->rules.interlock_count; i++) {
        dam_json_put_object(&w);
        dam_json_put_u64_at(&w, "reason", DAM_FLOW_REASON_INTERLOCK + i);
        dam_json_put_cstr_at(&w, "text", m->interlock_texts[i]);
        dam_json_put_object_end(&w);
    }
    dam_json_put_array_end(&w);
    dam_json_put_object_end(&w);
    return dam_opened_print(&buf);
}

static int open_rules(const struct dam_args *args, struct dam_opened *ret)
{
    return dam_opened_open(args->count > 0 ? args->words[0] : NULL, DAM_OPENED_MANIFEST, ret);
}

static int show_part(int argc, char **argv)
{
    bool json = false;
    struct dam_args args;
    const struct dam_arg table[] = {{"--json", NULL, &json}, {NULL, NULL, NULL}};
    struct dam_opened opened;
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    int code = open_rules(&args, &opened);
    if (code == DAM_EXIT_OK) {
        code = json ? show_json(&opened.manifest) : show(&opened.manifest);
    }
    dam_opened_close(&opened);
    return code;
}

static int compile_part(int argc, char **argv)
{
    const char *out = NULL;
    struct dam_args args;
    const struct dam_arg table[] = {{"--out", &out, NULL}, {NULL, NULL, NULL}};
    struct dam_opened opened;
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    int code = open_rules(&args, &opened);
    code = code == DAM_EXIT_OK ? compile(&opened.manifest, out) : code;
    dam_opened_close(&opened);
    return code;
}

int dam_verb_rules(int argc, char **argv)
{
    static const struct dam_verb_part parts[] = {
        {"rules show", show_part}, {"rules compile", compile_part}, {NULL, NULL}};
    return dam_verb_part(argc, argv, parts);
}
