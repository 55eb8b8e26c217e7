// SPDX-License-Identifier: Apache-2.0
/* The signer as a process, attacked by the process that started it: a hundred thousand requests, of
 * which none outside the policy may be signed, judged by an accountant of its own; the key is
 * looked for in all our memory; the process is killed between requests. This program is its own
 * signer: started as `signer-process` it is one. */
#include "signer/signer.h"

#include "base/heap.h"
#include "base/prng.h"
#include "core/crypto/secp256k1.h"
#include "core/eth/tx.h"
#include "signer/home.h"
#include "signer/sandbox.h"
#include "signer/signer_fixture.h"
#include "signer/typed.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PASSWORD "correct horse"
#define SCRYPT_LOG2_N 12u

static const struct dam_hash domain = {{0xd0}};
static char folder[256];
static char password_path[300];
static struct fixture_policy blob;
static struct dam_signer_pin pin;

/* Runs `work` in a child, so that nothing it held stays in our memory. */
static void in_child(void (*work)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        work();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static const struct dam_signer_password password = {PASSWORD, sizeof(PASSWORD) - 1};

static void path_in(char *ret, size_t size, const char *name)
{
    assert_true(snprintf(ret, size, "%s/%s", folder, name) < (int)size);
}

/* The key, masked, for the search: bytes xor 0x5a. */
static void child_mask_key(void)
{
    struct dam_signer_home home;
    char path[300];
    path_in(path, sizeof(path), "masked");
    if (dam_signer_home_open(folder, &password, &home) != DAM_OK) {
        _exit(1);
    }
    FILE *file = fopen(path, "wb");
    for (size_t i = 0; i < 32; i++) {
        (void)fputc(home.secret[i] ^ 0x5a, file);
    }
    (void)fclose(file);
    dam_signer_home_close(&home);
}

static void child_make_key(void)
{
    struct dam_address key;
    char path[300];
    path_in(path, sizeof(path), "address");
    if (dam_signer_home_make_key(folder, &password, SCRYPT_LOG2_N, &key) != DAM_OK) {
        _exit(1);
    }
    FILE *file = fopen(path, "wb");
    (void)fwrite(key.b, 1, 20, file);
    (void)fclose(file);
}

static void child_reset(void)
{
    const uint64_t nonces[2] = {0, 0};
    const struct dam_signer_checkpoint start = {0};
    if (dam_signer_home_reset(folder, &password, &pin, nonces, &start) != DAM_OK) {
        _exit(1);
    }
}

static int setup(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    char path[300];
    struct dam_hash hash;
    (void)snprintf(folder, sizeof(folder), "%s/dam-signer-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    path_in(password_path, sizeof(password_path), "password");
    FILE *file = fopen(password_path, "wb");
    assert_non_null(file);
    (void)fputs(PASSWORD "\n", file);
    (void)fclose(file);
    in_child(child_make_key);
    fixture_default(&blob, &domain);
    pin = fixture_pin(&blob);
    path_in(path, sizeof(path), "address");
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(pin.key.b, 1, 20, file), 20);
    (void)fclose(file);
    assert_int_equal(dam_signer_home_put_policy(folder, dam_bytes(blob.bytes, blob.len), &hash),
                     DAM_OK);
    assert_true(dam_hash_eq(&hash, &pin.policy_hash));
    in_child(child_reset);
    in_child(child_mask_key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." stay */
    }
    (void)closedir(dir);
    return rmdir(folder);
}

static enum dam_err spawn(struct dam_signer **ret)
{
    const struct dam_signer_options options = {.folder = folder,
                                               .password_path = password_path,
                                               .start_timeout_ms = 60000,
                                               .timeout_ms = 60000};
    return dam_signer_spawn(&options, ret);
}

static struct dam_signer *spawn_unlocked(const struct dam_signer_unlock *chain)
{
    struct dam_signer *signer;
    struct dam_signer_reply reply;
    struct dam_signer_request request = {.kind = DAM_SIGNER_UNLOCK, .unlock = *chain};
    assert_int_equal(spawn(&signer), DAM_OK);
    assert_int_equal(dam_signer_call(signer, &request, &reply), DAM_OK);
    assert_int_equal(reply.refusal, 0);
    return signer;
}

/* ---- the key's file, the sandbox ---- */

static void the_key_file_is_private(void **state)
{
    (void)state;
    char path[300];
    struct stat st;
    struct dam_address key;
    path_in(path, sizeof(path), "keystore");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0400);
    assert_int_equal(dam_signer_home_make_key(folder, &password, SCRYPT_LOG2_N, &key), DAM_EEXIST);
}

