// SPDX-License-Identifier: Apache-2.0
#include "trade/energy_market.h"

#include "core/crypto/keccak.h"
#include "trade/market_calls.h"

#include <inttypes.h>
#include <stdio.h>

#define LOOK_BACK 2048u /* intervals searched for orders at the start: 21 days of 900 s */
#define PRICE_BACK 4u   /* intervals that are searched for the last price */
#define SIDE_BUY 0u     /* EnergyMarket.Side */
#define SIDE_SELL 1u

/* ---- signing and sending --------------------------------------------------------------------- */

/* What is done at most once for an interval. */
enum deed { DEED_ORDER, DEED_CLAIM, DEED_COLLECT, DEEDS };

/* Part of what stands in outboxes. */
static const char *const deed_names[2][DEEDS] = {{"order", "claim", "collect"},
                                                 {"bid", "claim of a bid", "redeem"}};

static struct dam_hash cause(const struct dam_energy_market *m, enum deed deed, uint32_t interval)
{
    return dam_seat_cause(&m->seat, deed_names[m->buys][deed], interval, sizeof(interval));
}

static enum dam_err send_calls(struct dam_energy_market *m, enum deed deed, uint32_t interval,
                               const struct dam_calldata_call *calls, size_t count,
                               bool *ret_recorded)
{
    char text[DAM_ENVOY_WHAT_SIZE];
    struct dam_hash id = cause(m, deed, interval);
    (void)snprintf(text, sizeof(text), "%s for interval %" PRIu32, deed_names[m->buys][deed],
                   interval);
    enum dam_err err = dam_envoy_execute(m->seat.envoy, &id, text, calls, count, ret_recorded);
    if (err != DAM_OK) {
        (void)snprintf(m->seat.why, sizeof(m->seat.why), "%s: %s", text,
                       dam_seat_reason(&m->seat, err));
    }
    return err;
}

