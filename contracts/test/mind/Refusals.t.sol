// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../../src/law/IMachineCode.sol";
import {ModelBlob} from "../../src/mind/ModelBlob.sol";
import {ModelMind} from "../../src/mind/ModelMind.sol";
import {Model} from "./Model.sol";

/// Each rule of docs/spec/model.md, broken alone, is refused where it is broken; and what a blob says is not a call.
contract MindRefusalsTest is Model {
    bytes private linearBlob;
    bytes private mlpBlob;
    bytes private int8Blob;
    bytes private forestBlob;

    function setUp() public {
        bytes memory body = bytes.concat(feature(1, 0, 0, 1), bytes32(uint256(3) << 224), output(5, 1, 0), bytes32(0));
        linearBlob = bytes.concat(header(1, 2, 1, 1, 0, 1, body.length), body);

        bytes memory tile = bytes.concat(bytes32(uint256(0x80) << 248 | 0x8080808080808080808080808080808080808080808080808080808080808080));
        body = bytes.concat(
            feature(1, 0, 0, 1),
            abi.encodePacked(uint16(1), uint16(1), uint8(3), bytes3(0), int32(7), bytes20(0)),
            bytes32(uint256(5) << 224),
            tile,
            tile,
            abi.encodePacked(uint16(1), uint16(1), uint8(3), bytes3(0), int32(0), bytes20(0)),
            output(5, 1, 0),
            tile,
            tile
        );
        mlpBlob = bytes.concat(header(2, 2, 1, 1, 2, 1, body.length), body);

        body = bytes.concat(
            feature(1, 0, 0, 1),
            int8Word(128, 0),
            bytes32(uint256(5) << 224),
            tile,
            tile,
            int8Word(0, 20),
            output(5, 1, 0),
            tile,
            tile
        );
        int8Blob = bytes.concat(header(5, 2, 1, 1, 2, 1, body.length), body);

        body = bytes.concat(
            feature(1, 0, 0, 1),
            abi.encodePacked(uint16(1), uint8(1), uint8(3), bytes28(0)),
            output(5, 1, 0),
            abi.encodePacked(int32(4), uint8(0), int32(1), int32(2))
        );
        forestBlob = bytes.concat(header(3, 2, 1, 1, 0, 1, body.length), body);
    }

    /// A layer of one neuron with one input.
    function int8Word(uint8 zeroIn, uint8 shift) private pure returns (bytes memory) {
        return abi.encodePacked(uint16(1), uint16(1), uint8(3), uint8(1), uint8(1), zeroIn, int32(7), shift, uint8(2), bytes18(0));
    }

    function testAcceptedAsTheyStand() public {
        mindOf(linearBlob);
        mindOf(mlpBlob);
        mindOf(int8Blob);
        mindOf(forestBlob);
    }

    /// Byte `i` of the blob set to `value` is refused at `at`.
    function refuse(bytes memory blob, uint256 i, uint8 value, uint256 pos) private {
        bytes memory bad = bytes.concat(blob);
        ok(bad[i] != bytes1(value), "the change is one");
        bad[i] = bytes1(value);
        address[] memory all = slices(bad);
        vm.expectRevert(abi.encodeWithSelector(ModelBlob.BadModel.selector, pos));
        mindOf(all, uint8(blob[5]));
    }

    function testHeader() public {
        bytes memory b = linearBlob;
        refuse(b, 0, 0, 0); // magic
        refuse(b, 4, 2, 0); // version
        refuse(b, 5, 2, 5); // kind
        refuse(b, 7, 0, 6); // no channels
        refuse(b, 6, 9, 6); // too many
        refuse(b, 9, 0, 8); // no features
        refuse(b, 8, 5, 8); // too many
        refuse(b, 10, 0, 10); // no outputs
        refuse(b, 13, 5, 10); // too many
        refuse(b, 11, 1, 11); // layers of a linear model
        refuse(mlpBlob, 11, 0, 11);
        refuse(mlpBlob, 11, 17, 11);
        refuse(b, 12, 0, 12); // no frames
        refuse(b, 12, 9, 12); // too many
        refuse(b, 14, 1, 14);
        refuse(b, 19, 0, 16); // length
        refuse(b, 20, 1, 20);
    }

    function testFeature() public {
        bytes memory b = linearBlob;
        refuse(b, 33, 2, 32); // channel
        refuse(b, 34, 3, 34); // field
        refuse(b, 35, 63, 35); // shift
        refuse(b, 60, 1, 60); // zeros
    }

    function testLinear() public {
        bytes memory b = linearBlob;
        refuse(b, 64, 1, 64);
        refuse(b, 67, 63, 67); // shift
        refuse(b, 68, 1, 68);
        refuse(b, 103, 2, 100); // mul is 1
        refuse(b, 132, 1, 132); // padding
    }

    function testMinAboveMax() public {
        bytes memory word = abi.encodePacked(int32(0), int32(1), int64(0), int64(1), int64(0));
        bytes memory body = bytes.concat(feature(1, 0, 0, 1), bytes32(0), word, bytes32(0));
        address[] memory all = slices(bytes.concat(header(1, 2, 1, 1, 0, 1, body.length), body));
        vm.expectRevert(abi.encodeWithSelector(ModelBlob.BadModel.selector, 112));
        mindOf(all, 1);
    }

    function testMlp() public {
        bytes memory b = mlpBlob;
        refuse(b, 65, 2, 64); // inputs
        refuse(b, 67, 0, 64); // neurons
        refuse(b, 66, 5, 64);
        refuse(b, 68, 63, 68); // shift
        refuse(b, 69, 1, 69);
        refuse(b, 75, 0, 72); // mul of a hidden layer
        refuse(b, 72, 0x80, 72);
        refuse(b, 76, 1, 76);
        refuse(b, 96, 0x41, 96); // bias
        refuse(b, 100, 1, 100); // bias of a padding neuron
        refuse(b, 129, 0, 129); // weight of a padding input
        refuse(b, 132, 0, 132); // and of a padding neuron
        refuse(b, 160, 0, 160); // and of a padding tile
        refuse(b, 203, 1, 200); // mul of the last layer
        refuse(b, 195, 2, 194); // neurons of the last layer
        refuse(b, 224, 0x41, 224); // bias in an output word
    }

    function testInt8() public {
        bytes memory b = int8Blob;
        refuse(b, 68, 32, 68); // shift
        refuse(b, 75, 0, 72); // mul
        refuse(b, 72, 0x80, 72);
        refuse(b, 76, 1, 76); // a shift of outputs in a hidden layer
        refuse(b, 77, 0, 77); // rounding
        refuse(b, 77, 3, 77);
        refuse(b, 78, 1, 78);
        refuse(b, 199, 1, 199); // a zero point of inputs behind the first layer
        refuse(b, 203, 0, 200); // mul of the last layer
        refuse(b, 204, 63, 204); // shift of the outputs
        refuse(b, 224, 0x41, 224); // bias in an output word
    }

    function testForest() public {
        bytes memory b = forestBlob;
        refuse(b, 66, 0, 66); // depth
        refuse(b, 66, 9, 66);
        refuse(b, 67, 63, 67); // shift
        refuse(b, 68, 1, 68);
        refuse(b, 132, 1, 132); // input of a node
        refuse(b, 65, 0, 128); // a tree too few
        refuse(b, 65, 2, 128); // and more than there are bytes for
    }

    function testSlices() public {
        bytes memory b = linearBlob;
        address[] memory none = new address[](0);
        vm.expectRevert(abi.encodeWithSelector(ModelBlob.BadModel.selector, 0));
        mindOf(none, 1);
        address[] memory all = new address[](1);
        vm.expectRevert(abi.encodeWithSelector(ModelBlob.BadModel.selector, 0));
        mindOf(all, 1); // no code
        all[0] = store(bytes.concat(hex"01", b));
        vm.expectRevert(abi.encodeWithSelector(ModelBlob.BadModel.selector, 0));
        mindOf(all, 1); // not behind a zero byte
        all = new address[](2);
        (all[0], all[1]) = (store(bytes.concat(hex"00", b)), store(bytes.concat(hex"00", b)));
        vm.expectRevert(abi.encodeWithSelector(ModelBlob.BadModel.selector, 0));
        mindOf(all, 1); // a first slice that is not full
    }

    /// Blobs of several slices, as a machine would cut them: four, and seven behind a directory.
    function testManySlices() public {
        manySlices(70);
        manySlices(130);
    }

    function manySlices(uint256 hundreds) internal {
        bytes memory trees;
        bytes memory tree = abi.encodePacked(int32(4), uint8(0), int32(1), int32(2));
        for (uint256 i = 0; i < 100; ++i) {
            trees = bytes.concat(trees, tree);
        }
        bytes memory many;
        for (uint256 i = 0; i < hundreds; ++i) {
            many = bytes.concat(many, trees);
        }
        bytes memory body = bytes.concat(
            feature(1, 0, 0, 1),
            abi.encodePacked(uint16(100 * hundreds), uint8(1), uint8(0), bytes28(0)),
            output(0, 1, 0),
            many
        );
        bytes memory blob = bytes.concat(header(3, 2, 1, 1, 0, 1, body.length), body);
        IMind mind = mindOf(blob);
        eq(ModelMind(address(mind)).modelHash(), sha256(blob), "hash over the slices");
        (, bytes memory proposal) = mind.decide("", bytes.concat(record(0, 0, 0), record(3, 0, 0)));
        eq(proposal, abi.encodePacked(int64(int256(200 * hundreds))), "3 < 4");
        (, proposal) = mind.decide("", bytes.concat(record(0, 0, 0), record(4, 0, 0)));
        eq(proposal, abi.encodePacked(int64(int256(100 * hundreds))), "4 is not");
    }

    function testDirectoryOfAnotherShape() public {
        address[] memory all = new address[](1);
        all[0] = store(bytes.concat("\x00DAMD", bytes20(address(this)))); // one slice needs none
        vm.expectRevert(abi.encodeWithSelector(ModelBlob.BadModel.selector, 0));
        mindOf(all, 3);
        all[0] = store(bytes.concat("\x00DAMD", new bytes(101))); // not whole addresses
        vm.expectRevert(abi.encodeWithSelector(ModelBlob.BadModel.selector, 0));
        mindOf(all, 3);
    }

    function testObservationOfAnotherShape() public {
        IMind mind = mindOf(linearBlob);
        vm.expectRevert(ModelMind.BadShape.selector);
        mind.decide("", new bytes(31));
        vm.expectRevert(ModelMind.BadShape.selector);
        mind.decide("", new bytes(33));
        vm.expectRevert(ModelMind.BadShape.selector);
        mind.decide("", "");
    }
}
