// SPDX-License-Identifier: Apache-2.0
/* A model in integers: the blob of docs/spec/model.md, opened, written and evaluated in C.
 *
 * The same blob is read by the generic minds on a chain; equal blob and equal observation give an
 * equal proposal, bit for bit, whatever the processor. Nothing here knows floats: importers and the
 * quantiser (quantise.h) make these objects, the loop and the verbs evaluate them. */
#ifndef DAM_MODEL_MODEL_H
#define DAM_MODEL_MODEL_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_MODEL_RECORDS_MAX 2048u
#define DAM_MODEL_INPUTS_MAX 1024u
#define DAM_MODEL_TREE_INPUTS_MAX 256u /* a forest's node names its input in a byte */
#define DAM_MODEL_OUTPUTS_MAX 1024u
#define DAM_MODEL_LAYERS_MAX 16u
#define DAM_MODEL_FRAMES_MAX 8u
#define DAM_MODEL_DEPTH_MAX 8u
#define DAM_MODEL_BLOB_MAX 786400u /* 32 slices */
#define DAM_MODEL_SLICE_LEN 24575u
#define DAM_MODEL_SLICES_MAX 32u
#define DAM_MODEL_SLICES_PLAIN 4u /* more go behind a directory */
#define DAM_MODEL_DIRECTORY_MAX (4u + 20u * DAM_MODEL_SLICES_MAX)
#define DAM_MODEL_MEMORY_MAX 8192u

/* Written in blobs. Do not renumber. */
enum dam_model_kind {
    DAM_MODEL_LINEAR = 1,
    DAM_MODEL_MLP = 2, /* 8-bit codes and weights */
    DAM_MODEL_FOREST = 3,
    DAM_MODEL_WIDE = 4, /* an mlp of 15-bit codes and 16-bit weights */
    DAM_MODEL_INT8 = 5, /* an mlp that rounds as TensorFlow Lite does */
};

/* Of an int8 layer. Written in blobs. Do not renumber. */
enum dam_rounding {
    DAM_ROUND_ONCE = 1,
    DAM_ROUND_TWICE = 2,
};

/* One word of section 2. */
struct dam_feature {
    uint16_t channel;
    uint8_t field; /* 0 value, 1 age_ms, 2 quality */
    uint8_t shift;
    uint32_t period;
    int64_t missing;
    int64_t center;
    int32_t mul;
};

/* One word of section 4, with the shift that the body gives. */
struct dam_output {
    int32_t bias;
    int32_t mul;
    uint8_t shift;
    int64_t offset;
    int64_t min;
    int64_t max;
};

/* One layer of section 6. bias and mul are those of a hidden layer; the last layer has outputs. */
struct dam_layer {
    uint16_t inputs;
    uint16_t neurons;
    uint8_t shift;
    uint8_t zero_in;  /* int8: the code of 0 of the model's inputs; 0 behind the first layer */
    uint8_t zero;     /* int8: the code of 0 of this layer's neurons */
    uint8_t low;      /* int8: the least code: `zero` of a ReLU, else 0 */
    uint8_t rounding; /* int8: enum dam_rounding; else 0 */
    uint16_t *table;  /* 257 entries or NULL; only hidden layers of a wide model */
    int32_t mul;      /* 0 in the last layer but an int8's */
    int32_t *bias;    /* neurons entries, padded with zeros to a multiple of 8 */
    int16_t *weights; /* [neurons][inputs] */
    int16_t *packed;  /* the same for the kernel; made by dam_model_pack */
};

/* One group of section 7: the trees of one output. Nodes are [tree][2^depth - 1]. */
struct dam_group {
    uint16_t trees;
    uint8_t depth;
    int32_t *threshold;
    uint8_t *input;
    int32_t *leaf;       /* [tree][2^depth] */
    int32_t *packed;     /* the same for the kernel; made by dam_model_pack */
    size_t packed_count; /* int32 in packed[] */
};

