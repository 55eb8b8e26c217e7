// SPDX-License-Identifier: Apache-2.0
/* Home Assistant's MQTT discovery (home-assistant.io/integrations/mqtt#mqtt-discovery): each
 * channel and actuator of a machine as a sensor of one device. They are for looking: the machine
 * takes no orders from there. Pure: topics and payloads only. */
#ifndef DAM_PORT_HOMEASSISTANT_H
#define DAM_PORT_HOMEASSISTANT_H

#include "base/json.h"
#include "port/link.h"

#define DAM_HA_TOPIC_MAX 256u

/** The retained topic that declares about->shown[index]. Returns: false if it does not fit
 *  DAM_HA_TOPIC_MAX. In: prefix: "homeassistant" unless the user has another. */
DAM_MUST_USE bool dam_ha_config_topic(const struct dam_link_about *about, const char *prefix,
                                      size_t index, char *ret);

/** Its payload. Failures are the buffer's. In: availability: topic with online and offline. */
void dam_ha_config(const struct dam_link_about *about, size_t index, const char *availability,
                   struct dam_buf *out);

/** Where a turn's values go, and what goes there: {"time":..,"outcome":..,"v":{"pv":12.5,..}},
 *  null for a channel that is not good. Returns: as above. */
DAM_MUST_USE bool dam_ha_state_topic(const struct dam_link_about *about, char *ret);
void dam_ha_state(const struct dam_link_about *about, const struct dam_link_turn *turn,
                  struct dam_buf *out);

#endif
