// SPDX-License-Identifier: Apache-2.0
/* `dam model ...`. Private to this room. */
#ifndef DAM_APP_VERB_MODEL_H
#define DAM_APP_VERB_MODEL_H

extern const char dam_verb_model_help[];

/** The verb. */
int dam_verb_model(int argc, char **argv);

#endif
