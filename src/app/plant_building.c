// SPDX-License-Identifier: Apache-2.0
/* A community building with panels on its roof and a hall that is let by the hour. The air of the
 * hall cools to the outside and is warmed by a heater; panels and the rest of the house follow the
 * hours of a day in March. Its doors are on an MQTT broker: the meters as a Shelly shows them, a
 * thermometer as Zigbee2MQTT does, and the Shelly switches of lock and heater. */
#include "app/plant.h"
#include "port/emul_mqtt.h"

#include <stdio.h>

#define HOUR_MS INT64_C(3600000)
#define HEATER_W 9000
#define LOCK_DW 60        /* 6 W while it is held open */
#define WARMS_MC_H 4000   /* by the heater, 1/1000 degree an hour */
#define COOLS_PCT_H 8     /* of the difference to the outside, each hour */
#define LEAST_MC (-20000) /* no colder outside */

/* At each full hour; between them straight lines. */
static const int64_t pv_w[24] = {0,    0,    0,     0,     0,     0,     400,   2600,
                                 6200, 9800, 12600, 14200, 14600, 13700, 11500, 8300,
                                 4700, 1500, 100,   0,     0,     0,     0,     0};
static const int64_t house_w[24] = {900,  850,  820,  800,  820,  1000, 1900, 3400,
                                    4100, 3800, 3500, 3400, 3900, 3600, 3300, 3200,
                                    3600, 4600, 5400, 5200, 4300, 3000, 1800, 1200};
static const int64_t outside_mc[24] = {3500,  3100, 2800, 2500, 2300,  2200,  2500,  3600,
                                       5200,  7000, 8600, 9900, 10800, 11300, 11400, 11000,
                                       10100, 8800, 7500, 6500, 5700,  5000,  4400,  3900};

static struct {
    struct dam_emul_mqtt *lock;
    struct dam_emul_mqtt *heat;
    int64_t time_ms;
    int64_t hall; /* 1/1000 degree times HOUR_MS, so that no step is lost to rounding */
} p;

static int64_t at_hour(const int64_t day[24])
{
    size_t hour = (size_t)(p.time_ms / HOUR_MS) % 24;
    int64_t part = p.time_ms % HOUR_MS;
    int64_t a = day[hour];
    int64_t b = day[(hour + 1) % 24];
    return a + (b - a) * part / HOUR_MS;
}

static enum dam_err building_open(uv_loop_t *loop, const struct dam_plant_options *options,
                                  const char **ret_why)
{
    (void)loop;
    p.time_ms = 9 * HOUR_MS;
    p.hall = INT64_C(13000) * HOUR_MS;
    *ret_why = "the MQTT broker at 127.0.0.1 (--mqtt-port)";
    DAM_TRY(dam_emul_mqtt_create("127.0.0.1", options->mqtt_port, "shelly-lock", &p.lock));
    return dam_emul_mqtt_create("127.0.0.1", options->mqtt_port, "shelly-heat", &p.heat);
}

static void building_step(int64_t ms)
{
    int64_t gap_mc = p.hall / HOUR_MS - at_hour(outside_mc);
    p.hall += ((dam_emul_mqtt_is_on(p.heat) ? WARMS_MC_H : 0) - gap_mc * COOLS_PCT_H / 100) * ms;
    if (p.hall < LEAST_MC * HOUR_MS) {
        p.hall = LEAST_MC * HOUR_MS;
    }
    p.time_ms += ms;
}

static void building_show(void)
{
    char text[96];
    bool heats = dam_emul_mqtt_is_on(p.heat);
    long long load = (long long)(at_hour(house_w) + (heats ? HEATER_W : 0));
    (void)snprintf(text, sizeof(text), "{\"id\":0,\"total_act_power\":%lld}", load);
    dam_emul_mqtt_say(p.heat, "shelly-house/status/em:0", text);
    (void)snprintf(text, sizeof(text), "{\"id\":0,\"apower\":%lld}", (long long)at_hour(pv_w));
    dam_emul_mqtt_say(p.heat, "shelly-roof/status/pm1:0", text);
    (void)snprintf(text, sizeof(text), "{\"temperature\":%lld.%03lld,\"battery\":97}",
                   (long long)(p.hall / HOUR_MS / 1000),
                   (long long)(p.hall < 0 ? 0 : p.hall / HOUR_MS % 1000));
    dam_emul_mqtt_say(p.heat, "zigbee2mqtt/hall", text);
    dam_emul_mqtt_switch_show(p.lock, dam_emul_mqtt_is_on(p.lock) ? LOCK_DW : 0);
    dam_emul_mqtt_switch_show(p.heat, heats ? HEATER_W * 10 : 0);
}

static void building_close(void)
{
    dam_emul_mqtt_destroy(p.lock);
    dam_emul_mqtt_destroy(p.heat);
}

const struct dam_plant_kind dam_plant_building = {
    .name = "building",
    .defaults = {.speed = 1, .mqtt_port = 1883},
    .open = building_open,
    .step = building_step,
    .show = building_show,
    .close = building_close,
};
