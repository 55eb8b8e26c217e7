// SPDX-License-Identifier: Apache-2.0
/* LightGBM's text model (`Booster.save_model`): lines of key=value, a block a tree. */
#include "model/float.h"

#include <math.h>
#include <stdlib.h>

#define CATEGORICAL 1
#define DEFAULT_LEFT 2
#define MISSING_TYPE(decision) ((decision) >> 2 & 3)
#define MISSING_ZERO 1
#define MISSING_NAN 2

/* A block of lines: from the beginning, or from "Tree=", to the next empty line's tree. */
struct block {
    const char *at;
    const char *end;
};

/* The value of key in the block; NULL when absent. It ends at a newline. */
static const char *value_of(struct block block, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = block.at; line < block.end;) {
        const char *next = memchr(line, '\n', (size_t)(block.end - line));
        next = next == NULL ? block.end : next;
        if ((size_t)(next - line) > len && memcmp(line, key, len) == 0 && line[len] == '=') {
            return line + len + 1;
        }
        line = next + 1;
    }
    return NULL;
}

/* The next number of a list; false at the end of the line. The text ends in a NUL somewhere. */
static bool next_number(const char **at, double *ret)
{
    while (**at == ' ') {
        (*at)++;
    }
    if (**at == '\n' || **at == 0) {
        return false;
    }
    char *end = NULL;
    *ret = strtod(*at, &end);
    if (end == *at) {
        return false;
    }
    *at = end;
    return true;
}

static bool number_of(struct block block, const char *key, double min, double max, double *ret)
{
    const char *text = value_of(block, key);
    return text != NULL && next_number(&text, ret) && *ret >= min && *ret <= max;
}

static bool list_of(struct block block, const char *key, size_t count, double *ret)
{
    const char *text = value_of(block, key);
    for (size_t i = 0; i < count; i++) {
        if (text == NULL || !next_number(&text, &ret[i])) {
            return false;
        }
    }
    return true;
}

/* LightGBM numbers splits 0.. and leaves ~0..; the columns of one tree. */
struct columns {
    uint32_t leaves;
    double *feature, *threshold, *decision, *left, *right, *value;
};

/* Appends the subtree so that a parent comes before its children. Returns its index, -1: bad. */
static int32_t add_subtree(struct dam_float *ret, const struct columns *c, double child,
                           unsigned depth)
{
    uint32_t first = ret->trees[ret->trees_count - 1].first;
    int32_t at = (int32_t)(ret->nodes_count - first);
    struct dam_float_node node = {.yes = -1, .no = -1};
    if (child < 0) {
        double leaf = -child - 1;
        if (leaf >= c->leaves) {
            return -1;
        }
        node.value = c->value[(size_t)leaf];
        return dam_float_node_add(ret, &node) ? at : -1;
    }
    if (!(child < c->leaves - 1) || depth > 64 || (uint32_t)at > 2 * c->leaves) {
        return -1;
    }
    size_t i = (size_t)child;
    int decision = (int)c->decision[i];
    if (!(c->feature[i] >= 0 && c->feature[i] < ret->inputs)) {
        return -1;
    }
    node.feature = (uint32_t)c->feature[i];
    node.threshold = c->threshold[i];
    /* Without a missing type LightGBM reads a missing value as 0. */
    node.missing_yes = MISSING_TYPE(decision) == MISSING_NAN ? (decision & DEFAULT_LEFT) != 0
                                                             : 0 <= node.threshold;
    if (!dam_float_node_add(ret, &node)) {
        return -1;
    }
    int32_t yes = add_subtree(ret, c, c->left[i], depth + 1);
    int32_t no = yes < 0 ? -1 : add_subtree(ret, c, c->right[i], depth + 1);
    ret->nodes[first + (uint32_t)at].yes = yes;
    ret->nodes[first + (uint32_t)at].no = no;
    return no < 0 ? -1 : at;
}

static enum dam_err read_columns(struct block block, struct dam_float *ret, struct columns *c,
                                 uint32_t output, char *why)
{
    size_t splits = c->leaves - 1;
    if (!list_of(block, "leaf_value", c->leaves, c->value) ||
        (splits > 0 && (!list_of(block, "split_feature", splits, c->feature) ||
                        !list_of(block, "threshold", splits, c->threshold) ||
                        !list_of(block, "decision_type", splits, c->decision) ||
                        !list_of(block, "left_child", splits, c->left) ||
                        !list_of(block, "right_child", splits, c->right)))) {
        return dam_why(why, DAM_EPARSE, "LightGBM tree %u lacks a column", ret->trees_count);
    }
    for (size_t i = 0; i < splits; i++) {
        int decision = c->decision[i] >= 0 && c->decision[i] < 16 ? (int)c->decision[i] : -1;
        if (decision < 0 || (decision & CATEGORICAL) != 0) {
            return dam_why(why, DAM_EUNSUPPORTED,
                           "LightGBM tree %u has a categorical split; encode the category as "
                           "numbers (one-hot) and train again",
                           ret->trees_count);
        }
        if (MISSING_TYPE(decision) == MISSING_ZERO) {
            return dam_why(why, DAM_EUNSUPPORTED,
                           "LightGBM model takes 0 for missing; train with zero_as_missing=false");
        }
    }
    if (!dam_float_tree_begin(ret, output) || add_subtree(ret, c, splits > 0 ? 0 : -1, 0) < 0 ||
        !dam_float_tree_end(ret)) {
        return dam_why(why, DAM_EPARSE, "LightGBM tree %u is malformed", ret->trees_count);
    }
    return DAM_OK;
}

