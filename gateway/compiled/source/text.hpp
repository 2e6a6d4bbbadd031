// Texts of the vendor's lines to values: the usual spellings only.
//
// Whatever is not spelled as the vendor usually spells it is "unusual", here and everywhere in this
// folder: the line then goes to the Python code, which knows every case and complains of the bad
// ones. So nothing here decides what is wrong, and a value read here is the value read there.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace iqfeed_gateway {

using Text = std::string_view;

/// Decimal digits that fit a 63-bit integer whatever they are.
constexpr std::size_t digits_max = 18;
constexpr std::int64_t second_us = 1'000'000;

/// A number that may be absent: its column is empty, and nil goes out.
template <typename T>
struct Maybe {
  T value{};
  bool is_there = false;

  friend bool operator==(const Maybe&, const Maybe&) = default;
};

using MaybeMoment = Maybe<std::int64_t>;
using MaybeCount = Maybe<std::uint64_t>;
using MaybePrice = Maybe<double>;

/// Eight bytes as a number, the first one lowest, whatever the machine's own order.
inline std::uint64_t load_eight(const char* text) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text, sizeof bytes);
  if constexpr (std::endian::native == std::endian::big) {
    std::uint64_t turned = 0;
    for (unsigned at = 0; at < 64; at += 8) turned |= (bytes >> at & 0xff) << (56 - at);
    bytes = turned;
  }
  return bytes;
}

/// The same byte in all eight places.
constexpr std::uint64_t all_eight(std::uint64_t byte) { return byte * 0x0101'0101'0101'0101; }

/// Which of eight bytes are zero: the top bit of each one that is.
inline std::uint64_t find_zeros(std::uint64_t bytes) {
  constexpr std::uint64_t low_bits = all_eight(0x7f);
  return ~(((bytes & low_bits) + low_bits) | bytes | low_bits);
}

/// Whether each of eight bytes is 9 at most.
inline bool are_digits(std::uint64_t bytes) {
  return (((bytes + all_eight(0x76)) | bytes) & all_eight(0x80)) == 0;
}

/// The number that eight digits spell, the first one lowest in memory: pairs, then fours, then all.
inline std::uint64_t join_digits(std::uint64_t digits) {
  digits = digits * 10 + (digits >> 8);
  return ((digits & 0x0000'00ff'0000'00ff) * 0x000f'4240'0000'0064 +
          (digits >> 16 & 0x0000'00ff'0000'00ff) * 0x0000'2710'0000'0001) >>
         32;
}

/// The last `size` of the eight bytes that end at `end`, less the digit 0; zeros in front of them.
/// `size` is 1 to 8, and eight bytes can be read.
inline std::uint64_t load_digits(const char* end, std::size_t size) {
  const std::uint64_t bytes = load_eight(end - 8) ^ all_eight('0');
  return size == 8 ? bytes : bytes >> (8 * (8 - size)) << (8 * (8 - size));
}

inline bool is_digit(char letter) { return static_cast<unsigned char>(letter - '0') < 10; }

/// Read digits into `value`; false when there is anything else, nothing, or too many of them. Eight
/// bytes that end with the text can be read: letter, symbol and contents stand before all numbers.
inline bool read_digits(Text text, std::uint64_t& value) {
  if (text.empty() || text.size() > digits_max) return false;
  if (text.size() <= 8) {
    const std::uint64_t digits = load_digits(text.data() + text.size(), text.size());
    value = join_digits(digits);
    return are_digits(digits);
  }
  std::uint64_t sum = 0;
  for (const char letter : text) {
    if (!is_digit(letter)) return false;
    sum = sum * 10 + static_cast<std::uint64_t>(letter - '0');
  }
  value = sum;
  return true;
}

/// Read a size, a count or a code; empty is none.
inline bool read_count(Text text, MaybeCount& count) {
  count.is_there = !text.empty();
  count.value = 0;
  return text.empty() || read_digits(text, count.value);
}

/// Powers of ten that a double holds exactly.
constexpr double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::uint64_t exact_integer_max = std::uint64_t{1} << 53;

/// Read a price of eight characters at most, one of which is a point; false when it has none, or
/// anything but digits.
inline bool read_short_price(Text text, std::uint64_t& sum, std::size_t& behind_point) {
  if (text.size() < 2) return false;
  std::uint64_t bytes = load_digits(text.data() + text.size(), text.size());
  const std::uint64_t point = find_zeros(bytes ^ all_eight('.' ^ '0'));
  if (point == 0) return false;
  const auto place = static_cast<unsigned>(std::countr_zero(point)) & ~7u;
  // What stands before the point moves up into its place.
  const std::uint64_t before = bytes & ((std::uint64_t{1} << place) - 1);
  const std::uint64_t behind = place == 56 ? 0 : bytes >> (place + 8) << (place + 8);
  bytes = behind | before << 8;
  sum = join_digits(bytes);
  behind_point = 7 - place / 8;
  return are_digits(bytes);
}

/// Read a price above zero; empty is none. Digits that fit a double exactly, over a power of ten
/// that does, give the nearest double (one rounding): the same one that any correct reader gives.
inline bool read_price(Text text, MaybePrice& price) {
  price.is_there = !text.empty();
  price.value = 0;
  if (text.empty()) return true;
  std::uint64_t sum = 0;
  std::size_t behind_point = 0;
  if (text.size() <= 8 && read_short_price(text, sum, behind_point)) {
    price.value = static_cast<double>(sum) / exact_powers[behind_point];
    return sum != 0;
  }
  sum = behind_point = 0;
  std::size_t digits = 0;
  bool has_point = false;
  for (const char letter : text) {
    if (is_digit(letter)) {
      if (++digits > digits_max) return false;
      sum = sum * 10 + static_cast<std::uint64_t>(letter - '0');
      behind_point += has_point ? 1 : 0;
    } else if (letter == '.' && !has_point) {
      has_point = true;
    } else {
      return false;
    }
  }
  if (sum == 0 || sum > exact_integer_max) return false;
  price.value = static_cast<double>(sum) / exact_powers[behind_point];
  return true;
}

/// A time of day, `HH:MM:SS.ffffff`.
struct TimeOfDay {
  std::uint32_t second = 0;
  std::uint32_t micros = 0;
};

/// Eight characters as `load_eight` reads them, for what they are compared with.
constexpr std::uint64_t eight_characters(const char (&text)[9]) {
  std::uint64_t bytes = 0;
  for (unsigned at = 0; at < 8; ++at) {
    bytes |= std::uint64_t{static_cast<unsigned char>(text[at])} << (8 * at);
  }
  return bytes;
}

inline bool read_time(Text text, TimeOfDay& time) {
  if (text.size() != 15) return false;
  // What is left of each character is its digit, and nothing of what stands between digits.
  const std::uint64_t clock = load_eight(text.data()) ^ eight_characters("00:00:00");
  const std::uint64_t behind = load_eight(text.data() + 7) ^ eight_characters("0.000000");
  constexpr std::uint64_t between = 0x0000'ff00'00ff'0000;
  if (!are_digits(clock) || !are_digits(behind)) return false;
  if ((clock & between) != 0 || (behind & 0xff00) != 0) return false;
  const std::uint64_t pairs = clock * 10 + (clock >> 8);
  const auto hour = static_cast<std::uint32_t>(pairs & 0xff);
  const auto minute = static_cast<std::uint32_t>(pairs >> 24 & 0xff);
  const auto second = static_cast<std::uint32_t>(pairs >> 48 & 0xff);
  time.second = hour * 3600 + minute * 60 + second;
  time.micros = static_cast<std::uint32_t>(join_digits(behind >> 16 << 16));
  return hour < 24 && minute < 60 && second < 60;
}

/// Whether a text is a print's conditions, pairs of upper-case hex digits, none of which tells of
/// a halt; empty ones are none.
inline bool are_usual_conditions(Text text) {
  constexpr std::size_t characters_max = 64;
  if (text.size() % 2 != 0 || text.size() > characters_max) return false;
  for (const char letter : text) {
    if (!is_digit(letter) && (letter < 'A' || letter > 'F')) return false;
  }
  for (std::size_t at = 0; at < text.size(); at += 2) {
    if (text[at] == '2' && text[at + 1] == '1') return false;
  }
  return true;
}

/// Which of 64 bytes are a letter: a bit for each, the first byte's lowest. On any machine.
inline std::uint64_t find_letter_by_eights(const char* text, char letter) {
  const std::uint64_t wanted = all_eight(static_cast<unsigned char>(letter));
  std::uint64_t found = 0;
  for (unsigned at = 0; at < 64; at += 8) {
    // Eight top bits become the top byte's eight.
    const std::uint64_t are_equal = find_zeros(load_eight(text + at) ^ wanted) >> 7;
    found |= are_equal * 0x0102'0408'1020'4080 >> 56 << at;
  }
  return found;
}

/// The same, the fastest way here.
inline std::uint64_t find_letter(const char* text, char letter) {
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8(letter);
  std::uint64_t found = 0;
  for (unsigned at = 0; at < 64; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + at));
    const int are_equal = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted));
    found |= std::uint64_t{static_cast<unsigned>(are_equal)} << at;
  }
  return found;
