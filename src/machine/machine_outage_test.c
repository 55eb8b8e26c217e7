// SPDX-License-Identifier: Apache-2.0
/* A machine through outages of days: of its sensors, of its device, of its disk, of itself, and of
 * the clock on its wall, which jumps by twenty years either way. Time is played, so a month takes
 * seconds; machine, store and EVM are the real ones. What must hold at the end, leaf by leaf:
 *
 *   no leaf that was ever said to be durable is lost or changed, and the log is one chain in order;
 *   every minute of the month has a turn, or a gap that covers it; no turn shows a value as good
 *   that is older than the manifest allows; a value that comes back is good in the next turn; while
 *   the device is silent each decision has an honest receipt; each jump of the clock is told.
 *
 * DAM_OUTAGE_DAYS sets the length (default 30, at least 30). */
#include "machine/history.h"
#include "machine/machine.h"

#include "base/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/folder_fixture.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (1440 * MINUTE_MS)
#define YEARS_20_MS (7305 * DAY_MS)
#define STALE_MS (3 * MINUTE_MS)

/* ---- what goes wrong, and when --------------------------------------------------------------- */

enum trouble {
    SENSOR, /* its broker is away: no values */
    DEVICE, /* it neither answers nor tells */
    DISK,   /* full: no write succeeds */
    OFF,    /* the machine is not running */
    TROUBLES,
};

/* Days of true time, of 30, which come again in every 30; troubles overlap as they like. */
static const struct {
    enum trouble what;
    double from;
    double to;
} troubles[] = {
    {SENSOR, 1, 4},     {DEVICE, 2, 5},     {SENSOR, 7.5, 7.51}, {DISK, 8, 10},
    {OFF, 11, 13.5},    {SENSOR, 13, 14},   {DEVICE, 16, 17},    {DISK, 16.5, 16.8},
    {OFF, 19.2, 19.21}, {SENSOR, 20, 23.3}, {DISK, 24, 24.01},   {DEVICE, 26, 29},
};

/* When the wall's clock is set, and to how far from the truth. */
static const struct {
    double at;
    int64_t off_ms;
} clocks[] = {
    {5.5, YEARS_20_MS}, {6.5, 0},           {12, -YEARS_20_MS},
    {15, YEARS_20_MS},  {18, -YEARS_20_MS}, {25, 0},
};

static int64_t true_ms; /* since the beginning */

static bool is_trouble(enum trouble what)
{
    double day = (double)(true_ms % (30 * DAY_MS)) / (double)DAY_MS;
    for (size_t i = 0; i < DAM_COUNT_OF(troubles); i++) {
        if (troubles[i].what == what && day >= troubles[i].from && day < troubles[i].to) {
            return true;
        }
    }
    return false;
}

static int64_t clock_off_ms(void)
{
    double day = (double)(true_ms % (30 * DAY_MS)) / (double)DAY_MS;
    int64_t off = 0;
    for (size_t i = 0; i < DAM_COUNT_OF(clocks); i++) {
        off = day >= clocks[i].at ? clocks[i].off_ms : off;
    }
    return off;
}

static struct dam_now now_get(void *ctx)
{
    (void)ctx;
    return (struct dam_now){INT64_C(1700000000000) + true_ms + clock_off_ms(), (uint64_t)true_ms};
}

/* ---- the disk: the real one, without waiting for the platter, and sometimes full ------------- */

static struct dam_file_ops disk;

static enum dam_err disk_write(void *ctx, int fd, uint64_t offset, const void *data, size_t len)
{
    (void)ctx;
    if (is_trouble(DISK)) { /* some of it arrives */
        (void)!dam_file_system()->write(NULL, fd, offset, data, len / 2);
        return DAM_ENOSPC;
    }
    return dam_file_system()->write(NULL, fd, offset, data, len);
}

static enum dam_err disk_sync(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
    return is_trouble(DISK) ? DAM_EIO : DAM_OK;
}

/* ---- the field ------------------------------------------------------------------------------- */

