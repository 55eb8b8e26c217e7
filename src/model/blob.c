// SPDX-License-Identifier: Apache-2.0
/* The blob of docs/spec/model.md: reading, checking, writing. */
#include "base/assert.h"
#include "model/kernel.h"
#include "model/model.h"

#include <stdlib.h>

#define HEADER_LEN 32u
#define GROUP 8u /* neurons whose biases lie together; also the padding */
#define TABLE_COUNT 257u
#define TABLE_LEN 544u /* 257 uint16, padded to words */

size_t dam_model_inputs(const struct dam_model *model)
{
    return (size_t)model->features_count * model->frames;
}

size_t dam_model_memory_len(const struct dam_model *model)
{
    return 8u * model->features_count * (model->frames - 1u);
}

static bool is_net(const struct dam_model *model)
{
    return model->kind == DAM_MODEL_MLP || model->kind == DAM_MODEL_WIDE ||
           model->kind == DAM_MODEL_INT8;
}

void dam_model_close(struct dam_model *model)
{
    free(model->linear);
    for (size_t i = 0; i < DAM_MODEL_LAYERS_MAX; i++) {
        struct dam_layer *layer = &model->layers[i];
        free(layer->table);
        free(layer->bias);
        free(layer->weights);
        free(layer->packed);
    }
    for (size_t i = 0; i < DAM_MODEL_OUTPUTS_MAX; i++) {
        struct dam_group *group = &model->groups[i];
        free(group->threshold);
        free(group->input);
        free(group->leaf);
        free(group->packed);
    }
    memset(model, 0, sizeof(*model));
}

/* ---- the rules ---- */

/* Leaves the function with the rule that is broken. */
#define RULE(cond, text)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            return text;                                                                           \
        }                                                                                          \
    } while (0)

static const char *check_header(const struct dam_model *model)
{
    RULE(model->kind >= DAM_MODEL_LINEAR && model->kind <= DAM_MODEL_INT8, "kind is 1..5");
    RULE(model->records >= 1 && model->records <= DAM_MODEL_RECORDS_MAX, "records are 1..2048");
    RULE(model->features_count >= 1 && model->features_count <= DAM_MODEL_INPUTS_MAX,
         "features are 1..1024");
    RULE(model->outputs_count >= 1 && model->outputs_count <= DAM_MODEL_OUTPUTS_MAX,
         "outputs are 1..1024");
    RULE(model->frames >= 1 && model->frames <= DAM_MODEL_FRAMES_MAX, "frames are 1..8");
    RULE(dam_model_inputs(model) <=
             (model->kind == DAM_MODEL_FOREST ? DAM_MODEL_TREE_INPUTS_MAX : DAM_MODEL_INPUTS_MAX),
         "features times frames are at most 1024, a forest's 256");
    RULE(dam_model_memory_len(model) <= DAM_MODEL_MEMORY_MAX, "a memory has at most 8192 bytes");
    RULE(is_net(model) ? model->layers_count >= 1 && model->layers_count <= DAM_MODEL_LAYERS_MAX
                       : model->layers_count == 0,
         "layers are 1..16 for a net, else 0");
    return NULL;
}

static const char *check_features(const struct dam_model *model)
{
    for (size_t i = 0; i < model->features_count; i++) {
        const struct dam_feature *feature = &model->features[i];
        RULE(feature->channel < model->records, "a feature's channel is below the records");
        RULE(feature->field <= 2, "a feature's field is 0..2");
        RULE(feature->shift <= 62, "a feature's shift is 0..62");
    }
    for (size_t i = 0; i < model->outputs_count; i++) {
        RULE(model->outputs[i].min <= model->outputs[i].max, "an output's min is at most its max");
        RULE(model->outputs[i].shift <= 62, "a shift is 0..62");
        RULE(model->kind != DAM_MODEL_LINEAR || model->outputs[i].mul == 1,
             "a linear output's mul is 1");
    }
    return NULL;
}

