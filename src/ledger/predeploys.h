// SPDX-License-Identifier: Apache-2.0
/* Contracts that are in the built-in genesis, at the addresses where tools look for them. Read by
 * ledger/genesis.c only. */
#ifndef DAM_LEDGER_PREDEPLOYS_H
#define DAM_LEDGER_PREDEPLOYS_H

#define DAM_PREDEPLOY_COUNT 6

struct dam_predeploy {
    const char *address; /* 40 hex digits */
    const char *code;    /* hex digits */
};

extern const struct dam_predeploy dam_predeploys[DAM_PREDEPLOY_COUNT];

#endif
