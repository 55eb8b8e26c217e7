// SPDX-License-Identifier: Apache-2.0
/* @ethersproject/testcases and go-ethereum's typed data. */
#include "core/crypto/keccak.h"
#include "core/eth/abi.h"
#include "core/eth/address.h"
#include "core/eth/eip712.h"
#include "core/eth/hd.h"
#include "core/eth/keystore.h"
#include "core/eth/rlp.h"
#include "vectors.h"

#include "base/hex.h"

static const char *name_of(struct vectors *v, const struct dam_json *test)
{
    return vectors_name(v, dam_json_get(test, "name"));
}

/* A text that holds JSON itself. */
static const struct dam_json *inner_json(struct vectors *v, const struct dam_json *text)
{
    const struct dam_json *root = NULL;
    bool ok =
        text != NULL && dam_json_parse(v->arena, text->text, text->len, 0, &root, NULL) == DAM_OK;
    vectors_check(v, ok, "JSON within JSON");
    return root;
}

static void rlp_put(struct vectors *v, const struct dam_json *json, struct dam_buf *buf)
{
    if (json->type == DAM_JSON_ARRAY) {
        size_t list = dam_rlp_put_list(buf);
        DAM_JSON_EACH(item, json)
        {
            rlp_put(v, item, buf);
        }
        dam_rlp_put_list_end(buf, list);
    } else {
        struct dam_bytes bytes = vectors_hex(v, json);
        dam_rlp_put_bytes(buf, bytes.data, bytes.len);
    }
}

static void rlp_run(struct vectors *v, const struct dam_json *root)
{
    DAM_JSON_EACH(test, root)
    {
        struct dam_buf buf;
        struct dam_bytes want = vectors_hex(v, dam_json_get(test, "encoded"));
        dam_buf_init_arena(&buf, v->arena, 0);
        rlp_put(v, dam_json_get(test, "decoded"), &buf);
        vectors_check(v, dam_bytes_eq(dam_buf_bytes(&buf), want), "%s", name_of(v, test));
        vectors_check(v, dam_rlp_check(want) == DAM_OK, "%s: check", name_of(v, test));
    }
}

/* Signs the decoded transaction anew: RFC 6979 makes the very same bytes. */
static void tx_check(struct vectors *v, const char *name, struct dam_bytes signed_bytes,
                     struct dam_bytes unsigned_bytes, struct dam_bytes secret,
                     const struct dam_json *address_json, size_t gas_limit_len)
{
    struct dam_tx tx;
    struct dam_address want;
    struct dam_address sender;
    struct dam_buf buf;
    dam_buf_init_arena(&buf, v->arena, 0);
    enum dam_tx_fault fault;
    bool ok = dam_tx_decode(v->arena, signed_bytes, &tx, &fault) == DAM_OK;
    if (gas_limit_len > 8) { /* the protocol's gas limit has 64 bits, ethers' own has 256 */
        vectors_check(v, fault == DAM_TX_FAULT_GAS_LIMIT, "%s: gas limit not refused", name);
        return;
    }
    vectors_check(v, ok, "%s: decoding", name);
    if (!ok) {
        return;
    }
    vectors_check(v,
                  dam_address_from_text(address_json->text, address_json->len, &want) == DAM_OK &&
                      dam_tx_sender(&tx, true, v->arena, &sender) == DAM_OK &&
                      dam_address_eq(&want, &sender),
                  "%s: sender", name);
    dam_tx_encode_unsigned(&tx, &buf);
    vectors_check(v, dam_bytes_eq(dam_buf_bytes(&buf), unsigned_bytes), "%s: unsigned", name);
    dam_buf_reset(&buf);
    tx.r = dam_u256_from_u64(0);
    tx.s = tx.r;
    ok = dam_tx_sign(&tx, secret.data, v->arena) == DAM_OK;
    dam_tx_encode(&tx, &buf);
    vectors_check(v, ok && dam_bytes_eq(dam_buf_bytes(&buf), signed_bytes), "%s: signing", name);
}

static void legacy_run(struct vectors *v, const struct dam_json *root)
{
    DAM_JSON_EACH(test, root)
    {
        struct dam_bytes secret = vectors_hex(v, dam_json_get(test, "privateKey"));
        const struct dam_json *address = dam_json_get(test, "accountAddress");
        size_t gas_limit_len = vectors_hex(v, dam_json_get(test, "gasLimit")).len;
        tx_check(v, name_of(v, test), vectors_hex(v, dam_json_get(test, "signedTransaction")),
                 vectors_hex(v, dam_json_get(test, "unsignedTransaction")), secret, address,
                 gas_limit_len);
        tx_check(v, name_of(v, test),
                 vectors_hex(v, dam_json_get(test, "signedTransactionChainId5")),
                 vectors_hex(v, dam_json_get(test, "unsignedTransactionChainId5")), secret, address,
                 gas_limit_len);
    }
}

