// SPDX-License-Identifier: Apache-2.0
#include "trade/till.h"

#include "base/assert.h"
#include "base/heap.h"
#include "base/json.h"
#include "port/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define VERSION 1u
#define FILE_LEN_MAX (16u << 10)

static bool payments_parse(const struct dam_json *root, struct dam_till *till)
{
    uint64_t version = 0;
    if (dam_json_u64(dam_json_get(root, "version"), &version) != DAM_OK || version != VERSION) {
        return false;
    }
    DAM_JSON_EACH(item, dam_json_get(root, "payments"))
    {
        struct dam_till_payment *p = &till->payments[till->count];
        if (till->count == DAM_TILL_MAX ||
            dam_json_hex_exact(dam_json_get(item, "id"), p->id.b, 32) != DAM_OK ||
            dam_json_hex_exact(dam_json_get(item, "request"), p->request.b, 32) != DAM_OK ||
            dam_json_bool(dam_json_get(item, "answered"), &p->answered) != DAM_OK) {
            return false;
        }
        till->count++;
    }
    return true;
}

/* Returns: the folder, or -1. */
static int folder_open(const struct dam_till *till)
{
    return open(till->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

const char *dam_till_open(struct dam_till *till, const char *folder, const char *name)
{
    const struct dam_json *root = NULL;
    struct dam_arena arena;
    struct dam_bytes text;
    *till = (struct dam_till){.count = 0};
    if (snprintf(till->folder, sizeof(till->folder), "%s", folder) >= (int)sizeof(till->folder) ||
        snprintf(till->name, sizeof(till->name), "%s", name) >= (int)sizeof(till->name)) {
        return "the machine's folder has too long a path";
    }
    int fd = folder_open(till);
    if (fd < 0) {
        return NULL;
    }
    dam_arena_init(&arena, dam_heap(), 0);
    enum dam_err err = dam_file_get(fd, till->name, FILE_LEN_MAX, &arena, &text);
    (void)close(fd); /* only looked through */
    bool ok = err == DAM_ENOTFOUND || (err == DAM_OK &&
                                       dam_json_parse(&arena, (const char *)text.data, text.len, 4,
                                                      &root, NULL) == DAM_OK &&
                                       payments_parse(root, till));
    dam_arena_finish(&arena);
    return ok ? NULL
              : "skills/NAME.paid is not readable: without it payments that are on their way can "
                "be answered twice";
}

/* The file as it is to be. */
static enum dam_err store(const struct dam_till *till)
{
    uint8_t space[FILE_LEN_MAX];
    struct dam_buf buf;
    dam_buf_init_fixed(&buf, space, sizeof(space));
    struct dam_json_writer w = {.buf = &buf};
    dam_json_put_object(&w);
    dam_json_put_u64_at(&w, "version", VERSION);
    dam_json_put_key(&w, "payments");
    dam_json_put_array(&w);
    for (size_t i = 0; i < till->count; i++) {
        const struct dam_till_payment *p = &till->payments[i];
        dam_json_put_object(&w);
        dam_json_put_data_at(&w, "id", dam_bytes(p->id.b, 32));
        dam_json_put_data_at(&w, "request", dam_bytes(p->request.b, 32));
        dam_json_put_key(&w, "answered");
        dam_json_put_bool(&w, p->answered);
        dam_json_put_object_end(&w);
    }
    dam_json_put_array_end(&w);
    dam_json_put_object_end(&w);
    DAM_ASSERT(dam_buf_err(&buf) == DAM_OK);
    int folder = folder_open(till);
    enum dam_err err = folder < 0 ? DAM_EIO : dam_file_put(folder, till->name, dam_buf_bytes(&buf));
    if (folder >= 0) {
        (void)close(folder); /* only looked through */
    }
    return err;
}

static size_t index_of(const struct dam_till *till, const struct dam_hash *id)
{
    size_t i = 0;
    while (i < till->count && !dam_hash_eq(&till->payments[i].id, id)) {
        i++;
    }
    return i;
}

const struct dam_till_payment *dam_till_find(const struct dam_till *till, const struct dam_hash *id)
{
    size_t i = index_of(till, id);
    return i < till->count ? &till->payments[i] : NULL;
}

const struct dam_till_payment *dam_till_oldest(const struct dam_till *till)
{
    for (size_t i = 0; i < till->count; i++) {
        if (till->payments[i].answered) {
            return &till->payments[i];
        }
    }
    return till->count == DAM_TILL_MAX ? &till->payments[0] : NULL;
}

/* What is to be is on the disk before it is so. */
static enum dam_err become(struct dam_till *till, const struct dam_till *next)
{
    DAM_TRY(store(next));
    *till = *next;
    return DAM_OK;
}

enum dam_err dam_till_take(struct dam_till *till, const struct dam_hash *id,
                           const struct dam_hash *request)
{
    struct dam_till next = *till;
    DAM_ASSERT(till->count < DAM_TILL_MAX && dam_till_find(till, id) == NULL);
    next.payments[next.count++] = (struct dam_till_payment){*id, *request, false};
    return become(till, &next);
}

enum dam_err dam_till_answer(struct dam_till *till, const struct dam_hash *id)
{
    struct dam_till next = *till;
    size_t i = index_of(till, id);
    DAM_ASSERT(i < till->count);
    next.payments[i].answered = true;
    return become(till, &next);
}

enum dam_err dam_till_forget(struct dam_till *till, const struct dam_hash *id)
{
    struct dam_till next = *till;
    size_t i = index_of(till, id);
    DAM_ASSERT(i < till->count);
    next.count--;
    memmove(&next.payments[i], &next.payments[i + 1], (next.count - i) * sizeof(next.payments[0]));
    return become(till, &next);
}
