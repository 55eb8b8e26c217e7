// SPDX-License-Identifier: Apache-2.0
#include "app/glance.h"

#include "app/opened.h"
#include "app/verb.h"
#include "base/hex.h"
#include "port/http_client.h"

#include <unistd.h>

#define API_TIMEOUT_MS 3000u
#define ANSWER_MAX (4u << 20)
#define SECTION_MAX (256u << 10)

static void text_put(char *to, size_t size, const char *text)
{
    (void)snprintf(to, size, "%s", text == NULL ? "" : text);
}

/* ---- treasury: what a skill says, sections/treasury.json or the snapshot's member -------------
 */

static void number_put(const struct dam_json *node, uint64_t decimals, char *text, size_t size)
{
    char digits[80];
    if (node == NULL || node->type != DAM_JSON_STRING || node->len >= sizeof(digits)) {
        text_put(text, size, "?");
        return;
    }
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)node->len, node->text);
    size_t len = strlen(digits);
    if (len > decimals && decimals > 0) { /* two digits are enough to watch */
        size_t whole = len - (size_t)decimals;
        size_t fraction = decimals < 2 ? (size_t)decimals : 2;
        (void)snprintf(text, size, "%.*s.%.*s", (int)whole, digits, (int)fraction, digits + whole);
    } else {
        text_put(text, size, decimals == 0 ? digits : "0.00");
    }
}

static void treasury_read(const struct dam_json *root, struct dam_glance *g)
{
    char amounts[3][96];
    static const char *const names[] = {"balance", "earned", "spent"};
    const struct dam_json *symbol = dam_json_get(root, "symbol");
    uint64_t decimals = 0;
    if (root == NULL || root->type != DAM_JSON_OBJECT) {
        return;
    }
    if (dam_json_u64(dam_json_get(root, "decimals"), &decimals) != DAM_OK || decimals > 36) {
        decimals = 0;
    }
    for (size_t i = 0; i < DAM_COUNT_OF(names); i++) {
        number_put(dam_json_get(root, names[i]), decimals, amounts[i], sizeof(amounts[i]));
    }
    bool named = symbol != NULL && symbol->type == DAM_JSON_STRING && symbol->len < 16;
    (void)snprintf(g->treasury, sizeof(g->treasury), "%.40s %.*s, earned %.40s, spent %.40s",
                   amounts[0], named ? (int)symbol->len : 0, named ? symbol->text : "", amounts[1],
                   amounts[2]);
}

static void treasury_load(const char *folder, struct dam_arena *arena, struct dam_glance *g)
{
    char path[4096];
    const struct dam_json *root = NULL;
    (void)snprintf(path, sizeof(path), "%s/sections/treasury.json", folder);
    FILE *file = fopen(path, "re");
    char *text = file == NULL ? NULL : dam_arena_alloc(arena, SECTION_MAX);
    size_t len = text == NULL ? 0 : fread(text, 1, SECTION_MAX, file);
    if (file != NULL) {
        (void)fclose(file); /* only read from */
    }
    if (len > 0 && dam_json_parse(arena, text, len, 16, &root, NULL) == DAM_OK) {
        treasury_read(root, g);
    }
}

/* ---- from a folder --------------------------------------------------------------------------- */

static void decision_take(const struct dam_manifest *m, const struct dam_record_leaf *leaf,
                          struct dam_glance *g)
{
    const struct dam_record_decision *d = &leaf->decision;
    g->has_decision = true;
    g->seq = leaf->seq;
    g->time_ms = leaf->time_ms;
    g->outcome = d->outcome;
    dam_hex_encode(d->mind.b, 20, g->mind);
    dam_hex_encode(d->charter.b, 20, g->charter);
    for (size_t i = 0; i < g->channel_count; i++) {
        struct dam_flow_sample s;
        size_t at = (1 + i) * DAM_FLOW_SAMPLE_LEN;
        if (at + DAM_FLOW_SAMPLE_LEN <= d->observation.len &&
            dam_flow_sample_load(d->observation.data + at, &s) == DAM_OK) {
            g->channels[i].value = s.value;
            g->channels[i].quality = s.quality;
            g->channels[i].age_ms = s.age_ms;
        }
    }
    for (size_t i = 0; i < g->actuator_count && 8 * i + 8 <= d->action.len; i++) {
        unsigned reason = dam_load_be16(d->reasons.data + 2 * i);
        g->actuators[i].value = (int64_t)dam_load_be64(d->action.data + 8 * i);
        if (reason != 0) {
            dam_manifest_reason_text(m, reason, g->actuators[i].why, sizeof(g->actuators[i].why));
        }
    }
}

static void names_take(const struct dam_manifest *m, struct dam_glance *g)
{
    g->channel_count = m->channel_count;
    g->actuator_count = m->actuator_count;
    for (size_t i = 0; i < m->channel_count; i++) {
        struct dam_glance_item *item = &g->channels[i];
        *item = (struct dam_glance_item){.decimals = m->channels[i].decimals};
        text_put(item->name, sizeof(item->name), m->channels[i].name);
        text_put(item->unit, sizeof(item->unit), m->channels[i].unit);
    }
    for (size_t i = 0; i < m->actuator_count; i++) {
        struct dam_glance_item *item = &g->actuators[i];
        *item = (struct dam_glance_item){.decimals = m->actuators[i].decimals};
        text_put(item->name, sizeof(item->name), m->actuators[i].name);
        text_put(item->unit, sizeof(item->unit), m->actuators[i].unit);
    }
}

