// SPDX-License-Identifier: Apache-2.0
#include "core/evm/precompile.h"

#include "base/u256.h"
#include "core/crypto/blake2f.h"
#include "core/crypto/bls12_381.h"
#include "core/crypto/bn254.h"
#include "core/crypto/kzg.h"
#include "core/crypto/modexp.h"
#include "core/crypto/p256.h"
#include "core/crypto/ripemd160.h"
#include "core/crypto/secp256k1.h"
#include "core/crypto/sha256.h"

typedef unsigned __int128 uint128;

static uint64_t words(size_t len)
{
    return (uint64_t)len / 32 + (len % 32 != 0);
}

/* len bytes from offset; what lies past the end of the input reads as zero. */
static void input_copy(uint8_t *ret, size_t len, struct dam_bytes input, uint64_t offset)
{
    size_t have = offset >= input.len ? 0 : input.len - (size_t)offset;
    have = have < len ? have : len;
    if (have > 0) {
        memcpy(ret, input.data + offset, have);
    }
    if (have < len) {
        memset(ret + have, 0, len - have);
    }
}

static enum dam_err answer(struct dam_precompile_result *ret, const uint8_t *output, size_t len)
{
    *ret = (struct dam_precompile_result){true, dam_bytes(output, len)};
    return DAM_OK;
}

static enum dam_err failure(struct dam_precompile_result *ret)
{
    *ret = (struct dam_precompile_result){false, dam_bytes(NULL, 0)};
    return DAM_OK;
}

/* Hand the output on if the work was done, fail the call if its input was malformed. */
static enum dam_err answer_if(enum dam_err err, struct dam_precompile_result *ret,
                              const uint8_t *output, size_t len)
{
    if (err == DAM_OK) {
        return answer(ret, output, len);
    }
    return err == DAM_ENOMEM ? err : failure(ret);
}

#define OUTPUT(name, len)                                                                          \
    uint8_t *name = dam_arena_zalloc(arena, len);                                                  \
    if (name == NULL) {                                                                            \
        return DAM_ENOMEM;                                                                         \
    }

#define UNUSED(x) (void)(x)

/* Most precompiles have one price. */
#define FIXED_GAS(name, price)                                                                     \
    static uint64_t name(struct dam_bytes input, enum dam_fork fork)                               \
    {                                                                                              \
        UNUSED(input);                                                                             \
        UNUSED(fork);                                                                              \
        return price;                                                                              \
    }

/* 0x01 ECRECOVER: Yellow Paper, appendix E. A bad signature is an empty answer, not a failure. */
FIXED_GAS(ecrecover_gas, 3000)

static enum dam_err ecrecover_run(struct dam_bytes input, enum dam_fork fork,
                                  struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    struct {
        struct dam_hash digest;
        uint8_t v[32];
        uint8_t r[32];
        uint8_t s[32];
    } in;
    static const uint8_t zeros[31];
    _Static_assert(sizeof(in) == 128, "the input's layout");
    input_copy((uint8_t *)&in, sizeof(in), input, 0);
    struct dam_secp256k1_sig sig = {.y_parity = (uint8_t)(in.v[31] - 27)};
    memcpy(sig.r, in.r, 32);
    memcpy(sig.s, in.s, 32);
    struct dam_address address;
    if (memcmp(in.v, zeros, 31) != 0 ||
        dam_secp256k1_recover_address(&in.digest, &sig, &address) != DAM_OK) {
        return answer(ret, NULL, 0);
    }
    OUTPUT(output, 32);
    memcpy(output + 12, address.b, 20);
    return answer(ret, output, 32);
}

/* 0x02 */
static uint64_t sha256_gas(struct dam_bytes input, enum dam_fork fork)
{
    UNUSED(fork);
    return 60 + 12 * words(input.len);
}

static enum dam_err sha256_run(struct dam_bytes input, enum dam_fork fork, struct dam_arena *arena,
                               struct dam_precompile_result *ret)
{
    UNUSED(fork);
    OUTPUT(output, 32);
    struct dam_hash hash;
    dam_sha256(input.data, input.len, &hash);
    memcpy(output, hash.b, 32);
    return answer(ret, output, 32);
}

/* 0x03 */
static uint64_t ripemd160_gas(struct dam_bytes input, enum dam_fork fork)
{
    UNUSED(fork);
    return 600 + 120 * words(input.len);
}

