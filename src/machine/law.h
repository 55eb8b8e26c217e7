// SPDX-License-Identifier: Apache-2.0
/* Fetches what decides: turns the manifest's [mind] and [charter] into code at addresses inside a
 * decider. Without a chain the addresses are those that the deterministic deployment proxy
 * (EIP-2470 style, the one every chain has at 0x4e59..956C) would give, so that a machine that is
 * deployed later keeps them. Reads files; no network: what stands on a chain is brought by the
 * caller. */
#ifndef DAM_MACHINE_LAW_H
#define DAM_MACHINE_LAW_H

#include "machine/decide.h"
#include "machine/manifest.h"

/* Brings the code at an address of the machine's chain. NULL where there is no chain. */
struct dam_law_chain {
    /* May block. Returns: DAM_OK with code in the arena; DAM_ENOTFOUND; DAM_EIO. */
    enum dam_err (*code)(void *ctx, const struct dam_address *address, struct dam_arena *arena,
                         struct dam_bytes *ret);
    void *ctx;
};

/** Load mind, charter and all they read (rules and model blobs) into the decider.
 *  Returns: DAM_OK with *ret; DAM_ENOTFOUND, DAM_EPARSE, DAM_EREFUSED (a constructor said no),
 *  DAM_EFULL, DAM_ENOMEM with *ret_complaint. In: chain: may be NULL. */
DAM_MUST_USE enum dam_err dam_law_load(const struct dam_manifest *manifest,
                                       const struct dam_law_chain *chain,
                                       struct dam_decider *decider, struct dam_law *ret,
                                       struct dam_manifest_complaint *ret_complaint);

/** Load one more mind or charter, e.g. a candidate: code, model or address as in a manifest;
 * relative paths start at `folder`. The charter is built on manifest->rules. Returns: as
 * dam_law_load. */
DAM_MUST_USE enum dam_err dam_law_load_one(const struct dam_manifest *manifest,
                                           const struct dam_law_chain *chain,
                                           struct dam_decider *decider,
                                           const struct dam_manifest_code *code, bool is_charter,
                                           const char *folder, struct dam_address *ret,
                                           struct dam_manifest_complaint *ret_complaint);

/** Where the deterministic proxy puts init code with salt zero. */
void dam_law_address(struct dam_bytes init_code, struct dam_address *ret);

#endif
