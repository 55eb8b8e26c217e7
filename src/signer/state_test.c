// SPDX-License-Identifier: Apache-2.0
/* The state file: what was put is read back; a file cut at any byte gives a prefix; a file changed
 * at any byte is noticed; a disk that fails ends all signing. */
#include "signer/state.h"

#include "signer/signer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t secret[32] = {[31] = 9};

/* A disk in memory that can fail at its Nth operation. */
struct disk {
    uint8_t data[1u << 20];
    size_t len;
    size_t records[64]; /* the file's length after each sync */
    size_t record_count;
    unsigned ops;
    unsigned fail_at; /* 0: never */
};

static enum dam_err disk_append(void *ctx, uint64_t at, const uint8_t *data, size_t len)
{
    struct disk *d = ctx;
    if (++d->ops == d->fail_at) {
        return DAM_ENOSPC;
    }
    assert_true(at == d->len && d->len + len <= sizeof(d->data));
    memcpy(d->data + d->len, data, len);
    d->len += len;
    return DAM_OK;
}

static enum dam_err disk_sync(void *ctx)
{
    struct disk *d = ctx;
    if (++d->ops == d->fail_at) {
        return DAM_EIO;
    }
    d->records[d->record_count++] = d->len;
    return DAM_OK;
}

static enum dam_err disk_replace(void *ctx, const uint8_t *data, size_t len)
{
    struct disk *d = ctx;
    d->len = 0;
    d->record_count = 0;
    DAM_TRY(disk_append(ctx, 0, data, len));
    return disk_sync(ctx);
}

static void begin(struct dam_signer_state *s, struct disk *d)
{
    struct dam_signer_disk disk = {disk_append, disk_sync, disk_replace, d};
    dam_signer_state_init(s, secret, &disk);
}

static struct dam_signer_pin some_pin(void)
{
    struct fixture_policy policy;
    struct dam_hash domain = {{1}};
    fixture_default(&policy, &domain);
    return fixture_pin(&policy);
}

/* One record of each kind. Returns: the error of the first that failed. */
static enum dam_err script(struct dam_signer_state *s)
{
    struct dam_signer_pin pin = some_pin();
    const uint64_t nonces[2] = {7, 3};
    struct dam_signer_checkpoint checkpoint = {100, {{1}}, 50};
    struct dam_signer_nonce nonce = {7, {{2}}, {{30}}, {{2}}};
    struct dam_policy_use fees = {{{21000}}, 1000};
    struct dam_policy_take takes[2] = {{.key = {{[31] = 0}}, .sum = {{5}}, .now = {{{5}}, 1000}},
                                       {.key = {{[31] = 1}}, .sum = {{0}}, .now = {{{9}}, 1000}}};
    struct dam_signer_channel channel = {{{3}}, {{4}}, {{500}}};
    struct dam_signer_topic topic = {{{5}}, {{6}}, 12, {{7}}};
    DAM_TRY(dam_signer_state_begin(s));
    DAM_TRY(dam_signer_state_put_pin(s, &pin));
    DAM_TRY(dam_signer_state_put_base(s, nonces, &checkpoint, 900));
    DAM_TRY(dam_signer_state_put_nonce(s, DAM_SIGNER_LANE_CHAIN, &nonce, &fees, takes, 2,
                                       &nonce.payload, dam_bytes("transaction", 11), 1000));
    checkpoint = (struct dam_signer_checkpoint){120, {{8}}, 60};
    DAM_TRY(dam_signer_state_put_checkpoint(s, &checkpoint, 1001));
    DAM_TRY(dam_signer_state_put_channel(s, &channel, 1002));
    DAM_TRY(dam_signer_state_put_topic(s, &topic, 1003));
    pin.version = 2;
    pin.policy_hash.b[0] ^= 1;
    return dam_signer_state_put_pin(s, &pin);
}

#define SCRIPT_RECORDS 8u /* the file's header counts as one */

static void compare(const struct dam_signer_state *a, const struct dam_signer_state *b)
{
    assert_memory_equal(&a->mac, &b->mac, sizeof(a->mac));
    assert_true(a->index_next == b->index_next);
    assert_true(a->time_last == b->time_last);
    assert_memory_equal(&a->pin, &b->pin, sizeof(a->pin));
    assert_memory_equal(&a->fees, &b->fees, sizeof(a->fees));
    assert_memory_equal(&a->checkpoint, &b->checkpoint, sizeof(a->checkpoint));
    assert_memory_equal(a->nonce_next, b->nonce_next, sizeof(a->nonce_next));
    assert_memory_equal(a->nonces, b->nonces, sizeof(a->nonces));
    assert_memory_equal(a->txs, b->txs, sizeof(a->txs));
    assert_int_equal(a->use_count, b->use_count);
    assert_memory_equal(a->uses, b->uses, a->use_count * sizeof(a->uses[0]));
    assert_int_equal(a->channel_count, b->channel_count);
    assert_memory_equal(a->channels, b->channels, a->channel_count * sizeof(a->channels[0]));
    assert_int_equal(a->topic_count, b->topic_count);
    assert_memory_equal(a->topics, b->topics, a->topic_count * sizeof(a->topics[0]));
}