static enum dam_err ripemd160_run(struct dam_bytes input, enum dam_fork fork,
                                  struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    OUTPUT(output, 32);
    dam_ripemd160(input.data, input.len, output + 12);
    return answer(ret, output, 32);
}

/* 0x04 */
static uint64_t identity_gas(struct dam_bytes input, enum dam_fork fork)
{
    UNUSED(fork);
    return 15 + 3 * words(input.len);
}

static enum dam_err identity_run(struct dam_bytes input, enum dam_fork fork,
                                 struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    if (input.len == 0) {
        return answer(ret, NULL, 0);
    }
    uint8_t *output = dam_arena_copy(arena, input.data, input.len);
    return output == NULL ? DAM_ENOMEM : answer(ret, output, input.len);
}

/* 0x05 MODEXP: three lengths, then base, exponent, modulus. */
struct modexp {
    uint64_t base_len; /* lengths saturate at UINT64_MAX */
    uint64_t exponent_len;
    uint64_t modulus_len;
    uint64_t exponent_head_bits; /* bit length of the exponent's first 32 bytes */
};

#define MODEXP_HEADER_LEN 96u
#define MODEXP_LEN_MAX_OSAKA 1024u /* EIP-7823 */
/* Operands of 4 GiB are priced beyond any block gas limit under every schedule. */
#define MODEXP_LEN_PAYABLE (UINT64_C(1) << 32)

static uint64_t length_read(struct dam_bytes input, uint64_t offset)
{
    uint8_t word[32];
    uint64_t len = UINT64_MAX;
    input_copy(word, sizeof(word), input, offset);
    struct dam_u256 value = dam_u256_load_be(word);
    (void)dam_u256_to_u64(&value, &len); /* too large: stays saturated */
    return len;
}

static struct modexp modexp_read(struct dam_bytes input)
{
    struct modexp m = {length_read(input, 0), length_read(input, 32), length_read(input, 64), 0};
    uint8_t head[32];
    size_t head_len = m.exponent_len < 32 ? (size_t)m.exponent_len : 32;
    uint64_t base_len = m.base_len < MODEXP_LEN_PAYABLE ? m.base_len : MODEXP_LEN_PAYABLE;
    input_copy(head, head_len, input, MODEXP_HEADER_LEN + base_len);
    for (size_t i = 0; i < head_len; i++) {
        if (head[i] != 0) {
            unsigned leading = (unsigned)__builtin_clz(head[i]) - 24;
            m.exponent_head_bits = 8 * (head_len - i) - leading;
            break;
        }
    }
    return m;
}

/* EIP-198 section "Gas cost"; EIP-2565; EIP-7883. */
static uint128 modexp_complexity(uint64_t len, enum dam_fork fork)
{
    uint128 x = len;
    if (fork >= DAM_FORK_BERLIN) {
        uint128 limbs = (x + 7) / 8;
        if (fork >= DAM_FORK_OSAKA) {
            return len <= 32 ? 16 : 2 * limbs * limbs;
        }
        return limbs * limbs;
    }
    if (len <= 64) {
        return x * x;
    }
    return len <= 1024 ? x * x / 4 + 96 * x - 3072 : x * x / 16 + 480 * x - 199680;
}

static uint64_t modexp_gas(struct dam_bytes input, enum dam_fork fork)
{
    struct modexp m = modexp_read(input);
    uint64_t len = m.base_len > m.modulus_len ? m.base_len : m.modulus_len;
    if (len >= MODEXP_LEN_PAYABLE) {
        return DAM_PRECOMPILE_GAS_MAX;
    }
    uint128 iterations = m.exponent_head_bits > 0 ? m.exponent_head_bits - 1 : 0;
    if (m.exponent_len > 32) {
        iterations += (uint128)(fork >= DAM_FORK_OSAKA ? 16 : 8) * (m.exponent_len - 32);
    }
    /* Saturate before multiplying: complexity is below 2^62 here. */
    iterations = iterations == 0 ? 1 : iterations;
    iterations = iterations > UINT64_MAX ? UINT64_MAX : iterations;
    uint128 gas = modexp_complexity(len, fork) * iterations;
    uint64_t gas_min = 0;
    if (fork >= DAM_FORK_OSAKA) {
        gas_min = 500;
    } else if (fork >= DAM_FORK_BERLIN) {
        gas /= 3;
        gas_min = 200;
    } else {
        gas /= 20;
    }
    gas = gas < gas_min ? gas_min : gas;
    return gas > DAM_PRECOMPILE_GAS_MAX ? DAM_PRECOMPILE_GAS_MAX : (uint64_t)gas;
}

