// SPDX-License-Identifier: Apache-2.0
/* The one list of field protocols. */
#include "port/link_csv.h"

const struct dam_link_kind *const dam_link_kinds[] = {
    &dam_link_csv,
    NULL,
};
