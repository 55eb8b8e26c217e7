// SPDX-License-Identifier: Apache-2.0
#include "port/problem.h"

#include "base/json.h"

#include <string.h>

#define DETAIL_MAX 1024u
#define TEXT_MAX (6 * DETAIL_MAX + 64) /* every byte as \\uXXXX */

void dam_problem_put(struct dam_buf *out, int status, struct dam_bytes detail)
{
    struct dam_json_writer w = {.buf = out};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "type");
    dam_json_put_cstr(&w, "about:blank");
    dam_json_put_key(&w, "status");
    dam_json_put_u64(&w, (uint64_t)status);
    dam_json_put_key(&w, "detail");
    dam_json_put_string(&w, (const char *)detail.data,
                        detail.len < DETAIL_MAX ? detail.len : DETAIL_MAX);
    dam_json_put_object_end(&w);
}

void dam_problem_reply(struct dam_http_exchange *exchange, int status, const char *detail)
{
    uint8_t text[TEXT_MAX];
    struct dam_buf body;
    dam_buf_init_fixed(&body, text, sizeof(text));
    dam_problem_put(&body, status, dam_bytes(detail, strlen(detail)));
    dam_http_reply(exchange, status, "Content-Type: " DAM_PROBLEM_TYPE "\r\n", body.data, body.len);
}
