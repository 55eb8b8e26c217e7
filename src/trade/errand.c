// SPDX-License-Identifier: Apache-2.0
#include "trade/errand.h"

#include "base/json.h"

bool dam_errand_name(const char *file, char ret[DAM_ERRAND_NAME_SIZE])
{
    static const char suffix[] = ".json";
    size_t len = strlen(file);
    if (len <= sizeof(suffix) - 1 || len > (DAM_ERRAND_NAME_SIZE - 1) + sizeof(suffix) - 1 ||
        strcmp(file + len - (sizeof(suffix) - 1), suffix) != 0) {
        return false;
    }
    len -= sizeof(suffix) - 1;
    for (size_t i = 0; i < len; i++) {
        char c = file[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    memcpy(ret, file, len);
    ret[len] = 0;
    return true;
}

const char *dam_errand_parse(struct dam_arena *arena, struct dam_bytes text, struct dam_errand *ret)
{
    const struct dam_json *root = NULL;
    if (dam_json_parse(arena, (const char *)text.data, text.len, 16, &root, NULL) != DAM_OK) {
        return "it is no JSON, or too long";
    }
    ret->call_count = 0;
    DAM_JSON_EACH(item, dam_json_get(root, "calls"))
    {
        struct dam_calldata_call *call = &ret->calls[ret->call_count];
        if (ret->call_count == DAM_CALLDATA_CALLS_MAX) {
            return "too many calls";
        }
        if (dam_json_hex_exact(dam_json_get(item, "to"), call->target.b, 20) != DAM_OK ||
            dam_json_hex(dam_json_get(item, "data"), arena, &call->data) != DAM_OK) {
            return "a call is {\"to\": \"0x...\", \"data\": \"0x...\"}";
        }
        ret->call_count++;
    }
    return ret->call_count > 0 ? NULL : "it needs {\"calls\": [...]}";
}