/* A view into the input, or, where it reaches past the input's end, a zero-padded copy. */
static bool operand(struct dam_bytes input, uint64_t offset, uint64_t len, struct dam_arena *arena,
                    struct dam_bytes *ret)
{
    if (offset <= input.len && len <= input.len - offset) {
        *ret = dam_bytes(len == 0 ? NULL : input.data + offset, (size_t)len);
        return true;
    }
    if (offset >= input.len) {
        *ret = dam_bytes(NULL, 0); /* all zero: no need to write it out */
        return true;
    }
    uint8_t *copy = dam_arena_alloc(arena, (size_t)len);
    if (copy == NULL) {
        return false;
    }
    input_copy(copy, (size_t)len, input, offset);
    *ret = dam_bytes(copy, (size_t)len);
    return true;
}

static enum dam_err modexp_run(struct dam_bytes input, enum dam_fork fork, struct dam_arena *arena,
                               struct dam_precompile_result *ret)
{
    struct modexp m = modexp_read(input);
    if (fork >= DAM_FORK_OSAKA &&
        (m.base_len > MODEXP_LEN_MAX_OSAKA || m.exponent_len > MODEXP_LEN_MAX_OSAKA ||
         m.modulus_len > MODEXP_LEN_MAX_OSAKA)) {
        return failure(ret);
    }
    if (m.modulus_len == 0) {
        return answer(ret, NULL, 0);
    }
    if (m.base_len >= MODEXP_LEN_PAYABLE || m.modulus_len >= MODEXP_LEN_PAYABLE) {
        return DAM_ENOMEM; /* nobody can have paid for this */
    }
    OUTPUT(output, (size_t)m.modulus_len);
    uint64_t exponent_at = MODEXP_HEADER_LEN + m.base_len;
    /* An exponent that ends past 2^64 ends past the input too, and its missing tail counts. */
    if (m.exponent_len > UINT64_MAX - exponent_at) {
        return DAM_ENOMEM;
    }
    struct dam_bytes base;
    struct dam_bytes exponent;
    struct dam_bytes modulus;
    if (!operand(input, MODEXP_HEADER_LEN, m.base_len, arena, &base) ||
        !operand(input, exponent_at, m.exponent_len, arena, &exponent) ||
        !operand(input, exponent_at + m.exponent_len, m.modulus_len, arena, &modulus)) {
        return DAM_ENOMEM;
    }
    if (modulus.len == m.modulus_len) {
        dam_modexp(base, exponent, modulus, output);
    }
    return answer(ret, output, (size_t)m.modulus_len);
}

/* 0x06..0x08 alt_bn128: EIP-196, EIP-197, prices from Istanbul on by EIP-1108. */
static uint64_t bn254_add_gas(struct dam_bytes input, enum dam_fork fork)
{
    UNUSED(input);
    return fork >= DAM_FORK_ISTANBUL ? 150 : 500;
}

static enum dam_err bn254_add_run(struct dam_bytes input, enum dam_fork fork,
                                  struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    uint8_t in[128];
    OUTPUT(output, 64);
    input_copy(in, sizeof(in), input, 0);
    return dam_bn254_add(in, in + 64, output) ? answer(ret, output, 64) : failure(ret);
}

static uint64_t bn254_mul_gas(struct dam_bytes input, enum dam_fork fork)
{
    UNUSED(input);
    return fork >= DAM_FORK_ISTANBUL ? 6000 : 40000;
}

static enum dam_err bn254_mul_run(struct dam_bytes input, enum dam_fork fork,
                                  struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    uint8_t in[96];
    OUTPUT(output, 64);
    input_copy(in, sizeof(in), input, 0);
    return dam_bn254_mul(in, in + 64, output) ? answer(ret, output, 64) : failure(ret);
}

static uint64_t bn254_pairing_gas(struct dam_bytes input, enum dam_fork fork)
{
    uint64_t pairs = input.len / DAM_BN254_PAIR_LEN;
    return fork >= DAM_FORK_ISTANBUL ? 45000 + 34000 * pairs : 100000 + 80000 * pairs;
}

static enum dam_err bn254_pairing_run(struct dam_bytes input, enum dam_fork fork,
                                      struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    bool one = false;
    if (input.len % DAM_BN254_PAIR_LEN != 0 ||
        !dam_bn254_pairing_check(input.data, input.len / DAM_BN254_PAIR_LEN, &one)) {
        return failure(ret);
    }
    OUTPUT(output, 32);
    output[31] = one;
    return answer(ret, output, 32);
}

