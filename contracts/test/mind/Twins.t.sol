// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../../src/law/IMachineCode.sol";
import {DistrictMind} from "../../src/mind/DistrictMind.sol";
import {ForecastMind} from "../../src/mind/ForecastMind.sol";
import {PlannerMind} from "../../src/mind/PlannerMind.sol";
import {Model} from "./Model.sol";

/// A mind against its twin in C: the vectors are what tests/contracts/mind_vectors.c prints.
abstract contract TwinTest is Model {
    string private json = vm.readFile(file());

    function file() internal pure virtual returns (string memory);
    function make(address blob) public virtual returns (IMind);
    function badBlob() internal pure virtual returns (bytes4);
    function badShape() internal pure virtual returns (bytes4);

    function blobOf(uint256 k) internal view returns (bytes memory) {
        return vm.parseJsonBytes(json, string.concat(casePath(k), "blob"));
    }

    function testVectors() public {
        uint256 checked;
        for (uint256 k = 0; k < vm.parseJsonUint(json, ".count"); ++k) {
            checked += follow(make(store(bytes.concat(hex"00", blobOf(k)))), json, k);
        }
        ok(checked >= 100, "vectors were read");
    }

    /// Each byte of a blob turned round is refused exactly where C refuses it.
    function testBlobsRefusedAsInC() public {
        bytes memory refused = vm.parseJsonBytes(json, ".refused");
        bytes memory blob = blobOf(vm.parseJsonUint(json, ".count") - 1);
        eq(refused.length, blob.length, "bytes");
        uint256 bad;
        for (uint256 i = 0; i < blob.length; ++i) {
            blob[i] ^= 0xff;
            address data = store(bytes.concat(hex"00", blob));
            bool made = true;
            try this.make(data) {}
            catch (bytes memory error_) {
                made = false;
                ++bad;
                eq(uint32(bytes4(error_)), uint32(badBlob()), "by name");
            }
            eq(made ? 0 : 1, uint8(refused[i]), "as in C");
            blob[i] ^= 0xff;
        }
        ok(bad > blob.length / 4, "some are refused");
    }

    function testShapes() public {
        address short = store(hex"0000");
        vm.expectRevert(abi.encodeWithSelector(badBlob(), 0));
        make(short);
        address runnable = store(bytes.concat(hex"01", blobOf(0)));
        vm.expectRevert(abi.encodeWithSelector(badBlob(), 0));
        make(runnable);
        IMind mind = make(store(bytes.concat(hex"00", blobOf(0))));
        vm.expectRevert(badShape());
        mind.decide("", new bytes(16));
    }
}

contract PlannerTest is TwinTest {
    function file() internal pure override returns (string memory) {
        return "test/vectors/planner.json";
    }

    function make(address blob) public override returns (IMind) {
        return new PlannerMind(blob);
    }

    function badBlob() internal pure override returns (bytes4) {
        return PlannerMind.BadBlob.selector;
    }

    function badShape() internal pure override returns (bytes4) {
        return PlannerMind.BadShape.selector;
    }
}

contract ForecastTest is TwinTest {
    function file() internal pure override returns (string memory) {
        return "test/vectors/forecast.json";
    }

    function make(address blob) public override returns (IMind) {
        return new ForecastMind(blob);
    }

    function badBlob() internal pure override returns (bytes4) {
        return ForecastMind.BadBlob.selector;
    }

    function badShape() internal pure override returns (bytes4) {
        return ForecastMind.BadShape.selector;
    }

    /// A memory that would not fit the law's 8,192 bytes is refused, though each forecaster alone is fine.
    function testTooMuchMemory() public {
        bytes memory blob = abi.encodePacked("DAMF", uint8(1), uint8(0), uint16(2), uint8(8), uint8(1), uint16(0), uint32(900), uint32(448));
        blob = bytes.concat(blob, new bytes(12));
        for (uint256 i = 0; i < 8; ++i) {
            blob = bytes.concat(blob, abi.encodePacked(uint16(1), uint8(2), uint8(1), uint16(336), hex"02020010", new bytes(22)));
        }
        address data = store(bytes.concat(hex"00", blob, new bytes(64 + 96)));
        vm.expectRevert(abi.encodeWithSelector(ForecastMind.BadBlob.selector, 32));
        make(data);
    }
}

contract DistrictTest is TwinTest {
    function file() internal pure override returns (string memory) {
        return "test/vectors/district.json";
    }

    function make(address blob) public override returns (IMind) {
        return new DistrictMind(blob);
    }

    function badBlob() internal pure override returns (bytes4) {
        return DistrictMind.BadBlob.selector;
    }

    function badShape() internal pure override returns (bytes4) {
        return DistrictMind.BadShape.selector;
    }
}
