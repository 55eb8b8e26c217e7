// SPDX-License-Identifier: Apache-2.0
#include "machine/keeper.h"

#include "base/assert.h"
#include "base/heap.h"
#include "chain/checkpoint.h"
#include "chain/watcher.h"
#include "core/crypto/keccak.h"
#include "core/eth/abi.h"
#include "core/eth/address.h"
#include "machine/history.h"
#include "machine/machine.h"

#include <stdio.h>
#include <stdlib.h>

#define RANGE_MAX 2000u   /* blocks whose logs are asked for at once */
#define STEPS_MAX 32u     /* of the watcher in one round */
#define COUNTED_MAX 4096u /* leaves, for the stake: some milliseconds */
#define NEVER_MS INT64_MIN
#define PATH_SIZE 4096u

/* What the loop gives a round. */
struct order {
    int64_t wall_ms;
    uint64_t size; /* durable leaves */
    struct dam_hash root;
    bool sign;
    bool anchored_known; /* so that it could be told whether an anchor is due */
    bool anchor;
    uint32_t revoked; /* epoch that the machine took back; 0: none */
};

/* The money, times 10^6, that the decisions among the leaves [from, to) were about. */
struct stake {
    uint64_t from;
    uint64_t to;
    int64_t micro;
};

struct dam_keeper {
    struct dam_machine *machine; /* NULL once closing */
    uv_loop_t *loop;
    uv_work_t work;
    uint64_t poll_ms;
    uint64_t due_ms;
    bool closing;

    /* The worker's while busy, else the loop's. */
    bool busy;
    char folder[PATH_SIZE]; /* of the evidence */
    bool has_constitution;  /* these three of the manifest, which a round may outlive */
    struct dam_address constitution;
    bool enacts;
    struct dam_envoy *envoy;
    struct dam_checkpoint_origin origin;
    struct dam_u256 id;
    struct order order;
    uint64_t place; /* in the envoy's line */
    struct dam_watcher watcher;
    bool place_known;       /* the watcher has a place */
    bool stale;             /* something happened that was not read yet */
    uint64_t broken_block;  /* a final one that changed; 0: the chain keeps its word */
    struct dam_arena arena; /* of the news */
    struct dam_constitution *news;
    bool has_news;
    uint32_t chain_epoch; /* in force on the chain, as last read */
    struct dam_address guardian;
    uint64_t enact_at_s; /* of the proposal; 0: none */
    struct dam_signer_checkpoint signed_point;
    char note[DAM_RECORD_NOTE_MAX];
    size_t note_len;     /* 0: nothing new was signed in this round */
    bool anchored_known; /* the chain has said what follows */
    uint64_t anchored_size;
    bool anchoring; /* an anchor is on its way */
    bool reached;
    uint64_t rounds;
    char why[DAM_ENVOY_WHY_SIZE];

    /* The loop's. */
    int64_t signed_ms; /* when the last checkpoint was signed */
    struct stake stake;
    char said[DAM_ENVOY_WHY_SIZE];
};

/* ---- following the constitution -------------------------------------------------------------- */

static void watcher_init(struct dam_watcher *w, struct dam_envoy *envoy,
                         const struct dam_address *constitution, int64_t depth)
{
    *w = (struct dam_watcher){
        .chain = &envoy->chain,
        .addresses = constitution,
        .address_count = 1,
        .depth = (uint64_t)depth,
        .range_max = RANGE_MAX,
    };
}

enum dam_err dam_keeper_first(struct dam_envoy *envoy, const struct dam_manifest *manifest,
                              struct dam_arena *arena, struct dam_constitution *ret)
{
    struct dam_watcher watcher;
    const struct dam_u256 id = dam_u256_from_u64(manifest->token);
    DAM_TRY(dam_envoy_connect(envoy));
    watcher_init(&watcher, envoy, &manifest->chain.constitution, manifest->chain.depth);
    DAM_TRY(dam_watcher_begin(&watcher, &envoy->arena));
    return dam_constitution_read(envoy, &manifest->chain.constitution, &id, watcher.number, arena,
                                 ret);
}

