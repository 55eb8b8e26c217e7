// SPDX-License-Identifier: Apache-2.0
/* The opcodes: number, name, and the fork that brought each. */
#ifndef DAM_CORE_EVM_OPCODE_H
#define DAM_CORE_EVM_OPCODE_H

#include "core/evm/fork.h"

/* X(name, number, first fork) */
#define DAM_OPCODE_LIST(X)                                                                         \
    X(STOP, 0x00, FRONTIER)                                                                        \
    X(ADD, 0x01, FRONTIER)                                                                         \
    X(MUL, 0x02, FRONTIER)                                                                         \
    X(SUB, 0x03, FRONTIER)                                                                         \
    X(DIV, 0x04, FRONTIER)                                                                         \
    X(SDIV, 0x05, FRONTIER)                                                                        \
    X(MOD, 0x06, FRONTIER)                                                                         \
    X(SMOD, 0x07, FRONTIER)                                                                        \
    X(ADDMOD, 0x08, FRONTIER)                                                                      \
    X(MULMOD, 0x09, FRONTIER)                                                                      \
    X(EXP, 0x0a, FRONTIER)                                                                         \
    X(SIGNEXTEND, 0x0b, FRONTIER)                                                                  \
    X(LT, 0x10, FRONTIER)                                                                          \
    X(GT, 0x11, FRONTIER)                                                                          \
    X(SLT, 0x12, FRONTIER)                                                                         \
    X(SGT, 0x13, FRONTIER)                                                                         \
    X(EQ, 0x14, FRONTIER)                                                                          \
    X(ISZERO, 0x15, FRONTIER)                                                                      \
    X(AND, 0x16, FRONTIER)                                                                         \
    X(OR, 0x17, FRONTIER)                                                                          \
    X(XOR, 0x18, FRONTIER)                                                                         \
    X(NOT, 0x19, FRONTIER)                                                                         \
    X(BYTE, 0x1a, FRONTIER)                                                                        \
    X(SHL, 0x1b, CONSTANTINOPLE)                                                                   \
    X(SHR, 0x1c, CONSTANTINOPLE)                                                                   \
    X(SAR, 0x1d, CONSTANTINOPLE)                                                                   \
    X(CLZ, 0x1e, OSAKA)                                                                            \
    X(KECCAK256, 0x20, FRONTIER)                                                                   \
    X(ADDRESS, 0x30, FRONTIER)                                                                     \
    X(BALANCE, 0x31, FRONTIER)                                                                     \
    X(ORIGIN, 0x32, FRONTIER)                                                                      \
    X(CALLER, 0x33, FRONTIER)                                                                      \
    X(CALLVALUE, 0x34, FRONTIER)                                                                   \
    X(CALLDATALOAD, 0x35, FRONTIER)                                                                \
    X(CALLDATASIZE, 0x36, FRONTIER)                                                                \
    X(CALLDATACOPY, 0x37, FRONTIER)                                                                \
    X(CODESIZE, 0x38, FRONTIER)                                                                    \
    X(CODECOPY, 0x39, FRONTIER)                                                                    \
    X(GASPRICE, 0x3a, FRONTIER)                                                                    \
    X(EXTCODESIZE, 0x3b, FRONTIER)                                                                 \
    X(EXTCODECOPY, 0x3c, FRONTIER)                                                                 \
    X(RETURNDATASIZE, 0x3d, BYZANTIUM)                                                             \
    X(RETURNDATACOPY, 0x3e, BYZANTIUM)                                                             \
    X(EXTCODEHASH, 0x3f, CONSTANTINOPLE)                                                           \
    X(BLOCKHASH, 0x40, FRONTIER)                                                                   \
    X(COINBASE, 0x41, FRONTIER)                                                                    \
    X(TIMESTAMP, 0x42, FRONTIER)                                                                   \
    X(NUMBER, 0x43, FRONTIER)                                                                      \
    X(PREVRANDAO, 0x44, FRONTIER) /* DIFFICULTY before Paris */                                    \
    X(GASLIMIT, 0x45, FRONTIER)                                                                    \
    X(CHAINID, 0x46, ISTANBUL)                                                                     \
    X(SELFBALANCE, 0x47, ISTANBUL)                                                                 \
    X(BASEFEE, 0x48, LONDON)                                                                       \
    X(BLOBHASH, 0x49, CANCUN)                                                                      \
    X(BLOBBASEFEE, 0x4a, CANCUN)                                                                   \
    X(POP, 0x50, FRONTIER)                                                                         \
    X(MLOAD, 0x51, FRONTIER)                                                                       \
    X(MSTORE, 0x52, FRONTIER)                                                                      \
    X(MSTORE8, 0x53, FRONTIER)                                                                     \
    X(SLOAD, 0x54, FRONTIER)                                                                       \
    X(SSTORE, 0x55, FRONTIER)                                                                      \
    X(JUMP, 0x56, FRONTIER)                                                                        \
    X(JUMPI, 0x57, FRONTIER)                                                                       \
    X(PC, 0x58, FRONTIER)                                                                          \
    X(MSIZE, 0x59, FRONTIER)                                                                       \
    X(GAS, 0x5a, FRONTIER)                                                                         \
    X(JUMPDEST, 0x5b, FRONTIER)                                                                    \
    X(TLOAD, 0x5c, CANCUN)                                                                         \
    X(TSTORE, 0x5d, CANCUN)                                                                        \
    X(MCOPY, 0x5e, CANCUN)                                                                         \
    X(PUSH0, 0x5f, SHANGHAI)                                                                       \
    DAM_OPCODE_LIST_16(X, PUSH, 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)       \
    DAM_OPCODE_LIST_16(X, PUSH, 0x70, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,  \
                       32)                                                                         \
    DAM_OPCODE_LIST_16(X, DUP, 0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)        \
    DAM_OPCODE_LIST_16(X, SWAP, 0x90, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)       \
    X(LOG0, 0xa0, FRONTIER)                                                                        \
    X(LOG1, 0xa1, FRONTIER)                                                                        \
    X(LOG2, 0xa2, FRONTIER)                                                                        \
    X(LOG3, 0xa3, FRONTIER)                                                                        \
    X(LOG4, 0xa4, FRONTIER)                                                                        \
    X(CREATE, 0xf0, FRONTIER)                                                                      \
    X(CALL, 0xf1, FRONTIER)                                                                        \
    X(CALLCODE, 0xf2, FRONTIER)                                                                    \
    X(RETURN, 0xf3, FRONTIER)                                                                      \
    X(DELEGATECALL, 0xf4, HOMESTEAD)                                                               \
    X(CREATE2, 0xf5, CONSTANTINOPLE)                                                               \
    X(STATICCALL, 0xfa, BYZANTIUM)                                                                 \
    X(REVERT, 0xfd, BYZANTIUM)                                                                     \
    X(SELFDESTRUCT, 0xff, FRONTIER)

