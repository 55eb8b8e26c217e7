// SPDX-License-Identifier: Apache-2.0
/* Whole blocks: may this header follow that one, what do its transactions do, and is what they did
 * what the header says. The seal of a proof of work is not checked. Pure, as core/evm/evm.h;
 * called by the ledger when it imports a chain and by `dam evm blocktest`. */
#ifndef DAM_CORE_EVM_BLOCK_H
#define DAM_CORE_EVM_BLOCK_H

#include "core/eth/block.h"
#include "core/eth/receipt.h"
#include "core/evm/evm.h"

/* Of a block's wire form, from Osaka on (EIP-7934): 10 MiB less 2 MiB for the consensus layer. */
#define DAM_BLOCK_LEN_MAX 8388608u

/* Why a block is refused. The texts are the official exception names (execution-spec-tests) without
 * the prefix "BlockException.". */
#define DAM_BLOCK_INVALID_LIST(X)                                                                  \
    X(NONE, 0, "")                                                                                 \
    X(TRANSACTION, 1, "a transaction is invalid")                                                  \
    X(NUMBER, 2, "INVALID_BLOCK_NUMBER")                                                           \
    X(TIMESTAMP, 3, "INVALID_BLOCK_TIMESTAMP_OLDER_THAN_PARENT")                                   \
    X(GAS_LIMIT, 4, "INVALID_GASLIMIT")                                                            \
    X(GAS_ABOVE_LIMIT, 5, "GAS_USED_OVERFLOW")                                                     \
    X(BASE_FEE, 6, "INVALID_BASEFEE_PER_GAS")                                                      \
    X(FORMAT, 7, "INCORRECT_BLOCK_FORMAT")                                                         \
    X(UNCLES_OVER_PARIS, 8, "IMPORT_IMPOSSIBLE_UNCLES_OVER_PARIS")                                 \
    X(DIFFICULTY_OVER_PARIS, 9, "IMPORT_IMPOSSIBLE_DIFFICULTY_OVER_PARIS")                         \
    X(UNCLES_HASH, 10, "INVALID_UNCLES_HASH")                                                      \
    X(TX_ROOT, 11, "INVALID_TRANSACTIONS_ROOT")                                                    \
    X(WITHDRAWALS_ROOT, 12, "INVALID_WITHDRAWALS_ROOT")                                            \
    X(EXCESS_BLOB_GAS, 13, "INCORRECT_EXCESS_BLOB_GAS")                                            \
    X(BLOB_GAS_USED, 14, "INCORRECT_BLOB_GAS_USED")                                                \
    X(SIZE, 15, "RLP_BLOCK_LIMIT_EXCEEDED")                                                        \
    X(GAS_USED, 16, "INVALID_GAS_USED")                                                            \
    X(BLOOM, 17, "INVALID_LOG_BLOOM")                                                              \
    X(RECEIPTS_ROOT, 18, "INVALID_RECEIPTS_ROOT")                                                  \
    X(STATE_ROOT, 19, "INVALID_STATE_ROOT")                                                        \
    X(REQUESTS, 20, "INVALID_REQUESTS")                                                            \
    X(DEPOSIT_LAYOUT, 21, "INVALID_DEPOSIT_EVENT_LAYOUT")                                          \
    X(SYSTEM_CALL, 22, "SYSTEM_CONTRACT_CALL_FAILED")                                              \
    X(SYSTEM_CONTRACT_EMPTY, 23, "SYSTEM_CONTRACT_EMPTY")                                          \
    X(DIFFICULTY, 24, "INVALID_DIFFICULTY")                                                        \
    X(UNCLES, 25, "an uncle is none of this block's")                                              \
    X(EXTRA_DATA_DAO, 26, "EXTRA_DATA_INVALID_DAO")

enum dam_block_invalid {
#define X(name, number, text) DAM_BLOCK_##name = (number),
    DAM_BLOCK_INVALID_LIST(X)
#undef X
};

/** The official name of the reason. Returns: static text, "" for DAM_BLOCK_NONE. */
const char *dam_block_invalid_name(enum dam_block_invalid reason);

/** A decoded authorization as the EVM takes it; recovers its signer. */
struct dam_evm_authorization
dam_evm_authorization_from(const struct dam_authorization *authorization);

