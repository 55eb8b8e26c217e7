// SPDX-License-Identifier: Apache-2.0
#include "machine/history.h"

#include "core/crypto/sha256.h"
#include "machine/pin.h"

#include <stdarg.h>
#include <stdio.h>

#define PROGRESS_EVERY 256u

static bool keep_going(const struct dam_history_progress *progress, uint64_t done, uint64_t total)
{
    return progress == NULL || progress->at == NULL ||
           (done % PROGRESS_EVERY != 0 && done != total) ||
           progress->at(progress->ctx, done, total);
}

static enum dam_err found(struct dam_history_finding *finding, uint64_t seq, const char *fmt, ...)
    DAM_PRINTF(3, 4);

static enum dam_err found(struct dam_history_finding *finding, uint64_t seq, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    finding->seq = seq;
    (void)vsnprintf(finding->text, sizeof(finding->text), fmt, args);
    va_end(args);
    return DAM_ECORRUPT;
}

static enum dam_err leaf_read(struct dam_evidence *evidence, uint64_t seq,
                              struct dam_record_leaf *ret, struct dam_bytes *ret_data,
                              struct dam_history_finding *finding)
{
    enum dam_err err = dam_evidence_read(evidence, seq, ret_data);
    if (err != DAM_OK) {
        (void)found(finding, seq, "%s",
                    err == DAM_ECORRUPT ? "the bytes on the disk do not match the leaf's hash"
                                        : dam_err_text(err));
        return err;
    }
    err = dam_record_leaf_load(*ret_data, ret);
    return err == DAM_OK ? DAM_OK : found(finding, seq, "not a leaf: %s", dam_err_text(err));
}

/* ---- verify ---------------------------------------------------------------------------------- */

static enum dam_err decision_check(struct dam_history_checker *c,
                                   const struct dam_record_leaf *leaf)
{
    struct dam_hash memory;
    const struct dam_record_decision *d = &leaf->decision;
    dam_sha256(d->memory.data, d->memory.len, &memory);
    bool same_mind = dam_address_eq(&c->mind, &d->mind);
    if (c->has_memory && same_mind && !dam_hash_eq(&memory, &c->next_memory)) {
        return found(c->finding, leaf->seq,
                     "its memory is not the one that the decision before it left");
    }
    c->next_memory = d->next_hash;
    c->mind = d->mind;
    c->has_memory = true;
    c->out->outcomes[d->outcome]++;
    return DAM_OK;
}

static enum dam_err leaf_check(struct dam_history_checker *c, const struct dam_record_leaf *leaf)
{
    uint64_t seq = c->frontier.size;
    if (leaf->seq != seq) {
        return found(c->finding, seq, "it says that it is leaf %llu",
                     (unsigned long long)leaf->seq);
    }
    if (!dam_hash_eq(&leaf->prev, &c->prev)) {
        return found(c->finding, seq, "it does not follow the leaf before it");
    }
    if (seq > 0 && !dam_hash_eq(&leaf->machine, &c->machine)) {
        return found(c->finding, seq, "it is another machine's");
    }
    c->machine = leaf->machine;
    if (leaf->kind == DAM_RECORD_DECISION) {
        DAM_TRY(decision_check(c, leaf));
    } else if (leaf->kind == DAM_RECORD_CHANGE) {
        c->has_memory = false; /* a change may migrate or reset the memory */
    } else if (leaf->kind == DAM_RECORD_GAP && leaf->gap.to_ms > leaf->gap.from_ms) {
        c->out->gaps_ms += (uint64_t)(leaf->gap.to_ms - leaf->gap.from_ms);
    }
    c->out->kinds[leaf->kind]++;
    return DAM_OK;
}

void dam_history_check_begin(struct dam_history_checker *c, struct dam_history_verified *out,
                             struct dam_history_finding *finding)
{
    *c = (struct dam_history_checker){.out = out, .finding = finding};
    *out = (struct dam_history_verified){0};
    *finding = (struct dam_history_finding){0};
}

enum dam_err dam_history_check_leaf(struct dam_history_checker *c, struct dam_bytes data)
{
    struct dam_record_leaf leaf;
    enum dam_err err = dam_record_leaf_load(data, &leaf);
    if (err != DAM_OK) {
        return found(c->finding, c->frontier.size, "not a leaf: %s", dam_err_text(err));
    }
    DAM_TRY(leaf_check(c, &leaf));
    dam_record_leaf_hash(data, &c->prev);
    (void)dam_record_append(&c->frontier, &c->prev, NULL);
    c->out->leaves++;
    return DAM_OK;
}

