// SPDX-License-Identifier: Apache-2.0
/* Keys in a real PKCS#11 module (SoftHSM), on both curves: found, refused, used by a sandboxed
 * signer process. This program is its own signer: started as `signer-process` it is one. Where
 * SoftHSM or OpenSC's pkcs11-tool is not installed the tests are skipped. */
#include "signer/token.h"

#include "core/crypto/p256.h"
#include "core/crypto/secp256k1.h"
#include "signer/home.h"
#include "signer/signer.h"
#include "signer/signer_fixture.h"

#include <dlfcn.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define TPM_MODULE "libtpm2_pkcs11.so.1"
#define PASSWORD "correct horse"
#define PIN "271828"
#define SCRYPT_LOG2_N 12u

static char folder[100];
static bool installed;

static bool shell(const char *command)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void run(const char *format, ...)
{
    char command[1200];
    va_list args;
    va_start(args, format);
    assert_true(vsnprintf(command, sizeof(command), format, args) < (int)sizeof(command));
    va_end(args);
    assert_true(shell(command));
}

static void write_text(const char *name, const char *text)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    char text[300];
    installed =
        access(MODULE, R_OK) == 0 && shell("command -v pkcs11-tool softhsm2-util >/dev/null");
    if (!installed) {
        (void)printf("skipped: keys in hardware: SoftHSM or OpenSC is not installed\n");
        return 0;
    }
    (void)snprintf(folder, sizeof(folder), "%s/dam-token-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(text, sizeof(text), "directories.tokendir = %s\nlog.level = ERROR\n", folder);
    write_text("softhsm2.conf", text);
    (void)snprintf(text, sizeof(text), "%s/softhsm2.conf", folder);
    assert_int_equal(setenv("SOFTHSM2_CONF", text, 1), 0);
    run("softhsm2-util --init-token --free --label dam --so-pin 314159 --pin " PIN " >/dev/null");
    run("pkcs11-tool --module " MODULE " --token-label dam --login --pin " PIN
        " --keypairgen --key-type EC:secp256k1 --label chain >/dev/null 2>&1");
    run("pkcs11-tool --module " MODULE " --token-label dam --login --pin " PIN
        " --keypairgen --key-type EC:prime256v1 --label machine >/dev/null 2>&1");
    run("pkcs11-tool --module " MODULE " --token-label dam --login --pin " PIN
        " --keypairgen --key-type EC:secp384r1 --label other >/dev/null 2>&1");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (installed) {
        /* A TPM that ends takes its files away by itself. */
        run("[ ! -f %s/tpm.pid ] || kill $(cat %s/tpm.pid); rm -rf %s || { sleep 1; rm -rf %s; }",
            folder, folder, folder, folder);
    }
    return 0;
}

/* ---- a TPM ---- */

static uint16_t tpm_port;

static bool port_is_free(uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 &&
                 getsockname(fd, (struct sockaddr *)&address, &len) == 0;
    (void)close(fd);
    *port = ntohs(address.sin_port);
    return bound;
}

/* A TPM in a process, with a token and a key in it. The control port is the command port's next. */
static bool tpm_start(void)
{
    char conf[300];
    uint16_t next;
    void *module = dlopen(TPM_MODULE, RTLD_LAZY);
    if (module == NULL || !shell("command -v swtpm tpm2_flushcontext >/dev/null")) {
        return false;
    }
    (void)dlclose(module);
    do {
        tpm_port = 0;
        assert_true(port_is_free(&tpm_port));
        next = tpm_port + 1;
    } while (!port_is_free(&next));
    run("mkdir %s/tpm %s/store", folder, folder);
    run("swtpm socket --tpm2 --tpmstate dir=%s/tpm --daemon --pid file=%s/tpm.pid "
        "--server type=tcp,port=%u,bindaddr=127.0.0.1 --ctrl type=tcp,port=%u,bindaddr=127.0.0.1 "
        "--flags startup-clear",
        folder, folder, tpm_port, next);
    (void)snprintf(conf, sizeof(conf), "swtpm:host=127.0.0.1,port=%u", tpm_port);
    assert_int_equal(setenv("TPM2TOOLS_TCTI", conf, 1), 0);
    assert_int_equal(setenv("TPM2_PKCS11_TCTI", conf, 1), 0);
    (void)snprintf(conf, sizeof(conf), "%s/store", folder);
    assert_int_equal(setenv("TPM2_PKCS11_STORE", conf, 1), 0);
    static const char *const steps[] = {
        "--init-token --slot-index 0 --label tpm --so-pin 314159",
        "--token-label tpm --init-pin --so-pin 314159 --pin " PIN,
        "--token-label tpm --login --pin " PIN
        " --keypairgen --key-type EC:prime256v1 --label machine",
    };
    for (size_t i = 0; i < DAM_COUNT_OF(steps); i++) {
        /* Without a resource manager somebody must clear the TPM's few places for keys. */
        run("pkcs11-tool --module " TPM_MODULE " %s >/dev/null 2>&1; tpm2_flushcontext -t",
            steps[i]);
    }
    return true;
}

