// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// A TPM 2.0 quote (TPMS_ATTEST, TCG "TPM 2.0 Library" part 2 section 10.12.8) signed by a P-256
/// attestation key. The one shape that is accepted is 145 bytes: names of 34 bytes, 32 bytes of extra
/// data, one PCR selection of three bytes, a SHA-256 digest.
///
/// A quote proves what was booted, not that a sensor told the truth. Its signature bytes are malleable:
/// never use them as a replay key.
library TpmQuote {
    struct Quote {
        bytes32 extraData;
        uint64 clockMs; // milliseconds the TPM was powered
        uint32 resets; // power cycles
        uint32 restarts;
        bool safe; // the clock was not set back by a power loss
        bytes32 measured; // keccak256 of the PCR selection and digest
    }

    error QuoteMalformed();
    error QuoteSignature();

    uint256 private constant LENGTH = 145;
    uint256 private constant SELECTION = 101; // offset of the PCR selection, then the digest

    /// Check shape and signature. `x`, `y`: the enrolled attestation key.
    function verify(bytes calldata attest, bytes32 r, bytes32 s, bytes32 x, bytes32 y)
        internal
        view
        returns (Quote memory quote)
    {
        if (attest.length != LENGTH) {
            revert QuoteMalformed();
        }
        // magic, TPM_ST_ATTEST_QUOTE, qualifiedSigner: size 34, name algorithm SHA-256
        bool shape = bytes10(attest) == 0xff54434780180022000b;
        shape = shape && bytes2(attest[42:]) == 0x0020; // extraData: size 32
        shape = shape && bytes7(attest[101:]) == 0x00000001000b03; // one selection, SHA-256, 3 bytes
        shape = shape && bytes2(attest[111:]) == 0x0020; // pcrDigest: size 32
        if (!shape) {
            revert QuoteMalformed();
        }
        if (uint256(s) > P256.N / 2 && uint256(s) < P256.N) {
            s = bytes32(P256.N - uint256(s)); // TPMs do not choose the low one of the two
        }
        if (!P256.verifyNative(sha256(attest), r, s, x, y)) {
            revert QuoteSignature();
        }
        quote.extraData = bytes32(attest[44:]);
        quote.clockMs = uint64(bytes8(attest[76:]));
        quote.resets = uint32(bytes4(attest[84:]));
        quote.restarts = uint32(bytes4(attest[88:]));
        quote.safe = attest[92] == 0x01;
        quote.measured = keccak256(attest[SELECTION:]);
    }
}
