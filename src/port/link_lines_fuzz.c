// SPDX-License-Identifier: Apache-2.0
/* What receivers and programs send: bytes cut into lines, each line read as gpsd's, as NMEA, and as
 * a program's. */
#include "base/assert.h"
#include "base/heap.h"
#include "port/link_gpsd.h"
#include "port/link_json.h"
#include "port/link_lines.h"
#include "port/link_program.h"
#include "port/nmea.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_line(void *ctx, char *line, size_t len)
{
    static const char *const keys[] = {"lat", "mode", "SKY.hdop", "device", "a.b.0"};
    struct dam_arena *arena = ctx;
    struct dam_gpsd_report report;
    struct dam_nmea nmea;
    const struct dam_json *root = NULL;
    int64_t value = 0;
    DAM_ASSERT(strlen(line) <= len && len <= DAM_LINK_LINE_MAX);
    dam_arena_reset(arena);
    enum dam_err gpsd = dam_gpsd_parse(arena, line, len, &report);
    enum dam_err program = dam_program_line(arena, line, len, &root);
    for (size_t i = 0; i < DAM_COUNT_OF(keys); i++) {
        if (gpsd == DAM_OK &&
            dam_gpsd_value(&report, keys[i], DAM_GPSD_FIX_2D, 7, &value) != DAM_OK) {
            value = 0;
        }
        if (program == DAM_OK && dam_link_json_value(root, keys[i], 3, &value) != DAM_OK) {
            value = 0;
        }
    }
    if (dam_nmea_parse(line, len, &nmea) == DAM_OK) {
        DAM_ASSERT(nmea.values[DAM_NMEA_LAT] <= INT64_C(91000000000));
        DAM_ASSERT(nmea.values[DAM_NMEA_LON] >= INT64_C(-181000000000));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dam_link_lines_ops ops = {.line = on_line};
    static struct dam_link_lines lines;
    static uv_loop_t *loop;
    struct dam_arena arena;
    loop = loop == NULL ? uv_default_loop() : loop;
    dam_arena_init(&arena, dam_heap(), 1u << 20);
    memset(&lines, 0, sizeof(lines));
    lines.ops = &ops;
    lines.ctx = &arena;
    lines.loop = loop;
    lines.rate_max = 1000000;
    lines.state = DAM_LINK_LINES_OPEN;
    size_t half = size / 2; /* a chunk may end anywhere */
    dam_link_lines_feed(&lines, (const char *)data, half);
    dam_link_lines_feed(&lines, (const char *)data + half, size - half);
    dam_link_lines_feed(&lines, "\n", 1);
    dam_arena_finish(&arena);
    return 0;
}
