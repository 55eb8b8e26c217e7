// SPDX-License-Identifier: Apache-2.0
/* The two inner loops of a model: a layer's products, once in portable C and once for AVX2
 * (model_test.c proves them equal), and the walk down eight trees at a time. The walk has no AVX2
 * form: gathers took three times as long as plain loads where processors guard them against
 * Downfall, and gained nothing elsewhere (docs/models.md). Private to this room. */
#ifndef DAM_MODEL_KERNEL_H
#define DAM_MODEL_KERNEL_H

#include "model/model.h"

/* Neurons in one vector of accumulators, trees in one walk. */
#define DAM_KERNEL_LANES 8u

static inline size_t dam_round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

struct dam_kernel {
    const char *name;
    /* acc[j] = sum of w[j][i] * u[i]; neurons rounded up to 8, inputs to 2. u: even number of
     * codes, the padding 0. No sum leaves int32 (docs/spec/model.md section 8). */
    void (*layer)(const struct dam_layer *layer, const int16_t *u, int32_t *acc);
    /* u[j] = sat(shr((acc[j] + bias[j]) * mul, shift), 0, max) */
    void (*scale)(const struct dam_layer *layer, const int32_t *acc, int32_t max, int16_t *u);
};

/** A sum in steps of an int8 layer's codes: times mul / 2^(31 + shift), to the nearest, as
 *  TensorFlow Lite's MultiplyByQuantizedMultiplier has it (tensorflow/lite/kernels/internal/
 *  common.cc). Once: half up. Twice: after mul / 2^31, half up, then again after 2^shift, half away
 *  from zero. In: sum: int32; mul: above 0; shift: 0..31. */
static inline int64_t dam_kernel_round(enum dam_rounding rounding, int64_t sum, int32_t mul,
                                       uint8_t shift)
{
    int64_t product = sum * mul;
    if (rounding == DAM_ROUND_ONCE) {
        return (product + (INT64_C(1) << (30 + shift))) >> (31 + shift);
    }
    int64_t high = (product + (INT64_C(1) << 30)) >> 31;
    return shift == 0 ? high : (high + (INT64_C(1) << (shift - 1)) - (high < 0)) >> shift;
}

/** Sum of the leaves that x reaches. */
int64_t dam_kernel_walk(const struct dam_group *group, const int32_t *x);

/** The best kernel for this processor. */
const struct dam_kernel *dam_kernel_best(void);
const struct dam_kernel *dam_kernel_portable(void);

/** Elements of packed[] and the layouts themselves. */
size_t dam_kernel_layer_count(const struct dam_layer *layer);
void dam_kernel_layer_pack(struct dam_layer *layer);
size_t dam_kernel_group_count(const struct dam_group *group);
void dam_kernel_group_pack(struct dam_group *group);

#endif
