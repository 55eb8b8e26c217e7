// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Multicall3} from "../../src/ledger/Multicall3.sol";
import {Base} from "../Base.sol";

/// Answers, fails, or keeps coin.
contract Callee {
    error Failed(uint256 x);

    function twice(uint256 x) external payable returns (uint256) {
        return 2 * x;
    }

    function fail(uint256 x) external pure {
        revert Failed(x);
    }
}

contract Multicall3Test is Base {
    Multicall3 private multicall = new Multicall3();
    Callee private callee = new Callee();

    function two() private view returns (Multicall3.Call[] memory calls) {
        calls = new Multicall3.Call[](2);
        calls[0] = Multicall3.Call(address(callee), abi.encodeCall(callee.twice, (21)));
        calls[1] = Multicall3.Call(address(callee), abi.encodeCall(callee.fail, (7)));
    }

    function one() private view returns (Multicall3.Call[] memory calls) {
        calls = new Multicall3.Call[](1);
        calls[0] = two()[0];
    }

    function failed(Multicall3.Result memory r) private pure {
        ok(!r.success, "failed");
        eq(r.returnData, abi.encodeWithSelector(Callee.Failed.selector, 7), "its reason");
    }

    function answered(bool success, bytes memory data) private pure {
        ok(success, "succeeded");
        eq(abi.decode(data, (uint256)), 42, "answer");
    }

    function testAggregate() public {
        vm.roll(1234);
        (uint256 number, bytes[] memory data) = multicall.aggregate(one());
        eq(number, 1234, "block");
        answered(true, data[0]);
        vm.expectRevert("Multicall3: call failed");
        multicall.aggregate(two());
    }

    function testTry() public {
        Multicall3.Result[] memory r = multicall.tryAggregate(false, two());
        answered(r[0].success, r[0].returnData);
        failed(r[1]);
        vm.expectRevert("Multicall3: call failed");
        multicall.tryAggregate(true, two());
        vm.roll(1234);
        (uint256 number, bytes32 hash, Multicall3.Result[] memory b) = multicall.tryBlockAndAggregate(false, two());
        eq(number, 1234, "block");
        eq(hash, blockhash(1234), "hash");
        failed(b[1]);
        (,, b) = multicall.blockAndAggregate(one());
        answered(b[0].success, b[0].returnData);
        vm.expectRevert("Multicall3: call failed");
        multicall.blockAndAggregate(two());
    }

    function testAggregate3() public {
        Multicall3.Call3[] memory calls = new Multicall3.Call3[](2);
        calls[0] = Multicall3.Call3(address(callee), false, two()[0].callData);
        calls[1] = Multicall3.Call3(address(callee), true, two()[1].callData);
        Multicall3.Result[] memory r = multicall.aggregate3(calls);
        answered(r[0].success, r[0].returnData);
        failed(r[1]);
        calls[1].allowFailure = false;
        vm.expectRevert("Multicall3: call failed");
        multicall.aggregate3(calls);
    }

    function testAggregate3Value() public {
        vm.deal(address(this), 10);
        Multicall3.Call3Value[] memory calls = new Multicall3.Call3Value[](1);
        calls[0] = Multicall3.Call3Value(address(callee), false, 3, two()[0].callData);
        Multicall3.Result[] memory r = multicall.aggregate3Value{value: 3}(calls);
        answered(r[0].success, r[0].returnData);
        eq(address(callee).balance, 3, "the coin went on");
        vm.expectRevert("Multicall3: value mismatch");
        multicall.aggregate3Value{value: 4}(calls);
    }

    function testReading() public {
        vm.roll(1234);
        vm.warp(5678);
        eq(multicall.getBlockNumber(), 1234, "number");
        eq(multicall.getCurrentBlockTimestamp(), 5678, "time");
        eq(multicall.getBlockHash(1233), blockhash(1233), "hash");
        eq(multicall.getLastBlockHash(), blockhash(1233), "last hash");
        eq(multicall.getChainId(), block.chainid, "chain");
        eq(multicall.getBasefee(), block.basefee, "base fee");
        eq(multicall.getCurrentBlockGasLimit(), block.gaslimit, "gas limit");
        eq(multicall.getCurrentBlockCoinbase(), block.coinbase, "coinbase");
        eq(multicall.getCurrentBlockDifficulty(), block.prevrandao, "randomness");
        vm.deal(address(callee), 77);
        eq(multicall.getEthBalance(address(callee)), 77, "balance");
    }
}
