// SPDX-License-Identifier: Apache-2.0
#include "chain/calldata.h"

#include "base/assert.h"
#include "core/eth/abi.h"

struct dam_u256 dam_calldata_word(const struct dam_address *address)
{
    uint8_t word[32] = {0};
    memcpy(word + 12, address->b, sizeof(address->b));
    return dam_u256_load_be(word);
}

enum dam_err dam_calldata_make(struct dam_arena *arena, const char *signature,
                               const struct dam_u256 *words, size_t count, struct dam_bytes *ret)
{
    DAM_ASSERT(count <= DAM_CALLDATA_WORDS_MAX);
    uint8_t *data = dam_arena_alloc(arena, 4 + 32 * DAM_CALLDATA_WORDS_MAX);
    if (data == NULL) {
        return DAM_ENOMEM;
    }
    dam_abi_selector(signature, data);
    for (size_t i = 0; i < count; i++) {
        dam_u256_store_be(data + 4 + 32 * i, &words[i]);
    }
    *ret = dam_bytes(data, 4 + 32 * count);
    return DAM_OK;
}

enum dam_err dam_calldata_execute(struct dam_arena *arena, const struct dam_calldata_call *calls,
                                  size_t count, struct dam_bytes *ret)
{
    static const uint8_t mode_batch[32] = {0x01}; /* ERC-7821: all or nothing, no opData */
    static const char calls_type[] = "((address,uint256,bytes)[])";
    const struct dam_abi_type *type;
    struct dam_abi_entry execute;
    struct dam_abi_value fields[DAM_CALLDATA_CALLS_MAX][3] = {0};
    struct dam_abi_value tuples[DAM_CALLDATA_CALLS_MAX] = {0};
    struct dam_buf encoded;
    struct dam_buf calldata;
    DAM_ASSERT(count <= DAM_CALLDATA_CALLS_MAX);
    DAM_TRY(dam_abi_type_parse(arena, calls_type, sizeof(calls_type) - 1, &type));
    DAM_TRY(dam_abi_entry_parse(arena, "execute(bytes32,bytes)", &execute));
    for (size_t i = 0; i < count; i++) {
        fields[i][0].word = dam_calldata_word(&calls[i].target);
        fields[i][2].bytes = calls[i].data;
        tuples[i] = (struct dam_abi_value){.items = fields[i], .count = 3};
    }
    const struct dam_abi_value list = {.items = tuples, .count = count};
    dam_buf_init_arena(&encoded, arena, 0);
    DAM_TRY(dam_abi_encode(type, &list, 1, &encoded));
    DAM_TRY(dam_buf_err(&encoded));
    const struct dam_abi_value arguments[] = {
        {.bytes = dam_bytes(mode_batch, sizeof(mode_batch))},
        {.bytes = dam_buf_bytes(&encoded)},
    };
    dam_buf_init_arena(&calldata, arena, 0);
    DAM_TRY(dam_abi_encode_call(&execute, arguments, 2, &calldata));
    DAM_TRY(dam_buf_err(&calldata));
    *ret = dam_buf_bytes(&calldata);
    return DAM_OK;
}
