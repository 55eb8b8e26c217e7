// SPDX-License-Identifier: Apache-2.0
/* The one list of ways in which the world can fail (STYLE 19). A function that can fail returns
 * `enum dam_err`: DAM_OK (0) or a negative number. "The answer is no" (a veto, a revert) is never
 * an error but a value in the result; our own bugs are DAM_ASSERT. The numbers are printed and
 * logged: do not renumber, append. */
#ifndef DAM_BASE_ERR_H
#define DAM_BASE_ERR_H

#include "base/attr.h"

#include <stdbool.h>

#define DAM_ERR_LIST(X)                                                                            \
    X(OK, 0, "no error")                                                                           \
    X(ENOMEM, -1, "out of memory, or a stated memory limit is reached")                            \
    X(EPARSE, -2, "malformed input")                                                               \
    X(ERANGE, -3, "a value is outside its range")                                                  \
    X(EFULL, -4, "a bounded container is full")                                                    \
    X(ENOTFOUND, -5, "not found")                                                                  \
    X(EEXIST, -6, "already there")                                                                 \
    X(EIO, -7, "input or output failed")                                                           \
    X(ECORRUPT, -8, "stored data does not match its checksum or its form")                         \
    X(EVERSION, -9, "unknown version of a format")                                                 \
    X(EUNSUPPORTED, -10, "not supported here")                                                     \
    X(ETIMEOUT, -11, "timed out")                                                                  \
    X(ECLOSED, -12, "closed by the other side")                                                    \
    X(EREFUSED, -13, "refused by policy or governance")                                            \
    X(EAGAIN, -14, "not ready, try again")                                                         \
    X(ENOSPC, -15, "no space left on the device")                                                  \
    X(ESIGNATURE, -16, "a signature does not verify")                                              \
    X(ECONFLICT, -17, "contradicts what is already recorded")                                      \
    X(ENOHOST, -18, "no host of this name is known")                                               \
    X(EUNREACHABLE, -19, "no connection: nobody listens there, or no way leads there")

enum dam_err {
#define X(name, number, text) DAM_##name = (number),
    DAM_ERR_LIST(X)
#undef X
};

/** The name of an error, as "EPARSE". Returns: static text; "E?" for a number that is not in the
 * list. */
const char *dam_err_name(enum dam_err err);

/** One sentence for people. Returns: static text, never NULL. */
const char *dam_err_text(enum dam_err err);

/** Did whoever was asked give no answer: not found, not reached, silent, gone, or cut off? Nothing
 * is known then of what was asked, and a later try may do. */
bool dam_err_is_no_answer(enum dam_err err);

/** Leave the enclosing function with the error of `expr` if there is one. */
#define DAM_TRY(expr)                                                                              \
    do {                                                                                           \
        enum dam_err dam_try_ = (expr);                                                            \
        if (dam_try_ != DAM_OK) {                                                                  \
            return dam_try_;                                                                       \
        }                                                                                          \
    } while (0)

#endif
