// SPDX-License-Identifier: Apache-2.0
#include "app/face_walk.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

#define LOOK_BACK_MAX 4096u /* leaves read for the newest decisions or readings */
#define PART_LEAVES_MAX                                                                            \
    64u /* read for one part of an answer: a millisecond, on a small board ten */
#define PART_LEN_MAX 65536u /* bytes after which a part is long enough */

/* One day as it is added up. Energy is the reading of a turn until the next one. */
struct day {
    int64_t number; /* of the Unix day */
    uint64_t first;
    uint64_t last;
    uint64_t decisions;
    uint64_t changed; /* the action is not the proposal */
    uint64_t receipts[4];
    /* W, with the channel's decimals, times milliseconds. */
    int64_t power_ms[DAM_FLOW_CHANNELS_MAX];
};

#define DAY_MS 86400000ll
#define GAP_MS_MAX 3600000ll /* a longer silence is a gap, not a turn */

/* The readings of the last decision. */
struct readings {
    int64_t time_ms;
    size_t count;
    int64_t values[DAM_FLOW_CHANNELS_MAX];
};

struct walk;

/* What one kind of answer writes. The last two may be NULL. */
struct walk_kind {
    void (*head)(struct walk *walk);
    void (*leaf)(struct walk *walk, const struct dam_record_leaf *leaf);
    void (*tail)(struct walk *walk);
    void (*damaged)(struct walk *walk, uint64_t seq);
};

/* An answer under way, and the leaves that it has still to go through. */
struct walk {
    const struct walk_kind *kind;
    struct dam_machine *machine;
    struct dam_json_writer w; /* into the part at hand */
    uint64_t first, end;
    bool begun;
    bool newest_first;
    unsigned limit;                         /* of decisions: how many more */
    struct day day;                         /* of days: the one that is added up, */
    struct readings before;                 /* and what counts until the next decision */
    uint64_t damaged_count, damaged_lowest; /* leaves */
};

static void walk_leaf(struct walk *walk, uint64_t seq)
{
    struct dam_record_leaf leaf;
    if (dam_evidence_leaf(dam_machine_evidence(walk->machine), seq, &leaf) == DAM_OK) {
        walk->kind->leaf(walk, &leaf);
        return;
    }
    if (walk->damaged_count++ == 0 || seq < walk->damaged_lowest) {
        walk->damaged_lowest = seq;
    }
    if (walk->kind->damaged != NULL) {
        walk->kind->damaged(walk, seq);
    }
}

static bool walk_next(void *ctx, struct dam_buf *part)
{
    struct walk *walk = ctx;
    walk->w.buf = part;
    if (!walk->begun) {
        walk->begun = true;
        walk->kind->head(walk);
    }
    for (unsigned i = 0; i < PART_LEAVES_MAX && part->len < PART_LEN_MAX; i++) {
        if (walk->first == walk->end) {
            if (walk->kind->tail != NULL) {
                walk->kind->tail(walk);
            }
            return false;
        }
        walk_leaf(walk, walk->newest_first ? --walk->end : walk->first++);
    }
    return true;
}

/* Begin one through at most `most` leaves before `end`. In: from: what else it begins with. */
static enum dam_err walk_begin(const struct walk *from, uint64_t end, uint64_t most,
                               struct dam_http_parts *ret)
{
    struct walk *walk = malloc(sizeof(*walk));
    if (walk == NULL) {
        return DAM_ENOMEM;
    }
    uint64_t size = dam_evidence_durable(dam_machine_evidence(from->machine));
    *walk = *from;
    walk->end = end < size ? end : size;
    walk->first = walk->end > most ? walk->end - most : 0;
    *ret = (struct dam_http_parts){.next = walk_next, .end = free, .ctx = walk};
    return DAM_OK;
}

/* The end of what began as an object with a list. */
static void list_end(struct walk *walk)
{
    dam_json_put_array_end(&walk->w);
    dam_json_put_u64_at(&walk->w, "damaged", walk->damaged_count);
    if (walk->damaged_count > 0) {
        dam_json_put_u64_at(&walk->w, "first_damaged", walk->damaged_lowest);
    }
    dam_json_put_object_end(&walk->w);
}

