// SPDX-License-Identifier: Apache-2.0
/* The EVM as a pure state transition: (state view, block, transaction or message) -> (result,
 * diff). It never does I/O, reads a clock or calls malloc: state comes from a vtable of the caller
 * (struct dam_evm_view), memory from a struct dam_mem. Same view and same inputs give the same
 * result, bit for bit.
 *
 * A `struct dam_evm` is a machine for one thread; make one per thread and reuse it, since it keeps
 * its memory and its cache of analysed code. Work is done in sessions, one at a time:
 *
 *     dam_evm_begin -> { dam_evm_transact | dam_evm_call | system calls | put }* -> dam_evm_end
 *                                                                              \-> dam_evm_discard
 *
 * Within a session, each step sees the effects of the ones before it. dam_evm_end gives what
 * changed against the view. Called by the ledger (blocks, eth_call, traces), the machine (mind and
 * charter), and `dam evm ...`. Whole blocks with their headers are in core/evm/block.h. */
#ifndef DAM_CORE_EVM_EVM_H
#define DAM_CORE_EVM_EVM_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/u256.h"
#include "core/evm/fork.h"

/* ---- what the caller supplies ---------------------------------------------------------------- */

struct dam_evm_account {
    uint64_t nonce;
    struct dam_u256 balance;
    struct dam_hash code_hash; /* of the empty string for an account without code */
    bool has_storage;          /* at least one slot is not zero (for create collisions, EIP-7610) */
};

/* The state before the session. Slots are called while a session function runs, account and storage
 * at most once per session for the same key (their answers are kept), may block, and must give the
 * same answer for the whole session. A negative answer stops the session's function, which returns
 * that error; the session can then only be discarded. */
struct dam_evm_view {
    /* *ret_exists = false for an account that is not there; then *ret is not looked at. */
    enum dam_err (*account)(void *ctx, const struct dam_address *address,
                            struct dam_evm_account *ret, bool *ret_exists);
    /* Zero for a slot that is not there. Only asked for accounts that exist with has_storage. */
    enum dam_err (*storage)(void *ctx, const struct dam_address *address,
                            const struct dam_u256 *key, struct dam_u256 *ret);
    /* The code with this hash; never asked for the hash of the empty string. *ret is borrowed until
     * the slot's next call (it is copied at once). */
    enum dam_err (*code)(void *ctx, const struct dam_hash *code_hash, struct dam_bytes *ret);
    /* Hash of one of the 256 blocks before the session's. */
    enum dam_err (*block_hash)(void *ctx, uint64_t number, struct dam_hash *ret);
    void *ctx;
};

struct dam_evm_block {
    uint64_t number;
    uint64_t time; /* Unix seconds */
    uint64_t gas_limit;
    struct dam_address coinbase;
    struct dam_u256 base_fee;    /* zero before London */
    struct dam_u256 difficulty;  /* before Paris */
    struct dam_hash prev_randao; /* from Paris on */
    uint64_t excess_blob_gas;    /* from Cancun on */
    bool has_blob_base_fee;      /* it is given, not reckoned from excess_blob_gas (overrides) */
    struct dam_u256 blob_base_fee;
};

/* Opcodes that end a frame with DAM_EVM_REFUSED; bit (op & 63) of word (op >> 6). */
struct dam_evm_opcode_set {
    uint64_t word[4];
};

static inline void dam_evm_opcode_set_add(struct dam_evm_opcode_set *set, uint8_t op)
{
    set->word[op >> 6] |= (uint64_t)1 << (op & 63);
}

/* The opcodes a mind or charter may not use, docs/spec/decision.md section 5. STATICCALL is not in
 * the set: it is governed by dam_evm_options.static_call_precompiles_only. */
extern const struct dam_evm_opcode_set dam_evm_impure_opcodes;

struct dam_evm_tracer;

