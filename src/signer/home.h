// SPDX-License-Identifier: Apache-2.0
/* The signer's folder, and what the operator does with it while no signer runs: make a key, say in
 * which frame it may act, start again after the state was lost. Everything here needs the
 * keystore's password, which the machine's main process does not have.
 *
 *     keystore   the key, Web3 Secret Storage version 3, mode 0400, never overwritten
 *     token      instead, where the key is in hardware: its place (signer/token.h), TOML; the
 *                keystore's secret then only seals the state, and signs nothing
 *     policy     the policy blob (docs/spec/policy.md) that the frame names by its hash
 *     state      what must not be forgotten (signer/state.h), mode 0600; it is in this file or in
 *     state.b    this one, and the other is empty (signer/state_file.h)
 *
 * Blocking; not for the loop thread. Called by the verbs `dam signer ...` and by the signer
 * process.
 */
#ifndef DAM_SIGNER_HOME_H
#define DAM_SIGNER_HOME_H

#include "signer/state_file.h"
#include "signer/token.h"

struct dam_signer_password {
    const char *text;
    size_t len;
};

/** Say that the key is in hardware. Beside it a keystore must be made, which seals the state.
 *  Returns: DAM_OK; DAM_ERANGE for a text that TOML's literal strings cannot hold; DAM_EIO. */
DAM_MUST_USE enum dam_err dam_signer_home_put_token(const char *folder,
                                                    const struct dam_signer_token_place *place);

/** Where the hardware key is.
 *  Returns: DAM_OK; DAM_ENOTFOUND if the key is in the keystore; DAM_EPARSE; DAM_EIO. */
DAM_MUST_USE enum dam_err dam_signer_home_token(const char *folder,
                                                struct dam_signer_token_place *ret);

/** The address of the key that signs, as the folder has it without a password: what reset checks.
 *  Returns: DAM_OK; DAM_ENOTFOUND; DAM_EPARSE; DAM_EIO. */
DAM_MUST_USE enum dam_err dam_signer_home_key(const char *folder, struct dam_address *ret);

/** Make a key from the kernel's randomness and store it encrypted.
 *  Returns: DAM_OK; DAM_EEXIST if there is a keystore (it is never replaced); DAM_EIO; DAM_ENOMEM.
 *  In: log2_n: cost of the derivation, 10..20; 18 takes a second and 256 MB. */
DAM_MUST_USE enum dam_err dam_signer_home_make_key(const char *folder,
                                                   const struct dam_signer_password *password,
                                                   unsigned log2_n, struct dam_address *ret_key);

/** Store a policy blob. Returns: DAM_OK with its hash; DAM_EPARSE if it is malformed; DAM_EIO. */
DAM_MUST_USE enum dam_err dam_signer_home_put_policy(const char *folder, struct dam_bytes blob,
                                                     struct dam_hash *ret_hash);

/** Begin a state: for a new key, or because the old state is lost. The file is there whole or not
 * at all. An old one is kept beside it as `state.old`, `state.old.2` and so on, never deleted by
 * us. Returns: DAM_OK; DAM_ENOTFOUND without a keystore; DAM_EREFUSED for a wrong password;
 * DAM_ERANGE if pin->key is not the keystore's; DAM_ECONFLICT while a signer runs; DAM_EIO. In:
 * nonce_next, checkpoint: where the chain stands, by lane; the caller has asked the chain. */
DAM_MUST_USE enum dam_err dam_signer_home_reset(const char *folder,
                                                const struct dam_signer_password *password,
                                                const struct dam_signer_pin *pin,
                                                const uint64_t nonce_next[2],
                                                const struct dam_signer_checkpoint *checkpoint);

/** The present frame, also where the policy in the folder is not the one it names (an interrupted
 * change). Returns: as dam_signer_home_open. */
DAM_MUST_USE enum dam_err dam_signer_home_pin(const char *folder,
                                              const struct dam_signer_password *password,
                                              struct dam_signer_pin *ret);

/** Change the frame; pin->version must be the present one + 1, and the policy that it names must be
 * in place already.
 *  Returns: as reset; DAM_ECONFLICT for another version or while a signer runs; DAM_ERANGE for
 *           another key or policy. */
DAM_MUST_USE enum dam_err dam_signer_home_set_pin(const char *folder,
                                                  const struct dam_signer_password *password,
                                                  const struct dam_signer_pin *pin);

/* A home that is open: what the signer process holds. It may not be moved. */
struct dam_signer_home {
    uint8_t *secret; /* 32 bytes on a page of their own, locked, not dumped */
    struct dam_bytes policy_blob;
    struct dam_policy policy;
    struct dam_signer_state *state;
    struct dam_signer_state_file state_file; /* fds of -1: not open */
};

/** Open a home for signing: decrypt the key, take the state's lock, read it back and cut a record
 * that was never finished, check that key, policy and state belong together.
 *  Returns: DAM_OK; DAM_ENOTFOUND if there is no key or no state (a lost state is not begun anew by
 *           itself); DAM_EREFUSED for a wrong password; DAM_ECONFLICT if another signer has the
 * lock; DAM_ECORRUPT; DAM_EVERSION; DAM_ERANGE if the parts do not belong together; DAM_EIO;
 *           DAM_ENOMEM. On failure nothing stays open. */
DAM_MUST_USE enum dam_err dam_signer_home_open(const char *folder,
                                               const struct dam_signer_password *password,
                                               struct dam_signer_home *ret);

/** Wipe and close. Accepts a zeroed home whose state_file.fds are -1. */
void dam_signer_home_close(struct dam_signer_home *home);

/** Read a password from a file: its first line. Returns: DAM_OK; DAM_EFULL above size; DAM_EIO. The
 * caller wipes text. */
DAM_MUST_USE enum dam_err dam_signer_password_read(const char *path, char *text, size_t size,
                                                   size_t *ret_len);

/** Read a token's PIN: the second line of the password's file, NUL behind it. Returns: as above;
 * DAM_ENOTFOUND if there is none. */
DAM_MUST_USE enum dam_err dam_signer_pin_read(const char *path, char *text, size_t size);

#endif
