// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a CSV file. */
#include "base/assert.h"
#include "model/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_rows table;
    size_t line = 0;
    if (dam_rows_parse(dam_bytes(data, size), &table, &line) == DAM_OK) {
        DAM_ASSERT(table.columns > 0 || table.rows == 0);
        size_t at = dam_rows_find(&table, "a");
        DAM_ASSERT(at == table.columns || strcmp(table.names[at], "a") == 0);
        dam_rows_close(&table);
    } else {
        DAM_ASSERT(line > 0);
    }
    return 0;
}
