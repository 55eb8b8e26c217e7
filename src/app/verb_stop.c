// SPDX-License-Identifier: Apache-2.0
#include "app/args.h"
#include "app/opened.h"
#include "app/verb.h"
#include "app/verb_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The stop is a file, so that it needs no running process, no socket and no right but that of the
 * folder, and stands through restarts. The machine looks for it ten times a second. */
int dam_verb_stop(int argc, char **argv)
{
    bool lift = false;
    struct dam_args args;
    const struct dam_arg table[] = {{"--lift", NULL, &lift}, {NULL, NULL, NULL}};
    struct dam_opened opened;
    char path[4096];
    if (!dam_args_parse(argc, argv, table, 1, &args)) {
        return DAM_EXIT_USAGE;
    }
    int code = dam_opened_open(args.count > 0 ? args.words[0] : NULL, DAM_OPENED_MANIFEST, &opened);
    if (code == DAM_EXIT_OK) {
        (void)snprintf(path, sizeof(path), "%s/stop", opened.manifest.folder);
        int fd = lift ? -1 : open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        bool ok = lift ? unlink(path) == 0 || errno == ENOENT : fd >= 0 && fsync(fd) == 0;
        if (!ok) {
            code = dam_verb_fail(DAM_EXIT_FAILED, "`touch` or `rm` it by hand", "%s: %s", path,
                                 strerror(errno));
        } else {
            (void)fprintf(stderr, "%s: the stop is %s\n", opened.manifest.name,
                          lift ? "lifted" : "set; the machine goes to its safe state");
        }
        if (fd >= 0) {
            (void)close(fd); /* it holds nothing */
        }
    }
    dam_opened_close(&opened);
    return code;
}