static void text_set(char ret[DAM_SIGNER_TOKEN_TEXT_MAX], const char *text)
{
    (void)snprintf(ret, DAM_SIGNER_TOKEN_TEXT_MAX, "%s", text);
}

static struct dam_signer_token_place place_of(const char *token, const char *key)
{
    struct dam_signer_token_place place = {.module = MODULE};
    text_set(place.token, token);
    text_set(place.key, key);
    return place;
}

static enum dam_err open_as(const char *token, const char *key, const char *pin,
                            struct dam_signer_token *ret)
{
    struct dam_signer_token_place place = place_of(token, key);
    return dam_signer_token_open(&place, pin, ret);
}

static void signatures_are_the_keys(void **state)
{
    (void)state;
    struct dam_signer_token token;
    uint8_t signature[128];
    uint8_t len;
    if (!installed) {
        skip();
    }
    assert_int_equal(open_as("dam", "chain", PIN, &token), DAM_OK);
    assert_int_equal(token.curve, DAM_SIGNER_SECP256K1);
    for (uint8_t i = 0; i < 32; i++) { /* both halves of s and both parities come up */
        const struct dam_hash digest = {{i}};
        struct dam_address signer;
        struct dam_secp256k1_sig sig;
        assert_int_equal(dam_signer_token_sign(&token, &digest, signature, &len), DAM_OK);
        assert_int_equal(len, 65);
        assert_true(dam_secp256k1_is_low_s(signature + 32));
        memcpy(sig.r, signature, 32);
        memcpy(sig.s, signature + 32, 32);
        sig.y_parity = signature[64] - 27;
        assert_int_equal(dam_secp256k1_recover_address(&digest, &sig, &signer), DAM_OK);
        assert_true(dam_address_eq(&signer, &token.address));
    }
    dam_signer_token_close(&token);

    assert_int_equal(open_as("dam", "machine", PIN, &token), DAM_OK);
    assert_int_equal(token.curve, DAM_SIGNER_P256);
    const struct dam_hash digest = {{0xff}};
    assert_int_equal(dam_signer_token_sign(&token, &digest, signature, &len), DAM_OK);
    assert_int_equal(len, 128);
    assert_true(dam_p256_verify(&digest, signature, signature + 64));
    assert_memory_equal(signature + 64, token.xy, 64);
    dam_signer_token_close(&token);
    assert_int_equal(dam_signer_token_sign(&token, &digest, signature, &len), DAM_ECLOSED);
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    struct dam_signer_token token;
    struct dam_signer_token_place place = place_of("dam", "chain");
    if (!installed) {
        skip();
    }
    assert_int_equal(open_as("dam", "chain", "000000", &token), DAM_EREFUSED);
    assert_int_equal(token.fd, -1);
    assert_int_equal(open_as("dam", "chains", PIN, &token), DAM_ENOTFOUND);
    assert_int_equal(open_as("mad", "chain", PIN, &token), DAM_ENOTFOUND);
    assert_int_equal(open_as("dam", "other", PIN, &token), DAM_EUNSUPPORTED);
    text_set(place.module, "/usr/lib/no-such-module.so");
    assert_int_equal(dam_signer_token_open(&place, PIN, &token), DAM_ENOTFOUND);
    text_set(place.module, "libm.so.6"); /* no PKCS#11 */
    assert_int_equal(dam_signer_token_open(&place, PIN, &token), DAM_EUNSUPPORTED);
}

/* A whole signer in its sandbox whose key is in the token: a checkpoint is signed, the same root
 * twice, another root for the same size never. */
