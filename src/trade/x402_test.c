// SPDX-License-Identifier: Apache-2.0
#include "trade/x402.h"

#include "base/heap.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define TOKEN "0x0100000000000000000000000000000000000000"
#define ACCOUNT "0x0200000000000000000000000000000000000000"
#define PAYER "0x0300000000000000000000000000000000000000"
#define NONCE "0x0400000000000000000000000000000000000000000000000000000000000000"

static struct dam_x402_terms terms = {
    .chain_id = 31337, .token = {{1}}, .account = {{2}}, .token_name = "T", .token_version = "1"};

static const char good[] =
    "{\"x402Version\":2,\"accepted\":{\"scheme\":\"exact\",\"network\":\"eip155:31337\",\"amount\":"
    "\"20000\",\"asset\":\"" TOKEN "\",\"payTo\":\"" ACCOUNT "\"},\"payload\":{\"signature\":\"0x"
    "11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
    "11111111111111111111111111111111111111\",\"authorization\":{\"from\":\"" PAYER
    "\",\"to\":\"" ACCOUNT
    "\",\"value\":\"20000\",\"validAfter\":\"0\",\"validBefore\":\"1000\",\"nonce\":\"" NONCE
    "\"}}}";

/* The answer to the good text in which `from` is replaced. */
static const char *parse_with(const char *from, const char *to, struct dam_x402_payment *ret)
{
    static char text[2048];
    static uint8_t packed[4096];
    struct dam_arena arena;
    struct dam_buf buf;
    const char *at = strstr(good, from);
    assert_non_null(at);
    terms.amount = dam_u256_from_u64(20000);
    (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    dam_buf_init_fixed(&buf, packed, sizeof(packed));
    dam_buf_put_base64(&buf, (const uint8_t *)text, strlen(text));
    dam_arena_init(&arena, dam_heap(), 0);
    const char *wrong = dam_x402_parse(&arena, dam_buf_bytes(&buf), &terms, ret);
    dam_arena_finish(&arena);
    return wrong;
}

static void test_a_good_payment(void **state)
{
    struct dam_x402_payment payment;
    (void)state;
    assert_null(parse_with("{", "{", &payment));
    assert_int_equal(payment.from.b[0], 3);
    assert_int_equal(payment.nonce.b[0], 4);
    assert_int_equal(payment.signature[64], 0x11);
    assert_true(dam_x402_is_timely(&payment, 969));
    assert_false(dam_x402_is_timely(&payment, 970)); /* too near to its end */
    assert_false(dam_x402_is_timely(&payment, 0));   /* validAfter itself is not after */
}

static void test_what_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"Version\":2", "Version\":1"},
        {"exact", "upto"},
        {"eip155:31337", "eip155:1"},
        {"\"amount\":\"20000\"", "\"amount\":\"19999\""},
        {"\"asset\":\"" TOKEN, "\"asset\":\"" PAYER},
        {"\"payTo\":\"" ACCOUNT, "\"payTo\":\"" PAYER},
        {"\"to\":\"" ACCOUNT, "\"to\":\"" PAYER},
        {"\"value\":\"20000\"", "\"value\":\"19999\""},
        {"\"from\":\"" PAYER, "\"from\":\"0x03"},
        {"\"signature\":\"0x", "\"signature\":\"0x00"},
        {"\"nonce\"", "\"once\""},
        {"\"validAfter\":\"0\"", "\"validAfter\":\"-1\""},
        {"}}}", "}}"},
    };
    struct dam_x402_payment payment;
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(rows); i++) {
        assert_non_null(parse_with(rows[i][0], rows[i][1], &payment));
    }
}

static void test_headers(void **state)
{
    static const char *const rows[] = {"", "=", "====", "e30", "e30=", "????", "e30=e30="};
    struct dam_x402_payment payment;
    struct dam_arena arena;
    (void)state;
    dam_arena_init(&arena, dam_heap(), 0);
    for (size_t i = 0; i < DAM_COUNT_OF(rows); i++) {
        struct dam_bytes header = dam_bytes(rows[i], strlen(rows[i]));
        assert_non_null(dam_x402_parse(&arena, header, &terms, &payment));
    }
    dam_arena_finish(&arena);
}

static void test_base64(void **state)
{
    static const char *const rows[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
    uint8_t space[256];
    struct dam_buf buf;
    (void)state;
    for (size_t i = 0; i < DAM_COUNT_OF(rows); i++) { /* RFC 4648 section 10 */
        dam_buf_init_fixed(&buf, space, sizeof(space));
        dam_buf_put_base64(&buf, (const uint8_t *)rows[i][0], strlen(rows[i][0]));
        assert_int_equal(buf.len, strlen(rows[i][1]));
        assert_memory_equal(space, rows[i][1], buf.len);
    }
    dam_buf_init_fixed(&buf, space, sizeof(space)); /* longer than a line of mail */
    dam_buf_put_base64(&buf, (const uint8_t *)good, 100);
    assert_int_equal(buf.len, 136);
}

static void test_the_offer_is_what_a_payment_accepts(void **state)
{
    uint8_t space[4096];
    struct dam_buf buf;
    struct dam_arena arena;
    const struct dam_json *root = NULL;
    (void)state;
    terms.amount = dam_u256_from_u64(20000);
    dam_buf_init_fixed(&buf, space, sizeof(space));
    dam_x402_put_offer(&buf, &terms, "/api/skills/data/pv", "Panels \"1\"", "no");
    assert_int_equal(dam_buf_err(&buf), DAM_OK);
    dam_arena_init(&arena, dam_heap(), 0);
    assert_int_equal(dam_json_parse(&arena, (const char *)space, buf.len, 8, &root, NULL), DAM_OK);
    const struct dam_json *accepts = dam_json_at(dam_json_get(root, "accepts"), 0);
    assert_true(dam_json_is(dam_json_get(accepts, "amount"), "20000"));
    assert_true(dam_json_is(dam_json_get(accepts, "network"), "eip155:31337"));
    assert_true(dam_json_is(dam_json_get(accepts, "payTo"), ACCOUNT));
    assert_true(dam_json_is(dam_json_get(root, "error"), "no"));
    dam_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_payment),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_the_offer_is_what_a_payment_accepts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