struct two {
    struct dam_signer_state written;
    struct dam_signer_state read;
    struct disk disk;
};

static struct two *two_new(void)
{
    struct two *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    begin(&t->written, &t->disk);
    begin(&t->read, &t->disk);
    return t;
}

static void what_was_put_is_read_back(void **state)
{
    (void)state;
    struct two *t = two_new();
    assert_int_equal(script(&t->written), DAM_OK);
    assert_int_equal(t->disk.record_count, SCRIPT_RECORDS);
    assert_int_equal(dam_signer_state_replay(&t->read, dam_bytes(t->disk.data, t->disk.len)),
                     DAM_OK);
    assert_int_equal(t->read.file_len, t->disk.len);
    compare(&t->written, &t->read);
    assert_true(t->read.nonce_next[0] == 8 && t->read.nonce_next[1] == 3);
    const struct dam_signer_tx *tx = dam_signer_state_tx(&t->read, 7);
    assert_true(tx != NULL && tx->len == 11 && tx->cause.b[0] == 2);
    assert_memory_equal(tx->bytes, "transaction", 11);
    assert_null(dam_signer_state_tx(&t->read, 7 + DAM_SIGNER_TXS_KEPT));
    assert_int_equal(t->read.use_count, 0); /* the new policy starts full */
    free(t);
}

static void a_cut_file_is_a_prefix(void **state)
{
    (void)state;
    struct two *t = two_new();
    assert_int_equal(script(&t->written), DAM_OK);
    for (size_t cut = 0; cut <= t->disk.len; cut++) {
        size_t want = 0;
        for (size_t i = 0; i < SCRIPT_RECORDS; i++) {
            want = t->disk.records[i] <= cut ? t->disk.records[i] : want;
        }
        begin(&t->read, &t->disk);
        enum dam_err err = dam_signer_state_replay(&t->read, dam_bytes(t->disk.data, cut));
        if (cut < t->disk.records[1]) {
            assert_int_equal(err, DAM_ECORRUPT); /* no frame yet: no signer */
        } else {
            assert_int_equal(err, DAM_OK);
            assert_int_equal(t->read.file_len, want);
        }
    }
    free(t);
}

static void a_changed_file_is_noticed(void **state)
{
    (void)state;
    struct two *t = two_new();
    unsigned noticed = 0;
    assert_int_equal(script(&t->written), DAM_OK);
    size_t last = t->disk.records[SCRIPT_RECORDS - 2]; /* where the last record begins */
    for (size_t at = 0; at < t->disk.len; at++) {
        t->disk.data[at] ^= 0x40;
        begin(&t->read, &t->disk);
        enum dam_err err = dam_signer_state_replay(&t->read, dam_bytes(t->disk.data, t->disk.len));
        t->disk.data[at] ^= 0x40;
        if (at < last) {
            assert_true(err == DAM_ECORRUPT || (err == DAM_EVERSION && at < 16));
            noticed++;
        } else {
            /* A changed last record is one that was never finished: it is cut. (So it is with its
             * being cut off on purpose, which only the chain can tell.) */
            assert_int_equal(err, DAM_OK);
            assert_int_equal(t->read.file_len, last);
        }
    }
    assert_int_equal(noticed, last);
    free(t);
}

static void another_key_reads_nothing(void **state)
{
    (void)state;
    struct two *t = two_new();
    struct dam_signer_disk disk = {disk_append, disk_sync, disk_replace, &t->disk};
    const uint8_t other[32] = {[31] = 8};
    assert_int_equal(script(&t->written), DAM_OK);
    dam_signer_state_init(&t->read, other, &disk);
    assert_int_equal(dam_signer_state_replay(&t->read, dam_bytes(t->disk.data, t->disk.len)),
                     DAM_ECORRUPT);
    free(t);
}

static void records_cannot_be_moved(void **state)
{
    (void)state;
    struct two *t = two_new();
    assert_int_equal(script(&t->written), DAM_OK);
    /* Leave out the third record: the rest is well-formed, and not in its place. */
    size_t from = t->disk.records[3];
    size_t to = t->disk.records[2];
    memmove(t->disk.data + to, t->disk.data + from, t->disk.len - from);
    assert_int_equal(
        dam_signer_state_replay(&t->read, dam_bytes(t->disk.data, t->disk.len - (from - to))),
        DAM_ECORRUPT);
    free(t);
}

