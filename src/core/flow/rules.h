// SPDX-License-Identifier: Apache-2.0
/* The rules blob and its verdict: the C twin of the contract BoundsCharter. Equal blob, equal
 * observation, equal proposal: equal action and equal reason codes (docs/spec/rules.md). The
 * machine's hard guard runs it after the charter; `dam rules` shows it; tests hold it against the
 * contract. Never allocates, never fails half-way. */
#ifndef DAM_CORE_FLOW_RULES_H
#define DAM_CORE_FLOW_RULES_H

#include "base/bytes.h"
#include "base/err.h"
#include "core/flow/sample.h"

#define DAM_FLOW_INTERLOCKS_MAX 512u
#define DAM_FLOW_RULES_LEN_MAX (32u + 32u * DAM_FLOW_ACTUATORS_MAX + 32u * DAM_FLOW_INTERLOCKS_MAX)

/* Reason codes. 16 + index names an interlock; 0x8000 and above belong to custom charters. */
#define DAM_FLOW_REASON_NONE 0u
#define DAM_FLOW_REASON_RANGE 1u
#define DAM_FLOW_REASON_STEP 2u
#define DAM_FLOW_REASON_RANGE_AGAIN 3u
#define DAM_FLOW_REASON_INTERLOCK 16u

/* Numbers of the blob: do not renumber. */
enum dam_flow_test {
    DAM_FLOW_TEST_BELOW = 0,
    DAM_FLOW_TEST_AT_MOST = 1,
    DAM_FLOW_TEST_ABOVE = 2,
    DAM_FLOW_TEST_AT_LEAST = 3,
    DAM_FLOW_TEST_NOT_GOOD = 4,
    DAM_FLOW_TEST_OLDER = 5,
    DAM_FLOW_TEST_EQUAL = 6,
    DAM_FLOW_TEST_NOT_EQUAL = 7,
    DAM_FLOW_TEST_ALWAYS = 8,
};

enum dam_flow_effect {
    DAM_FLOW_EFFECT_AT_MOST = 0,
    DAM_FLOW_EFFECT_AT_LEAST = 1,
    DAM_FLOW_EFFECT_SET = 2,
    DAM_FLOW_EFFECT_ALL_SAFE = 3,
};

struct dam_flow_limit {
    int64_t min;
    int64_t max;
    int64_t step; /* 0: no limit */
    int64_t safe;
};

struct dam_flow_interlock {
    uint16_t channel; /* of the observation */
    uint8_t test;     /* enum dam_flow_test */
    uint8_t effect;   /* enum dam_flow_effect */
    uint16_t actuator;
    int64_t a;
    int64_t b;
};

struct dam_flow_rules {
    size_t actuator_count;
    size_t interlock_count;
    size_t channel_count; /* of the observation, time and last actions included */
    struct dam_flow_limit limits[DAM_FLOW_ACTUATORS_MAX];
    struct dam_flow_interlock interlocks[DAM_FLOW_INTERLOCKS_MAX];
};

/** Read and check a whole blob.
 *  Returns: DAM_OK; DAM_EVERSION if it is a rules blob of another version; DAM_EPARSE if it breaks
 *  any rule of docs/spec/rules.md section 1. On error *ret_rules is unspecified. */
DAM_MUST_USE enum dam_err dam_flow_rules_parse(struct dam_bytes blob,
                                               struct dam_flow_rules *ret_rules);

/** Write the blob of valid rules. Returns: its length.
 *  Out: blob: DAM_FLOW_RULES_LEN_MAX bytes. */
size_t dam_flow_rules_store(const struct dam_flow_rules *rules, uint8_t *blob);

/** The verdict of docs/spec/rules.md section 2.
 *  Returns: true, or false where the contract reverts with BadShape() (nothing written).
 *  Out: action: actuator_count values; reasons: actuator_count codes. */
DAM_MUST_USE bool dam_flow_rules_review(const struct dam_flow_rules *rules,
                                        struct dam_bytes observation, struct dam_bytes proposal,
                                        int64_t *action, uint16_t *reasons);

#endif
