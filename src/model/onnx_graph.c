// SPDX-License-Identifier: Apache-2.0
#include "model/onnx_graph.h"

#include <stdlib.h>

/* protobuf.dev/programming-guides/encoding */
#define VARINT 0u
#define FIXED64 1u
#define LEN 2u
#define FIXED32 5u

static bool varint(struct dam_bytes *in, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && in->len > 0; shift += 7) {
        uint8_t byte = *in->data++;
        in->len--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool fixed(struct dam_bytes *in, size_t len, uint64_t *ret)
{
    if (in->len < len) {
        return false;
    }
    *ret = 0;
    for (size_t i = 0; i < len; i++) {
        *ret |= (uint64_t)in->data[i] << 8 * i; /* little-endian whatever the processor */
    }
    in->data += len;
    in->len -= len;
    return true;
}

bool dam_wire_next(struct dam_bytes *message, struct dam_wire_field *ret)
{
    struct dam_bytes in = *message;
    uint64_t tag = 0;
    if (in.len == 0 || !varint(&in, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX) {
        return false;
    }
    *ret = (struct dam_wire_field){.number = (uint32_t)(tag >> 3), .type = (uint32_t)(tag & 7)};
    bool good = false;
    switch (ret->type) {
    case VARINT:
        good = varint(&in, &ret->value);
        break;
    case FIXED64:
        good = fixed(&in, 8, &ret->value);
        break;
    case FIXED32:
        good = fixed(&in, 4, &ret->value);
        break;
    case LEN:
        good = varint(&in, &ret->value) && ret->value <= in.len;
        if (good) {
            ret->bytes = dam_bytes(in.data, (size_t)ret->value);
            in.data += ret->value;
            in.len -= (size_t)ret->value;
        }
        break;
    default: /* groups are not in proto3 */
        break;
    }
    if (good) {
        *message = in;
    }
    return good;
}

static double bits_to_double(uint64_t bits, size_t len)
{
    if (len == 4) {
        uint32_t half = (uint32_t)bits;
        float f;
        memcpy(&f, &half, sizeof(f));
        return f;
    }
    double d;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

/* ---- lists: packed or one field an element ---- */

struct list {
    double *values;
    size_t count;
    size_t cap;
};

static bool push(struct list *list, double value)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 64 : list->cap * 2;
        double *bigger = cap > DAM_ONNX_ELEMENTS_MAX * 2
                             ? NULL
                             : realloc(list->values, cap * sizeof(*list->values));
        if (bigger == NULL) {
            return false;
        }
        list->values = bigger;
        list->cap = cap;
    }
    list->values[list->count++] = value;
    return true;
}

static bool push_field(struct list *list, const struct dam_wire_field *field, size_t float_len)
{
    if (field->type == VARINT) {
        return push(list, (double)(int64_t)field->value);
    }
    if (field->type == FIXED32 || field->type == FIXED64) {
        return push(list, bits_to_double(field->value, field->type == FIXED32 ? 4 : 8));
    }
    struct dam_bytes in = field->bytes;
    bool good = true;
    while (good && in.len > 0) {
        uint64_t value = 0;
        if (float_len > 0) {
            good = fixed(&in, float_len, &value) && push(list, bits_to_double(value, float_len));
        } else {
            good = varint(&in, &value) && push(list, (double)(int64_t)value);
        }
    }
    return good;
}

/* ---- tensors ---- */

enum tensor_type {
    TENSOR_FLOAT = 1,
    TENSOR_UINT8 = 2,
    TENSOR_INT8 = 3,
    TENSOR_INT32 = 6,
    TENSOR_INT64 = 7,
    TENSOR_BOOL = 9,
    TENSOR_DOUBLE = 11,
};

static size_t type_len(int32_t type)
{
    return type == TENSOR_FLOAT || type == TENSOR_INT32                         ? 4
           : type == TENSOR_INT64 || type == TENSOR_DOUBLE                      ? 8
           : type == TENSOR_UINT8 || type == TENSOR_INT8 || type == TENSOR_BOOL ? 1
                                                                                : 0;
}

static bool push_raw(struct list *list, struct dam_bytes raw, int32_t type)
{
    size_t len = type_len(type);
    if (len == 0 || raw.len % len != 0) {
        return false;
    }
    while (raw.len > 0) {
        uint64_t bits = 0;
        double value = 0;
        if (!fixed(&raw, len, &bits)) {
            return false;
        }
        switch ((enum tensor_type)type) {
        case TENSOR_FLOAT:
        case TENSOR_DOUBLE:
            value = bits_to_double(bits, len);
            break;
        case TENSOR_INT8:
            value = (int8_t)bits;
            break;
        case TENSOR_INT32:
            value = (int32_t)bits;
            break;
        case TENSOR_INT64:
            value = (double)(int64_t)bits;
            break;
        case TENSOR_UINT8:
        case TENSOR_BOOL:
            value = (double)bits;
            break;
        }
        if (!push(list, value)) {
            return false;
        }
    }
    return true;
}

static bool tensor_fields(struct dam_bytes message, struct dam_onnx_tensor *ret, struct list *list)
{
    struct dam_wire_field field;
    struct list dims = {0};
    struct dam_bytes raw = {0};
    bool good = true;
    while (good && dam_wire_next(&message, &field)) {
        switch (field.number) {
        case 1:
            good = push_field(&dims, &field, 0);
            break;
        case 2:
            ret->type = (int32_t)field.value;
            break;
        case 4:
            good = push_field(list, &field, 4);
            break;
        case 5:
        case 7:
            good = push_field(list, &field, 0);
            break;
        case 8:
            ret->name = field.bytes;
            break;
        case 9:
            raw = field.bytes;
            break;
        case 10:
            good = push_field(list, &field, 8);
            break;
        case 14: /* data_location: 1 is another file */
            good = field.value == 0;
            break;
        default: /* names and documentation */
            break;
        }
    }
    good = good && message.len == 0 && dims.count <= DAM_ONNX_DIMS_MAX &&
           (raw.len == 0 || push_raw(list, raw, ret->type));
    size_t count = 1;
    for (size_t i = 0; good && i < dims.count; i++) {
        good = dims.values[i] >= 0 && dims.values[i] <= DAM_ONNX_ELEMENTS_MAX &&
               count * dims.values[i] <= DAM_ONNX_ELEMENTS_MAX;
        ret->dims[i] = good ? (size_t)dims.values[i] : 0;
        count *= ret->dims[i];
    }
    ret->dims_count = (uint32_t)dims.count;
    free(dims.values);
    return good && count == list->count;
}

bool dam_onnx_tensor(struct dam_bytes message, struct dam_onnx_tensor *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct list list = {0};
    if (!tensor_fields(message, ret, &list)) {
        free(list.values);
        return false;
    }
    ret->values = list.values;
    ret->count = list.count;
    return true;
}

/* ---- graph ---- */

bool dam_onnx_graph(struct dam_bytes file, struct dam_bytes *ret)
{
    struct dam_wire_field field;
    bool found = false;
    while (dam_wire_next(&file, &field)) {
        if (field.number == 7 && field.type == LEN) {
            *ret = field.bytes;
            found = true;
        }
    }
    return found && file.len == 0;
}

bool dam_onnx_node(struct dam_bytes message, struct dam_onnx_node *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->message = message;
    struct dam_wire_field field;
    while (dam_wire_next(&message, &field)) {
        if (field.number == 1 && ret->inputs_count++ < DAM_COUNT_OF(ret->inputs)) {
            ret->inputs[ret->inputs_count - 1] = field.bytes;
        } else if (field.number == 2 && ret->outputs_count++ < DAM_COUNT_OF(ret->outputs)) {
            ret->outputs[ret->outputs_count - 1] = field.bytes;
        } else if (field.number == 4) {
            ret->op = field.bytes;
        }
    }
    return message.len == 0;
}

/* The first submessage with this number. */
static struct dam_bytes submessage(struct dam_bytes message, uint32_t number)
{
    struct dam_wire_field field;
    while (dam_wire_next(&message, &field)) {
        if (field.number == number && field.type == LEN) {
            return field.bytes;
        }
    }
    return dam_bytes(NULL, 0);
}

void dam_onnx_value_info(struct dam_bytes message, struct dam_bytes *ret_name, size_t *ret_last)
{
    *ret_name = submessage(message, 1);
    *ret_last = 0;
    struct dam_bytes shape = submessage(submessage(submessage(message, 2), 1), 2);
    struct dam_wire_field dim;
    while (dam_wire_next(&shape, &dim)) {
        struct dam_bytes in = dim.bytes;
        struct dam_wire_field field;
        *ret_last = dam_wire_next(&in, &field) && field.number == 1 ? (size_t)field.value : 0;
    }
}

bool dam_onnx_attribute(const struct dam_onnx_node *node, const char *name, struct dam_bytes *ret)
{
    struct dam_bytes message = node->message;
    struct dam_wire_field field;
    while (dam_wire_next(&message, &field)) {
        if (field.number == 5 && field.type == LEN &&
            dam_onnx_is(submessage(field.bytes, 1), name)) {
            *ret = field.bytes;
            return true;
        }
    }
    return false;
}

/* A scalar field of an attribute. */
static bool scalar(const struct dam_onnx_node *node, const char *name, uint32_t number,
                   uint64_t *ret)
{
    struct dam_bytes message;
    struct dam_wire_field field;
    if (!dam_onnx_attribute(node, name, &message)) {
        return false;
    }
    while (dam_wire_next(&message, &field)) {
        if (field.number == number) {
            *ret = field.value;
            return true;
        }
    }
    return false;
}

double dam_onnx_float(const struct dam_onnx_node *node, const char *name, double fallback)
{
    uint64_t bits = 0;
    return scalar(node, name, 2, &bits) ? bits_to_double(bits, 4) : fallback;
}

int64_t dam_onnx_int(const struct dam_onnx_node *node, const char *name, int64_t fallback)
{
    uint64_t bits = 0;
    return scalar(node, name, 3, &bits) ? (int64_t)bits : fallback;
}

struct dam_bytes dam_onnx_string(const struct dam_onnx_node *node, const char *name)
{
    struct dam_bytes message;
    return dam_onnx_attribute(node, name, &message) ? submessage(message, 4) : dam_bytes(NULL, 0);
}

bool dam_onnx_list(const struct dam_onnx_node *node, const char *name, double **ret, size_t *count)
{
    *ret = NULL;
    *count = 0;
    struct dam_bytes message;
    struct dam_wire_field field;
    struct list list = {0};
    if (!dam_onnx_attribute(node, name, &message)) {
        return true;
    }
    bool good = true;
    while (good && dam_wire_next(&message, &field)) {
        if (field.number == 7) {
            good = push_field(&list, &field, 4);
        } else if (field.number == 8) {
            good = push_field(&list, &field, 0);
        } else if (field.number == 5 && list.count == 0) {
            struct dam_onnx_tensor tensor;
            good = dam_onnx_tensor(field.bytes, &tensor);
            list = (struct list){tensor.values, tensor.count, tensor.count};
        }
    }
    if (!good || message.len != 0) {
        free(list.values);
        return false;
    }
    *ret = list.values;
    *count = list.count;
    return true;
}

bool dam_onnx_next_string(struct dam_bytes *attribute, struct dam_bytes *ret)
{
    struct dam_wire_field field;
    while (dam_wire_next(attribute, &field)) {
        if (field.number == 9) {
            *ret = field.bytes;
            return true;
        }
    }
    return false;
}
