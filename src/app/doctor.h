// SPDX-License-Identifier: Apache-2.0
/* The examination behind `dam doctor`: manifest, law, evidence, disk, clock, permissions, signer,
 * chain, and one read of every link. Each check adds findings; none changes anything. */
#ifndef DAM_APP_DOCTOR_H
#define DAM_APP_DOCTOR_H

#include "machine/manifest.h"

#define DAM_DOCTOR_FINDINGS_MAX 160u

enum dam_doctor_level {
    DAM_DOCTOR_GOOD,
    DAM_DOCTOR_NOTE, /* not looked at, and why */
    DAM_DOCTOR_WARN,
    DAM_DOCTOR_BAD, /* keeps `dam up` from starting, or the machine from its field or chain */
};

struct dam_doctor_finding {
    enum dam_doctor_level level;
    char what[48];
    char text[512];
    char hint[512];
};

struct dam_doctor {
    struct dam_doctor_finding findings[DAM_DOCTOR_FINDINGS_MAX];
    size_t count; /* what does not fit is left out */
};

/** Examine the machine in a folder. Blocks up to wait_ms for the links' first values, and as long
 *  as the chain's endpoints may take. */
void dam_doctor_examine(struct dam_doctor *doctor, const char *folder, unsigned wait_ms);

/** The part about links (doctor_links.c). */
void dam_doctor_links(struct dam_doctor *doctor, const struct dam_manifest *manifest,
                      unsigned wait_ms);

/** Add a finding. In: hint: NULL for none. */
void dam_doctor_find(struct dam_doctor *doctor, enum dam_doctor_level level, const char *what,
                     const char *hint, const char *fmt, ...) DAM_PRINTF(5, 6);

#endif
