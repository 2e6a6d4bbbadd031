// Times of day with a date of their own to moments.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "text.hpp"

namespace iqfeed_gateway {

/// When the days began that lines tell of; the last few are kept.
class Days {
 public:
  /// When a time of a day was, UTC; none when either is not spelled as usual, or the day cannot be
  /// told. `date_day` is given a day's ten characters, and answers when it began, UTC; none when that
  /// is no day, or its hours are not equal.
  template <typename DateDay>
  MaybeMoment moment_of(Text day, Text time, DateDay date_day) {
    TimeOfDay read;
    if (day.size() != days_[0].text.size() || !read_time(time, read)) return {};
    auto known = std::find_if(days_.begin(), days_.end(), [day](const Day& other) {
      return other.is_known && std::equal(day.begin(), day.end(), other.text.begin());
    });
    if (known == days_.end()) {
      const MaybeMoment begin_us = date_day(day);
      known = days_.begin() + static_cast<std::ptrdiff_t>(next_++ % days_.size());
      known->is_known = true;
      known->begin_us = begin_us;
      day.copy(known->text.data(), known->text.size());
    }
    if (!known->begin_us.is_there) return {};
    return {known->begin_us.value + read.second * second_us + read.micros, true};
  }

 private:
  struct Day {
    bool is_known = false;
    MaybeMoment begin_us;
    std::array<char, 10> text{};
  };

  std::array<Day, 4> days_{};
  std::size_t next_ = 0;
};

}  // namespace iqfeed_gateway
