// SPDX-License-Identifier: Apache-2.0
#include "model/district.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TOP (DAM_DISTRICT_LEVELS - 1)
#define LEVEL_WH 200
#define SITES DAM_DISTRICT_SITES_MAX

/* Stores of 6.4 kWh that lose a tenth each way and move 5 kWh an hour. */
static struct dam_district plain(uint32_t sites)
{
    struct dam_district d = {
        .sites = sites, .keep_load = 160, .keep_sun = 240, .doubt = 128, .level_mul = 1};
    for (int move = -TOP; move <= TOP; move++) {
        d.move_wh[move + TOP] = move * LEVEL_WH * (move < 0 ? 9 : 10) / (move < 0 ? 10 : 9);
    }
    for (int level = 0; level <= TOP; level++) {
        d.most_wh[level] = 5000;
    }
    return d;
}

/* A district and what it remembers and is shown. */
struct told {
    struct dam_district district;
    uint8_t memory[2][DAM_DISTRICT_MEMORY_MAX];
    size_t memory_len;
    int which;
    uint8_t observation[16 * (DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS * SITES)];
};

static void put(struct told *t, size_t record, int64_t value)
{
    dam_store_be64(t->observation + 16 * record, (uint64_t)value);
}

static void put_site(struct told *t, size_t site, enum dam_district_site_record what, int64_t value)
{
    put(t, DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS * site + what, value);
}

static void decide(struct told *t, int64_t *ret_draw)
{
    struct dam_bytes seen = dam_bytes(t->observation, 16 * dam_district_records(&t->district));
    struct dam_bytes memory = dam_bytes(t->memory[t->which], t->memory_len);
    t->which = !t->which;
    assert_int_equal(dam_district_decide(&t->district, memory, seen, t->memory[t->which], ret_draw),
                     DAM_OK);
    t->memory_len = dam_district_memory_len(&t->district);
    assert_true(t->memory_len <= sizeof(t->memory[0]));
}

/* A day with a dear evening and a sunny noon, the same for all sites. */
static void tell_hour(struct told *told, int64_t t, const int *levels)
{
    int64_t h = t % 24;
    int64_t price = h >= 16 && h < 21 ? 5400 : 2200;
    put(told, DAM_DISTRICT_PRICE, price);
    put(told, DAM_DISTRICT_PRICE_IN_DAY, price);
    put(told, DAM_DISTRICT_CARBON, 15000);
    for (size_t i = 0; i < told->district.sites; i++) {
        put_site(told, i, DAM_DISTRICT_LOAD, 800);
        put_site(told, i, DAM_DISTRICT_SUN, h >= 8 && h < 16 ? 2500 : 0);
        put_site(told, i, DAM_DISTRICT_LEVEL, levels[i]);
    }
}

/* What is asked for is one of the moves that the level allows. Returns: the level after it. */
static int follow(const struct dam_district *d, int level, int64_t draw)
{
    for (int move = 0; move < DAM_DISTRICT_MOVES; move++) {
        if (d->move_wh[move] == draw) {
            int to = level + move - TOP;
            assert_in_range(to, 0, TOP);
            assert_true(draw <= d->most_wh[level] && draw >= -d->most_wh[level]);
            return to;
        }
    }
    fail_msg("a draw of %lld Wh is no move", (long long)draw);
    return 0;
}

/* The sun of noon is what the dear evening lives on. */
static void sun_is_kept_for_dear_hours(void **state)
{
    (void)state;
    static struct told told;
    told.district = plain(3);
    int levels[3] = {0};
    int64_t dear = 0;
    int64_t dear_draw = 0;
    for (int64_t t = 0; t < 24 * 20; t++) {
        int64_t draw[3];
        tell_hour(&told, t, levels);
        decide(&told, draw);
        int64_t next = (t + 1) % 24;
        for (size_t i = 0; i < 3; i++) {
            assert_true(t >= 24 || draw[i] == 0); /* the first day is watched */
            levels[i] = follow(&told.district, levels[i], draw[i]);
            if (t > 48 && next >= 16 && next < 21) {
                dear += 800;
                dear_draw += draw[i];
            }
        }
    }
    assert_true(-dear_draw > dear * 4 / 5); /* what a ramp costs is left */
}

