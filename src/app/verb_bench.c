// SPDX-License-Identifier: Apache-2.0
#include "app/verb_bench.h"

#include "app/verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int energy(int argc, char **argv)
{
    char folder[1024];
    const char *shared = getenv("DAM_SHARED");
    struct dam_bench_energy how = {.by_evm = true};
    (void)snprintf(folder, sizeof(folder), "%s/data/a-microgrid",
                   shared == NULL ? "../shared" : shared);
    how.folder = folder;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--data") == 0 && i + 1 < argc) {
            how.folder = argv[++i];
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            how.only = argv[++i];
        } else if (strcmp(argv[i], "--turns") == 0 && i + 1 < argc) {
            how.turns = strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--native") == 0) {
            how.by_evm = false;
        } else if (strcmp(argv[i], "--json") == 0) {
            how.json = true;
        } else {
            return dam_verb_fail(DAM_EXIT_USAGE, "`dam help bench` lists the options",
                                 "dam bench energy does not know '%s'", argv[i]);
        }
    }
    int code = dam_bench_energy(&how);
    if (code == DAM_EXIT_NOT_FOUND) {
        return dam_verb_fail(code, "say where the data are: --data FOLDER or DAM_SHARED",
                             "no benchmark data in %s", how.folder);
    }
    return code;
}

int dam_verb_bench(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "energy") == 0) {
        return energy(argc - 1, argv + 1);
    }
    return dam_verb_fail(DAM_EXIT_USAGE, "`dam help bench` tells more",
                         "dam bench needs a benchmark: energy");
}
