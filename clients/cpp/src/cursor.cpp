#include "cursor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "iqfeed_gateway/errors.hpp"

namespace iqfeed_gateway {
namespace {

/// Room made at once at most: a count may be true and still be meant to exhaust memory.
constexpr std::size_t reserve_max = 1024;

bool is_utf8(std::string_view text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = p + text.size();
  while (p != end) {
    if (*p < 0x80) {
      ++p;
      continue;
    }
    const unsigned lead = *p++;
    std::ptrdiff_t more = 0;
    unsigned lowest = 0x80;
    unsigned highest = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
      more = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2;
      if (lead == 0xe0) lowest = 0xa0;   // Else a longer spelling than needed.
      if (lead == 0xed) highest = 0x9f;  // Else half of a surrogate pair.
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3;
      if (lead == 0xf0) lowest = 0x90;
      if (lead == 0xf4) highest = 0x8f;
    }
    if (more == 0 || end - p < more) return false;
    for (; more > 0; --more, ++p) {
      if (*p < lowest || *p > highest) return false;
      lowest = 0x80;
      highest = 0xbf;
    }
  }
  return true;
}

}  // namespace

void Cursor::refuse(const char* what) { throw DecodeError(what); }

std::uint64_t Cursor::big_endian(std::size_t count) {
  if (left() < count) refuse("bytes end too early");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value = value << 8U | static_cast<unsigned char>(next_[i]);
  }
  next_ += count;
  return value;
}

std::string_view Cursor::take(std::uint64_t count) {
  if (left() < count) refuse("bytes end too early");
  const std::string_view taken(next_, static_cast<std::size_t>(count));
  next_ += count;
  return taken;
}

std::size_t Cursor::checked_count(std::uint64_t count, std::size_t bytes_each) const {
  if (count > left() / bytes_each) refuse("more items announced than bytes are left");
  return static_cast<std::size_t>(count);
}

std::size_t Cursor::array_count() {
  const auto tag = byte();
  if (tag >= 0x90 && tag <= 0x9f) return checked_count(tag & 0x0fU, 1);
  if (tag == 0xdc) return checked_count(big_endian(2), 1);
  if (tag == 0xdd) return checked_count(big_endian(4), 1);
  refuse("not an array");
}

std::size_t Cursor::map_count() {
  const auto tag = byte();
  if (tag >= 0x80 && tag <= 0x8f) return checked_count(tag & 0x0fU, 2);
  if (tag == 0xde) return checked_count(big_endian(2), 2);
  if (tag == 0xdf) return checked_count(big_endian(4), 2);
  refuse("not a map");
}

WireInteger Cursor::integer() {
  const auto tag = byte();
  if (tag < 0x80) return {tag, false};
  if (tag >= 0xe0) return {256U - tag, true};
  if (tag >= 0xcc && tag <= 0xcf) return {big_endian(std::size_t{1} << (tag - 0xccU)), false};
  if (tag >= 0xd0 && tag <= 0xd3) {
    const auto count = std::size_t{1} << (tag - 0xd0U);
    const auto shift = 64U - 8U * static_cast<unsigned>(count);
    const auto raw = static_cast<std::int64_t>(big_endian(count) << shift) >> shift;
    if (raw >= 0) return {static_cast<std::uint64_t>(raw), false};
    return {0U - static_cast<std::uint64_t>(raw), true};
  }
  refuse("not an integer");
}

double Cursor::number() {
  const auto tag = byte();
  double value = 0;
  if (tag == 0xcb) {
    value = std::bit_cast<double>(big_endian(8));
  } else if (tag == 0xca) {
    value = std::bit_cast<float>(static_cast<std::uint32_t>(big_endian(4)));
  } else {
    refuse("not a number with a fraction");
  }
  if (!std::isfinite(value)) refuse("number is not finite");
  return value;
}

bool Cursor::boolean() {
  const auto tag = byte();
  if (tag != 0xc2 && tag != 0xc3) refuse("not a boolean");
  return tag == 0xc3;
}

std::string_view Cursor::text() {
  const auto tag = byte();
  std::string_view found;
  if (tag >= 0xa0 && tag <= 0xbf) {
    found = take(tag & 0x1fU);
  } else if (tag >= 0xd9 && tag <= 0xdb) {
    found = take(big_endian(std::size_t{1} << (tag - 0xd9U)));
  } else {
    refuse("not a text");
  }
  if (!is_utf8(found)) refuse("text is not UTF-8");
  return found;
}