static void the_process_is_shut_in(void **state)
{
    (void)state;
    const struct dam_signer_unlock chain = {0};
    struct dam_signer *signer = spawn_unlocked(&chain);
    struct dam_signer_request request = {.kind = DAM_SIGNER_STATUS};
    struct dam_signer_reply reply;
    char path[64];
    assert_int_equal(dam_signer_call(signer, &request, &reply), DAM_OK);
    assert_true(reply.status.unlocked);
    assert_true(reply.status.sandbox & DAM_SIGNER_NO_DUMP);
    assert_true(reply.status.sandbox & DAM_SIGNER_SECCOMP);
    (void)snprintf(path, sizeof(path), "/proc/%d/status", dam_signer_pid(signer));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char line[256];
    unsigned seen = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        seen += strcmp(line, "Seccomp:\t2\n") == 0;
        seen += strcmp(line, "NoNewPrivs:\t1\n") == 0;
    }
    (void)fclose(file);
    assert_int_equal(seen, 2);
    dam_signer_close(signer);
}

static void one_signer_at_a_time(void **state)
{
    (void)state;
    struct dam_signer *first;
    struct dam_signer *second;
    assert_int_equal(spawn(&first), DAM_OK);
    assert_int_equal(spawn(&second), DAM_ECONFLICT);
    dam_signer_close(first);
    assert_int_equal(spawn(&second), DAM_OK);
    dam_signer_close(second);
}

static void wrong_password(void **state)
{
    (void)state;
    struct dam_signer *signer;
    FILE *file = fopen(password_path, "wb");
    (void)fputs("wrong\n", file);
    (void)fclose(file);
    assert_int_equal(spawn(&signer), DAM_EREFUSED);
    file = fopen(password_path, "wb");
    (void)fputs(PASSWORD "\n", file);
    (void)fclose(file);
}

static void a_lost_state_is_not_begun_anew(void **state)
{
    (void)state;
    struct dam_signer *signer;
    char path[300];
    char aside[300];
    path_in(path, sizeof(path), "state");
    path_in(aside, sizeof(aside), "state.old");
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(spawn(&signer), DAM_ENOTFOUND);
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(spawn(&signer), DAM_OK);
    dam_signer_close(signer);
}

/* All zero where there is no such file. */
static struct stat file_stat(const char *name)
{
    char path[300];
    struct stat st;
    path_in(path, sizeof(path), name);
    return stat(path, &st) == 0 ? st : (struct stat){0};
}

/* A disk that is full in the midst of it: room for the frame, not for what follows. */
static void child_reset_fails(void)
{
    const uint64_t nonces[2] = {0, 0};
    const struct dam_signer_checkpoint start = {0};
    const struct rlimit limit = {400, 400};
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
        dam_signer_home_reset(folder, &password, &pin, nonces, &start) == DAM_OK) {
        _exit(1);
    }
}

static void a_state_is_begun_whole_and_none_is_lost(void **state)
{
    (void)state;
    struct dam_signer *signer;
    ino_t first = file_stat("state").st_ino;
    in_child(child_reset);
    ino_t second = file_stat("state").st_ino;
    assert_int_equal(file_stat("state.old").st_ino, first);
    in_child(child_reset_fails);
    assert_int_equal(file_stat("state.old").st_ino, first);
    assert_int_equal(file_stat("state.old.2").st_ino, second);
    assert_int_equal(file_stat("state").st_ino, 0); /* not half of one */
    assert_int_equal(spawn(&signer), DAM_ENOTFOUND);
    in_child(child_reset);
    assert_int_equal(file_stat("state.old.2").st_ino, second);
    assert_int_equal(spawn(&signer), DAM_OK);
    dam_signer_close(signer);
}