static void typed_run(struct vectors *v, const struct dam_json *root)
{
    DAM_JSON_EACH(test, root)
    {
        tx_check(v, name_of(v, test), vectors_hex(v, dam_json_get(test, "signed")),
                 vectors_hex(v, dam_json_get(test, "unsigned")),
                 vectors_hex(v, dam_json_get(test, "key")), dam_json_get(test, "address"), 0);
    }
}

static void accounts_run(struct vectors *v, const struct dam_json *root)
{
    DAM_JSON_EACH(test, root)
    {
        const struct dam_json *plain = dam_json_get(test, "address");
        const struct dam_json *checksummed = dam_json_get(test, "checksumAddress");
        struct dam_bytes secret = vectors_hex(v, dam_json_get(test, "privateKey"));
        struct dam_address address = {{0}};
        struct dam_address again = {{0}};
        char text[DAM_ADDRESS_TEXT_SIZE];
        bool ok = dam_address_from_text(plain->text, plain->len, &address) == DAM_OK;
        dam_address_to_text(&address, text);
        vectors_check(v, ok && dam_json_is(checksummed, text), "%s: checksum", name_of(v, test));
        vectors_check(v,
                      dam_address_from_text(checksummed->text, checksummed->len, &again) ==
                              DAM_OK &&
                          dam_address_eq(&address, &again),
                      "%s: reading", name_of(v, test));
        if (secret.len != 0) {
            vectors_check(v,
                          dam_address_of_secret_key(secret.data, &again) == DAM_OK &&
                              dam_address_eq(&address, &again),
                          "%s: key", name_of(v, test));
        }
    }
}

static void wallets_run(struct vectors *v, const struct dam_json *root)
{
    DAM_JSON_EACH(test, root)
    {
        const struct dam_json *json = inner_json(v, dam_json_get(test, "json"));
        const struct dam_json *password = dam_json_get(test, "password");
        const struct dam_json *mnemonic = dam_json_get(test, "mnemonic");
        struct dam_bytes want = vectors_hex(v, dam_json_get(test, "privateKey"));
        const char *words;
        uint8_t secret[32] = {0};
        vectors_check(v,
                      dam_keystore_decrypt(v->arena, json, password->text, password->len, secret) ==
                              DAM_OK &&
                          memcmp(secret, want.data, sizeof(secret)) == 0,
                      "%s: keystore", name_of(v, test));
        if (!dam_json_is_null(mnemonic)) {
            vectors_check(v,
                          dam_json_string(mnemonic, v->arena, &words) == DAM_OK &&
                              dam_hd_account(words, 0, secret) == DAM_OK &&
                              memcmp(secret, want.data, sizeof(secret)) == 0,
                          "%s: mnemonic", name_of(v, test));
        }
    }
}

static void typed_data_run(struct vectors *v, const struct dam_json *root)
{
    DAM_JSON_EACH(test, root)
    {
        struct dam_bytes want = vectors_hex(v, dam_json_get(test, "digest"));
        struct dam_bytes encoded = vectors_hex(v, dam_json_get(test, "encoded"));
        struct dam_eip712_hashes hashes;
        struct dam_hash struct_hash;
        const char *what = "";
        enum dam_err err = dam_eip712_hash_parts(
            v->arena, dam_json_get(test, "types"), dam_json_get(test, "primaryType"),
            dam_json_get(test, "domain"), dam_json_get(test, "data"), &hashes, &what);
        vectors_check(v, err == DAM_OK && memcmp(hashes.digest.b, want.data, 32) == 0,
                      "%s: digest %s", name_of(v, test), what);
        dam_keccak256(encoded.data, encoded.len, &struct_hash);
        vectors_check(v, err == DAM_OK && dam_hash_eq(&hashes.struct_hash, &struct_hash),
                      "%s: struct hash", name_of(v, test));
    }
}

