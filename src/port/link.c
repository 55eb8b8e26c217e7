// SPDX-License-Identifier: Apache-2.0
#include "port/link.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_MS_MIN 250u
#define BACKOFF_MS_MAX 30000u

const struct dam_link_kind *dam_link_kind_find(const char *name)
{
    for (size_t i = 0; dam_link_kinds[i] != NULL; i++) {
        if (strcmp(dam_link_kinds[i]->name, name) == 0) {
            return dam_link_kinds[i];
        }
    }
    return NULL;
}

const char *dam_link_option(const struct dam_link_setup *setup, const char *name,
                            const char *fallback)
{
    for (size_t i = 0; i < setup->option_count; i++) {
        if (strcmp(setup->options[i].name, name) == 0) {
            return setup->options[i].value;
        }
    }
    return fallback;
}

enum dam_err dam_link_option_number(const struct dam_link_setup *setup, const char *name,
                                    long fallback, long min, long max, long *ret)
{
    const char *text = dam_link_option(setup, name, NULL);
    if (text == NULL) {
        *ret = fallback;
        return DAM_OK;
    }
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end != 0 || value < min || value > max) {
        return DAM_EPARSE;
    }
    *ret = value;
    return DAM_OK;
}

uint64_t dam_link_backoff_ms(unsigned *attempt, uint64_t random)
{
    uint64_t ms = BACKOFF_MS_MAX;
    if (*attempt < 7) {
        ms = (uint64_t)BACKOFF_MS_MIN << *attempt;
        ms = ms < BACKOFF_MS_MAX ? ms : BACKOFF_MS_MAX;
        (*attempt)++;
    }
    return ms + random % (ms / 4);
}