/* The interval analysis of one neuron: no code can take its sum out of int32. */
static bool fits(const struct dam_model *model, const struct dam_layer *layer, size_t j,
                 int32_t bias)
{
    int64_t abs_bias = bias < 0 ? -(int64_t)bias : bias;
    if (model->kind != DAM_MODEL_WIDE) {
        return abs_bias <= 1 << 30;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < layer->inputs; i++) {
        int16_t w = layer->weights[j * layer->inputs + i];
        sum += w < 0 ? -(int64_t)w : w;
    }
    return 32767 * sum + abs_bias <= INT32_MAX;
}

static const char *check_net(const struct dam_model *model)
{
    size_t inputs = dam_model_inputs(model);
    for (size_t l = 0; l < model->layers_count; l++) {
        const struct dam_layer *layer = &model->layers[l];
        bool last = l + 1 == model->layers_count;
        bool int8 = model->kind == DAM_MODEL_INT8;
        RULE(layer->inputs == inputs, "a layer has as many inputs as the one before has neurons");
        RULE(layer->neurons >= 1 && layer->neurons <= DAM_MODEL_INPUTS_MAX,
             "a layer has 1..1024 neurons");
        RULE(!last || layer->neurons == model->outputs_count,
             "the last layer has a neuron an output");
        RULE(layer->shift <= (int8 ? 31 : 62), "a layer's shift is 0..62, of an int8 0..31");
        RULE(last && !int8 ? layer->mul == 0 : layer->mul >= 1,
             "a hidden layer's mul is 1..2^31 - 1, the last one's 0 but in an int8");
        RULE(int8 ? layer->rounding == DAM_ROUND_ONCE || layer->rounding == DAM_ROUND_TWICE
                  : layer->rounding == 0,
             "an int8's rounding is 1 or 2");
        RULE(int8 || (layer->zero_in == 0 && layer->zero == 0 && layer->low == 0),
             "only an int8 has zero points");
        RULE(l == 0 || layer->zero_in == 0, "only the first layer has a zero point of inputs");
        RULE(layer->table == NULL || (!last && model->kind == DAM_MODEL_WIDE),
             "only a hidden layer of a wide model has a table");
        for (size_t i = 0; layer->table != NULL && i < TABLE_COUNT; i++) {
            RULE(layer->table[i] <= 32767, "a table's entry is at most 32767");
        }
        for (size_t j = 0; j < layer->neurons; j++) {
            RULE(fits(model, layer, j, last ? model->outputs[j].bias : layer->bias[j]),
                 "a neuron's sum can leave 32 bits");
            for (size_t i = 0; model->kind != DAM_MODEL_WIDE && i < inputs; i++) {
                int16_t w = layer->weights[j * inputs + i];
                RULE(w >= -128 && w <= 127, "a weight of an mlp or int8 has 8 bits");
            }
        }
        inputs = layer->neurons;
    }
    return NULL;
}

static const char *check_forest(const struct dam_model *model)
{
    size_t inputs = dam_model_inputs(model);
    for (size_t g = 0; g < model->outputs_count; g++) {
        const struct dam_group *group = &model->groups[g];
        RULE(group->depth >= 1 && group->depth <= DAM_MODEL_DEPTH_MAX, "a tree's depth is 1..8");
        size_t nodes = (size_t)group->trees * (((size_t)1 << group->depth) - 1);
        for (size_t k = 0; k < nodes; k++) {
            RULE(group->input[k] < inputs, "a node's input is below the inputs");
        }
    }
    return NULL;
}

static const char *check(const struct dam_model *model)
{
    const char *why = check_header(model);
    why = why != NULL ? why : check_features(model);
    if (why == NULL && is_net(model)) {
        why = check_net(model);
    }
    if (why == NULL && model->kind == DAM_MODEL_FOREST) {
        why = check_forest(model);
    }
    return why;
}

enum dam_err dam_model_pack(struct dam_model *model, const char **ret_why)
{
    *ret_why = check(model);
    if (*ret_why != NULL) {
        return DAM_ERANGE;
    }
    for (size_t i = 0; i < model->layers_count; i++) {
        struct dam_layer *layer = &model->layers[i];
        free(layer->packed);
        layer->packed = malloc(dam_kernel_layer_count(layer) * sizeof(*layer->packed));
        if (layer->packed == NULL) {
            return DAM_ENOMEM;
        }
        dam_kernel_layer_pack(layer);
    }
    for (size_t i = 0; model->kind == DAM_MODEL_FOREST && i < model->outputs_count; i++) {
        struct dam_group *group = &model->groups[i];
        free(group->packed);
        group->packed_count = dam_kernel_group_count(group);
        group->packed = malloc(group->packed_count * sizeof(*group->packed) + 1);
        if (group->packed == NULL) {
            return DAM_ENOMEM;
        }
        dam_kernel_group_pack(group);
    }
    return DAM_OK;
}

