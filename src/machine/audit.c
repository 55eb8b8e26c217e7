// SPDX-License-Identifier: Apache-2.0
#include "machine/audit.h"

#include "core/crypto/keccak.h"
#include "core/eth/abi.h"

#define RANGE 5000u
#define ANCHORS_MAX 1000000u

/* Anchored(uint256 indexed id, uint64 indexed size, bytes32 root, uint64 time). */
static bool anchor_of(const struct dam_remote_log *log, const struct dam_hash *topic,
                      const struct dam_u256 *id, struct dam_audit_anchor *ret)
{
    const struct dam_log *l = &log->log;
    if (l->topic_count != 3 || l->data.len != 64 || !dam_hash_eq(&l->topics[0], topic)) {
        return false;
    }
    struct dam_u256 word = dam_u256_load_be(l->topics[1].b);
    struct dam_u256 size = dam_u256_load_be(l->topics[2].b);
    struct dam_u256 time = dam_u256_load_be(l->data.data + 32);
    memcpy(ret->root.b, l->data.data, 32);
    ret->block = log->block_number;
    return dam_u256_eq(&word, id) && dam_u256_to_u64(&size, &ret->size) &&
           dam_u256_to_u64(&time, &ret->time);
}

static enum dam_err anchors_read(struct dam_envoy *e, const struct dam_address *evidence,
                                 const struct dam_u256 *id, uint64_t from, struct dam_audit *ret)
{
    static const char anchored[] = "Anchored(uint256,uint64,bytes32,uint64)";
    struct dam_header head;
    struct dam_hash hash;
    struct dam_hash topic;
    struct dam_buf found;
    dam_keccak256((const uint8_t *)anchored, sizeof(anchored) - 1, &topic);
    dam_buf_init_arena(&found, &e->arena, ANCHORS_MAX * sizeof(struct dam_audit_anchor));
    DAM_TRY(dam_remote_header(&e->chain, &e->arena, dam_remote_at_tag(DAM_REMOTE_LATEST), &head,
                              &hash));
    for (uint64_t first = from; first <= head.number; first += RANGE) {
        const struct dam_remote_log *logs;
        size_t count = 0;
        uint64_t last = first + RANGE - 1 < head.number ? first + RANGE - 1 : head.number;
        DAM_TRY(dam_remote_logs(&e->chain, &e->arena, first, last, evidence, 1, &logs, &count));
        for (size_t i = 0; i < count; i++) {
            struct dam_audit_anchor anchor;
            if (anchor_of(&logs[i], &topic, id, &anchor)) {
                dam_buf_put(&found, &anchor, sizeof(anchor));
                ret->anchor_count++;
            }
        }
    }
    ret->anchors = (const struct dam_audit_anchor *)(const void *)found.data;
    return dam_buf_err(&found);
}

enum dam_err dam_audit_read(struct dam_envoy *e, const struct dam_checkpoint_origin *origin,
                            const struct dam_address *key, uint64_t from_block,
                            struct dam_audit *ret)
{
    const struct dam_remote_at latest = dam_remote_at_tag(DAM_REMOTE_LATEST);
    struct dam_u256 words[2] = {dam_u256_from_u64(origin->token), dam_calldata_word(key)};
    struct dam_u256 word;
    *ret = (struct dam_audit){0};
    DAM_TRY(dam_envoy_connect(e));
    if (e->chain.chain_id != origin->chain_id) {
        return dam_envoy_fail(e, DAM_ECONFLICT, "the log is anchored on chain %llu, this is %llu",
                              (unsigned long long)origin->chain_id,
                              (unsigned long long)e->chain.chain_id);
    }
    enum dam_err err =
        dam_envoy_view(e, &origin->evidence, "registry()", NULL, 0, latest, &word, 1);
    if (err == DAM_EPARSE) {
        return dam_envoy_fail(e, DAM_ENOTFOUND, "there is no Evidence contract at its address");
    }
    DAM_TRY(err);
    struct dam_address registry = dam_u256_to_address(&word);
    ret->is_registry = dam_address_eq(&registry, &origin->registry);
    DAM_TRY(dam_envoy_view(e, &registry, "isKeyOf(uint256,address)", words, 2, latest, &word, 1));
    ret->is_key = !dam_u256_is_zero(&word);
    return anchors_read(e, &origin->evidence, &words[0], from_block, ret);
}

enum dam_err dam_audit_court(struct dam_envoy *e, const struct dam_address *court,
                             const struct dam_checkpoint_origin *origin)
{
    const struct dam_u256 evidence = dam_calldata_word(&origin->evidence);
    struct dam_u256 word;
    enum dam_err err = dam_envoy_view(e, court, "evidence()", NULL, 0,
                                      dam_remote_at_tag(DAM_REMOTE_LATEST), &word, 1);
    if (err == DAM_EPARSE || err == DAM_EREFUSED) {
        return dam_envoy_fail(e, DAM_ENOTFOUND, "there is no Court at this address");
    }
    DAM_TRY(err);
    return dam_u256_eq(&word, &evidence)
               ? DAM_OK
               : dam_envoy_fail(e, DAM_ECONFLICT, "this Court judges other logs");
}

enum dam_err dam_audit_judge(struct dam_envoy *e, const struct dam_address *court, uint64_t token,
                             uint64_t index, struct dam_bytes leaf, uint8_t *ret_fault)
{
    const struct dam_arena_mark mark = dam_arena_mark(&e->arena);
    const struct dam_abi_value values[] = {
        {.word = dam_u256_from_u64(token)}, {.word = dam_u256_from_u64(index)}, {.bytes = leaf}};
    struct dam_abi_entry judge;
    struct dam_bytes answer = {0};
    struct dam_buf buf;
    dam_buf_init_arena(&buf, &e->arena, 0);
    enum dam_err err = dam_abi_entry_parse(&e->arena, "judge(uint256,uint64,bytes)", &judge);
    err = err == DAM_OK ? dam_abi_encode_call(&judge, values, DAM_COUNT_OF(values), &buf) : err;
    err = err == DAM_OK ? dam_buf_err(&buf) : err;
    if (err == DAM_OK) {
        const struct dam_remote_call call = {.to = court, .data = dam_buf_bytes(&buf)};
        err = dam_remote_call(&e->chain, &e->arena, &call, dam_remote_at_tag(DAM_REMOTE_LATEST),
                              &answer);
        err = err == DAM_OK && answer.len != 32 ? DAM_EPARSE : err;
    }
    if (err == DAM_OK) {
        *ret_fault = answer.data[31];
    } else {
        (void)dam_envoy_fail(e, err, "Court.judge of leaf %llu: %s", (unsigned long long)index,
                             err == DAM_EREFUSED ? e->chain.error.message : dam_err_text(err));
    }
    dam_arena_release(&e->arena, mark);
    return err;
}

const char *dam_audit_fault_text(uint8_t fault)
{
    static const char *const texts[] = {
        "honest",
        "malformed",
        "mind or charter are not its epoch's",
        "the mind gives another memory or proposal",
        "the charter gives another action or other reasons",
        "its outcome is not what happened",
        "the action is out of bounds",
    };
    return fault < DAM_COUNT_OF(texts) ? texts[fault] : "false";
}
