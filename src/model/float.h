// SPDX-License-Identifier: Apache-2.0
/* A trained model as its trainer wrote it: the one shape that every importer makes and the
 * quantiser reads. Floats live here and in quantise.c only; nothing here ever decides for a
 * machine, it is what the integer model is compared with. */
#ifndef DAM_MODEL_FLOAT_H
#define DAM_MODEL_FLOAT_H

#include "model/model.h"

#define DAM_FLOAT_INPUTS_MAX 4096u
#define DAM_FLOAT_LAYERS_MAX 16u
#define DAM_FLOAT_NODES_MAX 4000000u
#define DAM_WHY_LEN 256u

enum dam_float_kind {
    DAM_FLOAT_FOREST,
    DAM_FLOAT_NET, /* one layer without activation is a linear model */
};

enum dam_activation {
    DAM_ACT_NONE,
    DAM_ACT_RELU,
    DAM_ACT_LEAKY,
    DAM_ACT_SIGMOID,
    DAM_ACT_TANH,
};

/* What the trainer applies to the sums before it shows them. The integer model leaves it out: it is
 * monotone, so classes and thresholds are taken on the sums themselves. */
enum dam_link_function {
    DAM_LINK_NONE,
    DAM_LINK_SIGMOID,
    DAM_LINK_SOFTMAX,
    DAM_LINK_EXP,
};

/* A node of a tree; yes < 0: a leaf. */
struct dam_float_node {
    int32_t yes;
    int32_t no;
    uint32_t feature;
    double threshold;
    bool missing_yes; /* where a missing value goes */
    double value;     /* of a leaf */
};

struct dam_float_tree {
    uint32_t output;
    uint32_t first; /* index of the root in nodes[]; children are relative to it */
    uint32_t count;
};

/* An int8 layer of TensorFlow Lite: what its integer kernels multiply and how they round. Weights,
 * bias and clip of the layer are these integers times their steps. */
struct dam_float_int8 {
    double step_in; /* of the inputs' codes; 0: the layer is no such */
    double step_weight;
    double step_bias;
    double step_out;
    int32_t zero_in; /* the code of 0, -128..127 */
    int32_t zero_out;
    int32_t mul; /* step_in * step_weight / step_out = mul / 2^(31 + shift) */
    uint8_t shift;
    enum dam_rounding rounding;
};

struct dam_float_layer {
    uint32_t inputs;
    uint32_t neurons;
    double *weights; /* [neurons][inputs] */
    double *bias;
    enum dam_activation activation;
    double slope; /* of DAM_ACT_LEAKY below zero */
    double min;   /* a clip after the activation; -INFINITY and INFINITY: none */
    double max;
    struct dam_float_int8 int8;
};

/* Owns everything it points to. Zeroed: empty. */
struct dam_float {
    enum dam_float_kind kind;
    const char *origin; /* static text: "XGBoost", "LightGBM", "ONNX", "TensorFlow Lite" */
    uint32_t inputs;
    uint32_t outputs;
    enum dam_link_function link;
    bool classes; /* the outputs are scores of classes: the decision is the greatest */
    char **names; /* inputs names or NULL */

    /* forest */
    bool test_le;    /* the test is x <= threshold, else x < threshold */
    bool single;     /* the trainer compares in float32 */
    double base[64]; /* added to each output */
    struct dam_float_node *nodes;
    uint32_t nodes_count;
    uint32_t nodes_cap;
    struct dam_float_tree *trees;
    uint32_t trees_count;
    uint32_t trees_cap;

    /* net */
    struct dam_float_layer layers[DAM_FLOAT_LAYERS_MAX];
    uint32_t layers_count;
};

/** Give the memory back. Accepts a zeroed or half-built model. */
void dam_float_close(struct dam_float *model);

/** Append a node. Returns: false when out of memory or above DAM_FLOAT_NODES_MAX. */
bool dam_float_node_add(struct dam_float *model, const struct dam_float_node *node);

/** Begin a tree at the next node; end it. Returns: false when out of memory, or, at the end, when
 * the nodes since the beginning are no tree. */
bool dam_float_tree_begin(struct dam_float *model, uint32_t output);
bool dam_float_tree_end(struct dam_float *model);

/** A new last layer, weights and bias zero. Returns: NULL when full. */
struct dam_float_layer *dam_float_layer_add(struct dam_float *model, uint32_t inputs,
                                            uint32_t neurons);

/** The sums, before the link. In: x: inputs values, NAN: missing. */
void dam_float_eval(const struct dam_float *model, const double *x, double *ret);

/** The output of one layer, with its activation and clip; of an int8 layer, as TensorFlow Lite's
 *  integer kernels have it. */
void dam_float_layer_eval(const struct dam_float_layer *layer, const double *in, double *ret);

/** A layer's activation and clip of one sum. */
double dam_float_activate(const struct dam_float_layer *layer, double sum);

/** Does x pass the test against threshold, as the trainer computes it? */
bool dam_float_test(const struct dam_float *model, double x, double threshold);

/** How the int8 layers round. An import says DAM_ROUND_TWICE, which TensorFlow Lite does unless it
 *  is built with TFLITE_SINGLE_ROUNDING. */
void dam_float_round(struct dam_float *model, enum dam_rounding rounding);

/** Depth of a tree: 0 for a lone leaf. */
unsigned dam_float_depth(const struct dam_float *model, const struct dam_float_tree *tree);

/* Importers. Each reads a whole file and
 * Returns: DAM_OK; DAM_EPARSE, DAM_EUNSUPPORTED (an operator, and what to do), DAM_ENOMEM, with a
 * sentence in why[DAM_WHY_LEN]. On failure *ret is empty. */

/** By what the bytes look like. */
DAM_MUST_USE enum dam_err dam_import(struct dam_bytes file, struct dam_float *ret, char *why);

DAM_MUST_USE enum dam_err dam_import_xgboost(struct dam_bytes file, struct dam_float *ret,
                                             char *why);
DAM_MUST_USE enum dam_err dam_import_lightgbm(struct dam_bytes file, struct dam_float *ret,
                                              char *why);
DAM_MUST_USE enum dam_err dam_import_onnx(struct dam_bytes file, struct dam_float *ret, char *why);

DAM_MUST_USE enum dam_err dam_import_tflite(struct dam_bytes file, struct dam_float *ret,
                                            char *why);

/** Write the sentence and return err. */
enum dam_err dam_why(char *why, enum dam_err err, const char *fmt, ...) DAM_PRINTF(3, 4);

#endif