/* Two links of one kind: "sensor" has a channel, "device" an actuator. */
struct sim_link {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    bool is_device;
};

static struct sim_link *sensor;
static int64_t device_value;
static int64_t device_safe_writes; /* without a leaf of their own, by a machine that failed */
static struct dam_evidence *evidence;

static enum dam_err sim_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                             const char **ret_why)
{
    struct sim_link *l = calloc(1, sizeof(*l));
    (void)ret_why;
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    l->events = setup->events;
    l->is_device = strcmp(dam_link_option(setup, "url", ""), "device") == 0;
    sensor = l->is_device ? sensor : l;
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static void sim_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct sim_link *l = (struct sim_link *)(void *)base;
    if (ticket == UINT64_MAX) {
        assert_int_equal(value, 0); /* the safe state */
        device_safe_writes++;
        return;
    }
    assert_true(ticket < dam_evidence_durable(evidence)); /* no actuation without its leaf */
    if (!is_trouble(DEVICE)) {
        device_value = value;
        l->events.written(l->events.ctx, point, ticket, DAM_LINK_DONE, true, value);
    }
}

static void sim_close(struct dam_link *base)
{
    sensor = sensor == (struct sim_link *)(void *)base ? NULL : sensor;
    free(base);
}

static const char *const sim_options[] = {"url", NULL};
static const struct dam_link_kind sim = {.name = "sim",
                                         .summary = "a device in a test",
                                         .options = sim_options,
                                         .open = sim_open,
                                         .write = sim_write,
                                         .close = sim_close};

/* ---- the machine ----------------------------------------------------------------------------- */

static char folder[] = "/tmp/dam-outage-XXXXXX";

static const char manifest_text[] =
    "[machine]\nname = \"outage\"\nperiod = \"60s\"\nwrite_timeout = \"30s\"\n"
    "[link.dev]\nkind = \"sim\"\nurl = \"device\"\n[link.sense]\nkind = \"sim\"\n"
    "url = \"sensor\"\n[[channel]]\nname = \"x\"\nmin = 0\nmax = 100000000\nsource = \"sense\"\n"
    "key = \"x\"\nstale = \"3m\"\n[[actuator]]\nname = \"a\"\nmin = 0\nmax = 100\nsafe = 0\n"
    "sink = \"dev\"\nkey = \"x\"\nreadback = \"x\"\n"
    "[mind]\ncode = \"mind.hex\"\n[charter]\ncode = \"charter.hex\"\n";

static struct {
    size_t count;
    struct dam_hash *hashes; /* of leaves that were said to be durable */
    size_t room;
    uint64_t starts;
    uint64_t refused_starts; /* the disk was full */
    uint64_t failures;
} seen;

static void promise(void)
{
    for (; seen.count < dam_evidence_durable(evidence); seen.count++) {
        if (seen.count == seen.room) {
            seen.room = 2 * seen.room + 1024;
            seen.hashes = realloc(seen.hashes, seen.room * sizeof(*seen.hashes));
            assert_non_null(seen.hashes);
        }
        assert_int_equal(dam_evidence_hash(evidence, seen.count, &seen.hashes[seen.count]), DAM_OK);
    }
}

static struct dam_machine *start(struct dam_decider *decider)
{
    struct dam_machine *m = NULL;
    struct dam_manifest_complaint complaint;
    const struct dam_now now = now_get(NULL);
    const struct dam_machine_options options = {
        .files = &disk, .decider = decider, .events = {.now = now_get}};
    if (dam_machine_open(folder, &options, &m, &complaint) != DAM_OK) {
        assert_true(is_trouble(DISK));
        seen.refused_starts++;
        return NULL;
    }
    evidence = dam_machine_evidence(m);
    if (dam_machine_connect(m, uv_default_loop(), &complaint) != DAM_OK ||
        dam_machine_boot(m, &now, &complaint) != DAM_OK) {
        assert_true(is_trouble(DISK));
        dam_machine_close(m);
        seen.refused_starts++;
        return NULL;
    }
    promise();
    seen.starts++;
    return m;
}

