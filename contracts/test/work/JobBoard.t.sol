// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {JobBoard} from "../../src/work/JobBoard.sol";
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

/// Strangers do anything at any time; the board always holds the budgets of live jobs, no more and no less.
contract JobBoardInvariants is Pay {
    JobHandler private handler;

    function setUp() public {
        handler = new JobHandler();
        target(address(handler));
    }

    function invariantHoldsTheBudgetsOfLiveJobs() public view {
        (JobBoard board, uint256 live) = (handler.board(), 0);
        for (uint256 id = 1; id <= board.jobCount(); ++id) {
            JobBoard.Job memory job = board.getJob(id);
            if (job.status == JobBoard.Status.Funded || job.status == JobBoard.Status.Submitted) {
                live += job.budget;
            }
        }
        eq(handler.money().balanceOf(address(board)), live, "escrow");
    }
}

contract JobHandler is Pay {
    JobBoard public board = new JobBoard();

    constructor() {
        vm.warp(1_800_000_000);
        token.mint(address(this), 1e30);
        token.approve(address(board), type(uint256).max);
    }

    function money() external view returns (IERC20) {
        return token;
    }

    function create(uint64 time, uint256 budget) external {
        uint256 id = board.createJob(address(this), address(this), token, uint64(block.timestamp) + 1 + time % 9000, "");
        board.setBudget(id, budget % 1e9);
    }

    function step(uint256 id, uint8 what, uint16 time) external {
        id = 1 + id % (board.jobCount() + 1);
        vm.warp(block.timestamp + time % 1000);
        if (what % 5 == 0) {
            board.fund(id, board.getJob(id).budget);
        } else if (what % 5 == 1) {
            board.submit(id, "");
        } else if (what % 5 == 2) {
            board.complete(id, "");
        } else if (what % 5 == 3) {
            board.reject(id, "");
        } else {
            board.claimRefund(id);
        }
    }
}
