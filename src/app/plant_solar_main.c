// SPDX-License-Identifier: Apache-2.0
/* The simulated solar site as a process: a Modbus TCP server with SunSpec registers, the houses'
 * meters on MQTT, and a line protocol on standard input by which a demo or a test moves its clock:
 *     step SECONDS | soiling PERCENT | publish | quit
 * Each line is answered by one line of JSON with the truth that no device shows, for those who
 * judge the meters. With a speed the clock goes by itself, and the end of input ends nothing. */
#include "app/plant.h"
#include "app/plant_solar.h"
#include "app/verb.h"

#include <inttypes.h>
#include <modbus/modbus-tcp.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* SunSpec map: base 40000; the offsets below are from the base. Models and points: SunSpec
 * Information Model Reference. */
enum {
    SUNSPEC_BASE = 40000,
    COMMON = 2,        /* model 1, 66 registers */
    INVERTER = 70,     /* model 103, 50 */
    STORAGE = 122,     /* model 124, 24 */
    METER = 148,       /* model 203, 105 */
    SUNSPEC_END = 255, /* end model */
    SUNSPEC_LEN = 257,
    INVERTER_W = INVERTER + 2 + 12,
    INVERTER_WH = INVERTER + 2 + 22,
    INVERTER_ST = INVERTER + 2 + 36,
    STORAGE_WCHAMAX = STORAGE + 2 + 0,
    STORAGE_CTL = STORAGE + 2 + 3,
    STORAGE_CHASTATE = STORAGE + 2 + 6,
    STORAGE_OUTWRTE = STORAGE + 2 + 10,
    METER_W = METER + 2 + 16,
    METER_WH_EXP = METER + 2 + 36,
};

#define HOST "127.0.0.1"
#define CLIENTS_MAX 16

/* Powers are shown in tens of watts: an int16 of single watts ends at 32.8 kW. */
#define POWER_SF 1
#define POWER_UNIT_W 10

struct process {
    struct dam_plant plant;
    modbus_t *modbus;
    modbus_mapping_t *map;
    struct mosquitto *mqtt;
    int listener;
    int clients[CLIENTS_MAX];
    int64_t epoch_s; /* Unix time of the data's first row */
    double speed;    /* 0: time moves by `step` alone */
    bool told_to_quit;
    struct timespec last;
    char topic[64];
};

static void put_text(uint16_t *regs, int at, int len, const char *text)
{
    size_t text_len = strlen(text);
    for (int i = 0; i < len; i++) {
        uint8_t high = (size_t)(2 * i) < text_len ? (uint8_t)text[2 * i] : 0;
        uint8_t low = (size_t)(2 * i + 1) < text_len ? (uint8_t)text[2 * i + 1] : 0;
        regs[at + i] = (uint16_t)(high << 8 | low);
    }
}

static void put_u32(uint16_t *regs, int at, uint64_t value)
{
    regs[at] = (uint16_t)(value >> 16);
    regs[at + 1] = (uint16_t)value;
}

static uint16_t sf(int exponent)
{
    return (uint16_t)(int16_t)exponent;
}

/* What does not change: the chain of models, names, scale factors. Unimplemented points hold
 * SunSpec's "not available". */