/* ---- reading ---- */

struct reader {
    const uint8_t *at;
    size_t left;
    const char *why;
};

/* The next len bytes; NULL, with a reason, when the blob is shorter. */
static const uint8_t *take(struct reader *in, size_t len)
{
    if (in->left < len) {
        in->why = "the blob is shorter than its header says";
        return NULL;
    }
    const uint8_t *p = in->at;
    in->at += len;
    in->left -= len;
    return p;
}

static bool all_zero(struct reader *in, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] != 0) {
            in->why = "a reserved byte is not zero";
            return false;
        }
    }
    return true;
}

static bool read_output(struct reader *in, uint8_t shift, struct dam_output *ret)
{
    const uint8_t *p = take(in, 32);
    if (p == NULL) {
        return false;
    }
    *ret = (struct dam_output){(int32_t)dam_load_be32(p),
                               (int32_t)dam_load_be32(p + 4),
                               shift,
                               (int64_t)dam_load_be64(p + 8),
                               (int64_t)dam_load_be64(p + 16),
                               (int64_t)dam_load_be64(p + 24)};
    return true;
}

static bool read_features(struct reader *in, struct dam_model *model)
{
    for (size_t i = 0; i < model->features_count; i++) {
        const uint8_t *p = take(in, 32);
        if (p == NULL || !all_zero(in, p + 28, 4)) {
            return false;
        }
        model->features[i] = (struct dam_feature){dam_load_be16(p),
                                                  p[2],
                                                  p[3],
                                                  dam_load_be32(p + 4),
                                                  (int64_t)dam_load_be64(p + 8),
                                                  (int64_t)dam_load_be64(p + 16),
                                                  (int32_t)dam_load_be32(p + 24)};
    }
    return true;
}

static bool read_linear(struct reader *in, struct dam_model *model)
{
    size_t inputs = dam_model_inputs(model);
    size_t padded = dam_round_up(inputs, 8);
    model->linear = calloc(model->outputs_count * inputs, sizeof(*model->linear));
    if (model->linear == NULL) {
        return false;
    }
    for (size_t j = 0; j < model->outputs_count; j++) {
        const uint8_t *row = take(in, 32);
        if (row == NULL || !all_zero(in, row, 3) || !all_zero(in, row + 4, 28) ||
            !read_output(in, row[3], &model->outputs[j])) {
            return false;
        }
        const uint8_t *w = take(in, 4 * padded);
        if (w == NULL || !all_zero(in, w + 4 * inputs, 4 * (padded - inputs))) {
            return false;
        }
        for (size_t i = 0; i < inputs; i++) {
            model->linear[j * inputs + i] = (int32_t)dam_load_be32(w + 4 * i);
        }
    }
    return true;
}

/* The two shapes of a tile: neurons and inputs in it, bytes of a weight, what w = 0 is written as.
 */
struct tiling {
    size_t neurons;
    size_t inputs;
    size_t weight_len;
    int32_t zero;
};

static struct tiling tiling_of(const struct dam_model *model)
{
    return model->kind == DAM_MODEL_WIDE ? (struct tiling){4, 4, 2, 32768}
                                         : (struct tiling){8, 4, 1, 128};
}

/* The tiles of the group of 8 neurons that begins at g. */
static bool read_tiles(struct reader *in, struct tiling t, struct dam_layer *layer, size_t g)
{
    size_t inputs = layer->inputs;
    size_t padded = dam_round_up(inputs, GROUP);
    const uint8_t *p = take(in, GROUP * padded * t.weight_len);
    if (p == NULL) {
        return false;
    }
    for (size_t at = 0; at < GROUP * padded; at++, p += t.weight_len) {
        size_t tile = at / (t.neurons * t.inputs);
        size_t j = g + tile / (padded / t.inputs) * t.neurons + at / t.inputs % t.neurons;
        size_t i = tile % (padded / t.inputs) * t.inputs + at % t.inputs;
        int32_t w = (t.weight_len == 1 ? p[0] : dam_load_be16(p)) - t.zero;
        if (j < layer->neurons && i < inputs) {
            layer->weights[j * inputs + i] = (int16_t)w;
        } else if (w != 0) {
            in->why = "a padding weight is not zero";
            return false;
        }
    }
    return true;
}

