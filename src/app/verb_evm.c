// SPDX-License-Identifier: Apache-2.0
#include "app/verb_evm.h"

#include "app/verb.h"

#include <stddef.h>

const char dam_verb_evm_help[] =
    "usage: dam evm statetest PATH... [--json] [--jobs N] [--fork F] [--filter TEXT] [--trace]\n"
    "       dam evm blocktest PATH... [--json] [--jobs N] [--fork F] [--filter TEXT] [--trace]\n"
    "       dam evm txtest PATH... [--json] [--jobs N] [--fork F] [--filter TEXT]\n"
    "       dam evm run --code HEX [--input HEX] [--gas N] [--fork F] [--trace] [--json]\n"
    "       dam evm trace FILE [--tracer NAME] [--config JSON]\n"
    "       dam evm bench FILE... [--runs N] [--json]\n\n"
    "statetest and blocktest run files, or folders of files, of Ethereum's GeneralStateTests and\n"
    "BlockchainTests: one line a failure (file, test, fork, index, expected, got), then the "
    "count.\n"
    "txtest does the same for TransactionTests: is a raw transaction valid, who sent it.\n"
    "What is not a test of that kind is skipped, with a reason. The exit code is 1 if anything\n"
    "failed or nothing was run. --fork takes the name in the files (Osaka, BPO1,\n"
    "PragueToOsakaAtTime15k), --filter a part of a test's name. --trace prints EIP-3155 lines.\n"
    "What takes long says on standard error how far it is.\n"
    "run executes code with calldata on an empty world and prints its output, status and gas,\n"
    "or with --trace the steps and then output and gas in one line.\n"
    "trace runs a transaction on the state of a file {genesis, context, input} and prints what a\n"
    "tracer tells: callTracer, flatCallTracer, prestateTracer, 4byteTracer, erc7562Tracer,\n"
    "noopTracer, muxTracer; --config is its tracerConfig, as debug_traceTransaction takes it.\n"
    "bench times the cases of state-test files: gas, microseconds and Mgas/s, best of N runs, and\n"
    "the most memory that the program has had.\n";

int dam_verb_evm(int argc, char **argv)
{
    static const struct dam_verb_part parts[] = {
        {"evm statetest", dam_evm_statetest_main},
        {"evm blocktest", dam_evm_blocktest_main},
        {"evm txtest", dam_evm_txtest_main},
        {"evm run", dam_evm_run_main},
        {"evm trace", dam_evm_trace_main},
        {"evm bench", dam_evm_bench_main},
        {NULL, NULL},
    };
    return dam_verb_part(argc, argv, parts);
}
