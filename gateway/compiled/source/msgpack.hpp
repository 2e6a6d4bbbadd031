// msgpack of message bodies, each number in its shortest form.
//
// Source: the msgpack specification, formats nil, float 64, unsigned, fixstr, str 8, array.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "text.hpp"

namespace iqfeed_gateway {

/// Writes into memory that is large enough: a body's size has a bound.
class Packer {
 public:
  explicit Packer(char* place) : place_(place) {}

  [[nodiscard]] char* place() const { return place_; }

  void array(unsigned count) {
    if (count < 16) {
      byte(0x90 | count);
    } else {
      byte(0xdc);
      number<std::uint16_t>(static_cast<std::uint16_t>(count));
    }
  }

  void nil() { byte(0xc0); }

  void integer(std::uint64_t value) {
    if (value < 0x80) {
      byte(static_cast<unsigned>(value));
    } else if (value <= 0xff) {
      byte(0xcc);
      byte(static_cast<unsigned>(value));
    } else if (value <= 0xffff) {
      byte(0xcd);
      number(static_cast<std::uint16_t>(value));
    } else if (value <= 0xffff'ffff) {
      byte(0xce);
      number(static_cast<std::uint32_t>(value));
    } else {
      byte(0xcf);
      number(value);
    }
  }

  /// Microseconds since 1970: never negative here.
  void moment(std::int64_t value_us) { integer(static_cast<std::uint64_t>(value_us)); }

  void real(double value) {
    byte(0xcb);
    number(std::bit_cast<std::uint64_t>(value));
  }

  /// At most 255 bytes of ASCII.
  void text(Text text) {
    if (text.size() < 32) {
      byte(0xa0 | static_cast<unsigned>(text.size()));
    } else {
      byte(0xd9);
      byte(static_cast<unsigned>(text.size()));
    }
    std::memcpy(place_, text.data(), text.size());
    place_ += text.size();
  }

  void maybe(MaybeCount count) { count.is_there ? integer(count.value) : nil(); }
  void maybe(MaybeMoment moment_us) { moment_us.is_there ? moment(moment_us.value) : nil(); }
  void maybe(MaybePrice price) { price.is_there ? real(price.value) : nil(); }

 private:
  void byte(unsigned value) { *place_++ = static_cast<char>(value); }

  template <typename T>
  void number(T value) {
    char bytes[sizeof(T)];
    for (std::size_t at = 0; at < sizeof(T); ++at) {
      bytes[at] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - at)));
    }
    std::memcpy(place_, bytes, sizeof(T));
    place_ += sizeof(T);
  }

  char* place_;
};

}  // namespace iqfeed_gateway