struct dam_evm_options {
    enum dam_fork fork;
    uint64_t chain_id;
    struct dam_blob_params blob;      /* of the block's time; zeros before Cancun */
    struct dam_evm_opcode_set refuse; /* zeros: nothing is refused */
    /* STATICCALL to anything but the precompiles 0x01-0x05 ends the frame with DAM_EVM_REFUSED. */
    bool static_call_precompiles_only;
    /* Every account and slot counts as warm from the start (EIP-2929 costs of a mind). */
    bool all_warm;
    /* NULL: no tracing, no cost. Borrowed for the session. */
    const struct dam_evm_tracer *tracer;
    /* Not zero: what runs is to end; the session's function returns DAM_ETIMEOUT. Looked at when
     * code jumps or calls, and before long hashes and copies; one precompile is not interrupted.
     * Another thread may set it, by __atomic_store_n. NULL: never. Borrowed for the session. */
    const int *stop;
};

/** Options for a block of a chain: its fork, chain id and blob parameters, nothing refused. */
struct dam_evm_options dam_evm_options_of(const struct dam_chain_config *config, uint64_t number,
                                          uint64_t time);

/* ---- transactions ---------------------------------------------------------------------------- */

struct dam_evm_access {
    struct dam_address address;
    const struct dam_hash *keys; /* borrowed */
    size_t key_count;
};

/* One EIP-7702 authorization with its signature already recovered (it costs far more than the rest
 * and can be done ahead, in parallel). */
struct dam_evm_authorization {
    struct dam_u256 chain_id;
    struct dam_address address; /* the delegate; zero takes a delegation back */
    uint64_t nonce;
    uint8_t signature[65];        /* r, s, and 27 + y parity; for dam_evm_make_up_signatures */
    struct dam_address authority; /* who signed */
    bool authority_valid;         /* false: the signature is not valid, the entry is skipped */
};

/* A transaction with its sender, independent of its wire form. All pointers are borrowed for the
 * call. */
struct dam_evm_tx {
    uint8_t type; /* 0 legacy, 1 EIP-2930, 2 EIP-1559, 3 EIP-4844, 4 EIP-7702 */
    bool create;  /* no `to` */
    /* For eth_call and its like: nonce, sender's code, and fee caps are not checked, and a zero gas
     * price is allowed under a base fee. The balance must still cover value and gas price. */
    bool simulate;
    struct dam_address sender;
    struct dam_address to;
    uint64_t nonce;
    uint64_t gas_limit;
    struct dam_u256 gas_price_max;    /* gasPrice for types 0 and 1, else maxFeePerGas */
    struct dam_u256 priority_fee_max; /* types 2 and up; ignored below */
    struct dam_u256 value;
    struct dam_bytes data;
    bool has_chain_id; /* false for a legacy transaction without EIP-155 */
    uint64_t chain_id;
    const struct dam_evm_access *access;
    size_t access_count;
    struct dam_u256 blob_fee_max;
    const struct dam_hash *blob_hashes; /* with any type in a simulated one, else of type 3 */
    size_t blob_hash_count;
    const struct dam_evm_authorization *authorizations;
    size_t authorization_count;
};

/* Why a transaction may not be in a block. The texts are the official exception names
 * (execution-spec-tests), without the prefix "TransactionException.". */