static void map_init(uint16_t *regs, const struct dam_plant *plant)
{
    for (int i = 0; i < SUNSPEC_LEN; i++) {
        regs[i] = 0xffff;
    }
    put_text(regs, 0, 2, "SunS");
    static const struct {
        int at;
        uint16_t id;
        uint16_t len;
    } models[] = {{COMMON, 1, 66}, {INVERTER, 103, 50}, {STORAGE, 124, 24}, {METER, 203, 105}};
    for (size_t i = 0; i < DAM_COUNT_OF(models); i++) {
        regs[models[i].at] = models[i].id;
        regs[models[i].at + 1] = models[i].len;
    }
    put_text(regs, COMMON + 2, 16, "DAM");
    put_text(regs, COMMON + 18, 16, "Simulated solar site");
    put_text(regs, COMMON + 34, 8, "");
    put_text(regs, COMMON + 42, 8, DAM_VERSION);
    put_text(regs, COMMON + 50, 16, "SIM-0001");
    regs[COMMON + 66] = 1;
    regs[INVERTER + 2 + 4] = sf(0);  /* A_SF */
    regs[INVERTER + 2 + 11] = sf(0); /* V_SF */
    regs[INVERTER + 2 + 13] = sf(POWER_SF);
    regs[INVERTER + 2 + 24] = sf(0); /* WH_SF */
    regs[STORAGE_WCHAMAX] = (uint16_t)plant->rate_max_w;
    regs[STORAGE_CTL] = 3;
    regs[STORAGE_OUTWRTE] = 0;
    regs[STORAGE + 2 + 11] = 0;      /* InWRte */
    regs[STORAGE + 2 + 16] = sf(0);  /* WChaMax_SF */
    regs[STORAGE + 2 + 20] = sf(-2); /* ChaState_SF */
    regs[STORAGE + 2 + 23] = sf(-2); /* InOutWRte_SF */
    regs[METER + 2 + 20] = sf(POWER_SF);
    regs[METER + 2 + 52] = sf(0); /* TotWh_SF */
    regs[SUNSPEC_END] = 0xffff;
    regs[SUNSPEC_END + 1] = 0;
}

static void map_update(struct process *process)
{
    const struct dam_plant *plant = &process->plant;
    uint16_t *regs = process->map->tab_registers;
    regs[INVERTER_W] = (uint16_t)(int16_t)(plant->pv_w / POWER_UNIT_W);
    put_u32(regs, INVERTER_WH, plant->pv_mwh / 1000);
    regs[INVERTER_ST] = plant->pv_w > 0 ? 4 : 2; /* MPPT, sleeping */
    regs[STORAGE_CHASTATE] = (uint16_t)dam_plant_soc_centipct(plant);
    int64_t export_w = plant->pv_w + plant->battery_w;
    regs[METER_W] = (uint16_t)(int16_t)(export_w / POWER_UNIT_W);
    put_u32(regs, METER_WH_EXP, plant->export_mwh / 1000);
}

static void meters_publish(struct process *process)
{
    if (process->mqtt == NULL) {
        return;
    }
    const struct dam_plant *plant = &process->plant;
    for (int i = 0; i < DAM_PLANT_HOUSES; i++) {
        char topic[96];
        char text[160];
        (void)snprintf(topic, sizeof(topic), "%s/house%d/meter", process->topic, i + 1);
        int len = snprintf(
            text, sizeof(text),
            "{\"time\":%" PRId64 ",\"power_w\":%" PRId64 ",\"energy_wh\":%" PRIu64 "}",
            process->epoch_s + plant->time_s, plant->house_w[i], plant->house_mwh[i] / 1000);
        (void)mosquitto_publish(process->mqtt, NULL, topic, len, text, 1, true);
    }
    char topic[96];
    char text[96];
    (void)snprintf(topic, sizeof(topic), "%s/tariff", process->topic);
    int len = snprintf(text, sizeof(text),
                       "{\"time\":%" PRId64 ",\"price_kwh\":%" PRId64 ".%05" PRId64 "}",
                       process->epoch_s + plant->time_s, plant->price_millicent_kwh / 100000,
                       plant->price_millicent_kwh % 100000);
    (void)mosquitto_publish(process->mqtt, NULL, topic, len, text, 1, true);
}

static void advance(struct process *process, int64_t step_s)
{
    int16_t rate = (int16_t)process->map->tab_registers[STORAGE_OUTWRTE];
    rate = rate > 10000 ? 10000 : rate < -10000 ? -10000 : rate;
    process->plant.rate_centipct = rate;
    while (step_s > 0) {
        int64_t to_hour = 3600 - process->plant.time_s % 3600;
        int64_t part = step_s < to_hour ? step_s : to_hour;
        dam_plant_step(&process->plant, part);
        step_s -= part;
    }
    map_update(process);
    meters_publish(process);
}

