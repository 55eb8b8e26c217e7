// SPDX-License-Identifier: Apache-2.0
#include "core/crypto/keccak.h"
#include "core/evm/opcode.h"
#include "core/evm/vm.h"

#define INTERPRET dam_evm_interpret_traced
#define TRACING 1
#include "core/evm/interp_body.h"
