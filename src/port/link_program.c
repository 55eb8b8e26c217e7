// SPDX-License-Identifier: Apache-2.0
#include "port/link_program.h"

#include "base/heap.h"
#include "core/flow/fixed.h"
#include "port/link_json.h"
#include "port/link_lines.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORDS_MAX 32u
#define COMMAND_MAX 4096u
#define END_MS 2000u /* from the end of its input to SIGKILL */

/* A write that waits for its read-back. */
struct awaited {
    bool is_used;
    uint64_t ticket;
};

struct link_program {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    const struct dam_link_point *points;
    struct awaited *awaited; /* of the points */
    size_t point_count;
    uv_loop_t *loop;
    const char *folder;
    char command[COMMAND_MAX];
    char *words[WORDS_MAX + 1];
    uv_process_t process;
    uv_pipe_t input;  /* the program's standard input */
    uv_timer_t ender; /* the time that the program has to end */
    bool has_process;
    bool has_input;
    bool closing;
    unsigned open; /* handles that must be closed before the memory goes, and the lines */
    struct dam_arena arena;
    struct dam_link_lines lines;
};

/* ---- the process ----------------------------------------------------------------------------- */

static void part_end(struct link_program *l)
{
    if (--l->open == 0) {
        dam_arena_finish(&l->arena);
        free(l->awaited);
        free(l);
    }
}

static void on_ender_closed(uv_handle_t *handle)
{
    part_end(handle->data);
}

static void on_process_closed(uv_handle_t *handle)
{
    struct link_program *l = handle->data;
    l->has_process = false;
    if (l->closing) {
        uv_close((uv_handle_t *)&l->ender, on_ender_closed);
    }
    part_end(l);
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal_number)
{
    struct link_program *l = process->data;
    char why[80];
    (void)uv_timer_stop(&l->ender);
    if (signal_number != 0) {
        (void)snprintf(why, sizeof(why), "the program was ended by signal %d", signal_number);
    } else {
        (void)snprintf(why, sizeof(why), "the program ended with %d", (int)status);
    }
    uv_close((uv_handle_t *)process, on_process_closed);
    dam_link_lines_fail(&l->lines, why);
}

static void on_ender(uv_timer_t *timer)
{
    struct link_program *l = timer->data;
    if (l->has_process) {
        (void)uv_process_kill(&l->process, SIGKILL);
    }
}

static void on_input_closed(uv_handle_t *handle)
{
    struct link_program *l = handle->data;
    l->has_input = false;
    part_end(l);
}

/* The end of its input is the word to end; SIGTERM is for those who do not read. */
static void process_end(struct link_program *l)
{
    if (l->has_input && uv_is_closing((uv_handle_t *)&l->input) == 0) {
        uv_close((uv_handle_t *)&l->input, on_input_closed);
    }
    if (l->has_process && uv_is_closing((uv_handle_t *)&l->process) == 0) {
        (void)uv_process_kill(&l->process, SIGTERM);
        (void)uv_timer_start(&l->ender, on_ender, END_MS, 0);
    }
}

static void on_connect(void *ctx)
{
    struct link_program *l = ctx;
    if (l->has_process || l->has_input) {
        dam_link_lines_fail(&l->lines, "the program has not ended yet");
        return;
    }
    (void)uv_pipe_init(l->loop, &l->input, 0);
    l->input.data = l;
    l->process = (uv_process_t){.data = l};
    l->has_input = true;
    l->has_process = true;
    l->open += 2;
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&l->input},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)dam_link_lines_pipe(&l->lines)},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };
    const uv_process_options_t options = {
        .exit_cb = on_exit_of,
        .file = l->words[0],
        .args = l->words,
        .cwd = l->folder,
        .stdio = stdio,
        .stdio_count = 3,
    };
    /* What libraries have opened, as a connection that is logged in, is not the program's. */
    (void)close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC); /* before Linux 5.11: it is */
    int err = uv_spawn(l->loop, &l->process, &options);
    if (err != 0) {
        uv_close((uv_handle_t *)&l->input, on_input_closed);
        uv_close((uv_handle_t *)&l->process, on_process_closed);
        dam_link_lines_fail(&l->lines, uv_strerror(err));
        return;
    }
    dam_link_lines_opened(&l->lines, l->words[0]);
}

/* ---- lines ----------------------------------------------------------------------------------- */

enum dam_err dam_program_line(struct dam_arena *arena, const char *line, size_t len,
                              const struct dam_json **ret)
{
    const struct dam_json *root = NULL;
    DAM_TRY(dam_json_parse(arena, line, len, 16, &root, NULL));
    if (root->type != DAM_JSON_OBJECT) {
        return DAM_EPARSE;
    }
    *ret = root;
    return DAM_OK;
}

static void point_tell(struct link_program *l, unsigned i, const struct dam_json *root)
{
    const struct dam_link_point *p = &l->points[i];
    int64_t value = 0;
    if (p->write && (p->readback == NULL || !l->awaited[i].is_used)) {
        return;
    }
    enum dam_err err =
        dam_link_json_value(root, p->write ? p->readback : p->key, p->decimals, &value);
    if (err == DAM_OK && p->write) {
        l->awaited[i].is_used = false;
        l->events.written(l->events.ctx, i, l->awaited[i].ticket, DAM_LINK_DONE, true, value);
    } else if (err == DAM_OK) {
        l->events.sample(l->events.ctx, i, value);
    } else if (err != DAM_ENOTFOUND && !p->write) {
        l->events.fault(l->events.ctx, i, "the program writes no number here");
    }
}

