// SPDX-License-Identifier: Apache-2.0
/* `dam ledger import|export|check|stats|rollback`: on a ledger that is not running (check, stats
 * and export also beside one that is). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/args.h"
#include "app/verb.h"
#include "app/verb_ledger.h"
#include "base/heap.h"
#include "ledger/inspect.h"

struct tool_args {
    const char *data;
    const char *file;
    const char *genesis;
    uint64_t to;
    bool has_to;
    bool json;
};

static void bar(void *ctx, uint64_t done, uint64_t total)
{
    static int last = -1;
    int percent = total > 0 ? (int)(done * 100 / total) : 100;
    if (!isatty(STDERR_FILENO) || percent == last) {
        return;
    }
    last = percent;
    (void)fprintf(stderr, "\r%s %3d%% [%.*s%.*s]%s", (const char *)ctx, percent, percent / 4,
                  "#########################", 25 - percent / 4, ".........................",
                  percent == 100 ? "\n" : "");
}

/* Returns: NULL after telling what is wrong. */
static const struct tool_args *tool_args_read(int argc, char **argv)
{
    static struct tool_args ret;
    static struct dam_args words;
    const char *to = NULL;
    const struct dam_arg table[] = {
        {"--data", &ret.data, NULL}, {"--genesis", &ret.genesis, NULL},
        {"--to", &to, NULL},         {"--json", NULL, &ret.json},
        {NULL, NULL, NULL},
    };
    ret = (struct tool_args){.data = "ledger"};
    if (!dam_args_parse(argc, argv, table, 1, &words)) {
        return NULL;
    }
    ret.file = words.count > 0 ? words.words[0] : NULL;
    ret.has_to = to != NULL;
    if (ret.has_to && !dam_args_u64(to, &ret.to)) {
        (void)dam_verb_fail(DAM_EXIT_USAGE, "`dam help ledger` tells the usage",
                            "--to: '%s' is no block's number", to);
        return NULL;
    }
    return &ret;
}

/* A file in memory. Returns: false after telling why not. */
static bool map_file(const char *path, struct dam_bytes *ret)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        (void)dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s: %s", path, strerror(errno));
        if (fd >= 0) {
            (void)close(fd); /* nothing was written */
        }
        return false;
    }
    void *map =
        info.st_size > 0 ? mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    (void)close(fd); /* nothing was written */
    if (map == MAP_FAILED) {
        (void)dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s: %s", path, strerror(errno));
        return false;
    }
    *ret = dam_bytes(map, (size_t)info.st_size);
    return true;
}

static int open_chain(const struct tool_args *args, bool read_only, struct dam_ledger_chain **ret)
{
    struct dam_store_fault fault = {0};
    struct dam_bytes genesis = {0};
    struct dam_ledger_chain_options options = {
        .store = {.dir = args->data, .read_only = read_only}};
    if (args->genesis != NULL && !map_file(args->genesis, &genesis)) {
        return DAM_EXIT_CONFIG;
    }
    options.genesis = (const char *)genesis.data;
    options.genesis_len = genesis.len;
    enum dam_err err = dam_ledger_chain_open(&options, ret, &fault);
    if (genesis.data != NULL) {
        (void)munmap((void *)(uintptr_t)genesis.data, genesis.len); /* was only read */
    }
    return err == DAM_OK
               ? DAM_EXIT_OK
               : dam_verb_fail(err == DAM_ENOTFOUND ? DAM_EXIT_NOT_FOUND : DAM_EXIT_CONFIG, NULL,
                               "%s", fault.text[0] != '\0' ? fault.text : dam_err_text(err));
}

