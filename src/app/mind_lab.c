// SPDX-License-Identifier: Apache-2.0
#include "app/mind_lab.h"

#include "base/heap.h"
#include "base/hex.h"
#include "model/model.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMORY_MAX 8192u
#define OBSERVATION_MAX (16u * DAM_MODEL_RECORDS_MAX)
#define DEPLOY_GAS (INT64_C(1) << 40)

enum dam_err dam_lab_open(struct dam_lab *lab)
{
    memset(lab, 0, sizeof(*lab));
    dam_evm_world_init(&lab->world, dam_heap());
    lab->view = dam_evm_world_view(&lab->world);
    return dam_evm_create(dam_heap(), NULL, &lab->evm);
}

void dam_lab_close(struct dam_lab *lab)
{
    dam_evm_destroy(lab->evm);
    dam_evm_world_finish(&lab->world);
    memset(lab, 0, sizeof(*lab));
}

static const struct dam_evm_block block = {.number = 1, .time = 1, .gas_limit = 1u << 30};

/* Runs init code and keeps the contract. */
static enum dam_err create(struct dam_lab *lab, struct dam_bytes init, struct dam_address *ret)
{
    struct dam_evm_options options = {.fork = DAM_FORK_OSAKA, .chain_id = 1};
    struct dam_evm_message message = {
        .kind = DAM_EVM_KIND_CREATE, .sender = {{[19] = 1}}, .input = init, .gas = DEPLOY_GAS};
    struct dam_evm_result result;
    struct dam_evm_diff diff;
    dam_evm_begin(lab->evm, &lab->view, &block, &options);
    DAM_TRY(dam_evm_call(lab->evm, &message, &result));
    if (result.status != DAM_EVM_SUCCESS) {
        dam_evm_discard(lab->evm);
        return DAM_EREFUSED;
    }
    *ret = result.create;
    DAM_TRY(dam_evm_end(lab->evm, &diff));
    return dam_evm_world_apply(&lab->world, &diff);
}

enum dam_err dam_lab_blob(struct dam_lab *lab, struct dam_bytes blob, size_t max,
                          struct dam_address *ret, size_t *ret_count)
{
    /* docs/spec/model.md section 9: returns everything behind itself. */
    static const uint8_t prefix[] = {0x60, 0x0b, 0x59, 0x81, 0x38, 0x03,
                                     0x80, 0x92, 0x59, 0x39, 0xf3, 0x00};
    uint8_t init[sizeof(prefix) + DAM_MODEL_SLICE_LEN];
    size_t count = 0;
    memcpy(init, prefix, sizeof(prefix));
    while (blob.len > 0) {
        size_t len = blob.len < DAM_MODEL_SLICE_LEN ? blob.len : DAM_MODEL_SLICE_LEN;
        if (count == max) {
            return DAM_EFULL;
        }
        memcpy(init + sizeof(prefix), blob.data, len);
        DAM_TRY(create(lab, dam_bytes(init, sizeof(prefix) + len), &ret[count++]));
        blob.data += len;
        blob.len -= len;
    }
    *ret_count = count;
    return DAM_OK;
}

enum dam_err dam_lab_create(struct dam_lab *lab, const char *name, struct dam_bytes args,
                            struct dam_address *ret)
{
    char path[1024];
    const char *folder = getenv("DAM_CONTRACTS");
    (void)snprintf(path, sizeof(path), "%s/%s.json", folder == NULL ? "build/contracts" : folder,
                   name);
    json_t *artifact = json_load_file(path, 0, NULL);
    if (artifact == NULL) {
        return DAM_ENOTFOUND;
    }
    const char *hex = json_string_value(json_object_get(artifact, "bytecode"));
    size_t hex_len = hex == NULL ? 0 : strlen(hex);
    uint8_t *init = malloc(hex_len / 2 + args.len + 1);
    size_t len = 0;
    enum dam_err err = init == NULL   ? DAM_ENOMEM
                       : hex_len == 0 ? DAM_EPARSE
                                      : dam_hex_decode(hex, hex_len, init, hex_len / 2 + 1, &len);
    if (err == DAM_OK) {
        memcpy(init + len, args.data, args.len);
        err = create(lab, dam_bytes(init, len + args.len), ret);
    }
    free(init);
    json_decref(artifact);
    return err;
}

