// SPDX-License-Identifier: Apache-2.0
/* What a chain knows of a machine's log: every anchored checkpoint, whose key may sign, and what
 * its Court would say of a leaf. Reads only, from the first endpoint that answers. Called by `dam
 * verify`. */
#ifndef DAM_MACHINE_AUDIT_H
#define DAM_MACHINE_AUDIT_H

#include "chain/checkpoint.h"
#include "chain/envoy.h"

struct dam_audit_anchor {
    uint64_t size;
    struct dam_hash root;
    uint64_t time;
    uint64_t block;
};

struct dam_audit {
    const struct dam_audit_anchor *anchors; /* by size */
    size_t anchor_count;
    bool is_registry; /* the Evidence contract goes by the registry that the origin names */
    bool is_key;      /* the key is one of the machine's present owner */
};

/** Read them. Returns: DAM_OK; DAM_ECONFLICT if the chain is another one; DAM_ENOTFOUND if there is
 *  no such contract; else errors of the chain. In: envoy: entered; its arena holds the anchors.
 *  key: who signed. from_block: where to begin to look for anchors. */
DAM_MUST_USE enum dam_err dam_audit_read(struct dam_envoy *envoy,
                                         const struct dam_checkpoint_origin *origin,
                                         const struct dam_address *key, uint64_t from_block,
                                         struct dam_audit *ret);

/** Is there a Court, and of this log? Returns: DAM_OK; DAM_ENOTFOUND or DAM_ECONFLICT if not; else
 *  errors of the chain. In: envoy: entered and connected. */
DAM_MUST_USE enum dam_err dam_audit_court(struct dam_envoy *envoy, const struct dam_address *court,
                                          const struct dam_checkpoint_origin *origin);

/** What the Court would find in a leaf: the node runs mind and charter of its epoch again.
 *  Returns: DAM_OK; else errors of the chain. In: court: a Court, of this log.
 *  Out: ret_fault: one of contracts/src/court/Court.sol; 0: the leaf is honest. */
DAM_MUST_USE enum dam_err dam_audit_judge(struct dam_envoy *envoy, const struct dam_address *court,
                                          uint64_t token, uint64_t index, struct dam_bytes leaf,
                                          uint8_t *ret_fault);

/** What a fault is, for people. */
const char *dam_audit_fault_text(uint8_t fault);

#endif