static int tool_import(int argc, char **argv)
{
    const struct tool_args *args = tool_args_read(argc, argv);
    struct dam_ledger_chain *chain;
    struct dam_evm *evm;
    struct dam_bytes file;
    struct dam_import_fault fault = {0};
    struct dam_progress progress = {bar, (void *)(uintptr_t) "import"};
    uint64_t count = 0;
    if (args == NULL) {
        return DAM_EXIT_USAGE;
    }
    if (args->file == NULL) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam ledger import FILE --data DIR",
                             "which file of RLP blocks?");
    }
    if (!map_file(args->file, &file)) {
        return DAM_EXIT_FAILED;
    }
    int code = open_chain(args, false, &chain);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    enum dam_err err = dam_evm_create(dam_heap(), NULL, &evm);
    if (err == DAM_OK) {
        err = dam_inspect_import(chain, evm, file, &progress, &count, &fault);
        dam_evm_destroy(evm);
    }
    (void)printf("imported %" PRIu64 " blocks, head %" PRIu64 "\n", count,
                 chain->head.header.number);
    if (err != DAM_OK) {
        code = dam_verb_fail(DAM_EXIT_FAILED,
                             err == DAM_ECONFLICT && count == 0
                                 ? "a copy begins as its chain did: with the same --genesis, or "
                                   "--chain-id, --fund and so on"
                                 : "what came before it is imported",
                             "%s", fault.text[0] != '\0' ? fault.text : dam_err_text(err));
    }
    dam_ledger_chain_close(chain);
    return code;
}

static enum dam_err write_block(void *ctx, struct dam_bytes block)
{
    return fwrite(block.data, 1, block.len, ctx) == block.len ? DAM_OK : DAM_EIO;
}

static int tool_export(int argc, char **argv)
{
    const struct tool_args *args = tool_args_read(argc, argv);
    struct dam_ledger_chain *chain;
    struct dam_progress progress = {bar, (void *)(uintptr_t) "export"};
    if (args == NULL) {
        return DAM_EXIT_USAGE;
    }
    if (args->file == NULL) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam ledger export FILE --data DIR", "to which file?");
    }
    int code = open_chain(args, true, &chain);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    uint64_t last = args->has_to ? args->to : chain->head.header.number;
    if (last > chain->head.header.number) {
        uint64_t head = chain->head.header.number;
        dam_ledger_chain_close(chain);
        return dam_verb_fail(DAM_EXIT_NOT_FOUND, "--to names the last one to be written",
                             "there is no block %" PRIu64 ": the newest is %" PRIu64, last, head);
    }
    FILE *file = fopen(args->file, "wb");
    if (file == NULL) {
        dam_ledger_chain_close(chain);
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s: %s", args->file, strerror(errno));
    }
    enum dam_err err = dam_inspect_export(chain, 1, last, write_block, file, &progress);
    bool closed = fflush(file) == 0 && fsync(fileno(file)) == 0;
    closed = fclose(file) == 0 && closed;
    dam_ledger_chain_close(chain);
    if (err != DAM_OK || !closed) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "export: %s",
                             err != DAM_OK ? dam_err_text(err) : strerror(errno));
    }
    (void)printf("exported %" PRIu64 " blocks\n", last);
    return DAM_EXIT_OK;
}

static int tool_check(int argc, char **argv)
{
    const struct tool_args *args = tool_args_read(argc, argv);
    struct dam_ledger_chain *chain;
    struct dam_check_report report;
    struct dam_progress progress = {bar, (void *)(uintptr_t) "check"};
    if (args == NULL) {
        return DAM_EXIT_USAGE;
    }
    int code = open_chain(args, true, &chain);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    enum dam_err err = dam_inspect_check(chain, &progress, &report);
    uint64_t head = chain->head.header.number;
    dam_ledger_chain_close(chain);
    if (err != DAM_OK) {
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s: %s", args->data, dam_err_text(err));
    }
    (void)printf(args->json ? "{\"head\":%" PRIu64 ",\"records\":%" PRIu64 ",\"blocks\":%" PRIu64
                              ",\"accounts\":%" PRIu64 ",\"slots\":%" PRIu64 ",\"faults\":%" PRIu64
                              "}\n"
                            : "head %" PRIu64 ": %" PRIu64 " records, %" PRIu64 " blocks, %" PRIu64
                              " accounts, %" PRIu64 " slots checked, %" PRIu64 " faults\n",
                 head, report.records, report.blocks, report.accounts, report.slots, report.faults);
    return report.faults == 0
               ? DAM_EXIT_OK
               : dam_verb_fail(DAM_EXIT_FAILED,
                               "restore a copy, or export what is good and import it elsewhere",
                               "%s", report.first_fault);
}