/* Without a standard input the socket's number is the one that the process is to have. */
static void child_spawn_without_input(void)
{
    struct dam_signer *signer;
    if (close(STDIN_FILENO) != 0 || close_range(STDERR_FILENO + 1, ~0u, 0) != 0 ||
        spawn(&signer) != DAM_OK) {
        _exit(1);
    }
    dam_signer_close(signer);
}

static void it_starts_without_a_standard_input(void **state)
{
    (void)state;
    in_child(child_spawn_without_input);
}

/* What the outbox does: build a transaction, have it signed. */
static void a_transaction_is_signed_as_it_was_built(void **state)
{
    (void)state;
    const struct dam_signer_unlock chain = {0};
    struct dam_signer *signer = spawn_unlocked(&chain);
    struct dam_signer_reply reply;
    struct dam_signer_context context = {.pin = &pin, .scale = 1000};
    struct dam_signer_spend spend = {.gas_limit = 90000,
                                     .max_fee = dam_u256_from_u64(1000),
                                     .call_count = 1,
                                     .calls = {{fixture_address(1), {{7}}, {NULL, 0}}}};
    struct dam_arena arena;
    struct dam_buf calls;
    struct dam_tx tx;
    struct dam_address sender;
    dam_arena_init(&arena, dam_heap(), 0);
    dam_buf_init_arena(&calls, &arena, 0);
    dam_signer_encode_calls(spend.calls, 1, &calls);
    assert_int_equal(dam_signer_build_tx(&pin, &spend, dam_buf_bytes(&calls), &arena, &tx), DAM_OK);
    assert_int_equal(dam_signer_sign_tx(signer, &context, &tx, &arena, &reply), DAM_OK);
    assert_int_equal(dam_tx_sender(&tx, true, &arena, &sender), DAM_OK);
    assert_true(dam_address_eq(&sender, &pin.key));
    spend.calls[0].value.w[0] = 8; /* the same nonce, another payment */
    dam_buf_init_arena(&calls, &arena, 0);
    dam_signer_encode_calls(spend.calls, 1, &calls);
    assert_int_equal(dam_signer_build_tx(&pin, &spend, dam_buf_bytes(&calls), &arena, &tx), DAM_OK);
    assert_int_equal(dam_signer_sign_tx(signer, &context, &tx, &arena, &reply), DAM_EREFUSED);
    assert_int_equal(reply.refusal, DAM_SIGNER_REFUSED_NONCE_USED);
    tx.to = fixture_address(0x44); /* past the account */
    assert_int_equal(dam_signer_sign_tx(signer, &context, &tx, &arena, &reply), DAM_EUNSUPPORTED);
    dam_arena_finish(&arena);
    dam_signer_close(signer);
    in_child(child_reset);
}

static enum dam_err no_sync(void *ctx)
{
    (void)ctx;
    return DAM_OK;
}

/* As many vouchers as a file takes before it is due. */
static void child_grow_state(void)
{
    struct dam_signer_home home;
    struct dam_signer_channel channel = {.domain = domain};
    if (dam_signer_home_open(folder, &password, &home) != DAM_OK) {
        _exit(1);
    }
    home.state->disk.sync = no_sync; /* power is not what this is about */
    while (home.state->file_len < home.state->file_len_due) {
        channel.total.w[0]++;
        if (dam_signer_state_put_channel(home.state, &channel, 1) != DAM_OK) {
            _exit(1);
        }
    }
    dam_signer_home_close(&home);
}

static unsigned ask_voucher(struct dam_signer *signer, uint64_t total)
{
    struct dam_signer_reply reply;
    struct dam_signer_request request = {.kind = DAM_SIGNER_VOUCHER};
    request.voucher = (struct dam_signer_voucher){.domain = domain, .total = {{total}}};
    assert_int_equal(dam_signer_call(signer, &request, &reply), DAM_OK);
    return reply.refusal;
}

