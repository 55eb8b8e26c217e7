// SPDX-License-Identifier: Apache-2.0
/* `dam bench ...`: public benchmarks and comparisons with peers. Private to this room. */
#ifndef DAM_APP_VERB_BENCH_H
#define DAM_APP_VERB_BENCH_H

#include <stdbool.h>
#include <stdint.h>

extern const char dam_verb_bench_help[];

struct dam_bench_energy {
    const char *folder; /* .../a-microgrid */
    const char *only;   /* a case, the family before a '/', or NULL */
    uint64_t jobs;      /* cases at a time; 0: one for each processor */
    uint64_t turns;     /* only so many from the beginning; 0: all */
    bool by_evm;        /* the bytecode decides (and C is compared), else C alone */
    bool json;
};

/** Print the table. Returns: the exit code; 1 too if bytecode and C ever differ. */
int dam_bench_energy(const struct dam_bench_energy *how);

/** One decision at a time beside the library that the model came from. */
int dam_bench_model(int argc, char **argv);

/** Every public benchmark, one line each. */
int dam_bench_decisions(int argc, char **argv);

/** A turn of a machine: deciding, making it durable, telling the devices. */
int dam_bench_machine(int argc, char **argv);

/** The verb. */
int dam_verb_bench(int argc, char **argv);

#endif