static bool read_table(struct reader *in, struct dam_layer *layer)
{
    const uint8_t *p = take(in, TABLE_LEN);
    layer->table = calloc(TABLE_COUNT, sizeof(*layer->table));
    if (p == NULL || layer->table == NULL ||
        !all_zero(in, p + 2 * TABLE_COUNT, TABLE_LEN - 2 * TABLE_COUNT)) {
        return false;
    }
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        layer->table[i] = dam_load_be16(p + 2 * i);
    }
    return true;
}

static bool layer_alloc(struct dam_layer *layer)
{
    size_t padded = dam_round_up(layer->neurons, 8);
    layer->bias = calloc(padded, sizeof(*layer->bias));
    layer->weights = calloc((size_t)layer->neurons * layer->inputs, sizeof(*layer->weights));
    return layer->bias != NULL && layer->weights != NULL;
}

static bool read_hidden(struct reader *in, struct tiling t, struct dam_layer *layer)
{
    for (size_t g = 0; g < layer->neurons; g += GROUP) {
        const uint8_t *p = take(in, 4 * GROUP);
        if (p == NULL) {
            return false;
        }
        for (size_t j = g; j < g + GROUP; j++, p += 4) {
            if (j < layer->neurons) {
                layer->bias[j] = (int32_t)dam_load_be32(p);
            } else if (!all_zero(in, p, 4)) {
                return false;
            }
        }
        if (!read_tiles(in, t, layer, g)) {
            return false;
        }
    }
    return true;
}

/* What the bytes 5 to 7 and 12 of a layer word are depends on the kind. Out: ret_table: a table
 * follows; ret_shift: of the outputs, in the last layer. */
static bool read_word(struct reader *in, struct dam_model *model, size_t l, bool *ret_table,
                      uint8_t *ret_shift)
{
    const uint8_t *word = take(in, 32);
    struct dam_layer *layer = &model->layers[l];
    bool int8 = model->kind == DAM_MODEL_INT8;
    bool hidden = l + 1 < model->layers_count;
    size_t used = int8 ? 14 : 12;
    if (word == NULL || !all_zero(in, word + 6, int8 ? 0 : 2) ||
        !all_zero(in, word + 12, int8 && !hidden ? 0 : 1) ||
        !all_zero(in, word + used, 32 - used)) {
        return false;
    }
    layer->inputs = dam_load_be16(word);
    layer->neurons = dam_load_be16(word + 2);
    layer->shift = word[4];
    layer->mul = (int32_t)dam_load_be32(word + 8);
    *ret_table = !int8 && word[5] == 1;
    *ret_shift = int8 ? word[12] : word[4];
    if (int8) {
        layer->zero = word[5];
        layer->low = word[6];
        layer->zero_in = word[7];
        layer->rounding = word[13];
    } else if (word[5] > (model->kind == DAM_MODEL_WIDE)) {
        in->why = "a layer's table byte is 0, or 1 in a wide model";
        return false;
    }
    if (layer->inputs == 0 || layer->inputs > DAM_MODEL_INPUTS_MAX || layer->neurons == 0 ||
        layer->neurons > DAM_MODEL_INPUTS_MAX) {
        in->why = "a layer has 1..1024 inputs and neurons";
        return false;
    }
    return true;
}

static bool read_net(struct reader *in, struct dam_model *model)
{
    struct tiling t = tiling_of(model);
    for (size_t l = 0; l < model->layers_count; l++) {
        struct dam_layer *layer = &model->layers[l];
        bool table;
        uint8_t shift;
        if (!read_word(in, model, l, &table, &shift) || !layer_alloc(layer) ||
            (table && !read_table(in, layer))) {
            return false;
        }
        if (l + 1 < model->layers_count) {
            if (!read_hidden(in, t, layer)) {
                return false;
            }
            continue;
        }
        for (size_t j = 0; j < model->outputs_count; j++) {
            if (!read_output(in, shift, &model->outputs[j])) {
                return false;
            }
        }
        for (size_t g = 0; g < layer->neurons; g += GROUP) {
            if (!read_tiles(in, t, layer, g)) {
                return false;
            }
        }
    }
    return true;
}