static int tool_stats(int argc, char **argv)
{
    const struct tool_args *args = tool_args_read(argc, argv);
    struct dam_ledger_chain *chain;
    struct dam_store_stats stats;
    if (args == NULL) {
        return DAM_EXIT_USAGE;
    }
    int code = open_chain(args, true, &chain);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    enum dam_err err = dam_store_stats(chain->store, &stats);
    if (err != DAM_OK) {
        dam_ledger_chain_close(chain);
        return dam_verb_fail(DAM_EXIT_FAILED, NULL, "%s: %s", args->data, dam_err_text(err));
    }
    (void)printf(args->json ? "{\"chain\":%" PRIu64 ",\"head\":%" PRIu64 ",\"oldest\":%" PRIu64
                              ",\"fileBytes\":%" PRIu64 ",\"tables\":{"
                            : "chain %" PRIu64 ", head %" PRIu64 ", oldest kept %" PRIu64
                              ", file %" PRIu64 " bytes\n",
                 chain->rules.config.chain_id, chain->head.header.number, chain->oldest,
                 stats.file_len);
    for (int i = 0; i < DAM_STORE_TABLE_COUNT; i++) {
        (void)printf(args->json ? "%s\"%s\":{\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 "}"
                                : "%s  %-12s %12" PRIu64 " records %14" PRIu64 " bytes\n",
                     args->json && i > 0 ? "," : "", dam_store_table_name((enum dam_store_table)i),
                     stats.entries[i], stats.table_len[i]);
    }
    if (args->json) {
        (void)puts("}}");
    }
    dam_ledger_chain_close(chain);
    return DAM_EXIT_OK;
}

static int tool_rollback(int argc, char **argv)
{
    const struct tool_args *args = tool_args_read(argc, argv);
    struct dam_ledger_chain *chain;
    if (args == NULL) {
        return DAM_EXIT_USAGE;
    }
    if (!args->has_to) {
        return dam_verb_fail(DAM_EXIT_USAGE, "dam ledger rollback --to BLOCK --data DIR",
                             "back to which block?");
    }
    int code = open_chain(args, false, &chain);
    if (code != DAM_EXIT_OK) {
        return code;
    }
    uint64_t from = chain->head.header.number;
    if (args->to > from) {
        dam_ledger_chain_close(chain);
        return dam_verb_fail(DAM_EXIT_USAGE, NULL,
                             "rollback to %" PRIu64 ": the newest block is %" PRIu64, args->to,
                             from);
    }
    enum dam_err err = dam_ledger_chain_rollback(chain, args->to, 0);
    if (err == DAM_OK) {
        (void)printf("taken back from block %" PRIu64 " to %" PRIu64 "\n", from, args->to);
    } else {
        code = dam_verb_fail(
            DAM_EXIT_FAILED,
            err == DAM_ENOTFOUND ? "`dam ledger stats` tells the oldest block kept" : NULL,
            "rollback to %" PRIu64 ": %s; nothing has changed", args->to, dam_err_text(err));
    }
    dam_ledger_chain_close(chain);
    return code;
}

int dam_verb_ledger_tool(int argc, char **argv)
{
    static const struct dam_verb_part parts[] = {
        {"ledger import", tool_import},     {"ledger export", tool_export},
        {"ledger check", tool_check},       {"ledger stats", tool_stats},
        {"ledger rollback", tool_rollback}, {NULL, NULL},
    };
    return dam_verb_part(argc, argv, parts);
}
