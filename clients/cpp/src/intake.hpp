// Frames in, messages and loss events out. No I/O, no clock.
//
// The reader thread hands every frame to `Intake::receive`, which checks and decodes it and follows
// its topic's sequence. A frame that cannot be decoded does not move the position: the next message
// shows the hole it leaves, and the hole is healed like any other.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "entries.hpp"
#include "joins.hpp"
#include "replays.hpp"

namespace iqfeed_gateway {

/// Topics every client listens to.
inline constexpr std::array<std::string_view, 5> sys_topics{
    "sys,heartbeat,", "sys,tails,", "sys,alert,", "sys,feed,", "sys,goodbye,"};

/// The data side of one client, between the socket and the queue.
class Intake {
 public:
  /// Topics known at a time; what a prefix brings beyond that is counted as unrouted.
  static constexpr std::size_t routes_max = 200'000;

  Intake(Joins& joins, Replays& replays);

  /// Accept a topic, or everything under a kind prefix such as `news,`.
  void add(const std::string& topic);
  /// Stop accepting a topic, or everything under a prefix that was not added by itself; the wishes
  /// for snapshots go with it.
  void remove(const std::string& topic);
  /// Take one frame from the socket; whatever it holds, this never throws DecodeError.
  void receive(std::string_view frame);
  /// Let the image that is asked for be told as what heals the rows that were skipped.
  void note_skipped(const std::vector<Gap>& gaps);
  /// Want a fresh snapshot of a topic, if it has any.
  void ask_again(std::string_view topic);
  /// Want a fresh snapshot of every topic that has one, except those of some symbols.
  void ask_all_again(const std::function<bool(const std::string&)>& is_left_out = {});
  /// Want a fresh image of every book.
  void ask_images_again();

  /// What the application is to get, in order; the engine takes it after every batch.
  Entries out;
  /// Private topics to unsubscribe from, answered or given up; the engine takes them after every
  /// batch.
  std::vector<std::string> answered;
  std::int64_t epoch = -1;
  /// Set when a new epoch was noticed; the engine clears it.
  bool has_restarted = false;
  std::int64_t heartbeat_count = 0;
  /// When the gateway published the last heartbeat, microseconds UTC.
  std::int64_t heartbeat_us = 0;
  std::int64_t received_count = 0;
  std::int64_t gap_count = 0;
  std::int64_t missing_count = 0;
  std::int64_t repeat_count = 0;
  std::int64_t bad_frame_count = 0;
  std::int64_t unknown_count = 0;
  std::int64_t unrouted_count = 0;
  std::int64_t restart_count = 0;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  [[nodiscard]] RoutePtr route_of(std::string_view topic) const;
  void take(const codec::FrameHead& head);
  void receive_on(const RoutePtr& route, const codec::FrameHead& head);
  void receive_other(const codec::FrameHead& head);
  void end_request(const std::string& private_topic);
  void receive_answer(const RoutePtr& route, const codec::FrameHead& head);
  bool receive_sys(const Message& message);
  void receive_tails(std::int64_t tails_epoch, const Map& details);
  bool is_allowed(const Route& route, std::int64_t number);
  void follow_book(const RoutePtr& route, const codec::FrameHead& head);
  void ask(Route& route);
  void note_epoch(std::int64_t new_epoch, std::int64_t flags);
  void note_gap(const RoutePtr& route, std::int64_t gap_epoch, std::int64_t first,
                std::int64_t last);
  void add_gap(const RoutePtr& route, std::int64_t gap_epoch, std::int64_t first,
               std::int64_t last);
  void fetch_start(const RoutePtr& route, std::int64_t start_epoch, std::int64_t last);
  void note_healed(Route& route, std::int64_t healed_epoch);
  static void widen(Route& route, std::int64_t first, std::int64_t last);

  Joins& joins_;
  Replays& replays_;
  std::unordered_map<std::string, RoutePtr, Hash, std::equal_to<>> routes_;
  std::set<std::string, std::less<>> prefixes_;
  RoutePtr tails_;
};

}  // namespace iqfeed_gateway
