// A value of no fixed form: what maps of messages and results of requests are made of.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace iqfeed_gateway {

class Value;

/// An array of values.
using Array = std::vector<Value>;

/// A map with text keys, kept in the order of its keys. Of equal keys the last one counts.
class Map {
 public:
  using Entry = std::pair<std::string, Value>;

  Map();
  Map(std::initializer_list<Entry> entries);
  /// Take entries in any order.
  explicit Map(std::vector<Entry> entries);
  Map(const Map&);
  Map(Map&&) noexcept;
  Map& operator=(const Map&);
  Map& operator=(Map&&) noexcept;
  ~Map();

  /// The value of a key; null when there is none.
  [[nodiscard]] const Value* find(std::string_view key) const;
  /// The text of a key; empty when there is none or it is something else.
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  /// The integer of a key, as `Value::integer`.
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const;
  /// Whether a key's value is true.
  [[nodiscard]] bool is_true(std::string_view key) const;
  /// The array of a key; null when there is none or it is something else.
  [[nodiscard]] const Array* array(std::string_view key) const;
  /// The map of a key; null when there is none or it is something else.
  [[nodiscard]] const Map* map(std::string_view key) const;
  /// Give a key a value.
  void set(std::string key, Value value);

  [[nodiscard]] std::vector<Entry>::const_iterator begin() const;
  [[nodiscard]] std::vector<Entry>::const_iterator end() const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const;
  bool operator==(const Map& other) const;

 private:
  std::vector<Entry> entries_;
};

/// Nil, a boolean, an integer (unsigned only above 2^63-1), a number, text, an array or a map.
class Value {
 public:
  using Data = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string,
                            Array, Map>;

  Value() = default;
  Value(bool value) : data_(value) {}
  Value(int value) : data_(static_cast<std::int64_t>(value)) {}
  Value(std::int64_t value) : data_(value) {}
  Value(std::uint64_t value);
  Value(double value) : data_(value) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(std::string_view value) : data_(std::string(value)) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(Array value) : data_(std::move(value)) {}
  Value(Map value) : data_(std::move(value)) {}

  /// What it is, for `std::visit`.
  [[nodiscard]] const Data& data() const { return data_; }
  [[nodiscard]] bool is_nil() const { return std::holds_alternative<std::monostate>(data_); }
  /// The boolean, if it is one.
  [[nodiscard]] std::optional<bool> boolean() const;
  /// The integer, if it is one up to 2^63-1.
  [[nodiscard]] std::optional<std::int64_t> integer() const;
  /// The integer or number, if it is one; integers above 2^53 lose digits.
  [[nodiscard]] std::optional<double> number() const;
  /// The text; null when it is something else. Likewise the others.
  [[nodiscard]] const std::string* text() const { return std::get_if<std::string>(&data_); }
  [[nodiscard]] const Array* array() const { return std::get_if<Array>(&data_); }
  [[nodiscard]] const Map* map() const { return std::get_if<Map>(&data_); }
  [[nodiscard]] Map* map() { return std::get_if<Map>(&data_); }
  bool operator==(const Value& other) const = default;

 private:
  Data data_;
};

}  // namespace iqfeed_gateway
