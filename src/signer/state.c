// SPDX-License-Identifier: Apache-2.0
#include "signer/state.h"

#include "base/assert.h"
#include "core/crypto/sha256.h"
#include "signer/wire.h"

#define HEADER_LEN 16u
#define HEAD_LEN 16u /* of a record: length, kind, index */
#define MAC_LEN 32u
#define TAKE_LEN 72u /* key, used, last */
#define NONCE_LEN 104u
#define CHANNEL_LEN 96u
#define TOPIC_LEN 104u
#define VERSION 2u

/* Every table full, in one record of a file of its own. */
_Static_assert(HEADER_LEN + HEAD_LEN + DAM_SIGNER_PIN_LEN + 48 + 40 + 2 * 8 + 8 +
                       2 * DAM_SIGNER_NONCES_KEPT * NONCE_LEN +
                       DAM_SIGNER_TXS_KEPT * (8 + 32 + 4 + DAM_SIGNER_TX_LEN_MAX) + 4 +
                       DAM_SIGNER_USES_MAX * TAKE_LEN + 4 + DAM_SIGNER_CHANNELS_MAX * CHANNEL_LEN +
                       4 + DAM_SIGNER_TOPICS_MAX * TOPIC_LEN + MAC_LEN <=
                   DAM_SIGNER_WHOLE_MAX,
               "a fresh file fits its scratch");
_Static_assert(4 * DAM_SIGNER_WHOLE_MAX <= DAM_SIGNER_FILE_LEN_DUE,
               "a fresh file is not due again at once");

static const uint8_t header[HEADER_LEN] = "DAMSIGNR\0\0\0\x02";

/* Stored: do not renumber. */
enum record_kind {
    RECORD_PIN = 1,
    RECORD_BASE = 2,
    RECORD_NONCE = 3,
    RECORD_CHECKPOINT = 4,
    RECORD_CHANNEL = 5,
    RECORD_TOPIC = 6,
    RECORD_NONCE_TX = 7, /* a RECORD_NONCE, then the cause and the transaction */
    RECORD_WHOLE = 8,    /* all that the records before it have come to; the first of its file */
};

void dam_signer_state_init(struct dam_signer_state *state, const uint8_t secret[32],
                           const struct dam_signer_disk *disk)
{
    static const char label[] = "dam signer state 1";
    struct dam_hmac_sha256 hmac;
    struct dam_hash key;
    memset(state, 0, sizeof(*state));
    state->disk = *disk;
    state->file_len_due = DAM_SIGNER_FILE_LEN_DUE;
    dam_hmac_sha256_init(&hmac, secret, 32);
    dam_hmac_sha256_update(&hmac, (const uint8_t *)label, sizeof(label) - 1);
    dam_hmac_sha256_final(&hmac, &key);
    memcpy(state->mac_key, key.b, sizeof(state->mac_key));
    explicit_bzero(&hmac, sizeof(hmac));
    explicit_bzero(&key, sizeof(key));
}

void dam_signer_state_finish(struct dam_signer_state *state)
{
    explicit_bzero(state->mac_key, sizeof(state->mac_key));
    state->failed = true;
}

static void mac_of(const struct dam_signer_state *state, const uint8_t *mac_before,
                   const uint8_t *record, size_t len, struct dam_hash *ret)
{
    struct dam_hmac_sha256 hmac;
    dam_hmac_sha256_init(&hmac, state->mac_key, sizeof(state->mac_key));
    dam_hmac_sha256_update(&hmac, mac_before, MAC_LEN);
    dam_hmac_sha256_update(&hmac, record, len);
    dam_hmac_sha256_final(&hmac, ret);
    explicit_bzero(&hmac, sizeof(hmac));
}

/* ---- what is both in a record of its own and in that of a whole state ---- */

static void put_use(struct wire *c, const struct dam_hash *key, const struct dam_policy_use *use)
{
    wire_put(c, key->b, 32);
    wire_put_u256(c, &use->used);
    wire_put_u64(c, use->last);
}

