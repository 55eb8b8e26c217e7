// SPDX-License-Identifier: Apache-2.0
/* A stream of text lines that comes and goes: what gpsd, serial and program links share. It
 * connects, hands out whole lines, notices silence, and connects again with back-off:
 *
 *     WAITING --timer--> CONNECTING --opened--> OPEN --end, error, silence--> CLOSING --> WAITING
 *                             '----------------failed----------------------------^
 *
 * A line that is too long is dropped whole, lines beyond rate_max are dropped unread. */
#ifndef DAM_PORT_LINK_LINES_H
#define DAM_PORT_LINK_LINES_H

#include "port/link.h"

#define DAM_LINK_LINE_MAX 16384u

struct dam_link_lines;

struct dam_link_lines_ops {
    /* Begin to connect by one of dam_link_lines_tcp, _fd, _pipe; or dam_link_lines_fail. */
    void (*connect)(void *ctx);
    /* The stream is open: its first words may be sent. May be NULL. */
    void (*opened)(void *ctx);
    /* One line, NUL-terminated at len, without its end; may be changed in place. */
    void (*line)(void *ctx, char *line, size_t len);
    /* The stream is lost: what was awaited will not come. May be NULL. */
    void (*lost)(void *ctx);
    /* Closed: give the memory back, this struct's too. */
    void (*end)(void *ctx);
};

/* Do not renumber: an assertion prints it. */
enum dam_link_lines_state {
    DAM_LINK_LINES_WAITING = 0,
    DAM_LINK_LINES_CONNECTING = 1,
    DAM_LINK_LINES_OPEN = 2,
    DAM_LINK_LINES_CLOSING = 3,
};

struct dam_link_lines {
    const struct dam_link_lines_ops *ops;
    void *ctx;
    uv_loop_t *loop;
    struct dam_link_events events;
    enum dam_link_lines_state state;
    struct dam_link_health health;
    struct dam_link_gate gate;
    unsigned rate_max;
    uint64_t silence_ms; /* without a line for so long the stream is lost; 0: for ever */
    uint64_t wait_ms;    /* before the next connect */
    uint64_t open_since_ms;
    unsigned attempt; /* of health, before it was open */
    uv_timer_t timer;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } io; /* in use in CONNECTING (if has_io), OPEN, CLOSING */
    bool has_io;
    bool has_lookup; /* a name is being looked up */
    bool closing;    /* for good */
    bool timer_closed;
    unsigned tries; /* of connecting by name */
    uv_getaddrinfo_t lookup;
    uv_connect_t connecting;
    char text[256]; /* for state(): where it is connected, or why not */
    bool skips;     /* the line is too long: until its end */
    size_t len;
    char line[DAM_LINK_LINE_MAX + 1];
};

/** Start; ops->connect is called in the loop's next turn. In: lines: on the heap, freed by
 *  ops->end. setup: its options rate_max and silence_ms are read. Returns: NULL, or static text
 *  about a bad option (then nothing was started). */
const char *dam_link_lines_start(struct dam_link_lines *lines, const struct dam_link_setup *setup,
                                 long silence_ms, const struct dam_link_lines_ops *ops, void *ctx);

/** Look the host up and connect. */
void dam_link_lines_tcp(struct dam_link_lines *lines, const char *host, unsigned port);

/** Take an open descriptor (a serial port). name: for people. */
void dam_link_lines_fd(struct dam_link_lines *lines, int fd, const char *name);

/** A pipe that is ready for uv_spawn; then dam_link_lines_opened, or _fail. */
uv_pipe_t *dam_link_lines_pipe(struct dam_link_lines *lines);
void dam_link_lines_opened(struct dam_link_lines *lines, const char *name);

/** It could not be connected, or is lost; why: for people. */
void dam_link_lines_fail(struct dam_link_lines *lines, const char *why);

/** End; ops->end is the last callback. */
void dam_link_lines_close(struct dam_link_lines *lines);

/** Write a short text to a stream. Returns: false if it could not be handed over whole. */
DAM_MUST_USE bool dam_link_lines_send(uv_stream_t *stream, const char *text, size_t len);

/** Cut bytes into lines; the part of dam_link_lines that a fuzz target can reach. */
void dam_link_lines_feed(struct dam_link_lines *lines, const char *data, size_t len);

#endif
