// SPDX-License-Identifier: Apache-2.0
#include "core/record/leaf.h"

#include "base/assert.h"
#include "base/buf.h"

#define VERSION 1u
#define STRINGS 5u

static void put_u32(struct dam_buf *buf, uint32_t v)
{
    uint8_t b[4];
    dam_store_be32(b, v);
    dam_buf_put(buf, b, sizeof(b));
}

static void put_u64(struct dam_buf *buf, uint64_t v)
{
    uint8_t b[8];
    dam_store_be64(b, v);
    dam_buf_put(buf, b, sizeof(b));
}

static void put_bytes(struct dam_buf *buf, struct dam_bytes bytes)
{
    dam_buf_put(buf, bytes.data, bytes.len);
}

static void decision_store(struct dam_buf *buf, const struct dam_record_decision *d)
{
    dam_buf_put(buf, d->mind.b, 20);
    dam_buf_put(buf, d->charter.b, 20);
    dam_buf_put_byte(buf, d->outcome);
    dam_buf_put_zeros(buf, 3);
    put_u32(buf, d->epoch);
    put_u64(buf, d->mind_gas);
    put_u64(buf, d->charter_gas);
    dam_buf_put(buf, d->next_hash.b, 32);
    const struct dam_bytes strings[STRINGS] = {d->memory, d->observation, d->proposal, d->action,
                                               d->reasons};
    for (size_t i = 0; i < STRINGS; i++) {
        put_u32(buf, (uint32_t)strings[i].len);
    }
    for (size_t i = 0; i < STRINGS; i++) {
        put_bytes(buf, strings[i]);
    }
}

static void body_store(struct dam_buf *buf, const struct dam_record_leaf *leaf)
{
    switch ((enum dam_record_kind)leaf->kind) {
    case DAM_RECORD_DECISION:
        decision_store(buf, &leaf->decision);
        return;
    case DAM_RECORD_RECEIPT:
        put_u64(buf, leaf->receipt.decision_seq);
        dam_buf_put_byte(buf, leaf->receipt.status);
        dam_buf_put_zeros(buf, 7);
        put_bytes(buf, leaf->receipt.values);
        return;
    case DAM_RECORD_BOOT:
        put_u64(buf, leaf->boot.last_seq);
        put_u64(buf, leaf->boot.boot_count);
        dam_buf_put(buf, leaf->boot.program.b, 32);
        put_bytes(buf, leaf->boot.version);
        return;
    case DAM_RECORD_CHANGE:
        put_u32(buf, leaf->change.epoch);
        dam_buf_put(buf, leaf->change.mind.b, 20);
        dam_buf_put(buf, leaf->change.charter.b, 20);
        dam_buf_put(buf, leaf->change.manifest.b, 32);
        return;
    case DAM_RECORD_GAP:
        put_u64(buf, (uint64_t)leaf->gap.from_ms);
        put_u64(buf, (uint64_t)leaf->gap.to_ms);
        put_bytes(buf, leaf->gap.reason);
        return;
    case DAM_RECORD_STOP:
        dam_buf_put_byte(buf, leaf->stop.on ? 1 : 0);
        put_bytes(buf, leaf->stop.who);
        return;
    case DAM_RECORD_MONEY:
        dam_buf_put(buf, leaf->money.intent_id.b, 32);
        dam_buf_put_byte(buf, leaf->money.status);
        dam_buf_put_zeros(buf, 7);
        dam_buf_put(buf, leaf->money.transaction.b, 32);
        put_bytes(buf, leaf->money.description);
        return;
    case DAM_RECORD_TRIAL:
        dam_buf_put_byte(buf, leaf->trial.phase);
        dam_buf_put_zeros(buf, 3);
        put_u32(buf, leaf->trial.epoch);
        dam_buf_put(buf, leaf->trial.mind.b, 20);
        dam_buf_put(buf, leaf->trial.charter.b, 20);
        put_u64(buf, leaf->trial.turns);
        put_u64(buf, leaf->trial.errors);
        put_u64(buf, leaf->trial.denials);
        put_u64(buf, leaf->trial.different);
        put_bytes(buf, leaf->trial.words);
        return;
    case DAM_RECORD_EXPLANATION:
        put_u64(buf, leaf->explanation.decision_seq);
        dam_buf_put_byte(buf, leaf->explanation.method);
        dam_buf_put_zeros(buf, 7);
        dam_buf_put(buf, leaf->explanation.model.b, 32);
        put_bytes(buf, leaf->explanation.parts);
        return;
    }
    DAM_ASSERT(false);
}

