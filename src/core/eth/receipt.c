// SPDX-License-Identifier: Apache-2.0
#include "core/eth/receipt.h"

#include "core/crypto/keccak.h"
#include "core/eth/rlp.h"

#define LOG_LEN_MIN 24u

#define BLOOM_BATCH 16u

/* Inputs of a bloom, hashed side by side. */
struct bloom_batch {
    struct dam_bytes inputs[BLOOM_BATCH];
    size_t count;
};

static void batch_end(struct bloom_batch *batch, struct dam_bloom *bloom)
{
    struct dam_hash hashes[BLOOM_BATCH];
    dam_keccak256_batch(batch->inputs, batch->count, hashes);
    for (size_t i = 0; i < batch->count; i++) {
        dam_bloom_add_hash(bloom, &hashes[i]);
    }
    batch->count = 0;
}

static void batch_add(struct bloom_batch *batch, const uint8_t *data, size_t len,
                      struct dam_bloom *bloom)
{
    if (batch->count == BLOOM_BATCH) {
        batch_end(batch, bloom);
    }
    batch->inputs[batch->count++] = dam_bytes(data, len);
}

void dam_logs_bloom(const struct dam_log *logs, size_t count, struct dam_bloom *ret)
{
    struct bloom_batch batch = {.count = 0};
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < count; i++) {
        batch_add(&batch, logs[i].address.b, sizeof(logs[i].address.b), ret);
        for (uint32_t t = 0; t < logs[i].topic_count; t++) {
            batch_add(&batch, logs[i].topics[t].b, sizeof(logs[i].topics[t].b), ret);
        }
    }
    batch_end(&batch, ret);
}

static void log_encode(const struct dam_log *log, struct dam_buf *buf)
{
    size_t entry = dam_rlp_put_list(buf);
    dam_rlp_put_bytes(buf, log->address.b, sizeof(log->address.b));
    size_t topics = dam_rlp_put_list(buf);
    for (uint32_t i = 0; i < log->topic_count; i++) {
        dam_rlp_put_bytes(buf, log->topics[i].b, sizeof(log->topics[i].b));
    }
    dam_rlp_put_list_end(buf, topics);
    dam_rlp_put_bytes(buf, log->data.data, log->data.len);
    dam_rlp_put_list_end(buf, entry);
}

void dam_logs_encode(const struct dam_log *logs, size_t count, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    for (size_t i = 0; i < count; i++) {
        log_encode(&logs[i], buf);
    }
    dam_rlp_put_list_end(buf, list);
}

void dam_receipt_encode(const struct dam_receipt *receipt, struct dam_buf *buf)
{
    if (receipt->type != DAM_TX_LEGACY) {
        dam_buf_put_byte(buf, (uint8_t)receipt->type);
    }
    size_t list = dam_rlp_put_list(buf);
    if (receipt->has_state_root) {
        dam_rlp_put_bytes(buf, receipt->state_root.b, sizeof(receipt->state_root.b));
    } else {
        dam_rlp_put_u64(buf, receipt->succeeded);
    }
    dam_rlp_put_u64(buf, receipt->cumulative_gas_used);
    dam_rlp_put_bytes(buf, receipt->bloom.b, sizeof(receipt->bloom.b));
    dam_logs_encode(receipt->logs, receipt->log_count, buf);
    dam_rlp_put_list_end(buf, list);
}

static enum dam_err log_decode(struct dam_rlp *logs, struct dam_log *ret)
{
    struct dam_rlp entry;
    struct dam_rlp topics;
    DAM_TRY(dam_rlp_list(logs, &entry));
    DAM_TRY(dam_rlp_exact(&entry, ret->address.b, sizeof(ret->address.b)));
    DAM_TRY(dam_rlp_list(&entry, &topics));
    for (ret->topic_count = 0; !dam_rlp_at_end(&topics); ret->topic_count++) {
        if (ret->topic_count == DAM_COUNT_OF(ret->topics)) {
            return DAM_EPARSE;
        }
        DAM_TRY(dam_rlp_exact(&topics, ret->topics[ret->topic_count].b, 32));
    }
    DAM_TRY(dam_rlp_bytes(&entry, &ret->data));
    return dam_rlp_end(&entry);
}

static enum dam_err status_decode(struct dam_rlp *fields, struct dam_receipt *receipt)
{
    struct dam_bytes status;
    DAM_TRY(dam_rlp_bytes(fields, &status));
    if (status.len == sizeof(receipt->state_root.b)) {
        receipt->has_state_root = true;
        memcpy(receipt->state_root.b, status.data, status.len);
        return DAM_OK;
    }
    receipt->succeeded = status.len == 1 && status.data[0] == 1;
    return status.len == 0 || receipt->succeeded ? DAM_OK : DAM_EPARSE;
}

enum dam_err dam_receipt_decode(struct dam_arena *arena, struct dam_bytes bytes,
                                struct dam_receipt *ret)
{
    struct dam_receipt receipt = {.type = DAM_TX_LEGACY};
    struct dam_rlp outer = dam_rlp(bytes);
    struct dam_rlp fields;
    struct dam_rlp logs;
    if (bytes.len > 0 && bytes.data[0] <= DAM_TX_SET_CODE && bytes.data[0] != 0) {
        receipt.type = bytes.data[0];
        outer.at++;
    }
    DAM_TRY(dam_rlp_list(&outer, &fields));
    DAM_TRY(dam_rlp_end(&outer));
    DAM_TRY(status_decode(&fields, &receipt));
    DAM_TRY(dam_rlp_u64(&fields, &receipt.cumulative_gas_used));
    DAM_TRY(dam_rlp_exact(&fields, receipt.bloom.b, sizeof(receipt.bloom.b)));
    DAM_TRY(dam_rlp_list(&fields, &logs));
    DAM_TRY(dam_rlp_end(&fields));
    DAM_TRY(dam_rlp_count_min(&logs, LOG_LEN_MIN, &receipt.log_count));
    struct dam_log *list = dam_arena_alloc(arena, receipt.log_count * sizeof(*list));
    if (list == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < receipt.log_count; i++) {
        DAM_TRY(log_decode(&logs, &list[i]));
    }
    receipt.logs = list;
    *ret = receipt;
    return DAM_OK;
}
