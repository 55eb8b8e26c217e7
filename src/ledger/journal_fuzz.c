// SPDX-License-Identifier: Apache-2.0
/* The journal's reader on whatever bytes there are, and on a whole journal of which one byte is
 * changed: the records before that come out as they were written, and none that was not. The first
 * four bytes of the input tell how many records and where the change is. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/heap.h"
#include "ledger/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS_MAX 8u
#define FILE_LEN (2 * RECORDS_MAX * DAM_JOURNAL_PAGE)

static const struct dam_journal_place start = {41, 0x1122334455667788u};

static void read_changes(struct dam_bytes changes)
{
    struct dam_journal_change change;
    size_t before = changes.len;
    enum dam_err err;
    while ((err = dam_journal_change(&changes, &change)) == DAM_OK) {
        DAM_ASSERT(changes.len < before);
        before = changes.len;
    }
    DAM_ASSERT(err == DAM_ENOTFOUND || err == DAM_ECORRUPT);
}

static void read_any(struct dam_bytes file)
{
    struct dam_journal_reader reader = {.file = file, .place = {0, 0}};
    struct dam_bytes changes;
    while (dam_journal_next(&reader, &changes) == DAM_OK) {
        read_changes(changes);
    }
}

/* Lay records of the same content one behind the other. Returns: the file's length. */
static size_t write_file(uint8_t *file, struct dam_bytes content, unsigned count)
{
    struct dam_journal_place place = start;
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        struct dam_buf record;
        dam_buf_init(&record, dam_heap(), 0);
        dam_journal_begin(&record);
        dam_buf_put(&record, content.data, content.len);
        DAM_ASSERT(dam_buf_err(&record) == DAM_OK);
        place = dam_journal_seal(&record, place);
        memcpy(file + len, record.data, record.len);
        len += dam_journal_room_of(&record);
        dam_buf_finish(&record);
    }
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[FILE_LEN];
    struct dam_bytes changes;
    read_any(dam_bytes(data, size));
    read_changes(dam_bytes(data, size));
    if (size < 4 || size > DAM_JOURNAL_PAGE) {
        return 0;
    }
    memset(file, 0, sizeof(file));
    unsigned count = 1 + data[0] % RECORDS_MAX;
    struct dam_bytes content = dam_bytes(data + 4, size - 4);
    size_t len = write_file(file, content, count);
    size_t room = len / count;
    size_t at = dam_load_be16(data + 1) % len;
    file[at] ^= data[3];
    bool is_spoilt = data[3] != 0 && at % room < DAM_JOURNAL_HEAD + content.len;
    unsigned whole = is_spoilt ? (unsigned)(at / room) : count;
    struct dam_journal_reader reader = {.file = dam_bytes(file, len), .place = start};
    for (unsigned i = 0; i < whole; i++) {
        DAM_ASSERT(dam_journal_next(&reader, &changes) == DAM_OK);
        DAM_ASSERT(dam_bytes_eq(changes, content));
    }
    enum dam_err end = whole + 1 < count ? DAM_ECORRUPT : DAM_ENOTFOUND;
    DAM_ASSERT(dam_journal_next(&reader, &changes) == end);
    return 0;
}