static bool read_forest(struct reader *in, struct dam_model *model)
{
    for (size_t g = 0; g < model->outputs_count; g++) {
        struct dam_group *group = &model->groups[g];
        const uint8_t *word = take(in, 32);
        if (word == NULL || !all_zero(in, word + 4, 28) ||
            !read_output(in, word[3], &model->outputs[g])) {
            return false;
        }
        group->trees = dam_load_be16(word);
        group->depth = word[2];
        if (group->depth < 1 || group->depth > DAM_MODEL_DEPTH_MAX) {
            in->why = "a tree's depth is 1..8";
            return false;
        }
        size_t leaves = (size_t)1 << group->depth;
        size_t nodes = leaves - 1;
        const uint8_t *p = take(in, group->trees * (5 * nodes + 4 * leaves));
        if (p == NULL) {
            return false;
        }
        group->threshold = calloc(group->trees * nodes + 1, sizeof(*group->threshold));
        group->input = calloc(group->trees * nodes + 1, sizeof(*group->input));
        group->leaf = calloc(group->trees * leaves + 1, sizeof(*group->leaf));
        if (group->threshold == NULL || group->input == NULL || group->leaf == NULL) {
            return false;
        }
        for (size_t t = 0; t < group->trees; t++) {
            for (size_t k = t * nodes; k < (t + 1) * nodes; k++, p += 5) {
                group->threshold[k] = (int32_t)dam_load_be32(p);
                group->input[k] = p[4];
            }
            for (size_t k = t * leaves; k < (t + 1) * leaves; k++, p += 4) {
                group->leaf[k] = (int32_t)dam_load_be32(p);
            }
        }
    }
    return true;
}

const char *dam_model_mind_name(enum dam_model_kind kind)
{
    switch (kind) {
    case DAM_MODEL_LINEAR:
        return "LinearMind";
    case DAM_MODEL_MLP:
        return "MlpMind";
    case DAM_MODEL_FOREST:
        return "ForestMind";
    case DAM_MODEL_WIDE:
        return "WideMind";
    case DAM_MODEL_INT8:
        return "Int8Mind";
    }
    return "";
}

const char *dam_model_mind_of(struct dam_bytes blob)
{
    static const struct {
        char magic[5];
        const char *mind;
    } others[] = {{"DAMP", "PlannerMind"}, {"DAMF", "ForecastMind"}, {"DAMS", "DistrictMind"}};
    if (blob.len < 6) {
        return "";
    }
    if (memcmp(blob.data, "DAMM", 4) == 0) {
        return dam_model_mind_name((enum dam_model_kind)blob.data[5]);
    }
    for (size_t i = 0; i < DAM_COUNT_OF(others); i++) {
        if (memcmp(blob.data, others[i].magic, 4) == 0) {
            return others[i].mind;
        }
    }
    return "";
}

