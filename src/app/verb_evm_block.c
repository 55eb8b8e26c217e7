// SPDX-License-Identifier: Apache-2.0
#include "app/verb_evm.h"
int dam_evm_blocktest_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 1;
}
int dam_evm_run_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 1;
}
int dam_evm_bench_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 1;
}
