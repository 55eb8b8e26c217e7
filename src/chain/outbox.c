// SPDX-License-Identifier: Apache-2.0
#include "chain/outbox.h"

#include "base/hex.h"
#include "base/json.h"
#include "core/crypto/keccak.h"
#include "port/file.h"
#include "signer/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION 2u
#define FILE_LEN_MAX (1u << 20)
#define SUFFIX ".tx"
#define NAME_SIZE (64 + sizeof(SUFFIX)) /* an id's digits before it, NUL behind */

#define BEGUN "begun" /* a file that says: what the signer remembers has been asked for */
#define REPLACED_MAX 16u

/* One file: {"version", "chain_id", "sender", "nonce", "signed", "raw", "replaced"}. Until it is
 * signed, r and s in raw are zero. */
struct record {
    struct dam_hash id;
    uint64_t nonce;
    bool is_signed;
    struct dam_bytes raw;
    struct dam_hash tx_hash;
    struct dam_hash replaced[REPLACED_MAX]; /* the same with lower fees: each may still be mined */
    size_t replaced_count;
};

static void name_of(const struct dam_hash *id, char ret[NAME_SIZE])
{
    dam_hex_encode(id->b, sizeof(id->b), ret);
    memcpy(ret + 64, SUFFIX, sizeof(SUFFIX));
}

static enum dam_err file_read(int folder, const char *name, struct dam_arena *arena,
                              struct dam_bytes *ret)
{
    enum dam_err err = dam_file_get(folder, name, FILE_LEN_MAX, arena, ret);
    return err == DAM_EFULL ? DAM_ECORRUPT : err; /* ours are never that long */
}

