// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// The cheat codes of forge that our tests use. forge-std is not on npm, and this is all we need.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    struct Gas {
        uint64 limit;
        uint64 used;
        uint64 memoryUsed;
        int64 refunded;
        uint64 remaining;
    }

    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function deal(address who, uint256 wei_) external;
    function envOr(string calldata name, bool otherwise) external view returns (bool);
    function chainId(uint256 id) external;
    function etch(address who, bytes calldata code) external;
    function expectEmit() external;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function expectPartialRevert(bytes4 selector) external;
    function getRecordedLogs() external returns (Log[] memory);
    function label(address who, string calldata name) external;
    function load(address who, bytes32 slot) external view returns (bytes32);
    function mockCall(address who, bytes calldata data, bytes calldata ret) external;
    function parseBytes(string calldata hex_) external pure returns (bytes memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata key) external pure returns (bytes32[] memory);
    function parseJsonBytesArray(string calldata json, string calldata key) external pure returns (bytes[] memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function prank(address who) external;
    function publicKeyP256(uint256 key) external pure returns (uint256 x, uint256 y);
    function readFile(string calldata path) external view returns (string memory);
    function recordLogs() external;
    function revertToState(uint256 snapshot) external returns (bool);
    function roll(uint256 height) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function signP256(uint256 key, bytes32 digest) external pure returns (bytes32 r, bytes32 s);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256);
    function snapshotState() external returns (uint256 snapshot);
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;
    function startPrank(address who) external;
    function stopPrank() external;
    function store(address who, bytes32 slot, bytes32 value) external;
    function toString(address value) external pure returns (string memory);
    function toString(bytes calldata value) external pure returns (string memory);
    function toString(uint256 value) external pure returns (string memory);
    function warp(uint256 time) external;
    function writeFile(string calldata path, string calldata data) external;
    function cool(address who) external;
    function lastCallGas() external view returns (Gas memory);
}

Vm constant CHEATS = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// Assertions and helpers that every test contract shares.
abstract contract Base {
    Vm internal constant vm = CHEATS;

    /// The addresses that invariant runs call; forge reads this function.
    address[] private _targets;
    bytes4[] private _excluded;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    error NotEqual(string what, uint256 got, uint256 want);
    error NotEqualBytes(string what, bytes got, bytes want);
    error False(string what);

    function targetContracts() public view returns (address[] memory) {
        return _targets;
    }

    function target(address who) internal {
        _targets.push(who);
    }

    /// Functions of the last target that invariant runs leave out; forge reads this function.
    function excludeSelectors() public view returns (FuzzSelector[] memory all) {
        all = new FuzzSelector[](_excluded.length == 0 ? 0 : 1);
        if (all.length != 0) {
            all[0] = FuzzSelector(_targets[_targets.length - 1], _excluded);
        }
    }

    function exclude(bytes4 selector) internal {
        _excluded.push(selector);
    }

    function ok(bool condition, string memory what) internal pure {
        if (!condition) {
            revert False(what);
        }
    }

    function eq(uint256 got, uint256 want, string memory what) internal pure {
        if (got != want) {
            revert NotEqual(what, got, want);
        }
    }

    function eq(address got, address want, string memory what) internal pure {
        eq(uint160(got), uint160(want), what);
    }

    function eq(bytes32 got, bytes32 want, string memory what) internal pure {
        eq(uint256(got), uint256(want), what);
    }

    function eq(bytes memory got, bytes memory want, string memory what) internal pure {
        if (keccak256(got) != keccak256(want)) {
            revert NotEqualBytes(what, got, want);
        }
    }

    function le(uint256 got, uint256 most, string memory what) internal pure {
        if (got > most) {
            revert NotEqual(what, got, most);
        }
    }

    /// Fold a fuzzed number into [min, max].
    function bound(uint256 x, uint256 min, uint256 max) internal pure returns (uint256) {
        return min + x % (max - min + 1);
    }

    /// A fresh address with a readable name in traces.
    function actor(string memory name) internal returns (address who) {
        who = vm.addr(uint256(keccak256(bytes(name))) >> 1);
        vm.label(who, name);
    }

    /// Write a figure to the snapshot, and fail above `most`. Code that was compiled for coverage has no figures.
    function figure(string memory group, string memory name, uint256 used, uint256 most) internal {
        if (!vm.envOr("DAM_SOLC_COVERAGE", false)) {
            vm.snapshotValue(group, name, used);
            le(used, most, name);
        }
    }

    /// The file of the gas snapshot that a test's figures go to.
    function gasGroup() internal pure virtual returns (string memory) {
        return "law";
    }

    /// Gas of one call from a cold start of `to`; fails above `most`, and lands in the snapshot.
    function gasOf(string memory name, address to, bytes memory data, uint256 most) internal returns (bytes memory) {
        vm.cool(to);
        uint256 before = gasleft();
        (bool success, bytes memory ret) = to.call(data);
        uint256 used = before - gasleft();
        ok(success, name);
        figure(gasGroup(), name, used, most);
        return ret;
    }

    /// Gas of a whole transaction: 21,000, calldata (EIP-2028, EIP-7623) and one call.
    function transactionGas(string memory name, address to, uint256 value, bytes memory data, uint256 most) internal {
        uint256 tokens;
        for (uint256 k = 0; k < data.length; k++) {
            tokens += data[k] == 0 ? 1 : 4;
        }
        (bool success,) = to.call{value: value}(data);
        ok(success, name);
        uint256 used = vm.lastCallGas().used; // of the callee: what the caller pays for a call no transaction pays
        uint256 floor = 21_000 + 10 * tokens;
        uint256 total = 21_000 + 4 * tokens + used;
        total = total > floor ? total : floor;
        figure("law", string.concat(name, " (execution)"), used, total);
        figure("law", string.concat(name, " (transaction)"), total, most);
    }
}

/// A handler of invariant runs. Its people act at a time of its own: the block's begins anew with each call.
abstract contract Handler {
    uint256 public time = 1_800_000_000;

    function as_(address who) internal {
        CHEATS.warp(time);
        CHEATS.prank(who);
    }
}
