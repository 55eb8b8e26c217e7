// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../../contracts/src/law/IMachineCode.sol";

/// Keeps a service's pods at the load: it grows at once to what the present requests need with a fifth to spare, and gives
/// back one pod a turn only when that would still leave the fifth, so that it does not swing. Its memory is the last rate:
/// while requests rise it plans for two turns ahead, because a pod takes two minutes to start.
contract CloudMind is IMind {
    uint256 private constant RECORD = 16;
    uint256 private constant RPS = 1; // 1/10 a second
    uint256 private constant PODS_LAST = 5;
    uint256 private constant RECORDS = 6;

    int256 private constant PER_POD = 1_000; // 100 requests a second
    int256 private constant SPARE = 6; // fifths

    error BadShape();

    function decide(bytes calldata memory_, bytes calldata observation)
        external
        pure
        returns (bytes memory next, bytes memory proposal)
    {
        if (observation.length != RECORDS * RECORD) {
            revert BadShape();
        }
        int256 rps = _value(observation, RPS);
        int256 before = memory_.length == 8 ? int256(int64(uint64(bytes8(memory_)))) : rps;
        int256 planned = rps > before ? rps + 2 * (rps - before) : rps;
        int256 need = (planned * SPARE / 5 + PER_POD - 1) / PER_POD;
        int256 last = _value(observation, PODS_LAST);
        int256 pods = need >= last ? need : last - 1;
        return (abi.encodePacked(int64(rps)), abi.encodePacked(int64(pods)));
    }

    function _value(bytes calldata observation, uint256 index) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(192, calldataload(add(observation.offset, mul(index, RECORD))))
        }
    }
}
