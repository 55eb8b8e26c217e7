// SPDX-License-Identifier: Apache-2.0
/* The inside of struct dam_ledger, for the files of this room only: what the producer and the
 * JSON-RPC methods share. */
#ifndef DAM_LEDGER_NODE_H
#define DAM_LEDGER_NODE_H

#include "ledger/builder.h"
#include "ledger/ledger.h"
#include "port/http_server.h"

struct dam_rpc_queue;
struct dam_rpc_work;
struct dam_filters;

/* Why a transaction was taken out of the pool in this turn, for whoever waits for it. */
struct dam_rejection {
    struct dam_hash hash;
    char text[160];
    struct dam_rejection *next;
};

/* What the development methods have set. */
struct dam_dev_state {
    bool automine; /* a block as soon as there are transactions, when there is no interval */
    int64_t time_offset_s;
    uint64_t next_timestamp; /* 0: none set */
    uint64_t timestamp_step; /* 0: none set; seconds between blocks */
    bool has_next_base_fee;
    struct dam_u256 next_base_fee;
    bool has_prev_randao;
    struct dam_hash prev_randao;
    bool impersonate_all;
    struct dam_address *impersonated;
    size_t impersonated_count;
    struct dam_evm_recovery *recoveries; /* every EVM has them */
    size_t recovery_count;
    struct dam_snapshot {
        uint64_t number;
        uint64_t version;
        int64_t time_offset_s;
    } * snapshots;
    size_t snapshot_count;
};

struct dam_ledger_counters {
    uint64_t blocks;
    uint64_t transactions;
    uint64_t gas;
    uint64_t requests;
    uint64_t errors;
    uint64_t rejected;
    uint64_t commit_ns;
    uint64_t execute_ns;
    uint64_t refused_commits; /* disk full, sync failed */
};

struct dam_ledger {
    uv_loop_t *loop;
    const struct dam_clock *clock;
    struct dam_ledger_chain *chain;
    struct dam_evm *evm;
    struct dam_pool *pool;
    struct dam_http_server *http;
    char *cors;
    struct dam_filters *filters;
    struct dam_ledger_counters counters;
    bool dev;
    uint64_t interval_ms;
    uint64_t call_gas_max;
    uint64_t call_time_max_ms;
    int stop; /* of a view for a worker, see rpc_work.h: not zero, its call is to end */
    uint64_t gas_limit;
    struct dam_address coinbase;
    struct dam_dev_state dev_state;
    uint64_t arrival_next;
    struct dam_pool_tx **fresh; /* offered since the last turn, to be stored if not mined */
    size_t fresh_count;
    size_t fresh_size;
    bool work;                    /* a turn is due */
    uint64_t untidy;              /* blocks and transactions since memory was given back */
    int handles_open;             /* while closing */
    struct dam_rpc_queue *queue;  /* requests that wait, see rpc_request.c */
    struct dam_rpc_work *workers; /* NULL: closed, or a view for a worker */
    struct dam_rejection *rejections;
    uv_check_t turn;
    uv_idle_t wake; /* keeps the loop from waiting while a turn is due */
    uv_timer_t interval;
    uv_timer_t watch;       /* over calls on other threads, see rpc_work.c */
    uv_timer_t pages;       /* is the store's file mapped too far? */
    uv_timer_t quiet;       /* when the store's file takes in what the journal has */
    uint64_t unsettled;     /* commits that it had not when that timer was started */
    uv_timer_t gather;      /* ends the wait for more of a group, see turn.c */
    bool has_gathered;      /* it has ended */
    uint64_t store_ns;      /* what the last durable write took */
    struct dam_arena arena; /* scratch of a request */
    char data_dir[1024];
};

/* ---- producer.c ------------------------------------------------------------------------------ */

/* The answer to an offer, in geth's words. */
struct dam_offer_fault {
    int code;
    char text[256];
};

/** Check a signed transaction and put it into the pool. Returns: DAM_OK with *ret_hash;
 * DAM_EREFUSED with *fault; or an error of the store. */
DAM_MUST_USE enum dam_err dam_ledger_offer(struct dam_ledger *ledger, struct dam_bytes bytes,
                                           struct dam_hash *ret_hash,
                                           struct dam_offer_fault *fault);

/** The two halves of it. The first is nearly all of the cost and touches nothing but the arena and
 *  the bytes, so it may run on any thread. In: tx: what the first gave; its arena must still stand.
 */
DAM_MUST_USE enum dam_err dam_ledger_read_tx(struct dam_arena *arena, struct dam_bytes bytes,
                                             struct dam_signed_tx *ret,
                                             struct dam_offer_fault *fault);
