// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/keccak.h"
#include "core/evm/opcode.h"
#include "core/evm/vm.h"

/* Room for len code bytes, their padding and their bitmap, 8-byte aligned. */
static size_t prepared_len(size_t len)
{
    return (len + DAM_EVM_CODE_PADDING + 7) / 8 * 8 + len / 8 + 1;
}

/* Copy, pad and find the jump destinations in one pass. */
static void prepare(uint8_t *block, struct dam_bytes code, const uint8_t **ret_bytes,
                    const uint8_t **ret_jumpdests)
{
    uint8_t *jumpdests = block + (code.len + DAM_EVM_CODE_PADDING + 7) / 8 * 8;
    if (code.len != 0) {
        memcpy(block, code.data, code.len);
    }
    memset(block + code.len, 0, DAM_EVM_CODE_PADDING);
    memset(jumpdests, 0, code.len / 8 + 1);
    for (size_t i = 0; i < code.len; i++) {
        const uint8_t op = block[i];
        /* As a signed byte, only PUSH1..PUSH32 and DUP and SWAP are at 0x60 and above. */
        if ((int8_t)op >= DAM_OP_PUSH1) {
            if (op <= DAM_OP_PUSH32) {
                i += op - DAM_OP_PUSH1 + 1u;
            }
        } else if (op == DAM_OP_JUMPDEST) {
            jumpdests[i >> 3] |= (uint8_t)(1u << (i & 7));
        }
    }
    *ret_bytes = block;
    *ret_jumpdests = jumpdests;
}

bool dam_evm_code_prepare(struct dam_evm *evm, struct dam_evm_frame *frame, struct dam_bytes code)
{
    uint8_t *block = dam_arena_alloc(&evm->code_arena, prepared_len(code.len));
    if (block == NULL) {
        return dam_evm_fail(evm, DAM_ENOMEM);
    }
    prepare(block, code, &frame->code, &frame->jumpdests);
    frame->code_len = code.len;
    return true;
}

/* ---- the cache ------------------------------------------------------------------------------- */

static struct dam_evm_code **bucket_of(struct dam_evm_code_cache *cache,
                                       const struct dam_hash *hash)
{
    return &cache->buckets[dam_load_be32(hash->b) % DAM_EVM_CODE_BUCKETS];
}

static void unlink_use(struct dam_evm_code_cache *cache, struct dam_evm_code *code)
{
    if (code->newer != NULL) {
        code->newer->older = code->older;
    } else {
        cache->newest = code->older;
    }
    if (code->older != NULL) {
        code->older->newer = code->newer;
    } else {
        cache->oldest = code->newer;
    }
}

static void link_newest(struct dam_evm_code_cache *cache, struct dam_evm_code *code)
{
    code->newer = NULL;
    code->older = cache->newest;
    if (cache->newest != NULL) {
        cache->newest->newer = code;
    } else {
        cache->oldest = code;
    }
    cache->newest = code;
}

static void drop(struct dam_evm *evm, struct dam_evm_code *code)
{
    struct dam_evm_code **link = bucket_of(&evm->cache, &code->hash);
    while (*link != code) {
        link = &(*link)->next;
    }
    *link = code->next;
    unlink_use(&evm->cache, code);
    evm->cache.len -= code->block_len;
    evm->mem.free(evm->mem.ctx, code, code->block_len);
}

/* Least recently used first; what runs stays, so depth times code size is the true bound. */
static void make_room(struct dam_evm *evm, size_t len)
{
    struct dam_evm_code *code = evm->cache.oldest;
    while (code != NULL && evm->cache.len + len > evm->cache.len_max) {
        struct dam_evm_code *newer = code->newer;
        if (code->pins == 0) {
            drop(evm, code);
        }
        code = newer;
    }
}

static struct dam_evm_code_entry *new_code_find(const struct dam_evm *evm,
                                                const struct dam_hash *hash)
{
    const uint64_t key = dam_load_be64(hash->b);
    struct dam_evm_code_entry *entry;
    for (uint64_t c = key; (entry = dam_table_next(&evm->new_codes, key, &c)) != NULL;) {
        if (dam_hash_eq(&entry->hash, hash)) {
            return entry;
        }
    }
    return NULL;
}