static bool is_about(const struct dam_watcher_news *news, const struct dam_u256 *id)
{
    for (size_t i = 0; i < news->log_count; i++) {
        const struct dam_log *log = &news->logs[i].log;
        struct dam_u256 topic = log->topic_count < 2 ? *id : dam_u256_load_be(log->topics[1].b);
        if (dam_u256_eq(&topic, id)) {
            return true;
        }
    }
    return false;
}

/* Up to the last final block; *stale tells whether the machine's law may have changed. */
static enum dam_err watch(struct dam_keeper *k)
{
    if (!k->place_known) {
        DAM_TRY(dam_watcher_begin(&k->watcher, &k->envoy->arena));
        k->place_known = true;
        k->stale = true;
        return DAM_OK;
    }
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        struct dam_watcher_news news;
        enum dam_err err = dam_watcher_step(&k->watcher, &k->envoy->arena, &news);
        if (err == DAM_ECONFLICT) {
            k->broken_block = k->watcher.number;
        }
        DAM_TRY(err);
        if (news.to < news.from) {
            break;
        }
        k->stale = k->stale || is_about(&news, &k->id);
        dam_watcher_accept(&k->watcher, &news);
    }
    return DAM_OK;
}

static enum dam_err look(struct dam_keeper *k)
{
    if (!k->has_constitution) {
        return DAM_OK;
    }
    enum dam_err err = k->broken_block != 0 ? DAM_ECONFLICT : watch(k);
    if (k->broken_block != 0) {
        return dam_envoy_fail(k->envoy, err,
                              "block %llu was final and is another one now; a person must look",
                              (unsigned long long)k->broken_block);
    }
    DAM_TRY(err);
    if (!k->stale) {
        return DAM_OK;
    }
    dam_arena_reset(&k->arena);
    DAM_TRY(dam_constitution_read(k->envoy, &k->constitution, &k->id, k->watcher.number, &k->arena,
                                  k->news));
    k->stale = false;
    k->has_news = true;
    k->chain_epoch = k->news->has_terms ? k->news->terms.epoch : 0;
    k->guardian = k->news->terms.guardian;
    k->enact_at_s = k->news->has_proposed ? k->news->enact_at_s : 0;
    return DAM_OK;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

/* Beside the log, for the next start and for whoever copies the folder. */
static enum dam_err note_keep(struct dam_keeper *k)
{
    const struct dam_file_ops *ops = dam_file_system();
    char path[PATH_SIZE + sizeof("/" DAM_MACHINE_CHECKPOINT_FILE)];
    char draft[PATH_SIZE + sizeof("/" DAM_MACHINE_CHECKPOINT_FILE ".new")];
    int fd = -1;
    (void)snprintf(path, sizeof(path), "%s/" DAM_MACHINE_CHECKPOINT_FILE, k->folder);
    (void)snprintf(draft, sizeof(draft), "%s/" DAM_MACHINE_CHECKPOINT_FILE ".new", k->folder);
    DAM_TRY(ops->open(ops->ctx, draft, true, &fd));
    enum dam_err err = ops->truncate(ops->ctx, fd, 0);
    err = err == DAM_OK ? ops->write(ops->ctx, fd, 0, k->note, k->note_len) : err;
    err = err == DAM_OK ? ops->sync(ops->ctx, fd) : err;
    ops->close(ops->ctx, fd);
    return err == DAM_OK ? ops->replace(ops->ctx, draft, path, k->folder) : err;
}

/* Have the log's present size signed. Time never goes back in the signer's memory. */
static enum dam_err sign(struct dam_keeper *k)
{
    struct dam_signer_request request = {.kind = DAM_SIGNER_STATUS};
    struct dam_signer_reply reply;
    DAM_TRY(dam_envoy_ask(k->envoy, &request, &reply));
    const struct dam_signer_checkpoint last = reply.status.checkpoint;
    uint64_t wall_s = k->order.wall_ms > 0 ? (uint64_t)k->order.wall_ms / 1000 : 0;
    struct dam_signer_checkpoint point = {k->order.size, k->order.root,
                                          wall_s > last.time ? wall_s : last.time};
    if (point.size == last.size) {
        point.time = last.time; /* the same again */
    }
    request = (struct dam_signer_request){.kind = DAM_SIGNER_CHECKPOINT, .checkpoint = point};
    DAM_TRY(dam_envoy_ask(k->envoy, &request, &reply));
    k->origin.evidence = k->envoy->pin.evidence;
    DAM_TRY(dam_checkpoint_store(&k->origin, &point, &k->envoy->pin.key,
                                 dam_bytes(reply.signature, reply.signature_len), k->note,
                                 &k->note_len));
    k->signed_point = point;
    return note_keep(k);
}

static struct dam_hash cause(const struct dam_keeper *k, const char *what, uint64_t number)
{
    uint8_t text[16 + 32 + 8] = {0};
    struct dam_hash machine;
    struct dam_hash id;
    dam_checkpoint_machine(&k->origin, &machine);
    memcpy(text, what, strlen(what));
    memcpy(text + 16, machine.b, 32);
    dam_store_be64(text + 48, number);
    dam_keccak256(text, sizeof(text), &id);
    return id;
}

/* Evidence.anchor of the checkpoint that was just signed. */
static enum dam_err anchor_call(struct dam_keeper *k, struct dam_calldata_call *ret)
{
    struct dam_arena *arena = &k->envoy->arena;
    struct dam_checkpoint_origin origin;
    struct dam_signer_checkpoint point;
    struct dam_address key;
    struct dam_record_signature line;
    struct dam_bytes signature;
    struct dam_abi_entry entry;
    struct dam_buf buf;
    DAM_TRY(dam_checkpoint_load(dam_bytes(k->note, k->note_len), &origin, &point, &key, &line,
                                &signature));
    DAM_TRY(dam_abi_entry_parse(arena, "anchor(uint256,uint64,bytes32,uint64,bytes)", &entry));
    const struct dam_abi_value values[] = {
        {.word = k->id},
        {.word = dam_u256_from_u64(point.size)},
        {.bytes = dam_bytes(point.root.b, 32)},
        {.word = dam_u256_from_u64(point.time)},
        {.bytes = signature},
    };
    dam_buf_init_arena(&buf, arena, 0);
    DAM_TRY(dam_abi_encode_call(&entry, values, DAM_COUNT_OF(values), &buf));
    DAM_TRY(dam_buf_err(&buf));
    *ret = (struct dam_calldata_call){k->envoy->pin.evidence, dam_buf_bytes(&buf)};
    return DAM_OK;
}

static enum dam_err anchored_read(struct dam_keeper *k)
{
    struct dam_u256 head[4]; /* size, floor, anchoredAt, tenure */
    uint64_t size = 0;
    DAM_TRY(dam_envoy_view(k->envoy, &k->envoy->pin.evidence, "headOf(uint256)", &k->id, 1,
                           dam_remote_at_tag(DAM_REMOTE_LATEST), head, 4));
    if (!dam_u256_to_u64(&head[0], &size)) {
        return DAM_EPARSE;
    }
    k->anchored_known = true;
    k->anchored_size = size;
    return DAM_OK;
}

/* One anchor at a time, under one name, so that a start finds the one that was on its way. */
static enum dam_err anchor_settle(struct dam_keeper *k, const struct dam_hash *id)
{
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state;
    DAM_TRY(dam_outbox_look(&k->envoy->outbox, &k->envoy->arena, id, &state, &receipt));
    bool is_past = state == DAM_OUTBOX_FINAL || state == DAM_OUTBOX_LOST;
    k->anchoring =
        state != DAM_OUTBOX_UNKNOWN && !(is_past && dam_envoy_is_witnessed(k->envoy, id));
    if (!is_past || k->anchoring) {
        return DAM_OK;
    }
    bool failed = state == DAM_OUTBOX_LOST || !receipt.succeeded;
    DAM_TRY(dam_outbox_forget(&k->envoy->outbox, id));
    return failed ? dam_envoy_fail(k->envoy, DAM_EREFUSED,
                                   "an anchor failed on the chain; another "
                                   "one will be sent")
                  : DAM_OK;
}

static enum dam_err anchor(struct dam_keeper *k)
{
    const struct dam_hash id = cause(k, "anchor", 0);
    struct dam_calldata_call call;
    bool recorded = false;
    DAM_TRY(anchor_settle(k, &id));
    DAM_TRY(anchored_read(k));
    if (!k->order.anchor || k->anchoring || k->note_len == 0 ||
        k->signed_point.size <= k->anchored_size) {
        return DAM_OK;
    }
    DAM_TRY(anchor_call(k, &call));
    enum dam_err err = dam_envoy_execute(k->envoy, &id, "anchor", &call, 1, &recorded);
    k->anchoring = err == DAM_OK || recorded;
    if (err == DAM_EREFUSED) {
        return dam_envoy_fail(k->envoy, err, "the anchor: %s", k->envoy->chain.error.message);
    }
    DAM_TRY(err);
    return anchored_read(k); /* a chain that makes blocks on demand has it already */
}

/* ---- the constitution's own calls ------------------------------------------------------------ */

static enum dam_err constitution_call(struct dam_keeper *k, const char *what, const char *signature,
                                      uint64_t number)
{
    const struct dam_hash id = cause(k, what, number);
    struct dam_calldata_call call = {.target = k->constitution};
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state;
    bool recorded = false;
    enum dam_err err = dam_envoy_forget_failed(k->envoy, &id);
    if (err != DAM_OK) {
        return err == DAM_EAGAIN ? DAM_OK : err; /* another try, when the evidence has this one */
    }
    DAM_TRY(dam_outbox_look(&k->envoy->outbox, &k->envoy->arena, &id, &state, &receipt));
    if (state != DAM_OUTBOX_UNKNOWN) {
        return DAM_OK; /* resent above */
    }
    DAM_TRY(dam_calldata_make(&k->envoy->arena, signature, &k->id, 1, &call.data));
    err = dam_envoy_execute(k->envoy, &id, what, &call, 1, &recorded);
    return err == DAM_EREFUSED
               ? dam_envoy_fail(k->envoy, err, "%s: %s", what, k->envoy->chain.error.message)
               : err;
}

static enum dam_err report(struct dam_keeper *k)
{
    uint64_t chain_s = 0;
    bool guards = dam_address_eq(&k->guardian, &k->envoy->pin.account);
    if (k->order.revoked != 0 && k->order.revoked == k->chain_epoch && guards) {
        DAM_TRY(constitution_call(k, "rollback", "rollback(uint256)", k->chain_epoch));
    }
    if (k->enacts && k->enact_at_s != 0) {
        DAM_TRY(dam_envoy_chain_time(k->envoy, &chain_s));
        if (chain_s >= k->enact_at_s) {
            DAM_TRY(constitution_call(k, "enact", "enact(uint256)", k->enact_at_s));
        }
    }
    return DAM_OK;
}

/* ---- a round, in the worker ------------------------------------------------------------------ */

static enum dam_err signing_part(struct dam_keeper *k)
{
    if (k->envoy->options.signer_folder == NULL) {
        return DAM_OK;
    }
    DAM_TRY(dam_envoy_arm(k->envoy));
    DAM_TRY(dam_outbox_resend(&k->envoy->outbox, &k->envoy->arena));
    if (k->order.sign && k->order.size > 0) {
        DAM_TRY(sign(k));
    }
    static const struct dam_address none;
    if (!dam_address_eq(&k->envoy->pin.evidence, &none)) {
        DAM_TRY(anchor(k));
    }
    return report(k);
}

static void why_keep(struct dam_keeper *k, enum dam_err err)
{
    (void)dam_envoy_fail(k->envoy, err, "the chain: %s", dam_err_text(err));
    memcpy(k->why, k->envoy->why, sizeof(k->why));
    k->why[0] = err == DAM_OK ? 0 : k->why[0];
}

static void on_work(uv_work_t *work)
{
    struct dam_keeper *k = work->data;
    k->note_len = 0;
    k->has_news = false;
    dam_envoy_enter(k->envoy, k->place);
    enum dam_err err = dam_envoy_connect(k->envoy);
    k->reached = err == DAM_OK;
    err = err == DAM_OK ? look(k) : err;
    k->reached = k->reached && (err == DAM_OK || k->broken_block != 0);
    why_keep(k, err);
    if (k->reached) {
        enum dam_err second = signing_part(k);
        if (err == DAM_OK) {
            why_keep(k, second);
        }
    }
    dam_envoy_leave(k->envoy);
    k->rounds++;
}

/* ---- the loop's side ------------------------------------------------------------------------- */

static void say(struct dam_keeper *k, const char *text)
{
    if (strcmp(k->said, text) != 0) {
        (void)snprintf(k->said, sizeof(k->said), "%s", text);
        dam_machine_tell(k->machine, text[0] == 0 ? "the chain is reached again" : text);
    }
}

static void keeper_free(struct dam_keeper *k)
{
    dam_envoy_release(k->envoy);
    dam_arena_finish(&k->arena);
    free(k->news);
    free(k);
}

static void on_worked(uv_work_t *work, int status)
{
    struct dam_keeper *k = work->data;
    (void)status; /* never cancelled */
    k->busy = false;
    if (k->closing) {
        keeper_free(k);
        return;
    }
    if (k->note_len > 0) {
        k->signed_ms = k->order.wall_ms;
        enum dam_err err = dam_machine_set_checkpoint(k->machine, dam_bytes(k->note, k->note_len));
        if (err != DAM_OK) {
            say(k, "the signed checkpoint cannot be kept");
        }
    }
    if (k->anchored_known && !k->order.anchored_known) {
        k->due_ms = 0;
    }
    if (k->has_news) {
        dam_machine_follow_now(k->machine, k->news);
    }
    say(k, k->why);
    dam_machine_chain_seen(k->machine, k->reached);
}

static int64_t leaf_ms(struct dam_evidence *evidence, uint64_t seq)
{
    struct dam_record_leaf leaf;
    return dam_evidence_leaf(evidence, seq, &leaf) == DAM_OK ? leaf.time_ms : INT64_MAX;
}

/* Are the decisions that are not anchored about so much money? Counted from the log itself, so that
 * neither a restart nor an anchor that is long on its way makes any of it forgotten; no further
 * than the answer needs, and so many leaves in one round. */
static bool stake_reaches(struct dam_keeper *k, uint64_t size, int64_t value_micro)
{
    struct stake *stake = &k->stake;
    if (stake->from != k->anchored_size) {
        *stake = (struct stake){.from = k->anchored_size, .to = k->anchored_size};
    }
    for (unsigned n = 0; n < COUNTED_MAX && stake->to < size && stake->micro < value_micro; n++) {
        int64_t micro = 0;
        if (dam_history_stake(dam_machine_evidence(k->machine), dam_machine_manifest(k->machine),
                              stake->to, &micro) != DAM_OK) {
            return true; /* what it was about nobody can say */
        }
        stake->micro = micro > INT64_MAX - stake->micro ? INT64_MAX : stake->micro + micro;
        stake->to++;
    }
    return stake->micro >= value_micro;
}

static bool anchor_is_due(struct dam_keeper *k, uint64_t size, int64_t wall_ms)
{
    const struct dam_manifest_anchor *rules = &dam_machine_manifest(k->machine)->anchor;
    if (!k->anchored_known || size <= k->anchored_size) {
        return false;
    }
    if (rules->leaves > 0 && size - k->anchored_size >= (uint64_t)rules->leaves) {
        return true;
    }
    if (rules->value_micro > 0 && stake_reaches(k, size, rules->value_micro)) {
        return true;
    }
    int64_t oldest =
        rules->every_ms > 0 ? leaf_ms(dam_machine_evidence(k->machine), k->anchored_size) : 0;
    /* A leaf of the future: the clock was set back, and how old it is nobody knows. */
    return rules->every_ms > 0 && (oldest > wall_ms || wall_ms - oldest >= rules->every_ms);
}

void dam_keeper_begin(struct dam_keeper *k, const struct dam_now *now)
{
    struct dam_evidence *evidence = dam_machine_evidence(k->machine);
    struct order *o = &k->order;
    const struct dam_record_source source = dam_evidence_source(evidence);
    uint64_t size = dam_evidence_durable(evidence); /* a checkpoint outlives a power cut */
    if (k->busy) {
        return;
    }
    k->due_ms = now->mono_ms + k->poll_ms;
    *o = (struct order){.wall_ms = now->wall_ms,
                        .anchored_known = k->anchored_known,
                        .revoked = dam_machine_revoked(k->machine)};
    if (size > 0 && dam_record_root(&source, size, &o->root) == DAM_OK) {
        o->size = size;
        o->anchor = !k->anchoring && anchor_is_due(k, size, now->wall_ms);
        bool is_time =
            k->signed_ms == NEVER_MS || now->wall_ms < k->signed_ms ||
            now->wall_ms - k->signed_ms >= dam_machine_manifest(k->machine)->anchor.checkpoint_ms;
        o->sign = o->anchor || (is_time && size > k->signed_point.size);
    }
    k->work.data = k;
    k->busy = true;
    k->place = dam_envoy_line_up(k->envoy);
    /* Fails only without a callback. */
    (void)uv_queue_work(k->loop, &k->work, on_work, on_worked);
}

bool dam_keeper_is_busy(const struct dam_keeper *k)
{
    return k != NULL && k->busy;
}

uint64_t dam_keeper_due_ms(const struct dam_keeper *k)
{
    return k == NULL || k->busy ? UINT64_MAX : k->due_ms;
}

struct dam_keeper_status dam_keeper_status(const struct dam_keeper *k)
{
    return (struct dam_keeper_status){
        .reached = k->reached,
        .block = k->watcher.number,
        .signed_size = k->signed_point.size,
        .anchored_size = k->anchored_size,
        .rounds = k->rounds,
        .why = k->said,
    };
}

enum dam_err dam_keeper_create(struct dam_machine *machine, uv_loop_t *loop, int64_t poll_ms_min,
                               struct dam_keeper **ret)
{
    const struct dam_manifest *m = dam_machine_manifest(machine);
    struct dam_envoy *envoy = dam_machine_envoy(machine);
    *ret = NULL;
    if (envoy == NULL) {
        return DAM_OK;
    }
    struct dam_keeper *k = calloc(1, sizeof(*k));
    struct dam_constitution *news = calloc(1, sizeof(*news));
    const char *folder = dam_manifest_path(m, m->evidence_folder);
    if (k == NULL || news == NULL || folder == NULL) {
        free(k);
        free(news);
        return DAM_ENOMEM;
    }
    k->machine = machine;
    k->loop = loop;
    (void)snprintf(k->folder, sizeof(k->folder), "%s",
                   folder); /* it was opened: it is that short */
    k->has_constitution = m->chain.has_constitution;
    k->constitution = m->chain.constitution;
    k->enacts = m->upgrade.enact;
    k->news = news;
    k->envoy = dam_envoy_share(envoy);
    k->poll_ms = (uint64_t)(m->chain.poll_ms > poll_ms_min ? m->chain.poll_ms : poll_ms_min);
    k->signed_ms = NEVER_MS;
    k->id = dam_u256_from_u64(m->token);
    k->origin.chain_id = m->chain_id;
    k->origin.token = m->token;
    k->origin.registry = m->registry;
    watcher_init(&k->watcher, envoy, &k->constitution, m->chain.depth);
    dam_arena_init(&k->arena, dam_heap(), 0);
    *ret = k;
    return DAM_OK;
}

void dam_keeper_close(struct dam_keeper *k)
{
    if (k == NULL) {
        return;
    }
    k->closing = true;
    k->machine = NULL;
    if (!k->busy) {
        keeper_free(k);
    }
}
