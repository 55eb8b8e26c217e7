// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {EthrDid} from "./EthrDid.sol";
import {IERC8004} from "./IERC8004.sol";
import {Keys} from "./Keys.sol";
import {LegalRecords} from "./LegalRecords.sol";

/// A contract that a machine owes something to: while it says so, the machine cannot change hands.
interface IObligor {
    /// @notice How many obligations of machine `id` are open.
    function obligationsOf(uint256 id) external view returns (uint256);
}

/// The name of machine `id` of `registry` in evidence leaves and checkpoints.
function machineName(address registry, uint256 id) view returns (bytes32) {
    return keccak256(abi.encode(block.chainid, registry, id));
}

/// The machine's wallet, as the registry sees it.
interface IMachineWallet {
    /// @notice Called by the registry alone, whenever the machine's key changes; zero: no key.
    function onKeyChanged(address key) external;
}

/// Identity of machines: an ERC-721 token whose owner (a person, or the timelock of a DAO) is the
/// machine's owner; the ERC-8004 identity interface; the machine's key and wallet; its legal record.
///
/// The registry is the only place where a machine's key is set, and it tells the wallet, so a rotation
/// is one act. A change of owner is announced, waits `SETTLE_DELAY`, needs every obligation settled,
/// and leaves the machine without key and wallet: the new owner sets them. Each change of owner begins a new
/// *tenure*; evidence signed in an earlier tenure does not bind the new owner.
contract MachineRegistry is ERC721URIStorage, EIP712, IERC8004, EthrDid, LegalRecords {
    struct Machine {
        address key;
        uint32 tenure; // number of changes of owner
        address wallet;
        bool joined; // the wallet is a contract that wants to be told of key changes
        uint48 announcedAt;
        address buyer;
        address nextKey; // recovery in progress
        uint48 recoverableAt;
    }

    /// @notice How long a sale is announced before it can happen.
    uint48 public constant SETTLE_DELAY = 7 days;
    /// @notice How long the owner waits before a lost key is replaced.
    uint48 public constant RECOVERY_DELAY = 2 days;
    uint256 public constant OBLIGORS_MAX = 8;

    bytes32 private constant WALLET_TYPEHASH =
        keccak256("AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)");
    bytes32 private constant KEY_TYPEHASH = keccak256("MachineKeySet(uint256 agentId,address key,uint32 tenure)");
    bytes32 private constant RESERVED = keccak256("agentWallet");

    uint256 private _count;
    mapping(uint256 id => Machine) private _machines;
    mapping(uint256 id => address[]) private _obligors;
    mapping(uint256 id => mapping(string key => bytes)) private _metadata;
    mapping(uint256 id => mapping(address key => uint32 tenurePlusOne)) private _keyTenure;
    mapping(address wallet => uint256 id) private _machineOfWallet;

    event KeyChanged(uint256 indexed id, address indexed key, uint32 tenure);
    event RecoveryStarted(uint256 indexed id, address indexed key, uint48 recoverableAt);
    event RecoveryCancelled(uint256 indexed id);
    event TransferAnnounced(uint256 indexed id, address indexed buyer, uint48 possibleAt);
    event TransferCancelled(uint256 indexed id);
    event ObligorAdded(uint256 indexed id, address indexed obligor);
    event ObligorRemoved(uint256 indexed id, address indexed obligor);

    error NotOwner(uint256 id, address caller);
    error NotOwnerNorWallet(uint256 id, address caller);
    error ReservedKey();
    error Expired(uint256 deadline);
    error NoConsent(address wallet);
    error WalletTaken(address wallet);
    error KeyExists(uint256 id);
    error BadKeyProof(address key);
    error NoRecovery(uint256 id);
    error TooEarly(uint256 possibleAt);
    error NotAnnounced(uint256 id, address to);
    error Obliged(uint256 id, address obligor);
    error TooManyObligors();
    error NotObligor(address obligor);

    constructor() ERC721("DAM Machine", "DAM") EIP712("ERC8004IdentityRegistry", "1") {}

    modifier onlyOwnerOf(uint256 id) {
        if (msg.sender != ownerOf(id)) {
            revert NotOwner(id, msg.sender);
        }
        _;
    }

    // ---- ERC-8004 ----

    /// @inheritdoc IERC8004
    function register() external returns (uint256 agentId) {
        return _register("");
    }

    /// @inheritdoc IERC8004
    function register(string calldata agentURI) external returns (uint256 agentId) {
        return _register(agentURI);
    }

    /// @inheritdoc IERC8004
    function register(string calldata agentURI, MetadataEntry[] calldata metadata)
        external
        returns (uint256 agentId)
    {
        agentId = _register(agentURI);
        for (uint256 k = 0; k < metadata.length; k++) {
            _setMetadata(agentId, metadata[k].metadataKey, metadata[k].metadataValue);
        }
    }

    /// @inheritdoc IERC8004
    function setAgentURI(uint256 agentId, string calldata newURI) external onlyOwnerOf(agentId) {
        _setTokenURI(agentId, newURI);
        emit URIUpdated(agentId, newURI, msg.sender);
    }

    /// @inheritdoc IERC8004
    function getMetadata(uint256 agentId, string calldata metadataKey) external view returns (bytes memory) {
        if (keccak256(bytes(metadataKey)) == RESERVED) {
            address wallet = _machines[agentId].wallet;
            return wallet == address(0) ? bytes("") : abi.encodePacked(wallet);
        }
        return _metadata[agentId][metadataKey];
    }

    /// @inheritdoc IERC8004
    function setMetadata(uint256 agentId, string calldata metadataKey, bytes calldata metadataValue)
        external
        onlyOwnerOf(agentId)
    {
        _setMetadata(agentId, metadataKey, metadataValue);
    }

    /// @inheritdoc IERC8004
    function getAgentWallet(uint256 agentId) public view returns (address) {
        return _machines[agentId].wallet;
    }

    /// @inheritdoc IERC8004
    function setAgentWallet(uint256 agentId, address newWallet, uint256 deadline, bytes calldata signature)
        external
        onlyOwnerOf(agentId)
    {
        if (block.timestamp > deadline) {
            revert Expired(deadline);
        }
        bytes32 hash =
            _hashTypedDataV4(keccak256(abi.encode(WALLET_TYPEHASH, agentId, newWallet, msg.sender, deadline)));
        if (!SignatureChecker.isValidSignatureNowCalldata(newWallet, hash, signature)) {
            revert NoConsent(newWallet);
        }
        _setWallet(agentId, newWallet, false);
    }

    /// @inheritdoc IERC8004
    function unsetAgentWallet(uint256 agentId) external onlyOwnerOf(agentId) {
        _setWallet(agentId, address(0), false);
    }

    /// @notice A machine's account joins by itself, after the owner approved it for the token (ERC-721).
    /// From then on it is told of every change of key, and may rotate the key.
    function joinAsWallet(uint256 id) external {
        if (getApproved(id) != msg.sender) {
            revert NoConsent(msg.sender);
        }
        _approve(address(0), id, address(0));
        _setWallet(id, msg.sender, true);
    }

    // ---- keys ----

    /// @notice The machine's present key (see `Keys`), or zero.
    function keyOf(uint256 id) external view returns (address) {
        return _machines[id].key;
    }

    /// @notice The key with which evidence is signed now, and the tenure.
    function signerOf(uint256 id) external view returns (address key, uint32 tenure) {
        Machine storage m = _machines[id];
        return (m.key, m.tenure);
    }

    /// @notice Whether `key` is, or was in the present tenure, a key of the machine.
    function isKeyOf(uint256 id, address key) external view returns (bool) {
        return key != address(0) && _keyTenure[id][key] == _machines[id].tenure + 1;
    }

    /// @notice Number of changes of owner so far.
    function tenureOf(uint256 id) external view returns (uint32) {
        return _machines[id].tenure;
    }

    /// @notice The name of a machine in evidence leaves and checkpoints.
    function machineOf(uint256 id) external view returns (bytes32) {
        return machineName(address(this), id);
    }

    /// @notice Set the key of a machine that has none (owner), or rotate it (the joined wallet).
    /// `proof` is the new key's signature over MachineKeySet(agentId, key, tenure).
    function setKey(uint256 id, address key, bytes calldata proof) external {
        Machine storage m = _machines[id];
        if (msg.sender != m.wallet || !m.joined) {
            if (msg.sender != ownerOf(id)) {
                revert NotOwnerNorWallet(id, msg.sender);
            }
            if (m.key != address(0)) {
                revert KeyExists(id);
            }
        }
        _checkKeyProof(id, key, proof);
        _setKey(id, key);
    }

    /// @notice The owner begins to replace a key that is lost or stolen.
    function startRecovery(uint256 id, address key, bytes calldata proof) external onlyOwnerOf(id) {
        _checkKeyProof(id, key, proof);
        Machine storage m = _machines[id];
        m.nextKey = key;
        m.recoverableAt = uint48(block.timestamp) + RECOVERY_DELAY;
        emit RecoveryStarted(id, key, m.recoverableAt);
    }

    /// @notice The owner thinks better of it.
    function cancelRecovery(uint256 id) external onlyOwnerOf(id) {
        _cancelRecovery(id);
    }

    /// @notice Anyone finishes a recovery whose delay is over.
    function finishRecovery(uint256 id) external {
        Machine storage m = _machines[id];
        address key = m.nextKey;
        if (key == address(0)) {
            revert NoRecovery(id);
        }
        if (block.timestamp < m.recoverableAt) {
            revert TooEarly(m.recoverableAt);
        }
        m.nextKey = address(0);
        _setKey(id, key);
    }

    // ---- sale ----

    /// @notice Announce that the machine goes to `buyer`.
    function announceTransfer(uint256 id, address buyer) external onlyOwnerOf(id) {
        Machine storage m = _machines[id];
        m.buyer = buyer;
        m.announcedAt = uint48(block.timestamp);
        emit TransferAnnounced(id, buyer, m.announcedAt + SETTLE_DELAY);
    }

    /// @notice Withdraw an announcement.
    function cancelTransfer(uint256 id) external onlyOwnerOf(id) {
        _machines[id].buyer = address(0);
        emit TransferCancelled(id);
    }

    /// @notice The contracts that machine `id` may owe something to.
    function obligorsOf(uint256 id) external view returns (address[] memory) {
        return _obligors[id];
    }

    /// @notice Let `obligor` hold the machine back from a sale while something is open.
    function addObligor(uint256 id, address obligor) external onlyOwnerOf(id) {
        address[] storage all = _obligors[id];
        if (all.length == OBLIGORS_MAX) {
            revert TooManyObligors();
        }
        IObligor(obligor).obligationsOf(id); // must answer, or the machine could never be sold
        all.push(obligor);
        emit ObligorAdded(id, obligor);
    }

    /// @notice Free the machine from an obligor to whom it owes nothing.
    function removeObligor(uint256 id, address obligor) external onlyOwnerOf(id) {
        address[] storage all = _obligors[id];
        for (uint256 k = 0; k < all.length; k++) {
            if (all[k] == obligor) {
                _checkSettled(id, obligor);
                all[k] = all[all.length - 1];
                all.pop();
                emit ObligorRemoved(id, obligor);
                return;
            }
        }
        revert NotObligor(obligor);
    }

    /// @notice Whether `obligor` can hold machine `id` back.
    function isObligor(uint256 id, address obligor) external view returns (bool) {
        address[] storage all = _obligors[id];
        for (uint256 k = 0; k < all.length; k++) {
            if (all[k] == obligor) {
                return true;
            }
        }
        return false;
    }

    // ---- legal ----

    /// @notice Append a legal record.
    function addLegalRecord(uint256 id, LegalRecord calldata record) external onlyOwnerOf(id) {
        _addLegalRecord(id, record);
    }

    // ---- did:ethr ----

    /// @inheritdoc EthrDid
    function identityOwner(address identity) public view override returns (address) {
        uint256 id = _machineOfWallet[identity];
        return id == 0 ? identity : ownerOf(id);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC721URIStorage) returns (bool) {
        return interfaceId == type(IERC8004).interfaceId || super.supportsInterface(interfaceId);
    }

    // ---- inside ----

    function _register(string memory agentURI) private returns (uint256 id) {
        id = ++_count; // 0 is nobody
        _mint(msg.sender, id);
        _setTokenURI(id, agentURI);
        emit Registered(id, agentURI, msg.sender);
    }

    function _setMetadata(uint256 id, string memory key, bytes memory value) private {
        if (keccak256(bytes(key)) == RESERVED) {
            revert ReservedKey();
        }
        _metadata[id][key] = value;
        emit MetadataSet(id, key, key, value);
    }

    function _setWallet(uint256 id, address wallet, bool joined) private {
        if (wallet != address(0) && _machineOfWallet[wallet] != 0) {
            revert WalletTaken(wallet);
        }
        Machine storage m = _machines[id];
        _tellWallet(m, address(0));
        _didKey(m.wallet, m.key, false);
        delete _machineOfWallet[m.wallet];
        m.wallet = wallet;
        m.joined = joined;
        if (wallet != address(0)) {
            _machineOfWallet[wallet] = id;
            _didOwner(wallet, ownerOf(id));
            _didKey(wallet, m.key, true);
            _tellWallet(m, m.key);
        }
        emit MetadataSet(id, "agentWallet", "agentWallet", abi.encodePacked(wallet));
    }

    function _checkKeyProof(uint256 id, address key, bytes calldata proof) private view {
        bytes32 hash = _hashTypedDataV4(keccak256(abi.encode(KEY_TYPEHASH, id, key, _machines[id].tenure)));
        if (!Keys.signed(key, hash, proof)) {
            revert BadKeyProof(key);
        }
    }

    function _setKey(uint256 id, address key) private {
        Machine storage m = _machines[id];
        _didKey(m.wallet, m.key, false);
        m.key = key;
        if (key != address(0)) {
            _keyTenure[id][key] = m.tenure + 1;
        }
        _didKey(m.wallet, key, true);
        _tellWallet(m, key);
        emit KeyChanged(id, key, m.tenure);
    }

    function _tellWallet(Machine storage m, address key) private {
        if (m.joined) {
            IMachineWallet(m.wallet).onKeyChanged(key);
        }
    }

    function _cancelRecovery(uint256 id) private {
        if (_machines[id].nextKey != address(0)) {
            _machines[id].nextKey = address(0);
            emit RecoveryCancelled(id);
        }
    }

    function _checkSettled(uint256 id, address obligor) private view {
        if (IObligor(obligor).obligationsOf(id) != 0) {
            revert Obliged(id, obligor);
        }
    }

    /// Every change of owner goes through here (ERC721): mint, sale, and nothing else, as machines
    /// cannot be burnt.
    function _update(address to, uint256 id, address auth) internal override returns (address from) {
        if (_ownerOf(id) != address(0)) {
            Machine storage m = _machines[id];
            if (m.buyer != to || to == address(0)) {
                revert NotAnnounced(id, to);
            }
            if (block.timestamp < m.announcedAt + SETTLE_DELAY) {
                revert TooEarly(m.announcedAt + SETTLE_DELAY);
            }
            for (uint256 k = 0; k < _obligors[id].length; k++) {
                _checkSettled(id, _obligors[id][k]);
            }
            m.buyer = address(0);
            _cancelRecovery(id);
            m.tenure += 1;
            _setKey(id, address(0));
            _setWallet(id, address(0), false); // ERC-8004: the new owner names a wallet anew
        }
        from = super._update(to, id, auth);
    }
}
