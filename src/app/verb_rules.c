// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
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

static void show(const struct dam_manifest *m)
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
}

int dam_verb_rules(int argc, char **argv)
{
    const char *out = NULL;
    struct dam_args args;
    const struct dam_arg table[] = {{"--out", &out, NULL}, {NULL, NULL, NULL}};
    struct dam_opened opened;
    if (!dam_args_parse(argc, argv, table, 2, &args)) {
        return DAM_EXIT_USAGE;
    }
    bool is_compile = args.count > 0 && strcmp(args.words[0], "compile") == 0;
    if (!is_compile && (args.count < 1 || strcmp(args.words[0], "show") != 0)) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam rules show|compile [--out FILE] [DIR]",
                             "show or compile?");
    }
    int code = dam_opened_open(args.count > 1 ? args.words[1] : NULL, DAM_OPENED_MANIFEST, &opened);
    if (code == DAM_EXIT_OK && is_compile) {
        code = compile(&opened.manifest, out);
    } else if (code == DAM_EXIT_OK) {
        show(&opened.manifest);
    }
    dam_opened_close(&opened);
    return code;
}