int dam_glance_folder(const char *folder, struct dam_glance *g)
{
    struct dam_opened opened;
    char path[4096];
    int code = dam_opened_open(folder, DAM_OPENED_EVIDENCE, &opened);
    memset(g, 0, sizeof(*g));
    if (code == DAM_EXIT_OK) {
        const struct dam_manifest *m = &opened.manifest;
        text_put(g->name, sizeof(g->name), m->name);
        names_take(m, g);
        (void)snprintf(path, sizeof(path), "%s/stop", m->folder);
        g->stopped = access(path, F_OK) == 0;
        g->running = dam_opened_is_running(m);
        for (uint64_t seq = dam_evidence_size(opened.evidence); seq > 0 && !g->has_decision;
             seq--) {
            struct dam_record_leaf leaf;
            if (dam_evidence_leaf(opened.evidence, seq - 1, &leaf) != DAM_OK) {
                break;
            }
            if (leaf.kind == DAM_RECORD_DECISION) {
                decision_take(m, &leaf, g);
            }
        }
        treasury_load(m->folder, &opened.arena, g);
    }
    dam_opened_close(&opened);
    return code;
}

/* ---- from an API (docs/api.md) --------------------------------------------------------------- */

static void json_text(const struct dam_json *node, char *to, size_t size)
{
    bool is_text = node != NULL && node->type == DAM_JSON_STRING;
    (void)snprintf(to, size, "%.*s", is_text ? (int)node->len : 0, is_text ? node->text : "");
}

/* A decimal string of an integer; else 0. */
static int64_t json_value(const struct dam_json *node)
{
    int64_t value = 0;
    if (node == NULL || node->type != DAM_JSON_STRING) {
        return 0;
    }
    struct dam_json number = *node;
    number.type = DAM_JSON_NUMBER;
    return dam_json_i64(&number, &value) == DAM_OK ? value : 0;
}

static uint64_t json_count(const struct dam_json *node, uint64_t max)
{
    uint64_t value = 0;
    return dam_json_u64(node, &value) == DAM_OK && value <= max ? value : 0;
}

static size_t items_read(const struct dam_json *array, struct dam_glance_item *items, size_t max)
{
    size_t count = 0;
    DAM_JSON_EACH(node, array)
    {
        if (count == max) {
            break;
        }
        struct dam_glance_item *item = &items[count++];
        *item = (struct dam_glance_item){
            .value = json_value(dam_json_get(node, "value")),
            .decimals = (unsigned)json_count(dam_json_get(node, "decimals"), 18),
            .quality = (uint8_t)json_count(dam_json_get(node, "quality"), 255),
            .age_ms = (uint32_t)json_count(dam_json_get(node, "age_ms"), UINT32_MAX),
        };
        json_text(dam_json_get(node, "name"), item->name, sizeof(item->name));
        json_text(dam_json_get(node, "unit"), item->unit, sizeof(item->unit));
    }
    return count;
}

static enum dam_err document_get(const struct dam_http_client *http, const char *url,
                                 const char *path, struct dam_arena *arena,
                                 const struct dam_json **ret)
{
    char whole[1024];
    struct dam_buf body;
    int status = 0;
    size_t len = strlen(url);
    len -= len > 0 && url[len - 1] == '/' ? 1 : 0;
    if (snprintf(whole, sizeof(whole), "%.*s%s", (int)len, url, path) >= (int)sizeof(whole)) {
        return DAM_EPARSE;
    }
    dam_buf_init_arena(&body, arena, ANSWER_MAX);
    DAM_TRY(http->get(http->ctx, whole, API_TIMEOUT_MS, &body, &status));
    return status == 401 ? DAM_EREFUSED
           : status != 200
               ? DAM_EPARSE
               : dam_json_parse(arena, (const char *)body.data, body.len, 32, ret, NULL);
}

enum dam_err dam_glance_api(const struct dam_http_client *http, const char *url,
                            struct dam_arena *arena, struct dam_glance *g)
{
    const struct dam_json *state = NULL;
    const struct dam_json *past = NULL;
    DAM_TRY(document_get(http, url, "/api/state", arena, &state));
    DAM_TRY(document_get(http, url, "/api/decisions?limit=1", arena, &past));
    const struct dam_json *machine = dam_json_get(state, "machine");
    if (machine == NULL) {
        return DAM_EPARSE;
    }
    memset(g, 0, sizeof(*g));
    g->running = true;
    json_text(dam_json_get(machine, "name"), g->name, sizeof(g->name));
    if (dam_json_bool(dam_json_get(machine, "stopped"), &g->stopped) != DAM_OK) {
        g->stopped = false;
    }
    g->channel_count =
        items_read(dam_json_get(state, "channels"), g->channels, DAM_GLANCE_ITEMS_MAX);
    g->actuator_count =
        items_read(dam_json_get(state, "actuators"), g->actuators, DAM_FLOW_ACTUATORS_MAX);
    json_text(dam_json_get(dam_json_get(state, "mind"), "address"), g->mind, sizeof(g->mind));
    json_text(dam_json_get(dam_json_get(state, "charter"), "address"), g->charter,
              sizeof(g->charter));
    treasury_read(dam_json_get(state, "treasury"), g);
    const struct dam_json *last = dam_json_at(dam_json_get(past, "decisions"), 0);
    if (last != NULL) {
        g->has_decision = true;
        g->seq = json_count(dam_json_get(last, "seq"), UINT64_MAX);
        g->time_ms = (int64_t)json_count(dam_json_get(last, "time"), INT64_MAX / 1000) * 1000;
        g->outcome = (uint8_t)json_count(dam_json_get(last, "outcome"), 255);
    }
    return DAM_OK;
}