/* 0x09 BLAKE2F: EIP-152. rounds, h, m, t, final flag. */
#define BLAKE2F_INPUT_LEN 213u

static uint64_t blake2f_gas(struct dam_bytes input, enum dam_fork fork)
{
    UNUSED(fork);
    return input.len == BLAKE2F_INPUT_LEN ? dam_load_be32(input.data) : 0;
}

static enum dam_err blake2f_run(struct dam_bytes input, enum dam_fork fork, struct dam_arena *arena,
                                struct dam_precompile_result *ret)
{
    UNUSED(fork);
    if (input.len != BLAKE2F_INPUT_LEN || input.data[212] > 1) {
        return failure(ret);
    }
    OUTPUT(output, 64);
    uint64_t in[26]; /* h, m, t */
    for (size_t i = 0; i < 26; i++) {
        in[i] = dam_load_le64(input.data + 4 + 8 * i);
    }
    dam_blake2f(dam_load_be32(input.data), in, in + 8, in + 24, input.data[212] == 1);
    for (size_t i = 0; i < 8; i++) {
        dam_store_le64(output + 8 * i, in[i]);
    }
    return answer(ret, output, 64);
}

/* 0x0a POINT_EVALUATION: EIP-4844. versioned hash, z, y, commitment, proof. */
#define KZG_INPUT_LEN 192u
#define KZG_VERSION 0x01

FIXED_GAS(kzg_gas, 50000)

static enum dam_err kzg_run(struct dam_bytes input, enum dam_fork fork, struct dam_arena *arena,
                            struct dam_precompile_result *ret)
{
    UNUSED(fork);
    /* FIELD_ELEMENTS_PER_BLOB, then BLS_MODULUS. */
    static const uint8_t success[64] = {
        [30] = 0x10, [32] = 0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39,
        0xd8,        0x08,        0x09, 0xa1, 0xd8, 0x05, 0x53, 0xbd, 0xa4, 0x02, 0xff,
        0xfe,        0x5b,        0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01};
    if (input.len != KZG_INPUT_LEN) {
        return failure(ret);
    }
    const uint8_t *commitment = input.data + 96;
    struct dam_hash versioned;
    dam_sha256(commitment, 48, &versioned);
    versioned.b[0] = KZG_VERSION;
    if (memcmp(versioned.b, input.data, 32) != 0 ||
        !dam_kzg_verify(commitment, input.data + 32, input.data + 64, input.data + 144)) {
        return failure(ret);
    }
    OUTPUT(output, 64);
    memcpy(output, success, 64);
    return answer(ret, output, 64);
}

/* 0x0b..0x11 BLS12-381: EIP-2537. */
#define G1_TERM_LEN (DAM_BLS_G1_LEN + DAM_BLS_SCALAR_LEN)
#define G2_TERM_LEN (DAM_BLS_G2_LEN + DAM_BLS_SCALAR_LEN)

/* "Discounts table", in thousandths, for k = 1..128 terms; the last entry stands for more. */
static const uint16_t g1_discount[128] = {
    1000, 949, 848, 797, 764, 750, 738, 728, 719, 712, 705, 698, 692, 687, 682, 677, 673, 669, 665,
    661,  658, 654, 651, 648, 645, 642, 640, 637, 635, 632, 630, 627, 625, 623, 621, 619, 617, 615,
    613,  611, 609, 608, 606, 604, 603, 601, 599, 598, 596, 595, 593, 592, 591, 589, 588, 586, 585,
    584,  582, 581, 580, 579, 577, 576, 575, 574, 573, 572, 570, 569, 568, 567, 566, 565, 564, 563,
    562,  561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 551, 550, 549, 548, 547, 547, 546, 545,
    544,  543, 542, 541, 540, 540, 539, 538, 537, 536, 536, 535, 534, 533, 532, 532, 531, 530, 529,
    528,  528, 527, 526, 525, 525, 524, 523, 522, 522, 521, 520, 520, 519,
};