/* ---- the newest decisions -------------------------------------------------------------------- */

static void put_action(struct dam_json_writer *w, const struct dam_manifest *manifest,
                       const struct dam_record_decision *decision)
{
    dam_json_put_key(w, "action");
    dam_json_put_array(w);
    for (size_t i = 0; 8 * i < decision->action.len && i < manifest->actuator_count; i++) {
        dam_json_put_object(w);
        dam_json_put_cstr_at(w, "name", manifest->actuators[i].name);
        dam_json_put_cstr_at(w, "unit", manifest->actuators[i].unit);
        dam_json_put_u64_at(w, "decimals", manifest->actuators[i].decimals);
        dam_json_put_i64_text_at(w, "value", (int64_t)dam_load_be64(decision->action.data + 8 * i));
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
}

static void decisions_head(struct walk *walk)
{
    dam_json_put_object(&walk->w);
    dam_json_put_key(&walk->w, "decisions");
    dam_json_put_array(&walk->w);
}

static void decisions_leaf(struct walk *walk, const struct dam_record_leaf *leaf)
{
    struct dam_json_writer *w = &walk->w;
    if (leaf->kind != DAM_RECORD_DECISION) {
        return;
    }
    dam_json_put_object(w);
    dam_json_put_u64_at(w, "seq", leaf->seq);
    dam_json_put_key(w, "time");
    dam_json_put_i64(w, leaf->time_ms / 1000);
    dam_json_put_u64_at(w, "outcome", leaf->decision.outcome);
    put_action(w, dam_machine_manifest(walk->machine), &leaf->decision);
    dam_json_put_object_end(w);
    if (--walk->limit == 0) {
        walk->first = walk->end;
    }
}

enum dam_err dam_face_decisions(struct dam_machine *machine, uint64_t before, unsigned limit,
                                struct dam_http_parts *ret)
{
    static const struct walk_kind kind = {
        .head = decisions_head, .leaf = decisions_leaf, .tail = list_end};
    const struct walk from = {
        .kind = &kind, .machine = machine, .newest_first = true, .limit = limit};
    return walk_begin(&from, before, LOOK_BACK_MAX, ret);
}

/* ---- days ------------------------------------------------------------------------------------ */

static void day_put(struct dam_json_writer *w, const struct dam_manifest *manifest,
                    const struct day *day)
{
    static const char *const fates[] = {"done", "unread", "refused", "unknown"};
    dam_json_put_object(w);
    dam_json_put_key(w, "start");
    dam_json_put_i64(w, day->number * (DAY_MS / 1000));
    dam_json_put_u64_at(w, "first", day->first);
    dam_json_put_u64_at(w, "last", day->last);
    dam_json_put_u64_at(w, "decisions", day->decisions);
    dam_json_put_u64_at(w, "changed", day->changed);
    for (size_t i = 0; i < DAM_COUNT_OF(fates); i++) {
        dam_json_put_u64_at(w, fates[i], day->receipts[i]);
    }
    dam_json_put_key(w, "energy_wh");
    dam_json_put_object(w);
    for (size_t i = 0; i < manifest->channel_count; i++) {
        if (manifest->channels[i].unit != NULL && strcmp(manifest->channels[i].unit, "W") == 0) {
            int64_t scale = 3600000;
            for (unsigned d = 0; d < manifest->channels[i].decimals; d++) {
                scale *= 10;
            }
            dam_json_put_i64_text_at(w, manifest->channels[i].name, day->power_ms[i] / scale);
        }
    }
    dam_json_put_object_end(w);
    dam_json_put_object_end(w);
}

/* Let them count until `until_ms`. */
static void day_count(struct day *day, const struct readings *before, int64_t until_ms)
{
    int64_t length_ms = until_ms - before->time_ms;
    if (length_ms <= 0 || length_ms > GAP_MS_MAX) {
        return;
    }
    for (size_t i = 0; i < before->count; i++) {
        int64_t part;
        if (!__builtin_mul_overflow(before->values[i], length_ms, &part) &&
            !__builtin_add_overflow(day->power_ms[i], part, &part)) {
            day->power_ms[i] = part;
        }
    }
}

static void readings_take(struct readings *ret, const struct dam_record_leaf *leaf)
{
    struct dam_bytes observation = leaf->decision.observation;
    ret->time_ms = leaf->time_ms;
    ret->count = 0;
    while (ret->count < DAM_FLOW_CHANNELS_MAX &&
           DAM_FLOW_SAMPLE_LEN * (ret->count + 2) <= observation.len) {
        struct dam_flow_sample sample = {.value = 0};
        if (dam_flow_sample_load(observation.data + DAM_FLOW_SAMPLE_LEN * (ret->count + 1),
                                 &sample) != DAM_OK) {
            sample.value = 0; /* malformed */
        }
        ret->values[ret->count++] = sample.value;
    }
}

static void days_head(struct walk *walk)
{
    dam_json_put_object(&walk->w);
    dam_json_put_key(&walk->w, "days");
    dam_json_put_array(&walk->w);
}

/* The day that was added up, if there is one. */
static void days_put(struct walk *walk)
{
    if (walk->day.number != INT64_MIN) {
        day_put(&walk->w, dam_machine_manifest(walk->machine), &walk->day);
    }
}

static void days_leaf(struct walk *walk, const struct dam_record_leaf *leaf)
{
    struct day *day = &walk->day;
    if (leaf->kind == DAM_RECORD_DECISION) {
        day_count(day, &walk->before, leaf->time_ms);
    }
    if (leaf->time_ms / DAY_MS > day->number) { /* a clock that goes back opens no second day */
        days_put(walk);
        *day = (struct day){.number = leaf->time_ms / DAY_MS, .first = leaf->seq};
    }
    day->last = leaf->seq;
    if (leaf->kind == DAM_RECORD_DECISION) {
        day->decisions++;
        day->changed += leaf->decision.outcome != 0;
        readings_take(&walk->before, leaf);
    } else if (leaf->kind == DAM_RECORD_RECEIPT && leaf->receipt.status < 4) {
        day->receipts[leaf->receipt.status]++;
    }
}

static void days_tail(struct walk *walk)
{
    days_put(walk);
    list_end(walk);
}

enum dam_err dam_face_days(struct dam_machine *machine, struct dam_http_parts *ret)
{
    static const struct walk_kind kind = {.head = days_head, .leaf = days_leaf, .tail = days_tail};
    const struct walk from = {.kind = &kind, .machine = machine, .day = {.number = INT64_MIN}};
    return walk_begin(&from, UINT64_MAX, UINT64_MAX, ret);
}

/* ---- the newest readings --------------------------------------------------------------------- */

static void series_head(struct walk *walk)
{
    const struct dam_manifest *manifest = dam_machine_manifest(walk->machine);
    struct dam_json_writer *w = &walk->w;
    dam_json_put_object(w);
    dam_json_put_key(w, "channels");
    dam_json_put_array(w);
    for (size_t i = 0; i < manifest->channel_count; i++) {
        const struct dam_manifest_channel *channel = &manifest->channels[i];
        dam_json_put_object(w);
        dam_json_put_cstr_at(w, "name", channel->name);
        dam_json_put_cstr_at(w, "title", channel->title == NULL ? "" : channel->title);
        dam_json_put_cstr_at(w, "unit", channel->unit == NULL ? "" : channel->unit);
        dam_json_put_u64_at(w, "decimals", channel->decimals);
        dam_json_put_object_end(w);
    }
    dam_json_put_array_end(w);
    dam_json_put_key(w, "rows");
    dam_json_put_array(w);
}

static void put_series_row(struct dam_json_writer *w, const struct dam_record_leaf *leaf,
                           size_t channel_count)
{
    struct dam_bytes observation = leaf->decision.observation;
    dam_json_put_array(w);
    dam_json_put_i64(w, leaf->time_ms / 1000);
    for (size_t i = 1; i <= channel_count && DAM_FLOW_SAMPLE_LEN * (i + 1) <= observation.len;
         i++) {
        struct dam_flow_sample sample;
        if (dam_flow_sample_load(observation.data + DAM_FLOW_SAMPLE_LEN * i, &sample) != DAM_OK ||
            sample.quality != DAM_FLOW_GOOD) {
            dam_json_put_null(w);
            continue;
        }
        dam_json_put_i64_text(w, sample.value);
    }
    dam_json_put_array_end(w);
}

static void series_leaf(struct walk *walk, const struct dam_record_leaf *leaf)
{
    if (leaf->kind == DAM_RECORD_DECISION) {
        put_series_row(&walk->w, leaf, dam_machine_manifest(walk->machine)->channel_count);
    }
}

enum dam_err dam_face_series(struct dam_machine *machine, struct dam_http_parts *ret)
{
    static const struct walk_kind kind = {
        .head = series_head, .leaf = series_leaf, .tail = list_end};
    const struct walk from = {.kind = &kind, .machine = machine};
    return walk_begin(&from, UINT64_MAX, LOOK_BACK_MAX, ret);
}

/* ---- decisions as CSV ------------------------------------------------------------------------ */

static void csv_head(struct walk *walk)
{
    const struct dam_manifest *manifest = dam_machine_manifest(walk->machine);
    struct dam_buf *out = walk->w.buf;
    dam_buf_put_text(out, "seq,time_ms,outcome");
    for (size_t i = 1; i < dam_manifest_record_count(manifest); i++) {
        char name[80];
        dam_manifest_record_name(manifest, i, name, sizeof(name));
        dam_buf_put_text(out, ",");
        dam_buf_put_text(out, name);
    }
    for (size_t i = 0; i < manifest->actuator_count; i++) {
        dam_buf_put_text(out, ",");
        dam_buf_put_text(out, manifest->actuators[i].name);
    }
    dam_buf_put_text(out, "\r\n");
}

static void csv_number(struct dam_buf *out, long long value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), ",%lld", value);
    dam_buf_put_text(out, text);
}