/* The process that may open and rename nothing compacts its file nevertheless. */
static void a_grown_file_is_compacted(void **state)
{
    (void)state;
    const struct dam_signer_unlock chain = {0};
    in_child(child_grow_state);
    assert_true(file_stat("state").st_size >= (off_t)DAM_SIGNER_FILE_LEN_DUE);
    struct dam_signer *signer = spawn_unlocked(&chain);
    assert_int_equal(ask_voucher(signer, 1), DAM_SIGNER_REFUSED_TOTAL);
    assert_int_equal(ask_voucher(signer, 100000), 0);
    off_t len = file_stat("state.b").st_size;
    assert_true(file_stat("state").st_size == 0 && len > 0 && len < (off_t)DAM_SIGNER_WHOLE_MAX);
    assert_int_equal(kill(dam_signer_pid(signer), SIGKILL), 0);
    dam_signer_close(signer);
    signer = spawn_unlocked(&chain);
    assert_int_equal(ask_voucher(signer, 99999), DAM_SIGNER_REFUSED_TOTAL);
    assert_int_equal(ask_voucher(signer, 100001), 0);
    dam_signer_close(signer);
    ino_t old = file_stat("state.b").st_ino;
    in_child(child_reset);
    assert_true(file_stat("state.b").st_ino == 0 && file_stat("state.old.4").st_ino == old);
}

/* ---- the adversary ---- */

#define REQUESTS_QUICK 10000u
#define REQUESTS_FULL 100000u /* from here on every refusal must have been met */
#define HOUR_S 3600u

/* The accountant: everything that was ever signed, from the replies alone. */
struct accountant {
    uint64_t signed_count;
    uint64_t refused[128];
    struct dam_hash nonce_payload[2][4096]; /* zero: none */
    uint64_t nonce_next[2];
    unsigned __int128 coin; /* spent, per nonce once */
    uint64_t token;
    uint64_t token_to[256];
    uint64_t checkpoint_size;
    struct dam_hash checkpoint_root;
    uint64_t voucher[8];
    uint64_t round[4];
    struct dam_hash round_digest[4];
};

static void random_calls(struct dam_prng *prng, struct dam_signer_spend *s,
                         uint8_t data[DAM_POLICY_CALLS_MAX][68])
{
    s->call_count = (uint32_t)dam_prng_below(prng, 4);
    for (uint32_t i = 0; i < s->call_count; i++) {
        struct dam_policy_call *call = &s->calls[i];
        *call =
            (struct dam_policy_call){.target = fixture_address((uint8_t)dam_prng_below(prng, 4))};
        switch (dam_prng_below(prng, 6)) {
        case 0: /* pay coin */
            call->value = dam_u256_from_u64(dam_prng_below(prng, ETHER / 2));
            break;
        case 1: /* too much */
            call->value = dam_u256_from_u64(dam_prng_next(prng));
            break;
        case 2: /* tokens */
        case 3:
            call->target = fixture_address(TOKEN);
            call->data =
                fixture_transfer(data[i], (const uint8_t[]){1, 1, 1, 2, 3}[dam_prng_below(prng, 5)],
                                 dam_prng_below(prng, 60));
            break;
        case 4: /* another selector, the account itself, a stranger */
            call->target =
                fixture_address((const uint8_t[]){TOKEN, ACCOUNT, 0x33}[dam_prng_below(prng, 3)]);
            dam_prng_fill(prng, data[i], 68);
            call->data = dam_bytes(data[i], dam_prng_below(prng, 69));
            break;
        case 5: /* the market */
            call->target = fixture_address(MARKET);
            (void)fixture_transfer(data[i], (uint8_t)(6 + dam_prng_below(prng, 3)),
                                   dam_prng_below(prng, 10));
            dam_store_be32(data[i], SELL);
            call->data = dam_bytes(data[i], 68);
            break;
        }
    }
}

