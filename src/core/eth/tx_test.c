// SPDX-License-Identifier: Apache-2.0
#include "core/eth/tx.h"

#include "base/arena_fixture.h"
#include "base/hex.h"
#include "base/prng.h"
#include "core/crypto/keccak.h"
#include "core/eth/address.h"
#include "core/eth/block.h"

static struct dam_bytes from_hex(const char *text)
{
    size_t len = strlen(text);
    uint8_t *data = dam_arena_alloc(&arena, len / 2 + 1);
    assert_int_equal(dam_hex_decode(text, len, data, len / 2, &len), DAM_OK);
    return dam_bytes(data, len);
}

static void the_example_of_eip_155(void **state)
{
    (void)state;
    uint8_t secret[32];
    memset(secret, 0x46, sizeof(secret));
    struct dam_tx tx = {
        .has_chain_id = true,
        .chain_id = 1,
        .nonce = 9,
        .max_fee = {{20000000000u}},
        .gas_limit = 21000,
        .value = {{1000000000000000000u}},
    };
    memset(tx.to.b, 0x35, sizeof(tx.to.b));
    struct dam_hash digest;
    assert_int_equal(dam_tx_signing_hash(&tx, &arena, &digest), DAM_OK);
    assert_memory_equal(
        digest.b, from_hex("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53").data,
        32);
    assert_int_equal(dam_tx_sign(&tx, secret, &arena), DAM_OK);
    struct dam_buf buf;
    dam_buf_init_arena(&buf, &arena, 0);
    dam_tx_encode(&tx, &buf);
    struct dam_bytes want = from_hex(
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080"
        "25a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761a"
        "ecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83");
    assert_true(dam_bytes_eq(dam_buf_bytes(&buf), want));
}

static struct dam_access_entry *random_access_list(struct dam_prng *prng, size_t count)
{
    struct dam_access_entry *entries = dam_arena_alloc(&arena, count * sizeof(*entries));
    for (size_t i = 0; i < count; i++) {
        struct dam_hash *keys = dam_arena_alloc(&arena, 3 * sizeof(*keys));
        dam_prng_fill(prng, (uint8_t *)keys, 3 * sizeof(*keys));
        dam_prng_fill(prng, entries[i].address.b, 20);
        entries[i].keys = keys;
        entries[i].key_count = dam_prng_below(prng, 4);
    }
    return entries;
}

static struct dam_u256 random_u256(struct dam_prng *prng)
{
    struct dam_u256 v = {{0}};
    dam_prng_fill(prng, (uint8_t *)v.w, dam_prng_below(prng, 33));
    return v;
}

static void random_tx(struct dam_prng *prng, enum dam_tx_type type, struct dam_tx *tx)
{
    *tx = (struct dam_tx){
        .type = type,
        .has_chain_id = type != DAM_TX_LEGACY || dam_prng_below(prng, 2) == 0,
        .is_create = type < DAM_TX_BLOB && dam_prng_below(prng, 3) == 0,
        .nonce = dam_prng_next(prng) >> dam_prng_below(prng, 64),
        .gas_limit = dam_prng_next(prng) >> dam_prng_below(prng, 64),
        .max_fee = random_u256(prng),
        .value = random_u256(prng),
    };
    tx->chain_id = tx->has_chain_id ? dam_prng_next(prng) >> dam_prng_below(prng, 64) : 0;
    tx->max_priority_fee = type >= DAM_TX_DYNAMIC_FEE ? random_u256(prng) : tx->max_fee;
    if (!tx->is_create) {
        dam_prng_fill(prng, tx->to.b, 20);
    }
    uint8_t *data = dam_arena_alloc(&arena, 300);
    dam_prng_fill(prng, data, 300);
    tx->data = dam_bytes(data, dam_prng_below(prng, 300));
    if (type >= DAM_TX_ACCESS_LIST) {
        tx->access_count = dam_prng_below(prng, 4);
        tx->access_list = random_access_list(prng, tx->access_count);
    }
    if (type == DAM_TX_BLOB) {
        struct dam_hash *hashes = dam_arena_alloc(&arena, 4 * sizeof(*hashes));
        dam_prng_fill(prng, (uint8_t *)hashes, 4 * sizeof(*hashes));
        tx->max_blob_fee = random_u256(prng);
        tx->blob_hashes = hashes;
        tx->blob_hash_count = dam_prng_below(prng, 5);
    }
    if (type == DAM_TX_SET_CODE) {
        struct dam_authorization *all = dam_arena_zalloc(&arena, 2 * sizeof(*all));
        uint8_t secret[32] = {[31] = 7};
        struct dam_address want;
        struct dam_address got;
        all[0].nonce = dam_prng_next(prng);
        all[0].chain_id = random_u256(prng);
        assert_int_equal(dam_authorization_sign(&all[0], secret), DAM_OK);
        assert_int_equal(dam_authorization_signer(&all[0], &got), DAM_OK);
        assert_int_equal(dam_address_of_secret_key(secret, &want), DAM_OK);
        assert_true(dam_address_eq(&got, &want));
        all[1].y_parity = 255;
        tx->authorizations = all;
        tx->authorization_count = 2;
    }
}