/* One minute, as the runtime makes it: what came in, the last write's time limit, the turn, the
 * sync, the act. Returns: false once the machine has failed. */
static bool minute(struct dam_machine *m)
{
    const struct dam_now now = now_get(NULL);
    if (!is_trouble(SENSOR)) {
        sensor->events.sample(sensor->events.ctx, 0, true_ms / MINUTE_MS);
    }
    dam_machine_expire(m, &now);
    if (dam_machine_decide(m, &now) == DAM_OK) {
        struct dam_evidence *all[] = {evidence};
        dam_evidence_sync_all(all, 1); /* release sees whether it went well */
        promise();
    }
    dam_machine_release(m, &now);
    return !dam_machine_failed(m);
}

/* ---- what must hold -------------------------------------------------------------------------- */

static struct {
    uint64_t decisions;
    uint64_t covered_minutes; /* by gaps */
    uint64_t stale;           /* decisions that saw the sensor's outage */
    uint64_t unknown;         /* receipts */
    uint64_t done;
    uint64_t jumps; /* told */
} found;

static void decision_check(const struct dam_record_leaf *leaf)
{
    struct dam_flow_sample sample;
    assert_int_equal(
        dam_flow_sample_load(leaf->decision.observation.data + DAM_FLOW_SAMPLE_LEN, &sample),
        DAM_OK);
    found.decisions++;
    if (sample.quality == DAM_FLOW_GOOD) { /* the value is the minute in which it was read */
        assert_true(sample.age_ms <= STALE_MS);
        assert_true((int64_t)leaf->mono_ms - sample.value * MINUTE_MS == sample.age_ms);
    }
    true_ms = (int64_t)leaf->mono_ms; /* what was it like then? */
    if (!is_trouble(SENSOR)) {
        assert_int_equal(sample.quality, DAM_FLOW_GOOD);
        assert_int_equal(sample.age_ms, 0);
    }
    found.stale += sample.quality != DAM_FLOW_GOOD ? 1 : 0;
}

static void receipt_check(const struct dam_record_leaf *leaf, uint64_t decided_at_ms)
{
    true_ms = (int64_t)decided_at_ms;
    if (leaf->receipt.status == DAM_RECORD_DONE) {
        assert_false(is_trouble(DEVICE));
        found.done++;
    } else {
        assert_int_equal(leaf->receipt.status, DAM_RECORD_UNKNOWN);
        assert_true(is_trouble(DEVICE) || is_trouble(DISK));
        found.unknown++;
    }
}

static void log_check(int64_t minutes)
{
    static struct dam_history_checker checker;
    struct dam_history_verified verified;
    struct dam_history_finding finding;
    uint64_t at_ms = 0; /* of the last decision, or where the last gap ended */
    uint64_t last_turn = UINT64_MAX;
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/evidence", folder);
    assert_int_equal(dam_evidence_open(path, false, NULL, NULL, &evidence), DAM_OK);
    uint64_t size = dam_evidence_size(evidence);
    assert_true(size >= seen.count && size < (uint64_t)minutes * 4);
    uint64_t *turn_ms = calloc(size, sizeof(*turn_ms)); /* when each leaf was made */
    assert_non_null(turn_ms);
    dam_history_check_begin(&checker, &verified, &finding);
    for (uint64_t seq = 0; seq < size; seq++) {
        struct dam_record_leaf leaf;
        struct dam_bytes data;
        struct dam_hash hash;
        assert_int_equal(dam_evidence_read(evidence, seq, &data), DAM_OK);
        assert_int_equal(dam_history_check_leaf(&checker, data), DAM_OK);
        dam_record_leaf_hash(data, &hash);
        assert_true(seq >= seen.count || dam_hash_eq(&hash, &seen.hashes[seq]));
        assert_int_equal(dam_record_leaf_load(data, &leaf), DAM_OK);
        assert_true(leaf.mono_ms >= at_ms);
        turn_ms[seq] = leaf.mono_ms;
        if (leaf.kind == DAM_RECORD_DECISION) {
            decision_check(&leaf);
            /* Without a gap between them, turns are a minute apart. */
            assert_true(last_turn == UINT64_MAX || leaf.mono_ms - at_ms <= MINUTE_MS);
            at_ms = last_turn = leaf.mono_ms;
        } else if (leaf.kind == DAM_RECORD_RECEIPT) {
            receipt_check(&leaf, turn_ms[leaf.receipt.decision_seq]);
        } else if (leaf.kind == DAM_RECORD_GAP) {
            bool told = memmem(leaf.gap.reason.data, leaf.gap.reason.len, "the clock", 9) != NULL;
            found.jumps += told ? 1 : 0;
            found.covered_minutes += (leaf.mono_ms - at_ms) / MINUTE_MS;
            at_ms = leaf.mono_ms;
        }
    }
    dam_history_check_end(&checker);
    assert_int_equal(verified.leaves, size);
    assert_true((uint64_t)(minutes - 1) * MINUTE_MS - at_ms <= MINUTE_MS);
    free(turn_ms);
    dam_evidence_close(evidence);
}