#define DAM_TX_INVALID_LIST(X)                                                                     \
    X(NONE, 0, "")                                                                                 \
    X(TYPE_NOT_SUPPORTED, 1, "TYPE_NOT_SUPPORTED")                                                 \
    X(TYPE_1_PRE_FORK, 2, "TYPE_1_TX_PRE_FORK")                                                    \
    X(TYPE_2_PRE_FORK, 3, "TYPE_2_TX_PRE_FORK")                                                    \
    X(TYPE_3_PRE_FORK, 4, "TYPE_3_TX_PRE_FORK")                                                    \
    X(TYPE_4_PRE_FORK, 5, "TYPE_4_TX_PRE_FORK")                                                    \
    X(CHAIN_ID, 6, "INVALID_CHAINID")                                                              \
    X(INTRINSIC_GAS_TOO_LOW, 7, "INTRINSIC_GAS_TOO_LOW")                                           \
    X(FLOOR_GAS, 8, "INTRINSIC_GAS_BELOW_FLOOR_GAS_COST")                                          \
    X(GAS_LIMIT_EXCEEDS_MAXIMUM, 9, "GAS_LIMIT_EXCEEDS_MAXIMUM")                                   \
    X(GAS_ALLOWANCE_EXCEEDED, 10, "GAS_ALLOWANCE_EXCEEDED")                                        \
    X(GAS_PRICE_OVERFLOW, 11, "GASLIMIT_PRICE_PRODUCT_OVERFLOW")                                   \
    X(INSUFFICIENT_FUNDS, 12, "INSUFFICIENT_ACCOUNT_FUNDS")                                        \
    X(MAX_FEE_BELOW_BASE_FEE, 13, "INSUFFICIENT_MAX_FEE_PER_GAS")                                  \
    X(PRIORITY_ABOVE_MAX_FEE, 14, "PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS")                         \
    X(BLOB_FEE_BELOW_BASE_FEE, 15, "INSUFFICIENT_MAX_FEE_PER_BLOB_GAS")                            \
    X(BLOB_HASH_VERSION, 16, "TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH")                              \
    X(BLOB_NONE, 17, "TYPE_3_TX_ZERO_BLOBS")                                                       \
    X(BLOB_COUNT, 18, "TYPE_3_TX_BLOB_COUNT_EXCEEDED")                                             \
    X(BLOB_GAS_ALLOWANCE, 19, "TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED")                         \
    X(BLOB_CREATE, 20, "TYPE_3_TX_CONTRACT_CREATION")                                              \
    X(SET_CODE_CREATE, 21, "TYPE_4_TX_CONTRACT_CREATION")                                          \
    X(SET_CODE_EMPTY, 22, "TYPE_4_EMPTY_AUTHORIZATION_LIST")                                       \
    X(NONCE_IS_MAX, 23, "NONCE_IS_MAX")                                                            \
    X(NONCE_TOO_LOW, 24, "NONCE_MISMATCH_TOO_LOW")                                                 \
    X(NONCE_TOO_HIGH, 25, "NONCE_MISMATCH_TOO_HIGH")                                               \
    X(SENDER_NOT_EOA, 26, "SENDER_NOT_EOA")                                                        \
    X(INITCODE_SIZE, 27, "INITCODE_SIZE_EXCEEDED")                                                 \
    X(SIGNATURE, 28, "INVALID_SIGNATURE_VRS")

enum dam_tx_invalid {
#define X(name, number, text) DAM_TX_##name = (number),
    DAM_TX_INVALID_LIST(X)
#undef X
};

/** The official name of the reason. Returns: static text, "" for DAM_TX_NONE. */
const char *dam_tx_invalid_name(enum dam_tx_invalid reason);

/* ---- results --------------------------------------------------------------------------------- */

/* How a frame ended. A value, never an error. Do not renumber. */
#define DAM_EVM_STATUS_LIST(X)                                                                     \
    X(SUCCESS, 0, "success")                                                                       \
    X(REVERT, 1, "execution reverted")                                                             \
    X(OUT_OF_GAS, 2, "out of gas")                                                                 \
    X(INVALID_OPCODE, 3, "invalid opcode")                                                         \
    X(REFUSED, 4, "opcode refused")                                                                \
    X(STACK_UNDERFLOW, 5, "stack underflow")                                                       \
    X(STACK_OVERFLOW, 6, "stack limit reached")                                                    \
    X(BAD_JUMP, 7, "invalid jump destination")                                                     \
    X(STATIC_VIOLATION, 8, "write protection")                                                     \
    X(RETURNDATA_BOUNDS, 9, "return data out of bounds")                                           \
    X(DEPTH, 10, "max call depth exceeded")                                                        \
    X(BALANCE, 11, "insufficient balance for transfer")                                            \
    X(COLLISION, 12, "contract address collision")                                                 \
    X(CODE_SIZE, 13, "max code size exceeded")                                                     \
    X(INITCODE_SIZE, 14, "max initcode size exceeded")                                             \
    X(CODE_PREFIX, 15, "invalid code: must not begin with 0xef")                                   \
    X(CODE_GAS, 16, "contract creation code storage out of gas")                                   \
    X(NONCE, 17, "nonce uint64 overflow")                                                          \
    X(PRECOMPILE, 18, "precompile failed")

