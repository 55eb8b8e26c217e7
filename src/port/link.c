// SPDX-License-Identifier: Apache-2.0
#include "port/link.h"

#include <stdio.h>
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

bool dam_link_option_path(const struct dam_link_setup *setup, const char *name, char *ret,
                          size_t size)
{
    const char *path = dam_link_option(setup, name, "");
    bool whole = path[0] == '/' || path[0] == 0;
    int len = snprintf(ret, size, "%s%s%s", whole ? "" : setup->folder, whole ? "" : "/", path);
    return len >= 0 && (size_t)len < size;
}

const char *dam_link_option_secret(const struct dam_link_setup *setup, const char *name, char *ret,
                                   size_t size)
{
    char path[4096];
    ret[0] = 0;
    if (dam_link_option(setup, name, NULL) == NULL) {
        return NULL;
    }
    FILE *file = dam_link_option_path(setup, name, path, sizeof(path)) ? fopen(path, "re") : NULL;
    if (file == NULL || fgets(ret, (int)size, file) == NULL) {
        ret[0] = 0;
    }
    if (file != NULL) {
        (void)fclose(file); /* only read from */
    }
    ret[strcspn(ret, "\r\n")] = 0;
    return ret[0] == 0 ? "the file with the secret cannot be read or is empty" : NULL;
}

bool dam_link_url(const char *url, const char *scheme, char *host, size_t size, unsigned *port)
{
    size_t skip = strlen(scheme);
    if (strncmp(url, scheme, skip) != 0) {
        return false;
    }
    const char *at = url + skip;
    const char *end = at[0] == '[' ? strchr(at, ']') : at + strcspn(at, ":/");
    if (end == NULL) {
        return false;
    }
    const char *first = at[0] == '[' ? at + 1 : at;
    const char *rest = at[0] == '[' ? end + 1 : end;
    size_t len = (size_t)(end - first);
    char *after = NULL;
    unsigned long number = *port;
    if (rest[0] == ':') {
        number = rest[1] < '0' || rest[1] > '9' ? 0 : strtoul(rest + 1, &after, 10);
        rest = after == NULL ? rest : after;
    }
    if (len == 0 || len >= size || rest[0] != 0 || number < 1 || number > 65535) {
        return false;
    }
    memcpy(host, first, len);
    host[len] = 0;
    *port = (unsigned)number;
    return true;
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

uint64_t dam_link_health_tell(struct dam_link_health *health, const struct dam_link_events *events,
                              bool up, const char *text)
{
    bool is_news = up != health->up || (!up && health->attempt == 0);
    health->up = up;
    if (is_news) {
        events->state(events->ctx, up, text);
    }
    if (up) {
        health->attempt = 0;
        return 0;
    }
    return dam_link_backoff_ms(&health->attempt, uv_hrtime());
}

bool dam_link_gate_pass(struct dam_link_gate *gate, uint64_t now_ms, unsigned rate_max)
{
    uint64_t full = (uint64_t)rate_max * 1000;
    uint64_t passed = now_ms > gate->last_ms ? now_ms - gate->last_ms : 0;
    gate->thousandths += passed > 1000 ? full : passed * rate_max;
    gate->thousandths = !gate->begun || gate->thousandths > full ? full : gate->thousandths;
    gate->begun = true;
    gate->last_ms = now_ms;
    if (gate->thousandths < 1000) {
        return false;
    }
    gate->thousandths -= 1000;
    return true;
}
