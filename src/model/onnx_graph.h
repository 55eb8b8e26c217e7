// SPDX-License-Identifier: Apache-2.0
/* ONNX files as they lie: a reader of the protobuf wire format and views of the few messages of
 * onnx.proto3 that a model needs. Borrows from the file; copies tensors into doubles. Private to
 * this room. */
#ifndef DAM_MODEL_ONNX_GRAPH_H
#define DAM_MODEL_ONNX_GRAPH_H

#include "base/attr.h"
#include "base/bytes.h"

#define DAM_ONNX_DIMS_MAX 4u
#define DAM_ONNX_ELEMENTS_MAX 16000000u

/* One field of a message. value: a varint or the bits of a fixed; bytes: of wire type 2. */
struct dam_wire_field {
    uint32_t number;
    uint32_t type;
    uint64_t value;
    struct dam_bytes bytes;
};

/** The next field. Returns: false at the end; then message->len is 0, or what is left is malformed.
 */
bool dam_wire_next(struct dam_bytes *message, struct dam_wire_field *ret);

struct dam_onnx_tensor {
    struct dam_bytes name;
    uint32_t dims_count;
    size_t dims[DAM_ONNX_DIMS_MAX];
    int32_t type; /* TensorProto.DataType */
    size_t count;
    double *values; /* owned */
};

struct dam_onnx_node {
    struct dam_bytes op;
    struct dam_bytes inputs[8]; /* more are counted, not kept */
    uint32_t inputs_count;
    struct dam_bytes outputs[4];
    uint32_t outputs_count;
    struct dam_bytes message; /* for its attributes */
};

/** Find GraphProto in ModelProto. Returns: false when there is none. */
bool dam_onnx_graph(struct dam_bytes file, struct dam_bytes *ret);

/** Read NodeProto. Returns: false when malformed. */
bool dam_onnx_node(struct dam_bytes message, struct dam_onnx_node *ret);

/** Read TensorProto into doubles. Returns: false when malformed, of a type that is no number,
 * stored outside the file, or too large. */
bool dam_onnx_tensor(struct dam_bytes message, struct dam_onnx_tensor *ret);

/** Name and last dimension (0: free) of ValueInfoProto. */
void dam_onnx_value_info(struct dam_bytes message, struct dam_bytes *ret_name, size_t *ret_last);

/** The attribute of a node. Returns: false when it has none of that name; else its message. */
bool dam_onnx_attribute(const struct dam_onnx_node *node, const char *name, struct dam_bytes *ret);

/** A scalar attribute, or fallback. */
double dam_onnx_float(const struct dam_onnx_node *node, const char *name, double fallback);
int64_t dam_onnx_int(const struct dam_onnx_node *node, const char *name, int64_t fallback);
/** A string attribute; empty when absent. */
struct dam_bytes dam_onnx_string(const struct dam_onnx_node *node, const char *name);

/** A list attribute of floats or ints, or a tensor attribute, as doubles.
 *  Returns: false when malformed or out of memory; absent: true, count 0. Out: *ret to be freed. */
bool dam_onnx_list(const struct dam_onnx_node *node, const char *name, double **ret, size_t *count);

/** The next string of a list attribute. Returns: false past the end. In: attribute: what
 * dam_onnx_attribute gave; moves on. */
bool dam_onnx_next_string(struct dam_bytes *attribute, struct dam_bytes *ret);

static inline bool dam_onnx_is(struct dam_bytes text, const char *word)
{
    return dam_bytes_eq(text, dam_bytes(word, strlen(word)));
}

#endif
