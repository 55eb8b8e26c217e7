// SPDX-License-Identifier: Apache-2.0
/* Arguments of verbs: a table of options and up to a few plain words. Every verb knows
 * --help; an unknown option is refused with the nearest known one. */
#ifndef DAM_APP_ARGS_H
#define DAM_APP_ARGS_H

#include "base/bytes.h"

#define DAM_ARGS_WORDS_MAX 4096

struct dam_arg {
    const char *name;   /* "--since" */
    const char **value; /* set to the text that follows; NULL for a switch */
    bool *flag;         /* set to true; NULL for an option with a value */
};

struct dam_args {
    const char *words[DAM_ARGS_WORDS_MAX];
    int count;
};

/** Take the arguments apart. Returns: true; false after printing what is wrong. In: argv[0]: the
 *  verb, or its part ("model train"); args: ended by an entry without a name. */
bool dam_args_parse(int argc, char **argv, const struct dam_arg *args, int words_max,
                    struct dam_args *ret);

/** A whole number. Returns: false if it is none. */
bool dam_args_u64(const char *text, uint64_t *ret);

/** A time: Unix seconds, an ISO date or time, or how long ago ("2h", "7d"). Returns: false if it is
 *  none of these. In: now_ms: for how long ago. */
bool dam_args_time(const char *text, int64_t now_ms, int64_t *ret_ms);

/** Is it the URL of a JSON-RPC endpoint? Returns: true; false after printing what is one. */
bool dam_args_rpc(const char *url);

#endif
