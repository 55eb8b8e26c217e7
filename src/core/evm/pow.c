// SPDX-License-Identifier: Apache-2.0
#include "core/evm/pow.h"

#define DIFFICULTY_MIN 131072u
#define BOMB_PERIOD 100000u
#define UNCLES_MAX 2u

/* ---- difficulty ------------------------------------------------------------------------------ */

/* By how many blocks the bomb is put off. */
static uint64_t bomb_delay(const struct dam_chain_config *config, enum dam_fork fork,
                           uint64_t number)
{
    static const uint64_t by_fork[DAM_FORK_PARIS + 1] = {
        [DAM_FORK_BYZANTIUM] = 3000000,  [DAM_FORK_CONSTANTINOPLE] = 5000000,
        [DAM_FORK_PETERSBURG] = 5000000, [DAM_FORK_ISTANBUL] = 5000000,
        [DAM_FORK_BERLIN] = 9000000, /* Muir Glacier came before it */
        [DAM_FORK_LONDON] = 9700000,     [DAM_FORK_PARIS] = 11400000,
    };
    static const uint64_t by_glacier[DAM_GLACIER_COUNT] = {9000000, 10700000, 11400000};
    uint64_t delay = by_fork[fork < DAM_FORK_PARIS ? fork : DAM_FORK_PARIS];
    for (unsigned i = 0; i < DAM_GLACIER_COUNT; i++) {
        if (number >= config->glacier_block[i] && by_glacier[i] > delay) {
            delay = by_glacier[i];
        }
    }
    return delay;
}

/* How many 2048ths of the parent's difficulty come on top. */
static int64_t adjustment(enum dam_fork fork, const struct dam_header *parent, uint64_t passed)
{
    if (fork < DAM_FORK_HOMESTEAD) {
        return passed < 13 ? 1 : -1;
    }
    int64_t steps;
    if (fork < DAM_FORK_BYZANTIUM) {
        steps = passed / 10 > 100 ? -99 : 1 - (int64_t)(passed / 10);
    } else {
        const int64_t base = dam_hash_eq(&parent->uncles_hash, &dam_empty_uncles_hash) ? 1 : 2;
        steps = passed / 9 > 101 ? -99 : base - (int64_t)(passed / 9);
    }
    return steps < -99 ? -99 : steps;
}

static void at_least_min(struct dam_u256 *difficulty)
{
    const struct dam_u256 min = dam_u256_from_u64(DIFFICULTY_MIN);
    if (dam_u256_lt(difficulty, &min)) {
        *difficulty = min;
    }
}

struct dam_u256 dam_evm_next_difficulty(const struct dam_chain_config *config,
                                        const struct dam_header *parent, uint64_t timestamp)
{
    const uint64_t number = parent->number + 1;
    const enum dam_fork fork = dam_chain_config_fork(config, number, timestamp);
    const int64_t steps = adjustment(fork, parent, timestamp - parent->timestamp);
    const struct dam_u256 size = dam_u256_from_u64((uint64_t)(steps < 0 ? -steps : steps));
    struct dam_u256 difficulty = parent->difficulty;
    struct dam_u256 change;
    dam_u256_shr(&change, &parent->difficulty, 11);
    dam_u256_mul(&change, &change, &size);
    if (steps < 0) {
        if (dam_u256_sub(&difficulty, &difficulty, &change)) {
            difficulty = dam_u256_from_u64(0);
        }
    } else {
        (void)dam_u256_add(&difficulty, &difficulty, &change);
    }
    at_least_min(&difficulty);
    const uint64_t delay = bomb_delay(config, fork, number);
    const uint64_t period = (number > delay ? number - delay : 0) / BOMB_PERIOD;
    if (period > 1) {
        const struct dam_u256 one = dam_u256_from_u64(1);
        struct dam_u256 bomb;
        dam_u256_shl(&bomb, &one, period - 2);
        (void)dam_u256_add(&difficulty, &difficulty, &bomb);
        at_least_min(&difficulty);
    }
    return difficulty;
}

/* ---- uncles ---------------------------------------------------------------------------------- */

/* The ancestor with this hash, from the given generation on: 0 is the parent. */
static const struct dam_evm_ancestor *ancestor_find(const struct dam_evm_family *family,
                                                    const struct dam_hash *hash, size_t from)
{
    for (size_t i = from; i < family->count; i++) {
        if (dam_hash_eq(&family->ancestors[i].hash, hash)) {
            return &family->ancestors[i];
        }
    }
    return NULL;
}

static bool was_named(const struct dam_evm_family *family, const struct dam_hash *hash)
{
    for (size_t i = 0; i < family->count; i++) {
        const struct dam_evm_ancestor *ancestor = &family->ancestors[i];
        for (size_t j = 0; j < ancestor->uncle_count; j++) {
            if (dam_hash_eq(&ancestor->uncles[j], hash)) {
                return true;
            }
        }
    }
    return false;
}

bool dam_evm_uncles_hold(const struct dam_chain_config *config, const struct dam_evm_family *family,
                         const struct dam_block *block)
{
    struct dam_hash hashes[UNCLES_MAX];
    if (block->uncle_count > UNCLES_MAX) {
        return false;
    }
    for (size_t i = 0; i < block->uncle_count; i++) {
        const struct dam_header *uncle = &block->uncles[i];
        dam_header_hash(uncle, &hashes[i]);
        const bool twice = i == 1 && dam_hash_eq(&hashes[0], &hashes[1]);
        const struct dam_evm_ancestor *parent = ancestor_find(family, &uncle->parent_hash, 1);
        if (twice || parent == NULL || was_named(family, &hashes[i]) ||
            ancestor_find(family, &hashes[i], 0) != NULL ||
            dam_evm_header_check(config, parent->header, uncle) != DAM_BLOCK_NONE) {
            return false;
        }
    }
    return true;
}