static const uint16_t g2_discount[128] = {
    1000, 1000, 923, 884, 855, 832, 812, 796, 782, 770, 759, 749, 740, 732, 724, 717, 711, 704, 699,
    693,  688,  683, 679, 674, 670, 666, 663, 659, 655, 652, 649, 646, 643, 640, 637, 634, 632, 629,
    627,  624,  622, 620, 618, 615, 613, 611, 609, 607, 606, 604, 602, 600, 598, 597, 595, 593, 592,
    590,  589,  587, 586, 584, 583, 582, 580, 579, 578, 576, 575, 574, 573, 571, 570, 569, 568, 567,
    566,  565,  563, 562, 561, 560, 559, 558, 557, 556, 555, 554, 553, 552, 552, 551, 550, 549, 548,
    547,  546,  545, 545, 544, 543, 542, 541, 541, 540, 539, 538, 537, 537, 536, 535, 535, 534, 533,
    532,  532,  531, 530, 530, 529, 528, 528, 527, 526, 526, 525, 524, 524,
};

static uint64_t msm_gas(uint64_t count, uint64_t price, const uint16_t discount[128])
{
    if (count == 0) {
        return 0;
    }
    return count * price * discount[(count < 128 ? count : 128) - 1] / 1000;
}

FIXED_GAS(bls_g1_add_gas, 375)
FIXED_GAS(bls_g2_add_gas, 600)
FIXED_GAS(bls_map_fp_gas, 5500)
FIXED_GAS(bls_map_fp2_gas, 23800)

static uint64_t bls_g1_msm_gas(struct dam_bytes input, enum dam_fork fork)
{
    UNUSED(fork);
    return msm_gas(input.len / G1_TERM_LEN, 12000, g1_discount);
}

static uint64_t bls_g2_msm_gas(struct dam_bytes input, enum dam_fork fork)
{
    UNUSED(fork);
    return msm_gas(input.len / G2_TERM_LEN, 22500, g2_discount);
}

static uint64_t bls_pairing_gas(struct dam_bytes input, enum dam_fork fork)
{
    UNUSED(fork);
    return 37700 + 32600 * (uint64_t)(input.len / DAM_BLS_PAIR_LEN);
}

static enum dam_err bls_add(struct dam_bytes input, size_t point_len,
                            enum dam_err (*add)(const uint8_t *a, const uint8_t *b, uint8_t *ret),
                            struct dam_arena *arena, struct dam_precompile_result *ret)
{
    if (input.len != 2 * point_len) {
        return failure(ret);
    }
    OUTPUT(output, point_len);
    return answer_if(add(input.data, input.data + point_len, output), ret, output, point_len);
}

static enum dam_err bls_msm(struct dam_bytes input, size_t point_len,
                            enum dam_err (*msm)(const uint8_t *pairs, size_t count,
                                                struct dam_arena *arena, uint8_t *ret),
                            struct dam_arena *arena, struct dam_precompile_result *ret)
{
    const size_t term_len = point_len + DAM_BLS_SCALAR_LEN;
    if (input.len == 0 || input.len % term_len != 0) {
        return failure(ret);
    }
    OUTPUT(output, point_len);
    return answer_if(msm(input.data, input.len / term_len, arena, output), ret, output, point_len);
}

static enum dam_err bls_g1_add_run(struct dam_bytes input, enum dam_fork fork,
                                   struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    return bls_add(input, DAM_BLS_G1_LEN, dam_bls_g1_add, arena, ret);
}

static enum dam_err bls_g1_msm_run(struct dam_bytes input, enum dam_fork fork,
                                   struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    return bls_msm(input, DAM_BLS_G1_LEN, dam_bls_g1_msm, arena, ret);
}

static enum dam_err bls_g2_add_run(struct dam_bytes input, enum dam_fork fork,
                                   struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    return bls_add(input, DAM_BLS_G2_LEN, dam_bls_g2_add, arena, ret);
}

static enum dam_err bls_g2_msm_run(struct dam_bytes input, enum dam_fork fork,
                                   struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    return bls_msm(input, DAM_BLS_G2_LEN, dam_bls_g2_msm, arena, ret);
}

static enum dam_err bls_pairing_run(struct dam_bytes input, enum dam_fork fork,
                                    struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    if (input.len == 0 || input.len % DAM_BLS_PAIR_LEN != 0) {
        return failure(ret);
    }
    OUTPUT(output, 32);
    bool one = false;
    enum dam_err err = dam_bls_pairing_check(input.data, input.len / DAM_BLS_PAIR_LEN, &one);
    output[31] = one;
    return answer_if(err, ret, output, 32);
}

static enum dam_err bls_map_fp_run(struct dam_bytes input, enum dam_fork fork,
                                   struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    if (input.len != DAM_BLS_FP_LEN) {
        return failure(ret);
    }
    OUTPUT(output, DAM_BLS_G1_LEN);
    return answer_if(dam_bls_map_fp_to_g1(input.data, output), ret, output, DAM_BLS_G1_LEN);
}

