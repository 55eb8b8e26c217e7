// SPDX-License-Identifier: Apache-2.0
/* Public entry to the EVM of libdam. core/evm/evm.h is the contract; core/evm/world.h is a state in
 * memory for whoever has none of their own; base/heap.h is memory from malloc.
 *     cc main.c $(pkg-config --cflags --libs dam) */
#ifndef DAM_EVM_H
#define DAM_EVM_H

#include "base/heap.h"
#include "core/evm/evm.h"
#include "core/evm/world.h"

#endif
