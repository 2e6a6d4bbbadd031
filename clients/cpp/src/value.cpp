#include "iqfeed_gateway/value.hpp"

#include <algorithm>
#include <limits>

namespace iqfeed_gateway {
namespace {

auto place_of(auto& entries, std::string_view key) {
  return std::lower_bound(
      entries.begin(), entries.end(), key,
      [](const Map::Entry& entry, std::string_view k) { return entry.first < k; });
}

}  // namespace

Value::Value(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    data_ = static_cast<std::int64_t>(value);
  } else {
    data_ = value;
  }
}

std::optional<bool> Value::boolean() const {
  const auto* value = std::get_if<bool>(&data_);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<std::int64_t> Value::integer() const {
  const auto* value = std::get_if<std::int64_t>(&data_);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<double> Value::number() const {
  if (const auto* value = std::get_if<double>(&data_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) return static_cast<double>(*value);
  return std::nullopt;
}

Map::Map() = default;
Map::Map(const Map&) = default;
Map::Map(Map&&) noexcept = default;
Map& Map::operator=(const Map&) = default;
Map& Map::operator=(Map&&) noexcept = default;
Map::~Map() = default;

Map::Map(std::initializer_list<Entry> entries) : Map(std::vector<Entry>(entries)) {}

Map::Map(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.first < b.first; });
  // Of equal keys the last one stays: seen from the end, it is the first.
  const auto kept = std::unique(entries_.rbegin(), entries_.rend(),
                                [](const Entry& a, const Entry& b) { return a.first == b.first; });
  entries_.erase(entries_.begin(), kept.base());
}

const Value* Map::find(std::string_view key) const {
  const auto place = place_of(entries_, key);
  return place == entries_.end() || place->first != key ? nullptr : &place->second;
}

std::optional<std::string> Map::text(std::string_view key) const {
  const auto* value = find(key);
  const auto* text = value == nullptr ? nullptr : value->text();
  return text == nullptr ? std::nullopt : std::optional(*text);
}

std::optional<std::int64_t> Map::integer(std::string_view key) const {
  const auto* value = find(key);
  return value == nullptr ? std::nullopt : value->integer();
}

bool Map::is_true(std::string_view key) const {
  const auto* value = find(key);
  return value != nullptr && value->boolean().value_or(false);
}

const Array* Map::array(std::string_view key) const {
  const auto* value = find(key);
  return value == nullptr ? nullptr : value->array();
}

const Map* Map::map(std::string_view key) const {
  const auto* value = find(key);
  return value == nullptr ? nullptr : value->map();
}

void Map::set(std::string key, Value value) {
  const auto place = place_of(entries_, key);
  if (place != entries_.end() && place->first == key) {
    place->second = std::move(value);
  } else {
    entries_.emplace(place, std::move(key), std::move(value));
  }
}

std::vector<Map::Entry>::const_iterator Map::begin() const { return entries_.begin(); }
std::vector<Map::Entry>::const_iterator Map::end() const { return entries_.end(); }
std::size_t Map::size() const { return entries_.size(); }
bool Map::empty() const { return entries_.empty(); }
bool Map::operator==(const Map& other) const { return entries_ == other.entries_; }

}  // namespace iqfeed_gateway