static enum dam_err send_words(struct dam_energy_market *m, enum deed deed, uint32_t interval,
                               const char *signature, const struct dam_u256 *words, size_t count)
{
    struct dam_calldata_call call = {.target = m->seat.contract};
    bool recorded = false;
    DAM_TRY(dam_calldata_make(&m->seat.envoy->arena, signature, words, count, &call.data));
    return send_calls(m, deed, interval, &call, 1, &recorded);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static enum dam_err constants_read(struct dam_energy_market *m)
{
    const struct dam_address *market = &m->seat.contract;
    struct dam_u256 token;
    uint64_t length = 0;
    uint64_t gate = 0;
    uint64_t decimals = 0;
    DAM_TRY(dam_seat_view(&m->seat, market, "token()", NULL, 0, &token, 1));
    m->token = dam_u256_to_address(&token);
    DAM_TRY(dam_seat_view_u64(&m->seat, market, "length()", UINT32_MAX, &length));
    DAM_TRY(dam_seat_view_u64(&m->seat, market, "gate()", UINT32_MAX, &gate));
    DAM_TRY(dam_seat_view_u64(&m->seat, market, "step()", UINT64_MAX, &m->step));
    DAM_TRY(dam_seat_view_u64(&m->seat, market, "deposit()", UINT64_MAX, &m->deposit));
    DAM_TRY(dam_seat_view_u64(&m->seat, &m->token, "decimals()", UINT8_MAX, &decimals));
    if (length == 0) {
        return DAM_ERANGE;
    }
    m->length = (uint32_t)length;
    m->gate = (uint32_t)gate;
    m->token_decimals = (unsigned)decimals;
    return DAM_OK;
}

/* Intervals whose order is in the outbox; an id that is not costs no call to the chain. */
static enum dam_err open_find(struct dam_energy_market *m, uint64_t now_s)
{
    uint32_t last = dam_trade_interval(now_s, m->length, m->gate);
    m->open_count = 0;
    for (uint32_t i = last > LOOK_BACK ? last - LOOK_BACK : 0; i <= last; i++) {
        struct dam_hash id = cause(m, DEED_ORDER, i);
        enum dam_outbox_state state;
        struct dam_remote_receipt receipt;
        DAM_TRY(
            dam_outbox_look(&m->seat.envoy->outbox, &m->seat.envoy->arena, &id, &state, &receipt));
        if (state != DAM_OUTBOX_UNKNOWN && m->open_count < DAM_TRADE_OPEN_MAX) {
            m->open[m->open_count++] = i;
        }
    }
    return DAM_OK;
}

static uint64_t later(int64_t wall_ms, uint64_t chain_s)
{
    uint64_t wall_s = wall_ms > 0 ? (uint64_t)wall_ms / 1000 : 0;
    return wall_s > chain_s ? wall_s : chain_s;
}

static enum dam_err first_look(struct dam_energy_market *m, int64_t wall_ms)
{
    uint64_t chain_s = 0;
    DAM_TRY(constants_read(m));
    DAM_TRY(dam_envoy_chain_time(m->seat.envoy, &chain_s));
    return open_find(m, later(wall_ms, chain_s));
}

enum dam_err dam_energy_market_connect(struct dam_energy_market *m, int64_t wall_ms)
{
    DAM_TRY(dam_seat_arm(&m->seat));
    if (!m->seat.ready) {
        DAM_TRY(first_look(m, wall_ms));
        m->seat.ready = true;
    }
    return DAM_OK;
}

/* ---- settling -------------------------------------------------------------------------------- */

/* The id that place() gave, from its event. */
static bool order_id(const struct dam_energy_market *m, const struct dam_remote_receipt *receipt,
                     struct dam_u256 *ret)
{
    static const char placed[] = "Placed(uint256,address,uint32,uint8,uint8,uint64)";
    struct dam_hash topic;
    dam_keccak256((const uint8_t *)placed, sizeof(placed) - 1, &topic);
    for (size_t i = 0; i < receipt->log_count; i++) {
        const struct dam_log *log = &receipt->logs[i];
        if (log->topic_count == 4 && dam_hash_eq(&log->topics[0], &topic) &&
            dam_address_eq(&log->address, &m->seat.contract)) {
            *ret = dam_u256_load_be(log->topics[1].b);
            return true;
        }
    }
    return false;
}

/* An order that was filled becomes an obligation, the rest of the deposit comes back. */
static enum dam_err claim(struct dam_energy_market *m, uint32_t interval, const struct dam_u256 *id)
{
    const struct dam_u256 word = dam_u256_from_u64(interval);
    struct dam_u256 book[9]; /* EnergyMarket.Book; the first is cleared */
    struct dam_u256 order[2];
    DAM_TRY(dam_seat_view(&m->seat, &m->seat.contract, "bookOf(uint32)", &word, 1, book, 9));
    if (dam_u256_is_zero(&book[0])) {
        return DAM_EAGAIN;
    }
    DAM_TRY(dam_seat_view(&m->seat, &m->seat.contract, "orders(uint256)", id, 1, order, 2));
    if (dam_u256_is_zero(&order[1])) {
        return DAM_OK; /* claimed, by us or by whoever was first */
    }
    DAM_TRY(send_words(m, DEED_CLAIM, interval, "claim(uint256)", id, 1));
    return DAM_EAGAIN;
}

/* A seller's money for what it delivered. Out: ret_asks: there is some. */
static enum dam_err earned(struct dam_energy_market *m, const struct dam_u256 words[2],
                           bool *ret_asks)
{
    struct dam_u256 position[3]; /* sold, metered, collected */
    DAM_TRY(dam_seat_view(&m->seat, &m->seat.contract, "positions(uint32,address)", words, 2,
                          position, 3));
    *ret_asks = !dam_u256_is_zero(&position[1]) && dam_u256_is_zero(&position[2]);
    return DAM_OK;
}

static enum dam_err credits_read(struct dam_energy_market *m, uint32_t interval, uint64_t *ret)
{
    const struct dam_u256 words[2] = {dam_calldata_word(&m->seat.account),
                                      dam_u256_from_u64(interval)};
    struct dam_u256 word;
    DAM_TRY(dam_seat_view(&m->seat, &m->seat.contract, "balanceOf(address,uint256)", words, 2,
                          &word, 1));
    return dam_u256_to_u64(&word, ret) ? DAM_OK : DAM_ERANGE;
}

/* A buyer's part of what sellers who fell short have lost. Out: words: what redeem takes. */
static enum dam_err lost_by_sellers(struct dam_energy_market *m, uint32_t interval,
                                    struct dam_u256 words[2], bool *ret_asks)
{
    struct dam_u256 book[9]; /* EnergyMarket.Book; 6: volume, 7: delivered */
    uint64_t credits = 0;
    DAM_TRY(credits_read(m, interval, &credits));
    DAM_TRY(dam_seat_view(&m->seat, &m->seat.contract, "bookOf(uint32)", words, 1, book, 9));
    words[1] = dam_u256_from_u64(credits);
    *ret_asks = credits > 0 && dam_u256_lt(&book[7], &book[6]);
    return DAM_OK;
}

/* Nothing comes of an interval before its meters are read. */
static enum dam_err collect(struct dam_energy_market *m, uint32_t interval, uint64_t now_s)
{
    struct dam_u256 words[2] = {dam_u256_from_u64(interval), dam_calldata_word(&m->seat.account)};
    struct dam_u256 end_word;
    uint64_t end_s = 0;
    bool asks = false;
    DAM_TRY(
        dam_seat_view(&m->seat, &m->seat.contract, "meteringEnd(uint32)", words, 1, &end_word, 1));
    if (!dam_u256_to_u64(&end_word, &end_s) || now_s < end_s) {
        return DAM_EAGAIN;
    }
    DAM_TRY(m->buys ? lost_by_sellers(m, interval, words, &asks) : earned(m, words, &asks));
    if (!asks) {
        return DAM_OK; /* nothing is due, or it was collected */
    }
    DAM_TRY(send_words(m, DEED_COLLECT, interval,
                       m->buys ? "redeem(uint32,uint64)" : "collect(uint32)", words,
                       m->buys ? 2 : 1));
    return DAM_EAGAIN;
}

/* Is this transaction past all change, or was it never sent? */
static enum dam_err is_past(struct dam_energy_market *m, enum deed deed, uint32_t interval,
                            bool *ret)
{
    struct dam_hash id = cause(m, deed, interval);
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state;
    DAM_TRY(dam_outbox_look(&m->seat.envoy->outbox, &m->seat.envoy->arena, &id, &state, &receipt));
    *ret = *ret && state != DAM_OUTBOX_SENT && state != DAM_OUTBOX_MINED &&
           dam_envoy_is_witnessed(m->seat.envoy, &id);
    return DAM_OK;
}

/* Forget an interval whose transactions are all past change: the order last, for it is what a start
 * looks for. Out: ret_done. */
static enum dam_err forget(struct dam_energy_market *m, uint32_t interval, bool *ret_done)
{
    static const enum deed all[] = {DEED_CLAIM, DEED_COLLECT, DEED_ORDER};
    *ret_done = true;
    for (size_t i = 0; i < DAM_COUNT_OF(all); i++) {
        DAM_TRY(is_past(m, all[i], interval, ret_done));
    }
    for (size_t i = 0; *ret_done && i < DAM_COUNT_OF(all); i++) {
        struct dam_hash id = cause(m, all[i], interval);
        DAM_TRY(dam_outbox_forget(&m->seat.envoy->outbox, &id));
    }
    return DAM_OK;
}

/* One step for one interval. Out: ret_done: nothing is left to do for it. */
static enum dam_err settle_one(struct dam_energy_market *m, uint32_t interval, uint64_t now_s,
                               bool *ret_done)
{
    struct dam_hash id = cause(m, DEED_ORDER, interval);
    struct dam_remote_receipt receipt;
    struct dam_u256 order;
    enum dam_outbox_state state;
    DAM_TRY(dam_outbox_look(&m->seat.envoy->outbox, &m->seat.envoy->arena, &id, &state, &receipt));
    if (state == DAM_OUTBOX_SENT) {
        return DAM_OK; /* settle has sent it again */
    }
    bool mined = state == DAM_OUTBOX_MINED || state == DAM_OUTBOX_FINAL;
    if (mined && receipt.succeeded && order_id(m, &receipt, &order)) {
        enum dam_err err = claim(m, interval, &order);
        err = err == DAM_OK ? collect(m, interval, now_s) : err;
        if (err != DAM_OK) {
            return err == DAM_EAGAIN ? DAM_OK : err;
        }
    }
    return forget(m, interval, ret_done);
}

static enum dam_err last_price_read(struct dam_energy_market *m, uint64_t now_s)
{
    uint32_t next = dam_trade_interval(now_s, m->length, m->gate);
    for (uint32_t back = 1; back <= PRICE_BACK && back < next; back++) {
        const struct dam_u256 interval = dam_u256_from_u64(next - back);
        struct dam_u256 book[9]; /* cleared, tick, ..., 6: volume */
        uint64_t tick = 0;
        DAM_TRY(
            dam_seat_view(&m->seat, &m->seat.contract, "bookOf(uint32)", &interval, 1, book, 9));
        if (!dam_u256_is_zero(&book[6]) && dam_u256_to_u64(&book[1], &tick) && tick <= UINT8_MAX) {
            const struct dam_u256 step = dam_u256_from_u64(m->step);
            m->last_price = dam_u256_from_u64(tick + 1);
            dam_u256_mul(&m->last_price, &m->last_price, &step);
            m->has_price = true;
            return DAM_OK;
        }
    }
    return DAM_OK;
}

enum dam_err dam_energy_market_settle(struct dam_energy_market *m)
{
    const struct dam_u256 account = dam_calldata_word(&m->seat.account);
    uint64_t now_s = 0;
    size_t kept = 0;
    enum dam_err first = DAM_OK;
    DAM_TRY(dam_outbox_resend(&m->seat.envoy->outbox, &m->seat.envoy->arena));
    DAM_TRY(dam_envoy_chain_time(m->seat.envoy, &now_s));
    for (size_t i = 0; i < m->open_count; i++) {
        bool done = false;
        /* One interval that cannot be settled, by policy or market, does not hold up the others. */
        enum dam_err err = settle_one(m, m->open[i], now_s, &done);
        first = first == DAM_OK ? err : first;
        if (!done) {
            m->open[kept++] = m->open[i];
        }
    }
    m->open_count = kept;
    DAM_TRY(last_price_read(m, now_s));
    DAM_TRY(dam_seat_view(&m->seat, &m->token, "balanceOf(address)", &account, 1, &m->balance, 1));
    DAM_TRY(credits_read(m, (uint32_t)(now_s / m->length), &m->credits));
    return first;
}

/* ---- ordering -------------------------------------------------------------------------------- */

/* What a watt-hour puts into escrow: a buyer the order's price, a seller the deposit. */
static enum dam_err place(struct dam_energy_market *m, uint32_t interval, uint8_t tick, uint64_t wh,
                          bool *ret_recorded)
{
    struct dam_calldata_call calls[2] = {{.target = m->token}, {.target = m->seat.contract}};
    struct dam_u256 approve[2] = {dam_calldata_word(&m->seat.contract), dam_u256_from_u64(wh)};
    const struct dam_u256 order[4] = {dam_u256_from_u64(interval),
                                      dam_u256_from_u64(m->buys ? SIDE_BUY : SIDE_SELL),
                                      dam_u256_from_u64(tick), dam_u256_from_u64(wh)};
    const struct dam_u256 escrow = dam_u256_from_u64(m->buys ? (tick + 1u) * m->step : m->deposit);
    dam_u256_mul(&approve[1], &approve[1], &escrow);
    DAM_TRY(dam_calldata_make(&m->seat.envoy->arena, "approve(address,uint256)", approve, 2,
                              &calls[0].data));
    DAM_TRY(dam_calldata_make(&m->seat.envoy->arena, "place(uint32,uint8,uint8,uint64)", order, 4,
                              &calls[1].data));
    return send_calls(m, DEED_ORDER, interval, calls, 2, ret_recorded);
}

static enum dam_err order(struct dam_energy_market *m, int64_t wall_ms, uint64_t wh, uint8_t tick,
                          bool *ret_recorded)
{
    uint64_t chain_s = 0;
    enum dam_err err = dam_envoy_chain_time(m->seat.envoy, &chain_s);
    uint32_t interval = dam_trade_interval(later(wall_ms, chain_s), m->length, m->gate);
    bool has_order = m->open_count > 0 && m->open[m->open_count - 1] >= interval;
    if (err != DAM_OK || has_order || m->open_count == DAM_TRADE_OPEN_MAX) {
        (void)snprintf(m->seat.why, sizeof(m->seat.why), "%s",
                       err != DAM_OK ? dam_err_text(err)
                       : has_order   ? "the interval has an order already, and orders are firm"
                                     : "too many intervals are not settled");
        return err != DAM_OK ? err : has_order ? DAM_EEXIST : DAM_EFULL;
    }
    err = place(m, interval, tick, wh, ret_recorded);
    if (err == DAM_OK || *ret_recorded) {
        m->open[m->open_count++] = interval;
    }
    if (err == DAM_OK) {
        (void)snprintf(m->seat.why, sizeof(m->seat.why),
                       "%s %" PRIu64 " Wh at tick %u for interval %" PRIu32,
                       m->buys ? "bid for" : "offered", wh, tick, interval);
    }
    return err;
}

enum dam_err dam_energy_market_order(struct dam_energy_market *m, int64_t wall_ms, uint64_t wh,
                                     int64_t price, unsigned decimals, bool *ret_recorded)
{
    uint8_t tick = 0;
    *ret_recorded = false;
    enum dam_err err =
        m->buys ? dam_trade_tick_below(price, decimals, m->token_decimals, m->step, &tick)
                : dam_trade_tick(price, decimals, m->token_decimals, m->step, &tick);
    if (err != DAM_OK) {
        (void)snprintf(m->seat.why, sizeof(m->seat.why), "the price is %s",
                       m->buys ? "below the market's lowest tick"
                               : "above the market's highest tick");
        return err;
    }
    return order(m, wall_ms, wh, tick, ret_recorded);
}

/* ---- life ------------------------------------------------------------------------------------ */

void dam_energy_market_init(struct dam_energy_market *m, struct dam_envoy *envoy,
                            const struct dam_address *account, const struct dam_address *address,
                            bool buys)
{
    *m = (struct dam_energy_market){.buys = buys};
    dam_seat_init(&m->seat, envoy, account, address);
}

void dam_energy_market_finish(struct dam_energy_market *m)
{
    dam_seat_finish(&m->seat);
}
