// SPDX-License-Identifier: Apache-2.0
/* `dam ledger`: runs the embedded chain alone, and inspects, moves and repairs it. */
#ifndef DAM_APP_VERB_LEDGER_H
#define DAM_APP_VERB_LEDGER_H

#include <stdbool.h>

int dam_verb_ledger(int argc, char **argv);
/** The second word of `dam ledger import|export|check|stats|rollback`, if it is one. */
int dam_verb_ledger_tool(int argc, char **argv, bool *ret_known);

extern const char dam_verb_ledger_help[];

#endif
