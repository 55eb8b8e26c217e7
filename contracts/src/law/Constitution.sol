// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {Attestation} from "../court/Attestation.sol";
import {Purity} from "./Purity.sol";

/// What a Court says about a machine's bond.
interface IBond {
    /// @notice The bond that stands behind machine `id` now; 0 while it is being withdrawn or contested.
    function bondOf(uint256 id) external view returns (uint256);
}

/// The law of each machine: its mind, charter, policy, bond and roles, and which of them held when.
///
/// The machine's owner (for a community: the timelock of its DAO) proposes new terms; they come into
/// force no sooner than the notice that the present terms give. Tightening is immediate: the guardian
/// or the owner can stop the machine or lower the scale of its limits at once. Undoing that waits for the
/// notice, like any loosening. There is no administrator.
contract Constitution {
    /// One version of a machine's law. Its number is the `epoch` of evidence leaves.
    struct Terms {
        address mind;
        uint32 mindGas; // at most 10,000,000
        uint48 since; // set when it comes into force
        address charter;
        uint32 charterGas; // at most 2,000,000
        uint48 notice; // seconds before later terms can come into force
        address policy; // blob of docs/spec/policy.md
        uint48 attestAge; // how old a quote of `software` may be; 0: none is asked
        address court;
        address guardian; // may stop and tighten; and take back a young mind and charter (`rollback`)
        address approver; // approves single batches above the policy's thresholds
        uint128 bond; // without it the machine may not spend
        bytes32 software; // what the TPM quote must measure (TpmQuote.measured)
        bytes32 manifest; // SHA-256 of the machine's manifest
    }

    /// What the guardian did, and what the owner asked to undo.
    struct Hold {
        bool stopped;
        uint16 scale; // thousandths of the policy's allowances
        uint16 nextScale;
        uint48 releaseAt; // 0: no release is waiting
    }

    /// Why a machine may not spend. The numbers are reason codes of docs/spec/policy.md.
    uint8 public constant NOTHING_HELD = 0;
    uint8 public constant HELD_STOPPED = 1;
    uint8 public constant HELD_UNATTESTED = 2;
    uint8 public constant HELD_UNBONDED = 3;
    uint8 public constant HELD_LAWLESS = 4;

    uint16 public constant SCALE_FULL = 1000;
    uint32 public constant MIND_GAS_MAX = 10_000_000;
    uint32 public constant CHARTER_GAS_MAX = 2_000_000;
    uint48 public constant NOTICE_MAX = 365 days;

    IERC721 public immutable registry;
    Purity public immutable purity;
    Attestation public immutable attestation;
    /// @notice The shortest notice that terms may give.
    uint48 public immutable noticeMin;

    mapping(uint256 id => Terms[]) private _epochs;
    mapping(uint256 id => Terms) private _proposed;
    mapping(uint256 id => uint48 time) private _enactAt;
    mapping(uint256 id => Hold) private _holds;
    mapping(uint256 id => uint256 epoch) private _restored; // the last epoch that a rollback made

    event Proposed(uint256 indexed id, address indexed mind, address indexed charter, uint48 enactAt, Terms terms);
    event Withdrawn(uint256 indexed id);
    event Enacted(uint256 indexed id, uint32 indexed epoch, address mind, address charter, Terms terms);
    event RolledBack(uint256 indexed id, uint32 indexed epoch, address indexed by);
    event Stopped(uint256 indexed id, address indexed by);
    event Tightened(uint256 indexed id, uint16 scale, address indexed by);
    event ReleaseProposed(uint256 indexed id, uint16 scale, uint48 releaseAt);
    event Released(uint256 indexed id, uint16 scale);

    error NotOwner(uint256 id, address caller);
    error NotGuardian(uint256 id, address caller);
    error NotPure(address code);
    error BadTerms();
    error NothingProposed(uint256 id);
    error TooEarly(uint256 possibleAt);
    error TooLate(uint256 until);
    error NothingToRestore(uint256 id);
    error NotTighter(uint16 scale);
    error NoSuchEpoch(uint256 id, uint32 epoch);

    constructor(IERC721 registry_, Purity purity_, Attestation attestation_, uint48 noticeMin_) {
        registry = registry_;
        purity = purity_;
        attestation = attestation_;
        noticeMin = noticeMin_;
    }

    modifier onlyOwnerOf(uint256 id) {
        if (msg.sender != registry.ownerOf(id)) {
            revert NotOwner(id, msg.sender);
        }
        _;
    }

    modifier onlyGuardianOf(uint256 id) {
        Terms[] storage all = _epochs[id];
        bool guardian = all.length > 0 && msg.sender == all[all.length - 1].guardian;
        if (!guardian && msg.sender != registry.ownerOf(id)) {
            revert NotGuardian(id, msg.sender);
        }
        _;
    }

    // ---- changing the law ----

    /// @notice Propose terms. A machine without law takes them at once; else they wait for the notice.
    /// A later proposal replaces an earlier one and waits anew.
    function propose(uint256 id, Terms calldata terms) external onlyOwnerOf(id) {
        _check(terms);
        Terms[] storage all = _epochs[id];
        uint48 enactAt = uint48(block.timestamp);
        if (all.length > 0) {
            enactAt += all[all.length - 1].notice;
        } else {
            _holds[id].scale = SCALE_FULL;
        }
        _proposed[id] = terms;
        _enactAt[id] = enactAt;
        emit Proposed(id, terms.mind, terms.charter, enactAt, terms);
        if (all.length == 0) {
            _enact(id, terms);
        }
    }

    /// @notice Take a proposal back.
    function withdraw(uint256 id) external onlyOwnerOf(id) {
        _checkProposed(id);
        delete _enactAt[id];
        emit Withdrawn(id);
    }

    /// @notice Bring proposed terms into force. Anyone may, once the notice is over.
    function enact(uint256 id) external {
        _checkProposed(id);
        if (block.timestamp < _enactAt[id]) {
            revert TooEarly(_enactAt[id]);
        }
        _enact(id, _proposed[id]);
    }

    // ---- tightening, at once; loosening, after the notice ----

    /// @notice Stop the machine. A release that was waiting is dropped.
    function stop(uint256 id) external onlyGuardianOf(id) {
        Hold storage hold = _holds[id];
        hold.stopped = true;
        hold.releaseAt = 0;
        emit Stopped(id, msg.sender);
    }

    /// @notice Lower the machine's allowances to `scale` thousandths of the policy's.
    function tighten(uint256 id, uint16 scale) external onlyGuardianOf(id) {
        Hold storage hold = _holds[id];
        if (scale >= hold.scale) {
            revert NotTighter(scale);
        }
        hold.scale = scale;
        hold.releaseAt = 0;
        emit Tightened(id, scale, msg.sender);
    }

    /// @notice The owner asks to lift the stop and set the scale, after the notice.
    function proposeRelease(uint256 id, uint16 scale) external onlyOwnerOf(id) {
        if (scale > SCALE_FULL) {
            revert BadTerms();
        }
        Hold storage hold = _holds[id];
        hold.nextScale = scale;
        hold.releaseAt = uint48(block.timestamp) + current(id).notice;
        emit ReleaseProposed(id, scale, hold.releaseAt);
    }

    /// @notice Lift the stop. Anyone may, once the notice is over.
    function release(uint256 id) external {
        Hold storage hold = _holds[id];
        if (hold.releaseAt == 0) {
            revert NothingProposed(id);
        }
        if (block.timestamp < hold.releaseAt) {
            revert TooEarly(hold.releaseAt);
        }
        (hold.stopped, hold.scale, hold.releaseAt) = (false, hold.nextScale, 0);
        emit Released(id, hold.scale);
    }

    /// @notice Take back a mind and charter that proved bad: those before them hold again, at once, as a new epoch, with
    /// the manifest that goes with them. All else of the present terms stays, so that nobody is paid, guarded or judged by
    /// older terms. The guardian or the owner may, while the terms in force are younger than their notice; a waiting
    /// proposal is dropped. What was restored cannot be taken back, so two epochs never swing.
    function rollback(uint256 id) external onlyGuardianOf(id) {
        Terms[] storage all = _epochs[id];
        uint256 count = all.length;
        if (count < 2 || _restored[id] == count) {
            revert NothingToRestore(id);
        }
        Terms memory terms = all[count - 1];
        uint256 until = uint256(terms.since) + terms.notice;
        if (block.timestamp >= until) {
            revert TooLate(until);
        }
        Terms storage before = all[count - 2];
        (terms.mind, terms.mindGas) = (before.mind, before.mindGas);
        (terms.charter, terms.charterGas, terms.manifest) = (before.charter, before.charterGas, before.manifest);
        _enact(id, terms);
        _restored[id] = count + 1;
        emit RolledBack(id, uint32(count), msg.sender);
    }

    // ---- reading ----

    /// @notice Number of the terms in force; 0: none yet.
    function epochOf(uint256 id) public view returns (uint32) {
        return uint32(_epochs[id].length);
    }

    /// @notice The terms in force.
    function current(uint256 id) public view returns (Terms memory) {
        return termsOf(id, epochOf(id));
    }

    /// @notice The terms of `epoch`, 1 being the first.
    function termsOf(uint256 id, uint32 epoch) public view returns (Terms memory) {
        if (epoch == 0 || epoch > _epochs[id].length) {
            revert NoSuchEpoch(id, epoch);
        }
        return _epochs[id][epoch - 1];
    }

    /// @notice What is needed to judge a decision of `epoch`: the code, its gas, and when that epoch
    /// began and ended (`until` is 0 while it is in force). All zeros: there is no such epoch.
    function codeOf(uint256 id, uint32 epoch)
        external
        view
        returns (address mind, uint32 mindGas, address charter, uint32 charterGas, uint48 since, uint48 until)
    {
        Terms[] storage all = _epochs[id];
        if (epoch != 0 && epoch <= all.length) {
            Terms storage t = all[epoch - 1];
            (mind, mindGas, charter, charterGas, since) = (t.mind, t.mindGas, t.charter, t.charterGas, t.since);
            until = epoch < all.length ? all[epoch].since : 0;
        }
    }

    /// @notice The epoch that was in force at `time`; 0: none was.
    function epochAt(uint256 id, uint48 time) external view returns (uint32 epoch) {
        Terms[] storage all = _epochs[id];
        uint256 high = all.length;
        while (epoch < high) {
            uint256 mid = (epoch + high) / 2;
            if (all[mid].since <= time) {
                epoch = uint32(mid + 1);
            } else {
                high = mid;
            }
        }
    }

    /// @notice The proposal that waits, and when it can be enacted; 0: none.
    function proposed(uint256 id) external view returns (Terms memory terms, uint48 enactAt) {
        enactAt = _enactAt[id];
        if (enactAt != 0) {
            terms = _proposed[id];
        }
    }

    /// @notice The guardian's measures in force.
    function holdOf(uint256 id) external view returns (Hold memory) {
        return _holds[id];
    }

    /// @notice What the machine's account may do now: the policy, the scale of its allowances in
    /// thousandths, and why it may not spend at all (0: it may).
    function authorityOf(uint256 id)
        external
        view
        returns (address policy, uint16 scale, uint8 held, address approver)
    {
        Terms[] storage all = _epochs[id];
        if (all.length == 0) {
            return (address(0), 0, HELD_LAWLESS, address(0));
        }
        Terms storage t = all[all.length - 1];
        Hold storage hold = _holds[id];
        (policy, scale, approver) = (t.policy, hold.scale, t.approver);
        if (hold.stopped) {
            held = HELD_STOPPED;
        } else if (t.attestAge != 0 && !attestation.isFresh(id, t.software, t.attestAge)) {
            held = HELD_UNATTESTED;
        } else if (t.bond != 0 && IBond(t.court).bondOf(id) < t.bond) {
            held = HELD_UNBONDED;
        }
    }

    // ---- inside ----

    function _check(Terms calldata terms) private view {
        if (!purity.isPure(terms.mind)) {
            revert NotPure(terms.mind);
        }
        if (!purity.isPure(terms.charter)) {
            revert NotPure(terms.charter);
        }
        bool gas = terms.mindGas <= MIND_GAS_MAX && terms.charterGas <= CHARTER_GAS_MAX;
        bool notice = terms.notice >= noticeMin && terms.notice <= NOTICE_MAX;
        if (!gas || !notice || terms.policy.code.length == 0 || terms.court.code.length == 0) {
            revert BadTerms();
        }
    }

    function _checkProposed(uint256 id) private view {
        if (_enactAt[id] == 0) {
            revert NothingProposed(id);
        }
    }

    function _enact(uint256 id, Terms memory terms) private {
        terms.since = uint48(block.timestamp);
        delete _enactAt[id];
        _epochs[id].push(terms);
        emit Enacted(id, uint32(_epochs[id].length), terms.mind, terms.charter, terms);
    }
}
