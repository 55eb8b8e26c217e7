// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IMind} from "../law/IMachineCode.sol";

/// @title A mind that forecasts: seasonal naive, exponential smoothing and recursive least squares in its own memory.
/// @notice The parameters are a blob in the code of one contract, behind a 0x00 byte. docs/spec/forecast.md is the
/// definition; src/model/forecast.c gives the same bits.
/// @dev The memory is worked on in place. Every quantity is bounded where it is read so that nothing here leaves 100
/// bits; hence `unchecked`.
contract ForecastMind is IMind {
    /// @notice The observation is not 16 bytes for each record.
    error BadShape();
    /// @notice The blob breaks a rule of docs/spec/forecast.md; `pos` is the offset of the word.
    error BadBlob(uint256 pos);

    int256 private constant X_MAX = 1 << 20;
    int256 private constant BIG = 1 << 40;
    uint256 private constant GAP_MAX = 24;
    uint256 private constant NAIVE = 1;
    uint256 private constant SMOOTH = 2;
    uint256 private constant RLS = 3;
    // offsets in a head
    uint256 private constant COUNT = 4;
    uint256 private constant SUM = 8;
    uint256 private constant FORECAST = 16;
    uint256 private constant MEAN = 24;
    uint256 private constant TEST = 32;
    uint256 private constant TESTED = 40;
    uint256 private constant DRIFTS = 48;
    uint256 private constant DRIFT_SLOT = 56;

    address private immutable _blob;
    uint256 private immutable _blobSize;
    uint256 private immutable _memorySize;
    uint256 private immutable _observationSize;
    uint256 private immutable _forecasters;
    uint256 private immutable _outputs;
    int256 private immutable _slotSeconds;

    /// @dev One forecaster: its fields, and where its parts are in memory.
    struct Place {
        uint256 method;
        uint256 ahead;
        uint256 season;
        uint256 alpha;
        uint256 beta;
        int256 limit;
        uint256 channel;
        uint256 shift;
        uint256 head;
        uint256 history;
        uint256 made;
        uint256 own;
        uint256 count; // of the history
    }

    /// @param blob The contract whose code is `0x00` and the blob.
    constructor(address blob) {
        uint256 size = blob.code.length - 1;
        if (size < 32 || blob.code[0] != 0) {
            revert BadBlob(0);
        }
        uint256 ptr = _copy(blob, size);
        uint256 word = _word(ptr);
        uint256 n = uint8(word >> 184);
        uint256 m = uint8(word >> 176);
        uint256 seconds_ = uint32(word >> 128);
        uint256 records = uint16(word >> 192);
        // "DAMF", version 1, and no byte but those of the fields
        if (
            word >> 208 != 0x44414d460100 || word & 0xffff << 160 != 0 || word & ((1 << 96) - 1) != 0 || n < 1 || n > 8
                || m < 1 || m > 64 || seconds_ < 1 || seconds_ > 86400 || records < 1 || records > 256
                || size != 32 + 32 * n + m * _rowSize(n) || uint32(word >> 96) != size
        ) {
            revert BadBlob(0);
        }
        uint256 memorySize = 24 + 64 * n;
        for (uint256 i = 0; i < n; ++i) {
            memorySize += _checkForecaster(ptr, 32 + 32 * i, records);
        }
        for (uint256 j = 0; j < m; ++j) {
            _checkRow(ptr, 32 + 32 * n + j * _rowSize(n), n);
        }
        if (memorySize > 8192) {
            revert BadBlob(32);
        }
        _blob = blob;
        _blobSize = size;
        _memorySize = memorySize;
        _observationSize = 16 * records;
        _forecasters = n;
        _outputs = m;
        _slotSeconds = int256(seconds_);
    }

    function _checkForecaster(uint256 ptr, uint256 pos, uint256 records) private pure returns (uint256 bodySize) {
        uint256 word = _word(ptr + pos);
        uint256 channel = word >> 240;
        uint256 method = uint8(word >> 232);
        uint256 ahead = uint8(word >> 224);
        uint256 season = uint16(word >> 208);
        uint256 alpha = uint8(word >> 200);
        if (
            channel < 1 || channel >= records || method < NAIVE || method > RLS || season < 1 || season > 336 || ahead < 1
                || ahead > season || alpha > 15 || (method == RLS && alpha < 4) || uint8(word >> 192) > 15
                || uint8(word >> 184) > 62 || uint8(word >> 176) < 1 || word & ((1 << 176) - 1) != 0
        ) {
            revert BadBlob(pos);
        }
        return _bodySize(method, ahead, season);
    }

    function _checkRow(uint256 ptr, uint256 pos, uint256 n) private pure {
        uint256 row = _word(ptr + pos);
        uint256 word = _word(ptr + pos + 32);
        bool good = row >> 232 == 0 && uint8(row >> 224) <= 62 && row & ((1 << 224) - 1) == 0
            && int64(uint64(word >> 64)) <= int64(uint64(word));
        for (uint256 i = 12 * n; i < _rowSize(n) - 64; i += 4) {
            good = good && _word(ptr + pos + 64 + i) >> 224 == 0;
        }
        if (!good) {
            revert BadBlob(pos);
        }
    }

    /// @inheritdoc IMind
    function decide(bytes calldata memory_, bytes calldata observation)
        external
        view
        returns (bytes memory next, bytes memory proposal)
    {
        unchecked {
            if (observation.length != _observationSize) {
                revert BadShape();
            }
            uint256 blob = _copy(_blob, _blobSize);
            uint256 n = _forecasters;
            int256 t = _bound(_record(observation, 0) >> 192, 0, BIG) / _slotSeconds;
            uint256 ptr;
            if (memory_.length == _memorySize && bytes4(memory_) == "DAMF") {
                next = memory_;
            } else {
                next = new bytes(_memorySize);
                assembly ("memory-safe") {
                    ptr := add(next, 32)
                }
                _empty(blob, ptr, t);
            }
            assembly ("memory-safe") {
                ptr := add(next, 32)
            }
            int256[24] memory x;
            Place[] memory places = _places(blob, ptr);
            _advance(blob, places, ptr, t);
            int256 pushed = _get(ptr + 16, 0, BIG);
            for (uint256 i = 0; i < n; ++i) {
                (x[3 * i], x[3 * i + 1], x[3 * i + 2]) = _inputs(places[i], observation, t, pushed);
            }
            proposal = _propose(blob, n, x);
        }
    }

    function _propose(uint256 blob, uint256 n, int256[24] memory x) private view returns (bytes memory proposal) {
        unchecked {
            proposal = new bytes(8 * _outputs);
            uint256 row = blob + 32 + 32 * n;
            for (uint256 j = 0; j < _outputs; ++j) {
                uint256 word = _word(row + 32);
                int256 acc = int32(uint32(word >> 224));
                for (uint256 i = 0; i < 3 * n; ++i) {
                    acc += int32(uint32(_word(row + 64 + 4 * i) >> 224)) * x[i];
                }
                acc = (acc * int32(uint32(word >> 192))) >> uint8(_word(row) >> 224);
                acc = _bound(
                    acc + int64(uint64(word >> 128)), int64(uint64(word >> 64)), int64(uint64(word))
                );
                uint256 to;
                assembly ("memory-safe") {
                    to := add(add(proposal, 32), mul(8, j))
                }
                _put(to, acc);
                row += _rowSize(n);
            }
        }
    }

    // ---- memory ----

    function _empty(uint256 blob, uint256 ptr, int256 slot) private view {
        unchecked {
            _put(ptr, int256(0x44414d46 << 32 | _forecasters << 24));
            _put(ptr + 8, slot);
            _put(ptr + 16, 0);
            uint256 head = ptr + 24;
            for (uint256 i = ptr + 24; i < ptr + _memorySize; i += 8) {
                _put(i, 0);
            }
            for (uint256 i = 0; i < _forecasters; ++i) {
                _put(head, _headOf(_word(blob + 32 + 32 * i)));
                _put(head + DRIFT_SLOT, -1);
                head += 64;
            }
        }
    }

    /// @dev How a head begins: channel, method, ahead, shift, no values.
    function _headOf(uint256 word) private pure returns (int256) {
        return int256(word >> 224 << 32 | uint256(uint8(word >> 184)) << 24);
    }

    function _places(uint256 blob, uint256 ptr) private view returns (Place[] memory places) {
        unchecked {
            places = new Place[](_forecasters);
            uint256 body = ptr + 24 + 64 * _forecasters;
            for (uint256 i = 0; i < places.length; ++i) {
                Place memory p = places[i];
                uint256 word = _word(blob + 32 + 32 * i);
                p.channel = word >> 240;
                p.method = uint8(word >> 232);
                p.ahead = uint8(word >> 224);
                p.season = uint16(word >> 208);
                p.alpha = uint8(word >> 200);
                p.beta = uint8(word >> 192);
                p.shift = uint8(word >> 184);
                p.limit = int256(uint256(uint8(word >> 176)));
                p.head = ptr + 24 + 64 * i;
                p.count = p.season + p.ahead + 2;
                p.history = body;
                p.made = body + 4 * p.count;
                p.own = p.made + 4 * p.ahead;
                body += _bodySize(p.method, p.ahead, p.season);
            }
        }
    }

    /// @dev Closes what ended up to slot t.
    function _advance(uint256 blob, Place[] memory places, uint256 ptr, int256 t) private view {
        unchecked {
            int256 slot = _get(ptr + 8, 0, BIG);
            int256 pushed = _get(ptr + 16, 0, BIG);
            if (t < slot || t - slot > int256(GAP_MAX)) {
                _empty(blob, ptr, t);
                return;
            }
            for (int256 k = 0; k < t - slot; ++k) {
                for (uint256 i = 0; i < places.length; ++i) {
                    _close(places[i], uint256(pushed), k == 0, t);
                }
                ++pushed;
            }
            _put(ptr + 8, t);
            _put(ptr + 16, pushed);
        }
    }

    /// @dev The value k slots before the newest of `pushed`.
    function _past(Place memory p, uint256 pushed, uint256 k) private pure returns (int256) {
        unchecked {
            uint256 n = p.count;
            return _get32(p.history + 4 * (((pushed - 1) % n + n - k) % n), X_MAX);
        }
    }

    // ---- closing a slot ----

    function _close(Place memory p, uint256 pushed, bool first, int256 slot) private pure {
        unchecked {
            int256 y = pushed == 0 ? int256(0) : _past(p, pushed, 0);
            if (first) {
                int256 count = _count(p);
                if (count > 0) {
                    y = _get(p.head + SUM, -count * X_MAX, count * X_MAX) / count;
                }
                _put32(p.head + COUNT, int256(p.shift << 24));
                _put(p.head + SUM, 0);
            }
            _test(p, pushed, y, slot);
            _put32(p.history + 4 * (pushed % p.count), y);
            if (p.method == SMOOTH) {
                _learnSmooth(p, pushed, y);
            } else if (p.method == RLS && pushed + 1 >= p.count) {
                _learnSquares(p, pushed + 1);
            }
            int256 next = _next(p, pushed + 1);
            _put(p.head + FORECAST, next);
            _put32(p.made + 4 * (pushed % p.ahead), next);
        }
    }

    function _test(Place memory p, uint256 pushed, int256 y, int256 slot) private pure {
        unchecked {
            if (pushed < p.season + 2 + p.ahead) {
                return;
            }
            int256 e = y - _get32(p.made + 4 * (pushed % p.ahead), X_MAX);
            e = _bound((e < 0 ? -e : e) * 256, 0, 1 << 29);
            int256 mean = _get(p.head + MEAN, 0, BIG);
            int256 test = _get(p.head + TEST, 0, BIG);
            int256 tested = _get(p.head + TESTED, 0, BIG) + 1;
            if (tested <= 64) {
                mean += (e - mean) / tested;
            } else {
                int256 most = 8 * mean + 256;
                e = e < most ? e : most;
                test += e - mean - (mean >> 1);
                test = test < 0 ? int256(0) : test;
                mean += (e - mean) >> 6;
                if (test > p.limit * (mean + 256)) {
                    _put(p.head + DRIFTS, _get(p.head + DRIFTS, 0, BIG) + 1);
                    _put(p.head + DRIFT_SLOT, slot);
                    (test, mean, tested) = (0, 0, 0);
                    for (uint256 i = 0; p.method == RLS && i < 14; ++i) {
                        _put(p.own + 8 * i, int64(uint64(_word(p.own + 8 * i) >> 192)) >> 4);
                    }
                }
            }
            _put(p.head + MEAN, mean);
            _put(p.head + TEST, test);
            _put(p.head + TESTED, tested);
        }
    }

    function _learnSmooth(Place memory p, uint256 pushed, int256 y) private pure {
        unchecked {
            uint256 ptr = p.own + 8 + 4 * (pushed % p.season);
            int256 part = _get32(ptr, 1 << 29);
            int256 level = pushed == 0 ? 256 * y : _get(p.own, -(1 << 28), 1 << 28);
            level += (256 * y - part - level) >> p.alpha;
            _put(p.own, level);
            if (p.season > 1) {
                _put32(ptr, part + ((256 * y - level - part) >> p.beta));
            }
        }
    }

    function _learnSquares(Place memory p, uint256 pushed) private pure {
        unchecked {
            int256[4] memory x;
            int256[16] memory a;
            int256[4] memory b;
            int256[4] memory w;
            int256 z;
            {
                int256 lag = _past(p, pushed, p.ahead);
                int256 old = _past(p, pushed, p.season);
                x[0] = 256;
                x[1] = lag - _past(p, pushed, p.ahead + p.season);
                x[2] = _past(p, pushed, p.ahead + 1) - _past(p, pushed, p.ahead + 1 + p.season);
                x[3] = lag - old;
                z = _past(p, pushed, 0) - old;
            }
            uint256 ptr = p.own;
            for (uint256 i = 0; i < 4; ++i) {
                for (uint256 j = i; j < 4; ++j) {
                    a[4 * i + j] = a[4 * j + i] = _accumulate(ptr, x[i] * x[j], p.alpha);
                    ptr += 8;
                }
                b[i] = _accumulate(p.own + 80 + 8 * i, x[i] * z, p.alpha);
                w[i] = _get(p.own + 112 + 8 * i, -X_MAX, X_MAX);
            }
            for (uint256 sweep = 0; sweep < 4; ++sweep) {
                for (uint256 i = 0; i < 4; ++i) {
                    int256 d = a[5 * i];
                    int256 rest = 65536 * b[i] + d * w[i];
                    for (uint256 j = 0; j < 4; ++j) {
                        rest -= a[4 * i + j] * w[j];
                    }
                    d = (d < 0 ? int256(0) : d) + int256(1 << p.alpha);
                    w[i] = _bound(rest / d, -X_MAX, X_MAX);
                }
            }
            for (uint256 i = 0; i < 4; ++i) {
                _put(p.own + 112 + 8 * i, w[i]);
            }
        }
    }

    function _accumulate(uint256 ptr, int256 more, uint256 alpha) private pure returns (int256 v) {
        unchecked {
            v = _get(ptr, -(1 << 60), 1 << 60);
            v += more - (v >> alpha);
            _put(ptr, v);
        }
    }

    /// @dev `pushed`: the slot just closed counts.
    function _next(Place memory p, uint256 pushed) private pure returns (int256) {
        unchecked {
            int256 now_ = _past(p, pushed, 0);
            if (pushed < p.season + 2) {
                return now_;
            }
            int256 base = _past(p, pushed, p.season - p.ahead);
            if (p.method == NAIVE) {
                return base;
            }
            if (p.method == SMOOTH) {
                int256 part = _get32(p.own + 8 + 4 * ((pushed - 1 + p.ahead) % p.season), 1 << 29);
                return _bound((_get(p.own, -(1 << 28), 1 << 28) + part) >> 8, -X_MAX, X_MAX);
            }
            int256 sum = 256 * _weight(p, 0) + (now_ - _past(p, pushed, p.season)) * _weight(p, 1)
                + (_past(p, pushed, 1) - _past(p, pushed, 1 + p.season)) * _weight(p, 2) + (now_ - base) * _weight(p, 3);
            return _bound(base + (sum >> 16), -X_MAX, X_MAX);
        }
    }

    function _weight(Place memory p, uint256 i) private pure returns (int256) {
        return _get(p.own + 112 + 8 * i, -X_MAX, X_MAX);
    }

    /// @dev What the outputs are sums of: the channel now, its forecast, its drift.
    function _inputs(Place memory p, bytes calldata observation, int256 t, int256 pushed)
        private
        pure
        returns (int256 x, int256 next, int256 drift)
    {
        unchecked {
            int256 record = _record(observation, p.channel);
            uint256 quality = uint8(uint256(record) >> 152);
            bool good = quality != 2 && quality != 4;
            if (good) {
                x = _bound(record >> (192 + p.shift), -X_MAX, X_MAX);
                _add(p, x);
            }
            int256 found = _get(p.head + DRIFT_SLOT, -1, BIG);
            next = pushed > 0 ? _get(p.head + FORECAST, -X_MAX, X_MAX) : x;
            x = good || pushed == 0 ? x : next;
            drift = found >= 0 && t - found < int256(p.season) ? int256(1) : int256(0);
        }
    }

    /// @dev One more value of the running slot.
    function _add(Place memory p, int256 x) private pure {
        unchecked {
            int256 count = _count(p);
            if (count < 65536) {
                int256 sum = _get(p.head + SUM, -count * X_MAX, count * X_MAX);
                _put32(p.head + COUNT, int256(p.shift << 24) + count + 1);
                _put(p.head + SUM, sum + x);
            }
        }
    }

    // ---- words ----

    function _rowSize(uint256 n) private pure returns (uint256) {
        return 64 + ((12 * n + 31) & ~uint256(31));
    }

    function _bodySize(uint256 method, uint256 ahead, uint256 season) private pure returns (uint256 size) {
        size = 4 * (season + 2 * ahead + 2);
        size += method == SMOOTH ? 8 + 4 * season : method == RLS ? 144 : 0;
        size = (size + 7) & ~uint256(7);
    }

    function _bound(int256 v, int256 min, int256 max) private pure returns (int256) {
        return v < min ? min : v > max ? max : v;
    }

    /// @dev Good values in the running slot.
    function _count(Place memory p) private pure returns (int256) {
        uint256 count = uint24(_word(p.head + COUNT) >> 224);
        return int256(count < 65536 ? count : 65536);
    }

    function _word(uint256 ptr) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(ptr)
        }
    }

    function _get(uint256 ptr, int256 min, int256 max) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(192, mload(ptr))
        }
        return _bound(v, min, max);
    }

    function _get32(uint256 ptr, int256 max) private pure returns (int256 v) {
        assembly ("memory-safe") {
            v := sar(224, mload(ptr))
        }
        return _bound(v, -max, max);
    }

    function _put(uint256 ptr, int256 v) private pure {
        assembly ("memory-safe") {
            mstore(ptr, or(shl(192, v), shr(64, shl(64, mload(ptr)))))
        }
    }

    function _put32(uint256 ptr, int256 v) private pure {
        assembly ("memory-safe") {
            mstore(ptr, or(shl(224, v), shr(32, shl(32, mload(ptr)))))
        }
    }

    /// @dev A record's 16 bytes, at the top of a word.
    function _record(bytes calldata observation, uint256 index) private pure returns (int256 record) {
        assembly {
            record := calldataload(add(observation.offset, mul(16, index)))
        }
    }

    /// @dev The code behind the zero byte, at new memory.
    function _copy(address blob, uint256 size) private view returns (uint256 ptr) {
        assembly ("memory-safe") {
            ptr := mload(0x40)
            mstore(0x40, and(add(add(ptr, size), 63), not(31)))
            extcodecopy(blob, ptr, 1, size)
        }
    }
}
