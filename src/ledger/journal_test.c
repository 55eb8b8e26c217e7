// SPDX-License-Identifier: Apache-2.0
#include "ledger/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"

#define LEN (16 * DAM_JOURNAL_PAGE)

static const struct dam_journal_place start = {7, 0xfeed};

struct fixture {
    char dir[64];
    struct dam_journal journal;
};

static void open_journal(struct fixture *f)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/ledger.journal", f->dir);
    dam_journal_init(&f->journal, path, LEN);
}

static void init(struct fixture *f)
{
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/dam-journal-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    open_journal(f);
    dam_journal_restart(&f->journal, start);
}

static void finish(struct fixture *f)
{
    dam_journal_remove(&f->journal);
    assert_int_equal(rmdir(f->dir), 0);
}

/* A record that sets key `n`, and key 0 to `len` bytes of n. */
static void make(struct dam_buf *record, uint8_t n, size_t len)
{
    uint8_t *value = malloc(len + 1);
    uint8_t zero = 0;
    memset(value, n, len + 1);
    const struct dam_journal_change changes[] = {
        {DAM_JOURNAL_APPEND, 3, {&n, 1}, {&n, 1}},
        {DAM_JOURNAL_PUT, 1, {&zero, 1}, {value, len}},
        {DAM_JOURNAL_DELETE, 15, {&n, 1}, {NULL, 0}},
    };
    dam_buf_init(record, dam_heap(), 0);
    dam_journal_begin(record);
    for (size_t i = 0; i < DAM_COUNT_OF(changes); i++) {
        dam_journal_put(record, &changes[i]);
    }
    free(value);
}

static void append(struct fixture *f, uint8_t n, size_t len)
{
    struct dam_buf record;
    make(&record, n, len);
    assert_true(dam_journal_has_room(&f->journal, &record));
    assert_int_equal(dam_journal_append(&f->journal, &record), DAM_OK);
    dam_buf_finish(&record);
}

static void assert_is(struct dam_bytes changes, uint8_t n, size_t len)
{
    struct dam_journal_change change;
    assert_int_equal(dam_journal_change(&changes, &change), DAM_OK);
    assert_int_equal(change.kind, DAM_JOURNAL_APPEND);
    assert_int_equal(change.table, 3);
    assert_int_equal(change.key.data[0], n);
    assert_int_equal(change.value.len, 1);
    assert_int_equal(dam_journal_change(&changes, &change), DAM_OK);
    assert_int_equal(change.kind, DAM_JOURNAL_PUT);
    assert_int_equal(change.value.len, len);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(change.value.data[i], n);
    }
    assert_int_equal(dam_journal_change(&changes, &change), DAM_OK);
    assert_int_equal(change.kind, DAM_JOURNAL_DELETE);
    assert_int_equal(change.table, 15);
    assert_int_equal(dam_journal_change(&changes, &change), DAM_ENOTFOUND);
}

/* Read the file from a place: records from `first` on, then `end`. */
static void assert_reads(struct fixture *f, struct dam_journal_place place, unsigned first,
                         unsigned count, enum dam_err end)
{
    uint8_t *file;
    struct dam_bytes changes;
    struct dam_journal_reader reader = {.place = place};
    assert_int_equal(dam_journal_load(&f->journal, &file, &reader.file.len), DAM_OK);
    reader.file.data = file;
    for (unsigned n = first; n < first + count; n++) {
        assert_int_equal(dam_journal_next(&reader, &changes), DAM_OK);
        assert_is(changes, (uint8_t)n, n * 2000);
    }
    assert_int_equal(dam_journal_next(&reader, &changes), end);
    free(file);
}

static void test_read_back(void **state)
{
    struct fixture f;
    (void)state;
    init(&f);
    assert_reads(&f, start, 1, 0, DAM_ENOTFOUND); /* there is no file yet */
    for (unsigned n = 1; n <= 4; n++) {
        append(&f, (uint8_t)n, n * 2000);
    }
    assert_int_equal(f.journal.place.number, start.number + 4);
    dam_journal_close(&f.journal);
    open_journal(&f);
    assert_reads(&f, start, 1, 4, DAM_ENOTFOUND);
    finish(&f);
}

