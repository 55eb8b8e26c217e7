// SPDX-License-Identifier: Apache-2.0
#include "app/decisions.h"

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LEN_MAX (64u << 20)

bool dam_decision_named(const char *only, const char *name)
{
    if (only == NULL) {
        return true;
    }
    size_t len = strlen(only);
    return strncmp(name, only, len) == 0 && (name[len] == 0 || name[len] == '/');
}

bool dam_decision_wanted(const struct dam_decision_out *out, const char *name)
{
    return dam_decision_named(out->only, name);
}

uint8_t *dam_decision_file(const char *folder, const char *name, size_t *ret_len,
                           enum dam_err *ret_err)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        *ret_err = DAM_EIO;
        return NULL;
    }
    uint8_t *data = malloc(FILE_LEN_MAX);
    *ret_len = data == NULL ? 0 : fread(data, 1, FILE_LEN_MAX, file);
    *ret_err = data == NULL ? DAM_ENOMEM : DAM_OK;
    (void)fclose(file); /* only read from */
    return data;
}

enum dam_err dam_decision_table(const char *folder, const char *name, struct dam_rows *ret)
{
    enum dam_err err;
    size_t len = 0;
    uint8_t *data = dam_decision_file(folder, name, &len, &err);
    DAM_TRY(err);
    size_t kept = 0;
    for (size_t i = 0; i < len; i++) {
        if (data[i] != '"') {
            data[kept++] = data[i];
        }
    }
    size_t line = 0;
    err = dam_rows_parse(dam_bytes(data, kept), ret, &line);
    free(data);
    return err;
}

void dam_teller_init(struct dam_teller *teller, struct dam_forecaster forecaster)
{
    memset(teller, 0, sizeof(*teller));
    forecaster.channel = 1;
    forecaster.limit = forecaster.limit == 0 ? 255 : forecaster.limit;
    teller->forecast = (struct dam_forecast){
        .records = 2, .forecasters_count = 1, .outputs_count = 1, .slot_s = 1};
    teller->forecast.forecasters[0] = forecaster;
    teller->forecast.outputs[0] = (struct dam_output){.mul = 1, .min = INT64_MIN, .max = INT64_MAX};
    DAM_ASSERT(dam_forecast_check(&teller->forecast) == NULL);
}

int64_t dam_teller_told(struct dam_teller *teller, int64_t x, int64_t *ret_error)
{
    uint8_t observation[32] = {0};
    struct dam_forecast_state state = {0};
    int64_t y = 0;
    int64_t slot = 0;
    /* Twice: the value in its slot, then the next slot's beginning, in which nothing is read. */
    for (int turn = 0; turn < 2; turn++) {
        dam_store_be64(observation, (uint64_t)(teller->slot + turn));
        dam_store_be64(observation + 16, (uint64_t)x);
        observation[28] = turn == 0 ? 0 : 2;
        enum dam_err err = dam_forecast_decide(
            &teller->forecast, dam_bytes(teller->memory[teller->which], teller->memory_len),
            dam_bytes(observation, sizeof(observation)), teller->memory[!teller->which], &y);
        DAM_ASSERT(err == DAM_OK);
        teller->memory_len = dam_forecast_memory_len(&teller->forecast);
        teller->which = !teller->which;
    }
    teller->slot++;
    (void)dam_forecast_look(dam_bytes(teller->memory[teller->which], teller->memory_len), &slot,
                            &state);
    if (ret_error != NULL) {
        *ret_error = state.mean / 256;
    }
    return state.forecast;
}
