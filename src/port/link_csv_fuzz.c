// SPDX-License-Identifier: Apache-2.0
/* Any line: fields within the line, or refused; any text as a time. */
#include "port/link_csv.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char line[DAM_CSV_LINE_MAX];
    char *fields[DAM_CSV_COLUMNS_MAX];
    int64_t ms = 0;
    size_t len = size < sizeof(line) - 1 ? size : sizeof(line) - 1;
    memcpy(line, data, len);
    line[len] = 0;
    size_t count = dam_csv_split(line, ',', fields);
    for (size_t i = 0; i < count; i++) {
        DAM_ASSERT(fields[i] >= line && fields[i] + strlen(fields[i]) <= line + len);
        if (dam_csv_time(fields[i], 0, &ms) == DAM_OK ||
            dam_csv_time(fields[i], 3600000, &ms) == DAM_OK) {
            continue;
        }
    }
    return 0;
}
