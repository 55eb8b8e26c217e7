// SPDX-License-Identifier: Apache-2.0
#include "port/modbus_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIAL "rtu://"
#define HOST_MAX 128u

/* A device at a cable's end is one, however many machines this process runs. The loops' thread's.
 */
static struct dam_modbus_line *lines;

static bool is_serial(const char *url)
{
    return strncmp(url, SERIAL, strlen(SERIAL)) == 0;
}

static bool tcp_read(const char *url, char *host, size_t size, unsigned *port)
{
    *port = 502;
    return dam_link_url(url, "tcp://", host, size, port);
}

const char *dam_modbus_line_check_url(const char *url)
{
    char host[HOST_MAX];
    unsigned port;
    return is_serial(url) || tcp_read(url, host, sizeof(host), &port)
               ? NULL
               : "'url' is tcp://HOST:PORT or rtu:///dev/ttyUSB0";
}

static const char *bus_make(struct dam_modbus_line *line)
{
    char host[HOST_MAX];
    char service[8];
    unsigned port;
    if (tcp_read(line->url, host, sizeof(host), &port)) {
        (void)snprintf(service, sizeof(service), "%u", port);
        line->bus = modbus_new_tcp_pi(host, service);
    } else {
        line->bus = modbus_new_rtu(line->url + strlen(SERIAL), (int)line->baud, line->parity, 8, 1);
    }
    return line->bus == NULL ? "the device's address is not accepted" : NULL;
}

const char *dam_modbus_line_join(const struct dam_link_setup *setup,
                                 struct dam_modbus_line **ret_line)
{
    const char *url = dam_link_option(setup, "url", "");
    const char *parity = dam_link_option(setup, "parity", "N");
    long baud = 0;
    if (dam_link_option_number(setup, "baud", 9600, 1200, 4000000, &baud) != DAM_OK) {
        return "'baud' is 1200..4000000";
    }
    if (strcmp(parity, "N") != 0 && strcmp(parity, "E") != 0 && strcmp(parity, "O") != 0) {
        return "'parity' is N, E or O";
    }
    struct dam_modbus_line *line = lines;
    while (line != NULL && (line->loop != setup->loop || strcmp(line->url, url) != 0)) {
        line = line->next;
    }
    if (line != NULL) {
        if (line->baud != baud || line->parity != parity[0]) {
            return "another link has this line with another 'baud' or 'parity'";
        }
        line->users++;
        *ret_line = line;
        return NULL;
    }
    line = calloc(1, sizeof(*line));
    if (line == NULL || strlen(url) >= sizeof(line->url)) {
        free(line);
        return line == NULL ? "out of memory" : "'url' is too long";
    }
    *line = (struct dam_modbus_line){
        .loop = setup->loop, .users = 1, .baud = baud, .parity = parity[0], .next = lines};
    memcpy(line->url, url, strlen(url));
    const char *why = dam_modbus_line_check_url(url);
    why = why == NULL ? bus_make(line) : why;
    if (why != NULL) {
        free(line);
        return why;
    }
    lines = line;
    *ret_line = line;
    return NULL;
}

static void line_close(struct dam_modbus_line *line)
{
    if (line->is_open) {
        modbus_close(line->bus);
    }
    line->is_open = false;
}

void dam_modbus_line_leave(struct dam_modbus_line *line)
{
    if (line == NULL || --line->users > 0) {
        return;
    }
    struct dam_modbus_line **at = &lines;
    while (*at != line) {
        at = &(*at)->next;
    }
    *at = line->next;
    line_close(line);
    modbus_free(line->bus);
    free(line);
}

void dam_modbus_line_select(struct dam_modbus_line *line, int unit, unsigned timeout_ms)
{
    /* Both fail for numbers only that the link's options have refused. */
    (void)modbus_set_slave(line->bus, unit);
    (void)modbus_set_response_timeout(line->bus, timeout_ms / 1000, timeout_ms % 1000 * 1000);
}

bool dam_modbus_line_open(struct dam_modbus_line *line)
{
    if (!line->is_open && modbus_connect(line->bus) == 0) {
        line->is_open = true;
        line->opened++;
    }
    return line->is_open;
}

bool dam_modbus_is_refusal(int error)
{
    return error >= EMBXILFUN && error < EMBXGPATH;
}

void dam_modbus_line_failed(struct dam_modbus_line *line, int error)
{
    /* Silence, a frame that is broken, a frame of another device that comes late; or a gateway that
     * says so. On a stream the late answer would be taken for the next one's. */
    bool of_device = error == ETIMEDOUT || error >= MODBUS_ENOBASE;
    bool of_gateway = error == EMBXGPATH || error == EMBXGTAR;
    if (of_gateway || (of_device && is_serial(line->url))) {
        (void)modbus_flush(line->bus);
    } else {
        line_close(line);
    }
}