static void a_month_of_outages(void **state)
{
    const char *env = getenv("DAM_OUTAGE_DAYS");
    int64_t days = env == NULL ? 30 : (int64_t)strtoll(env, NULL, 10);
    int64_t minutes = days * 1440;
    struct dam_decider *decider = NULL;
    struct dam_machine *m = NULL;
    (void)state;
    assert_true(days >= 30);
    assert_int_equal(dam_decider_create(dam_heap(), &decider), DAM_OK);
    for (int64_t i = 0; i < minutes; i++) {
        true_ms = i * MINUTE_MS;
        bool off = is_trouble(OFF);
        if (m == NULL && !off && (i % 60 == 0 || !is_trouble(DISK))) { /* a supervisor's patience */
            m = start(decider);
        }
        bool lives = m != NULL && !off && minute(m);
        if (m != NULL && !lives) { /* killed, or it failed and is started again */
            seen.failures += dam_machine_failed(m) ? 1 : 0;
            dam_machine_close(m);
            m = NULL;
        }
    }
    dam_machine_close(m);
    dam_decider_destroy(decider);
    log_check(minutes);
    (void)printf("%lld days: %llu decisions, %llu without a sensor, %llu receipts done, %llu "
                 "unknown, %llu minutes in gaps, %llu starts, %llu refused by the disk, %llu jumps "
                 "of the clock told\n",
                 (long long)days, (unsigned long long)found.decisions,
                 (unsigned long long)found.stale, (unsigned long long)found.done,
                 (unsigned long long)found.unknown, (unsigned long long)found.covered_minutes,
                 (unsigned long long)seen.starts, (unsigned long long)seen.refused_starts,
                 (unsigned long long)found.jumps);
    /* It was as bad as it was meant to be. */
    uint64_t months = (uint64_t)days / 30;
    assert_true(found.stale > months * 6 * 1440);
    assert_true(found.unknown > months * 5 * 1440);
    assert_true(found.done > months * 10 * 1440);
    assert_true(found.covered_minutes > months * 4 * 1440);
    assert_true(seen.failures >= months * 3 && seen.refused_starts > months * 40);
    assert_true(device_safe_writes >= (int64_t)months * 3);
    assert_true(found.jumps >= months * 6);
    free(seen.hashes);
}

static int begin(void **state)
{
    (void)state;
    disk = *dam_file_system();
    disk.write = disk_write;
    disk.sync = disk_sync;
    disk.sync_disk = disk_sync;
    if (!folder_make(folder, manifest_text)) {
        return -1;
    }
    dam_link_kind_add(&sim);
    return 0;
}

static int end(void **state)
{
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/evidence", folder);
    return folder_remove(path) != 0 ? -1 : folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_month_of_outages)};
    return cmocka_run_group_tests(tests, begin, end);
}
