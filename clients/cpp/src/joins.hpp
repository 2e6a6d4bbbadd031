// Which snapshots are asked for, which are awaited, which are overdue. No I/O.
//
// Subscribing to a private topic is the request, the one message on it the answer, unsubscribing
// the end. Only so many are outstanding at a time: a peer may hold a limited number of
// subscriptions, and the gateway answers a limited number a second (by delaying, never by
// refusing).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ordered_map.hpp"

namespace iqfeed_gateway {

/// The requests for snapshots of one data connection.
class Joins {
 public:
  /// Private topics subscribed at a time.
  static constexpr std::size_t outstanding_max = 256;
  /// An answer later than this is asked for again with a fresh nonce, as often as it takes: who was
  /// told of a gap waits for its end.
  static constexpr std::int64_t answer_ns_max = 10'000'000'000;

  /// Want a snapshot of a base topic; asking again before the answer changes nothing. An answer
  /// that is still outstanding serves later wishes too: it travels behind whatever made us wish, so
  /// it is newer. Returns whether it was not wanted already.
  bool ask(const std::string& topic);
  /// Take the private topics that are to be subscribed now, each with a fresh nonce.
  std::vector<std::string> start(std::int64_t now_ns);
  /// The base topic whose answer a private topic is awaited for.
  [[nodiscard]] std::optional<std::string> base_of(const std::string& private_topic);
  /// Note an answer; the caller then unsubscribes from the private topic. Returns the base topic,
  /// or nothing when nobody waits for this answer any more.
  std::optional<std::string> answered(const std::string& private_topic);
  /// Take the private topics to be given up; their base topics wait for another turn.
  std::vector<std::string> overdue(std::int64_t now_ns);
  /// Drop the wish for a base topic; returns the private topic to unsubscribe from, if any.
  std::optional<std::string> forget(const std::string& topic);
  /// Begin anew after the data socket was replaced: what was outstanding waits again.
  void restart();
  /// Monotonic time of the next overdue answer.
  [[nodiscard]] std::optional<std::int64_t> deadline_ns() const;

  std::int64_t requested_count = 0;
  std::int64_t unanswered_count = 0;

 private:
  struct Join {
    std::string topic;
    std::int64_t deadline_ns;
  };
  OrderedMap<bool> waiting_;
  OrderedMap<Join> outstanding_;                        // By private topic, oldest first.
  std::unordered_map<std::string, std::string> asked_;  // Base topic to private topic.
};

}  // namespace iqfeed_gateway
