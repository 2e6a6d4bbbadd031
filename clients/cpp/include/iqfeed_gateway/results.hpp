// What the client answers: typed, and lenient about what a gateway leaves out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "iqfeed_gateway/messages.hpp"
#include "iqfeed_gateway/value.hpp"

namespace iqfeed_gateway {

/// One topic of a subscription.
struct TopicState {
  /// The topic, for example `quote,AAPL,`.
  std::string topic;
  /// One of `symbol_state`.
  std::string state;
  /// Sequence of the last message published on it; empty when the gateway did not say.
  std::optional<std::int64_t> sequence;
};

/// What became of one symbol of a subscription.
struct SymbolResult {
  /// The symbol, verbatim.
  std::string symbol;
  /// Its topics; none when rejected.
  std::vector<TopicState> topics{};
  /// Why it was rejected, for example `symbol_limit`; empty when it was accepted.
  std::optional<std::string> code{};
  /// What to do about a rejection.
  std::optional<std::string> hint{};
  /// Whether messages will come.
  [[nodiscard]] bool is_accepted() const { return !code; }
};

/// What became of each symbol.
using SymbolResults = std::map<std::string, SymbolResult>;

/// Whether the gateway, and this client's way to it, are well.
struct HealthStatus {
  /// `healthy`, `warning` or `critical`.
  std::string health_level;
  /// Whether the level is `healthy`.
  bool is_healthy = false;
  /// Maps with code, level, message, since_us and hint.
  std::vector<Map> issues{};
  /// The gravest issue in plain words; empty when there is none.
  std::optional<std::string> error_message{};
  /// Whether the gateway's process works.
  bool live = false;
  /// Whether it can serve data.
  bool ready = false;
  /// Upstream port to the state of its connection.
  Map upstream{};
};

/// Why a symbol is in its state.
struct SymbolLineage {
  /// The symbol, verbatim.
  std::string symbol;
  /// One of `symbol_state`.
  std::string state;
  /// Why, one of `cause`; empty when nothing is wrong.
  std::optional<std::string> cause;
  /// Demand, watch, last line, link, cause and last messages, one sentence each.
  std::vector<std::string> lines;
};

/// What a method `replay` brought.
struct Replayed {
  /// Oldest first.
  std::vector<Message> messages;
  /// Whether none is missing.
  bool is_complete = false;
};

/// What one client has counted since `connect`.
struct Statistics {
  /// Frames read from the data socket, heartbeats included.
  std::int64_t received = 0;
  /// Messages and events handed to the application.
  std::int64_t delivered = 0;
  /// Holes found.
  std::int64_t gaps = 0;
  /// Messages those holes stand for.
  std::int64_t missing = 0;
  /// Messages dropped because they were seen before.
  std::int64_t repeats = 0;
  /// Messages skipped because the application was too slow; each is told by an Overrun.
  std::int64_t dropped = 0;
  /// State messages replaced by newer ones while they waited for the application.
  std::int64_t conflated = 0;
  /// Frames that break the contract.
  std::int64_t bad_frames = 0;
  /// Frames of a type this version does not know.
  std::int64_t unknown_messages = 0;
  /// Frames on topics not subscribed (any more).
  std::int64_t unrouted = 0;
  /// Times the gateway came back with a new epoch.
  std::int64_t restarts = 0;
  /// Times the data socket was made anew after silence.
  std::int64_t reconnects = 0;
  /// Private topics subscribed.
  std::int64_t snapshots_requested = 0;
  /// Private topics given up.
  std::int64_t snapshots_unanswered = 0;
  /// Control requests sent.
  std::int64_t requests = 0;
  /// Control requests that ran into their deadline.
  std::int64_t request_timeouts = 0;
  /// Replies dropped because their request had ended.
  std::int64_t late_replies = 0;
  /// Replies that could not be read.
  std::int64_t bad_replies = 0;
  /// Times the control socket was made anew.
  std::int64_t control_reconnects = 0;
  /// Leases renewed.
  std::int64_t renewals = 0;
  /// Leases the gateway no longer knew.
  std::int64_t leases_expired = 0;
  /// Topics the gateway had not seen on the data socket, subscribed again.
  std::int64_t subscriptions_repaired = 0;
  /// Requests for lost events.
  std::int64_t replays_requested = 0;
  /// Such requests sent again, because the gateway was busy or did not answer.
  std::int64_t replays_retried = 0;
  /// Holes for which there was no room; what is in them is lost for good.
  std::int64_t replays_refused = 0;
  /// Answers to such requests that nobody waited for any more.
  std::int64_t replays_late = 0;
  /// Lost events that came by replay.
  std::int64_t replayed = 0;
  /// Messages in such answers that were not what was asked for.
  std::int64_t replayed_bad = 0;
  /// Messages lost for good; each is named by a Gap with `is_final`.
  std::int64_t lost = 0;
  /// Holes being fetched.
  std::int64_t holes = 0;
  /// Times that everything waiting for a slow application was skipped.
  std::int64_t skips = 0;
  /// How far behind this client is, microseconds: the age of the last heartbeat when it was read,
  /// by this machine's clock, or the time the oldest message has waited for the application.
  std::optional<std::int64_t> lag_us{};
  /// Messages waiting for the application.
  std::int64_t queue_size = 0;
  /// Messages that may wait.
  std::int64_t queue_capacity = 0;
  /// Control requests outstanding.
  std::int64_t requests_size = 0;
  /// Control requests that may be outstanding.
  std::int64_t requests_capacity = 0;
};

/// Every counter by its name; `lag_us` is nil while unknown.
[[nodiscard]] Map as_map(const Statistics& statistics);

}  // namespace iqfeed_gateway
