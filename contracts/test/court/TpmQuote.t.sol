// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {Attestation} from "../../src/court/Attestation.sol";
import {TpmQuote} from "../../src/court/TpmQuote.sol";
import {World} from "../World.sol";

contract TpmHarness {
    function verify(bytes calldata attest, bytes32 r, bytes32 s, bytes32 x, bytes32 y)
        external
        view
        returns (TpmQuote.Quote memory)
    {
        return TpmQuote.verify(attest, r, s, x, y);
    }

    function gasUsed(bytes calldata attest, bytes32 r, bytes32 s, bytes32 x, bytes32 y) external view returns (uint256) {
        uint256 before = gasleft();
        TpmQuote.verify(attest, r, s, x, y);
        return before - gasleft();
    }
}

/// Real quotes of a software TPM (tools/make-tpm-quotes), and quotes of a TPM that the test plays.
contract TpmQuoteTest is World {
    uint256 private constant AK = 0xa77e57;
    TpmHarness private tpm;
    string private json;
    bytes private quoted;
    bytes32 private r;
    bytes32 private s;
    bytes32 private x;
    bytes32 private y;

    function setUp() public override {
        super.setUp();
        tpm = new TpmHarness();
        json = vm.readFile("test/data/tpm-quotes.json");
        load("0");
    }

    function load(string memory k) private returns (bytes32 extra) {
        string memory at_ = string.concat("[", k, "]");
        quoted = vm.parseJsonBytes(json, string.concat(at_, ".attest"));
        r = vm.parseJsonBytes32(json, string.concat(at_, ".r"));
        s = vm.parseJsonBytes32(json, string.concat(at_, ".s"));
        x = vm.parseJsonBytes32(json, string.concat(at_, ".x"));
        y = vm.parseJsonBytes32(json, string.concat(at_, ".y"));
        extra = vm.parseJsonBytes32(json, string.concat(at_, ".extra"));
    }

    function testRealQuotes() public {
        string[6] memory names = ["0", "1", "2", "3", "4", "5"];
        uint64 clock;
        bytes32 measured;
        uint256 most;
        for (uint256 k = 0; k < 6; k++) {
            bytes32 extra = load(names[k]);
            TpmQuote.Quote memory q = tpm.verify(quoted, r, s, x, y);
            eq(q.extraData, extra, "extra data");
            ok(q.clockMs > clock && q.safe, "clock");
            ok(q.measured != measured, "PCR 16 was extended");
            (clock, measured) = (q.clockMs, q.measured);
            tpm.verify(quoted, r, bytes32(P256.N - uint256(s)), x, y); // either half of the curve
            uint256 used = tpm.gasUsed(quoted, r, s, x, y);
            most = used > most ? used : most;
        }
        figure("law", "TPM quote check", most / 100 * 100, 13000);
    }

    /// No bit of the quote or of its signature can change.
    function testEveryFlippedBitRejected() public view {
        uint256 rejected;
        for (uint256 bit = 0; bit < 8 * (145 + 64); bit++) {
            bytes memory q = quoted;
            (bytes32 r_, bytes32 s_) = (r, s);
            if (bit < 8 * 145) {
                q[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
            } else if (bit < 8 * (145 + 32)) {
                r_ ^= bytes32(1 << (bit - 8 * 145));
            } else {
                s_ ^= bytes32(1 << (bit - 8 * 177));
            }
            try tpm.verify(q, r_, s_, x, y) {} catch {
                rejected++;
            }
        }
        eq(rejected, 8 * (145 + 64), "flipped bits rejected");
    }

    function testShape() public {
        vm.expectRevert(TpmQuote.QuoteMalformed.selector);
        tpm.verify(bytes.concat(quoted, hex"00"), r, s, x, y);
        quoted[0] = 0;
        vm.expectRevert(TpmQuote.QuoteMalformed.selector);
        tpm.verify(quoted, r, s, x, y);
        quoted[0] = 0xff;
        vm.expectRevert(TpmQuote.QuoteSignature.selector);
        tpm.verify(quoted, r, s, y, x);
    }

    // ---- Attestation ----

    /// The real quote's bytes with other extra data, clock and safety, signed by the test's key.
    function quote(bytes32 extra, uint64 clock, uint32 resets, bool safe)
        private
        view
        returns (bytes memory q, bytes32 r_, bytes32 s_)
    {
        q = quoted;
        bytes memory middle = abi.encodePacked(extra, clock, resets, uint32(0), safe);
        for (uint256 k = 0; k < middle.length; k++) {
            q[44 + k] = middle[k];
        }
        (r_, s_) = vm.signP256(AK, sha256(q));
    }

    function enrol() private {
        (uint256 px, uint256 py) = vm.publicKeyP256(AK);
        vm.prank(owner);
        attestation.enrol(id, bytes32(px), bytes32(py));
    }

    function attest(uint64 clock, uint32 resets, bool safe) private {
        bytes32 nonce = attestation.nonceOf(id, block.number - 1, "root");
        (bytes memory q, bytes32 r_, bytes32 s_) = quote(nonce, clock, resets, safe);
        attestation.attest(id, block.number - 1, "root", q, r_, s_);
    }

    function testAttestation() public {
        vm.expectRevert(abi.encodeWithSelector(Attestation.NotOwner.selector, id, address(this)));
        attestation.enrol(id, x, y);
        enrol();
        attest(1000, 1, true);
        (bytes32 measured,,,) = attestation.statusOf(id);
        ok(attestation.isFresh(id, measured, 60), "fresh");
        ok(!attestation.isFresh(id, ~measured, 60), "other software");
        vm.warp(block.timestamp + 61);
        ok(!attestation.isFresh(id, measured, 60), "stale");
        attest(1001, 1, true);
        attest(5, 2, true); // after a reset the clock may be lower
        ok(attestation.isFresh(id, measured, 60), "fresh again");
        enrol();
        ok(!attestation.isFresh(id, measured, 60), "a new key starts anew");
        ok(!attestation.isFresh(id, 0, 60), "nothing shown is not fresh");
    }

    function testAttestationRefusals() public {
        enrol();
        attest(1000, 1, true);
        vm.expectRevert(Attestation.ClockWentBack.selector);
        this.doAttest(1000, 1, true);
        vm.expectRevert(Attestation.ClockWentBack.selector);
        this.doAttest(2000, 0, true);
        vm.expectRevert(Attestation.ClockNotSafe.selector);
        this.doAttest(2000, 1, false);
        (bytes memory q, bytes32 r_, bytes32 s_) = quote("old", 3000, 1, true);
        vm.expectRevert(Attestation.WrongExtraData.selector);
        attestation.attest(id, block.number - 1, "root", q, r_, s_);
        vm.expectRevert(abi.encodeWithSelector(Attestation.BlockTooOld.selector, block.number - 300));
        attestation.nonceOf(id, block.number - 300, "root");
    }

    function doAttest(uint64 clock, uint32 resets, bool safe) external {
        attest(clock, resets, safe);
    }
}