void dam_history_check_end(struct dam_history_checker *c)
{
    struct dam_history_verified *out = c->out;
    dam_record_frontier_root(&c->frontier, &out->root);
    if (out->kinds[DAM_RECORD_RECEIPT] > 0 &&
        out->kinds[DAM_RECORD_DECISION] > out->kinds[DAM_RECORD_RECEIPT]) {
        out->unreceipted = out->kinds[DAM_RECORD_DECISION] - out->kinds[DAM_RECORD_RECEIPT];
    }
}

/* ---- replay ---------------------------------------------------------------------------------- */

static bool fits(const struct dam_record_decision *d, const struct dam_manifest *manifest)
{
    return d->observation.len == DAM_FLOW_SAMPLE_LEN * dam_manifest_record_count(manifest) &&
           d->action.len == 8 * manifest->actuator_count;
}

static const char *difference_of(const struct dam_record_decision *then,
                                 const struct dam_decision *now)
{
    uint8_t packed[8 * DAM_FLOW_ACTUATORS_MAX];
    struct dam_hash next;
    if (then->outcome != now->outcome) {
        return "the outcome";
    }
    dam_flow_values_store(packed, now->proposal, now->count);
    if (!dam_bytes_eq(then->proposal, dam_bytes(packed, 8 * now->count))) {
        return "the proposal";
    }
    dam_flow_values_store(packed, now->action, now->count);
    if (!dam_bytes_eq(then->action, dam_bytes(packed, 8 * now->count))) {
        return "the action";
    }
    for (size_t i = 0; i < now->count; i++) {
        dam_store_be16(packed + 2 * i, now->reasons[i]);
    }
    if (!dam_bytes_eq(then->reasons, dam_bytes(packed, 2 * now->count))) {
        return "the reasons";
    }
    dam_sha256(now->memory, now->memory_len, &next);
    if (!dam_hash_eq(&next, &then->next_hash)) {
        return "the next memory";
    }
    if (then->mind_gas != now->mind_gas || then->charter_gas != now->charter_gas) {
        return "the gas";
    }
    return NULL;
}

/* The gas budgets of an epoch, where the machine keeps its constitution. */
static struct dam_law law_of(const struct dam_manifest *manifest, const struct dam_law *law,
                             uint32_t epoch)
{
    struct dam_law own = *law;
    struct dam_terms terms;
    if (manifest->chain.has_constitution && dam_pin_terms(manifest, epoch, &terms) == DAM_OK) {
        own.mind_gas = terms.mind_gas;
        own.charter_gas = terms.charter_gas;
    }
    return own;
}

enum dam_err dam_history_replay(struct dam_evidence *evidence, struct dam_decider *decider,
                                const struct dam_manifest *manifest, const struct dam_law *law,
                                struct dam_history_range range,
                                const struct dam_history_progress *progress,
                                struct dam_history_replayed *ret,
                                struct dam_history_finding *ret_finding)
{
    struct dam_decision decision;
    struct dam_sha256 digest;
    uint32_t epoch = 0;
    struct dam_law own = law_of(manifest, law, epoch);
    *ret = (struct dam_history_replayed){0};
    *ret_finding = (struct dam_history_finding){0};
    dam_sha256_init(&digest);
    for (uint64_t seq = range.first; seq < range.end; seq++) {
        struct dam_record_leaf leaf;
        struct dam_bytes data;
        DAM_TRY(leaf_read(evidence, seq, &leaf, &data, ret_finding));
        if (!keep_going(progress, seq + 1 - range.first, range.end - range.first)) {
            return DAM_ECLOSED;
        }
        if (leaf.kind != DAM_RECORD_DECISION) {
            continue;
        }
        const struct dam_record_decision *d = &leaf.decision;
        ret->decisions++;
        if (!fits(d, manifest) || dam_decider_code(decider, &d->mind).len == 0 ||
            dam_decider_code(decider, &d->charter).len == 0) {
            ret->foreign++;
            continue;
        }
        if (d->epoch != epoch) {
            epoch = d->epoch;
            own = law_of(manifest, law, epoch);
        }
        own.mind = d->mind;
        own.charter = d->charter;
        const struct dam_decide_input input = {
            &own, &manifest->rules, dam_decide_mode_of(d->outcome), d->memory, d->observation};
        DAM_TRY(dam_decide(decider, &input, &decision));
        dam_sha256_update(&digest, data.data + DAM_RECORD_LEAF_HEAD,
                          data.len - DAM_RECORD_LEAF_HEAD);
        const char *difference = difference_of(d, &decision);
        ret->same += difference == NULL ? 1 : 0;
        ret->different += difference == NULL ? 0 : 1;
        if (difference != NULL && ret_finding->text[0] == 0) {
            (void)found(ret_finding, seq, "%s is not what mind and charter give", difference);
        }
    }
    dam_sha256_final(&digest, &ret->digest);
    return DAM_OK;
}

