// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/prng.h"
#include "port/websocket.h"

/* RFC 6455 section 1.3. */
static void test_accept(void **state)
{
    char accept[DAM_WS_ACCEPT_LEN + 1];
    (void)state;
    assert_int_equal(dam_ws_accept(dam_bytes("dGhlIHNhbXBsZSBub25jZQ==", 24), accept), DAM_OK);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_int_equal(dam_ws_accept(dam_bytes("short", 5), accept), DAM_EPARSE);
}

/* Section 5.7: a masked "Hello", then the same in two fragments around a ping. */
static void test_examples(void **state)
{
    static const uint8_t hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d,
                                    0x7f, 0x9f, 0x4d, 0x51, 0x58};
    static const uint8_t parts[] = {0x01, 0x03, 'H',  'e',  'l', 0x89,
                                    0x01, '!',  0x80, 0x02, 'l', 'o'};
    struct dam_ws_reader reader;
    struct dam_ws_message message;
    size_t used = 0;
    (void)state;
    dam_ws_reader_init(&reader, dam_heap(), true, 100);
    assert_int_equal(dam_ws_read(&reader, hello, sizeof(hello), &used, &message), DAM_OK);
    assert_int_equal(used, sizeof(hello));
    assert_int_equal(message.op, DAM_WS_TEXT);
    assert_true(dam_bytes_eq(message.data, dam_bytes("Hello", 5)));
    dam_ws_reader_finish(&reader);
    dam_ws_reader_init(&reader, dam_heap(), false, 100);
    assert_int_equal(dam_ws_read(&reader, parts, sizeof(parts), &used, &message), DAM_OK);
    assert_int_equal(message.op, DAM_WS_PING);
    assert_int_equal(used, 8);
    assert_int_equal(dam_ws_read(&reader, parts + 8, 4, &used, &message), DAM_OK);
    assert_true(dam_bytes_eq(message.data, dam_bytes("Hello", 5)));
    dam_ws_reader_finish(&reader);
}

static void refuse(const void *bytes, size_t len, bool masked, uint16_t code)
{
    struct dam_ws_reader reader;
    struct dam_ws_message message;
    size_t used;
    dam_ws_reader_init(&reader, dam_heap(), masked, 64);
    assert_int_equal(dam_ws_read(&reader, bytes, len, &used, &message), DAM_EPARSE);
    assert_int_equal(reader.close_code, code);
    dam_ws_reader_finish(&reader);
}

static void test_violations(void **state)
{
    (void)state;
    refuse("\x81\x01x", 3, true, DAM_WS_CLOSE_PROTOCOL);              /* not masked */
    refuse("\xc1\x01x", 3, false, DAM_WS_CLOSE_PROTOCOL);             /* a reserved bit */
    refuse("\x83\x01x", 3, false, DAM_WS_CLOSE_PROTOCOL);             /* a reserved opcode */
    refuse("\x80\x01x", 3, false, DAM_WS_CLOSE_PROTOCOL);             /* continues nothing */
    refuse("\x09\x01x", 3, false, DAM_WS_CLOSE_PROTOCOL);             /* a ping in fragments */
    refuse("\x81\x7e\x00\x05hello", 9, false, DAM_WS_CLOSE_PROTOCOL); /* not the shortest length */
    refuse("\x81\x01\xff", 3, false, DAM_WS_CLOSE_BAD_DATA);          /* no UTF-8 */
    refuse("\x81\x03\xed\xa0\x80", 5, false, DAM_WS_CLOSE_BAD_DATA);  /* a surrogate */
    refuse("\x88\x01x", 3, false, DAM_WS_CLOSE_PROTOCOL);             /* half a close code */
    refuse("\x88\x02\x03\xed", 4, false, DAM_WS_CLOSE_PROTOCOL);      /* close code 1005 */
    refuse("\x82\x7e\x01\x00", 4, false, DAM_WS_CLOSE_TOO_BIG);
}

/* However the bytes are cut, the same messages come out. */
static void test_any_cut(void **state)
{
    static uint8_t stream[40000];
    static uint8_t sent[16][1000];
    size_t lens[16];
    size_t len = 0;
    struct dam_prng prng = {7};
    (void)state;
    for (size_t i = 0; i < 16; i++) {
        uint8_t mask[4];
        lens[i] = (size_t)dam_prng_below(&prng, sizeof(sent[i]));
        dam_prng_fill(&prng, sent[i], lens[i]);
        dam_prng_fill(&prng, mask, 4);
        len += dam_ws_head(stream + len, DAM_WS_BINARY, lens[i], mask);
        memcpy(stream + len, sent[i], lens[i]);
        dam_ws_mask(stream + len, lens[i], mask, 0);
        len += lens[i];
    }
    for (int round = 0; round < 200; round++) {
        struct dam_ws_reader reader;
        size_t got = 0;
        size_t at = 0;
        dam_ws_reader_init(&reader, dam_heap(), true, 1000);
        while (at < len) {
            size_t cut = 1 + (size_t)dam_prng_below(&prng, 700);
            size_t end = at + cut < len ? at + cut : len;
            while (at < end) {
                struct dam_ws_message message;
                size_t used;
                assert_int_equal(dam_ws_read(&reader, stream + at, end - at, &used, &message),
                                 DAM_OK);
                at += used;
                if (message.op == DAM_WS_NONE) {
                    assert_int_equal(at, end);
                    break;
                }
                assert_true(dam_bytes_eq(message.data, dam_bytes(sent[got], lens[got])));
                got++;
            }
        }
        assert_int_equal(got, 16);
        dam_ws_reader_finish(&reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_violations),
        cmocka_unit_test(test_any_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
