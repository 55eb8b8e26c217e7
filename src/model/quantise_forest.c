// SPDX-License-Identifier: Apache-2.0
#include "model/quantise.h"

#include <math.h>
#include <stdlib.h>

/* Where a missing value goes: two blob features of one channel (docs/spec/model.md section 7). */
enum missing {
    MISSING_YES,
    MISSING_NO,
    MISSING_KINDS,
};

struct map {
    int16_t feature[DAM_MODEL_INPUTS_MAX][MISSING_KINDS]; /* blob feature or -1 */
};

/* The smallest integer v of the channel at which the trainer's test of v / unit is false. The test
 * is monotone, so a bisection finds it whatever float32 does to the two sides. */
static int64_t exact_threshold(const struct dam_float *model, double threshold, uint8_t decimals)
{
    double unit = dam_quantise_unit(decimals);
    double middle = threshold * unit;
    double slack = fabs(middle) * 1e-6 + 2;
    if (fabs(middle) > 4e18) { /* a split that only parts missing values from the others */
        return middle > 0 ? INT64_C(4000000000000000000) : INT64_C(-4000000000000000000);
    }
    int64_t yes = (int64_t)floor(middle - slack);
    int64_t no = (int64_t)ceil(middle + slack);
    while (no - yes > 1) {
        int64_t v = yes + (no - yes) / 2;
        if (dam_float_test(model, (double)v / unit, threshold)) {
            yes = v;
        } else {
            no = v;
        }
    }
    return no;
}

/* The threshold in 32 bits. One beyond them is beyond the channel's range too (make_features saw to
 * that), so the nearest one parts the same values. */
static int32_t place(int64_t t, int64_t center)
{
    t -= center;
    return (int32_t)(t <= INT32_MIN ? INT32_MIN + 1 : t > INT32_MAX ? INT32_MAX : t);
}

static enum dam_err make_features(const struct dam_float *model, const struct dam_quantise *how,
                                  struct map *map, struct dam_model *ret, char *why)
{
    static const int64_t missing[MISSING_KINDS] = {INT64_MIN, INT64_MAX};
    bool used[DAM_MODEL_INPUTS_MAX][MISSING_KINDS] = {{false}};
    for (uint32_t k = 0; k < model->nodes_count; k++) {
        const struct dam_float_node *node = &model->nodes[k];
        if (node->yes < 0) {
            continue;
        }
        used[node->feature][node->missing_yes ? MISSING_YES : MISSING_NO] = true;
    }
    for (uint32_t i = 0; i < model->inputs; i++) {
        for (int m = 0; m < MISSING_KINDS; m++) {
            map->feature[i][m] = -1;
            if (!used[i][m]) {
                continue;
            }
            if (ret->features_count == DAM_MODEL_TREE_INPUTS_MAX) {
                return dam_why(why, DAM_EUNSUPPORTED,
                               "the trees use more than 256 pairs of feature and default "
                               "direction; train with fewer features");
            }
            struct dam_feature *feature = &ret->features[ret->features_count];
            *feature = (struct dam_feature){.channel = how->inputs[i].channel,
                                            .period = how->inputs[i].period,
                                            .missing = missing[m],
                                            .mul = 1};
            const struct dam_input_spec *in = &how->inputs[i];
            if (in->min <= INT32_MIN || in->max >= INT32_MAX) {
                feature->center = in->min / 2 + in->max / 2;
            }
            if (in->max / 2 - in->min / 2 >= INT32_MAX) {
                return dam_why(why, DAM_EUNSUPPORTED,
                               "the range of input %u has more than 32 bits at %u decimals; give "
                               "its channel fewer decimals",
                               i, in->decimals);
            }
            map->feature[i][m] = (int16_t)ret->features_count++;
        }
    }
    if (ret->features_count == 0) { /* trees of lone leaves: a constant */
        ret->features[ret->features_count++] = (struct dam_feature){.mul = 1};
    }
    return DAM_OK;
}

/* Depth-first into the complete tree; k is numbered from 1 as in the blob. A leaf that comes early
 * stands below itself on both sides. */
struct filler {
    const struct dam_float *model;
    const struct dam_quantise *how;
    const struct map *map;
    const struct dam_model *to;
    const struct dam_float_node *nodes;
    int32_t *threshold;
    uint8_t *input;
    int32_t *leaf;
    size_t leaves;
    double scale;
};

static void fill(const struct filler *f, size_t k, int32_t at)
{
    const struct dam_float_node *node = &f->nodes[at];
    if (k >= f->leaves) {
        f->leaf[k - f->leaves] = (int32_t)nearbyint(node->value * f->scale);
        return;
    }
    if (node->yes < 0) {
        f->threshold[k - 1] = INT32_MIN;
        f->input[k - 1] = 0;
        fill(f, 2 * k, at);
        fill(f, 2 * k + 1, at);
        return;
    }
    int16_t input = f->map->feature[node->feature][node->missing_yes ? MISSING_YES : MISSING_NO];
    int64_t t = exact_threshold(f->model, node->threshold, f->how->inputs[node->feature].decimals);
    f->threshold[k - 1] = place(t, f->to->features[input].center);
    f->input[k - 1] = (uint8_t)input;
    fill(f, 2 * k + 1, node->yes);
    fill(f, 2 * k, node->no);
}

