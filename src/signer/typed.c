// SPDX-License-Identifier: Apache-2.0
#include "signer/typed.h"

#include "core/crypto/keccak.h"
#include "core/eth/eip712.h"

/* execute(bytes32,bytes) and approve(bytes32) */
static const uint8_t execute_selector[4] = {0xe9, 0xae, 0x5c, 0x53};
static const uint8_t approve_selector[4] = {0xa5, 0x3a, 0x1a, 0xdf};

/* ERC-7821: a batch, revert on any failure */
static const uint8_t mode_batch[32] = {0x01};

static void hash_text(const char *text, struct dam_hash *ret)
{
    dam_keccak256((const uint8_t *)text, strlen(text), ret);
}

/* The encoded members of a struct, hashed as they come. */
struct members {
    struct dam_keccak256 keccak;
};

static void members_begin(struct members *m, const char *type)
{
    struct dam_hash hash;
    hash_text(type, &hash);
    dam_keccak256_init(&m->keccak);
    dam_keccak256_update(&m->keccak, hash.b, 32);
}

static void member_hash(struct members *m, const struct dam_hash *value)
{
    dam_keccak256_update(&m->keccak, value->b, 32);
}

static void member_u256(struct members *m, const struct dam_u256 *value)
{
    uint8_t bytes[32];
    dam_u256_store_be(bytes, value);
    dam_keccak256_update(&m->keccak, bytes, 32);
}

static void member_u64(struct members *m, uint64_t value)
{
    struct dam_u256 word = dam_u256_from_u64(value);
    member_u256(m, &word);
}

static void digest_in_domain(struct members *m, const char *name, const struct dam_signer_pin *pin,
                             const struct dam_address *contract, struct dam_hash *ret)
{
    struct dam_eip712_domain domain = {.name = name,
                                       .version = "1",
                                       .has_chain_id = true,
                                       .chain_id = dam_u256_from_u64(pin->chain_id),
                                       .verifying_contract = contract};
    struct dam_hash separator;
    struct dam_hash content;
    dam_keccak256_final(&m->keccak, &content);
    dam_eip712_domain_separator(&domain, &separator);
    dam_eip712_digest(&separator, &content, ret);
}

void dam_signer_digest_checkpoint(const struct dam_signer_pin *pin,
                                  const struct dam_signer_checkpoint *checkpoint,
                                  struct dam_hash *ret)
{
    struct members m;
    members_begin(&m, "Checkpoint(bytes32 machine,uint64 size,bytes32 root,uint64 time)");
    member_hash(&m, &pin->machine);
    member_u64(&m, checkpoint->size);
    member_hash(&m, &checkpoint->root);
    member_u64(&m, checkpoint->time);
    digest_in_domain(&m, "DAM Evidence", pin, &pin->evidence, ret);
}

void dam_signer_digest_voucher(const struct dam_signer_voucher *voucher, struct dam_hash *ret)
{
    struct members m;
    struct dam_hash content;
    members_begin(&m, "Voucher(bytes32 channelId,uint128 maxClaimableAmount)");
    member_hash(&m, &voucher->channel);
    member_u256(&m, &voucher->total);
    dam_keccak256_final(&m.keccak, &content);
    dam_eip712_digest(&voucher->domain, &content, ret);
}

void dam_signer_digest_report(const struct dam_signer_pin *pin,
                              const struct dam_signer_report *report, struct dam_hash *ret)
{
    struct members m;
    struct dam_keccak256 list;
    struct dam_hash observations;
    dam_keccak256_init(&list);
    for (uint32_t i = 0; i < report->count; i++) {
        uint8_t bytes[32];
        dam_u256_store_be(bytes, &report->observations[i]);
        dam_keccak256_update(&list, bytes, 32);
    }
    dam_keccak256_final(&list, &observations);
    members_begin(
        &m, "Report(bytes32 config,bytes32 topic,uint64 round,uint64 time,int128[] observations)");
    member_hash(&m, &report->config);
    member_hash(&m, &report->topic);
    member_u64(&m, report->round);
    member_u64(&m, report->time);
    member_hash(&m, &observations);
    digest_in_domain(&m, "DAM OracleFeed", pin, &pin->oracle, ret);
}

void dam_signer_digest_execute(const struct dam_signer_pin *pin, const struct dam_hash *batch,
                               uint64_t nonce, uint64_t deadline, struct dam_hash *ret)
{
    struct members m;
    members_begin(&m, "Execute(bytes32 batch,uint256 nonce,uint256 deadline)");
    member_hash(&m, batch);
    member_u64(&m, nonce);
    member_u64(&m, deadline);
    digest_in_domain(&m, "DAM MachineAccount", pin, &pin->account, ret);
}

static void put_word(struct dam_buf *buf, uint64_t value)
{
    uint8_t word[32] = {0};
    dam_store_be64(word + 24, value);
    dam_buf_put(buf, word, 32);
}

/* A dynamic byte string: its length, then itself padded to words. */
static void put_bytes(struct dam_buf *buf, struct dam_bytes bytes)
{
    put_word(buf, bytes.len);
    dam_buf_put(buf, bytes.data, bytes.len);
    dam_buf_put_zeros(buf, (32 - bytes.len % 32) % 32);
}

void dam_signer_encode_calls(const struct dam_policy_call *calls, uint32_t call_count,
                             struct dam_buf *buf)
{
    put_word(buf, 0x20);
    put_word(buf, call_count);
    uint64_t offset = 32 * (uint64_t)call_count;
    for (uint32_t i = 0; i < call_count; i++) {
        put_word(buf, offset);
        offset += 128 + (calls[i].data.len + 31) / 32 * 32; /* target, value, offset, length */
    }
    for (uint32_t i = 0; i < call_count; i++) {
        uint8_t value[32];
        dam_buf_put_zeros(buf, 12);
        dam_buf_put(buf, calls[i].target.b, 20);
        dam_u256_store_be(value, &calls[i].value);
        dam_buf_put(buf, value, 32);
        put_word(buf, 0x60);
        put_bytes(buf, calls[i].data);
    }
}

