// SPDX-License-Identifier: Apache-2.0
/* MQTT 3.1.1 and 5 through libmosquitto, on the loop. A key is "topic" or "topic#path", where the
 * path walks the payload's JSON ("power_w", "status.0.apower"); without a path the payload is the
 * value itself. That reads Zigbee2MQTT (zigbee2mqtt/NAME#field), Tasmota (tele/NAME/SENSOR#ENERGY.
 * Power), Shelly (NAME/status/switch:0#apower) and ESPHome as they are. Words such as ON and true
 * count as 1, OFF and false as 0. A write publishes the value to its topic (QoS 1; with a path
 * inside an object) and is done when the broker has it; a read-back topic is waited for. A sink's
 * key may end in "=OFF|ON": words for 0 and for anything else, where a device takes no numbers.
 *
 * With the option `homeassistant` the machine shows itself to Home Assistant by discovery. */
#ifndef DAM_PORT_LINK_MQTT_H
#define DAM_PORT_LINK_MQTT_H

#include "base/json.h"
#include "port/link.h"

#define DAM_MQTT_PAYLOAD_MAX (256u * 1024u)
#define DAM_MQTT_TOPIC_MAX 256u

/** Take a value out of a payload.
 *  Returns: DAM_OK; DAM_ENOTFOUND if the path leads nowhere (another kind of message: no fault);
 *  DAM_EPARSE if what is there is no number; DAM_ERANGE. In: path: NULL for the whole payload. */
DAM_MUST_USE enum dam_err dam_mqtt_value(struct dam_arena *arena, const void *payload, size_t len,
                                         const char *path, unsigned decimals, int64_t *ret);

/* A key, taken apart. */
struct dam_mqtt_key {
    char topic[DAM_MQTT_TOPIC_MAX];
    char path[DAM_MQTT_TOPIC_MAX]; /* "": the whole payload */
    char words[2][32];             /* for 0 and for the rest; "": numbers */
};

/** Read a key. Returns: DAM_OK or DAM_EPARSE. */
DAM_MUST_USE enum dam_err dam_mqtt_key_parse(const char *text, bool write,
                                             struct dam_mqtt_key *ret);

/** What a write publishes. Returns: the length, -1 if it does not fit. */
int dam_mqtt_payload(const struct dam_mqtt_key *key, int64_t value, unsigned decimals, char *text,
                     size_t size);

extern const struct dam_link_kind dam_link_mqtt;

#endif