static enum dam_err bls_map_fp2_run(struct dam_bytes input, enum dam_fork fork,
                                    struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    if (input.len != 2 * DAM_BLS_FP_LEN) {
        return failure(ret);
    }
    OUTPUT(output, DAM_BLS_G2_LEN);
    return answer_if(dam_bls_map_fp2_to_g2(input.data, output), ret, output, DAM_BLS_G2_LEN);
}

/* 0x0100 P256VERIFY: EIP-7951. Anything but a good signature is an empty answer. */
#define P256_INPUT_LEN 160u

FIXED_GAS(p256_verify_gas, 6900)

static enum dam_err p256_verify_run(struct dam_bytes input, enum dam_fork fork,
                                    struct dam_arena *arena, struct dam_precompile_result *ret)
{
    UNUSED(fork);
    struct dam_hash digest;
    if (input.len != P256_INPUT_LEN) {
        return answer(ret, NULL, 0);
    }
    memcpy(digest.b, input.data, 32);
    if (!dam_p256_verify(&digest, input.data + 32, input.data + 96)) {
        return answer(ret, NULL, 0);
    }
    OUTPUT(output, 32);
    output[31] = 1;
    return answer(ret, output, 32);
}

struct entry {
    enum dam_fork since;
    struct dam_precompile precompile;
};

static const struct entry low[] = {
    [0x01] = {DAM_FORK_FRONTIER, {"ecrecover", ecrecover_gas, ecrecover_run}},
    [0x02] = {DAM_FORK_FRONTIER, {"sha256", sha256_gas, sha256_run}},
    [0x03] = {DAM_FORK_FRONTIER, {"ripemd160", ripemd160_gas, ripemd160_run}},
    [0x04] = {DAM_FORK_FRONTIER, {"identity", identity_gas, identity_run}},
    [0x05] = {DAM_FORK_BYZANTIUM, {"modexp", modexp_gas, modexp_run}},
    [0x06] = {DAM_FORK_BYZANTIUM, {"bn254_add", bn254_add_gas, bn254_add_run}},
    [0x07] = {DAM_FORK_BYZANTIUM, {"bn254_mul", bn254_mul_gas, bn254_mul_run}},
    [0x08] = {DAM_FORK_BYZANTIUM, {"bn254_pairing", bn254_pairing_gas, bn254_pairing_run}},
    [0x09] = {DAM_FORK_ISTANBUL, {"blake2f", blake2f_gas, blake2f_run}},
    [0x0a] = {DAM_FORK_CANCUN, {"point_evaluation", kzg_gas, kzg_run}},
    [0x0b] = {DAM_FORK_PRAGUE, {"bls12_g1add", bls_g1_add_gas, bls_g1_add_run}},
    [0x0c] = {DAM_FORK_PRAGUE, {"bls12_g1msm", bls_g1_msm_gas, bls_g1_msm_run}},
    [0x0d] = {DAM_FORK_PRAGUE, {"bls12_g2add", bls_g2_add_gas, bls_g2_add_run}},
    [0x0e] = {DAM_FORK_PRAGUE, {"bls12_g2msm", bls_g2_msm_gas, bls_g2_msm_run}},
    [0x0f] = {DAM_FORK_PRAGUE, {"bls12_pairing_check", bls_pairing_gas, bls_pairing_run}},
    [0x10] = {DAM_FORK_PRAGUE, {"bls12_map_fp_to_g1", bls_map_fp_gas, bls_map_fp_run}},
    [0x11] = {DAM_FORK_PRAGUE, {"bls12_map_fp2_to_g2", bls_map_fp2_gas, bls_map_fp2_run}},
};

static const struct entry p256 = {DAM_FORK_OSAKA, {"p256verify", p256_verify_gas, p256_verify_run}};

const struct dam_precompile *dam_precompile_find(const struct dam_address *address,
                                                 enum dam_fork fork)
{
    static const uint8_t zeros[18];
    if (DAM_LIKELY(memcmp(address->b, zeros, sizeof(zeros)) != 0)) {
        return NULL;
    }
    unsigned number = dam_load_be16(address->b + 18);
    const struct entry *entry = NULL;
    if (number >= 1 && number < DAM_COUNT_OF(low)) {
        entry = &low[number];
    } else if (number == 0x100) {
        entry = &p256;
    }
    return entry != NULL && fork >= entry->since ? &entry->precompile : NULL;
}
