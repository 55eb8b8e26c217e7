// SPDX-License-Identifier: Apache-2.0
/* Changes of a machine's law between two turns: what the constitution says is followed, proposed
 * terms are tried, terms that break the rules of [upgrade] are taken back. */
#include "core/crypto/sha256.h"
#include "machine/machine_parts.h"
#include "machine/pin.h"

#include <stdio.h>
#include <stdlib.h>

#define WATCH_LEAVES_MAX 100000u /* read again at a start */

static bool same_code(const struct dam_terms *a, const struct dam_terms *b)
{
    return dam_address_eq(&a->mind, &b->mind) && dam_address_eq(&a->charter, &b->charter);
}

static enum dam_err codes_put(struct dam_machine *m, const struct dam_law_codes *codes)
{
    for (size_t i = 0; i < codes->count; i++) {
        DAM_TRY(dam_decider_put(m->decider, &codes->list[i].address, codes->list[i].code));
    }
    return DAM_OK;
}

static void trial_note(struct dam_machine *m, const struct dam_now *now, uint8_t phase,
                       const struct dam_terms *terms, const struct dam_upgrade_count *count,
                       const char *words)
{
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_TRIAL};
    leaf.trial = (struct dam_record_trial){
        phase,          m->terms.epoch,   terms->mind,
        terms->charter, count->turns,     count->errors,
        count->denials, count->different, dam_bytes(words, strlen(words))};
    dam_machine_say(m, "%s: %llu turns, %llu errors, %llu corrected by the charter%s%s",
                    dam_record_trial_text(phase), (unsigned long long)count->turns,
                    (unsigned long long)count->errors, (unsigned long long)count->denials,
                    words[0] == 0 ? "" : "; ", words);
    dam_machine_note(m, now, &leaf);
}

static void trial_end(struct dam_machine *m, const struct dam_now *now, const char *words)
{
    if (m->trial != NULL && m->trial->is_on) {
        m->trial->is_on = false;
        trial_note(m, now, DAM_RECORD_TRIAL_ENDED, &m->trial->terms, &m->trial->count, words);
    }
}

/* ---- the law in force ------------------------------------------------------------------------ */

static void watch_begin(struct dam_machine *m, const struct dam_now *now)
{
    const struct dam_manifest_upgrade *rules = &m->manifest.upgrade;
    const struct dam_terms *t = &m->terms;
    struct dam_terms before;
    bool any = rules->errors > 0 || rules->denials_count > 0 || rules->denials_micro > 0 ||
               rules->kpi >= 0;
    m->watch = (struct dam_upgrade_watch){.epoch = t->epoch};
    if (!any || t->epoch < 2 || dam_pin_terms(&m->manifest, t->epoch - 1, &before) != DAM_OK) {
        return; /* nothing to go back to */
    }
    if (t->epoch >= 3 && dam_pin_terms(&m->manifest, t->epoch - 2, &before) == DAM_OK &&
        same_code(&before, t)) {
        return; /* terms that were restored are not taken back: two epochs never swing */
    }
    int64_t length = rules->watch_ms > 0 ? rules->watch_ms : (int64_t)t->notice_s * 1000;
    m->watch.until_ms = (int64_t)t->since_s * 1000 + length;
    m->watch.is_on = now->wall_ms < m->watch.until_ms;
}

static void law_set(struct dam_machine *m, const struct dam_terms *terms)
{
    m->terms = *terms;
    m->law = (struct dam_law){terms->mind, terms->charter, terms->mind_gas, terms->charter_gas};
}

/* The memory of one mind as the next one's beginning. The same mind goes on with it. */
enum dam_err dam_machine_inherit(struct dam_machine *m, const struct dam_address *from,
                                 struct dam_bytes memory)
{
    size_t len = memory.len;
    if (!dam_address_eq(from, &m->law.mind)) {
        uint8_t next[DAM_FLOW_MEMORY_MAX];
        DAM_TRY(dam_decider_migrate(m->decider, &m->law, from, memory, next, &len));
        memcpy(m->memory, next, len);
        dam_machine_say(m, "the new mind %s", len > 0 ? "takes the memory over" : "begins afresh");
    } else if (len > 0) {
        memmove(m->memory, memory.data, len);
    }
    m->memory_len = len;
    return DAM_OK;
}

