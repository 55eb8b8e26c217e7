// SPDX-License-Identifier: Apache-2.0
/* When blocks are made. A turn of the loop gathers what came in; its end makes one block (on
 * demand) or one record of the pool (interval, manual) of all of it: the cost of a sync is shared
 * by everybody who came in the same turn. When all is quiet the store's file takes it in. */
#include "core/evm/block.h"
#include "ledger/node.h"

#define PAGES_MAX (2u << 20) /* bytes of the store's file that may stay mapped */
#define PAGES_LOOK_MS 25u    /* after somebody has looked at them */
#define QUIET_MS 50u         /* without a commit: the store's file takes in the journal */
#define QUIET_RETRY_MS 1000u /* after the disk refused that */
#define GATHER_PART 4u       /* of a durable write's time, at most, to wait for its group */

static void on_wake(uv_idle_t *idle)
{
    (void)idle;
}

void dam_ledger_schedule(struct dam_ledger *ledger)
{
    if (!ledger->work) {
        ledger->work = true;
        (void)uv_idle_start(&ledger->wake, on_wake); /* cannot fail with a callback */
    }
}

/* Blocks on demand: as many as it takes to run all that can run. */
static enum dam_err mine_all(struct dam_ledger *ledger)
{
    enum dam_err err;
    do {
        err = dam_ledger_mine(ledger);
    } while (err == DAM_OK && ledger->chain->head.tx_count > 0 &&
             dam_pool_count(ledger->pool) > 0 &&
             (ledger->chain->head.header.gas_used > ledger->gas_limit / 2 ||
              ledger->chain->head.size > DAM_BLOCK_LEN_MAX / 2));
    return err;
}

/* Is there a transaction whose turn it is? What waits behind a gap makes no block. */
static bool has_runnable(struct dam_ledger *ledger)
{
    struct dam_builder_view view;
    size_t cursor = 0;
    if (dam_pool_count(ledger->pool) == 0) {
        return false;
    }
    if (dam_ledger_view(ledger, DAM_STATE_NEWEST, &view) != DAM_OK) {
        return true; /* the block will say what is wrong */
    }
    for (struct dam_pool_tx *tx; (tx = dam_pool_each(ledger->pool, &cursor)) != NULL;) {
        struct dam_account account = {0};
        enum dam_err err = dam_state_account(&view.state, &tx->sender, &account);
        if ((err != DAM_OK && err != DAM_ENOTFOUND) || tx->nonce <= account.nonce) {
            return true;
        }
    }
    return false;
}

static void on_gathered(uv_timer_t *timer)
{
    struct dam_ledger *ledger = timer->data;
    ledger->has_gathered = true;
    (void)uv_idle_start(&ledger->wake, on_wake); /* the turn ends now */
}

/* Clients that were answered together come again together, but not in the same turn of the loop.
 * Where a write takes long it is worth waiting a part of that for the rest of them, or half would
 * always miss it. Who sends one at a time never waits. */
static bool is_gathering(struct dam_ledger *ledger)
{
    uint64_t wait_ms = ledger->store_ns / GATHER_PART / 1000000;
    if (wait_ms == 0 || ledger->has_gathered || !dam_rpc_expects_more(ledger)) {
        return false;
    }
    if (!uv_is_active((uv_handle_t *)&ledger->gather)) {
        uv_update_time(ledger->loop);
        (void)uv_timer_start(&ledger->gather, on_gathered, wait_ms, 0);
    }
    return true;
}

static void on_pages(uv_timer_t *timer)
{
    const struct dam_ledger *ledger = timer->data;
    dam_store_bound_pages(ledger->chain->store, PAGES_MAX);
}

void dam_ledger_has_read(struct dam_ledger *ledger)
{
    if (!uv_is_active((uv_handle_t *)&ledger->pages)) {
        (void)uv_timer_start(&ledger->pages, on_pages, PAGES_LOOK_MS, 0); /* cannot fail */
    }
}

