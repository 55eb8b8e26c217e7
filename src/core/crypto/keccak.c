// SPDX-License-Identifier: Apache-2.0
/* The permutation is one macro, instantiated for a lane in a 64-bit register, for a lane in a
 * vector register of its own, and for vectors of four and eight lanes of as many inputs.
 *
 * A lane to a vector register looks wasteful, but AVX-512VL has 32 of them, so the 25 lanes need
 * not be spilled, and its vpternlogq does chi and the sums of theta in one instruction where andn
 * and xor need two: 280 to 300 ns a permutation where BMI2 takes 380 to 400 (docs/design/evm.md).
 */
#include "core/crypto/keccak.h"

#include "base/assert.h"
#include "base/attr.h"

#ifdef DAM_X86_64
#define KECCAK_X86 1
#include <immintrin.h>
#endif

#define RATE DAM_KECCAK256_RATE
#define RATE_WORDS (RATE / 8)

static const uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* One row of rho, pi and chi: five words of A, each with its theta column D and its rotation, make
 * row E. */
#define ROW(e, a0, d0, r0, a1, d1, r1, a2, d2, r2, a3, d3, r3, a4, d4, r4, word)                   \
    do {                                                                                           \
        word b0 = ROTL(XOR2(a0, d0), r0), b1 = ROTL(XOR2(a1, d1), r1),                             \
             b2 = ROTL(XOR2(a2, d2), r2), b3 = ROTL(XOR2(a3, d3), r3),                             \
             b4 = ROTL(XOR2(a4, d4), r4);                                                          \
        e##0 = CHI(b0, b1, b2);                                                                    \
        e##1 = CHI(b1, b2, b3);                                                                    \
        e##2 = CHI(b2, b3, b4);                                                                    \
        e##3 = CHI(b3, b4, b0);                                                                    \
        e##4 = CHI(b4, b0, b1);                                                                    \
    } while (0)