static void random_request(struct dam_prng *prng, const struct accountant *a,
                           struct dam_signer_request *ret, uint8_t data[DAM_POLICY_CALLS_MAX][68])
{
    /* Mostly spends: most of the others would be signed, and each signature is a disk sync. */
    uint64_t dice = dam_prng_below(prng, 40);
    *ret = (struct dam_signer_request){.kind = dice >= 2 && dice <= 7 ? (enum dam_signer_kind)dice
                                                                      : DAM_SIGNER_SPEND};
    if (ret->kind == DAM_SIGNER_UNLOCK) {
        ret->unlock.chain_nonce = dam_prng_below(prng, a->nonce_next[0] + 1);
    } else if (ret->kind == DAM_SIGNER_CHECKPOINT) {
        uint64_t from = a->checkpoint_size > 2 ? a->checkpoint_size - 2 : 0;
        ret->checkpoint.size = from + dam_prng_below(prng, 4);
        ret->checkpoint.root.b[0] = (uint8_t)dam_prng_below(prng, 3);
    } else if (ret->kind == DAM_SIGNER_VOUCHER) {
        ret->voucher.domain = domain;
        ret->voucher.domain.b[1] = dam_prng_below(prng, 4) == 0;
        ret->voucher.channel.b[0] = (uint8_t)dam_prng_below(prng, 8);
        uint64_t base = a->voucher[ret->voucher.channel.b[0]];
        ret->voucher.total = dam_u256_from_u64(base + 2 - dam_prng_below(prng, 4 + (base > 2)));
    } else if (ret->kind == DAM_SIGNER_REPORT) {
        ret->report.topic.b[0] = (uint8_t)dam_prng_below(prng, 4);
        ret->report.round = a->round[ret->report.topic.b[0]] + dam_prng_below(prng, 2);
        ret->report.count = 1;
        ret->report.observations[0].w[0] = dam_prng_below(prng, 3);
    } else if (ret->kind == DAM_SIGNER_AGAIN) {
        ret->again = a->nonce_next[0] + 2 - dam_prng_below(prng, 20);
    } else {
        struct dam_signer_spend *s = &ret->spend;
        s->lane = (enum dam_signer_lane)dam_prng_below(prng, 2);
        s->scale = (uint16_t)dam_prng_next(prng);
        uint64_t next = a->nonce_next[s->lane];
        s->nonce = next + 1 - dam_prng_below(prng, next > 3 ? 4 : 2);
        s->gas_limit = 20000 + dam_prng_below(prng, 5000);
        s->max_fee =
            dam_u256_from_u64(dam_prng_below(prng, 50) == 0 ? UINT64_C(200000000000)
                                                            : 1000 + dam_prng_below(prng, 100));
        s->deadline = dam_prng_below(prng, 2);
        random_calls(prng, s, data);
    }
}

/* Books a signature and checks it against all earlier ones. The signature itself is recovered: it
 * must be the key's over the digest that the intent has. */
