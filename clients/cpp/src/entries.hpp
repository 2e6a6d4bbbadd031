// What is known of one topic, and what waits in the queue to the application. No I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "iqfeed_gateway/codec.hpp"
#include "iqfeed_gateway/events.hpp"
#include "iqfeed_gateway/topics.hpp"
#include "iqfeed_gateway/tracker.hpp"

namespace iqfeed_gateway {

struct Entry;
class Skipped;

/// Everything known of one topic. Only the reader thread touches it, `pending` excepted, which
/// belongs to the queue's lock.
struct Route {
  explicit Route(std::string name)
      : topic(std::move(name)),
        kind(topics::split_private(topics::split_topic(topic).first)),
        symbol(topics::split_topic(topic).second),
        base(topics::base_kind(kind)),
        type(type_of_kind(base == kind::sys ? symbol : base)),
        is_sys(base == kind::sys),
        is_state(topics::is_state_kind(base)),
        has_image(topics::is_book_event_kind(base)),
        is_baseline(topics::is_baseline_kind(base)),
        has_value(is_state || has_image),
        has_snapshot(has_value || is_baseline) {
    want_image();
  }

  /// Follow another run of the gateway; holes of the earlier one are past healing.
  void begin_anew() {
    gap_first = gap_last = 0;
    is_from_start = false;
    want_image();
  }
  /// Have an image asked for by the next update that finds none asked for.
  void want_image() {
    needs_image = has_image;
    ask_at = 0;
    ask_step = 1;
  }

  const std::string topic;
  const std::string kind;
  const std::string symbol;
  const std::string base;
  const std::int64_t type;
  const bool is_sys;
  const bool is_state;
  const bool has_image;
  /// Whether a snapshot only tells where the sequence stands: lost messages are replayed.
  const bool is_baseline;
  /// Whether a newer message, or an image, stands for those that were lost.
  const bool has_value;
  const bool has_snapshot;
  /// Whether it is followed only because a kind prefix is.
  bool is_of_prefix = false;
  /// Whether nothing was published yet, as far as we know: what comes first has no number.
  bool is_from_start = false;
  /// Whether updates are of no use before an image has come.
  bool needs_image = false;
  TopicTracker tracker;
  /// The hole a snapshot is awaited for; 0 when there is none.
  std::int64_t gap_first = 0;
  std::int64_t gap_last = 0;
  std::int64_t ask_at = 0;
  std::int64_t ask_step = 1;
  /// The state message of this topic that waits in the queue, if any.
  Entry* pending = nullptr;
};

using RoutePtr = std::shared_ptr<Route>;

/// A message or an event on its way to the application.
struct Entry {
  StreamItem item;
  /// The topic of a message; null for an event of the client's own.
  RoutePtr route{};
  /// Whether a newer one of its topic may replace it.
  bool is_state = false;
  /// Whether it answers a snapshot request.
  bool is_snapshot = false;
  /// Whether it is a state message on another kind's topic: an answer without a sequence.
  bool is_answer = false;
  std::int64_t epoch = 0;
  std::int64_t sequence = 0;
  /// Updates of replaced messages that it stands for.
  std::int64_t merged_add = 0;
  /// What was skipped at this place; the rest is of no meaning then.
  std::shared_ptr<Skipped> skipped{};

  [[nodiscard]] bool is_message() const { return route != nullptr; }
  /// Updates it stands for.
  [[nodiscard]] std::int64_t merged() const;
  /// Take a newer message's value, adding up how many updates it stands for.
  void replace(Entry&& newer);
  /// The item as the application is to see it.
  [[nodiscard]] StreamItem finished() &&;
};

/// What the application is to get, in order.
using Entries = std::vector<Entry>;

/// An event on its way.
inline Entry entry_of(Event event) {
  return std::visit([](auto&& typed) { return Entry{std::move(typed)}; }, std::move(event));
}

/// A message on its way.
inline Entry entry_of(RoutePtr route, Message message, const codec::FrameHead& head,
                      bool is_snapshot) {
  Entry entry{
      std::visit([](auto&& typed) { return StreamItem(std::move(typed)); }, std::move(message))};
  entry.is_state = route->is_state && head.type == route->type;
  entry.is_answer = head.type == message_type::state && head.type != route->type;
  entry.is_snapshot = is_snapshot;
  entry.epoch = head.epoch;
  entry.sequence = head.sequence;
  entry.route = std::move(route);
  return entry;
}

}  // namespace iqfeed_gateway
