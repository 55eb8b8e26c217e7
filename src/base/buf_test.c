// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void the_three_homes_hold_the_same_bytes(void **state)
{
    (void)state;
    static uint8_t memory[4096];
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    struct dam_buf bufs[3];
    dam_buf_init_fixed(&bufs[0], memory, sizeof(memory));
    dam_buf_init_arena(&bufs[1], &arena, 0);
    dam_buf_init(&bufs[2], dam_heap(), 0);
    for (size_t i = 0; i < 3; i++) {
        for (unsigned n = 0; n < 300; n++) {
            dam_buf_put_byte(&bufs[i], (uint8_t)n);
            dam_buf_put_u64(&bufs[i], n);
        }
        dam_buf_put_text(&bufs[i], "text");
        dam_buf_put_hex(&bufs[i], (const uint8_t *)"\x01\xfe", 2);
        dam_buf_put_zeros(&bufs[i], 100);
        assert_int_equal(dam_buf_err(&bufs[i]), DAM_OK);
        assert_int_equal(bufs[i].len, bufs[0].len);
        assert_memory_equal(bufs[i].data, bufs[0].data, bufs[0].len);
    }
    dam_buf_finish(&bufs[2]);
    dam_arena_finish(&arena);
}

static void a_write_too_long_is_dropped_and_remembered(void **state)
{
    (void)state;
    uint8_t memory[4];
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, memory, sizeof(memory));
    dam_buf_put(&buf, "abc", 3);
    dam_buf_put(&buf, "de", 2);
    assert_int_equal(dam_buf_err(&buf), DAM_EFULL);
    dam_buf_put_byte(&buf, 'f'); /* would fit, but the text would have a hole */
    assert_int_equal(buf.len, 3);
    dam_buf_reset(&buf);
    dam_buf_put(&buf, "abcd", 4);
    assert_int_equal(dam_buf_err(&buf), DAM_OK);
}

static void no_room_is_no_room(void **state)
{
    (void)state;
    uint8_t memory[1] = {0x55};
    struct dam_buf bufs[2] = {0}; /* one of no bytes, one that is finished */
    dam_buf_init_fixed(&bufs[0], memory, 0);
    dam_buf_finish(&bufs[1]);
    for (size_t i = 0; i < 2; i++) {
        dam_buf_put(&bufs[i], "", 0);
        assert_int_equal(dam_buf_err(&bufs[i]), DAM_OK);
        dam_buf_put_byte(&bufs[i], 'a');
        assert_int_equal(dam_buf_err(&bufs[i]), DAM_EFULL);
        assert_int_equal(bufs[i].len, 0);
    }
    assert_int_equal(memory[0], 0x55);
}

static void one_long_write_takes_no_more_than_it_needs(void **state)
{
    (void)state;
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 0);
    dam_buf_put_text(&buf, "head");
    dam_buf_put_zeros(&buf, 1000000);
    assert_int_equal(buf.size, 1000004);
    assert_memory_equal(buf.data, "head", 5);
    dam_buf_put_byte(&buf, 1);
    assert_int_equal(buf.size, 2000008); /* many small ones may follow */
    assert_int_equal(buf.data[1000004], 1);
    dam_buf_finish(&buf);
}

static void the_limit_holds_and_can_be_reached(void **state)
{
    (void)state;
    struct dam_buf buf;
    dam_buf_init(&buf, dam_heap(), 1000);
    dam_buf_put_zeros(&buf, 999);
    dam_buf_put_byte(&buf, 1);
    assert_int_equal(dam_buf_err(&buf), DAM_OK);
    dam_buf_put_byte(&buf, 1);
    assert_int_equal(dam_buf_err(&buf), DAM_EFULL);
    assert_int_equal(buf.len, 1000);
    dam_buf_finish(&buf);
    dam_buf_finish(&(struct dam_buf){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_homes_hold_the_same_bytes),
        cmocka_unit_test(a_write_too_long_is_dropped_and_remembered),
        cmocka_unit_test(no_room_is_no_room),
        cmocka_unit_test(one_long_write_takes_no_more_than_it_needs),
        cmocka_unit_test(the_limit_holds_and_can_be_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
