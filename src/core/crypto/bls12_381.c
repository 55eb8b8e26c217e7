// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/bls12_381.h"

#include <blst.h>

/* Base field modulus p, big-endian. */
static const uint8_t modulus[48] = {
    0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6, 0x43, 0x4b, 0xac, 0xd7,
    0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf, 0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24,
    0x1e, 0xab, 0xff, 0xfe, 0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab,
};

#define SCALAR_BITS 256u
#define MILLER_BATCH 16u /* pairs whose Miller loops share their squarings; bounds the stack */

static bool fp_read(blst_fp *ret, const uint8_t in[64])
{
    static const uint8_t zeros[16];
    if (memcmp(in, zeros, 16) != 0 || memcmp(in + 16, modulus, 48) >= 0) {
        return false;
    }
    blst_fp_from_bendian(ret, in + 16);
    return true;
}

static void fp_write(uint8_t ret[64], const blst_fp *value)
{
    memset(ret, 0, 16);
    blst_bendian_from_fp(ret + 16, value);
}

static bool fp2_read(blst_fp2 *ret, const uint8_t in[128])
{
    return fp_read(&ret->fp[0], in) && fp_read(&ret->fp[1], in + 64);
}

/* Infinity is written as zeros, which is also how blst holds it. */
static bool g1_read(blst_p1_affine *ret, const uint8_t in[128])
{
    return fp_read(&ret->x, in) && fp_read(&ret->y, in + 64) &&
           (blst_p1_affine_is_inf(ret) || blst_p1_affine_on_curve(ret));
}

static bool g2_read(blst_p2_affine *ret, const uint8_t in[256])
{
    return fp2_read(&ret->x, in) && fp2_read(&ret->y, in + 128) &&
           (blst_p2_affine_is_inf(ret) || blst_p2_affine_on_curve(ret));
}

static void g1_write(uint8_t ret[128], const blst_p1 *point)
{
    blst_p1_affine affine;
    blst_p1_to_affine(&affine, point);
    fp_write(ret, &affine.x);
    fp_write(ret + 64, &affine.y);
}

static void g2_write(uint8_t ret[256], const blst_p2 *point)
{
    blst_p2_affine affine;
    blst_p2_to_affine(&affine, point);
    fp_write(ret, &affine.x.fp[0]);
    fp_write(ret + 64, &affine.x.fp[1]);
    fp_write(ret + 128, &affine.y.fp[0]);
    fp_write(ret + 192, &affine.y.fp[1]);
}

enum dam_err dam_bls_g1_add(const uint8_t a[128], const uint8_t b[128], uint8_t ret[128])
{
    blst_p1_affine pa;
    blst_p1_affine pb;
    blst_p1 sum;
    if (!g1_read(&pa, a) || !g1_read(&pb, b)) {
        return DAM_EPARSE;
    }
    blst_p1_from_affine(&sum, &pa);
    blst_p1_add_or_double_affine(&sum, &sum, &pb);
    g1_write(ret, &sum);
    return DAM_OK;
}

enum dam_err dam_bls_g2_add(const uint8_t a[256], const uint8_t b[256], uint8_t ret[256])
{
    blst_p2_affine pa;
    blst_p2_affine pb;
    blst_p2 sum;
    if (!g2_read(&pa, a) || !g2_read(&pb, b)) {
        return DAM_EPARSE;
    }
    blst_p2_from_affine(&sum, &pa);
    blst_p2_add_or_double_affine(&sum, &sum, &pb);
    g2_write(ret, &sum);
    return DAM_OK;
}

/* blst takes an array as a list whose second pointer is NULL. Its sums go wrong on points at
 * infinity, so those are left out: they add nothing. */
static enum dam_err g1_msm(const uint8_t *pairs, size_t count, struct dam_arena *arena,
                           blst_p1 *ret)
{
    blst_p1_affine *points = dam_arena_alloc(arena, count * sizeof(*points));
    blst_scalar *scalars = dam_arena_alloc(arena, count * sizeof(*scalars));
    limb_t *scratch = dam_arena_alloc(arena, blst_p1s_mult_pippenger_scratch_sizeof(count));
    if (points == NULL || scalars == NULL || scratch == NULL) {
        return DAM_ENOMEM;
    }
    size_t used = 0;
    for (size_t i = 0; i < count; i++, pairs += DAM_BLS_G1_LEN + DAM_BLS_SCALAR_LEN) {
        if (!g1_read(&points[used], pairs) || !blst_p1_affine_in_g1(&points[used])) {
            return DAM_EPARSE;
        }
        blst_scalar_from_bendian(&scalars[used], pairs + DAM_BLS_G1_LEN);
        used += blst_p1_affine_is_inf(&points[used]) ? 0 : 1;
    }
    memset(ret, 0, sizeof(*ret));
    if (used > 0) {
        const blst_p1_affine *const point_list[] = {points, NULL};
        const byte *const scalar_list[] = {scalars[0].b, NULL};
        blst_p1s_mult_pippenger(ret, point_list, used, scalar_list, SCALAR_BITS, scratch);
    }
    return DAM_OK;
}

