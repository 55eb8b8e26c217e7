// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IMind} from "../law/IMachineCode.sol";
import {Words} from "./Words.sol";

/// @title A mind that plans the stores of a few sites behind one grid connection together, an hour at a time.
/// @notice The parameters are a blob of 424 bytes in the code of one contract, behind a 0x00 byte. docs/spec/district.md
/// is the definition; src/model/district.c gives the same bits.
/// @dev Every quantity is bounded (the blob by the constructor, the rest where it is read) so that no sum leaves 60 bits;
/// hence `unchecked`.
contract DistrictMind is IMind, Words {
    /// @notice The observation has less than 16 bytes for each record.
    error BadShape();
    /// @notice The blob breaks a rule of docs/spec/district.md; `pos` is the offset of the field.
    error BadBlob(uint256 pos);

    uint256 private constant BLOB_SIZE = 424;
    uint256 private constant SITES_MAX = 16;
    uint256 private constant LEVELS = 33;
    uint256 private constant STILL = 32; // the move of no level
    uint256 private constant MOVES = 65;
    uint256 private constant DAY = 24;
    int256 private constant WEEK_HOURS = 168;
    int256 private constant LEARN_DAYS = 8;
    int256 private constant CARBON_KEPT = 230;
    int256 private constant THIRD = 1 << 25;
    int256 private constant WEIGHT_MAX = 1 << 20;
    int256 private constant VALUE_MAX = (1 << 20) - 1;
    int256 private constant ENERGY_MAX = 1 << 24;
    int256 private constant SUN_OFF_MAX = 1 << 16;
    int256 private constant NEED_MAX = 1 << 29;
    int256 private constant LEVEL_READ_MAX = 1 << 30; // of a level, as a channel tells it
    int256 private constant LEVEL_SCALE_MAX = 1 << 24;

    // Records of an observation.
    uint256 private constant R_PRICE = 1;
    uint256 private constant R_PRICE_IN_DAY = 2;
    uint256 private constant R_CARBON = 3;
    uint256 private constant R_SITE = 4;
    uint256 private constant R_LOAD = 0;
    uint256 private constant R_SUN = 1;
    uint256 private constant R_DRAWN = 2;
    uint256 private constant R_LEVEL = 3;
    uint256 private constant SITE_RECORDS = 4;

    // Words of the decoded memory: the head (8 bytes each outside), then words of 4 bytes.
    uint256 private constant HOURS = 0;
    uint256 private constant PRICE_MEAN = 1;
    uint256 private constant CARBON_MEAN = 2;
    uint256 private constant RAMP_MEAN = 3;
    uint256 private constant NEED_BEFORE = 4;
    uint256 private constant HEAD = 5;
    uint256 private constant PRICE = 5;
    uint256 private constant CARBON = 29;
    uint256 private constant SITES = 53;
    // Of a site.
    uint256 private constant LOAD = 0;
    uint256 private constant SUN = 24;
    uint256 private constant MISS = 48;
    uint256 private constant PLAN = 72;
    uint256 private constant SUN_OFF = 96;
    uint256 private constant SITE = 97;

    // Words of what is expected of an hour: weights of a Wh, the district's need and its doubt, then need and doubt of
    // each site.
    uint256 private constant A_PRICE = 0;
    uint256 private constant A_CARBON = 1;
    uint256 private constant A_RAMP = 2;
    uint256 private constant A_ALL = 3;
    uint256 private constant A_ALL_DOUBT = 4;
    uint256 private constant A_SITE = 5;
    uint256 private constant AHEAD = 37;

    // A table of what is still to be paid holds four levels a word, 64 bits each, above BIAS, between two words of zeros.
    // Costs stay within 2^59, so that NEVER, added where a level cannot make a move, is beyond them and no lane carries.
    uint256 private constant LANES = 0x0000000000000001000000000000000100000000000000010000000000000001;
    uint256 private constant LANE_TOPS = 0x8000000000000000800000000000000080000000000000008000000000000000;
    uint256 private constant FIRST_LANE = 0xffffffffffffffff << 192;
    uint256 private constant BIAS = 1 << 60;
    uint256 private constant NEVER = 1 << 61;
    uint256 private constant WORDS = 9;
    uint256 private constant ROW = MOVES + 3; // of a word's moves, which are tried four at a time
    uint256 private constant TABLE = 32 * (WORDS + 2);

    address private immutable _blob;

    /// @dev The blob, decoded, and what follows from it.
    struct Config {
        uint256 sites;
        int256 keepLoad;
        int256 keepSun;
        int256 doubt;
        uint256 levelShift; // a store's level is (channel - levelZero) * levelMul >> levelShift
        int256 levelZero;
        int256 levelMul;
        uint256 moves; // words, by move: what it draws
        uint256 most; // words, by level
        uint256 never; // words, by four levels and move: NEVER in the lanes of levels that cannot make it
        uint256 ranges; // words, by four levels: first move that one of them can make, above 128 bits; last one
        uint256 first; // the least of them
        uint256 last; // the greatest
    }

    /// @dev An hour ahead, its place in the day, what is kept of the deviations then, in 256ths, and what a load's leaves
    /// open.
    struct Ahead {
        uint256 hour;
        uint256 place;
        int256 loadKept;
        int256 sunKept;
        int256 carbonKept;
        int256 open;
    }

    /// @dev Places in memory for the plan of one store.
    struct Plan {
        uint256 ahead; // AHEAD words an hour
        uint256 costs; // words, by hour and move: what it costs, in every lane
        uint256 values; // tables, by hour; one more for the end of the day
        uint256 hinges; // twelve of the hour that is looked at: weight and offset
        int256 slope; // what its cost has besides
        int256 base;
        int256 nowAll; // what the district draws in the hour that ended
        int256 worth; // of a level beyond the day
    }

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
        unchecked {
            Config memory c = _config(_blob);
            if (observation.length < 16 * (R_SITE + SITE_RECORDS * c.sites)) {
                revert BadShape();
            }
            uint256 s = _state(c, memory_);
            bool plans = _turn(c, s, _seen(c, observation));
            next = _pack(s, HEAD, SITES - HEAD + SITE * c.sites);
            proposal = new bytes(8 * c.sites);
            for (uint256 i = 0; plans && i < c.sites; ++i) {
                int256 draw = _get(_site(s, i), PLAN);
                assembly ("memory-safe") {
                    // other bytes stay
                    let pos := add(add(proposal, 32), shl(3, i))
                    mstore(pos, or(shl(192, draw), shr(64, shl(64, mload(pos)))))
                }
            }
        }
    }

    // ---- the turn

    /// @dev Learns the hour that ended. False on the first day: then there is no plan.
    function _turn(Config memory c, uint256 s, uint256 o) private pure returns (bool) {
        unchecked {
            int256 hours_ = _get(s, HOURS);
            uint256 h = uint256(hours_) % DAY;
            int256 carbonOff = _get(o, R_CARBON) - _get(s, CARBON + h);
            _learnMeans(c, s, o);
            _set(s, PRICE + h, _get(o, R_PRICE_IN_DAY));
            _towards(s, CARBON + h, _get(o, R_CARBON), hours_ / int256(DAY), LEARN_DAYS);
            uint256 loadOff = _alloc(c.sites);
            Plan memory plan;
            for (uint256 i = 0; i < c.sites; ++i) {
                uint256 seen = _record(o, i);
                _set(loadOff, i, _get(seen, R_LOAD) - _get(_site(s, i), LOAD + h));
                _learnSite(c, _site(s, i), hours_, seen);
                plan.nowAll += _need(seen) + _get(seen, R_DRAWN);
            }
            _set(s, HOURS, hours_ + 1);
            if (hours_ + 1 <= int256(DAY)) {
                return false;
            }
            for (uint256 i = 0; i < c.sites; ++i) {
                uint256 site = _site(s, i); // an hour of the plans is over
                assembly ("memory-safe") {
                    let to := add(site, 2304) // 32 * PLAN
                    mcopy(to, add(to, 32), 736)
                    mstore(add(to, 736), 0)
                }
            }
            plan.ahead = _alloc(AHEAD * DAY);
            _lookAhead(c, s, plan.ahead, loadOff, carbonOff);
            plan.worth = _worthOfLevel(c, plan.ahead);
            plan.costs = _alloc(MOVES * DAY);
            plan.hinges = _alloc(24);
            plan.values = _alloc((DAY + 1) * (WORDS + 2));
            for (uint256 i = 0; i < c.sites; ++i) {
                _planSite(c, plan, i, _site(s, i), uint256(_get(_record(o, i), R_LEVEL)));
            }
            return true;
        }
    }

    // ---- learning

    /// @dev The mean of the first `window` values, then one that forgets.
    function _towards(uint256 s, uint256 index, int256 x, int256 seen, int256 window) private pure {
        unchecked {
            int256 mean = _get(s, index);
            _set(s, index, mean + (x - mean) / _least(seen + 1, window));
        }
    }

    function _learnMeans(Config memory c, uint256 s, uint256 o) private pure {
        unchecked {
            int256 hours_ = _get(s, HOURS);
            int256 need;
            int256 bought;
            for (uint256 i = 0; i < c.sites; ++i) {
                int256 own = _need(_record(o, i));
                need += own;
                bought += _most(0, own);
            }
            _towards(s, PRICE_MEAN, _most(0, need) * _get(o, R_PRICE), hours_, WEEK_HOURS);
            _towards(s, CARBON_MEAN, bought * _get(o, R_CARBON), hours_, WEEK_HOURS);
            int256 ramp = hours_ == 0 ? int256(0) : _distance(need, _get(s, NEED_BEFORE));
            _towards(s, RAMP_MEAN, ramp, hours_, WEEK_HOURS);
            _set(s, NEED_BEFORE, need);
        }
    }

    function _learnSite(Config memory c, uint256 site, int256 hours_, uint256 seen) private pure {
        unchecked {
            (int256 day_, uint256 h) = (hours_ / int256(DAY), uint256(hours_) % DAY);
            if (day_ == 0 || _get(site, SUN + h) == 0) {
                _set(site, SUN_OFF, (_get(site, SUN_OFF) * c.keepSun) / 256);
            } else {
                _set(site, SUN_OFF, _sunOff(site, h, _get(seen, R_SUN)));
            }
            if (day_ > 0) {
                int256 miss = _distance(_need(seen), _get(site, LOAD + h) - _get(site, SUN + h));
                _towards(site, MISS + h, miss, day_ - 1, LEARN_DAYS);
            }
            _towards(site, LOAD + h, _get(seen, R_LOAD), day_, LEARN_DAYS);
            _towards(site, SUN + h, _get(seen, R_SUN), day_, LEARN_DAYS);
        }
    }

    /// @dev What one Wh of today's sun is measured by: its usual now, but not less than a sixteenth of the day's peak.
    function _sunOff(uint256 site, uint256 h, int256 sun) private pure returns (int256) {
        unchecked {
            int256 peak = 16;
            for (uint256 i = 0; i < DAY; ++i) {
                peak = _most(peak, _get(site, SUN + i));
            }
            int256 usual = _get(site, SUN + h);
            return _least(((sun - usual) * 256) / _most(usual, peak / 16), SUN_OFF_MAX);
        }
    }

    // ---- forecasts

    /// @dev What a Wh weighs of which an hour usually costs `mean` at one each.
    function _weight(int256 whole, int256 each, int256 mean) private pure returns (int256) {
        unchecked {
            return _least((whole * each) / _most(1, mean), WEIGHT_MAX);
        }
    }

    function _lookAhead(Config memory c, uint256 s, uint256 a, uint256 loadOff, int256 carbonOff) private pure {
        unchecked {
            Ahead memory w = Ahead(0, 0, 256, 256, 256, 0);
            for (; w.hour < DAY; ++w.hour) {
                w.place = (uint256(_get(s, HOURS)) + w.hour) % DAY;
                w.loadKept = (w.loadKept * c.keepLoad) / 256;
                w.sunKept = (w.sunKept * c.keepSun) / 256;
                w.carbonKept = (w.carbonKept * CARBON_KEPT) / 256;
                int256 carbon = _most(0, _get(s, CARBON + w.place) + (carbonOff * w.carbonKept) / 256);
                _set(a, A_PRICE, _weight(THIRD, _get(s, PRICE + w.place), _get(s, PRICE_MEAN)));
                _set(a, A_CARBON, _weight(THIRD, carbon, _get(s, CARBON_MEAN)));
                _set(a, A_RAMP, _weight(THIRD / 2, 1, _get(s, RAMP_MEAN)));
                _lookAtSites(c, s, a, loadOff, w);
                a += 32 * AHEAD;
            }
        }
    }

    /// @dev The same, of the sites' needs.
    function _lookAtSites(Config memory c, uint256 s, uint256 a, uint256 loadOff, Ahead memory w) private pure {
        unchecked {
            int256 all;
            int256 squares;
            // What a deviation that fades so leaves unexplained.
            w.open = int256(Math.sqrt(uint256(65536 - w.loadKept * w.loadKept)));
            for (uint256 i = 0; i < c.sites; ++i) {
                uint256 site = _site(s, i);
                int256 need = _needAhead(site, _get(loadOff, i), w);
                int256 doubt = (((_get(site, MISS + w.place) * c.doubt) / 64) * w.open) / 256;
                _set(a, A_SITE + 2 * i, need);
                _set(a, A_SITE + 2 * i + 1, doubt);
                all += need + _get(site, PLAN + w.hour);
                squares += doubt * doubt;
            }
            _set(a, A_ALL, all);
            _set(a, A_ALL_DOUBT, int256(Math.sqrt(uint256(squares))));
        }
    }

    function _needAhead(uint256 site, int256 loadOff, Ahead memory w) private pure returns (int256) {
        unchecked {
            int256 load = _most(0, _get(site, LOAD + w.place) + (loadOff * w.loadKept) / 256);
            int256 sun = _get(site, SUN + w.place);
            sun += (sun * ((_get(site, SUN_OFF) * w.sunKept) / 256)) / 256;
            return load - _least(_most(0, sun), ENERGY_MAX);
        }
    }

    /// @dev A level left over after the day saves what a level gives at the day's mean cost.
    function _worthOfLevel(Config memory c, uint256 ahead) private pure returns (int256) {
        unchecked {
            int256 sum;
            for (uint256 k = 0; k < DAY; ++k) {
                sum += _get(ahead, AHEAD * k + A_PRICE) + _get(ahead, AHEAD * k + A_CARBON);
            }
            return ((3 * sum) / int256(DAY)) * -_get(c.moves, STILL - 1);
        }
    }

    // ---- plans

    /// @dev Plans one store for a day: the least cost over all ways through its levels.
    function _planSite(Config memory c, Plan memory plan, uint256 i, uint256 site, uint256 level) private pure {
        unchecked {
            uint256 values = plan.values + DAY * TABLE;
            for (uint256 at_ = 0; at_ < LEVELS; ++at_) {
                uint256 v = uint256(int256(BIAS) - plan.worth * int256(at_));
                assembly ("memory-safe") {
                    let pos := add(add(values, 32), shl(3, at_))
                    mstore(pos, or(shl(192, v), shr(64, shl(64, mload(pos)))))
                }
            }
            for (uint256 k = DAY; k > 0;) {
                --k;
                _bend(plan, i, k, _get(site, PLAN + k));
                _costs(c, plan, plan.costs + 32 * MOVES * k);
                values -= TABLE;
                if (k > 0) { // what the first hour still costs is not asked
                    _stepBack(c, plan.costs + 32 * MOVES * k, values);
                }
            }
            for (uint256 k = 0; k < DAY; ++k) {
                uint256 move = _best(c, plan.costs + 32 * MOVES * k, values + TABLE * (k + 1), level);
                int256 draw = _get(c.moves, move);
                uint256 all = AHEAD * k + A_ALL;
                _set(plan.ahead, all, _get(plan.ahead, all) + draw - _get(site, PLAN + k));
                _set(site, PLAN + k, draw);
                level = level + move - STILL;
            }
        }
    }

    /// @dev What hour `k` costs by the draw of site `i`, which had planned to draw `planned` in it, while the others do as
    /// they planned. With hinge(x) = max(x, 0): a need is bought in three weathers, hinge(x) + hinge(x + doubt) +
    /// hinge(x - doubt); a step of the district costs |x| + |x + doubt| + |x - doubt|, and |x| = 2 hinge(x) - x.
    function _bend(Plan memory plan, uint256 i, uint256 k, int256 planned) private pure {
        unchecked {
            uint256 a = plan.ahead + 32 * AHEAD * k;
            (plan.slope, plan.base) = (0, 0);
            int256 others = _get(a, A_ALL) - planned;
            int256 doubt = _get(a, A_ALL_DOUBT);
            _hinges(plan.hinges, _get(a, A_PRICE), others, doubt);
            _hinges(plan.hinges + 192, _get(a, A_CARBON), _get(a, A_SITE + 2 * i), _get(a, A_SITE + 2 * i + 1));
            int256 ramp = _get(a, A_RAMP);
            _step(plan, 384, ramp, others - (k == 0 ? plan.nowAll : _get(a - 32 * AHEAD, A_ALL)), doubt);
            // behind the last hour there is none to step to
            ramp = k + 1 < DAY ? ramp : int256(0);
            _step(plan, 576, ramp, others - (k + 1 < DAY ? _get(a + 32 * AHEAD, A_ALL) : int256(0)), doubt);
        }
    }

    function _step(Plan memory plan, uint256 skip, int256 weight, int256 x, int256 doubt) private pure {
        unchecked {
            _hinges(plan.hinges + skip, 2 * weight, x, doubt);
            plan.slope -= 3 * weight;
            plan.base -= 3 * weight * x;
        }
    }

    /// @dev Three hinges at `pos`: a weight and an offset each.
    function _hinges(uint256 pos, int256 weight, int256 x, int256 doubt) private pure {
        assembly ("memory-safe") {
            mstore(pos, weight)
            mstore(add(pos, 32), x)
            mstore(add(pos, 64), weight)
            mstore(add(pos, 96), add(x, doubt))
            mstore(add(pos, 128), weight)
            mstore(add(pos, 160), sub(x, doubt))
        }
    }

    /// @dev The costs of all moves, in every lane. Moves rise, and between two hinges the cost is straight.
    function _costs(Config memory c, Plan memory plan, uint256 to) private pure {
        unchecked {
            (uint256 from, uint256 end) = (c.moves + 32 * c.first, c.moves + 32 * c.last);
            to += 32 * c.first;
            while (from <= end) {
                (int256 slope, int256 base, int256 until) = _straight(plan, _get(from, 0));
                assembly ("memory-safe") {
                    for { } 1 { } {
                        mstore(to, mul(add(base, mul(slope, mload(from))), LANES))
                        from := add(from, 32)
                        to := add(to, 32)
                        if gt(from, end) { break }
                        if sgt(mload(from), until) { break }
                    }
                }
            }
        }
    }

    /// @dev The straight part of the cost that holds for `draw`, and up to which draw it does.
    function _straight(Plan memory plan, int256 draw)
        private
        pure
        returns (int256 slope, int256 base, int256 until)
    {
        (slope, base, until) = (plan.slope, plan.base, type(int256).max);
        uint256 pos = plan.hinges;
        assembly ("memory-safe") {
            for { let end := add(pos, 768) } lt(pos, end) { pos := add(pos, 64) } {
                let offset := mload(add(pos, 32))
                switch sgt(add(draw, offset), 0)
                case 1 {
                    slope := add(slope, mload(pos))
                    base := add(base, mul(offset, mload(pos)))
                }
                default {
                    offset := sub(0, offset)
                    if slt(offset, until) { until := offset }
                }
            }
        }
    }

    /// @dev One hour back: value[i] = min over moves m of cost(m) + value[i + m], four levels at a time. `to`: the table of
    /// the hour; that of the next one follows it. Moves behind the last one are NEVER made.
    function _stepBack(Config memory c, uint256 costs, uint256 to) private pure {
        unchecked {
            (uint256 never, uint256 ranges) = (c.never, c.ranges);
            // where level i + m lies in the next table, for i = 0 and m = 0
            uint256 from = to + TABLE + 32 - 8 * STILL;
            for (uint256 word = 0; word < WORDS; ++word) {
                uint256 range = uint256(_get(ranges, word));
                uint256 least = type(uint256).max; // with its lanes' top bits set
                assembly ("memory-safe") {
                    let tops := LANE_TOPS
                    let end := add(costs, and(range, 0xffff))
                    let pos := shr(128, range)
                    let next := add(from, shr(2, pos))
                    let off := add(never, pos)
                    for { pos := add(costs, pos) } iszero(gt(pos, end)) { } {
                        // lanes where least >= v become v
                        let v := add(add(mload(pos), mload(next)), mload(off))
                        let better := and(sub(least, v), tops)
                        least := xor(least, and(xor(least, v), sub(better, shr(63, better))))
                        v := add(add(mload(add(pos, 32)), mload(add(next, 8))), mload(add(off, 32)))
                        better := and(sub(least, v), tops)
                        least := xor(least, and(xor(least, v), sub(better, shr(63, better))))
                        v := add(add(mload(add(pos, 64)), mload(add(next, 16))), mload(add(off, 64)))
                        better := and(sub(least, v), tops)
                        least := xor(least, and(xor(least, v), sub(better, shr(63, better))))
                        v := add(add(mload(add(pos, 96)), mload(add(next, 24))), mload(add(off, 96)))
                        better := and(sub(least, v), tops)
                        least := xor(least, and(xor(least, v), sub(better, shr(63, better))))
                        pos := add(pos, 128)
                        next := add(next, 32)
                        off := add(off, 128)
                    }
                    least := xor(least, tops)
                }
                to += 32;
                if (word + 1 == WORDS) {
                    least &= FIRST_LANE; // there are 33 levels
                }
                _set(to, 0, int256(least));
                never += 32 * ROW;
                from += 32;
            }
        }
    }

    /// @dev The first move of the least cost. `next`: the table of the next hour.
    function _best(Config memory c, uint256 costs, uint256 next, uint256 level) private pure returns (uint256 best) {
        unchecked {
            int256 most = _get(c.most, level);
            uint256 m = _mostOf(STILL - level, c.first);
            uint256 end = 2 * STILL - level < c.last ? 2 * STILL - level : c.last;
            uint256 moves = c.moves;
            next += 32 + 8 * level - 8 * STILL;
            assembly ("memory-safe") {
                let least := not(0)
                for { } iszero(gt(m, end)) { m := add(m, 1) } {
                    let place := shl(5, m)
                    let sum := add(shr(192, mload(add(costs, place))), shr(192, mload(add(next, shl(3, m)))))
                    if lt(sum, least) {
                        let draw := mload(add(moves, place))
                        if iszero(or(sgt(draw, most), slt(add(draw, most), 0))) {
                            least := sum
                            best := m
                        }
                    }
                }
            }
        }
    }

    // ---- numbers

    function _most(int256 a, int256 b) private pure returns (int256) {
        return a > b ? a : b;
    }

    function _mostOf(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }

    function _least(int256 a, int256 b) private pure returns (int256) {
        return a < b ? a : b;
    }

    // ---- the observation

    /// @dev Decodes the records to words, in their ranges.
    function _seen(Config memory c, bytes calldata observation) private pure returns (uint256 o) {
        unchecked {
            o = _alloc(R_SITE + SITE_RECORDS * c.sites);
            for (uint256 i = R_PRICE; i < R_SITE; ++i) {
                _set(o, i, _read(observation, i, 0, VALUE_MAX));
            }
            for (uint256 i = R_SITE; i < R_SITE + SITE_RECORDS * c.sites; i += SITE_RECORDS) {
                _set(o, i + R_LOAD, _read(observation, i + R_LOAD, 0, ENERGY_MAX));
                _set(o, i + R_SUN, _read(observation, i + R_SUN, 0, ENERGY_MAX));
                _set(o, i + R_DRAWN, _read(observation, i + R_DRAWN, -ENERGY_MAX, ENERGY_MAX));
                _set(o, i + R_LEVEL, _level(c, _read(observation, i + R_LEVEL, -LEVEL_READ_MAX, LEVEL_READ_MAX)));
            }
        }
    }

    function _level(Config memory c, int256 read) private pure returns (int256) {
        unchecked {
            return _sat((read - c.levelZero) * c.levelMul >> c.levelShift, 0, int256(LEVELS) - 1);
        }
    }

    /// @dev Where the records of site `i` begin.
    function _record(uint256 o, uint256 i) private pure returns (uint256) {
        unchecked {
            return o + 32 * (R_SITE + SITE_RECORDS * i);
        }
    }

    function _need(uint256 seen) private pure returns (int256) {
        unchecked {
            return _get(seen, R_LOAD) - _get(seen, R_SUN);
        }
    }

    /// @dev A record's value; 0 where it is missing or its device fails.
    function _read(bytes calldata o, uint256 record, int256 min, int256 max) private pure returns (int256 v) {
        assembly ("memory-safe") {
            let word := calldataload(add(o.offset, shl(4, record)))
            // the bits of 0x14 are the qualities of an absent value
            v := mul(sar(192, word), iszero(and(1, shr(byte(12, word), 0x14))))
        }
        return _sat(v, min, max);
    }

    // ---- memory

    function _site(uint256 s, uint256 i) private pure returns (uint256) {
        unchecked {
            return s + 32 * (SITES + SITE * i);
        }
    }

    /// @dev Decodes the memory to words; whatever it says, what is used of it is in range.
    function _state(Config memory c, bytes calldata memory_) private pure returns (uint256 s) {
        unchecked {
            uint256 words = SITES + SITE * c.sites;
            s = _alloc(words);
            if (memory_.length != 8 * HEAD + 4 * (words - HEAD)) {
                return s;
            }
            _set(s, HOURS, _sat(_word(memory_, 8 * HOURS, 8), 0, 1 << 40));
            _set(s, PRICE_MEAN, _sat(_word(memory_, 8 * PRICE_MEAN, 8), 0, 1 << 49));
            _set(s, CARBON_MEAN, _sat(_word(memory_, 8 * CARBON_MEAN, 8), 0, 1 << 49));
            _set(s, RAMP_MEAN, _sat(_word(memory_, 8 * RAMP_MEAN, 8), 0, 2 * NEED_MAX));
            _set(s, NEED_BEFORE, _sat(_word(memory_, 8 * NEED_BEFORE, 8), -NEED_MAX, NEED_MAX));
            _words(memory_, s, PRICE, 2 * DAY, 0, VALUE_MAX);
            for (uint256 i = 0; i < c.sites; ++i) {
                uint256 at_ = SITES + SITE * i;
                _words(memory_, s, at_ + LOAD, 2 * DAY, 0, ENERGY_MAX);
                _words(memory_, s, at_ + MISS, DAY, 0, 2 * ENERGY_MAX);
                _words(memory_, s, at_ + PLAN, DAY, -ENERGY_MAX, ENERGY_MAX);
                _words(memory_, s, at_ + SUN_OFF, 1, -SUN_OFF_MAX, SUN_OFF_MAX);
            }
        }
    }

    function _words(bytes calldata memory_, uint256 s, uint256 from, uint256 count, int256 min, int256 max)
        private
        pure
    {
        unchecked {
            for (uint256 i = from; i < from + count; ++i) {
                _set(s, i, _sat(_word(memory_, 8 * HEAD + 4 * (i - HEAD), 4), min, max));
            }
        }
    }

    /// @dev A signed field of `size` bytes.
    function _word(bytes calldata data, uint256 pos, uint256 size) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(sub(256, shl(3, size)), calldataload(add(data.offset, pos)))
        }
    }

    // ---- the blob

    function _config(address blob) private view returns (Config memory c) {
        unchecked {
            uint256 b = _alloc(BLOB_SIZE / 32 + 2);
            assembly ("memory-safe") {
                extcodecopy(blob, b, 1, BLOB_SIZE)
            }
            uint256 head = uint256(_get(b, 0));
            (c.sites, c.keepLoad) = ((head >> 208) & 0xff, int256((head >> 200) & 0xff));
            (c.keepSun, c.doubt) = (int256((head >> 192) & 0xff), int256((head >> 184) & 0xff));
            c.levelShift = (head >> 176) & 0xff;
            (c.levelZero, c.levelMul) = (int32(uint32(head >> 128)), int32(uint32(head >> 96)));
            c.moves = _alloc(MOVES + LEVELS);
            c.most = c.moves + 32 * MOVES;
            for (uint256 i = 0; i < MOVES + LEVELS; ++i) {
                int256 v;
                assembly ("memory-safe") {
                    v := sar(224, mload(add(add(b, 32), shl(2, i))))
                }
                _set(c.moves, i, v);
            }
            _rangesOf(c);
        }
    }

    /// @dev Which levels can make which moves.
    function _rangesOf(Config memory c) private pure {
        unchecked {
            c.never = _alloc(WORDS * ROW);
            c.ranges = _alloc(WORDS);
            (c.first, c.last) = (STILL, STILL);
            for (uint256 word = 0; word < WORDS; ++word) {
                (uint256 first, uint256 last) = (STILL, STILL);
                for (uint256 m = 0; m < ROW; ++m) {
                    uint256 never = m < MOVES ? _neverOf(c, 4 * word, m) : NEVER * LANES;
                    _set(c.never, ROW * word + m, int256(never));
                    if (never != NEVER * LANES) {
                        (first, last) = (m < first ? m : first, m > last ? m : last);
                    }
                }
                _set(c.ranges, word, int256((32 * first) << 128 | 32 * last));
                (c.first, c.last) = (first < c.first ? first : c.first, _mostOf(last, c.last));
            }
        }
    }

    function _neverOf(Config memory c, uint256 level, uint256 move) private pure returns (uint256 word) {
        unchecked {
            int256 size = _distance(_get(c.moves, move), 0);
            for (uint256 end = level + 4; level < end; ++level) {
                uint256 to = level + move - STILL; // beyond the levels also if it is below 0
                word = word << 64 | (level < LEVELS && to < LEVELS && size <= _get(c.most, level) ? 0 : NEVER);
            }
        }
    }

    /// @dev Every rule of docs/spec/district.md section 1.
    function _check(address blob) private view {
        bytes memory b = blob.code;
        require(b[0] == 0 && bytes5(_at(b, 1)) == bytes5("DAMS\x01"), BadBlob(0));
        require(uint8(b[6]) >= 1 && uint8(b[6]) <= SITES_MAX, BadBlob(5));
        require(uint8(b[10]) < 32, BadBlob(9));
        for (uint256 i = 10; i < 32; i = i == 11 ? 20 : i + 1) {
            require(b[i + 1] == 0, BadBlob(i));
        }
        int256 zero = int32(uint32(bytes4(_at(b, 13))));
        int256 mul = int32(uint32(bytes4(_at(b, 17))));
        require(zero > -LEVEL_SCALE_MAX && zero < LEVEL_SCALE_MAX, BadBlob(12));
        require(mul > 0 && mul < LEVEL_SCALE_MAX, BadBlob(16));
        int256 before = -ENERGY_MAX;
        for (uint256 m = 0; m < MOVES; ++m) {
            uint256 pos = 32 + 4 * m;
            int256 move = int32(uint32(bytes4(_at(b, pos + 1))));
            require(move > before && move < ENERGY_MAX && (m != STILL || move == 0), BadBlob(pos));
            before = move;
        }
        for (uint256 i = 0; i < LEVELS; ++i) {
            uint256 pos = 32 + 4 * (MOVES + i);
            int256 most = int32(uint32(bytes4(_at(b, pos + 1))));
            require(most >= 0 && most < ENERGY_MAX, BadBlob(pos));
        }
    }

    /// @dev The word at `pos`.
    function _at(bytes memory b, uint256 pos) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(b, 32), pos))
        }
    }
}
