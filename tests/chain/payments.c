// SPDX-License-Identifier: Apache-2.0
/* No payment is made twice: usage: payments URL FOLDER. Pays through a real outbox and a real
 * signer process on a real ledger, and kills payer or signer at every system call that either makes
 * from opening the outbox until the payment is final, a payment a point; then pays the same again,
 * undisturbed: half of the time with the outbox that it left, half of the time after that was lost.
 * The payee must have got each payment exactly once, and the payer's nonce must have gone up by
 * one. DAM_PAYMENT_POINTS: so many points, spread evenly; 0: all. Prints "N passed, M failed".
 *
 * The program is payer (`payments pay URL FOLDER NUMBER`) and signer (`signer-process`) as well. */
#include "base/heap.h"
#include "chain/outbox.h"
#include "core/eth/address.h"
#include "core/eth/hd.h"
#include "signer/home.h"
#include "signer/signer.h"
#include "signer/signer_fixture.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAYEE 0x77
#define PAYMENT_WEI 1000u
#define POINTS_DEFAULT 16u
#define ATTEMPTS_MAX 5
#define LOOKS_MAX 1000
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define MARK SIGURG /* the payer to its tracer: count from here; ignored where there is none */

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            (void)fprintf(stderr, "payments.c:%d: %s\n", __LINE__, #cond);                         \
            exit(2);                                                                               \
        }                                                                                          \
    } while (0)

static const char *url;
static const char *place;
static struct dam_arena arena;
static struct dam_http_client http;
static struct dam_remote chain;

static void path_in(const char *name, char ret[512])
{
    MUST(snprintf(ret, 512, "%s/%s", place, name) < 512);
}

static void chain_open(void)
{
    dam_arena_init(&arena, dam_heap(), 0);
    MUST(dam_http_client_create(&http) == DAM_OK);
    MUST(dam_remote_open(&chain, &arena, &http, &url, 1, 1, 10000) == DAM_OK);
}

/* ---- the payer ------------------------------------------------------------------------------- */

static struct dam_signer *signer;
static struct dam_signer_pin pin;

static enum dam_err sign(void *ctx, const struct dam_hash *id, struct dam_tx *tx,
                         struct dam_arena *scratch)
{
    const struct dam_signer_context context = {.pin = &pin, .scale = UINT16_MAX, .cause = *id};
    struct dam_signer_reply reply;
    (void)ctx;
    return dam_signer_sign_tx(signer, &context, tx, scratch, &reply);
}

static enum dam_err again(void *ctx, uint64_t nonce, struct dam_arena *scratch,
                          struct dam_hash *ret_id, struct dam_bytes *ret_raw)
{
    (void)ctx;
    return dam_signer_tx_again(signer, nonce, scratch, ret_id, ret_raw);
}

/* Returns: the nonce that it will sign next. */
static uint64_t signer_open(void)
{
    char folder[512];
    char password[512];
    path_in("signer", folder);
    path_in("password", password);
    const struct dam_signer_options options = {.folder = folder,
                                               .password_path = password,
                                               .start_timeout_ms = 20000,
                                               .timeout_ms = 10000};
    struct dam_signer_request request = {.kind = DAM_SIGNER_STATUS};
    struct dam_signer_reply reply;
    MUST(dam_signer_spawn(&options, &signer) == DAM_OK);
    MUST(dam_signer_call(signer, &request, &reply) == DAM_OK);
    pin = reply.status.pin;
    request = (struct dam_signer_request){.kind = DAM_SIGNER_UNLOCK};
    MUST(dam_remote_nonce(&chain, &arena, &pin.key, dam_remote_at_tag(DAM_REMOTE_LATEST),
                          &request.unlock.chain_nonce) == DAM_OK);
    MUST(dam_signer_call(signer, &request, &reply) == DAM_OK && reply.refusal == 0);
    return reply.status.nonce_next[0];
}