#define DAM_OPCODE_LIST_16(X, name, number, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)        \
    X(name##a, (number) + 0, FRONTIER)                                                             \
    X(name##b, (number) + 1, FRONTIER)                                                             \
    X(name##c, (number) + 2, FRONTIER)                                                             \
    X(name##d, (number) + 3, FRONTIER)                                                             \
    X(name##e, (number) + 4, FRONTIER)                                                             \
    X(name##f, (number) + 5, FRONTIER)                                                             \
    X(name##g, (number) + 6, FRONTIER)                                                             \
    X(name##h, (number) + 7, FRONTIER)                                                             \
    X(name##i, (number) + 8, FRONTIER)                                                             \
    X(name##j, (number) + 9, FRONTIER)                                                             \
    X(name##k, (number) + 10, FRONTIER)                                                            \
    X(name##l, (number) + 11, FRONTIER)                                                            \
    X(name##m, (number) + 12, FRONTIER)                                                            \
    X(name##n, (number) + 13, FRONTIER)                                                            \
    X(name##o, (number) + 14, FRONTIER)                                                            \
    X(name##p, (number) + 15, FRONTIER)

enum dam_opcode {
#define X(name, number, fork) DAM_OP_##name = (number),
    DAM_OPCODE_LIST(X)
#undef X
};

/** The name of an opcode, as "PUSH1". Returns: static text; NULL if no fork has it. */
const char *dam_opcode_name(uint8_t op);

#endif
