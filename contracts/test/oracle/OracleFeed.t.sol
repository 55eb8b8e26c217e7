// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {OracleFeed} from "../../src/oracle/OracleFeed.sol";
import {Pay} from "../pay/Pay.sol";

contract OracleFeedTest is Pay {
    string[7] private names = ["s0", "s1", "s2", "s3", "s4", "s5", "s6"];
    address private treasury = actor("treasury");
    OracleFeed private feed;

    function setUp() public {
        vm.warp(1_800_000_000);
        feed = make(2, -1000, 1000);
        for (uint256 i = 0; i < 7; ++i) {
            address who = actor(names[i]);
            rich(who, address(feed));
            vm.prank(who);
            feed.post();
        }
    }

    function make(uint256 faulty, int128 low, int128 high) private returns (OracleFeed) {
        address[] memory all = new address[](7);
        for (uint256 i = 0; i < 7; ++i) {
            all[i] = actor(names[i]);
        }
        return new OracleFeed(all, faulty, low, high, token, 101, treasury);
    }

    function draft(uint64 round) private view returns (OracleFeed.Report memory r) {
        int128[] memory observations = new int128[](5);
        (observations[0], observations[1], observations[2]) = (-9, 10, 11);
        (observations[3], observations[4]) = (12, 999);
        return OracleFeed.Report(feed.config(), "price", round, uint64(block.timestamp), observations);
    }

    function signed(OracleFeed.Report memory r, uint256 count) private view returns (bytes[] memory all) {
        all = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            all[i] = sign(names[i], feed.digest(r));
        }
    }

    function testReport() public {
        OracleFeed.Report memory r = draft(1);
        feed.report(r, signed(r, 3));
        vm.warp(block.timestamp + 100);
        (OracleFeed.Answer memory answer, uint256 age) = feed.read("price");
        eq(uint128(answer.value), 11, "median");
        eq(age, 100, "age");
        eq(uint128(feed.fresh("price", 100)), 11, "fresh");
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.Stale.selector, bytes32("price"), answer.time));
        feed.fresh("price", 99);
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.NeverReported.selector, bytes32("other")));
        feed.read("other");
    }

    function testReportRefusals() public {
        OracleFeed.Report memory r = draft(1);
        bytes[] memory signatures = signed(r, 2);
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.WrongSignatureCount.selector, 2));
        feed.report(r, signatures);
        signatures = signed(r, 4);
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.WrongSignatureCount.selector, 4));
        feed.report(r, signatures);
        signatures = signed(r, 3);
        signatures[2] = signatures[0];
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.DuplicateSigner.selector, actor("s0")));
        feed.report(r, signatures);
        signatures[2] = sign("stranger", feed.digest(r));
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.NotSigner.selector, actor("stranger")));
        feed.report(r, signatures);

        r.config = "other";
        refuse(r, abi.encodeWithSelector(OracleFeed.UnknownConfig.selector, r.config));
        r = draft(0);
        refuse(r, abi.encodeWithSelector(OracleFeed.OldRound.selector, 0, 0));
        r = draft(1);
        r.time += 61;
        refuse(r, abi.encodeWithSelector(OracleFeed.FutureReport.selector, r.time));
        r = draft(1);
        r.observations[1] = -10;
        refuse(r, abi.encodeWithSelector(OracleFeed.UnsortedObservations.selector));
        r.observations = new int128[](4);
        refuse(r, abi.encodeWithSelector(OracleFeed.WrongObservationCount.selector, 4));
        r.observations = new int128[](8);
        refuse(r, abi.encodeWithSelector(OracleFeed.WrongObservationCount.selector, 8));
        r = draft(1);
        (r.observations[2], r.observations[3], r.observations[4]) = (1001, 1001, 1001);
        refuse(r, abi.encodeWithSelector(OracleFeed.OutOfRange.selector, int128(1001)));
        (r.observations[0], r.observations[1], r.observations[2]) = (-1001, -1001, -1001);
        refuse(r, abi.encodeWithSelector(OracleFeed.OutOfRange.selector, int128(-1001)));

        r = draft(2);
        feed.report(r, signed(r, 3));
        refuse(r, abi.encodeWithSelector(OracleFeed.OldRound.selector, 2, 2));
        r.round = 3;
        r.time -= 1;
        refuse(r, abi.encodeWithSelector(OracleFeed.OldReport.selector, r.time, r.time + 1));
    }

    function refuse(OracleFeed.Report memory r, bytes memory reason) private {
        bytes[] memory signatures = signed(r, 3);
        vm.expectRevert(reason);
        feed.report(r, signatures);
    }

    /// With f liars among 2f + 1 observations, whatever they say, the median is between honest values.
    function testFuzzLiarsMoveNothing(int128 a, int128 b, uint256 seed) public view {
        int128[] memory all = new int128[](5);
        for (uint256 i = 0; i < 3; ++i) {
            all[i] = int128(int256(100 + uint256(keccak256(abi.encode(seed, i))) % 50));
        }
        (int128 low, int128 high) = (all[0], all[0]);
        for (uint256 i = 1; i < 3; ++i) {
            low = all[i] < low ? all[i] : low;
            high = all[i] > high ? all[i] : high;
        }
        (all[3], all[4]) = (a, b);
        for (uint256 i = 1; i < 5; ++i) {
            for (uint256 k = i; k > 0 && all[k - 1] > all[k]; --k) {
                (all[k - 1], all[k]) = (all[k], all[k - 1]);
            }
        }
        ok(all[2] >= low && all[2] <= high, "between honest values");
    }

    function testBonds() public {
        address s0 = actor("s0");
        vm.startPrank(s0);
        vm.expectRevert(OracleFeed.AlreadyBonded.selector);
        feed.post();
        vm.expectRevert(OracleFeed.NotLeaving.selector);
        feed.withdraw();
        feed.resign();
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.SignerNotBonded.selector, s0));
        feed.resign();
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.StillLocked.selector, uint64(block.timestamp + 7 days)));
        feed.withdraw();
        vm.stopPrank();
        OracleFeed.Report memory r = draft(1);
        refuse(r, abi.encodeWithSelector(OracleFeed.SignerNotBonded.selector, s0));
        vm.warp(block.timestamp + 7 days);
        vm.startPrank(s0);
        feed.withdraw();
        eq(token.balanceOf(s0), 1e12, "back");
        feed.post();
        vm.stopPrank();
        r = draft(1);
        feed.report(r, signed(r, 3));
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.NotSigner.selector, address(this)));
        feed.post();
    }

    function testEquivocation() public {
        (OracleFeed.Report memory a, OracleFeed.Report memory b) = (draft(1), draft(1));
        b.observations[4] = 998;
        bytes memory signA = sign("s0", feed.digest(a));
        bytes memory signB = sign("s0", feed.digest(b));
        vm.expectRevert(OracleFeed.NotEquivocation.selector);
        feed.equivocation(a, signA, a, signA);
        bytes memory another = sign("s1", feed.digest(b));
        vm.expectRevert(OracleFeed.NotEquivocation.selector);
        feed.equivocation(a, signA, b, another);
        OracleFeed.Report memory later = draft(2);
        another = sign("s0", feed.digest(later));
        vm.expectRevert(OracleFeed.NotEquivocation.selector);
        feed.equivocation(a, signA, later, another);
        address finder = actor("finder");
        vm.prank(finder);
        feed.equivocation(a, signA, b, signB);
        eq(token.balanceOf(finder), 50, "half to the finder");
        eq(token.balanceOf(treasury), 51, "half to the treasury");
        vm.expectRevert(abi.encodeWithSelector(OracleFeed.SignerNotBonded.selector, actor("s0")));
        feed.equivocation(a, signA, b, signB);
        vm.expectRevert(OracleFeed.AlreadyBonded.selector);
        vm.prank(actor("s0"));
        feed.post();
        refuse(a, abi.encodeWithSelector(OracleFeed.SignerNotBonded.selector, actor("s0")));
    }

    function testConfig() public {
        vm.expectRevert(OracleFeed.BadConfig.selector);
        make(3, -1, 1); // 7 is not more than 3 * 3
        vm.expectRevert(OracleFeed.BadConfig.selector);
        make(2, 1, -1);
        names[6] = "s0";
        vm.expectRevert(OracleFeed.BadConfig.selector);
        make(2, -1, 1);
        address[] memory many = new address[](32);
        vm.expectRevert(OracleFeed.BadConfig.selector);
        new OracleFeed(many, 0, -1, 1, token, 1, treasury);
    }

    function testGasReport() public {
        OracleFeed.Report memory r = draft(1);
        gasOf("oracle: report, n = 7, f = 2", address(feed), abi.encodeCall(feed.report, (r, signed(r, 3))), 90_000);
    }
}