static enum dam_err record_parse(const struct dam_outbox *outbox, struct dam_arena *arena,
                                 struct dam_bytes text, struct record *ret)
{
    const struct dam_json *json;
    struct dam_address sender;
    uint64_t version;
    uint64_t chain_id;
    if (dam_json_parse(arena, (const char *)text.data, text.len, 4, &json, NULL) != DAM_OK ||
        dam_json_u64(dam_json_get(json, "version"), &version) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    if (version != VERSION) {
        return DAM_EVERSION;
    }
    if (dam_json_bool(dam_json_get(json, "signed"), &ret->is_signed) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    ret->replaced_count = 0;
    DAM_JSON_EACH(hash, dam_json_get(json, "replaced"))
    {
        if (ret->replaced_count == REPLACED_MAX ||
            dam_json_hex_exact(hash, ret->replaced[ret->replaced_count].b, 32) != DAM_OK) {
            return DAM_ECORRUPT;
        }
        ret->replaced_count++;
    }
    if (dam_json_u64(dam_json_get(json, "chain_id"), &chain_id) != DAM_OK ||
        dam_json_hex_exact(dam_json_get(json, "sender"), sender.b, sizeof(sender.b)) != DAM_OK ||
        dam_json_u64(dam_json_get(json, "nonce"), &ret->nonce) != DAM_OK ||
        dam_json_hex(dam_json_get(json, "raw"), arena, &ret->raw) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    if (chain_id != outbox->chain->chain_id || !dam_address_eq(&sender, &outbox->signer.address)) {
        return DAM_ECONFLICT;
    }
    dam_keccak256(ret->raw.data, ret->raw.len, &ret->tx_hash);
    return DAM_OK;
}

static enum dam_err record_read(const struct dam_outbox *outbox, struct dam_arena *arena,
                                const struct dam_hash *id, struct record *ret)
{
    char name[NAME_SIZE];
    struct dam_bytes text;
    name_of(id, name);
    DAM_TRY(file_read(outbox->folder, name, arena, &text));
    ret->id = *id;
    return record_parse(outbox, arena, text, ret);
}

static enum dam_err record_write(const struct dam_outbox *outbox, struct dam_arena *arena,
                                 const struct record *record)
{
    char name[NAME_SIZE];
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, FILE_LEN_MAX);
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "version");
    dam_json_put_u64(&w, VERSION);
    dam_json_put_key(&w, "chain_id");
    dam_json_put_u64(&w, outbox->chain->chain_id);
    dam_json_put_key(&w, "sender");
    dam_json_put_data(&w, outbox->signer.address.b, sizeof(outbox->signer.address.b));
    dam_json_put_key(&w, "nonce");
    dam_json_put_u64(&w, record->nonce);
    dam_json_put_key(&w, "signed");
    dam_json_put_bool(&w, record->is_signed);
    dam_json_put_key(&w, "raw");
    dam_json_put_data(&w, record->raw.data, record->raw.len);
    dam_json_put_key(&w, "replaced");
    dam_json_put_array(&w);
    for (size_t i = 0; i < record->replaced_count; i++) {
        dam_json_put_data(&w, record->replaced[i].b, 32);
    }
    dam_json_put_array_end(&w);
    dam_json_put_object_end(&w);
    DAM_TRY(dam_buf_err(&buf));
    name_of(&record->id, name);
    return dam_file_put(outbox->folder, name, dam_buf_bytes(&buf));
}

/* Calls visit for each record in the folder; names that no record has are left alone. */
static enum dam_err records_each(struct dam_outbox *outbox, struct dam_arena *arena,
                                 enum dam_err (*visit)(struct dam_outbox *outbox,
                                                       struct dam_arena *arena,
                                                       const struct record *record, void *ctx),
                                 void *ctx)
{
    int fd = openat(outbox->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    enum dam_err err = DAM_OK;
    if (dir == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return DAM_EIO;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL && err == DAM_OK;
         entry = readdir(dir)) {
        struct dam_arena_mark mark = dam_arena_mark(arena);
        struct dam_bytes text;
        struct record record;
        size_t len = strlen(entry->d_name);
        if (len != NAME_SIZE - 1 || strcmp(entry->d_name + 64, SUFFIX) != 0 ||
            dam_hex_decode_exact(entry->d_name, 64, record.id.b, 32) != DAM_OK) {
            continue;
        }
        err = file_read(outbox->folder, entry->d_name, arena, &text);
        if (err == DAM_OK) {
            err = record_parse(outbox, arena, text, &record);
        }
        if (err == DAM_OK) {
            err = visit(outbox, arena, &record, ctx);
        }
        dam_arena_release(arena, mark);
    }
    (void)closedir(dir); /* only read */
    return err;
}

static void nonce_note(struct dam_outbox *outbox, const struct record *record)
{
    if (record->nonce >= outbox->nonce_next) {
        outbox->nonce_next = record->nonce + 1;
    }
}

static void signed_tell(const struct dam_outbox *outbox, const struct record *record)
{
    if (record->is_signed && outbox->signer.signed_is != NULL) {
        outbox->signer.signed_is(outbox->signer.ctx, &record->id, &record->tx_hash);
    }
}

static enum dam_err record_meet(struct dam_outbox *outbox, struct dam_arena *arena,
                                const struct record *record, void *ctx)
{
    (void)arena;
    (void)ctx;
    nonce_note(outbox, record);
    signed_tell(outbox, record);
    return DAM_OK;
}

/* One record that is only in the signer's memory. A newer one of the same id stays. */
static enum dam_err record_recover(struct dam_outbox *outbox, struct dam_arena *arena,
                                   uint64_t nonce)
{
    struct record known;
    struct record record = {.nonce = nonce, .is_signed = true};
    enum dam_err err =
        outbox->signer.again(outbox->signer.ctx, nonce, arena, &record.id, &record.raw);
    if (err != DAM_OK) {
        return err == DAM_ENOTFOUND ? DAM_OK : err;
    }
    err = record_read(outbox, arena, &record.id, &known);
    return err == DAM_ENOTFOUND ? record_write(outbox, arena, &record) : err;
}

/* Once in a folder's life, and again after a crash in the midst of it. */
static enum dam_err lost_recover(struct dam_outbox *outbox, struct dam_arena *arena)
{
    uint64_t next = outbox->signer.nonce_next;
    if (outbox->signer.again == NULL || faccessat(outbox->folder, BEGUN, F_OK, 0) == 0) {
        return DAM_OK;
    }
    for (uint64_t n = next; n > 0 && next - n < DAM_SIGNER_TXS_KEPT; n--) {
        struct dam_arena_mark mark = dam_arena_mark(arena);
        enum dam_err err = record_recover(outbox, arena, n - 1);
        dam_arena_release(arena, mark);
        DAM_TRY(err);
    }
    return dam_file_put(outbox->folder, BEGUN, dam_bytes("1\n", 2));
}

enum dam_err dam_outbox_open(struct dam_outbox *outbox, struct dam_arena *arena,
                             struct dam_remote *chain, const struct dam_tx_signer *signer,
                             const char *folder)
{
    *outbox = (struct dam_outbox){.chain = chain, .signer = *signer, .folder = -1};
    DAM_TRY(dam_file_make_folder(folder, 0700));
    outbox->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (outbox->folder < 0) {
        return DAM_EIO;
    }
    enum dam_err err = DAM_OK;
    if (flock(outbox->folder, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK ? DAM_ECONFLICT : DAM_EIO;
    }
    if (err == DAM_OK) {
        err = lost_recover(outbox, arena);
    }
    if (err == DAM_OK) {
        err = records_each(outbox, arena, record_meet, NULL);
    }
    if (err != DAM_OK) {
        dam_outbox_close(outbox);
    }
    return err;
}

void dam_outbox_close(struct dam_outbox *outbox)
{
    if (outbox->folder >= 0) {
        (void)close(outbox->folder); /* a folder has nothing to flush */
    }
    outbox->folder = -1;
}

static enum dam_err gas_find(struct dam_outbox *outbox, struct dam_arena *arena,
                             const struct dam_outbox_order *order, uint64_t *ret)
{
    struct dam_remote_call call = {.from = &outbox->signer.address,
                                   .to = order->to,
                                   .data = order->data,
                                   .value = order->value};
    uint64_t gas;
    if (order->gas_limit != 0) {
        *ret = order->gas_limit;
        return DAM_OK;
    }
    DAM_TRY(dam_remote_estimate_gas(outbox->chain, arena, &call, &gas));
    if (gas > UINT64_MAX / 2) {
        return DAM_ERANGE;
    }
    *ret = gas + gas / 5; /* the state may have moved by the time it is mined */
    return DAM_OK;
}

/* The transaction that an order becomes, not signed. */
static enum dam_err tx_make(struct dam_outbox *outbox, struct dam_arena *arena,
                            const struct dam_outbox_order *order, struct dam_tx *ret)
{
    struct dam_tx tx = {
        .type = DAM_TX_DYNAMIC_FEE,
        .has_chain_id = true,
        .is_create = order->to == NULL,
        .chain_id = outbox->chain->chain_id,
        .value = order->value,
        .data = order->data,
    };
    if (order->to != NULL) {
        tx.to = *order->to;
    }
    DAM_TRY(dam_remote_nonce(outbox->chain, arena, &outbox->signer.address,
                             dam_remote_at_tag(DAM_REMOTE_PENDING), &tx.nonce));
    tx.nonce = tx.nonce < outbox->nonce_next ? outbox->nonce_next : tx.nonce;
    DAM_TRY(gas_find(outbox, arena, order, &tx.gas_limit));
    DAM_TRY(dam_remote_fees(outbox->chain, arena, &tx.max_fee, &tx.max_priority_fee));
    if (!dam_u256_is_zero(&outbox->max_fee_cap) && dam_u256_lt(&outbox->max_fee_cap, &tx.max_fee)) {
        return DAM_EREFUSED;
    }
    *ret = tx;
    return DAM_OK;
}

static enum dam_err raw_set(struct dam_arena *arena, const struct dam_tx *tx, bool is_signed,
                            struct record *record)
{
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    dam_tx_encode(tx, &buf);
    DAM_TRY(dam_buf_err(&buf));
    record->is_signed = is_signed;
    record->raw = dam_buf_bytes(&buf);
    dam_keccak256(buf.data, buf.len, &record->tx_hash);
    return DAM_OK;
}

static enum dam_err file_remove(struct dam_outbox *outbox, const struct dam_hash *id)
{
    char name[NAME_SIZE];
    name_of(id, name);
    if (unlinkat(outbox->folder, name, 0) != 0 && errno != ENOENT) {
        return DAM_EIO;
    }
    return fsync(outbox->folder) == 0 ? DAM_OK : DAM_EIO;
}

static enum dam_err signed_record(struct dam_outbox *outbox, struct dam_arena *arena,
                                  const struct dam_tx *tx, struct record *record)
{
    DAM_TRY(raw_set(arena, tx, true, record));
    DAM_TRY(record_write(outbox, arena, record));
    signed_tell(outbox, record);
    return DAM_OK;
}

/* A record that is durable and not signed: ask the signer. Asked again after a crash it gives the
 * same bytes; what it refuses was never signed, so its nonce is free for the next. */
static enum dam_err record_sign(struct dam_outbox *outbox, struct dam_arena *arena,
                                struct record *record)
{
    struct dam_tx tx;
    if (dam_tx_decode(arena, record->raw, &tx, NULL) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    enum dam_err err = outbox->signer.sign(outbox->signer.ctx, &record->id, &tx, arena);
    if (err == DAM_EREFUSED) {
        DAM_TRY(file_remove(outbox, &record->id));
        outbox->nonce_next =
            record->nonce + 1 == outbox->nonce_next ? record->nonce : outbox->nonce_next;
    }
    DAM_TRY(err);
    return signed_record(outbox, arena, &tx, record);
}

/* Makes a new transaction durable. */
static enum dam_err order_record(struct dam_outbox *outbox, struct dam_arena *arena,
                                 const struct dam_outbox_order *order, struct record *ret)
{
    struct dam_tx tx;
    DAM_TRY(tx_make(outbox, arena, order, &tx));
    *ret = (struct record){.id = order->id, .nonce = tx.nonce};
    DAM_TRY(raw_set(arena, &tx, false, ret));
    DAM_TRY(record_write(outbox, arena, ret));
    nonce_note(outbox, ret);
    return DAM_OK;
}

enum dam_err dam_outbox_send(struct dam_outbox *outbox, struct dam_arena *arena,
                             const struct dam_outbox_order *order, struct dam_hash *ret_tx_hash,
                             bool *ret_is_recorded)
{
    struct record record;
    enum dam_err err = record_read(outbox, arena, &order->id, &record);
    err = err == DAM_ENOTFOUND ? order_record(outbox, arena, order, &record) : err;
    *ret_is_recorded = err == DAM_OK;
    if (err == DAM_OK && !record.is_signed) {
        err = record_sign(outbox, arena, &record);
        *ret_is_recorded = err != DAM_EREFUSED;
    }
    DAM_TRY(err);
    *ret_tx_hash = record.tx_hash;
    return dam_remote_send_raw(outbox->chain, arena, record.raw);
}

/* The last final block's number. A chain that knows none has nothing final. */
static enum dam_err final_number(struct dam_remote *chain, struct dam_arena *arena,
                                 bool *ret_is_any, uint64_t *ret)
{
    struct dam_header header;
    struct dam_hash hash;
    enum dam_err err =
        dam_remote_header(chain, arena, dam_remote_at_tag(DAM_REMOTE_FINAL), &header, &hash);
    *ret_is_any = err == DAM_OK;
    if (err == DAM_ENOTFOUND || err == DAM_EREFUSED) {
        return DAM_OK;
    }
    DAM_TRY(err);
    *ret = header.number;
    return DAM_OK;
}

/* The receipt of the transaction, or of one that it replaced. Returns: as dam_remote_receipt. */
static enum dam_err receipt_find(struct dam_outbox *outbox, struct dam_arena *arena,
                                 const struct record *record, struct dam_remote_receipt *ret)
{
    enum dam_err err = DAM_ENOTFOUND;
    if (record->is_signed) {
        err = dam_remote_receipt(outbox->chain, arena, &record->tx_hash, ret);
    }
    for (size_t i = record->replaced_count; i > 0 && err == DAM_ENOTFOUND; i--) {
        err = dam_remote_receipt(outbox->chain, arena, &record->replaced[i - 1], ret);
    }
    return err;
}

enum dam_err dam_outbox_look(struct dam_outbox *outbox, struct dam_arena *arena,
                             const struct dam_hash *id, enum dam_outbox_state *ret,
                             struct dam_remote_receipt *ret_receipt)
{
    struct record record;
    uint64_t final = 0;
    uint64_t nonce = 0;
    bool has_final;
    enum dam_err err = record_read(outbox, arena, id, &record);
    if (err == DAM_ENOTFOUND) {
        *ret = DAM_OUTBOX_UNKNOWN;
        return DAM_OK;
    }
    DAM_TRY(err);
    /* The final block first: a receipt found after it cannot be older than what is known. */
    DAM_TRY(final_number(outbox->chain, arena, &has_final, &final));
    err = receipt_find(outbox, arena, &record, ret_receipt);
    if (err == DAM_OK) {
        *ret =
            has_final && ret_receipt->block_number <= final ? DAM_OUTBOX_FINAL : DAM_OUTBOX_MINED;
        return DAM_OK;
    }
    if (err != DAM_ENOTFOUND) {
        return err;
    }
    if (has_final) {
        DAM_TRY(dam_remote_nonce(outbox->chain, arena, &outbox->signer.address,
                                 dam_remote_at_number(final), &nonce));
    }
    *ret = nonce > record.nonce ? DAM_OUTBOX_LOST : DAM_OUTBOX_SENT;
    return DAM_OK;
}

/* ---- sending again --------------------------------------------------------------------------- */

/* An eighth more, as nodes want of a replacement, but not less than what is asked for now. */
static struct dam_u256 raised(const struct dam_u256 *fee, const struct dam_u256 *asked)
{
    struct dam_u256 eighth;
    struct dam_u256 more;
    const struct dam_u256 one = dam_u256_from_u64(1);
    dam_u256_shr(&eighth, fee, 3);
    (void)dam_u256_add(&eighth, &eighth, &one); /* far from 2^256, as the next */
    (void)dam_u256_add(&more, fee, &eighth);
    return dam_u256_lt(&more, asked) ? *asked : more;
}

/* Can it be mined at today's fees? What is asked for now is twice the base fee and the tip; half of
 * that is the least. */
static bool is_too_low(const struct dam_tx *tx, const struct dam_u256 *max_fee,
                       const struct dam_u256 *tip)
{
    struct dam_u256 least;
    dam_u256_shr(&least, max_fee, 1);
    return dam_u256_lt(&tx->max_fee, &least) || dam_u256_lt(&tx->max_priority_fee, tip);
}

/* The same with higher fees, durable before it is signed and before it leaves. The old bytes stay
 * the ones to send until then. */
static enum dam_err record_bump(struct dam_outbox *outbox, struct dam_arena *arena,
                                struct record *record)
{
    struct dam_tx tx;
    struct dam_u256 max_fee;
    struct dam_u256 tip;
    if (dam_tx_decode(arena, record->raw, &tx, NULL) != DAM_OK) {
        return DAM_ECORRUPT;
    }
    DAM_TRY(dam_remote_fees(outbox->chain, arena, &max_fee, &tip));
    if (!is_too_low(&tx, &max_fee, &tip) || record->replaced_count == REPLACED_MAX) {
        return DAM_OK;
    }
    tx.max_fee = raised(&tx.max_fee, &max_fee);
    tx.max_priority_fee = raised(&tx.max_priority_fee, &tip);
    if (!dam_u256_is_zero(&outbox->max_fee_cap) && dam_u256_lt(&outbox->max_fee_cap, &tx.max_fee)) {
        return DAM_OK; /* it waits for the fees to fall */
    }
    /* The signer signs no lower fees than before: after a crash between its signature and our
     * record it may refuse today's. Then the old bytes go on being sent until fees are higher
     * again. */
    enum dam_err err = outbox->signer.sign(outbox->signer.ctx, &record->id, &tx, arena);
    if (err == DAM_EREFUSED) {
        return DAM_OK;
    }
    DAM_TRY(err);
    record->replaced[record->replaced_count++] = record->tx_hash;
    return signed_record(outbox, arena, &tx, record);
}

/* Below `nonce` all of the sender's are in blocks that stay; looked up where a receipt shows that
 * there may be some. Owners keep what is done for as long as they like: the chain is not asked for
 * each of it. */
struct settled {
    bool is_known;
    uint64_t nonce;
};

static enum dam_err settled_read(struct dam_outbox *outbox, struct dam_arena *arena,
                                 struct settled *settled)
{
    uint64_t number = 0;
    bool is_any = false;
    DAM_TRY(final_number(outbox->chain, arena, &is_any, &number));
    if (is_any) {
        DAM_TRY(dam_remote_nonce(outbox->chain, arena, &outbox->signer.address,
                                 dam_remote_at_number(number), &settled->nonce));
    }
    settled->is_known = true;
    return DAM_OK;
}

static enum dam_err record_resend(struct dam_outbox *outbox, struct dam_arena *arena,
                                  const struct record *known, void *ctx)
{
    struct dam_remote_receipt receipt;
    struct settled *settled = ctx;
    struct record record = *known;
    if (record.is_signed && record.nonce < settled->nonce) {
        return DAM_OK;
    }
    enum dam_err err = receipt_find(outbox, arena, &record, &receipt);
    if (err == DAM_OK && !settled->is_known) {
        return settled_read(outbox, arena, settled);
    }
    if (err != DAM_ENOTFOUND) {
        return err;
    }
    err = record.is_signed ? record_bump(outbox, arena, &record)
                           : record_sign(outbox, arena, &record);
    if (err == DAM_OK) {
        err = dam_remote_send_raw(outbox->chain, arena, record.raw);
    }
    return err == DAM_EREFUSED ? DAM_OK : err; /* one that is lost must not hold up the others */
}

enum dam_err dam_outbox_resend(struct dam_outbox *outbox, struct dam_arena *arena)
{
    struct settled settled = {.nonce = 0};
    return records_each(outbox, arena, record_resend, &settled);
}

enum dam_err dam_outbox_forget(struct dam_outbox *outbox, const struct dam_hash *id)
{
    return file_remove(outbox, id);
}
