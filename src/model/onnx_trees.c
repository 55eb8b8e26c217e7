// SPDX-License-Identifier: Apache-2.0
#include "model/onnx_trees.h"

#include <math.h>
#include <stdlib.h>

/* The columns of the operator, one entry a node or a weight. */
enum column {
    TREE_ID,
    NODE_ID,
    FEATURE,
    THRESHOLD,
    YES,
    NO,
    MISSING,
    WEIGHT_TREE,
    WEIGHT_NODE,
    WEIGHT_OUTPUT,
    WEIGHT,
    BASE,
    COLUMNS,
};

struct ensemble {
    bool classifier;
    double *column[COLUMNS];
    size_t count[COLUMNS];
    uint8_t *mode; /* of each node: one of the letters below */
};

#define MODE_LEAF 'f'
#define MODE_LE 'l'
#define MODE_LT 't'

static void ensemble_free(struct ensemble *e)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        free(e->column[i]);
    }
    free(e->mode);
}

static bool read_columns(const struct dam_onnx_node *node, struct ensemble *e)
{
    static const char *const names[COLUMNS][2] = {
        [TREE_ID] = {"nodes_treeids", "nodes_treeids"},
        [NODE_ID] = {"nodes_nodeids", "nodes_nodeids"},
        [FEATURE] = {"nodes_featureids", "nodes_featureids"},
        [THRESHOLD] = {"nodes_values", "nodes_values"},
        [YES] = {"nodes_truenodeids", "nodes_truenodeids"},
        [NO] = {"nodes_falsenodeids", "nodes_falsenodeids"},
        [MISSING] = {"nodes_missing_value_tracks_true", "nodes_missing_value_tracks_true"},
        [WEIGHT_TREE] = {"target_treeids", "class_treeids"},
        [WEIGHT_NODE] = {"target_nodeids", "class_nodeids"},
        [WEIGHT_OUTPUT] = {"target_ids", "class_ids"},
        [WEIGHT] = {"target_weights", "class_weights"},
        [BASE] = {"base_values", "base_values"},
    };
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *name = names[i][e->classifier];
        if (!dam_onnx_list(node, name, &e->column[i], &e->count[i])) {
            return false;
        }
        char tensor[64];
        size_t len = strlen(name);
        memcpy(tensor, name, len);
        memcpy(tensor + len, "_as_tensor", sizeof("_as_tensor"));
        if (e->count[i] == 0 && !dam_onnx_list(node, tensor, &e->column[i], &e->count[i])) {
            return false;
        }
    }
    size_t nodes = e->count[TREE_ID];
    for (size_t i = NODE_ID; i <= NO; i++) {
        if (e->count[i] != nodes) {
            return false;
        }
    }
    for (size_t i = WEIGHT_NODE; i <= WEIGHT; i++) {
        if (e->count[i] != e->count[WEIGHT_TREE]) {
            return false;
        }
    }
    return nodes > 0 && (e->count[MISSING] == 0 || e->count[MISSING] == nodes);
}

/* BRANCH_GT and BRANCH_GTE become LE and LT with their children exchanged. */
static bool read_modes(const struct dam_onnx_node *node, struct ensemble *e)
{
    struct dam_bytes attribute;
    struct dam_bytes mode;
    size_t nodes = e->count[TREE_ID];
    e->mode = calloc(nodes, 1);
    if (e->mode == NULL || !dam_onnx_attribute(node, "nodes_modes", &attribute)) {
        return false;
    }
    for (size_t i = 0; i < nodes; i++) {
        if (!dam_onnx_next_string(&attribute, &mode)) {
            return false;
        }
        bool gt = dam_onnx_is(mode, "BRANCH_GT");
        bool gte = dam_onnx_is(mode, "BRANCH_GTE");
        e->mode[i] = dam_onnx_is(mode, "LEAF")               ? MODE_LEAF
                     : dam_onnx_is(mode, "BRANCH_LEQ") || gt ? MODE_LE
                     : dam_onnx_is(mode, "BRANCH_LT") || gte ? MODE_LT
                                                             : 0;
        if (e->mode[i] == 0) {
            return false;
        }
        if (gt || gte) {
            double yes = e->column[YES][i];
            e->column[YES][i] = e->column[NO][i];
            e->column[NO][i] = yes;
            if (e->count[MISSING] > 0) {
                e->column[MISSING][i] = e->column[MISSING][i] == 0;
            }
        }
    }
    return true;
}