static void get_use(struct wire *c, struct dam_signer_use_entry *ret)
{
    wire_get(c, ret->key.b, 32);
    ret->use.used = wire_get_u256(c);
    ret->use.last = wire_get_u64(c);
}

static void put_nonce(struct wire *c, const struct dam_signer_nonce *nonce)
{
    wire_put_u64(c, nonce->nonce);
    wire_put(c, nonce->payload.b, 32);
    wire_put_u256(c, &nonce->max_fee);
    wire_put_u256(c, &nonce->max_priority_fee);
}

static void get_nonce(struct wire *c, struct dam_signer_nonce *ret)
{
    ret->nonce = wire_get_u64(c);
    wire_get(c, ret->payload.b, 32);
    ret->max_fee = wire_get_u256(c);
    ret->max_priority_fee = wire_get_u256(c);
}

static void put_channel(struct wire *c, const struct dam_signer_channel *channel)
{
    wire_put(c, channel->domain.b, 32);
    wire_put(c, channel->channel.b, 32);
    wire_put_u256(c, &channel->total);
}

static void get_channel(struct wire *c, struct dam_signer_channel *ret)
{
    wire_get(c, ret->domain.b, 32);
    wire_get(c, ret->channel.b, 32);
    ret->total = wire_get_u256(c);
}

static void put_topic(struct wire *c, const struct dam_signer_topic *topic)
{
    wire_put(c, topic->config.b, 32);
    wire_put(c, topic->topic.b, 32);
    wire_put_u64(c, topic->round);
    wire_put(c, topic->digest.b, 32);
}

static void get_topic(struct wire *c, struct dam_signer_topic *ret)
{
    wire_get(c, ret->config.b, 32);
    wire_get(c, ret->topic.b, 32);
    ret->round = wire_get_u64(c);
    wire_get(c, ret->digest.b, 32);
}

static void put_pin(struct wire *c, const struct dam_signer_pin *pin)
{
    static const uint8_t zeros[7];
    wire_put_frame(c, pin);
    wire_put(c, &pin->permissions, 1);
    wire_put(c, zeros, 7);
}

static void get_pin(struct wire *c, struct dam_signer_pin *ret)
{
    uint8_t zeros[7];
    memset(ret, 0, sizeof(*ret)); /* so that equal frames are equal bytes */
    wire_get_frame(c, ret);
    wire_get(c, &ret->permissions, 1);
    wire_get(c, zeros, 7);
}

/* ---- taking a record into account: the same for a new one and one read back ---- */

static void apply_time(struct dam_signer_state *state, uint64_t time)
{
    state->time_last = time > state->time_last ? time : state->time_last;
}

static struct dam_signer_use_entry *use_find(struct dam_signer_state *state,
                                             const struct dam_hash *key)
{
    for (uint32_t i = 0; i < state->use_count; i++) {
        if (dam_hash_eq(&state->uses[i].key, key)) {
            return &state->uses[i];
        }
    }
    return NULL;
}

static bool apply_pin(struct dam_signer_state *state, struct wire *c)
{
    struct dam_signer_pin pin;
    get_pin(c, &pin);
    if (c->bad || (state->pinned && pin.version <= state->pin.version)) {
        return false;
    }
    if (!dam_hash_eq(&pin.policy_hash, &state->pin.policy_hash)) {
        state->use_count = 0; /* section 2 of the policy spec: a new policy starts full */
    }
    state->pin = pin;
    state->pinned = true;
    return true;
}

static bool apply_base(struct dam_signer_state *state, struct wire *c)
{
    uint64_t chain = wire_get_u64(c);
    uint64_t relayed = wire_get_u64(c);
    struct dam_signer_checkpoint checkpoint;
    wire_get_checkpoint(c, &checkpoint);
    uint64_t time = wire_get_u64(c);
    if (c->bad) {
        return false;
    }
    state->nonce_next[DAM_SIGNER_LANE_CHAIN] = chain;
    state->nonce_next[DAM_SIGNER_LANE_RELAYED] = relayed;
    memset(state->nonces, 0, sizeof(state->nonces));
    state->checkpoint = checkpoint;
    apply_time(state, time);
    return true;
}