enum dam_err dam_record_leaf_store(const struct dam_record_leaf *leaf, uint8_t *data, size_t size,
                                   size_t *ret_len)
{
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, data, size);
    dam_buf_put(&buf, "DAML", 4);
    dam_buf_put_byte(&buf, VERSION);
    dam_buf_put_byte(&buf, leaf->kind);
    dam_buf_put_zeros(&buf, 2);
    put_u64(&buf, leaf->seq);
    put_u64(&buf, (uint64_t)leaf->time_ms);
    put_u64(&buf, leaf->mono_ms);
    dam_buf_put(&buf, leaf->machine.b, 32);
    dam_buf_put(&buf, leaf->prev.b, 32);
    body_store(&buf, leaf);
    DAM_TRY(dam_buf_err(&buf));
    *ret_len = buf.len;
    return DAM_OK;
}

/* A bounded reader: once short it stays short. */
struct reader {
    const uint8_t *data;
    size_t left;
    bool bad;
};

static const uint8_t *take(struct reader *r, size_t len)
{
    static const uint8_t nothing[32];
    DAM_ASSERT(len <= sizeof(nothing));
    if (r->bad || len > r->left) {
        r->bad = true;
        return nothing;
    }
    const uint8_t *at = r->data;
    r->data += len;
    r->left -= len;
    return at;
}

static struct dam_bytes take_bytes(struct reader *r, size_t len)
{
    if (r->bad || len > r->left) {
        r->bad = true;
        return dam_bytes(NULL, 0);
    }
    struct dam_bytes bytes = dam_bytes(r->data, len);
    r->data += len;
    r->left -= len;
    return bytes;
}

static uint8_t take_u8(struct reader *r, uint8_t max)
{
    uint8_t v = *take(r, 1);
    r->bad = r->bad || v > max;
    return v;
}

static void take_zero(struct reader *r, size_t len)
{
    const uint8_t *at = take(r, len);
    for (size_t i = 0; i < len; i++) {
        r->bad = r->bad || at[i] != 0;
    }
}

static uint64_t take_u64(struct reader *r)
{
    return dam_load_be64(take(r, 8));
}

static struct dam_bytes take_text(struct reader *r)
{
    r->bad = r->bad || r->left > DAM_RECORD_TEXT_MAX;
    return take_bytes(r, r->left);
}

static void take_hash(struct reader *r, struct dam_hash *ret)
{
    memcpy(ret->b, take(r, 32), 32);
}

static void take_address(struct reader *r, struct dam_address *ret)
{
    memcpy(ret->b, take(r, 20), 20);
}

static void decision_load(struct reader *r, struct dam_record_decision *d)
{
    static const uint32_t len_max[STRINGS] = {8192, 4096, 512, 512, 128};
    struct dam_bytes *strings[STRINGS] = {&d->memory, &d->observation, &d->proposal, &d->action,
                                          &d->reasons};
    uint32_t lens[STRINGS];
    take_address(r, &d->mind);
    take_address(r, &d->charter);
    d->outcome = take_u8(r, 8);
    take_zero(r, 3);
    d->epoch = dam_load_be32(take(r, 4));
    d->mind_gas = take_u64(r);
    d->charter_gas = take_u64(r);
    take_hash(r, &d->next_hash);
    for (size_t i = 0; i < STRINGS; i++) {
        lens[i] = dam_load_be32(take(r, 4));
        r->bad = r->bad || lens[i] > len_max[i];
    }
    for (size_t i = 0; i < STRINGS; i++) {
        *strings[i] = take_bytes(r, lens[i]);
    }
    r->bad = r->bad || d->observation.len % 16 != 0 || d->action.len % 8 != 0 ||
             d->proposal.len != d->action.len || d->reasons.len * 4 != d->action.len;
}

void dam_record_part_store(const struct dam_record_part *part, uint8_t data[DAM_RECORD_PART_LEN])
{
    memset(data, 0, DAM_RECORD_PART_LEN);
    dam_store_be16(data, part->output);
    dam_store_be16(data + 2, part->record);
    data[4] = part->field;
    data[5] = part->ago;
    dam_store_be64(data + 8, (uint64_t)part->milli);
}

enum dam_err dam_record_part_load(const uint8_t data[DAM_RECORD_PART_LEN],
                                  struct dam_record_part *ret)
{
    if (data[4] > 2 || data[6] != 0 || data[7] != 0) {
        return DAM_EPARSE;
    }
    *ret = (struct dam_record_part){.output = (uint16_t)dam_load_be16(data),
                                    .record = (uint16_t)dam_load_be16(data + 2),
                                    .field = data[4],
                                    .ago = data[5],
                                    .milli = (int64_t)dam_load_be64(data + 8)};
    return DAM_OK;
}

