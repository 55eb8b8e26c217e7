// SPDX-License-Identifier: Apache-2.0
/* `dam`: finds the verb and runs it. */
#include "app/verb.h"
#include "base/assert.h"
#include "base/suggest.h"
#include "trade/link_access_pass.h"
#include "trade/link_energy_market.h"
#include "trade/link_errands.h"
#include "trade/link_job_board.h"
#include "trade/link_treasury.h"
#include "trade/link_upkeep.h"
#include "trade/link_x402.h"

#include <stdio.h>
#include <string.h>

#define VERBS_MAX 32u

/* Returns: NULL after telling that there is none. */
static const struct dam_verb *find(const char *name)
{
    const char *names[VERBS_MAX] = {"help"};
    size_t count = 1;
    for (const struct dam_verb *verb = dam_verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0) {
            return verb;
        }
        DAM_ASSERT(count < VERBS_MAX);
        names[count++] = verb->name;
    }
    char hint[DAM_SUGGEST_HINT_SIZE];
    (void)dam_verb_fail(DAM_EXIT_USAGE,
                        dam_suggest_hint(dam_bytes(name, strlen(name)), names, count,
                                         "`dam help` lists the verbs", hint),
                        "there is no verb '%s'", name);
    return NULL;
}

static void list_verbs(FILE *out)
{
    (void)fputs("dam: the runtime of decentralized autonomous machines\n\nusage: dam VERB "
                "[ARGUMENT...]\n\n",
                out);
    for (const struct dam_verb *verb = dam_verbs; verb->name != NULL; verb++) {
        (void)fprintf(out, "  %-14s %s\n", verb->name, verb->summary);
    }
    (void)fputs("\n`dam help VERB` tells more; `dam --version` tells the version.\n", out);
}

static int help(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "help") == 0) {
        list_verbs(stdout);
        return DAM_EXIT_OK;
    }
    const struct dam_verb *verb = find(argv[1]);
    if (verb == NULL) {
        return DAM_EXIT_USAGE;
    }
    (void)fputs(verb->help, stdout);
    return DAM_EXIT_OK;
}

int main(int argc, char **argv)
{
    dam_link_kind_add(&dam_link_access_pass);
    dam_link_kind_add(&dam_link_energy_market);
    dam_link_kind_add(&dam_link_job_board);
    dam_link_kind_add(&dam_link_errands);
    dam_link_kind_add(&dam_link_treasury);
    dam_link_kind_add(&dam_link_upkeep);
    dam_link_kind_add(&dam_link_x402);
    if (argc < 2) {
        list_verbs(stderr);
        return DAM_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        (void)puts("dam " DAM_VERSION);
        return DAM_EXIT_OK;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        return help(argc - 1, argv + 1);
    }
    const struct dam_verb *verb = find(argv[1]);
    if (verb == NULL) {
        return DAM_EXIT_USAGE;
    }
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            (void)fputs(verb->help, stdout);
            return DAM_EXIT_OK;
        }
    }
    return verb->run(argc - 1, argv + 1);
}
