// SPDX-License-Identifier: Apache-2.0
#include "model/forecast.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* One machine with one channel and three forecasters of it, whose outputs are the forecasts. */
struct site {
    struct dam_forecast forecast;
    uint8_t memory[2][DAM_MODEL_MEMORY_MAX];
    size_t memory_len;
    int which;
    int64_t slot;
    int64_t out[3];
};

static void site_open(struct site *site, uint16_t season, uint8_t ahead)
{
    memset(site, 0, sizeof(*site));
    site->forecast = (struct dam_forecast){
        .records = 2, .forecasters_count = 3, .outputs_count = 3, .slot_s = 900};
    for (uint8_t i = 0; i < 3; i++) {
        site->forecast.forecasters[i] = (struct dam_forecaster){.channel = 1,
                                                                .method = (uint8_t)(i + 1),
                                                                .ahead = ahead,
                                                                .season = season,
                                                                .alpha = i == 2 ? 9 : 4,
                                                                .beta = 2,
                                                                .limit = 16};
        site->forecast.outputs[i] =
            (struct dam_output){.mul = 1, .min = INT64_MIN, .max = INT64_MAX};
        site->forecast.weights[i][3 * i + 1] = 1;
    }
    assert_null(dam_forecast_check(&site->forecast));
}

/* One slot with one reading. */
static void site_turn(struct site *site, int64_t value)
{
    uint8_t observation[32] = {0};
    dam_store_be64(observation, (uint64_t)(900 * site->slot++));
    dam_store_be64(observation + 16, (uint64_t)value);
    assert_int_equal(dam_forecast_decide(&site->forecast,
                                         dam_bytes(site->memory[site->which], site->memory_len),
                                         dam_bytes(observation, sizeof(observation)),
                                         site->memory[!site->which], site->out),
                     DAM_OK);
    site->memory_len = dam_forecast_memory_len(&site->forecast);
    site->which = !site->which;
}

static struct dam_bytes site_memory(const struct site *site)
{
    return dam_bytes(site->memory[site->which], site->memory_len);
}

/* A day that repeats is forecast exactly by all three once they have seen it. */
static void a_season_is_learnt(void **state)
{
    (void)state;
    static struct site site;
    site_open(&site, 24, 3);
    for (int64_t t = 0; t < 24 * 40; t++) {
        site_turn(&site, 1000 + 40 * (t % 24));
        if (t > 24 * 30) {
            /* At turn t the newest slot that ended is t - 1: the forecast is of t + 2. */
            int64_t truth = 1000 + 40 * ((t + 2) % 24);
            assert_int_equal(site.out[0], truth);
            assert_true(llabs(site.out[1] - truth) <= 60);
            assert_true(llabs(site.out[2] - truth) <= 2);
        }
    }
}

/* Where a deviation lasts, least squares learn how long, and beat the season alone. */
static void squares_learn_what_lasts(void **state)
{
    (void)state;
    static struct site site;
    struct dam_prng prng = {7};
    int64_t off = 0;
    int64_t miss[3] = {0};
    int64_t made[3] = {0};
    site_open(&site, 24, 1);
    for (int64_t t = 0; t < 24 * 200; t++) {
        off = off * 9 / 10 + (int64_t)dam_prng_below(&prng, 201) - 100;
        int64_t value = 5000 + 100 * (t % 24) + off;
        for (int i = 0; t > 24 * 100 && i < 3; i++) {
            miss[i] += llabs(made[i] - value);
        }
        site_turn(&site, value);
        /* What stands at turn t is of slot t (the last that ended is t - 1): ask again at its end.
         */
        memcpy(made, site.out, sizeof(made));
        struct dam_forecast_state look[DAM_FORECASTERS_MAX];
        int64_t slot = 0;
        assert_int_equal(dam_forecast_look(site_memory(&site), &slot, look), 3);
        assert_int_equal(slot, t);
    }
    assert_true(miss[2] * 10 < miss[0] * 9);
}

/* A step in the error is found soon, once; steady noise is not. */
static void drift_is_found(void **state)
{
    (void)state;
    static struct site site;
    struct dam_forecast_state look[DAM_FORECASTERS_MAX];
    struct dam_prng prng = {3};
    int64_t slot = 0;
    site_open(&site, 24, 1);
    for (int64_t t = 0; t < 24 * 400; t++) {
        site_turn(&site, 3000 + (int64_t)dam_prng_below(&prng, 101));
    }
    assert_int_equal(dam_forecast_look(site_memory(&site), &slot, look), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look[i].drifts, 0);
        assert_int_equal(look[i].drift_slot, -1);
    }
    int64_t step = site.slot;
    for (int64_t t = 0; t < 24 * 10; t++) { /* ten times the noise from here on */
        site_turn(&site, 3000 + (int64_t)dam_prng_below(&prng, 1001));
    }
    assert_int_equal(dam_forecast_look(site_memory(&site), &slot, look), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look[i].drifts, 1);
        assert_true(look[i].drift_slot > step && look[i].drift_slot < step + 24);
    }
}

/* Any bytes as memory, any observation: an answer, and (with sanitizers) no overflow. */
static void any_memory_is_borne(void **state)
{
    (void)state;
    static struct site site;
    struct dam_prng prng = {11};
    site_open(&site, 5, 2);
    site_turn(&site, 1);
    for (int i = 0; i < 20000; i++) {
        uint8_t *memory = site.memory[site.which];
        if (i % 3 == 0) {
            dam_prng_fill(&prng, memory + 24, site.memory_len - 24);
            dam_store_be64(memory + 16, dam_prng_next(&prng) >> (dam_prng_next(&prng) % 64));
        }
        site.slot += (int64_t)dam_prng_below(&prng, 5);
        site_turn(&site, (int64_t)dam_prng_next(&prng) >> dam_prng_below(&prng, 64));
    }
}

static void blobs_are_checked(void **state)
{
    (void)state;
    static struct site site;
    static uint8_t blob[DAM_FORECAST_BLOB_MAX];
    struct dam_forecast again;
    const char *why = NULL;
    site_open(&site, 24, 3);
    size_t len = dam_forecast_write(&site.forecast, blob);
    assert_int_equal(dam_forecast_open(dam_bytes(blob, len), &again, &why), DAM_OK);
    size_t refused = 0;
    for (size_t i = 0; i < len; i++) { /* every byte matters: it is refused, or it is read */
        blob[i] ^= 0x80;
        static uint8_t back[DAM_FORECAST_BLOB_MAX];
        if (dam_forecast_open(dam_bytes(blob, len), &again, &why) != DAM_OK) {
            refused++;
        } else {
            assert_int_equal(dam_forecast_write(&again, back), len);
            assert_memory_equal(back, blob, len);
        }
        blob[i] ^= 0x80;
    }
    assert_true(refused > len / 4);
    assert_int_equal(dam_forecast_open(dam_bytes(blob, len - 1), &again, &why), DAM_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_season_is_learnt), cmocka_unit_test(squares_learn_what_lasts),
        cmocka_unit_test(drift_is_found),     cmocka_unit_test(any_memory_is_borne),
        cmocka_unit_test(blobs_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
