// SPDX-License-Identifier: Apache-2.0
/* A signer that dies at every step of its disk, again and again while it starts from that, and
 * whose state is compacted every few signatures: whatever is then on the disk, it starts, and no
 * voucher, nonce or allowance has gone back behind what was answered. */
#include "signer/state_file.h"

#include "base/heap.h"
#include "signer/guard.h"
#include "signer/signer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#define DISK_FILES 2u
#define DISK_FILE_MAX (128u << 10)

#include "port/disk_fixture.h"

#define CHANNELS 3u
#define REQUESTS 8u
#define FILE_LEN_DUE 55300u /* three or four records more than a fresh file */
#define NOW 1000000u        /* of all requests: no allowance refills */
#define CUTS 1u

static const uint8_t secret[32] = {[31] = 9};
static const struct dam_hash domain = {{0xd0}};

/* What was answered, and what may be on the disk without an answer. */
struct book {
    uint64_t totals[CHANNELS];
    uint64_t spent; /* of 1 each: so many nonces */
};

static struct world {
    struct disk_fixture disk;
    struct book answered;
    struct book asked;
    unsigned compactions;
} * world;

static struct fixture_policy blob;
static struct dam_policy policy;

/* The files, and a state that is to be read from them. */
static struct dam_signer_state *state_new(struct dam_signer_state_file *file)
{
    struct dam_signer_state *state = calloc(1, sizeof(*state));
    *file = (struct dam_signer_state_file){.ops = &disk_fixture_ops};
    if (state == NULL || disk_open(NULL, "state", true, &file->fds[0]) != DAM_OK ||
        disk_open(NULL, "state.b", true, &file->fds[1]) != DAM_OK) {
        _exit(3);
    }
    struct dam_signer_disk disk = dam_signer_state_file_disk(file);
    dam_signer_state_init(state, secret, &disk);
    state->file_len_due = FILE_LEN_DUE;
    return state;
}

static void ask(struct dam_signer_guard *guard, struct dam_signer_request *request,
                struct dam_arena *arena)
{
    static uint8_t message[DAM_SIGNER_MESSAGE_MAX];
    struct dam_signer_reply reply;
    size_t len = dam_signer_request_encode(request, message, sizeof(message));
    dam_arena_reset(arena);
    dam_signer_guard_answer(guard, dam_bytes(message, len), NOW, arena, &reply);
    if (reply.refusal != 0) {
        (void)fprintf(stderr, "refused: %u\n", reply.refusal);
        _exit(4);
    }
}

/* Start from what is there, and sign. */
static void life(void)
{
    struct dam_signer_state_file file;
    struct dam_signer_state *state = state_new(&file);
    const struct dam_signer_key key = {fixture_sign, NULL};
    struct dam_signer_guard guard = {
        .state = state, .policy = &policy, .key = &key, .unlocked = true};
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    if (dam_signer_state_file_replay(&file, state) != DAM_OK) {
        _exit(5);
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        unsigned channel = i % (CHANNELS + 1);
        unsigned live = file.live;
        struct dam_signer_request request = {.kind = DAM_SIGNER_VOUCHER};
        if (channel < CHANNELS) {
            world->asked.totals[channel]++;
            request.voucher = (struct dam_signer_voucher){
                domain, {{(uint8_t)channel}}, {{world->asked.totals[channel]}}};
        } else {
            request = (struct dam_signer_request){.kind = DAM_SIGNER_SPEND};
            request.spend.scale = 1000;
            request.spend.nonce = world->asked.spent++;
            request.spend.gas_limit = 100000;
            request.spend.call_count = 1;
            request.spend.calls[0] = (struct dam_policy_call){fixture_address(1), {{1}}, {NULL, 0}};
        }
        ask(&guard, &request, &arena);
        world->answered = world->asked;
        world->compactions += file.live != live;
    }
    dam_arena_finish(&arena);
    free(state);
}

static void only_start(void)
{
    struct dam_signer_state_file file;
    struct dam_signer_state *state = state_new(&file);
    if (dam_signer_state_file_replay(&file, state) != DAM_OK) {
        _exit(5);
    }
    free(state);
}