enum dam_evm_status {
#define X(name, number, text) DAM_EVM_##name = (number),
    DAM_EVM_STATUS_LIST(X)
#undef X
};

/** One phrase for people. Returns: static text. */
const char *dam_evm_status_text(enum dam_evm_status status);

struct dam_evm_log {
    struct dam_address address;
    uint8_t topic_count; /* 0..4 */
    struct dam_hash topics[4];
    struct dam_bytes data;
};

/* What a transaction did. Borrowed parts live until the session's next step, except logs, which
 * live until the session ends. */
struct dam_evm_receipt {
    enum dam_tx_invalid invalid; /* not NONE: nothing ran, nothing changed, nothing below is set */
    enum dam_evm_status status;
    uint64_t gas_used;     /* after refunds and the calldata floor: what the sender paid for */
    uint64_t gas_refunded; /* part of the refund counter that was paid back */
    uint64_t gas_used_max; /* most gas held at any time, refunds not taken off: for estimates */
    uint64_t blob_gas_used;
    struct dam_u256 gas_price; /* effective, a unit of gas */
    struct dam_bytes output;   /* return or revert data; the deployed code of a create */
    bool created;              /* create set to the address of the new contract (also on failure) */
    struct dam_address create;
    const struct dam_evm_log *logs; /* none unless status is SUCCESS */
    size_t log_count;
};

enum dam_evm_kind {
    DAM_EVM_KIND_CALL,
    DAM_EVM_KIND_STATICCALL,
    DAM_EVM_KIND_DELEGATECALL, /* only seen by tracers */
    DAM_EVM_KIND_CALLCODE,     /* only seen by tracers */
    DAM_EVM_KIND_CREATE,
    DAM_EVM_KIND_CREATE2,      /* only seen by tracers */
    DAM_EVM_KIND_SELFDESTRUCT, /* only seen by tracers */
};

/* A bare call: no fee, no nonce, no intrinsic gas, no coinbase. */
struct dam_evm_message {
    enum dam_evm_kind kind; /* CALL, STATICCALL or CREATE */
    struct dam_address sender;
    struct dam_address to; /* whose code runs; ignored for CREATE */
    struct dam_u256 value;
    struct dam_bytes input; /* calldata, or init code for CREATE; borrowed for the call */
    int64_t gas;            /* 0..2^62 */
};

struct dam_evm_result {
    enum dam_evm_status status;
    int64_t gas_left;        /* what the caller may keep: zero on any failure but REVERT */
    int64_t gas_refund;      /* refund counter, not applied */
    struct dam_bytes output; /* borrowed until the session's next step */
    struct dam_address create;
    const struct dam_evm_log *logs; /* borrowed until the session ends */
    size_t log_count;
};

/* ---- the diff -------------------------------------------------------------------------------- */

struct dam_evm_slot {
    struct dam_u256 key;
    struct dam_u256 value; /* zero: take the slot out of the trie */
};

struct dam_evm_change {
    struct dam_address address;
    bool deleted; /* the account is gone, with code and storage; nothing below is set */
    /* Slots the view knew are gone; `slots` is all there is (destroyed and made again). */
    bool storage_cleared;
    bool code_changed; /* code_hash differs from the view's; see dam_evm_diff.codes */
    uint64_t nonce;
    struct dam_u256 balance;
    struct dam_hash code_hash;
    const struct dam_evm_slot *slots; /* changed ones only, ascending by key */
    size_t slot_count;
};

