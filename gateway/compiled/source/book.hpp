// Order books: rows in, best prices and images out. What `gateway.book` does, in memory that is read
// without Python; nobody else changes it meanwhile.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "table.hpp"

namespace iqfeed_gateway {

/// Largest size on the wire: absurd rows may add up to more.
constexpr std::uint64_t size_max = 0x7fff'ffff'ffff'ffff;

/// A sum of sizes, whatever they are.
class Total {
 public:
  void add(std::uint64_t size) {
    low_ += size;
    if (low_ < size) ++high_;
  }
  void subtract(std::uint64_t size) {
    if (low_ < size) --high_;
    low_ -= size;
  }
  /// As the wire can carry it.
  [[nodiscard]] std::uint64_t told() const {
    return high_ != 0 || low_ > size_max ? size_max : low_;
  }

 private:
  std::uint64_t low_ = 0;
  std::uint64_t high_ = 0;
};

struct Level;

/// One order, or one market maker's best row.
struct OrderRow {
  bool is_bid = false;
  /// The exchange's number; none for a market maker's row.
  MaybeCount id;
  /// UTF-8; empty for an anonymous order.
  std::string maker;
  double price = 0;
  std::uint64_t size = 0;
  MaybeCount priority;
  MaybeCount precision;
  /// When it was told last, by the caller's clock.
  std::int64_t heard_us = 0;
  /// Its place among all that were ever added.
  std::uint64_t turn = 0;
  Level* level = nullptr;
  /// Its neighbours at the level, or behind it the next free row.
  OrderRow* before = nullptr;
  OrderRow* behind = nullptr;
};

/// One price of one side.
struct Level {
  double price = 0;
  Total size;
  /// Number of rows; in a book of levels the vendor's number of orders, which may be unknown.
  MaybeCount count;
  /// Decimals to show the price with, in a book of levels.
  MaybeCount precision;
  /// What makes it up, in no order; null in a book of levels.
  OrderRow* rows = nullptr;
  /// The next free level.
  Level* behind = nullptr;
  /// Its rows as an image shows them, if they were asked for since it has changed.
  mutable std::string packed;
  mutable bool is_packed = false;
};

/// Memory of rows or levels that serves again; `behind` joins what is free.
template <typename Item>
class Pool {
 public:
  /// How many there are, in use or free.
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  /// The item that is taken next; may need memory, which `take` then does not.
  Item& next() {
    if (free_ == nullptr) free_ = &items_.emplace_back();
    return *free_;
  }
  Item& take() {
    Item& item = next();
    free_ = std::exchange(item.behind, nullptr);
    return item;
  }
  void give_back(Item& item) {
    item = Item();
    item.behind = free_;
    free_ = &item;
  }
  /// Give all memory back; nothing of it may be in use.
  void clear() {
    std::deque<Item>().swap(items_);
    free_ = nullptr;
  }

 private:
  std::deque<Item> items_;
  Item* free_ = nullptr;
};

/// The levels of one side.
class BookSide {
 public:
  explicit BookSide(bool is_bid) : is_bid_(is_bid) {}

  [[nodiscard]] std::size_t size() const { return levels_.size(); }
  /// The best level; null while the side is empty.
  [[nodiscard]] const Level* best() const {
    return levels_.empty() ? nullptr : levels_.back().level;
  }
  /// The level of a price; null when there is none.
  [[nodiscard]] Level* find(double price) const;
  /// Make sure that the next level can be added without more memory.
  void make_room(Pool<Level>& pool);
  /// Add a level at a price that has none.
  Level& add(double price, Pool<Level>& pool);
  /// Remove the level of a price that has one.
  void remove(double price, Pool<Level>& pool);
  /// Remove all levels.
  void clear(Pool<Level>& pool);
  /// Give its memory back; it is empty.
  void release() { std::vector<Place>().swap(levels_); }

  /// Look at the levels, best first, `count` at most.
  template <typename Function>
  void each(std::size_t count, Function function) const {
    for (auto at = levels_.rbegin(); at != levels_.rend() && count != 0; ++at, --count) {
      function(*at->level);
    }
  }

