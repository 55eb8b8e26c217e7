// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// Which contracts are pure enough to be a mind or a charter (docs/spec/decision.md section 5). The
/// check is a scan of the code, done once per contract: code that passes cannot change, since none of
/// the opcodes that would let it is allowed.
contract Purity {
    /// @notice Whether `code` was admitted.
    mapping(address code => bool) public isPure;

    event Admitted(address indexed code, bytes32 codeHash);

    error NoCode(address code);
    error Impure(address code, uint256 offset, uint8 opcode);

    /// Bit `op` is set where opcode `op` is allowed. STATICCALL is not: `_precompileCall` allows it.
    /// 00-0b arithmetic; 10-1e compare, bits, CLZ; 20 KECCAK256; 34-39 CALLVALUE, calldata, code;
    /// 3b-3d EXTCODESIZE, EXTCODECOPY, RETURNDATASIZE; 3e RETURNDATACOPY; 3f EXTCODEHASH;
    /// 50-53 POP, memory; 56-59 jumps, PC, MSIZE; 5b JUMPDEST; 5e MCOPY; 5f-9f PUSH, DUP, SWAP;
    /// f3 RETURN; fd REVERT; fe INVALID.
    uint256 private constant ALLOWED = (uint256(0xfff)) // 00-0b
        | (uint256(0x7fff) << 0x10) // 10-1e
        | (uint256(1) << 0x20) | (uint256(0x3f) << 0x34) | (uint256(0x1f) << 0x3b) // hashes, inputs, codes
        | (uint256(0xf) << 0x50) | (uint256(0xf) << 0x56) | (uint256(1) << 0x5b) // memory, flow
        | (((uint256(1) << 0x42) - 1) << 0x5e) // 5e-9f
        | (uint256(1) << 0xf3) | (uint256(1) << 0xfd) | (uint256(1) << 0xfe);

    uint8 private constant STATICCALL = 0xfa;

    /// @notice Scan `code` and remember that it is pure; reverts at the first opcode that is not.
    function admit(address code) external {
        bytes memory program = code.code;
        if (program.length == 0) {
            revert NoCode(code);
        }
        (bool clean, uint256 offset) = scan(program);
        if (!clean) {
            revert Impure(code, offset, uint8(program[offset]));
        }
        isPure[code] = true;
        emit Admitted(code, keccak256(program));
    }

    /// @notice Whether `program` holds only allowed opcodes; else `offset` is the first other one.
    /// Push data is skipped, as the EVM's own jump analysis does, so no jump can reach into it.
    function scan(bytes memory program) public pure returns (bool clean, uint256 offset) {
        uint256 allowed = ALLOWED;
        uint256 length = program.length;
        while (offset < length) {
            uint8 op;
            assembly ("memory-safe") {
                op := byte(0, mload(add(add(program, 32), offset)))
            }
            if ((allowed >> op) & 1 == 0 && !(op == STATICCALL && _precompileCall(program, offset))) {
                return (false, offset);
            }
            offset += op >= 0x60 && op <= 0x7f ? op - 0x5e : 1;
        }
        return (true, 0);
    }

    /// A STATICCALL to a precompile 0x01-0x05 must be written as `PUSH1 address, PUSH4 gas, STATICCALL`:
    /// no jump can land between the three, so the address is the one that is called.
    function _precompileCall(bytes memory program, uint256 offset) private pure returns (bool) {
        return offset >= 7 && program[offset - 7] == 0x60 && uint8(program[offset - 6]) >= 1 && uint8(program[offset - 6]) <= 5
            && program[offset - 5] == 0x63 && _startsOpcode(program, offset - 7);
    }

    /// Whether the byte at `offset` is an opcode and not push data.
    function _startsOpcode(bytes memory program, uint256 offset) private pure returns (bool) {
        uint256 next = 0;
        while (next < offset) {
            uint8 op = uint8(program[next]);
            next += op >= 0x60 && op <= 0x7f ? op - 0x5e : 1;
        }
        return next == offset;
    }
}
