// SPDX-License-Identifier: Apache-2.0
/* `dam model ...`. Private to this room. */
#ifndef DAM_APP_VERB_MODEL_H
#define DAM_APP_VERB_MODEL_H

#include "model/model.h"
#include "model/rows.h"

extern const char dam_verb_model_help[];

/** The verb. */
int dam_verb_model(int argc, char **argv);

/* Its parts. argv[0] is the part's name. */
int dam_verb_model_verify(int argc, char **argv);
int dam_verb_model_make(int argc, char **argv);
int dam_verb_model_train(int argc, char **argv);

/* Files as the verbs read them: each prints what is wrong and returns the exit code. */

/** Any file. Out: its bytes, free them. */
int dam_model_read_file(const char *path, struct dam_bytes *ret);

/** Write a whole file. */
int dam_model_write_file(const char *path, struct dam_bytes data);

/** A blob. Out: ret_blob: its bytes, free them; may be NULL. */
int dam_model_read_blob(const char *path, struct dam_model *ret, struct dam_bytes *ret_blob);

/** A table of numbers. In: path: NULL is complained of, too. */
int dam_model_read_rows(const char *path, struct dam_rows *ret);

#endif
