// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {JobBoard} from "../../src/work/JobBoard.sol";
import {Handler} from "../Base.sol";
import {Pay} from "../pay/Pay.sol";

contract JobBoardTest is Pay {
    JobBoard private board = new JobBoard();
    address private client = actor("client");
    address private worker = actor("worker");
    address private referee = actor("referee");
    uint64 private expiry;

    function setUp() public {
        vm.warp(1_800_000_000);
        expiry = uint64(block.timestamp) + 1 days;
        rich(client, address(board));
    }

    function offer() private returns (uint256 id) {
        vm.prank(client);
        id = board.createJob(worker, referee, token, expiry, "replace the fan");
        vm.prank(worker);
        board.setBudget(id, 500);
    }

    function funded() private returns (uint256 id) {
        id = offer();
        vm.prank(client);
        board.fund(id, 500);
    }

    function submitted() private returns (uint256 id) {
        id = funded();
        vm.prank(worker);
        board.submit(id, "photo");
    }

    function refused(JobBoard.Status status) private {
        vm.expectRevert(abi.encodeWithSelector(JobBoard.WrongStatus.selector, status));
    }

    function forbidden(address who) private {
        vm.expectRevert(abi.encodeWithSelector(JobBoard.NotAllowed.selector, who));
        vm.prank(who);
    }

    function testDone() public {
        uint256 id = submitted();
        vm.prank(referee);
        board.complete(id, "works");
        eq(token.balanceOf(worker), 500, "paid");
        eq(uint256(board.getJob(id).status), uint256(JobBoard.Status.Completed), "completed");
        eq(board.getJob(id).deliverable, "photo", "deliverable");
    }

    function testRejectedByEvaluator() public {
        uint256 id = submitted();
        vm.prank(referee);
        board.reject(id, "still noisy");
        eq(token.balanceOf(client), 1e12, "paid back");
        id = funded();
        vm.prank(referee);
        board.reject(id, "not started");
        eq(token.balanceOf(client), 1e12, "paid back");
        refused(JobBoard.Status.Rejected);
        vm.prank(referee);
        board.reject(id, "");
    }

    function testTakenBackWhileOpen() public {
        uint256 id = offer();
        vm.prank(client);
        board.reject(id, "changed my mind");
        eq(token.balanceOf(client), 1e12, "nothing moved");
    }

    /// Whatever state the money is in, after expiry a stranger can send it home, and nobody else gets it.
    function testExpiredMoneyComesBack() public {
        uint256 a = funded();
        uint256 b = submitted();
        vm.expectRevert(abi.encodeWithSelector(JobBoard.NotExpired.selector, expiry));
        board.claimRefund(a);
        vm.warp(expiry);
        board.claimRefund(a);
        board.claimRefund(b);
        eq(token.balanceOf(client), 1e12, "all back");
        refused(JobBoard.Status.Expired);
        board.claimRefund(a);
        refused(JobBoard.Status.Expired);
        vm.prank(referee);
        board.complete(b, "too late");
    }

    function testTheProviderCanComeLater() public {
        vm.startPrank(client);
        uint256 id = board.createJob(address(0), referee, token, expiry, "");
        board.setBudget(id, 5);
        vm.expectRevert(JobBoard.NoProvider.selector);
        board.fund(id, 5);
        vm.expectRevert(JobBoard.ZeroAddress.selector);
        board.setProvider(id, address(0));
        board.setProvider(id, worker);
        vm.expectRevert(JobBoard.ProviderSet.selector);
        board.setProvider(id, referee);
        board.fund(id, 5);
        vm.stopPrank();
    }

    function testRefusals() public {
        vm.expectRevert(JobBoard.ZeroAddress.selector);
        board.createJob(worker, address(0), token, expiry, "");
        vm.expectRevert(JobBoard.ZeroAddress.selector);
        board.createJob(worker, referee, IERC20(address(0)), expiry, "");
        vm.expectRevert(abi.encodeWithSelector(JobBoard.PastExpiry.selector, uint64(block.timestamp)));
        board.createJob(worker, referee, token, uint64(block.timestamp), "");
        vm.expectRevert(abi.encodeWithSelector(JobBoard.NoSuchJob.selector, 7));
        board.getJob(7);

        uint256 id = offer();
        forbidden(referee);
        board.setBudget(id, 1);
        forbidden(worker);
        board.setProvider(id, worker);
        forbidden(worker);
        board.fund(id, 500);
        forbidden(referee);
        board.reject(id, "");
        refused(JobBoard.Status.Open);
        vm.prank(worker);
        board.submit(id, "");
        refused(JobBoard.Status.Open);
        board.claimRefund(id);
        vm.prank(worker);
        board.setBudget(id, 501);
        vm.expectRevert(abi.encodeWithSelector(JobBoard.UnexpectedBudget.selector, 501));
        vm.prank(client);
        board.fund(id, 500);
        vm.prank(client);
        board.setBudget(id, 0);
        vm.expectRevert(JobBoard.ZeroBudget.selector);
        vm.prank(client);
        board.fund(id, 0);

        id = funded();
        forbidden(client);
        board.submit(id, "");
        forbidden(client);
        board.reject(id, "");
        refused(JobBoard.Status.Funded);
        vm.prank(referee);
        board.complete(id, "");
        uint256 late = offer();
        uint256 done = submitted();
        forbidden(client);
        board.complete(done, "");
        vm.warp(expiry);
        vm.expectRevert(JobBoard.Expired.selector);
        vm.prank(worker);
        board.submit(id, "");
        vm.expectRevert(JobBoard.Expired.selector);
        vm.prank(client);
        board.fund(late, 500);
    }
}