DAM_MUST_USE enum dam_err dam_ledger_offer_read(struct dam_ledger *ledger,
                                                const struct dam_signed_tx *tx,
                                                struct dam_offer_fault *fault);

/** The same for a sender that is impersonated: the bytes' signature is not looked at. */
DAM_MUST_USE enum dam_err dam_ledger_offer_as(struct dam_ledger *ledger, struct dam_bytes bytes,
                                              const struct dam_address *sender,
                                              struct dam_hash *ret_hash,
                                              struct dam_offer_fault *fault);

/** Make one block now, empty or not. Returns: DAM_OK when it is durable; DAM_ENOSPC, DAM_EIO,
 *  DAM_ECORRUPT, or DAM_EUNSUPPORTED as dam_builder_seal: nothing has happened. */
DAM_MUST_USE enum dam_err dam_ledger_mine(struct dam_ledger *ledger);

/** Make the pool's new transactions durable. */
DAM_MUST_USE enum dam_err dam_ledger_store_pool(struct dam_ledger *ledger);

/** Load the transactions that waited when the ledger was closed. */
DAM_MUST_USE enum dam_err dam_ledger_load_pool(struct dam_ledger *ledger);

/** Choose what the next block is made with. */
void dam_ledger_next_params(struct dam_ledger *ledger, struct dam_builder_params *ret);

/** Seconds since 1970 as the ledger counts them (time may have been moved by --dev methods). */
uint64_t dam_ledger_now(const struct dam_ledger *ledger);

/** Why a transaction is invalid, in geth's words. */
const char *dam_ledger_invalid_text(enum dam_tx_invalid invalid);

/** Find what became of a transaction in this turn. Returns: NULL if it was not rejected. */
const struct dam_rejection *dam_ledger_rejection(const struct dam_ledger *ledger,
                                                 const struct dam_hash *hash);

/** Forget why, at a turn's end. */
void dam_ledger_clear_rejections(struct dam_ledger *ledger);

/** The newest state and head; DAM_OK, or DAM_EIO. */
DAM_MUST_USE enum dam_err dam_ledger_view(struct dam_ledger *ledger, uint64_t version,
                                          struct dam_builder_view *ret);

/* ---- turn.c ---------------------------------------------------------------------------------- */

/** A turn is due: make a block or store the pool's new transactions before the loop waits again. */
void dam_ledger_schedule(struct dam_ledger *ledger);

/** Pages of the store were looked at, on whatever thread: they are given back soon, if many are. */
void dam_ledger_has_read(struct dam_ledger *ledger);

/** Take part in the loop: the end of each turn, the block timer. */
void dam_ledger_start(struct dam_ledger *ledger);

/** (Re)start the block timer. */
void dam_ledger_set_interval(struct dam_ledger *ledger, uint64_t interval_ms);

/* ---- ledger.c -------------------------------------------------------------------------------- */

/** An EVM whose tables outsiders cannot fill by choice. */
DAM_MUST_USE enum dam_err dam_ledger_create_evm(struct dam_evm **ret);

/* ---- rpc_request.c --------------------------------------------------------------------------- */

DAM_MUST_USE enum dam_err dam_rpc_queue_create(struct dam_ledger *ledger);

/** Answer everything that waits, as closed; no thread works for the ledger afterwards. */
void dam_rpc_queue_close(struct dam_ledger *ledger);

/** Offer the raw transactions that came in this turn; before a block is made. */
void dam_rpc_flush(struct dam_ledger *ledger);

/** Wait until no other thread reads the store; before it moves. */
void dam_rpc_wait(struct dam_ledger *ledger);

/** Send the replies that waited for the turn. In: err: what became of the turn. */
void dam_rpc_release(struct dam_ledger *ledger, enum dam_err err);

/** Do fewer requests wait for this turn's end than were answered at the last one's? */
bool dam_rpc_expects_more(const struct dam_ledger *ledger);

/* ---- filters.c ------------------------------------------------------------------------------- */

DAM_MUST_USE enum dam_err dam_filters_create(struct dam_ledger *ledger, struct dam_filters **ret);
void dam_filters_destroy(struct dam_filters *filters);
/** A block is durable. */
void dam_filters_block(struct dam_filters *filters, const struct dam_ledger_chain_block *block);
/** Blocks above `number` are about to be taken back: their logs are told again, as removed. */
void dam_filters_taking_back(struct dam_filters *filters, uint64_t number);
/** They have been: the head is an older block. */
void dam_filters_taken_back(struct dam_filters *filters);
/** A transaction has come into the pool. */
void dam_filters_pending(struct dam_filters *filters, const struct dam_hash *hash);
/** A WebSocket connection is gone, and its subscriptions with it. */
void dam_filters_ws_gone(struct dam_filters *filters, struct dam_ws *ws);

#endif