#else
  return find_letter_by_eights(text, letter);
#endif
}

/// The same of what is left before `end`, if that is less; anything may stand behind it.
inline std::uint64_t find_letter(const char* text, const char* end, char letter) {
  if (end - text >= 64) return find_letter(text, letter);
  char padded[64] = {};
  std::memcpy(padded, text, static_cast<std::size_t>(end - text));
  return find_letter(padded, letter);
}

/// Cut `count` columns off; false when there are not so many commas.
inline bool take_columns(const char*& place, const char* end, Text* columns, std::size_t count) {
  const char* begin = place;
  std::size_t column = 0;
  for (const char* at = place; at < end; at += 64) {
    for (std::uint64_t found = find_letter(at, end, ','); found != 0; found &= found - 1) {
      const char* const comma = at + std::countr_zero(found);
      columns[column] = Text(begin, static_cast<std::size_t>(comma - begin));
      begin = comma + 1;
      if (++column == count) {
        place = begin;
        return true;
      }
    }
    if (end - at <= 64) break;
  }
  return false;
}

inline std::size_t count_letter(const char* begin, const char* end, char letter) {
  std::size_t count = 0;
  for (; end - begin >= 64; begin += 64) {
    count += static_cast<std::size_t>(std::popcount(find_letter(begin, letter)));
  }
  return count + static_cast<std::size_t>(std::popcount(find_letter(begin, end, letter)));
}

}  // namespace iqfeed_gateway
