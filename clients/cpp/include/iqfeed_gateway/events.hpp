// What the client itself has to say, delivered in the same stream as the messages.
//
// Loss is never hidden: each of these stands at the place in the stream where it happened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "iqfeed_gateway/messages.hpp"

namespace iqfeed_gateway {

/// Messages of one topic are missing, have come after all, or are lost for good.
///
/// The client heals by itself, and says what became of it:
///
/// * neither `healed` nor `is_final`: these messages are missing at this place of the stream, and
///   are being fetched. It is followed by others about the same range, or parts of it.
/// * `healed`: for state kinds, `depth` and `order` a snapshot newer than the hole was delivered
///   just before. For trades, corrections and news each of these messages was delivered just
///   before, with flag::replay and its own sequence. After a restart of the gateway it may come
///   without an earlier Gap: what the new run published before we were back was fetched.
/// * `is_final`: these messages are lost for good: they never come. It may be the first that is
///   said of them, if there is nothing to fetch them with.
///
/// So every trade, correction and story is either delivered, once, or named by exactly one Gap that
/// `is_final`, as long as one run of the gateway lasts.
struct Gap {
  /// Base topic, for example `quote,AAPL,`.
  std::string topic;
  /// Sequence of the first message it is about.
  std::int64_t first_missing = 0;
  /// Sequence of the last message it is about; not below `first_missing`.
  std::int64_t last_missing = 0;
  /// True once what was lost, or what replaces it, has been delivered.
  bool healed = false;
  /// Gateway run the sequences belong to (Unix milliseconds), as `replay` wants it.
  std::int64_t epoch = 0;
  /// True when the messages are lost for good: nothing more will be tried. Never with `healed`.
  bool is_final = false;
  bool operator==(const Gap&) const = default;
};

/// The gateway runs anew: sequences start over, and what it sent meanwhile is unknown.
///
/// The client subscribes again and fetches fresh snapshots by itself. What was being fetched of the
/// earlier run is lost for good, and was told so just before.
struct GatewayRestarted {
  /// Unix milliseconds at which the earlier run began.
  std::int64_t old_epoch = 0;
  /// Unix milliseconds at which the present run began.
  std::int64_t new_epoch = 0;
};

/// No heartbeat for too long. Values on hand must be taken for stale until Reconnected.
struct Disconnected {
  /// Why the connection counts as lost: `silence`.
  std::string cause;
  /// Seconds since the last heartbeat.
  double silent_s = 0;
};

/// A heartbeat was heard again; snapshots of everything subscribed are on their way.
struct Reconnected {
  /// Seconds between the two heartbeats around the outage.
  double silent_s = 0;
};

/// The application read too slowly: what waited was skipped, and what comes next is current.
///
/// One Gap for each range of sequences that was skipped follows at once: `is_final` for trades and
/// other events, while books (`order` and `depth`) get a fresh image. Of state messages the newest
/// value follows.
struct Overrun {
  /// The topic they all belong to; empty when they belong to several.
  std::optional<std::string> topic;
  /// Messages skipped at this place of the stream, 1 or more.
  std::int64_t dropped = 0;
  /// How many of them are not named by the Gaps that follow: answers to snapshot requests, values
  /// and events of the client that found no room, and what is beyond 1,000 ranges.
  std::int64_t unnamed = 0;
};

/// A symbol that was held before is refused when subscribed again in the background.
struct SubscriptionRefused {
  /// The symbol, verbatim.
  std::string symbol;
  /// The gateway's error code, for example `symbol_limit`.
  std::string code;
  /// What the gateway advises.
  std::string hint;
};

/// Everything in the stream that is not a message of the gateway.
using Event =
    std::variant<Gap, GatewayRestarted, Disconnected, Reconnected, Overrun, SubscriptionRefused>;

namespace detail {

template <class First, class Second>
struct Joined;
template <class... First, class... Second>
struct Joined<std::variant<First...>, std::variant<Second...>> {
  using Type = std::variant<First..., Second...>;
};

}  // namespace detail

/// What the stream brings: any message or any event, for `std::visit` and `std::get_if`.
using StreamItem = detail::Joined<Message, Event>::Type;

/// Makes one visitor of several lambdas.
template <class... Calls>
struct overloaded : Calls... {
  using Calls::operator()...;
};
template <class... Calls>
overloaded(Calls...) -> overloaded<Calls...>;

}  // namespace iqfeed_gateway
