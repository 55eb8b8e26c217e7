// SPDX-License-Identifier: Apache-2.0
/* A leaf of the evidence log: the bytes of docs/spec/evidence.md section 1. The codec is total: any
 * bytes either give a leaf that encodes back to the same bytes, or an error. */
#ifndef DAM_CORE_RECORD_LEAF_H
#define DAM_CORE_RECORD_LEAF_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_RECORD_LEAF_HEAD 96u
#define DAM_RECORD_DECISION_FIXED 116u
#define DAM_RECORD_VALUES_MAX 64u
#define DAM_RECORD_TEXT_MAX 1024u
/* The largest decision: 8,192 bytes of memory, 256 channels, 64 actuators. */
#define DAM_RECORD_LEAF_MAX                                                                        \
    (DAM_RECORD_LEAF_HEAD + DAM_RECORD_DECISION_FIXED + 8192u + 4096u + 512u + 512u + 128u)

/* Numbers of the format: do not renumber. */
enum dam_record_kind {
    DAM_RECORD_DECISION = 1,
    DAM_RECORD_RECEIPT = 2,
    DAM_RECORD_BOOT = 3,
    DAM_RECORD_CHANGE = 4,
    DAM_RECORD_GAP = 5,
    DAM_RECORD_STOP = 6,
    DAM_RECORD_MONEY = 7,
    DAM_RECORD_TRIAL = 8,
    DAM_RECORD_EXPLANATION = 9,
};
#define DAM_RECORD_KINDS 10u /* one past the last: KIND_LAST of contracts/src/court/Leaf.sol */

/* What a trial leaf is about. Numbers of the format: do not renumber. */
enum dam_record_trial_phase {
    DAM_RECORD_TRIAL_BEGUN = 0,   /* proposed terms decide beside those in force, without acting */
    DAM_RECORD_TRIAL_ENDED = 1,   /* they came into force, or the proposal is gone */
    DAM_RECORD_TRIAL_PASSED = 2,  /* in force, and the time of watching is over */
    DAM_RECORD_TRIAL_REVOKED = 3, /* in force, and taken back by rule */
};

/* Numbers of the format: do not renumber. */
enum dam_record_money_status {
    DAM_RECORD_MONEY_INTENDED = 0,
    DAM_RECORD_MONEY_SENT = 1,
    DAM_RECORD_MONEY_FINAL = 2,
    DAM_RECORD_MONEY_FAILED = 3,
    DAM_RECORD_MONEY_REPLACED = 4,
};

enum dam_record_receipt_status {
    DAM_RECORD_DONE = 0,
    DAM_RECORD_DONE_UNREAD = 1,
    DAM_RECORD_REFUSED = 2,
    DAM_RECORD_UNKNOWN = 3,
};

struct dam_record_decision {
    struct dam_address mind;
    struct dam_address charter;
    uint8_t outcome; /* docs/spec/decision.md section 6 */
    uint32_t epoch;
    uint64_t mind_gas;
    uint64_t charter_gas;
    struct dam_hash next_hash;
    struct dam_bytes memory; /* the five strings borrow from the leaf's bytes or from the writer */
    struct dam_bytes observation;
    struct dam_bytes proposal;
    struct dam_bytes action;
    struct dam_bytes reasons;
};

struct dam_record_receipt {
    uint64_t decision_seq;
    uint8_t status; /* enum dam_record_receipt_status */
    struct dam_bytes values;
};

struct dam_record_boot {
    uint64_t last_seq;
    uint64_t boot_count;
    struct dam_hash program;
    struct dam_bytes version;
};

struct dam_record_change {
    uint32_t epoch;
    struct dam_address mind;
    struct dam_address charter;
    struct dam_hash manifest;
};

struct dam_record_gap {
    int64_t from_ms;
    int64_t to_ms;
    struct dam_bytes reason;
};

struct dam_record_stop {
    bool on;
    struct dam_bytes who;
};

struct dam_record_money {
    struct dam_hash intent_id;
    uint8_t status; /* enum dam_record_money_status */
    struct dam_hash transaction;
    struct dam_bytes description;
};

struct dam_record_trial {
    uint8_t phase;
    uint32_t epoch; /* in force while it was tried or watched */
    struct dam_address mind;
    struct dam_address charter;
    uint64_t turns;
    uint64_t errors;    /* outcomes 2 to 5 */
    uint64_t denials;   /* outcomes 1 and 8 */
    uint64_t different; /* of a trial: turns in which the one in force acted otherwise */
    struct dam_bytes words;
};

/* How parts were found. Numbers of the format: do not renumber. */
enum dam_record_method {
    DAM_RECORD_WEIGHTS = 1,
    DAM_RECORD_SHAPLEY = 2,
    DAM_RECORD_OCCLUSION = 3,
};

#define DAM_RECORD_PARTS_MAX 800u
#define DAM_RECORD_PART_LEN 16u
#define DAM_RECORD_PART_BASE 0xffffu /* as `record`: what the output is without any input */
#define DAM_RECORD_PART_REST 0xfffeu /* and the sum of the parts that are not listed */

/* What one input did to one output. */
struct dam_record_part {
    uint16_t output;
    uint16_t record; /* of the observation */
    uint8_t field;   /* 0 value, 1 age, 2 quality */
    uint8_t ago;     /* turns */
    int64_t milli;   /* thousandths of the proposal's integer */
};

struct dam_record_explanation {
    uint64_t decision_seq;
    uint8_t method; /* enum dam_record_method */
    struct dam_hash model;
    struct dam_bytes parts; /* DAM_RECORD_PART_LEN each */
};

struct dam_record_leaf {
    uint8_t kind; /* enum dam_record_kind: which member of the union */
    uint64_t seq;
    int64_t time_ms;
    uint64_t mono_ms;
    struct dam_hash machine;
    struct dam_hash prev;
    union {
        struct dam_record_decision decision;
        struct dam_record_receipt receipt;
        struct dam_record_boot boot;
        struct dam_record_change change;
        struct dam_record_gap gap;
        struct dam_record_stop stop;
        struct dam_record_money money;
        struct dam_record_trial trial;
        struct dam_record_explanation explanation;
    };
};

/** Write a leaf. Returns: DAM_OK with *ret_len set, or DAM_EFULL if size is too small (data is then
 *  unspecified). */
DAM_MUST_USE enum dam_err dam_record_leaf_store(const struct dam_record_leaf *leaf, uint8_t *data,
                                                size_t size, size_t *ret_len);

/** Read a leaf. Returns: DAM_OK; DAM_EVERSION for another version; DAM_EPARSE. Nothing is written
 * on error. Out: ret: borrows from data. */
DAM_MUST_USE enum dam_err dam_record_leaf_load(struct dam_bytes data, struct dam_record_leaf *ret);

/** Write and read a part. Returns: load: DAM_OK or DAM_EPARSE. */
void dam_record_part_store(const struct dam_record_part *part, uint8_t data[DAM_RECORD_PART_LEN]);
DAM_MUST_USE enum dam_err dam_record_part_load(const uint8_t data[DAM_RECORD_PART_LEN],
                                               struct dam_record_part *ret);

/** A trial's phase in words. Returns: static text. */
const char *dam_record_trial_text(uint8_t phase);

/** A method in one word. Returns: static text. */
const char *dam_record_method_text(uint8_t method);

/** A kind in one word. Returns: static text, "?" for a number that is none. */
const char *dam_record_kind_text(uint8_t kind);

#endif
