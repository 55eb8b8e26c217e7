// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {BoundsCharter} from "../../src/law/BoundsCharter.sol";
import {Blob} from "../../src/law/Blob.sol";
import {Purity} from "../../src/law/Purity.sol";
import {World} from "../World.sol";
import {MoodyMind, OpenCharter} from "./Minds.sol";

contract PurityTest is World {
    /// The opcodes of docs/spec/decision.md section 5, and those that do not exist.
    function refused(uint256 op) private pure returns (bool) {
        if (op == 0x30 || op == 0x31 || op == 0x32 || op == 0x33 || op == 0x3a) return true; // who, how much
        if (op >= 0x40 && op <= 0x4a) return true; // the block
        if (op == 0x54 || op == 0x55 || op == 0x5a || op == 0x5c || op == 0x5d) return true; // storage, GAS
        if (op >= 0xa0 && op <= 0xa4) return true; // logs
        if (op == 0xf0 || op == 0xf1 || op == 0xf2 || op == 0xf4 || op == 0xf5 || op == 0xfa || op == 0xff) return true;
        bool exists = op <= 0x0b || (op >= 0x10 && op <= 0x1e) || op == 0x20 || (op >= 0x34 && op <= 0x3f)
            || (op >= 0x50 && op <= 0x9f) || op == 0xf3 || op == 0xfd || op == 0xfe;
        return !exists;
    }

    function testEveryOpcode() public view {
        uint256 count;
        for (uint256 op = 0; op < 256; op++) {
            (bool clean, uint256 offset) = purity.scan(abi.encodePacked(hex"5f50", uint8(op)));
            ok(clean != refused(op), "opcode");
            eq(offset, clean ? 0 : 2, "offset");
            count += clean ? 0 : 1;
        }
        eq(count, 256 - 117, "refused opcodes");
    }

    function testPushDataIsSkipped() public view {
        for (uint256 n = 1; n <= 32; n++) {
            bytes memory data = new bytes(n);
            for (uint256 k = 0; k < n; k++) {
                data[k] = 0x54;
            }
            (bool clean,) = purity.scan(abi.encodePacked(uint8(0x5f + n), data, hex"00"));
            ok(clean, "push data");
            (clean,) = purity.scan(abi.encodePacked(uint8(0x5f + n), data, hex"54"));
            ok(!clean, "after push data");
        }
    }

    function testPrecompileCall() public view {
        for (uint256 to = 0; to < 256; to++) {
            (bool clean,) = purity.scan(abi.encodePacked(hex"5f5f5f5f60", uint8(to), hex"6300010000fa"));
            ok(clean == (to >= 1 && to <= 5), "precompiles 1 to 5");
        }
        (bool clean_,) = purity.scan(hex"5f5f5f5f600263000100005bfa");
        ok(!clean_, "a jump could land before the call");
        (clean_,) = purity.scan(hex"6160026300010000fa");
        ok(!clean_, "the address is push data of another push");
    }

    function testAdmit() public {
        ok(purity.isPure(address(mind)) && purity.isPure(address(charter)), "Solidity compiles to pure code");
        purity.admit(address(new MoodyMind()));
        purity.admit(address(new OpenCharter()));
        vm.expectRevert(abi.encodeWithSelector(Purity.NoCode.selector, address(0)));
        purity.admit(address(0));
        vm.expectPartialRevert(Purity.Impure.selector);
        purity.admit(address(registry));
        ok(!purity.isPure(address(registry)), "not admitted");
    }
}
