// SPDX-License-Identifier: Apache-2.0
/* The outbox on a node that is played here, and a signer that dies at the worst moment. */
#include "chain/outbox.h"

#include "base/heap.h"
#include "chain/block_fixture.h"
#include "core/crypto/keccak.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define SENT_MAX 16u

/* ---- a node ---------------------------------------------------------------------------------- */

static struct {
    bool is_down;
    uint64_t base_fee;
    uint64_t nonce;
    size_t sent_count;
    uint8_t sent[SENT_MAX][1024];
    size_t sent_len[SENT_MAX];
    struct dam_hash mined; /* what has a receipt; zero: nothing */
    bool is_all_mined;     /* whatever is asked for has one */
    size_t receipts;       /* asked for */
} node;

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void receipt_put(struct dam_buf *out)
{
    dam_buf_put_text(out, "{\"status\":\"0x1\",\"transactionHash\":\"0x");
    dam_buf_put_hex(out, node.mined.b, 32);
    dam_buf_put_text(out, "\",\"blockHash\":\"0x");
    dam_buf_put(out, zeros, 64);
    dam_buf_put_text(out, "\",\"blockNumber\":\"0x7\",\"gasUsed\":\"0x5208\","
                          "\"effectiveGasPrice\":\"0x1\",\"logs\":[],\"contractAddress\":null}");
}

static void raw_take(const struct dam_json *params, struct dam_arena *arena)
{
    struct dam_bytes raw;
    assert_true(node.sent_count < SENT_MAX);
    assert_int_equal(dam_json_hex(dam_json_at(params, 0), arena, &raw), DAM_OK);
    memcpy(node.sent[node.sent_count], raw.data, raw.len);
    node.sent_len[node.sent_count++] = raw.len;
}

static void answer(const struct dam_json *root, struct dam_arena *arena, struct dam_buf *out)
{
    const struct dam_json *method = dam_json_get(root, "method");
    const struct dam_json *params = dam_json_get(root, "params");
    char text[32];
    if (dam_json_is(method, "eth_chainId")) {
        dam_buf_put_text(out, "\"0x7a69\"");
    } else if (dam_json_is(method, "eth_getTransactionCount")) {
        (void)snprintf(text, sizeof(text), "\"0x%llx\"", (unsigned long long)node.nonce);
        dam_buf_put_text(out, text);
    } else if (dam_json_is(method, "eth_getBlockByNumber")) {
        block_put(out, &(struct dam_header){.form = DAM_HEADER_LONDON,
                                            .number = 7,
                                            .timestamp = 100,
                                            .gas_limit = 30000000,
                                            .base_fee = dam_u256_from_u64(node.base_fee)});
    } else if (dam_json_is(method, "eth_maxPriorityFeePerGas")) {
        dam_buf_put_text(out, "\"0x1\"");
    } else if (dam_json_is(method, "eth_getTransactionReceipt")) {
        struct dam_hash asked;
        assert_int_equal(dam_json_hex_exact(dam_json_at(params, 0), asked.b, 32), DAM_OK);
        node.receipts++;
        node.mined = node.is_all_mined ? asked : node.mined;
        if (dam_hash_eq(&asked, &node.mined)) {
            receipt_put(out);
        } else {
            dam_buf_put_text(out, "null");
        }
    } else {
        assert_true(dam_json_is(method, "eth_sendRawTransaction"));
        raw_take(params, arena);
        dam_buf_put_text(out, "\"0x");
        dam_buf_put(out, zeros, 64);
        dam_buf_put_text(out, "\"");
    }
}

static enum dam_err post(void *ctx, const char *url, struct dam_bytes body, uint32_t timeout_ms,
                         struct dam_buf *ret_body, int *ret_status)
{
    struct dam_arena arena;
    const struct dam_json *root = NULL;
    uint64_t id = 0;
    (void)ctx;
    (void)url;
    (void)timeout_ms;
    if (node.is_down) {
        return DAM_ETIMEOUT;
    }
    dam_arena_init(&arena, dam_heap(), 0);
    assert_int_equal(dam_json_parse(&arena, (const char *)body.data, body.len, 0, &root, NULL),
                     DAM_OK);
    assert_int_equal(dam_json_u64(dam_json_get(root, "id"), &id), DAM_OK);
    dam_buf_put_text(ret_body, "{\"jsonrpc\":\"2.0\",\"id\":");
    dam_buf_put_u64(ret_body, id);
    dam_buf_put_text(ret_body, ",\"result\":");
    answer(root, &arena, ret_body);
    dam_buf_put_text(ret_body, "}");
    dam_arena_finish(&arena);
    *ret_status = 200;
    return DAM_OK;
}