/* One payment, until it is final. Whoever calls again with its number pays nothing more. */
static int pay(uint32_t number)
{
    char folder[512];
    const struct dam_address to = {.b = {[19] = PAYEE}};
    struct dam_outbox_order order = {
        .to = &to, .value = dam_u256_from_u64(PAYMENT_WEI), .gas_limit = 21000};
    struct dam_outbox outbox;
    struct dam_hash hash;
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state = DAM_OUTBOX_UNKNOWN;
    bool recorded = false;
    dam_store_be32(order.id.b, number);
    chain_open();
    uint64_t nonce_next = signer_open();
    path_in("outbox", folder);
    (void)raise(MARK);
    const struct dam_tx_signer by = {
        .address = pin.key, .sign = sign, .again = again, .nonce_next = nonce_next};
    if (dam_outbox_open(&outbox, &arena, &chain, &by, folder) != DAM_OK) {
        return 1;
    }
    enum dam_err err = dam_outbox_send(&outbox, &arena, &order, &hash, &recorded);
    if (err != DAM_OK && !recorded) {
        return 1;
    }
    for (int i = 0; i < LOOKS_MAX && state != DAM_OUTBOX_FINAL; i++) {
        if (dam_outbox_look(&outbox, &arena, &order.id, &state, &receipt) != DAM_OK ||
            state == DAM_OUTBOX_LOST || state == DAM_OUTBOX_UNKNOWN) {
            return 1;
        }
    }
    return state == DAM_OUTBOX_FINAL && receipt.succeeded ? 0 : 1;
}

/* ---- whoever kills --------------------------------------------------------------------------- */

static pid_t payer_start(uint32_t number, bool traced)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", number);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        if (traced) {
            (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        }
        (void)execl("/proc/self/exe", "payments", "pay", url, place, text, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void go_on(pid_t pid, int signal)
{
    (void)ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)signal); /* it may be dead */
}

/* Runs the payer, and kills it or its signer before the system call `point` after the mark.
 * Returns: how many were counted; *ret_code the payer's exit code, -1 where it did not exit. */
static unsigned run_and_kill(uint32_t number, unsigned point, int *ret_code)
{
    pid_t payer = payer_start(number, true);
    unsigned count = 0;
    bool marked = false;
    bool entering[1 << 16] = {false}; /* by process id, modulo */
    int status = 0;
    *ret_code = -1;
    MUST(waitpid(payer, &status, 0) == payer && WIFSTOPPED(status)); /* at exec */
    MUST(
        ptrace(PTRACE_SETOPTIONS, payer, NULL,
               (void *)(intptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                                  PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)) == 0);
    go_on(payer, 0);
    for (pid_t pid = waitpid(-1, &status, __WALL); pid > 0; pid = waitpid(-1, &status, __WALL)) {
        if (!WIFSTOPPED(status)) {
            if (pid == payer && WIFEXITED(status)) {
                *ret_code = WEXITSTATUS(status);
            }
            continue; /* until nobody is left */
        }
        int stop = WSTOPSIG(status);
        bool *is_entry = &entering[(unsigned)pid % DAM_COUNT_OF(entering)];
        if (stop == SYSCALL_STOP) {
            *is_entry = !*is_entry;
            count += marked && *is_entry ? 1 : 0;
            if (marked && *is_entry && count == point) {
                (void)kill(pid, SIGKILL);
                continue;
            }
        }
        marked = marked || (pid == payer && stop == MARK);
        bool is_own = stop == SYSCALL_STOP || stop == SIGTRAP || stop == SIGSTOP || stop == MARK;
        go_on(pid, is_own ? 0 : stop);
    }
    return count;
}

