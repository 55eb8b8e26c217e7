// SPDX-License-Identifier: Apache-2.0
// One decision: a net of 16 inputs, 32 hidden and 8 outputs, weights of 8 bits in the code of another contract. Eight
// neurons to a word, 32 bits each; a word of weights (plus 128) holds those of eight neurons for four inputs, a byte each.
// Calldata: 16 codes of one byte. Returns 8 lanes of 32 bits: output plus 2^31. bench/evm/make-decision makes the rest.
object "Decision" {
    code {}
    object "Runtime" {
        code {
            let ones := 0x0000000100000001000000010000000100000001000000010000000100000001
            let bytes := 0x000000ff000000ff000000ff000000ff000000ff000000ff000000ff000000ff
            extcodecopy(0xb10b, 0x80, 1, 928) // 4 * (bias + 4 tiles) + bias + 8 tiles
            let x := calldataload(0)
            let sum := 0
            for { let i := 0 } lt(i, 16) { i := add(i, 1) } {
                sum := add(sum, byte(i, x))
            }
            let at := 0x80
            let sum2 := 0
            for { let to := 0 } lt(to, 0x80) { to := add(to, 32) } {
                let acc := mload(at)
                at := add(at, 32)
                for { let i := 0 } lt(i, 16) { i := add(i, 4) } {
                    let w := mload(at)
                    at := add(at, 32)
                    acc := add(acc, mul(and(shr(24, w), bytes), byte(i, x)))
                    acc := add(acc, mul(and(shr(16, w), bytes), byte(add(i, 1), x)))
                    acc := add(acc, mul(and(shr(8, w), bytes), byte(add(i, 2), x)))
                    acc := add(acc, mul(and(w, bytes), byte(add(i, 3), x)))
                }
                // The 128s out; below 2^31 is negative and becomes 0; scale by 2^-11, at most 255.
                acc := sub(acc, mul(ones, shl(7, sum)))
                let keep := mul(and(shr(31, acc), ones), 0x7fffffff)
                let y := and(shr(11, and(acc, keep)), 0x000fffff000fffff000fffff000fffff000fffff000fffff000fffff000fffff)
                y := and(or(y, mul(and(shr(8, y), ones), 0xff)), bytes)
                mstore(to, y)
                sum2 := add(sum2, shr(224, mul(y, ones)))
            }
            let acc := mload(at)
            for { let i := 0 } lt(i, 8) { i := add(i, 1) } {
                at := add(at, 32)
                let w := mload(at)
                let y := shl(shl(7, and(i, 1)), mload(shl(5, shr(1, i))))
                acc := add(acc, mul(and(shr(24, w), bytes), shr(224, y)))
                acc := add(acc, mul(and(shr(16, w), bytes), and(shr(192, y), 0xff)))
                acc := add(acc, mul(and(shr(8, w), bytes), and(shr(160, y), 0xff)))
                acc := add(acc, mul(and(w, bytes), and(shr(128, y), 0xff)))
            }
            mstore(0, sub(acc, mul(ones, shl(7, sum2))))
            return(0, 32)
        }
    }
}
