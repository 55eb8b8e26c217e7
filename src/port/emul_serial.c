// SPDX-License-Identifier: Apache-2.0
#include "port/emul_serial.h"

#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum dam_err dam_emul_serial_open(struct dam_emul_serial *emul)
{
    struct termios raw = {.c_cflag = 0};
    *emul = (struct dam_emul_serial){.master = -1, .slave = -1};
    cfmakeraw(&raw);
    if (openpty(&emul->master, &emul->slave, NULL, &raw, NULL) != 0) {
        return DAM_EIO;
    }
    if (ttyname_r(emul->slave, emul->path, sizeof(emul->path)) != 0 ||
        fcntl(emul->master, F_SETFL, O_NONBLOCK) != 0) {
        dam_emul_serial_close(emul);
        return DAM_EIO;
    }
    return DAM_OK;
}

void dam_emul_serial_say(struct dam_emul_serial *emul, const char *text)
{
    /* What the line's buffer does not take is lost. */
    if (emul->master >= 0 && write(emul->master, text, strlen(text)) < 0) {
        return;
    }
}

void dam_emul_serial_close(struct dam_emul_serial *emul)
{
    if (emul->master >= 0) {
        (void)close(emul->master);
        (void)close(emul->slave);
    }
    emul->master = -1;
    emul->slave = -1;
}
