// SPDX-License-Identifier: Apache-2.0
#include "app/evm_suite.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/args.h"
#include "app/evm_json.h"
#include "app/verb.h"
#include "base/heap.h"
#include "base/hex.h"

#define JOBS_MAX 256u
#define TELL_TTY_S 1  /* a line on a terminal is written anew so often, */
#define TELL_LOG_S 30 /* in a log there is another one */

/* What a thread is busy with. */
struct busy {
    const char *file; /* NULL: nothing */
    time_t since;
};

struct suite {
    struct dam_evm_suite_options options;
    dam_evm_file_fn *run;
    char **files;
    size_t file_count;
    size_t file_capacity;
    struct dam_evm_report *reports;
    atomic_size_t next;

    /* For who tells how far it is. */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool over;
    size_t files_done;
    unsigned failed;
    time_t begun;
    struct busy busy[JOBS_MAX];
};

/* ---- reports --------------------------------------------------------------------------------- */

void dam_evm_report_pass(struct dam_evm_report *report)
{
    report->passed++;
}

static void put_member(struct dam_json_writer *w, const char *key, const char *value)
{
    dam_json_put_key(w, key);
    dam_json_put_cstr(w, value);
}

/* {"file": .., "test": .., "fork": .., "index": ..: the caller adds the rest and the brace. */
static struct dam_json_writer put_case(struct dam_buf *lines, const char *file,
                                       const struct dam_evm_case *test)
{
    struct dam_json_writer w = {.buf = lines};
    dam_json_put_object(&w);
    put_member(&w, "file", file);
    dam_json_put_key(&w, "test");
    dam_json_put_string(&w, test->name->text, test->name->len);
    put_member(&w, "fork", test->fork);
    dam_json_put_key(&w, "index");
    dam_json_put_u64(&w, test->index);
    return w;
}

/* WHAT FILE TEST FORK */
static void put_place(struct dam_buf *lines, const char *what, const char *file,
                      const struct dam_evm_case *test)
{
    dam_buf_put_text(lines, what);
    dam_buf_put_text(lines, file);
    dam_buf_put_text(lines, " ");
    dam_buf_put(lines, test->name->text, test->name->len);
    dam_buf_put_text(lines, " ");
    dam_buf_put_text(lines, test->fork);
}

void dam_evm_report_fail(struct dam_evm_report *report, const struct dam_evm_case *test,
                         const char *expected, const char *got)
{
    struct dam_buf *lines = &report->failures;
    report->failed++;
    if (report->json) {
        struct dam_json_writer w = put_case(lines, report->file, test);
        put_member(&w, "expected", expected);
        put_member(&w, "got", got);
        dam_json_put_object_end(&w);
    } else {
        put_place(lines, "FAIL ", report->file, test);
        dam_buf_put_text(lines, " ");
        dam_buf_put_u64(lines, test->index);
        dam_buf_put_text(lines, ": expected ");
        dam_buf_put_text(lines, expected);
        dam_buf_put_text(lines, ", got ");
        dam_buf_put_text(lines, got);
    }
    dam_buf_put_text(lines, "\n");
}

bool dam_evm_report_hash(struct dam_evm_report *report, const struct dam_evm_case *test,
                         const char *what, const struct dam_json *want, const struct dam_hash *got)
{
    struct dam_hash wanted;
    char expected[100];
    char hex[67] = "0x";
    if (dam_json_hex_exact(want, wanted.b, sizeof(wanted.b)) == DAM_OK &&
        dam_hash_eq(&wanted, got)) {
        return true;
    }
    const bool is_text = want != NULL && want->type == DAM_JSON_STRING;
    (void)snprintf(expected, sizeof(expected), "%s %.*s", what, is_text ? (int)want->len : INT_MAX,
                   is_text ? want->text : "(the file has none)");
    dam_hex_encode(got->b, sizeof(got->b), hex + 2);
    dam_evm_report_fail(report, test, expected, hex);
    return false;
}

