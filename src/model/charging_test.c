// SPDX-License-Identifier: Apache-2.0
#include "model/charging.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CAR 5000
#define CLEAN 10000
#define DIRTY 60000

static struct dam_charging plain(int32_t site_most)
{
    return (struct dam_charging){.car_most = CAR,
                                 .site_most = site_most,
                                 .gain = 30000,
                                 .carbon_price = 20218,
                                 .keep = 251,
                                 .haste = 67};
}

/* Dirty until noon, clean then. */
static int32_t carbon_at(int64_t slot)
{
    return slot % DAM_CHARGING_SLOTS < DAM_CHARGING_SLOTS / 2 ? DIRTY : CLEAN;
}

/* Some days without cars, on which those that left did so as they said, or much before it. */
static struct dam_charging_memory lived(const struct dam_charging *c, int64_t late)
{
    struct dam_charging_memory memory;
    dam_charging_begin(&memory);
    for (int i = 0; i < 400; i++) {
        dam_charging_left(&memory, late);
    }
    while (memory.slots < 3 * DAM_CHARGING_SLOTS) {
        dam_charging_decide(c, &memory, carbon_at(memory.slots), NULL, 0, NULL);
    }
    return memory;
}

/* Runs a car that comes at nine and says it leaves at five. Returns: what it got while dirty. */
static int32_t charged_dirty(const struct dam_charging *c, struct dam_charging_memory *memory,
                             int32_t wants, int32_t *ret_clean)
{
    int32_t got[2] = {0, 0};
    int64_t day = memory->slots;
    struct dam_charging_car car = {day + 17 * 12, wants};
    while (memory->slots < car.says) {
        int64_t slot = memory->slots;
        int32_t energy = 0;
        dam_charging_decide(c, memory, carbon_at(slot), &car, slot >= day + 9 * 12, &energy);
        got[carbon_at(slot) == CLEAN] += energy;
        car.wants -= energy;
    }
    *ret_clean = got[1];
    return got[0];
}

/* Who keeps their word waits for the clean hours, unless the time is too short for it; who often
 * leaves before noon is charged at once. */
static void a_car_waits_where_it_pays(void **state)
{
    (void)state;
    struct dam_charging c = plain(100 * CAR);
    int32_t clean;
    struct dam_charging_memory memory = lived(&c, 0);
    assert_int_equal(charged_dirty(&c, &memory, 20 * CAR, &clean), 0);
    assert_int_equal(clean, 20 * CAR);
    memory = lived(&c, 0);
    /* Twenty of the 96 slots have to be dirty ones; leaving is known to a quarter of an hour. */
    assert_true(charged_dirty(&c, &memory, 80 * CAR, &clean) >= 17 * CAR);
    assert_int_equal(clean, 60 * CAR);
    memory = lived(&c, -6 * 12);
    assert_int_equal(charged_dirty(&c, &memory, 20 * CAR, &clean), 20 * CAR);
}

/* A site too small for all: who has the least time is first. */
static void who_would_lose_most_comes_first(void **state)
{
    (void)state;
    struct dam_charging c = plain(CAR);
    struct dam_charging_memory memory = lived(&c, 0);
    const struct dam_charging_car cars[3] = {
        {memory.slots + 100, CAR}, {memory.slots + 10, 10 * CAR}, {memory.slots + 100, 0}};
    int32_t energy[3];
    dam_charging_decide(&c, &memory, DIRTY, cars, 3, energy);
    assert_int_equal(energy[0], 0);
    assert_int_equal(energy[1], CAR);
    assert_int_equal(energy[2], 0);
}

/* Anything at all: no one gets more than they want, the cable or the site carries. */
static void limits_are_kept(void **state)
{
    (void)state;
    struct dam_prng prng = {3};
    struct dam_charging c = plain(20 * CAR);
    struct dam_charging_memory memory;
    int64_t given = 0;
    dam_charging_begin(&memory);
    for (int t = 0; t < 2000; t++) {
        struct dam_charging_car cars[60];
        int32_t energy[60];
        int64_t all = 0;
        for (size_t i = 0; i < 60; i++) {
            cars[i].says = memory.slots - 600 + (int64_t)dam_prng_below(&prng, 1200);
            cars[i].wants = (int32_t)dam_prng_below(&prng, 1u << (1 + dam_prng_below(&prng, 30)));
        }
        dam_charging_left(&memory, (int64_t)dam_prng_below(&prng, 2000) - 1000);
        dam_charging_decide(&c, &memory, (int32_t)dam_prng_below(&prng, 1 << 20), cars, 60, energy);
        for (size_t i = 0; i < 60; i++) {
            assert_in_range(energy[i], 0, cars[i].wants < CAR ? cars[i].wants : CAR);
            all += energy[i];
        }
        assert_true(all <= c.site_most);
        given += all;
    }
    assert_true(given > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_car_waits_where_it_pays),
        cmocka_unit_test(who_would_lose_most_comes_first),
        cmocka_unit_test(limits_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
