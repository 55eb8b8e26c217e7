// SPDX-License-Identifier: Apache-2.0
#include "model/charging.h"

#include "base/assert.h"

#define SLOTS DAM_CHARGING_SLOTS
#define AHEAD DAM_CHARGING_AHEAD
#define BINS DAM_CHARGING_BINS
#define BIN_SLOTS 3
#define LEARN_DAYS 10

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static size_t bin_of(int64_t late)
{
    int64_t bin = (late + SLOTS * BIN_SLOTS) / BIN_SLOTS - SLOTS + BINS / 2;
    return (size_t)most(0, least(bin, BINS - 1));
}

void dam_charging_begin(struct dam_charging_memory *memory)
{
    *memory = (struct dam_charging_memory){0};
    for (size_t i = 0; i < BINS; i++) {
        memory->left[i] = 1;
    }
}

void dam_charging_left(struct dam_charging_memory *memory, int64_t late)
{
    memory->left[bin_of(most(-SLOTS, least(late, SLOTS)))]++;
}

/* What a unit of energy is expected to earn in this slot and those ahead. */
static void values_ahead(const struct dam_charging *c, const struct dam_charging_memory *m,
                         int32_t carbon, int64_t off, int64_t *ret)
{
    for (int64_t k = 0; k <= AHEAD; k++) {
        int64_t expected = k == 0 ? carbon : m->carbon[(m->slots + k) % SLOTS] + off;
        ret[k] = most(0, c->gain - ((most(0, expected) * c->carbon_price) >> 16));
        off = off * c->keep / 256;
    }
}

/* The n-th best of the slots ahead, each counted by how likely the car still waits; 0: so many are
 * not worth anything. In: stay: cars that left in a bin or later. */
static int64_t value_of_waiting(const int64_t *values, const int64_t *stay, int64_t late, int64_t n)
{
    int64_t sorted[AHEAD];
    int64_t count = 0;
    int64_t still = stay[bin_of(late)];
    if (n > AHEAD) {
        return 0;
    }
    for (int64_t k = 1; k <= AHEAD; k++) {
        int64_t value = values[k] * stay[bin_of(late + k)] / still;
        int64_t at = count;
        while (at > 0 && sorted[at - 1] < value) {
            at--;
        }
        if (at == n) {
            continue;
        }
        count = least(count + 1, n);
        for (int64_t i = count - 1; i > at; i--) {
            sorted[i] = sorted[i - 1];
        }
        sorted[at] = value;
    }
    return sorted[n - 1];
}

void dam_charging_decide(const struct dam_charging *c, struct dam_charging_memory *m,
                         int32_t carbon, const struct dam_charging_car *cars, size_t count,
                         int32_t *ret_energy)
{
    int64_t values[AHEAD + 1];
    int64_t stay[BINS];
    int64_t gains[DAM_CHARGING_CARS_MAX]; /* by not waiting */
    DAM_ASSERT(count <= DAM_CHARGING_CARS_MAX);
    int32_t *usual = &m->carbon[m->slots % SLOTS];
    int64_t days = m->slots / SLOTS;
    values_ahead(c, m, carbon, days == 0 ? 0 : carbon - *usual, values);
    *usual += (int32_t)((carbon - *usual) / least(days + 1, LEARN_DAYS));
    for (size_t bin = BINS; bin-- > 0;) {
        stay[bin] = m->left[bin] + (bin + 1 < BINS ? stay[bin + 1] : 0);
    }
    for (size_t i = 0; i < count; i++) {
        int64_t late = most(-SLOTS, least(m->slots - cars[i].says, SLOTS));
        int64_t slots = (cars[i].wants + (int64_t)c->car_most - 1) / c->car_most;
        ret_energy[i] = 0;
        gains[i] = slots == 0
                       ? 0
                       : values[0] * c->haste / 64 - value_of_waiting(values, stay, late, slots);
    }
    for (int64_t rest = c->site_most; rest > 0;) {
        size_t next = count;
        for (size_t i = 0; i < count; i++) {
            if (gains[i] > 0 && (next == count || gains[i] > gains[next])) {
                next = i;
            }
        }
        if (next == count) {
            break;
        }
        ret_energy[next] = (int32_t)least(rest, least(cars[next].wants, c->car_most));
        rest -= ret_energy[next];
        gains[next] = 0;
    }
    m->slots++;
}
