// SPDX-License-Identifier: Apache-2.0
/* Emulated devices at an MQTT broker, at message level: a soil probe as Zigbee2MQTT shows it, and a
 * switch as a Shelly of the second generation. The broker is a real one. */
#ifndef DAM_PORT_EMUL_MQTT_H
#define DAM_PORT_EMUL_MQTT_H

#include "base/bytes.h"
#include "base/err.h"

struct dam_emul_mqtt; /* private */

/** Connect to the broker; connecting again goes on by itself. In: shelly: the switch's topic, as
 *  "shelly-valve". Returns: DAM_OK, DAM_ENOMEM, DAM_EIO if the broker cannot be reached now. */
DAM_MUST_USE enum dam_err dam_emul_mqtt_create(const char *host, unsigned port, const char *shelly,
                                               struct dam_emul_mqtt **ret);

/** The switch, as it was last ordered. */
bool dam_emul_mqtt_is_on(struct dam_emul_mqtt *emul);

/** Publish the switch's status. */
void dam_emul_mqtt_switch_show(struct dam_emul_mqtt *emul, int64_t power_dw);

/** Publish what another device would: a text under a topic, retained. */
void dam_emul_mqtt_say(struct dam_emul_mqtt *emul, const char *topic, const char *text);

/** Publish the probe's reading under zigbee2mqtt/NAME. In: moisture_centipct: 1/100 %; temperature
 *  in 1/10 degree. */
void dam_emul_mqtt_probe_show(struct dam_emul_mqtt *emul, const char *name,
                              int64_t moisture_centipct, int64_t temperature_dc);

/** Disconnect. Accepts NULL. */
void dam_emul_mqtt_destroy(struct dam_emul_mqtt *emul);

#endif
