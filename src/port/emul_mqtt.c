// SPDX-License-Identifier: Apache-2.0
#include "port/emul_mqtt.h"

#include "core/flow/fixed.h"

#include <mosquitto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct dam_emul_mqtt {
    struct mosquitto *mosq;
    atomic_bool is_on; /* set by the library's thread */
    atomic_long power_dw;
    char status_topic[128];
    char command_topic[128];
};

static void status_publish(struct dam_emul_mqtt *e)
{
    char power[DAM_FLOW_FIXED_TEXT_MAX];
    char text[160];
    (void)dam_flow_fixed_format(e->power_dw, 1, power);
    int len =
        snprintf(text, sizeof(text), "{\"id\":0,\"source\":\"MQTT\",\"output\":%s,\"apower\":%s}",
                 e->is_on ? "true" : "false", power);
    (void)mosquitto_publish(e->mosq, NULL, e->status_topic, len, text, 1, false);
}

static void on_connect(struct mosquitto *mosq, void *ctx, int code)
{
    const struct dam_emul_mqtt *e = ctx;
    if (code == 0) {
        (void)mosquitto_subscribe(mosq, NULL, e->command_topic, 1);
    }
}

static void on_message(struct mosquitto *mosq, void *ctx, const struct mosquitto_message *message)
{
    struct dam_emul_mqtt *e = ctx;
    (void)mosq;
    if (message->payloadlen == 2 && memcmp(message->payload, "on", 2) == 0) {
        e->is_on = true;
    } else if (message->payloadlen == 3 && memcmp(message->payload, "off", 3) == 0) {
        e->is_on = false;
    } else {
        return; /* a Shelly ignores what it does not know */
    }
    status_publish(e);
}

enum dam_err dam_emul_mqtt_create(const char *host, unsigned port, const char *shelly,
                                  struct dam_emul_mqtt **ret)
{
    struct dam_emul_mqtt *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return DAM_ENOMEM;
    }
    (void)snprintf(e->status_topic, sizeof(e->status_topic), "%s/status/switch:0", shelly);
    (void)snprintf(e->command_topic, sizeof(e->command_topic), "%s/command/switch:0", shelly);
    (void)mosquitto_lib_init();
    e->mosq = mosquitto_new(NULL, true, e);
    if (e->mosq == NULL) {
        (void)mosquitto_lib_cleanup();
        free(e);
        return DAM_ENOMEM;
    }
    mosquitto_connect_callback_set(e->mosq, on_connect);
    mosquitto_message_callback_set(e->mosq, on_message);
    if (mosquitto_connect(e->mosq, host, (int)port, 30) != 0 ||
        mosquitto_loop_start(e->mosq) != 0) {
        mosquitto_destroy(e->mosq);
        (void)mosquitto_lib_cleanup();
        free(e);
        return DAM_EIO;
    }
    *ret = e;
    return DAM_OK;
}

bool dam_emul_mqtt_is_on(struct dam_emul_mqtt *e)
{
    return e->is_on;
}

void dam_emul_mqtt_switch_show(struct dam_emul_mqtt *e, int64_t power_dw)
{
    e->power_dw = (long)power_dw;
    status_publish(e);
}

void dam_emul_mqtt_say(struct dam_emul_mqtt *e, const char *topic, const char *text)
{
    (void)mosquitto_publish(e->mosq, NULL, topic, (int)strlen(text), text, 0, true);
}

void dam_emul_mqtt_probe_show(struct dam_emul_mqtt *e, const char *name, int64_t moisture_centipct,
                              int64_t temperature_dc)
{
    char topic[128];
    char moisture[DAM_FLOW_FIXED_TEXT_MAX];
    char temperature[DAM_FLOW_FIXED_TEXT_MAX];
    char text[192];
    (void)dam_flow_fixed_format(moisture_centipct, 2, moisture);
    (void)dam_flow_fixed_format(temperature_dc, 1, temperature);
    (void)snprintf(topic, sizeof(topic), "zigbee2mqtt/%s", name);
    (void)snprintf(text, sizeof(text),
                   "{\"battery\":100,\"linkquality\":94,\"soil_moisture\":%s,"
                   "\"temperature\":%s}",
                   moisture, temperature);
    dam_emul_mqtt_say(e, topic, text);
}

void dam_emul_mqtt_destroy(struct dam_emul_mqtt *e)
{
    if (e == NULL) {
        return;
    }
    (void)mosquitto_disconnect(e->mosq);
    (void)mosquitto_loop_stop(e->mosq, false);
    mosquitto_destroy(e->mosq);
    (void)mosquitto_lib_cleanup();
    free(e);
}