/* Returns: whether what is left of the record is a cause and a transaction. */
static bool apply_tx(struct dam_signer_state *state, struct wire *c, uint64_t nonce)
{
    struct dam_hash cause;
    wire_get(c, cause.b, 32);
    size_t len = c->bad ? 0 : c->len - c->at;
    if (len == 0 || len > DAM_SIGNER_TX_LEN_MAX) {
        return false;
    }
    struct dam_signer_tx *tx = &state->txs[nonce % DAM_SIGNER_TXS_KEPT];
    tx->nonce = nonce;
    tx->cause = cause;
    tx->len = len;
    wire_get(c, tx->bytes, len);
    return true;
}

static bool apply_nonce(struct dam_signer_state *state, struct wire *c, bool has_tx)
{
    uint8_t lane;
    uint8_t count;
    struct dam_signer_nonce nonce;
    struct dam_policy_use fees;
    wire_get(c, &lane, 1);
    wire_get(c, &count, 1);
    get_nonce(c, &nonce);
    uint64_t time = wire_get_u64(c);
    fees.used = wire_get_u256(c);
    fees.last = wire_get_u64(c);
    if (c->bad || lane > DAM_SIGNER_LANE_RELAYED || c->len - c->at < TAKE_LEN * (size_t)count) {
        return false;
    }
    for (uint8_t i = 0; i < count; i++) {
        struct dam_signer_use_entry entry;
        get_use(c, &entry);
        struct dam_signer_use_entry *known = use_find(state, &entry.key);
        if (known == NULL && state->use_count == DAM_SIGNER_USES_MAX) {
            return false;
        }
        *(known != NULL ? known : &state->uses[state->use_count++]) = entry;
    }
    state->nonces[lane][nonce.nonce % DAM_SIGNER_NONCES_KEPT] = nonce;
    if (nonce.nonce >= state->nonce_next[lane]) {
        state->nonce_next[lane] = nonce.nonce + 1;
    }
    state->fees = fees;
    apply_time(state, time);
    return !has_tx || apply_tx(state, c, nonce.nonce);
}

static bool apply_checkpoint(struct dam_signer_state *state, struct wire *c)
{
    struct dam_signer_checkpoint checkpoint;
    wire_get_checkpoint(c, &checkpoint);
    apply_time(state, wire_get_u64(c));
    if (!c->bad) {
        state->checkpoint = checkpoint;
    }
    return !c->bad;
}

static bool apply_channel(struct dam_signer_state *state, struct wire *c)
{
    struct dam_signer_channel channel;
    get_channel(c, &channel);
    uint64_t time = wire_get_u64(c);
    struct dam_signer_channel *known = (struct dam_signer_channel *)dam_signer_state_channel(
        state, &channel.domain, &channel.channel);
    if (c->bad || (known == NULL && state->channel_count == DAM_SIGNER_CHANNELS_MAX)) {
        return false;
    }
    *(known != NULL ? known : &state->channels[state->channel_count++]) = channel;
    apply_time(state, time);
    return true;
}

static bool apply_topic(struct dam_signer_state *state, struct wire *c)
{
    struct dam_signer_topic topic;
    get_topic(c, &topic);
    uint64_t time = wire_get_u64(c);
    struct dam_signer_topic *known =
        (struct dam_signer_topic *)dam_signer_state_topic(state, &topic.config, &topic.topic);
    if (c->bad || (known == NULL && state->topic_count == DAM_SIGNER_TOPICS_MAX)) {
        return false;
    }
    *(known != NULL ? known : &state->topics[state->topic_count++]) = topic;
    apply_time(state, time);
    return true;
}

