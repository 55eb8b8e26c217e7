// SPDX-License-Identifier: Apache-2.0
/* A hectare of maize: the water in its root zone between wilting point and field capacity, a tank,
 * a valve. Weather is a season of measured days. Its doors: a soil probe as Zigbee2MQTT shows it
 * and the valve's Shelly switch on an MQTT broker, and the pump house's controller on Modbus:
 *
 *     input 0  tank level, 1/10 %         input 1  rain of the last day, 1/10 mm
 *     input 2  evapotranspiration of the day (ET0), 1/10 mm      input 3  days since sowing
 */
#include "app/plant.h"
#include "port/emul_modbus.h"
#include "port/emul_mqtt.h"

#include <stdio.h>

#define DAYS_MAX 400u
#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define CAPACITY_UM INT64_C(120000) /* water that the crop can use, in 1/1000 mm */
#define VALVE_UM_H 5000             /* 5 mm an hour */
#define TANK_UM INT64_C(80000)      /* as water on the field: 800 m3 on a hectare */
#define WELL_UM_H 300               /* flows into the tank */
#define VALVE_DW 450                /* 45 W */
#define AGE_START 31                /* the weather begins on 1 June, the crop on 1 May */

static struct {
    struct dam_emul_mqtt *mqtt;
    struct dam_emul_modbus *plc;
    int64_t rain_um[DAYS_MAX];
    int64_t et0_um[DAYS_MAX];
    int64_t temperature_dc[DAYS_MAX];
    size_t days;
    int64_t time_ms;
    /* in 1/1000 mm times DAY_MS, so that no step is lost to rounding */
    int64_t soil;
    int64_t tank;
} p;

static bool weather_read(const char *path)
{
    char line[160];
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    while (file != NULL && p.days < DAYS_MAX && fgets(line, sizeof(line), file) != NULL) {
        double low;
        double high;
        double rain;
        double et0;
        if (sscanf(line, "%*d,%*d,%*d,%lf,%lf,%lf,%lf", &low, &high, &rain, &et0) == 4 &&
            rain >= 0 && rain < 1000 && et0 >= 0 && et0 < 100) {
            p.rain_um[p.days] = (int64_t)(rain * 1000);
            p.et0_um[p.days] = (int64_t)(et0 * 1000);
            p.temperature_dc[p.days] = (int64_t)((low + high) * 5);
            p.days++;
        }
    }
    if (file != NULL) {
        (void)fclose(file); /* only read from */
    }
    return p.days > 0;
}

static enum dam_err irrigation_open(uv_loop_t *loop, const struct dam_plant_options *options,
                                    const char **ret_why)
{
    const struct dam_emul_modbus_size size = {.inputs = 4};
    unsigned port = 0;
    if (!weather_read(options->data)) {
        *ret_why = "--data FILE with the weather (data/weather.csv of the profile)";
        return DAM_ENOTFOUND;
    }
    p.soil = CAPACITY_UM * 35 / 100 * DAY_MS;
    p.tank = TANK_UM * 8 / 10 * DAY_MS;
    *ret_why = "the Modbus port (--modbus-port)";
    DAM_TRY(dam_emul_modbus_create(loop, options->modbus_port, &size, &port, &p.plc));
    *ret_why = "the MQTT broker at 127.0.0.1 (--mqtt-port)";
    return dam_emul_mqtt_create("127.0.0.1", options->mqtt_port, "shelly-valve", &p.mqtt);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void irrigation_step(int64_t ms)
{
    size_t day = (size_t)(p.time_ms / DAY_MS) % p.days;
    int64_t share = p.soil / (CAPACITY_UM * DAY_MS / 1000); /* 1/1000 */
    /* A dry root zone gives less than the crop would take. */
    int64_t thirst = p.et0_um[day] * (share < 300 ? share : 300) / 300;
    int64_t given =
        !dam_emul_mqtt_is_on(p.mqtt) ? 0 : least(VALVE_UM_H * ms * (DAY_MS / HOUR_MS), p.tank);
    p.soil += p.rain_um[day] * ms + given - thirst * ms;
    p.tank += WELL_UM_H * ms * (DAY_MS / HOUR_MS) - given;
    p.soil = p.soil < 0 ? 0 : least(p.soil, CAPACITY_UM * DAY_MS); /* the rest drains away */
    p.tank = least(p.tank, TANK_UM * DAY_MS);
    p.time_ms += ms;
}

static void irrigation_show(void)
{
    size_t day = (size_t)(p.time_ms / DAY_MS) % p.days;
    uint16_t *inputs = dam_emul_modbus_inputs(p.plc);
    inputs[0] = (uint16_t)(p.tank / (TANK_UM * DAY_MS / 1000));
    inputs[1] = (uint16_t)(p.rain_um[day] / 100);
    inputs[2] = (uint16_t)(p.et0_um[day] / 100);
    inputs[3] = (uint16_t)(AGE_START + day);
    dam_emul_mqtt_probe_show(p.mqtt, "soil", p.soil / (CAPACITY_UM * DAY_MS / 10000),
                             p.temperature_dc[day]);
    dam_emul_mqtt_switch_show(p.mqtt, dam_emul_mqtt_is_on(p.mqtt) ? VALVE_DW : 0);
}

static void irrigation_close(void)
{
    dam_emul_mqtt_destroy(p.mqtt);
    dam_emul_modbus_destroy(p.plc);
}

const struct dam_plant_kind dam_plant_irrigation = {
    .name = "irrigation",
    .defaults = {.speed = 1, .mqtt_port = 1883, .modbus_port = 1502},
    .open = irrigation_open,
    .step = irrigation_step,
    .show = irrigation_show,
    .close = irrigation_close,
};