 private:
  struct Place {
    double price = 0;
    Level* level = nullptr;
  };

  [[nodiscard]] std::size_t place_of(double price) const;

  bool is_bid_;
  /// The best one last: most changes are near it.
  std::vector<Place> levels_;
};

/// What a row that was put into a book did.
enum class Put { added, changed, full };

/// What books of orders and books of levels have in common. Where memory is short, a book stays as it
/// was: what is needed is asked for before anything changes.
class Book {
 public:
  explicit Book(std::size_t rows_max) : rows_max_(rows_max) {}
  Book(const Book&) = delete;
  Book& operator=(const Book&) = delete;

  [[nodiscard]] const BookSide& side(bool is_bid) const { return is_bid ? bids_ : asks_; }
  /// Rows whose size is 0.
  [[nodiscard]] std::uint64_t empty_rows() const { return empty_rows_; }
  /// How often the book has changed.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

 protected:
  /// Levels of an empty book that wait to serve again; those of a deeper one are given back.
  static constexpr std::size_t kept_max = 1'024;

  ~Book() = default;
  void release_sides() {
    bids_.release();
    asks_.release();
    levels_.clear();
  }
  BookSide& own_side(bool is_bid) { return is_bid ? bids_ : asks_; }
  void note_size(std::uint64_t before, std::uint64_t size) {
    empty_rows_ += (size == 0 ? 1u : 0u);
    empty_rows_ -= (before == 0 ? 1u : 0u);
  }

  const std::size_t rows_max_;
  BookSide bids_{true};
  BookSide asks_{false};
  Pool<Level> levels_;
  std::uint64_t empty_rows_ = 0;
  std::uint64_t changes_ = 0;
};

/// A book of price levels, as the exchange adds them up.
class LevelBook : public Book {
 public:
  using Book::Book;

  [[nodiscard]] std::size_t row_count() const { return bids_.size() + asks_.size(); }
  /// Add or replace a level.
  Put put(bool is_bid, double price, std::uint64_t size, MaybeCount count, MaybeCount precision);
  /// Remove a level; false when there is none.
  bool remove(bool is_bid, double price);
  /// Remove a side; how many levels it had.
  std::size_t clear(bool is_bid);
};

/// What a row is known by: its order number, or its market maker and side.
struct RowKey {
  MaybeCount id;
  Text maker;
  bool is_bid = false;
};

/// What a line says of a row.
struct RowValues {
  bool is_bid = false;
  Text maker;
  double price = 0;
  std::uint64_t size = 0;
  MaybeCount priority;
  MaybeCount precision;
  std::int64_t heard_us = 0;
};

/// A book of orders by number, or of market makers' best rows.
class OrderBook : public Book {
 public:
  using Book::Book;

  [[nodiscard]] std::size_t row_count() const { return rows_.size(); }
  /// The row of a key; null when there is none.
  [[nodiscard]] OrderRow* find(const RowKey& key) const;
  /// Add or replace a row; one that is replaced may change price and side.
  Put put(const RowKey& key, const RowValues& values);
  /// Remove a row of this book.
  void remove(OrderRow& row);
  /// Remove a side; how many rows it had.
  std::size_t clear(bool is_bid);
  /// Market makers' rows that were told last before some time, in the order they were added; not
  /// those that are named like price levels (`MD01`).
  [[nodiscard]] std::vector<OrderRow*> find_old(std::int64_t heard_before_us) const;
  /// A level's rows by their place in the queue: by priority, then number, those without last, then
  /// by name, those without first.
  [[nodiscard]] static std::vector<const OrderRow*> rows_of(const Level& level);

 private:
  struct Slot {
    std::uint64_t hash = 0;
    OrderRow* item = nullptr;
  };

  static std::uint64_t hash_of(const RowKey& key);
  void release_if_empty();
  void join(OrderRow& row, bool is_bid, double price);
  void leave(OrderRow& row);

  SlotTable<Slot> rows_;
  Pool<OrderRow> memory_;
  std::uint64_t turns_ = 0;
  std::size_t makers_ = 0;
};

}  // namespace iqfeed_gateway