/* How many entries a table has. A number that is above its maximum makes the cursor bad. */
static uint32_t get_count(struct wire *c, uint32_t max)
{
    uint32_t count = wire_get_u32(c);
    c->bad = c->bad || count > max;
    return c->bad ? 0 : count;
}

static void get_txs(struct wire *c, struct dam_signer_tx *txs)
{
    for (size_t i = 0; i < DAM_SIGNER_TXS_KEPT; i++) {
        txs[i].nonce = wire_get_u64(c);
        wire_get(c, txs[i].cause.b, 32);
        txs[i].len = get_count(c, DAM_SIGNER_TX_LEN_MAX);
        wire_get(c, txs[i].bytes, txs[i].len);
    }
}

/* Everything that is stored is set anew: what the record leaves out is forgotten. */
static bool apply_whole(struct dam_signer_state *state, struct wire *c)
{
    get_pin(c, &state->pin);
    state->time_last = wire_get_u64(c);
    state->fees.used = wire_get_u256(c);
    state->fees.last = wire_get_u64(c);
    wire_get_checkpoint(c, &state->checkpoint);
    for (size_t lane = 0; lane < 2; lane++) {
        state->nonce_next[lane] = wire_get_u64(c);
        for (size_t i = 0; i < DAM_SIGNER_NONCES_KEPT; i++) {
            get_nonce(c, &state->nonces[lane][i]);
        }
    }
    get_txs(c, state->txs);
    state->use_count = get_count(c, DAM_SIGNER_USES_MAX);
    for (uint32_t i = 0; i < state->use_count; i++) {
        get_use(c, &state->uses[i]);
    }
    state->channel_count = get_count(c, DAM_SIGNER_CHANNELS_MAX);
    for (uint32_t i = 0; i < state->channel_count; i++) {
        get_channel(c, &state->channels[i]);
    }
    state->topic_count = get_count(c, DAM_SIGNER_TOPICS_MAX);
    for (uint32_t i = 0; i < state->topic_count; i++) {
        get_topic(c, &state->topics[i]);
    }
    state->pinned = !c->bad;
    return !c->bad;
}

/* Returns: false if the payload is no record of its kind, or a table is full. */
static bool apply(struct dam_signer_state *state, uint8_t kind, const uint8_t *payload, size_t len)
{
    struct wire c = wire_reader(payload, len);
    bool ok = false;
    switch (kind) {
    case RECORD_PIN:
        ok = apply_pin(state, &c);
        break;
    case RECORD_BASE:
        ok = apply_base(state, &c);
        break;
    case RECORD_NONCE:
    case RECORD_NONCE_TX:
        ok = apply_nonce(state, &c, kind == RECORD_NONCE_TX);
        break;
    case RECORD_CHECKPOINT:
        ok = apply_checkpoint(state, &c);
        break;
    case RECORD_CHANNEL:
        ok = apply_channel(state, &c);
        break;
    case RECORD_TOPIC:
        ok = apply_topic(state, &c);
        break;
    case RECORD_WHOLE:
        ok = apply_whole(state, &c);
        break;
    }
    return ok && wire_done(&c);
}

/* ---- the file ---- */

enum dam_err dam_signer_state_begin(struct dam_signer_state *state)
{
    enum dam_err err = state->disk.append(state->disk.ctx, 0, header, HEADER_LEN);
    if (err == DAM_OK) {
        err = state->disk.sync(state->disk.ctx);
    }
    state->failed = state->failed || err != DAM_OK;
    state->file_len = HEADER_LEN;
    return err;
}

