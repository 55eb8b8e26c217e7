// SPDX-License-Identifier: Apache-2.0
#include "chain/rpc.h"

#include "base/heap.h"

enum dam_err dam_rpc_init(struct dam_rpc *rpc, const struct dam_http_client *http, const char *url,
                          uint32_t timeout_ms)
{
    size_t len = strlen(url);
    if (!dam_http_client_takes(url) || len >= sizeof(rpc->url)) {
        return DAM_EPARSE;
    }
    *rpc = (struct dam_rpc){.http = http, .timeout_ms = timeout_ms, .id_next = 1};
    memcpy(rpc->url, url, len + 1);
    return DAM_OK;
}

/* Revert data is the error's `data` as hex, or, as some nodes have it, `data` within that. */
static struct dam_bytes error_data(struct dam_arena *arena, const struct dam_json *error)
{
    struct dam_bytes data = {0};
    const struct dam_json *node = dam_json_get(error, "data");
    if (node != NULL && node->type == DAM_JSON_OBJECT) {
        node = dam_json_get(node, "data");
    }
    if (node == NULL || dam_json_hex(node, arena, &data) != DAM_OK) {
        return (struct dam_bytes){0};
    }
    return data;
}

static enum dam_err error_read(struct dam_arena *arena, const struct dam_json *error,
                               struct dam_rpc_error *ret)
{
    const struct dam_json *message = dam_json_get(error, "message");
    *ret = (struct dam_rpc_error){0};
    if (dam_json_i64(dam_json_get(error, "code"), &ret->code) != DAM_OK || message == NULL ||
        message->type != DAM_JSON_STRING) {
        return DAM_EPARSE;
    }
    size_t len = message->len < sizeof(ret->message) - 1 ? message->len : sizeof(ret->message) - 1;
    memcpy(ret->message, message->text, len);
    ret->data = error_data(arena, error);
    return DAM_EREFUSED;
}

static enum dam_err answer_read(struct dam_arena *arena, struct dam_bytes body, uint64_t id,
                                const struct dam_json **ret, struct dam_rpc_error *ret_error)
{
    const struct dam_json *root;
    uint64_t answer_id;
    DAM_TRY(dam_json_parse(arena, (const char *)body.data, body.len, 0, &root, NULL));
    const struct dam_json *about = dam_json_get(root, "id");
    const struct dam_json *error = dam_json_get(root, "error");
    const struct dam_json *result = dam_json_get(root, "result");
    bool is_ours = dam_json_u64(about, &answer_id) == DAM_OK && answer_id == id;
    if (error != NULL && error->type == DAM_JSON_OBJECT) {
        /* Who could not read the question does not know its id. */
        bool is_nameless = about == NULL || about->type == DAM_JSON_NULL;
        return is_ours || is_nameless ? error_read(arena, error, ret_error) : DAM_EPARSE;
    }
    if (result == NULL || !is_ours) {
        return DAM_EPARSE;
    }
    *ret = result;
    return DAM_OK;
}

static struct dam_bytes request_write(struct dam_arena *arena, uint64_t id, const char *method,
                                      struct dam_bytes params)
{
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "jsonrpc");
    dam_json_put_cstr(&w, "2.0");
    dam_json_put_key(&w, "id");
    dam_json_put_u64(&w, id);
    dam_json_put_key(&w, "method");
    dam_json_put_cstr(&w, method);
    dam_json_put_key(&w, "params");
    dam_json_put_raw(&w, (const char *)params.data, params.len);
    dam_json_put_object_end(&w);
    return dam_buf_err(&buf) == DAM_OK ? dam_buf_bytes(&buf) : (struct dam_bytes){0};
}

enum dam_err dam_rpc_call(struct dam_rpc *rpc, struct dam_arena *arena, const char *method,
                          struct dam_bytes params, const struct dam_json **ret,
                          struct dam_rpc_error *ret_error)
{
    uint64_t id = rpc->id_next++;
    struct dam_bytes request = request_write(arena, id, method, params);
    struct dam_buf body;
    int status = 0;
    if (request.len == 0) {
        return DAM_ENOMEM;
    }
    dam_buf_init(&body, dam_heap(), DAM_RPC_ANSWER_LEN_MAX);
    enum dam_err err =
        rpc->http->post(rpc->http->ctx, rpc->url, request, rpc->timeout_ms, &body, &status);
    const uint8_t *copy = NULL;
    if (err == DAM_OK) {
        /* The nodes point into the text, so the text goes where they go. */
        copy = dam_arena_copy(arena, body.data, body.len);
        err = copy == NULL ? DAM_ENOMEM : DAM_OK;
    }
    size_t len = body.len;
    dam_buf_finish(&body);
    DAM_TRY(err);
    /* Errors come with any status; what is no JSON-RPC answer is a fault of what is in between. */
    err = answer_read(arena, dam_bytes(copy, len), id, ret, ret_error);
    return err == DAM_EPARSE && status != 200 ? DAM_EIO : err;
}