Value Cursor::value(int levels_left) {
  if (next_ == end_) refuse("bytes end too early");
  const auto tag = static_cast<unsigned char>(*next_);
  if (take_nil()) return {};
  if (tag < 0x80 || tag >= 0xe0 || (tag >= 0xcc && tag <= 0xd3)) {
    const auto [magnitude, is_negative] = integer();
    if (is_negative) return static_cast<std::int64_t>(0U - magnitude);
    return magnitude;
  }
  if (tag == 0xca || tag == 0xcb) return number();
  if (tag == 0xc2 || tag == 0xc3) return boolean();
  if ((tag >= 0xa0 && tag <= 0xbf) || (tag >= 0xd9 && tag <= 0xdb)) return text();
  const bool is_array = (tag & 0xf0U) == 0x90 || tag == 0xdc || tag == 0xdd;
  const bool is_map = (tag & 0xf0U) == 0x80 || tag == 0xde || tag == 0xdf;
  if (!is_array && !is_map) refuse("value has no type of the contract");
  if (levels_left <= 0) refuse("nested too deep");
  if (is_array) return array(levels_left);
  return map(levels_left);
}

Array Cursor::array(int levels_left) {
  const auto count = array_count();
  Array items;
  items.reserve(std::min(count, reserve_max));
  for (std::size_t i = 0; i < count; ++i) items.push_back(value(levels_left - 1));
  return items;
}

Map Cursor::map(int levels_left) {
  const auto count = map_count();
  std::vector<Map::Entry> entries;
  entries.reserve(std::min(count, reserve_max));
  for (std::size_t i = 0; i < count; ++i) {
    const auto key = text();
    entries.emplace_back(std::string(key), value(levels_left - 1));
  }
  return Map(std::move(entries));
}

void Cursor::skip(int levels_left) {
  if (next_ == end_) refuse("bytes end too early");
  const auto tag = static_cast<unsigned char>(*next_);
  const bool is_array = (tag & 0xf0U) == 0x90 || tag == 0xdc || tag == 0xdd;
  const bool is_map = (tag & 0xf0U) == 0x80 || tag == 0xde || tag == 0xdf;
  if (is_array || is_map) {
    if (levels_left <= 0) refuse("nested too deep");
    for (auto count = is_array ? array_count() : map_count(); count > 0; --count) {
      if (is_map) static_cast<void>(text());
      skip(levels_left - 1);
    }
  } else if ((tag >= 0xa0 && tag <= 0xbf) || (tag >= 0xd9 && tag <= 0xdb)) {
    static_cast<void>(text());
  } else {
    static_cast<void>(value(0));
  }
}

// Writing.

namespace {

void append(std::string& out, unsigned tag, std::uint64_t value, std::size_t count) {
  out += static_cast<char>(tag);
  for (; count > 0; --count) out += static_cast<char>(value >> (8U * (count - 1)) & 0xffU);
}

void append_unsigned(std::string& out, std::uint64_t value) {
  if (value < 0x80) {
    out += static_cast<char>(value);
  } else if (value <= 0xff) {
    append(out, 0xcc, value, 1);
  } else if (value <= 0xffff) {
    append(out, 0xcd, value, 2);
  } else if (value <= 0xffffffff) {
    append(out, 0xce, value, 4);
  } else {
    append(out, 0xcf, value, 8);
  }
}

void append_length(std::string& out, std::size_t length, unsigned fix, std::size_t fix_max,
                   unsigned tag16) {
  if (length > 0xffffffff) throw InvalidArgument("text, array or map is too long to be packed");
  if (length <= fix_max) {
    out += static_cast<char>(fix | length);
  } else if (length <= 0xffff) {
    append(out, tag16, length, 2);
  } else {
    append(out, tag16 + 1, length, 4);
  }
}

struct Packer {
  std::string& out;

  void operator()(std::monostate) const { out += '\xc0'; }
  void operator()(bool value) const { out += value ? '\xc3' : '\xc2'; }
  void operator()(std::int64_t value) const {
    if (value >= 0) {
      append_unsigned(out, static_cast<std::uint64_t>(value));
    } else if (value >= -32) {
      out += static_cast<char>(value);
    } else {
      append(out, 0xd3, static_cast<std::uint64_t>(value), 8);
    }
  }
  void operator()(std::uint64_t value) const { append_unsigned(out, value); }
  void operator()(double value) const { append(out, 0xcb, std::bit_cast<std::uint64_t>(value), 8); }
  void operator()(const std::string& value) const {
    if (value.size() > 31 && value.size() <= 0xff) {
      append(out, 0xd9, value.size(), 1);
    } else {
      append_length(out, value.size(), 0xa0, 31, 0xda);
    }
    out += value;
  }
  void operator()(const Array& value) const {
    append_length(out, value.size(), 0x90, 15, 0xdc);
    for (const auto& item : value) pack(out, item);
  }
  void operator()(const Map& value) const {
    append_length(out, value.size(), 0x80, 15, 0xde);
    for (const auto& [key, item] : value) {
      (*this)(key);
      pack(out, item);
    }
  }
};

}  // namespace

void pack(std::string& out, const Value& value) { std::visit(Packer{out}, value.data()); }

}  // namespace iqfeed_gateway
