// SPDX-License-Identifier: Apache-2.0
#include "model/kernel.h"

#ifdef DAM_X86_64
#include <immintrin.h>
#endif

#define LANES DAM_KERNEL_LANES

/* Layers. Packed: for each eight neurons, for each pair of inputs, 16 weights
 * (neuron 0 input 0, neuron 0 input 1, neuron 1 input 0 ...): what vpmaddwd multiplies. */

size_t dam_kernel_layer_count(const struct dam_layer *layer)
{
    return dam_round_up(layer->neurons, LANES) * dam_round_up(layer->inputs, 2);
}

void dam_kernel_layer_pack(struct dam_layer *layer)
{
    size_t pairs = dam_round_up(layer->inputs, 2) / 2;
    memset(layer->packed, 0, dam_kernel_layer_count(layer) * sizeof(*layer->packed));
    for (size_t j = 0; j < layer->neurons; j++) {
        for (size_t i = 0; i < layer->inputs; i++) {
            size_t at = ((j / LANES * pairs + i / 2) * LANES + j % LANES) * 2 + i % 2;
            layer->packed[at] = layer->weights[j * layer->inputs + i];
        }
    }
}

static void layer_portable(const struct dam_layer *layer, const int16_t *u, int32_t *acc)
{
    const int16_t *w = layer->packed;
    for (size_t j = 0; j < layer->neurons; j += LANES) {
        int32_t sum[LANES] = {0};
        for (size_t i = 0; i < layer->inputs; i += 2) {
            for (size_t lane = 0; lane < LANES; lane++) {
                sum[lane] += w[2 * lane] * u[i] + w[2 * lane + 1] * u[i + 1];
            }
            w += 2 * LANES;
        }
        memcpy(acc + j, sum, sizeof(sum));
    }
}

static void scale_portable(const struct dam_layer *layer, const int32_t *acc, int32_t max,
                           int16_t *u)
{
    for (size_t j = 0; j < dam_round_up(layer->neurons, LANES); j++) {
        /* mul > 0: below zero the answer is 0 whatever the shift. */
        int64_t sum = (int64_t)acc[j] + layer->bias[j];
        int64_t y = sum < 0 ? 0 : (sum * layer->mul) >> layer->shift;
        u[j] = (int16_t)(y > max ? max : y);
    }
}

/* Forests. Packed, for each eight trees: the thresholds [node][tree], the inputs [node][tree],
 * the leaves [leaf][tree]. A missing tree of the last eight is all zeros: it adds 0. */

static size_t group_stride(const struct dam_group *group)
{
    size_t leaves = (size_t)1 << group->depth;
    return LANES * (2 * (leaves - 1) + leaves);
}

size_t dam_kernel_group_count(const struct dam_group *group)
{
    return dam_round_up(group->trees, LANES) / LANES * group_stride(group);
}

void dam_kernel_group_pack(struct dam_group *group)
{
    size_t leaves = (size_t)1 << group->depth;
    size_t nodes = leaves - 1;
    memset(group->packed, 0, dam_kernel_group_count(group) * sizeof(*group->packed));
    for (size_t t = 0; t < group->trees; t++) {
        int32_t *block = group->packed + t / LANES * group_stride(group) + t % LANES;
        for (size_t k = 0; k < nodes; k++) {
            block[k * LANES] = group->threshold[t * nodes + k];
            block[(nodes + k) * LANES] = group->input[t * nodes + k];
        }
        for (size_t k = 0; k < leaves; k++) {
            block[(2 * nodes + k) * LANES] = group->leaf[t * leaves + k];
        }
    }
}

int64_t dam_kernel_walk(const struct dam_group *group, const int32_t *x)
{
    size_t leaves = (size_t)1 << group->depth;
    size_t nodes = leaves - 1;
    int64_t sum = 0;
    for (size_t t = 0; t < group->trees; t += LANES) {
        const int32_t *block = group->packed + t / LANES * group_stride(group);
        size_t k[LANES] = {0};
        for (unsigned level = 0; level < group->depth; level++) {
            for (size_t lane = 0; lane < LANES; lane++) {
                const int32_t *node = block + k[lane] * LANES + lane;
                k[lane] = 2 * k[lane] + 1 + (x[node[nodes * LANES]] < node[0]);
            }
        }
        for (size_t lane = 0; lane < LANES; lane++) {
            sum += block[(2 * nodes + k[lane] - nodes) * LANES + lane];
        }
    }
    return sum;
}

static const struct dam_kernel portable = {"portable", layer_portable, scale_portable};

#ifdef DAM_X86_64

__attribute__((target("avx2"))) static void layer_avx2(const struct dam_layer *layer,
                                                       const int16_t *u, int32_t *acc)
{
    const int16_t *w = layer->packed;
    for (size_t j = 0; j < layer->neurons; j += LANES) {
        __m256i sum = _mm256_setzero_si256();
        for (size_t i = 0; i < layer->inputs; i += 2) {
            int32_t pair;
            memcpy(&pair, u + i, sizeof(pair));
            __m256i weights = _mm256_loadu_si256((const __m256i *)w);
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(weights, _mm256_set1_epi32(pair)));
            w += 2 * LANES;
        }
        _mm256_storeu_si256((__m256i *)(acc + j), sum);
    }
}

__attribute__((target("avx2"))) static void scale_avx2(const struct dam_layer *layer,
                                                       const int32_t *acc, int32_t max, int16_t *u)
{
    __m128i shift = _mm_cvtsi32_si128(layer->shift);
    __m256i top = _mm256_set1_epi64x(max);
    __m256i mul = _mm256_set1_epi64x(layer->mul);
    for (size_t j = 0; j < layer->neurons; j += LANES) {
        __m256i sum = _mm256_add_epi32(_mm256_loadu_si256((const __m256i *)(acc + j)),
                                       _mm256_loadu_si256((const __m256i *)(layer->bias + j)));
        sum = _mm256_max_epi32(sum, _mm256_setzero_si256());
        __m256i even = _mm256_srl_epi64(_mm256_mul_epu32(sum, mul), shift);
        __m256i odd = _mm256_srl_epi64(_mm256_mul_epu32(_mm256_srli_epi64(sum, 32), mul), shift);
        even = _mm256_blendv_epi8(even, top, _mm256_cmpgt_epi64(even, top));
        odd = _mm256_blendv_epi8(odd, top, _mm256_cmpgt_epi64(odd, top));
        __m256i both = _mm256_or_si256(even, _mm256_slli_epi64(odd, 32));
        /* Eight int32 of at most 32,767 become eight int16. */
        _mm_storeu_si128((__m128i *)(u + j), _mm_packs_epi32(_mm256_castsi256_si128(both),
                                                             _mm256_extracti128_si256(both, 1)));
    }
}

static const struct dam_kernel avx2 = {"avx2", layer_avx2, scale_avx2};

#endif

const struct dam_kernel *dam_kernel_portable(void)
{
    return &portable;
}

const struct dam_kernel *dam_kernel_best(void)
{
#ifdef DAM_X86_64
    if (__builtin_cpu_supports("avx2")) {
        return &avx2;
    }
#endif
    return &portable;
}
