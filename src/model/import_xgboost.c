// SPDX-License-Identifier: Apache-2.0
/* XGBoost's model files: JSON, and UBJSON (the same tree of values in binary, ubjson.org draft 12),
 * which becomes the same jansson object first. Source: XGBoost's doc/model.schema. */
#include "model/float.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define UBJ_DEPTH_MAX 24u

/* ---- UBJSON ---- */

struct ubj {
    const uint8_t *at;
    size_t left;
};

static bool ubj_byte(struct ubj *in, uint8_t *ret)
{
    if (in->left == 0) {
        return false;
    }
    *ret = *in->at++;
    in->left--;
    return true;
}

/* Bytes of a value of this type after its marker; 0: not a number. */
static size_t number_len(uint8_t type)
{
    switch (type) {
    case 'i':
    case 'U':
        return 1;
    case 'I':
        return 2;
    case 'l':
    case 'd':
        return 4;
    case 'L':
    case 'D':
        return 8;
    default: /* any other byte of the file */
        return 0;
    }
}

static json_t *ubj_number(struct ubj *in, uint8_t type)
{
    size_t len = number_len(type);
    if (len == 0 || in->left < len) {
        return NULL;
    }
    const uint8_t *p = in->at;
    in->at += len;
    in->left -= len;
    switch (type) {
    case 'i':
        return json_integer((int8_t)p[0]);
    case 'U':
        return json_integer(p[0]);
    case 'I':
        return json_integer((int16_t)dam_load_be16(p));
    case 'l':
        return json_integer((int32_t)dam_load_be32(p));
    case 'L':
        return json_integer((int64_t)dam_load_be64(p));
    case 'd': {
        uint32_t bits = dam_load_be32(p);
        float value;
        memcpy(&value, &bits, sizeof(value));
        return json_real(value); /* NULL, so refused, for NaN and infinity */
    }
    default: {
        uint64_t bits = dam_load_be64(p);
        double value;
        memcpy(&value, &bits, sizeof(value));
        return json_real(value);
    }
    }
}

static bool ubj_count(struct ubj *in, size_t *ret)
{
    uint8_t type = 0;
    if (!ubj_byte(in, &type)) {
        return false;
    }
    json_t *number = ubj_number(in, type);
    bool good = json_is_integer(number) && json_integer_value(number) >= 0 &&
                (uint64_t)json_integer_value(number) <= in->left;
    *ret = good ? (size_t)json_integer_value(number) : 0;
    json_decref(number);
    return good;
}

static json_t *ubj_value(struct ubj *in, uint8_t type, unsigned depth);

static json_t *ubj_string(struct ubj *in)
{
    size_t len = 0;
    if (!ubj_count(in, &len)) {
        return NULL;
    }
    json_t *text = json_stringn((const char *)in->at, len);
    in->at += len;
    in->left -= len;
    return text;
}

