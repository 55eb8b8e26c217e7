// SPDX-License-Identifier: Apache-2.0
#include "trade/x402.h"

#include "base/json.h"
#include "base/u256_text.h"
#include "chain/calldata.h"

#include <openssl/evp.h>
#include <stdio.h>

#define HEADER_LEN_MAX 8192u
#define VERSION 2u

/* ---- base64 ---------------------------------------------------------------------------------- */

static bool base64_read(struct dam_arena *arena, struct dam_bytes text, struct dam_bytes *ret)
{
    size_t padding = 0;
    if (text.len == 0 || text.len % 4 != 0 || text.len > HEADER_LEN_MAX) {
        return false;
    }
    while (padding < 2 && text.data[text.len - 1 - padding] == '=') {
        padding++;
    }
    uint8_t *data = dam_arena_alloc(arena, text.len);
    int len = data == NULL ? -1 : EVP_DecodeBlock(data, text.data, (int)text.len);
    if (len < 0) {
        return false;
    }
    *ret = dam_bytes(data, (size_t)len - padding);
    return true;
}

/* ---- the offer ------------------------------------------------------------------------------- */

static void put_text(struct dam_json_writer *w, const char *key, const char *text)
{
    dam_json_put_key(w, key);
    dam_json_put_cstr(w, text);
}

static void network_text(const struct dam_x402_terms *terms, char ret[32])
{
    (void)snprintf(ret, 32, "eip155:%llu", (unsigned long long)terms->chain_id);
}

static void put_network(struct dam_json_writer *w, const struct dam_x402_terms *terms)
{
    char network[32];
    network_text(terms, network);
    put_text(w, "network", network);
}

static void put_terms(struct dam_json_writer *w, const struct dam_x402_terms *terms)
{
    char amount[DAM_U256_DEC_SIZE];
    (void)dam_u256_to_dec(&terms->amount, amount);
    dam_json_put_object(w);
    put_text(w, "scheme", "exact");
    put_network(w, terms);
    put_text(w, "amount", amount);
    dam_json_put_data_at(w, "asset", dam_bytes(terms->token.b, 20));
    dam_json_put_data_at(w, "payTo", dam_bytes(terms->account.b, 20));
    dam_json_put_key(w, "maxTimeoutSeconds");
    dam_json_put_u64(w, DAM_X402_SECONDS_MAX);
    dam_json_put_key(w, "extra");
    dam_json_put_object(w);
    put_text(w, "name", terms->token_name);
    put_text(w, "version", terms->token_version);
    dam_json_put_object_end(w);
    dam_json_put_object_end(w);
}

/* specs/extensions/payment_identifier.md: what only the buyer knows of a payment that is on its
 * way. Nobody reads it: a request is known by all its bytes. */
static const char identifier[] =
    "{\"payment-identifier\":{\"info\":{\"required\":false},\"schema\":{"
    "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
    "\"properties\":{\"required\":{\"type\":\"boolean\"},"
    "\"id\":{\"type\":\"string\",\"minLength\":16,\"maxLength\":128}},"
    "\"required\":[\"required\"]}}}";

void dam_x402_put_offer(struct dam_buf *out, const struct dam_x402_terms *terms, const char *path,
                        const char *what, const char *error)
{
    struct dam_json_writer w = {.buf = out};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "x402Version");
    dam_json_put_u64(&w, VERSION);
    if (error != NULL) {
        put_text(&w, "error", error);
    }
    dam_json_put_key(&w, "resource");
    dam_json_put_object(&w);
    put_text(&w, "url", path);
    put_text(&w, "description", what);
    put_text(&w, "mimeType", "application/json");
    dam_json_put_object_end(&w);
    dam_json_put_key(&w, "accepts");
    dam_json_put_array(&w);
    put_terms(&w, terms);
    dam_json_put_array_end(&w);
    dam_json_put_key(&w, "extensions");
    dam_json_put_raw(&w, identifier, sizeof(identifier) - 1);
    dam_json_put_object_end(&w);
}

/* ---- the payment ----------------------------------------------------------------------------- */

static bool is_address(const struct dam_json *node, const struct dam_address *address)
{
    struct dam_address got;
    return dam_json_hex_exact(node, got.b, sizeof(got.b)) == DAM_OK &&
           dam_address_eq(&got, address);
}

static bool is_amount(const struct dam_json *node, const struct dam_u256 *amount)
{
    struct dam_u256 got;
    return dam_json_any_u256(node, &got) == DAM_OK && dam_u256_eq(&got, amount);
}