static void book_spend(struct accountant *a, const struct dam_signer_spend *s,
                       const struct dam_signer_reply *reply, struct dam_arena *arena)
{
    struct dam_buf calls;
    struct dam_hash batch;
    struct dam_hash payload;
    dam_buf_init_arena(&calls, arena, 0);
    dam_signer_encode_calls(s->calls, s->call_count, &calls);
    dam_keccak256(calls.data, calls.len, &batch);
    payload = batch;
    payload.b[0] ^= (uint8_t)s->gas_limit;
    payload.b[1] ^= (uint8_t)(s->gas_limit >> 8);
    if (s->lane == DAM_SIGNER_LANE_RELAYED) {
        dam_signer_digest_execute(&pin, &batch, s->nonce, s->deadline, &payload);
        assert_true(dam_hash_eq(&payload, &reply->digest));
    } else {
        struct dam_tx tx;
        struct dam_address sender;
        assert_int_equal(dam_tx_decode(arena, reply->raw, &tx, NULL), DAM_OK);
        assert_int_equal(dam_tx_sender(&tx, true, arena, &sender), DAM_OK);
        assert_true(dam_address_eq(&sender, &pin.key) && dam_address_eq(&tx.to, &pin.account));
        assert_true(tx.nonce == s->nonce && dam_u256_is_zero(&tx.value) && !tx.is_create);
        assert_true(tx.gas_limit <= pin.gas_limit_max && tx.type == DAM_TX_DYNAMIC_FEE);
    }
    static const struct dam_hash none;
    assert_true(s->nonce < 4096 && s->nonce <= a->nonce_next[s->lane]);
    struct dam_hash *known = &a->nonce_payload[s->lane][s->nonce];
    if (!dam_hash_eq(known, &none)) {
        assert_true(dam_hash_eq(known, &payload)); /* never two payloads for one nonce */
        return;
    }
    *known = payload;
    a->nonce_next[s->lane] = s->nonce + 1;
    for (uint32_t i = 0; i < s->call_count; i++) {
        const struct dam_policy_call *call = &s->calls[i];
        uint8_t target = call->target.b[19];
        assert_int_not_equal(target, ACCOUNT);
        assert_int_not_equal(target, 0);
        if (call->data.len == 0) {
            a->coin += call->value.w[0];
            continue;
        }
        assert_true(dam_u256_is_zero(&call->value));
        assert_int_equal(call->data.len, 68);
        uint64_t amount = dam_load_be64(call->data.data + 60);
        if (target == TOKEN) {
            assert_true(dam_load_be32(call->data.data) == TRANSFER);
            a->token += amount;
            a->token_to[call->data.data[35]] += amount;
        } else {
            assert_int_equal(target, MARKET);
            assert_true(call->data.data[35] == 7 && amount >= 5);
        }
    }
}

/* What is given again was signed before: this takes nothing from any allowance. */
static void book_again(const struct accountant *a, uint64_t nonce,
                       const struct dam_signer_reply *reply, struct dam_arena *arena)
{
    static const struct dam_hash none;
    struct dam_tx tx;
    assert_int_equal(dam_tx_decode(arena, reply->raw, &tx, NULL), DAM_OK);
    assert_true(tx.nonce == nonce && nonce < a->nonce_next[0]);
    assert_false(dam_hash_eq(&a->nonce_payload[0][nonce], &none));
    assert_true(dam_address_eq(&tx.to, &pin.account) && dam_u256_is_zero(&tx.value));
}

static void book(struct accountant *a, const struct dam_signer_request *request,
                 const struct dam_signer_reply *reply, struct dam_arena *arena)
{
    if (reply->refusal != 0) {
        a->refused[reply->refusal % 128]++;
        return;
    }
    if (request->kind == DAM_SIGNER_UNLOCK) {
        return;
    }
    a->signed_count++;
    struct dam_secp256k1_sig sig;
    struct dam_address signer;
    memcpy(sig.r, reply->signature, 32);
    memcpy(sig.s, reply->signature + 32, 32);
    sig.y_parity = reply->signature[64] - 27;
    assert_int_equal(dam_secp256k1_recover_address(&reply->digest, &sig, &signer), DAM_OK);
    assert_true(dam_address_eq(&signer, &pin.key));
    if (request->kind == DAM_SIGNER_SPEND) {
        book_spend(a, &request->spend, reply, arena);
    } else if (request->kind == DAM_SIGNER_AGAIN) {
        book_again(a, request->again, reply, arena);
    } else if (request->kind == DAM_SIGNER_CHECKPOINT) {
        const struct dam_signer_checkpoint *c = &request->checkpoint;
        assert_true(c->size > a->checkpoint_size ||
                    (c->size == a->checkpoint_size && dam_hash_eq(&c->root, &a->checkpoint_root)));
        a->checkpoint_size = c->size;
        a->checkpoint_root = c->root;
    } else if (request->kind == DAM_SIGNER_VOUCHER) {
        uint8_t channel = request->voucher.channel.b[0];
        assert_true(dam_hash_eq(&request->voucher.domain, &domain));
        assert_true(request->voucher.total.w[0] >= a->voucher[channel]);
        a->voucher[channel] = request->voucher.total.w[0];
    } else {
        uint8_t topic = request->report.topic.b[0];
        static const struct dam_hash none;
        assert_true(request->report.round >= a->round[topic]);
        if (request->report.round == a->round[topic] &&
            !dam_hash_eq(&a->round_digest[topic], &none)) {
            assert_true(dam_hash_eq(&a->round_digest[topic], &reply->digest));
        }
        a->round[topic] = request->report.round;
        a->round_digest[topic] = reply->digest;
    }
}

