// SPDX-License-Identifier: Apache-2.0
/* Any bytes as checkpoint, proof, tile path and entries tile: refused, or written back the same. */
#include "core/record/note.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void checkpoint(struct dam_bytes text)
{
    static struct dam_record_signature signatures[DAM_RECORD_SIGNATURES_MAX];
    static char again[2 * DAM_RECORD_NOTE_MAX];
    struct dam_record_checkpoint point;
    struct dam_bytes body;
    size_t count = 0;
    size_t len = 0;
    if (dam_record_checkpoint_parse(text, &point, &body, signatures, &count) != DAM_OK) {
        return;
    }
    DAM_ASSERT(dam_record_checkpoint_store(&point, again, sizeof(again), &len) == DAM_OK);
    DAM_ASSERT(dam_bytes_eq(dam_bytes(again, len), body));
}

static void proof(struct dam_bytes text)
{
    static char again[2 * DAM_RECORD_NOTE_MAX];
    struct dam_record_proof parsed;
    struct dam_bytes checkpoint_text;
    uint64_t index = 0;
    size_t len = 0;
    if (dam_record_proof_parse(text, &index, &parsed, &checkpoint_text) == DAM_OK &&
        memmem(text.data, text.len, "\nextra ", 7) == NULL) {
        DAM_ASSERT(dam_record_proof_store(index, &parsed, checkpoint_text, again, sizeof(again),
                                          &len) == DAM_OK);
        DAM_ASSERT(dam_bytes_eq(dam_bytes(again, len), text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dam_bytes text = dam_bytes(data, size);
    struct dam_bytes leaf;
    int level = 0;
    uint64_t index = 0;
    unsigned width = 0;
    checkpoint(text);
    proof(text);
    /* The path's parser checks itself by writing. */
    DAM_ASSERT(dam_record_tile_path_parse(text, &level, &index, &width) != DAM_OK || width >= 1);
    while (dam_record_entry_next(&text, &leaf) == DAM_OK) {
        DAM_ASSERT(leaf.len <= size);
    }
    return 0;
}
