// SPDX-License-Identifier: Apache-2.0
/* `dam deploy`: verb_deploy.c runs it; verb_deploy_file.c reads its settings and keeps its result.
 */
#ifndef DAM_APP_VERB_DEPLOY_H
#define DAM_APP_VERB_DEPLOY_H

#include "chain/deploy.h"

int dam_verb_deploy(int argc, char **argv);

extern const char dam_verb_deploy_help[];

/** The whole of a file. Returns: DAM_OK; DAM_ENOTFOUND; DAM_EIO, also for one that is too long;
 * DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_deploy_file_read(struct dam_arena *arena, const char *path,
                                               struct dam_bytes *ret);

/* Settings as they come in; all text is in the arena. */
struct dam_deploy_settings {
    struct dam_deploy_setting list[DAM_DEPLOY_SETTINGS_MAX];
    size_t count;
};

/** Add one; the first of a name counts. A value "@FILE" of a file that is there becomes its bytes,
 * as hex. Returns: DAM_OK; DAM_EFULL; DAM_EIO; DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_deploy_setting_add(struct dam_arena *arena,
                                                 struct dam_deploy_settings *settings,
                                                 const char *name, const char *value);

/** Add those of a TOML file: keys are names; lists and tables are written as such. Returns: an exit
 * code, after saying what is wrong. */
int dam_deploy_settings_read(struct dam_arena *arena, struct dam_deploy_settings *settings,
                             const char *path);

/** What a deployment left behind, as JSON (deployments/CHAIN_ID.json): its own contracts, and those
 *  of `old` that are still on the chain.
 *  In: old: what the file said before; empty: nothing. label: of the sets; NULL: the set's name. */
DAM_MUST_USE enum dam_err dam_deploy_result_put(struct dam_arena *arena, struct dam_remote *chain,
                                                const struct dam_deploy_plan *plan,
                                                const char *label, struct dam_bytes old,
                                                struct dam_buf *buf);

/** Replace a file as a whole. Returns: DAM_OK, DAM_EIO. */
DAM_MUST_USE enum dam_err dam_deploy_file_write(const char *path, struct dam_bytes text);

#endif
