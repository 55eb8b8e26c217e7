// SPDX-License-Identifier: Apache-2.0
#include "signer/token.h"

#include "core/crypto/keccak.h"
#include "core/crypto/p256.h"
#include "core/crypto/secp256k1.h"
#include "core/eth/address.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#define SLOTS_MAX 64u
#define POINT_LEN_MAX 160u /* more than our curves need, so that others are told apart */

/* What the session's process says: of itself once, then for each digest. */
struct hello {
    int32_t err;
    uint32_t curve;
    uint8_t xy[64];
};

struct answer {
    int32_t err;
    uint8_t rs[64];
};

/* ---- the process that holds the session ---- */

static enum dam_err from_rv(CK_RV rv)
{
    switch (rv) {
    case CKR_OK:
        return DAM_OK;
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_LOCKED:
        return DAM_EREFUSED;
    case CKR_MECHANISM_INVALID:
    case CKR_KEY_TYPE_INCONSISTENT:
        return DAM_EUNSUPPORTED;
    case CKR_HOST_MEMORY:
    case CKR_DEVICE_MEMORY:
        return DAM_ENOMEM;
    default:
        return DAM_EIO;
    }
}

#define TRY_RV(call)                                                                               \
    do {                                                                                           \
        CK_RV rv_ = (call);                                                                        \
        if (rv_ != CKR_OK) {                                                                       \
            return from_rv(rv_);                                                                   \
        }                                                                                          \
    } while (0)

/* A label in a token's information is padded with blanks and has no end. */
static bool label_is(const CK_UTF8CHAR label[32], const char *name)
{
    size_t len = strlen(name);
    if (len > 32 || memcmp(label, name, len) != 0) {
        return false;
    }
    while (len < 32 && label[len] == ' ') {
        len++;
    }
    return len == 32;
}

static enum dam_err slot_find(const CK_FUNCTION_LIST *p11, const char *name, CK_SLOT_ID *ret)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    TRY_RV(p11->C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;
        if (p11->C_GetTokenInfo(slots[i], &info) == CKR_OK && label_is(info.label, name)) {
            *ret = slots[i];
            return DAM_OK;
        }
    }
    return DAM_ENOTFOUND;
}

static enum dam_err object_find(const CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session,
                                CK_OBJECT_CLASS class, const char *label, CK_OBJECT_HANDLE *ret)
{
    CK_KEY_TYPE type = CKK_EC;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)},
                             {CKA_KEY_TYPE, &type, sizeof(type)},
                             {CKA_LABEL, (void *)label, strlen(label)}};
    CK_ULONG count = 0;
    TRY_RV(p11->C_FindObjectsInit(session, wanted, sizeof(wanted) / sizeof(wanted[0])));
    CK_RV rv = p11->C_FindObjects(session, ret, 1, &count);
    TRY_RV(p11->C_FindObjectsFinal(session));
    TRY_RV(rv);
    return count == 1 ? DAM_OK : DAM_ENOTFOUND;
}

/* CKA_EC_PARAMS: the curve's object identifier in DER. */
static enum dam_signer_curve curve_of(const uint8_t *der, size_t len)
{
    static const uint8_t secp256k1[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a};
    static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    if (len == sizeof(secp256k1) && memcmp(der, secp256k1, len) == 0) {
        return DAM_SIGNER_SECP256K1;
    }
    return len == sizeof(p256) && memcmp(der, p256, len) == 0 ? DAM_SIGNER_P256 : 0;
}

static enum dam_err public_read(const CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session,
                                const char *label, struct hello *hello)
{
    static const uint8_t octets[] = {0x04, 0x41, 0x04}; /* DER: OCTET STRING of 65, uncompressed */
    uint8_t params[POINT_LEN_MAX];
    uint8_t point[POINT_LEN_MAX];
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE asked[] = {{CKA_EC_PARAMS, params, sizeof(params)},
                            {CKA_EC_POINT, point, sizeof(point)}};
    DAM_TRY(object_find(p11, session, CKO_PUBLIC_KEY, label, &object));
    TRY_RV(p11->C_GetAttributeValue(session, object, asked, 2));
    hello->curve = curve_of(params, asked[0].ulValueLen);
    if (hello->curve == 0 || asked[1].ulValueLen != sizeof(octets) + 64 ||
        memcmp(point, octets, sizeof(octets)) != 0) {
        return DAM_EUNSUPPORTED;
    }
    memcpy(hello->xy, point + sizeof(octets), 64);
    return DAM_OK;
}