void dam_evm_report_skip(struct dam_evm_report *report, const struct dam_evm_case *test,
                         const char *why)
{
    struct dam_buf *lines = &report->skips;
    report->skipped++;
    if (report->json) {
        struct dam_json_writer w = put_case(lines, report->file, test);
        put_member(&w, "why", why);
        dam_json_put_object_end(&w);
    } else {
        put_place(lines, "skipped: ", report->file, test);
        dam_buf_put_text(lines, ": ");
        dam_buf_put_text(lines, why);
    }
    dam_buf_put_text(lines, "\n");
}

/* ---- files ----------------------------------------------------------------------------------- */

static void file_add(struct suite *suite, const char *path)
{
    if (suite->file_count == suite->file_capacity) {
        suite->file_capacity = suite->file_capacity == 0 ? 256 : 2 * suite->file_capacity;
        suite->files = realloc(suite->files, suite->file_capacity * sizeof(suite->files[0]));
    }
    if (suite->files != NULL) {
        suite->files[suite->file_count++] = strdup(path);
    }
}

static bool has_suffix(const char *text, const char *suffix)
{
    const size_t len = strlen(text);
    const size_t suffix_len = strlen(suffix);
    return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

static bool files_find(struct suite *suite, const char *path, bool named)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return false;
    }
    if (!S_ISDIR(info.st_mode)) {
        if (named || has_suffix(path, ".json")) {
            file_add(suite, path);
        }
        return true;
    }
    struct dirent **entries;
    const int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char inner[4096];
        const bool hidden = entries[i]->d_name[0] == '.';
        const int len = snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
        if (!hidden && len > 0 && (size_t)len < sizeof(inner)) {
            (void)files_find(suite, inner, false);
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
    return count >= 0;
}

static char *file_read(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long len;
    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0 && (len = ftell(file)) >= 0 &&
        fseek(file, 0, SEEK_SET) == 0) {
        text = malloc((size_t)len + 1);
        if (text != NULL && fread(text, 1, (size_t)len, file) != (size_t)len) {
            free(text);
            text = NULL;
        }
        *ret_len = (size_t)len;
    }
    (void)fclose(file);
    return text;
}

static void file_run(struct suite *suite, struct dam_evm_worker *worker,
                     struct dam_evm_report *report)
{
    static const struct dam_json no_name = {.text = "-", .len = 1, .type = DAM_JSON_STRING};
    const struct dam_evm_case whole = {&no_name, "-", 0};
    size_t len = 0;
    char *text = file_read(report->file, &len);
    if (text == NULL) {
        dam_evm_report_fail(report, &whole, "a readable file", strerror(errno));
        return;
    }
    const struct dam_json *root;
    struct dam_json_error error;
    dam_arena_reset(&worker->arena);
    if (dam_json_parse(&worker->arena, text, len, 0, &root, &error) != DAM_OK) {
        char got[160];
        (void)snprintf(got, sizeof(got), "line %u, column %u: %s", error.line, error.column,
                       error.what);
        dam_evm_report_fail(report, &whole, "JSON", got);
    } else if (root->type != DAM_JSON_OBJECT) {
        dam_evm_report_skip(report, &whole, "no JSON object of tests");
    } else {
        suite->run(worker, root, report);
    }
    free(text);
}

/* ---- how far it is --------------------------------------------------------------------------- */

/* Seconds that only go on. */
static time_t now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void busy_set(struct suite *suite, unsigned thread, const struct dam_evm_report *begins,
                     const struct dam_evm_report *done)
{
    (void)pthread_mutex_lock(&suite->lock);
    suite->busy[thread] =
        (struct busy){begins != NULL ? begins->file : NULL, begins != NULL ? now_s() : 0};
    suite->files_done += done != NULL;
    suite->failed += done != NULL ? done->failed : 0;
    (void)pthread_mutex_unlock(&suite->lock);
}

/* Names the file that has been running for longest. */
static void tell(const struct suite *suite, bool tty)
{
    const time_t now = now_s();
    const struct busy *oldest = NULL;
    for (unsigned i = 0; i < suite->options.jobs; i++) {
        const struct busy *busy = &suite->busy[i];
        if (busy->file != NULL && (oldest == NULL || busy->since < oldest->since)) {
            oldest = busy;
        }
    }
    (void)fprintf(stderr, "%s%zu of %zu files, %u failed, %lld s", tty ? "\r\033[K" : "",
                  suite->files_done, suite->file_count, suite->failed,
                  (long long)(now - suite->begun));
    if (oldest != NULL) {
        (void)fprintf(stderr, "; for %lld s: %s", (long long)(now - oldest->since), oldest->file);
    }
    (void)fputs(tty ? "" : "\n", stderr);
}