static bool pay_undisturbed(uint32_t number)
{
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        int status = 0;
        pid_t pid = payer_start(number, false);
        MUST(waitpid(pid, &status, 0) == pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the world ------------------------------------------------------------------------------- */

static uint64_t received(void)
{
    const struct dam_address payee = {.b = {[19] = PAYEE}};
    struct dam_u256 balance;
    MUST(dam_remote_balance(&chain, &arena, &payee, dam_remote_at_tag(DAM_REMOTE_LATEST),
                            &balance) == DAM_OK);
    return balance.w[0];
}

static uint64_t nonce(void)
{
    uint64_t ret = 0;
    MUST(dam_remote_nonce(&chain, &arena, &pin.key, dam_remote_at_tag(DAM_REMOTE_LATEST), &ret) ==
         DAM_OK);
    return ret;
}

/* Forgets the payments in the outbox; or all of it, as if its disk were lost. */
static void outbox_clear(bool all)
{
    char folder[512];
    path_in("outbox", folder);
    DIR *dir = opendir(folder);
    MUST(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (all || strlen(entry->d_name) > 64) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." stay */
        }
    }
    (void)closedir(dir);
    MUST(!all || rmdir(folder) == 0);
}

/* A signer for an account of its own, which may pay coin to anybody. */
static void signer_make(void)
{
    static const struct dam_signer_password password = {"a test", 6};
    static const uint64_t nonces[2];
    static const struct dam_signer_checkpoint none;
    const struct dam_hash domain = {{1}};
    struct fixture_policy policy;
    struct dam_hash hash;
    char folder[512];
    char path[512];
    path_in("signer", folder);
    path_in("password", path);
    MUST(mkdir(place, 0700) == 0 && mkdir(folder, 0700) == 0);
    FILE *file = fopen(path, "wb");
    MUST(file != NULL && fputs("a test\n", file) >= 0 && fclose(file) == 0);
    fixture_default(&policy, &domain);
    pin = fixture_pin(&policy);
    pin.chain_id = chain.chain_id;
    MUST(dam_signer_home_make_key(folder, &password, 10, &pin.key) == DAM_OK);
    pin.account = pin.key;
    MUST(dam_signer_home_put_policy(folder, dam_bytes(policy.bytes, policy.len), &hash) == DAM_OK);
    MUST(dam_signer_home_reset(folder, &password, &pin, nonces, &none) == DAM_OK);
}

static enum dam_err dev_sign(void *ctx, const struct dam_hash *id, struct dam_tx *tx,
                             struct dam_arena *scratch)
{
    (void)id;
    return dam_tx_sign(tx, ctx, scratch);
}

static void fund(void)
{
    uint8_t secret[32];
    char folder[512];
    struct dam_tx_signer dev = {.sign = dev_sign, .ctx = secret};
    struct dam_outbox outbox;
    struct dam_hash hash;
    bool recorded = false;
    const struct dam_outbox_order order = {
        .id = {{9}}, .to = &pin.key, .value = dam_u256_from_u64(5 * ETHER / 2), .gas_limit = 21000};
    path_in("funding", folder);
    MUST(dam_hd_account(DAM_HD_DEV_MNEMONIC, 2, secret) == DAM_OK);
    MUST(dam_address_of_secret_key(secret, &dev.address) == DAM_OK);
    MUST(dam_outbox_open(&outbox, &arena, &chain, &dev, folder) == DAM_OK);
    MUST(dam_outbox_send(&outbox, &arena, &order, &hash, &recorded) == DAM_OK);
    dam_outbox_close(&outbox);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "signer-process") == 0) {
        return dam_signer_process_main(argc - 1, argv + 1);
    }
    if (argc == 5 && strcmp(argv[1], "pay") == 0) {
        url = argv[2];
        place = argv[3];
        return pay((uint32_t)strtoul(argv[4], NULL, 10));
    }
    if (argc != 3) {
        (void)fprintf(stderr, "usage: payments URL FOLDER\n");
        return 2;
    }
    const char *env = getenv("DAM_PAYMENT_POINTS");
    unsigned wanted = env == NULL ? POINTS_DEFAULT : (unsigned)strtoul(env, NULL, 10);
    unsigned passed = 0;
    unsigned failed = 0;
    unsigned died = 0;
    uint32_t number = 1;
    int code = 0;
    url = argv[1];
    place = argv[2];
    chain_open();
    signer_make();
    fund();
    unsigned total = run_and_kill(number++, 0, &code); /* nobody dies: how long is a payment? */
    MUST(code == 0 && total > 50 && received() == PAYMENT_WEI);
    unsigned points = wanted == 0 || wanted > total ? total : wanted;
    for (unsigned i = 0; i < 2 * points; i++, number++) {
        unsigned point = 1 + (unsigned)((uint64_t)(i / 2) * total / points);
        uint64_t before = received();
        uint64_t nonce_before = nonce();
        outbox_clear(false);
        (void)run_and_kill(number, point, &code);
        died += code != 0 ? 1 : 0;
        if (i % 2 != 0) {
            outbox_clear(true);
        }
        bool paid = pay_undisturbed(number);
        bool again_paid = pay_undisturbed(number);
        bool once = received() == before + PAYMENT_WEI && nonce() == nonce_before + 1;
        if (paid && again_paid && once) {
            passed++;
        } else {
            failed++;
            (void)printf("FAILED point %u, outbox %s: paid %d, again %d, the payee got %llu, "
                         "nonce +%llu\n",
                         point, i % 2 == 0 ? "kept" : "lost", paid, again_paid,
                         (unsigned long long)(received() - before),
                         (unsigned long long)(nonce() - nonce_before));
        }
        dam_arena_reset(&arena);
    }
    (void)printf(
        "%u of the %u system calls of a payment, the outbox kept and lost: %u of %u payers "
        "died or gave up\n",
        points, total, died, 2 * points);
    if (died < points) { /* then nothing was tested */
        failed++;
    }
    dam_http_client_destroy(&http);
    dam_arena_finish(&arena);
    (void)printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