enum dam_err dam_model_open(struct dam_bytes blob, struct dam_model *ret_model,
                            const char **ret_why)
{
    memset(ret_model, 0, sizeof(*ret_model));
    *ret_why = "a blob begins with DAMM and is 32 to 786400 bytes";
    if (blob.len < HEADER_LEN || blob.len > DAM_MODEL_BLOB_MAX ||
        memcmp(blob.data, "DAMM", 4) != 0) {
        return DAM_EPARSE;
    }
    if (blob.data[4] != 1) {
        *ret_why = "this program reads version 1 of the blob";
        return DAM_EVERSION;
    }
    const uint8_t *header = blob.data;
    struct reader in = {blob.data + HEADER_LEN, blob.len - HEADER_LEN, NULL};
    ret_model->kind = (enum dam_model_kind)header[5];
    ret_model->records = dam_load_be16(header + 6);
    ret_model->features_count = dam_load_be16(header + 8);
    ret_model->outputs_count = (uint16_t)(header[13] << 8 | header[10]);
    ret_model->layers_count = header[11];
    ret_model->frames = header[12];
    *ret_why = check_header(ret_model);
    if (*ret_why == NULL && dam_load_be32(header + 16) != blob.len) {
        *ret_why = "the length in the header is not the blob's";
    }
    bool good = *ret_why == NULL && all_zero(&in, header + 14, 2) &&
                all_zero(&in, header + 20, 12) && read_features(&in, ret_model);
    if (good) {
        good = ret_model->kind == DAM_MODEL_LINEAR   ? read_linear(&in, ret_model)
               : ret_model->kind == DAM_MODEL_FOREST ? read_forest(&in, ret_model)
                                                     : read_net(&in, ret_model);
    }
    if (good && in.left != 0) {
        in.why = "bytes follow the body";
        good = false;
    }
    enum dam_err err = DAM_OK;
    if (!good) {
        *ret_why = *ret_why != NULL ? *ret_why : in.why;
        err = *ret_why == NULL ? DAM_ENOMEM : DAM_EPARSE;
    } else {
        err = dam_model_pack(ret_model, ret_why);
        err = err == DAM_ERANGE ? DAM_EPARSE : err;
    }
    if (err != DAM_OK) {
        dam_model_close(ret_model);
    }
    return err;
}

/* ---- writing ---- */

/* Counts when p is NULL, writes otherwise. */
struct writer {
    uint8_t *p;
    size_t len;
};

static void put(struct writer *out, uint64_t v, size_t len)
{
    for (size_t i = 0; out->p != NULL && i < len; i++) {
        out->p[out->len + i] = (uint8_t)(v >> 8 * (len - 1 - i));
    }
    out->len += len;
}

static void put_zeros(struct writer *out, size_t len)
{
    if (out->p != NULL) {
        memset(out->p + out->len, 0, len);
    }
    out->len += len;
}

static void put_output(struct writer *out, const struct dam_output *output)
{
    put(out, (uint32_t)output->bias, 4);
    put(out, (uint32_t)output->mul, 4);
    put(out, (uint64_t)output->offset, 8);
    put(out, (uint64_t)output->min, 8);
    put(out, (uint64_t)output->max, 8);
}

static void put_tiles(struct writer *out, struct tiling t, const struct dam_layer *layer, size_t g)
{
    for (size_t h = g; h < g + GROUP; h += t.neurons) {
        for (size_t b = 0; b < dam_round_up(layer->inputs, GROUP); b += t.inputs) {
            for (size_t at = 0; at < t.neurons * t.inputs; at++) {
                size_t j = h + at / t.inputs;
                size_t i = b + at % t.inputs;
                bool real = j < layer->neurons && i < layer->inputs;
                int32_t w = real ? layer->weights[j * layer->inputs + i] : 0;
                put(out, (uint64_t)(w + t.zero), t.weight_len);
            }
        }
    }
}

static void put_net(struct writer *out, const struct dam_model *model)
{
    struct tiling t = tiling_of(model);
    for (size_t l = 0; l < model->layers_count; l++) {
        const struct dam_layer *layer = &model->layers[l];
        bool last = l + 1 == model->layers_count;
        bool int8 = model->kind == DAM_MODEL_INT8;
        put(out, layer->inputs, 2);
        put(out, layer->neurons, 2);
        put(out, last && !int8 ? model->outputs[0].shift : layer->shift, 1);
        put(out, int8 ? layer->zero : layer->table != NULL, 1);
        put(out, layer->low, 1);
        put(out, layer->zero_in, 1);
        put(out, (uint32_t)layer->mul, 4);
        put(out, last && int8 ? model->outputs[0].shift : 0, 1);
        put(out, layer->rounding, 1);
        put_zeros(out, 18);
        for (size_t i = 0; layer->table != NULL && i < TABLE_COUNT; i++) {
            put(out, layer->table[i], 2);
        }
        put_zeros(out, layer->table != NULL ? TABLE_LEN - 2 * TABLE_COUNT : 0);
        for (size_t j = 0; last && j < model->outputs_count; j++) {
            put_output(out, &model->outputs[j]);
        }
        for (size_t g = 0; g < layer->neurons; g += GROUP) {
            for (size_t j = g; !last && j < g + GROUP; j++) {
                put(out, j < layer->neurons ? (uint32_t)layer->bias[j] : 0, 4);
            }
            put_tiles(out, t, layer, g);
        }
    }
}

