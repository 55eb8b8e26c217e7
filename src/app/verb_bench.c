// SPDX-License-Identifier: Apache-2.0
#include "app/verb_bench.h"

#include "app/args.h"
#include "app/verb.h"

#include <stdio.h>
#include <stdlib.h>

const char dam_verb_bench_help[] =
    "usage: dam bench decisions [--data FOLDER] [--only BENCHMARK] [--bytecode TURNS] [--json]\n"
    "       dam bench energy [--data FOLDER] [--only CASE] [--turns N] [--native] [--jobs N]\n"
    "                        [--json]\n"
    "       dam bench model BLOB --data ROWS.csv [--onnx FILE | --xgboost FILE]\n"
    "                       [--library SO] [--json]\n"
    "       dam bench machine DIR [--turns N] [--json]\n\n"
    "decisions: every public benchmark that there is data for (FOLDER is shared/data): what doing\n"
    "nothing, the usual rule, the best that is known and our deciders reach. docs/decisions.md.\n"
    "--only names one of them, or a family: pymgrid25/1, pymgrid25. irrigation needs AquaCrop:\n"
    "$DAM_AQUACROP is the command that starts it (bench/decisions/run). --bytecode lets the mind\n"
    "of building decide so many turns by its bytecode, too; C must give the same bits.\n\n"
    "energy: storage control on pymgrid25 and Power Laws: prints what doing nothing, the standard\n"
    "rule, perfect foresight (the bound) and our planner cost. The bytecode of PlannerMind "
    "decides\n"
    "every turn and sees only the past and the running slot; C must give the same bits.\n"
    "FOLDER is shared/data/a-microgrid. --native lets the C planner decide alone (fast).\n\n"
    "model: time for one decision by our integers, by the portable kernel, by the mind's bytecode\n"
    "and by ONNX Runtime or XGBoost through its C interface on one thread, all in one run. The\n"
    "library is $DAM_ONNXRUNTIME or $DAM_XGBOOST, --library, or what the system finds.\n\n"
    "machine: how long a turn of DIR's machine takes until its decision is durable and its "
    "devices\n"
    "are told. DAM_EVIDENCE_SYNC=false leaves the disk out.\n";

static int energy(int argc, char **argv)
{
    char folder[1024];
    const char *shared = getenv("DAM_SHARED");
    static struct dam_args args;
    struct dam_bench_energy how = {0};
    const char *turns = NULL;
    const char *jobs = NULL;
    bool native = false;
    const struct dam_arg table[] = {
        {"--data", &how.folder, NULL},
        {"--only", &how.only, NULL},
        {"--turns", &turns, NULL},
        {"--jobs", &jobs, NULL},
        {"--native", NULL, &native},
        {"--json", NULL, &how.json},
        {NULL, NULL, NULL},
    };
    (void)snprintf(folder, sizeof(folder), "%s/data/a-microgrid",
                   shared == NULL ? "../shared" : shared);
    how.folder = folder;
    if (!dam_args_parse(argc, argv, table, 0, &args)) {
        return DAM_EXIT_USAGE;
    }
    if ((turns != NULL && !dam_args_u64(turns, &how.turns)) ||
        (jobs != NULL && !dam_args_u64(jobs, &how.jobs))) {
        return dam_verb_fail(DAM_EXIT_USAGE, NULL, "--turns and --jobs are whole numbers");
    }
    how.by_evm = !native;
    int code = dam_bench_energy(&how);
    if (code == DAM_EXIT_NOT_FOUND) {
        return dam_verb_fail(code, "say where the data are: --data FOLDER or DAM_SHARED",
                             "no benchmark data in %s", how.folder);
    }
    return code;
}

int dam_verb_bench(int argc, char **argv)
{
    static const struct dam_verb_part parts[] = {
        {"bench decisions", dam_bench_decisions},
        {"bench energy", energy},
        {"bench machine", dam_bench_machine},
        {"bench model", dam_bench_model},
        {NULL, NULL},
    };
    return dam_verb_part(argc, argv, parts);
}