/* Sign, encode, decode, encode: the same bytes and the same signer; every cut and many changes of
 * the bytes are refused or mean something else. */
static void every_type_survives_a_round_trip(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 1};
    uint8_t secret[32];
    struct dam_address want;
    dam_prng_fill(&prng, secret, sizeof(secret));
    assert_int_equal(dam_address_of_secret_key(secret, &want), DAM_OK);
    for (int i = 0; i < 500; i++) {
        struct dam_tx tx;
        struct dam_tx again;
        struct dam_address sender;
        struct dam_buf first;
        struct dam_buf second;
        enum dam_tx_fault fault;
        random_tx(&prng, (enum dam_tx_type)(i % 5), &tx);
        assert_int_equal(dam_tx_sign(&tx, secret, &arena), DAM_OK);
        dam_buf_init_arena(&first, &arena, 0);
        dam_buf_init_arena(&second, &arena, 0);
        dam_tx_encode(&tx, &first);
        assert_int_equal(dam_tx_decode(&arena, dam_buf_bytes(&first), &again, &fault), DAM_OK);
        dam_tx_encode(&again, &second);
        assert_true(dam_bytes_eq(dam_buf_bytes(&first), dam_buf_bytes(&second)));
        assert_int_equal(dam_tx_sender(&again, true, &arena, &sender), DAM_OK);
        assert_true(dam_address_eq(&sender, &want));
        for (size_t cut = 0; cut < first.len; cut++) {
            assert_int_equal(dam_tx_decode(&arena, dam_bytes(first.data, cut), &again, &fault),
                             DAM_EPARSE);
            assert_int_not_equal(fault, DAM_TX_FAULT_NONE);
        }
    }
}

static void the_network_form_carries_the_blobs(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 5};
    uint8_t *blob = dam_arena_zalloc(&arena, DAM_BLOB_LEN);
    uint8_t proofs[128][DAM_KZG_LEN];
    const uint8_t *proof_list[128];
    struct dam_hash blob_hash = {{1}};
    struct dam_tx tx;
    struct dam_tx again;
    enum dam_tx_fault fault;
    for (size_t i = 0; i < 128; i++) {
        memset(proofs[i], (int)i, DAM_KZG_LEN);
        proof_list[i] = proofs[i];
    }
    random_tx(&prng, DAM_TX_BLOB, &tx);
    tx.blob_hashes = &blob_hash;
    tx.blob_hash_count = 1;
    for (uint8_t version = 0; version < 2; version++) {
        const uint8_t *const blobs[] = {blob};
        struct dam_blob_sidecar sidecar = {.version = version,
                                           .blob_count = 1,
                                           .blobs = blobs,
                                           .commitments = proof_list,
                                           .proof_count = version == 0 ? 1 : 128,
                                           .proofs = proof_list};
        struct dam_buf buf;
        struct dam_hash plain;
        struct dam_hash network;
        tx.sidecar = &sidecar;
        dam_buf_init_arena(&buf, &arena, 0);
        dam_tx_encode_network(&tx, &buf);
        assert_int_equal(dam_tx_decode(&arena, dam_buf_bytes(&buf), &again, &fault), DAM_OK);
        assert_non_null(again.sidecar);
        assert_int_equal(again.sidecar->proof_count, sidecar.proof_count);
        assert_memory_equal(again.sidecar->proofs[sidecar.proof_count - 1],
                            proofs[sidecar.proof_count - 1], DAM_KZG_LEN);
        assert_int_equal(dam_tx_hash(&tx, &arena, &plain), DAM_OK);
        assert_int_equal(dam_tx_hash(&again, &arena, &network), DAM_OK);
        assert_true(dam_hash_eq(&plain, &network)); /* blobs are not part of the hash */
        sidecar.proof_count--;
        dam_buf_reset(&buf);
        dam_tx_encode_network(&tx, &buf);
        assert_int_equal(dam_tx_decode(&arena, dam_buf_bytes(&buf), &again, &fault), DAM_EPARSE);
        assert_int_equal(fault, DAM_TX_FAULT_SIDECAR);
    }
}

