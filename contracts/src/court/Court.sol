// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IObligor, MachineRegistry, machineName} from "../identity/MachineRegistry.sol";
import {Constitution, IBond} from "../law/Constitution.sol";
import {IBoundedCharter, ICharter, IMind} from "../law/IMachineCode.sol";
import {Evidence} from "./Evidence.sol";
import {Leaf} from "./Leaf.sol";
import {MerkleLog} from "./MerkleLog.sol";
import {Rerun} from "./Rerun.sol";

/// Judges machines by running their decisions again. A machine posts a bond in the chain's coin; whoever
/// proves one of the faults below takes half of it, the Court's fund takes the rest (so that an owner
/// who challenges himself still loses). A challenger puts up `stake` and loses it to the machine's owner
/// if the leaf is honest. All money is fetched by its owner (`collect`), never pushed.
contract Court is IBond, IObligor {
    struct Bond {
        uint128 amount;
        uint48 withdrawableAt; // 0: nobody asked to withdraw
        uint32 demands; // open ones
        uint8 state;
    }

    struct Case {
        address challenger;
        uint48 until; // end of the appeal window, or of the ruling's; NO_CASE: there is none
        uint8 fault;
    }

    struct Demand {
        address by;
        uint48 until;
    }

    // States of a machine's bond. Do not renumber.
    //   FREE --challenge*, foreclose--> CONVICTED --appeal--> APPEALED --rule(overturned)--> FREE
    //   CONVICTED, APPEALED --settle after `until`--> FREE (bond paid out)
    uint8 public constant FREE = 0;
    uint8 public constant CONVICTED = 1;
    uint8 public constant APPEALED = 2;

    // Faults (docs/spec/evidence.md section 2). Do not renumber.
    uint8 public constant HONEST = 0;
    uint8 public constant MALFORMED = 1;
    uint8 public constant NOT_THE_LAW = 2; // another mind or charter than the epoch's
    uint8 public constant WRONG_DECISION = 3; // the mind gives another memory or proposal
    uint8 public constant WRONG_ACTION = 4; // the charter gives another action or other reasons
    uint8 public constant WRONG_OUTCOME = 5;
    uint8 public constant OUT_OF_BOUNDS = 6;
    uint8 public constant BROKEN_CHAIN = 7; // `prev` is not the leaf before
    uint8 public constant BROKEN_MEMORY = 8; // the memory is not what the decision before left
    uint8 public constant EQUIVOCATION = 9; // two roots of one size
    uint8 public constant WITHHELD = 10; // a demanded leaf was not published
    uint8 public constant INCONSISTENT = 11; // a demanded consistency proof was not given

    uint48 public constant UNBOND_DELAY = 14 days;
    uint48 public constant APPEAL_WINDOW = 3 days;
    uint48 public constant RULING_WINDOW = 14 days;
    uint48 public constant ANSWER_WINDOW = 3 days;
    uint256 private constant MEMORY_MAX = 8192;
    /// Not zero, so that who posts the first bond pays for the slot, and not who challenges.
    uint48 private constant NO_CASE = 1;

    MachineRegistry public immutable registry;
    Constitution public immutable constitution;
    Evidence public immutable evidence;
    /// @notice Rules on appeals, and holds the fund.
    address public immutable arbiter;
    /// @notice What a challenge, a demand or an appeal puts up.
    uint256 public immutable stake;

    mapping(uint256 id => Bond) private _bonds;
    mapping(uint256 id => Case) public caseOf;
    mapping(bytes32 demand => Demand) public demandOf;
    /// @notice Money that waits to be fetched.
    mapping(address who => uint256) public owed;

    event Bonded(uint256 indexed id, uint256 amount);
    event UnbondStarted(uint256 indexed id, uint48 withdrawableAt);
    event UnbondCancelled(uint256 indexed id);
    event Unbonded(uint256 indexed id, uint256 amount);
    event Convicted(uint256 indexed id, uint8 indexed fault, uint64 index, address challenger, uint48 until);
    event Cleared(uint256 indexed id, uint64 index, address challenger);
    event AppealStarted(uint256 indexed id, uint48 until);
    event Ruled(uint256 indexed id, bool upheld);
    event Slashed(uint256 indexed id, uint8 indexed fault, uint256 amount, address challenger);
    event Demanded(uint256 indexed id, bytes32 indexed demand, uint64 size, uint64 index, uint48 until);
    event ConsistencyDemanded(
        uint256 indexed id, bytes32 indexed demand, uint64 oldSize, bytes32 oldRoot, uint64 size, bytes32 root, uint48 until
    );
    event Answered(uint256 indexed id, bytes32 indexed demand);
    event Collected(address indexed who, uint256 amount);

    error NotOwner(uint256 id, address caller);
    error NotArbiter(address caller);
    error NotObliged(uint256 id);
    error WrongStake(uint256 sent);
    error NoBond(uint256 id);
    error WrongState(uint256 id, uint8 state);
    error OpenDemands(uint256 id, uint256 count);
    error TooEarly(uint256 possibleAt);
    error TooLate(uint256 until);
    error NotAnchored(uint256 id, uint64 size);
    error NotIncluded(uint64 index);
    error NotLiable(uint64 index, uint64 from);
    error NotAdjacent();
    error NotSigned();
    error SameRoot();
    error DemandOpen(bytes32 demand);
    error NoDemand(bytes32 demand);
    error NotConsistent();
    error NothingOwed(address who);
    error PaymentFailed(address to);

    constructor(
        MachineRegistry registry_,
        Constitution constitution_,
        Evidence evidence_,
        address arbiter_,
        uint256 stake_
    ) {
        registry = registry_;
        constitution = constitution_;
        evidence = evidence_;
        arbiter = arbiter_;
        stake = stake_;
    }

    modifier onlyOwnerOf(uint256 id) {
        if (msg.sender != registry.ownerOf(id)) {
            revert NotOwner(id, msg.sender);
        }
        _;
    }

    modifier staked() {
        if (msg.value != stake) {
            revert WrongStake(msg.value);
        }
        _;
    }

    // ---- bond ----

    /// @notice Add to the bond of machine `id`. The registry must know this Court as an obligor, so that
    /// the machine cannot change hands while the bond is at stake.
    function deposit(uint256 id) external payable {
        Bond storage bond = _bonds[id];
        _inState(id, FREE);
        if (!registry.isObligor(id, address(this))) {
            revert NotObliged(id);
        }
        bond.amount += uint128(msg.value);
        caseOf[id].until = NO_CASE;
        emit Bonded(id, bond.amount);
    }

    /// @notice Begin to withdraw the bond. It stays at stake for `UNBOND_DELAY`, but no longer counts.
    function startUnbond(uint256 id) external onlyOwnerOf(id) {
        _bonds[id].withdrawableAt = uint48(block.timestamp) + UNBOND_DELAY;
        emit UnbondStarted(id, _bonds[id].withdrawableAt);
    }

    /// @notice Keep the bond after all.
    function cancelUnbond(uint256 id) external onlyOwnerOf(id) {
        _bonds[id].withdrawableAt = 0;
        emit UnbondCancelled(id);
    }

    /// @notice Take the bond out, once the delay is over and nothing is open.
    function unbond(uint256 id) external onlyOwnerOf(id) {
        Bond storage bond = _bonds[id];
        _inState(id, FREE);
        if (bond.demands != 0) {
            revert OpenDemands(id, bond.demands);
        }
        if (bond.withdrawableAt == 0 || block.timestamp < bond.withdrawableAt) {
            revert TooEarly(bond.withdrawableAt);
        }
        uint256 amount = bond.amount;
        (bond.amount, bond.withdrawableAt) = (0, 0);
        owed[msg.sender] += amount;
        emit Unbonded(id, amount);
    }

    /// @inheritdoc IBond
    function bondOf(uint256 id) external view returns (uint256) {
        Bond storage bond = _bonds[id];
        return bond.state == FREE && bond.withdrawableAt == 0 ? bond.amount : 0;
    }

    /// @notice The bond with its state, whether it counts or not.
    function bondStateOf(uint256 id) external view returns (Bond memory) {
        return _bonds[id];
    }

    /// @inheritdoc IObligor
    function obligationsOf(uint256 id) external view returns (uint256) {
        Bond storage bond = _bonds[id];
        return bond.demands + (bond.amount != 0 ? 1 : 0) + (bond.state != FREE ? 1 : 0);
    }

    /// @notice Fetch what is owed to the caller.
    function collect() external {
        uint256 amount = owed[msg.sender];
        if (amount == 0) {
            revert NothingOwed(msg.sender);
        }
        owed[msg.sender] = 0;
        emit Collected(msg.sender, amount);
        (bool paid,) = msg.sender.call{value: amount}("");
        if (!paid) {
            revert PaymentFailed(msg.sender);
        }
    }

    // ---- challenges ----

    /// @notice Challenge leaf `index` of the anchored log of `size` leaves: it is malformed, or its mind
    /// and charter do not give it. If it is honest the stake is lost.
    function challenge(uint256 id, uint64 size, uint64 index, bytes calldata leaf, bytes32[] calldata proof)
        external
        payable
        staked
    {
        _checkChallengeable(id, index);
        _checkIncluded(id, size, index, leaf, proof);
        _conclude(id, index, judge(id, index, leaf));
    }

    /// @notice Challenge the link between two neighbours: `second.prev` is not the hash of `first`.
    function challengeLink(
        uint256 id,
        uint64 size,
        uint64 index,
        bytes calldata first,
        bytes32[] calldata firstProof,
        bytes calldata second,
        bytes32[] calldata secondProof
    ) external payable staked {
        _checkChallengeable(id, index);
        _checkIncluded(id, size, index, first, firstProof);
        _checkIncluded(id, size, index + 1, second, secondProof);
        bool broken = second.length < Leaf.HEAD || Leaf.prev(second) != MerkleLog.leafHash(first);
        _conclude(id, index + 1, broken ? BROKEN_CHAIN : HONEST);
    }

    /// @notice Challenge a memory: `leaves` are neighbours, the first and the last are decisions, none
    /// between is a decision or a change of mind. The last is number `index`; the others follow by `prev`.
    function challengeMemory(
        uint256 id,
        uint64 size,
        uint64 index,
        bytes[] calldata leaves,
        bytes32[] calldata proof
    ) external payable staked {
        uint256 last = leaves.length;
        if (last < 2 || last > uint256(index) + 1) {
            revert NotAdjacent();
        }
        last -= 1;
        _checkChallengeable(id, index - uint64(last));
        _checkIncluded(id, size, index, leaves[last], proof);
        if (!_isDecision(leaves[0]) || !_isDecision(leaves[last])) {
            revert NotAdjacent();
        }
        for (uint256 k = last; k > 0; k--) {
            uint8 kind = leaves[k].length < Leaf.HEAD ? Leaf.CHANGE : Leaf.kind(leaves[k]);
            bool between = k != last && (kind == Leaf.DECISION || kind == Leaf.CHANGE);
            if (between || Leaf.prev(leaves[k]) != MerkleLog.leafHash(leaves[k - 1])) {
                revert NotAdjacent();
            }
        }
        bool kept = sha256(Leaf.part(leaves[last], 0)) == Leaf.decision(leaves[0]).nextHash;
        _conclude(id, index, kept ? HONEST : BROKEN_MEMORY);
    }

    /// @notice Show two checkpoints of one size with different roots. The first is signed by a key of the
    /// present tenure, or is the anchored one (then its signature may be empty); the second is signed.
    function challengeEquivocation(
        uint256 id,
        uint64 size,
        bytes32 rootA,
        uint64 timeA,
        bytes calldata signatureA,
        bytes32 rootB,
        uint64 timeB,
        bytes calldata signatureB
    ) external payable staked {
        _checkChallengeable(id, size);
        if (rootA == rootB) {
            revert SameRoot();
        }
        _checkSigned(id, size, rootA, timeA, signatureA);
        if (!evidence.isSigned(id, size, rootB, timeB, signatureB)) {
            revert NotSigned();
        }
        _conclude(id, size, EQUIVOCATION);
    }

    /// @notice What a challenge of this leaf would find, without inclusion or stake. Anyone may ask with
    /// eth_call before risking a stake.
    function judge(uint256 id, uint64 index, bytes calldata leaf) public view returns (uint8 fault) {
        if (!Leaf.headOk(leaf, index, machineName(address(registry), id))) {
            return MALFORMED;
        }
        if (Leaf.kind(leaf) != Leaf.DECISION) {
            return HONEST;
        }
        if (!Leaf.decisionOk(leaf)) {
            return MALFORMED;
        }
        Leaf.Decision memory d = Leaf.decision(leaf);
        (address mind, uint32 mindGas, address charter, uint32 charterGas,,) = constitution.codeOf(id, d.epoch);
        if (mind == address(0) || d.mind != mind || d.charter != charter) {
            return NOT_THE_LAW; // or no such epoch
        }
        if (d.outcome >= 5) {
            return _within(charter, leaf) ? HONEST : OUT_OF_BOUNDS;
        }
        fault = d.outcome < 2 ? _judgeMind(d, mindGas, leaf) : _judgeFallback(d, mindGas, leaf);
        return fault == HONEST ? _judgeCharter(d, charterGas, leaf) : fault;
    }

    // ---- demands ----

    /// @notice Make machine `id` publish leaf `index` of its anchored log, or be convicted.
    /// Returns the name of the demand.
    function demandLeaf(uint256 id, uint64 size, uint64 index) external payable staked returns (bytes32 demand) {
        _checkChallengeable(id, index);
        if (index >= size || evidence.rootOf(id, size) == 0) {
            revert NotAnchored(id, size);
        }
        demand = leafDemand(id, size, index);
        uint48 until = _openDemand(id, demand);
        emit Demanded(id, demand, size, index, until);
    }

    /// @notice Publish a demanded leaf. The demander's stake pays the machine's owner for it.
    function answerLeaf(uint256 id, uint64 size, uint64 index, bytes calldata leaf, bytes32[] calldata proof)
        external
    {
        _checkIncluded(id, size, index, leaf, proof);
        _closeDemand(id, leafDemand(id, size, index));
    }

    /// @notice Make machine `id` join two trees: (`oldSize`, `oldRoot`) and (`size`, `root`), each anchored or
    /// signed by a key of the present tenure. Signatures may be empty for anchored ones.
    function demandConsistency(
        uint256 id,
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 oldTime,
        bytes calldata oldSignature,
        uint64 size,
        bytes32 root,
        uint64 time,
        bytes calldata signature
    ) external payable staked returns (bytes32 demand) {
        _checkChallengeable(id, oldSize);
        if (oldSize == 0 || oldSize >= size) {
            revert NotAnchored(id, oldSize);
        }
        _checkSigned(id, oldSize, oldRoot, oldTime, oldSignature);
        _checkSigned(id, size, root, time, signature);
        demand = consistencyDemand(id, oldSize, oldRoot, size, root);
        uint48 until = _openDemand(id, demand);
        emit ConsistencyDemanded(id, demand, oldSize, oldRoot, size, root, until);
    }

    /// @notice Join the two trees of a demand.
    function answerConsistency(
        uint256 id,
        uint64 oldSize,
        bytes32 oldRoot,
        uint64 size,
        bytes32 root,
        bytes32[] calldata proof
    ) external {
        if (!MerkleLog.extends_(oldSize, oldRoot, size, root, proof)) {
            revert NotConsistent();
        }
        _closeDemand(id, consistencyDemand(id, oldSize, oldRoot, size, root));
    }

    /// @notice Convict a machine that let a demand for a leaf pass.
    function forecloseLeaf(uint256 id, uint64 size, uint64 index) external {
        _foreclose(id, index, leafDemand(id, size, index), WITHHELD);
    }

    /// @notice Convict a machine that let a demand for a consistency proof pass.
    function forecloseConsistency(uint256 id, uint64 oldSize, bytes32 oldRoot, uint64 size, bytes32 root) external {
        _foreclose(id, oldSize, consistencyDemand(id, oldSize, oldRoot, size, root), INCONSISTENT);
    }

    /// @notice The name of a demand for a leaf.
    function leafDemand(uint256 id, uint64 size, uint64 index) public pure returns (bytes32) {
        return keccak256(abi.encode(WITHHELD, id, size, index));
    }

    /// @notice The name of a demand for a consistency proof.
    function consistencyDemand(uint256 id, uint64 oldSize, bytes32 oldRoot, uint64 size, bytes32 root)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(INCONSISTENT, id, oldSize, oldRoot, size, root));
    }

    // ---- appeal and payout ----

    /// @notice The owner appeals to the arbiter, within the appeal window.
    function appeal(uint256 id) external payable onlyOwnerOf(id) staked {
        _inState(id, CONVICTED);
        Case storage c = caseOf[id];
        if (block.timestamp > c.until) {
            revert TooLate(c.until);
        }
        _bonds[id].state = APPEALED;
        c.until = uint48(block.timestamp) + RULING_WINDOW;
        emit AppealStarted(id, c.until);
    }

    /// @notice The arbiter rules on an appeal. Overturned: the bond is free, the challenger's stake and the
    /// appeal's go to the owner. Upheld: it can be settled at once. Without a ruling the conviction stands.
    function rule(uint256 id, bool upheld) external {
        if (msg.sender != arbiter) {
            revert NotArbiter(msg.sender);
        }
        _inState(id, APPEALED);
        Case storage c = caseOf[id];
        if (block.timestamp > c.until) {
            revert TooLate(c.until);
        }
        emit Ruled(id, upheld);
        if (upheld) {
            c.until = uint48(block.timestamp) - 1;
        } else {
            _bonds[id].state = FREE;
            caseOf[id] = Case(address(0), NO_CASE, HONEST);
            owed[registry.ownerOf(id)] += 2 * stake;
        }
    }

    /// @notice Pay a conviction out: half of the bond and all stakes to the challenger, the rest to the fund.
    function settle(uint256 id) external {
        Bond storage bond = _bonds[id];
        Case memory c = caseOf[id];
        if (bond.state == FREE) {
            revert WrongState(id, FREE);
        }
        if (block.timestamp <= c.until) {
            revert TooEarly(uint256(c.until) + 1);
        }
        uint256 amount = bond.amount;
        uint256 reward = amount / 2;
        uint256 stakes = bond.state == APPEALED ? 2 * stake : stake;
        (bond.amount, bond.withdrawableAt, bond.state) = (0, 0, FREE);
        caseOf[id] = Case(address(0), NO_CASE, HONEST);
        owed[c.challenger] += reward + stakes;
        owed[arbiter] += amount - reward;
        emit Slashed(id, c.fault, amount, c.challenger);
    }

    // ---- inside: judging ----

    function _judgeMind(Leaf.Decision memory d, uint256 budget, bytes calldata leaf) private view returns (uint8) {
        Rerun.Result memory r = _decide(d.mind, budget, leaf);
        bool same = r.ok && sha256(r.first) == d.nextHash && keccak256(r.second) == keccak256(Leaf.part(leaf, 2));
        return same && r.first.length <= MEMORY_MAX ? HONEST : WRONG_DECISION;
    }

    /// The machine says that its mind failed and that it proposed the safe action instead.
    function _judgeFallback(Leaf.Decision memory d, uint256 budget, bytes calldata leaf)
        private
        view
        returns (uint8)
    {
        bytes calldata proposal = Leaf.part(leaf, 2);
        Rerun.Result memory r = _decide(d.mind, budget, leaf);
        bool answered = r.ok && r.first.length <= MEMORY_MAX && r.second.length == proposal.length;
        if (answered && r.gasUsed <= budget) {
            return WRONG_OUTCOME;
        }
        bool safe = sha256(Leaf.part(leaf, 0)) == d.nextHash;
        try IBoundedCharter(d.charter).safe() returns (bytes memory action) {
            safe = safe && keccak256(action) == keccak256(proposal);
        } catch {} // a charter without a safe action of its own
        return safe ? HONEST : WRONG_DECISION;
    }

    function _judgeCharter(Leaf.Decision memory d, uint256 budget, bytes calldata leaf)
        private
        view
        returns (uint8)
    {
        bytes calldata reasons = Leaf.part(leaf, 4);
        bytes memory input =
            abi.encodeCall(ICharter.review, (Leaf.part(leaf, 0), Leaf.part(leaf, 1), Leaf.part(leaf, 2)));
        Rerun.Result memory r = Rerun.run(d.charter, input, budget);
        if (!r.ok || keccak256(r.first) != keccak256(Leaf.part(leaf, 3)) || keccak256(r.second) != keccak256(reasons)) {
            return WRONG_ACTION;
        }
        if (d.outcome < 2 && (d.outcome == 0) != _allZero(reasons)) {
            return WRONG_OUTCOME;
        }
        return HONEST;
    }

    function _decide(address mind, uint256 budget, bytes calldata leaf) private view returns (Rerun.Result memory) {
        return Rerun.run(mind, abi.encodeCall(IMind.decide, (Leaf.part(leaf, 0), Leaf.part(leaf, 1))), budget);
    }

    function _within(address charter, bytes calldata leaf) private view returns (bool) {
        try IBoundedCharter(charter).within(Leaf.part(leaf, 3)) returns (bool inside) {
            return inside;
        } catch {
            return true; // a charter without bounds of its own
        }
    }

    function _allZero(bytes calldata data) private pure returns (bool) {
        for (uint256 k = 0; k < data.length; k += 32) {
            if (bytes32(data[k:]) != 0) {
                return false;
            }
        }
        return true;
    }

    function _isDecision(bytes calldata leaf) private pure returns (bool) {
        return leaf.length >= Leaf.HEAD && Leaf.kind(leaf) == Leaf.DECISION && Leaf.decisionOk(leaf);
    }

    // ---- inside: cases ----

    function _inState(uint256 id, uint8 state) private view {
        if (_bonds[id].state != state) {
            revert WrongState(id, _bonds[id].state);
        }
    }

    function _checkChallengeable(uint256 id, uint64 index) private view {
        Bond storage bond = _bonds[id];
        _inState(id, FREE);
        if (bond.amount == 0) {
            revert NoBond(id);
        }
        uint64 from = evidence.liableFrom(id);
        if (index < from) {
            revert NotLiable(index, from);
        }
    }

    function _checkIncluded(uint256 id, uint64 size, uint64 index, bytes calldata leaf, bytes32[] calldata proof)
        private
        view
    {
        bytes32 root = evidence.rootOf(id, size);
        if (root == 0) {
            revert NotAnchored(id, size);
        }
        if (!MerkleLog.includes(size, root, index, MerkleLog.leafHash(leaf), proof)) {
            revert NotIncluded(index);
        }
    }

    function _checkSigned(uint256 id, uint64 size, bytes32 root, uint64 time, bytes calldata signature) private view {
        bool anchored = root != 0 && evidence.rootOf(id, size) == root;
        if (!anchored && !evidence.isSigned(id, size, root, time, signature)) {
            revert NotSigned();
        }
    }

    function _conclude(uint256 id, uint64 index, uint8 fault) private {
        if (fault == HONEST) {
            owed[registry.ownerOf(id)] += stake;
            emit Cleared(id, index, msg.sender);
        } else {
            _convict(id, index, fault, msg.sender);
        }
    }

    function _convict(uint256 id, uint64 index, uint8 fault, address challenger) private {
        uint48 until = uint48(block.timestamp) + APPEAL_WINDOW;
        _bonds[id].state = CONVICTED;
        caseOf[id] = Case(challenger, until, fault);
        emit Convicted(id, fault, index, challenger, until);
    }

    function _openDemand(uint256 id, bytes32 demand) private returns (uint48 until) {
        if (demandOf[demand].by != address(0)) {
            revert DemandOpen(demand);
        }
        until = uint48(block.timestamp) + ANSWER_WINDOW;
        demandOf[demand] = Demand(msg.sender, until);
        _bonds[id].demands += 1;
    }

    function _closeDemand(uint256 id, bytes32 demand) private {
        if (demandOf[demand].by == address(0)) {
            revert NoDemand(demand);
        }
        delete demandOf[demand];
        _bonds[id].demands -= 1;
        owed[registry.ownerOf(id)] += stake;
        emit Answered(id, demand);
    }

    /// An answer is accepted until somebody forecloses. The demander's stake becomes the challenger's.
    function _foreclose(uint256 id, uint64 index, bytes32 demand, uint8 fault) private {
        Demand memory d = demandOf[demand];
        if (d.by == address(0)) {
            revert NoDemand(demand);
        }
        if (block.timestamp <= d.until) {
            revert TooEarly(uint256(d.until) + 1);
        }
        _inState(id, FREE);
        delete demandOf[demand];
        _bonds[id].demands -= 1;
        _convict(id, index, fault, d.by);
    }
}