static void environment_set(const char *pairs)
{
    char copy[DAM_SIGNER_TOKEN_TEXT_MAX];
    char *rest = NULL;
    (void)memcpy(copy, pairs, sizeof(copy));
    for (char *pair = strtok_r(copy, " ", &rest); pair != NULL; pair = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(pair, '=');
        if (value != NULL) {
            *value = 0;
            (void)setenv(pair, value + 1, 1);
        }
    }
}

static enum dam_err session_open(const struct dam_signer_token_place *place, const char *pin,
                                 CK_FUNCTION_LIST **ret_p11, CK_SESSION_HANDLE *ret_session,
                                 CK_OBJECT_HANDLE *ret_key, struct hello *hello)
{
    environment_set(place->environment);
    void *module = dlopen(place->module, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        return DAM_ENOTFOUND;
    }
    CK_C_GetFunctionList get_functions = NULL;
    *(void **)&get_functions = dlsym(module, "C_GetFunctionList");
    CK_FUNCTION_LIST *p11 = NULL;
    if (get_functions == NULL || get_functions(&p11) != CKR_OK || p11 == NULL) {
        return DAM_EUNSUPPORTED;
    }
    CK_SLOT_ID slot;
    TRY_RV(p11->C_Initialize(NULL));
    DAM_TRY(slot_find(p11, place->token, &slot));
    TRY_RV(p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, ret_session));
    TRY_RV(p11->C_Login(*ret_session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)));
    DAM_TRY(public_read(p11, *ret_session, place->key, hello));
    DAM_TRY(object_find(p11, *ret_session, CKO_PRIVATE_KEY, place->key, ret_key));
    *ret_p11 = p11;
    return DAM_OK;
}

static enum dam_err session_sign(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session,
                                 CK_OBJECT_HANDLE key, const uint8_t digest[32], uint8_t rs[64])
{
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    CK_ULONG len = 64;
    TRY_RV(p11->C_SignInit(session, &ecdsa, key));
    TRY_RV(p11->C_Sign(session, (CK_BYTE *)digest, 32, rs, &len));
    return len == 64 ? DAM_OK : DAM_EIO;
}

/* Until the signer closes its end. */
static void session_serve(int fd, const struct dam_signer_token_place *place, char *pin)
{
    CK_FUNCTION_LIST *p11 = NULL;
    CK_SESSION_HANDLE session = 0;
    CK_OBJECT_HANDLE key = 0;
    struct hello hello = {0};
    uint8_t digest[33];
    hello.err = session_open(place, pin, &p11, &session, &key, &hello);
    explicit_bzero(pin, strlen(pin));
    if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello) || hello.err != DAM_OK) {
        return;
    }
    while (recv(fd, digest, sizeof(digest), 0) == 32) {
        struct answer answer = {0};
        answer.err = session_sign(p11, session, key, digest, answer.rs);
        if (send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer)) {
            break;
        }
    }
    (void)p11->C_CloseSession(session);
    (void)p11->C_Finalize(NULL);
}

/* ---- the signer's side ---- */

static bool receive(int fd, void *ret, size_t len)
{
    ssize_t done;
    do {
        done = recv(fd, ret, len, 0);
    } while (done < 0 && errno == EINTR);
    return done == (ssize_t)len;
}

