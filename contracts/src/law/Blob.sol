// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// Data kept as contract code: a STOP byte, so that the contract can never run, then the data. Rules,
/// policies and models are stored so; a reader pays one cold access and three gas a word.
library Blob {
    uint256 internal constant DATA_MAX = 24575; // EIP-170, less the STOP byte

    error BlobTooLong(uint256 length);
    error BlobNotDeployed();
    error NotABlob(address blob);

    /// The init code that leaves `data` behind; its CREATE2 address depends on the data alone.
    function initCode(bytes memory data) internal pure returns (bytes memory) {
        if (data.length > DATA_MAX) {
            revert BlobTooLong(data.length);
        }
        // PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN
        return abi.encodePacked(hex"61", uint16(data.length + 1), hex"80600a3d393df300", data);
    }

    /// Store `data`. Returns the address to read it from.
    function deploy(bytes memory data) internal returns (address blob) {
        bytes memory code = initCode(data);
        assembly ("memory-safe") {
            blob := create2(0, add(code, 32), mload(code), 0)
        }
        if (blob == address(0)) {
            revert BlobNotDeployed();
        }
    }

    /// The data stored at `blob`.
    function read(address blob) internal view returns (bytes memory data) {
        uint256 size = blob.code.length;
        if (size == 0) {
            revert NotABlob(blob);
        }
        data = new bytes(size - 1);
        uint256 first;
        assembly ("memory-safe") {
            extcodecopy(blob, 0x1f, 0, 1)
            first := and(mload(0), 0xff)
            extcodecopy(blob, add(data, 32), 1, sub(size, 1))
        }
        if (first != 0) {
            revert NotABlob(blob);
        }
    }
}

/// A public place to store blobs on chains where no CREATE2 factory is at hand.
contract BlobStore {
    /// @notice A blob of `length` bytes was stored at `blob`.
    event Stored(address indexed blob, uint256 length);

    /// @notice Store `data` as code; the same data always gives the same address, stored once.
    function store(bytes calldata data) external returns (address blob) {
        blob = addressOf(data);
        if (blob.code.length == 0) {
            Blob.deploy(data);
            emit Stored(blob, data.length);
        }
    }

    /// @notice Where `data` is, or would be, stored.
    function addressOf(bytes calldata data) public view returns (address) {
        bytes32 code = keccak256(Blob.initCode(data));
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"ff", address(this), bytes32(0), code)))));
    }
}