/* Owns everything it points to. A zeroed one is empty and may be closed. */
struct dam_model {
    enum dam_model_kind kind;
    uint16_t records; /* c: records of an observation */
    uint16_t features_count;
    uint16_t outputs_count;
    uint8_t layers_count;
    uint8_t frames;
    struct dam_feature features[DAM_MODEL_INPUTS_MAX];
    struct dam_output outputs[DAM_MODEL_OUTPUTS_MAX];
    int32_t *linear; /* [outputs][inputs] */
    struct dam_layer layers[DAM_MODEL_LAYERS_MAX];
    struct dam_group groups[DAM_MODEL_OUTPUTS_MAX];
};

/** The contract that reads blobs of a kind. Returns: static text; "" for a kind that is none. */
const char *dam_model_mind_name(enum dam_model_kind kind);

/** The generic mind that reads a blob, of a model or of a mind with its own format (docs/spec), by
 *  the blob's first bytes alone. Returns: static text; "" if none does. */
const char *dam_model_mind_of(struct dam_bytes blob);

/** Read a blob and check every rule of docs/spec/model.md.
 *  Returns: DAM_OK with *ret_model owning its memory; DAM_EVERSION; DAM_EPARSE with *ret_why,
 * static text, naming the rule that it breaks; DAM_ENOMEM with *ret_why NULL. On failure *ret_model
 * is empty. */
DAM_MUST_USE enum dam_err dam_model_open(struct dam_bytes blob, struct dam_model *ret_model,
                                         const char **ret_why);

/** Give the memory back. Accepts a zeroed or half-built model. */
void dam_model_close(struct dam_model *model);

/** Check a model built in memory against the same rules and make the kernel's layout.
 *  Returns: DAM_OK; DAM_ERANGE with *ret_why; DAM_ENOMEM. Call it once before the first decide. */
DAM_MUST_USE enum dam_err dam_model_pack(struct dam_model *model, const char **ret_why);

/** Write the blob. Returns: DAM_OK with *ret_blob (free it) and *ret_len; DAM_EFULL above
 *  DAM_MODEL_BLOB_MAX; DAM_ENOMEM. */
DAM_MUST_USE enum dam_err dam_model_write(const struct dam_model *model, uint8_t **ret_blob,
                                          size_t *ret_len);

/** The directory of a blob's slices (docs/spec/model.md section 9), without its zero byte.
 *  Returns: its length; 0 if so few slices need none. In: count: up to DAM_MODEL_SLICES_MAX. */
size_t dam_model_directory(const struct dam_address *slices, size_t count,
                           uint8_t ret[DAM_MODEL_DIRECTORY_MAX]);

/** Number of inputs: features times frames. */
size_t dam_model_inputs(const struct dam_model *model);

/** Bytes of the next memory: 0 with one frame. */
size_t dam_model_memory_len(const struct dam_model *model);

/** One decision, as the mind on the chain makes it.
 *  Returns: DAM_OK; DAM_ERANGE if the observation is not 16 c bytes (the mind reverts), nothing
 *  written.
 *  In:  memory: any bytes; a length that is not the model's counts as the first turn.
 *  Out: ret_next: dam_model_memory_len bytes. ret_proposal: outputs_count values. */
DAM_MUST_USE enum dam_err dam_model_decide(const struct dam_model *model, struct dam_bytes memory,
                                           struct dam_bytes observation, uint8_t *ret_next,
                                           int64_t *ret_proposal);

/** The raw features of section 2 and 3, all frames. In: observation of the right length. */
void dam_model_raw(const struct dam_model *model, struct dam_bytes memory,
                   struct dam_bytes observation, int64_t *ret_raw);

/** From raw features to the proposal: the part that costs. In: raw: dam_model_inputs values. */
void dam_model_outputs(const struct dam_model *model, const int64_t *raw, int64_t *ret_proposal);

/** Use the portable kernel only (true) or the best one this processor has (false, the start). For
 *  tests that prove them equal. Not thread-safe. */
void dam_model_portable(bool on);

/** Name of the kernel in use: "avx2" or "portable". */
const char *dam_model_kernel(void);

#endif