static void put_forest(struct writer *out, const struct dam_model *model)
{
    for (size_t g = 0; g < model->outputs_count; g++) {
        const struct dam_group *group = &model->groups[g];
        size_t leaves = (size_t)1 << group->depth;
        put(out, group->trees, 2);
        put(out, group->depth, 1);
        put(out, model->outputs[g].shift, 1);
        put_zeros(out, 28);
        put_output(out, &model->outputs[g]);
        for (size_t t = 0; t < group->trees; t++) {
            for (size_t k = t * (leaves - 1); k < (t + 1) * (leaves - 1); k++) {
                put(out, (uint32_t)group->threshold[k], 4);
                put(out, group->input[k], 1);
            }
            for (size_t k = t * leaves; k < (t + 1) * leaves; k++) {
                put(out, (uint32_t)group->leaf[k], 4);
            }
        }
    }
}

static void put_linear(struct writer *out, const struct dam_model *model)
{
    size_t inputs = dam_model_inputs(model);
    for (size_t j = 0; j < model->outputs_count; j++) {
        put_zeros(out, 3);
        put(out, model->outputs[j].shift, 1);
        put_zeros(out, 28);
        put_output(out, &model->outputs[j]);
        for (size_t i = 0; i < inputs; i++) {
            put(out, (uint32_t)model->linear[j * inputs + i], 4);
        }
        put_zeros(out, 4 * (dam_round_up(inputs, 8) - inputs));
    }
}

static void put_model(struct writer *out, const struct dam_model *model, size_t len)
{
    put(out, 0x44414d4d01, 5); /* DAMM, version 1 */
    put(out, model->kind, 1);
    put(out, model->records, 2);
    put(out, model->features_count, 2);
    put(out, model->outputs_count & 0xff, 1);
    put(out, model->layers_count, 1);
    put(out, model->frames, 1);
    put(out, model->outputs_count >> 8, 1);
    put_zeros(out, 2);
    put(out, len, 4);
    put_zeros(out, 12);
    for (size_t i = 0; i < model->features_count; i++) {
        const struct dam_feature *feature = &model->features[i];
        put(out, feature->channel, 2);
        put(out, feature->field, 1);
        put(out, feature->shift, 1);
        put(out, feature->period, 4);
        put(out, (uint64_t)feature->missing, 8);
        put(out, (uint64_t)feature->center, 8);
        put(out, (uint32_t)feature->mul, 4);
        put_zeros(out, 4);
    }
    switch (model->kind) {
    case DAM_MODEL_LINEAR:
        put_linear(out, model);
        break;
    case DAM_MODEL_MLP:
    case DAM_MODEL_WIDE:
    case DAM_MODEL_INT8:
        put_net(out, model);
        break;
    case DAM_MODEL_FOREST:
        put_forest(out, model);
        break;
    }
}

enum dam_err dam_model_write(const struct dam_model *model, uint8_t **ret_blob, size_t *ret_len)
{
    struct writer out = {0};
    put_model(&out, model, 0);
    if (out.len > DAM_MODEL_BLOB_MAX) {
        return DAM_EFULL;
    }
    size_t len = out.len;
    out = (struct writer){.p = malloc(len)};
    if (out.p == NULL) {
        return DAM_ENOMEM;
    }
    put_model(&out, model, len);
    DAM_ASSERT(out.len == len);
    *ret_blob = out.p;
    *ret_len = len;
    return DAM_OK;
}

size_t dam_model_directory(const struct dam_address *slices, size_t count,
                           uint8_t ret[DAM_MODEL_DIRECTORY_MAX])
{
    DAM_ASSERT(count <= DAM_MODEL_SLICES_MAX);
    if (count <= DAM_MODEL_SLICES_PLAIN) {
        return 0;
    }
    memcpy(ret, "DAMD", 4);
    for (size_t i = 0; i < count; i++) {
        memcpy(ret + 4 + 20 * i, slices[i].b, 20);
    }
    return 4 + 20 * count;
}