/* ---- whatif ---------------------------------------------------------------------------------- */

struct candidate {
    size_t memory_len;
    uint8_t memory[DAM_FLOW_MEMORY_MAX];
    int64_t last[DAM_FLOW_ACTUATORS_MAX];
    bool has_last;
    uint8_t observation[DAM_FLOW_SAMPLE_LEN * DAM_FLOW_CHANNELS_MAX];
    int64_t then_action[DAM_FLOW_ACTUATORS_MAX];
    struct dam_decision decision;
    int64_t prices[DAM_FLOW_ACTUATORS_MAX];
    int64_t time_ms; /* of the last decision */
    bool has_time;
};

/* The sum saturates rather than wraps: a total that large is nonsense anyway. */
static void add(int64_t *total, __int128 value)
{
    __int128 sum = (__int128)*total + value;
    *total = sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}

static __int128 power_of_ten(unsigned exponent)
{
    __int128 power = 1;
    for (unsigned i = 0; i < exponent; i++) {
        power *= 10;
    }
    return power;
}

/* money * 10^6 = amount * price * factor / (3.6e6 * 10^9 * 10^decimals) * 10^6, where amount is in
 * unit / 10^decimals * ms; the factor comes after the first division to stay within 128 bits. */
static __int128 money_micro(const struct dam_manifest *manifest, size_t actuator, __int128 amount,
                            int64_t price)
{
    const struct dam_manifest_actuator *a = &manifest->actuators[actuator];
    unsigned decimals = a->decimals + dam_manifest_record_decimals(manifest, (size_t)a->worth);
    __int128 money = amount * price / 3600 * 1000 / power_of_ten(decimals);
    return money * a->worth_factor / 1000000000;
}

/* Of one unit of what the actuator moves, by the channel that says it; 0 where none does. */
static int64_t price_of(const struct dam_manifest *manifest, size_t actuator,
                        struct dam_bytes observation)
{
    int worth = manifest->actuators[actuator].worth;
    return worth < 0
               ? 0
               : (int64_t)dam_load_be64(observation.data + DAM_FLOW_SAMPLE_LEN * (size_t)worth);
}

enum dam_err dam_history_stake(struct dam_evidence *evidence, const struct dam_manifest *manifest,
                               uint64_t seq, int64_t *ret_micro)
{
    struct dam_record_leaf leaf;
    struct dam_bytes data;
    struct dam_history_finding finding;
    int64_t total = 0;
    DAM_TRY(leaf_read(evidence, seq, &leaf, &data, &finding));
    bool counts = leaf.kind == DAM_RECORD_DECISION && fits(&leaf.decision, manifest);
    for (size_t i = 0; counts && i < manifest->actuator_count; i++) {
        int64_t price = price_of(manifest, i, leaf.decision.observation);
        if (price != 0) {
            __int128 amount = (int64_t)dam_load_be64(leaf.decision.action.data + 8 * i);
            __int128 money = money_micro(manifest, i, amount * manifest->period_ms, price);
            add(&total, money < 0 ? -money : money);
        }
    }
    *ret_micro = total;
    return DAM_OK;
}

/* What the last decision's difference came to until now. */
static void account(const struct dam_manifest *manifest, const struct candidate *c, int64_t now_ms,
                    struct dam_history_whatif *out)
{
    int64_t span = now_ms - c->time_ms;
    int64_t span_max = 3 * manifest->period_ms; /* through a gap nobody acted */
    span = span < 0 ? 0 : span > span_max ? span_max : span;
    out->span_ms += span;
    for (size_t i = 0; i < c->decision.count; i++) {
        const struct dam_manifest_actuator *a = &manifest->actuators[i];
        __int128 difference = (__int128)c->decision.action[i] - c->then_action[i];
        __int128 amount = difference * span; /* in unit / 10^decimals * ms */
        add(&out->actuators[i].milli_hours, amount / (3600 * power_of_ten(a->decimals)));
        if (a->worth >= 0) {
            add(&out->actuators[i].money_micro, money_micro(manifest, i, amount, c->prices[i]));
        }
    }
}

static void observe_as_candidate(const struct dam_manifest *manifest, struct candidate *c,
                                 const struct dam_record_decision *d)
{
    size_t n = manifest->actuator_count;
    memcpy(c->observation, d->observation.data, d->observation.len);
    uint8_t *last = c->observation + d->observation.len - DAM_FLOW_SAMPLE_LEN * n;
    for (size_t i = 0; i < n; i++, last += DAM_FLOW_SAMPLE_LEN) {
        if (c->has_last) {
            dam_store_be64(last, (uint64_t)c->last[i]);
        }
        c->prices[i] = price_of(manifest, i, d->observation);
    }
}