static void another_version_is_refused(void **state)
{
    (void)state;
    struct two *t = two_new();
    assert_int_equal(script(&t->written), DAM_OK);
    t->disk.data[11] = 3;
    assert_int_equal(dam_signer_state_replay(&t->read, dam_bytes(t->disk.data, t->disk.len)),
                     DAM_EVERSION);
    free(t);
}

static void version_1_is_read(void **state)
{
    (void)state;
    struct two *t = two_new();
    assert_int_equal(script(&t->written), DAM_OK);
    t->disk.data[11] = 1;
    assert_int_equal(dam_signer_state_replay(&t->read, dam_bytes(t->disk.data, t->disk.len)),
                     DAM_OK);
    compare(&t->written, &t->read);
    free(t);
}

/* Whatever operation fails, everything after it is refused, and what is on the disk is at least
 * what was said to be there. */
static void a_failing_disk_ends_it(void **state)
{
    (void)state;
    for (unsigned fail_at = 1; fail_at <= 2 * SCRIPT_RECORDS; fail_at++) {
        struct two *t = two_new();
        struct dam_signer_checkpoint checkpoint = {200, {{1}}, 70};
        t->disk.fail_at = fail_at;
        assert_int_not_equal(script(&t->written), DAM_OK);
        assert_true(t->written.failed);
        unsigned ops = t->disk.ops;
        assert_int_not_equal(dam_signer_state_put_checkpoint(&t->written, &checkpoint, 1), DAM_OK);
        assert_int_equal(t->disk.ops, ops);
        if (fail_at > 4) {
            assert_int_equal(
                dam_signer_state_replay(&t->read, dam_bytes(t->disk.data, t->disk.len)), DAM_OK);
            assert_true(t->read.index_next >= t->written.index_next);
        }
        free(t);
    }
}

static void behind_the_chain(void **state)
{
    (void)state;
    struct two *t = two_new();
    struct dam_signer_checkpoint anchored = {120, {{8}}, 60};
    assert_int_equal(script(&t->written), DAM_OK);
    assert_false(dam_signer_state_is_behind(&t->written, 8, &anchored));
    assert_true(dam_signer_state_is_behind(&t->written, 9, &anchored));
    anchored.size = 121;
    assert_true(dam_signer_state_is_behind(&t->written, 8, &anchored));
    anchored = (struct dam_signer_checkpoint){120, {{9}}, 60};
    assert_true(dam_signer_state_is_behind(&t->written, 8, &anchored));
    anchored.size = 119;
    assert_false(dam_signer_state_is_behind(&t->written, 0, &anchored));
    free(t);
}

static struct dam_policy some_policy(void)
{
    static struct fixture_policy blob;
    struct dam_policy policy;
    struct dam_hash domain = {{1}};
    fixture_default(&blob, &domain);
    assert_true(dam_policy_load(dam_bytes(blob.bytes, blob.len), &policy));
    return policy;
}

static void a_fresh_file_says_the_same(void **state)
{
    (void)state;
    struct two *t = two_new();
    struct dam_policy policy = some_policy();
    struct dam_signer_channel channel = {{{3}}, {{4}}, {{501}}};
    uint64_t index;
    assert_int_equal(script(&t->written), DAM_OK);
    struct dam_bytes file = dam_bytes(t->disk.data, t->disk.len);
    assert_true(dam_signer_state_begins(&t->read, file, &index) && index == 0);
    uint64_t before = t->written.index_next;
    assert_int_equal(dam_signer_state_compact(&t->written, &policy, 1100), DAM_OK);
    file = dam_bytes(t->disk.data, t->disk.len);
    assert_true(dam_signer_state_begins(&t->read, file, &index) && index == before);
    assert_int_equal(dam_signer_state_replay(&t->read, file), DAM_OK);
    compare(&t->written, &t->read);
    assert_true(t->read.time_last == 1100 && t->read.pin.version == 2);
    assert_true(t->read.nonce_next[0] == 8 && t->read.nonce_next[1] == 3);
    assert_non_null(dam_signer_state_nonce(&t->read, DAM_SIGNER_LANE_CHAIN, 7));
    assert_memory_equal(dam_signer_state_tx(&t->read, 7)->bytes, "transaction", 11);
    assert_int_equal(t->read.checkpoint.size, 120);
    /* It goes on as any other. */
    assert_int_equal(dam_signer_state_put_channel(&t->written, &channel, 1200), DAM_OK);
    assert_true(t->written.file_len == t->disk.len);
    begin(&t->read, &t->disk);
    file = dam_bytes(t->disk.data, t->disk.len);
    assert_int_equal(dam_signer_state_replay(&t->read, file), DAM_OK);
    compare(&t->written, &t->read);
    for (size_t cut = 0; cut < t->disk.records[0]; cut += 97) { /* one that was never finished */
        begin(&t->read, &t->disk);
        assert_false(dam_signer_state_begins(&t->read, dam_bytes(file.data, cut), &index));
        assert_int_equal(dam_signer_state_replay(&t->read, dam_bytes(file.data, cut)),
                         DAM_ECORRUPT);
    }
    free(t);
}

