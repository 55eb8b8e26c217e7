// SPDX-License-Identifier: Apache-2.0
/* go-ethereum's precompile vectors: input, expected output and gas, and inputs that must fail.
 * Every file of $DAM_VECTORS/precompiles/go-ethereum whose name begins as one of theirs is run;
 * without that variable the test is skipped and says so (tools/check.d sets it). */
#include "core/evm/precompile.h"

#include "base/heap.h"
#include "base/json.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct suite {
    const char *file;
    uint16_t address;
    enum dam_fork fork;
    unsigned count_min; /* a file that lost its cases must not pass */
};

static const struct suite suites[] = {
    {"ecRecover", 0x01, DAM_FORK_OSAKA, 4},
    {"modexp", 0x05, DAM_FORK_BYZANTIUM, 10},
    {"modexp_eip2565", 0x05, DAM_FORK_BERLIN, 10},
    {"modexp_eip7883", 0x05, DAM_FORK_OSAKA, 10},
    {"bn256Add", 0x06, DAM_FORK_OSAKA, 10},
    {"bn256ScalarMul", 0x07, DAM_FORK_OSAKA, 10},
    {"bn256Pairing", 0x08, DAM_FORK_OSAKA, 5},
    {"blake2F", 0x09, DAM_FORK_OSAKA, 4},
    {"fail-blake2f", 0x09, DAM_FORK_OSAKA, 1},
    {"pointEvaluation", 0x0a, DAM_FORK_OSAKA, 1},
    {"blsG1Add", 0x0b, DAM_FORK_OSAKA, 10},
    {"blsG1Mul", 0x0c, DAM_FORK_OSAKA, 5},
    {"blsG1MultiExp", 0x0c, DAM_FORK_OSAKA, 10},
    {"blsG2Add", 0x0d, DAM_FORK_OSAKA, 10},
    {"blsG2Mul", 0x0e, DAM_FORK_OSAKA, 5},
    {"blsG2MultiExp", 0x0e, DAM_FORK_OSAKA, 10},
    {"blsPairing", 0x0f, DAM_FORK_OSAKA, 10},
    {"blsMapG1", 0x10, DAM_FORK_OSAKA, 10},
    {"blsMapG2", 0x11, DAM_FORK_OSAKA, 10},
    {"fail-blsG1Add", 0x0b, DAM_FORK_OSAKA, 3},
    {"fail-blsG1Mul", 0x0c, DAM_FORK_OSAKA, 3},
    {"fail-blsG1MultiExp", 0x0c, DAM_FORK_OSAKA, 3},
    {"fail-blsG2Add", 0x0d, DAM_FORK_OSAKA, 3},
    {"fail-blsG2Mul", 0x0e, DAM_FORK_OSAKA, 3},
    {"fail-blsG2MultiExp", 0x0e, DAM_FORK_OSAKA, 3},
    {"fail-blsPairing", 0x0f, DAM_FORK_OSAKA, 3},
    {"fail-blsMapG1", 0x10, DAM_FORK_OSAKA, 1},
    {"fail-blsMapG2", 0x11, DAM_FORK_OSAKA, 3},
    {"p256Verify", 0x100, DAM_FORK_OSAKA, 100},
};

static struct dam_bytes file_read(struct dam_arena *arena, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    (void)fseek(file, 0, SEEK_END);
    size_t len = (size_t)ftell(file);
    rewind(file);
    char *text = dam_arena_alloc(arena, len);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, len, file), len);
    (void)fclose(file);
    return dam_bytes(text, len);
}

static void case_run(const struct suite *suite, const struct dam_json *vector,
                     struct dam_arena *arena)
{
    struct dam_address address = {
        .b = {[18] = (uint8_t)(suite->address >> 8), [19] = (uint8_t)suite->address}};
    const struct dam_precompile *precompile = dam_precompile_find(&address, suite->fork);
    assert_non_null(precompile);
    const char *name = "?";
    struct dam_bytes input;
    struct dam_precompile_result result;
    assert_int_equal(dam_json_string(dam_json_get(vector, "Name"), arena, &name), DAM_OK);
    assert_int_equal(dam_json_hex(dam_json_get(vector, "Input"), arena, &input), DAM_OK);
    uint64_t gas = precompile->gas(input, suite->fork);
    assert_int_equal(precompile->run(input, suite->fork, arena, &result), DAM_OK);
    if (dam_json_get(vector, "ExpectedError") != NULL) {
        if (result.success) {
            fail_msg("%s, %s: must fail", suite->file, name);
        }
        return;
    }
    struct dam_bytes expected;
    uint64_t gas_expected;
    assert_int_equal(dam_json_hex(dam_json_get(vector, "Expected"), arena, &expected), DAM_OK);
    assert_int_equal(dam_json_u64(dam_json_get(vector, "Gas"), &gas_expected), DAM_OK);
    if (!result.success || !dam_bytes_eq(result.output, expected)) {
        fail_msg("%s, %s: wrong output", suite->file, name);
    }
    if (gas != gas_expected) {
        fail_msg("%s, %s: gas %llu, expected %llu", suite->file, name, (unsigned long long)gas,
                 (unsigned long long)gas_expected);
    }
}

/* "blsG1Add-more.json" is of "blsG1Add", "modexp_eip7883.json" not of "modexp". */
static const struct suite *suite_of(const char *file)
{
    const struct suite *best = NULL;
    size_t best_len = 0;
    for (size_t i = 0; i < DAM_COUNT_OF(suites); i++) {
        const size_t len = strlen(suites[i].file);
        if (len > best_len && strncmp(file, suites[i].file, len) == 0) {
            best = &suites[i];
            best_len = len;
        }
    }
    return best;
}

/* Returns: how many vectors the file has. */
static unsigned file_run(const struct suite *suite, const char *folder, const char *file)
{
    struct dam_arena arena;
    char path[4096];
    unsigned cases = 0;
    const struct dam_json *vectors;
    dam_arena_init(&arena, dam_heap(), 0);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
    struct dam_bytes text = file_read(&arena, path);
    assert_int_equal(dam_json_parse(&arena, (const char *)text.data, text.len, 0, &vectors, NULL),
                     DAM_OK);
    const size_t name_len = strlen(suite->file);
    assert_true(vectors->count >= (strcmp(file + name_len, ".json") == 0 ? suite->count_min : 1));
    DAM_JSON_EACH(vector, vectors)
    {
        case_run(suite, vector, &arena);
        cases++;
    }
    dam_arena_finish(&arena);
    return cases;
}

static void every_vector(void **state)
{
    (void)state;
    const char *vectors = getenv("DAM_VECTORS");
    if (vectors == NULL) {
        print_message("skipped: DAM_VECTORS is not set\n");
        skip();
    }
    unsigned cases = 0;
    char folder[2048];
    struct dirent **entries;
    (void)snprintf(folder, sizeof(folder), "%s/precompiles/go-ethereum", vectors);
    const int count = scandir(folder, &entries, NULL, alphasort);
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        const char *file = entries[i]->d_name;
        const struct suite *suite = suite_of(file);
        if (suite != NULL) {
            cases += file_run(suite, folder, file);
        } else if (file[0] != '.') {
            print_message("skipped: %s: no precompile is called so\n", file);
        }
        free(entries[i]);
    }
    free(entries);
    assert_true(cases > 0);
    print_message("%u vectors\n", cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_vector)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