static enum dam_err one_test(const struct ensemble *e, struct dam_float *ret, char *why)
{
    uint8_t first = 0;
    for (size_t i = 0; i < e->count[TREE_ID]; i++) {
        if (e->mode[i] == MODE_LEAF) {
            continue;
        }
        if (first != 0 && e->mode[i] != first) {
            return dam_why(why, DAM_EUNSUPPORTED,
                           "ONNX trees that mix < and <= tests; export them from one trainer");
        }
        first = e->mode[i];
    }
    ret->test_le = first != MODE_LT;
    return DAM_OK;
}

/* The nodes [from, to) of one tree. */
struct span {
    size_t from;
    size_t to;
};

static struct span span_of(const struct ensemble *e, size_t from)
{
    size_t to = from;
    while (to < e->count[TREE_ID] && e->column[TREE_ID][to] == e->column[TREE_ID][from]) {
        to++;
    }
    return (struct span){from, to};
}

/* Position of a node id inside its tree: usually the id itself. */
static int32_t position(const struct ensemble *e, struct span span, double id)
{
    size_t count = span.to - span.from;
    if (id >= 0 && id < (double)count && e->column[NODE_ID][span.from + (size_t)id] == id) {
        return (int32_t)id;
    }
    for (size_t i = 0; i < count; i++) {
        if (e->column[NODE_ID][span.from + i] == id) {
            return (int32_t)i;
        }
    }
    return -1;
}

static bool add_tree(const struct ensemble *e, struct span span, const double *scale,
                     const double *shift, uint32_t output, const double *leaf,
                     struct dam_float *ret)
{
    if (!dam_float_tree_begin(ret, output)) {
        return false;
    }
    for (size_t i = span.from; i < span.to; i++) {
        struct dam_float_node node = {
            .yes = -1, .no = -1, .value = leaf[(i - span.from) * ret->outputs + output]};
        if (e->mode[i] != MODE_LEAF) {
            double feature = e->column[FEATURE][i];
            node.yes = position(e, span, e->column[YES][i]);
            node.no = position(e, span, e->column[NO][i]);
            if (!(feature >= 0 && feature < ret->inputs) || node.yes < 0 || node.no < 0) {
                return false;
            }
            node.feature = (uint32_t)feature;
            node.threshold = (e->column[THRESHOLD][i] - shift[node.feature]) / scale[node.feature];
            node.missing_yes = e->count[MISSING] > 0 && e->column[MISSING][i] != 0;
        }
        if (!dam_float_node_add(ret, &node)) {
            return false;
        }
    }
    return dam_float_tree_end(ret);
}

/* Weights are listed tree by tree, as the nodes are; *at walks along. */
static bool add_trees_of(const struct ensemble *e, struct span span, size_t *at,
                         const double *scale, const double *shift, struct dam_float *ret)
{
    size_t count = span.to - span.from;
    double tree = e->column[TREE_ID][span.from];
    double *leaf = calloc(count * ret->outputs, sizeof(*leaf));
    bool present[64] = {false};
    bool good = leaf != NULL;
    for (; good && *at < e->count[WEIGHT_TREE] && e->column[WEIGHT_TREE][*at] == tree; ++*at) {
        double output = e->column[WEIGHT_OUTPUT][*at];
        int32_t node = position(e, span, e->column[WEIGHT_NODE][*at]);
        good = node >= 0 && output >= 0 && output < ret->outputs;
        if (good) {
            leaf[(size_t)node * ret->outputs + (size_t)output] += e->column[WEIGHT][*at];
            present[(size_t)output] = true;
        }
    }
    for (uint32_t output = 0; good && output < ret->outputs; output++) {
        good = !present[output] || add_tree(e, span, scale, shift, output, leaf, ret);
    }
    free(leaf);
    return good;
}