/* Values in the channels' own decimals, as the evidence holds them. */
static void csv_leaf(struct walk *walk, const struct dam_record_leaf *leaf)
{
    struct dam_buf *out = walk->w.buf;
    if (leaf->kind != DAM_RECORD_DECISION) {
        return;
    }
    dam_buf_put_u64(out, leaf->seq);
    csv_number(out, leaf->time_ms);
    csv_number(out, leaf->decision.outcome);
    struct dam_bytes observation = leaf->decision.observation;
    for (size_t i = 1; DAM_FLOW_SAMPLE_LEN * (i + 1) <= observation.len; i++) {
        csv_number(out, (int64_t)dam_load_be64(observation.data + DAM_FLOW_SAMPLE_LEN * i));
    }
    for (size_t i = 0; 8 * (i + 1) <= leaf->decision.action.len; i++) {
        csv_number(out, (int64_t)dam_load_be64(leaf->decision.action.data + 8 * i));
    }
    dam_buf_put_text(out, "\r\n");
}

/* Its number, and nothing in the other columns. */
static void csv_damaged(struct walk *walk, uint64_t seq)
{
    const struct dam_manifest *manifest = dam_machine_manifest(walk->machine);
    size_t others = 1 + dam_manifest_record_count(manifest) + manifest->actuator_count;
    dam_buf_put_u64(walk->w.buf, seq);
    for (size_t i = 0; i < others; i++) {
        dam_buf_put_byte(walk->w.buf, ',');
    }
    dam_buf_put_text(walk->w.buf, "\r\n");
}

enum dam_err dam_face_csv(struct dam_machine *machine, struct dam_http_parts *ret)
{
    static const struct walk_kind kind = {
        .head = csv_head, .leaf = csv_leaf, .damaged = csv_damaged};
    const struct walk from = {.kind = &kind, .machine = machine};
    return walk_begin(&from, UINT64_MAX, UINT64_MAX, ret);
}