/* What a start finds is what was answered, or that and the one thing that was being asked for. */
static void check(void)
{
    static const struct dam_hash first_bucket;
    struct dam_signer_state_file file;
    struct dam_signer_state *state = state_new(&file);
    struct dam_policy_ledger ledger = dam_signer_state_ledger(state);
    struct dam_policy_use use = {{{0}}, 0};
    assert_int_equal(dam_signer_state_file_replay(&file, state), DAM_OK);
    for (unsigned i = 0; i < CHANNELS; i++) {
        const struct dam_hash channel = {{(uint8_t)i}};
        const struct dam_signer_channel *known = dam_signer_state_channel(state, &domain, &channel);
        uint64_t total = known == NULL ? 0 : known->total.w[0];
        assert_in_range(total, world->answered.totals[i], world->asked.totals[i]);
        world->asked.totals[i] = total;
    }
    assert_in_range(state->nonce_next[0], world->answered.spent, world->asked.spent);
    ledger.get(ledger.ctx, &first_bucket, &use);
    assert_true(use.used.w[0] == state->nonce_next[0]);
    assert_int_equal(world->disk.files[1 - file.live].len, 0);
    assert_true(world->disk.files[file.live].len == state->file_len);
    world->asked.spent = state->nonce_next[0];
    world->answered = world->asked;
    free(state);
}

static void begin(void)
{
    struct dam_signer_state_file file;
    struct dam_signer_state *state = state_new(&file);
    const uint64_t nonces[2] = {0, 0};
    const struct dam_signer_checkpoint start = {0};
    struct dam_signer_pin pin = fixture_pin(&blob);
    assert_int_equal(dam_signer_state_begin(state), DAM_OK);
    assert_int_equal(dam_signer_state_put_pin(state, &pin), DAM_OK);
    assert_int_equal(dam_signer_state_put_base(state, nonces, &start, NOW), DAM_OK);
    free(state);
}

/* From the operator's file on. */
static void live_to_the_first_compaction(void)
{
    while (world->compactions == 0) {
        assert_int_equal(disk_fixture_live(life, 0), 0);
    }
    check();
}

/* After a death the start dies as well, at each of its steps, and then the signer goes on. */
static unsigned start_again(const struct world *at_death, struct dam_prng *prng, bool power)
{
    unsigned deaths = 0;
    for (uint64_t die_at = 1;; die_at++) {
        *world = *at_death;
        int code = disk_fixture_live(only_start, die_at);
        assert_true(code == 0 || code == DISK_DIED);
        if (power && code == DISK_DIED) {
            disk_fixture_power_cut(prng);
        }
        check();
        deaths++;
        if (code == 0) {
            assert_int_equal(disk_fixture_live(life, 0), 0); /* it works */
            check();
            return deaths;
        }
    }
}

static void it_dies_at_every_step(void **state)
{
    static struct world begun;
    static struct world dead;
    static struct world cut;
    struct dam_prng prng = {.state = 7};
    unsigned deaths = 0;
    (void)state;
    begin();
    live_to_the_first_compaction();
    begun = *world;
    for (uint64_t die_at = 1;; die_at++) {
        *world = begun;
        int code = disk_fixture_live(life, die_at);
        dead = *world;
        if (code == 0) {
            assert_true(world->compactions > begun.compactions + 1);
            break;
        }
        assert_int_equal(code, DISK_DIED);
        deaths += start_again(&dead, &prng, false);
        for (unsigned i = 0; i < CUTS; i++) {
            *world = dead;
            disk_fixture_power_cut(&prng);
            cut = *world;
            deaths += start_again(&cut, &prng, true);
        }
    }
    assert_true(deaths > 150);
    print_message("%u deaths\n", deaths);
}

/* The index that each begins with is all there is to tell which one counts. */
static void an_old_file_never_counts_again(void **state)
{
    static struct disk_file old;
    struct dam_signer_state_file file;
    (void)state;
    memset(world, 0, sizeof(*world));
    begin();
    old = world->disk.files[0];
    live_to_the_first_compaction();
    struct disk_file *files = world->disk.files;
    unsigned live = files[0].len == 0;
    files[1 - live].len = old.len; /* put back beside the fresh one */
    memcpy(files[1 - live].data, old.data, old.len);
    check();
    assert_int_equal(files[1 - live].len, 0);
    struct dam_signer_state *s = state_new(&file);
    files[live].len = 0; /* and where the fresh one is lost, the emptied one is no state */
    assert_int_equal(dam_signer_state_file_replay(&file, s), DAM_ECORRUPT);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_dies_at_every_step),
        cmocka_unit_test(an_old_file_never_counts_again),
    };
    world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    disk_world = &world->disk;
    fixture_default(&blob, &domain);
    if (world == MAP_FAILED || !dam_policy_load(dam_bytes(blob.bytes, blob.len), &policy)) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
