// SPDX-License-Identifier: Apache-2.0
#include "base/heap.h"
#include "port/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the role and how the rest is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_ws_reader reader;
    if (size < 1) {
        return 0;
    }
    size_t cut = 1 + (size_t)(data[0] >> 1);
    dam_ws_reader_init(&reader, dam_heap(), (data[0] & 1) != 0, 4096);
    for (size_t at = 1; at < size;) {
        struct dam_ws_message message;
        size_t used = 0;
        size_t len = size - at < cut ? size - at : cut;
        if (dam_ws_read(&reader, data + at, len, &used, &message) != DAM_OK) {
            break;
        }
        at += used;
    }
    dam_ws_reader_finish(&reader);
    return 0;
}