const char *dam_x402_parse(struct dam_arena *arena, struct dam_bytes header,
                           const struct dam_x402_terms *terms, struct dam_x402_payment *ret)
{
    struct dam_bytes text;
    const struct dam_json *root = NULL;
    struct dam_x402_payment payment;
    char network[32];
    uint64_t version = 0;
    if (!base64_read(arena, header, &text) ||
        dam_json_parse(arena, (const char *)text.data, text.len, 8, &root, NULL) != DAM_OK) {
        return "PAYMENT-SIGNATURE is not base64 of JSON";
    }
    if (dam_json_u64(dam_json_get(root, "x402Version"), &version) != DAM_OK || version != VERSION) {
        return "x402Version is not 2";
    }
    const struct dam_json *accepted = dam_json_get(root, "accepted");
    network_text(terms, network);
    if (!dam_json_is(dam_json_get(accepted, "scheme"), "exact") ||
        !dam_json_is(dam_json_get(accepted, "network"), network) ||
        !is_amount(dam_json_get(accepted, "amount"), &terms->amount) ||
        !is_address(dam_json_get(accepted, "asset"), &terms->token) ||
        !is_address(dam_json_get(accepted, "payTo"), &terms->account)) {
        return "these are not the terms that were offered";
    }
    const struct dam_json *payload = dam_json_get(root, "payload");
    const struct dam_json *a = dam_json_get(payload, "authorization");
    if (!is_address(dam_json_get(a, "to"), &terms->account) ||
        !is_amount(dam_json_get(a, "value"), &terms->amount)) {
        return "the authorisation pays somebody else or another amount";
    }
    if (dam_json_hex_exact(dam_json_get(a, "from"), payment.from.b, 20) != DAM_OK ||
        dam_json_any_u256(dam_json_get(a, "validAfter"), &payment.valid_after) != DAM_OK ||
        dam_json_any_u256(dam_json_get(a, "validBefore"), &payment.valid_before) != DAM_OK ||
        dam_json_hex_exact(dam_json_get(a, "nonce"), payment.nonce.b, 32) != DAM_OK ||
        dam_json_hex_exact(dam_json_get(payload, "signature"), payment.signature, 65) != DAM_OK) {
        return "the authorisation needs from, validAfter, validBefore, nonce, and 65 bytes of "
               "signature";
    }
    *ret = payment;
    return NULL;
}

bool dam_x402_is_timely(const struct dam_x402_payment *payment, uint64_t now_s)
{
    const struct dam_u256 now = dam_u256_from_u64(now_s);
    const struct dam_u256 least = dam_u256_from_u64(now_s + DAM_X402_SECONDS_MIN);
    return dam_u256_lt(&payment->valid_after, &now) && dam_u256_lt(&least, &payment->valid_before);
}

enum dam_err dam_x402_calldata(struct dam_arena *arena, const struct dam_x402_terms *terms,
                               const struct dam_x402_payment *payment, struct dam_bytes *ret)
{
    uint8_t signature[96] = {0};
    memcpy(signature, payment->signature, sizeof(payment->signature));
    const struct dam_u256 words[] = {
        dam_calldata_word(&payment->from),
        dam_calldata_word(&terms->account),
        terms->amount,
        payment->valid_after,
        payment->valid_before,
        dam_u256_load_be(payment->nonce.b),
        dam_u256_from_u64(7 * 32), /* where the signature is */
        dam_u256_from_u64(sizeof(payment->signature)),
        dam_u256_load_be(signature),
        dam_u256_load_be(signature + 32),
        dam_u256_load_be(signature + 64),
    };
    return dam_calldata_make(
        arena, "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)",
        words, DAM_COUNT_OF(words), ret);
}

void dam_x402_put_receipt(struct dam_buf *out, const struct dam_x402_terms *terms,
                          const struct dam_x402_payment *payment, const struct dam_hash *tx_hash)
{
    struct dam_json_writer w = {.buf = out};
    dam_json_put_object(&w);
    dam_json_put_key(&w, "success");
    dam_json_put_bool(&w, true);
    dam_json_put_data_at(&w, "transaction", dam_bytes(tx_hash->b, 32));
    put_network(&w, terms);
    dam_json_put_data_at(&w, "payer", dam_bytes(payment->from.b, 20));
    dam_json_put_object_end(&w);
}
