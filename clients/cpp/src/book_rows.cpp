#include "iqfeed_gateway/book_rows.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include "iqfeed_gateway/events.hpp"

namespace iqfeed_gateway {
namespace {

std::uint64_t size_of(const BookRow& row) {
  return std::visit(
      [](const auto& typed) { return static_cast<std::uint64_t>(typed.size.value_or(0)); }, row);
}

const std::string& side_of(const BookRow& row) {
  return std::visit([](const auto& typed) -> const std::string& { return typed.side; }, row);
}

std::optional<double> price_of(const BookRow& row) {
  return std::visit([](const auto& typed) { return typed.price; }, row);
}

/// Rows of one price: by priority, then number (none last), then name (none first).
bool is_before(const BookRow& left, const BookRow& right) {
  const auto* const a = std::get_if<OrderRow>(&left);
  const auto* const b = std::get_if<OrderRow>(&right);
  if (a == nullptr || b == nullptr) return false;
  const auto place = [](const OrderRow& row) {
    return std::tuple(!row.priority, row.priority.value_or(0), !row.order_id,
                      row.order_id.value_or(0), row.market_maker);
  };
  return place(*a) < place(*b);
}

}  // namespace

BookRowKey key_of(const BookRow& row) {
  if (const auto* const depth = std::get_if<DepthRow>(&row)) {
    return std::pair(depth->side, depth->price);
  }
  const auto& order = std::get<OrderRow>(row);
  if (order.order_id) return *order.order_id;
  return std::pair(order.market_maker, order.side);
}

const BookRows::Side& BookRows::of(std::string_view side) const {
  return side == side::bid ? bids_ : asks_;
}

BookRows::Side& BookRows::of(std::string_view side) { return side == side::bid ? bids_ : asks_; }

bool BookRows::put(BookRow row) {
  const auto price = price_of(row);
  if (!price) return false;
  auto key = key_of(row);
  if (!remove(key) && places_.size() >= rows_max_) return false;
  places_.insert_or_assign(key, std::pair(side_of(row) == side::bid, *price));
  auto& level = of(side_of(row))[*price];
  level.size += size_of(row);
  level.rows.insert_or_assign(std::move(key), std::move(row));
  return true;
}

bool BookRows::remove(const BookRowKey& key) {
  const auto place = places_.find(key);
  if (place == places_.end()) return false;
  auto& levels = place->second.first ? bids_ : asks_;
  const auto level = levels.find(place->second.second);
  const auto row = level->second.rows.find(key);
  level->second.size -= size_of(row->second);
  level->second.rows.erase(row);
  if (level->second.rows.empty()) levels.erase(level);
  places_.erase(place);
  return true;
}

bool BookRows::clear_side(std::string_view side) {
  auto& levels = of(side);
  const bool had_any = !levels.empty();
  for (const auto& [price, level] : levels) {
    for (const auto& [key, row] : level.rows) places_.erase(key);
  }
  levels.clear();
  return had_any;
}

void BookRows::clear() {
  bids_.clear();
  asks_.clear();
  places_.clear();
}

PriceLevel BookRows::sum(double price, const Level& level) {
  constexpr auto highest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  PriceLevel found{price, static_cast<std::int64_t>(std::min(level.size, highest)), {}};
  if (const auto* const depth = std::get_if<DepthRow>(&level.rows.begin()->second)) {
    found.order_count = depth->order_count;
  } else {
    found.order_count = static_cast<std::int64_t>(level.rows.size());
  }
  return found;
}

template <class Call>
void BookRows::best_first(std::string_view side, Call call) const {
  const auto& levels = of(side);
  if (side == side::bid) {
    for (auto level = levels.rbegin(); level != levels.rend() && call(*level);) ++level;
  } else {
    for (auto level = levels.begin(); level != levels.end() && call(*level);) ++level;
  }
}

std::optional<PriceLevel> BookRows::best(std::string_view side) const {
  const auto found = levels(side, 1);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

std::vector<PriceLevel> BookRows::levels(std::string_view side, std::size_t levels_max) const {
  std::vector<PriceLevel> found;
  best_first(side, [&](const auto& level) {
    if (found.size() >= levels_max) return false;
    found.push_back(sum(level.first, level.second));
    return true;
  });
  return found;
}

std::vector<BookRow> BookRows::in_order(std::string_view side) const {
  std::vector<BookRow> found;
  best_first(side, [&](const auto& level) {
    const auto first = static_cast<std::ptrdiff_t>(found.size());
    for (const auto& [key, row] : level.second.rows) found.push_back(row);
    std::stable_sort(found.begin() + first, found.end(), is_before);
    return true;
  });
  return found;
}

}  // namespace iqfeed_gateway
