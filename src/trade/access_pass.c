// SPDX-License-Identifier: Apache-2.0
#include "trade/access_pass.h"

#include <inttypes.h>
#include <stdio.h>

static const char cause_word[] = "access";

#define LOOK_BACK 1024u /* passes that are searched at the start, newest first */
#define LOOK_TURN 64u   /* new passes that one turn looks at */

static enum dam_err view(struct dam_access_pass *a, const char *signature,
                         const struct dam_u256 *words, size_t count, struct dam_u256 *ret,
                         size_t ret_count)
{
    return dam_seat_view(&a->seat, &a->seat.contract, signature, words, count, ret, ret_count);
}

static struct dam_u256 resource_word(const struct dam_access_pass *a)
{
    return dam_u256_load_be(a->resource.b);
}

/* ---- passes ---------------------------------------------------------------------------------- */

/* Out: ret: id 0 if the pass is another resource's, has ended or was revoked. */
static enum dam_err pass_read(struct dam_access_pass *a, uint64_t id, uint64_t now_s,
                              struct dam_pass *ret)
{
    const struct dam_u256 asked = dam_u256_from_u64(id);
    const struct dam_u256 resource = resource_word(a);
    struct dam_u256 words[4]; /* AccessPass.Pass: resource, from, until, granted */
    struct dam_u256 holder;
    *ret = (struct dam_pass){.id = 0};
    DAM_TRY(view(a, "passes(uint256)", &asked, 1, words, 4));
    if (!dam_u256_eq(&words[0], &resource)) {
        return DAM_OK;
    }
    if (!dam_u256_to_u64(&words[1], &ret->from_s) || !dam_u256_to_u64(&words[2], &ret->until_s)) {
        return DAM_EPARSE;
    }
    if (ret->until_s > now_s) {
        DAM_TRY(view(a, "ownerOf(uint256)", &asked, 1, &holder, 1));
        ret->holder = dam_u256_to_address(&holder);
        ret->id = id;
    }
    return DAM_OK;
}

/* Passes that are valid now may have been given on or revoked; those that ended are forgotten.
 * After a failure the others stay as they were. */
static enum dam_err passes_refresh(struct dam_access_pass *a, uint64_t now_s)
{
    enum dam_err err = DAM_OK;
    size_t kept = 0;
    for (size_t i = 0; i < a->pass_count; i++) {
        struct dam_pass pass = a->passes[i];
        if (err == DAM_OK && pass.from_s <= now_s) {
            err = pass_read(a, a->passes[i].id, now_s, &pass);
        }
        a->passes[kept] = err == DAM_OK ? pass : a->passes[i];
        kept += a->passes[kept].id != 0;
    }
    a->pass_count = kept;
    return err;
}

static enum dam_err passes_look(struct dam_access_pass *a, uint64_t now_s)
{
    uint64_t count = 0;
    DAM_TRY(dam_seat_view_u64(&a->seat, &a->seat.contract, "passCount()", UINT64_MAX, &count));
    a->seen = count > LOOK_BACK && a->seen < count - LOOK_BACK ? count - LOOK_BACK : a->seen;
    for (unsigned i = 0; a->seen < count && i < LOOK_TURN && a->pass_count < DAM_ACCESS_PASSES_MAX;
         i++) {
        struct dam_pass *pass = &a->passes[a->pass_count];
        DAM_TRY(pass_read(a, a->seen + 1, now_s, pass));
        a->pass_count += pass->id != 0;
        a->seen++;
    }
    return DAM_OK;
}

/* ---- the price ------------------------------------------------------------------------------- */

static enum dam_err resource_read(struct dam_access_pass *a)
{
    const struct dam_u256 resource = resource_word(a);
    struct dam_u256
        words[6]; /* AccessPass.Resource: owner, slot, places, transferable, token, price
                   */
    uint64_t slot_s = 0;
    DAM_TRY(view(a, "resources(bytes32)", &resource, 1, words, 6));
    struct dam_address token = dam_u256_to_address(&words[4]);
    a->is_made = !dam_u256_is_zero(&words[0]);
    a->is_for_sale = !dam_u256_is_zero(&words[4]);
    a->price = words[5];
    if (a->is_made && (!dam_u256_to_u64(&words[1], &slot_s) || slot_s != a->terms.slot_s ||
                       (a->is_for_sale && !dam_address_eq(&token, &a->terms.token)))) {
        (void)snprintf(a->seat.why, sizeof(a->seat.why),
                       "the resource '%s' was made with another slot or token", a->terms.label);
        return DAM_ECONFLICT;
    }
    return DAM_OK;
}

