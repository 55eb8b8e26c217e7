// SPDX-License-Identifier: Apache-2.0
#include "app/input.h"

#include <string.h>
#include <unistd.h>

static enum dam_err read_on(struct dam_input *in);

/* Hands over the whole lines, then reads on or tells the end. */
static void lines_take(struct dam_input *in)
{
    char *end = memchr(in->text, '\n', in->len);
    while (in->is_open && !in->held && end != NULL) {
        size_t used = (size_t)(end - in->text) + 1;
        *end = 0;
        in->held = !in->ops->line(in->ctx, in->text);
        in->len -= used;
        memmove(in->text, in->text + used, in->len);
        end = memchr(in->text, '\n', in->len);
    }
    if (!in->is_open || in->held) {
        return;
    }
    in->len = in->len == sizeof(in->text) ? 0 : in->len; /* no command is that long */
    if (in->ended || read_on(in) != DAM_OK) {
        in->ops->end(in->ctx);
    }
}

static void got(struct dam_input *in, ssize_t len, bool ended)
{
    in->len += len > 0 ? (size_t)len : 0;
    in->ended = ended;
    if (ended && in->len > 0 && in->len < sizeof(in->text)) {
        in->text[in->len++] = '\n'; /* the last line may be without its own */
    }
    lines_take(in);
}

static void on_file(uv_fs_t *read)
{
    struct dam_input *in = read->data;
    ssize_t len = read->result;
    uv_fs_req_cleanup(read);
    got(in, len, len <= 0);
}

static void on_alloc(uv_handle_t *handle, size_t want, uv_buf_t *buf)
{
    struct dam_input *in = handle->data;
    (void)want;
    *buf = uv_buf_init(in->text + in->len, (unsigned)(sizeof(in->text) - in->len));
}

static void on_stream(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    (void)buf;
    (void)uv_read_stop(stream); /* until what came is done */
    got(stream->data, len, len < 0);
}

static enum dam_err read_on(struct dam_input *in)
{
    if (in->is_stream) {
        return uv_read_start((uv_stream_t *)&in->stream, on_alloc, on_stream) == 0 ? DAM_OK
                                                                                   : DAM_EIO;
    }
    const uv_buf_t buf = uv_buf_init(in->text + in->len, (unsigned)(sizeof(in->text) - in->len));
    return uv_fs_read(in->loop, &in->read, STDIN_FILENO, &buf, 1, -1, on_file) == 0 ? DAM_OK
                                                                                    : DAM_EIO;
}

enum dam_err dam_input_open(struct dam_input *in, uv_loop_t *loop, const struct dam_input_ops *ops,
                            void *ctx)
{
    uv_handle_type type = uv_guess_handle(STDIN_FILENO);
    in->ops = ops;
    in->ctx = ctx;
    in->loop = loop;
    in->read.data = in;
    in->stream.data = in;
    in->is_stream = type == UV_NAMED_PIPE || type == UV_TTY || type == UV_TCP;
    if (in->is_stream && uv_pipe_init(loop, &in->stream, 0) != 0) {
        return DAM_EIO;
    }
    in->is_open = true;
    bool opened = !in->is_stream || uv_pipe_open(&in->stream, STDIN_FILENO) == 0;
    if (!opened || read_on(in) != DAM_OK) {
        dam_input_close(in);
        return DAM_EIO;
    }
    return DAM_OK;
}

void dam_input_next(struct dam_input *in)
{
    if (in->held) {
        in->held = false;
        lines_take(in);
    }
}

void dam_input_close(struct dam_input *in)
{
    if (in->is_open && in->is_stream) {
        uv_close((uv_handle_t *)&in->stream, NULL);
    }
    in->is_open = false;
}
