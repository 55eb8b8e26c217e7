// SPDX-License-Identifier: Apache-2.0
#include "ledger/rpc.h"

#include <stdlib.h>

#include "base/assert.h"

#define METHODS_MAX 512u

static const struct dam_rpc_method *methods[METHODS_MAX];
static size_t method_count;

static int compare_methods(const void *a, const void *b)
{
    return strcmp((*(const struct dam_rpc_method *const *)a)->name,
                  (*(const struct dam_rpc_method *const *)b)->name);
}

static void collect_methods(void)
{
    static const struct dam_rpc_method *const tables[] = {
        dam_rpc_eth_methods,   dam_rpc_call_methods,     dam_rpc_tx_methods,  dam_rpc_log_methods,
        dam_rpc_debug_methods, dam_rpc_simulate_methods, dam_rpc_dev_methods, dam_rpc_misc_methods,
        dam_rpc_fee_methods,   dam_rpc_config_methods,
    };
    for (size_t t = 0; t < DAM_COUNT_OF(tables); t++) {
        for (const struct dam_rpc_method *method = tables[t]; method->name != NULL; method++) {
            DAM_ASSERT(method_count < METHODS_MAX);
            methods[method_count++] = method;
        }
    }
    qsort(methods, method_count, sizeof(methods[0]), compare_methods);
}

const struct dam_rpc_method *dam_rpc_method_find(const struct dam_json *name)
{
    if (method_count == 0) {
        collect_methods();
    }
    size_t low = 0;
    size_t high = method_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *candidate = methods[middle]->name;
        size_t len = strlen(candidate);
        size_t common = len < name->len ? len : name->len;
        int order = memcmp(candidate, name->text, common);
        order = order != 0 ? order : (len > name->len) - (len < name->len);
        if (order == 0) {
            return methods[middle];
        }
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}