/** A decoded transaction as the EVM takes it; recovers the signers of its authorizations.
 *  Returns: DAM_OK or DAM_ENOMEM. In: tx: borrowed for as long as *ret is used. */
DAM_MUST_USE enum dam_err dam_evm_tx_from(struct dam_arena *arena, const struct dam_tx *tx,
                                          const struct dam_address *sender, struct dam_evm_tx *ret);

/** Which optional fields the headers of a fork have. */
enum dam_header_form dam_evm_header_form(enum dam_fork fork);

/** The environment that a header gives its transactions. */
struct dam_evm_block dam_evm_block_env(const struct dam_header *header);

/** Base fee of the block after this parent (EIP-1559); the first London block has 1 gwei. */
struct dam_u256 dam_evm_next_base_fee(const struct dam_header *parent, bool parent_is_london);

/** Excess blob gas of the block at `time` after this parent (EIP-4844, 7918, 7892). */
uint64_t dam_evm_next_excess_blob_gas(const struct dam_chain_config *config,
                                      const struct dam_header *parent, uint64_t time);

/** May this header follow that one? Uncles are asked the same. Returns: DAM_BLOCK_NONE or why not.
 */
enum dam_block_invalid dam_evm_header_check(const struct dam_chain_config *config,
                                            const struct dam_header *parent,
                                            const struct dam_header *header);

#define DAM_EVM_GENERATIONS 7u /* uncles are children of the last seven ancestors */

struct dam_evm_ancestor {
    struct dam_hash hash;
    const struct dam_header *header;
    const struct dam_hash *uncles; /* that this ancestor names */
    size_t uncle_count;
};

/* The ancestors of a block, the parent first, up to the genesis or DAM_EVM_GENERATIONS. From Paris
 * on nobody asks for more than the parent. */
struct dam_evm_family {
    const struct dam_evm_ancestor *ancestors;
    size_t count; /* at least 1 */
};

/** Look at everything that needs no execution: the header against its parent, and the body against
 *  the header's roots. Returns: DAM_OK with *ret_invalid, or DAM_ENOMEM.
 *  In: family: ancestors, the block that parent_hash names first; encoded_len: of the whole block
 * in RLP; arena: scratch, given back. */
DAM_MUST_USE enum dam_err dam_evm_block_check(const struct dam_chain_config *config,
                                              const struct dam_evm_family *family,
                                              const struct dam_block *block, size_t encoded_len,
                                              struct dam_arena *arena,
                                              enum dam_block_invalid *ret_invalid);

/* Where the state is kept that the view shows. */
struct dam_evm_block_state {
    struct dam_evm_view view;
    /* Take changes into the state and tell its root. Called once a block at its end, and before
     * Byzantium after each transaction as well, since receipts then hold the root. May block; an
     * error ends the execution. */
    enum dam_err (*commit)(void *ctx, const struct dam_evm_diff *diff, struct dam_hash *ret_root);
    void *ctx;
};

/* What a block did. All parts are in the caller's arena. */
struct dam_evm_block_outcome {
    enum dam_block_invalid invalid; /* NONE: the block is right. Else throw the state away */
    enum dam_tx_invalid tx_invalid; /* when invalid is TRANSACTION */
    size_t tx_index;
    const struct dam_receipt *receipts;
    const struct dam_evm_receipt
        *results; /* gas, status, output length... of each; logs as above */
    size_t receipt_count;
    uint64_t gas_used;
    uint64_t blob_gas_used;
    struct dam_bloom bloom;
    struct dam_hash receipts_root;
    struct dam_hash state_root;
    struct dam_hash requests_hash; /* from Prague on */
};

/** Run a block that dam_evm_block_check found right, and compare what came out with its header.
 *  Returns: DAM_OK with *ret_outcome, or an error of the state or DAM_ENOMEM.
 *  In: senders: one a transaction, or NULL to recover them here; tracer: may be NULL.
 *  Surprise: to build a block rather than judge it, look at the outcome and leave `invalid` aside:
 *  everything is filled in when the only faults are fields that execution decides. */
DAM_MUST_USE enum dam_err
dam_evm_block_execute(struct dam_evm *evm, const struct dam_chain_config *config,
                      const struct dam_evm_block_state *state, const struct dam_block *block,
                      const struct dam_address *senders, const struct dam_evm_tracer *tracer,
                      struct dam_arena *arena, struct dam_evm_block_outcome *ret_outcome);

#endif
