// SPDX-License-Identifier: Apache-2.0
#include "base/suggest.h"

#include <stdio.h>

#define WORD_MAX 40u /* longer words are like nothing */

_Static_assert(sizeof("did you mean ''?") + WORD_MAX <= DAM_SUGGEST_HINT_SIZE, "a hint has room");

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau's distance without moves of what was swapped ("optimal string alignment"). */
static size_t distance(struct dam_bytes a, struct dam_bytes b)
{
    size_t rows[3][WORD_MAX + 1]; /* row i is in rows[i % 3]: a swap looks back by two */
    if (a.len > WORD_MAX || b.len > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t k = 0; k <= b.len; k++) {
        rows[0][k] = k;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            bool same = a.data[i - 1] == b.data[k - 1];
            bool swapped =
                i > 1 && k > 1 && a.data[i - 1] == b.data[k - 2] && a.data[i - 2] == b.data[k - 1];
            row[k] = least(above[k - 1] + (same ? 0 : 1), least(above[k], row[k - 1]) + 1);
            row[k] = swapped ? least(row[k], rows[(i + 1) % 3][k - 2] + 1) : row[k];
        }
    }
    return rows[a.len % 3][b.len];
}

/* "--gpsd" of "--gpsd-port"; two dashes begin too much. */
static bool is_beginning(struct dam_bytes word, struct dam_bytes name)
{
    return word.len > 2 && name.len > word.len && name.len <= WORD_MAX &&
           memcmp(name.data, word.data, word.len) == 0;
}

const char *dam_suggest(struct dam_bytes word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t limit = word.len / 3 + 2; /* a distance from here on is no likeness */
    for (size_t i = 0; i < count; i++) {
        struct dam_bytes name = dam_bytes(names[i], strlen(names[i]));
        size_t d = is_beginning(word, name) ? 1 : distance(word, name);
        if (d < limit) {
            limit = d;
            best = names[i];
        }
    }
    return best;
}

const char *dam_suggest_hint(struct dam_bytes word, const char *const *names, size_t count,
                             const char *otherwise, char *hint)
{
    const char *meant = dam_suggest(word, names, count);
    if (meant == NULL) {
        return otherwise;
    }
    (void)snprintf(hint, DAM_SUGGEST_HINT_SIZE, "did you mean '%s'?", meant);
    return hint;
}
