// SPDX-License-Identifier: Apache-2.0
/* [ledger], [chain], [signer], [evidence.anchor] and [upgrade]: what the machine's keeper goes by.
 */
#include "machine/manifest_read.h"
#include "port/http_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define EMBEDDED "embedded" /* [chain] url: the ledger of [ledger] */

/* ---- the ledger ------------------------------------------------------------------------------ */

/* A value as it would stand on the command line. Returns: NULL for what has no such form. */
static const char *ledger_value(const struct dam_toml *value, char number[24])
{
    switch (value->type) {
    case DAM_TOML_STRING:
    case DAM_TOML_FLOAT:
        return (const char *)value->text.data;
    case DAM_TOML_INTEGER:
        (void)snprintf(number, 24, "%" PRId64, value->integer);
        return number;
    case DAM_TOML_BOOL:
        return value->boolean ? "true" : "false";
    case DAM_TOML_TABLE:
    case DAM_TOML_ARRAY:
    case DAM_TOML_OFFSET_DATETIME:
    case DAM_TOML_LOCAL_DATETIME:
    case DAM_TOML_LOCAL_DATE:
    case DAM_TOML_LOCAL_TIME:
        return NULL;
    }
    return NULL;
}

static enum dam_err ledger_set(struct dam_manifest_reader *r, const char *key,
                               const struct dam_toml *value)
{
    char number[24];
    const char *text = ledger_value(value, number);
    enum dam_err err =
        text == NULL ? DAM_EPARSE : dam_ledger_config_set(&r->manifest->ledger, key, text);
    return err == DAM_OK ? DAM_OK
                         : dam_manifest_complain(r, value, "`dam help ledger` says what each is",
                                                 "[ledger] has a bad '%s'%s%s; it takes %s", key,
                                                 text != NULL ? ": " : "", text != NULL ? text : "",
                                                 dam_ledger_config_wants(key));
}

/* Each key is an option of `dam ledger`; `fund` is one address or a list of them. */
static enum dam_err ledger_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    struct dam_manifest *m = r->manifest;
    struct dam_ledger_config *c = &m->ledger;
    m->has_ledger = table != NULL;
    dam_ledger_config_init(c);
    DAM_TRY(dam_manifest_keys(r, table, "[ledger]", dam_ledger_config_names));
    for (size_t i = 0; dam_ledger_config_names[i] != NULL; i++) {
        const char *key = dam_ledger_config_names[i];
        const struct dam_toml *value = dam_toml_get(table, key);
        bool is_list = value != NULL && value->type == DAM_TOML_ARRAY && strcmp(key, "fund") == 0;
        for (const struct dam_toml *item = is_list ? value->first : value; item != NULL;
             item = is_list ? item->next : NULL) {
            DAM_TRY(ledger_set(r, key, item));
        }
    }
    if (c->port == 0) {
        return dam_manifest_complain(r, dam_toml_get(table, "rpc"), "rpc = \"127.0.0.1:8545\"",
                                     "[ledger] needs a port that others can know");
    }
    c->data = dam_manifest_path(m, c->data == NULL ? "ledger" : c->data);
    c->genesis_path = c->genesis_path == NULL ? NULL : dam_manifest_path(m, c->genesis_path);
    c->ipc = c->ipc == NULL ? NULL : dam_manifest_path(m, c->ipc);
    return c->data == NULL ? DAM_ENOMEM : DAM_OK;
}

/* ---- the chain ------------------------------------------------------------------------------- */

static enum dam_err url_add(struct dam_manifest_reader *r, const struct dam_toml *at,
                            const char *url)
{
    struct dam_manifest_chain *c = &r->manifest->chain;
    if (!dam_http_client_takes(url)) {
        return dam_manifest_complain(r, at, "its URL begins with " DAM_HTTP_CLIENT_SCHEMES,
                                     "'%s' is no JSON-RPC endpoint", url);
    }
    if (c->url_count == DAM_MANIFEST_URLS_MAX) {
        return dam_manifest_complain(r, at, NULL, "more than %u endpoints", DAM_MANIFEST_URLS_MAX);
    }
    c->urls[c->url_count++] = url;
    return DAM_OK;
}