/* ---- a signer -------------------------------------------------------------------------------- */

static struct {
    bool refuses;
    bool dies; /* after it has signed */
    size_t count;
    struct dam_hash last; /* signing hash */
} signing;

static const uint8_t secret[32] = {[31] = 7};

static enum dam_err sign(void *ctx, const struct dam_hash *id, struct dam_tx *tx,
                         struct dam_arena *arena)
{
    (void)id;
    (void)ctx;
    if (signing.refuses) {
        return DAM_EREFUSED;
    }
    assert_int_equal(dam_tx_signing_hash(tx, arena, &signing.last), DAM_OK);
    signing.count++;
    return signing.dies ? DAM_ECLOSED : dam_tx_sign(tx, secret, arena);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static char folder[] = "/tmp/dam-outbox-XXXXXX";
static struct dam_arena arena;
static struct dam_http_client http = {.post = post};
static struct dam_remote chain;
static struct dam_outbox outbox;
static const struct dam_address to = {{9}};

static struct {
    size_t count;
    struct dam_hash id;
    struct dam_hash tx_hash;
} told;

static void signed_is(void *ctx, const struct dam_hash *id, const struct dam_hash *tx_hash)
{
    (void)ctx;
    told.count++;
    told.id = *id;
    told.tx_hash = *tx_hash;
}

/* What the signer remembers: the transactions of nonces 1 to 3, the first and last for one id. */
static struct {
    bool is_there;
    bool fails;
    size_t asked;
} memory;

static enum dam_err again(void *ctx, uint64_t nonce, struct dam_arena *scratch,
                          struct dam_hash *ret_id, struct dam_bytes *ret_raw)
{
    struct dam_tx tx = {.type = DAM_TX_DYNAMIC_FEE,
                        .has_chain_id = true,
                        .chain_id = 31337,
                        .nonce = nonce,
                        .to = to,
                        .gas_limit = 21000};
    struct dam_buf buf;
    (void)ctx;
    if (memory.fails && memory.asked == 1) {
        return DAM_ECLOSED;
    }
    memory.asked++;
    if (nonce == 0) {
        return DAM_ENOTFOUND;
    }
    assert_int_equal(dam_tx_sign(&tx, secret, scratch), DAM_OK);
    dam_buf_init_arena(&buf, scratch, 0);
    dam_tx_encode(&tx, &buf);
    *ret_id = (struct dam_hash){{nonce == 2 ? 72 : 71}};
    *ret_raw = dam_buf_bytes(&buf);
    return dam_buf_err(&buf);
}

static struct dam_tx_signer signer_make(void)
{
    return (struct dam_tx_signer){.address = {{5}},
                                  .sign = sign,
                                  .again = memory.is_there ? again : NULL,
                                  .nonce_next = memory.is_there ? 4 : 0,
                                  .signed_is = signed_is};
}

static void outbox_open(void)
{
    const struct dam_tx_signer signer = signer_make();
    assert_int_equal(dam_outbox_open(&outbox, &arena, &chain, &signer, folder), DAM_OK);
}

static int begin(void **state)
{
    static const char *const urls[] = {"http://node"};
    (void)state;
    memset(&node, 0, sizeof(node));
    memset(&signing, 0, sizeof(signing));
    memset(&told, 0, sizeof(told));
    memset(&memory, 0, sizeof(memory));
    node.base_fee = 100;
    memcpy(folder, "/tmp/dam-outbox-XXXXXX", sizeof(folder));
    dam_arena_init(&arena, dam_heap(), 0);
    if (mkdtemp(folder) == NULL ||
        dam_remote_open(&chain, &arena, &http, urls, 1, 1, 1000) != DAM_OK) {
        return -1;
    }
    outbox_open();
    return 0;
}

static int end(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." stay */
    }
    (void)closedir(dir);
    dam_outbox_close(&outbox);
    dam_arena_finish(&arena);
    return rmdir(folder);
}

