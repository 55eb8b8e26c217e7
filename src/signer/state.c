// SPDX-License-Identifier: Apache-2.0
#include "signer/state.h"

#include "base/assert.h"
#include "core/crypto/sha256.h"
#include "signer/wire.h"

#define HEADER_LEN 16u
#define HEAD_LEN 16u /* of a record: length, kind, index */
#define MAC_LEN 32u
#define TAKE_LEN 72u /* key, used, last */

static const uint8_t header[HEADER_LEN] = "DAMSIGNR\0\0\0\x01";

/* Stored: do not renumber. */
enum record_kind {
    RECORD_PIN = 1,
    RECORD_BASE = 2,
    RECORD_NONCE = 3,
    RECORD_CHECKPOINT = 4,
    RECORD_CHANNEL = 5,
    RECORD_TOPIC = 6,
    RECORD_NONCE_TX = 7, /* a RECORD_NONCE, then the cause and the transaction */
};

void dam_signer_state_init(struct dam_signer_state *state, const uint8_t secret[32],
                           const struct dam_signer_disk *disk)
{
    static const char label[] = "dam signer state 1";
    struct dam_hmac_sha256 hmac;
    struct dam_hash key;
    memset(state, 0, sizeof(*state));
    state->disk = *disk;
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
    uint8_t zeros[7];
    memset(&pin, 0, sizeof(pin)); /* so that equal frames are equal bytes */
    wire_get_frame(c, &pin);
    wire_get(c, &pin.permissions, 1);
    wire_get(c, zeros, 7);
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
    nonce.nonce = wire_get_u64(c);
    wire_get(c, nonce.payload.b, 32);
    nonce.max_fee = wire_get_u256(c);
    nonce.max_priority_fee = wire_get_u256(c);
    uint64_t time = wire_get_u64(c);
    fees.used = wire_get_u256(c);
    fees.last = wire_get_u64(c);
    if (c->bad || lane > DAM_SIGNER_LANE_RELAYED || c->len - c->at < TAKE_LEN * (size_t)count) {
        return false;
    }
    for (uint8_t i = 0; i < count; i++) {
        struct dam_signer_use_entry entry;
        wire_get(c, entry.key.b, 32);
        entry.use.used = wire_get_u256(c);
        entry.use.last = wire_get_u64(c);
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
    wire_get(c, channel.domain.b, 32);
    wire_get(c, channel.channel.b, 32);
    channel.total = wire_get_u256(c);
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
    wire_get(c, topic.config.b, 32);
    wire_get(c, topic.topic.b, 32);
    topic.round = wire_get_u64(c);
    wire_get(c, topic.digest.b, 32);
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
    }
    return ok && wire_done(&c);
}

/* ---- the file ---- */

enum dam_err dam_signer_state_begin(struct dam_signer_state *state)
{
    enum dam_err err = state->disk.append(state->disk.ctx, header, HEADER_LEN);
    if (err == DAM_OK) {
        err = state->disk.sync(state->disk.ctx);
    }
    state->failed = state->failed || err != DAM_OK;
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

enum dam_err dam_signer_state_replay(struct dam_signer_state *state, struct dam_bytes file,
                                     size_t *ret_len)
{
    if (file.len < HEADER_LEN || memcmp(file.data, header, 8) != 0) {
        return DAM_ECORRUPT;
    }
    if (memcmp(file.data, header, HEADER_LEN) != 0) {
        return DAM_EVERSION;
    }
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
        if (dam_load_be64(record + 8) != state->index_next ||
            !apply(state, record[4], record + HEAD_LEN, len - HEAD_LEN - MAC_LEN)) {
            return DAM_ECORRUPT;
        }
        memcpy(state->mac.b, record + len - MAC_LEN, MAC_LEN);
        state->index_next++;
        at += len;
    }
    *ret_len = at;
    return state->pinned ? DAM_OK : DAM_ECORRUPT;
}

/* Seal the record whose payload stands in `c` behind room for its head; make it durable; apply it.
 */
static enum dam_err commit(struct dam_signer_state *state, uint8_t kind, struct wire *c)
{
    size_t len = c->at - HEAD_LEN;
    struct dam_hash mac;
    if (state->failed) {
        return DAM_EIO;
    }
    memset(c->to, 0, HEAD_LEN);
    dam_store_be32(c->to, (uint32_t)len);
    c->to[4] = kind;
    dam_store_be64(c->to + 8, state->index_next);
    mac_of(state, state->mac.b, c->to, c->at, &mac);
    wire_put(c, mac.b, MAC_LEN);
    enum dam_err err = state->disk.append(state->disk.ctx, c->to, c->at);
    if (err == DAM_OK) {
        err = state->disk.sync(state->disk.ctx);
    }
    if (err != DAM_OK) {
        state->failed = true; /* the file may or may not hold the record: only a restart can tell */
        return err;
    }
    DAM_ASSERT(apply(state, kind, c->to + HEAD_LEN, len));
    state->mac = mac;
    state->index_next++;
    return DAM_OK;
}

#define RECORD(c)                                                                                  \
    uint8_t record[DAM_SIGNER_RECORD_MAX];                                                         \
    struct wire c = {.to = record, .len = sizeof(record), .at = HEAD_LEN}

enum dam_err dam_signer_state_put_pin(struct dam_signer_state *state,
                                      const struct dam_signer_pin *pin)
{
    static const uint8_t zeros[7];
    RECORD(c);
    DAM_ASSERT(!state->pinned || pin->version > state->pin.version);
    wire_put_frame(&c, pin);
    wire_put(&c, &pin->permissions, 1);
    wire_put(&c, zeros, 7);
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
    wire_put_u64(&c, nonce->nonce);
    wire_put(&c, nonce->payload.b, 32);
    wire_put_u256(&c, &nonce->max_fee);
    wire_put_u256(&c, &nonce->max_priority_fee);
    wire_put_u64(&c, time);
    wire_put_u256(&c, &fees->used);
    wire_put_u64(&c, fees->last);
    for (uint32_t i = 0; i < take_count; i++) {
        if (!dam_u256_is_zero(&takes[i].sum)) {
            wire_put(&c, takes[i].key.b, 32);
            wire_put_u256(&c, &takes[i].now.used);
            wire_put_u64(&c, takes[i].now.last);
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
    wire_put(&c, channel->domain.b, 32);
    wire_put(&c, channel->channel.b, 32);
    wire_put_u256(&c, &channel->total);
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
    wire_put(&c, topic->config.b, 32);
    wire_put(&c, topic->topic.b, 32);
    wire_put_u64(&c, topic->round);
    wire_put(&c, topic->digest.b, 32);
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
