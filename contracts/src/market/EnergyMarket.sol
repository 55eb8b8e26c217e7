// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ERC6909} from "@openzeppelin/contracts/token/ERC6909/ERC6909.sol";
import {OracleFeed} from "../oracle/OracleFeed.sol";
import {Pull} from "../pay/Pull.sol";

/// @title A call auction for energy, one per delivery interval, and the credits that it makes.
/// @notice Orders are firm and lie on a ladder of 256 price ticks until the gate closes. Then one price clears them: the
/// tick with the largest volume; of several, the one with the smallest imbalance; of several, the lowest. Better-priced
/// orders fill whole; at the margin earlier blocks come first, and within a block orders share in proportion to size.
///
/// A buyer gets credits, tokens with the interval as id: one credit is one watt-hour to be delivered in it. They trade
/// freely before delivery, and a seller can buy them and `cover`. A seller owes what it sold. After the interval its
/// meter is read from the oracle, and the settlement is:
///
///  - each watt-hour delivered earns the price and gives the deposit back;
///  - each watt-hour short costs the price and the deposit. Out of that money, others' surplus is bought at the price, up
///    to the shortfall, in proportion; the rest goes to the holders of credits, in proportion;
///  - surplus beyond all shortfall earns nothing.
///
/// @dev Gas is bounded however many orders there are: `clear` walks the ladder, never the orders; an order finds its own
/// fill from sums that were written when it came. Quantities are watt-hours and prices are token units per watt-hour,
/// so every amount is an exact product; the two proportional splits hand out running remainders. Nothing is lost to
/// rounding. No function pays anyone but the one who asks, or the owner named in an order.
contract EnergyMarket is ERC6909 {
    using SafeERC20 for IERC20;

    error BadConfig();
    error GateClosed(uint32 interval);
    error TooFarAhead(uint32 interval);
    error ZeroQuantity();
    error LadderFull(uint8 tick);
    error GateOpen(uint32 interval);
    error AlreadyCleared(uint32 interval);
    error NotCleared(uint32 interval);
    error NoSuchOrder(uint256 id);
    error NotDelivered(uint32 interval);
    error MeteringClosed(uint32 interval);
    error MeteringOpen(uint32 interval);
    error NotOwed(uint64 quantity, uint64 owed);
    error AlreadyCollected();

    /// @dev Do not renumber: the side is part of an order's id.
    enum Side {
        Buy,
        Sell
    }

    /// @dev An order's id says the rest: interval, side, tick, time, and what lies before it in its block.
    struct Order {
        address owner;
        uint64 quantity;
    }

    /// @dev Orders of one tick in one block.
    struct Block {
        uint64 ahead; // quantity of earlier blocks at this tick
        uint64 total;
    }

    struct Book {
        bool cleared;
        uint8 tick; // of the price
        uint8 buyTick; // the worst buy tick that fills
        uint64 buyFill; // how much of it fills
        uint8 sellTick;
        uint64 sellFill;
        uint64 volume; // matched, less what was covered
        uint64 delivered; // of what was sold
        uint64 surplus; // beyond what was sold
    }

    /// @dev What is left of the two proportional splits; made at the first collection.
    struct Pools {
        bool made;
        uint64 surplus;
        uint64 credits;
        uint128 surplusMoney;
        uint128 creditMoney;
    }

    struct Position {
        uint64 sold;
        uint64 metered;
        bool collected;
    }

    event Placed(uint256 indexed id, address indexed owner, uint32 indexed interval, Side side, uint8 tick, uint64 quantity);
    event Cleared(uint32 indexed interval, uint256 price, uint64 volume);
    event Filled(uint256 indexed id, address indexed owner, uint64 filled, uint64 quantity);
    event Covered(uint32 indexed interval, address indexed seller, uint64 quantity);
    event Metered(uint32 indexed interval, address indexed seller, uint64 quantity);
    event Collected(uint32 indexed interval, address indexed seller, uint256 amount);
    event Redeemed(uint32 indexed interval, address indexed holder, uint256 credits, uint256 amount);

    IERC20 public immutable token;
    OracleFeed public immutable oracle;
    /// @notice Seconds of an interval; interval i is [i * length, (i + 1) * length).
    uint32 public immutable length;
    /// @notice Orders are taken until this many seconds before the interval.
    uint32 public immutable gate;
    /// @notice Meters are read until this many seconds after the interval.
    uint32 public immutable metering;
    /// @notice Token units per watt-hour and tick: the price at tick t is (t + 1) * step.
    uint128 public immutable step;
    /// @notice A seller's deposit in token units per watt-hour, lost when it falls short.
    uint128 public immutable deposit;
    uint256 public constant HORIZON = 14 days;

    mapping(uint32 interval => Book) private _books;
    mapping(uint32 interval => Pools) public pools;
    mapping(uint32 interval => mapping(address seller => Position)) public positions;
    mapping(uint256 id => Order) public orders;
    /// @dev Four ticks of 64 bits a word: key is interval, side, tick / 4.
    mapping(uint256 key => uint256 volumes) private _ladder;
    /// @dev Key is an order's id without the last 64 bits.
    mapping(uint256 key => Block) private _blocks;

    constructor(
        IERC20 token_,
        OracleFeed oracle_,
        uint32 length_,
        uint32 gate_,
        uint32 metering_,
        uint128 step_,
        uint128 deposit_
    ) {
        // 2^64 watt-hours at the top price and the deposit must stay within 128 bits
        if (length_ == 0 || metering_ == 0 || step_ == 0 || step_ >= 1 << 48 || deposit_ == 0 || deposit_ >= 1 << 56) {
            revert BadConfig();
        }
        (token, oracle, length, gate, metering) = (token_, oracle_, length_, gate_, metering_);
        (step, deposit) = (step_, deposit_);
    }

    // ---- before the gate

    /// @notice Place a firm order and pay its escrow: a buyer the order's price, a seller the deposit.
    /// @param quantity Watt-hours.
    /// @return id For `claim`.
    function place(uint32 interval, Side side, uint8 tick, uint64 quantity) external returns (uint256 id) {
        uint256 start = uint256(interval) * length;
        if (block.timestamp + gate >= start) {
            revert GateClosed(interval);
        }
        if (start > block.timestamp + HORIZON) {
            revert TooFarAhead(interval);
        }
        if (quantity == 0) {
            revert ZeroQuantity();
        }
        uint256 key = (uint256(interval) << 56) | (uint256(side) << 48) | (uint256(tick) << 40) | uint40(block.timestamp);
        Block storage current = _blocks[key];
        (uint64 ahead, uint64 total) = (current.ahead, current.total);
        uint64 level = _grow(interval, side, tick, quantity);
        if (total == 0) {
            ahead = level - quantity;
        }
        (current.ahead, current.total) = (ahead, total + quantity);
        id = (key << 64) | total;
        orders[id] = Order(msg.sender, quantity);
        emit Placed(id, msg.sender, interval, side, tick, quantity);
        Pull.exact(token, msg.sender, quantity * (side == Side.Buy ? price(tick) : deposit));
    }

    // ---- between the gate and delivery

    /// @notice Find the price. Anyone may, once the gate is closed.
    function clear(uint32 interval) external {
        if (block.timestamp + gate < uint256(interval) * length) {
            revert GateOpen(interval);
        }
        Book storage book = _books[interval];
        if (book.cleared) {
            revert AlreadyCleared(interval);
        }
        book.cleared = true;
        uint64[256] memory buys = _levels(interval, Side.Buy);
        uint64[256] memory sells = _levels(interval, Side.Sell);
        (uint8 tick, uint64 volume) = _crossing(buys, sells);
        if (volume > 0) {
            (book.tick, book.volume) = (tick, volume);
            unchecked {
                // both walks end: each side has at least `volume` at the price or better
                uint64 left = volume;
                uint256 t = 255;
                for (; buys[t] < left; --t) {
                    left -= buys[t];
                }
                (book.buyTick, book.buyFill) = (uint8(t), left);
                left = volume;
                for (t = 0; sells[t] < left; ++t) {
                    left -= sells[t];
                }
                (book.sellTick, book.sellFill) = (uint8(t), left);
            }
        }
        emit Cleared(interval, price(tick), volume);
    }

    /// @notice Turn an order into its outcome: credits or an obligation, and the escrow that it did not need. Anyone
    /// may; all goes to the order's owner. A seller's order must be claimed before metering closes, or its filled part
    /// counts as not delivered.
    function claim(uint256 id) external {
        Order memory order = orders[id];
        if (order.quantity == 0) {
            revert NoSuchOrder(id);
        }
        uint32 interval = uint32(id >> 120);
        Book memory book = _books[interval];
        if (!book.cleared) {
            revert NotCleared(interval);
        }
        delete orders[id];
        uint64 filled = fillOf(id, order.quantity);
        emit Filled(id, order.owner, filled, order.quantity);
        uint256 refund;
        if (Side(uint8(id >> 112)) == Side.Buy) {
            refund = order.quantity * price(uint8(id >> 104)) - filled * price(book.tick);
            _mint(order.owner, interval, filled);
        } else {
            refund = (order.quantity - filled) * uint256(deposit);
            if (block.timestamp < meteringEnd(interval)) {
                _change(interval, order.owner, filled, 0, false);
            }
        }
        token.safeTransfer(order.owner, refund);
    }

    /// @notice Hand in credits against one's own obligation, before metering closes: it earns as if delivered.
    function cover(uint32 interval, uint64 quantity) external {
        if (block.timestamp >= meteringEnd(interval)) {
            revert MeteringClosed(interval);
        }
        uint64 owed = positions[interval][msg.sender].sold;
        if (quantity > owed) {
            revert NotOwed(quantity, owed);
        }
        _burn(msg.sender, interval, quantity);
        _change(interval, msg.sender, 0, quantity, false);
        Book storage book = _books[interval];
        book.volume -= quantity;
        emit Covered(interval, msg.sender, quantity);
        token.safeTransfer(msg.sender, quantity * (price(book.tick) + deposit));
    }

    // ---- after delivery

    /// @notice Take a seller's meter reading from the oracle, from the interval's end until metering closes. Anyone may;
    /// the latest round counts.
    function meter(uint32 interval, address seller) external {
        if (block.timestamp < (uint256(interval) + 1) * length) {
            revert NotDelivered(interval);
        }
        if (block.timestamp >= meteringEnd(interval)) {
            revert MeteringClosed(interval);
        }
        (OracleFeed.Answer memory answer,) = oracle.read(topic(interval, seller));
        // no meter delivers 2^48 watt-hours in an interval; the bound keeps a mad oracle from overflowing the sums
        int128 value = answer.value < 0 ? int128(0) : answer.value < 1 << 48 ? answer.value : int128(1 << 48);
        uint64 metered = uint64(uint128(value));
        _change(interval, seller, metered, 0, true);
        emit Metered(interval, seller, metered);
    }

    /// @notice A seller's money, once metering is closed: for what it delivered, and for its part of the surplus.
    function collect(uint32 interval) external returns (uint256 amount) {
        Pools storage pool = _pools(interval);
        Position storage position = positions[interval][msg.sender];
        if (position.collected) {
            revert AlreadyCollected();
        }
        position.collected = true;
        (uint64 delivered, uint64 surplus) = _split(position);
        amount = delivered * (price(_books[interval].tick) + deposit);
        if (surplus > 0) {
            uint256 part = uint256(pool.surplusMoney) * surplus / pool.surplus;
            pool.surplusMoney -= uint128(part);
            pool.surplus -= surplus;
            amount += part;
        }
        emit Collected(interval, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Burn credits after metering closed, for their part of what sellers who fell short have lost.
    function redeem(uint32 interval, uint64 credits) external returns (uint256 amount) {
        Pools storage pool = _pools(interval);
        _burn(msg.sender, interval, credits);
        if (credits > 0) {
            amount = uint256(pool.creditMoney) * credits / pool.credits;
            pool.creditMoney -= uint128(amount);
            pool.credits -= credits;
        }
        emit Redeemed(interval, msg.sender, credits, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // ---- views

    /// @notice Token units per watt-hour.
    function price(uint8 tick) public view returns (uint256) {
        return (uint256(tick) + 1) * step;
    }

    function bookOf(uint32 interval) external view returns (Book memory) {
        return _books[interval];
    }

    /// @notice When meters are read no more.
    function meteringEnd(uint32 interval) public view returns (uint256) {
        return (uint256(interval) + 1) * length + metering;
    }

    /// @notice The oracle's topic for a seller's delivery in an interval, in watt-hours.
    function topic(uint32 interval, address seller) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), seller, interval));
    }

    /// @notice How much of an order fills, once its interval is cleared.
    function fillOf(uint256 id, uint64 quantity) public view returns (uint64) {
        Book storage book = _books[uint32(id >> 120)];
        if (book.buyFill == 0) {
            return 0; // nothing traded
        }
        uint8 tick = uint8(id >> 104);
        bool buy = Side(uint8(id >> 112)) == Side.Buy;
        uint8 margin = buy ? book.buyTick : book.sellTick;
        if (tick != margin) {
            return (tick > margin) == buy ? quantity : 0;
        }
        // at the margin: blocks in order of time, and this block's part in proportion to size
        Block memory own = _blocks[id >> 64];
        uint64 fill = buy ? book.buyFill : book.sellFill;
        uint256 part = fill <= own.ahead ? 0 : fill - own.ahead;
        part = part < own.total ? part : own.total;
        uint256 before = uint64(id);
        // differences of running floors, so that the parts of a block add up to `part`
        return uint64(part * (before + quantity) / own.total - part * before / own.total);
    }

    // ---- inside

    /// @dev Adds to the ladder; returns the tick's new volume.
    function _grow(uint32 interval, Side side, uint8 tick, uint64 quantity) private returns (uint64 level) {
        uint256 key = _ladderKey(interval, side) | (tick >> 2);
        uint256 shift = uint256(tick & 3) << 6;
        uint256 word = _ladder[key];
        uint64 old = uint64(word >> shift);
        level = old + quantity;
        if (level >= 1 << 56) {
            revert LadderFull(tick); // so that a whole side fits 64 bits
        }
        _ladder[key] = word ^ (uint256(old ^ level) << shift);
    }

    function _levels(uint32 interval, Side side) private view returns (uint64[256] memory levels) {
        uint256 key = _ladderKey(interval, side);
        unchecked {
            for (uint256 t = 0; t < 256; ++key) {
                uint256 word = _ladder[key];
                for (uint256 stop = t + 4; t < stop; ++t) {
                    levels[t] = uint64(word);
                    word >>= 64;
                }
            }
        }
    }

    function _ladderKey(uint32 interval, Side side) private pure returns (uint256) {
        return (uint256(interval) << 16) | (uint256(side) << 8);
    }

    /// @dev The price's tick and the volume that trades at it.
    function _crossing(uint64[256] memory buys, uint64[256] memory sells)
        private
        pure
        returns (uint8 tick, uint64 volume)
    {
        unchecked {
            uint256 demand;
            for (uint256 t = 0; t < 256; ++t) {
                demand += buys[t];
            }
            uint256 supply;
            uint256 imbalance = type(uint256).max;
            for (uint256 t = 0; t < 256; ++t) {
                supply += sells[t];
                (uint256 both, uint256 rest) = demand < supply ? (demand, supply - demand) : (supply, demand - supply);
                if (both > volume || (both == volume && rest < imbalance)) {
                    (tick, volume, imbalance) = (uint8(t), uint64(both), rest);
                }
                demand -= buys[t];
            }
        }
    }

    /// @dev Changes a position, and the book's sums with it. `more` is sold energy, or the reading if `reading`.
    function _change(uint32 interval, address seller, uint64 more, uint64 less, bool reading) private {
        Book storage book = _books[interval];
        Position storage position = positions[interval][seller];
        (uint64 delivered, uint64 surplus) = _split(position);
        book.delivered -= delivered;
        book.surplus -= surplus;
        if (reading) {
            position.metered = more;
        } else {
            position.sold = position.sold + more - less;
        }
        (delivered, surplus) = _split(position);
        book.delivered += delivered;
        book.surplus += surplus;
    }

    function _split(Position storage position) private view returns (uint64 delivered, uint64 surplus) {
        (uint64 sold, uint64 metered) = (position.sold, position.metered);
        return metered > sold ? (sold, metered - sold) : (metered, 0);
    }

    /// @dev The splits of an interval whose metering is closed.
    function _pools(uint32 interval) private returns (Pools storage pool) {
        Book storage book = _books[interval];
        if (!book.cleared) {
            revert NotCleared(interval);
        }
        if (block.timestamp < meteringEnd(interval)) {
            revert MeteringOpen(interval);
        }
        pool = pools[interval];
        if (!pool.made) {
            uint256 short = book.volume - book.delivered;
            uint256 bought = (short < book.surplus ? short : book.surplus) * price(book.tick);
            pool.made = true;
            pool.surplus = book.surplus;
            pool.credits = book.volume;
            pool.surplusMoney = uint128(bought);
            pool.creditMoney = uint128(short * (price(book.tick) + deposit) - bought);
        }
    }
}