/* {"type": ..., "value": ...} all the way down, as the plain JSON of the values. */
static void plain_put(const struct dam_json *json, struct dam_json_writer *w)
{
    const struct dam_json *value = dam_json_get(json, "value");
    const struct dam_json *items = json->type == DAM_JSON_ARRAY ? json : value;
    if (items->type == DAM_JSON_ARRAY) {
        dam_json_put_array(w);
        DAM_JSON_EACH(item, items)
        {
            plain_put(item, w);
        }
        dam_json_put_array_end(w);
    } else {
        dam_json_put_node(w, value == NULL ? json : value);
    }
}

static const struct dam_json *plain_values(struct vectors *v, const struct dam_json *text)
{
    const struct dam_json *typed = inner_json(v, text);
    const struct dam_json *plain = NULL;
    struct dam_buf buf;
    dam_buf_init_arena(&buf, v->arena, 0);
    struct dam_json_writer w = {.buf = &buf};
    if (typed == NULL) {
        return NULL;
    }
    plain_put(typed, &w);
    bool ok = dam_json_parse(v->arena, (const char *)buf.data, buf.len, 0, &plain, NULL) == DAM_OK;
    vectors_check(v, ok, "plain values");
    return plain;
}

/* Encodes the values to the contract's own answer, and decodes that to the same again. */
static void interface_run(struct vectors *v, const struct dam_json *root)
{
    DAM_JSON_EACH(test, root)
    {
        /* Where a file gives values as a person would write them, it normalizes them beside. */
        const struct dam_json *text = dam_json_get(test, "normalizedValues");
        const struct dam_json *values =
            plain_values(v, text != NULL ? text : dam_json_get(test, "values"));
        struct dam_bytes want = vectors_hex(v, dam_json_get(test, "result"));
        struct dam_abi abi;
        struct dam_abi_value tuple;
        const struct dam_abi_value *decoded;
        struct dam_buf buf;
        dam_buf_init_arena(&buf, v->arena, 0);
        bool ok = dam_abi_from_json(v->arena, inner_json(v, dam_json_get(test, "interface")),
                                    &abi) == DAM_OK;
        const struct dam_abi_entry *function =
            ok ? dam_abi_find(&abi, DAM_ABI_FUNCTION, "test") : NULL;
        vectors_check(v, function != NULL, "%s: interface", name_of(v, test));
        if (function == NULL || values == NULL) {
            continue;
        }
        enum dam_err err = dam_abi_value_from_json(v->arena, function->outputs, values, &tuple);
        if (err == DAM_OK) {
            err = dam_abi_encode(function->outputs, tuple.items, tuple.count, &buf);
        }
        vectors_check(v, err == DAM_OK && dam_bytes_eq(dam_buf_bytes(&buf), want),
                      "%s: encoding: %s", name_of(v, test), dam_err_name(err));
        dam_buf_reset(&buf);
        err = dam_abi_decode(v->arena, function->outputs, want, &decoded);
        if (err == DAM_OK) {
            err = dam_abi_encode(function->outputs, decoded, function->outputs->size, &buf);
        }
        vectors_check(v, err == DAM_OK && dam_bytes_eq(dam_buf_bytes(&buf), want),
                      "%s: decoding: %s", name_of(v, test), dam_err_name(err));
    }
}

static void signatures_run(struct vectors *v, const struct dam_json *root)
{
    DAM_JSON_EACH(test, root)
    {
        const char *signature = vectors_name(v, dam_json_get(test, "signature"));
        struct dam_bytes want = vectors_hex(v, dam_json_get(test, "sigHash"));
        struct dam_abi_entry entry = {0};
        struct dam_abi abi;
        uint8_t selector[4];
        dam_abi_selector(signature, selector);
        vectors_check(v, memcmp(selector, want.data, 4) == 0, "%s: selector", name_of(v, test));
        vectors_check(v,
                      dam_abi_entry_parse(v->arena, signature, &entry) == DAM_OK &&
                          memcmp(entry.hash.b, want.data, 4) == 0,
                      "%s: signature", name_of(v, test));
        bool ok =
            dam_abi_from_json(v->arena, inner_json(v, dam_json_get(test, "abi")), &abi) == DAM_OK;
        vectors_check(v,
                      ok && dam_abi_find_selector(&abi, DAM_ABI_FUNCTION, want.data) != NULL &&
                          dam_abi_find(&abi, DAM_ABI_FUNCTION, signature) != NULL,
                      "%s: from JSON", name_of(v, test));
    }
}

