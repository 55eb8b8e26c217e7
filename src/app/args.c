// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"

#include "app/verb.h"
#include "base/suggest.h"
#include "base/u256_text.h"
#include "machine/manifest.h"
#include "port/http_client.h"
#include "port/link_csv.h"

#include <stdio.h>
#include <string.h>

static const struct dam_arg *find(const struct dam_arg *args, const char *text, size_t len)
{
    for (; args->name != NULL; args++) {
        if (strlen(args->name) == len && memcmp(args->name, text, len) == 0) {
            return args;
        }
    }
    return NULL;
}

static bool unknown(const char *verb, const struct dam_arg *args, const char *text)
{
    const char *names[32];
    size_t count = 0;
    for (; args->name != NULL && count < DAM_COUNT_OF(names); args++) {
        names[count++] = args->name;
    }
    char help[80];
    char hint[DAM_SUGGEST_HINT_SIZE];
    (void)snprintf(help, sizeof(help), "`dam help %s` lists the options", verb);
    (void)dam_verb_fail(
        DAM_EXIT_USAGE,
        dam_suggest_hint(dam_bytes(text, strcspn(text, "=")), names, count, help, hint),
        "dam %s has no option '%s'", verb, text);
    return false;
}

bool dam_args_parse(int argc, char **argv, const struct dam_arg *args, int words_max,
                    struct dam_args *ret)
{
    bool only_words = false;
    ret->count = 0;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        if (only_words || text[0] != '-' || text[1] == 0) {
            if (ret->count == words_max) {
                char hint[80];
                (void)snprintf(hint, sizeof(hint), "`dam help %s` tells the usage", argv[0]);
                (void)dam_verb_fail(DAM_EXIT_USAGE, hint, "one argument too many: '%s'", text);
                return false;
            }
            ret->words[ret->count++] = text;
            continue;
        }
        if (strcmp(text, "--") == 0) {
            only_words = true;
            continue;
        }
        size_t len = strcspn(text, "=");
        const struct dam_arg *arg = find(args, text, len);
        if (arg == NULL || (text[len] == '=' && arg->value == NULL)) {
            return unknown(argv[0], args, text);
        }
        if (arg->value == NULL) {
            *arg->flag = true;
        } else if (text[len] == '=') {
            *arg->value = text + len + 1;
        } else if (i + 1 < argc) {
            *arg->value = argv[++i];
        } else {
            (void)dam_verb_fail(DAM_EXIT_USAGE, NULL, "the option '%s' needs a value", text);
            return false;
        }
    }
    return true;
}

bool dam_args_u64(const char *text, uint64_t *ret)
{
    struct dam_u256 value;
    return dam_u256_from_dec(text, strlen(text), &value) == DAM_OK && dam_u256_to_u64(&value, ret);
}

bool dam_args_time(const char *text, int64_t now_ms, int64_t *ret_ms)
{
    int64_t ms = 0;
    if (dam_manifest_duration(dam_bytes(text, strlen(text)), &ms) == DAM_OK) {
        *ret_ms = now_ms - ms;
        return true;
    }
    return dam_csv_time(text, 1000, ret_ms) == DAM_OK || dam_csv_time(text, 0, ret_ms) == DAM_OK;
}

bool dam_args_rpc(const char *url)
{
    bool ok = dam_http_client_takes(url);
    if (!ok) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, "its URL begins with " DAM_HTTP_CLIENT_SCHEMES,
                            "'%s' is no JSON-RPC endpoint", url);
    }
    return ok;
}
