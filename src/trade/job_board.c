// SPDX-License-Identifier: Apache-2.0
#include "trade/job_board.h"

#include <inttypes.h>
#include <stdio.h>

#define LOOK_BACK 256u /* jobs that are searched at the start, newest first */
#define LOOK_TURN 64u  /* new jobs that one turn looks at */
#define JOB_WORDS                                                                                  \
    8u /* JobBoard.Job: client, expiredAt, status, provider, evaluator, token, budget, deliverable \
        */
#define TEXT_WORDS (DAM_JOB_TEXT_MAX / 32u)

bool dam_job_is_active(const struct dam_job *job)
{
    return job->status >= DAM_JOB_OPEN && job->status <= DAM_JOB_SUBMITTED;
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum dam_err job_read(struct dam_job_board *b, uint64_t id, struct dam_job *ret,
                             struct dam_u256 words[JOB_WORDS])
{
    const struct dam_u256 asked = dam_u256_from_u64(id);
    uint64_t status = 0;
    DAM_TRY(
        dam_seat_view(&b->seat, &b->seat.contract, "getJob(uint256)", &asked, 1, words, JOB_WORDS));
    ret->id = id;
    ret->budget = words[6];
    if (!dam_u256_to_u64(&words[1], &ret->expires_s) || !dam_u256_to_u64(&words[2], &status) ||
        status >= DAM_JOB_EXPIRED) {
        return DAM_EPARSE;
    }
    ret->status = (enum dam_job_status)(status + 1);
    return DAM_OK;
}

static bool is_word(const struct dam_u256 *word, const struct dam_address *address)
{
    struct dam_address got = dam_u256_to_address(word);
    return dam_address_eq(&got, address);
}

/* A job that was not seen before: is it ours? */
static enum dam_err job_meet(struct dam_job_board *b, uint64_t id)
{
    struct dam_u256 words[JOB_WORDS];
    struct dam_job job;
    DAM_TRY(job_read(b, id, &job, words));
    if (is_word(&words[0], &b->seat.account) && is_word(&words[3], &b->terms.provider)) {
        b->hired = job; /* ids come in order: the newest stays */
    }
    if (is_word(&words[3], &b->seat.account) && dam_job_is_active(&job) &&
        !dam_job_is_active(&b->job)) {
        b->job = job;
    }
    return DAM_OK;
}

static enum dam_err job_refresh(struct dam_job_board *b, struct dam_job *job)
{
    struct dam_u256 words[JOB_WORDS];
    return dam_job_is_active(job) ? job_read(b, job->id, job, words) : DAM_OK;
}

static enum dam_err job_count(struct dam_job_board *b, uint64_t *ret)
{
    return dam_seat_view_u64(&b->seat, &b->seat.contract, "jobCount()", UINT64_MAX, ret);
}

/* A finished job of ours makes room for the next: ids that were passed over meanwhile count. */
static enum dam_err jobs_look(struct dam_job_board *b)
{
    uint64_t count = 0;
    bool was_active = dam_job_is_active(&b->job);
    DAM_TRY(job_refresh(b, &b->hired));
    DAM_TRY(job_refresh(b, &b->job));
    DAM_TRY(job_count(b, &count));
    if (was_active && !dam_job_is_active(&b->job) && b->seen > b->job.id) {
        b->seen = b->job.id;
    }
    for (unsigned i = 0; b->seen < count && i < LOOK_TURN; i++) {
        DAM_TRY(job_meet(b, b->seen + 1));
        b->seen++;
    }
    return DAM_OK;
}

/* ---- signing and sending --------------------------------------------------------------------- */

/* What is done at most once for a job. */
static struct dam_hash cause(const struct dam_job_board *b, const char *what, uint64_t id)
{
    return dam_seat_cause(&b->seat, what, id, sizeof(id));
}

static enum dam_err send_calls(struct dam_job_board *b, const char *what, uint64_t id,
                               const struct dam_calldata_call *calls, size_t count,
                               bool *ret_recorded)
{
    char text[DAM_ENVOY_WHAT_SIZE];
    struct dam_hash hash = cause(b, what, id);
    (void)snprintf(text, sizeof(text), "%s, job %" PRIu64, what, id);
    DAM_TRY(dam_envoy_forget_failed(b->seat.envoy, &hash));
    return dam_seat_send(&b->seat, &hash, text, calls, count, ret_recorded);
}

static enum dam_err send_words(struct dam_job_board *b, const char *what, uint64_t id,
                               const char *signature, const struct dam_u256 *words, size_t count,
                               bool *ret_recorded)
{
    struct dam_calldata_call call = {.target = b->seat.contract};
    DAM_TRY(dam_calldata_make(&b->seat.envoy->arena, signature, words, count, &call.data));
    return send_calls(b, what, id, &call, 1, ret_recorded);
}

/* ---- the client ------------------------------------------------------------------------------ */

/* createJob(provider, evaluator, token, expiredAt, description) */
static enum dam_err create_make(struct dam_job_board *b, uint64_t expires_s, struct dam_bytes *ret)
{
    const struct dam_job_terms *terms = &b->terms;
    struct dam_u256 words[6 + TEXT_WORDS] = {
        dam_calldata_word(&terms->provider),
        dam_calldata_word(&terms->evaluator),
        dam_calldata_word(&terms->token),
        dam_u256_from_u64(expires_s),
        dam_u256_from_u64(5 * 32), /* where the text is */
        dam_u256_from_u64(strlen(terms->description)),
    };
    uint8_t text[DAM_JOB_TEXT_MAX] = {0};
    size_t len = strlen(terms->description);
    memcpy(text, terms->description, len);
    for (size_t i = 0; i < TEXT_WORDS; i++) {
        words[6 + i] = dam_u256_load_be(text + 32 * i);
    }
    return dam_calldata_make(&b->seat.envoy->arena,
                             "createJob(address,address,address,uint64,string)", words,
                             6 + (len + 31) / 32, ret);
}

/* While one is on its way another could make two. */
static enum dam_err hire_is_pending(struct dam_job_board *b, bool *ret)
{
    struct dam_hash id = cause(b, "hire", b->hire_id);
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state;
    DAM_TRY(dam_outbox_look(&b->seat.envoy->outbox, &b->seat.envoy->arena, &id, &state, &receipt));
    *ret = state == DAM_OUTBOX_SENT;
    return DAM_OK;
}

enum dam_err dam_job_board_hire(struct dam_job_board *b, const struct dam_u256 *budget,
                                uint64_t wall_s, bool *ret_recorded)
{
    struct dam_arena *arena = &b->seat.envoy->arena;
    struct dam_calldata_call calls[4] = {{.target = b->seat.contract},
                                         {.target = b->seat.contract},
                                         {.target = b->terms.token},
                                         {.target = b->seat.contract}};
    uint64_t chain_s = 0;
    bool is_pending = false;
    *ret_recorded = false;
    DAM_TRY(hire_is_pending(b, &is_pending));
    DAM_TRY(jobs_look(b));
    if (is_pending || dam_job_is_active(&b->hired)) {
        return DAM_OK;
    }
    DAM_TRY(dam_envoy_chain_time(b->seat.envoy, &chain_s));
    /* The board numbers in order. If another job comes between, price and funding name a job that
     * is not ours, and the whole batch fails: the next turn tries the next number. */
    uint64_t id = b->seen + 1;
    const struct dam_u256 job[2] = {dam_u256_from_u64(id), *budget};
    const struct dam_u256 approve[2] = {dam_calldata_word(&b->seat.contract), *budget};
    uint64_t now_s = wall_s > chain_s ? wall_s : chain_s;
    DAM_TRY(create_make(b, now_s + b->terms.lifetime_s, &calls[0].data));
    DAM_TRY(dam_calldata_make(arena, "setBudget(uint256,uint256)", job, 2, &calls[1].data));
    DAM_TRY(dam_calldata_make(arena, "approve(address,uint256)", approve, 2, &calls[2].data));
    DAM_TRY(dam_calldata_make(arena, "fund(uint256,uint256)", job, 2, &calls[3].data));
    b->hire_id = id;
    return send_calls(b, "hire", id, calls, 4, ret_recorded);
}

static enum dam_err refund(struct dam_job_board *b, uint64_t now_s)
{
    const struct dam_job *job = &b->hired;
    const struct dam_u256 id = dam_u256_from_u64(job->id);
    bool recorded = false;
    bool is_escrowed = job->status == DAM_JOB_FUNDED || job->status == DAM_JOB_SUBMITTED;
    return is_escrowed && now_s >= job->expires_s
               ? send_words(b, "refund", job->id, "claimRefund(uint256)", &id, 1, &recorded)
               : DAM_OK;
}

/* ---- the provider ---------------------------------------------------------------------------- */

enum dam_err dam_job_board_quote(struct dam_job_board *b, const struct dam_u256 *price,
                                 bool *ret_recorded)
{
    const struct dam_u256 words[2] = {dam_u256_from_u64(b->job.id), *price};
    *ret_recorded = false;
    if (b->job.status != DAM_JOB_OPEN || !dam_u256_is_zero(&b->job.budget)) {
        return DAM_OK;
    }
    return send_words(b, "quote", b->job.id, "setBudget(uint256,uint256)", words, 2, ret_recorded);
}

enum dam_err dam_job_board_deliver(struct dam_job_board *b, uint64_t decision, bool *ret_recorded)
{
    const struct dam_u256 words[2] = {dam_u256_from_u64(b->job.id), dam_u256_from_u64(decision)};
    *ret_recorded = false;
    if (b->job.status != DAM_JOB_FUNDED) {
        return DAM_OK;
    }
    return send_words(b, "deliver", b->job.id, "submit(uint256,bytes32)", words, 2, ret_recorded);
}

/* ---- settling -------------------------------------------------------------------------------- */

enum dam_err dam_job_board_settle(struct dam_job_board *b)
{
    const struct dam_u256 account = dam_calldata_word(&b->seat.account);
    uint64_t now_s = 0;
    DAM_TRY(dam_outbox_resend(&b->seat.envoy->outbox, &b->seat.envoy->arena));
    DAM_TRY(jobs_look(b));
    DAM_TRY(dam_envoy_chain_time(b->seat.envoy, &now_s));
    DAM_TRY(dam_seat_view(&b->seat, &b->terms.token, "balanceOf(address)", &account, 1, &b->balance,
                          1));
    enum dam_err err = refund(b, now_s);
    return err == DAM_EREFUSED ? DAM_OK : err; /* said in why; nothing else waits for it */
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum dam_err first_look(struct dam_job_board *b)
{
    uint64_t decimals = 0;
    uint64_t count = 0;
    DAM_TRY(dam_seat_view_u64(&b->seat, &b->terms.token, "decimals()", UINT8_MAX, &decimals));
    b->token_decimals = (unsigned)decimals;
    DAM_TRY(job_count(b, &count));
    b->seen = count > LOOK_BACK ? count - LOOK_BACK : 0;
    while (b->seen < count) {
        DAM_TRY(job_meet(b, b->seen + 1));
        b->seen++;
    }
    return DAM_OK;
}

enum dam_err dam_job_board_connect(struct dam_job_board *b)
{
    DAM_TRY(dam_seat_arm(&b->seat));
    if (!b->seat.ready) {
        DAM_TRY(first_look(b));
        b->seat.ready = true;
    }
    return DAM_OK;
}

void dam_job_board_init(struct dam_job_board *b, struct dam_envoy *envoy,
                        const struct dam_address *account, const struct dam_address *address,
                        const struct dam_job_terms *terms)
{
    *b = (struct dam_job_board){.terms = *terms};
    dam_seat_init(&b->seat, envoy, account, address);
}

void dam_job_board_finish(struct dam_job_board *b)
{
    dam_seat_finish(&b->seat);
}
