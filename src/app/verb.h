// SPDX-License-Identifier: Apache-2.0
/* The verbs of `dam`: one table (verb.c), one file a verb (verb_<name>.c). Data goes to stdout,
 * talk to stderr. */
#ifndef DAM_APP_VERB_H
#define DAM_APP_VERB_H

/* Exit codes, documented in docs/exit-codes.md. Do not renumber. */
enum dam_exit {
    DAM_EXIT_OK = 0,
    DAM_EXIT_FAILED = 1,
    DAM_EXIT_USAGE = 2,
    DAM_EXIT_NOT_READY = 3,
    DAM_EXIT_NOT_FOUND = 4,
    DAM_EXIT_REFUSED = 5,
    DAM_EXIT_FUNDS = 6,
    DAM_EXIT_TIMEOUT = 7,
    DAM_EXIT_CONFIG = 8,
    DAM_EXIT_EQUIVOCATION = 9,
    DAM_EXIT_INTERRUPTED = 130,
};

struct dam_verb {
    const char *name;
    const char *summary; /* one line for `dam help` */
    const char *help;    /* the whole page for `dam help VERB` and `dam VERB --help` */
    /* Runs the verb. argv[0] is the verb's name. Returns the exit code. */
    int (*run)(int argc, char **argv);
};

/** The table, ended by an entry without a name. */
extern const struct dam_verb dam_verbs[];

/** Print what was wrong, where and what to do, in one form for all verbs. Returns: code, so that a
 * verb can return it. */
int dam_verb_fail(int code, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A part of a verb. */
struct dam_verb_part {
    const char *name; /* with the verb's: "model train" */
    /* Runs the part. argv[0] is the name above. Returns the exit code. */
    int (*run)(int argc, char **argv);
};

/** Run the part that argv[1] names. Returns: its exit code, or DAM_EXIT_USAGE after telling which
 * parts there are. In: argc, argv: the verb's; parts: ended by an entry without a name. */
int dam_verb_part(int argc, char **argv, const struct dam_verb_part *parts);

/* The verbs without a header of their own. */
int dam_verb_completion(int argc, char **argv);

#endif
