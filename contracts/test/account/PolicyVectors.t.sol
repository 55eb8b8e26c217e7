// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Execution} from "@openzeppelin/contracts/interfaces/draft-IERC7579.sol";
import {MachineAccount} from "../../src/account/MachineAccount.sol";
import {MachineRegistry} from "../../src/identity/MachineRegistry.sol";
import {Blob} from "../../src/law/Blob.sol";
import {Constitution} from "../../src/law/Constitution.sol";
import {Base} from "../Base.sol";

/// Random policies and batches with the account's verdicts, as lines in test/vectors/policy.txt. The
/// signer on the machine reads the same lines: equal verdict, equal index, equal reason.
///
///     policy HEX                                           all buckets start full
///     step TIME SCALE HELD APPROVED INDEX REASON CALLS     CALLS: target:value:data,...
///
/// A step with reason 0 was executed. The account is 0x...dA11. Write the file anew with
/// DAM_WRITE_VECTORS=true tools/check-contracts --match-contract PolicyVectors
contract PolicyVectorsTest is Base {
    string private constant FILE = "test/vectors/policy.txt";
    address private constant ACCOUNT = address(0xdA11);
    bytes32 private constant MODE = bytes32(uint256(1) << 248);
    uint256 private constant POLICIES = 48;
    uint256 private constant STEPS = 12;

    address private constitution = address(0xC0457);
    address private key = address(0x4e1);
    MachineAccount private account = MachineAccount(payable(ACCOUNT));
    uint256 private seed = 1;
    uint256 private time = 1_800_000_000;
    uint256[16] private seen; // how often each reason was met

    function setUp() public {
        MachineAccount made = new MachineAccount(MachineRegistry(address(this)), Constitution(constitution), 1);
        vm.etch(ACCOUNT, address(made).code);
        account.onKeyChanged(key);
        vm.deal(ACCOUNT, 1e36);
    }

    function next(uint256 below) private returns (uint256) {
        seed = uint256(keccak256(abi.encode(seed)));
        return seed % below;
    }

    function to(uint256 k) private pure returns (address) {
        return k == 0 ? ACCOUNT : k == 1 ? address(0) : address(uint160(0xaaaa0000 + k));
    }

    function bucket() private returns (bytes memory) {
        bytes memory limits = abi.encodePacked(uint128(next(2000)), next(3) == 0 ? type(uint128).max : uint128(next(400)));
        return abi.encodePacked(to(next(6)), uint8(next(2)), bytes7(0), uint32(1 + next(5000)), limits);
    }

    function index(uint256 buckets) private returns (uint8) {
        return next(3) == 0 || buckets == 0 ? 0xff : uint8(next(buckets));
    }

    function rule(uint256 buckets) private returns (bytes memory r) {
        bool bare = next(4) == 0;
        uint8 checks = bare || next(3) != 0 ? 0 : uint8(1 + next(2));
        uint8 amount = next(4) == 0 ? 0xfe : bare || next(4) == 0 ? 0xff : uint8(next(3));
        uint8 payee = bare || next(3) == 0 ? 0xff : uint8(next(2));
        r = abi.encodePacked(bare && next(2) == 0 ? address(0) : to(2 + next(2)), bare ? bytes4(0) : bytes4(uint32(1 + next(2))));
        r = abi.encodePacked(r, uint8(bare ? 1 : 0), amount, payee, index(buckets), index(buckets), checks, uint16(0));
        for (uint256 k = 0; k < checks; k++) {
            r = abi.encodePacked(r, uint8(next(3)), uint8(next(4)), bytes30(0), uint256(next(600)));
        }
    }

    function policy() private returns (bytes memory blob) {
        uint256 buckets = next(4);
        uint256 rules = 1 + next(6);
        blob = abi.encodePacked("DAMP", uint8(1), uint8(buckets), uint8(1), uint8(rules), bytes24(0));
        for (uint256 k = 0; k < buckets; k++) {
            blob = bytes.concat(blob, bucket());
        }
        blob = bytes.concat(blob, bytes32(next(1 << 128)));
        for (uint256 k = 0; k < rules; k++) {
            blob = bytes.concat(blob, rule(buckets));
        }
        if (next(6) == 0) {
            blob[next(blob.length)] ^= bytes1(uint8(1 << next(8))); // often malformed, sometimes another policy
        }
    }

    function batch() private returns (Execution[] memory calls) {
        calls = new Execution[](next(20) == 0 ? 32 + next(2) : next(20) == 0 ? 0 : 1 + next(2));
        for (uint256 k = 0; k < calls.length; k++) {
            bytes memory data;
            if (next(4) != 0) {
                data = abi.encodePacked(bytes4(uint32(1 + next(2))), uint256(next(4)));
                data = next(4) == 0 ? data : abi.encodePacked(data, next(800), next(800));
            }
            if (next(10) == 0) {
                data = new bytes(1 + next(6));
            }
            uint256 who = next(16);
            calls[k] = Execution(to(who < 12 ? 2 + who % 2 : who < 14 ? 4 : who - 14), next(3) == 0 ? next(500) : 0, data);
        }
    }

    function step(address blob) private returns (string memory) {
        time += next(2) == 0 ? 0 : next(3000);
        uint16 scale = next(3) == 0 ? uint16(next(1001)) : 1000;
        uint8 held = next(20) == 0 ? uint8(1 + next(4)) : 0;
        bool approved = next(4) == 0;
        vm.mockCall(constitution, "", abi.encode(blob, scale, held, address(this)));
        Execution[] memory calls = batch();
        vm.warp(time);
        if (approved) {
            account.approve(keccak256(abi.encode(calls)));
        }
        (uint256 at_, uint8 reason) = account.verdictOf(calls);
        vm.prank(key);
        try account.execute(MODE, abi.encode(calls)) {
            eq(reason, 0, "executed");
        } catch (bytes memory error_) {
            eq(error_, abi.encodeWithSelector(MachineAccount.Refused.selector, at_, reason), "refused");
        }
        seen[reason]++;
        return line(calls, scale, held, approved, at_, reason);
    }

    function line(Execution[] memory calls, uint16 scale, uint8 held, bool approved, uint256 at_, uint8 reason)
        private
        view
        returns (string memory s)
    {
        s = string.concat("step ", vm.toString(time), " ", vm.toString(uint256(scale)), " ", vm.toString(uint256(held)));
        s = string.concat(s, approved ? " 1 " : " 0 ", vm.toString(at_), " ", vm.toString(uint256(reason)), " ");
        for (uint256 k = 0; k < calls.length; k++) {
            string memory call_ = string.concat(vm.toString(calls[k].target), ":", vm.toString(calls[k].value), ":");
            s = string.concat(s, k == 0 ? "" : ",", call_, vm.toString(calls[k].callData));
        }
        return string.concat(s, "\n");
    }

    function testVectors() public {
        string memory text = "# Made by contracts/test/account/PolicyVectors.t.sol, which says what the lines mean.\n";
        for (uint256 k = 0; k < POLICIES; k++) {
            bytes memory blob = policy();
            address where = Blob.deploy(blob);
            string memory lines = string.concat("policy ", vm.toString(blob), "\n");
            for (uint256 i = 0; i < STEPS; i++) {
                lines = string.concat(lines, step(where));
            }
            text = string.concat(text, lines);
        }
        for (uint256 reason = 0; reason < seen.length; reason++) {
            ok(seen[reason] > 0, string.concat("no vector has reason ", vm.toString(reason)));
        }
        if (vm.envOr("DAM_WRITE_VECTORS", false)) {
            vm.writeFile(FILE, text);
        }
        eq(keccak256(bytes(text)), keccak256(bytes(vm.readFile(FILE))), "the file is what the account says");
    }
}