/* r, s, v: the parity is found by trying, as hardware does not tell it. */
static enum dam_err finish_secp256k1(const struct dam_signer_token *token,
                                     const struct dam_hash *digest, uint8_t signature[128],
                                     uint8_t *ret_len)
{
    struct dam_secp256k1_sig sig;
    struct dam_secp256k1_pubkey key;
    dam_secp256k1_normalize_s(signature + 32);
    memcpy(sig.r, signature, 32);
    memcpy(sig.s, signature + 32, 32);
    for (sig.y_parity = 0; sig.y_parity < 2; sig.y_parity++) {
        if (dam_secp256k1_recover(digest, &sig, &key) == DAM_OK &&
            memcmp(key.xy, token->xy, sizeof(key.xy)) == 0) {
            signature[64] = (uint8_t)(27 + sig.y_parity);
            *ret_len = 65;
            return DAM_OK;
        }
    }
    return DAM_ESIGNATURE;
}

static enum dam_err finish_p256(const struct dam_signer_token *token, const struct dam_hash *digest,
                                uint8_t signature[128], uint8_t *ret_len)
{
    dam_p256_normalize_s(signature + 32);
    memcpy(signature + 64, token->xy, 64);
    *ret_len = 128;
    return dam_p256_verify(digest, signature, token->xy) ? DAM_OK : DAM_ESIGNATURE;
}

enum dam_err dam_signer_token_sign(struct dam_signer_token *token, const struct dam_hash *digest,
                                   uint8_t signature[128], uint8_t *ret_len)
{
    struct answer answer;
    if (send(token->fd, digest->b, 32, MSG_NOSIGNAL) != 32 ||
        !receive(token->fd, &answer, sizeof(answer))) {
        return DAM_ECLOSED;
    }
    if (answer.err != DAM_OK) {
        return DAM_EIO;
    }
    memcpy(signature, answer.rs, 64);
    return token->curve == DAM_SIGNER_P256 ? finish_p256(token, digest, signature, ret_len)
                                           : finish_secp256k1(token, digest, signature, ret_len);
}

static enum dam_err start(const struct dam_signer_token_place *place, const char *pin,
                          struct dam_signer_token *token)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return DAM_EIO;
    }
    pid_t pid = fork();
    if (pid == 0) {
        /* Only the socket and standard error: neither the machine's socket nor the state. */
        (void)dup2(pair[1], STDIN_FILENO);
        (void)close_range(STDERR_FILENO + 1, ~0u, 0);
        char copy[DAM_SIGNER_TOKEN_TEXT_MAX];
        size_t len = strnlen(pin, sizeof(copy) - 1);
        memcpy(copy, pin, len);
        copy[len] = 0;
        session_serve(STDIN_FILENO, place, copy);
        _exit(0);
    }
    (void)close(pair[1]);
    token->fd = pair[0];
    token->pid = pid;
    return pid > 0 ? DAM_OK : DAM_EIO;
}

static enum dam_err greet(struct dam_signer_token *token)
{
    struct hello hello;
    if (!receive(token->fd, &hello, sizeof(hello))) {
        return DAM_EIO; /* the module took its process down */
    }
    if (hello.err != DAM_OK) {
        return (enum dam_err)hello.err;
    }
    struct dam_hash hash;
    token->curve = (enum dam_signer_curve)hello.curve;
    memcpy(token->xy, hello.xy, sizeof(token->xy));
    dam_address_of_public_key(token->xy, &token->address);
    dam_keccak256(token->xy, sizeof(token->xy), &hash);
    /* A first signature, over the key itself. It also has OpenSSL read what it reads once,
     * which the sandbox would forbid. */
    uint8_t signature[128];
    uint8_t len;
    return dam_signer_token_sign(token, &hash, signature, &len);
}

enum dam_err dam_signer_token_open(const struct dam_signer_token_place *place, const char *pin,
                                   struct dam_signer_token *ret)
{
    *ret = (struct dam_signer_token){.fd = -1};
    enum dam_err err = start(place, pin, ret);
    if (err == DAM_OK) {
        err = greet(ret);
    }
    if (err != DAM_OK) {
        dam_signer_token_close(ret);
    }
    return err;
}

void dam_signer_token_close(struct dam_signer_token *token)
{
    if (token->fd >= 0) {
        (void)close(token->fd);
    }
    while (token->pid > 0 && waitpid(token->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    *token = (struct dam_signer_token){.fd = -1};
}