/* The record at `at`, if a whole one is there under its MAC. Returns: its whole length, or 0. */
static size_t record_at(const struct dam_signer_state *state, struct dam_bytes file, size_t at,
                        const uint8_t *mac_before)
{
    struct dam_hash mac;
    size_t left = file.len - at;
    if (left < HEAD_LEN + MAC_LEN) {
        return 0;
    }
    size_t len = dam_load_be32(file.data + at);
    if (len > left - HEAD_LEN - MAC_LEN) {
        return 0;
    }
    mac_of(state, mac_before, file.data + at, HEAD_LEN + len, &mac);
    bool same = memcmp(mac.b, file.data + at + HEAD_LEN + len, MAC_LEN) == 0;
    return same ? HEAD_LEN + len + MAC_LEN : 0;
}

/* A write that was cut short leaves one bad record at the end, and what it was about was never
 * signed. Is this that, or damage with good records behind it? */
static bool is_unfinished(const struct dam_signer_state *state, struct dam_bytes file, size_t at)
{
    if (file.len - at > HEAD_LEN + DAM_SIGNER_RECORD_MAX + MAC_LEN) {
        return false;
    }
    for (size_t p = at + HEAD_LEN + MAC_LEN; p < file.len; p++) {
        if (record_at(state, file, p, file.data + p - MAC_LEN) != 0) {
            return false;
        }
    }
    /* Or the damage is in this record's MAC, and only the next one knows what it was. */
    size_t len = file.len - at < HEAD_LEN ? 0 : dam_load_be32(file.data + at);
    if (len == 0 || file.len - at < HEAD_LEN + len + MAC_LEN) {
        return true;
    }
    struct dam_hash mac;
    mac_of(state, state->mac.b, file.data + at, HEAD_LEN + len, &mac);
    return record_at(state, file, at + HEAD_LEN + len + MAC_LEN, mac.b) == 0;
}

/* Returns: DAM_OK; DAM_ECORRUPT if it is no state; DAM_EVERSION if it is one of another version. */
static enum dam_err header_check(struct dam_bytes file)
{
    if (file.len < HEADER_LEN || memcmp(file.data, header, 8) != 0) {
        return DAM_ECORRUPT;
    }
    uint32_t version = dam_load_be32(file.data + 8);
    bool known = (version == 1 || version == VERSION) && dam_load_be32(file.data + 12) == 0;
    return known ? DAM_OK : DAM_EVERSION;
}

bool dam_signer_state_begins(const struct dam_signer_state *state, struct dam_bytes file,
                             uint64_t *ret_index)
{
    static const struct dam_hash none;
    if (header_check(file) != DAM_OK || record_at(state, file, HEADER_LEN, none.b) == 0) {
        return false;
    }
    *ret_index = dam_load_be64(file.data + HEADER_LEN + 8);
    return true;
}

enum dam_err dam_signer_state_replay(struct dam_signer_state *state, struct dam_bytes file)
{
    DAM_TRY(header_check(file));
    size_t at = HEADER_LEN;
    while (at < file.len) {
        const uint8_t *record = file.data + at;
        size_t len = record_at(state, file, at, state->mac.b);
        if (len == 0) {
            if (!is_unfinished(state, file, at)) {
                return DAM_ECORRUPT;
            }
            break;
        }
        if (at == HEADER_LEN && record[4] == RECORD_WHOLE) {
            state->index_next = dam_load_be64(record + 8); /* it goes on from an older file */
        }
        if (dam_load_be64(record + 8) != state->index_next ||
            !apply(state, record[4], record + HEAD_LEN, len - HEAD_LEN - MAC_LEN)) {
            return DAM_ECORRUPT;
        }
        memcpy(state->mac.b, record + len - MAC_LEN, MAC_LEN);
        state->index_next++;
        at += len;
    }
    state->file_len = at;
    return state->pinned ? DAM_OK : DAM_ECORRUPT;
}