/// A client, a provider, an evaluator and a stranger; each step is tried by any of them.
contract JobHandler is Pay, Handler {
    uint256 private constant AT_ONCE = 8;
    JobBoard private board = new JobBoard();
    address[4] private people = [actor("client"), actor("worker"), actor("referee"), actor("stranger")];
    uint256 public refunds;
    string public broken;

    constructor() {
        rich(people[0], address(board));
    }

    function as_(uint256 who) private {
        as_(people[who % 4]);
    }

    /// Most steps are tried by the one who may.
    function mostly(uint256 who, uint256 right) private pure returns (uint256) {
        return who % 3 == 0 ? who >> 8 : right;
    }

    function only(uint256 who, uint256 allowed, string memory what) private {
        if (who % 4 != allowed) {
            broken = what;
        }
    }

    function create(uint64 life, uint256 budget) external {
        if (board.jobCount() % AT_ONCE == 0 && live() != 0) {
            return; // enough for every order of steps; more only takes longer
        }
        as_(0);
        uint256 id = board.createJob(people[1], people[2], token, uint64(time) + 1 + life % 9000, "");
        as_(0);
        board.setBudget(id, budget % 1e6);
    }

    function fund(uint256 who, uint256 id) external {
        who = mostly(who, 0);
        id = pick(id);
        uint256 budget = id == 0 ? 0 : board.getJob(id).budget;
        as_(who);
        try board.fund(id, budget) {
            only(who, 0, "a stranger funded");
        } catch {}
    }

    function submit(uint256 who, uint256 id) external {
        who = mostly(who, 1);
        as_(who);
        try board.submit(pick(id), "") {
            only(who, 1, "a stranger submitted");
        } catch {}
    }

    function complete(uint256 who, uint256 id) external {
        who = mostly(who, 2);
        as_(who);
        try board.complete(pick(id), "") {
            only(who, 2, "a stranger completed");
        } catch {}
    }

    function reject(uint256 who, uint256 id) external {
        id = pick(id);
        bool open = id != 0 && board.getJob(id).status == JobBoard.Status.Open;
        as_(who);
        try board.reject(id, "") {
            only(who, open ? 0 : 2, "a stranger rejected");
        } catch {}
    }

    function claimRefund(uint256 who, uint256 id) external {
        id = pick(id);
        as_(who);
        try board.claimRefund(id) {
            refunds++;
            if (time < board.getJob(id).expiredAt) {
                broken = "refunded before expiry";
            }
        } catch {}
    }

    function pass(uint256 seconds_) external {
        time += bound(seconds_, 1, 1000);
    }

    function pick(uint256 id) private view returns (uint256) {
        uint256 count = board.jobCount();
        if (count == 0) {
            return 0;
        }
        uint256 among = count - first() + 1;
        among = id % 4 == 0 || among < 4 ? among : 4; // mostly one of the newest
        return count - (id >> 8) % among;
    }

    /// Jobs are made by the eight; those before the last eight begun are over.
    function first() private view returns (uint256) {
        uint256 count = board.jobCount();
        return count == 0 ? 1 : (count - 1) / AT_ONCE * AT_ONCE + 1;
    }

    /// What the board holds for a job.
    function escrow(uint256 id) private view returns (uint256) {
        JobBoard.Job memory job = board.getJob(id);
        return job.status == JobBoard.Status.Funded || job.status == JobBoard.Status.Submitted ? job.budget : 0;
    }

    function live() public view returns (uint256 sum) {
        uint256 count = board.jobCount();
        for (uint256 id = first(); id <= count; ++id) {
            sum += escrow(id);
        }
    }

    function held() external view returns (uint256) {
        return token.balanceOf(address(board));
    }

    function owned() external view returns (uint256) {
        return token.balanceOf(people[0]) + token.balanceOf(people[1]);
    }

    /// After expiry a stranger sends every budget home.
    function end() external {
        time += 10_000;
        for (uint256 id = 1; id <= board.jobCount(); ++id) {
            uint256 budget = escrow(id);
            if (budget != 0) {
                uint256 before = token.balanceOf(people[0]);
                as_(3);
                board.claimRefund(id);
                eq(token.balanceOf(people[0]) - before, budget, "the client has it");
            }
        }
    }
}

contract JobBoardInvariantTest is Pay {
    JobHandler private handler;

    function setUp() public {
        handler = new JobHandler();
        target(address(handler));
        exclude(handler.end.selector);
    }

    /// The board always holds the budgets of live jobs, no more and no less.
    function invariantHoldsTheBudgetsOfLiveJobs() public view {
        uint256 held = handler.held();
        eq(held, handler.live(), "escrow");
        eq(held + handler.owned(), 1e12, "conserved");
        eq(bytes(handler.broken()), "", "broken");
    }

    /// A canary: long random sequences really get there.
    function testHandlerGetsThere() public {
        for (uint256 k = 0; k < 1000; k++) {
            uint256 draw = uint256(keccak256(abi.encode(k)));
            (uint256 a, uint256 b) = (draw >> 8, draw >> 72);
            if (draw % 8 == 0) handler.create(uint64(a), b);
            else if (draw % 8 < 3) handler.fund(a, b);
            else if (draw % 8 == 3) handler.submit(a, b);
            else if (draw % 8 == 4) handler.complete(a, b);
            else if (draw % 8 == 5) handler.reject(a, b);
            else if (draw % 8 == 6) handler.claimRefund(a, b);
            else handler.pass(b);
            invariantHoldsTheBudgetsOfLiveJobs();
        }
        ok(handler.refunds() > 3, "refunded");
        afterInvariant();
    }

    function afterInvariant() public {
        handler.end();
        eq(handler.held(), 0, "expired money comes back");
    }
}
