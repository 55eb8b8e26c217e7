// SPDX-License-Identifier: Apache-2.0
/* ABI values as JSON. */
#include "base/u256_text.h"
#include "core/eth/abi.h"
#include "core/eth/address.h"

/* A number of either sign, as two's complement. Whether it fits is for the encoder to say, but a
 * sign that does not survive in 256 bits is refused here. */
static enum dam_err number_read(const struct dam_json *json, bool is_signed, struct dam_u256 *ret)
{
    if (json->type != DAM_JSON_NUMBER && json->type != DAM_JSON_STRING) {
        return DAM_EPARSE;
    }
    bool negative = json->len > 0 && json->text[0] == '-';
    struct dam_json size = *json;
    struct dam_u256 zero = {{0}};
    struct dam_u256 value;
    size.text += negative;
    size.len -= negative;
    DAM_TRY(dam_json_any_u256(&size, &value));
    if (negative && !dam_u256_is_zero(&value)) {
        (void)dam_u256_sub(&value, &zero, &value); /* wraps: that is the complement */
        if (!is_signed || value.w[3] >> 63 == 0) {
            return DAM_ERANGE;
        }
    } else if (is_signed && value.w[3] >> 63 != 0) {
        return DAM_ERANGE;
    }
    *ret = value;
    return DAM_OK;
}

static enum dam_err items_read(struct dam_arena *arena, const struct dam_abi_type *type,
                               const struct dam_json *json, struct dam_abi_value *ret)
{
    bool by_name = type->kind == DAM_ABI_TUPLE && json->type == DAM_JSON_OBJECT;
    if (!by_name && json->type != DAM_JSON_ARRAY) {
        return DAM_EPARSE;
    }
    if (type->kind != DAM_ABI_LIST && json->count != type->size) {
        return DAM_ERANGE;
    }
    struct dam_abi_value *items = dam_arena_zalloc(arena, json->count * sizeof(*items));
    if (items == NULL) {
        return DAM_ENOMEM;
    }
    const struct dam_json *at = dam_json_first(json);
    for (uint32_t i = 0; i < json->count; i++) {
        const struct dam_abi_type *item = type->item;
        if (type->kind == DAM_ABI_TUPLE) {
            item = type->members[i].type;
            at = by_name ? dam_json_get(json, type->members[i].name) : at;
        }
        if (at == NULL) {
            return DAM_EPARSE;
        }
        DAM_TRY(dam_abi_value_from_json(arena, item, at, &items[i]));
        at = dam_json_next(at);
    }
    ret->items = items;
    ret->count = json->count;
    return DAM_OK;
}

enum dam_err dam_abi_value_from_json(struct dam_arena *arena, const struct dam_abi_type *type,
                                     const struct dam_json *json, struct dam_abi_value *ret)
{
    struct dam_abi_value value = {0};
    struct dam_address address;
    bool truth = false;
    switch (type->kind) {
    case DAM_ABI_UINT:
    case DAM_ABI_INT:
        DAM_TRY(number_read(json, type->kind == DAM_ABI_INT, &value.word));
        break;
    case DAM_ABI_ADDRESS:
        if (json->type != DAM_JSON_STRING) {
            return DAM_EPARSE;
        }
        DAM_TRY(dam_address_from_text(json->text, json->len, &address));
        value.word = dam_u256_from_address(&address);
        break;
    case DAM_ABI_BOOL:
        DAM_TRY(dam_json_bool(json, &truth));
        value.word = dam_u256_from_u64(truth);
        break;
    case DAM_ABI_FIXED_BYTES:
    case DAM_ABI_BYTES:
        DAM_TRY(dam_json_hex(json, arena, &value.bytes));
        break;
    case DAM_ABI_STRING:
        if (json->type != DAM_JSON_STRING) {
            return DAM_EPARSE;
        }
        value.bytes = dam_bytes(json->text, json->len);
        break;
    case DAM_ABI_ARRAY:
    case DAM_ABI_LIST:
    case DAM_ABI_TUPLE:
        DAM_TRY(items_read(arena, type, json, &value));
        break;
    }
    *ret = value;
    return DAM_OK;
}

static void number_put(const struct dam_u256 *word, bool is_signed, struct dam_json_writer *w)
{
    char text[1 + DAM_U256_DEC_SIZE] = "-";
    struct dam_u256 zero = {{0}};
    struct dam_u256 size = *word;
    bool negative = is_signed && word->w[3] >> 63 != 0;
    if (negative) {
        (void)dam_u256_sub(&size, &zero, word); /* the size of a complement */
    }
    size_t len = dam_u256_to_dec(&size, text + negative);
    dam_json_put_string(w, text, len + negative);
}

void dam_abi_value_to_json(const struct dam_abi_type *type, const struct dam_abi_value *value,
                           struct dam_json_writer *w)
{
    char text[DAM_ADDRESS_TEXT_SIZE];
    struct dam_address address;
    switch (type->kind) {
    case DAM_ABI_UINT:
    case DAM_ABI_INT:
        number_put(&value->word, type->kind == DAM_ABI_INT, w);
        break;
    case DAM_ABI_ADDRESS:
        address = dam_u256_to_address(&value->word);
        dam_address_to_text(&address, text);
        dam_json_put_cstr(w, text);
        break;
    case DAM_ABI_BOOL:
        dam_json_put_bool(w, !dam_u256_is_zero(&value->word));
        break;
    case DAM_ABI_FIXED_BYTES:
    case DAM_ABI_BYTES:
        dam_json_put_data(w, value->bytes.data, value->bytes.len);
        break;
    case DAM_ABI_STRING:
        dam_json_put_string(w, (const char *)value->bytes.data, value->bytes.len);
        break;
    case DAM_ABI_ARRAY:
    case DAM_ABI_LIST:
    case DAM_ABI_TUPLE:
        dam_json_put_array(w);
        for (size_t i = 0; i < value->count; i++) {
            const struct dam_abi_type *item =
                type->kind == DAM_ABI_TUPLE ? type->members[i].type : type->item;
            dam_abi_value_to_json(item, &value->items[i], w);
        }
        dam_json_put_array_end(w);
        break;
    }
}
