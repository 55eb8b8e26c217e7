// SPDX-License-Identifier: Apache-2.0
#include "app/evm_suite.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "app/verb.h"
#include "base/heap.h"

#define JOBS_MAX 256u

struct suite {
    struct dam_evm_suite_options options;
    dam_evm_file_fn *run;
    char **files;
    size_t file_count;
    size_t file_capacity;
    struct dam_evm_report *reports;
    atomic_size_t next;
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

void dam_evm_report_fail(struct dam_evm_report *report, const struct dam_evm_case *test,
                         const char *expected, const char *got)
{
    struct dam_buf *lines = &report->lines;
    report->failed++;
    if (report->json) {
        struct dam_json_writer w = {.buf = lines};
        dam_json_put_object(&w);
        put_member(&w, "file", report->file);
        dam_json_put_key(&w, "test");
        dam_json_put_string(&w, test->name->text, test->name->len);
        put_member(&w, "fork", test->fork);
        dam_json_put_key(&w, "index");
        dam_json_put_u64(&w, test->index);
        put_member(&w, "expected", expected);
        put_member(&w, "got", got);
        dam_json_put_object_end(&w);
        dam_buf_put_text(lines, "\n");
        return;
    }
    dam_buf_put_text(lines, "FAIL ");
    dam_buf_put_text(lines, report->file);
    dam_buf_put_text(lines, " ");
    dam_buf_put(lines, test->name->text, test->name->len);
    dam_buf_put_text(lines, " ");
    dam_buf_put_text(lines, test->fork);
    dam_buf_put_text(lines, " ");
    dam_buf_put_u64(lines, test->index);
    dam_buf_put_text(lines, ": expected ");
    dam_buf_put_text(lines, expected);
    dam_buf_put_text(lines, ", got ");
    dam_buf_put_text(lines, got);
    dam_buf_put_text(lines, "\n");
}

void dam_evm_report_skip(struct dam_evm_report *report, const struct dam_evm_case *test,
                         const char *why)
{
    struct dam_buf *lines = &report->lines;
    report->skipped++;
    if (report->json) {
        return;
    }
    dam_buf_put_text(lines, "skipped: ");
    dam_buf_put_text(lines, report->file);
    dam_buf_put_text(lines, " ");
    dam_buf_put(lines, test->name->text, test->name->len);
    dam_buf_put_text(lines, " ");
    dam_buf_put_text(lines, test->fork);
    dam_buf_put_text(lines, ": ");
    dam_buf_put_text(lines, why);
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

/* ---- threads --------------------------------------------------------------------------------- */

static void *work(void *arg)
{
    struct suite *suite = arg;
    struct dam_evm_worker worker = {.options = &suite->options};
    if (dam_evm_create(dam_heap(), NULL, &worker.evm) != DAM_OK) {
        return NULL;
    }
    dam_arena_init(&worker.arena, dam_heap(), 0);
    for (;;) {
        const size_t i = atomic_fetch_add(&suite->next, 1);
        if (i >= suite->file_count) {
            break;
        }
        struct dam_evm_report *report = &suite->reports[i];
        dam_buf_init(&report->lines, dam_heap(), 0);
        report->file = suite->files[i];
        report->json = suite->options.json;
        file_run(suite, &worker, report);
    }
    dam_arena_finish(&worker.arena);
    dam_evm_destroy(worker.evm);
    return NULL;
}

static void run_all(struct suite *suite)
{
    pthread_t threads[JOBS_MAX];
    unsigned started = 0;
    while (started + 1 < suite->options.jobs &&
           pthread_create(&threads[started], NULL, work, suite) == 0) {
        started++;
    }
    (void)work(suite);
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

static int finish(struct suite *suite)
{
    unsigned passed = 0;
    unsigned failed = 0;
    unsigned skipped = 0;
    if (suite->options.json) {
        (void)puts("{\"failures\":[");
    }
    for (size_t i = 0; i < suite->file_count; i++) {
        struct dam_evm_report *report = &suite->reports[i];
        passed += report->passed;
        failed += report->failed;
        skipped += report->skipped;
        for (size_t at = 0; at < report->lines.len;) {
            const uint8_t *line = report->lines.data + at;
            const uint8_t *end = memchr(line, '\n', report->lines.len - at);
            const size_t len = (size_t)(end - line);
            static bool comma;
            (void)printf("%s%.*s\n", suite->options.json && comma ? "," : "", (int)len, line);
            comma = true;
            at += len + 1;
        }
        dam_buf_finish(&report->lines);
        free(suite->files[i]);
    }
    if (suite->options.json) {
        (void)printf("],\"files\":%zu,\"passed\":%u,\"failed\":%u,\"skipped\":%u}\n",
                     suite->file_count, passed, failed, skipped);
    } else {
        (void)printf("%zu files, %u skipped\n%u passed, %u failed\n", suite->file_count, skipped,
                     passed, failed);
    }
    free(suite->files);
    free(suite->reports);
    return failed != 0 || passed == 0 ? DAM_EXIT_FAILED : DAM_EXIT_OK;
}

static bool jobs_read(const char *text, unsigned *ret)
{
    char *end;
    const unsigned long jobs = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || jobs < 1 || jobs > JOBS_MAX) {
        return false;
    }
    *ret = (unsigned)jobs;
    return true;
}

/* Returns: how many arguments the option took; 0 if it is none; negative after an error message. */
static int option_read(struct dam_evm_suite_options *options, char **argv)
{
    if (strcmp(argv[0], "--json") == 0) {
        options->json = true;
        return 1;
    }
    if (strcmp(argv[0], "--trace") == 0) {
        options->trace = true;
        return 1;
    }
    if (strcmp(argv[0], "--jobs") == 0) {
        if (argv[1] == NULL || !jobs_read(argv[1], &options->jobs)) {
            (void)dam_verb_fail(0, NULL, "--jobs takes a number from 1 to %u", JOBS_MAX);
            return -1;
        }
        return 2;
    }
    if (strcmp(argv[0], "--fork") == 0) {
        if (argv[1] == NULL || dam_fork_find(argv[1], &options->fork) != DAM_OK) {
            (void)dam_verb_fail(0, "one of Frontier ... Osaka", "--fork: no fork '%s'",
                                argv[1] != NULL ? argv[1] : "");
            return -1;
        }
        options->has_fork = true;
        return 2;
    }
    if (strcmp(argv[0], "--filter") == 0 && argv[1] != NULL) {
        options->filter = argv[1];
        return 2;
    }
    if (argv[0][0] == '-') {
        (void)dam_verb_fail(0, "`dam help evm` tells more", "there is no option '%s'", argv[0]);
        return -1;
    }
    return 0;
}

int dam_evm_suite_main(int argc, char **argv, dam_evm_file_fn *run)
{
    struct suite suite = {.options = {.jobs = 1}, .run = run};
    bool named = false;
    for (int i = 1; i < argc;) {
        const int used = option_read(&suite.options, &argv[i]);
        if (used < 0) {
            return DAM_EXIT_USAGE;
        }
        if (used == 0) {
            named = true;
            if (!files_find(&suite, argv[i], true)) {
                return dam_verb_fail(DAM_EXIT_NOT_FOUND, "name files or folders of JSON tests",
                                     "%s: %s", argv[i], strerror(errno));
            }
        }
        i += used == 0 ? 1 : used;
    }
    if (!named) {
        return dam_verb_fail(DAM_EXIT_USAGE, "`dam help evm` tells more", "no file is named");
    }
    if (suite.options.trace) {
        suite.options.jobs = 1;
    }
    suite.reports = calloc(suite.file_count + 1, sizeof(suite.reports[0]));
    if (suite.reports == NULL) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "out of memory");
    }
    run_all(&suite);
    return finish(&suite);
}