static void on_line(void *ctx, char *line, size_t len)
{
    struct link_program *l = ctx;
    const struct dam_json *root = NULL;
    dam_arena_reset(&l->arena);
    if (dam_program_line(&l->arena, line, len, &root) != DAM_OK) {
        for (unsigned i = 0; i < l->point_count; i++) {
            if (!l->points[i].write) {
                l->events.fault(l->events.ctx, i, "the program writes a line that is no JSON");
            }
        }
        return;
    }
    for (unsigned i = 0; i < l->point_count; i++) {
        point_tell(l, i, root);
    }
}

static void on_lost(void *ctx)
{
    struct link_program *l = ctx;
    process_end(l);
    for (unsigned i = 0; i < l->point_count; i++) {
        if (l->awaited[i].is_used) {
            l->awaited[i].is_used = false;
            l->events.written(l->events.ctx, i, l->awaited[i].ticket, DAM_LINK_UNKNOWN, false, 0);
        }
    }
}

static void program_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct link_program *l = (struct link_program *)(void *)base;
    const struct dam_link_point *p = &l->points[point];
    struct awaited *a = &l->awaited[point];
    char number[DAM_FLOW_FIXED_TEXT_MAX];
    char text[1024];
    (void)dam_flow_fixed_format(value, p->decimals, number);
    int len = dam_link_json_make(p->key, number, text, sizeof(text) - 1);
    if (a->is_used) { /* a newer set-point takes the place of an older */
        a->is_used = false;
        l->events.written(l->events.ctx, point, a->ticket, DAM_LINK_UNKNOWN, false, 0);
    }
    if (l->lines.state != DAM_LINK_LINES_OPEN || !l->has_input || len < 0) {
        l->events.written(l->events.ctx, point, ticket, DAM_LINK_REFUSED, false, 0);
        return;
    }
    text[len] = '\n';
    *a = (struct awaited){p->readback != NULL, ticket};
    if (!dam_link_lines_send((uv_stream_t *)&l->input, text, (size_t)len + 1)) {
        *a = (struct awaited){true, ticket}; /* unknown: a part of it may be there */
        dam_link_lines_fail(&l->lines, "the program does not read its set-points");
        return;
    }
    if (p->readback == NULL) {
        l->events.written(l->events.ctx, point, ticket, DAM_LINK_DONE, false, 0);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void lines_end(void *ctx)
{
    part_end(ctx);
}

static const struct dam_link_lines_ops lines_ops = {on_connect, NULL, on_line, on_lost, lines_end};

static void program_close(struct dam_link *base)
{
    struct link_program *l = (struct link_program *)(void *)base;
    l->closing = true;
    process_end(l);
    if (!l->has_process) {
        uv_close((uv_handle_t *)&l->ender, on_ender_closed);
    }
    dam_link_lines_close(&l->lines);
}

static const char *program_check_key(const char *key, bool write)
{
    (void)write;
    return key[0] == 0 || !dam_link_json_path_is_plain(key)
               ? "write the path of the value in the program's lines, as a.b.0"
               : NULL;
}

/* The manifest's array of words comes as one word a line. */
static const char *command_read(struct link_program *l, const struct dam_link_setup *setup)
{
    const char *text = dam_link_option(setup, "command", "");
    size_t count = 0;
    if (text[0] == 0 || strlen(text) >= sizeof(l->command)) {
        return "'command' is the program and its arguments: [\"python3\", \"sensor.py\"]";
    }
    memcpy(l->command, text, strlen(text) + 1);
    for (char *at = l->command; at != NULL; count++) {
        char *end = strchr(at, '\n');
        if (count == WORDS_MAX) {
            return "'command' has more than 32 words";
        }
        l->words[count] = at;
        if (end != NULL) {
            *end++ = 0;
        }
        at = end;
    }
    return NULL;
}

static enum dam_err program_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                                 const char **ret_why)
{
    struct link_program *l = calloc(1, sizeof(*l));
    struct awaited *awaited = calloc(setup->point_count + 1, sizeof(*awaited));
    if (l == NULL || awaited == NULL) {
        free(l);
        free(awaited);
        return DAM_ENOMEM;
    }
    l->kind = &dam_link_program;
    l->events = setup->events;
    l->points = setup->points;
    l->point_count = setup->point_count;
    l->awaited = awaited;
    l->loop = setup->loop;
    l->folder = setup->folder;
    l->open = 2; /* the lines and the ender */
    dam_arena_init(&l->arena, dam_heap(), 4u << 20);
    const char *why = command_read(l, setup);
    why = why == NULL ? dam_link_lines_start(&l->lines, setup, 0, &lines_ops, l) : why;
    if (why != NULL) {
        *ret_why = why;
        l->open = 1;
        part_end(l);
        return DAM_EPARSE;
    }
    (void)uv_timer_init(l->loop, &l->ender);
    l->ender.data = l;
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static const char *const program_options[] = {"command", "rate_max", "silence_ms", NULL};

const struct dam_link_kind dam_link_program = {
    .name = "program",
    .summary = "any program that writes and reads lines of JSON",
    .options = program_options,
    .check_key = program_check_key,
    .open = program_open,
    .write = program_write,
    .close = program_close,
};