/* Seal the record that begins at `at` in `c`, where its payload stands behind room for its head. */
static void seal(const struct dam_signer_state *state, const uint8_t *mac_before, uint8_t kind,
                 struct wire *c, size_t at)
{
    struct dam_hash mac;
    uint8_t *record = c->to + at;
    memset(record, 0, HEAD_LEN);
    dam_store_be32(record, (uint32_t)(c->at - at - HEAD_LEN));
    record[4] = kind;
    dam_store_be64(record + 8, state->index_next);
    mac_of(state, mac_before, record, c->at - at, &mac);
    wire_put(c, mac.b, MAC_LEN);
}

/* The disk has taken the record that begins at `at` in `c`, or not; if so, it counts. */
static enum dam_err taken(struct dam_signer_state *state, enum dam_err err, const struct wire *c,
                          size_t at)
{
    if (err != DAM_OK) {
        state->failed = true; /* the file may or may not hold the record: only a restart can tell */
        return err;
    }
    const uint8_t *record = c->to + at;
    DAM_ASSERT(apply(state, record[4], record + HEAD_LEN, c->at - at - HEAD_LEN - MAC_LEN));
    memcpy(state->mac.b, c->to + c->at - MAC_LEN, MAC_LEN);
    state->index_next++;
    return DAM_OK;
}

/* Seal the record whose payload stands in `c`; make it durable; apply it. */
static enum dam_err commit(struct dam_signer_state *state, uint8_t kind, struct wire *c)
{
    if (state->failed) {
        return DAM_EIO;
    }
    seal(state, state->mac.b, kind, c, 0);
    enum dam_err err = state->disk.append(state->disk.ctx, state->file_len, c->to, c->at);
    if (err == DAM_OK) {
        err = state->disk.sync(state->disk.ctx);
    }
    DAM_TRY(taken(state, err, c, 0));
    state->file_len += c->at;
    return DAM_OK;
}

/* ---- a fresh file ---- */

static uint32_t full_again_count(const struct dam_signer_state *state,
                                 const struct dam_policy *policy, uint64_t now)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < state->use_count; i++) {
        count += dam_policy_is_full(policy, &state->uses[i].key, &state->uses[i].use, now);
    }
    return count;
}

static void put_whole(struct wire *c, const struct dam_signer_state *state,
                      const struct dam_policy *policy, uint64_t now)
{
    put_pin(c, &state->pin);
    wire_put_u64(c, now > state->time_last ? now : state->time_last);
    wire_put_u256(c, &state->fees.used);
    wire_put_u64(c, state->fees.last);
    wire_put_checkpoint(c, &state->checkpoint);
    for (size_t lane = 0; lane < 2; lane++) {
        wire_put_u64(c, state->nonce_next[lane]);
        for (size_t i = 0; i < DAM_SIGNER_NONCES_KEPT; i++) {
            put_nonce(c, &state->nonces[lane][i]);
        }
    }
    for (size_t i = 0; i < DAM_SIGNER_TXS_KEPT; i++) {
        const struct dam_signer_tx *tx = &state->txs[i];
        wire_put_u64(c, tx->nonce);
        wire_put(c, tx->cause.b, 32);
        wire_put_u32(c, (uint32_t)tx->len);
        wire_put(c, tx->bytes, tx->len);
    }
    wire_put_u32(c, state->use_count - full_again_count(state, policy, now));
    for (uint32_t i = 0; i < state->use_count; i++) {
        const struct dam_signer_use_entry *entry = &state->uses[i];
        if (!dam_policy_is_full(policy, &entry->key, &entry->use, now)) {
            put_use(c, &entry->key, &entry->use);
        }
    }
    wire_put_u32(c, state->channel_count);
    for (uint32_t i = 0; i < state->channel_count; i++) {
        put_channel(c, &state->channels[i]);
    }
    wire_put_u32(c, state->topic_count);
    for (uint32_t i = 0; i < state->topic_count; i++) {
        put_topic(c, &state->topics[i]);
    }
}

bool dam_signer_state_is_due(const struct dam_signer_state *state, const struct dam_policy *policy,
                             uint64_t now)
{
    bool crowded = state->use_count > DAM_SIGNER_USES_MAX - DAM_POLICY_TAKES_MAX;
    return state->file_len >= state->file_len_due ||
           (crowded && full_again_count(state, policy, now) > 0);
}