struct dam_evm_code_entry {
    struct dam_hash hash;
    struct dam_bytes code;
};

/* What changed against the view: each account once, ascending by address; only real changes. */
struct dam_evm_diff {
    const struct dam_evm_change *accounts;
    size_t account_count;
    const struct dam_evm_code_entry *codes; /* new code, each hash once, ascending */
    size_t code_count;
};

/* ---- the machine ----------------------------------------------------------------------------- */

struct dam_evm;

struct dam_evm_limits {
    size_t code_cache_len_max; /* bytes of analysed code to keep; 0: 4 MiB */
    /* Any number that outsiders do not know; keeps storage keys from being chosen to collide in the
     * machine's tables. Results do not depend on it. */
    uint64_t hash_seed;
};

/** Make a machine. Returns: DAM_OK, or DAM_ENOMEM. In: mem: borrowed, must outlive the machine;
 *  limits: NULL for the defaults. */
DAM_MUST_USE enum dam_err dam_evm_create(const struct dam_mem *mem,
                                         const struct dam_evm_limits *limits, struct dam_evm **ret);

/** Give all its memory back. Accepts NULL. */
void dam_evm_destroy(struct dam_evm *evm);

/** Open a session on a state and a block. The structs are copied; what they point to is borrowed
 *  until the session ends. Any open session is discarded. Never fails, takes no memory. */
void dam_evm_begin(struct dam_evm *evm, const struct dam_evm_view *view,
                   const struct dam_evm_block *block, const struct dam_evm_options *options);

/** Run one transaction on the session's state. GAS_ALLOWANCE_EXCEEDED is judged by the block's gas
 *  limit less the gas that the session's transactions have used so far, BLOB_GAS_ALLOWANCE
 * likewise. Returns: DAM_OK with *ret_receipt set (perhaps to `invalid`), or an error of the view
 * or DAM_ENOMEM; then the session can only be discarded. */
DAM_MUST_USE enum dam_err dam_evm_transact(struct dam_evm *evm, const struct dam_evm_tx *tx,
                                           struct dam_evm_receipt *ret_receipt);

/** Run a bare message. A failed one leaves no trace in the state. Returns: as dam_evm_transact. */
DAM_MUST_USE enum dam_err dam_evm_call(struct dam_evm *evm, const struct dam_evm_message *message,
                                       struct dam_evm_result *ret_result);

/** Close the session and tell what changed. Returns: DAM_OK with *ret_diff borrowed until the next
 *  dam_evm_begin or dam_evm_destroy; DAM_ENOMEM; or the session's earlier error. */
DAM_MUST_USE enum dam_err dam_evm_end(struct dam_evm *evm, struct dam_evm_diff *ret_diff);

/** Close the session and forget it. Accepts a machine without a session. */
void dam_evm_discard(struct dam_evm *evm);

/** The pure forms: begin, one step, end. Returns: as the step. Out: both borrowed until the next
 *  dam_evm_begin or dam_evm_destroy. */
DAM_MUST_USE enum dam_err dam_evm_apply(struct dam_evm *evm, const struct dam_evm_view *view,
                                        const struct dam_evm_block *block,
                                        const struct dam_evm_options *options,
                                        const struct dam_evm_tx *tx,
                                        struct dam_evm_receipt *ret_receipt,
                                        struct dam_evm_diff *ret_diff);
DAM_MUST_USE enum dam_err dam_evm_apply_call(struct dam_evm *evm, const struct dam_evm_view *view,
                                             const struct dam_evm_block *block,
                                             const struct dam_evm_options *options,
                                             const struct dam_evm_message *message,
                                             struct dam_evm_result *ret_result,
                                             struct dam_evm_diff *ret_diff);