static void a_block_survives_a_round_trip(void **state)
{
    (void)state;
    struct dam_prng prng = {.state = 9};
    struct dam_tx txs[10];
    struct dam_withdrawal withdrawals[2] = {{1, 2, {{3}}, 4}, {UINT64_MAX, 0, {{0}}, 5}};
    for (size_t i = 0; i < 10; i++) {
        uint8_t secret[32] = {[0] = 1, [31] = (uint8_t)i};
        random_tx(&prng, (enum dam_tx_type)(i % 5), &txs[i]);
        assert_int_equal(dam_tx_sign(&txs[i], secret, &arena), DAM_OK);
    }
    static const enum dam_header_form forms[] = {DAM_HEADER_FRONTIER, DAM_HEADER_LONDON,
                                                 DAM_HEADER_SHANGHAI, DAM_HEADER_CANCUN,
                                                 DAM_HEADER_PRAGUE};
    for (size_t i = 0; i < DAM_COUNT_OF(forms); i++) {
        struct dam_header uncle = {.form = DAM_HEADER_FRONTIER, .extra_len = 5};
        struct dam_block block = {.header = {.form = forms[i], .number = 77, .gas_limit = 1 << 30},
                                  .txs = txs,
                                  .tx_count = 10,
                                  .uncles = &uncle,
                                  .uncle_count = 1,
                                  .has_withdrawals = forms[i] >= DAM_HEADER_SHANGHAI,
                                  .withdrawals = withdrawals,
                                  .withdrawal_count = 2};
        struct dam_block again;
        struct dam_buf first;
        struct dam_buf second;
        enum dam_tx_fault fault;
        dam_buf_init_arena(&first, &arena, 0);
        dam_buf_init_arena(&second, &arena, 0);
        dam_block_encode(&block, &first);
        assert_int_equal(dam_block_decode(&arena, dam_buf_bytes(&first), &again, &fault), DAM_OK);
        assert_int_equal(again.tx_count, 10);
        assert_int_equal(again.has_withdrawals, block.has_withdrawals);
        dam_block_encode(&again, &second);
        assert_true(dam_bytes_eq(dam_buf_bytes(&first), dam_buf_bytes(&second)));
        struct dam_hash a;
        struct dam_hash b;
        dam_header_hash(&block.header, &a);
        dam_header_hash(&again.header, &b);
        assert_true(dam_hash_eq(&a, &b));
    }
}

static void constants_are_what_they_say(void **state)
{
    (void)state;
    struct dam_hash hash;
    dam_keccak256(NULL, 0, &hash);
    assert_true(dam_hash_eq(&hash, &dam_empty_code_hash));
    dam_keccak256((const uint8_t *)"\x80", 1, &hash);
    assert_true(dam_hash_eq(&hash, &dam_empty_trie_root));
    assert_int_equal(dam_uncles_hash(NULL, 0, &arena, &hash), DAM_OK);
    assert_true(dam_hash_eq(&hash, &dam_empty_uncles_hash));
}

/* EIP-1014's first and sixth example, and the well-known first contract of a deployer. */
static void derived_addresses(void **state)
{
    (void)state;
    struct dam_address sender = {{0}};
    struct dam_address made;
    struct dam_hash salt = {{0}};
    struct dam_hash code_hash;
    char text[DAM_ADDRESS_TEXT_SIZE];
    dam_keccak256((const uint8_t *)"\0", 1, &code_hash);
    dam_address_create2(&sender, &salt, &code_hash, &made);
    dam_address_to_text(&made, text);
    assert_string_equal(text, "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38");
    memcpy(sender.b, from_hex("6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0").data, 20);
    dam_address_create(&sender, 0, &made);
    dam_address_to_text(&made, text);
    assert_string_equal(text, "0xcd234A471b72ba2F1Ccf0A70FCABA648a5eeCD8d");
    assert_int_equal(dam_address_from_text(text, 42, &sender), DAM_OK);
    text[5] = 'a';
    assert_int_equal(dam_address_from_text(text, 42, &sender), DAM_ECORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_example_of_eip_155, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(every_type_survives_a_round_trip, arena_setup,
                                        arena_teardown),
        cmocka_unit_test_setup_teardown(the_network_form_carries_the_blobs, arena_setup,
                                        arena_teardown),
        cmocka_unit_test_setup_teardown(a_block_survives_a_round_trip, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(constants_are_what_they_say, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(derived_addresses, arena_setup, arena_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