static enum dam_err order(uint8_t id, bool *ret_recorded)
{
    struct dam_hash hash;
    const struct dam_outbox_order wanted = {
        .id = {{id}}, .to = &to, .data = dam_bytes("data", 4), .gas_limit = 50000};
    return dam_outbox_send(&outbox, &arena, &wanted, &hash, ret_recorded);
}

static enum dam_outbox_state look(uint8_t id)
{
    const struct dam_hash hash = {{id}};
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state;
    assert_int_equal(dam_outbox_look(&outbox, &arena, &hash, &state, &receipt), DAM_OK);
    return state;
}

static void sent_read(size_t index, struct dam_tx *ret)
{
    assert_true(index < node.sent_count);
    assert_int_equal(
        dam_tx_decode(&arena, dam_bytes(node.sent[index], node.sent_len[index]), ret, NULL),
        DAM_OK);
}

static void each_signature_is_told(void **state)
{
    const struct dam_hash id = {{1}};
    struct dam_hash sent;
    bool recorded = false;
    (void)state;
    assert_int_equal(order(1, &recorded), DAM_OK);
    assert_int_equal(told.count, 1);
    assert_memory_equal(told.id.b, id.b, 32);
    dam_keccak256(node.sent[0], node.sent_len[0], &sent);
    assert_memory_equal(told.tx_hash.b, sent.b, 32);
    assert_int_equal(order(1, &recorded), DAM_OK); /* the same bytes again: no news */
    assert_int_equal(told.count, 1);
    signing.dies = true;
    assert_int_equal(order(2, &recorded), DAM_ECLOSED);
    assert_int_equal(told.count, 1);
    dam_outbox_close(&outbox);
    outbox_open(); /* whoever was told may have died before the word was written down */
    assert_int_equal(told.count, 2);
    assert_memory_equal(told.id.b, id.b, 32);
    signing.dies = false;
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_OK);
    assert_int_equal(told.count, 3);
    node.base_fee = 1000; /* dearer: both are signed anew */
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_OK);
    assert_int_equal(told.count, 5);
    signing.refuses = true;
    assert_int_equal(order(3, &recorded), DAM_EREFUSED);
    assert_int_equal(told.count, 5);
}

static void a_signature_that_got_lost_is_asked_for_again(void **state)
{
    bool recorded = false;
    struct dam_tx tx;
    (void)state;
    signing.dies = true;
    assert_int_equal(order(1, &recorded), DAM_ECLOSED);
    assert_true(recorded);
    assert_int_equal(node.sent_count, 0);
    const struct dam_hash first = signing.last;
    dam_outbox_close(&outbox); /* the process is gone; what it asked for is not */
    outbox_open();
    node.base_fee = 1000; /* the world went on: the intent must not */
    node.nonce = 0;
    signing.dies = false;
    assert_int_equal(look(1), DAM_OUTBOX_SENT);
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_OK);
    assert_memory_equal(first.b, signing.last.b, 32);
    assert_int_equal(node.sent_count, 1);
    assert_int_equal(order(2, &recorded), DAM_OK);
    sent_read(1, &tx);
    assert_int_equal(tx.nonce, 1); /* not the same nonce for another intent */
}

static void a_refusal_leaves_no_trace(void **state)
{
    bool recorded = true;
    struct dam_tx tx;
    (void)state;
    signing.refuses = true;
    assert_int_equal(order(1, &recorded), DAM_EREFUSED);
    assert_false(recorded);
    assert_int_equal(look(1), DAM_OUTBOX_UNKNOWN);
    signing.refuses = false;
    assert_int_equal(order(2, &recorded), DAM_OK);
    sent_read(0, &tx);
    assert_int_equal(tx.nonce, 0);
}

static void fees_follow_the_chain_upwards(void **state)
{
    bool recorded = false;
    struct dam_tx tx;
    struct dam_tx bumped;
    struct dam_hash old;
    (void)state;
    assert_int_equal(order(1, &recorded), DAM_OK);
    sent_read(0, &tx);
    dam_keccak256(node.sent[0], node.sent_len[0], &old);
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_OK);
    assert_int_equal(signing.count, 1); /* the same bytes */
    assert_int_equal(node.sent_len[1], node.sent_len[0]);
    assert_memory_equal(node.sent[1], node.sent[0], node.sent_len[0]);
    node.base_fee = 300; /* above what 2 * 100 + 1 pays */
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_OK);
    sent_read(2, &bumped);
    assert_int_equal(bumped.nonce, tx.nonce);
    assert_int_equal(bumped.max_fee.w[0], 601);
    assert_int_equal(bumped.max_priority_fee.w[0], 2); /* an eighth, and at least one, more */
    assert_true(dam_bytes_eq(bumped.data, tx.data));
    node.mined = old; /* a miner took the one before: it is the same payment */
    assert_int_equal(look(1), DAM_OUTBOX_FINAL);
    size_t count = node.sent_count;
    dam_outbox_close(&outbox);
    outbox_open();
    assert_int_equal(look(1), DAM_OUTBOX_FINAL);
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_OK);
    assert_int_equal(node.sent_count, count);
}

