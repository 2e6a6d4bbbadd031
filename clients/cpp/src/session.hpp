// What is held at the gateway: subscriptions, leases, snapshots, and how they are kept.
//
// Everything here runs in the reader thread and never waits: requests bring their answers to
// callbacks, retries are timers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "delivery.hpp"
#include "intake.hpp"
#include "iqfeed_gateway/options.hpp"
#include "iqfeed_gateway/results.hpp"
#include "joins.hpp"
#include "leases.hpp"
#include "replays.hpp"
#include "rpc_client.hpp"
#include "subscriber.hpp"

namespace iqfeed_gateway {

/// Monotonic time in nanoseconds.
[[nodiscard]] std::int64_t monotonic_ns();

/// The subscriptions of one client over its two sockets.
class Session {
 public:
  /// Gets what became of each symbol, or why nothing did.
  using OnSubscribed = std::function<void(const std::variant<SymbolResults, Failure>&)>;

  Session(const Options& options, RpcClient& rpc, Subscriber& subscriber, DeliveryQueue& queue);

  /// Send one request; `on_done` gets its outcome exactly once.
  void call(const std::string& method, const Map& params, std::int64_t now_ns, Seconds timeout,
            OnDone on_done);
  /// Say who we are, which binds the data connection that holds our token to our name.
  void greet(std::int64_t now_ns, Seconds timeout, OnDone on_done);
  /// Take leases, then listen, then ask for snapshots; symbols and kinds are checked.
  void subscribe(const std::vector<std::string>& symbols, const std::vector<std::string>& kinds,
                 std::int64_t now_ns, Seconds timeout, OnSubscribed on_done);
  /// Stop listening at once, then tell the gateway. `state` in a level stays while other kinds of
  /// the symbol do.
  void give_up(const std::vector<std::string>& symbols,
               const std::optional<std::vector<std::string>>& kinds, std::int64_t now_ns,
               Seconds timeout, OnDone on_done);
  /// Listen to topics or kind prefixes without a lease.
  void listen_to(const std::vector<std::string>& topics);
  /// Stop listening to topics or kind prefixes.
  void forget_topics(const std::vector<std::string>& topics);

  /// Follow up on what the frames just read brought.
  void after_batch(std::int64_t now_ns);
  /// Do what is due: retries, renewals, overdue snapshots.
  void tick(std::int64_t now_ns);
  /// Monotonic time at which `tick` has something to do.
  [[nodiscard]] std::optional<std::int64_t> deadline_ns() const;
  /// Ask for nothing while nothing is heard: it would only use up the attempts.
  void disconnected() { replays.is_paused = true; }
  /// Begin anew on a fresh data socket.
  void reopened() { joins.restart(); }
  /// Fetch what may have been missed while nothing was heard, by a connection with a name.
  void reconnected(std::int64_t now_ns);
  /// How far behind we are: the way to us, or the application, whichever is worse.
  [[nodiscard]] std::optional<std::int64_t> lag_us(std::int64_t now_ns);

  Joins joins;
  Replays replays;
  Intake intake;
  LeaseBook leases;
  std::int64_t repaired_count = 0;
  /// Age of the last heartbeat when it was read, by this machine's clock.
  std::optional<std::int64_t> heartbeat_lag_us;

 private:
  using Timer = std::function<void(std::int64_t now_ns)>;

  void greet_again(std::int64_t now_ns, int attempts);
  void lease(const std::vector<std::string>& symbols, const std::vector<std::string>& kinds,
             std::int64_t now_ns, Seconds timeout, OnDone on_done);
  std::variant<SymbolResults, Failure> take(const std::vector<std::string>& symbols,
                                            const std::vector<std::string>& kinds, bool is_new,
                                            const Outcome& outcome, std::int64_t now_ns);
  void keep(const std::optional<std::string>& lease_id, std::vector<std::string> symbols,
            std::int64_t now_ns);
  void listen(const std::string& topic);
  [[nodiscard]] std::vector<std::string> without_shared(
      const std::string& symbol, const std::vector<std::string>& kinds) const;
  void start_joins(std::int64_t now_ns);
  void start_replays(std::int64_t now_ns);
  void restore(std::int64_t now_ns);
  void renew(const Lease& lease, std::int64_t now_ns);
  void renewed(const Lease& lease, const Outcome& outcome);
  void lease_again(const std::vector<Group>& groups, std::int64_t now_ns, std::int64_t delay_ns);
  void later(std::int64_t at_ns, Timer timer) { timers_.emplace(at_ns, std::move(timer)); }

  const Options& options_;
  RpcClient& rpc_;
  Subscriber& subscriber_;
  DeliveryQueue& queue_;
  const std::string token_;
  std::multimap<std::int64_t, Timer> timers_;
  std::multiset<std::string> asked_;  // Symbols whose first subscription is under way.
  std::int64_t reported_received_ = 0;
  std::int64_t reported_missing_ = 0;
};

}  // namespace iqfeed_gateway