/* FIPS 202 section 3.2 from state A into state E; names are A<y><x>. */
#define ROUND(A, E, constant, word)                                                                \
    do {                                                                                           \
        word c0 = XOR5(A##00, A##10, A##20, A##30, A##40);                                         \
        word c1 = XOR5(A##01, A##11, A##21, A##31, A##41);                                         \
        word c2 = XOR5(A##02, A##12, A##22, A##32, A##42);                                         \
        word c3 = XOR5(A##03, A##13, A##23, A##33, A##43);                                         \
        word c4 = XOR5(A##04, A##14, A##24, A##34, A##44);                                         \
        word d0 = XOR2(c4, ROTL(c1, 1)), d1 = XOR2(c0, ROTL(c2, 1)), d2 = XOR2(c1, ROTL(c3, 1)),   \
             d3 = XOR2(c2, ROTL(c4, 1)), d4 = XOR2(c3, ROTL(c0, 1));                               \
        ROW(E##0, A##00, d0, 0, A##11, d1, 44, A##22, d2, 43, A##33, d3, 21, A##44, d4, 14, word); \
        ROW(E##1, A##03, d3, 28, A##14, d4, 20, A##20, d0, 3, A##31, d1, 45, A##42, d2, 61, word); \
        ROW(E##2, A##01, d1, 1, A##12, d2, 6, A##23, d3, 25, A##34, d4, 8, A##40, d0, 18, word);   \
        ROW(E##3, A##04, d4, 27, A##10, d0, 36, A##21, d1, 10, A##32, d2, 15, A##43, d3, 56,       \
            word);                                                                                 \
        ROW(E##4, A##02, d2, 62, A##13, d3, 55, A##24, d4, 39, A##30, d0, 41, A##41, d1, 2, word); \
        E##00 = XOR2(E##00, constant);                                                             \
    } while (0)

#define DECLARE(A, word)                                                                           \
    word A##00, A##01, A##02, A##03, A##04, A##10, A##11, A##12, A##13, A##14, A##20, A##21,       \
        A##22, A##23, A##24, A##30, A##31, A##32, A##33, A##34, A##40, A##41, A##42, A##43, A##44

#define MOVE_ALL(A, s, MOVE)                                                                       \
    MOVE(A##00, s[0]), MOVE(A##01, s[1]), MOVE(A##02, s[2]), MOVE(A##03, s[3]), MOVE(A##04, s[4]), \
        MOVE(A##10, s[5]), MOVE(A##11, s[6]), MOVE(A##12, s[7]), MOVE(A##13, s[8]),                \
        MOVE(A##14, s[9]), MOVE(A##20, s[10]), MOVE(A##21, s[11]), MOVE(A##22, s[12]),             \
        MOVE(A##23, s[13]), MOVE(A##24, s[14]), MOVE(A##30, s[15]), MOVE(A##31, s[16]),            \
        MOVE(A##32, s[17]), MOVE(A##33, s[18]), MOVE(A##34, s[19]), MOVE(A##40, s[20]),            \
        MOVE(A##41, s[21]), MOVE(A##42, s[22]), MOVE(A##43, s[23]), MOVE(A##44, s[24])

#define LOAD(local, memory) local = memory
#define STORE(local, memory) memory = local

#define PERMUTE(A, E, word)                                                                        \
    for (int round = 0; round < 24; round += 2) {                                                  \
        ROUND(A, E, BROADCAST(round_constants[round]), word);                                      \
        ROUND(E, A, BROADCAST(round_constants[round + 1]), word);                                  \
    }

/* A state in memory. */
#define PERMUTE_MEMORY(s, word)                                                                    \
    do {                                                                                           \
        DECLARE(A, word);                                                                          \
        DECLARE(E, word);                                                                          \
        MOVE_ALL(A, s, LOAD);                                                                      \
        PERMUTE(A, E, word)                                                                        \
        MOVE_ALL(A, s, STORE);                                                                     \
    } while (0)

/* The words of a block into the first 17 lanes. */
#define ABSORB(A, p)                                                                               \
    (TAKE(A##00, p, 0), TAKE(A##01, p, 1), TAKE(A##02, p, 2), TAKE(A##03, p, 3),                   \
     TAKE(A##04, p, 4), TAKE(A##10, p, 5), TAKE(A##11, p, 6), TAKE(A##12, p, 7),                   \
     TAKE(A##13, p, 8), TAKE(A##14, p, 9), TAKE(A##20, p, 10), TAKE(A##21, p, 11),                 \
     TAKE(A##22, p, 12), TAKE(A##23, p, 13), TAKE(A##24, p, 14), TAKE(A##30, p, 15),               \
     TAKE(A##31, p, 16))
#define TAKE(lane, p, i) lane = XOR2(lane, LANE_AT((p) + 8 * (i)))
#define CLEAR(local, memory) local = BROADCAST(0)

/* A whole hash with the state in registers from the first block to the last. */
#define HASH(data, len, ret, word)                                                                 \
    do {                                                                                           \
        DECLARE(A, word);                                                                          \
        DECLARE(E, word);                                                                          \
        uint8_t last[RATE];                                                                        \
        const uint8_t *block = NULL;                                                               \
        MOVE_ALL(A, A, CLEAR);                                                                     \
        while (block != last) {                                                                    \
            block = data;                                                                          \
            if (len < RATE) {                                                                      \
                pad(last, data, len);                                                              \
                block = last;                                                                      \
            } else {                                                                               \
                data += RATE;                                                                      \
                len -= RATE;                                                                       \
            }                                                                                      \
            ABSORB(A, block);                                                                      \
            PERMUTE(A, E, word)                                                                    \
        }                                                                                          \
        GIVE(ret->b, A##00), GIVE(ret->b + 8, A##01), GIVE(ret->b + 16, A##02),                    \
            GIVE(ret->b + 24, A##03);                                                              \
    } while (0)

/* The last, padded block: len bytes of it are data. By words, since it is read by words at once and
 * a load that spans several narrower stores waits for all of them. */
static void pad(uint8_t block[RATE], const uint8_t *data, size_t len)
{
    size_t at = 0;
    for (; at + 8 <= len; at += 8) {
        memcpy(block + at, data + at, 8);
    }
    uint64_t word = (uint64_t)1 << (8 * (len - at));
    for (size_t i = at; i < len; i++) {
        word |= (uint64_t)data[i] << (8 * (i - at));
    }
    dam_store_le64(block + at, word);
    for (at += 8; at < RATE; at += 8) {
        memset(block + at, 0, 8);
    }
    block[RATE - 1] |= 0x80;
}

/* ---- a lane in a 64-bit register ------------------------------------------------------------- */

#define XOR2(a, b) ((a) ^ (b))
#define XOR5(a, b, c, d, e) ((a) ^ (b) ^ (c) ^ (d) ^ (e))
#define CHI(a, b, c) ((a) ^ (~(b) & (c)))
#define ROTL(x, n) ((n) == 0 ? (x) : (x) << ((n)&63) | (x) >> ((64 - (n)) & 63))
#define BROADCAST(x) (x)
#define LOAD(local, memory) local = memory
#define STORE(local, memory) memory = local
#define LANE_AT(p) dam_load_le64(p)
#define GIVE(p, lane) dam_store_le64(p, lane)

static void permute_portable(uint64_t s[25])
{
    PERMUTE_MEMORY(s, uint64_t);
}

static void hash_portable(const uint8_t *data, size_t len, struct dam_hash *ret)
{
    HASH(data, len, ret, uint64_t);
}

#ifdef KECCAK_X86
/* The same C; the compiler finds andn and rorx. */
#define BMI2 __attribute__((target("bmi,bmi2")))

BMI2 static void permute_bmi2(uint64_t s[25])
{
    PERMUTE_MEMORY(s, uint64_t);
}

BMI2 static void hash_bmi2(const uint8_t *data, size_t len, struct dam_hash *ret)
{
    HASH(data, len, ret, uint64_t);
}

/* ---- four and eight inputs ------------------------------------------------------------------- */

typedef uint64_t word4 __attribute__((vector_size(32)));
typedef uint64_t word8 __attribute__((vector_size(64)));

#undef BROADCAST
#define BROADCAST(x) ((word4){(x), (x), (x), (x)})
__attribute__((target("avx2"))) static void permute_avx2(word4 s[25])
{
    PERMUTE_MEMORY(s, word4);
}

#undef BROADCAST
#define BROADCAST(x) ((word8){(x), (x), (x), (x), (x), (x), (x), (x)})
__attribute__((target("avx512f"))) static void permute_avx512(word8 s[25])
{
    PERMUTE_MEMORY(s, word8);
}

/* ---- a lane in a vector register of its own -------------------------------------------------- */

#undef XOR2
#undef XOR5
#undef CHI
#undef ROTL
#undef BROADCAST
#undef LOAD
#undef STORE
#undef LANE_AT
#undef GIVE
#define XOR2(a, b) _mm_xor_si128(a, b)
#define XOR3(a, b, c) _mm_ternarylogic_epi64(a, b, c, 0x96)
#define XOR5(a, b, c, d, e) XOR3(XOR3(a, b, c), d, e)
#define CHI(a, b, c) _mm_ternarylogic_epi64(a, b, c, 0xd2)
#define ROTL(x, n) ((n) == 0 ? (x) : _mm_rol_epi64(x, n))
#define BROADCAST(x) _mm_cvtsi64_si128((long long)(x))
#define LOAD(local, memory) local = _mm_loadl_epi64((const __m128i *)&(memory))
#define STORE(local, memory) _mm_storel_epi64((__m128i *)&(memory), local)
#define LANE_AT(p) _mm_loadl_epi64((const __m128i *)(p))
#define GIVE(p, lane) _mm_storel_epi64((__m128i *)(p), lane)
#define AVX512VL __attribute__((target("avx512f,avx512vl")))

AVX512VL static void permute_avx512vl(uint64_t s[25])
{
    PERMUTE_MEMORY(s, __m128i);
}

AVX512VL static void hash_avx512vl(const uint8_t *data, size_t len, struct dam_hash *ret)
{
    HASH(data, len, ret, __m128i);
}
#endif

/* ---- one input ------------------------------------------------------------------------------- */

enum dam_keccak_kind dam_keccak256_kind(void)
{
#ifdef KECCAK_X86
    if (DAM_LIKELY(__builtin_cpu_supports("avx512vl"))) {
        return DAM_KECCAK_AVX512VL;
    }
    if (__builtin_cpu_supports("bmi2")) {
        return DAM_KECCAK_BMI2;
    }
#endif
    return DAM_KECCAK_PORTABLE;
}

static void permute(uint64_t s[25])
{
    switch (dam_keccak256_kind()) {
#ifdef KECCAK_X86
    case DAM_KECCAK_AVX512VL:
        permute_avx512vl(s);
        return;
    case DAM_KECCAK_BMI2:
        permute_bmi2(s);
        return;
#endif
    default:
        permute_portable(s);
    }
}

static void absorb(uint64_t s[25], const uint8_t *block)
{
    for (unsigned i = 0; i < RATE_WORDS; i++) {
        s[i] ^= dam_load_le64(block + 8 * i);
    }
    permute(s);
}

static void squeeze(const uint64_t s[25], struct dam_hash *ret)
{
    for (unsigned i = 0; i < 4; i++) {
        dam_store_le64(ret->b + 8 * i, s[i]);
    }
}

void dam_keccak256_at(enum dam_keccak_kind kind, const uint8_t *data, size_t len,
                      struct dam_hash *ret)
{
    switch (kind) {
#ifdef KECCAK_X86
    case DAM_KECCAK_AVX512VL:
        hash_avx512vl(data, len, ret);
        return;
    case DAM_KECCAK_BMI2:
        hash_bmi2(data, len, ret);
        return;
#endif
    default:
        hash_portable(data, len, ret);
    }
}

void dam_keccak256(const uint8_t *data, size_t len, struct dam_hash *ret)
{
    dam_keccak256_at(dam_keccak256_kind(), data, len, ret);
}

void dam_keccak256_init(struct dam_keccak256 *state)
{
    memset(state->lanes, 0, sizeof(state->lanes));
    state->pending_len = 0;
}

void dam_keccak256_update(struct dam_keccak256 *state, const uint8_t *data, size_t len)
{
    while (len > 0) {
        if (state->pending_len == 0 && len >= RATE) {
            absorb(state->lanes, data);
            data += RATE;
            len -= RATE;
            continue;
        }
        size_t part = RATE - state->pending_len < len ? RATE - state->pending_len : len;
        memcpy(state->pending + state->pending_len, data, part);
        state->pending_len += part;
        data += part;
        len -= part;
        if (state->pending_len == RATE) {
            absorb(state->lanes, state->pending);
            state->pending_len = 0;
        }
    }
}

void dam_keccak256_final(struct dam_keccak256 *state, struct dam_hash *ret)
{
    uint8_t last[RATE];
    pad(last, state->pending, state->pending_len);
    absorb(state->lanes, last);
    squeeze(state->lanes, ret);
}

#ifdef KECCAK_X86
/* Inputs are dealt to the columns of a state matrix; a column that has finished its input takes the
 * next one, so differing lengths cost nothing but the idle columns at the very end. */
struct column {
    const uint8_t *data;
    size_t left;
    size_t index; /* which input; SIZE_MAX: idle */
    bool padded;  /* the block absorbed last was the final one */
};

struct deal {
    const struct dam_bytes *inputs;
    size_t count;
    size_t next;
    size_t active;
    struct column columns[8];
};

static void column_take(struct deal *deal, uint64_t *words, unsigned width, unsigned c)
{
    struct column *column = &deal->columns[c];
    if (deal->next == deal->count) {
        column->index = SIZE_MAX;
        return;
    }
    column->index = deal->next++;
    column->data = deal->inputs[column->index].data;
    column->left = deal->inputs[column->index].len;
    column->padded = false;
    deal->active++;
    for (unsigned i = 0; i < 25; i++) {
        words[i * width + c] = 0;
    }
}

static void column_absorb(struct column *column, uint64_t *words, unsigned width, unsigned c)
{
    uint8_t last[RATE];
    const uint8_t *block = column->data;
    if (column->left >= RATE) {
        column->data += RATE;
        column->left -= RATE;
    } else {
        pad(last, column->data, column->left);
        block = last;
        column->padded = true;
    }
    for (unsigned i = 0; i < RATE_WORDS; i++) {
        words[i * width + c] ^= dam_load_le64(block + 8 * i);
    }
}

/* One column is left: the plain permutation is faster for it. */
static void column_finish_alone(struct column *column, const uint64_t *words, unsigned width,
                                unsigned c, struct dam_hash *ret)
{
    struct dam_keccak256 state;
    dam_keccak256_init(&state);
    for (unsigned i = 0; i < 25; i++) {
        state.lanes[i] = words[i * width + c];
    }
    dam_keccak256_update(&state, column->data, column->left);
    dam_keccak256_final(&state, ret);
}

static void batch_wide(unsigned width, const struct dam_bytes *inputs, size_t count,
                       struct dam_hash *ret)
{
    _Alignas(64) uint64_t words[25 * 8] = {0};
    struct deal deal = {.inputs = inputs, .count = count};
    for (unsigned c = 0; c < width; c++) {
        column_take(&deal, words, width, c);
    }
    while (deal.active > 1) {
        for (unsigned c = 0; c < width; c++) {
            if (deal.columns[c].index != SIZE_MAX) {
                column_absorb(&deal.columns[c], words, width, c);
            }
        }
        if (width == 8) {
            permute_avx512((word8 *)words);
        } else {
            permute_avx2((word4 *)words);
        }
        for (unsigned c = 0; c < width; c++) {
            struct column *column = &deal.columns[c];
            if (column->index == SIZE_MAX || !column->padded) {
                continue;
            }
            for (unsigned i = 0; i < 4; i++) {
                dam_store_le64(ret[column->index].b + 8 * i, words[i * width + c]);
            }
            deal.active--;
            column_take(&deal, words, width, c);
        }
    }
    for (unsigned c = 0; c < width; c++) {
        struct column *column = &deal.columns[c];
        if (column->index != SIZE_MAX) {
            column_finish_alone(column, words, width, c, &ret[column->index]);
        }
    }
}
#endif

enum dam_keccak_width dam_keccak256_batch_width(void)
{
#ifdef KECCAK_X86
    if (__builtin_cpu_supports("avx512f")) {
        return DAM_KECCAK_WIDTH_8;
    }
    if (__builtin_cpu_supports("avx2")) {
        return DAM_KECCAK_WIDTH_4;
    }
#endif
    return DAM_KECCAK_WIDTH_1;
}

void dam_keccak256_batch_at(enum dam_keccak_width width, const struct dam_bytes *inputs,
                            size_t count, struct dam_hash *ret)
{
    DAM_ASSERT(width <= dam_keccak256_batch_width());
#ifdef KECCAK_X86
    if (width != DAM_KECCAK_WIDTH_1) {
        batch_wide(width, inputs, count, ret);
        return;
    }
#endif
    for (size_t i = 0; i < count; i++) {
        dam_keccak256(inputs[i].data, inputs[i].len, &ret[i]);
    }
}

void dam_keccak256_batch(const struct dam_bytes *inputs, size_t count, struct dam_hash *ret)
{
    dam_keccak256_batch_at(dam_keccak256_batch_width(), inputs, count, ret);
}
