// SPDX-License-Identifier: Apache-2.0
/* What the test runners of `dam evm` share: finding the files, running them on several threads,
 * counting and reporting. Reports come out in the order of the files, whichever thread was first.
 * What takes long tells on stderr how far it is, and at which file. */
#ifndef DAM_APP_EVM_SUITE_H
#define DAM_APP_EVM_SUITE_H

#include "base/json.h"
#include "core/evm/evm.h"

struct dam_evm_suite_options {
    unsigned jobs; /* threads, at least 1 */
    bool json;
    bool trace;         /* EIP-3155 lines on stdout; one thread */
    const char *fork;   /* only cases of this fork; NULL: all */
    const char *filter; /* only tests whose name contains this; NULL: all */
};

/** Was this fork, as a file names it, asked for? "--fork Merge" asks for "Paris" as well; a
 *  transition and a fork of blob parameters only are asked for by their own names. */
bool dam_evm_suite_wants_fork(const struct dam_evm_suite_options *options, const char *fork);

/** Was the test of this name asked for? */
bool dam_evm_suite_wants_test(const struct dam_evm_suite_options *options,
                              const struct dam_json *name);

/* What came of one file. */
struct dam_evm_report {
    const char *file;
    unsigned passed;
    unsigned failed;
    unsigned skipped;
    struct dam_buf failures; /* a line each, text or JSON */
    struct dam_buf skips;
    bool json;
};

/* A case: where it is. */
struct dam_evm_case {
    const struct dam_json *name; /* the test's key */
    const char *fork;
    size_t index;
};

/** Count a case that did what it should. */
void dam_evm_report_pass(struct dam_evm_report *report);

/** Count a case that did not. In: expected, got: NUL-terminated, for people. */
void dam_evm_report_fail(struct dam_evm_report *report, const struct dam_evm_case *test,
                         const char *expected, const char *got);

/** Compare a hash, and count a failure if it is another.
 *  In: what: a name for it; want: the string in the file, NULL if it is missing. */
bool dam_evm_report_hash(struct dam_evm_report *report, const struct dam_evm_case *test,
                         const char *what, const struct dam_json *want, const struct dam_hash *got);

/** This is no test of the kind, or of no fork that is known: say why. It counts as neither. */
void dam_evm_report_skip(struct dam_evm_report *report, const struct dam_evm_case *test,
                         const char *why);

/* What a thread works with. */
struct dam_evm_worker {
    const struct dam_evm_suite_options *options;
    struct dam_evm *evm;
    struct dam_arena arena; /* reset before each file */
};

/** Runs the tests of one parsed file. */
typedef void dam_evm_file_fn(struct dam_evm_worker *worker, const struct dam_json *root,
                             struct dam_evm_report *report);

/** Run a verb: options and paths from argv (argv[0] is the verb's name), then all files.
 *  Returns: the exit code: 0 if at least one case ran and none failed. */
int dam_evm_suite_main(int argc, char **argv, dam_evm_file_fn *run);

#endif
