// SPDX-License-Identifier: Apache-2.0
#include "trade/treasury.h"

#include <inttypes.h>
#include <stdio.h>

static const char cause_word[] = "treasury";

static bool is_there(const struct dam_address *address)
{
    static const struct dam_address none;
    return !dam_address_eq(address, &none);
}

/* ---- acting ---------------------------------------------------------------------------------- */

/* The account lets `to` fetch an amount, the first word, and has it fetch it. */
static enum dam_err pay_in(struct dam_treasury *t, const struct dam_address *to,
                           const char *signature, const struct dam_u256 *words, size_t count,
                           struct dam_calldata_call calls[2])
{
    const struct dam_u256 approve[2] = {dam_calldata_word(to), words[0]};
    struct dam_arena *arena = &t->seat.envoy->arena;
    calls[0].target = t->seat.contract;
    calls[1].target = *to;
    DAM_TRY(dam_calldata_make(arena, "approve(address,uint256)", approve, 2, &calls[0].data));
    return dam_calldata_make(arena, signature, words, count, &calls[1].data);
}

static enum dam_err batch_make(struct dam_treasury *t, const struct dam_treasury_orders *orders,
                               struct dam_calldata_call calls[DAM_CALLDATA_CALLS_MAX],
                               size_t *ret_count)
{
    const struct dam_u256 account = dam_calldata_word(&t->seat.account);
    struct dam_u256 moved[3] = {orders->divest, account, account};
    bool lends = dam_u256_lt(&orders->divest, &orders->invest);
    size_t count = 0;
    dam_u256_sub(&moved[0], lends ? &orders->invest : &orders->divest,
                 lends ? &orders->divest : &orders->invest);
    if (!lends && !dam_u256_is_zero(&moved[0])) {
        calls[count].target = t->vault;
        DAM_TRY(dam_calldata_make(&t->seat.envoy->arena, "withdraw(uint256,address,address)", moved,
                                  3, &calls[count].data));
        count++;
    }
    if (!dam_u256_is_zero(&orders->distribute)) {
        DAM_TRY(
            pay_in(t, &t->shares, "distribute(uint256)", &orders->distribute, 1, calls + count));
        count += 2;
    }
    if (lends) {
        DAM_TRY(pay_in(t, &t->vault, "deposit(uint256,address)", moved, 2, calls + count));
        count += 2;
    }
    *ret_count = count;
    return DAM_OK;
}

enum dam_err dam_treasury_act(struct dam_treasury *t, const struct dam_treasury_orders *orders,
                              uint64_t decision, bool *ret_recorded)
{
    struct dam_calldata_call calls[DAM_CALLDATA_CALLS_MAX];
    char what[DAM_ENVOY_WHAT_SIZE];
    size_t count = 0;
    *ret_recorded = false;
    enum dam_err err = batch_make(t, orders, calls, &count);
    if (err == DAM_OK && count > 0) {
        struct dam_hash id = dam_seat_cause(&t->seat, cause_word, decision, 8);
        (void)snprintf(what, sizeof(what), "treasury, decision %" PRIu64, decision);
        err = dam_seat_send(&t->seat, &id, what, calls, count, ret_recorded);
        t->acted = err == DAM_OK || *ret_recorded ? decision : t->acted;
    }
    return dam_seat_fail(&t->seat, err, "acting");
}

/* ---- settling -------------------------------------------------------------------------------- */

static enum dam_err invested_read(struct dam_treasury *t)
{
    const struct dam_u256 account = dam_calldata_word(&t->seat.account);
    struct dam_u256 shares;
    DAM_TRY(dam_seat_view(&t->seat, &t->vault, "balanceOf(address)", &account, 1, &shares, 1));
    return dam_seat_view(&t->seat, &t->vault, "convertToAssets(uint256)", &shares, 1, &t->invested,
                         1);
}

enum dam_err dam_treasury_settle(struct dam_treasury *t)
{
    const struct dam_u256 account = dam_calldata_word(&t->seat.account);
    DAM_TRY(dam_outbox_resend(&t->seat.envoy->outbox, &t->seat.envoy->arena));
    DAM_TRY(dam_seat_forget(&t->seat, cause_word, &t->acted, "the last batch"));
    DAM_TRY(dam_seat_view(&t->seat, &t->seat.contract, "balanceOf(address)", &account, 1,
                          &t->balance, 1));
    if (is_there(&t->vault)) {
        DAM_TRY(invested_read(t));
    }
    return is_there(&t->shares)
               ? dam_seat_view(&t->seat, &t->shares, "unclaimed()", NULL, 0, &t->unclaimed, 1)
               : DAM_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Shares or vault of another token would take money that they cannot give back. */
static enum dam_err token_check(struct dam_treasury *t, const struct dam_address *address,
                                const char *signature, const char *name)
{
    struct dam_u256 word;
    if (!is_there(address)) {
        return DAM_OK;
    }
    DAM_TRY(dam_seat_view(&t->seat, address, signature, NULL, 0, &word, 1));
    struct dam_address token = dam_u256_to_address(&word);
    if (!dam_address_eq(&token, &t->seat.contract)) {
        (void)snprintf(t->seat.why, sizeof(t->seat.why), "the %s is of another token", name);
        return DAM_ECONFLICT;
    }
    return DAM_OK;
}

enum dam_err dam_treasury_connect(struct dam_treasury *t)
{
    uint64_t decimals = 0;
    DAM_TRY(dam_seat_arm(&t->seat));
    if (t->seat.ready) {
        return DAM_OK;
    }
    DAM_TRY(dam_seat_view_u64(&t->seat, &t->seat.contract, "decimals()", UINT8_MAX, &decimals));
    t->token_decimals = (unsigned)decimals;
    DAM_TRY(token_check(t, &t->shares, "revenueToken()", "shares' revenue"));
    DAM_TRY(token_check(t, &t->vault, "asset()", "vault"));
    t->seat.ready = true;
    return DAM_OK;
}

void dam_treasury_init(struct dam_treasury *t, struct dam_envoy *envoy,
                       const struct dam_address *account, const struct dam_address *token,
                       const struct dam_address *shares, const struct dam_address *vault)
{
    *t = (struct dam_treasury){.shares = *shares, .vault = *vault};
    dam_seat_init(&t->seat, envoy, account, token);
}

void dam_treasury_finish(struct dam_treasury *t)
{
    dam_seat_finish(&t->seat);
}