enum dam_err dam_signer_state_compact(struct dam_signer_state *state,
                                      const struct dam_policy *policy, uint64_t now)
{
    static const struct dam_hash none;
    struct wire c = wire_writer(state->whole, sizeof(state->whole));
    if (state->failed) {
        return DAM_EIO;
    }
    wire_put(&c, header, HEADER_LEN);
    c.at += HEAD_LEN;
    put_whole(&c, state, policy, now);
    seal(state, none.b, RECORD_WHOLE, &c, HEADER_LEN);
    DAM_TRY(taken(state, state->disk.replace(state->disk.ctx, c.to, c.at), &c, HEADER_LEN));
    state->file_len = c.at;
    return DAM_OK;
}

/* ---- one record each ---- */

#define RECORD(c)                                                                                  \
    uint8_t record[DAM_SIGNER_RECORD_MAX];                                                         \
    struct wire c = {.to = record, .len = sizeof(record), .at = HEAD_LEN}

enum dam_err dam_signer_state_put_pin(struct dam_signer_state *state,
                                      const struct dam_signer_pin *pin)
{
    RECORD(c);
    DAM_ASSERT(!state->pinned || pin->version > state->pin.version);
    put_pin(&c, pin);
    DAM_ASSERT(c.at == HEAD_LEN + DAM_SIGNER_PIN_LEN);
    return commit(state, RECORD_PIN, &c);
}

enum dam_err dam_signer_state_put_base(struct dam_signer_state *state, const uint64_t nonce_next[2],
                                       const struct dam_signer_checkpoint *checkpoint,
                                       uint64_t time)
{
    RECORD(c);
    wire_put_u64(&c, nonce_next[DAM_SIGNER_LANE_CHAIN]);
    wire_put_u64(&c, nonce_next[DAM_SIGNER_LANE_RELAYED]);
    wire_put_checkpoint(&c, checkpoint);
    wire_put_u64(&c, time);
    return commit(state, RECORD_BASE, &c);
}

enum dam_err dam_signer_state_put_nonce(struct dam_signer_state *state, enum dam_signer_lane lane,
                                        const struct dam_signer_nonce *nonce,
                                        const struct dam_policy_use *fees,
                                        const struct dam_policy_take *takes, uint32_t take_count,
                                        const struct dam_hash *cause, struct dam_bytes tx,
                                        uint64_t time)
{
    uint8_t lane_byte = (uint8_t)lane;
    uint8_t count = 0;
    uint32_t added = 0;
    for (uint32_t i = 0; i < take_count; i++) {
        if (!dam_u256_is_zero(&takes[i].sum)) {
            count++;
            added += use_find(state, &takes[i].key) == NULL;
        }
    }
    if (added > DAM_SIGNER_USES_MAX - state->use_count) {
        return DAM_EFULL;
    }
    RECORD(c);
    wire_put(&c, &lane_byte, 1);
    wire_put(&c, &count, 1);
    put_nonce(&c, nonce);
    wire_put_u64(&c, time);
    wire_put_u256(&c, &fees->used);
    wire_put_u64(&c, fees->last);
    for (uint32_t i = 0; i < take_count; i++) {
        if (!dam_u256_is_zero(&takes[i].sum)) {
            put_use(&c, &takes[i].key, &takes[i].now);
        }
    }
    if (tx.len == 0 || tx.len > DAM_SIGNER_TX_LEN_MAX || c.len - c.at < 32 + tx.len + MAC_LEN) {
        return commit(state, RECORD_NONCE, &c);
    }
    wire_put(&c, cause->b, 32);
    wire_put(&c, tx.data, tx.len);
    return commit(state, RECORD_NONCE_TX, &c);
}

