// SPDX-License-Identifier: Apache-2.0
/* A SunSpec device over Modbus: its chain of models is walked once a connection, and each poll
 * reads a model as a whole, so that values and scale factors belong together. Only in a link's
 * worker: it blocks. Where a function returns DAM_EIO, errno is libmodbus's. */
#ifndef DAM_PORT_SUNSPEC_DEVICE_H
#define DAM_PORT_SUNSPEC_DEVICE_H

#include "port/sunspec.h"

#include <modbus/modbus.h>

#define DAM_SUNSPEC_MODELS_MAX 64u

struct dam_sunspec_model {
    uint16_t id;
    uint16_t address; /* of its first point */
    uint16_t len;
    bool is_read;   /* `registers` are this poll's */
    bool piecemeal; /* the device refuses to give it whole */
    uint16_t *registers;
};

/* Zeroed at the start. */
struct dam_sunspec_device {
    struct dam_sunspec_model models[DAM_SUNSPEC_MODELS_MAX];
    size_t model_count;
};

/** Learn which models there are, and forget others. Returns: NULL, or what it was at when the
 *  connection failed. A device that is no SunSpec device has no models. */
const char *dam_sunspec_device_walk(struct dam_sunspec_device *device, modbus_t *bus);

/** Give the memory back. */
void dam_sunspec_device_forget(struct dam_sunspec_device *device);

/** A poll begins: what was read before is old. */
void dam_sunspec_device_begin(struct dam_sunspec_device *device);

/** Read a point. Returns: DAM_OK; DAM_ENOTFOUND if the device does not have it or says that it is
 * not available; DAM_ERANGE, DAM_EPARSE, DAM_ENOMEM, DAM_EIO. */
DAM_MUST_USE enum dam_err dam_sunspec_device_read(struct dam_sunspec_device *device, modbus_t *bus,
                                                  const struct dam_sunspec_place *place,
                                                  unsigned decimals, int64_t *ret);

/** Write a point. A point of a curve is written only where it is another, and not where the device
 *  marks the curve as read-only; a number for AdptCrvReq (or AdptCtlReq) goes through SunSpec's
 * adopt procedure: what the device runs is compared first, and its word about the result is waited
 * for. Returns: DAM_OK; DAM_EREFUSED if the device does not do it, DAM_ETIMEOUT if it has said
 * nothing within wait_ms; DAM_ENOTFOUND, DAM_ERANGE, DAM_EPARSE, DAM_EUNSUPPORTED, DAM_ENOMEM,
 * DAM_EIO. */
DAM_MUST_USE enum dam_err dam_sunspec_device_write(struct dam_sunspec_device *device, modbus_t *bus,
                                                   const struct dam_sunspec_place *place,
                                                   unsigned decimals, int64_t value,
                                                   unsigned wait_ms);

#endif
