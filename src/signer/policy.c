// SPDX-License-Identifier: Apache-2.0
#include "signer/policy.h"

#include "base/assert.h"

#define HEADER_LEN 32u
#define BUCKET_LEN 64u
#define DOMAIN_LEN 32u
#define RULE_LEN 32u
#define CHECK_LEN 64u
#define CHECKS_MAX 8u
#define ARGUMENT_LAST 31u
#define AMOUNT_NONE 0xfeu
#define NONE 0xffu /* amount: the value; payee: the target; bucket and cap: none */

/* Offsets in a rule's word. */
enum {
    RULE_SELECTOR = 20,
    RULE_FLAGS = 24,
    RULE_AMOUNT = 25,
    RULE_PAYEE = 26,
    RULE_BUCKET = 27,
    RULE_CAP = 28,
    RULE_CHECKS = 29,
    RULE_ZERO = 30,
};

static const struct dam_u256 u256_max = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};

typedef unsigned __int128 uint128;

static bool all_zero(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool bucket_ok(const uint8_t *bucket)
{
    return bucket[20] <= 1 && all_zero(bucket + 21, 7) && dam_load_be32(bucket + 28) != 0;
}

static bool rule_ok(const uint8_t *rule, unsigned buckets)
{
    bool bare = rule[RULE_FLAGS] == 1;
    return rule[RULE_FLAGS] <= 1 && all_zero(rule + RULE_ZERO, 2) &&
           rule[RULE_CHECKS] <= CHECKS_MAX && (bare || !all_zero(rule, 20)) &&
           (!bare || all_zero(rule + RULE_SELECTOR, 4)) &&
           (rule[RULE_AMOUNT] <= ARGUMENT_LAST || rule[RULE_AMOUNT] >= AMOUNT_NONE) &&
           (rule[RULE_PAYEE] <= ARGUMENT_LAST || rule[RULE_PAYEE] == NONE) &&
           (rule[RULE_BUCKET] < buckets || rule[RULE_BUCKET] == NONE) &&
           (rule[RULE_CAP] < buckets || rule[RULE_CAP] == NONE);
}

static bool check_ok(const uint8_t *check)
{
    return check[0] <= ARGUMENT_LAST && check[1] <= 3 && all_zero(check + 2, 30);
}

/* Reads the rules from `at` to the end of the blob. */
static bool rules_load(struct dam_bytes blob, size_t at, unsigned count, struct dam_policy *policy)
{
    for (unsigned k = 0; k < count; k++) {
        if (blob.len - at < RULE_LEN) {
            return false;
        }
        const uint8_t *rule = blob.data + at;
        size_t len = RULE_LEN + CHECK_LEN * (size_t)rule[RULE_CHECKS];
        if (!rule_ok(rule, policy->bucket_count) || blob.len - at < len) {
            return false;
        }
        for (size_t check = RULE_LEN; check < len; check += CHECK_LEN) {
            if (!check_ok(rule + check)) {
                return false;
            }
        }
        policy->rules[k] = (uint32_t)at;
        at += len;
    }
    return at == blob.len;
}

bool dam_policy_load(struct dam_bytes blob, struct dam_policy *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->blob = blob;
    if (blob.len < HEADER_LEN || memcmp(blob.data, "DAMP\x01", 5) != 0 ||
        !all_zero(blob.data + 8, 24)) {
        return false;
    }
    unsigned rules = blob.data[7];
    ret->bucket_count = blob.data[5];
    ret->domain_count = blob.data[6];
    size_t rules_at = HEADER_LEN + BUCKET_LEN * (size_t)ret->bucket_count +
                      DOMAIN_LEN * (size_t)ret->domain_count;
    if (ret->bucket_count > DAM_POLICY_BUCKETS_MAX || ret->domain_count > DAM_POLICY_DOMAINS_MAX ||
        rules > DAM_POLICY_RULES_MAX || blob.len < rules_at) {
        return false;
    }
    for (unsigned k = 0; k < ret->bucket_count; k++) {
        if (!bucket_ok(blob.data + HEADER_LEN + BUCKET_LEN * k)) {
            return false;
        }
    }
    if (rules == 0 || !rules_load(blob, rules_at, rules, ret)) {
        return false;
    }
    ret->rule_count = (uint8_t)rules;
    return true;
}

bool dam_policy_has_domain(const struct dam_policy *policy, const struct dam_hash *separator)
{
    if (policy->rule_count == 0) {
        return false;
    }
    const uint8_t *domains = policy->blob.data + HEADER_LEN + BUCKET_LEN * policy->bucket_count;
    for (unsigned k = 0; k < policy->domain_count; k++) {
        if (memcmp(domains + DOMAIN_LEN * k, separator->b, 32) == 0) {
            return true;
        }
    }
    return false;
}

/* Argument word `index` of the calldata. Returns: NULL if the calldata ends before it does. */
static const uint8_t *argument(struct dam_bytes data, unsigned index)
{
    size_t end = 36 + 32 * (size_t)index;
    return end <= data.len ? data.data + end - 32 : NULL;
}

static bool checks_hold(const uint8_t *rule, struct dam_bytes data)
{
    for (unsigned k = 0; k < rule[RULE_CHECKS]; k++) {
        const uint8_t *check = rule + RULE_LEN + CHECK_LEN * k;
        const uint8_t *value = argument(data, check[0]);
        if (value == NULL) {
            return false;
        }
        int order = memcmp(value, check + 32, 32); /* big-endian: the order of the numbers */
        bool holds = check[1] == 0   ? order == 0
                     : check[1] == 1 ? order <= 0
                     : check[1] == 2 ? order >= 0
                                     : order != 0;
        if (!holds) {
            return false;
        }
    }
    return true;
}

/* The first rule that fits the call, or the reason why none does. */
static enum dam_policy_reason rule_find(const struct dam_policy *policy,
                                        const struct dam_address *account,
                                        const struct dam_policy_call *call,
                                        const uint8_t **ret_rule)
{
    static const uint8_t no_selector[4];
    if (dam_address_eq(&call->target, account) || all_zero(call->target.b, 20)) {
        return DAM_POLICY_SELF;
    }
    bool bare = call->data.len == 0;
    if (!bare && call->data.len < 4) {
        return DAM_POLICY_SHORT;
    }
    const uint8_t *selector = bare ? no_selector : call->data.data;
    enum dam_policy_reason reason = DAM_POLICY_TARGET;
    for (unsigned k = 0; k < policy->rule_count; k++) {
        const uint8_t *rule = policy->blob.data + policy->rules[k];
        bool any_target = all_zero(rule, 20);
        if (!any_target && memcmp(rule, call->target.b, 20) != 0) {
            continue;
        }
        if ((rule[RULE_FLAGS] == 1) != bare || memcmp(rule + RULE_SELECTOR, selector, 4) != 0) {
            /* "Any address" names no target: only a call without calldata meets it. */
            if (!any_target && reason == DAM_POLICY_TARGET) {
                reason = DAM_POLICY_SELECTOR;
            }
            continue;
        }
        if (checks_hold(rule, call->data)) {
            *ret_rule = rule;
            return DAM_POLICY_ALLOWED;
        }
        reason = DAM_POLICY_PARAMETER;
    }
    return reason;
}

static enum dam_policy_reason amounts(const uint8_t *rule, const struct dam_policy_call *call,
                                      struct dam_u256 *ret_amount, struct dam_address *ret_payee)
{
    *ret_amount = (struct dam_u256){{0}};
    *ret_payee = call->target;
    if (rule[RULE_AMOUNT] == NONE) {
        *ret_amount = call->value;
    } else if (!dam_u256_is_zero(&call->value)) {
        return DAM_POLICY_VALUE;
    } else if (rule[RULE_AMOUNT] != AMOUNT_NONE) {
        const uint8_t *word = argument(call->data, rule[RULE_AMOUNT]);
        if (word == NULL) {
            return DAM_POLICY_ARGUMENT;
        }
        *ret_amount = dam_u256_load_be(word);
    }
    if (rule[RULE_PAYEE] != NONE) {
        const uint8_t *word = argument(call->data, rule[RULE_PAYEE]);
        if (word == NULL) {
            return DAM_POLICY_ARGUMENT;
        }
        memcpy(ret_payee->b, word + 12, 20);
    }
    return DAM_POLICY_ALLOWED;
}

static const uint8_t *bucket_at(const struct dam_policy *policy, unsigned bucket)
{
    return policy->blob.data + HEADER_LEN + BUCKET_LEN * bucket;
}

/* Add `amount` to what the batch takes from `bucket`. */
static void take(const struct dam_policy *policy, struct dam_policy_verdict *verdict,
                 unsigned bucket, const struct dam_address *payee, const struct dam_u256 *amount)
{
    if (bucket == NONE) {
        return;
    }
    struct dam_hash key = {.b = {[31] = (uint8_t)bucket}};
    if (bucket_at(policy, bucket)[20] == 1) {
        key.b[0] = 0x80;
        memcpy(key.b + 11, payee->b, 20);
    }
    for (unsigned k = 0; k < verdict->take_count; k++) {
        struct dam_policy_take *known = &verdict->takes[k];
        if (dam_hash_eq(&known->key, &key)) {
            if (dam_u256_add(&known->sum, &known->sum, amount)) {
                known->sum = u256_max;
            }
            return;
        }
    }
    DAM_ASSERT(verdict->take_count < DAM_POLICY_TAKES_MAX);
    verdict->takes[verdict->take_count++] =
        (struct dam_policy_take){.key = key, .bucket = (uint8_t)bucket, .sum = *amount};
}

/* a * b / divisor for products below 2^256. */
static struct dam_u256 mul_div(const struct dam_u256 *a, uint64_t b, uint32_t divisor)
{
    struct dam_u256 product;
    uint128 carry = 0;
    for (int i = 0; i < 4; i++) {
        carry += (uint128)a->w[i] * b;
        product.w[i] = (uint64_t)carry;
        carry >>= 64;
    }
    DAM_ASSERT(carry == 0);
    uint128 rest = 0;
    for (int i = 3; i >= 0; i--) {
        rest = rest << 64 | product.w[i];
        product.w[i] = (uint64_t)(rest / divisor);
        rest %= divisor;
    }
    return product;
}

static void sub_floor(struct dam_u256 *ret, const struct dam_u256 *a, const struct dam_u256 *b)
{
    if (dam_u256_sub(ret, a, b)) {
        *ret = (struct dam_u256){{0}};
    }
}

void dam_policy_refill(const struct dam_u256 *capacity, uint32_t window, uint16_t scale,
                       uint64_t now, struct dam_policy_use *use, struct dam_u256 *ret_left)
{
    uint64_t elapsed = now > use->last ? now - use->last : 0;
    struct dam_u256 refilled = mul_div(capacity, elapsed, window);
    struct dam_u256 limit = mul_div(capacity, scale, 1000);
    sub_floor(&use->used, &use->used, &refilled);
    use->last = now > use->last ? now : use->last;
    sub_floor(ret_left, &limit, &use->used);
}

/* A bucket of the policy, by its own capacity and window. */
static void bucket_refill(const uint8_t *bucket, uint16_t scale, uint64_t now,
                          struct dam_policy_use *use, struct dam_u256 *ret_left)
{
    struct dam_u256 capacity = {{dam_load_be64(bucket + 40), dam_load_be64(bucket + 32)}};
    dam_policy_refill(&capacity, dam_load_be32(bucket + 28), scale, now, use, ret_left);
}

bool dam_policy_is_full(const struct dam_policy *policy, const struct dam_hash *key,
                        const struct dam_policy_use *use, uint64_t now)
{
    struct dam_policy_use then = *use;
    struct dam_u256 left;
    if (policy->rule_count == 0 || key->b[31] >= policy->bucket_count) {
        return true;
    }
    bucket_refill(bucket_at(policy, key->b[31]), 0, now, &then, &left);
    return dam_u256_is_zero(&then.used);
}

/* Compare what the batch takes with what is left, then with the thresholds for asking a human. */
static enum dam_policy_reason weigh(const struct dam_policy *policy,
                                    const struct dam_policy_authority *authority, uint64_t now,
                                    const struct dam_policy_ledger *ledger,
                                    struct dam_policy_verdict *verdict)
{
    bool asks = false;
    for (unsigned k = 0; k < verdict->take_count; k++) {
        struct dam_policy_take *t = &verdict->takes[k];
        const uint8_t *bucket = bucket_at(policy, t->bucket);
        struct dam_u256 ask = {{dam_load_be64(bucket + 56), dam_load_be64(bucket + 48)}};
        struct dam_u256 left;
        t->now = (struct dam_policy_use){{{0}}, 0};
        ledger->get(ledger->ctx, &t->key, &t->now);
        bucket_refill(bucket, authority->scale, now, &t->now, &left);
        if (dam_u256_lt(&left, &t->sum)) {
            return bucket[20] == 1 ? DAM_POLICY_PAYEE_ALLOWANCE : DAM_POLICY_ALLOWANCE;
        }
        (void)dam_u256_add(&t->now.used, &t->now.used, &t->sum); /* below 2^129 */
        asks = asks || dam_u256_lt(&ask, &t->sum);
    }
    return asks && !authority->approved ? DAM_POLICY_APPROVAL : DAM_POLICY_ALLOWED;
}

/* The calls one by one; on a refusal verdict->index is the call. */
static enum dam_policy_reason gather(const struct dam_policy *policy,
                                     const struct dam_address *account,
                                     const struct dam_policy_call *calls, size_t call_count,
                                     struct dam_policy_verdict *verdict)
{
    for (size_t i = 0; i < call_count; i++) {
        const uint8_t *rule = NULL;
        struct dam_u256 amount;
        struct dam_address payee;
        verdict->index = (uint32_t)i;
        enum dam_policy_reason reason = rule_find(policy, account, &calls[i], &rule);
        if (reason == DAM_POLICY_ALLOWED) {
            reason = amounts(rule, &calls[i], &amount, &payee);
        }
        if (reason != DAM_POLICY_ALLOWED) {
            return reason;
        }
        take(policy, verdict, rule[RULE_BUCKET], &payee, &amount);
        take(policy, verdict, rule[RULE_CAP], &payee, &amount);
    }
    return DAM_POLICY_ALLOWED;
}

void dam_policy_judge(const struct dam_policy *policy, const struct dam_address *account,
                      const struct dam_policy_call *calls, size_t call_count,
                      const struct dam_policy_authority *authority, uint64_t now,
                      const struct dam_policy_ledger *ledger, struct dam_policy_verdict *ret)
{
    DAM_ASSERT(authority->held <= DAM_POLICY_MALFORMED);
    DAM_ASSERT(now < UINT64_C(1) << 48);
    ret->take_count = 0;
    ret->index = call_count == 0 ? 0 : (uint32_t)(call_count - 1);
    ret->reason = (enum dam_policy_reason)authority->held;
    if (ret->reason == DAM_POLICY_ALLOWED && policy->rule_count == 0) {
        ret->reason = DAM_POLICY_MALFORMED;
    }
    if (ret->reason == DAM_POLICY_ALLOWED &&
        (call_count == 0 || call_count > DAM_POLICY_CALLS_MAX)) {
        ret->reason = DAM_POLICY_BATCH;
    }
    if (ret->reason == DAM_POLICY_ALLOWED) {
        ret->reason = gather(policy, account, calls, call_count, ret);
    }
    if (ret->reason == DAM_POLICY_ALLOWED) {
        ret->reason = weigh(policy, authority, now, ledger, ret);
    }
}