/** Read the session's current state, from inside tracer hooks too. Returns: DAM_OK or an error of
 *  the view. get_code's bytes are borrowed until the session ends. */
DAM_MUST_USE enum dam_err dam_evm_get_account(struct dam_evm *evm,
                                              const struct dam_address *address,
                                              struct dam_evm_account *ret, bool *ret_exists);
DAM_MUST_USE enum dam_err dam_evm_get_storage(struct dam_evm *evm,
                                              const struct dam_address *address,
                                              const struct dam_u256 *key, struct dam_u256 *ret);
DAM_MUST_USE enum dam_err dam_evm_get_code(struct dam_evm *evm, const struct dam_address *address,
                                           struct dam_bytes *ret);

/** Write the session's state from outside, between steps: state overrides, dev methods, genesis.
 *  The change counts in the diff. put_account takes nonce and balance; clear_storage drops every
 *  slot. Returns: DAM_OK, an error of the view, or DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_evm_put_account(struct dam_evm *evm,
                                              const struct dam_address *address, uint64_t nonce,
                                              const struct dam_u256 *balance);
DAM_MUST_USE enum dam_err dam_evm_put_code(struct dam_evm *evm, const struct dam_address *address,
                                           struct dam_bytes code);
DAM_MUST_USE enum dam_err dam_evm_put_storage(struct dam_evm *evm,
                                              const struct dam_address *address,
                                              const struct dam_u256 *key,
                                              const struct dam_u256 *value);
DAM_MUST_USE enum dam_err dam_evm_clear_storage(struct dam_evm *evm,
                                                const struct dam_address *address);

/** Take the precompile of one address away for the rest of the session, and let another address
 *  answer as it did (state overrides). Gas for touching an address does not change.
 *  Returns: DAM_OK; DAM_ENOTFOUND if there is none at `from`; DAM_EFULL after 64 moves. In: to:
 * NULL: it is nowhere. */
DAM_MUST_USE enum dam_err dam_evm_move_precompile(struct dam_evm *evm,
                                                  const struct dam_address *from,
                                                  const struct dam_address *to);

/* Whom ECRECOVER and EIP-7702 take for the signer, whatever was signed. */
struct dam_evm_recovery {
    uint8_t signature[65]; /* r, s, and v: 27 or 28 */
    struct dam_address signer;
};

/** Make signatures up, in all sessions: for development chains. In: list: borrowed until the next
 *  call; count: 0: ECRECOVER is as it should be. */
void dam_evm_make_up_signatures(struct dam_evm *evm, const struct dam_evm_recovery *list,
                                size_t count);

/** Whose authorization it is. Returns: NULL: nobody's, the entry is skipped; else borrowed from the
 *  entry or from the list of dam_evm_make_up_signatures. */
const struct dam_address *dam_evm_authority(const struct dam_evm *evm,
                                            const struct dam_evm_authorization *entry);

/* ---- around the transactions of a block ------------------------------------------------------ */

/** System calls at the start of a block: beacon root (EIP-4788), parent hash (EIP-2935), each under
 *  its fork. In: parent_beacon_root: NULL before Cancun. Returns: as dam_evm_call. */
DAM_MUST_USE enum dam_err dam_evm_block_start(struct dam_evm *evm,
                                              const struct dam_hash *parent_hash,
                                              const struct dam_hash *parent_beacon_root);

/** A withdrawal (EIP-4895). In: amount_gwei. */
DAM_MUST_USE enum dam_err dam_evm_withdraw(struct dam_evm *evm, const struct dam_address *address,
                                           uint64_t amount_gwei);

/** Credit an account out of nothing: proof-of-work rewards. */
DAM_MUST_USE enum dam_err dam_evm_reward(struct dam_evm *evm, const struct dam_address *address,
                                         const struct dam_u256 *amount);

/** The DAO fork's state change (EIP-779): what 116 accounts own moves to one. Called at the start
 * of the block config->dao_block. */
DAM_MUST_USE enum dam_err dam_evm_dao_drain(struct dam_evm *evm);