static enum dam_err count_outputs(const struct dam_onnx_node *node, struct ensemble *e,
                                  struct dam_float *ret, char *why)
{
    double last = 0;
    bool single_id = true;
    for (size_t i = 0; i < e->count[WEIGHT_OUTPUT]; i++) {
        double id = e->column[WEIGHT_OUTPUT][i];
        single_id = single_id && id == e->column[WEIGHT_OUTPUT][0];
        last = id > last ? id : last;
    }
    struct dam_bytes link = dam_onnx_string(node, "post_transform");
    ret->link = dam_onnx_is(link, "LOGISTIC")  ? DAM_LINK_SIGMOID
                : dam_onnx_is(link, "SOFTMAX") ? DAM_LINK_SOFTMAX
                                               : DAM_LINK_NONE;
    ret->classes = e->classifier;
    double outputs = e->classifier ? last + 1 : (double)dam_onnx_int(node, "n_targets", 1);
    if (e->classifier && single_id && last <= 1) {
        /* Two classes and one column of weights: the score of the second. */
        for (size_t i = 0; i < e->count[WEIGHT_OUTPUT]; i++) {
            e->column[WEIGHT_OUTPUT][i] = 0;
        }
        outputs = 1;
    }
    if (!(outputs >= 1 && outputs <= 64)) {
        return dam_why(why, DAM_EUNSUPPORTED, "the model has %g outputs; at most 64 fit", outputs);
    }
    ret->outputs = (uint32_t)outputs;
    for (uint32_t i = 0; i < ret->outputs; i++) {
        bool own = i < e->count[BASE];
        ret->base[i] = own ? e->column[BASE][e->count[BASE] == 2 && outputs == 1 ? 1 : i] : 0;
    }
    return DAM_OK;
}

static enum dam_err build(const struct dam_onnx_node *node, struct ensemble *e, const double *scale,
                          const double *shift, struct dam_float *ret, char *why)
{
    struct dam_bytes aggregate = dam_onnx_string(node, "aggregate_function");
    bool average = dam_onnx_is(aggregate, "AVERAGE");
    if (aggregate.len > 0 && !average && !dam_onnx_is(aggregate, "SUM")) {
        return dam_why(
            why, DAM_EUNSUPPORTED, "TreeEnsemble aggregates by %.*s; only SUM and AVERAGE",
            (int)(aggregate.len < 20 ? aggregate.len : 20), (const char *)aggregate.data);
    }
    if (!read_columns(node, e) || !read_modes(node, e)) {
        return dam_why(why, DAM_EPARSE,
                       "TreeEnsemble: its columns differ in length, or a node has "
                       "a mode other than LEAF, LEQ, LT, GT, GTE");
    }
    DAM_TRY(one_test(e, ret, why));
    DAM_TRY(count_outputs(node, e, ret, why));
    ret->kind = DAM_FLOAT_FOREST;
    size_t weight = 0;
    size_t trees = 0;
    for (struct span span = span_of(e, 0); span.from < e->count[TREE_ID];
         span = span_of(e, span.to)) {
        if (!add_trees_of(e, span, &weight, scale, shift, ret)) {
            return dam_why(why, DAM_EPARSE, "TreeEnsemble: tree %zu is malformed", trees);
        }
        trees++;
    }
    if (weight != e->count[WEIGHT_TREE]) {
        return dam_why(why, DAM_EPARSE, "TreeEnsemble: weights are not in the order of the trees");
    }
    for (uint32_t i = 0; average && i < ret->nodes_count; i++) {
        ret->nodes[i].value /= (double)trees;
    }
    return DAM_OK;
}

enum dam_err dam_onnx_trees(const struct dam_onnx_node *node, const double *scale,
                            const double *shift, struct dam_float *ret, char *why)
{
    struct ensemble e = {.classifier = dam_onnx_is(node->op, "TreeEnsembleClassifier")};
    enum dam_err err = build(node, &e, scale, shift, ret, why);
    ensemble_free(&e);
    return err;
}
