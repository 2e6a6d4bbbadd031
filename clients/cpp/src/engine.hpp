// The reader thread: owns both sockets, the timers and everything that changes.
//
// The data socket is drained whatever the application does. Other threads post commands and wait
// for their settlement; messages go through a bounded queue. The thread ends by `stop` only: bad
// frames, refused requests and lost connections are counted or told, never thrown here.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <zmq.hpp>

#include "delivery.hpp"
#include "iqfeed_gateway/options.hpp"
#include "iqfeed_gateway/results.hpp"
#include "rpc_client.hpp"
#include "session.hpp"
#include "subscriber.hpp"

namespace iqfeed_gateway {

/// What is known of the way to the gateway.
enum class Link {
  connecting,
  connected,
  /// No heartbeat for too long; the data socket is made anew until one is heard.
  silent,
  closed,
};

/// One connection's life, from `launch` to `stop`; not restartable.
class Engine {
 public:
  static constexpr std::size_t commands_max = 10'000;
  /// Run in the reader thread; gets the monotonic time.
  using Command = std::function<void(std::int64_t now_ns)>;
  /// Called instead when the reader thread ends first.
  using Abandon = std::function<void(const Failure&)>;

  /// Throws InvalidArgument when libzmq refuses an endpoint or the keys.
  explicit Engine(const Options& options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// Begin.
  void launch();
  /// Wait until the gateway was reached (true), or `connect_timeout` is over.
  bool wait_connected();
  /// End; idempotent. Returns once the thread has ended and sockets are closed.
  void stop() noexcept;

  /// Have a command run in the reader thread; throws NotConnected when it has ended, or too many
  /// commands wait.
  void post(Command command, Abandon abandon, bool is_bounded = true);

  [[nodiscard]] Link link() const { return link_.load(); }
  /// Why connecting failed; to be read once `wait_connected` has returned.
  [[nodiscard]] std::optional<Failure> failure();
  /// What `hello` answered.
  [[nodiscard]] Map gateway();
  [[nodiscard]] std::int64_t epoch() const { return epoch_.load(); }
  /// The counters as they were a moment ago.
  [[nodiscard]] Statistics statistics();
  /// Only for the reader thread's commands.
  [[nodiscard]] Session& session() { return session_; }
  [[nodiscard]] DeliveryQueue& queue() { return queue_; }

 private:
  struct Posted {
    Command run;
    Abandon abandon;
  };

  void run() noexcept;
  void turn();
  void finish(const Failure& reason);
  void greet();
  void greeted(const Outcome& outcome);
  void judge_connected();
  void fail(const Failure& failure);
  void settle_connected(bool is_connected);
  void run_commands(std::int64_t now_ns);
  void note_heartbeats(std::int64_t now_ns);
  void tick(std::int64_t now_ns, bool is_drained);
  void watch_silence(std::int64_t now_ns);
  void deliver(std::int64_t now_ns);
  void publish_statistics(std::int64_t now_ns);
  void replace_skipped(const Overrun& overrun, const std::set<std::string>& topics,
                       const std::vector<Gap>& gaps);

  const Options options_;
  const std::int64_t silence_ns_;
  DeliveryQueue queue_;
  zmq::context_t context_;
  zmq::socket_t wake_reader_;
  zmq::socket_t wake_writer_;
  Subscriber subscriber_;
  RpcClient rpc_;
  Session session_;

  std::mutex mutex_;  // Guards what follows, up to the reader thread's own.
  std::deque<Posted> commands_;
  bool is_finished_ = false;
  std::optional<Failure> failure_;
  Map gateway_;
  Statistics statistics_;
  std::promise<bool> connected_promise_;
  std::shared_future<bool> connected_ = connected_promise_.get_future().share();
  std::once_flag stopped_;
  std::atomic<Link> link_ = Link::connecting;
  std::atomic<std::int64_t> epoch_ = -1;
  std::atomic<bool> is_stopping_ = false;

  // The reader thread's own.
  bool is_connected_settled_ = false;
  bool has_greeted_ = false;
  std::int64_t heard_ns_ = 0;
  std::int64_t heartbeat_count_ = 0;
  std::int64_t connect_deadline_ns_ = 0;
  std::int64_t reopen_at_ns_ = 0;
  std::int64_t tick_at_ns_ = 0;
  std::int64_t ticked_ns_ = 0;
  std::jthread thread_;
};

}  // namespace iqfeed_gateway
