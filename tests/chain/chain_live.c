// SPDX-License-Identifier: Apache-2.0
/* The chain room against a real node: usage: chain-live URL... FOLDER. The node has the development
 * accounts and makes a block a transaction (anvil, dam ledger --dev); all URLs are its endpoints,
 * and what they are asked together they must agree on. Prints "N passed, M failed". */
#include "base/heap.h"
#include "chain/fork_view.h"
#include "chain/outbox.h"
#include "chain/watcher.h"
#include "core/crypto/keccak.h"
#include "core/eth/address.h"
#include "core/eth/hd.h"

#include <stdio.h>

static unsigned passed;
static unsigned failed;

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (cond) {                                                                                \
            passed++;                                                                              \
        } else {                                                                                   \
            failed++;                                                                              \
            (void)printf("FAILED line %d: %s\n", __LINE__, #cond);                                 \
        }                                                                                          \
    } while (0)

static struct dam_arena arena;
static struct dam_http_client http;
static const char *const *urls;
static size_t url_count;

/* A network that loses the answer of every sent transaction: the bytes arrive, the caller never
 * hears of it. */
static unsigned answers_lost;

static enum dam_err post_and_lose(void *ctx, const char *url, struct dam_bytes body,
                                  uint32_t timeout_ms, struct dam_buf *ret_body, int *ret_status)
{
    enum dam_err err = http.post(http.ctx, url, body, timeout_ms, ret_body, ret_status);
    (void)ctx;
    if (memmem(body.data, body.len, "eth_sendRawTransaction", 22) != NULL) {
        answers_lost++;
        return DAM_ETIMEOUT;
    }
    return err;
}

static enum dam_err sign(void *ctx, const struct dam_hash *id, struct dam_tx *tx,
                         struct dam_arena *scratch)
{
    (void)id;
    return dam_tx_sign(tx, ctx, scratch);
}

/* Init code that returns code which gives back slot 0 and logs its calldata: made by hand so that
 * no compiler is needed. */
static const uint8_t init_code[] = {
    0x60, 0x2a, 0x5f, 0x55,                         /* sstore(0, 42) */
    0x60, 0x10, 0x60, 0x0e, 0x5f, 0x39,             /* codecopy(0, 14, 16) */
    0x60, 0x10, 0x5f, 0xf3,                         /* return(0, 16) */
    0x36, 0x5f, 0x5f, 0x37, 0x36, 0x5f, 0xa0,       /* calldatacopy; log0(0, calldatasize) */
    0x5f, 0x54, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3, /* return(sload(0)) */
    0x00,
};

