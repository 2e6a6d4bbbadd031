#include "book.hpp"

#include <algorithm>
#include <tuple>

namespace iqfeed_gateway {
namespace {

/// Whether a market maker of the classic dialect is a price level of an exchange.
bool is_level_name(Text name) {
  return name.size() == 4 && name[0] == 'M' && name[1] == 'D' && is_digit(name[2]) &&
         is_digit(name[3]);
}

/// A row's place in the queue; what is left out comes last, but names.
std::tuple<bool, std::uint64_t, bool, std::uint64_t, Text> place_of(const OrderRow& row) {
  return {!row.priority.is_there, row.priority.value, !row.id.is_there, row.id.value, row.maker};
}

/// The same key as a row is known by.
RowKey key_of(const OrderRow& row) { return {row.id, row.maker, row.is_bid}; }

}  // namespace

// -- BookSide

/// Where a price is, or where it would be.
std::size_t BookSide::place_of(double price) const {
  const auto is_worse = [this](const Place& place, double other) {
    return is_bid_ ? place.price < other : place.price > other;
  };
  const auto at = std::lower_bound(levels_.begin(), levels_.end(), price, is_worse);
  return static_cast<std::size_t>(at - levels_.begin());
}

Level* BookSide::find(double price) const {
  const std::size_t at = place_of(price);
  return at < levels_.size() && levels_[at].price == price ? levels_[at].level : nullptr;
}

void BookSide::make_room(Pool<Level>& pool) {
  pool.next();
  if (levels_.size() == levels_.capacity()) levels_.reserve(levels_.size() * 2 + 8);
}

Level& BookSide::add(double price, Pool<Level>& pool) {
  Level& level = pool.take();
  level.price = price;
  const auto at = static_cast<std::ptrdiff_t>(place_of(price));
  levels_.insert(levels_.begin() + at, {price, &level});
  return level;
}

void BookSide::remove(double price, Pool<Level>& pool) {
  const std::size_t at = place_of(price);
  pool.give_back(*levels_[at].level);
  levels_.erase(levels_.begin() + static_cast<std::ptrdiff_t>(at));
}

void BookSide::clear(Pool<Level>& pool) {
  for (const Place& place : levels_) pool.give_back(*place.level);
  levels_.clear();
}

// -- LevelBook

Put LevelBook::put(bool is_bid, double price, std::uint64_t size, MaybeCount count,
                   MaybeCount precision) {
  BookSide& own = own_side(is_bid);
  Level* level = own.find(price);
  const bool is_new = level == nullptr;
  if (is_new) {
    if (row_count() >= rows_max_) return Put::full;
    own.make_room(levels_);
    level = &own.add(price, levels_);
    // As if it had had a size: only what is empty from now on counts.
    note_size(1, size);
  } else {
    note_size(level->size.told(), size);
  }
  level->size = {};
  level->size.add(size);
  level->count = count;
  level->precision = precision;
  level->is_packed = false;
  ++changes_;
  return is_new ? Put::added : Put::changed;
}

bool LevelBook::remove(bool is_bid, double price) {
  BookSide& own = own_side(is_bid);
  const Level* const level = own.find(price);
  if (level == nullptr) return false;
  note_size(level->size.told(), 1);
  own.remove(price, levels_);
  if (row_count() == 0 && levels_.size() > kept_max) release_sides();
  ++changes_;
  return true;
}

std::size_t LevelBook::clear(bool is_bid) {
  BookSide& own = own_side(is_bid);
  const std::size_t count = own.size();
  own.each(count, [this](const Level& level) { note_size(level.size.told(), 1); });
  own.clear(levels_);
  if (row_count() == 0 && levels_.size() > kept_max) release_sides();
  ++changes_;
  return count;
}

// -- OrderBook

std::uint64_t OrderBook::hash_of(const RowKey& key) {
  static const std::uint64_t secret = make_secret();
  if (key.id.is_there) return (key.id.value ^ key.id.value >> 32) * secret;
  std::uint64_t hash = key.is_bid ? 1 : 2;
  for (const char letter : key.maker) {
    hash = ((hash ^ hash >> 32) + static_cast<unsigned char>(letter)) * secret;
  }
  return hash * secret;
}

OrderRow* OrderBook::find(const RowKey& key) const {
  const auto* const slot = rows_.find(hash_of(key), [&key](const Slot& other) {
    const OrderRow& row = *other.item;
    if (key.id.is_there || row.id.is_there) return row.id == key.id;
    return row.is_bid == key.is_bid && row.maker == key.maker;
  });
  return slot != nullptr ? slot->item : nullptr;
}

Put OrderBook::put(const RowKey& key, const RowValues& values) {
  OrderRow* row = find(key);
  const bool is_new = row == nullptr;
  if (is_new && row_count() >= rows_max_) return Put::full;
  own_side(values.is_bid).make_room(levels_);
  (is_new ? memory_.next() : *row).maker.reserve(values.maker.size());
  if (is_new) {
    rows_.make_room();
    row = &memory_.take();
    row->id = key.id;
    row->turn = ++turns_;
    rows_.add({hash_of(key), row});
    if (!key.id.is_there) ++makers_;
    note_size(1, values.size);
    join(*row, values.is_bid, values.price);
  } else {
    note_size(row->size, values.size);
    if (row->price == values.price && row->is_bid == values.is_bid) {
      row->level->size.subtract(row->size);
    } else {
      leave(*row);
      join(*row, values.is_bid, values.price);
    }
  }
  row->level->size.add(values.size);
  row->level->is_packed = false;
  row->maker.assign(values.maker);
  row->size = values.size;
  row->priority = values.priority;
  row->precision = values.precision;
  row->heard_us = values.heard_us;
  ++changes_;
  return is_new ? Put::added : Put::changed;
}

void OrderBook::remove(OrderRow& row) {
  const RowKey key = key_of(row);
  rows_.remove(rows_.find(hash_of(key), [&row](const Slot& slot) { return slot.item == &row; }));
  if (!key.id.is_there) --makers_;
  note_size(row.size, 1);
  leave(row);
  memory_.give_back(row);
  ++changes_;
  release_if_empty();
}

/// Give the memory of what was a deep book back.
void OrderBook::release_if_empty() {
  if (row_count() != 0 || memory_.size() <= kept_max) return;
  rows_.take_all();
  memory_.clear();
  release_sides();
}

std::size_t OrderBook::clear(bool is_bid) {
  std::vector<OrderRow*> gone;
  own_side(is_bid).each(own_side(is_bid).size(), [&gone](const Level& level) {
    for (OrderRow* row = level.rows; row != nullptr; row = row->behind) gone.push_back(row);
  });
  for (OrderRow* const row : gone) remove(*row);
  ++changes_;
  return gone.size();
}

std::vector<OrderRow*> OrderBook::find_old(std::int64_t heard_before_us) const {
  std::vector<OrderRow*> old;
  if (makers_ == 0) return old;
  rows_.each([&old, heard_before_us](OrderRow& row) {
    if (!row.id.is_there && row.heard_us < heard_before_us && !is_level_name(row.maker)) {
      old.push_back(&row);
    }
  });
  std::sort(old.begin(), old.end(),
            [](const OrderRow* left, const OrderRow* right) { return left->turn < right->turn; });
  return old;
}

std::vector<const OrderRow*> OrderBook::rows_of(const Level& level) {
  std::vector<const OrderRow*> rows;
  for (const OrderRow* row = level.rows; row != nullptr; row = row->behind) rows.push_back(row);
  std::sort(rows.begin(), rows.end(), [](const OrderRow* left, const OrderRow* right) {
    return place_of(*left) < place_of(*right);
  });
  return rows;
}

/// Place a row at a level, which may be new; the caller adds its size.
void OrderBook::join(OrderRow& row, bool is_bid, double price) {
  BookSide& own = own_side(is_bid);
  Level* level = own.find(price);
  if (level == nullptr) level = &own.add(price, levels_);
  level->count = {level->count.value + 1, true};
  row.before = nullptr;
  row.behind = level->rows;
  if (row.behind != nullptr) row.behind->before = &row;
  level->rows = &row;
  row.level = level;
  row.is_bid = is_bid;
  row.price = price;
}

/// Take a row from its level, and the level from its side when it was the last.
void OrderBook::leave(OrderRow& row) {
  Level& level = *row.level;
  (row.before != nullptr ? row.before->behind : level.rows) = row.behind;
  if (row.behind != nullptr) row.behind->before = row.before;
  if (level.rows == nullptr) {
    own_side(row.is_bid).remove(level.price, levels_);
    return;
  }
  level.size.subtract(row.size);
  --level.count.value;
  level.is_packed = false;
}

}  // namespace iqfeed_gateway
