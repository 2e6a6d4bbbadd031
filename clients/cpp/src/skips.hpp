// What a slow application did not get to read, and how it is told. No I/O.
//
// When the queue is full, everything that waits is skipped but the newest value of each state topic
// and the client's own events. What was skipped is kept here, as ranges of sequences, until the
// application reads on: it then gets an Overrun and one Gap for each range.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "entries.hpp"
#include "ranges.hpp"

namespace iqfeed_gateway {

/// Everything skipped since the application last looked.
class Skipped {
 public:
  /// Ranges told one by one; what is skipped beyond that is counted by the Overrun.
  static constexpr std::size_t ranges_max = 1'000;

  /// Note messages that are not delivered, oldest first.
  void add_all(const std::vector<Entry>& entries);
  /// Note what found no room, a message or an event of the client's own.
  void add_any(const Entry& entry);
  /// Cut what was skipped out of a Gap that still waits: the last word on it is another.
  [[nodiscard]] std::vector<Gap> cut(const Gap& gap) const;
  /// Spell it: the event that stands for all of it, and one for each range.
  [[nodiscard]] std::pair<Overrun, std::vector<Gap>> told() const;

  /// Of every message skipped; empty text stands for events that belong to none.
  std::set<std::string> topics;
  /// Messages, and events of the client that found no room.
  std::int64_t count = 0;

 private:
  void add_message(const Entry& entry);
  void add_run(const Route& route, std::int64_t epoch, Range run);
  bool add_range(const std::string& topic, std::int64_t epoch, std::int64_t first,
                 std::int64_t last);

  std::set<std::string> has_value_;
  std::map<std::pair<std::string, std::int64_t>, std::vector<Range>> ranges_;
  std::size_t range_count_ = 0;
  std::int64_t named_count_ = 0;
};

/// What a skip leaves.
struct Rest {
  /// What still waits, oldest first.
  std::deque<Entry> entries;
  /// The one among them, if anything was skipped.
  std::shared_ptr<Skipped> skipped;
  /// Messages and events skipped.
  std::int64_t dropped_count = 0;
  /// State messages that a newer one of their topic stands for now.
  std::int64_t merged_count = 0;
};

/// Reduce what waits to what is current: the client's own events and the gateway's, and the newest
/// value of each state topic, of which `values_max` may stay. What was skipped stands where the
/// first message waited. Sets `Route::pending` anew.
[[nodiscard]] Rest skip(std::deque<Entry> entries, std::int64_t values_max);

}  // namespace iqfeed_gateway
