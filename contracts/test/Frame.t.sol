// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {Base} from "./Base.sol";

/// The frame itself: the compiler, the fork and the cheat codes are what the other tests assume.
contract FrameTest is Base {
    function testOsakaHasP256() public view {
        (uint256 x, uint256 y) = vm.publicKeyP256(7);
        bytes32 digest = sha256("frame");
        (bytes32 r, bytes32 s) = vm.signP256(7, digest);
        if (uint256(s) > P256.N / 2) {
            s = bytes32(P256.N - uint256(s));
        }
        ok(P256.verifyNative(digest, r, s, bytes32(x), bytes32(y)), "precompile 0x100");
        uint256 zeros;
        assembly {
            zeros := clz(1)
        }
        eq(zeros, 255, "clz");
    }

    function testAssertionsCanFail() public view {
        try this.failing() {
            revert("an assertion that cannot fail");
        } catch {}
    }

    function failing() external pure {
        eq(uint256(1), 2, "canary");
    }
}