static void a_signer_without_the_key(struct dam_signer_token_place place, size_t signature_len)
{
    static struct fixture_policy blob;
    const struct dam_hash domain = {{0xd0}};
    const uint64_t nonces[2] = {0, 0};
    const struct dam_signer_checkpoint nothing = {0};
    const struct dam_signer_password password = {PASSWORD, sizeof(PASSWORD) - 1};
    char home[700];
    char password_path[300];
    struct dam_signer_token token;
    struct dam_address address;
    struct dam_hash policy_hash;
    (void)snprintf(home, sizeof(home), "%s/home-%s-%s", folder, place.token, place.key);
    (void)snprintf(password_path, sizeof(password_path), "%s/password", folder);
    write_text("password", PASSWORD "\n" PIN "\n");

    assert_int_equal(dam_signer_token_open(&place, PIN, &token), DAM_OK);
    place.address = token.address;
    dam_signer_token_close(&token);
    assert_int_equal(dam_signer_home_make_key(home, &password, SCRYPT_LOG2_N, &address), DAM_OK);
    assert_false(dam_address_eq(&address, &place.address)); /* it only seals */
    assert_int_equal(dam_signer_home_put_token(home, &place), DAM_OK);
    assert_int_equal(dam_signer_home_key(home, &address), DAM_OK);
    assert_true(dam_address_eq(&address, &place.address));

    fixture_default(&blob, &domain);
    struct dam_signer_pin pin = fixture_pin(&blob);
    assert_int_equal(
        dam_signer_home_put_policy(home, dam_bytes(blob.bytes, blob.len), &policy_hash), DAM_OK);
    assert_int_equal(dam_signer_home_reset(home, &password, &pin, nonces, &nothing), DAM_ERANGE);
    pin.key = place.address;
    assert_int_equal(dam_signer_home_reset(home, &password, &pin, nonces, &nothing), DAM_OK);

    const struct dam_signer_options options = {.folder = home,
                                               .password_path = password_path,
                                               .start_timeout_ms = 60000,
                                               .timeout_ms = 60000};
    struct dam_signer *signer;
    struct dam_signer_reply reply;
    struct dam_signer_request request = {.kind = DAM_SIGNER_UNLOCK};
    assert_int_equal(dam_signer_spawn(&options, &signer), DAM_OK);
    assert_int_equal(dam_signer_call(signer, &request, &reply), DAM_OK);
    assert_int_equal(reply.refusal, 0);
    request = (struct dam_signer_request){.kind = DAM_SIGNER_CHECKPOINT};
    request.checkpoint =
        (struct dam_signer_checkpoint){.size = 7, .root = {{7}}, .time = 1700000000};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dam_signer_call(signer, &request, &reply), DAM_OK);
        assert_int_equal(reply.refusal, 0);
        assert_int_equal(reply.signature_len, signature_len);
    }
    request.checkpoint.root = (struct dam_hash){{8}};
    assert_int_equal(dam_signer_call(signer, &request, &reply), DAM_OK);
    assert_int_not_equal(reply.refusal, 0);
    dam_signer_close(signer);
}

static void signers_without_the_key(void **state)
{
    (void)state;
    if (!installed) {
        skip();
    }
    struct dam_signer_token_place place = place_of("dam", "chain");
    (void)snprintf(place.environment, sizeof(place.environment), "SOFTHSM2_CONF=%s/softhsm2.conf",
                   folder);
    a_signer_without_the_key(place, 65);
    text_set(place.key, "machine");
    a_signer_without_the_key(place, 128);
}

static void a_signer_whose_key_is_in_a_tpm(void **state)
{
    (void)state;
    if (!installed || !tpm_start()) {
        (void)printf("skipped: a key in a TPM: swtpm or tpm2-pkcs11 is not installed\n");
        skip();
    }
    struct dam_signer_token_place place = place_of("tpm", "machine");
    text_set(place.module, TPM_MODULE);
    (void)snprintf(place.environment, sizeof(place.environment),
                   "TPM2_PKCS11_STORE=%s/store TPM2_PKCS11_TCTI=swtpm:host=127.0.0.1,port=%u",
                   folder, tpm_port);
    a_signer_without_the_key(place, 128);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "signer-process") == 0) {
        return dam_signer_process_main(argc - 1, argv + 1);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_the_keys),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(signers_without_the_key),
        cmocka_unit_test(a_signer_whose_key_is_in_a_tpm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
