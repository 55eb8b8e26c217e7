// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/keccak.h"

#include "base/hex.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(const char *text, const char *hex)
{
    struct dam_hash hash;
    uint8_t want[32];
    dam_keccak256((const uint8_t *)text, strlen(text), &hash);
    assert_int_equal(dam_hex_decode_exact(hex, strlen(hex), want, 32), DAM_OK);
    assert_memory_equal(hash.b, want, 32);
}

/* Known answers: the empty-code hash and the ERC-20 Transfer topic that every Ethereum tool knows.
 */
static void known_answers(void **state)
{
    (void)state;
    expect("", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    expect("abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    expect("Transfer(address,address,uint256)",
           "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
}

static void pieces_equal_the_whole(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 7};
    uint8_t data[700];
    dam_prng_fill(&prng, data, sizeof(data));
    for (size_t len = 0; len <= sizeof(data); len++) {
        struct dam_hash whole;
        struct dam_hash pieces;
        struct dam_keccak256 stream;
        dam_keccak256(data, len, &whole);
        dam_keccak256_init(&stream);
        for (size_t at = 0; at < len;) {
            size_t part = dam_prng_below(&prng, len - at + 1);
            dam_keccak256_update(&stream, data + at, part);
            at += part;
        }
        dam_keccak256_final(&stream, &pieces);
        assert_true(dam_hash_eq(&whole, &pieces));
    }
}

static void batch_equals_single(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 11};
    static uint8_t data[64 * 1024];
    dam_prng_fill(&prng, data, sizeof(data));
    size_t compared = 0;
    for (size_t count = 0; count < 120; count++) {
        struct dam_bytes inputs[120];
        struct dam_hash got[120];
        for (size_t i = 0; i < count; i++) {
            size_t len_max = dam_prng_below(&prng, 4) == 0 ? 3000 : 300;
            inputs[i] =
                dam_bytes(data + dam_prng_below(&prng, 60000), dam_prng_below(&prng, len_max));
        }
        for (unsigned width = 1; width <= dam_keccak256_batch_width(); width *= 2) {
            if (width == 2) {
                continue;
            }
            memset(got, 0, sizeof(got));
            dam_keccak256_batch_at((enum dam_keccak_width)width, inputs, count, got);
            for (size_t i = 0; i < count; i++) {
                struct dam_hash want;
                dam_keccak256(inputs[i].data, inputs[i].len, &want);
                assert_true(dam_hash_eq(&got[i], &want));
                compared++;
            }
        }
    }
    assert_true(compared >= 120 * 119 / 2);
}

/* On a processor that has the best kind the others would never run. */
static void kinds_agree(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 13};
    uint8_t data[600];
    dam_prng_fill(&prng, data, sizeof(data));
    for (size_t len = 0; len <= 500; len++) {
        struct dam_hash stream_hash;
        struct dam_keccak256 stream;
        const uint8_t *const from = data + len % 9; /* unaligned, too */
        dam_keccak256_init(&stream);
        dam_keccak256_update(&stream, from, len);
        dam_keccak256_final(&stream, &stream_hash);
        for (int kind = 0; kind <= (int)dam_keccak256_kind(); kind++) {
            struct dam_hash hash;
            dam_keccak256_at((enum dam_keccak_kind)kind, from, len, &hash);
            assert_true(dam_hash_eq(&hash, &stream_hash));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(pieces_equal_the_whole),
        cmocka_unit_test(batch_equals_single),
        cmocka_unit_test(kinds_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