static void answer(const struct process *process)
{
    const struct dam_plant *plant = &process->plant;
    (void)printf("{\"time\":%" PRId64 ",\"pv_w\":%" PRId64 ",\"battery_w\":%" PRId64
                 ",\"soc_centipct\":%" PRId64 ",\"export_mwh\":%" PRIu64
                 ",\"price_millicent_kwh\":%" PRId64 ",\"house_w\":[",
                 process->epoch_s + plant->time_s, plant->pv_w, plant->battery_w,
                 dam_plant_soc_centipct(plant), plant->export_mwh, plant->price_millicent_kwh);
    for (int i = 0; i < DAM_PLANT_HOUSES; i++) {
        (void)printf("%s%" PRId64, i == 0 ? "" : ",", plant->house_w[i]);
    }
    (void)puts("]}");
    (void)fflush(stdout);
}

/* Returns: false when the plant is told to end. */
static bool command(struct process *process, const char *line)
{
    int64_t value;
    if (sscanf(line, "step %" SCNd64, &value) == 1 && value > 0 && value <= 7 * 86400) {
        advance(process, value);
    } else if (sscanf(line, "soiling %" SCNd64, &value) == 1 && value >= 0 && value <= 100) {
        process->plant.soiling_pct = value;
    } else if (strncmp(line, "publish", 7) == 0) {
        meters_publish(process);
    } else if (strncmp(line, "quit", 4) == 0) {
        process->told_to_quit = true;
        return false;
    } else {
        (void)fprintf(stderr, "plant: unknown command: %s", line);
        (void)puts("{\"error\":\"commands are: step SECONDS (1..604800), soiling PERCENT, publish, "
                   "quit\"}");
        (void)fflush(stdout);
        return true;
    }
    answer(process);
    return true;
}

static void client_accept(struct process *process)
{
    int listener = process->listener;
    int client = modbus_tcp_accept(process->modbus, &listener);
    for (int i = 0; client >= 0 && i < CLIENTS_MAX; i++) {
        if (process->clients[i] < 0) {
            process->clients[i] = client;
            return;
        }
    }
    if (client >= 0) {
        (void)close(client);
    }
}

static void client_serve(struct process *process, int *client)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    (void)modbus_set_socket(process->modbus, *client);
    int len = modbus_receive(process->modbus, query);
    if (len > 0) {
        (void)modbus_reply(process->modbus, query, len, process->map);
    } else if (len < 0) {
        (void)close(*client);
        *client = -1;
    }
}

/* In real time (speed > 0) the clock is the wall's, times speed. */
static void clock_follow(struct process *process)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    double elapsed = (double)(now.tv_sec - process->last.tv_sec) +
                     (double)(now.tv_nsec - process->last.tv_nsec) / 1e9;
    int64_t step_s = (int64_t)(elapsed * process->speed);
    if (step_s > 0) {
        process->last = now;
        advance(process, step_s);
    }
}

/* Standard input is read by hand: a FILE would hide whole lines from poll(). Returns: false at the
 * end of input. */
static bool commands_read(struct process *process)
{
    static char pending[512];
    static size_t pending_len;
    ssize_t len = read(STDIN_FILENO, pending + pending_len, sizeof(pending) - 1 - pending_len);
    if (len <= 0) {
        return false;
    }
    pending_len += (size_t)len;
    pending[pending_len] = '\0';
    char *line = pending;
    for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
        *end = '\0';
        if (!command(process, line)) {
            return false;
        }
        line = end + 1;
    }
    pending_len -= (size_t)(line - pending);
    memmove(pending, line, pending_len);
    if (pending_len == sizeof(pending) - 1) {
        (void)fputs("plant: a line of more than 511 characters is dropped\n", stderr);
        pending_len = 0;
    }
    return true;
}

