// Lost events: which are wanted again, asked for, recovered, given up. No I/O.
//
// Trades, corrections and news cannot be replaced by a newer value, so each one that was lost is
// fetched with the method `replay`. Every hole ends in one of two ways, and says which: its
// messages are delivered and a Gap with `healed` follows, or a Gap with `is_final` says that they
// never come. A hole may end partly this way and partly that way.
//
// Each topic has one request under way at a time, so what is recovered comes in order, and only so
// many topics have one. Holes close to each other share a request: of its answer only what is
// missing is taken. When the gateway is busy or does not answer, everything pauses; a topic whose
// requests fail too often is given up.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "entries.hpp"
#include "ordered_map.hpp"
#include "ranges.hpp"
#include "rpc_codec.hpp"

namespace iqfeed_gateway {

/// One request to be sent.
struct ReplayRequest {
  /// Tells requests apart.
  std::int64_t id;
  RoutePtr route;
  /// The run the sequences belong to.
  std::int64_t epoch;
  std::int64_t first;
  std::int64_t last;
  /// Last sequence of the hole that `last` is in: it may be longer than one request.
  std::int64_t hole_last;

  [[nodiscard]] Map params() const;
};

/// The holes of all topics of one client.
class Replays {
 public:
  /// Requests under way at a time.
  static constexpr int outstanding_max = 8;
  /// Messages asked for at a time: while they are taken in, nothing else is read.
  static constexpr std::int64_t messages_max = 1'000;
  /// Holes waiting at a time; what is lost beyond that is lost for good.
  static constexpr std::int64_t holes_max = 20'000;
  /// After so many requests in a row that failed, a topic's first hole is given up.
  static constexpr int attempts_max = 5;
  /// Messages between two holes that are fetched again, and ignored, to save a request.
  static constexpr std::int64_t apart_max = 50;
  /// Pause after a failure; twice as long after each further one.
  static constexpr std::int64_t pause_ns = 500'000'000;
  /// A gateway that asks for a longer pause will not have the messages then: they are given up.
  static constexpr std::int64_t pause_ns_max = 60'000'000'000;

  /// Want messages again that were lost; they come after all that is wanted already. Unless it is
  /// sure that they were published, those that do not come are not told. Returns whether it will
  /// be tried: not when the gateway has no replay, or too much waits.
  bool ask(const RoutePtr& route, std::int64_t epoch, std::int64_t first, std::int64_t last,
           bool is_sure = true);
  /// Whether a message is still to come by replay.
  [[nodiscard]] bool is_awaited(const std::string& topic, std::int64_t epoch,
                                std::int64_t sequence) const;
  /// Count messages that never come, and spell the event that says so.
  Gap lost(const Route& route, std::int64_t epoch, std::int64_t first, std::int64_t last);
  /// Take the requests that are to be sent now.
  std::vector<ReplayRequest> start(std::int64_t now_ns);
  /// Monotonic time at which a pause is over; empty when nothing waits for that.
  [[nodiscard]] std::optional<std::int64_t> deadline_ns() const;
  /// Note how a request ended; what the application is to get goes to `out`, in order.
  void answered(const ReplayRequest& request, const Outcome& outcome, std::int64_t now_ns,
                Entries& out);
  /// Stop wanting what a topic lost.
  void give_up(const std::string& topic, Entries& out);
  /// Stop wanting anything.
  void give_up_all(Entries& out);
  /// Follow another run of the gateway: what the earlier one kept went with it.
  void restart(Entries& out);

  /// Set while the gateway is not heard: asking would only use up attempts.
  bool is_paused = false;
  std::int64_t hole_count = 0;
  std::int64_t requested_count = 0;
  std::int64_t retried_count = 0;
  /// Messages delivered by replay.
  std::int64_t recovered_count = 0;
  /// Messages lost for good.
  std::int64_t lost_count = 0;
  /// Holes that found no room.
  std::int64_t refused_count = 0;
  /// Bodies that were not what was asked for.
  std::int64_t bad_count = 0;
  /// Answers nobody waited for any more.
  std::int64_t late_count = 0;

 private:
  /// The holes of one topic, in one run of the gateway.
  struct Line {
    RoutePtr route;
    std::int64_t epoch;
    /// Ascending, apart from each other.
    std::deque<Range> holes{};
    /// Up to here it is not known whether the sequences were ever published.
    std::int64_t unsure_last = 0;
    /// Requests that failed since the last one that did not.
    int attempts = 0;
    /// The request under way, 0 for none.
    std::int64_t request_id = 0;
  };
  struct Found {
    std::int64_t sequence;
    Entry entry;
  };

  ReplayRequest next_request(Line& line);
  bool is_to_be_tried_again(Line& line, const Failure& failure, std::int64_t now_ns);
  void take(Line& line, const ReplayRequest& request, const Value& result, Entries& out);
  std::vector<Found> read(Line& line, const ReplayRequest& request, const Array& bodies);
  void end(Line& line, std::int64_t end, std::vector<Found> found, Entries& out);
  void tell_lost(const Line& line, Range piece, Entries& out);

  std::map<std::string, Line> lines_;
  OrderedMap<bool> ready_;  // Topics without a request under way.
  int outstanding_count_ = 0;
  std::int64_t resume_at_ns_ = 0;
  int unanswered_count_ = 0;
  std::int64_t last_id_ = 0;
  bool is_supported_ = true;
};

}  // namespace iqfeed_gateway
