// SPDX-License-Identifier: Apache-2.0
#include "port/emul_http.h"

#include "base/heap.h"
#include "port/http_server.h"

#include <stdlib.h>

struct dam_emul_http {
    struct dam_http_server *server;
    struct dam_emul_http_owner owner;
    struct dam_arena arena;
};

static const char json_type[] = "Content-Type: application/json\r\n";

static void on_request(void *ctx, struct dam_http_exchange *exchange,
                       const struct dam_http_request *request)
{
    struct dam_emul_http *e = ctx;
    const struct dam_json *root = NULL;
    struct dam_buf buf;
    int status = 200;
    dam_arena_reset(&e->arena);
    if (strcmp(request->method, "POST") == 0) {
        bool good = dam_json_parse(&e->arena, (const char *)request->body.data, request->body.len,
                                   16, &root, NULL) == DAM_OK &&
                    root->type == DAM_JSON_OBJECT;
        status = good ? e->owner.posted(e->owner.ctx, root) : 400;
    }
    dam_buf_init_arena(&buf, &e->arena, 0);
    struct dam_json_writer w = {.buf = &buf};
    e->owner.document(e->owner.ctx, &w);
    dam_http_reply(exchange, status, json_type, buf.data, buf.len);
}

enum dam_err dam_emul_http_create(uv_loop_t *loop, unsigned port,
                                  const struct dam_emul_http_owner *owner, unsigned *ret_port,
                                  struct dam_emul_http **ret)
{
    struct dam_emul_http *e = calloc(1, sizeof(*e));
    uint16_t taken = 0;
    if (e == NULL) {
        return DAM_ENOMEM;
    }
    e->owner = *owner;
    dam_arena_init(&e->arena, dam_heap(), 4u << 20);
    const struct dam_http_handler handler = {.request = on_request, .ctx = e};
    enum dam_err err = dam_http_server_create(loop, &handler, NULL, &e->server);
    err = err == DAM_OK ? dam_http_listen(e->server, "127.0.0.1", (uint16_t)port, &taken) : err;
    if (err != DAM_OK) {
        dam_emul_http_destroy(e);
        return err == DAM_ENOMEM ? err : DAM_EIO;
    }
    *ret_port = taken;
    *ret = e;
    return DAM_OK;
}

void dam_emul_http_destroy(struct dam_emul_http *e)
{
    if (e == NULL) {
        return;
    }
    dam_http_server_destroy(e->server);
    dam_arena_finish(&e->arena);
    free(e);
}
