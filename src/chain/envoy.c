// SPDX-License-Identifier: Apache-2.0
#include "chain/envoy.h"

#include "base/heap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SIGNER_START_MS 30000
#define SIGNER_CALL_MS 2000
#define ARENA_MAX (64u << 20)

enum dam_err dam_envoy_fail(struct dam_envoy *e, enum dam_err err, const char *fmt, ...)
{
    if (err != DAM_OK && e->why[0] == 0) {
        va_list args;
        va_start(args, fmt);
        (void)vsnprintf(e->why, sizeof(e->why), fmt, args);
        va_end(args);
    }
    return err;
}

/* ---- reading --------------------------------------------------------------------------------- */

enum dam_err dam_envoy_view(struct dam_envoy *e, const struct dam_address *to,
                            const char *signature, const struct dam_u256 *words, size_t count,
                            struct dam_remote_at at, struct dam_u256 *ret, size_t ret_count)
{
    struct dam_remote_call call = {.to = to};
    struct dam_bytes answer;
    DAM_TRY(dam_calldata_make(&e->arena, signature, words, count, &call.data));
    DAM_TRY(dam_remote_call(&e->chain, &e->arena, &call, at, &answer));
    if (answer.len != 32 * ret_count) {
        return DAM_EPARSE;
    }
    for (size_t i = 0; i < ret_count; i++) {
        ret[i] = dam_u256_load_be(answer.data + 32 * i);
    }
    return DAM_OK;
}

enum dam_err dam_envoy_chain_time(struct dam_envoy *e, uint64_t *ret_s)
{
    struct dam_header header;
    struct dam_hash hash;
    DAM_TRY(dam_remote_header(&e->chain, &e->arena, dam_remote_at_tag(DAM_REMOTE_LATEST), &header,
                              &hash));
    *ret_s = header.timestamp;
    return DAM_OK;
}

static enum dam_err view_latest(struct dam_envoy *e, const struct dam_address *to,
                                const char *signature, const struct dam_u256 *words, size_t count,
                                struct dam_u256 *ret, size_t ret_count)
{
    return dam_envoy_view(e, to, signature, words, count, dam_remote_at_tag(DAM_REMOTE_LATEST), ret,
                          ret_count);
}

/* ---- signing and sending --------------------------------------------------------------------- */

static bool is_own_account(const struct dam_envoy *e)
{
    return dam_address_eq(&e->pin.account, &e->pin.key);
}

static enum dam_err sign(void *ctx, const struct dam_hash *id, struct dam_tx *tx,
                         struct dam_arena *arena)
{
    struct dam_envoy *e = ctx;
    struct dam_signer_context context = {.pin = &e->pin, .scale = UINT16_MAX, .cause = *id};
    struct dam_signer_reply reply = {.refusal = 0};
    if (!is_own_account(e)) {
        struct dam_u256 authority[4]; /* policy, scale, held, approver */
        uint64_t scale = 0;
        uint64_t held = 0;
        DAM_TRY(view_latest(e, &e->constitution, "authorityOf(uint256)", &e->id, 1, authority, 4));
        if (!dam_u256_to_u64(&authority[1], &scale) || scale > UINT16_MAX ||
            !dam_u256_to_u64(&authority[2], &held) || held > UINT8_MAX) {
            return DAM_EPARSE;
        }
        context.scale = (uint16_t)scale;
        context.held = (uint8_t)held;
    }
    enum dam_err err = dam_signer_sign_tx(e->signer, &context, tx, arena, &reply);
    if (err == DAM_EREFUSED) {
        return dam_envoy_fail(e, err, "the signer: %s", dam_signer_refusal_text(reply.refusal));
    }
    if (err == DAM_ECLOSED || err == DAM_ETIMEOUT) {
        e->armed = false; /* the next arm starts another */
    }
    return err;
}

static enum dam_err again(void *ctx, uint64_t nonce, struct dam_arena *arena,
                          struct dam_hash *ret_id, struct dam_bytes *ret_raw)
{
    const struct dam_envoy *e = ctx;
    return dam_signer_tx_again(e->signer, nonce, arena, ret_id, ret_raw);
}

/* ---- deeds ----------------------------------------------------------------------------------- */

/* Room for one more: a start may find any number in the outbox, and what was signed once may be
 * signed with other fees. Returns: false without memory; then the next start tells it. */