/* make(label, slot, places, transferable): for a label of one word */
static enum dam_err make_make(struct dam_access_pass *a, struct dam_bytes *ret)
{
    uint8_t label[32] = {0};
    memcpy(label, a->terms.label, strlen(a->terms.label));
    const struct dam_u256 words[6] = {
        dam_u256_from_u64(4 * 32), /* where the label is */
        dam_u256_from_u64(a->terms.slot_s),
        dam_u256_from_u64(a->terms.places),
        dam_u256_from_u64(1),
        dam_u256_from_u64(strlen(a->terms.label)),
        dam_u256_load_be(label),
    };
    return dam_calldata_make(&a->seat.envoy->arena, "make(string,uint32,uint32,bool)", words, 6,
                             ret);
}

static enum dam_err price(struct dam_access_pass *a, const struct dam_u256 *wanted,
                          uint64_t decision, bool *ret_recorded)
{
    struct dam_calldata_call calls[2] = {{.target = a->seat.contract},
                                         {.target = a->seat.contract}};
    char what[DAM_ENVOY_WHAT_SIZE];
    size_t count = 0;
    bool sells = !dam_u256_is_zero(wanted);
    DAM_TRY(dam_seat_forget(&a->seat, cause_word, &a->acted, "the last price"));
    DAM_TRY(resource_read(a));
    bool stands = sells == a->is_for_sale && (!sells || dam_u256_eq(wanted, &a->price));
    if (a->acted != 0 || stands) {
        return DAM_OK;
    }
    if (!a->is_made) {
        DAM_TRY(make_make(a, &calls[count].data));
        count++;
    }
    const struct dam_address none = {{0}};
    const struct dam_u256 words[3] = {resource_word(a),
                                      dam_calldata_word(sells ? &a->terms.token : &none), *wanted};
    DAM_TRY(dam_calldata_make(&a->seat.envoy->arena, "setPrice(bytes32,address,uint256)", words, 3,
                              &calls[count].data));
    count++;
    struct dam_hash id = dam_seat_cause(&a->seat, cause_word, decision, 8);
    (void)snprintf(what, sizeof(what), "price of %s, decision %" PRIu64, a->terms.label, decision);
    enum dam_err err = dam_seat_send(&a->seat, &id, what, calls, count, ret_recorded);
    a->acted = err == DAM_OK || *ret_recorded ? decision : 0;
    return err;
}

enum dam_err dam_access_pass_price(struct dam_access_pass *a, const struct dam_u256 *wanted,
                                   uint64_t decision, bool *ret_recorded)
{
    *ret_recorded = false;
    return dam_seat_fail(&a->seat, price(a, wanted, decision, ret_recorded), "setting the price");
}

/* ---- settling -------------------------------------------------------------------------------- */

static enum dam_err taken_read(struct dam_access_pass *a, uint64_t slot, uint64_t *ret)
{
    const struct dam_u256 words[2] = {resource_word(a), dam_u256_from_u64(slot)};
    struct dam_u256 word;
    DAM_TRY(view(a, "taken(bytes32,uint64)", words, 2, &word, 1));
    return dam_u256_to_u64(&word, ret) ? DAM_OK : DAM_ERANGE;
}

enum dam_err dam_access_pass_settle(struct dam_access_pass *a, uint64_t wall_s)
{
    const struct dam_u256 account = dam_calldata_word(&a->seat.account);
    uint64_t slot = wall_s / a->terms.slot_s;
    DAM_TRY(dam_outbox_resend(&a->seat.envoy->outbox, &a->seat.envoy->arena));
    DAM_TRY(dam_seat_forget(&a->seat, cause_word, &a->acted, "the last price"));
    DAM_TRY(resource_read(a));
    DAM_TRY(passes_refresh(a, wall_s));
    DAM_TRY(passes_look(a, wall_s));
    DAM_TRY(taken_read(a, slot, &a->taken));
    DAM_TRY(taken_read(a, slot + 1, &a->taken_next));
    return dam_seat_view(&a->seat, &a->terms.token, "balanceOf(address)", &account, 1, &a->balance,
                         1);
}

/* ---- life ------------------------------------------------------------------------------------ */

enum dam_err dam_access_pass_connect(struct dam_access_pass *a)
{
    uint64_t decimals = 0;
    DAM_TRY(dam_seat_arm(&a->seat));
    if (!a->seat.ready) {
        DAM_TRY(dam_seat_view_u64(&a->seat, &a->terms.token, "decimals()", UINT8_MAX, &decimals));
        a->token_decimals = (unsigned)decimals;
        a->seat.ready = true;
    }
    return DAM_OK;
}

void dam_access_pass_init(struct dam_access_pass *a, struct dam_envoy *envoy,
                          const struct dam_address *account, const struct dam_address *address,
                          const struct dam_access_terms *terms)
{
    *a = (struct dam_access_pass){.terms = *terms};
    dam_seat_init(&a->seat, envoy, account, address);
    dam_entry_resource(account, terms->label, &a->resource);
}

void dam_access_pass_finish(struct dam_access_pass *a)
{
    dam_seat_finish(&a->seat);
}