static bool compare(const struct dam_record_leaf *leaf, struct candidate *c,
                    struct dam_history_whatif *out)
{
    bool different = false;
    dam_flow_values_load(leaf->decision.action.data, c->then_action, c->decision.count);
    for (size_t i = 0; i < c->decision.count; i++) {
        int64_t difference = 0;
        if (__builtin_sub_overflow(c->decision.action[i], c->then_action[i], &difference)) {
            difference = c->decision.action[i] > c->then_action[i] ? INT64_MAX : INT64_MIN;
        }
        if (difference == 0) {
            continue;
        }
        struct dam_history_actuator *a = &out->actuators[i];
        different = true;
        a->different++;
        uint64_t size = difference < 0 ? 0 - (uint64_t)difference : (uint64_t)difference;
        uint64_t most = a->largest < 0 ? 0 - (uint64_t)a->largest : (uint64_t)a->largest;
        a->largest = size > most ? difference : a->largest;
    }
    return different;
}

static enum dam_err one_whatif(struct dam_decider *decider, const struct dam_manifest *manifest,
                               const struct dam_law *law, const struct dam_record_leaf *leaf,
                               struct candidate *c, struct dam_history_whatif *out,
                               bool *ret_different)
{
    const struct dam_record_decision *d = &leaf->decision;
    if (c->has_time) {
        account(manifest, c, leaf->time_ms, out);
    }
    observe_as_candidate(manifest, c, d);
    const struct dam_decide_input input = {law, &manifest->rules, dam_decide_mode_of(d->outcome),
                                           dam_bytes(c->memory, c->memory_len),
                                           dam_bytes(c->observation, d->observation.len)};
    DAM_TRY(dam_decide(decider, &input, &c->decision));
    *ret_different = compare(leaf, c, out);
    c->memory_len = c->decision.memory_len;
    memcpy(c->memory, c->decision.memory, c->memory_len);
    memcpy(c->last, c->decision.action, c->decision.count * sizeof(*c->last));
    c->has_last = true;
    c->time_ms = leaf->time_ms;
    c->has_time = true;
    out->outcomes_then[d->outcome]++;
    out->outcomes_now[c->decision.outcome]++;
    out->gas_then += d->mind_gas + d->charter_gas;
    out->gas_now += c->decision.mind_gas + c->decision.charter_gas;
    return DAM_OK;
}

enum dam_err dam_history_ask_whatif(struct dam_evidence *evidence, struct dam_decider *decider,
                                    const struct dam_manifest *manifest,
                                    const struct dam_law *candidate, struct dam_history_range range,
                                    const struct dam_history_progress *progress,
                                    struct dam_history_whatif *ret,
                                    struct dam_history_finding *ret_finding)
{
    struct candidate c = {0};
    *ret = (struct dam_history_whatif){0};
    *ret_finding = (struct dam_history_finding){0};
    for (uint64_t seq = range.first; seq < range.end; seq++) {
        struct dam_record_leaf leaf;
        struct dam_bytes data;
        bool different = false;
        DAM_TRY(leaf_read(evidence, seq, &leaf, &data, ret_finding));
        if (!keep_going(progress, seq + 1 - range.first, range.end - range.first)) {
            return DAM_ECLOSED;
        }
        if (leaf.kind != DAM_RECORD_DECISION) {
            continue;
        }
        ret->decisions++;
        if (!fits(&leaf.decision, manifest)) {
            ret->foreign++;
            continue;
        }
        DAM_TRY(one_whatif(decider, manifest, candidate, &leaf, &c, ret, &different));
        if (different) {
            ret->first_different = ret->different == 0 ? seq : ret->first_different;
            ret->different++;
        }
    }
    if (c.has_time) { /* the last decision stood for one period */
        account(manifest, &c, c.time_ms + manifest->period_ms, ret);
    }
    return DAM_OK;
}

/* Times may jump, so the answer is the first leaf from which all later ones are as young: found
 * from the end. */
enum dam_err dam_history_since(struct dam_evidence *evidence, int64_t since_ms,
                               struct dam_history_range *ret,
                               struct dam_history_finding *ret_finding)
{
    uint64_t seq = dam_evidence_size(evidence);
    *ret_finding = (struct dam_history_finding){0};
    ret->end = seq;
    for (; seq > 0; seq--) {
        struct dam_record_leaf leaf;
        struct dam_bytes data;
        DAM_TRY(leaf_read(evidence, seq - 1, &leaf, &data, ret_finding));
        if (leaf.time_ms < since_ms) {
            break;
        }
    }
    ret->first = seq;
    return DAM_OK;
}
