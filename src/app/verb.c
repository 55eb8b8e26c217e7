// SPDX-License-Identifier: Apache-2.0
#include "app/verb.h"

#include "app/plant_solar.h"
#include "app/verb_evm.h"

#include <stdarg.h>
#include <stdio.h>

/* Sorted by the order in which a newcomer needs them. */
const struct dam_verb dam_verbs[] = {
    {"plant", "run a simulated plant where the hardware is missing",
     "usage: dam plant solar-site --data FILE [--modbus-port N] [--mqtt-port N]\n"
     "                            [--epoch UNIX_SECONDS] [--speed X]\n\n"
     "A simulated solar site: replays measured output and loads from FILE, integrates a battery,\n"
     "answers as a SunSpec device on Modbus TCP (127.0.0.1:1502 unless told) and publishes the\n"
     "houses' meters to the MQTT broker at --mqtt-port. With --speed X time runs X times as fast\n"
     "as the wall's; without it, time moves by commands on standard input, each answered by one\n"
     "line of JSON: step SECONDS | soiling PERCENT | quit\n",
     dam_plant_main},
    {"evm", "run the EVM alone: official tests, code, benchmarks", dam_verb_evm_help, dam_verb_evm},
    {"completion", "print a completion script for a shell",
     "usage: dam completion bash|zsh|fish\n\nPrints a script that completes the verbs of dam.\n",
     dam_verb_completion},
    {0},
};

int dam_verb_fail(int code, const char *hint, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("error: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    if (hint != NULL) {
        (void)fprintf(stderr, "hint:  %s\n", hint);
    }
    return code;
}
