// SPDX-License-Identifier: Apache-2.0
/* What several Modbus devices are reached by: a serial line, or a TCP connection (to a device, or
 * to a gateway before a serial line). All links with the same url share one: it is opened once, and
 * their requests go one after the other in the order in which they are asked. A device that is
 * silent costs the others no more than its timeout, and on a serial line not the connection. */
#ifndef DAM_PORT_MODBUS_LINE_H
#define DAM_PORT_MODBUS_LINE_H

#include "port/link.h"
#include "port/link_worker.h"

#include <modbus/modbus.h>

struct dam_modbus_line {
    struct dam_link_queue queue; /* of the links' workers */
    struct dam_modbus_line *next;
    uv_loop_t *loop;
    unsigned users;
    char url[256];
    long baud;
    char parity;
    /* the running worker's */
    modbus_t *bus;
    bool is_open;
    unsigned opened; /* how often: what was learned of a device before the last time is forgotten */
};

/** As dam_link_kind.check_url. */
const char *dam_modbus_line_check_url(const char *url);

/** The line that a link's options `url`, `baud` and `parity` name; opened by nobody yet.
 *  Returns: NULL, or static text that says what is wrong with the options.
 *  Out: ret_line: for dam_modbus_line_leave. */
const char *dam_modbus_line_join(const struct dam_link_setup *setup,
                                 struct dam_modbus_line **ret_line);

/** One link less; the last one closes it. Accepts NULL. */
void dam_modbus_line_leave(struct dam_modbus_line *line);

/** In the worker: speak to this device from now on. In: unit: 0..247. */
void dam_modbus_line_select(struct dam_modbus_line *line, int unit, unsigned timeout_ms);

/** In the worker: open the line if it is not. Returns: false with errno of libmodbus. */
DAM_MUST_USE bool dam_modbus_line_open(struct dam_modbus_line *line);

/** Does libmodbus's errno mean that the device answered, but with a refusal? The connection is good
 *  then. A gateway's word that there is no device is none. */
bool dam_modbus_is_refusal(int error);

/** In the worker: a request has failed with this errno, which was no device's refusal: the line is
 *  closed, unless it was the device alone that did not answer. */
void dam_modbus_line_failed(struct dam_modbus_line *line, int error);

#endif
