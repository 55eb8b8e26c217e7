// SPDX-License-Identifier: Apache-2.0
/* dam.toml: what a machine is made of (docs/manifest.md). Reading it touches nothing but the file
 * and the rules file it names; whether code, models and devices are there is found out when the
 * machine starts. Every complaint names file, line, key, the value seen and what to do. */
#ifndef DAM_MACHINE_MANIFEST_H
#define DAM_MACHINE_MANIFEST_H

#include "base/arena.h"
#include "base/toml.h"
#include "core/flow/rules.h"
#include "ledger/config.h"
#include "port/link.h"

#define DAM_MANIFEST_LINKS_MAX 32u
#define DAM_MANIFEST_COMPLAINT_MAX 512u
#define DAM_MANIFEST_URLS_MAX 8u
#define DAM_MANIFEST_STRAYS_MAX 8u
#define DAM_MANIFEST_FILE "dam.toml"

/* Lengths of time in the manifest are texts ("250ms", "10s", "5m", "2h", "1d"). */

struct dam_manifest_link {
    const char *name;
    const struct dam_link_kind *kind;
    struct dam_link_option options[DAM_LINK_OPTIONS_MAX];
    size_t option_count;
    unsigned line;
};

struct dam_manifest_channel {
    const char *name;
    const char *title; /* for people; NULL: the name */
    const char *unit;
    unsigned decimals;
    int64_t min; /* in the channel's decimals */
    int64_t max;
    int64_t stale_ms; /* older than this is quality 1 */
    bool vital;       /* not good: the machine goes to its safe state */
    bool trigger;     /* a new value makes a turn at once */
    int link;         /* index, -1: nothing feeds it */
    const char *key;
    unsigned line;
};

struct dam_manifest_actuator {
    const char *name;
    const char *title;
    const char *unit;
    unsigned decimals;
    int64_t min;
    int64_t max;
    int64_t step;
    int64_t safe;
    int64_t tolerance;    /* of the read-back */
    int worth;            /* observation record that holds the price of a unit; -1: none */
    int64_t worth_factor; /* times this / 10^9 */
    int link;             /* -1: the action is only recorded */
    const char *key;
    const char *readback;
    unsigned line;
};

/* Where code comes from: one or more of these is set. */
struct dam_manifest_code {
    const char *code;  /* file (.json artifact, .hex, .bin) or the bare name of a known contract */
    const char *model; /* model blob for a generic mind */
    const char *address;
    uint64_t gas;
    unsigned line;
};

/* [chain]: where the machine is known. url_count 0: it lives without one. */
struct dam_manifest_chain {
    const char *urls[DAM_MANIFEST_URLS_MAX];
    size_t url_count;
    int64_t agree_min; /* endpoints that must answer the same */
    int64_t timeout_ms;
    int64_t poll_ms;
    int64_t depth; /* blocks below the head that count as final where the chain has no such word */
    bool is_embedded;      /* in [ledger], in this process */
    bool has_constitution; /* then epoch, mind and charter come from there */
    struct dam_address constitution;
};

/* [signer]; folder NULL: none. */
struct dam_manifest_signer {
    const char *folder;
    const char *password_path;
    const char *outbox;
};

/* [evidence] checkpoint and [evidence.anchor]; 0: not by this. */
struct dam_manifest_anchor {
    int64_t checkpoint_ms; /* between signed checkpoints */
    int64_t leaves;
    int64_t every_ms;
    int64_t value_micro; /* money that actions since the last anchor were about, times 10^6 */
};

/* [upgrade]: how a new mind is tried, and when it is taken back; 0: not by this. */
struct dam_manifest_upgrade {
    bool shadow; /* a proposed mind decides beside the one in force, without acting */
    bool enact;  /* the machine itself brings the vote into force when its time has come */
    int64_t
        watch_ms; /* so long after a change the rules below hold; 0: while it can be rolled back */
    int64_t errors;
    int64_t denials_count;
    int64_t denials_micro; /* share of the decisions, times 10^6 */
    int64_t after;         /* decisions before shares and means count */
    int kpi;               /* observation record, -1: none */
    int64_t kpi_min;       /* of its mean */
};

struct dam_manifest_setting {
    const char *name;
    const char *value;
    const char *origin; /* "dam.toml:12", "default", "DAM_..." */
};

/* A value that the environment gave instead of the file. */
struct dam_manifest_variable {
    const char *name; /* "DAM_MACHINE_PERIOD" */
    const struct dam_toml *value;
    const struct dam_manifest_variable *next;
};