/* The ledger in this process; other programs find it at its port. */
static enum dam_err embedded_read(struct dam_manifest_reader *r, const struct dam_toml *at)
{
    struct dam_manifest *m = r->manifest;
    char *url = dam_arena_alloc(r->arena, DAM_LEDGER_URL_SIZE);
    if (!m->has_ledger) {
        return dam_manifest_complain(r, at, "add a table [ledger]; it may be empty",
                                     "there is no ledger to be embedded");
    }
    if (url == NULL) {
        return DAM_ENOMEM;
    }
    dam_ledger_config_url(&m->ledger, m->ledger.port, url);
    m->chain.is_embedded = true;
    m->chain.urls[m->chain.url_count++] = url;
    return DAM_OK;
}

/* One URL or a list of them, or the embedded ledger. */
static enum dam_err urls_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    const struct dam_toml *url = dam_toml_get(table, "url");
    if (url == NULL) {
        return dam_manifest_complain(r, table,
                                     "url = \"http://127.0.0.1:8545\", or a list, or "
                                     "\"" EMBEDDED "\" with [ledger]",
                                     "[chain] needs 'url'");
    }
    if (url->type == DAM_TOML_STRING) {
        const char *text = (const char *)url->text.data;
        return strcmp(text, EMBEDDED) == 0 ? embedded_read(r, url) : url_add(r, url, text);
    }
    for (const struct dam_toml *item = url->type == DAM_TOML_ARRAY ? url->first : NULL;
         item != NULL; item = item->next) {
        if (item->type != DAM_TOML_STRING) {
            return dam_manifest_complain(r, item, NULL, "'url' must be a text or a list of texts");
        }
        DAM_TRY(url_add(r, item, (const char *)item->text.data));
    }
    return r->manifest->chain.url_count > 0
               ? DAM_OK
               : dam_manifest_complain(r, url, NULL, "'url' must be a text or a list of texts");
}

static enum dam_err chain_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    static const char *const keys[] = {"url",   "agree", "constitution", "timeout", "poll",
                                       "depth", NULL};
    struct dam_manifest *m = r->manifest;
    struct dam_manifest_chain *c = &m->chain;
    c->agree_min = 1;
    c->timeout_ms = 1000;
    c->depth = 64;
    c->poll_ms = m->period_ms < 1000 ? 1000 : m->period_ms > 15000 ? 15000 : m->period_ms;
    if (table == NULL && !m->has_ledger) {
        return DAM_OK;
    }
    DAM_TRY(dam_manifest_keys(r, table, "[chain]", keys));
    DAM_TRY(urls_read(r, table));
    bool told_away = dam_manifest_variable(m, dam_toml_get(table, "url")) != NULL;
    if (m->has_ledger && !c->is_embedded && !told_away) {
        return dam_manifest_complain(r, dam_toml_get(m->root, "ledger"),
                                     "url = \"" EMBEDDED "\" in [chain], or no [ledger]",
                                     "[ledger] is for a chain that is in this process");
    }
    DAM_TRY(dam_manifest_integer(r, table, "agree", 1, (int64_t)c->url_count, &c->agree_min));
    DAM_TRY(dam_manifest_span(r, table, "timeout", &c->timeout_ms));
    DAM_TRY(dam_manifest_span(r, table, "poll", &c->poll_ms));
    DAM_TRY(dam_manifest_integer(r, table, "depth", 0, INT32_MAX, &c->depth));
    DAM_TRY(dam_manifest_address(r, table, "constitution", &c->constitution, &c->has_constitution));
    if (c->has_constitution && (!m->has_registry || !m->has_token || m->chain_id == 0)) {
        return dam_manifest_complain(r, table, "its constitution is found by chain_id and token",
                                     "[identity] must say who the machine is: chain_id, registry "
                                     "and token");
    }
    return DAM_OK;
}

static enum dam_err signer_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    static const char *const keys[] = {"folder", "password_file", "outbox", NULL};
    struct dam_manifest *m = r->manifest;
    const char *folder = "signer";
    const char *password = NULL;
    const char *outbox = "outbox";
    if (table == NULL) {
        return DAM_OK;
    }
    DAM_TRY(dam_manifest_keys(r, table, "[signer]", keys));
    DAM_TRY(dam_manifest_text(r, table, "folder", false, &folder));
    DAM_TRY(dam_manifest_text(r, table, "password_file", true, &password));
    DAM_TRY(dam_manifest_text(r, table, "outbox", false, &outbox));
    if (m->chain.url_count == 0) {
        return dam_manifest_complain(r, table, "add [chain] with a url",
                                     "the signer compares itself with the chain before it signs");
    }
    m->signer.folder = dam_manifest_path(m, folder);
    m->signer.password_path = dam_manifest_path(m, password);
    m->signer.outbox = dam_manifest_path(m, outbox);
    bool ok = m->signer.folder != NULL && m->signer.password_path != NULL;
    return ok && m->signer.outbox != NULL ? DAM_OK : DAM_ENOMEM;
}

