// SPDX-License-Identifier: Apache-2.0
#include "app/plant_solar.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_MWH (40 * 1000 * 1000) /* 40 kWh */
#define RATE_MAX_W 15000

static enum dam_err row_parse(const char *line, struct dam_plant_row *ret)
{
    int64_t hour;
    int end = 0;
    int count = sscanf(line,
                       "%" SCNd64 ",%" SCNd64 ",%" SCNd64 ",%" SCNd64 ",%" SCNd64 ",%" SCNd64
                       ",%" SCNd64 "%n",
                       &hour, &ret->pv_wh, &ret->house_wh[0], &ret->house_wh[1], &ret->house_wh[2],
                       &ret->house_wh[3], &ret->price_millicent_kwh, &end);
    bool whole = count == 7 && (line[end] == '\n' || line[end] == '\r' || line[end] == '\0');
    bool in_range = whole && ret->pv_wh >= 0 && ret->pv_wh <= 1000000;
    for (int i = 0; in_range && i < DAM_PLANT_HOUSES; i++) {
        in_range = ret->house_wh[i] >= 0 && ret->house_wh[i] <= 1000000;
    }
    return in_range ? DAM_OK : DAM_EPARSE;
}

/* What the data says for this hour. */
static void row_show(struct dam_plant *plant)
{
    const struct dam_plant_row *row =
        &plant->rows[(size_t)(plant->time_s / 3600) % plant->row_count];
    plant->pv_w = row->pv_wh * (100 - plant->soiling_pct) / 100;
    plant->price_millicent_kwh = row->price_millicent_kwh;
    memcpy(plant->house_w, row->house_wh, sizeof(plant->house_w));
}

enum dam_err dam_plant_init(struct dam_plant *plant, const char *path, size_t *ret_line)
{
    *plant = (struct dam_plant){
        .capacity_mwh = CAPACITY_MWH,
        .stored_mwh = CAPACITY_MWH / 2,
        .rate_max_w = RATE_MAX_W,
        .efficiency_pct = 95,
    };
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return DAM_EIO;
    }
    plant->rows = calloc(DAM_PLANT_ROWS_MAX, sizeof(*plant->rows));
    enum dam_err err = plant->rows == NULL ? DAM_ENOMEM : DAM_OK;
    char line[256];
    for (size_t number = 1; err == DAM_OK && fgets(line, sizeof(line), file) != NULL; number++) {
        if (number == 1 && strncmp(line, "hour,", 5) == 0) {
            continue;
        }
        *ret_line = number;
        err = plant->row_count == DAM_PLANT_ROWS_MAX
                  ? DAM_EFULL
                  : row_parse(line, &plant->rows[plant->row_count]);
        plant->row_count += err == DAM_OK;
    }
    (void)fclose(file);
    if (err == DAM_OK && plant->row_count == 0) {
        err = DAM_EPARSE;
    }
    if (err != DAM_OK) {
        dam_plant_finish(plant);
        return err;
    }
    row_show(plant);
    return DAM_OK;
}

void dam_plant_finish(struct dam_plant *plant)
{
    free(plant->rows);
    plant->rows = NULL;
    plant->row_count = 0;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Charge or discharge for step_s at the set-point, as far as the battery can. Returns: mean power
 * at its terminals, W. */
static int64_t battery_step(struct dam_plant *plant, int64_t step_s)
{
    int64_t wanted_w = plant->rate_max_w * plant->rate_centipct / 10000;
    int64_t wanted_mwh = wanted_w * step_s * 1000 / 3600; /* at the terminals */
    if (wanted_mwh >= 0) {
        int64_t out_mwh = min64(wanted_mwh, plant->stored_mwh * plant->efficiency_pct / 100);
        plant->stored_mwh -= min64(plant->stored_mwh, out_mwh * 100 / plant->efficiency_pct);
        return out_mwh * 3600 / (step_s * 1000);
    }
    int64_t room_mwh = (plant->capacity_mwh - plant->stored_mwh) * 100 / plant->efficiency_pct;
    int64_t in_mwh = min64(-wanted_mwh, room_mwh);
    plant->stored_mwh =
        min64(plant->capacity_mwh, plant->stored_mwh + in_mwh * plant->efficiency_pct / 100);
    return -(in_mwh * 3600 / (step_s * 1000));
}

void dam_plant_step(struct dam_plant *plant, int64_t step_s)
{
    DAM_ASSERT(step_s > 0 && step_s <= 3600 && plant->row_count > 0);
    row_show(plant);
    plant->battery_w = battery_step(plant, step_s);
    plant->pv_mwh += (uint64_t)(plant->pv_w * step_s * 1000 / 3600);
    int64_t export_w = plant->pv_w + plant->battery_w;
    if (export_w > 0) {
        plant->export_mwh += (uint64_t)(export_w * step_s * 1000 / 3600);
    }
    for (int i = 0; i < DAM_PLANT_HOUSES; i++) {
        plant->house_mwh[i] += (uint64_t)(plant->house_w[i] * step_s * 1000 / 3600);
    }
    plant->time_s += step_s;
}

int64_t dam_plant_soc_centipct(const struct dam_plant *plant)
{
    return plant->stored_mwh * 10000 / plant->capacity_mwh;
}
