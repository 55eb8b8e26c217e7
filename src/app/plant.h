// SPDX-License-Identifier: Apache-2.0
/* Simulated plants for profiles whose hardware is missing: a small world whose only doors are
 * emulated devices (port/emul_*.h). `dam plant NAME` runs one until its input ends or it is told
 * to stop; time passes --speed times as fast as the wall's. plant_solar.h is the older sibling that
 * a demo steps by hand. */
#ifndef DAM_APP_PLANT_H
#define DAM_APP_PLANT_H

#include "base/err.h"

#include <stdint.h>
#include <uv.h>

struct dam_plant_options {
    double speed;     /* 0: time moves by commands alone, where the plant has them */
    uint64_t epoch_s; /* Unix time at which the data begin, where that can be told */
    const char *data; /* NULL: none */
    unsigned mqtt_port;
    unsigned modbus_port;
    unsigned http_port;
    unsigned gpsd_port;
};

struct dam_plant_kind {
    const char *name;
    struct dam_plant_options defaults;
    /* Open the world and its devices. *ret_why says what failed, static. */
    enum dam_err (*open)(uv_loop_t *loop, const struct dam_plant_options *options,
                         const char **ret_why);
    /* Let time pass. In: ms: of the plant's own time, 1 .. 3,600,000. */
    void (*step)(int64_t ms);
    /* Show the devices' readings. Called ten times a second. */
    void (*show)(void);
    /* A line of standard input; NULL: the plant reads none, and lives until a signal. */
    void (*input)(const char *line);
    void (*close)(void);
};

extern const struct dam_plant_kind dam_plant_irrigation;
extern const struct dam_plant_kind dam_plant_rover;
extern const struct dam_plant_kind dam_plant_cloud_agent;
extern const struct dam_plant_kind dam_plant_building;

/** dam plant: solar-site or one of the above. */
int dam_verb_plant(int argc, char **argv);

#endif
