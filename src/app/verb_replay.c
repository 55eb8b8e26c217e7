// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"
#include "base/heap.h"
#include "base/hex.h"

#include <inttypes.h>
#include <time.h>

/* "A..B" (B included), "A..", "A" or "all". */
static bool range_read(const char *text, uint64_t size, struct dam_history_range *ret)
{
    char first[24] = "";
    const char *dots = strstr(text, "..");
    size_t len = dots == NULL ? strlen(text) : (size_t)(dots - text);
    *ret = (struct dam_history_range){0, size};
    if (strcmp(text, "all") == 0) {
        return true;
    }
    if (len >= sizeof(first)) {
        return false;
    }
    memcpy(first, text, len);
    if (!dam_args_u64(first, &ret->first)) {
        return false;
    }
    if (dots == NULL) {
        ret->end = ret->first + 1;
    } else if (dots[2] != 0) {
        if (!dam_args_u64(dots + 2, &ret->end)) {
            return false;
        }
        ret->end++;
    }
    return ret->first < ret->end || (dots != NULL && dots[2] == 0);
}

static int print(const struct dam_history_replayed *r, const struct dam_history_finding *f,
                 struct dam_history_range range, double seconds, bool json)
{
    char digest[65];
    if (range.end - range.first == 1 && r->decisions == 0 && r->foreign == 0) {
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, "`dam why` shows what it is",
                             "leaf %" PRIu64 " is no decision", range.first);
    }
    dam_hex_encode(r->digest.b, 32, digest);
    if (json) {
        (void)printf("{\"decisions\":%" PRIu64 ",\"same\":%" PRIu64 ",\"different\":%" PRIu64
                     ",\"foreign\":%" PRIu64 ",\"digest\":\"0x%s\",\"seconds\":%.3f}\n",
                     r->decisions, r->same, r->different, r->foreign, digest, seconds);
    } else {
        (void)printf("%" PRIu64 " decisions run again: %" PRIu64
                     " the same to the last bit, %" PRIu64 " different, %" PRIu64
                     " by code that is not here\n"
                     "digest %s; %.3f s, %.0f decisions/s\n",
                     r->decisions, r->same, r->different, r->foreign, digest, seconds,
                     seconds > 0 ? (double)r->decisions / seconds : 0);
    }
    if (r->different > 0) {
        return dam_verb_fail(DAM_EXIT_FAILED, "`dam why` shows the leaf", "leaf %" PRIu64 ": %s",
                             f->seq, f->text);
    }
    return DAM_EXIT_OK;
}

int dam_verb_replay(int argc, char **argv)
{
    bool json = false;
    struct dam_args args;
    const struct dam_arg table[] = {{"--json", NULL, &json}, {NULL, NULL, NULL}};
    struct dam_opened opened;
    struct dam_history_range range;
    struct dam_history_replayed replayed;
    struct dam_history_finding finding;
    struct timespec start;
    struct timespec end;
    if (!dam_args_parse(argc, argv, table, 2, &args)) {
        return DAM_EXIT_USAGE;
    }
    const char *text = args.count > 0 ? args.words[0] : "all";
    int code = dam_opened_open(args.count > 1 ? args.words[1] : NULL,
                               DAM_OPENED_EVIDENCE | DAM_OPENED_LAW, &opened);
    uint64_t size = code == DAM_EXIT_OK ? dam_evidence_size(opened.evidence) : 0;
    if (code == DAM_EXIT_OK && !range_read(text, size, &range)) {
        code = dam_verb_fail(DAM_EXIT_USAGE, "write FIRST..LAST, FIRST.., ONE or all",
                             "'%s' is no range of leaves", text);
    } else if (code == DAM_EXIT_OK && (range.end > size || range.first > size)) {
        code = dam_verb_fail(DAM_EXIT_NOT_FOUND, NULL, "there are %" PRIu64 " leaves, not %s", size,
                             text);
    }
    if (code == DAM_EXIT_OK) {
        char label[] = "replaying";
        const struct dam_history_progress progress = {dam_opened_progress, label};
        (void)clock_gettime(CLOCK_MONOTONIC, &start);
        enum dam_err err = dam_history_replay(opened.evidence, opened.decider, &opened.manifest,
                                              &opened.law, range, &progress, &replayed, &finding);
        (void)clock_gettime(CLOCK_MONOTONIC, &end);
        double seconds =
            (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
        code = err == DAM_OK ? print(&replayed, &finding, range, seconds, json)
                             : dam_opened_fail_at(&finding, err);
    }
    dam_opened_close(&opened);
    return code;
}
