// SPDX-License-Identifier: Apache-2.0
#ifndef DAM_APP_VERB_DEPLOY_H
#define DAM_APP_VERB_DEPLOY_H

int dam_verb_deploy(int argc, char **argv);

extern const char dam_verb_deploy_help[];

#endif
