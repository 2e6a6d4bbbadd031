// msgpack read from bytes that nobody vouches for.
//
// Every read is checked against the end of the bytes, a length or count that is larger than what is
// left is refused before anything is allocated, and nesting is bounded. Binary, extension types,
// texts that are not UTF-8, map keys that are not text, NaN and infinities are no part of the
// contract and are refused wherever they stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "iqfeed_gateway/value.hpp"

namespace iqfeed_gateway {

/// An integer of any sign: `magnitude` is of the negated value when it is negative.
struct WireInteger {
  std::uint64_t magnitude;
  bool is_negative;
};

/// Reads msgpack; every method throws DecodeError at what it does not accept.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) noexcept
      : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - next_); }
  [[nodiscard]] bool is_at_nil() const noexcept { return next_ != end_ && *next_ == '\xc0'; }
  /// Read nil if it is next.
  bool take_nil() noexcept {
    if (!is_at_nil()) return false;
    ++next_;
    return true;
  }

  std::size_t array_count();
  std::size_t map_count();
  WireInteger integer();
  /// An integer that is not negative and not above a limit.
  std::uint64_t unsigned_integer(std::uint64_t highest) {
    if (next_ != end_ && static_cast<unsigned char>(*next_) < 0x80) {
      return static_cast<unsigned char>(*next_++);
    }
    const auto [magnitude, is_negative] = integer();
    if (is_negative || magnitude > highest) refuse("integer out of range");
    return magnitude;
  }
  /// A finite number; integers are none.
  double number();
  bool boolean();
  /// Text, which may be empty; a view into the bytes.
  std::string_view text();
  /// Anything of the contract.
  Value value(int levels_left);
  /// Read over anything of the contract.
  void skip(int levels_left);

 private:
  [[noreturn]] static void refuse(const char* what);
  unsigned char byte() {
    if (next_ == end_) refuse("bytes end too early");
    return static_cast<unsigned char>(*next_++);
  }
  std::uint64_t big_endian(std::size_t count);
  std::string_view take(std::uint64_t count);
  std::size_t checked_count(std::uint64_t count, std::size_t bytes_each) const;
  Array array(int levels_left);
  Map map(int levels_left);

  const char* next_;
  const char* end_;
};

/// Append a value as msgpack.
void pack(std::string& out, const Value& value);

}  // namespace iqfeed_gateway
