// The client: blocking calls, each with a deadline; any thread may use it.
//
//   iqfeed_gateway::GatewayClient client;
//   if (!client.connect()) return report(*client.last_error());
//   client.subscribe_symbol("AAPL", {"l1"});
//   while (auto item = client.next_message()) {
//     if (const auto* quote = std::get_if<iqfeed_gateway::Quote>(&*item)) use(*quote);
//   }
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iqfeed_gateway/book_mirror.hpp"
#include "iqfeed_gateway/codec.hpp"
#include "iqfeed_gateway/errors.hpp"
#include "iqfeed_gateway/events.hpp"
#include "iqfeed_gateway/keys.hpp"
#include "iqfeed_gateway/messages.hpp"
#include "iqfeed_gateway/options.hpp"
#include "iqfeed_gateway/results.hpp"

namespace iqfeed_gateway {

class Engine;

/// A consumer of the gateway's data and a caller of its methods.
///
/// Several threads may call it at the same time; several that read the stream share the messages
/// between them. It must not be destroyed while another thread is inside a call, and not be used in
/// the child of a `fork`. Every call that takes `timeout` waits `Options::request_timeout` when it
/// is left out. Unless said otherwise a call throws NotConnected, RequestTimedOut, or
/// RequestRefused with the gateway's code and hint, and DecodeError at a result of another form.
class GatewayClient {
 public:
  using Texts = std::vector<std::string>;
  using Timeout = std::optional<Seconds>;

  /// Throws InvalidArgument where an option can never work. Opens nothing.
  explicit GatewayClient(Options options = {});
  GatewayClient(const GatewayClient&) = delete;
  GatewayClient& operator=(const GatewayClient&) = delete;
  /// Disconnects; never throws.
  ~GatewayClient();

  /// Reach the gateway: a reply to `hello` and a first heartbeat. True when connected (already or
  /// now); false when not reachable within `connect_timeout`, with the reason in `last_error`.
  bool connect();
  /// Close everything; idempotent, leaves no thread or socket. What is still queued can be read,
  /// then the stream ends.
  void disconnect() noexcept;

  /// Name the leases belong to.
  [[nodiscard]] const std::string& client_name() const noexcept { return options_.client_name; }
  /// Whether heartbeats arrive.
  [[nodiscard]] bool is_connected() const;
  /// Why the last `connect` returned false; empty after one that returned true.
  [[nodiscard]] std::optional<Failure> last_error() const;
  /// What the gateway said of itself (`hello`); empty before `connect`.
  [[nodiscard]] Map gateway() const;
  /// The gateway run last heard, Unix milliseconds; empty before `connect`.
  [[nodiscard]] std::optional<std::int64_t> epoch() const;
  /// What this client has counted since `connect`.
  [[nodiscard]] Statistics statistics() const;

  // Subscriptions.

  /// Subscribe to one symbol: `l1`, `l2`, kinds such as `quote`, or variants such as `quote@250`.
  /// Throws SecurityValidationError when the symbol must not be sent (it is not), and
  /// InvalidArgument when a kind does not exist.
  SymbolResult subscribe_symbol(const std::string& symbol, const Texts& kinds = {"l1"},
                                Timeout timeout = {});
  /// Subscribe to many symbols, sent 5,000 a request; one bad symbol never spoils the others:
  /// malformed ones are rejected with `symbol_invalid` and not sent. What was accepted until an
  /// error stays subscribed.
  SymbolResults subscribe_symbols(const Texts& symbols, const Texts& kinds = {"l1"},
                                  Timeout timeout = {});
  /// Give a symbol up, or only some kinds of it; listening ends at once. When the gateway does not
  /// confirm, its lease ends by itself.
  void unsubscribe_symbol(const std::string& symbol, const std::optional<Texts>& kinds = {},
                          Timeout timeout = {});
  /// Give many symbols up, or only some kinds of them.
  void unsubscribe_symbols(const Texts& symbols, const std::optional<Texts>& kinds = {},
                           Timeout timeout = {});
  /// Listen to topics (`bar,AAPL,`) or whole kinds (`news,`) without taking a lease.
  void subscribe_topics(const Texts& topics);
  /// Stop listening to what `subscribe_topics` was given.
  void unsubscribe_topics(const Texts& topics);

  // The stream.

  /// Take the next message or event, waiting at most `timeout`, or until `disconnect` when it is
  /// left out. Empty at the deadline, or when disconnected and everything was read.
  std::optional<StreamItem> next_message(Timeout timeout = {});

  // Requests.

  /// Call any method of the gateway; its result as sent.
  Value call(const std::string& method, const Map& params = {}, Timeout timeout = {});
  /// Read last values by request.
  std::vector<Message> snapshot(const Texts& topics, Timeout timeout = {});
  /// Fetch lost events again.
  Replayed replay(const std::string& topic, std::int64_t first, std::int64_t last,
                  std::int64_t epoch, Timeout timeout = {});
  /// Ask whether all is well; that the gateway cannot be asked is an answer too, never an error.
  HealthStatus get_health_status(Timeout timeout = {});
  /// Figures of clients, connections, topics and the process.
  Map get_metrics(Timeout timeout = {});
  /// Everything an operator needs; this client adds itself as `consumer`.
  Map get_diagnostic_info(Timeout timeout = {});
  /// The alerts that stand.
  std::vector<Map> get_active_alerts(Timeout timeout = {});
  /// Per metric mean, max, min, p95, slope and samples.
  Map get_performance_trends(std::int64_t window_minutes = 60, Timeout timeout = {});
  /// The gateway's errors, oldest first.
  std::vector<Map> get_error_history(std::int64_t limit = 100, Timeout timeout = {});
  /// Who is connected and what is held, of one client or of all.
  Map get_subscriptions(const std::optional<std::string>& client = {}, Timeout timeout = {});
  /// Cut the data connections of a peer, named as in `get_subscriptions` or by its client's name;
  /// they may come back at once. Connections cut.
  std::int64_t evict(const std::string& peer, const std::string& reason, Timeout timeout = {});
  /// Why a symbol is in its state, in plain words.
  SymbolLineage why(const std::string& symbol, Timeout timeout = {});
  /// Let the gateway ask the vendor for fresh values of a topic's symbol; true when it was asked.
  bool resync(const std::string& topic, Timeout timeout = {});

 private:
  [[nodiscard]] std::shared_ptr<Engine> engine() const;
  [[nodiscard]] std::shared_ptr<Engine> require() const;
  [[nodiscard]] Seconds checked_timeout(Timeout timeout) const;
  void listen(const Texts& topics, bool is_wanted);

  const Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<Engine> engine_;
  std::optional<Failure> last_error_;
};

}  // namespace iqfeed_gateway
