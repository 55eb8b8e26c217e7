// SPDX-License-Identifier: Apache-2.0
/* Standard input as commands for a loop, a line at a time, whatever it is: a pipe, a terminal, a
 * file, /dev/null. What is asked for in one line may take its time: the next one waits for it.
 * Called by verbs that others move step by step. */
#ifndef DAM_APP_INPUT_H
#define DAM_APP_INPUT_H

#include "base/err.h"

#include <stdbool.h>
#include <uv.h>

#define DAM_INPUT_LINE_MAX 1024u

struct dam_input_ops {
    /* A line, without its end. Returns: may the next one come? If not, dam_input_next says when. */
    bool (*line)(void *ctx, const char *line);
    /* There is no more; every line has been handed over. */
    void (*end)(void *ctx);
};

/* Zeroed at the start; lives as long as the loop. */
struct dam_input {
    const struct dam_input_ops *ops;
    void *ctx;
    uv_loop_t *loop;
    uv_pipe_t stream;
    uv_fs_t read; /* of what is no stream: epoll refuses files */
    bool is_open;
    bool is_stream;
    bool held; /* the line before is still at work */
    bool ended;
    size_t len;
    char text[DAM_INPUT_LINE_MAX];
};

/** Begin to read. Returns: DAM_OK, or DAM_EIO. In: input: zeroed. */
DAM_MUST_USE enum dam_err dam_input_open(struct dam_input *input, uv_loop_t *loop,
                                         const struct dam_input_ops *ops, void *ctx);

/** The line for which ops.line returned false is done. On the loop; harmless if there is none. */
void dam_input_next(struct dam_input *input);

/** No callback comes any more. Accepts one that was never opened, and one that is closed. */
void dam_input_close(struct dam_input *input);

#endif