/** The block reward of a fork in wei; zero from Paris on. */
struct dam_u256 dam_evm_block_reward(enum dam_fork fork);

/* Either fault makes the block invalid. */
enum dam_evm_requests_fault {
    DAM_EVM_REQUESTS_FINE,
    DAM_EVM_REQUESTS_NO_CONTRACT,
    DAM_EVM_REQUESTS_CALL_FAILED,
};

/** The contracts without which no Prague block is valid: EIP-7002's and EIP-7251's. */
extern const struct dam_address dam_evm_withdrawal_requests;
extern const struct dam_address dam_evm_consolidation_requests;

/** System calls at the end of a Prague block: withdrawal (EIP-7002) and consolidation requests
 *  (EIP-7251). Returns: as dam_evm_call, with *ret_fault. Out: both borrowed until the session
 * ends.
 */
DAM_MUST_USE enum dam_err dam_evm_block_requests(struct dam_evm *evm,
                                                 struct dam_bytes *ret_withdrawals,
                                                 struct dam_bytes *ret_consolidations,
                                                 enum dam_evm_requests_fault *ret_fault);

/** The price of a unit of blob gas (EIP-4844, EIP-7691). Saturates at 2^256-1. */
struct dam_u256 dam_evm_blob_base_fee(uint64_t excess_blob_gas, const struct dam_blob_params *blob);

/* ---- tracing --------------------------------------------------------------------------------- */

struct dam_evm_step {
    uint32_t depth; /* 1 for the outermost frame */
    uint32_t pc;
    uint8_t op;
    int64_t gas; /* before this opcode */
    int64_t refund;
    const struct dam_u256 *stack; /* bottom first; the top is stack[stack_count - 1] */
    size_t stack_count;
    struct dam_bytes memory;
    struct dam_bytes return_data;
    struct dam_address address; /* of the running frame (storage owner) */
};

struct dam_evm_enter {
    enum dam_evm_kind kind;
    uint32_t depth; /* 1 for the outermost frame */
    bool precompile;
    struct dam_address sender;
    struct dam_address to;           /* storage owner, or the new contract's address */
    struct dam_address code_address; /* whose code runs (DELEGATECALL, CALLCODE) */
    struct dam_u256 value;
    int64_t gas;
    struct dam_bytes input; /* calldata or init code */
};

/* Hooks of a tracer; any may be NULL. They may call dam_evm_get_* and dam_evm_tracer_fail, nothing
 * else of the machine. All borrowed data is good for the hook only. A tracing session runs a second
 * copy of the interpreter; without a tracer no opcode is slower for them. */
struct dam_evm_tracer {
    /* Before each opcode. */
    void (*step)(void *ctx, struct dam_evm *evm, const struct dam_evm_step *step);
    /* After each opcode's gas is known; for calls and creates before the inner frame is entered and
     * with the gas handed to it included (as EIP-3155 and geth do). status: SUCCESS, or what ended
     * the frame at this opcode (REVERT for the REVERT opcode). */
    void (*step_end)(void *ctx, struct dam_evm *evm, int64_t gas_cost, enum dam_evm_status status);
    /* A call, create or selfdestruct begins. Also for those that fail at once (depth, balance). */
    void (*enter)(void *ctx, struct dam_evm *evm, const struct dam_evm_enter *enter);
    /* It ended. gas_used: of this frame and those within. output: return data, revert data or the
     * code of a create. */
    void (*exit)(void *ctx, struct dam_evm *evm, enum dam_evm_status status, int64_t gas_used,
                 struct dam_bytes output);
    void (*log)(void *ctx, struct dam_evm *evm, const struct dam_evm_log *log);
    void *ctx;
};

/** From inside a hook: it cannot go on. The session's function returns err before the next opcode
 *  or call; till then hooks may still be called. */
void dam_evm_tracer_fail(struct dam_evm *evm, enum dam_err err);

#endif