static enum dam_err measure(const struct dam_float *model, uint32_t output, struct dam_group *group,
                            double *leaf_max, char *why)
{
    *leaf_max = 0;
    unsigned depth = 1;
    size_t trees = 0;
    for (uint32_t t = 0; t < model->trees_count; t++) {
        const struct dam_float_tree *tree = &model->trees[t];
        if (tree->output != output) {
            continue;
        }
        unsigned own = dam_float_depth(model, tree);
        if (own > DAM_MODEL_DEPTH_MAX) {
            return dam_why(why, DAM_EUNSUPPORTED,
                           "tree %u is %u deep; a mind takes 8: train with max_depth <= 8", t, own);
        }
        depth = own > depth ? own : depth;
        trees++;
        for (uint32_t k = 0; k < tree->count; k++) {
            const struct dam_float_node *node = &model->nodes[tree->first + k];
            double size = node->yes < 0 ? fabs(node->value) : 0;
            *leaf_max = size > *leaf_max ? size : *leaf_max;
        }
    }
    size_t bytes = trees * (5 * (((size_t)1 << depth) - 1) + 4 * ((size_t)1 << depth));
    if (trees > UINT16_MAX || bytes > DAM_MODEL_BLOB_MAX) {
        return dam_why(why, DAM_EFULL,
                       "%zu trees of depth %u need %zu bytes; %u fit a mind: train fewer or "
                       "shallower trees",
                       trees, depth, bytes, DAM_MODEL_BLOB_MAX);
    }
    group->trees = (uint16_t)trees;
    group->depth = (uint8_t)depth;
    return DAM_OK;
}

/* As many binary digits below the output's decimals as the largest leaf leaves in 31 bits. */
static bool scale_output(double base, double leaf_max, const struct dam_output_spec *spec,
                         struct dam_output *ret)
{
    double unit = dam_quantise_unit(spec->decimals);
    if (leaf_max * unit >= (double)INT32_MAX || fabs(base) * unit > 9e15) {
        return false;
    }
    int bits = leaf_max == 0 ? 30 : 29 - ilogb(leaf_max * unit);
    ret->shift = (uint8_t)(bits < 0 ? 0 : bits > 29 ? 29 : bits);
    double whole = floor(base * unit);
    ret->offset = (int64_t)whole;
    double fraction = base * unit - whole + 0.5; /* the half makes floor round to nearest */
    ret->bias = (int32_t)floor(ldexp(fraction, ret->shift));
    ret->mul = 1;
    ret->min = spec->min;
    ret->max = spec->max;
    return true;
}

static enum dam_err make_group(struct filler *f, uint32_t output, struct dam_model *ret, char *why)
{
    struct dam_group *group = &ret->groups[output];
    double leaf_max = 0;
    DAM_TRY(measure(f->model, output, group, &leaf_max, why));
    if (!scale_output(f->model->base[output], leaf_max, &f->how->outputs[output],
                      &ret->outputs[output])) {
        return dam_why(why, DAM_EUNSUPPORTED,
                       "output %u reaches %g at %u decimals; give its actuator fewer decimals",
                       output, leaf_max, f->how->outputs[output].decimals);
    }
    size_t leaves = (size_t)1 << group->depth;
    group->threshold = calloc(group->trees * leaves + 1, sizeof(*group->threshold));
    group->input = calloc(group->trees * leaves + 1, sizeof(*group->input));
    group->leaf = calloc(group->trees * leaves + 1, sizeof(*group->leaf));
    if (group->threshold == NULL || group->input == NULL || group->leaf == NULL) {
        return dam_why(why, DAM_ENOMEM, "out of memory");
    }
    f->leaves = leaves;
    f->scale =
        ldexp(dam_quantise_unit(f->how->outputs[output].decimals), ret->outputs[output].shift);
    size_t index = 0;
    for (uint32_t t = 0; t < f->model->trees_count; t++) {
        const struct dam_float_tree *tree = &f->model->trees[t];
        if (tree->output == output) {
            f->nodes = f->model->nodes + tree->first;
            f->threshold = group->threshold + index * (leaves - 1);
            f->input = group->input + index * (leaves - 1);
            f->leaf = group->leaf + index * leaves;
            fill(f, 1, 0);
            index++;
        }
    }
    return DAM_OK;
}

enum dam_err dam_quantise_forest(const struct dam_float *model, const struct dam_quantise *how,
                                 struct dam_model *ret, char *why)
{
    struct map map;
    ret->kind = DAM_MODEL_FOREST;
    ret->records = how->records;
    ret->frames = 1;
    ret->outputs_count = (uint8_t)model->outputs;
    DAM_TRY(make_features(model, how, &map, ret, why));
    struct filler f = {.model = model, .how = how, .map = &map, .to = ret};
    for (uint32_t j = 0; j < model->outputs; j++) {
        DAM_TRY(make_group(&f, j, ret, why));
    }
    return DAM_OK;
}