static void outbox_is_sent_once(struct dam_remote *chain, uint8_t secret[32], const char *folder,
                                struct dam_address *ret_contract)
{
    struct dam_tx_signer signer = {.sign = sign, .ctx = secret};
    struct dam_http_client lossy = {post_and_lose, NULL};
    struct dam_outbox_order order = {.id = {{1}}, .data = dam_bytes(init_code, sizeof(init_code))};
    struct dam_remote bad_chain;
    struct dam_outbox outbox;
    struct dam_outbox second;
    struct dam_hash hash;
    struct dam_hash again;
    struct dam_remote_receipt receipt;
    enum dam_outbox_state state;
    bool is_recorded;
    uint64_t nonce_before = 0;
    uint64_t nonce_after = 0;
    CHECK(dam_address_of_secret_key(secret, &signer.address) == DAM_OK);
    CHECK(dam_remote_nonce(chain, &arena, &signer.address, dam_remote_at_tag(DAM_REMOTE_LATEST),
                           &nonce_before) == DAM_OK);
    CHECK(dam_remote_open(&bad_chain, &arena, &lossy, urls, url_count, url_count, 5000) == DAM_OK);
    CHECK(dam_outbox_open(&outbox, &arena, &bad_chain, &signer, folder) == DAM_OK);
    CHECK(dam_outbox_open(&second, &arena, chain, &signer, folder) == DAM_ECONFLICT);
    CHECK(dam_outbox_send(&outbox, &arena, &order, &hash, &is_recorded) == DAM_ETIMEOUT);
    CHECK(is_recorded);
    CHECK(dam_outbox_send(&outbox, &arena, &order, &hash, &is_recorded) == DAM_ETIMEOUT);
    dam_outbox_close(&outbox); /* the process dies here, and another begins */
    CHECK(answers_lost == 2 * url_count); /* each endpoint is told */
    CHECK(dam_outbox_open(&outbox, &arena, chain, &signer, folder) == DAM_OK);
    CHECK(dam_outbox_send(&outbox, &arena, &order, &again, &is_recorded) == DAM_OK);
    CHECK(dam_hash_eq(&hash, &again));
    CHECK(dam_outbox_resend(&outbox, &arena) == DAM_OK);
    CHECK(dam_outbox_look(&outbox, &arena, &order.id, &state, &receipt) == DAM_OK);
    CHECK(state == DAM_OUTBOX_MINED || state == DAM_OUTBOX_FINAL);
    CHECK(receipt.succeeded && receipt.is_create);
    CHECK(dam_remote_nonce(chain, &arena, &signer.address, dam_remote_at_tag(DAM_REMOTE_LATEST),
                           &nonce_after) == DAM_OK);
    CHECK(nonce_after == nonce_before + 1);
    *ret_contract = receipt.contract;
    /* What would revert is refused before anything is recorded. */
    order = (struct dam_outbox_order){.id = {{2}}, .data = dam_bytes("\xfe", 1)};
    CHECK(dam_outbox_send(&outbox, &arena, &order, &hash, &is_recorded) == DAM_EREFUSED);
    CHECK(!is_recorded && chain->error.message[0] != '\0');
    /* A fee above the cap likewise. */
    order = (struct dam_outbox_order){.id = {{3}}, .to = ret_contract};
    outbox.max_fee_cap = dam_u256_from_u64(1);
    CHECK(dam_outbox_send(&outbox, &arena, &order, &hash, &is_recorded) == DAM_EREFUSED);
    CHECK(!is_recorded);
    outbox.max_fee_cap = dam_u256_from_u64(0);
    order.data = dam_bytes("ping", 4);
    CHECK(dam_outbox_send(&outbox, &arena, &order, &hash, &is_recorded) == DAM_OK);
    CHECK(dam_outbox_forget(&outbox, &order.id) == DAM_OK);
    CHECK(dam_outbox_look(&outbox, &arena, &order.id, &state, &receipt) == DAM_OK);
    CHECK(state == DAM_OUTBOX_UNKNOWN);
    dam_outbox_close(&outbox);
}

static void watcher_sees_the_log(struct dam_remote *chain, const struct dam_address *contract)
{
    struct dam_watcher watcher = {
        .chain = chain, .addresses = contract, .address_count = 1, .range_max = 2};
    struct dam_watcher_news news = {.to = 1};
    size_t logs = 0;
    unsigned steps = 0;
    /* Without finality of its own, the head counts as final: depth 0. */
    while (steps++ < 1000) {
        CHECK(dam_watcher_step(&watcher, &arena, &news) == DAM_OK);
        if (news.to < news.from) {
            break;
        }
        logs += news.log_count;
        for (size_t i = 0; i < news.log_count; i++) {
            CHECK(dam_bytes_eq(news.logs[i].log.data, dam_bytes("ping", 4)));
        }
        dam_watcher_accept(&watcher, &news);
    }
    (void)printf("watcher: %u steps to block %llu, %zu logs\n", steps,
                 (unsigned long long)watcher.number, logs);
    /* A chain whose past has changed is told apart. */
    if (watcher.number > 0) {
        watcher.hash.b[0] ^= 1;
        CHECK(dam_watcher_step(&watcher, &arena, &news) == DAM_ECONFLICT);
    }
}