enum dam_err dam_lab_model_mind(struct dam_lab *lab, const char *name, struct dam_bytes blob,
                                struct dam_address *ret)
{
    struct dam_address slices[DAM_MODEL_SLICES_MAX];
    uint8_t args[64 + 32 * DAM_COUNT_OF(slices)] = {[31] = 0x20};
    uint8_t directory[DAM_MODEL_DIRECTORY_MAX];
    size_t count = 0;
    DAM_TRY(dam_lab_blob(lab, blob, DAM_COUNT_OF(slices), slices, &count));
    size_t len = dam_model_directory(slices, count, directory);
    if (len > 0) {
        DAM_TRY(dam_lab_blob(lab, dam_bytes(directory, len), 1, slices, &count));
    }
    args[63] = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        memcpy(args + 64 + 32 * i + 12, slices[i].b, sizeof(slices[i].b));
    }
    return dam_lab_create(lab, name, dam_bytes(args, 64 + 32 * count), ret);
}

enum dam_err dam_lab_blob_mind(struct dam_lab *lab, const char *name, struct dam_bytes blob,
                               struct dam_address *ret)
{
    uint8_t args[32] = {0};
    struct dam_address slice;
    size_t count = 0;
    DAM_TRY(dam_lab_blob(lab, blob, 1, &slice, &count));
    memcpy(args + 12, slice.b, sizeof(slice.b));
    return dam_lab_create(lab, name, dam_bytes(args, sizeof(args)), ret);
}

static void put_word(uint8_t *at, uint64_t v)
{
    memset(at, 0, 32);
    dam_store_be64(at + 24, v);
}

/* The index-th of two ABI byte strings. */
static bool take_bytes(struct dam_bytes answer, size_t index, struct dam_bytes *ret)
{
    if (answer.len < 64) {
        return false;
    }
    uint64_t at = dam_load_be64(answer.data + 32 * index + 24);
    if (at > answer.len - 32) {
        return false;
    }
    uint64_t len = dam_load_be64(answer.data + at + 24);
    if (len > answer.len - 32 - at) {
        return false;
    }
    *ret = dam_bytes(answer.data + at + 32, (size_t)len);
    return true;
}

enum dam_err dam_lab_decide(struct dam_lab *lab, const struct dam_address *mind,
                            struct dam_bytes memory, struct dam_bytes observation, size_t outputs,
                            uint8_t *ret_next, size_t *ret_next_len, int64_t *ret_proposal,
                            int64_t *ret_gas)
{
    /* decide(bytes,bytes) */
    static const uint8_t selector[4] = {0x57, 0xbb, 0x08, 0x74};
    static _Thread_local uint8_t call[4 + 4 * 32 + MEMORY_MAX + OBSERVATION_MAX + 64];
    if (memory.len > MEMORY_MAX || observation.len > OBSERVATION_MAX) {
        return DAM_ERANGE;
    }
    size_t second = 96 + (memory.len + 31) / 32 * 32;
    size_t len = 4 + second + 32 + (observation.len + 31) / 32 * 32;
    memset(call, 0, len);
    memcpy(call, selector, 4);
    put_word(call + 4, 64);
    put_word(call + 36, second);
    put_word(call + 68, memory.len);
    if (memory.len > 0) {
        memcpy(call + 100, memory.data, memory.len);
    }
    put_word(call + 4 + second, observation.len);
    memcpy(call + 36 + second, observation.data, observation.len);

    struct dam_evm_options options = {.fork = DAM_FORK_OSAKA,
                                      .chain_id = 1,
                                      .refuse = dam_evm_impure_opcodes,
                                      .static_call_precompiles_only = true,
                                      .all_warm = true};
    struct dam_evm_message message = {.kind = DAM_EVM_KIND_STATICCALL,
                                      .sender = {{[19] = 1}},
                                      .to = *mind,
                                      .input = dam_bytes(call, len),
                                      .gas = DAM_LAB_GAS};
    struct dam_evm_result result;
    dam_evm_begin(lab->evm, &lab->view, &block, &options);
    DAM_TRY(dam_evm_call(lab->evm, &message, &result));
    *ret_gas = DAM_LAB_GAS - result.gas_left;
    struct dam_bytes next;
    struct dam_bytes proposal;
    enum dam_err err = result.status == DAM_EVM_SUCCESS ? DAM_OK : DAM_EREFUSED;
    if (err == DAM_OK &&
        (!take_bytes(result.output, 0, &next) || !take_bytes(result.output, 1, &proposal) ||
         next.len > MEMORY_MAX || proposal.len != 8 * outputs)) {
        err = DAM_EPARSE;
    }
    if (err == DAM_OK) {
        memcpy(ret_next, next.data, next.len);
        *ret_next_len = next.len;
        for (size_t i = 0; i < outputs; i++) {
            ret_proposal[i] = (int64_t)dam_load_be64(proposal.data + 8 * i);
        }
    }
    dam_evm_discard(lab->evm);
    return err;
}
