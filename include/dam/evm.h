// SPDX-License-Identifier: Apache-2.0
/* Public entry to the EVM of libdam: see core/evm/evm.h for the contract. */
#ifndef DAM_EVM_H
#define DAM_EVM_H

#include "core/evm/evm.h"

#endif
