// SPDX-License-Identifier: Apache-2.0
#include "app/verb.h"

#include <stdarg.h>
#include <stdio.h>

/* Sorted by the order in which a newcomer needs them. */
const struct dam_verb dam_verbs[] = {
    {0},
};

int dam_verb_fail(int code, const char *hint, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("error: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    if (hint != NULL) {
        (void)fprintf(stderr, "hint:  %s\n", hint);
    }
    return code;
}
