// SPDX-License-Identifier: Apache-2.0
/* A machine that dies at every step of its action path: each write, sync, rename and truncation of
 * its store and each word to its device is a point where the process ends, by a kill (what was
 * handed to the kernel stays) or by a power cut (of what was not synced any sector may be there).
 * Life follows life on one disk. After each death, whatever the disk then holds:
 *
 *   every actuation that ever happened has its decision leaf, with that very value, and no other
 *   actuation has the same leaf; no leaf that was ever durable is lost or changed; the log is
 * whole; each decision has at most one receipt, one says "done and read back" only where the device
 * did it, and a decision whose fate is not known has the receipt UNKNOWN after the next start.
 *
 * The machine, its store and its EVM are the real ones; disk and device are played, in memory that
 * parent and dying child share. DAM_CRASH_POINTS sets the number of deaths (default 300). */
#include "machine/history.h"
#include "machine/machine.h"

#define DISK_FILES 16u
#define DISK_FILE_MAX (256u << 10)

#include "base/heap.h"
#include "port/disk_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine/folder_fixture.h"

#define ACTS_MAX 4096u
#define LEAVES_MAX 8192u
#define LIVES_A_DISK 12u
#define TURNS 4u

/* ---- the world ------------------------------------------------------------------------------- */

struct act {
    uint64_t ticket;
    int64_t value;
};

static struct world {
    struct disk_fixture disk;
    size_t act_count;
    struct act acts[ACTS_MAX]; /* what the device was really told to do */
    uint64_t durable_count;
    struct dam_hash durable[LEAVES_MAX]; /* of leaves that were said to be durable */
} * world;

static struct dam_prng prng = {.state = 5};

/* ---- the device ------------------------------------------------------------------------------ */

/* It does what it is told and says so; every fifth answer gets lost, every seventh command too. */
struct sim_link {
    const struct dam_link_kind *kind;
    struct dam_link_events events;
    unsigned point;
};

static enum dam_err sim_open(const struct dam_link_setup *setup, struct dam_link **ret_link,
                             const char **ret_why)
{
    struct sim_link *l = calloc(1, sizeof(*l));
    (void)ret_why;
    if (l == NULL) {
        return DAM_ENOMEM;
    }
    l->events = setup->events;
    *ret_link = (struct dam_link *)(void *)l;
    return DAM_OK;
}

static void sim_write(struct dam_link *base, unsigned point, int64_t value, uint64_t ticket)
{
    struct sim_link *l = (struct sim_link *)(void *)base;
    disk_fixture_step(); /* the last moment before the world changes */
    if (ticket % 7 == 0) {
        return; /* the command is lost */
    }
    assert_true(world->act_count < ACTS_MAX);
    world->acts[world->act_count++] = (struct act){ticket, value};
    disk_fixture_step(); /* it has changed */
    if (ticket % 5 != 0) {
        l->events.written(l->events.ctx, point, ticket, DAM_LINK_DONE, true, value);
        disk_fixture_step();
    }
}

