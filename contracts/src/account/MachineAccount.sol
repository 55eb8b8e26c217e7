// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Account} from "@openzeppelin/contracts/account/Account.sol";
import {ERC7821} from "@openzeppelin/contracts/account/extensions/draft-ERC7821.sol";
import {ERC7579Utils} from "@openzeppelin/contracts/account/utils/draft-ERC7579Utils.sol";
import {ERC4337Utils} from "@openzeppelin/contracts/account/utils/ERC4337Utils.sol";
import {Execution} from "@openzeppelin/contracts/interfaces/draft-IERC7579.sol";
import {IEntryPoint} from "@openzeppelin/contracts/interfaces/IERC4337.sol";
import {ERC721Holder} from "@openzeppelin/contracts/token/ERC721/utils/ERC721Holder.sol";
import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {AbstractSigner} from "@openzeppelin/contracts/utils/cryptography/signers/AbstractSigner.sol";
import {ERC7739} from "@openzeppelin/contracts/utils/cryptography/signers/draft-ERC7739.sol";
import {ERC7739Utils} from "@openzeppelin/contracts/utils/cryptography/draft-ERC7739Utils.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Keys} from "../identity/Keys.sol";
import {IMachineWallet, MachineRegistry} from "../identity/MachineRegistry.sol";
import {Constitution} from "../law/Constitution.sol";
import {Policy} from "./Policy.sol";