static json_t *ubj_array(struct ubj *in, unsigned depth)
{
    json_t *array = json_array();
    uint8_t type = 0;
    uint8_t mark = 0;
    size_t count = 0;
    bool good = ubj_byte(in, &mark);
    if (good && mark == '$') { /* [$d#L<count> : packed numbers */
        good = ubj_byte(in, &type) && number_len(type) > 0 && ubj_byte(in, &mark) && mark == '#';
    }
    if (good && mark == '#') {
        good = ubj_count(in, &count);
        for (size_t i = 0; good && i < count; i++) {
            uint8_t own = type;
            good = (own != 0 || ubj_byte(in, &own)) &&
                   json_array_append_new(array, ubj_value(in, own, depth + 1)) == 0;
        }
    } else {
        while (good && mark != ']') {
            good = json_array_append_new(array, ubj_value(in, mark, depth + 1)) == 0 &&
                   ubj_byte(in, &mark);
        }
    }
    if (!good) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static json_t *ubj_object(struct ubj *in, unsigned depth)
{
    json_t *object = json_object();
    bool good = true;
    while (good && in->left > 0 && in->at[0] != '}') {
        json_t *key = ubj_string(in);
        uint8_t type = 0;
        good = key != NULL && ubj_byte(in, &type) &&
               json_object_set_new(object, json_string_value(key),
                                   ubj_value(in, type, depth + 1)) == 0;
        json_decref(key);
    }
    uint8_t end = 0;
    if (!good || !ubj_byte(in, &end)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *ubj_value(struct ubj *in, uint8_t type, unsigned depth)
{
    if (depth > UBJ_DEPTH_MAX) {
        return NULL;
    }
    switch (type) {
    case '{':
        return ubj_object(in, depth);
    case '[':
        return ubj_array(in, depth);
    case 'S':
        return ubj_string(in);
    case 'T':
        return json_true();
    case 'F':
        return json_false();
    case 'Z':
        return json_null();
    default:
        return ubj_number(in, type);
    }
}

/* ---- the model ---- */

static json_t *at_path(json_t *object, const char *a, const char *b, const char *c)
{
    object = json_object_get(object, a);
    object = b == NULL ? object : json_object_get(object, b);
    return c == NULL ? object : json_object_get(object, c);
}

/* XGBoost writes most numbers of its parameters as text. *ret stays when there is none: files of
 * version 1 lack some. */
static bool number(const json_t *value, double *ret)
{
    if (json_is_number(value)) {
        *ret = json_number_value(value);
        return true;
    }
    const char *text = json_string_value(value);
    char *end = NULL;
    double parsed = text == NULL ? 0 : strtod(text, &end);
    if (text == NULL || end == text || !isfinite(parsed)) {
        return false;
    }
    *ret = parsed;
    return true;
}

/* "5E-1" up to version 3.0, "[5E-1]" or "[1E-1,2E-1]" later: one value, or one an output. */
static bool base_scores(const json_t *value, uint32_t outputs, double *ret)
{
    const char *text = json_string_value(value);
    uint32_t count = 0;
    for (; text != NULL && *text != 0 && *text != ']' && count < outputs;) {
        char *end = NULL;
        text += *text == '[' || *text == ',';
        double v = strtod(text, &end);
        if (end == text || !isfinite(v)) {
            return false;
        }
        ret[count++] = v;
        text = end;
    }
    for (uint32_t i = count; count == 1 && i < outputs; i++) {
        ret[i] = ret[0];
    }
    return count == 1 || count == outputs;
}

static enum dam_err read_objective(const json_t *learner, struct dam_float *ret, char *why)
{
    const char *name = json_string_value(at_path((json_t *)learner, "objective", "name", NULL));
    static const struct {
        const char *name;
        enum dam_link_function link;
        bool classes;
    } known[] = {
        {"reg:squarederror", DAM_LINK_NONE, false},
        {"reg:absoluteerror", DAM_LINK_NONE, false},
        {"reg:pseudohubererror", DAM_LINK_NONE, false},
        {"reg:quantileerror", DAM_LINK_NONE, false},
        {"reg:squaredlogerror", DAM_LINK_NONE, false},
        {"rank:pairwise", DAM_LINK_NONE, false},
        {"rank:ndcg", DAM_LINK_NONE, false},
        {"rank:map", DAM_LINK_NONE, false},
        {"reg:logistic", DAM_LINK_SIGMOID, false},
        {"binary:logistic", DAM_LINK_SIGMOID, true},
        {"binary:logitraw", DAM_LINK_SIGMOID, true},
        {"binary:hinge", DAM_LINK_NONE, true},
        {"multi:softmax", DAM_LINK_SOFTMAX, true},
        {"multi:softprob", DAM_LINK_SOFTMAX, true},
        {"count:poisson", DAM_LINK_EXP, false},
        {"reg:gamma", DAM_LINK_EXP, false},
        {"reg:tweedie", DAM_LINK_EXP, false},
    };
    for (size_t i = 0; name != NULL && i < DAM_COUNT_OF(known); i++) {
        if (strcmp(name, known[i].name) == 0) {
            ret->link = known[i].link;
            ret->classes = known[i].classes;
            return DAM_OK;
        }
    }
    return dam_why(why, DAM_EUNSUPPORTED,
                   "XGBoost objective '%.40s' is not known; train with reg:squarederror, "
                   "binary:logistic or multi:softprob",
                   name == NULL ? "?" : name);
}

/* base_score is what the model shows for no trees; the sums begin at its inverse. */
static bool base_to_sum(struct dam_float *ret)
{
    for (uint32_t i = 0; i < ret->outputs; i++) {
        double b = ret->base[i];
        if (ret->link == DAM_LINK_SIGMOID) {
            if (b <= 0 || b >= 1) {
                return false;
            }
            b = -log(1 / b - 1);
        } else if (ret->link == DAM_LINK_EXP) {
            if (b <= 0) {
                return false;
            }
            b = log(b);
        }
        ret->base[i] = b;
    }
    return true;
}

static bool read_node(json_t *const columns[5], size_t i, struct dam_float_node *ret)
{
    const json_t *cell[5];
    for (size_t c = 0; c < 5; c++) {
        cell[c] = json_array_get(columns[c], i);
        if (cell[c] == NULL) {
            return false;
        }
    }
    json_int_t yes = json_integer_value(cell[0]);
    json_int_t no = json_integer_value(cell[1]);
    json_int_t feature = json_integer_value(cell[2]);
    bool leaf = yes == -1;
    if (yes < -1 || yes > INT32_MAX || no < -1 || no > INT32_MAX || feature < 0 ||
        feature > UINT32_MAX || !json_is_number(cell[3])) {
        return false;
    }
    double condition = (double)(float)json_number_value(cell[3]);
    *ret = (struct dam_float_node){
        .yes = (int32_t)yes,
        .no = (int32_t)no,
        .feature = (uint32_t)feature,
        .threshold = condition,
        .missing_yes = json_is_true(cell[4]) || json_integer_value(cell[4]) == 1,
        .value = leaf ? condition : 0,
    };
    return true;
}

static enum dam_err read_tree(json_t *tree, uint32_t output, struct dam_float *ret, char *why)
{
    json_t *types = json_object_get(tree, "split_type");
    for (size_t i = 0; i < json_array_size(types); i++) {
        if (json_integer_value(json_array_get(types, i)) != 0) {
            return dam_why(why, DAM_EUNSUPPORTED,
                           "XGBoost tree %u has a categorical split; encode the category as "
                           "numbers (one-hot) and train again",
                           ret->trees_count);
        }
    }
    double leaf_len = 1;
    (void)number(at_path(tree, "tree_param", "size_leaf_vector", NULL), &leaf_len);
    if (leaf_len > 1) {
        return dam_why(why, DAM_EUNSUPPORTED,
                       "XGBoost trees with several outputs in a leaf; train with "
                       "multi_strategy=one_output_per_tree");
    }
    json_t *const columns[5] = {
        json_object_get(tree, "left_children"), json_object_get(tree, "right_children"),
        json_object_get(tree, "split_indices"), json_object_get(tree, "split_conditions"),
        json_object_get(tree, "default_left")};
    bool good = dam_float_tree_begin(ret, output);
    for (size_t i = 0; good && i < json_array_size(columns[0]); i++) {
        struct dam_float_node node;
        good = read_node(columns, i, &node) && dam_float_node_add(ret, &node);
    }
    if (!good || !dam_float_tree_end(ret)) {
        return dam_why(why, DAM_EPARSE, "XGBoost tree %u is malformed", ret->trees_count - 1);
    }
    return DAM_OK;
}

static enum dam_err read_trees(json_t *booster, struct dam_float *ret, char *why)
{
    json_t *trees = at_path(booster, "model", "trees", NULL);
    json_t *outputs = at_path(booster, "model", "tree_info", NULL);
    ret->kind = DAM_FLOAT_FOREST;
    ret->single = true;
    for (size_t i = 0; i < json_array_size(trees); i++) {
        json_int_t output = json_integer_value(json_array_get(outputs, i));
        if (output < 0 || output >= ret->outputs) {
            return dam_why(why, DAM_EPARSE, "XGBoost tree %zu has no output", i);
        }
        DAM_TRY(read_tree(json_array_get(trees, i), (uint32_t)output, ret, why));
    }
    return ret->trees_count > 0 ? DAM_OK : dam_why(why, DAM_EPARSE, "the model has no trees");
}

/* gblinear: weights [feature][output], then the biases. */
static enum dam_err read_linear(json_t *booster, struct dam_float *ret, char *why)
{
    json_t *weights = at_path(booster, "model", "weights", NULL);
    struct dam_float_layer *layer = dam_float_layer_add(ret, ret->inputs, ret->outputs);
    if (layer == NULL || json_array_size(weights) != ((size_t)ret->inputs + 1) * ret->outputs) {
        return dam_why(why, DAM_EPARSE, "the weights of gblinear have the wrong count");
    }
    ret->kind = DAM_FLOAT_NET;
    for (uint32_t j = 0; j < ret->outputs; j++) {
        for (uint32_t i = 0; i < ret->inputs; i++) {
            layer->weights[(size_t)j * ret->inputs + i] =
                json_number_value(json_array_get(weights, (size_t)i * ret->outputs + j));
        }
        layer->bias[j] =
            ret->base[j] +
            json_number_value(json_array_get(weights, (size_t)ret->inputs * ret->outputs + j));
    }
    return DAM_OK;
}

static void read_names(const json_t *learner, struct dam_float *ret)
{
    json_t *names = json_object_get(learner, "feature_names");
    if (json_array_size(names) != ret->inputs) {
        return;
    }
    ret->names = calloc(ret->inputs, sizeof(*ret->names));
    for (uint32_t i = 0; ret->names != NULL && i < ret->inputs; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        ret->names[i] = strdup(name == NULL ? "?" : name);
    }
}

static enum dam_err read_model(json_t *root, struct dam_float *ret, char *why)
{
    json_t *learner = json_object_get(root, "learner");
    json_t *booster = json_object_get(learner, "gradient_booster");
    json_t *param = json_object_get(learner, "learner_model_param");
    double inputs = 0;
    double classes = 0;
    double targets = 1;
    if (booster == NULL || !number(json_object_get(param, "num_feature"), &inputs) || inputs < 1 ||
        inputs > DAM_FLOAT_INPUTS_MAX) {
        return dam_why(why, DAM_EPARSE,
                       "this is no XGBoost model: learner.learner_model_param "
                       "has no number of features in 1..4096");
    }
    (void)number(json_object_get(param, "num_class"), &classes);
    (void)number(json_object_get(param, "num_target"), &targets);
    double outputs = classes > 1 ? classes : targets;
    if (!(outputs >= 1 && outputs <= 64)) {
        return dam_why(why, DAM_EUNSUPPORTED, "the model has %g outputs; at most 64 fit", outputs);
    }
    ret->origin = "XGBoost";
    ret->inputs = (uint32_t)inputs;
    ret->outputs = (uint32_t)outputs;
    DAM_TRY(read_objective(learner, ret, why));
    if (!base_scores(json_object_get(param, "base_score"), ret->outputs, ret->base) ||
        !base_to_sum(ret)) {
        return dam_why(why, DAM_EPARSE, "base_score is malformed or outside its objective");
    }
    read_names(learner, ret);
    const char *name = json_string_value(json_object_get(booster, "name"));
    if (name != NULL && strcmp(name, "gbtree") == 0) {
        return read_trees(booster, ret, why);
    }
    if (name != NULL && strcmp(name, "gblinear") == 0) {
        return read_linear(booster, ret, why);
    }
    return dam_why(why, DAM_EUNSUPPORTED,
                   "XGBoost booster '%.20s'; train with booster=gbtree or gblinear",
                   name == NULL ? "?" : name);
}

enum dam_err dam_import_xgboost(struct dam_bytes file, struct dam_float *ret, char *why)
{
    memset(ret, 0, sizeof(*ret));
    /* In JSON a key or a space follows the brace; in UBJSON the type of the key's length. */
    bool binary = file.len > 1 && number_len(file.data[1]) > 0;
    json_error_t error = {.text = "the binary JSON breaks off or holds a type that is not numeric"};
    json_t *root = NULL;
    if (binary) {
        struct ubj in = {file.data + 1, file.len - 1};
        root = ubj_value(&in, '{', 0);
    } else {
        root = json_loadb((const char *)file.data, file.len, JSON_REJECT_DUPLICATES, &error);
    }
    if (root == NULL) {
        return dam_why(why, DAM_EPARSE, "XGBoost model: %.120s (line %d)", error.text, error.line);
    }
    enum dam_err err = read_model(root, ret, why);
    json_decref(root);
    if (err != DAM_OK) {
        dam_float_close(ret);
    }
    return err;
}