/* The key in all that this process can read of itself. Returns: how many times it was found. */
static unsigned search_memory(void)
{
    char path[300];
    uint8_t masked[32];
    unsigned found = 0;
    path_in(path, sizeof(path), "masked");
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(masked, 1, 32, file), 32);
    (void)fclose(file);
    FILE *maps = fopen("/proc/self/maps", "r");
    FILE *memory = fopen("/proc/self/mem", "rb");
    assert_non_null(maps);
    assert_non_null(memory);
    static uint8_t page[65536 + 32];
    char line[512];
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from;
        unsigned long to;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[0] != 'r' ||
            to - from > (1ul << 30)) { /* the sanitizer's shadow */
            continue;
        }
        size_t kept = 0;
        for (unsigned long at = from; at < to; at += 65536) {
            size_t want = to - at < 65536 ? to - at : 65536;
            if (fseek(memory, (long)at, SEEK_SET) != 0) {
                break;
            }
            size_t have = fread(page + kept, 1, want, memory);
            for (size_t i = 0; have > 0 && i + 32 <= kept + have; i++) {
                size_t k = 0;
                while (k < 32 && (page[i + k] ^ 0x5a) == masked[k]) {
                    k++;
                }
                found += k == 32;
            }
            kept = have < 31 ? 0 : 31;
            memmove(page, page + have, kept);
        }
    }
    (void)fclose(memory);
    (void)fclose(maps);
    return found;
}

/* The search does find what is there. */
static void the_search_finds(void **state)
{
    (void)state;
    char path[300];
    static uint8_t key[32];
    path_in(path, sizeof(path), "masked");
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(key, 1, 32, file), 32);
    (void)fclose(file);
    for (size_t i = 0; i < 32; i++) {
        key[i] ^= 0x5a;
    }
    assert_true(search_memory() >= 1);
    explicit_bzero(key, sizeof(key));
}

/* Bytes that only begin like a request. */
static void send_junk(struct dam_signer *signer, struct dam_prng *prng, struct accountant *a,
                      struct dam_signer_request *request, struct dam_arena *arena)
{
    uint8_t junk[200];
    struct dam_signer_reply reply;
    size_t len = 8 + dam_prng_below(prng, sizeof(junk) - 8);
    dam_prng_fill(prng, junk, len);
    junk[0] = 1;
    junk[1] = (uint8_t)dam_prng_below(prng, 8);
    junk[2] = junk[3] = 0;
    assert_int_equal(dam_signer_call_raw(signer, dam_bytes(junk, len), &reply), DAM_OK);
    if (dam_signer_request_decode(junk, len, request) == DAM_OK &&
        request->kind != DAM_SIGNER_STATUS) {
        book(a, request, &reply, arena); /* by chance it was a checkpoint */
    } else {
        assert_true(reply.refusal != 0 || reply.has_status);
        a->refused[reply.refusal % 128]++;
    }
}

/* What left is at most a full bucket and what refilled while this ran. */
static void check_spent(const struct accountant *a, uint64_t seconds)
{
    assert_true(a->coin <=
                (unsigned __int128)10 * ETHER + (unsigned __int128)10 * ETHER / HOUR_S * seconds);
    assert_true(a->token <= 1000 + 1000 * seconds / 86400 + 1);
    for (size_t i = 0; i < 256; i++) {
        assert_true(a->token_to[i] <= 300 + 300 * seconds / 86400 + 1);
    }
}

