// SPDX-License-Identifier: Apache-2.0
#include "app/plant_solar.h"
#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void plant_of(struct dam_plant *plant, const char *text)
{
    char path[] = "/tmp/dam-plant-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    size_t line = 0;
    assert_int_equal(dam_plant_init(plant, path, &line), DAM_OK);
    assert_int_equal(unlink(path), 0);
}

/* What leaves the battery, divided by the efficiency, never exceeds what was stored, whatever the
 * set-points. */
static void the_battery_makes_no_energy(void **state)
{
    (void)state;
    struct dam_plant plant;
    plant_of(&plant, "hour,...\n0,8000,1,2,3,4,21000\n1,0,1,2,3,4,54000\n");
    struct dam_prng prng = {.state = 7};
    int64_t stored_start = plant.stored_mwh;
    int64_t in_mwh = 0;
    int64_t out_mwh = 0;
    for (int i = 0; i < 10000; i++) {
        plant.rate_centipct = (int64_t)dam_prng_below(&prng, 20001) - 10000;
        dam_plant_step(&plant, 900);
        int64_t moved_mwh = plant.battery_w * 900 * 1000 / 3600;
        *(moved_mwh < 0 ? &in_mwh : &out_mwh) += llabs(moved_mwh);
        assert_in_range(plant.stored_mwh, 0, plant.capacity_mwh);
        assert_true(llabs(plant.battery_w) <= plant.rate_max_w);
    }
    int64_t slack_mwh = 10000 * 300; /* a watt of rounding a step */
    assert_true(out_mwh * 100 / 95 <= stored_start + in_mwh * 95 / 100 + slack_mwh);
    assert_true(in_mwh > 0 && out_mwh > 0);
    dam_plant_finish(&plant);
}

static void soiling_takes_its_share(void **state)
{
    (void)state;
    struct dam_plant plant;
    plant_of(&plant, "0,8000,1,2,3,4,21000\n");
    plant.soiling_pct = 25;
    dam_plant_step(&plant, 3600);
    assert_int_equal(plant.pv_w, 6000);
    assert_int_equal(plant.export_mwh, 6000000);
    assert_int_equal(plant.house_mwh[3], 4000);
    dam_plant_finish(&plant);
}

static void a_bad_line_is_named(void **state)
{
    (void)state;
    char path[] = "/tmp/dam-plant-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char text[] = "hour,a\n0,1,1,1,1,1,1\n1,x,1,1,1,1,1\n";
    assert_int_equal(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
    assert_int_equal(close(fd), 0);
    struct dam_plant plant;
    size_t line = 0;
    assert_int_equal(dam_plant_init(&plant, path, &line), DAM_EPARSE);
    assert_int_equal(line, 3);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(dam_plant_init(&plant, path, &line), DAM_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_battery_makes_no_energy),
        cmocka_unit_test(soiling_takes_its_share),
        cmocka_unit_test(a_bad_line_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