static enum dam_err change_note(struct dam_machine *m, const struct dam_now *now)
{
    uint64_t seq = 0;
    struct dam_record_leaf leaf = {.kind = DAM_RECORD_CHANGE};
    leaf.change = (struct dam_record_change){
        .epoch = m->terms.epoch, .mind = m->law.mind, .charter = m->law.charter};
    dam_sha256(m->manifest.source.data, m->manifest.source.len, &leaf.change.manifest);
    DAM_TRY(dam_machine_append(m, now, &leaf, &seq));
    if (m->events.dirty != NULL) {
        m->events.dirty(m->events.ctx, m);
    }
    return DAM_OK;
}

static void adopt(struct dam_machine *m, const struct dam_now *now, const struct dam_terms *terms)
{
    const struct dam_address from = m->law.mind;
    law_set(m, terms);
    enum dam_err err = dam_machine_inherit(m, &from, dam_bytes(m->memory, m->memory_len));
    err = err == DAM_OK ? change_note(m, now) : err;
    if (err != DAM_OK) {
        dam_machine_fail(m, err, "a change of the law");
        return;
    }
    dam_machine_say(m, "epoch %u is in force", terms->epoch);
    watch_begin(m, now);
}

/* ---- what the chain says --------------------------------------------------------------------- */

static void enacted(struct dam_machine *m, const struct dam_now *now,
                    const struct dam_constitution *c)
{
    const struct dam_terms *t = &c->terms;
    static const struct dam_hash none;
    struct dam_hash own;
    if (!c->has_terms || t->epoch <= m->terms.epoch || t->epoch <= m->revoked) {
        return;
    }
    if (c->unfit[0] != 0) {
        dam_machine_say(m, "epoch %u cannot be followed: %s", t->epoch, c->unfit);
        return;
    }
    enum dam_err err = dam_pin_store(&m->manifest, t, &c->codes);
    err = err == DAM_OK ? codes_put(m, &c->codes) : err;
    if (err != DAM_OK) {
        dam_machine_say(m, "epoch %u cannot be kept: %s", t->epoch, dam_err_text(err));
        return;
    }
    dam_sha256(m->manifest.source.data, m->manifest.source.len, &own);
    if (!dam_hash_eq(&t->manifest, &none) && !dam_hash_eq(&t->manifest, &own)) {
        dam_machine_say(m, "the constitution names another manifest than this one");
    }
    trial_end(m, now, "enacted");
    adopt(m, now, t);
}

static void proposed(struct dam_machine *m, const struct dam_now *now,
                     const struct dam_constitution *c)
{
    const struct dam_terms *t = &c->proposed;
    bool on = m->trial != NULL && m->trial->is_on;
    if (on && (!c->has_proposed || !same_code(t, &m->trial->terms))) {
        trial_end(m, now, "withdrawn");
        on = false;
    }
    if (on || !c->has_proposed || !m->manifest.upgrade.shadow) {
        return;
    }
    m->trial = m->trial == NULL ? calloc(1, sizeof(*m->trial)) : m->trial;
    if (c->proposed_unfit[0] != 0 || m->trial == NULL || codes_put(m, &c->codes) != DAM_OK) {
        dam_machine_say(m, "the proposed terms cannot be tried: %s",
                        c->proposed_unfit[0] != 0 ? c->proposed_unfit : "no memory");
        return;
    }
    const struct dam_law law = {t->mind, t->charter, t->mind_gas, t->charter_gas};
    struct dam_bytes memory = dam_bytes(m->memory, m->memory_len);
    uint8_t next[DAM_FLOW_MEMORY_MAX];
    if (!dam_address_eq(&t->mind, &m->law.mind)) {
        size_t len = 0;
        if (dam_decider_migrate(m->decider, &law, &m->law.mind, memory, next, &len) != DAM_OK) {
            return; /* no memory: without a trial the machine is as safe as with one */
        }
        memory = dam_bytes(next, len);
    }
    dam_upgrade_trial_begin(m->trial, t, memory);
    trial_note(m, now, DAM_RECORD_TRIAL_BEGUN, t, &m->trial->count, "");
}

