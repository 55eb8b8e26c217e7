// SPDX-License-Identifier: Apache-2.0
/* The signer process, in the order in which it gives things up: core dumps, then it reads its
 * files, then the file system and all system calls but a few, then it answers. */
#include "base/heap.h"
#include "core/crypto/secp256k1.h"
#include "signer/guard.h"
#include "signer/home.h"
#include "signer/sandbox.h"
#include "signer/signer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ARENA_MAX (16u * DAM_SIGNER_MESSAGE_MAX)
#define GAP_CREDITED_S 3600u
#define WALL_MAX (UINT64_C(1) << 47)

/* Seconds that nobody can turn: from the wall clock only once, at the start, and then by the
 * monotonic clock. A wall clock that went back, or ahead by more than an hour since the last
 * record, is not believed: the allowances then refill with the running time only, which can keep
 * money in but never let more out. */
struct signer_clock {
    uint64_t base_s;
    uint64_t base_mono_s;
};

static uint64_t clock_read(clockid_t id)
{
    struct timespec t = {0};
    (void)clock_gettime(id, &t); /* these two clocks always exist */
    return t.tv_sec > 0 ? (uint64_t)t.tv_sec : 0;
}

static void clock_start(struct signer_clock *clock, uint64_t time_last)
{
    uint64_t wall = clock_read(CLOCK_REALTIME);
    bool believed = wall < WALL_MAX && wall >= time_last && wall - time_last <= GAP_CREDITED_S;
    clock->base_s = believed ? wall : time_last;
    clock->base_mono_s = clock_read(CLOCK_MONOTONIC);
}

static uint64_t clock_now(const struct signer_clock *clock)
{
    return clock->base_s + (clock_read(CLOCK_MONOTONIC) - clock->base_mono_s);
}

/* The key in this process's memory. ctx: the secret. */
static enum dam_err secp256k1_sign(void *ctx, const struct dam_hash *digest,
                                   uint8_t signature[DAM_SIGNER_SIGNATURE_MAX], uint8_t *ret_len)
{
    struct dam_secp256k1_sig sig;
    DAM_TRY(dam_secp256k1_sign(ctx, digest, &sig));
    memcpy(signature, sig.r, 32);
    memcpy(signature + 32, sig.s, 32);
    signature[64] = (uint8_t)(27 + sig.y_parity);
    *ret_len = 65;
    return DAM_OK;
}

/* The key in hardware. ctx: the token. */
static enum dam_err token_sign(void *ctx, const struct dam_hash *digest,
                               uint8_t signature[DAM_SIGNER_SIGNATURE_MAX], uint8_t *ret_len)
{
    return dam_signer_token_sign(ctx, digest, signature, ret_len);
}

/* Before any secret is read: the token's process must not inherit one.
 * Returns: DAM_OK also where there is no token: then ret->fd is -1. */
static enum dam_err token_start(const char *folder, const char *password_path,
                                struct dam_signer_token *ret)
{
    char pin[DAM_SIGNER_TOKEN_TEXT_MAX];
    struct dam_signer_token_place place;
    *ret = (struct dam_signer_token){.fd = -1};
    enum dam_err err = dam_signer_home_token(folder, &place);
    if (err != DAM_OK) {
        return err == DAM_ENOTFOUND ? DAM_OK : err;
    }
    err = dam_signer_pin_read(password_path, pin, sizeof(pin));
    if (err == DAM_OK) {
        err = dam_signer_token_open(&place, pin, ret);
    }
    explicit_bzero(pin, sizeof(pin));
    if (err == DAM_OK && !dam_address_eq(&ret->address, &place.address)) {
        dam_signer_token_close(ret);
        err = DAM_ERANGE; /* another key under the same label */
    }
    return err;
}

/* Answers until the other side is gone. Returns: DAM_OK then. */
static enum dam_err serve(int fd, struct dam_signer_home *home, struct dam_signer_token *token,
                          uint8_t sandbox)
{
    static uint8_t message[DAM_SIGNER_MESSAGE_MAX + 1];
    static uint8_t out[DAM_SIGNER_MESSAGE_MAX * 2];
    struct dam_signer_key key = token->fd >= 0
                                    ? (struct dam_signer_key){token_sign, token}
                                    : (struct dam_signer_key){secp256k1_sign, home->secret};
    struct dam_signer_guard guard = {
        .state = home->state, .policy = &home->policy, .key = &key, .sandbox = sandbox};
    struct signer_clock clock;
    struct dam_arena arena;
    clock_start(&clock, home->state->time_last);
    dam_arena_init(&arena, dam_heap(), ARENA_MAX);
    for (;;) {
        ssize_t len = recv(fd, message, sizeof(message), 0);
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len <= 0) {
            dam_arena_finish(&arena);
            return len == 0 || errno == ECONNRESET ? DAM_OK : DAM_EIO;
        }
        struct dam_signer_reply reply;
        /* One byte too many is a message that was cut: it does not parse. */
        dam_signer_guard_answer(&guard, dam_bytes(message, (size_t)len), clock_now(&clock), &arena,
                                &reply);
        size_t out_len = dam_signer_reply_encode(&reply, out, sizeof(out));
        if (out_len == 0 || send(fd, out, out_len, MSG_NOSIGNAL) != (ssize_t)out_len) {
            dam_arena_finish(&arena);
            return DAM_ECLOSED;
        }
        dam_arena_reset(&arena);
    }
}

static enum dam_err run(int fd, const char *folder, const char *password_path)
{
    char text[1024];
    struct dam_signer_password password = {.text = text};
    struct dam_signer_home home;
    struct dam_signer_token token;
    uint8_t sandbox = 0;
    DAM_TRY(dam_signer_sandbox_before(&sandbox));
    DAM_TRY(token_start(folder, password_path, &token));
    DAM_TRY(dam_signer_password_read(password_path, text, sizeof(text), &password.len));
    enum dam_err err = dam_signer_home_open(folder, &password, &home);
    explicit_bzero(text, sizeof(text));
    if (err != DAM_OK) {
        return err;
    }
    err = dam_signer_sandbox_enter(fd, home.state_file.fds, token.fd, &sandbox);
    if (err == DAM_OK) {
        err = serve(fd, &home, &token, sandbox);
    }
    explicit_bzero(home.secret, 32);
    return err; /* the process ends: the kernel closes and frees the rest */
}

int dam_signer_process_main(int argc, char **argv)
{
    int fd = -1;
    const char *folder = NULL;
    const char *password_path = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--fd") == 0) {
            fd = (int)strtol(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--folder") == 0) {
            folder = argv[i + 1];
        } else if (strcmp(argv[i], "--password-file") == 0) {
            password_path = argv[i + 1];
        }
    }
    if (fd < 0 || folder == NULL || password_path == NULL) {
        (void)fprintf(stderr, "dam signer-process: started by dam itself, not by hand\n");
        return 2;
    }
    enum dam_err err = run(fd, folder, password_path);
    if (err != DAM_OK) {
        (void)fprintf(stderr, "dam signer-process: %s: %s\n", folder, dam_err_text(err));
        _exit(DAM_SIGNER_EXIT_BASE - err);
    }
    _exit(0); /* not exit: its handlers call what the sandbox forbids */
}
