// SPDX-License-Identifier: Apache-2.0
/* A delivery robot on a yard: it moves as it is told, and its battery empties; at the depot it is
 * charged. Its doors: gpsd, and the drive as a program that the machine starts itself: a line
 * {"north": 0.5, "east": -0.2} (m/s) on its input, {"battery": 87.50, "bumper": 0} on its output.
 */
#include "app/plant.h"
#include "base/heap.h"
#include "base/json.h"
#include "core/flow/fixed.h"
#include "port/emul_gpsd.h"
#include "port/link_json.h"

#include <stdio.h>

#define DEPOT_LAT_E7 INT64_C(481170000)
#define DEPOT_LON_E7 INT64_C(115160000)
#define MM_PER_DEG_LAT INT64_C(111320000)
#define MM_PER_DEG_LON INT64_C(74340000) /* at this latitude */
#define BATTERY_MWS INT64_C(720000000)   /* 200 Wh, in mW s */
#define IDLE_MW 15000
#define MW_PER_MM_S 60 /* 60 W at a metre a second */
#define CHARGE_MW 1500000
#define DEPOT_MM 3000

static struct {
    struct dam_emul_gpsd *gpsd;
    struct dam_arena arena;
    int64_t north_um; /* from the depot */
    int64_t east_um;
    int64_t north_mm_s; /* as told */
    int64_t east_mm_s;
    int64_t battery_uj; /* mW ms */
} p;

static enum dam_err rover_open(uv_loop_t *loop, const struct dam_plant_options *options,
                               const char **ret_why)
{
    unsigned port = 0;
    dam_arena_init(&p.arena, dam_heap(), 1u << 20);
    p.battery_uj = BATTERY_MWS * 1000 * 6 / 10;
    *ret_why = "the port of gpsd (--gpsd-port)";
    return dam_emul_gpsd_create(loop, options->gpsd_port, &port, &p.gpsd);
}

static int64_t size_of(int64_t v)
{
    return v < 0 ? -v : v;
}

static void rover_step(int64_t ms)
{
    int64_t speed = size_of(p.north_mm_s) + size_of(p.east_mm_s);
    bool home = size_of(p.north_um) < 1000 * DEPOT_MM && size_of(p.east_um) < 1000 * DEPOT_MM;
    bool moves = p.battery_uj > 0;
    p.north_um += moves ? p.north_mm_s * ms : 0;
    p.east_um += moves ? p.east_mm_s * ms : 0;
    p.battery_uj -= (IDLE_MW + MW_PER_MM_S * speed) * ms;
    p.battery_uj += home ? CHARGE_MW * ms : 0;
    p.battery_uj = p.battery_uj < 0                    ? 0
                   : p.battery_uj > BATTERY_MWS * 1000 ? BATTERY_MWS * 1000
                                                       : p.battery_uj;
}

static void rover_show(void)
{
    char battery[DAM_FLOW_FIXED_TEXT_MAX];
    const struct dam_emul_fix fix = {
        .mode = 3,
        .lat_e7 = DEPOT_LAT_E7 + p.north_um / 1000 * 10000000 / MM_PER_DEG_LAT,
        .lon_e7 = DEPOT_LON_E7 + p.east_um / 1000 * 10000000 / MM_PER_DEG_LON,
        .alt_mm = 520000,
        .speed_mm_s = size_of(p.north_mm_s) + size_of(p.east_mm_s),
    };
    dam_emul_gpsd_report(p.gpsd, &fix);
    (void)dam_flow_fixed_format(p.battery_uj / (BATTERY_MWS / 10), 2, battery);
    (void)printf("{\"battery\":%s,\"bumper\":0}\n", battery);
    (void)fflush(stdout);
}

static void rover_input(const char *line)
{
    const struct dam_json *root = NULL;
    int64_t value = 0;
    dam_arena_reset(&p.arena);
    if (dam_json_parse(&p.arena, line, strlen(line), 8, &root, NULL) != DAM_OK) {
        (void)fprintf(stderr, "plant: no JSON: %s\n", line);
        return;
    }
    if (dam_link_json_value(root, "north", 3, &value) == DAM_OK) {
        p.north_mm_s = value > 2000 ? 2000 : value < -2000 ? -2000 : value;
    }
    if (dam_link_json_value(root, "east", 3, &value) == DAM_OK) {
        p.east_mm_s = value > 2000 ? 2000 : value < -2000 ? -2000 : value;
    }
}

static void rover_close(void)
{
    dam_emul_gpsd_destroy(p.gpsd);
    dam_arena_finish(&p.arena);
}

const struct dam_plant_kind dam_plant_rover = {
    .name = "rover",
    .defaults = {.speed = 1, .gpsd_port = 2947},
    .open = rover_open,
    .step = rover_step,
    .show = rover_show,
    .input = rover_input,
    .close = rover_close,
};
