// SPDX-License-Identifier: Apache-2.0
/* A machine's signed checkpoint as others read it (docs/spec/evidence.md section 5): a C2SP note
 * whose origin says which machine on which chain it is about, and whose signature is the one that
 * the Evidence contract takes. Pure. */
#ifndef DAM_CHAIN_CHECKPOINT_H
#define DAM_CHAIN_CHECKPOINT_H

#include "core/record/note.h"
#include "signer/state.h"

/* Whose log it is; in the origin: dam/CHAIN/EVIDENCE/REGISTRY/TOKEN. */
struct dam_checkpoint_origin {
    uint64_t chain_id;
    struct dam_address evidence;
    struct dam_address registry;
    uint64_t token;
};

/** keccak256(abi.encode(chainId, registry, tokenId)): the name of the machine in every leaf. */
void dam_checkpoint_machine(const struct dam_checkpoint_origin *origin, struct dam_hash *ret);

/** Write a signed note. Returns: DAM_OK with *ret_len, or DAM_EFULL. In: signature: 65 or 128 bytes
 *  of the signer; key: its 20-byte name. Out: text: DAM_RECORD_NOTE_MAX bytes. */
DAM_MUST_USE enum dam_err dam_checkpoint_store(const struct dam_checkpoint_origin *origin,
                                               const struct dam_signer_checkpoint *point,
                                               const struct dam_address *key,
                                               struct dam_bytes signature, char *text,
                                               size_t *ret_len);

/** Read a note and check its signature.
 *  Returns: DAM_OK; DAM_EPARSE if it is no checkpoint, or its origin is not of the form above;
 *           DAM_ESIGNATURE if it has no signature of ours that fits it.
 *  Out: ret_key: who signed; whether that is the machine's key, the registry says. ret_signature:
 *  borrowed from *ret_line. */
DAM_MUST_USE enum dam_err
dam_checkpoint_load(struct dam_bytes text, struct dam_checkpoint_origin *ret_origin,
                    struct dam_signer_checkpoint *ret_point, struct dam_address *ret_key,
                    struct dam_record_signature *ret_line, struct dam_bytes *ret_signature);

#endif