static enum dam_err g2_msm(const uint8_t *pairs, size_t count, struct dam_arena *arena,
                           blst_p2 *ret)
{
    blst_p2_affine *points = dam_arena_alloc(arena, count * sizeof(*points));
    blst_scalar *scalars = dam_arena_alloc(arena, count * sizeof(*scalars));
    limb_t *scratch = dam_arena_alloc(arena, blst_p2s_mult_pippenger_scratch_sizeof(count));
    if (points == NULL || scalars == NULL || scratch == NULL) {
        return DAM_ENOMEM;
    }
    size_t used = 0;
    for (size_t i = 0; i < count; i++, pairs += DAM_BLS_G2_LEN + DAM_BLS_SCALAR_LEN) {
        if (!g2_read(&points[used], pairs) || !blst_p2_affine_in_g2(&points[used])) {
            return DAM_EPARSE;
        }
        blst_scalar_from_bendian(&scalars[used], pairs + DAM_BLS_G2_LEN);
        used += blst_p2_affine_is_inf(&points[used]) ? 0 : 1;
    }
    memset(ret, 0, sizeof(*ret));
    if (used > 0) {
        const blst_p2_affine *const point_list[] = {points, NULL};
        const byte *const scalar_list[] = {scalars[0].b, NULL};
        blst_p2s_mult_pippenger(ret, point_list, used, scalar_list, SCALAR_BITS, scratch);
    }
    return DAM_OK;
}

enum dam_err dam_bls_g1_msm(const uint8_t *pairs, size_t count, struct dam_arena *arena,
                            uint8_t ret[128])
{
    blst_p1 sum;
    struct dam_arena_mark mark = dam_arena_mark(arena);
    enum dam_err err = g1_msm(pairs, count, arena, &sum);
    dam_arena_release(arena, mark);
    if (err == DAM_OK) {
        g1_write(ret, &sum);
    }
    return err;
}

enum dam_err dam_bls_g2_msm(const uint8_t *pairs, size_t count, struct dam_arena *arena,
                            uint8_t ret[256])
{
    blst_p2 sum;
    struct dam_arena_mark mark = dam_arena_mark(arena);
    enum dam_err err = g2_msm(pairs, count, arena, &sum);
    dam_arena_release(arena, mark);
    if (err == DAM_OK) {
        g2_write(ret, &sum);
    }
    return err;
}

enum dam_err dam_bls_pairing_check(const uint8_t *pairs, size_t count, bool *ret_one)
{
    blst_fp12 product = *blst_fp12_one();
    while (count > 0) {
        blst_p1_affine g1[MILLER_BATCH];
        blst_p2_affine g2[MILLER_BATCH];
        size_t used = 0;
        for (; count > 0 && used < MILLER_BATCH; count--, pairs += DAM_BLS_PAIR_LEN) {
            if (!g1_read(&g1[used], pairs) || !blst_p1_affine_in_g1(&g1[used]) ||
                !g2_read(&g2[used], pairs + DAM_BLS_G1_LEN) || !blst_p2_affine_in_g2(&g2[used])) {
                return DAM_EPARSE;
            }
            /* A pair with infinity contributes the factor one. */
            if (!blst_p1_affine_is_inf(&g1[used]) && !blst_p2_affine_is_inf(&g2[used])) {
                used++;
            }
        }
        if (used > 0) {
            blst_fp12 part;
            const blst_p2_affine *const g2_list[] = {g2, NULL};
            const blst_p1_affine *const g1_list[] = {g1, NULL};
            blst_miller_loop_n(&part, g2_list, g1_list, used);
            blst_fp12_mul(&product, &product, &part);
        }
    }
    blst_final_exp(&product, &product);
    *ret_one = blst_fp12_is_one(&product);
    return DAM_OK;
}

enum dam_err dam_bls_map_fp_to_g1(const uint8_t fp[64], uint8_t ret[128])
{
    blst_fp u;
    blst_p1 point;
    if (!fp_read(&u, fp)) {
        return DAM_EPARSE;
    }
    blst_map_to_g1(&point, &u, NULL);
    g1_write(ret, &point);
    return DAM_OK;
}

enum dam_err dam_bls_map_fp2_to_g2(const uint8_t fp2[128], uint8_t ret[256])
{
    blst_fp2 u;
    blst_p2 point;
    if (!fp2_read(&u, fp2)) {
        return DAM_EPARSE;
    }
    blst_map_to_g2(&point, &u, NULL);
    g2_write(ret, &point);
    return DAM_OK;
}
