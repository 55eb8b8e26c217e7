// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Rights to use something for a time: a door, a charger, an hour of a machine.
/// @notice A pass is a token (ERC-721) with a first and a last second. It is bought in whole slots, at most as many at a time
/// as the resource has places, or granted by the resource's owner.
///
/// A lock without a network checks a pass by two signatures: the issuer signed what the pass says, and the holder signed
/// the lock's challenge. `check` is that rule; it reads no storage, so a lock can run it in its own EVM.
/// @dev The price goes to the owner at once, nothing is held here. A paid pass cannot be revoked, a granted one can.
contract AccessPass is ERC721, EIP712 {
    using SafeERC20 for IERC20;

    error NotOwner(address who);
    error ResourceExists(bytes32 resource);
    error NoSuchResource(bytes32 resource);
    error BadResource();
    error BadTime(uint64 from, uint64 until);
    error Full(bytes32 resource, uint64 slot);
    error PriceChanged(uint256 price);
    error NotForSale(bytes32 resource);
    error NotTransferable(uint256 passId);
    error PaidPass(uint256 passId);

    struct Resource {
        address owner;
        uint32 slot; // seconds
        uint32 places; // passes of one slot; 0: any number
        bool transferable;
        IERC20 token; // zero: only granted
        uint256 price; // per slot
    }

    struct Pass {
        bytes32 resource;
        uint64 from; // first second
        uint64 until; // first second no more
        bool granted;
    }

    event ResourceMade(bytes32 indexed resource, address indexed owner, string label, uint32 slot, uint32 places, bool transferable);
    event PriceSet(bytes32 indexed resource, address token, uint256 price);
    event Issued(uint256 indexed passId, bytes32 indexed resource, address indexed holder, uint64 from, uint64 until);
    event Revoked(uint256 indexed passId);

    /// @notice Slots of one purchase.
    uint256 public constant SLOTS_MAX = 96;

    bytes32 private constant PASS_TYPE =
        keccak256("Pass(bytes32 resource,address holder,uint64 from,uint64 until)");
    bytes32 private constant ENTRY_TYPE = keccak256("Entry(bytes32 resource,bytes32 challenge)");

    uint256 public passCount;
    mapping(bytes32 resource => Resource) public resources;
    mapping(uint256 passId => Pass) public passes;
    mapping(bytes32 resource => mapping(uint64 slot => uint256)) public taken;

    constructor() ERC721("DAM Access Pass", "DAMPASS") EIP712("DAM AccessPass", "1") {}

    /// @notice Make a resource; its id is keccak256(abi.encode(owner, label)).
    function make(string calldata label, uint32 slot, uint32 places, bool transferable)
        external
        returns (bytes32 resource)
    {
        resource = keccak256(abi.encode(msg.sender, label));
        if (resources[resource].owner != address(0)) {
            revert ResourceExists(resource);
        }
        if (slot == 0) {
            revert BadResource();
        }
        resources[resource] = Resource(msg.sender, slot, places, transferable, IERC20(address(0)), 0);
        emit ResourceMade(resource, msg.sender, label, slot, places, transferable);
    }

    /// @notice Set the price of a slot; token zero: not for sale.
    function setPrice(bytes32 resource, IERC20 token, uint256 price) external {
        Resource storage r = _owned(resource);
        (r.token, r.price) = (token, price);
        emit PriceSet(resource, address(token), price);
    }

    /// @notice Buy the slots from `firstSlot`: seconds [firstSlot * slot, (firstSlot + slots) * slot).
    /// @param priceMax Per slot; a dearer price is refused.
    function buy(bytes32 resource, uint64 firstSlot, uint64 slots, IERC20 token, uint256 priceMax)
        external
        returns (uint256 passId)
    {
        Resource memory r = resources[resource];
        if (address(r.token) == address(0)) {
            revert NotForSale(resource);
        }
        if (address(r.token) != address(token) || r.price > priceMax) {
            revert PriceChanged(r.price);
        }
        (uint64 from, uint64 until) = (firstSlot * r.slot, (firstSlot + slots) * r.slot);
        if (slots == 0 || slots > SLOTS_MAX || until <= block.timestamp) {
            revert BadTime(from, until);
        }
        for (uint64 s = firstSlot; r.places > 0 && s < firstSlot + slots; ++s) {
            if (taken[resource][s]++ == r.places) {
                revert Full(resource, s);
            }
        }
        passId = _issue(resource, msg.sender, from, until, false);
        token.safeTransferFrom(msg.sender, r.owner, slots * r.price);
    }

    /// @notice The owner gives a pass, for any time and beside the places.
    function grant(bytes32 resource, address holder, uint64 from, uint64 until) external returns (uint256) {
        _owned(resource);
        if (from >= until) {
            revert BadTime(from, until);
        }
        return _issue(resource, holder, from, until, true);
    }

    /// @notice The owner takes a granted pass back.
    function revoke(uint256 passId) external {
        Pass memory pass = passes[passId];
        _owned(pass.resource);
        if (!pass.granted) {
            revert PaidPass(passId);
        }
        delete passes[passId];
        _burn(passId);
        emit Revoked(passId);
    }

    /// @notice Whether the chain says that `who` may use the resource by this pass at `time`.
    function valid(uint256 passId, bytes32 resource, address who, uint64 time) external view returns (bool) {
        Pass memory pass = passes[passId];
        return pass.resource == resource && _ownerOf(passId) == who && pass.from <= time && time < pass.until;
    }

    /// @notice What the issuer signs for a lock that is offline.
    function passDigest(bytes32 resource, address holder, uint64 from, uint64 until) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(PASS_TYPE, resource, holder, from, until)));
    }

    /// @notice What the holder signs when a lock shows it a fresh challenge.
    function entryDigest(bytes32 resource, bytes32 challenge) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ENTRY_TYPE, resource, challenge)));
    }

    /// @notice The offline rule. The lock knows its resource, its issuer and the time, and made the challenge.
    function check(
        address issuer,
        bytes32 resource,
        address holder,
        uint64 from,
        uint64 until,
        bytes calldata issuerSignature,
        bytes32 challenge,
        bytes calldata holderSignature,
        uint64 time
    ) external view returns (bool) {
        return from <= time && time < until
            && SignatureChecker.isValidSignatureNowCalldata(
                issuer, passDigest(resource, holder, from, until), issuerSignature
            )
            && SignatureChecker.isValidSignatureNowCalldata(holder, entryDigest(resource, challenge), holderSignature);
    }

    /// @dev Passes of a resource that is not transferable are only issued and revoked.
    function _update(address to, uint256 passId, address auth) internal override returns (address from) {
        from = super._update(to, passId, auth);
        if (from != address(0) && to != address(0) && !resources[passes[passId].resource].transferable) {
            revert NotTransferable(passId);
        }
    }

    function _issue(bytes32 resource, address holder, uint64 from, uint64 until, bool granted)
        private
        returns (uint256 passId)
    {
        passId = ++passCount;
        passes[passId] = Pass(resource, from, until, granted);
        _mint(holder, passId);
        emit Issued(passId, resource, holder, from, until);
    }

    function _owned(bytes32 resource) private view returns (Resource storage r) {
        r = resources[resource];
        if (r.owner == address(0)) {
            revert NoSuchResource(resource);
        }
        if (msg.sender != r.owner) {
            revert NotOwner(msg.sender);
        }
    }
}
