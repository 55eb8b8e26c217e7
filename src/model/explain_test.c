// SPDX-License-Identifier: Apache-2.0
#include "model/explain.h"

#include "base/prng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FEATURES 5u
#define TREES 7u

static int64_t between(struct dam_prng *prng, int64_t min, int64_t max)
{
    return min + (int64_t)dam_prng_below(prng, (uint64_t)(max - min + 1));
}

/* A forest of random trees over plain inputs; its output is the sum itself. */
static void forest_open(struct dam_prng *prng, unsigned depth, struct dam_model *ret)
{
    size_t leaves = (size_t)1 << depth;
    memset(ret, 0, sizeof(*ret));
    ret->kind = DAM_MODEL_FOREST;
    ret->records = FEATURES + 1;
    ret->features_count = FEATURES;
    ret->outputs_count = 1;
    ret->frames = 1;
    for (uint16_t i = 0; i < FEATURES; i++) {
        ret->features[i] = (struct dam_feature){.channel = (uint16_t)(i + 1), .mul = 1};
    }
    ret->outputs[0] = (struct dam_output){.mul = 1, .min = INT64_MIN, .max = INT64_MAX};
    struct dam_group *group = &ret->groups[0];
    group->trees = TREES;
    group->depth = (uint8_t)depth;
    group->threshold = calloc(TREES * (leaves - 1), sizeof(*group->threshold));
    group->input = calloc(TREES * (leaves - 1), sizeof(*group->input));
    group->leaf = calloc(TREES * leaves, sizeof(*group->leaf));
    for (size_t i = 0; i < TREES * (leaves - 1); i++) {
        group->threshold[i] = (int32_t)between(prng, -100, 100);
        group->input[i] = (uint8_t)dam_prng_below(prng, FEATURES);
    }
    for (size_t i = 0; i < TREES * leaves; i++) {
        group->leaf[i] = (int32_t)between(prng, -1000, 1000);
    }
    const char *why = NULL;
    assert_int_equal(dam_model_pack(ret, &why), DAM_OK);
}

/* The sum where only the features of the set are known: at a test of another, the mean of both. */
static double worth(const struct dam_group *group, size_t tree, size_t node, const int64_t *x,
                    unsigned set)
{
    size_t leaves = (size_t)1 << group->depth;
    if (node >= leaves) {
        return group->leaf[tree * leaves + node - leaves];
    }
    size_t at = tree * (leaves - 1) + node - 1;
    if ((set >> group->input[at] & 1) != 0) {
        return worth(group, tree, 2 * node + (x[group->input[at]] < group->threshold[at]), x, set);
    }
    return (worth(group, tree, 2 * node, x, set) + worth(group, tree, 2 * node + 1, x, set)) / 2;
}

static double factorial(unsigned n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

/* Shapley's definition, subset by subset. */
static double shapley(const double *value, unsigned feature)
{
    double sum = 0;
    for (unsigned set = 0; set < 1u << FEATURES; set++) {
        if ((set >> feature & 1) == 0) {
            unsigned known = (unsigned)__builtin_popcount(set);
            sum += (value[set | 1u << feature] - value[set]) * factorial(known) *
                   factorial(FEATURES - 1 - known) / factorial(FEATURES);
        }
    }
    return sum;
}

static void trees_get_shapleys_values(void **state)
{
    (void)state;
    struct dam_prng prng = {5};
    for (unsigned round = 0; round < 64; round++) {
        struct dam_model model;
        forest_open(&prng, 1 + round % DAM_MODEL_DEPTH_MAX, &model);
        int64_t x[FEATURES];
        double value[1u << FEATURES] = {0};
        double parts[DAM_MODEL_INPUTS_MAX];
        double base = 0;
        int64_t y = 0;
        for (size_t i = 0; i < FEATURES; i++) {
            x[i] = between(&prng, -120, 120);
        }
        for (unsigned set = 0; set < 1u << FEATURES; set++) {
            for (size_t t = 0; t < TREES; t++) {
                value[set] += worth(&model.groups[0], t, 1, x, set);
            }
        }
        assert_int_equal(dam_model_explain(&model, x, 0, &base, parts), DAM_OK);
        dam_model_outputs(&model, x, &y);
        double sum = base;
        assert_true(fabs(base - value[0]) < 1e-6);
        for (unsigned i = 0; i < FEATURES; i++) {
            assert_true(fabs(parts[i] - shapley(value, i)) < 1e-6);
            sum += parts[i];
        }
        assert_true(fabs(sum - (double)y) < 1e-6);
        assert_int_equal(dam_model_explain(&model, x, 1, &base, parts), DAM_ERANGE);
        dam_model_close(&model);
    }
}

static void linear_parts_add_up(void **state)
{
    (void)state;
    struct dam_model model = {.kind = DAM_MODEL_LINEAR,
                              .records = 3,
                              .features_count = 2,
                              .outputs_count = 1,
                              .frames = 1};
    model.features[0] = (struct dam_feature){.channel = 1, .mul = 1, .center = 10};
    model.features[1] = (struct dam_feature){.channel = 2, .mul = 2};
    model.outputs[0] =
        (struct dam_output){.mul = 1, .bias = 7, .offset = 1, .min = INT64_MIN, .max = INT64_MAX};
    model.linear = calloc(2, sizeof(*model.linear));
    model.linear[0] = 3;
    model.linear[1] = -4;
    const char *why = NULL;
    assert_int_equal(dam_model_pack(&model, &why), DAM_OK);
    const int64_t x[] = {30, 5};
    double parts[2];
    double base = 0;
    int64_t y = 0;
    dam_model_outputs(&model, x, &y);
    assert_int_equal(dam_model_explain(&model, x, 0, &base, parts), DAM_OK);
    assert_true(parts[0] == 60 && parts[1] == -40 && base == 8);
    assert_int_equal(y, 28);
    dam_model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_get_shapleys_values),
        cmocka_unit_test(linear_parts_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
