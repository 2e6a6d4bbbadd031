// What the usual lines of a symbol read and change. Python reads and writes the same memory, as
// attributes, between two reads and for each line that is not usual; never at the same time.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "text.hpp"

namespace iqfeed_gateway {

/// Bytes that a body takes at most that is made here.
constexpr std::size_t body_bytes_max = 256;

/// A topic whose last value is the body that was sent last, kept as it was sent.
class Topic {
 public:
  explicit Topic(Text prefix, std::uint64_t floor)
      : sequence(floor), prefix_size_(prefix.size()), frame_(prefix.size() + body_bytes_max) {
    prefix.copy(frame_.data(), prefix.size());
  }

  /// Sequence of the last message; the floor before the first.
  std::uint64_t sequence;
  /// Messages of which no variant has been told.
  std::uint64_t unmarked = 0;
  /// Whether conflated topics are made of it.
  bool has_variants = false;
  /// What Python knows it by.
  void* owner = nullptr;
  /// Of a trade topic's last value.
  MaybePrice last_price;
  MaybeCount last_volume;

  [[nodiscard]] Text prefix() const { return {frame_.data(), prefix_size_}; }
  [[nodiscard]] bool has_last() const { return frame_size_ != 0; }
  [[nodiscard]] Text last_body() const {
    return has_last() ? Text(frame_.data() + prefix_size_, frame_size_ - prefix_size_) : Text();
  }
  [[nodiscard]] Text last_frame() const { return {frame_.data(), frame_size_}; }

  /// Where the next body is to be written, `body_bytes_max` bytes.
  char* body() { return frame_.data() + prefix_size_; }
  /// What was written as a frame, without keeping it.
  [[nodiscard]] Text frame_until(const char* end) const {
    return {frame_.data(), static_cast<std::size_t>(end - frame_.data())};
  }
  /// Make what was written the last value.
  void end_body(const char* end) {
    frame_size_ = static_cast<std::size_t>(end - frame_.data());
  }
  /// Keep a body made elsewhere; false when it is no quote's or trade's, being too long.
  bool set_body(Text body) {
    if (body.size() > body_bytes_max) return false;
    body.copy(this->body(), body.size());
    end_body(this->body() + body.size());
    return true;
  }
  void forget() {
    frame_size_ = 0;
    last_price = {};
    last_volume = {};
  }

 private:
  std::size_t prefix_size_;
  std::size_t frame_size_ = 0;
  std::vector<char> frame_;
};

/// What is known of a symbol's trades: whether the next one comes in order.
class Prints {
 public:
  static constexpr std::size_t centers_max = 64;

  /// The vendor's time of the newest trade, UTC; 0 before the first.
  std::int64_t newest_us = 0;
  /// Whether a trade ever had a size.
  bool has_sizes = false;
  /// The date that the ids count on.
  std::string date;

  /// Whether a trade is older than one that was published; it is remembered if not. Time decides;
  /// ids count up within a day and a market center, as a rule only.
  bool is_late(MaybeMoment event_us, MaybeCount id, Text center, Text date_text) {
    if (date_text != date) {
      date.assign(date_text);
      ids_.clear();
    }
    const bool is_newer = event_us.is_there && event_us.value > newest_us;
    bool is_late = event_us.is_there && event_us.value < newest_us;
    if (id.is_there) {
      std::uint64_t* const known = find(center);
      const bool is_behind = known != nullptr && id.value < *known;
      is_late = is_late || (is_behind && !is_newer);
      // Without a time the newest id is all there is; a wrong one must not stand for a day.
      if (!is_behind || is_newer || !event_us.is_there) {
        if (known != nullptr) {
          *known = id.value;
        } else if (ids_.size() < centers_max) {
          ids_.emplace_back(std::string(center), id.value);
        }
      }
    }
    if (is_newer) newest_us = event_us.value;
    return is_late;
  }

  /// The newest id of a market center; null when none is known.
  std::uint64_t* find(Text center) {
    for (auto& [known, id] : ids_) {
      if (known == center) return &id;
    }
    return nullptr;
  }

 private:
  std::vector<std::pair<std::string, std::uint64_t>> ids_;
};

/// One symbol.
struct Symbol {
  Symbol(Text symbol_name, Topic& quote_topic, Topic& trade_topic)
      : name(symbol_name), quote(&quote_topic), trade(&trade_topic) {}

  /// What Python knows it by.
  void* owner = nullptr;
  std::string name;
  Topic* quote;
  Topic* trade;
  Prints prints;
  bool is_live = false;
  /// Whether its state has a cause, such as a halt.
  bool has_cause = true;
  /// Of every message.
  std::uint64_t flags = 0;
  MaybeMoment last_line_us;
  /// The last P or Q line that was published; empty before the first.
  std::string line;
  /// Bytes at its end that are known to have the right number of columns; 0 when none are.
  std::size_t rest_size = 0;
  std::string bid_time;
  std::string ask_time;
  MaybeMoment bid_us;
  MaybeMoment ask_us;
  /// The vendor's time of the newest quote, UTC; 0 before the first.
  std::int64_t quote_us = 0;
  /// Of the last qualified trade.
  std::string last_conditions;
  bool has_last_conditions = false;
  /// The newest line whose summary has not been published yet.
  std::string summary_line;
  bool has_summary_line = false;
  std::int64_t summary_recv_us = 0;
  std::int64_t summary_due_us = 0;
  std::uint64_t summary_merged = 0;
};

}  // namespace iqfeed_gateway
