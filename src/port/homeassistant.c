// SPDX-License-Identifier: Apache-2.0
#include "port/homeassistant.h"

#include "core/flow/fixed.h"

#include <stdio.h>

/* Units that mean one class of device only; a percentage may be anything. */
static const struct {
    const char *unit;
    const char *device_class;
} classes[] = {{"W", "power"},        {"kW", "power"},          {"Wh", "energy_storage"},
               {"V", "voltage"},      {"A", "current"},         {"Hz", "frequency"},
               {"°C", "temperature"}, {"VA", "apparent_power"}, {"hPa", "pressure"},
               {"m/s", "speed"},      {"m", "distance"},        {"mm", "distance"}};

bool dam_ha_config_topic(const struct dam_link_about *about, const char *prefix, size_t index,
                         char *ret)
{
    int len = snprintf(ret, DAM_HA_TOPIC_MAX, "%s/sensor/dam_%s/%s/config", prefix, about->machine,
                       about->shown[index].name);
    return len > 0 && (size_t)len < DAM_HA_TOPIC_MAX;
}

bool dam_ha_state_topic(const struct dam_link_about *about, char *ret)
{
    int len = snprintf(ret, DAM_HA_TOPIC_MAX, "dam/%s/state", about->machine);
    return len > 0 && (size_t)len < DAM_HA_TOPIC_MAX;
}

static void put(struct dam_json_writer *w, const char *key, const char *text)
{
    dam_json_put_key(w, key);
    dam_json_put_cstr(w, text);
}

void dam_ha_config(const struct dam_link_about *about, size_t index, const char *availability,
                   struct dam_buf *out)
{
    const struct dam_link_shown *s = &about->shown[index];
    struct dam_json_writer w = {.buf = out};
    char text[DAM_HA_TOPIC_MAX];
    dam_json_put_object(&w);
    put(&w, "name", s->title);
    (void)snprintf(text, sizeof(text), "sensor.dam_%s_%s", about->machine, s->name);
    const char *id = text + strlen("sensor.");
    put(&w, "unique_id", id);
    /* The entity's id: by its new name, and by the one that was before 2025.10. Each version drops
     * the other without a word. */
    put(&w, "default_entity_id", text);
    put(&w, "object_id", id);
    if (dam_ha_state_topic(about, text)) {
        put(&w, "state_topic", text);
    }
    (void)snprintf(text, sizeof(text), "{{ value_json.v['%s'] }}", s->name);
    put(&w, "value_template", text);
    put(&w, "availability_topic", availability);
    put(&w, "state_class", "measurement");
    if (s->unit[0] != 0) {
        put(&w, "unit_of_measurement", s->unit);
    }
    for (size_t i = 0; i < DAM_COUNT_OF(classes); i++) {
        if (strcmp(classes[i].unit, s->unit) == 0) {
            put(&w, "device_class", classes[i].device_class);
        }
    }
    dam_json_put_key(&w, "suggested_display_precision");
    dam_json_put_u64(&w, s->decimals);
    if (s->is_actuator) {
        put(&w, "icon", "mdi:tune-variant");
    }
    dam_json_put_key(&w, "device");
    dam_json_put_object(&w);
    dam_json_put_key(&w, "identifiers");
    dam_json_put_array(&w);
    (void)snprintf(text, sizeof(text), "dam_%s", about->machine);
    dam_json_put_cstr(&w, text);
    dam_json_put_array_end(&w);
    put(&w, "name", about->title);
    put(&w, "manufacturer", "DAM");
    put(&w, "sw_version", DAM_VERSION);
    dam_json_put_object_end(&w);
    dam_json_put_key(&w, "origin");
    dam_json_put_object(&w);
    put(&w, "name", "dam");
    put(&w, "sw", DAM_VERSION);
    dam_json_put_object_end(&w);
    dam_json_put_object_end(&w);
}

void dam_ha_state(const struct dam_link_about *about, const struct dam_link_turn *turn,
                  struct dam_buf *out)
{
    struct dam_json_writer w = {.buf = out};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "time");
    dam_json_put_i64(&w, turn->time_ms / 1000);
    put(&w, "outcome", turn->outcome);
    dam_json_put_key(&w, "v");
    dam_json_put_object(&w);
    for (size_t i = 0; i < about->count; i++) {
        char number[DAM_FLOW_FIXED_TEXT_MAX];
        dam_json_put_key(&w, about->shown[i].name);
        if (turn->good[i]) {
            size_t len = dam_flow_fixed_format(turn->values[i], about->shown[i].decimals, number);
            dam_json_put_raw(&w, number, len);
        } else {
            dam_json_put_null(&w);
        }
    }
    dam_json_put_object_end(&w);
    dam_json_put_object_end(&w);
}