static void explanation_load(struct reader *r, struct dam_record_explanation *e)
{
    struct dam_record_part part;
    e->decision_seq = take_u64(r);
    e->method = take_u8(r, DAM_RECORD_OCCLUSION);
    take_zero(r, 7);
    take_hash(r, &e->model);
    r->bad = r->bad || e->method == 0 || r->left % DAM_RECORD_PART_LEN != 0 ||
             r->left > (size_t)DAM_RECORD_PARTS_MAX * DAM_RECORD_PART_LEN;
    e->parts = take_bytes(r, r->left);
    for (size_t at = 0; at < e->parts.len; at += DAM_RECORD_PART_LEN) {
        r->bad = r->bad || dam_record_part_load(e->parts.data + at, &part) != DAM_OK;
    }
}

static void body_load(struct reader *r, struct dam_record_leaf *leaf)
{
    switch (leaf->kind) {
    case DAM_RECORD_DECISION:
        decision_load(r, &leaf->decision);
        return;
    case DAM_RECORD_RECEIPT:
        leaf->receipt.decision_seq = take_u64(r);
        leaf->receipt.status = take_u8(r, DAM_RECORD_UNKNOWN);
        take_zero(r, 7);
        r->bad = r->bad || r->left % 8 != 0 || r->left > 8 * DAM_RECORD_VALUES_MAX;
        leaf->receipt.values = take_bytes(r, r->left);
        return;
    case DAM_RECORD_BOOT:
        leaf->boot.last_seq = take_u64(r);
        leaf->boot.boot_count = take_u64(r);
        take_hash(r, &leaf->boot.program);
        leaf->boot.version = take_text(r);
        return;
    case DAM_RECORD_CHANGE:
        leaf->change.epoch = dam_load_be32(take(r, 4));
        take_address(r, &leaf->change.mind);
        take_address(r, &leaf->change.charter);
        take_hash(r, &leaf->change.manifest);
        return;
    case DAM_RECORD_GAP:
        leaf->gap.from_ms = (int64_t)take_u64(r);
        leaf->gap.to_ms = (int64_t)take_u64(r);
        leaf->gap.reason = take_text(r);
        return;
    case DAM_RECORD_STOP:
        leaf->stop.on = take_u8(r, 1) != 0;
        leaf->stop.who = take_text(r);
        return;
    case DAM_RECORD_MONEY:
        take_hash(r, &leaf->money.intent_id);
        leaf->money.status = take_u8(r, DAM_RECORD_MONEY_REPLACED);
        take_zero(r, 7);
        take_hash(r, &leaf->money.transaction);
        leaf->money.description = take_text(r);
        return;
    case DAM_RECORD_TRIAL:
        leaf->trial.phase = take_u8(r, DAM_RECORD_TRIAL_REVOKED);
        take_zero(r, 3);
        leaf->trial.epoch = dam_load_be32(take(r, 4));
        take_address(r, &leaf->trial.mind);
        take_address(r, &leaf->trial.charter);
        leaf->trial.turns = take_u64(r);
        leaf->trial.errors = take_u64(r);
        leaf->trial.denials = take_u64(r);
        leaf->trial.different = take_u64(r);
        leaf->trial.words = take_text(r);
        return;
    case DAM_RECORD_EXPLANATION:
        explanation_load(r, &leaf->explanation);
        return;
    default: /* a byte from outside, not our enum */
        r->bad = true;
    }
}

enum dam_err dam_record_leaf_load(struct dam_bytes data, struct dam_record_leaf *ret)
{
    struct reader r = {.data = data.data, .left = data.len};
    struct dam_record_leaf leaf = {0};
    if (memcmp(take(&r, 4), "DAML", 4) != 0) {
        return DAM_EPARSE;
    }
    uint8_t version = *take(&r, 1);
    if (!r.bad && version != VERSION) {
        return DAM_EVERSION;
    }
    leaf.kind = *take(&r, 1);
    take_zero(&r, 2);
    leaf.seq = take_u64(&r);
    leaf.time_ms = (int64_t)take_u64(&r);
    leaf.mono_ms = take_u64(&r);
    take_hash(&r, &leaf.machine);
    take_hash(&r, &leaf.prev);
    body_load(&r, &leaf);
    if (r.bad || r.left != 0) {
        return DAM_EPARSE;
    }
    *ret = leaf;
    return DAM_OK;
}

const char *dam_record_kind_text(uint8_t kind)
{
    static const char *const text[] = {"?",   "decision", "receipt", "boot",  "change",
                                       "gap", "stop",     "money",   "trial", "explanation"};
    return kind < DAM_COUNT_OF(text) ? text[kind] : "?";
}

const char *dam_record_trial_text(uint8_t phase)
{
    static const char *const text[] = {"a trial has begun", "a trial has ended",
                                       "new terms have passed", "new terms were taken back"};
    return phase < DAM_COUNT_OF(text) ? text[phase] : "?";
}

const char *dam_record_method_text(uint8_t method)
{
    static const char *const text[] = {"?", "weights", "shapley", "occlusion"};
    return method < DAM_COUNT_OF(text) ? text[method] : "?";
}
