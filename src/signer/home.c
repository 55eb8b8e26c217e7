// SPDX-License-Identifier: Apache-2.0
#include "signer/home.h"

#include "base/heap.h"
#include "base/json.h"
#include "base/toml.h"
#include "core/crypto/keccak.h"
#include "core/eth/address.h"
#include "core/eth/keystore.h"
#include "port/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_MAX_LEN 4096u
#define FILE_LEN_MAX (1u << 20) /* of a keystore, a token's place, a policy */
#define SECRET_PAGE 4096u
#define STATE_BEGUN_MAX 1024u /* more than a state's header, frame and base */

/* Of the state, which is in one of them (signer/state_file.h). */
static const char *const state_names[2] = {"state", "state.b"};

static enum dam_err path_of(const char *folder, const char *name, char ret[PATH_MAX_LEN])
{
    int len = snprintf(ret, PATH_MAX_LEN, "%s/%s", folder, name);
    return len > 0 && (unsigned)len < PATH_MAX_LEN ? DAM_OK : DAM_ERANGE;
}

static enum dam_err from_errno(void)
{
    switch (errno) {
    case ENOENT:
        return DAM_ENOTFOUND;
    case EEXIST:
        return DAM_EEXIST;
    case ENOSPC:
        return DAM_ENOSPC;
    case ENOMEM:
        return DAM_ENOMEM;
    default:
        return DAM_EIO;
    }
}

static enum dam_err write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, data, len);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return done < 0 ? from_errno() : DAM_EIO;
        }
        data += done;
        len -= (size_t)done;
    }
    return DAM_OK;
}

/* Reads an open file to its end into heap memory that the caller frees. */
static enum dam_err read_all(int fd, uint8_t **ret_data, size_t *ret_len)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return from_errno();
    }
    if (st.st_size < 0 || (uint64_t)st.st_size > FILE_LEN_MAX) {
        return DAM_EFULL;
    }
    size_t len = (size_t)st.st_size;
    uint8_t *data = malloc(len + 1);
    if (data == NULL) {
        return DAM_ENOMEM;
    }
    size_t have = 0;
    while (have < len) {
        ssize_t done = pread(fd, data + have, len - have, (off_t)have);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            free(data);
            return DAM_EIO;
        }
        have += (size_t)done;
    }
    *ret_data = data;
    *ret_len = len;
    return DAM_OK;
}

static enum dam_err file_read(const char *folder, const char *name, uint8_t **ret_data,
                              size_t *ret_len)
{
    char path[PATH_MAX_LEN];
    DAM_TRY(path_of(folder, name, path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return from_errno();
    }
    enum dam_err err = read_all(fd, ret_data, ret_len);
    (void)close(fd);
    return err;
}

static enum dam_err folder_sync(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return from_errno();
    }
    enum dam_err err = fsync(fd) == 0 ? DAM_OK : DAM_EIO;
    (void)close(fd);
    return err;
}

/* A new file, whole and durable before anybody can see it under its name. */
static enum dam_err file_create(const char *folder, const char *name, mode_t mode, bool replace,
                                struct dam_bytes content)
{
    char path[PATH_MAX_LEN];
    char temporary[PATH_MAX_LEN];
    char draft[64];
    (void)snprintf(draft, sizeof(draft), ".%.32s.%ld", name, (long)getpid());
    DAM_TRY(path_of(folder, name, path));
    DAM_TRY(path_of(folder, draft, temporary));
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return from_errno();
    }
    enum dam_err err = write_all(fd, content.data, content.len);
    if (err == DAM_OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0)) {
        err = DAM_EIO;
    }
    if (close(fd) != 0 && err == DAM_OK) {
        err = DAM_EIO;
    }
    /* link fails where the name is taken; rename would replace it. */
    if (err == DAM_OK && (replace ? rename(temporary, path) : link(temporary, path)) != 0) {
        err = from_errno();
    }
    if (!replace || err != DAM_OK) {
        (void)unlink(temporary); /* the other name, or nothing worth keeping */
    }
    return err == DAM_OK ? folder_sync(folder) : err;
}

/* ---- the key ---- */

static enum dam_err secret_page(uint8_t **ret)
{
    uint8_t *page =
        mmap(NULL, SECRET_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return DAM_ENOMEM;
    }
    if (mlock(page, SECRET_PAGE) != 0 || madvise(page, SECRET_PAGE, MADV_DONTDUMP) != 0 ||
        madvise(page, SECRET_PAGE, MADV_WIPEONFORK) != 0) {
        (void)munmap(page, SECRET_PAGE);
        return DAM_EUNSUPPORTED;
    }
    *ret = page;
    return DAM_OK;
}