static struct dam_evm_code *load(struct dam_evm *evm, const struct dam_hash *hash)
{
    struct dam_bytes bytes = {NULL, 0};
    if (!dam_hash_eq(hash, &dam_empty_code_hash)) {
        const struct dam_evm_code_entry *entry = new_code_find(evm, hash);
        if (entry != NULL) {
            bytes = entry->code;
        } else {
            const enum dam_err err = evm->view.code(evm->view.ctx, hash, &bytes);
            if (err != DAM_OK) {
                (void)dam_evm_fail(evm, err);
                return NULL;
            }
        }
    }
    const size_t block_len = sizeof(struct dam_evm_code) + prepared_len(bytes.len);
    make_room(evm, block_len);
    struct dam_evm_code *code = evm->mem.alloc(evm->mem.ctx, block_len);
    if (code == NULL) {
        (void)dam_evm_fail(evm, DAM_ENOMEM);
        return NULL;
    }
    *code = (struct dam_evm_code){.hash = *hash, .len = bytes.len, .block_len = block_len};
    prepare((uint8_t *)(code + 1), bytes, &code->bytes, &code->jumpdests);
    struct dam_evm_code **bucket = bucket_of(&evm->cache, hash);
    code->next = *bucket;
    *bucket = code;
    link_newest(&evm->cache, code);
    evm->cache.len += block_len;
    return code;
}

struct dam_evm_code *dam_evm_code_get(struct dam_evm *evm, const struct dam_hash *code_hash)
{
    struct dam_evm_code *code = *bucket_of(&evm->cache, code_hash);
    while (code != NULL && !dam_hash_eq(&code->hash, code_hash)) {
        code = code->next;
    }
    if (code == NULL) {
        return load(evm, code_hash);
    }
    if (evm->cache.newest != code) {
        unlink_use(&evm->cache, code);
        link_newest(&evm->cache, code);
    }
    return code;
}

void dam_evm_code_give(struct dam_evm *evm, struct dam_evm_code *code)
{
    if (!code->is_given) {
        code->is_given = true;
        code->pins++;
        code->given = evm->cache.given;
        evm->cache.given = code;
    }
}

void dam_evm_code_take_back(struct dam_evm *evm)
{
    for (; evm->cache.given != NULL; evm->cache.given = evm->cache.given->given) {
        evm->cache.given->is_given = false;
        evm->cache.given->pins--;
    }
}

void dam_evm_code_cache_finish(struct dam_evm *evm)
{
    while (evm->cache.newest != NULL) {
        drop(evm, evm->cache.newest);
    }
}

bool dam_evm_code_add(struct dam_evm *evm, struct dam_bytes code, struct dam_hash *ret_hash)
{
    if (code.len == 0) {
        *ret_hash = dam_empty_code_hash;
        return true;
    }
    struct dam_hash hash;
    dam_keccak256(code.data, code.len, &hash);
    if (new_code_find(evm, &hash) == NULL) {
        struct dam_evm_code_entry *entry = dam_arena_alloc(&evm->arena, sizeof(*entry));
        const uint8_t *copy = dam_arena_copy(&evm->arena, code.data, code.len);
        if (entry == NULL || copy == NULL) {
            return dam_evm_fail(evm, DAM_ENOMEM);
        }
        *entry = (struct dam_evm_code_entry){hash, dam_bytes(copy, code.len)};
        if (!dam_evm_ok(evm,
                        dam_table_add(&evm->new_codes, &evm->mem, dam_load_be64(hash.b), entry))) {
            return false;
        }
    }
    *ret_hash = hash;
    return true;
}

bool dam_evm_code_is_delegation(struct dam_bytes code, struct dam_address *ret)
{
    if (code.len != 23 || code.data[0] != 0xef || code.data[1] != 0x01 || code.data[2] != 0x00) {
        return false;
    }
    memcpy(ret->b, code.data + 3, sizeof(ret->b));
    return true;
}
