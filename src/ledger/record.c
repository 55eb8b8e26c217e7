// SPDX-License-Identifier: Apache-2.0
#include "ledger/record.h"

#define RECORD_VERSION 1u

/* Open a record's list and check its version. */
static enum dam_err open_record(struct dam_bytes bytes, struct dam_rlp *ret)
{
    struct dam_rlp rlp = dam_rlp(bytes);
    uint64_t version;
    if (dam_rlp_list(&rlp, ret) != DAM_OK || dam_rlp_u64(ret, &version) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    return version == RECORD_VERSION ? DAM_OK : DAM_EVERSION;
}

void dam_record_put_head(const struct dam_head_record *head, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    dam_rlp_put_u64(buf, RECORD_VERSION);
    dam_rlp_put_u64(buf, head->number);
    dam_rlp_put_u64(buf, head->version);
    dam_rlp_put_u64(buf, head->oldest);
    dam_rlp_put_bytes(buf, head->root.b, 32);
    dam_rlp_put_list_end(buf, list);
}

enum dam_err dam_record_head(struct dam_bytes bytes, struct dam_head_record *ret)
{
    struct dam_rlp rlp;
    DAM_TRY(open_record(bytes, &rlp));
    bool good =
        dam_rlp_u64(&rlp, &ret->number) == DAM_OK && dam_rlp_u64(&rlp, &ret->version) == DAM_OK &&
        dam_rlp_u64(&rlp, &ret->oldest) == DAM_OK && dam_rlp_exact(&rlp, ret->root.b, 32) == DAM_OK;
    return good ? DAM_OK : DAM_ECORRUPT;
}

void dam_record_put_block(const struct dam_ledger_chain_block *block, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    dam_rlp_put_u64(buf, RECORD_VERSION);
    dam_rlp_put_bytes(buf, block->hash.b, 32);
    dam_header_encode(&block->header, buf);
    dam_rlp_put_u64(buf, block->version);
    dam_rlp_put_u64(buf, block->tx_count);
    dam_rlp_put_u64(buf, block->size);
    dam_rlp_put_bytes(buf, block->uncles.data, block->uncles.len);
    dam_rlp_put_u64(buf, block->has_withdrawals);
    dam_rlp_put_bytes(buf, block->withdrawals.data, block->withdrawals.len);
    dam_rlp_put_list_end(buf, list);
}

enum dam_err dam_record_block(struct dam_bytes bytes, struct dam_ledger_chain_block *ret)
{
    struct dam_rlp rlp;
    uint64_t tx_count = 0;
    uint64_t has_withdrawals = 0;
    DAM_TRY(open_record(bytes, &rlp));
    bool good = dam_rlp_exact(&rlp, ret->hash.b, 32) == DAM_OK &&
                dam_header_decode(&rlp, &ret->header) == DAM_OK &&
                dam_rlp_u64(&rlp, &ret->version) == DAM_OK &&
                dam_rlp_u64(&rlp, &tx_count) == DAM_OK && tx_count <= UINT32_MAX &&
                dam_rlp_u64(&rlp, &ret->size) == DAM_OK &&
                dam_rlp_bytes(&rlp, &ret->uncles) == DAM_OK &&
                dam_rlp_u64(&rlp, &has_withdrawals) == DAM_OK &&
                dam_rlp_bytes(&rlp, &ret->withdrawals) == DAM_OK;
    ret->tx_count = (uint32_t)tx_count;
    ret->has_withdrawals = has_withdrawals != 0;
    return good ? DAM_OK : DAM_ECORRUPT;
}

void dam_record_put_tx(const struct dam_ledger_chain_tx *tx, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    dam_rlp_put_u64(buf, RECORD_VERSION);
    dam_rlp_put_bytes(buf, tx->hash.b, 32);
    dam_rlp_put_bytes(buf, tx->sender.b, 20);
    dam_rlp_put_bytes(buf, tx->bytes.data, tx->bytes.len);
    dam_rlp_put_list_end(buf, list);
}

enum dam_err dam_record_tx(struct dam_bytes bytes, struct dam_ledger_chain_tx *ret)
{
    struct dam_rlp rlp;
    DAM_TRY(open_record(bytes, &rlp));
    bool good = dam_rlp_exact(&rlp, ret->hash.b, 32) == DAM_OK &&
                dam_rlp_exact(&rlp, ret->sender.b, 20) == DAM_OK &&
                dam_rlp_bytes(&rlp, &ret->bytes) == DAM_OK;
    return good ? DAM_OK : DAM_ECORRUPT;
}

void dam_record_put_receipt(const struct dam_ledger_chain_receipt *receipt, struct dam_buf *buf)
{
    size_t list = dam_rlp_put_list(buf);
    dam_rlp_put_u64(buf, RECORD_VERSION);
    dam_rlp_put_u64(buf, receipt->type);
    dam_rlp_put_u64(buf, receipt->succeeded);
    dam_rlp_put_bytes(buf, receipt->state_root.b, receipt->has_state_root ? 32 : 0);
    dam_rlp_put_u64(buf, receipt->gas_used);
    dam_rlp_put_u64(buf, receipt->cumulative_gas_used);
    dam_rlp_put_u64(buf, receipt->blob_gas_used);
    dam_rlp_put_u256(buf, &receipt->gas_price);
    dam_rlp_put_bytes(buf, receipt->contract.b, receipt->created ? 20 : 0);
    dam_rlp_put_u64(buf, receipt->log_start);
    dam_logs_encode(receipt->logs, receipt->log_count, buf);
    dam_rlp_put_list_end(buf, list);
}

static enum dam_err read_logs(struct dam_rlp *rlp, struct dam_arena *arena,
                              struct dam_ledger_chain_receipt *ret)
{
    struct dam_rlp list;
    size_t count;
    if (dam_rlp_list(rlp, &list) != DAM_OK || dam_rlp_count(&list, &count) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    struct dam_log *logs = dam_arena_alloc(arena, count * sizeof(*logs) + 1);
    if (logs == NULL) {
        return DAM_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct dam_rlp log;
        struct dam_rlp topics;
        struct dam_log *to = &logs[i];
        to->topic_count = 0;
        if (dam_rlp_list(&list, &log) != DAM_OK ||
            dam_rlp_exact(&log, to->address.b, 20) != DAM_OK ||
            dam_rlp_list(&log, &topics) != DAM_OK) {
            return DAM_ECORRUPT;
        }
        while (!dam_rlp_at_end(&topics)) {
            if (to->topic_count == 4 ||
                dam_rlp_exact(&topics, to->topics[to->topic_count++].b, 32) != DAM_OK) {
                return DAM_ECORRUPT;
            }
        }
        if (dam_rlp_bytes(&log, &to->data) != DAM_OK) {
            return DAM_ECORRUPT;
        }
    }
    ret->logs = logs;
    ret->log_count = count;
    return DAM_OK;
}

enum dam_err dam_record_receipt(struct dam_bytes bytes, struct dam_arena *arena,
                                struct dam_ledger_chain_receipt *ret)
{
    struct dam_rlp rlp;
    struct dam_bytes root = {0};
    struct dam_bytes contract = {0};
    uint64_t type = 0;
    uint64_t succeeded = 0;
    uint64_t log_start = 0;
    DAM_TRY(open_record(bytes, &rlp));
    bool good = dam_rlp_u64(&rlp, &type) == DAM_OK && dam_rlp_u64(&rlp, &succeeded) == DAM_OK &&
                dam_rlp_bytes(&rlp, &root) == DAM_OK && (root.len == 0 || root.len == 32) &&
                dam_rlp_u64(&rlp, &ret->gas_used) == DAM_OK &&
                dam_rlp_u64(&rlp, &ret->cumulative_gas_used) == DAM_OK &&
                dam_rlp_u64(&rlp, &ret->blob_gas_used) == DAM_OK &&
                dam_rlp_u256(&rlp, &ret->gas_price) == DAM_OK &&
                dam_rlp_bytes(&rlp, &contract) == DAM_OK &&
                (contract.len == 0 || contract.len == 20) &&
                dam_rlp_u64(&rlp, &log_start) == DAM_OK && log_start <= UINT32_MAX;
    if (!good) {
        return DAM_ECORRUPT;
    }
    ret->type = (enum dam_tx_type)type;
    ret->succeeded = succeeded != 0;
    ret->has_state_root = root.len == 32;
    if (root.len == 32) {
        memcpy(ret->state_root.b, root.data, 32);
    }
    ret->created = contract.len == 20;
    if (contract.len == 20) {
        memcpy(ret->contract.b, contract.data, 20);
    }
    ret->log_start = (uint32_t)log_start;
    return read_logs(&rlp, arena, ret);
}