static struct dam_hash payee_key(uint32_t i)
{
    struct dam_hash key = {.b = {0x80, [31] = 2}};
    dam_store_be32(key.b + 20, i);
    return key;
}

/* Payments to as many payees as the table holds: every other one of all that a payee may have in a
 * day, the others of what refills in half an hour. */
static void pay_all(struct dam_signer_state *s)
{
    for (uint32_t i = 0; i < DAM_SIGNER_USES_MAX; i++) {
        struct dam_signer_nonce nonce = {s->nonce_next[0], {{1}}, {{0}}, {{0}}};
        struct dam_policy_use fees = {{{0}}, 0};
        struct dam_u256 sum = dam_u256_from_u64(i % 2 == 0 ? 300 : 5);
        struct dam_policy_take take = {.key = payee_key(i), .sum = sum, .now = {sum, 1100}};
        assert_int_equal(dam_signer_state_put_nonce(s, DAM_SIGNER_LANE_CHAIN, &nonce, &fees, &take,
                                                    1, &nonce.payload, dam_bytes(NULL, 0), 1100),
                         DAM_OK);
        s->disk.ctx = memset(s->disk.ctx, 0, sizeof(struct disk)); /* nobody reads it back */
        s->file_len = 0;
    }
}

static void allowances_that_are_full_again_are_forgotten(void **state)
{
    (void)state;
    struct two *t = two_new();
    struct dam_policy policy = some_policy();
    struct dam_policy_ledger ledger = dam_signer_state_ledger(&t->written);
    struct dam_policy_use fees = {{{0}}, 0};
    struct dam_u256 capacity = dam_u256_from_u64(300);
    assert_int_equal(script(&t->written), DAM_OK);
    pay_all(&t->written);
    struct dam_signer_nonce nonce = {t->written.nonce_next[0], {{1}}, {{0}}, {{0}}};
    struct dam_policy_take take = {.key = payee_key(1u << 20), .sum = {{1}}, .now = {{{1}}, 2900}};
    assert_int_equal(dam_signer_state_put_nonce(&t->written, DAM_SIGNER_LANE_CHAIN, &nonce, &fees,
                                                &take, 1, &nonce.payload, dam_bytes(NULL, 0), 2900),
                     DAM_EFULL);
    assert_false(
        dam_signer_state_is_due(&t->written, &policy, 2500)); /* 4 of the 5 have refilled */
    assert_true(dam_signer_state_is_due(&t->written, &policy, 2900));
    assert_int_equal(dam_signer_state_compact(&t->written, &policy, 2900), DAM_OK);
    assert_false(dam_signer_state_is_due(&t->written, &policy, 2900));
    assert_int_equal(t->written.use_count, DAM_SIGNER_USES_MAX / 2);
    for (uint32_t i = 0; i < DAM_SIGNER_USES_MAX; i++) {
        struct dam_hash key = payee_key(i);
        for (uint64_t now = 2900; now < 90000; now += 20000) { /* as if none had been dropped */
            struct dam_policy_use want = {dam_u256_from_u64(i % 2 == 0 ? 300 : 5), 1100};
            struct dam_policy_use got = {{{0}}, 0};
            struct dam_u256 want_left;
            struct dam_u256 left;
            ledger.get(ledger.ctx, &key, &got);
            dam_policy_refill(&capacity, 86400, 1000, now, &want, &want_left);
            dam_policy_refill(&capacity, 86400, 1000, now, &got, &left);
            assert_memory_equal(&got, &want, sizeof(got));
            assert_true(dam_u256_eq(&left, &want_left));
        }
    }
    assert_int_equal(dam_signer_state_put_nonce(&t->written, DAM_SIGNER_LANE_CHAIN, &nonce, &fees,
                                                &take, 1, &nonce.payload, dam_bytes(NULL, 0), 2900),
                     DAM_OK);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_read_back),
        cmocka_unit_test(a_cut_file_is_a_prefix),
        cmocka_unit_test(a_changed_file_is_noticed),
        cmocka_unit_test(another_key_reads_nothing),
        cmocka_unit_test(records_cannot_be_moved),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(a_failing_disk_ends_it),
        cmocka_unit_test(behind_the_chain),
        cmocka_unit_test(version_1_is_read),
        cmocka_unit_test(a_fresh_file_says_the_same),
        cmocka_unit_test(allowances_that_are_full_again_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