static bool deed_reserve(struct dam_envoy *e)
{
    if (e->deed_count < e->deed_size) {
        return true;
    }
    size_t size = e->deed_size == 0 ? DAM_ENVOY_DEEDS_MAX : 2 * e->deed_size;
    struct dam_envoy_deed *deeds = realloc(e->deeds, size * sizeof(*deeds));
    if (deeds == NULL) {
        return false;
    }
    e->deeds = deeds;
    e->deed_size = size;
    return true;
}

static void signed_is(void *ctx, const struct dam_hash *id, const struct dam_hash *tx_hash)
{
    struct dam_envoy *e = ctx;
    if (!e->options.has_witness) {
        return;
    }
    uv_mutex_lock(&e->lock);
    if (deed_reserve(e)) {
        struct dam_envoy_deed *deed = &e->deeds[e->deed_count++];
        *deed = (struct dam_envoy_deed){.id = *id, .tx_hash = *tx_hash};
        (void)snprintf(deed->what, sizeof(deed->what), "%s",
                       e->what != NULL ? e->what
                       : e->met        ? "signed at another try"
                                       : "signed before this start");
    }
    uv_mutex_unlock(&e->lock);
}

bool dam_envoy_deed_take(struct dam_envoy *e, struct dam_envoy_deed *ret)
{
    uv_mutex_lock(&e->lock);
    bool any = e->deed_count > e->deed_taken;
    if (any) {
        *ret = e->deeds[e->deed_taken++];
    }
    uv_mutex_unlock(&e->lock);
    return any;
}

void dam_envoy_deeds_kept(struct dam_envoy *e)
{
    uv_mutex_lock(&e->lock);
    e->deed_count -= e->deed_taken;
    if (e->deed_count > 0) {
        memmove(e->deeds, e->deeds + e->deed_taken, e->deed_count * sizeof(*e->deeds));
    }
    e->deed_taken = 0;
    uv_mutex_unlock(&e->lock);
}

bool dam_envoy_is_witnessed(struct dam_envoy *e, const struct dam_hash *id)
{
    bool found = false;
    uv_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->deed_count && !found; i++) {
        found = dam_hash_eq(&e->deeds[i].id, id);
    }
    uv_mutex_unlock(&e->lock);
    return !found;
}

static bool deeds_are_full(struct dam_envoy *e)
{
    uv_mutex_lock(&e->lock);
    bool full = e->deed_count >= DAM_ENVOY_DEEDS_MAX;
    uv_mutex_unlock(&e->lock);
    return full;
}

enum dam_err dam_envoy_execute(struct dam_envoy *e, const struct dam_hash *id, const char *what,
                               const struct dam_calldata_call *calls, size_t count,
                               bool *ret_recorded)
{
    struct dam_outbox_order order = {.id = *id, .to = &e->pin.account};
    struct dam_hash tx_hash;
    *ret_recorded = false;
    e->why[0] = 0;
    if (e->signer == NULL || (is_own_account(e) && count != 1)) {
        return dam_envoy_fail(e, DAM_EUNSUPPORTED, "there is no signer, or no account for a batch");
    }
    if (is_own_account(e)) {
        order.to = &calls[0].target;
        order.data = calls[0].data;
    } else {
        DAM_TRY(dam_calldata_execute(&e->arena, calls, count, &order.data));
    }
    if (deeds_are_full(e)) {
        return dam_envoy_fail(e, DAM_EFULL, "the evidence is too far behind");
    }
    e->what = what;
    enum dam_err err = dam_outbox_send(&e->outbox, &e->arena, &order, &tx_hash, ret_recorded);
    e->what = NULL;
    return err;
}

