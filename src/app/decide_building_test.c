// SPDX-License-Identifier: Apache-2.0
#include "app/decide_building.h"

#include "app/decisions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* shared/data, beside the project's root or where DAM_SHARED says. */
static void find_data(char *ret, size_t size)
{
    const char *shared = getenv("DAM_SHARED");
    const char *room = strstr(__FILE__, "src/app/");
    assert_non_null(room);
    int root = (int)(room - __FILE__);
    (void)snprintf(ret, size, "%.*s%s/data", shared == NULL ? root : 0, __FILE__,
                   shared == NULL ? "../shared" : shared);
}

/* The package's own rule has the package's own score, to its last published digit. */
static void the_environment_is_citylearn(void **state)
{
    (void)state;
    static const struct dam_building_phase phase = {1, 1, 5, 0.642};
    struct dam_building_score rule;
    char folder[1024];
    find_data(folder, sizeof(folder));
    enum dam_err err = dam_building_judge(folder, &phase, 0, &rule, NULL, NULL);
    if (err == DAM_EIO) {
        (void)fprintf(stderr, "skipped: CityLearn: its data is not in %s\n", folder);
        skip();
    }
    assert_int_equal(err, DAM_OK);
    assert_float_equal(rule.price, 0.7954778, 5e-8);
    assert_float_equal(rule.carbon, 0.9380678, 5e-8);
    assert_float_equal(rule.grid, 1.0060294, 5e-8);
}

static void a_name_is_whole_or_a_family(void **state)
{
    (void)state;
    assert_true(dam_decision_named(NULL, "pymgrid25/10"));
    assert_true(dam_decision_named("pymgrid25/1", "pymgrid25/1"));
    assert_true(dam_decision_named("pymgrid25", "pymgrid25/10"));
    assert_false(dam_decision_named("pymgrid25/1", "pymgrid25/10"));
    assert_false(dam_decision_named("pymgrid2", "pymgrid25/10"));
    assert_false(dam_decision_named("grid25/1", "pymgrid25/1"));
    assert_false(dam_decision_named("pymgrid25/10", "pymgrid25/1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_is_citylearn),
        cmocka_unit_test(a_name_is_whole_or_a_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
