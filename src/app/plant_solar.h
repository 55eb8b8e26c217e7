// SPDX-License-Identifier: Apache-2.0
/* The simulated solar site: what stands where the hardware would. It replays measured photovoltaic
 * output and house loads from a CSV file, integrates a battery, and shows itself only as devices
 * do: SunSpec over Modbus TCP (models 1, 103, 124, 203) and the houses' meters over MQTT. `dam
 * plant solar-site` runs it as its own process; the physics below are pure. */
#ifndef DAM_APP_PLANT_SOLAR_H
#define DAM_APP_PLANT_SOLAR_H

#include "base/bytes.h"
#include "base/err.h"

#define DAM_PLANT_HOUSES 4
#define DAM_PLANT_ROWS_MAX 9000

/* One hour of measured data. */
struct dam_plant_row {
    int64_t pv_wh;
    int64_t house_wh[DAM_PLANT_HOUSES];
    int64_t price_millicent_kwh;
};

/* The site. Energies in mWh, so that a step of any length loses nothing to rounding; powers in W.
 */
struct dam_plant {
    struct dam_plant_row *rows;
    size_t row_count;
    int64_t time_s;         /* seconds since the first row */
    int64_t capacity_mwh;   /* battery, usable */
    int64_t stored_mwh;     /* energy in the battery */
    int64_t rate_max_w;     /* battery, each way */
    int64_t efficiency_pct; /* each way */
    int64_t soiling_pct;    /* of the array's output that is lost */
    int64_t rate_centipct;  /* set-point: 1/100 % of rate_max_w, positive discharges */
    int64_t pv_w;           /* mean of the last step */
    int64_t battery_w;      /* mean of the last step, positive discharges */
    int64_t house_w[DAM_PLANT_HOUSES];
    int64_t price_millicent_kwh;
    uint64_t pv_mwh; /* totals since the start */
    uint64_t export_mwh;
    uint64_t house_mwh[DAM_PLANT_HOUSES];
};

/** Read the data file. Returns: DAM_OK; DAM_EIO if it cannot be read; DAM_EPARSE with *ret_line set
 * if a line is malformed. rows are malloc'ed; dam_plant_finish frees them. */
DAM_MUST_USE enum dam_err dam_plant_init(struct dam_plant *plant, const char *path,
                                         size_t *ret_line);
void dam_plant_finish(struct dam_plant *plant);

/** Let time pass. The data repeats after its last row. In: step_s: 1 .. 3,600. */
void dam_plant_step(struct dam_plant *plant, int64_t step_s);

/** State of charge in 1/100 %. */
int64_t dam_plant_soc_centipct(const struct dam_plant *plant);

struct dam_plant_options;

/** Run the plant as a process, until its input ends or SIGTERM. Returns: an exit code. */
int dam_plant_solar_run(const struct dam_plant_options *options);

#endif
