// SPDX-License-Identifier: Apache-2.0
/* A key in a PKCS#11 module: a security module, a smart card, a TPM 2.0 behind tpm2-pkcs11. A
 * module reads files and talks to daemons, which the signer's sandbox forbids. So a process of its
 * own holds the session and signs the digests that come over one socket, from the signer and nobody
 * else; what may be signed is judged before, by the signer. Standard: PKCS#11 2.40, CKM_ECDSA.
 *
 * Used by the signer process and by `dam signer token`. One owner, one request at a time. */
#ifndef DAM_SIGNER_TOKEN_H
#define DAM_SIGNER_TOKEN_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_SIGNER_TOKEN_TEXT_MAX 256u

/* Where a key is. */
struct dam_signer_token_place {
    char module[DAM_SIGNER_TOKEN_TEXT_MAX]; /* the path of the module's shared object */
    char token[DAM_SIGNER_TOKEN_TEXT_MAX];  /* CKA_LABEL of the token */
    char key[DAM_SIGNER_TOKEN_TEXT_MAX];    /* CKA_LABEL of private and public key */
    /* NAME=VALUE, several with a blank between: what the module reads from its environment, which
     * is empty but for these. Or empty. */
    char environment[DAM_SIGNER_TOKEN_TEXT_MAX];
    struct dam_address address; /* what the key is called on chain */
};

enum dam_signer_curve {
    DAM_SIGNER_SECP256K1 = 1, /* an Ethereum account: it may send transactions */
    DAM_SIGNER_P256 = 2,      /* signs for a MachineAccount; others carry it to the chain */
};

struct dam_signer_token {
    int fd;  /* -1: closed */
    int pid; /* of the process that holds the session */
    enum dam_signer_curve curve;
    uint8_t xy[64]; /* the public key, x then y */
    struct dam_address address;
};

/** Start the process, open the session, find the key and have it sign once, so that what is wrong
 * is seen now. place->address is not looked at.
 *  Returns: DAM_OK; DAM_ENOTFOUND if module, token or key is not there; DAM_EREFUSED for a wrong
 *           PIN; DAM_EUNSUPPORTED for a key of another curve, or a module without CKM_ECDSA;
 *           DAM_ESIGNATURE if the signature is not the public key's; DAM_EIO. Nothing stays open.
 *  In:      pin: wiped by the caller; the new process wipes its copy after the login.
 *  Surprise: forks. Called while this process has one thread and holds no secret. */
DAM_MUST_USE enum dam_err dam_signer_token_open(const struct dam_signer_token_place *place,
                                                const char *pin, struct dam_signer_token *ret);

/** Have a digest signed; what comes back is checked against the public key. Blocks for as long as
 * the module takes. Uses recv and send on token->fd and no other system call.
 *  Out:     signature: 65 bytes r, s, v for secp256k1; 128 bytes r, s, x, y for P-256; s is low.
 *  Returns: DAM_OK; DAM_ECLOSED if the process is gone; DAM_EIO if the module refuses;
 *           DAM_ESIGNATURE. Hardware takes its nonces at random: the same digest twice gives two
 *           signatures. */
DAM_MUST_USE enum dam_err dam_signer_token_sign(struct dam_signer_token *token,
                                                const struct dam_hash *digest,
                                                uint8_t signature[128], uint8_t *ret_len);

/** Close the session and wait for the process to end. Accepts a zeroed token whose fd is -1. */
void dam_signer_token_close(struct dam_signer_token *token);

#endif