void dam_machine_follow(struct dam_machine *m, const struct dam_now *now,
                        const struct dam_constitution *c)
{
    if (m->failed) {
        return;
    }
    enacted(m, now, c);
    proposed(m, now, c);
    if (c->stopped != m->held) {
        struct dam_record_leaf leaf = {.kind = DAM_RECORD_STOP};
        leaf.stop = (struct dam_record_stop){c->stopped, dam_bytes("guardian", 8)};
        m->held = c->stopped;
        if (dam_pin_hold(&m->manifest, m->held) != DAM_OK) {
            dam_machine_say(m, "the guardian's word cannot be kept for the next start");
        }
        dam_machine_say(m, m->held ? "stopped by the guardian" : "the guardian's stop is lifted");
        dam_machine_note(m, now, &leaf);
    }
}

void dam_machine_follow_now(struct dam_machine *m, const struct dam_constitution *c)
{
    const struct dam_now now = m->events.now(m->events.ctx);
    dam_machine_follow(m, &now, c);
}

/* ---- after a turn ---------------------------------------------------------------------------- */

void dam_machine_reflect(struct dam_machine *m, const struct dam_decide_input *input)
{
    if (m->trial != NULL) {
        dam_upgrade_trial_turn(m->trial, m->decider, input, &m->decision);
    }
    const char *broken = dam_upgrade_watch_turn(&m->watch, &m->manifest.upgrade, input->observation,
                                                m->decision.outcome, m->broken);
    m->revoke_due = broken != NULL;
}

/* Before a turn: what the last one brought to light. */
void dam_machine_amend(struct dam_machine *m, const struct dam_now *now)
{
    struct dam_terms before;
    if (m->watch.is_on && !m->revoke_due && now->wall_ms >= m->watch.until_ms) {
        m->watch.is_on = false;
        trial_note(m, now, DAM_RECORD_TRIAL_PASSED, &m->terms, &m->watch.count, "");
    }
    if (!m->revoke_due) {
        return;
    }
    m->revoke_due = false;
    enum dam_err err = dam_pin_terms(&m->manifest, m->terms.epoch - 1, &before);
    err = err == DAM_OK ? dam_pin_revoke(&m->manifest, m->terms.epoch) : err;
    if (err != DAM_OK) {
        dam_machine_say(m, "epoch %u cannot be taken back: %s", m->terms.epoch, dam_err_text(err));
        m->watch.is_on = false;
        return;
    }
    trial_note(m, now, DAM_RECORD_TRIAL_REVOKED, &m->terms, &m->watch.count, m->broken);
    m->revoked = m->terms.epoch;
    adopt(m, now, &before);
    m->watch.is_on = false;
}

/* ---- at a start ------------------------------------------------------------------------------ */

void dam_machine_live_under(struct dam_machine *m, const struct dam_terms *terms)
{
    law_set(m, terms);
    m->revoked = dam_pin_revoked(&m->manifest);
    m->held = dam_pin_held(&m->manifest);
}

enum dam_err dam_machine_watch_again(struct dam_machine *m, const struct dam_now *now)
{
    char text[DAM_LAW_WHY_SIZE];
    uint64_t size = dam_evidence_size(m->evidence);
    uint64_t first = size;
    watch_begin(m, now);
    if (m->revoked == m->terms.epoch + 1) {
        m->watch.is_on = false; /* these are the terms that it went back to */
    }
    for (bool on = m->watch.is_on; on && first > 0 && size - first < WATCH_LEAVES_MAX; first--) {
        struct dam_record_leaf leaf;
        DAM_TRY(dam_evidence_leaf(m->evidence, first - 1, &leaf));
        on = leaf.kind != DAM_RECORD_DECISION || leaf.decision.epoch == m->terms.epoch;
        if (on && leaf.kind == DAM_RECORD_DECISION) {
            const char *broken =
                dam_upgrade_watch_turn(&m->watch, &m->manifest.upgrade, leaf.decision.observation,
                                       leaf.decision.outcome, text);
            if (broken != NULL) {
                memcpy(m->broken, text, sizeof(m->broken));
                m->revoke_due = true;
                return DAM_OK;
            }
        }
    }
    return DAM_OK;
}

uint32_t dam_machine_revoked(const struct dam_machine *m)
{
    return m->revoked;
}