static void secret_wipe(uint8_t *page)
{
    if (page != NULL) {
        explicit_bzero(page, SECRET_PAGE);
        (void)munmap(page, SECRET_PAGE);
    }
}

/* The keystore as JSON, with the text that it views, in the arena. */
static enum dam_err keystore_parse(const char *folder, struct dam_arena *arena,
                                   const struct dam_json **ret)
{
    uint8_t *text = NULL;
    size_t len = 0;
    DAM_TRY(file_read(folder, "keystore", &text, &len));
    uint8_t *kept = dam_arena_alloc(arena, len + 1);
    if (kept != NULL) {
        memcpy(kept, text, len);
    }
    free(text);
    return kept == NULL ? DAM_ENOMEM : dam_json_parse(arena, (const char *)kept, len, 0, ret, NULL);
}

static enum dam_err key_read(const char *folder, const struct dam_signer_password *password,
                             uint8_t secret[32])
{
    const struct dam_json *json;
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    enum dam_err err = keystore_parse(folder, &arena, &json);
    if (err == DAM_OK) {
        err = dam_keystore_decrypt(&arena, json, password->text, password->len, secret);
    }
    dam_arena_finish(&arena);
    return err;
}

enum dam_err dam_signer_home_make_key(const char *folder,
                                      const struct dam_signer_password *password, unsigned log2_n,
                                      struct dam_address *ret_key)
{
    struct dam_keystore_random random;
    uint8_t *secret = NULL;
    struct dam_buf buf;
    DAM_TRY(dam_file_make_folder(folder, 0700));
    DAM_TRY(secret_page(&secret));
    dam_buf_init(&buf, dam_heap(), DAM_KEYSTORE_TEXT_MAX);
    enum dam_err err = DAM_OK;
    if (getentropy(secret, 32) != 0 || getentropy(&random, sizeof(random)) != 0) {
        err = DAM_EIO;
    }
    if (err == DAM_OK) {
        err = dam_address_of_secret_key(secret, ret_key);
    }
    if (err == DAM_OK) {
        struct dam_arena arena;
        dam_arena_init(&arena, dam_heap(), 0);
        err = dam_keystore_encrypt(&arena, secret, password->text, password->len, log2_n, &random,
                                   &buf);
        dam_arena_finish(&arena);
    }
    if (err == DAM_OK) {
        err = dam_buf_err(&buf);
    }
    if (err == DAM_OK) {
        err = file_create(folder, "keystore", 0400, false, dam_buf_bytes(&buf));
    }
    dam_buf_finish(&buf);
    secret_wipe(secret);
    return err;
}

/* ---- a key in hardware ---- */

