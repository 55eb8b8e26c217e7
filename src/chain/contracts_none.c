// SPDX-License-Identifier: Apache-2.0
/* For builds without contracts (-Dcontracts=false): `dam deploy` needs --contracts there. */
#include "chain/contracts.h"

struct dam_bytes dam_contracts_embedded(void)
{
    return (struct dam_bytes){0};
}