/// The machine's own wallet. One key (secp256k1 or P-256, see `Keys`) may act, and only inside the
/// policy that the machine's constitution names (docs/spec/policy.md).
///
/// There is no way around the policy: no owner call, no module, no DELEGATECALL, no fallback. Typed
/// signatures (ERC-1271) count only for the domains that the policy lists, and the account pays no gas
/// to the entry point except through its own, policed, deposit.
contract MachineAccount is Account, ERC7739, ERC7821, ERC721Holder, ERC1155Holder, Nonces, IMachineWallet {
    struct Bucket {
        uint208 used;
        uint48 last;
    }

    struct Verdict {
        address policy;
        uint256 index; // of the call that was refused
        uint8 reason;
        Policy.Take[] takes;
        uint256[] used; // of each take's bucket, before it
    }

    /// @notice How long a human's approval stands.
    uint48 public constant APPROVAL_TTL = 1 days;

    MachineRegistry public immutable registry;
    Constitution public immutable constitution;
    /// @notice The machine's token in the registry.
    uint256 public immutable id;

    /// @notice The key that may act; zero: none.
    address public key;

    mapping(address policy => mapping(bytes32 key => Bucket)) private _buckets;
    mapping(bytes32 batch => uint48 until) public approvedUntil;

    bytes32 private constant EXECUTE_TYPEHASH = keccak256("Execute(bytes32 batch,uint256 nonce,uint256 deadline)");
    bytes32 private constant MODE_BATCH = bytes32(uint256(0x01) << 248);
    bytes32 private constant MODE_SIGNED = bytes32(uint256(0x01000000000078210001) << 176);
    bytes32 private constant MODE_MASK = bytes32(uint256(0xffff00000000ffffffff) << 176);

    event KeyChanged(address indexed key);
    event Approved(bytes32 indexed batch, uint48 until);
    event Executed(bytes32 indexed batch, uint256 calls);

    /// Call number `index` of a batch was refused; the reasons are those of docs/spec/policy.md.
    error Refused(uint256 index, uint8 reason);
    error NotRegistry(address caller);
    error NotApprover(address caller);
    error Expired(uint256 deadline);
    error WrongSignature();
    error NotPrepaid(uint256 missing);

    constructor(MachineRegistry registry_, Constitution constitution_, uint256 id_)
        EIP712("DAM MachineAccount", "1")
    {
        registry = registry_;
        constitution = constitution_;
        id = id_;
    }

    /// @notice ERC-4337's entry point 0.8: the newest one that is released for every chain.
    function entryPoint() public pure override returns (IEntryPoint) {
        return ERC4337Utils.ENTRYPOINT_V08;
    }

    // ---- keys ----

    /// @notice Become the wallet of the machine; its owner has approved this account for the token.
    /// Anyone may call: it does what the owner approved.
    function join() external {
        registry.joinAsWallet(id);
    }

    /// @inheritdoc IMachineWallet
    function onKeyChanged(address key_) external {
        if (msg.sender != address(registry)) {
            revert NotRegistry(msg.sender);
        }
        key = key_;
        emit KeyChanged(key_);
    }

    // ---- approval ----

    /// @notice The constitution's approver agrees to one execution of exactly these calls (`batchHash`).
    function approve(bytes32 batch) external {
        (,,, address approver) = constitution.authorityOf(id);
        if (msg.sender != approver) {
            revert NotApprover(msg.sender);
        }
        approvedUntil[batch] = uint48(block.timestamp) + APPROVAL_TTL;
        emit Approved(batch, approvedUntil[batch]);
    }

    /// @notice The name of a batch in approvals and signed executions.
    function batchHash(Execution[] calldata calls) public pure returns (bytes32) {
        return keccak256(abi.encode(calls));
    }

    // ---- execution ----

    /// @notice ERC-7821: make the calls of a batch. In the plain mode the caller is the key itself or the
    /// entry point; in the signed mode (0x01000000000078210001) anyone carries the batch, and opData is
    /// nonce (32 bytes), deadline (32 bytes), the key's signature of Execute(batch, nonce, deadline).
    function execute(bytes32 mode, bytes calldata executionData) public payable override {
        if (!supportsExecutionMode(mode)) {
            revert UnsupportedExecutionMode();
        }
        Execution[] calldata calls = ERC7579Utils.decodeBatch(executionData);
        bytes32 batch = batchHash(calls);
        if (mode & MODE_MASK == MODE_SIGNED) {
            _checkSigned(batch, executionData);
        } else if (msg.sender != address(entryPoint()) && (msg.sender != key || key == address(0))) {
            revert AccountUnauthorized(msg.sender);
        }
        _spend(calls, batch);
        emit Executed(batch, calls.length);
        ERC7579Utils.execBatch(executionData, ERC7579Utils.EXECTYPE_DEFAULT);
    }

    /// @inheritdoc ERC7821
    function supportsExecutionMode(bytes32 mode) public pure override returns (bool) {
        return mode & MODE_MASK == MODE_BATCH || mode & MODE_MASK == MODE_SIGNED;
    }

    /// @notice What `execute` would say now: the call's index and the reason, 0 for allowed.
    function verdictOf(Execution[] calldata calls) external view returns (uint256 index, uint8 reason) {
        Verdict memory v = _judge(calls, batchHash(calls));
        return (v.index, v.reason);
    }

    /// @notice How much is used of the bucket with state key `bucketKey` of `policy`, and as of when.
    function bucketOf(address policy, bytes32 bucketKey) external view returns (uint208 used, uint48 last) {
        Bucket storage bucket = _buckets[policy][bucketKey];
        return (bucket.used, bucket.last);
    }

    // ---- signatures ----

    /// @notice ERC-1271 for ERC-7739 nested typed data, in the domains that the policy lists; nothing else.
    /// Personal messages are refused: their hash could be that of a permit.
    function isValidSignature(bytes32 hash, bytes calldata signature) public view override returns (bytes4) {
        (, bytes32 separator, bytes32 contents,) = ERC7739Utils.decodeTypedDataSig(signature);
        if (hash != MessageHashUtils.toTypedDataHash(separator, contents)) {
            return 0xffffffff;
        }
        (address policy,, uint8 held,) = constitution.authorityOf(id);
        (bytes memory data, uint256[] memory rules) = Policy.load(policy);
        if (held != 0 || rules.length == 0 || !Policy.hasDomain(data, separator)) {
            return 0xffffffff;
        }
        return super.isValidSignature(hash, signature);
    }

    // ---- inside ----

    function _rawSignatureValidation(bytes32 hash, bytes calldata signature)
        internal
        view
        override(AbstractSigner)
        returns (bool)
    {
        return Keys.signed(key, hash, signature);
    }

    /// A key that is stolen must not be able to burn the machine's coin as gas: what the entry point
    /// needs has to be in the deposit already, which the policy fills.
    function _payPrefund(uint256 missing) internal pure override {
        if (missing != 0) {
            revert NotPrepaid(missing);
        }
    }

    /// `executionData` is abi.encode(calls, opData); opData is nonce (32 bytes), deadline (32), signature.
    function _checkSigned(bytes32 batch, bytes calldata executionData) private {
        uint256 from = uint256(bytes32(executionData[32:64]));
        uint256 length = uint256(bytes32(executionData[from:from + 32]));
        bytes calldata opData = executionData[from + 32:from + 32 + length];
        (uint256 nonce, uint256 deadline) = abi.decode(opData[:64], (uint256, uint256));
        if (block.timestamp > deadline) {
            revert Expired(deadline);
        }
        _useCheckedNonce(address(this), nonce);
        bytes32 hash = _hashTypedDataV4(keccak256(abi.encode(EXECUTE_TYPEHASH, batch, nonce, deadline)));
        if (!_rawSignatureValidation(hash, opData[64:])) {
            revert WrongSignature();
        }
    }

    /// Refuse, or write what the batch takes; the calls come after.
    function _spend(Execution[] calldata calls, bytes32 batch) private {
        Verdict memory v = _judge(calls, batch);
        if (v.reason != Policy.ALLOWED) {
            revert Refused(v.index, v.reason);
        }
        delete approvedUntil[batch];
        for (uint256 k = 0; k < v.takes.length; k++) {
            if (v.takes[k].sum != 0) {
                uint208 used = uint208(v.used[k] + v.takes[k].sum); // below 2^129
                _buckets[v.policy][v.takes[k].key] = Bucket(used, uint48(block.timestamp));
            }
        }
    }

    function _judge(Execution[] calldata calls, bytes32 batch) private view returns (Verdict memory v) {
        uint256 scale;
        (v.policy, scale, v.reason,) = constitution.authorityOf(id);
        v.index = calls.length == 0 ? 0 : calls.length - 1;
        if (v.reason != 0) {
            return v;
        }
        (bytes memory data, uint256[] memory rules) = Policy.load(v.policy);
        if (rules.length == 0) {
            v.reason = Policy.MALFORMED;
            return v;
        }
        (v.index, v.reason, v.takes) = Policy.judge(data, rules, calls);
        if (v.reason == Policy.ALLOWED) {
            _weigh(data, scale, approvedUntil[batch] >= block.timestamp, v);
        }
    }

    /// Compare what a batch takes with what is left, then with the thresholds for asking a human.
    function _weigh(bytes memory data, uint256 scale, bool approved, Verdict memory v) private view {
        v.used = new uint256[](v.takes.length);
        bool asks = false;
        for (uint256 k = 0; k < v.takes.length; k++) {
            Policy.Take memory take = v.takes[k];
            (bool perPayee, uint256 window, uint256 capacity, uint256 ask) = Policy.bucketOf(data, take.bucket);
            uint256 used = _used(_buckets[v.policy][take.key], window, capacity);
            uint256 limit = capacity * scale / 1000;
            if (take.sum > (limit > used ? limit - used : 0)) {
                v.reason = perPayee ? Policy.PAYEE_ALLOWANCE : Policy.ALLOWANCE;
                return;
            }
            v.used[k] = used;
            asks = asks || take.sum > ask;
        }
        if (asks && !approved) {
            v.reason = Policy.APPROVAL;
        }
    }

    /// The bucket's use after its refill. (OpenZeppelin's RateLimiter has the same arithmetic, with its
    /// configuration in storage; ours is in the policy's code.)
    function _used(Bucket memory bucket, uint256 window, uint256 capacity) private view returns (uint256) {
        uint256 refilled = (block.timestamp - bucket.last) * capacity / window;
        return bucket.used > refilled ? bucket.used - refilled : 0;
    }
}