/* The attack has met what it was to meet: it cannot pass by being refused at the door. */
static void check_met(const struct accountant *a, unsigned requests)
{
    static const uint8_t seen[] = {5,   6,   8,   9,   10,  13,  14,  102, 103,
                                   104, 105, 107, 108, 109, 111, 112, 114, 121};
    assert_true(a->signed_count > requests / 100 && a->coin > 0 && a->token > 0);
    assert_true(a->nonce_next[0] > 10 && a->checkpoint_size > 10 && a->voucher[0] > 10);
    for (size_t i = 0; i < sizeof(seen); i++) {
        if (a->refused[seen[i]] == 0 && requests >= REQUESTS_FULL) {
            fail_msg("refusal %u was never met", seen[i]);
        }
    }
}

/* An old state put back is behind the chain. */
static void check_old_state(uint64_t chain_nonce)
{
    struct dam_signer *signer;
    struct dam_signer_reply reply;
    struct dam_signer_request request = {.kind = DAM_SIGNER_UNLOCK};
    in_child(child_reset);
    assert_int_equal(spawn(&signer), DAM_OK);
    request.unlock.chain_nonce = chain_nonce;
    assert_int_equal(dam_signer_call(signer, &request, &reply), DAM_OK);
    assert_int_equal(reply.refusal, DAM_SIGNER_REFUSED_BEHIND);
    request =
        (struct dam_signer_request){.kind = DAM_SIGNER_CHECKPOINT, .checkpoint = {1, {{1}}, 1}};
    assert_int_equal(dam_signer_call(signer, &request, &reply), DAM_OK);
    assert_int_equal(reply.refusal, DAM_SIGNER_REFUSED_LOCKED);
    dam_signer_close(signer);
}

static void no_attack_gets_a_signature(void **state)
{
    (void)state;
    static struct accountant a;
    static uint8_t data[DAM_POLICY_CALLS_MAX][68];
    static struct dam_signer_request request;
    struct dam_prng prng = {.state = 20};
    struct dam_arena arena;
    struct dam_signer_reply reply;
    struct dam_signer_unlock chain = {0};
    const char *told = getenv("DAM_SIGNER_REQUESTS");
    unsigned requests = told != NULL ? (unsigned)strtoul(told, NULL, 10) : REQUESTS_QUICK;
    dam_arena_init(&arena, dam_heap(), 0);
    assert_int_equal(search_memory(), 0);
    struct dam_signer *signer = spawn_unlocked(&chain);
    time_t begun = time(NULL);
    for (unsigned i = 0; i < requests; i++) {
        if (i % (REQUESTS_QUICK / 2) ==
            REQUESTS_QUICK / 4) { /* kill it, as an adversary would, hoping that it forgets */
            assert_int_equal(kill(dam_signer_pid(signer), SIGKILL), 0);
            dam_signer_close(signer);
            signer = spawn_unlocked(&chain);
        }
        if (dam_prng_below(&prng, 10) == 0) {
            send_junk(signer, &prng, &a, &request, &arena);
            continue;
        }
        random_request(&prng, &a, &request, data);
        assert_int_equal(dam_signer_call(signer, &request, &reply), DAM_OK);
        book(&a, &request, &reply, &arena);
        dam_arena_reset(&arena);
    }
    check_spent(&a, (uint64_t)(time(NULL) - begun) + 2);
    check_met(&a, requests);
    assert_int_equal(search_memory(), 0);
    print_message("%u requests, %llu signed, all inside the policy\n", requests,
                  (unsigned long long)a.signed_count);
    dam_signer_close(signer);
    check_old_state(a.nonce_next[0]);
    dam_arena_finish(&arena);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "signer-process") == 0) {
        return dam_signer_process_main(argc - 1, argv + 1);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_file_is_private),
        cmocka_unit_test(the_process_is_shut_in),
        cmocka_unit_test(one_signer_at_a_time),
        cmocka_unit_test(wrong_password),
        cmocka_unit_test(a_lost_state_is_not_begun_anew),
        cmocka_unit_test(a_state_is_begun_whole_and_none_is_lost),
        cmocka_unit_test(it_starts_without_a_standard_input),
        cmocka_unit_test(a_transaction_is_signed_as_it_was_built),
        cmocka_unit_test(a_grown_file_is_compacted),
        cmocka_unit_test(no_attack_gets_a_signature),
        cmocka_unit_test(the_search_finds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