enum dam_err dam_signer_state_put_checkpoint(struct dam_signer_state *state,
                                             const struct dam_signer_checkpoint *checkpoint,
                                             uint64_t time)
{
    RECORD(c);
    wire_put_checkpoint(&c, checkpoint);
    wire_put_u64(&c, time);
    return commit(state, RECORD_CHECKPOINT, &c);
}

enum dam_err dam_signer_state_put_channel(struct dam_signer_state *state,
                                          const struct dam_signer_channel *channel, uint64_t time)
{
    if (dam_signer_state_channel(state, &channel->domain, &channel->channel) == NULL &&
        state->channel_count == DAM_SIGNER_CHANNELS_MAX) {
        return DAM_EFULL;
    }
    RECORD(c);
    put_channel(&c, channel);
    wire_put_u64(&c, time);
    return commit(state, RECORD_CHANNEL, &c);
}

enum dam_err dam_signer_state_put_topic(struct dam_signer_state *state,
                                        const struct dam_signer_topic *topic, uint64_t time)
{
    if (dam_signer_state_topic(state, &topic->config, &topic->topic) == NULL &&
        state->topic_count == DAM_SIGNER_TOPICS_MAX) {
        return DAM_EFULL;
    }
    RECORD(c);
    put_topic(&c, topic);
    wire_put_u64(&c, time);
    return commit(state, RECORD_TOPIC, &c);
}

/* ---- asking ---- */

const struct dam_signer_nonce *dam_signer_state_nonce(const struct dam_signer_state *state,
                                                      enum dam_signer_lane lane, uint64_t nonce)
{
    const struct dam_signer_nonce *known = &state->nonces[lane][nonce % DAM_SIGNER_NONCES_KEPT];
    static const struct dam_hash none;
    return known->nonce == nonce && !dam_hash_eq(&known->payload, &none) ? known : NULL;
}

const struct dam_signer_tx *dam_signer_state_tx(const struct dam_signer_state *state,
                                                uint64_t nonce)
{
    const struct dam_signer_tx *tx = &state->txs[nonce % DAM_SIGNER_TXS_KEPT];
    return tx->len > 0 && tx->nonce == nonce ? tx : NULL;
}

const struct dam_signer_channel *dam_signer_state_channel(const struct dam_signer_state *state,
                                                          const struct dam_hash *domain,
                                                          const struct dam_hash *channel)
{
    for (uint32_t i = 0; i < state->channel_count; i++) {
        if (dam_hash_eq(&state->channels[i].channel, channel) &&
            dam_hash_eq(&state->channels[i].domain, domain)) {
            return &state->channels[i];
        }
    }
    return NULL;
}

const struct dam_signer_topic *dam_signer_state_topic(const struct dam_signer_state *state,
                                                      const struct dam_hash *config,
                                                      const struct dam_hash *topic)
{
    for (uint32_t i = 0; i < state->topic_count; i++) {
        if (dam_hash_eq(&state->topics[i].topic, topic) &&
            dam_hash_eq(&state->topics[i].config, config)) {
            return &state->topics[i];
        }
    }
    return NULL;
}

static void ledger_get(void *ctx, const struct dam_hash *key, struct dam_policy_use *ret)
{
    const struct dam_signer_use_entry *known = use_find(ctx, key);
    if (known != NULL) {
        *ret = known->use;
    }
}

struct dam_policy_ledger dam_signer_state_ledger(const struct dam_signer_state *state)
{
    return (struct dam_policy_ledger){ledger_get, (void *)state};
}

bool dam_signer_state_is_behind(const struct dam_signer_state *state, uint64_t chain_nonce,
                                const struct dam_signer_checkpoint *anchored)
{
    return chain_nonce > state->nonce_next[DAM_SIGNER_LANE_CHAIN] ||
           anchored->size > state->checkpoint.size ||
           (anchored->size == state->checkpoint.size && anchored->size > 0 &&
            !dam_hash_eq(&anchored->root, &state->checkpoint.root));
}