/* In a burst the file is left alone till the journal is full. */
static void on_quiet(uv_timer_t *timer)
{
    struct dam_ledger *ledger = timer->data;
    uint64_t unsettled = dam_store_unsettled(ledger->chain->store);
    bool is_quiet = unsettled == ledger->unsettled;
    ledger->unsettled = unsettled;
    if (unsettled == 0) {
        return;
    }
    /* A disk that refuses is no loss yet, and whoever writes next is told. */
    bool refused = is_quiet && dam_ledger_chain_settle(ledger->chain) != DAM_OK;
    if (!is_quiet || refused) {
        (void)uv_timer_start(timer, on_quiet, refused ? QUIET_RETRY_MS : QUIET_MS, 0);
    } else {
        dam_store_release_memory(ledger->chain->store);
    }
}

static void watch_for_quiet(struct dam_ledger *ledger)
{
    uint64_t unsettled = dam_store_unsettled(ledger->chain->store);
    if (unsettled > 0 && !uv_is_active((uv_handle_t *)&ledger->quiet)) {
        ledger->unsettled = unsettled;
        (void)uv_timer_start(&ledger->quiet, on_quiet, QUIET_MS, 0); /* cannot fail */
    }
}

/* The end of a turn in which something came in. */
static void end_turn(struct dam_ledger *ledger)
{
    dam_rpc_flush(ledger);
    (void)uv_idle_stop(&ledger->wake);
    if (is_gathering(ledger)) {
        return;
    }
    (void)uv_timer_stop(&ledger->gather);
    ledger->has_gathered = false;
    ledger->work = false;
    bool on_demand = ledger->interval_ms == 0 && ledger->dev_state.automine;
    enum dam_err err = DAM_OK;
    if (on_demand && has_runnable(ledger)) {
        err = mine_all(ledger);
    } else if (ledger->fresh_count > 0) {
        err = dam_ledger_store_pool(ledger);
    }
    dam_rpc_release(ledger, err);
    dam_ledger_clear_rejections(ledger);
}

static void on_turn(uv_check_t *check)
{
    struct dam_ledger *ledger = check->data;
    if (ledger->work) {
        end_turn(ledger);
    }
    watch_for_quiet(ledger);
}

static void on_interval(uv_timer_t *timer)
{
    struct dam_ledger *ledger = timer->data;
    enum dam_err err = dam_ledger_mine(ledger);
    dam_rpc_release(ledger, err);
    dam_ledger_clear_rejections(ledger);
    watch_for_quiet(ledger);
}

void dam_ledger_set_interval(struct dam_ledger *ledger, uint64_t interval_ms)
{
    ledger->interval_ms = interval_ms;
    (void)uv_timer_stop(&ledger->interval); /* cannot fail */
    if (interval_ms > 0) {
        (void)uv_timer_start(&ledger->interval, on_interval, interval_ms, interval_ms);
    }
}

void dam_ledger_start(struct dam_ledger *ledger)
{
    (void)uv_check_init(ledger->loop, &ledger->turn); /* these cannot fail */
    (void)uv_idle_init(ledger->loop, &ledger->wake);
    (void)uv_timer_init(ledger->loop, &ledger->interval);
    (void)uv_timer_init(ledger->loop, &ledger->watch);
    (void)uv_timer_init(ledger->loop, &ledger->gather);
    (void)uv_timer_init(ledger->loop, &ledger->quiet);
    (void)uv_timer_init(ledger->loop, &ledger->pages);
    ledger->turn.data = ledger->wake.data = ledger->interval.data = ledger;
    ledger->watch.data = ledger->gather.data = ledger->quiet.data = ledger;
    ledger->pages.data = ledger;
    (void)uv_check_start(&ledger->turn, on_turn);
    uv_unref((uv_handle_t *)&ledger->turn);
    dam_ledger_set_interval(ledger, ledger->interval_ms);
}
