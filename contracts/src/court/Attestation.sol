// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {TpmQuote} from "./TpmQuote.sol";

/// Measured software: the owner enrols the machine's attestation key, the machine shows quotes. A quote
/// is bound to a recent block and to the root of the machine's log, and the TPM's clock only moves on.
contract Attestation {
    struct Status {
        bytes32 measured;
        uint64 clockMs;
        uint32 resets;
        uint48 time;
    }

    struct Key {
        bytes32 x;
        bytes32 y;
    }

    IERC721 public immutable registry;

    mapping(uint256 id => Key) public keyOf;
    mapping(uint256 id => Status) public statusOf;

    event Enrolled(uint256 indexed id, bytes32 x, bytes32 y);
    event Attested(uint256 indexed id, bytes32 indexed measured, bytes32 logRoot, uint64 clockMs, uint32 resets);

    error NotOwner(uint256 id, address caller);
    error BlockTooOld(uint256 number);
    error WrongExtraData();
    error ClockNotSafe();
    error ClockWentBack();

    constructor(IERC721 registry_) {
        registry = registry_;
    }

    /// @notice Enrol the attestation key of machine `id`. That the key lives in a real TPM is checked
    /// off chain (credential activation); what was attested before is forgotten.
    function enrol(uint256 id, bytes32 x, bytes32 y) external {
        if (msg.sender != registry.ownerOf(id)) {
            revert NotOwner(id, msg.sender);
        }
        keyOf[id] = Key(x, y);
        delete statusOf[id];
        emit Enrolled(id, x, y);
    }

    /// @notice Show a quote whose extra data is `nonceOf(id, number, logRoot)`.
    /// @param number a block of the last 256
    /// @param logRoot root of the machine's log at the time of the quote
    function attest(uint256 id, uint256 number, bytes32 logRoot, bytes calldata quoted, bytes32 r, bytes32 s)
        external
    {
        Key memory key = keyOf[id];
        TpmQuote.Quote memory q = TpmQuote.verify(quoted, r, s, key.x, key.y);
        if (q.extraData != nonceOf(id, number, logRoot)) {
            revert WrongExtraData();
        }
        if (!q.safe) {
            revert ClockNotSafe();
        }
        Status memory was = statusOf[id];
        if (q.resets < was.resets || (q.resets == was.resets && q.clockMs <= was.clockMs)) {
            revert ClockWentBack();
        }
        statusOf[id] = Status(q.measured, q.clockMs, q.resets, uint48(block.timestamp));
        emit Attested(id, q.measured, logRoot, q.clockMs, q.resets);
    }

    /// @notice The extra data that a quote of now must carry.
    function nonceOf(uint256 id, uint256 number, bytes32 logRoot) public view returns (bytes32) {
        bytes32 hash = blockhash(number);
        if (hash == 0) {
            revert BlockTooOld(number);
        }
        return sha256(abi.encodePacked(address(this), id, hash, logRoot));
    }

    /// @notice Whether machine `id` showed `measured` within the last `age` seconds.
    function isFresh(uint256 id, bytes32 measured, uint48 age) external view returns (bool) {
        Status storage status = statusOf[id];
        return status.measured == measured && status.time != 0 && block.timestamp <= uint256(status.time) + age;
    }
}