static void fork_view_proves_what_it_says(struct dam_remote *chain,
                                          const struct dam_address *contract)
{
    struct dam_fork_view view;
    struct dam_evm *evm = NULL;
    struct dam_evm_block block;
    struct dam_evm_result result;
    struct dam_evm_diff diff;
    struct dam_chain_config config;
    struct dam_bytes answer = {0};
    struct dam_remote_call call = {.to = contract};
    struct dam_evm_message message = {.kind = DAM_EVM_KIND_CALL, .to = *contract, .gas = 1000000};
    CHECK(dam_remote_call(chain, &arena, &call, dam_remote_at_tag(DAM_REMOTE_LATEST), &answer) ==
          DAM_OK);
    CHECK(dam_fork_view_open(&view, chain, &arena, dam_remote_at_tag(DAM_REMOTE_LATEST)) == DAM_OK);
    CHECK(dam_evm_create(dam_heap(), NULL, &evm) == DAM_OK);
    dam_fork_view_block(&view, &block);
    dam_chain_config_init(&config, chain->chain_id, DAM_FORK_OSAKA);
    struct dam_evm_options options = dam_evm_options_of(&config, block.number, block.time);
    CHECK(dam_evm_apply_call(evm, &view.view, &block, &options, &message, &result, &diff) ==
          DAM_OK);
    CHECK(result.status == DAM_EVM_SUCCESS && dam_bytes_eq(result.output, answer));
    CHECK(answer.len == 32 && answer.data[31] == 42);
    /* Against another state root nothing holds. */
    dam_fork_view_close(&view);
    CHECK(dam_fork_view_open(&view, chain, &arena, dam_remote_at_tag(DAM_REMOTE_LATEST)) == DAM_OK);
    view.header.state_root.b[0] ^= 1;
    CHECK(dam_evm_apply_call(evm, &view.view, &block, &options, &message, &result, &diff) ==
          DAM_ECORRUPT);
    dam_evm_destroy(evm);
    dam_fork_view_close(&view);
}

static void endpoints_are_compared(void)
{
    struct dam_remote chain;
    struct dam_header header;
    struct dam_hash hash;
    const char *const some[] = {"http://127.0.0.1:1", urls[0], urls[url_count - 1]};
    CHECK(dam_remote_open(&chain, &arena, &http, some, 3, 2, 2000) == DAM_OK);
    CHECK(dam_remote_header(&chain, &arena, dam_remote_at_number(0), &header, &hash) == DAM_OK);
    chain.agree_min = 3;
    CHECK(dam_remote_header(&chain, &arena, dam_remote_at_number(0), &header, &hash) == DAM_EAGAIN);
    /* A proxy is reached, and tells that the node is not. */
    const enum dam_err nobody = getenv("http_proxy") == NULL ? DAM_EUNREACHABLE : DAM_EIO;
    CHECK(dam_remote_open(&chain, &arena, &http, some, 1, 1, 2000) == nobody);
    const char *const bad[] = {"ftp://127.0.0.1"};
    CHECK(dam_remote_open(&chain, &arena, &http, bad, 1, 1, 2000) == DAM_EPARSE);
}

int main(int argc, char **argv)
{
    struct dam_remote chain;
    struct dam_address contract = {{0}};
    struct dam_u256 balance = {{0}};
    uint8_t secret[32];
    if (argc < 3) {
        (void)fprintf(stderr, "usage: chain-live URL... FOLDER\n");
        return 2;
    }
    urls = (const char *const *)(argv + 1);
    url_count = (size_t)argc - 2;
    dam_arena_init(&arena, dam_heap(), 0);
    CHECK(dam_http_client_create(&http) == DAM_OK);
    CHECK(dam_hd_account(DAM_HD_DEV_MNEMONIC, 1, secret) == DAM_OK);
    CHECK(dam_remote_open(&chain, &arena, &http, urls, url_count, url_count, 10000) == DAM_OK);
    CHECK(dam_address_of_secret_key(secret, &contract) == DAM_OK);
    CHECK(dam_remote_balance(&chain, &arena, &contract, dam_remote_at_tag(DAM_REMOTE_LATEST),
                             &balance) == DAM_OK &&
          !dam_u256_is_zero(&balance));
    if (failed == 0) {
        outbox_is_sent_once(&chain, secret, argv[argc - 1], &contract);
        watcher_sees_the_log(&chain, &contract);
        fork_view_proves_what_it_says(&chain, &contract);
        endpoints_are_compared();
    }
    dam_http_client_destroy(&http);
    dam_arena_finish(&arena);
    (void)printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