static void a_cap_holds(void **state)
{
    bool recorded = false;
    (void)state;
    assert_int_equal(order(1, &recorded), DAM_OK);
    outbox.max_fee_cap = dam_u256_from_u64(500);
    node.base_fee = 300;
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_OK);
    assert_int_equal(signing.count, 1);
    assert_int_equal(order(2, &recorded), DAM_EREFUSED);
    assert_false(recorded);
}

static void a_silent_node_loses_nothing(void **state)
{
    bool recorded = false;
    (void)state;
    assert_int_equal(order(1, &recorded), DAM_OK);
    node.is_down = true;
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_ETIMEOUT);
    node.is_down = false;
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_OK);
    assert_int_equal(node.sent_count, 2);
    assert_int_equal(signing.count, 1);
}

/* What an owner keeps, for years perhaps, costs the chain no question each time. */
static void what_stays_is_not_asked_for_one_by_one(void **state)
{
    bool recorded = false;
    (void)state;
    for (uint8_t id = 1; id <= 8; id++) {
        assert_int_equal(order(id, &recorded), DAM_OK);
    }
    size_t sent = node.sent_count;
    node.is_all_mined = true;
    node.nonce = 8; /* in final blocks, all of them */
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_OK);
    assert_int_equal(node.receipts, 1);
    node.nonce = 0; /* in blocks that may go: each is looked at */
    assert_int_equal(dam_outbox_resend(&outbox, &arena), DAM_OK);
    assert_int_equal(node.receipts, 1 + 8);
    assert_int_equal(node.sent_count, sent);
}

/* An outbox that was lost: the signer knows what was in it, and it is sent, not signed anew. */
static void a_lost_outbox_is_made_again(void **state)
{
    bool recorded = false;
    struct dam_tx tx;
    (void)state;
    memory.is_there = true;
    memory.fails = true; /* in the midst of it */
    dam_outbox_close(&outbox);
    const struct dam_tx_signer signer = signer_make();
    assert_int_equal(dam_outbox_open(&outbox, &arena, &chain, &signer, folder), DAM_ECLOSED);
    memory.fails = false;
    outbox_open();
    assert_int_equal(look(71), DAM_OUTBOX_SENT);
    assert_int_equal(look(72), DAM_OUTBOX_SENT);
    assert_int_equal(look(73), DAM_OUTBOX_UNKNOWN);
    assert_int_equal(order(71, &recorded), DAM_OK); /* its cause asks again: the newer of the two */
    sent_read(0, &tx);
    assert_true(tx.nonce == 3 && tx.gas_limit == 21000);
    assert_int_equal(signing.count, 0);
    assert_int_equal(order(5, &recorded), DAM_OK); /* another goes behind them */
    sent_read(1, &tx);
    assert_int_equal(tx.nonce, 4);
    /* What is forgotten after that stays forgotten. */
    size_t asked = memory.asked;
    assert_int_equal(dam_outbox_forget(&outbox, &(struct dam_hash){{71}}), DAM_OK);
    dam_outbox_close(&outbox);
    outbox_open();
    assert_int_equal(look(71), DAM_OUTBOX_UNKNOWN);
    assert_int_equal(look(72), DAM_OUTBOX_SENT);
    assert_int_equal(memory.asked, asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_signature_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_signature_that_got_lost_is_asked_for_again, begin, end),
        cmocka_unit_test_setup_teardown(a_refusal_leaves_no_trace, begin, end),
        cmocka_unit_test_setup_teardown(fees_follow_the_chain_upwards, begin, end),
        cmocka_unit_test_setup_teardown(a_cap_holds, begin, end),
        cmocka_unit_test_setup_teardown(a_silent_node_loses_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_stays_is_not_asked_for_one_by_one, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_outbox_is_made_again, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
