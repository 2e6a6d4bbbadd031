// The rows of one book, added up to price levels that are always in order. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "iqfeed_gateway/messages.hpp"

namespace iqfeed_gateway {

/// A row as an Image holds it.
using BookRow = std::variant<DepthRow, OrderRow>;
/// What a row is known by: the order number, (side, price), or (market maker, side).
using BookRowKey = std::variant<std::uint64_t, std::pair<std::string, std::optional<double>>,
                                std::pair<std::optional<std::string>, std::string>>;

/// What a row is known by.
[[nodiscard]] BookRowKey key_of(const BookRow& row);

/// Both sides of one book. Sides are `side::bid` and `side::ask`.
class BookRows {
 public:
  /// Keep so many rows, both sides together.
  explicit BookRows(std::size_t rows_max) : rows_max_(rows_max) {}

  /// Add a row with side and price, or replace the one with its key, on whichever side that stands.
  /// False when it is new and there is no place for it.
  bool put(BookRow row);
  /// Remove a row; whether there was one.
  bool remove(const BookRowKey& key);
  /// Remove all rows of a side; whether there were any.
  bool clear_side(std::string_view side);
  /// Remove everything.
  void clear();

  [[nodiscard]] std::size_t size() const { return places_.size(); }
  /// The best price of a side, added up; empty when it has none.
  [[nodiscard]] std::optional<PriceLevel> best(std::string_view side) const;
  /// Every price of a side, added up, best first; at most `levels_max`.
  [[nodiscard]] std::vector<PriceLevel> levels(std::string_view side, std::size_t levels_max) const;
  /// The rows of a side as an Image lists them.
  [[nodiscard]] std::vector<BookRow> in_order(std::string_view side) const;

 private:
  struct Level {
    std::map<BookRowKey, BookRow> rows{};
    std::uint64_t size = 0;
  };
  using Side = std::map<double, Level>;

  [[nodiscard]] const Side& of(std::string_view side) const;
  [[nodiscard]] Side& of(std::string_view side);
  [[nodiscard]] static PriceLevel sum(double price, const Level& level);
  template <class Call>
  void best_first(std::string_view side, Call call) const;

  std::size_t rows_max_;
  Side bids_;
  Side asks_;
  std::map<BookRowKey, std::pair<bool, double>> places_;  // Whether a bid, and the price.
};

}  // namespace iqfeed_gateway