/* A value of any size, now and then a missing one. */
static void tell_any(struct dam_prng *prng, struct told *told, bool silent)
{
    size_t records = dam_district_records(&told->district);
    memset(told->observation, 0, sizeof(told->observation));
    for (size_t record = 0; record < records && !silent; record++) {
        int64_t any = (int64_t)dam_prng_next(prng);
        put(told, record, any >> (dam_prng_below(prng, 8) == 0 ? 0 : 40));
        told->observation[16 * record + 12] = (uint8_t)(dam_prng_below(prng, 9) == 0 ? 2 : 0);
    }
    for (size_t i = 0; i < told->district.sites; i++) {
        put_site(told, i, DAM_DISTRICT_LEVEL, (int64_t)dam_prng_below(prng, DAM_DISTRICT_LEVELS));
    }
}

/* Any values and, now and then, any memory, after three days of nothing at all: a move that the
 * level allows. (Under UBSan: no sum overflows.) */
static void it_asks_only_for_what_can_be(void **state)
{
    (void)state;
    struct dam_prng prng = {7};
    static struct told told;
    told.district = plain(SITES);
    for (int t = 0; t < 300; t++) {
        int64_t draw[SITES];
        tell_any(&prng, &told, t < 72);
        if (t > 72 && t % 10 == 0) {
            dam_prng_fill(&prng, told.memory[told.which], told.memory_len);
        }
        decide(&told, draw);
        for (size_t i = 0; i < SITES; i++) {
            const uint8_t *level =
                told.observation +
                16 * (DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS * i + DAM_DISTRICT_LEVEL);
            int at = level[12] == 2 ? 0 : (int)dam_load_be64(level);
            (void)follow(&told.district, at, draw[i]);
        }
    }
}

/* Written and read again it is the same; each byte that is changed makes another or none. */
static void a_blob_is_read_or_refused(void **state)
{
    (void)state;
    struct dam_district d = plain(5);
    struct dam_district again;
    uint8_t blob[DAM_DISTRICT_BLOB_LEN];
    uint8_t second[DAM_DISTRICT_BLOB_LEN];
    const char *why = NULL;
    size_t refused = 0;
    dam_district_write(&d, blob);
    assert_int_equal(dam_district_open(dam_bytes(blob, sizeof(blob)), &again, &why), DAM_OK);
    assert_memory_equal(&again, &d, sizeof(d));
    for (size_t i = 0; i < sizeof(blob); i++) {
        blob[i] ^= 0xff;
        if (dam_district_open(dam_bytes(blob, sizeof(blob)), &again, &why) == DAM_OK) {
            dam_district_write(&again, second);
            assert_memory_equal(second, blob, sizeof(blob));
        } else {
            assert_non_null(why);
            refused++;
        }
        blob[i] ^= 0xff;
    }
    assert_true(refused > 100);
    assert_int_equal(dam_district_open(dam_bytes(blob, sizeof(blob) - 1), &again, &why),
                     DAM_EPARSE);
}

/* A machine's observation goes on with its last actions: what follows the sites is not read. */
static void what_follows_is_not_read(void **state)
{
    (void)state;
    struct dam_district d = plain(1);
    static uint8_t next[2][DAM_DISTRICT_MEMORY_MAX];
    uint8_t observation[16 * (DAM_DISTRICT_SITE + DAM_DISTRICT_SITE_RECORDS + 1)] = {0};
    size_t len = 16 * dam_district_records(&d);
    int64_t draw[1];
    const struct dam_bytes none = dam_bytes(NULL, 0);
    memset(observation + len, 0xee, sizeof(observation) - len);
    assert_int_equal(dam_district_decide(&d, none, dam_bytes(observation, len), next[0], draw),
                     DAM_OK);
    assert_int_equal(dam_district_decide(&d, none, dam_bytes(observation, len + 16), next[1], draw),
                     DAM_OK);
    assert_memory_equal(next[0], next[1], dam_district_memory_len(&d));
    assert_int_equal(dam_district_decide(&d, none, dam_bytes(observation, len - 1), next[0], draw),
                     DAM_ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sun_is_kept_for_dear_hours),
        cmocka_unit_test(it_asks_only_for_what_can_be),
        cmocka_unit_test(a_blob_is_read_or_refused),
        cmocka_unit_test(what_follows_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