static void *watch(void *arg)
{
    struct suite *suite = arg;
    const bool tty = isatty(STDERR_FILENO) == 1;
    (void)pthread_mutex_lock(&suite->lock);
    while (!suite->over) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += tty ? TELL_TTY_S : TELL_LOG_S;
        if (pthread_cond_timedwait(&suite->ended, &suite->lock, &until) == ETIMEDOUT) {
            tell(suite, tty);
        }
    }
    (void)pthread_mutex_unlock(&suite->lock);
    (void)fputs(tty ? "\r\033[K" : "", stderr);
    return NULL;
}

/* ---- threads --------------------------------------------------------------------------------- */

struct job {
    struct suite *suite;
    unsigned thread;
};

static void *work(void *arg)
{
    struct suite *suite = ((const struct job *)arg)->suite;
    const unsigned thread = ((const struct job *)arg)->thread;
    struct dam_evm_report *report = NULL;
    struct dam_evm_worker worker = {.options = &suite->options};
    if (dam_evm_create(dam_heap(), NULL, &worker.evm) != DAM_OK) {
        return NULL;
    }
    dam_arena_init(&worker.arena, dam_heap(), 0);
    for (;;) {
        const size_t i = atomic_fetch_add(&suite->next, 1);
        const struct dam_evm_report *done = report;
        report = i < suite->file_count ? &suite->reports[i] : NULL;
        busy_set(suite, thread, report, done);
        if (report == NULL) {
            break;
        }
        file_run(suite, &worker, report);
    }
    dam_arena_finish(&worker.arena);
    dam_evm_destroy(worker.evm);
    return NULL;
}

