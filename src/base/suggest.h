// SPDX-License-Identifier: Apache-2.0
/* What a misspelt word was meant to be: for the hint beside a refusal of an option, a key or a
 * verb. It only suggests; nobody acts on it. */
#ifndef DAM_BASE_SUGGEST_H
#define DAM_BASE_SUGGEST_H

#include "base/bytes.h"

#define DAM_SUGGEST_HINT_SIZE 64u

/** The name that looks most like the word: the fewest letters put in, left out, changed, or swapped
 *  with a neighbour, at most one more than a third of the word's. A name that the word begins is as
 *  close as one with a wrong letter.
 *  Returns: one of names, the first of equals; NULL if none is close.
 *  In:      names: count NUL-terminated names. */
const char *dam_suggest(struct dam_bytes word, const char *const *names, size_t count);

/** The same as a hint: "did you mean 'NAME'?".
 *  Returns: hint; `otherwise`, which may be NULL, if none is close.
 *  Out:     hint: at least DAM_SUGGEST_HINT_SIZE bytes. */
const char *dam_suggest_hint(struct dam_bytes word, const char *const *names, size_t count,
                             const char *otherwise, char *hint);

#endif