static void sim_close(struct dam_link *base)
{
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

static char folder[] = "/tmp/dam-crash-XXXXXX";

static const char manifest[] = "[machine]\nname = \"crash\"\nperiod = \"1s\"\n"
                               "write_timeout = \"100ms\"\n[link.dev]\nkind = \"sim\"\n"
                               "[[actuator]]\nname = \"a\"\nmin = 0\nmax = 100\nsafe = 0\n"
                               "sink = \"dev\"\nkey = \"x\"\nreadback = \"x\"\n"
                               "[mind]\ncode = \"mind.hex\"\n[charter]\ncode = \"charter.hex\"\n";

static int64_t wall_ms = 1700000000000;
static uint64_t mono_ms;

static struct dam_now now_get(void *ctx)
{
    (void)ctx;
    return (struct dam_now){wall_ms, mono_ms};
}

/* What is durable now is promised. */
static void promise(struct dam_machine *m)
{
    struct dam_evidence *e = dam_machine_evidence(m);
    for (; world->durable_count < dam_evidence_durable(e); world->durable_count++) {
        assert_true(world->durable_count < LEAVES_MAX);
        assert_int_equal(
            dam_evidence_hash(e, world->durable_count, &world->durable[world->durable_count]),
            DAM_OK);
    }
}

static void turn(struct dam_machine *m)
{
    struct dam_now now = now_get(NULL);
    dam_machine_expire(m, &now);
    if (dam_machine_decide(m, &now) != DAM_OK || dam_evidence_sync(dam_machine_evidence(m)) != 0) {
        _exit(3); /* nothing here may fail */
    }
    promise(m);
    disk_fixture_step();
    dam_machine_release(m, &now);
    wall_ms += 1000;
    mono_ms += 1000;
}

static void life(void)
{
    struct dam_decider *decider = NULL;
    struct dam_machine *m = NULL;
    struct dam_manifest_complaint complaint;
    const struct dam_mem *mem = dam_heap();
    uv_loop_t *loop = uv_default_loop();
    mono_ms = 0;
    struct dam_now now = now_get(NULL);
    if (dam_decider_create(mem, &decider) != DAM_OK) {
        _exit(4);
    }
    const struct dam_machine_options options = {
        .files = &disk_fixture_ops, .decider = decider, .events = {.now = now_get}};
    if (dam_machine_open(folder, &options, &m, &complaint) != DAM_OK ||
        dam_machine_connect(m, loop, &complaint) != DAM_OK ||
        dam_machine_boot(m, &now, &complaint) != DAM_OK) {
        (void)fprintf(stderr, "%s\n", complaint.text);
        _exit(5);
    }
    promise(m);
    for (unsigned i = 0; i < TURNS; i++) {
        turn(m);
    }
    now = now_get(NULL);
    dam_machine_shutdown(m, &now);
    if (dam_evidence_sync(dam_machine_evidence(m)) != DAM_OK) {
        _exit(6);
    }
    promise(m);
    dam_machine_release(m, &now);
    dam_machine_close(m);
    dam_decider_destroy(decider);
}

/* ---- what must hold -------------------------------------------------------------------------- */

static struct dam_record_leaf leaves[LEAVES_MAX];
static uint8_t bytes[8u << 20];

static uint64_t log_read(void)
{
    static struct dam_history_checker checker;
    struct dam_history_verified verified;
    struct dam_history_finding finding;
    struct dam_evidence *e = NULL;
    size_t used = 0;
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/evidence", folder);
    enum dam_err err = dam_evidence_open(path, false, NULL, &disk_fixture_ops, &e);
    if (err == DAM_ENOTFOUND) {
        return 0;
    }
    assert_int_equal(err, DAM_OK);
    uint64_t size = dam_evidence_size(e);
    assert_true(size >= world->durable_count);
    dam_history_check_begin(&checker, &verified, &finding);
    for (uint64_t seq = 0; seq < size; seq++) {
        struct dam_bytes data;
        struct dam_hash hash;
        assert_int_equal(dam_evidence_read(e, seq, &data), DAM_OK);
        assert_int_equal(dam_history_check_leaf(&checker, data), DAM_OK);
        if (seq < world->durable_count) {
            dam_record_leaf_hash(data, &hash);
            assert_memory_equal(hash.b, world->durable[seq].b, 32);
        }
        memcpy(bytes + used, data.data, data.len);
        assert_int_equal(dam_record_leaf_load(dam_bytes(bytes + used, data.len), &leaves[seq]),
                         DAM_OK);
        used += data.len;
    }
    dam_evidence_close(e);
    return size;
}

static bool device_did(uint64_t ticket)
{
    for (size_t i = 0; i < world->act_count; i++) {
        if (world->acts[i].ticket == ticket) {
            return true;
        }
    }
    return false;
}

/* In: settled: a life has begun after the last death, so that everything has its receipt. */
static void check(uint64_t size, bool settled)
{
    static uint8_t receipts[LEAVES_MAX];
    uint64_t last_decision = UINT64_MAX;
    memset(receipts, 0, sizeof(receipts));
    for (size_t i = 0; i < world->act_count; i++) {
        const struct act *act = &world->acts[i];
        assert_true(act->ticket < size);
        const struct dam_record_leaf *leaf = &leaves[act->ticket];
        assert_int_equal(leaf->kind, DAM_RECORD_DECISION);
        assert_int_equal((int64_t)dam_load_be64(leaf->decision.action.data), act->value);
        for (size_t k = 0; k < i; k++) {
            assert_true(world->acts[k].ticket != act->ticket);
        }
    }
    for (uint64_t seq = 0; seq < size; seq++) {
        const struct dam_record_leaf *leaf = &leaves[seq];
        last_decision = leaf->kind == DAM_RECORD_DECISION ? seq : last_decision;
        if (leaf->kind == DAM_RECORD_RECEIPT) {
            uint64_t of = leaf->receipt.decision_seq;
            assert_true(of < seq && leaves[of].kind == DAM_RECORD_DECISION);
            assert_int_equal(receipts[of]++, 0);
            if (leaf->receipt.status == DAM_RECORD_DONE) {
                assert_true(device_did(of));
            }
        }
    }
    for (uint64_t seq = 0; settled && seq < size; seq++) {
        if (leaves[seq].kind == DAM_RECORD_DECISION && seq != last_decision) {
            assert_int_equal(receipts[seq], 1);
        }
    }
}

/* ---- the deaths ------------------------------------------------------------------------------ */

static void deaths(void **state)
{
    const char *env = getenv("DAM_CRASH_POINTS");
    uint64_t wanted = env == NULL ? 300 : strtoull(env, NULL, 10);
    uint64_t points = 0; /* of one life */
    uint64_t done = 0;
    uint64_t cuts = 0;
    (void)state;
    life(); /* here, so that what a process reads once is read */
    for (uint64_t point = 1; done < wanted; point++) {
        if ((point - 1) % LIVES_A_DISK == 0) {
            memset(world, 0, sizeof(*world));
        }
        /* Each point in turn, whatever the disk went through before. */
        uint64_t die_at = points == 0 ? 1 : 1 + (done * 7 + done / points) % points;
        int code = disk_fixture_live(life, die_at);
        if (code == 0) { /* this life was shorter than that: it is whole */
            points = world->disk.steps;
            check(log_read(), true);
            continue;
        }
        assert_int_equal(code, DISK_DIED);
        points = points < die_at + 40 ? die_at + 40 : points;
        done++;
        if (dam_prng_below(&prng, 2) == 0) {
            disk_fixture_power_cut(&prng);
            cuts++;
        }
        check(log_read(), false);
    }
    assert_int_equal(disk_fixture_live(life, 0), 0);
    check(log_read(), true);
    (void)printf("%llu deaths, %llu of them power cuts; %zu actuations and %llu durable leaves on "
                 "the last disk\n",
                 (unsigned long long)done, (unsigned long long)cuts, world->act_count,
                 (unsigned long long)world->durable_count);
}

/* The test can fail: a leaf that is not there, an actuation twice. */
static void a_lie_is_seen(void **state)
{
    (void)state;
    memset(world, 0, sizeof(*world));
    assert_int_equal(disk_fixture_live(life, 0), 0);
    uint64_t size = log_read();
    check(size, true);
    uint64_t last = world->acts[world->act_count - 1].ticket;
    assert_true(last < size && device_did(last));
    assert_false(device_did(last + 1));
    assert_int_equal(leaves[last].kind, DAM_RECORD_DECISION);
}

static int begin(void **state)
{
    (void)state;
    world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    disk_world = &world->disk;
    if (world == MAP_FAILED || !folder_make(folder, manifest)) {
        return -1;
    }
    dam_link_kind_add(&sim);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)munmap(world, sizeof(*world));
    return folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deaths),
        cmocka_unit_test(a_lie_is_seen),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
