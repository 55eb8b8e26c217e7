// SPDX-License-Identifier: Apache-2.0
/* The verbs of a machine, one file each (verb_<name>.c). Each takes main's form and gives an exit
 * code. */
#ifndef DAM_APP_VERB_MACHINE_H
#define DAM_APP_VERB_MACHINE_H

int dam_verb_init(int argc, char **argv);
int dam_verb_up(int argc, char **argv);
int dam_verb_stop(int argc, char **argv);
int dam_verb_status(int argc, char **argv);
int dam_verb_why(int argc, char **argv);
int dam_verb_verify(int argc, char **argv);
int dam_verb_replay(int argc, char **argv);
int dam_verb_whatif(int argc, char **argv);
int dam_verb_config(int argc, char **argv);
int dam_verb_rules(int argc, char **argv);
int dam_verb_doctor(int argc, char **argv);
int dam_verb_watch(int argc, char **argv);

#endif