static int serve(struct process *process)
{
    bool has_input = true;
    for (;;) {
        struct pollfd fds[CLIENTS_MAX + 2];
        nfds_t count = 0;
        fds[count++] = (struct pollfd){has_input ? STDIN_FILENO : -1, POLLIN, 0};
        fds[count++] = (struct pollfd){process->listener, POLLIN, 0};
        int slots[CLIENTS_MAX];
        for (int i = 0; i < CLIENTS_MAX; i++) {
            if (process->clients[i] >= 0) {
                slots[count - 2] = i;
                fds[count++] = (struct pollfd){process->clients[i], POLLIN, 0};
            }
        }
        if (poll(fds, count, process->speed > 0 ? 50 : -1) < 0) {
            return DAM_EXIT_FAILED;
        }
        if (fds[1].revents != 0) {
            client_accept(process);
        }
        for (nfds_t i = 2; i < count; i++) {
            if (fds[i].revents != 0) {
                client_serve(process, &process->clients[slots[i - 2]]);
            }
        }
        if (fds[0].revents != 0 && !commands_read(process)) {
            if (process->speed <= 0 || process->told_to_quit) {
                return DAM_EXIT_OK;
            }
            has_input = false; /* its clock goes on by itself */
        }
        if (process->speed > 0) {
            clock_follow(process);
        }
    }
}

static int modbus_open(struct process *process, int port)
{
    process->modbus = modbus_new_tcp(HOST, port);
    process->map = modbus_mapping_new_start_address(0, 0, 0, 0, SUNSPEC_BASE, SUNSPEC_LEN, 0, 0);
    if (process->modbus == NULL || process->map == NULL) {
        return -1;
    }
    map_init(process->map->tab_registers, &process->plant);
    map_update(process);
    process->listener = modbus_tcp_listen(process->modbus, CLIENTS_MAX);
    return process->listener;
}

static int mqtt_open(struct process *process, int port)
{
    (void)mosquitto_lib_init();
    process->mqtt = mosquitto_new(NULL, true, NULL);
    if (process->mqtt == NULL || mosquitto_connect(process->mqtt, HOST, port, 30) != 0 ||
        mosquitto_loop_start(process->mqtt) != 0) {
        return -1;
    }
    return 0;
}

static void finish(struct process *process)
{
    if (process->mqtt != NULL) {
        (void)mosquitto_disconnect(process->mqtt);
        (void)mosquitto_loop_stop(process->mqtt, false);
        mosquitto_destroy(process->mqtt);
    }
    if (process->map != NULL) {
        modbus_mapping_free(process->map);
    }
    if (process->modbus != NULL) {
        modbus_free(process->modbus);
    }
    dam_plant_finish(&process->plant);
}

int dam_plant_solar_run(const struct dam_plant_options *options)
{
    int code = DAM_EXIT_OK;
    if (options->data == NULL) {
        return dam_verb_fail(DAM_EXIT_USAGE, "profiles/solar-site/data/village.csv is one",
                             "--data FILE is missing");
    }
    static struct process process;
    process = (struct process){
        .listener = -1, .epoch_s = options->epoch_s, .speed = options->speed, .topic = "village"};
    for (int i = 0; i < CLIENTS_MAX; i++) {
        process.clients[i] = -1;
    }
    size_t line = 0;
    enum dam_err err = dam_plant_init(&process.plant, options->data, &line);
    if (err != DAM_OK) {
        return line == 0
                   ? dam_verb_fail(DAM_EXIT_NOT_FOUND, NULL, "cannot read %s", options->data)
                   : dam_verb_fail(DAM_EXIT_FAILED,
                                   "columns: hour,pv_wh,house1_wh..house4_wh,price_millicent_kwh",
                                   "%s, line %zu: %s", options->data, line, dam_err_text(err));
    }
    if (modbus_open(&process, (int)options->modbus_port) < 0) {
        code = dam_verb_fail(DAM_EXIT_FAILED, "choose another with --modbus-port",
                             "cannot listen on " HOST ":%u: %s", options->modbus_port,
                             modbus_strerror(errno));
    } else if (options->mqtt_port != 0 && mqtt_open(&process, (int)options->mqtt_port) < 0) {
        code = dam_verb_fail(DAM_EXIT_FAILED, "is mosquitto running there?",
                             "cannot reach the MQTT broker at " HOST ":%u", options->mqtt_port);
    } else {
        (void)clock_gettime(CLOCK_MONOTONIC, &process.last);
        meters_publish(&process);
        answer(&process);
        code = serve(&process);
    }
    finish(&process);
    return code;
}
