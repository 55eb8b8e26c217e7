// SPDX-License-Identifier: Apache-2.0
#include "port/emul_modbus.h"

#include <arpa/inet.h>
#include <modbus/modbus-tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 8u

struct client {
    struct dam_emul_modbus *emul;
    uv_poll_t poll;
    int fd;
    bool is_open;
};

struct dam_emul_modbus {
    modbus_t *bus;
    modbus_mapping_t *map;
    int listener;
    uv_poll_t poll;
    struct client clients[CLIENTS_MAX];
    unsigned open; /* handles */
    bool deaf;
    bool closing;
};

static void handle_closed(struct dam_emul_modbus *e)
{
    e->open--;
    if (e->closing && e->open == 0) {
        modbus_mapping_free(e->map);
        modbus_free(e->bus);
        free(e);
    }
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;
    (void)close(c->fd);
    c->is_open = false;
    handle_closed(c->emul);
}

static void client_close(struct client *c)
{
    if (c->is_open && uv_is_closing((uv_handle_t *)&c->poll) == 0) {
        uv_close((uv_handle_t *)&c->poll, on_client_closed);
    }
}

static void on_request(uv_poll_t *poll, int status, int events)
{
    struct client *c = poll->data;
    struct dam_emul_modbus *e = c->emul;
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    (void)events;
    (void)modbus_set_socket(e->bus, c->fd);
    int len = status != 0 ? -1 : modbus_receive(e->bus, query);
    if (len < 0) {
        client_close(c);
    } else if (len > 0 && !e->deaf) {
        (void)modbus_reply(e->bus, query, len, e->map); /* a client that has gone shows next time */
    }
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct dam_emul_modbus *e = poll->data;
    int listener = e->listener;
    size_t i = 0;
    (void)events;
    int fd = status != 0 ? -1 : modbus_tcp_accept(e->bus, &listener);
    while (i < CLIENTS_MAX && e->clients[i].is_open) {
        i++;
    }
    if (fd < 0 || i == CLIENTS_MAX) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    struct client *c = &e->clients[i];
    *c = (struct client){.emul = e, .fd = fd, .is_open = true};
    (void)uv_poll_init(poll->loop, &c->poll, fd);
    c->poll.data = c;
    e->open++;
    (void)uv_poll_start(&c->poll, UV_READABLE, on_request);
}

enum dam_err dam_emul_modbus_create(uv_loop_t *loop, unsigned port,
                                    const struct dam_emul_modbus_size *size, unsigned *ret_port,
                                    struct dam_emul_modbus **ret)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    struct dam_emul_modbus *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return DAM_ENOMEM;
    }
    e->bus = modbus_new_tcp("127.0.0.1", (int)port);
    e->map = modbus_mapping_new_start_address(0, size->coils, 0, size->discretes,
                                              size->holding_base, size->holdings, 0, size->inputs);
    e->listener = e->bus == NULL || e->map == NULL ? -1 : modbus_tcp_listen(e->bus, 4);
    if (e->listener < 0 || getsockname(e->listener, (struct sockaddr *)&address, &len) != 0) {
        if (e->map != NULL) {
            modbus_mapping_free(e->map);
        }
        if (e->bus != NULL) {
            modbus_free(e->bus);
        }
        free(e);
        return DAM_EIO;
    }
    (void)uv_poll_init(loop, &e->poll, e->listener);
    e->poll.data = e;
    e->open = 1;
    (void)uv_poll_start(&e->poll, UV_READABLE, on_connection);
    *ret_port = ntohs(address.sin_port);
    *ret = e;
    return DAM_OK;
}

uint16_t *dam_emul_modbus_holdings(struct dam_emul_modbus *e)
{
    return e->map->tab_registers;
}

uint16_t *dam_emul_modbus_inputs(struct dam_emul_modbus *e)
{
    return e->map->tab_input_registers;
}

void dam_emul_modbus_drop(struct dam_emul_modbus *e)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        client_close(&e->clients[i]);
    }
}

void dam_emul_modbus_deaf(struct dam_emul_modbus *e, bool deaf)
{
    e->deaf = deaf;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct dam_emul_modbus *e = handle->data;
    (void)close(e->listener);
    handle_closed(e);
}

void dam_emul_modbus_destroy(struct dam_emul_modbus *e)
{
    if (e == NULL) {
        return;
    }
    e->closing = true;
    dam_emul_modbus_drop(e);
    uv_close((uv_handle_t *)&e->poll, on_listener_closed);
}