static void run_all(struct suite *suite)
{
    pthread_t threads[JOBS_MAX];
    struct job jobs[JOBS_MAX];
    pthread_t watcher;
    unsigned started = 0;
    suite->begun = now_s();
    for (unsigned i = 0; i < suite->options.jobs; i++) {
        jobs[i] = (struct job){suite, i};
    }
    const bool watched = !suite->options.trace && pthread_create(&watcher, NULL, watch, suite) == 0;
    while (started + 1 < suite->options.jobs &&
           pthread_create(&threads[started], NULL, work, &jobs[started + 1]) == 0) {
        started++;
    }
    (void)work(&jobs[0]);
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    if (watched) {
        (void)pthread_mutex_lock(&suite->lock);
        suite->over = true;
        (void)pthread_cond_signal(&suite->ended);
        (void)pthread_mutex_unlock(&suite->lock);
        (void)pthread_join(watcher, NULL);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Prints lines, as members of a JSON array where that is wanted. */
static void lines_print(const struct dam_buf *lines, bool json, bool *first)
{
    for (size_t at = 0; at < lines->len;) {
        const uint8_t *line = lines->data + at;
        const uint8_t *end = memchr(line, '\n', lines->len - at);
        const size_t len = (size_t)(end - line);
        (void)printf("%s%.*s\n", json && !*first ? "," : "", (int)len, line);
        *first = false;
        at += len + 1;
    }
}

static int finish(struct suite *suite)
{
    const bool json = suite->options.json;
    unsigned passed = 0;
    unsigned failed = 0;
    unsigned skipped = 0;
    bool first = true;
    (void)fputs(json ? "{\"failures\":[\n" : "", stdout);
    for (size_t i = 0; i < suite->file_count; i++) {
        const struct dam_evm_report *report = &suite->reports[i];
        passed += report->passed;
        failed += report->failed;
        skipped += report->skipped;
        lines_print(&report->failures, json, &first);
    }
    first = true;
    (void)fputs(json ? "],\"skips\":[\n" : "", stdout);
    for (size_t i = 0; i < suite->file_count; i++) {
        struct dam_evm_report *report = &suite->reports[i];
        lines_print(&report->skips, json, &first);
        dam_buf_finish(&report->failures);
        dam_buf_finish(&report->skips);
        free(suite->files[i]);
    }
    if (json) {
        (void)printf("],\"files\":%zu,\"passed\":%u,\"failed\":%u,\"skipped\":%u}\n",
                     suite->file_count, passed, failed, skipped);
    } else {
        (void)printf("%zu files, %u skipped\n%u passed, %u failed\n", suite->file_count, skipped,
                     passed, failed);
    }
    free(suite->files);
    free(suite->reports);
    if (passed + failed == 0) {
        return dam_verb_fail(DAM_EXIT_FAILED,
                             "are the files of this kind, --fork and --filter right?",
                             "no test was run");
    }
    return failed != 0 ? DAM_EXIT_FAILED : DAM_EXIT_OK;
}

/* ---- what was asked for ---------------------------------------------------------------------- */

bool dam_evm_suite_wants_fork(const struct dam_evm_suite_options *options, const char *fork)
{
    enum dam_fork asked;
    enum dam_fork there;
    return options->fork == NULL || strcasecmp(options->fork, fork) == 0 ||
           (dam_fork_find(options->fork, &asked) == DAM_OK &&
            dam_fork_find(fork, &there) == DAM_OK && asked == there);
}

bool dam_evm_suite_wants_test(const struct dam_evm_suite_options *options,
                              const struct dam_json *name)
{
    return options->filter == NULL ||
           memmem(name->text, name->len, options->filter, strlen(options->filter)) != NULL;
}

/* "PragueToOsakaAtTime15k" is not looked into: without such tests none runs. */
static bool is_fork(const char *name)
{
    enum dam_fork fork;
    const char *to = strstr(name, "To");
    return dam_evm_json_rules(name, &fork) == DAM_OK || (to != NULL && strstr(to, "At") != NULL);
}

static bool options_read(int argc, char **argv, struct dam_evm_suite_options *ret,
                         struct dam_args *ret_paths)
{
    const char *jobs = NULL;
    const struct dam_arg known[] = {
        {"--json", NULL, &ret->json}, {"--trace", NULL, &ret->trace},   {"--jobs", &jobs, NULL},
        {"--fork", &ret->fork, NULL}, {"--filter", &ret->filter, NULL}, {NULL, NULL, NULL}};
    if (!dam_args_parse(argc, argv, known, DAM_ARGS_WORDS_MAX, ret_paths)) {
        return false;
    }
    uint64_t count = 1;
    if (jobs != NULL && (!dam_args_u64(jobs, &count) || count < 1 || count > JOBS_MAX)) {
        (void)dam_verb_fail(0, NULL, "--jobs takes a number from 1 to %u", JOBS_MAX);
        return false;
    }
    if (ret->fork != NULL && !is_fork(ret->fork)) {
        (void)dam_verb_fail(0, "one of Frontier ... Osaka, BPO1 ..., or a transition",
                            "--fork: no fork '%s'", ret->fork);
        return false;
    }
    if (ret_paths->count == 0) {
        (void)dam_verb_fail(0, "`dam help evm` tells more", "no file is named");
        return false;
    }
    ret->jobs = ret->trace ? 1 : (unsigned)count;
    return true;
}

int dam_evm_suite_main(int argc, char **argv, dam_evm_file_fn *run)
{
    struct suite suite = {
        .run = run, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    struct dam_args paths;
    if (!options_read(argc, argv, &suite.options, &paths)) {
        return DAM_EXIT_USAGE;
    }
    for (int i = 0; i < paths.count; i++) {
        if (!files_find(&suite, paths.words[i], true)) {
            return dam_verb_fail(DAM_EXIT_NOT_FOUND, "name files or folders of JSON tests",
                                 "%s: %s", paths.words[i], strerror(errno));
        }
    }
    suite.reports = calloc(suite.file_count + 1, sizeof(suite.reports[0]));
    if (suite.reports == NULL) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    for (size_t i = 0; i < suite.file_count; i++) {
        struct dam_evm_report *report = &suite.reports[i];
        report->file = suite.files[i];
        report->json = suite.options.json;
        dam_buf_init(&report->failures, dam_heap(), 0);
        dam_buf_init(&report->skips, dam_heap(), 0);
    }
    run_all(&suite);
    return finish(&suite);
}
