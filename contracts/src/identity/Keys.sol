// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// A machine's key, named by an address whatever its curve. For secp256k1 it is the ordinary address;
/// for P-256 it is the last 20 bytes of keccak256(x, y), and the signature carries the public key.
/// The length of the signature says which: 65 bytes (r, s, v) or 128 bytes (r, s, x, y).
library Keys {
    uint256 private constant P256_SIGNATURE = 128;

    /// Whether `signature` over `digest` was made by `key`. Never reverts on bad bytes.
    function signed(address key, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        return key != address(0) && signer(digest, signature) == key;
    }

    /// The key that signed, or zero.
    function signer(bytes32 digest, bytes calldata signature) internal view returns (address) {
        if (signature.length == P256_SIGNATURE) {
            (bytes32 r, bytes32 s, bytes32 x, bytes32 y) =
                abi.decode(signature, (bytes32, bytes32, bytes32, bytes32));
            return P256.verify(digest, r, s, x, y) ? ofP256(x, y) : address(0);
        }
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, signature);
        return recovered;
    }

    /// The name of a P-256 public key.
    function ofP256(bytes32 x, bytes32 y) internal pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(x, y)))));
    }
}
