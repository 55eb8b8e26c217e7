// SPDX-License-Identifier: Apache-2.0
#include "app/verb.h"

#include "app/plant.h"
#include "app/verb_bench.h"
#include "app/verb_deploy.h"
#include "app/verb_evm.h"
#include "app/verb_ledger.h"
#include "app/verb_machine.h"
#include "app/verb_model.h"
#include "app/verb_signer.h"

#include "base/assert.h"
#include "base/suggest.h"

#include <stdarg.h>
#include <stdio.h>

#define PARTS_MAX 16u

/* Sorted by the order in which a newcomer needs them. */
const struct dam_verb dam_verbs[] = {
    {"init", "make a machine's folder from a profile",
     "usage: dam init PROFILE [DIR]\n\n"
     "Copies the profile (manifest, mind, data) to DIR, which is PROFILE's name unless told.\n"
     "Never writes over a file that is there.\n",
     dam_verb_init},
    {"doctor", "what would keep a machine from running well",
     "usage: dam doctor [DIR] [--wait SECONDS] [--json]\n\n"
     "Checks manifest, mind and charter, evidence, disk, clock, file modes, signer and chain, and\n"
     "opens every link for one value of each channel (at most 5 s unless told). Changes nothing.\n"
     "A running machine keeps its links and signer: they are not looked at then. Ends with 3 if\n"
     "something FAILED.\n",
     dam_verb_doctor},
    {"up", "run one machine, or several on one box",
     "usage: dam up [DIR...] [--speed X|max] [--epoch TIME] [--until TIME] [--turns N]\n"
     "              [--api HOST:PORT [--api-token FILE]] [--step] [--safe] [--quiet]\n\n"
     "Runs the machines of the folders (or of DAM_DIR, or of the current folder) until SIGINT or\n"
     "SIGTERM, then goes to the safe state and ends. Where dam.toml has [ledger], the chain runs\n"
     "in the same process, too (docs/manifest.md).\n\n"
     "  --speed X    time passes X times as fast as the wall's; max: as fast as turns can be "
     "made,\n"
     "               until recorded data (links of kind csv) ends\n"
     "  --epoch T    the time to begin with (Unix seconds or ISO 8601); default: the wall's, or "
     "the\n"
     "               first recorded sample's\n"
     "  --until T    end when time reaches T        --turns N    end after N turns\n"
     "  --api H:P    serve the dashboard and the HTTP API there, as 127.0.0.1:8080\n"
     "  --api-token FILE\n"
     "               to who shows the token in FILE, its owner's alone (docs/api.md)\n"
     "  --safe       only drive every actuator to its safe value, record it, and end\n"
     "  --step       time stands still but for `step DURATION` on standard input, each answered "
     "by\n"
     "               one line of JSON when all turns are made; `quit` ends\n"
     "  --quiet      no talk on standard error but what went wrong\n",
     dam_verb_up},
    {"stop", "the operator's stop: safe state until lifted",
     "usage: dam stop [--lift] [DIR]\n\n"
     "Sets (or lifts) the stop of a machine, running or not. It stands above mind, charter, "
     "market\n"
     "and votes, and through restarts. It is the file `stop` in the machine's folder.\n",
     dam_verb_stop},
    {"status", "what a machine is doing",
     "usage: dam status [DIR] [--json]\n\nThe newest decision, the log, whether it runs.\n",
     dam_verb_status},
    {"watch", "a machine live in the terminal",
     "usage: dam watch [DIR] [--api URL] [--looks N]\n\n"
     "Shows what a machine sees and decides, outages, changes of its law, stops and its treasury,\n"
     "twice a second, from its folder or from its API (http://HOST:PORT). In a pipe it writes a\n"
     "line for every new decision and change.  --looks N: end after N looks.\n",
     dam_verb_watch},
    {"why", "why it did that: one leaf of the evidence",
     "usage: dam why SEQ|last [DIR] [--json]\n\n"
     "Shows a decision with all it saw, what the mind proposed, what the charter changed and why,\n"
     "cost, receipt, and the proof that the leaf is in the log.\n",
     dam_verb_why},
    {"verify", "check a whole evidence log, one's own or another's",
     "usage: dam verify [DIR|URL] [--rpc URL [--from-block N] [--court ADDRESS]]\n"
     "                  [--against FILE] [--contains SIZE:ROOT] [--leaf SEQ] [--size N]\n"
     "                  [--quick] [--json]\n\n"
     "Reads every leaf: form, place, hash chain, chain of memories, and the tree over all; and "
     "the\n"
     "signed checkpoint. DIR: a machine's folder, or a copied evidence folder. URL: its API\n"
     "(C2SP tiles).\n"
     "  --rpc        compare with every anchored checkpoint, and ask for the machine's key, by a\n"
     "               node's JSON-RPC at http://, https://, ws:// or wss://\n"
     "  --court      have the node judge every leaf (or that of --leaf) as this Court would\n"
     "  --against    a checkpoint kept from before, or shown to somebody else\n"
     "  --contains   prove that the log which had this root is the beginning of this one\n"
     "  --leaf       prove that this leaf is in the log, with --rpc in the newest anchored tree\n"
     "               that has it; --json shows leaf and proof\n"
     "  --size       proofs of --leaf and --contains in the tree of the first N leaves\n"
     "  --quick      proofs from the tree only; leaves are not read\n"
     "Exits 0: all holds; 1: it does not; 7: not reached; 9: equivocation.\n",
     dam_verb_verify},
    {"replay", "decide again what was decided, bit for bit",
     "usage: dam replay [FIRST..LAST|FIRST..|SEQ|all] [DIR] [--json]\n\n"
     "Runs mind and charter again over the recorded past and compares every byte.\n",
     dam_verb_replay},
    {"whatif", "the recorded past under another mind or charter",
     "usage: dam whatif [--mind X] [--charter Y] [--since T] [DIR] [--json]\n\n"
     "What would have been different, in units and money. X and Y are an artifact (.json), code\n"
     "(.hex), a model (.model), or a known contract's name; Y may be another dam.toml, whose "
     "rules\n"
     "are then meant. T is Unix seconds, an ISO time, or how long before the newest leaf (7d).\n",
     dam_verb_whatif},
    {"config", "check or show a manifest",
     "usage: dam config check|show [--origin] [DIR] [--json]\n\n"
     "check: read the manifest and load mind and charter; those of a constitution are there from\n"
     "the first `dam up` on, and until then it says that they were not checked.\n"
     "show: every setting that stands, with\n"
     "--origin where each comes from (file and line, environment, default).\n",
     dam_verb_config},
    {"rules", "show or compile a machine's rules",
     "usage: dam rules show [--json] [DIR]\n"
     "       dam rules compile [--out FILE] [DIR]\n\n"
     "show: the limits of each actuator, and the interlocks with their reason codes.\n"
     "compile: the blob of docs/spec/rules.md that guard, charter and contract read.\n",
     dam_verb_rules},
    {"ledger", "run the embedded chain: durable, JSON-RPC, for every Ethereum tool",
     dam_verb_ledger_help, dam_verb_ledger},
    {"plant", "run a simulated plant where the hardware is missing",
     "usage: dam plant solar-site --data FILE [--modbus-port N] [--mqtt-port N]\n"
     "                            [--epoch UNIX_SECONDS] [--speed X]\n"
     "       dam plant irrigation --data FILE [--mqtt-port N] [--modbus-port N] [--speed X]\n"
     "       dam plant rover [--gpsd-port N] [--speed X]\n"
     "       dam plant cloud-agent [--http-port N] [--speed X]\n"
     "       dam plant building [--mqtt-port N] [--speed X]\n\n"
     "Simulated worlds whose only doors are emulated devices on 127.0.0.1, for the profiles of\n"
     "their names. With --speed X time runs X times as fast as the wall's; `dam up` must run at\n"
     "the same speed.\n\n"
     "  solar-site   replays measured output and loads from FILE, integrates a battery; SunSpec "
     "on\n"
     "               Modbus TCP (port 1502 unless told), the houses' meters on an MQTT broker.\n"
     "               Without --speed its time moves by commands on standard input, each answered\n"
     "               by one line of JSON: step SECONDS | soiling PERCENT | publish | quit\n"
     "  irrigation   a field under the weather of FILE; a Zigbee2MQTT soil probe and a Shelly "
     "valve\n"
     "               at the broker (1883), the tank on Modbus (1502)\n"
     "  rover        a delivery robot; gpsd (2947), and the drive as lines of JSON on standard\n"
     "               input and output: the machine starts it as a link of kind program\n"
     "  cloud-agent  a service with a day's load; the provider's API over HTTP (8081)\n"
     "  building     a hall on days in March; Shelly and Zigbee2MQTT devices at the broker "
     "(1883)\n",
     dam_verb_plant},
    {"deploy", "make the shared contracts of a network", dam_verb_deploy_help, dam_verb_deploy},
    {"evm", "run the EVM alone: official tests, code, benchmarks", dam_verb_evm_help, dam_verb_evm},
    {"signer", "the machine's key: make it, frame it, see what it signed",
     "usage: dam signer key DIR --password-file FILE\n"
     "       dam signer token DIR --module PATH --token LABEL --key LABEL --password-file FILE\n"
     "                        [--environment 'NAME=VALUE ...']\n"
     "       dam signer reset DIR --password-file FILE FRAME [--nonce N] [--relayed-nonce N]\n"
     "                        [--size N --root HASH --time T] --yes\n"
     "       dam signer frame DIR --password-file FILE FRAME\n"
     "       dam signer show DIR --password-file FILE [--json]\n\n"
     "The key is used by a process of its own, which signs only what the policy and the frame\n"
     "allow, and never contradicts what it signed before (docs/spec/signer.md).\n\n"
     "  key     make a key; prints its address\n"
     "  token   the key is in hardware, behind a PKCS#11 module (a TPM by tpm2-pkcs11), on\n"
     "          secp256k1 or P-256; the second line of FILE is the PIN; prints its address\n"
     "  reset   begin the signer's memory: for a new key, or when it is lost. The options say\n"
     "          where the chain stands: the key's next nonce, the last anchored checkpoint\n"
     "  frame   change the frame of a signer that is not running\n"
     "  show    the frame, and what was signed last\n\n"
     "FRAME is --chain-id N --machine HASH --evidence ADDRESS --policy FILE --max-fee WEI\n"
     "--fee-per-day WEI, and where they differ from nothing --account ADDRESS --oracle ADDRESS\n"
     "--approver ADDRESS --gas-limit N --may spend,checkpoint,voucher,report\n",
     dam_verb_signer},
    {"signer-process", "the signer itself; started by dam, not by hand",
     "usage: dam signer-process --fd N --folder DIR --password-file FILE\n\n"
     "Started by the machine with one socket. See docs/spec/signer.md.\n",
     dam_verb_signer_process},
    {"completion", "print a completion script for a shell",
     "usage: dam completion bash|zsh|fish\n\nPrints a script that completes the verbs of dam.\n",
     dam_verb_completion},
    {"model", "import, evaluate and explain trained models", dam_verb_model_help, dam_verb_model},
    {"bench", "judge the minds on public benchmarks, and beside peers", dam_verb_bench_help,
     dam_verb_bench},
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

int dam_verb_part(int argc, char **argv, const struct dam_verb_part *parts)
{
    char list[160] = "there are";
    const char *names[PARTS_MAX];
    size_t count = 0;
    size_t before = strlen(argv[0]) + 1;
    for (const struct dam_verb_part *part = parts; part->name != NULL; part++) {
        const char *name = part->name + before;
        size_t len = strlen(list);
        if (argc > 1 && strcmp(argv[1], name) == 0) {
            argv[1] = (char *)(uintptr_t)part->name; /* only read */
            return part->run(argc - 1, argv + 1);
        }
        (void)snprintf(list + len, sizeof(list) - len, "%s %s", part == parts ? "" : ",", name);
        DAM_ASSERT(count < PARTS_MAX);
        names[count++] = name;
    }
    if (argc < 2) {
        return dam_verb_fail(DAM_EXIT_USAGE, list, "dam %s: which part of it?", argv[0]);
    }
    char hint[DAM_SUGGEST_HINT_SIZE];
    return dam_verb_fail(
        DAM_EXIT_USAGE,
        dam_suggest_hint(dam_bytes(argv[1], strlen(argv[1])), names, count, list, hint),
        "dam %s has no part '%s'", argv[0], argv[1]);
}