/* A literal string of TOML: no quote and no control character can be in it. */
static bool is_literal(const char *text)
{
    for (; *text != 0; text++) {
        if (*text == '\'' || (unsigned char)*text < 0x20 || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

enum dam_err dam_signer_home_put_token(const char *folder,
                                       const struct dam_signer_token_place *place)
{
    char address[DAM_ADDRESS_TEXT_SIZE];
    char text[5 * DAM_SIGNER_TOKEN_TEXT_MAX];
    if (!is_literal(place->module) || !is_literal(place->token) || !is_literal(place->key) ||
        !is_literal(place->environment)) {
        return DAM_ERANGE;
    }
    dam_address_to_text(&place->address, address);
    int len = snprintf(text, sizeof(text),
                       "# The key that signs, in a PKCS#11 token; made by `dam signer token`.\n"
                       "module = '%s'\ntoken = '%s'\nkey = '%s'\nenvironment = '%s'\n"
                       "address = '%s'\n",
                       place->module, place->token, place->key, place->environment, address);
    if (len < 0 || (size_t)len >= sizeof(text)) {
        return DAM_ERANGE;
    }
    return file_create(folder, "token", 0600, true, dam_bytes((uint8_t *)text, (size_t)len));
}

static bool token_text(const struct dam_toml *root, const char *name, char *ret)
{
    const struct dam_toml *value = dam_toml_get(root, name);
    if (value == NULL || value->type != DAM_TOML_STRING ||
        value->text.len >= DAM_SIGNER_TOKEN_TEXT_MAX) {
        return false;
    }
    memcpy(ret, value->text.data, value->text.len);
    ret[value->text.len] = 0;
    return true;
}

enum dam_err dam_signer_home_token(const char *folder, struct dam_signer_token_place *ret)
{
    char address[DAM_SIGNER_TOKEN_TEXT_MAX];
    uint8_t *text = NULL;
    size_t len = 0;
    struct dam_toml *root = NULL;
    struct dam_toml_error error;
    struct dam_arena arena;
    DAM_TRY(file_read(folder, "token", &text, &len));
    dam_arena_init(&arena, dam_heap(), 0);
    enum dam_err err = dam_toml_parse(dam_bytes(text, len), &arena, &root, &error);
    if (err == DAM_OK &&
        (!token_text(root, "module", ret->module) || !token_text(root, "token", ret->token) ||
         !token_text(root, "key", ret->key) || !token_text(root, "environment", ret->environment) ||
         !token_text(root, "address", address) ||
         dam_address_from_text(address, strlen(address), &ret->address) != DAM_OK)) {
        err = DAM_EPARSE;
    }
    dam_arena_finish(&arena);
    free(text);
    return err;
}

static enum dam_err token_address(const char *folder, struct dam_address *ret)
{
    struct dam_signer_token_place place;
    DAM_TRY(dam_signer_home_token(folder, &place));
    *ret = place.address;
    return DAM_OK;
}

/* The keystore's own word on it, which home_open and reset compare with the secret. */
static enum dam_err keystore_address(const char *folder, struct dam_address *ret)
{
    const struct dam_json *json;
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    enum dam_err err = keystore_parse(folder, &arena, &json);
    if (err == DAM_OK && dam_json_hex_exact(dam_json_get(json, "address"), ret->b, 20) != DAM_OK) {
        err = DAM_EPARSE;
    }
    dam_arena_finish(&arena);
    return err;
}

enum dam_err dam_signer_home_key(const char *folder, struct dam_address *ret)
{
    enum dam_err err = token_address(folder, ret);
    return err == DAM_ENOTFOUND ? keystore_address(folder, ret) : err;
}

/* The address that the frame must name: the token's, or else that of the secret itself. */
static enum dam_err signing_address(const char *folder, const uint8_t secret[32],
                                    struct dam_address *ret)
{
    enum dam_err err = token_address(folder, ret);
    return err == DAM_ENOTFOUND ? dam_address_of_secret_key(secret, ret) : err;
}

/* ---- policy and state ---- */

enum dam_err dam_signer_home_put_policy(const char *folder, struct dam_bytes blob,
                                        struct dam_hash *ret_hash)
{
    struct dam_policy policy;
    if (!dam_policy_load(blob, &policy)) {
        return DAM_EPARSE;
    }
    dam_keccak256(blob.data, blob.len, ret_hash);
    return file_create(folder, "policy", 0600, true, blob);
}

static enum dam_err state_lock(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return from_errno();
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return DAM_ECONFLICT;
    }
    *ret_fd = fd;
    return DAM_OK;
}

/* Takes both of the state's files, for this process alone. The second one, where only a compaction
 * ever writes first, may be missing; the first one may not. */
static enum dam_err state_take(const char *folder, int ret_fds[2])
{
    for (size_t i = 0; i < DAM_COUNT_OF(state_names); i++) {
        char path[PATH_MAX_LEN];
        DAM_TRY(path_of(folder, state_names[i], path));
        enum dam_err err = state_lock(path, &ret_fds[i]);
        if (err == DAM_ENOTFOUND && i > 0) {
            DAM_TRY(file_create(folder, state_names[i], 0600, false, dam_bytes(NULL, 0)));
            err = state_lock(path, &ret_fds[i]);
        }
        DAM_TRY(err);
    }
    return DAM_OK;
}

/* Everything but the question whether the policy on the disk is the one that the frame names. */
static enum dam_err home_open(const char *folder, const struct dam_signer_password *password,
                              struct dam_signer_home *ret, struct dam_hash *ret_policy_hash)
{
    struct dam_signer_home home = {.state_file = {.ops = dam_file_system(), .fds = {-1, -1}}};
    uint8_t *blob = NULL;
    size_t blob_len = 0;
    struct dam_address key;
    enum dam_err err = state_take(folder, home.state_file.fds);
    if (err == DAM_OK) {
        err = secret_page(&home.secret);
    }
    if (err == DAM_OK) {
        err = key_read(folder, password, home.secret);
    }
    if (err == DAM_OK) {
        err = signing_address(folder, home.secret, &key);
    }
    if (err == DAM_OK) {
        err = file_read(folder, "policy", &blob, &blob_len);
        home.policy_blob = dam_bytes(blob, blob_len);
    }
    home.state = err == DAM_OK ? calloc(1, sizeof(*home.state)) : NULL;
    if (err == DAM_OK && home.state == NULL) {
        err = DAM_ENOMEM;
    }
    *ret = home; /* from here on the disk points into *ret */
    if (err == DAM_OK) {
        struct dam_signer_disk disk = dam_signer_state_file_disk(&ret->state_file);
        dam_signer_state_init(ret->state, ret->secret, &disk);
        err = dam_signer_state_file_replay(&ret->state_file, ret->state);
    }
    if (err == DAM_OK) {
        /* A malformed policy loads as the one that refuses everything. */
        (void)dam_policy_load(ret->policy_blob, &ret->policy);
        dam_keccak256(blob, blob_len, ret_policy_hash);
        err = dam_address_eq(&key, &ret->state->pin.key) ? DAM_OK : DAM_ERANGE;
    }
    if (err != DAM_OK) {
        dam_signer_home_close(ret);
    }
    return err;
}

enum dam_err dam_signer_home_open(const char *folder, const struct dam_signer_password *password,
                                  struct dam_signer_home *ret)
{
    struct dam_hash policy_hash;
    DAM_TRY(home_open(folder, password, ret, &policy_hash));
    if (!dam_hash_eq(&policy_hash, &ret->state->pin.policy_hash)) {
        dam_signer_home_close(ret);
        return DAM_ERANGE;
    }
    return DAM_OK;
}

void dam_signer_home_close(struct dam_signer_home *home)
{
    secret_wipe(home->secret);
    if (home->state != NULL) {
        dam_signer_state_finish(home->state);
        free(home->state);
    }
    free((void *)home->policy_blob.data);
    for (size_t i = 0; i < DAM_COUNT_OF(home->state_file.fds); i++) {
        if (home->state_file.fds[i] >= 0) {
            (void)close(home->state_file.fds[i]);
        }
    }
    *home = (struct dam_signer_home){.state_file.fds = {-1, -1}};
}

/* ---- what the operator does ---- */

static enum dam_err buf_append(void *ctx, uint64_t at, const uint8_t *data, size_t len)
{
    (void)at;
    dam_buf_put(ctx, data, len);
    return dam_buf_err(ctx);
}

static enum dam_err buf_sync(void *ctx)
{
    (void)ctx;
    return DAM_OK;
}

/* The bytes of a state that begins here. */
static enum dam_err state_make(struct dam_buf *buf, const uint8_t secret[32],
                               const struct dam_signer_pin *pin, const uint64_t nonce_next[2],
                               const struct dam_signer_checkpoint *checkpoint)
{
    struct dam_signer_disk disk = {.append = buf_append, .sync = buf_sync, .ctx = buf};
    struct dam_signer_state *state = malloc(sizeof(*state));
    if (state == NULL) {
        return DAM_ENOMEM;
    }
    dam_signer_state_init(state, secret, &disk);
    enum dam_err err = dam_signer_state_begin(state);
    if (err == DAM_OK) {
        err = dam_signer_state_put_pin(state, pin);
    }
    if (err == DAM_OK) {
        err = dam_signer_state_put_base(state, nonce_next, checkpoint, (uint64_t)time(NULL));
    }
    dam_signer_state_finish(state);
    free(state);
    return err;
}

/* Gives one file of an old state another name. What was put aside before stays. */
static enum dam_err file_set_aside(const char *folder, const char *path)
{
    char aside[PATH_MAX_LEN];
    char name[32] = "state.old";
    unsigned count = 1;
    enum dam_err err;
    do {
        err = path_of(folder, name, aside);
        err = err == DAM_OK && link(path, aside) != 0 ? from_errno() : err;
        (void)snprintf(name, sizeof(name), "state.old.%u", ++count);
    } while (err == DAM_EEXIST);
    return err == DAM_OK && unlink(path) != 0 ? from_errno() : err;
}

/* Puts an old state aside, unless a signer is at work on it; an empty file of it is no more. The
 * second file goes first: without the first there is no state, and beside a new one it must not
 * be. */
static enum dam_err state_set_aside(const char *folder)
{
    enum dam_err err = DAM_OK;
    int fds[DAM_COUNT_OF(state_names)] = {-1, -1};
    for (size_t i = DAM_COUNT_OF(state_names); i-- > 0 && err == DAM_OK;) {
        char path[PATH_MAX_LEN];
        struct stat st;
        err = path_of(folder, state_names[i], path);
        err = err == DAM_OK ? state_lock(path, &fds[i]) : err;
        if (err == DAM_OK && fstat(fds[i], &st) != 0) {
            err = from_errno();
        } else if (err == DAM_OK && st.st_size == 0) {
            err = unlink(path) != 0 ? from_errno() : DAM_OK;
        } else if (err == DAM_OK) {
            err = file_set_aside(folder, path);
        }
        err = err == DAM_ENOTFOUND ? DAM_OK : err;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    return err == DAM_OK ? folder_sync(folder) : err;
}

enum dam_err dam_signer_home_reset(const char *folder, const struct dam_signer_password *password,
                                   const struct dam_signer_pin *pin, const uint64_t nonce_next[2],
                                   const struct dam_signer_checkpoint *checkpoint)
{
    uint8_t space[STATE_BEGUN_MAX];
    struct dam_buf state;
    uint8_t *secret = NULL;
    struct dam_address key;
    DAM_TRY(secret_page(&secret));
    dam_buf_init_fixed(&state, space, sizeof(space));
    enum dam_err err = key_read(folder, password, secret);
    if (err == DAM_OK) {
        err = signing_address(folder, secret, &key);
    }
    if (err == DAM_OK && !dam_address_eq(&key, &pin->key)) {
        err = DAM_ERANGE;
    }
    if (err == DAM_OK) {
        err = state_make(&state, secret, pin, nonce_next, checkpoint);
    }
    secret_wipe(secret);
    if (err == DAM_OK) {
        err = state_set_aside(folder);
    }
    return err == DAM_OK ? file_create(folder, "state", 0600, false, dam_buf_bytes(&state)) : err;
}

enum dam_err dam_signer_home_pin(const char *folder, const struct dam_signer_password *password,
                                 struct dam_signer_pin *ret)
{
    struct dam_signer_home home;
    struct dam_hash policy_hash;
    DAM_TRY(home_open(folder, password, &home, &policy_hash));
    *ret = home.state->pin;
    dam_signer_home_close(&home);
    return DAM_OK;
}

enum dam_err dam_signer_home_set_pin(const char *folder, const struct dam_signer_password *password,
                                     const struct dam_signer_pin *pin)
{
    struct dam_signer_home home;
    struct dam_hash policy_hash;
    enum dam_err err = home_open(folder, password, &home, &policy_hash);
    if (err != DAM_OK) {
        return err;
    }
    if (!dam_address_eq(&pin->key, &home.state->pin.key) ||
        !dam_hash_eq(&pin->policy_hash, &policy_hash)) {
        err = DAM_ERANGE;
    } else if (pin->version != home.state->pin.version + 1) {
        err = DAM_ECONFLICT;
    } else {
        err = dam_signer_state_put_pin(home.state, pin);
    }
    dam_signer_home_close(&home);
    return err;
}

/* A line of a file, from 0, moved to the front of text; a line that is not there is empty. */
static enum dam_err secret_line(const char *path, unsigned line, char *text, size_t size,
                                size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return from_errno();
    }
    ssize_t got = read(fd, text, size);
    (void)close(fd);
    if (got < 0) {
        return DAM_EIO;
    }
    if ((size_t)got == size) {
        return DAM_EFULL;
    }
    const char *at = text;
    const char *end = text + got;
    for (; line > 0; line--) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline != NULL ? newline + 1 : end;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    *ret_len = (size_t)((newline != NULL ? newline : end) - at);
    memmove(text, at, *ret_len);
    explicit_bzero(text + *ret_len, size - *ret_len);
    return DAM_OK;
}

enum dam_err dam_signer_password_read(const char *path, char *text, size_t size, size_t *ret_len)
{
    return secret_line(path, 0, text, size, ret_len);
}

enum dam_err dam_signer_pin_read(const char *path, char *text, size_t size)
{
    size_t len = 0;
    DAM_TRY(secret_line(path, 1, text, size, &len));
    text[len] = 0;
    return len > 0 ? DAM_OK : DAM_ENOTFOUND;
}