static enum dam_err anchor_read(struct dam_manifest_reader *r, const struct dam_toml *evidence)
{
    static const char *const keys[] = {"leaves", "every", "value", NULL};
    const struct dam_toml *table = dam_toml_get(evidence, "anchor");
    struct dam_manifest_anchor *a = &r->manifest->anchor;
    a->checkpoint_ms = 60000;
    DAM_TRY(dam_manifest_span(r, evidence, "checkpoint", &a->checkpoint_ms));
    if (table == NULL) {
        return DAM_OK;
    }
    if (table->type != DAM_TOML_TABLE) {
        return dam_manifest_complain(r, table, "anchor = { every = \"1h\", leaves = 1000 }",
                                     "'anchor' must be a table");
    }
    DAM_TRY(dam_manifest_keys(r, table, "[evidence.anchor]", keys));
    DAM_TRY(dam_manifest_integer(r, table, "leaves", 1, INT64_MAX, &a->leaves));
    DAM_TRY(dam_manifest_span(r, table, "every", &a->every_ms));
    DAM_TRY(dam_manifest_decimal(r, table, "value", 6, &a->value_micro, NULL));
    if (r->manifest->signer.folder == NULL) {
        return dam_manifest_complain(r, table, "add [signer]; `dam signer` makes its folder",
                                     "to anchor, the machine needs a signer");
    }
    return DAM_OK;
}

static enum dam_err kpi_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    struct dam_manifest *m = r->manifest;
    const char *name = NULL;
    bool found = false;
    m->upgrade.kpi = -1;
    DAM_TRY(dam_manifest_text(r, table, "kpi", false, &name));
    for (size_t i = 0; name != NULL && i < m->channel_count; i++) {
        if (strcmp(m->channels[i].name, name) == 0) {
            m->upgrade.kpi = (int)(1 + i);
            DAM_TRY(dam_manifest_decimal(r, table, "kpi_min", m->channels[i].decimals,
                                         &m->upgrade.kpi_min, &found));
        }
    }
    if (name != NULL && (m->upgrade.kpi < 0 || !found)) {
        return dam_manifest_complain(r, dam_toml_get(table, "kpi"),
                                     "kpi = a channel, kpi_min = the mean it may not fall below",
                                     "the rule on '%s' is not complete", name);
    }
    return DAM_OK;
}

static enum dam_err upgrade_read(struct dam_manifest_reader *r, const struct dam_toml *table)
{
    static const char *const keys[] = {"shadow",  "watch", "errors", "denials",       "kpi",
                                       "kpi_min", "after", "enact",  "denials_count", NULL};
    struct dam_manifest_upgrade *u = &r->manifest->upgrade;
    *u = (struct dam_manifest_upgrade){.shadow = true, .kpi = -1, .after = 10};
    DAM_TRY(dam_manifest_keys(r, table, "[upgrade]", keys));
    DAM_TRY(dam_manifest_flag(r, table, "shadow", &u->shadow));
    DAM_TRY(dam_manifest_flag(r, table, "enact", &u->enact));
    DAM_TRY(dam_manifest_span(r, table, "watch", &u->watch_ms));
    DAM_TRY(dam_manifest_integer(r, table, "errors", 1, INT32_MAX, &u->errors));
    DAM_TRY(dam_manifest_integer(r, table, "denials_count", 1, INT32_MAX, &u->denials_count));
    DAM_TRY(dam_manifest_integer(r, table, "after", 1, INT32_MAX, &u->after));
    DAM_TRY(dam_manifest_decimal(r, table, "denials", 6, &u->denials_micro, NULL));
    if (u->denials_micro < 0 || u->denials_micro > 1000000) {
        return dam_manifest_complain(r, dam_toml_get(table, "denials"), "0.2 is every fifth turn",
                                     "'denials' is a share from 0 to 1");
    }
    return kpi_read(r, table);
}

enum dam_err dam_manifest_chain_read(struct dam_manifest_reader *r)
{
    const struct dam_toml *root = r->manifest->root;
    DAM_TRY(ledger_read(r, dam_toml_get(root, "ledger")));
    DAM_TRY(chain_read(r, dam_toml_get(root, "chain")));
    DAM_TRY(signer_read(r, dam_toml_get(root, "signer")));
    DAM_TRY(anchor_read(r, dam_toml_get(root, "evidence")));
    return upgrade_read(r, dam_toml_get(root, "upgrade"));
}
