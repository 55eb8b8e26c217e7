// SPDX-License-Identifier: Apache-2.0
/* The generated bindings against calldata and a log whose bytes are known (ERC-20). */
#include "base/heap.h"
#include "chain/contract_test_token.h"

#include <stdio.h>

static unsigned passed;
static unsigned failed;

static void check(bool ok, const char *what)
{
    passed += ok;
    failed += !ok;
    if (!ok) {
        (void)printf("FAILED %s\n", what);
    }
}

int main(void)
{
    struct dam_arena arena;
    struct dam_buf buf;
    const struct dam_address to = {{[19] = 7}};
    const struct dam_u256 value = {{1000}};
    uint8_t want[68] = {0xa9, 0x05, 0x9c, 0xbb};
    want[4 + 31] = 7;
    want[4 + 62] = 0x03;
    want[4 + 63] = 0xe8;
    dam_arena_init(&arena, dam_heap(), 0);
    dam_buf_init_arena(&buf, &arena, 0);
    check(dam_test_token_transfer(&buf, to, value) == DAM_OK, "encoding");
    check(dam_bytes_eq(dam_buf_bytes(&buf), dam_bytes(want, sizeof(want))), "calldata");

    struct dam_test_token_event_transfer event;
    struct dam_log log = {.topic_count = 3, .data = dam_bytes(want + 36, 32)};
    log.topics[0] =
        dam_abi_find(&dam_test_token_abi, DAM_ABI_EVENT, "Transfer(address,address,uint256)")->hash;
    log.topics[1].b[31] = 3;
    log.topics[2].b[31] = 7;
    check(dam_test_token_event_transfer_decode(&arena, &log, &event) == DAM_OK, "decoding");
    check(event.from.b[19] == 3 && dam_address_eq(&event.to, &to), "topics");
    check(dam_u256_eq(&event.value, &value), "data");
    log.topics[0].b[0] ^= 1;
    check(dam_test_token_event_transfer_decode(&arena, &log, &event) == DAM_ENOTFOUND, "other");
    dam_arena_finish(&arena);
    (void)printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
