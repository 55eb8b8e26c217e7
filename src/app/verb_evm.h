// SPDX-License-Identifier: Apache-2.0
/* The parts of `dam evm`, one file each: verb_evm_<name>.c. argv[0] is the part's name. */
#ifndef DAM_APP_VERB_EVM_H
#define DAM_APP_VERB_EVM_H

int dam_verb_evm(int argc, char **argv);

extern const char dam_verb_evm_help[];

int dam_evm_statetest_main(int argc, char **argv);
int dam_evm_blocktest_main(int argc, char **argv);
int dam_evm_txtest_main(int argc, char **argv);
int dam_evm_run_main(int argc, char **argv);
int dam_evm_bench_main(int argc, char **argv);
int dam_evm_trace_main(int argc, char **argv);

#endif
