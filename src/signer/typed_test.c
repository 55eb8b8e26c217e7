// SPDX-License-Identifier: Apache-2.0
/* What is signed is what the contracts hash: digests and calldata made by viem 2 from the types in
 * contracts/ and in x402's batch settlement. */
#include "signer/typed.h"

#include "base/heap.h"
#include "base/hex.h"
#include "signer/signer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(const struct dam_hash *got, const char *hex)
{
    uint8_t want[32];
    assert_int_equal(dam_hex_decode_exact(hex, strlen(hex), want, 32), DAM_OK);
    assert_memory_equal(got->b, want, 32);
}

static struct dam_signer_pin pin_of(void)
{
    struct fixture_policy policy;
    struct dam_hash domain = {{0}};
    fixture_default(&policy, &domain);
    return fixture_pin(&policy);
}

static void typed_data(void **state)
{
    (void)state;
    struct dam_signer_pin pin = pin_of();
    struct dam_hash digest;
    struct dam_signer_checkpoint checkpoint = {10, {{1}}, 100};
    dam_signer_digest_checkpoint(&pin, &checkpoint, &digest);
    expect(&digest, "ace3d15c642428f99bbb15556cdb9fa7d38a6ccdf1c8cbfef7b9157cd77af9f5");

    struct dam_signer_report report = {
        .config = {{1}},
        .topic = {{2}},
        .round = 5,
        .time = 9,
        .count = 2,
        .observations = {{{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}}, {{1}}}};
    dam_signer_digest_report(&pin, &report, &digest);
    expect(&digest, "365d2910f32a43981bfbc34a41d8d8e25f8ab284dc057d62e6cfd9f4cf6ce297");

    struct dam_signer_voucher voucher = {.channel = {{4}}, .total = {{500}}};
    const char separator[] = "26f2b0f3180349134819e8a3f847cd1852e503f5307234c8ba6406fc16730c9e";
    assert_int_equal(dam_hex_decode_exact(separator, 64, voucher.domain.b, 32), DAM_OK);
    dam_signer_digest_voucher(&voucher, &digest);
    expect(&digest, "b3642dd67b6c2da2bc61a521ba8091453c19c2d426a8257f6a58231049323657");
}

static void calls(void **state)
{
    (void)state;
    struct dam_signer_pin pin = pin_of();
    uint8_t data[68];
    struct dam_signer_spend spend = {.nonce = 3, .call_count = 2};
    struct dam_arena arena;
    struct dam_buf buf;
    struct dam_hash batch;
    struct dam_hash digest;
    struct dam_tx tx;
    dam_arena_init(&arena, dam_heap(), 0);
    spend.calls[0] =
        (struct dam_policy_call){fixture_address(1), dam_u256_from_u64(ETHER), {NULL, 0}};
    spend.calls[1] =
        (struct dam_policy_call){fixture_address(TOKEN), {{0}}, fixture_transfer(data, 7, 9)};
    dam_buf_init_arena(&buf, &arena, 0);
    dam_signer_encode_calls(spend.calls, 2, &buf);
    assert_int_equal(dam_buf_err(&buf), DAM_OK);
    dam_keccak256(buf.data, buf.len, &batch);
    expect(&batch, "5556efeea1a57cc155b4fb2b592c44938dc11086155fd05d884d7564134312b8");
    dam_signer_digest_execute(&pin, &batch, 3, 12345, &digest);
    expect(&digest, "27788967289c1678c435d4906b7b2f3120b9a3b64ee47d754eb1c74965ba2e07");
    assert_int_equal(dam_signer_build_tx(&pin, &spend, dam_buf_bytes(&buf), &arena, &tx), DAM_OK);
    dam_keccak256(tx.data.data, tx.data.len, &digest);
    expect(&digest, "0397734e80b34540de63abc22654d8936990f1a3635750633e64c61d8955786d");

    /* And back; any changed bit is either noticed or in a value. */
    struct dam_policy_call back[DAM_POLICY_CALLS_MAX];
    uint32_t count = 0;
    unsigned noticed = 0;
    assert_true(dam_signer_decode_execute(tx.data, back, &count));
    assert_int_equal(count, 2);
    assert_true(dam_bytes_eq(back[1].data, spend.calls[1].data));
    assert_true(dam_u256_eq(&back[0].value, &spend.calls[0].value));
    uint8_t *bytes = (uint8_t *)tx.data.data;
    for (size_t i = 0; i < tx.data.len; i++) {
        bytes[i] ^= 0x80;
        noticed += !dam_signer_decode_execute(tx.data, back, &count);
        bytes[i] ^= 0x80;
        assert_false(dam_signer_decode_execute(dam_bytes(bytes, i), back, &count));
    }
    assert_int_equal(noticed, tx.data.len - 2 * (20 + 32) - 68);
    dam_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(typed_data), cmocka_unit_test(calls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