enum dam_err dam_envoy_forget_failed(struct dam_envoy *e, const struct dam_hash *id)
{
    enum dam_outbox_state state;
    struct dam_remote_receipt receipt;
    DAM_TRY(dam_outbox_look(&e->outbox, &e->arena, id, &state, &receipt));
    if (state == DAM_OUTBOX_LOST || (state == DAM_OUTBOX_FINAL && !receipt.succeeded)) {
        return dam_envoy_is_witnessed(e, id) ? dam_outbox_forget(&e->outbox, id) : DAM_EAGAIN;
    }
    return DAM_OK;
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* What the chain knows of the key and of the machine's evidence: the signer compares. */
static enum dam_err chain_stand(struct dam_envoy *e, struct dam_signer_unlock *ret)
{
    static const struct dam_address none;
    struct dam_u256 head[4]; /* size, floor, anchoredAt, tenure */
    struct dam_u256 words[2] = {e->id};
    struct dam_u256 root;
    DAM_TRY(dam_remote_nonce(&e->chain, &e->arena, &e->pin.key,
                             dam_remote_at_tag(DAM_REMOTE_LATEST), &ret->chain_nonce));
    if (is_own_account(e) || dam_address_eq(&e->pin.evidence, &none)) {
        return DAM_OK; /* nothing of it can have been anchored */
    }
    DAM_TRY(view_latest(e, &e->pin.evidence, "headOf(uint256)", &e->id, 1, head, 4));
    if (!dam_u256_to_u64(&head[0], &ret->anchored.size)) {
        return DAM_EPARSE;
    }
    words[1] = head[0];
    DAM_TRY(view_latest(e, &e->pin.evidence, "rootOf(uint256,uint64)", words, 2, &root, 1));
    dam_u256_store_be(ret->anchored.root.b, &root);
    return DAM_OK;
}

static enum dam_err account_read(struct dam_envoy *e)
{
    struct dam_u256 word;
    if (is_own_account(e)) {
        return DAM_OK;
    }
    DAM_TRY(view_latest(e, &e->pin.account, "id()", NULL, 0, &e->id, 1));
    DAM_TRY(view_latest(e, &e->pin.account, "constitution()", NULL, 0, &word, 1));
    e->constitution = dam_u256_to_address(&word);
    return DAM_OK;
}

static enum dam_err signer_start(struct dam_envoy *e)
{
    const struct dam_signer_options options = {
        .folder = e->options.signer_folder,
        .password_path = e->options.password_path,
        .start_timeout_ms = SIGNER_START_MS,
        .timeout_ms = SIGNER_CALL_MS,
    };
    struct dam_signer_request request = {.kind = DAM_SIGNER_STATUS};
    struct dam_signer_reply reply;
    dam_signer_close(e->signer);
    e->signer = NULL;
    enum dam_err err = dam_signer_spawn(&options, &e->signer);
    if (err != DAM_OK) {
        return dam_envoy_fail(e, err, "starting the signer: %s", dam_err_text(err));
    }
    DAM_TRY(dam_signer_call(e->signer, &request, &reply));
    e->pin = reply.status.pin;
    if (e->pin.chain_id != e->chain.chain_id) {
        return dam_envoy_fail(e, DAM_ECONFLICT, "the signer's frame names chain %llu",
                              (unsigned long long)e->pin.chain_id);
    }
    DAM_TRY(account_read(e));
    request = (struct dam_signer_request){.kind = DAM_SIGNER_UNLOCK};
    DAM_TRY(chain_stand(e, &request.unlock));
    DAM_TRY(dam_signer_call(e->signer, &request, &reply));
    if (reply.refusal != 0) {
        return dam_envoy_fail(e, DAM_EREFUSED, "the signer: %s",
                              dam_signer_refusal_text(reply.refusal));
    }
    const struct dam_tx_signer tx_signer = {.address = e->pin.key,
                                            .sign = sign,
                                            .again = again,
                                            .nonce_next = reply.status.nonce_next[0],
                                            .signed_is = e->met ? NULL : signed_is,
                                            .ctx = e};
    dam_outbox_close(&e->outbox);
    DAM_TRY(
        dam_outbox_open(&e->outbox, &e->arena, &e->chain, &tx_signer, e->options.outbox_folder));
    e->outbox.signer.signed_is = signed_is;
    e->met = true;
    return DAM_OK;
}

static enum dam_err parts_connect(struct dam_envoy *e)
{
    if (e->http.post == NULL) {
        DAM_TRY(dam_http_client_create(&e->http));
    }
    DAM_TRY(dam_remote_open(&e->chain, &e->arena, &e->http, e->options.urls, e->options.url_count,
                            e->options.agree_min, e->options.timeout_ms));
    if (e->options.chain_id != 0 && e->options.chain_id != e->chain.chain_id) {
        return dam_envoy_fail(e, DAM_ECONFLICT, "the endpoints are on chain %llu",
                              (unsigned long long)e->chain.chain_id);
    }
    return DAM_OK;
}

enum dam_err dam_envoy_connect(struct dam_envoy *e)
{
    e->why[0] = 0;
    if (e->ready) {
        return DAM_OK;
    }
    enum dam_err err = parts_connect(e);
    e->ready = err == DAM_OK;
    return dam_envoy_fail(e, err, "connecting: %s", dam_err_text(err));
}

enum dam_err dam_envoy_arm(struct dam_envoy *e)
{
    DAM_TRY(dam_envoy_connect(e));
    if (e->armed) {
        return DAM_OK;
    }
    enum dam_err err = e->options.signer_folder == NULL ? DAM_EUNSUPPORTED : signer_start(e);
    e->armed = err == DAM_OK;
    return dam_envoy_fail(e, err, "the signer: %s", dam_err_text(err));
}

enum dam_err dam_envoy_ask(struct dam_envoy *e, struct dam_signer_request *request,
                           struct dam_signer_reply *ret)
{
    enum dam_err err = dam_signer_call(e->signer, request, ret);
    if (err == DAM_OK && ret->refusal != 0) {
        return dam_envoy_fail(e, DAM_EREFUSED, "the signer: %s",
                              dam_signer_refusal_text(ret->refusal));
    }
    if (err == DAM_ECLOSED || err == DAM_ETIMEOUT) {
        e->armed = false;
    }
    return err;
}

/* ---- life ------------------------------------------------------------------------------------ */

uint64_t dam_envoy_line_up(struct dam_envoy *e)
{
    uv_mutex_lock(&e->lock);
    uint64_t place = e->place_next++;
    uv_mutex_unlock(&e->lock);
    return place;
}

void dam_envoy_enter(struct dam_envoy *e, uint64_t place)
{
    uv_mutex_lock(&e->lock);
    while (e->is_taken || e->place_now != place) {
        uv_cond_wait(&e->moved, &e->lock);
    }
    e->is_taken = true;
    e->place_now++;
    uv_mutex_unlock(&e->lock);
}

void dam_envoy_step_in(struct dam_envoy *e)
{
    uv_mutex_lock(&e->lock);
    while (e->is_taken) {
        uv_cond_wait(&e->moved, &e->lock);
    }
    e->is_taken = true;
    uv_mutex_unlock(&e->lock);
}

void dam_envoy_leave(struct dam_envoy *e)
{
    dam_arena_reset(&e->arena);
    uv_mutex_lock(&e->lock);
    e->is_taken = false;
    uv_cond_broadcast(&e->moved);
    uv_mutex_unlock(&e->lock);
}

/* A text of the options becomes the envoy's own: it outlives whoever made it, by the workers that
 * still run then. Returns: false without memory. */
static bool text_keep(struct dam_envoy *e, const char **text)
{
    if (*text != NULL) {
        *text = dam_arena_copy(&e->texts, *text, strlen(*text) + 1);
        return *text != NULL;
    }
    return true;
}

static bool texts_keep(struct dam_envoy *e)
{
    struct dam_envoy_options *o = &e->options;
    bool ok = text_keep(e, &o->signer_folder) && text_keep(e, &o->password_path) &&
              text_keep(e, &o->outbox_folder);
    for (size_t i = 0; i < o->url_count; i++) {
        ok = ok && text_keep(e, &o->urls[i]);
    }
    return ok;
}

enum dam_err dam_envoy_create(const struct dam_envoy_options *options, struct dam_envoy **ret)
{
    struct dam_envoy *e = calloc(1, sizeof(*e));
    if (e == NULL || uv_mutex_init(&e->lock) != 0) {
        free(e);
        return DAM_ENOMEM;
    }
    if (uv_cond_init(&e->moved) != 0) {
        uv_mutex_destroy(&e->lock);
        free(e);
        return DAM_ENOMEM;
    }
    e->options = *options;
    e->users = 1;
    e->outbox.folder = -1;
    dam_arena_init(&e->arena, dam_heap(), ARENA_MAX);
    dam_arena_init(&e->texts, dam_heap(), 0);
    if (!texts_keep(e)) {
        dam_envoy_release(e);
        return DAM_ENOMEM;
    }
    e->http = options->http;
    *ret = e;
    return DAM_OK;
}

struct dam_envoy *dam_envoy_share(struct dam_envoy *e)
{
    e->users++;
    return e;
}

void dam_envoy_release(struct dam_envoy *e)
{
    if (e == NULL || --e->users > 0) {
        return;
    }
    dam_signer_close(e->signer);
    dam_outbox_close(&e->outbox);
    dam_http_client_destroy(&e->http);
    dam_arena_finish(&e->arena);
    dam_arena_finish(&e->texts);
    uv_cond_destroy(&e->moved);
    uv_mutex_destroy(&e->lock);
    free(e->deeds);
    free(e);
}
