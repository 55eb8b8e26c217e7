// SPDX-License-Identifier: Apache-2.0
/* The input is a type, a newline, and bytes. A type that parses has a name that parses to itself; a
 * value that decodes encodes, decodes and encodes to the same bytes, and as JSON as well. */
#include "base/assert.h"
#include "base/heap.h"
#include "core/eth/abi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dam_bytes name_of(struct dam_arena *arena, const struct dam_abi_type *type)
{
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    dam_abi_type_name(type, &buf);
    DAM_ASSERT(dam_buf_err(&buf) == DAM_OK);
    return dam_buf_bytes(&buf);
}

static struct dam_bytes encoded(struct dam_arena *arena, const struct dam_abi_type *type,
                                const struct dam_abi_value *values, size_t count)
{
    struct dam_buf buf;
    dam_buf_init_arena(&buf, arena, 0);
    DAM_ASSERT(dam_abi_encode(type, values, count, &buf) == DAM_OK);
    return dam_buf_bytes(&buf);
}

static void json_round_trip(struct dam_arena *arena, const struct dam_abi_type *type,
                            const struct dam_abi_value *values, struct dam_bytes want)
{
    struct dam_abi_value tuple = {.items = values, .count = type->size};
    struct dam_abi_value again;
    struct dam_buf buf;
    const struct dam_json *json;
    dam_buf_init_arena(&buf, arena, 0);
    struct dam_json_writer w = {.buf = &buf};
    dam_abi_value_to_json(type, &tuple, &w);
    DAM_ASSERT(dam_buf_err(&buf) == DAM_OK);
    DAM_ASSERT(dam_json_parse(arena, (const char *)buf.data, buf.len, 0, &json, NULL) == DAM_OK);
    DAM_ASSERT(dam_abi_value_from_json(arena, type, json, &again) == DAM_OK);
    DAM_ASSERT(dam_bytes_eq(encoded(arena, type, again.items, again.count), want));
}

static void run(struct dam_arena *arena, const uint8_t *data, size_t size)
{
    const uint8_t *newline = size == 0 ? NULL : memchr(data, '\n', size);
    const struct dam_abi_type *type;
    const struct dam_abi_type *again;
    const struct dam_abi_value *values;
    size_t text_len = newline == NULL ? size : (size_t)(newline - data);
    if (text_len > 200 ||
        dam_abi_type_parse(arena, (const char *)data, text_len, &type) != DAM_OK) {
        return;
    }
    struct dam_bytes name = name_of(arena, type);
    DAM_ASSERT(dam_abi_type_parse(arena, (const char *)name.data, name.len, &again) == DAM_OK);
    DAM_ASSERT(dam_bytes_eq(name_of(arena, again), name));
    if (type->kind != DAM_ABI_TUPLE || newline == NULL) {
        return;
    }
    struct dam_bytes bytes = dam_bytes(newline + 1, size - text_len - 1);
    if (dam_abi_decode(arena, type, bytes, &values) == DAM_OK) {
        struct dam_bytes first = encoded(arena, type, values, type->size);
        DAM_ASSERT(first.len <= bytes.len);
        DAM_ASSERT(dam_abi_decode(arena, type, first, &values) == DAM_OK);
        DAM_ASSERT(dam_bytes_eq(encoded(arena, type, values, type->size), first));
        json_round_trip(arena, type, values, first);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_arena arena;
    dam_arena_init(&arena, dam_heap(), 0);
    run(&arena, data, size);
    dam_arena_finish(&arena);
    return 0;
}
