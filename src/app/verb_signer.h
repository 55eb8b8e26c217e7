// SPDX-License-Identifier: Apache-2.0
/* The verbs around the signer: the process itself, and what its operator does with its folder. */
#ifndef DAM_APP_VERB_SIGNER_H
#define DAM_APP_VERB_SIGNER_H

int dam_verb_signer(int argc, char **argv);
int dam_verb_signer_process(int argc, char **argv);

#endif
