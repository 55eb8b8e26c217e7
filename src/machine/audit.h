// SPDX-License-Identifier: Apache-2.0
/* What a chain knows of a machine's log: every anchored checkpoint, and whose key may sign. Reads
 * only, from the first endpoint that answers. Called by `dam verify`. */
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

#endif
