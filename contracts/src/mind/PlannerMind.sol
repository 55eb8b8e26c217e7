// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IMind} from "../law/IMachineCode.sol";
import {Words} from "./Words.sol";

/// @title A mind that plans: dynamic programming over the level of a store, with forecasts that it learns itself.
/// @notice The parameters are a blob of 256 bytes in the code of one contract, behind a 0x00 byte. docs/spec/planner.md
/// is the definition; src/model/planner.c gives the same bits.
/// @dev Every quantity is bounded (the blob by the constructor, the rest where it is read) so that nothing here can
/// leave 63 bits but the two products that are divided at once; hence `unchecked`.
contract PlannerMind is IMind, Words {
    /// @notice The observation is not 16 bytes for each record.
    error BadShape();
    /// @notice The blob breaks a rule of docs/spec/planner.md; `pos` is the offset of the field.
    error BadBlob(uint256 pos);

    int256 private constant ENERGY_MAX = 1 << 28;
    int256 private constant PRICE_MAX = 1 << 22;
    int256 private constant ONE = 65536;
    uint256 private constant NONE = 0xffff;
    uint256 private constant BLOB_SIZE = 256;

    // Words of the decoded memory: the head, then a row for each slot of the cycle, then the longer cycle's loads.
    uint256 private constant SLOT = 0;
    uint256 private constant WEEK_SLOT = 1;
    uint256 private constant COUNT = 2;
    uint256 private constant SUM = 3;
    uint256 private constant WAS_UP = 7;
    uint256 private constant UP = 8;
    uint256 private constant FAILED = 9;
    uint256 private constant DOWN = 10;
    uint256 private constant REPAIRED = 11;
    uint256 private constant MISS_DAY = 12;
    uint256 private constant MISS_WEEK = 13;
    uint256 private constant HEAD = 14;
    // A row.
    uint256 private constant LOAD = 0;
    uint256 private constant PV = 1;
    uint256 private constant BUY = 2;
    uint256 private constant SELL = 3;
    uint256 private constant ERROR = 4;
    uint256 private constant ROW = 5;

    address private immutable _blob;

    /// @dev The blob, decoded.
    struct Config {
        uint256 records;
        uint256 load;
        uint256 pv;
        uint256 store;
        uint256 buy;
        uint256 sell;
        uint256 grid;
        uint256 left;
        uint256 actuators;
        uint256 slots;
        uint256 weekSlots; // of the longer cycle; equal to slots when there is none
        int256 slotSeconds;
        int256 levels;
        int256 horizon;
        uint256 learn;
        uint256 learnPv;
        int256 keepLoad;
        int256 keepPv;
        int256 doubt;
        uint256 storeShift;
        int256 storeMul;
        int256 storeZero;
        int256 storeMin;
        int256 storeMax;
        int256 chargeMax;
        int256 drainMax;
        int256 chargeCost;
        int256 drainYield;
        int256 wear;
        int256 gridMax;
        int256 genMin;
        int256 genMax;
        int256 genPrice;
        int256 lostPrice;
        int256 endPrice;
        uint256 priors; // fail seen, of, repair seen, of: 16 bits each
    }

    /// @dev What is known of one slot ahead.
    struct Outlook {
        int256 need;
        int256 doubt;
        int256 buy;
        int256 sell;
        bool sunny; // a doubt lasts from one sunny slot to the next
    }

    /// @dev What is left of today's deviation from the profiles, and how much of it in 256ths.
    struct Deviation {
        int256 load;
        int256 pv;
        int256 pvBase; // pv is measured by this, the profile now
        int256 kept;
    }

    /// @dev The store as it stands, and how far one slot can move it.
    struct Store {
        int256 level;
        int256 least;
        int256 most;
    }

    struct Plan {
        int256 unit;
        int256 upMoves;
        int256 downMoves;
        int256 fail;
        int256 repair;
        bool outages;
        // Tables of costs from here on by level, for each weather with the grid up, then with it down: `table` bytes each.
        uint256 value;
        uint256 table;
        // Its expectation one slot before, grid up and grid down, each behind as many NEVER as there are moves down.
        uint256 ahead0;
        uint256 ahead1;
        uint256 moves; // of them
        uint256 outside; // words, by move: what it draws
        uint256 wear; // what it wears, in every lane
        uint256 cost; // what it costs in a slot, in every lane
    }

    // A table holds four levels a word, 64 bits each, in lanes that never carry: a cost is stored above BIAS, and costs
    // stay within 2^60.5 (docs/spec/planner.md section 6). NEVER is beyond every cost; four of it fill a lane.
    uint256 private constant LANES = 0x0000000000000001000000000000000100000000000000010000000000000001;
    uint256 private constant LANE_TOPS = 0x8000000000000000800000000000000080000000000000008000000000000000;
    uint256 private constant LANE_QUARTERS = 0x3fffffffffffffff3fffffffffffffff3fffffffffffffff3fffffffffffffff;
    uint256 private constant BIAS = 1 << 61;
    uint256 private constant NEVER = (1 << 62) - (1 << 55);
    uint256 private constant WEATHERS = 3;

    /// @param blob The contract whose code is `0x00` and the blob.
    constructor(address blob) {
        if (blob.code.length != BLOB_SIZE + 1) {
            revert BadBlob(0);
        }
        _blob = blob;
        _check(blob);
    }

    /// @inheritdoc IMind
    function decide(bytes calldata memory_, bytes calldata observation)
        external
        view
        returns (bytes memory next, bytes memory proposal)
    {
        Config memory c = _config(_blob);
        if (observation.length != 16 * c.records) {
            revert BadShape();
        }
        uint256 s = _state(c, memory_);
        int256 move = _turn(c, s, observation);
        next = _nextMemory(c, s);
        proposal = new bytes(8 * c.actuators);
        assembly ("memory-safe") {
            // other bytes stay zero
            mstore(add(proposal, 32), or(shl(192, move), shr(64, shl(64, mload(add(proposal, 32))))))
        }
    }

    // ---- the turn

    function _turn(Config memory c, uint256 s, bytes calldata o) private pure returns (int256) {
        unchecked {
            uint256 weekSlot = uint256(_sat(_value(o, 0), 0, 1 << 40) / c.slotSeconds);
            uint256 slot = weekSlot % c.slots;
            weekSlot %= c.weekSlots;
            int256[4] memory seen = _seen(c, s, _row(slot), o);
            bool up = c.grid == NONE || _read(o, c.grid, 1, 0, 1) == 1;
            _learn(c, s, slot, weekSlot, seen, up);
            if (_missing(o, c.store)) {
                return 0; // a store that cannot be seen is left alone
            }
            Store memory store = _store(c, _value(o, c.store));
            Outlook[] memory ahead = new Outlook[](_horizon(c, o));
            return _outside(
                c,
                _lookAhead(c, s, slot, weekSlot, seen, ahead)
                    ? _planMove(c, s, ahead, store, up)
                    : _balance(c, ahead[0].need, store)
            );
        }
    }

    function _horizon(Config memory c, bytes calldata o) private pure returns (uint256) {
        return uint256(c.left == NONE ? c.horizon : _read(o, c.left, c.horizon, 1, c.horizon));
    }

    /// @dev This turn's load, pv and prices; what is missing is taken from the profile.
    function _seen(Config memory c, uint256 s, uint256 row, bytes calldata o)
        private
        pure
        returns (int256[4] memory seen)
    {
        unchecked {
            bool known = _get(s, row + LOAD) >= 0;
            seen[LOAD] = _read(o, c.load, known ? _get(s, row + LOAD) : int256(0), 0, ENERGY_MAX);
            seen[PV] = _read(o, c.pv, known ? _get(s, row + PV) : int256(0), 0, ENERGY_MAX);
            seen[BUY] = _read(o, c.buy, known ? _get(s, row + BUY) : int256(0), -PRICE_MAX, PRICE_MAX);
            seen[SELL] = _read(o, c.sell, known ? _get(s, row + SELL) : int256(0), -PRICE_MAX, PRICE_MAX);
        }
    }

    function _store(Config memory c, int256 raw) private pure returns (Store memory store) {
        unchecked {
            store.level = _sat(((raw - c.storeZero) * c.storeMul) >> c.storeShift, c.storeMin, c.storeMax);
            store.least = -_sat(store.level - c.storeMin, 0, c.drainMax);
            store.most = _sat(c.storeMax - store.level, 0, c.chargeMax);
        }
    }

    function _value(bytes calldata o, uint256 channel) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(192, calldataload(add(o.offset, shl(4, channel))))
        }
    }

    function _missing(bytes calldata o, uint256 channel) private pure returns (bool absent) {
        assembly ("memory-safe") {
            // the bits of 0x14 are the qualities of an absent value
            absent := and(1, shr(byte(12, calldataload(add(o.offset, shl(4, channel)))), 0x14))
        }
    }

    function _read(bytes calldata o, uint256 channel, int256 fallback_, int256 min, int256 max)
        private
        pure
        returns (int256)
    {
        if (channel == NONE) {
            return 0;
        }
        return _missing(o, channel) ? fallback_ : _sat(_value(o, channel), min, max);
    }

    // ---- learning

    function _learn(Config memory c, uint256 s, uint256 slot, uint256 weekSlot, int256[4] memory now_, bool up)
        private
        pure
    {
        unchecked {
            if (int256(slot) != _get(s, SLOT)) {
                if (_get(s, SLOT) >= 0 && _get(s, COUNT) > 0) {
                    _learnSlot(c, s);
                    (uint256 all, uint256 changed) = _get(s, WAS_UP) == 1 ? (UP, FAILED) : (DOWN, REPAIRED);
                    _set(s, all, _get(s, all) + 1);
                    if (up != (_get(s, WAS_UP) == 1)) {
                        _set(s, changed, _get(s, changed) + 1);
                    }
                }
                _set(s, SLOT, int256(slot));
                _set(s, WEEK_SLOT, int256(weekSlot));
                _set(s, COUNT, 0);
                for (uint256 i = 0; i < ERROR; ++i) {
                    _set(s, SUM + i, 0);
                }
            }
            if (_get(s, COUNT) < ONE) {
                _set(s, COUNT, _get(s, COUNT) + 1);
                for (uint256 i = 0; i < ERROR; ++i) {
                    _set(s, SUM + i, _get(s, SUM + i) + now_[i]);
                }
            }
            _set(s, WAS_UP, up ? int256(1) : int256(0));
        }
    }

    /// @dev The slot that ended goes into the profiles with its mean.
    function _learnSlot(Config memory c, uint256 s) private pure {
        unchecked {
            uint256 slot = uint256(_get(s, SLOT));
            uint256 weekSlot = uint256(_get(s, WEEK_SLOT));
            uint256 row = _row(slot);
            uint256 week = _week(c, weekSlot);
            bool hasWeek = c.weekSlots > c.slots;
            int256 count = _get(s, COUNT);
            int256 load = _get(s, SUM + LOAD) / count;
            if (_get(s, row + LOAD) < 0) {
                for (uint256 i = 0; i < ERROR; ++i) {
                    _set(s, row + i, _get(s, SUM + i) / count);
                }
            } else {
                if (hasWeek && _get(s, week) >= 0) {
                    _step(s, MISS_DAY, _distance(load, _get(s, row + LOAD)), 6);
                    _step(s, MISS_WEEK, _distance(load, _get(s, week)), 6);
                }
                int256 usual = _usualLoad(c, s, slot, weekSlot);
                _step(s, row + ERROR, _distance(usual - _get(s, row + PV), load - _get(s, SUM + PV) / count), 3);
                for (uint256 i = 0; i < ERROR; ++i) {
                    _step(s, row + i, _get(s, SUM + i) / count, i == PV ? c.learnPv : c.learn);
                }
            }
            if (hasWeek) {
                _set(s, week, load);
            }
        }
    }

    /// @dev Moves a learned word towards what was seen.
    function _step(uint256 s, uint256 index, int256 seen, uint256 shift) private pure {
        unchecked {
            int256 v = _get(s, index);
            _set(s, index, v + ((seen - v) >> shift));
        }
    }

    /// @dev The load of a slot as both cycles see it, the better one counting more.
    function _usualLoad(Config memory c, uint256 s, uint256 slot, uint256 weekSlot) private pure returns (int256) {
        unchecked {
            int256 day = _get(s, _row(slot) + LOAD);
            int256 week = c.weekSlots > c.slots ? _get(s, _week(c, weekSlot)) : int256(-1);
            int256 a = _get(s, MISS_DAY) * _get(s, MISS_DAY);
            int256 b = _get(s, MISS_WEEK) * _get(s, MISS_WEEK);
            return week < 0 || a + b == 0 ? day : day + ((week - day) * a) / (a + b);
        }
    }

    // ---- forecasts

    /// @dev The cycles' profiles and what is left of today's deviation from them. False if the horizon holds a slot
    /// never seen.
    function _lookAhead(
        Config memory c,
        uint256 s,
        uint256 slot,
        uint256 weekSlot,
        int256[4] memory seen,
        Outlook[] memory ahead
    ) private pure returns (bool) {
        unchecked {
            ahead[0] = Outlook(seen[LOAD] - seen[PV], 0, seen[BUY], seen[SELL], false);
            Deviation memory off;
            off.pvBase = _sunNow(c, s, slot);
            off.kept = 256;
            if (_get(s, _row(slot) + LOAD) >= 0) {
                off.load = seen[LOAD] - _usualLoad(c, s, slot, weekSlot);
                off.pv = seen[PV] - _get(s, _row(slot) + PV);
            }
            for (uint256 k = 1; k < ahead.length; ++k) {
                slot = slot + 1 == c.slots ? 0 : slot + 1;
                weekSlot = weekSlot + 1 == c.weekSlots ? 0 : weekSlot + 1;
                if (_get(s, _row(slot) + LOAD) < 0) {
                    return false;
                }
                off.load = (off.load * c.keepLoad) >> 8;
                off.pv = (off.pv * c.keepPv) >> 8;
                off.kept = (off.kept * c.keepPv) >> 8;
                _outlook(c, s, _row(slot), _usualLoad(c, s, slot, weekSlot), off, ahead[k]);
            }
            return true;
        }
    }

    /// @dev The profile of the sun now, but not less than a sixteenth of its peak: the low sun says little about the
    /// high one.
    function _sunNow(Config memory c, uint256 s, uint256 slot) private pure returns (int256 base) {
        unchecked {
            int256 peak = 16;
            for (uint256 i = 0; i < c.slots; ++i) {
                int256 pv = _get(s, _row(i) + PV);
                peak = pv > peak ? pv : peak;
            }
            base = _get(s, _row(slot) + PV);
            base = base > peak / 16 ? base : peak / 16;
        }
    }

    function _outlook(
        Config memory c,
        uint256 s,
        uint256 row,
        int256 usual,
        Deviation memory off,
        Outlook memory pos
    ) private pure {
        unchecked {
            int256 pv = _get(s, row + PV);
            pos.sunny = pv > 0;
            pv = pv <= 0 ? int256(0) : _sat(pv + (off.pv * pv) / off.pvBase, 0, ENERGY_MAX);
            pos.need = _sat(usual + off.load, 0, ENERGY_MAX) - pv;
            // what a deviation that fades by `kept` leaves unexplained
            int256 unknown = int256(Math.sqrt(uint256(ONE - off.kept * off.kept)));
            pos.doubt = (((_get(s, row + ERROR) * c.doubt) >> 6) * unknown) >> 8;
            pos.buy = _get(s, row + BUY);
            pos.sell = _get(s, row + SELL);
        }
    }

    // ---- costs

    /// @dev Outside units drawn to change the store by d.
    function _outside(Config memory c, int256 d) private pure returns (int256) {
        unchecked {
            return d >= 0 ? (d * c.chargeCost) >> 16 : -((-d * c.drainYield) >> 16);
        }
    }

    /// @dev The cheapest way to serve what is needed: grid first or generator first.
    function _serve(Config memory c, Outlook memory pos, int256 need, bool up) private pure returns (int256 best) {
        unchecked {
            int256 grid = up ? c.gridMax : int256(0);
            if (need <= 0) {
                return (need < -grid ? -grid : need) * pos.sell;
            }
            int256 imported = need < grid ? need : grid;
            int256 rest = need - imported;
            int256 genMax = c.genMax;
            if (rest == 0 && genMax == 0) {
                return imported * pos.buy;
            }
            int256 gen = rest > 0 && genMax > 0 ? _sat(rest, c.genMin, genMax) : int256(0);
            best = imported * pos.buy + gen * c.genPrice + (rest > gen ? rest - gen : int256(0)) * c.lostPrice;
            if (genMax > 0) {
                gen = _sat(need, c.genMin, genMax);
                rest = need > gen ? need - gen : int256(0);
                imported = rest < grid ? rest : grid;
                int256 other = imported * pos.buy + gen * c.genPrice + (rest - imported) * c.lostPrice;
                best = other < best ? other : best;
            }
        }
    }

    /// @dev The cost of a slot in which the store draws `outside` units.
    function _stage(Config memory c, Outlook memory pos, int256 outside, bool up) private pure returns (int256 cost) {
        unchecked {
            int256 need = pos.need + outside;
            cost = _serve(c, pos, need, up);
            int256 doubt = pos.doubt;
            if (doubt > 0) {
                // half as expected, a quarter each with more and with less need
                cost = (2 * cost + _serve(c, pos, need + doubt, up) + _serve(c, pos, need - doubt, up)) >> 2;
            }
        }
    }

    function _wear(Config memory c, int256 d) private pure returns (int256) {
        unchecked {
            return (d < 0 ? -d : d) * c.wear;
        }
    }

    // ---- the plan

    function _planMove(Config memory c, uint256 s, Outlook[] memory ahead, Store memory store, bool up)
        private
        pure
        returns (int256)
    {
        unchecked {
            Plan memory plan = _newPlan(c, s);
            int256 horizon = int256(ahead.length);
            int256 end = 0;
            if (horizon == c.horizon) {
                for (uint256 k = 0; k < uint256(horizon); ++k) {
                    end += ahead[k].buy;
                }
                end = ((end / horizon) * c.endPrice) >> 16;
            }
            for (uint256 j = 0; j < uint256(c.levels); ++j) {
                uint256 v = uint256(int256(BIAS) - end * int256(j) * plan.unit);
                _put(plan.value, j, v);
                _put(plan.value + plan.table, j, v);
            }
            _planBack(c, plan, ahead);
            return _choose(c, plan, ahead[0], store, up);
        }
    }

    /// @dev Backwards through the horizon. In a sunny slot each weather has its own need and goes on as it is; in the
    /// dark there is one table, and the doubt of one slot says nothing of the next.
    function _planBack(Config memory c, Plan memory plan, Outlook[] memory ahead) private pure {
        unchecked {
            bool laterSunny = false;
            for (uint256 k = ahead.length - 1; k > 0; --k) {
                Outlook memory pos = ahead[k];
                if (laterSunny && !pos.sunny) {
                    _forgetWeather(plan);
                }
                if (pos.sunny) {
                    (int256 need, int256 doubt) = (pos.need, pos.doubt);
                    pos.doubt = 0;
                    for (uint256 w = WEATHERS; w-- > 0;) {
                        pos.need = need + (1 - int256(w)) * doubt;
                        _slotBack(c, plan, pos, laterSunny ? w : 0, w);
                    }
                } else {
                    _slotBack(c, plan, pos, 0, 0);
                }
                laterSunny = pos.sunny;
            }
            if (laterSunny) {
                _forgetWeather(plan);
            }
            _expect(c, plan, 0);
        }
    }

    /// @dev One slot of one weather, whose tables were those of `from`.
    function _slotBack(Config memory c, Plan memory plan, Outlook memory pos, uint256 from, uint256 weather)
        private
        pure
    {
        unchecked {
            _expect(c, plan, from);
            uint256 value = plan.value + 2 * weather * plan.table;
            _stepBack(c, plan, pos, true, value);
            if (plan.outages) {
                _stepBack(c, plan, pos, false, value + plan.table);
            }
        }
    }

    /// @dev Before the sun rises no weather is known: half as expected, a quarter each of the others.
    function _forgetWeather(Plan memory plan) private pure {
        (uint256 value, uint256 size) = (plan.value, 2 * plan.table);
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, size) { i := add(i, 32) } {
                let more := add(value, i)
                let expected := add(more, size)
                let sum := add(add(mload(more), mload(add(expected, size))), shl(1, mload(expected)))
                mstore(more, and(shr(2, sum), LANE_QUARTERS))
            }
        }
    }

    function _newPlan(Config memory c, uint256 s) private pure returns (Plan memory plan) {
        unchecked {
            plan.unit = (c.storeMax - c.storeMin) / (c.levels - 1);
            plan.upMoves = _sat(c.chargeMax / plan.unit, 0, c.levels - 1);
            plan.downMoves = _sat(c.drainMax / plan.unit, 0, c.levels - 1);
            plan.outages = c.grid != NONE;
            if (plan.outages) {
                plan.fail = _chance(_get(s, FAILED), _get(s, UP), c.priors >> 32);
                plan.repair = _chance(_get(s, REPAIRED), _get(s, DOWN), c.priors);
            }
            uint256 levels = uint256(c.levels);
            uint256 words = (levels + 3) / 4;
            plan.table = 32 * words;
            plan.value = _alloc(2 * WEATHERS * words);
            plan.ahead0 = _newAhead(plan, words);
            plan.ahead1 = _newAhead(plan, words);
            plan.moves = uint256(plan.downMoves + plan.upMoves + 1);
            plan.outside = _alloc(plan.moves);
            plan.wear = _alloc(plan.moves);
            plan.cost = _alloc(plan.moves);
            for (uint256 m = 0; m < plan.moves; ++m) {
                int256 d = (int256(m) - plan.downMoves) * plan.unit;
                _set(plan.outside, m, _outside(c, d));
                _set(plan.wear, m, _wear(c, d) * int256(LANES));
            }
        }
    }

    /// @dev A table between moves that lead out of it, which cost NEVER. The lanes behind the last level stay so too.
    function _newAhead(Plan memory plan, uint256 words) private pure returns (uint256 pos) {
        unchecked {
            uint256 size = words + (uint256(plan.downMoves + plan.upMoves) + 3) / 4 + 1;
            pos = _alloc(size);
            for (uint256 i = 0; i < size; ++i) {
                _set(pos, i, int256(NEVER * LANES));
            }
            pos += 8 * uint256(plan.downMoves);
        }
    }

    function _chance(int256 seen, int256 of_, uint256 prior) private pure returns (int256) {
        unchecked {
            int256 all = of_ + int256(prior & 0xffff);
            return all == 0 ? int256(0) : _sat(((seen + int256((prior >> 16) & 0xffff)) * ONE) / all, 0, ONE);
        }
    }

    /// @dev The expectation of a weather's tables one slot before: the grid may fail or come back.
    function _expect(Config memory c, Plan memory plan, uint256 weather) private pure {
        unchecked {
            (uint256 ahead0, uint256 ahead1, uint256 levels) = (plan.ahead0, plan.ahead1, uint256(c.levels));
            uint256 value0 = plan.value + 2 * weather * plan.table;
            uint256 value1 = value0 + plan.table;
            if (!plan.outages) {
                assembly ("memory-safe") {
                    mcopy(ahead0, value0, shl(3, levels))
                }
                return;
            }
            (uint256 fail, uint256 repair) = (uint256(plan.fail), uint256(plan.repair));
            for (uint256 j = 0; j < levels; ++j) {
                (uint256 up, uint256 down) = (_lane(value0, j), _lane(value1, j));
                _put(ahead0, j, (up * (65536 - fail) + down * fail) >> 16);
                _put(ahead1, j, (down * (65536 - repair) + up * repair) >> 16);
            }
        }
    }

    /// @dev One slot back: value[i] = min over moves m of cost(m) + ahead[i + m], four levels at a time.
    function _stepBack(Config memory c, Plan memory plan, Outlook memory pos, bool up, uint256 value) private pure {
        unchecked {
            (uint256 moves, uint256 cost) = (plan.moves, plan.cost);
            (uint256 outside, uint256 wear) = (plan.outside, plan.wear);
            for (uint256 m = 0; m < moves; ++m) {
                _set(cost, m, _stage(c, pos, _get(outside, m), up) * int256(LANES) + _get(wear, m));
            }
            uint256 from = (up ? plan.ahead0 : plan.ahead1) - 8 * uint256(plan.downMoves);
            moves *= 32;
            uint256 table = plan.table;
            assembly ("memory-safe") {
                let tops := LANE_TOPS
                for { let i := 0 } lt(i, table) { i := add(i, 32) } {
                    let least := add(mload(cost), mload(add(from, i)))
                    for { let m := 32 } lt(m, moves) { m := add(m, 32) } {
                        let v := add(mload(add(cost, m)), mload(add(add(from, i), shr(2, m))))
                        // lanes where least >= v become v
                        let better := and(sub(or(least, tops), v), tops)
                        least := xor(least, and(xor(least, v), sub(better, shr(63, better))))
                    }
                    mstore(add(value, i), least)
                }
            }
        }
    }

    /// @dev The move that serves this slot's need alone: what a controller without a plan does.
    function _balance(Config memory c, int256 need, Store memory store) private pure returns (int256) {
        unchecked {
            int256 d = need <= 0 ? (-need * ONE) / c.chargeCost : -((need * ONE) / c.drainYield);
            return _sat(d, store.least, store.most);
        }
    }

    function _choose(Config memory c, Plan memory plan, Outlook memory pos, Store memory store, bool up)
        private
        pure
        returns (int256 best)
    {
        unchecked {
            int256 bestCost = type(int256).max;
            // First no move, then the balance, then the ends, then every level of the grid.
            for (int256 i = -4; i < c.levels; ++i) {
                int256 d;
                if (i >= 0) {
                    d = c.storeMin + i * plan.unit - store.level;
                } else if (i == -3) {
                    d = _balance(c, pos.need, store);
                } else if (i == -2) {
                    d = store.least;
                } else if (i == -1) {
                    d = store.most;
                }
                if (d < store.least || d > store.most) {
                    continue;
                }
                int256 cost = _stage(c, pos, _outside(c, d), up) + _wear(c, d) + _worth(c, plan, store.level + d, up);
                if (cost < bestCost) {
                    bestCost = cost;
                    best = d;
                }
            }
        }
    }

    /// @dev What is expected from a level on, straight between two levels of the grid.
    function _worth(Config memory c, Plan memory plan, int256 level, bool up) private pure returns (int256) {
        unchecked {
            uint256 ahead = up ? plan.ahead0 : plan.ahead1;
            int256 x = level - c.storeMin;
            int256 j = x / plan.unit;
            if (j >= c.levels - 1) {
                return int256(_lane(ahead, uint256(c.levels - 1)));
            }
            int256 v = int256(_lane(ahead, uint256(j)));
            return v + ((int256(_lane(ahead, uint256(j) + 1)) - v) * (x - j * plan.unit)) / plan.unit;
        }
    }

    /// @dev A cost of a table, above BIAS.
    function _lane(uint256 table, uint256 level) private pure returns (uint256 v) {
        assembly ("memory-safe") {
            v := shr(192, mload(add(table, shl(3, level))))
        }
    }

    function _put(uint256 table, uint256 level, uint256 v) private pure {
        assembly ("memory-safe") {
            let pos := add(table, shl(3, level))
            mstore(pos, or(shl(192, v), shr(64, shl(64, mload(pos)))))
        }
    }

    // ---- memory

    /// @dev Decodes the memory to words; whatever it says, what is used of it is in range.
    function _state(Config memory c, bytes calldata memory_) private pure returns (uint256 s) {
        unchecked {
            uint256 weeks_ = c.weekSlots > c.slots ? c.weekSlots : 0;
            uint256 rows = ROW * c.slots;
            s = _alloc(HEAD + rows + weeks_);
            if (memory_.length != 8 * (HEAD + rows) + 4 * weeks_) {
                _set(s, SLOT, -1);
                _set(s, WAS_UP, 1);
                for (uint256 i = 0; i < c.slots; ++i) {
                    _set(s, _row(i) + LOAD, -1);
                }
                for (uint256 i = 0; i < weeks_; ++i) {
                    _set(s, HEAD + rows + i, -1);
                }
                return s;
            }
            for (uint256 i = 0; i < HEAD; ++i) {
                (int256 min, int256 max) = (int256(0), ENERGY_MAX);
                if (i == SLOT) {
                    (min, max) = (-1, int256(c.slots) - 1);
                } else if (i == WEEK_SLOT) {
                    max = int256(c.weekSlots) - 1;
                } else if (i == COUNT) {
                    max = ONE;
                } else if (i < WAS_UP) {
                    (min, max) = (-ENERGY_MAX * ONE, ENERGY_MAX * ONE);
                } else if (i == WAS_UP) {
                    max = 1;
                }
                _set(s, i, _sat(_word(memory_, 8 * i) >> 192, min, max));
            }
            for (uint256 i = 0; i < rows; ++i) {
                bool price = i % ROW == BUY || i % ROW == SELL;
                int256 v = _word(memory_, 8 * (HEAD + i)) >> 192;
                _set(s, HEAD + i, price ? _sat(v, -PRICE_MAX, PRICE_MAX) : _sat(v, -1, ENERGY_MAX));
            }
            for (uint256 i = 0; i < weeks_; ++i) {
                _set(s, HEAD + rows + i, _sat(_word(memory_, 8 * (HEAD + rows) + 4 * i) >> 224, -1, ENERGY_MAX));
            }
        }
    }

    function _nextMemory(Config memory c, uint256 s) private pure returns (bytes memory) {
        return _pack(s, HEAD + ROW * c.slots, c.weekSlots > c.slots ? c.weekSlots : 0);
    }

    function _word(bytes calldata data, uint256 pos) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := calldataload(add(data.offset, pos))
        }
    }

    function _row(uint256 slot) private pure returns (uint256) {
        unchecked {
            return HEAD + ROW * slot;
        }
    }

    function _week(Config memory c, uint256 weekSlot) private pure returns (uint256) {
        unchecked {
            return HEAD + ROW * c.slots + weekSlot;
        }
    }

    // ---- the blob

    /// @dev `size` bytes at `at` of the blob at `blob` in memory.
    function _field(uint256 blob, uint256 pos, uint256 size) private pure returns (uint256 v) {
        assembly ("memory-safe") {
            v := shr(sub(256, shl(3, size)), mload(add(blob, pos)))
        }
    }

    function _int64(uint256 blob, uint256 pos) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(192, mload(add(blob, pos)))
        }
    }

    function _bytesOf(address blob) private view returns (uint256 pos) {
        pos = _alloc(BLOB_SIZE / 32 + 1);
        assembly ("memory-safe") {
            extcodecopy(blob, pos, 1, BLOB_SIZE)
        }
    }

    function _config(address blob) private view returns (Config memory c) {
        uint256 b = _bytesOf(blob);
        c.records = _field(b, 6, 2);
        c.load = _field(b, 8, 2);
        c.pv = _field(b, 10, 2);
        c.store = _field(b, 12, 2);
        c.buy = _field(b, 14, 2);
        c.sell = _field(b, 16, 2);
        c.grid = _field(b, 18, 2);
        c.actuators = _field(b, 20, 2);
        c.slots = _field(b, 22, 2);
        c.slotSeconds = int256(_field(b, 24, 4));
        c.levels = int256(_field(b, 28, 2));
        c.horizon = int256(_field(b, 30, 1));
        c.learn = _field(b, 31, 1);
        c.keepLoad = int256(_field(b, 32, 1));
        c.keepPv = int256(_field(b, 33, 1));
        c.storeShift = _field(b, 34, 1);
        c.storeMul = int256(_field(b, 36, 4));
        c.priors = _field(b, 40, 8);
        c.chargeCost = int256(_field(b, 48, 4));
        c.drainYield = int256(_field(b, 52, 4));
        c.storeZero = _int64(b, 56);
        c.storeMin = _int64(b, 64);
        c.storeMax = _int64(b, 72);
        c.chargeMax = _int64(b, 80);
        c.drainMax = _int64(b, 88);
        c.wear = _int64(b, 96);
        c.gridMax = _int64(b, 104);
        c.genMin = _int64(b, 112);
        c.genMax = _int64(b, 120);
        c.genPrice = _int64(b, 128);
        c.lostPrice = _int64(b, 136);
        c.endPrice = _int64(b, 144);
        c.weekSlots = c.slots * _field(b, 152, 1);
        c.doubt = int256(_field(b, 153, 1));
        c.learnPv = _field(b, 154, 1);
        c.left = _field(b, 156, 2);
    }

    /// @dev Every rule of docs/spec/planner.md section 2.
    function _check(address blob) private view {
        uint256 b = _bytesOf(blob);
        require(blob.code[0] == 0 && _field(b, 0, 5) == 0x44414d5001, BadBlob(0));
        require(_field(b, 5, 1) | _field(b, 35, 1) | _field(b, 155, 1) == 0, BadBlob(5));
        for (uint256 i = 158; i < BLOB_SIZE; ++i) {
            require(_field(b, i, 1) == 0, BadBlob(i));
        }
        Config memory c = _config(blob);
        require(c.records >= 1 && c.records <= 256, BadBlob(6));
        require(_channel(c.load, c) && _channel(c.pv, c) && c.store < c.records && c.store < 256, BadBlob(8));
        require(_channel(c.buy, c) && _channel(c.sell, c) && _channel(c.grid, c) && _channel(c.left, c), BadBlob(14));
        require(c.actuators >= 1 && c.actuators <= 64, BadBlob(20));
        require(c.slots >= 1 && c.slots <= 240, BadBlob(22));
        require(c.slotSeconds >= 1 && c.slotSeconds <= 86400, BadBlob(24));
        require(c.levels >= 2 && c.levels <= 128, BadBlob(28));
        require(c.horizon >= 2 && c.horizon <= 127, BadBlob(30));
        require(c.learn <= 15 && c.learnPv <= 15, BadBlob(31));
        require(c.storeShift <= 62, BadBlob(34));
        require(c.storeMul >= 1 && c.storeMul <= type(int32).max, BadBlob(36));
        require(c.chargeCost >= ONE && c.chargeCost <= 4 * ONE, BadBlob(48));
        require(c.drainYield >= ONE / 16 && c.drainYield <= ONE, BadBlob(52));
        require(_energy(c.storeMin) && _energy(c.storeMax), BadBlob(64));
        require(_energy(c.chargeMax) && c.chargeMax >= 1 && _energy(c.drainMax) && c.drainMax >= 1, BadBlob(80));
        require(_price(c.wear), BadBlob(96));
        require(_energy(c.gridMax) && _energy(c.genMin) && _energy(c.genMax) && c.genMin <= c.genMax, BadBlob(104));
        require(_price(c.genPrice) && _price(c.lostPrice), BadBlob(128));
        require(c.endPrice >= 0 && c.endPrice <= 4 * ONE, BadBlob(144));
        require(c.weekSlots >= c.slots && c.weekSlots <= 7 * c.slots, BadBlob(152));
        uint256 weeks_ = c.weekSlots > c.slots ? c.weekSlots : 0;
        require(8 * (HEAD + ROW * c.slots) + 4 * weeks_ <= 8192, BadBlob(152));
        int256 unit = (c.storeMax - c.storeMin) / (c.levels - 1);
        require(unit >= 1 && unit <= c.chargeMax && unit <= c.drainMax, BadBlob(28));
    }

    function _channel(uint256 channel, Config memory c) private pure returns (bool) {
        return channel == NONE || channel < c.records;
    }

    function _energy(int256 v) private pure returns (bool) {
        return v >= 0 && v <= ENERGY_MAX;
    }

    function _price(int256 v) private pure returns (bool) {
        return v >= 0 && v <= PRICE_MAX;
    }
}
