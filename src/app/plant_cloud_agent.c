// SPDX-License-Identifier: Apache-2.0
/* A service in a cloud: requests rise and fall with the hours of the day, pods answer them and take
 * two minutes to start. Its one door is the provider's API, JSON over HTTP:
 *
 *     GET   {"rps": 812.5, "pods": {"wanted": 9, "ready": 8}, "load": 0.93, "spent": 12.40}
 *     POST  {"pods": {"wanted": 10}}
 */
#include "app/plant.h"
#include "core/flow/fixed.h"
#include "port/emul_http.h"

#include <stdio.h>

#define HOUR_MS INT64_C(3600000)
#define START_MS 120000
#define PODS_MAX 100
#define RPS_PER_POD_E1 1000          /* 100 requests a second */
#define COST_UCENT_PER_POD_HOUR 4000 /* 4 cent, in 1/1000 cent */

/* Requests a second * 10 at each full hour; between them a straight line. */
static const int64_t day_rps_e1[24] = {2100, 1600, 1300, 1200, 1300, 1800, 2900, 4600,
                                       6400, 7600, 8200, 8500, 8300, 8400, 8600, 8400,
                                       8000, 7700, 7900, 8300, 7800, 6300, 4500, 3000};

static struct {
    struct dam_emul_http *http;
    int64_t time_ms;
    int64_t wanted;
    int64_t ready;
    int64_t starting_ms; /* until the next pod is ready */
    int64_t spent;       /* 1/1000 cent times HOUR_MS */
} p;

static int64_t rps_e1(void)
{
    size_t hour = (size_t)(p.time_ms / HOUR_MS) % 24;
    int64_t part = p.time_ms % HOUR_MS;
    int64_t a = day_rps_e1[hour];
    int64_t b = day_rps_e1[(hour + 1) % 24];
    return a + (b - a) * part / HOUR_MS;
}

static void put(struct dam_json_writer *w, const char *key, int64_t value, unsigned decimals)
{
    char text[DAM_FLOW_FIXED_TEXT_MAX];
    size_t len = dam_flow_fixed_format(value, decimals, text);
    dam_json_put_key(w, key);
    dam_json_put_raw(w, text, len);
}

static void document(void *ctx, struct dam_json_writer *w)
{
    int64_t capacity = p.ready * RPS_PER_POD_E1;
    (void)ctx;
    dam_json_put_object(w);
    put(w, "rps", rps_e1(), 1);
    dam_json_put_key(w, "pods");
    dam_json_put_object(w);
    put(w, "wanted", p.wanted, 0);
    put(w, "ready", p.ready, 0);
    dam_json_put_object_end(w);
    put(w, "load", capacity == 0 ? 999 : rps_e1() * 100 / capacity, 2);
    put(w, "spent", p.spent / HOUR_MS / 1000, 2);
    dam_json_put_object_end(w);
}

static int posted(void *ctx, const struct dam_json *root)
{
    int64_t wanted = 0;
    (void)ctx;
    if (dam_json_i64(dam_json_get(dam_json_get(root, "pods"), "wanted"), &wanted) != DAM_OK ||
        wanted < 0 || wanted > PODS_MAX) {
        return 422;
    }
    p.wanted = wanted;
    return 200;
}

static enum dam_err cloud_open(uv_loop_t *loop, const struct dam_plant_options *options,
                               const char **ret_why)
{
    const struct dam_emul_http_owner owner = {document, posted, NULL};
    unsigned port = 0;
    p.time_ms = 6 * HOUR_MS;
    p.wanted = 2;
    p.ready = 2;
    *ret_why = "the API's port (--http-port)";
    return dam_emul_http_create(loop, options->http_port, &owner, &port, &p.http);
}

static void cloud_step(int64_t ms)
{
    p.time_ms += ms;
    p.spent += p.ready * COST_UCENT_PER_POD_HOUR * ms;
    if (p.ready >= p.wanted) { /* pods end at once */
        p.ready = p.wanted;
        p.starting_ms = START_MS;
        return;
    }
    p.starting_ms -= ms;
    if (p.starting_ms <= 0) { /* all that are starting, start together */
        p.ready = p.wanted;
        p.starting_ms = START_MS;
    }
}

static void cloud_show(void)
{
}

static void cloud_close(void)
{
    dam_emul_http_destroy(p.http);
}

const struct dam_plant_kind dam_plant_cloud_agent = {
    .name = "cloud-agent",
    .defaults = {.speed = 1, .http_port = 8081},
    .open = cloud_open,
    .step = cloud_step,
    .show = cloud_show,
    .close = cloud_close,
};
