// SPDX-License-Identifier: Apache-2.0
/* Looking into a ledger that is not running, or beside one that is: export, import and the check of
 * everything against everything. Called by the verbs of `dam ledger`. */
#ifndef DAM_LEDGER_INSPECT_H
#define DAM_LEDGER_INSPECT_H

#include "ledger/builder.h"

/* Told now and then; may be NULL. In: done, total: of the same unit. */
struct dam_progress {
    void (*step)(void *ctx, uint64_t done, uint64_t total);
    void *ctx;
};

/** Write blocks first..last as concatenated RLP, without the genesis, through `write`.
 *  Returns: DAM_OK; DAM_ENOTFOUND if a block's body is no longer kept; what write returned. */
DAM_MUST_USE enum dam_err
dam_inspect_export(struct dam_ledger_chain *chain, uint64_t first, uint64_t last,
                   enum dam_err (*write)(void *ctx, struct dam_bytes block), void *ctx,
                   const struct dam_progress *progress);

/** Import concatenated RLP blocks; those that are there already are skipped. Returns: as
 *  dam_builder_import, fault->text in words; what came before stays. Out: *ret_count: imported. */
DAM_MUST_USE enum dam_err dam_inspect_import(struct dam_ledger_chain *chain, struct dam_evm *evm,
                                             struct dam_bytes file,
                                             const struct dam_progress *progress,
                                             uint64_t *ret_count, struct dam_import_fault *fault);

/* What a check has found. */
struct dam_check_report {
    uint64_t records; /* whose checksum was looked at */
    uint64_t blocks;
    uint64_t accounts;
    uint64_t slots;
    uint64_t faults;
    char first_fault[256];
};

/** Check every record's checksum, every block's hash, parent, transaction and receipt root, and the
 *  state: the roots that come out of the flat tables must be the trie's and the newest state's.
 *  Returns: DAM_OK also when faults were found; an error only if the store cannot be read. */
DAM_MUST_USE enum dam_err dam_inspect_check(struct dam_ledger_chain *chain,
                                            const struct dam_progress *progress,
                                            struct dam_check_report *ret);

#endif
