// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC8004} from "../../src/identity/IERC8004.sol";
import {IObligor, MachineRegistry} from "../../src/identity/MachineRegistry.sol";
import {LegalRecords} from "../../src/identity/LegalRecords.sol";
import {Keys} from "../../src/identity/Keys.sol";
import {World} from "../World.sol";

contract Obligor is IObligor {
    uint256 public open;

    function set(uint256 open_) external {
        open = open_;
    }

    function obligationsOf(uint256) external view returns (uint256) {
        return open;
    }
}

contract MachineRegistryTest is World {
    address private buyer;

    function setUp() public override {
        super.setUp();
        buyer = actor("buyer");
    }

    // ---- ERC-8004 ----

    function testRegister() public {
        IERC8004.MetadataEntry[] memory data = new IERC8004.MetadataEntry[](1);
        data[0] = IERC8004.MetadataEntry("model", "pump 3000");
        vm.startPrank(buyer);
        uint256 other = registry.register("ipfs://card", data);
        eq(registry.ownerOf(other), buyer, "owner");
        eq(bytes(registry.tokenURI(other)), "ipfs://card", "card");
        eq(registry.getMetadata(other, "model"), "pump 3000", "metadata");
        registry.setMetadata(other, "model", "pump 3001");
        eq(registry.getMetadata(other, "model"), "pump 3001", "changed");
        registry.setAgentURI(other, "ipfs://card2");
        eq(bytes(registry.tokenURI(other)), "ipfs://card2", "card changed");
        vm.expectRevert(MachineRegistry.ReservedKey.selector);
        registry.setMetadata(other, "agentWallet", "x");
        data[0].metadataKey = "agentWallet";
        vm.expectRevert(MachineRegistry.ReservedKey.selector);
        registry.register("", data);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NotOwner.selector, id, buyer));
        registry.setAgentURI(id, "mine");
        ok(registry.supportsInterface(type(IERC8004).interfaceId), "ERC-8004");
        ok(registry.supportsInterface(type(IERC721).interfaceId), "ERC-721");
    }

    function walletProof(uint256 secret, uint256 other, address wallet, address owner_, uint256 deadline)
        private
        view
        returns (bytes memory)
    {
        bytes32 inner = keccak256(
            abi.encode(
                keccak256("AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)"),
                other, wallet, owner_, deadline
            )
        );
        return sign(secret, typed("ERC8004IdentityRegistry", address(registry), inner));
    }

    function testWallet() public {
        vm.startPrank(buyer);
        uint256 other = registry.register();
        address wallet = vm.addr(0x3a11e7);
        uint256 deadline = block.timestamp;
        bytes memory proof = walletProof(0x3a11e7, other, wallet, buyer, deadline);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.Expired.selector, deadline - 1));
        registry.setAgentWallet(other, wallet, deadline - 1, proof);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NoConsent.selector, buyer));
        registry.setAgentWallet(other, buyer, deadline, proof);
        registry.setAgentWallet(other, wallet, deadline, proof);
        eq(registry.getAgentWallet(other), wallet, "wallet");
        eq(registry.getMetadata(other, "agentWallet"), abi.encodePacked(wallet), "as metadata");
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.WalletTaken.selector, wallet));
        registry.setAgentWallet(other, wallet, deadline, proof);
        registry.unsetAgentWallet(other);
        eq(registry.getMetadata(other, "agentWallet"), "", "none");
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NoConsent.selector, buyer));
        registry.joinAsWallet(other); // the owner approved nobody
    }

    // ---- keys ----

    function testKeys() public {
        eq(registry.keyOf(id), key, "key");
        eq(account.key(), key, "the account was told");
        ok(registry.isKeyOf(id, key) && !registry.isKeyOf(id, owner) && !registry.isKeyOf(id, address(0)), "is key");
        address next = vm.addr(0xbeef);
        bytes memory proof = keyProof(0xbeef, next);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NotOwnerNorWallet.selector, id, address(this)));
        registry.setKey(id, next, proof);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.KeyExists.selector, id));
        vm.prank(owner);
        registry.setKey(id, next, proof);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.BadKeyProof.selector, owner));
        vm.prank(address(account));
        registry.setKey(id, owner, proof);
        vm.prank(address(account));
        registry.setKey(id, next, proof);
        eq(account.key(), next, "rotated by the machine");
        ok(registry.isKeyOf(id, key), "the old key still binds");
    }

    function testP256Key() public {
        (uint256 x, uint256 y) = vm.publicKeyP256(0xbeef);
        address next = Keys.ofP256(bytes32(x), bytes32(y));
        (bytes32 r, bytes32 s) = vm.signP256(0xbeef, keyDigest(next));
        s = uint256(s) > P256.N / 2 ? bytes32(P256.N - uint256(s)) : s;
        vm.prank(address(account));
        registry.setKey(id, next, abi.encode(r, s, x, y));
        eq(account.key(), next, "P-256");
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.BadKeyProof.selector, next));
        vm.prank(address(account));
        registry.setKey(id, next, abi.encode(r, bytes32(uint256(s) ^ 1), x, y));
    }

    function testRecovery() public {
        address next = vm.addr(0xbeef);
        bytes memory proof = keyProof(0xbeef, next);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NoRecovery.selector, id));
        registry.finishRecovery(id);
        vm.startPrank(owner);
        registry.startRecovery(id, next, proof);
        vm.expectPartialRevert(MachineRegistry.TooEarly.selector);
        registry.finishRecovery(id);
        registry.cancelRecovery(id);
        vm.warp(block.timestamp + registry.RECOVERY_DELAY());
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NoRecovery.selector, id));
        registry.finishRecovery(id);
        registry.startRecovery(id, next, proof);
        vm.warp(block.timestamp + registry.RECOVERY_DELAY());
        vm.stopPrank();
        registry.finishRecovery(id);
        eq(registry.keyOf(id), next, "recovered");
        eq(account.key(), next, "the account was told");
    }

    // ---- sale ----

    function settle() private {
        vm.startPrank(owner);
        court.startUnbond(id);
        vm.warp(block.timestamp + court.UNBOND_DELAY());
        court.unbond(id);
        vm.stopPrank();
    }

    function testSale() public {
        vm.prank(owner);
        registry.announceTransfer(id, buyer);
        vm.startPrank(owner);
        vm.expectPartialRevert(MachineRegistry.TooEarly.selector);
        registry.transferFrom(owner, buyer, id);
        vm.warp(block.timestamp + registry.SETTLE_DELAY());
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.Obliged.selector, id, address(court)));
        registry.transferFrom(owner, buyer, id);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NotAnnounced.selector, id, challenger));
        registry.transferFrom(owner, challenger, id);
        vm.stopPrank();
        settle();
        vm.prank(owner);
        registry.transferFrom(owner, buyer, id);
        eq(registry.ownerOf(id), buyer, "sold");
        eq(registry.keyOf(id), address(0), "without key");
        eq(account.key(), address(0), "the account has none either");
        eq(registry.getAgentWallet(id), address(0), "without wallet");
        eq(registry.tenureOf(id), 1, "tenure");
        ok(!registry.isKeyOf(id, key), "the old key binds no more");
        // A proof made in the first tenure is not good in the second.
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.BadKeyProof.selector, key));
        vm.prank(buyer);
        registry.setKey(id, key, hex"00");
        bytes memory proof = keyProof(0xbeef, vm.addr(0xbeef));
        vm.startPrank(buyer);
        registry.setKey(id, vm.addr(0xbeef), proof);
        registry.approve(address(account), id);
        account.join();
        eq(account.key(), vm.addr(0xbeef), "the machine works again");
    }

    function testSaleCancelled() public {
        settle();
        vm.startPrank(owner);
        registry.announceTransfer(id, buyer);
        registry.cancelTransfer(id);
        vm.warp(block.timestamp + registry.SETTLE_DELAY());
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NotAnnounced.selector, id, buyer));
        registry.transferFrom(owner, buyer, id);
    }

    function testSaleDropsRecovery() public {
        settle();
        bytes memory proof = keyProof(0xbeef, vm.addr(0xbeef));
        vm.startPrank(owner);
        registry.announceTransfer(id, buyer);
        vm.warp(block.timestamp + registry.SETTLE_DELAY());
        registry.startRecovery(id, vm.addr(0xbeef), proof);
        registry.transferFrom(owner, buyer, id);
        vm.warp(block.timestamp + registry.RECOVERY_DELAY());
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NoRecovery.selector, id));
        registry.finishRecovery(id);
    }

    function testObligors() public {
        Obligor obligor = new Obligor();
        vm.startPrank(owner);
        vm.expectRevert();
        registry.addObligor(id, address(registry)); // does not answer
        for (uint256 k = registry.obligorsOf(id).length; k < registry.OBLIGORS_MAX(); k++) {
            registry.addObligor(id, address(obligor));
        }
        vm.expectRevert(MachineRegistry.TooManyObligors.selector);
        registry.addObligor(id, address(obligor));
        obligor.set(1);
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.Obliged.selector, id, address(obligor)));
        registry.removeObligor(id, address(obligor));
        obligor.set(0);
        for (uint256 k = registry.obligorsOf(id).length; k > 1; k--) {
            registry.removeObligor(id, address(obligor));
        }
        vm.expectRevert(abi.encodeWithSelector(MachineRegistry.NotObligor.selector, address(obligor)));
        registry.removeObligor(id, address(obligor));
        ok(registry.isObligor(id, address(court)) && !registry.isObligor(id, address(obligor)), "the court stays");
    }

    // ---- legal ----

    function record(string memory entity, uint48 from, uint48 until) private pure returns (LegalRecords.LegalRecord memory r) {
        r.jurisdiction = "CH-ZG";
        r.entityId = entity;
        r.registeredAgent = "Agent AG";
        r.liableParty = "Pump Cooperative";
        (r.effectiveFrom, r.effectiveUntil) = (from, until);
        r.documents = new LegalRecords.Document[](1);
        r.documents[0] = LegalRecords.Document("statutes", "ipfs://statutes", sha256("statutes"));
    }

    function testLegalHistory() public {
        LegalRecords.LegalRecord memory r = record("1", 10, 0); // hashes, which counts as a call
        vm.expectPartialRevert(MachineRegistry.NotOwner.selector);
        registry.addLegalRecord(id, r);
        vm.startPrank(owner);
        registry.addLegalRecord(id, r);
        registry.addLegalRecord(id, record("2", 20, 30));
        eq(registry.legalRecordCount(id), 2, "count");
        eq(bytes(registry.legalRecordAt(id, 15).entityId), "1", "before");
        eq(bytes(registry.legalRecordAt(id, 20).entityId), "2", "within");
        eq(bytes(registry.legalRecordAt(id, 30).entityId), "1", "after");
        eq(registry.legalRecord(id, 1).documents[0].sha256Hash, sha256("statutes"), "document");
        vm.expectRevert(abi.encodeWithSelector(LegalRecords.NoLegalRecord.selector, id));
        registry.legalRecordAt(id, 9);
        r = record("3", 5, 5);
        vm.expectRevert(LegalRecords.BadDates.selector);
        registry.addLegalRecord(id, r);
        r = record("3", 5, 6);
        r.documents = new LegalRecords.Document[](17);
        vm.expectRevert(LegalRecords.TooManyDocuments.selector);
        registry.addLegalRecord(id, r);
    }

    // ---- did:ethr ----

    function testDid() public {
        eq(registry.identityOwner(address(account)), owner, "the machine's owner");
        eq(registry.identityOwner(buyer), buyer, "not a machine");
        eq(registry.changed(address(account)), block.number, "changed");
        vm.roll(block.number + 5);
        bytes memory proof = keyProof(0xbeef, vm.addr(0xbeef));
        vm.prank(address(account));
        registry.setKey(id, vm.addr(0xbeef), proof);
        eq(registry.changed(address(account)), block.number, "changed with the key");
    }

    function testGas() public {
        vm.prank(owner);
        gasOf("registry: register", address(registry), abi.encodeWithSignature("register(string)", "ipfs://card"), 200_000);
    }
}
