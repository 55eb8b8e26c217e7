// SPDX-License-Identifier: Apache-2.0
/* `dam ledger`: runs the embedded chain alone, and inspects, moves and repairs it. */
#ifndef DAM_APP_VERB_LEDGER_H
#define DAM_APP_VERB_LEDGER_H

/** The verb. */
int dam_verb_ledger(int argc, char **argv);

/** Its parts: `dam ledger import|export|check|stats|rollback`. */
int dam_verb_ledger_tool(int argc, char **argv);

extern const char dam_verb_ledger_help[];

#endif