struct dam_manifest {
    const char *folder;
    const char *path;
    const char *name;
    const char *title; /* for people; NULL: the name */
    int64_t period_ms;
    int64_t write_timeout_ms;
    uint64_t chain_id;
    bool has_registry;
    struct dam_address registry;
    bool has_token;
    uint64_t token;
    uint32_t epoch; /* of the constitution's terms that mind and charter stand for; 0: none */
    struct dam_manifest_link links[DAM_MANIFEST_LINKS_MAX];
    size_t link_count;
    struct dam_manifest_channel channels[DAM_FLOW_CHANNELS_MAX];
    size_t channel_count; /* sensors only: observation has 1 + channel_count + actuator_count */
    struct dam_manifest_actuator actuators[DAM_FLOW_ACTUATORS_MAX];
    size_t actuator_count;
    struct dam_manifest_code mind;
    struct dam_manifest_code charter;
    struct dam_flow_rules rules;
    const char *interlock_texts[DAM_FLOW_INTERLOCKS_MAX]; /* "when -> then (why)" */
    bool evidence_sync;
    const char *evidence_folder;
    bool evidence_explain; /* each decision of [mind] model gets an explanation leaf */
    bool has_ledger;
    struct dam_ledger_config ledger; /* [ledger], if there is one */
    struct dam_manifest_chain chain;
    struct dam_manifest_signer signer;
    struct dam_manifest_anchor anchor;
    struct dam_manifest_upgrade upgrade;
    const struct dam_toml *root; /* of the file, with what the environment changed */
    const struct dam_manifest_variable *variables;
    const char *strays[DAM_MANIFEST_STRAYS_MAX]; /* variables DAM_... that nothing reads */
    size_t stray_count;
    const char *money_unit;  /* [money] unit, NULL: none */
    struct dam_bytes source; /* the file's bytes, for its hash */
    struct dam_arena *arena;
};

struct dam_manifest_complaint {
    char text[DAM_MANIFEST_COMPLAINT_MAX]; /* "dam.toml:12: ..." */
    char hint[DAM_MANIFEST_COMPLAINT_MAX]; /* what to do; may be empty */
};

/** Read DIR/dam.toml and the environment above it.
 *  Returns: DAM_OK; DAM_ENOTFOUND or DAM_EIO if the file cannot be read; DAM_EPARSE or DAM_ERANGE
 * if it is not a manifest; DAM_ENOMEM. On failure *ret_complaint says all. In: arena: holds
 * everything in *ret; lives as long as it. */
DAM_MUST_USE enum dam_err dam_manifest_load(const char *folder, struct dam_arena *arena,
                                            struct dam_manifest *ret,
                                            struct dam_manifest_complaint *ret_complaint);

/** The variable that gave a value of the tree. Returns: NULL if the file gave it. */
const char *dam_manifest_variable(const struct dam_manifest *manifest,
                                  const struct dam_toml *value);

/** Records of the machine's observation: time, sensors, last actions. */
static inline size_t dam_manifest_record_count(const struct dam_manifest *manifest)
{
    return 1 + manifest->channel_count + manifest->actuator_count;
}

/** The name of observation record `index`: "time", a channel, or "last.ACTUATOR". Out: text: at
 *  least 80 bytes. */
void dam_manifest_record_name(const struct dam_manifest *manifest, size_t index, char *text,
                              size_t size);

/** Decimals and unit of observation record `index`. */
unsigned dam_manifest_record_decimals(const struct dam_manifest *manifest, size_t index);
const char *dam_manifest_record_unit(const struct dam_manifest *manifest, size_t index);

/** A reason code in words, for this machine's rules. Out: text: size bytes. */
void dam_manifest_reason_text(const struct dam_manifest *manifest, unsigned reason, char *text,
                              size_t size);

/** Every setting that stands and where it comes from, in the order of the manifest. Returns: the
 *  count; the array and its texts are in the manifest's arena. NULL when memory is out. */
const struct dam_manifest_setting *dam_manifest_settings(const struct dam_manifest *manifest,
                                                         size_t *ret_count);

/** Read a length of time ("1.5s", "250ms", "2h"). Returns: DAM_OK or DAM_EPARSE. */
DAM_MUST_USE enum dam_err dam_manifest_duration(struct dam_bytes text, int64_t *ret_ms);

/** A path as the manifest means it: relative ones start at its folder. In the arena, NULL: no
 *  memory. */
const char *dam_manifest_path(const struct dam_manifest *manifest, const char *path);

#endif
