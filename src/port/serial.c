// SPDX-License-Identifier: Apache-2.0
#include "port/serial.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

static bool speed_find(unsigned baud, speed_t *ret)
{
    static const struct {
        unsigned baud;
        speed_t speed;
    } speeds[] = {{1200, B1200},     {2400, B2400},     {4800, B4800},    {9600, B9600},
                  {19200, B19200},   {38400, B38400},   {57600, B57600},  {115200, B115200},
                  {230400, B230400}, {460800, B460800}, {921600, B921600}};
    for (size_t i = 0; i < DAM_COUNT_OF(speeds); i++) {
        if (speeds[i].baud == baud) {
            *ret = speeds[i].speed;
            return true;
        }
    }
    return false;
}

int dam_serial_open(const char *path, unsigned baud)
{
    struct termios t;
    speed_t speed;
    if (!speed_find(baud, &speed)) {
        errno = EINVAL;
        return -1;
    }
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &t) != 0) {
        int error = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        errno = error;
        return -1;
    }
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD;
    t.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS);
    if (cfsetspeed(&t, speed) != 0 || tcsetattr(fd, TCSANOW, &t) != 0) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}