/* What stands in a topic is the value itself, or for the longer kinds only its hash. */
static bool event_value_equal(struct vectors *v, const struct dam_abi_type *type,
                              const struct dam_abi_value *got, const struct dam_json *want,
                              bool is_hashed)
{
    struct dam_abi_value value;
    struct dam_abi_member member = {.name = "", .type = type};
    struct dam_abi_type tuple = {.kind = DAM_ABI_TUPLE, .size = 1, .members = &member};
    struct dam_buf first;
    struct dam_buf second;
    if (is_hashed) {
        return got->bytes.len == 32;
    }
    dam_buf_init_arena(&first, v->arena, 0);
    dam_buf_init_arena(&second, v->arena, 0);
    return dam_abi_value_from_json(v->arena, type, want, &value) == DAM_OK &&
           dam_abi_encode(&tuple, &value, 1, &first) == DAM_OK &&
           dam_abi_encode(&tuple, got, 1, &second) == DAM_OK &&
           dam_bytes_eq(dam_buf_bytes(&first), dam_buf_bytes(&second));
}

static void events_run(struct vectors *v, const struct dam_json *root)
{
    DAM_JSON_EACH(test, root)
    {
        const struct dam_json *values = dam_json_get(test, "values");
        const struct dam_json *hashed = dam_json_get(test, "hashed");
        struct dam_log log = {.data = vectors_hex(v, dam_json_get(test, "data"))};
        struct dam_abi abi;
        const struct dam_abi_value *got;
        DAM_JSON_EACH(topic, dam_json_get(test, "topics"))
        {
            struct dam_bytes bytes = vectors_hex(v, topic);
            memcpy(log.topics[log.topic_count++].b, bytes.data, 32);
        }
        bool ok = dam_abi_from_json(v->arena, inner_json(v, dam_json_get(test, "interface")),
                                    &abi) == DAM_OK;
        const struct dam_abi_entry *event =
            ok ? dam_abi_find(&abi, DAM_ABI_EVENT, "testEvent") : NULL;
        ok = event != NULL && dam_abi_decode_event(v->arena, event, &log, &got) == DAM_OK;
        vectors_check(v, ok, "%s: decoding", name_of(v, test));
        for (uint32_t i = 0; ok && i < event->inputs->size; i++) {
            const struct dam_json *flag = dam_json_at(hashed, i);
            ok = event_value_equal(v, event->inputs->members[i].type, &got[i],
                                   dam_json_at(values, i),
                                   flag != NULL && flag->type == DAM_JSON_TRUE);
        }
        vectors_check(v, ok, "%s: values", name_of(v, test));
    }
}

static void packed_run(struct vectors *v, const struct dam_json *root)
{
    DAM_JSON_EACH(test, root)
    {
        const struct dam_json *types = dam_json_get(test, "types");
        const struct dam_json *values_json = dam_json_get(test, "values");
        struct dam_bytes want = vectors_hex(v, dam_json_get(test, "keccak256"));
        struct dam_abi_member *members =
            dam_arena_zalloc(v->arena, types->count * sizeof(*members));
        struct dam_abi_type tuple = {.kind = DAM_ABI_TUPLE, .members = members};
        struct dam_abi_value value;
        struct dam_hash hash = {{0}};
        struct dam_buf buf;
        bool ok = true;
        DAM_JSON_EACH(type, types)
        {
            ok = ok && dam_abi_type_parse(v->arena, type->text, type->len,
                                          &members[tuple.size++].type) == DAM_OK;
        }
        dam_buf_init_arena(&buf, v->arena, 0);
        ok = ok && dam_abi_value_from_json(v->arena, &tuple, values_json, &value) == DAM_OK &&
             dam_abi_encode_packed(&tuple, value.items, value.count, &buf) == DAM_OK;
        dam_keccak256(buf.data, buf.len, &hash);
        vectors_check(v, ok && memcmp(hash.b, want.data, 32) == 0, "%s", name_of(v, test));
    }
}

#define ETHERS "ethers-testcases-5.8.0/"

const struct vectors_suite vectors_ethers[] = {
    {"eip712/go-ethereum/typed-data.json", typed_data_run},
    {ETHERS "eip712.json", typed_data_run},
    {ETHERS "rlp-coder.json", rlp_run},
    {ETHERS "transactions.json", legacy_run},
    {ETHERS "typed-transactions.json", typed_run},
    {ETHERS "accounts.json", accounts_run},
    {ETHERS "wallets.json", wallets_run},
    {ETHERS "contract-interface.json", interface_run},
    {ETHERS "contract-interface-abi2.json", interface_run},
    {ETHERS "contract-signatures.json", signatures_run},
    {ETHERS "contract-events.json", events_run},
    {ETHERS "solidity-hashes.json", packed_run},
    {0},
};