static enum dam_err read_tree(struct block block, struct dam_float *ret, uint32_t output, char *why)
{
    double leaves = 0;
    /* A column has at least two characters an entry: the file bounds the count. */
    if (!number_of(block, "num_leaves", 1, 1 + (double)(block.end - block.at), &leaves)) {
        return dam_why(why, DAM_EPARSE, "LightGBM tree %u has no num_leaves", ret->trees_count);
    }
    if (value_of(block, "leaf_coeff") != NULL) {
        return dam_why(why, DAM_EUNSUPPORTED,
                       "LightGBM linear trees; train with linear_tree=false");
    }
    size_t count = (size_t)leaves;
    double *all = calloc(6 * count, sizeof(*all));
    if (all == NULL) {
        return dam_why(why, DAM_ENOMEM, "out of memory");
    }
    struct columns c = {
        (uint32_t)leaves, all, all + count, all + 2 * count, all + 3 * count, all + 4 * count,
        all + 5 * count};
    enum dam_err err = read_columns(block, ret, &c, output, why);
    free(all);
    return err;
}

static enum dam_err read_objective(struct block head, struct dam_float *ret, char *why)
{
    static const struct {
        const char *name;
        enum dam_link_function link;
        bool classes;
    } known[] = {
        {"regression_l1", DAM_LINK_NONE, false}, {"regression", DAM_LINK_NONE, false},
        {"huber", DAM_LINK_NONE, false},         {"fair", DAM_LINK_NONE, false},
        {"quantile", DAM_LINK_NONE, false},      {"mape", DAM_LINK_NONE, false},
        {"lambdarank", DAM_LINK_NONE, false},    {"rank_xendcg", DAM_LINK_NONE, false},
        {"binary", DAM_LINK_SIGMOID, true},      {"multiclassova", DAM_LINK_SIGMOID, true},
        {"multiclass", DAM_LINK_SOFTMAX, true},  {"cross_entropy", DAM_LINK_SIGMOID, false},
        {"poisson", DAM_LINK_EXP, false},        {"gamma", DAM_LINK_EXP, false},
        {"tweedie", DAM_LINK_EXP, false},
    };
    const char *text = value_of(head, "objective");
    if (text == NULL) { /* a custom objective: the sums are the answer */
        return DAM_OK;
    }
    size_t len = strcspn(text, " \n");
    for (size_t i = 0; i < DAM_COUNT_OF(known); i++) {
        if (strlen(known[i].name) == len && memcmp(known[i].name, text, len) == 0) {
            ret->link = known[i].link;
            ret->classes = known[i].classes;
            return DAM_OK;
        }
    }
    return dam_why(why, DAM_EUNSUPPORTED,
                   "LightGBM objective '%.*s' is not known; train with regression, binary or "
                   "multiclass",
                   (int)(len < 40 ? len : 40), text);
}

static void read_names(struct block head, struct dam_float *ret)
{
    const char *text = value_of(head, "feature_names");
    ret->names = calloc(ret->inputs, sizeof(*ret->names));
    for (uint32_t i = 0; ret->names != NULL && i < ret->inputs; i++) {
        size_t len = text == NULL ? 0 : strcspn(text, " \n");
        ret->names[i] = strndup(len == 0 ? "?" : text, len == 0 ? 1 : len);
        text = len == 0 || text[len] != ' ' ? NULL : text + len + 1;
    }
}

static enum dam_err read_model(const char *text, const char *end, struct dam_float *ret, char *why)
{
    const char *tree = strstr(text, "\nTree=");
    struct block head = {text, tree == NULL ? end : tree + 1};
    double last = 0;
    double outputs = 1;
    if (!number_of(head, "max_feature_idx", 0, DAM_FLOAT_INPUTS_MAX - 1, &last) ||
        !number_of(head, "num_tree_per_iteration", 1, 64, &outputs)) {
        return dam_why(why, DAM_EPARSE,
                       "LightGBM header lacks max_feature_idx or num_tree_per_iteration, or has "
                       "more than 4096 features or 64 outputs");
    }
    ret->origin = "LightGBM";
    ret->kind = DAM_FLOAT_FOREST;
    ret->inputs = (uint32_t)last + 1;
    ret->outputs = (uint32_t)outputs;
    ret->test_le = true;
    DAM_TRY(read_objective(head, ret, why));
    read_names(head, ret);
    for (uint32_t i = 0; tree != NULL; i++) {
        const char *next = strstr(tree + 1, "\nTree=");
        const char *stop = strstr(tree + 1, "\nend of trees");
        struct block block = {tree + 1, next != NULL ? next + 1 : stop != NULL ? stop + 1 : end};
        DAM_TRY(read_tree(block, ret, i % ret->outputs, why));
        tree = next;
    }
    if (ret->trees_count == 0) {
        return dam_why(why, DAM_EPARSE, "the model has no trees");
    }
    /* A random forest shows the mean of its trees. */
    const char *average = strstr(text, "\naverage_output\n");
    if (average != NULL && average < head.end) {
        double rounds = (double)ret->trees_count / ret->outputs;
        for (uint32_t i = 0; i < ret->nodes_count; i++) {
            ret->nodes[i].value /= rounds;
        }
    }
    return DAM_OK;
}

enum dam_err dam_import_lightgbm(struct dam_bytes file, struct dam_float *ret, char *why)
{
    memset(ret, 0, sizeof(*ret));
    if (memchr(file.data, 0, file.len) != NULL) {
        return dam_why(why, DAM_EPARSE, "a LightGBM model is text; this file holds a zero byte");
    }
    char *text =
        strndup((const char *)file.data, file.len); /* ends in a NUL: strtod stays inside */
    if (text == NULL) {
        return dam_why(why, DAM_ENOMEM, "out of memory");
    }
    enum dam_err err = read_model(text, text + file.len, ret, why);
    free(text);
    if (err != DAM_OK) {
        dam_float_close(ret);
    }
    return err;
}