/* It only goes on from the very place that it was written on. */
static void test_place(void **state)
{
    struct fixture f;
    (void)state;
    init(&f);
    append(&f, 1, 2000);
    struct dam_journal_place second = f.journal.place;
    append(&f, 2, 4000);
    assert_reads(&f, (struct dam_journal_place){start.number, start.sum + 1}, 1, 0, DAM_ECORRUPT);
    assert_reads(&f, (struct dam_journal_place){start.number - 1, start.sum}, 1, 0, DAM_ECORRUPT);
    /* The first record is behind this place, the second goes on from it: no round is like that. */
    assert_reads(&f, second, 2, 0, DAM_ECORRUPT);
    assert_reads(&f, f.journal.place, 3, 0, DAM_ENOTFOUND);
    finish(&f);
}

/* What an older round has left is not read, whatever the new one has not yet overwritten. */
static void test_rounds(void **state)
{
    struct fixture f;
    (void)state;
    init(&f);
    for (unsigned n = 1; n <= 4; n++) {
        append(&f, (uint8_t)n, n * 2000);
    }
    const struct dam_journal_place anew = {start.number + 5, 0xbeef};
    dam_journal_restart(&f.journal, anew);
    assert_reads(&f, anew, 1, 0, DAM_ENOTFOUND);
    append(&f, 1, 2000);
    append(&f, 2, 4000);
    assert_reads(&f, anew, 1, 2, DAM_ENOTFOUND);
    finish(&f);
}

/* Every byte changed: of the last record, it was never acknowledged; of an earlier one, it is
 * named; behind a record, it means nothing. */
static void test_damage(void **state)
{
    struct fixture f;
    uint8_t *file;
    struct dam_bytes changes;
    struct dam_journal_reader reader = {.place = start};
    (void)state;
    init(&f);
    append(&f, 1, 2000);
    append(&f, 2, 4000);
    append(&f, 3, 6000);
    assert_int_equal(dam_journal_load(&f.journal, &file, &reader.file.len), DAM_OK);
    reader.file.data = file;
    size_t ends[4] = {0};
    size_t lens[4] = {0};
    for (unsigned n = 1; n <= 3; n++) {
        assert_int_equal(dam_journal_next(&reader, &changes), DAM_OK);
        ends[n] = reader.at;
        lens[n] = DAM_JOURNAL_HEAD + changes.len;
    }
    for (size_t at = 0; at < ends[3]; at++) {
        unsigned n = at < ends[1] ? 1 : at < ends[2] ? 2 : 3;
        bool inside = at - ends[n - 1] < lens[n];
        unsigned whole = inside ? n - 1 : 3;
        file[at] ^= 0x20;
        reader = (struct dam_journal_reader){.file = reader.file, .place = start};
        for (unsigned i = 0; i < whole; i++) {
            assert_int_equal(dam_journal_next(&reader, &changes), DAM_OK);
        }
        assert_int_equal(dam_journal_next(&reader, &changes),
                         whole < 2 ? DAM_ECORRUPT : DAM_ENOTFOUND);
        file[at] ^= 0x20;
    }
    free(file);
    finish(&f);
}

static void test_room(void **state)
{
    struct fixture f;
    struct dam_buf record;
    (void)state;
    init(&f);
    make(&record, 1, LEN);
    assert_false(dam_journal_has_room(&f.journal, &record));
    dam_buf_finish(&record);
    for (unsigned pages = 0; pages < 15; pages += 3) {
        append(&f, 1, 3 * DAM_JOURNAL_PAGE - 100);
    }
    make(&record, 1, DAM_JOURNAL_PAGE);
    assert_false(dam_journal_has_room(&f.journal, &record));
    dam_buf_finish(&record);
    append(&f, 1, DAM_JOURNAL_PAGE - 100);
    make(&record, 1, 0);
    assert_false(dam_journal_has_room(&f.journal, &record));
    dam_journal_restart(&f.journal, f.journal.place);
    assert_true(dam_journal_has_room(&f.journal, &record));
    dam_buf_finish(&record);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_back), cmocka_unit_test(test_place),
        cmocka_unit_test(test_rounds),    cmocka_unit_test(test_damage),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