/* The word at *at, which must be a small number; moves *at behind it. */
static bool read_word(struct dam_bytes bytes, size_t *at, uint64_t *ret)
{
    static const uint8_t zeros[24];
    if (bytes.len - *at < 32 || memcmp(bytes.data + *at, zeros, 24) != 0) {
        return false;
    }
    *ret = dam_load_be64(bytes.data + *at + 24);
    *at += 32;
    return true;
}

/* A byte string as put_bytes wrote it, with zeros as its padding. */
static bool read_bytes(struct dam_bytes bytes, size_t *at, struct dam_bytes *ret)
{
    uint64_t len;
    if (!read_word(bytes, at, &len) || len > bytes.len - *at) {
        return false;
    }
    size_t padding = (32 - len % 32) % 32;
    *ret = dam_bytes(len == 0 ? NULL : bytes.data + *at, len);
    *at += len;
    if (bytes.len - *at < padding) {
        return false;
    }
    for (size_t i = 0; i < padding; i++) {
        if (bytes.data[*at + i] != 0) {
            return false;
        }
    }
    *at += padding;
    return true;
}

static bool read_call(struct dam_bytes bytes, size_t *at, struct dam_policy_call *ret)
{
    static const uint8_t zeros[12];
    uint64_t offset;
    if (bytes.len - *at < 64 || memcmp(bytes.data + *at, zeros, 12) != 0) {
        return false;
    }
    memcpy(ret->target.b, bytes.data + *at + 12, 20);
    ret->value = dam_u256_load_be(bytes.data + *at + 32);
    *at += 64;
    return read_word(bytes, at, &offset) && offset == 0x60 && read_bytes(bytes, at, &ret->data);
}

/* abi.encode(Execution[]) with every offset where the encoder above puts it. */
static bool decode_calls(struct dam_bytes bytes, struct dam_policy_call *ret_calls,
                         uint32_t *ret_count)
{
    size_t at = 0;
    uint64_t offset;
    uint64_t count;
    if (!read_word(bytes, &at, &offset) || offset != 0x20 || !read_word(bytes, &at, &count) ||
        count > DAM_POLICY_CALLS_MAX || bytes.len - at < 32 * count) {
        return false;
    }
    size_t heads = at;
    at += 32 * count;
    for (uint32_t i = 0; i < count; i++) {
        size_t head = heads + 32 * (size_t)i;
        if (!read_word(bytes, &head, &offset) || offset != at - heads ||
            !read_call(bytes, &at, &ret_calls[i])) {
            return false;
        }
    }
    *ret_count = (uint32_t)count;
    return at == bytes.len;
}

bool dam_signer_decode_execute(struct dam_bytes calldata, struct dam_policy_call *ret_calls,
                               uint32_t *ret_count)
{
    size_t at = 36;
    uint64_t offset;
    struct dam_bytes calls;
    return calldata.len >= at && memcmp(calldata.data, execute_selector, 4) == 0 &&
           memcmp(calldata.data + 4, mode_batch, 32) == 0 && read_word(calldata, &at, &offset) &&
           offset == 0x40 && read_bytes(calldata, &at, &calls) && at == calldata.len &&
           decode_calls(calls, ret_calls, ret_count);
}

enum dam_err dam_signer_build_tx(const struct dam_signer_pin *pin,
                                 const struct dam_signer_spend *spend,
                                 struct dam_bytes calls_encoded, struct dam_arena *arena,
                                 struct dam_tx *ret)
{
    *ret = (struct dam_tx){.type = DAM_TX_DYNAMIC_FEE,
                           .has_chain_id = true,
                           .chain_id = pin->chain_id,
                           .nonce = spend->nonce,
                           .gas_limit = spend->gas_limit,
                           .max_fee = spend->max_fee,
                           .max_priority_fee = spend->max_priority_fee};
    if (dam_address_eq(&pin->account, &pin->key)) {
        ret->to = spend->calls[0].target;
        ret->value = spend->calls[0].value;
        ret->data = spend->calls[0].data;
        return DAM_OK;
    }
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    dam_buf_put(&buf, execute_selector, 4);
    dam_buf_put(&buf, mode_batch, 32);
    put_word(&buf, 0x40);
    put_bytes(&buf, calls_encoded);
    DAM_TRY(dam_buf_err(&buf));
    ret->to = pin->account;
    ret->data = dam_buf_bytes(&buf);
    return DAM_OK;
}

bool dam_signer_is_approval(const struct dam_signer_pin *pin, struct dam_bytes raw,
                            const struct dam_hash *batch, struct dam_arena *arena,
                            uint64_t *ret_nonce)
{
    static const struct dam_address nobody;
    struct dam_tx tx;
    struct dam_address sender;
    if (dam_address_eq(&pin->approver, &nobody) || dam_tx_decode(arena, raw, &tx, NULL) != DAM_OK ||
        !tx.has_chain_id || tx.chain_id != pin->chain_id || tx.is_create ||
        !dam_address_eq(&tx.to, &pin->account) || tx.data.len != 36 ||
        memcmp(tx.data.data, approve_selector, 4) != 0 ||
        memcmp(tx.data.data + 4, batch->b, 32) != 0 ||
        dam_tx_sender(&tx, true, arena, &sender) != DAM_OK ||
        !dam_address_eq(&sender, &pin->approver)) {
        return false;
    }
    *ret_nonce = tx.nonce;
    return true;
}
