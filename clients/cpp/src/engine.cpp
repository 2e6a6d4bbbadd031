#include "engine.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "iqfeed_gateway/messages.hpp"
#include "readings.hpp"
#include "sockets.hpp"

namespace iqfeed_gateway {
namespace {

constexpr int frames_per_batch_max = 1'000;
/// Timers are looked at twice a second at least; a longer pause means that we were suspended.
constexpr std::int64_t tick_ns_max = 500'000'000;

std::int64_t nanoseconds(Seconds seconds) {
  return static_cast<std::int64_t>(seconds.count() * 1e9);
}

std::int64_t utc_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::optional<std::int64_t> skip_after_ns(const Options& options) {
  return options.skip_after ? std::optional(nanoseconds(*options.skip_after)) : std::nullopt;
}

/// Have the reader look at once. Full: it wakes anyway; failed: it looks twice a second.
void wake(zmq::socket_t& socket) noexcept {
  while (zmq_send(socket.handle(), "w", 1, ZMQ_DONTWAIT) < 0 && zmq_errno() == EINTR) {
  }
}

/// What libzmq refuses at construction is the caller's mistake.
template <class Make>
auto made(Make make) {
  try {
    return make();
  } catch (const zmq::error_t& error) {
    throw InvalidArgument(std::string("endpoint or keys refused: ") + error.what(),
                          "Correct the endpoint; a gateway with keys needs CURVE in libzmq.");
  }
}

}  // namespace

Engine::Engine(const Options& options)
    : options_(options),
      silence_ns_(nanoseconds(options.heartbeat_silence)),
      queue_(options.queue_capacity, options.conflate_above, skip_after_ns(options),
             [this](const Overrun& overrun, const std::set<std::string>& topics,
                    const std::vector<Gap>& gaps) { replace_skipped(overrun, topics, gaps); }),
      wake_reader_(context_, zmq::socket_type::pair),
      wake_writer_(context_, zmq::socket_type::pair),
      subscriber_(made([this] { return Subscriber(context_, options_); })),
      rpc_(made([this] { return RpcClient(context_, options_, silence_ns_); })),
      session_(options_, rpc_, subscriber_, queue_) {
  for (auto* const socket : {&wake_reader_, &wake_writer_}) {
    socket->set(zmq::sockopt::linger, 0);
  }
  wake_reader_.bind("inproc://wake");
  wake_writer_.connect("inproc://wake");
}

Engine::~Engine() { stop(); }

// Any thread.

void Engine::launch() {
  // Starting the thread is the memory barrier that libzmq asks for when sockets change hands.
  thread_ = std::jthread([this] { run(); });
}

bool Engine::wait_connected() {
  const auto timeout = options_.connect_timeout + Seconds(2);
  const auto connected = connected_;  // Each thread waits by a copy of its own.
  return connected.wait_for(timeout) == std::future_status::ready && connected.get();
}

void Engine::stop() noexcept {
  std::call_once(stopped_, [this] {
    is_stopping_ = true;
    {
      const std::lock_guard lock(mutex_);
      if (!is_finished_) wake(wake_writer_);
    }
    if (thread_.joinable()) thread_.join();
  });
}

void Engine::post(Command command, Abandon abandon, bool is_bounded) {
  const std::lock_guard lock(mutex_);
  if (is_finished_ || is_stopping_) raise({FailureKind::not_connected, "not connected"});
  if (is_bounded && commands_.size() >= commands_max) {
    raise({FailureKind::not_connected, "too many commands waiting", {}, "Call less often."});
  }
  commands_.push_back({std::move(command), std::move(abandon)});
  wake(wake_writer_);  // The lock is what lets several threads use one socket.
}

std::optional<Failure> Engine::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Map Engine::gateway() {
  const std::lock_guard lock(mutex_);
  return gateway_;
}

Statistics Engine::statistics() {
  std::unique_lock lock(mutex_);
  auto found = statistics_;
  lock.unlock();
  const auto queue = queue_.counts();
  found.delivered = queue.delivered;
  found.dropped = queue.dropped;
  found.conflated = queue.conflated;
  found.skips = queue.skips;
  found.queue_size = queue.size;
  found.queue_capacity = options_.queue_capacity;
  found.requests_capacity = static_cast<std::int64_t>(RpcClient::outstanding_max);
  return found;
}

/// Have the values of topics fetched anew whose messages were skipped unread.
void Engine::replace_skipped(const Overrun& overrun, const std::set<std::string>& topics,
                             const std::vector<Gap>& gaps) {
  const auto replace = [this, topics, gaps,
                        is_any = !overrun.topic && overrun.unnamed > 0](std::int64_t) {
    auto& intake = session_.intake;
    intake.note_skipped(gaps);
    for (const auto& topic : topics) intake.ask_again(topic);
    // Which topics they were is not told to the application, so every book is in doubt.
    if (is_any) intake.ask_images_again();
  };
  try {
    // One for each skip that the application has come to: never many.
    post(
        replace, [](const Failure&) {}, false);
  } catch (const NotConnected&) {
    // What is read after `disconnect` is not healed any more.
  }
}

// The reader thread.

void Engine::run() noexcept {
  Failure reason{FailureKind::not_connected, "disconnected"};
  try {
    greet();
    while (!is_stopping_) turn();
  } catch (const std::exception& error) {
    reason.text = std::string("the reader thread failed: ") + error.what();
    queue_.fail(completed(reason));
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = completed(reason);
  }
  finish(completed(reason));
}

void Engine::greet() {
  const auto now_ns = monotonic_ns();
  heard_ns_ = ticked_ns_ = now_ns;
  connect_deadline_ns_ = now_ns + nanoseconds(options_.connect_timeout);
  session_.greet(now_ns, options_.connect_timeout,
                 [this](const Outcome& outcome) { greeted(outcome); });
}

/// Close everything and let everybody go.
void Engine::finish(const Failure& reason) {
  link_ = Link::closed;
  std::deque<Posted> waiting;
  {
    const std::lock_guard lock(mutex_);
    is_finished_ = true;
    waiting.swap(commands_);
    wake_writer_.close();
  }
  rpc_.close(reason);
  subscriber_.close();
  wake_reader_.close();
  session_.replays.give_up_all(session_.intake.out);
  deliver(monotonic_ns());
  publish_statistics(monotonic_ns());
  for (const auto& posted : waiting) posted.abandon(reason);
  queue_.close();
  settle_connected(false);
}

/// Wait for something to happen and deal with it.
void Engine::turn() {
  auto now_ns = monotonic_ns();
  const auto wait_ns = std::max<std::int64_t>(0, tick_at_ns_ - now_ns);
  const auto wait = std::chrono::milliseconds(tick_at_ns_ == 0 ? 0 : wait_ns / 1'000'000 + 1);
  const short control_events = rpc_.has_unsent() ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN;
  std::array<zmq::pollitem_t, 3> items{{
      {subscriber_.socket().handle(), 0, ZMQ_POLLIN, 0},
      {rpc_.socket().handle(), 0, control_events, 0},
      {wake_reader_.handle(), 0, ZMQ_POLLIN, 0},
  }};
  try {
    zmq::poll(items.data(), items.size(), wait);
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;
    return;
  }
  now_ns = monotonic_ns();
  bool is_drained = true;
  if ((items[0].revents & ZMQ_POLLIN) != 0) {
    is_drained = subscriber_.drain(
        [this](std::string_view frame) { session_.intake.receive(frame); }, frames_per_batch_max);
  }
  if ((items[1].revents & ZMQ_POLLIN) != 0) rpc_.receive_replies(now_ns);
  if ((items[1].revents & ZMQ_POLLOUT) != 0) rpc_.flush(now_ns);
  if ((items[2].revents & ZMQ_POLLIN) != 0) {
    zmq::message_t word;
    while (receive(wake_reader_, word)) {
    }
  }
  run_commands(now_ns);  // Whether or not a wake arrived.
  note_heartbeats(now_ns);
  if (now_ns >= tick_at_ns_) tick(now_ns, is_drained);
  session_.after_batch(now_ns);
  deliver(now_ns);
  publish_statistics(now_ns);
}

void Engine::deliver(std::int64_t now_ns) {
  epoch_ = session_.intake.epoch;
  if (!session_.intake.out.empty()) queue_.extend(session_.intake.out, now_ns);
}

void Engine::run_commands(std::int64_t now_ns) {
  std::deque<Posted> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(commands_);
  }
  if (waiting.empty()) return;
  tick_at_ns_ = 0;
  for (const auto& posted : waiting) posted.run(now_ns);
}

void Engine::note_heartbeats(std::int64_t now_ns) {
  auto& intake = session_.intake;
  if (intake.heartbeat_count == heartbeat_count_) return;
  heartbeat_count_ = intake.heartbeat_count;
  const auto silent_ns = now_ns - heard_ns_;
  heard_ns_ = now_ns;
  session_.heartbeat_lag_us = utc_us() - intake.heartbeat_us;
  if (link_ == Link::silent) {
    link_ = Link::connected;
    const Reconnected event{static_cast<double>(silent_ns) / 1e9};
    intake.out.insert(intake.out.begin(), entry_of(event));
    session_.reconnected(now_ns);
  }
  judge_connected();
}

void Engine::tick(std::int64_t now_ns, bool is_drained) {
  if (now_ns - ticked_ns_ > 2 * tick_ns_max) {
    // The whole process stood still; libzmq needs a moment to bring what it has.
    heard_ns_ = std::max(heard_ns_, now_ns - silence_ns_ + tick_ns_max);
  }
  ticked_ns_ = now_ns;
  rpc_.expire(now_ns);
  session_.tick(now_ns);
  queue_.skip_if_old(now_ns);
  if (link_ == Link::connecting) {
    if (now_ns >= connect_deadline_ns_) {
      fail({FailureKind::timed_out,
            "no heartbeat in time",
            {},
            "The gateway answers requests but no data arrives: check data_endpoint, and its keys "
            "if any."});
    }
  } else if (is_drained) {
    watch_silence(now_ns);
  }
  tick_at_ns_ = now_ns + tick_ns_max;
  for (const auto& at_ns : {rpc_.deadline_ns(), session_.deadline_ns()}) {
    if (at_ns) tick_at_ns_ = std::min(tick_at_ns_, *at_ns);
  }
}

void Engine::watch_silence(std::int64_t now_ns) {
  const auto silent_ns = now_ns - heard_ns_;
  if (silent_ns < silence_ns_) return;
  if (link_ == Link::connected) {
    link_ = Link::silent;
    session_.intake.out.push_back(
        entry_of(Disconnected{"silence", static_cast<double>(silent_ns) / 1e9}));
    session_.disconnected();
  } else if (now_ns < reopen_at_ns_) {
    return;
  }
  reopen_at_ns_ = now_ns + silence_ns_;
  subscriber_.reopen();
  session_.reopened();
}

void Engine::publish_statistics(std::int64_t now_ns) {
  const auto& intake = session_.intake;
  const auto& joins = session_.joins;
  const auto& replays = session_.replays;
  const auto lag_us = session_.lag_us(now_ns);
  const std::lock_guard lock(mutex_);
  auto& s = statistics_;
  s.received = intake.received_count;
  s.gaps = intake.gap_count;
  s.missing = intake.missing_count;
  s.repeats = intake.repeat_count;
  s.bad_frames = intake.bad_frame_count;
  s.unknown_messages = intake.unknown_count;
  s.unrouted = intake.unrouted_count;
  s.restarts = intake.restart_count;
  s.reconnects = subscriber_.reopen_count;
  s.snapshots_requested = joins.requested_count;
  s.snapshots_unanswered = joins.unanswered_count;
  s.requests = rpc_.request_count;
  s.request_timeouts = rpc_.timeout_count;
  s.late_replies = rpc_.late_count;
  s.bad_replies = rpc_.bad_count;
  s.control_reconnects = rpc_.reopened_count;
  s.requests_size = static_cast<std::int64_t>(rpc_.outstanding_count());
  s.renewals = session_.leases.renewed_count;
  s.leases_expired = session_.leases.expired_count;
  s.subscriptions_repaired = session_.repaired_count;
  s.replays_requested = replays.requested_count;
  s.replays_retried = replays.retried_count;
  s.replays_refused = replays.refused_count;
  s.replays_late = replays.late_count;
  s.replayed = replays.recovered_count;
  s.replayed_bad = replays.bad_count;
  s.lost = replays.lost_count;
  s.holes = replays.hole_count;
  s.lag_us = lag_us;
}

// Connecting.

void Engine::greeted(const Outcome& outcome) {
  if (const auto* const failure = std::get_if<Failure>(&outcome)) {
    fail(*failure);
    return;
  }
  const auto* const said = std::get<Value>(outcome).map();
  if (said == nullptr) {
    fail({FailureKind::malformed, "hello was not answered with a map"});
    return;
  }
  const auto* const spoken = said->array("protocol");
  const Value ours(limits::protocol_version);
  if (spoken != nullptr && std::ranges::find(*spoken, ours) == spoken->end()) {
    fail({FailureKind::not_connected,
          "no protocol version in common",
          {},
          "Update the client or the gateway."});
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    gateway_ = *said;
  }
  has_greeted_ = true;
  judge_connected();
}

void Engine::judge_connected() {
  if (link_ == Link::connecting && has_greeted_ && heartbeat_count_ > 0) {
    link_ = Link::connected;
    settle_connected(true);
  }
}

void Engine::settle_connected(bool is_connected) {
  if (is_connected_settled_) return;
  is_connected_settled_ = true;
  connected_promise_.set_value(is_connected);
}

void Engine::fail(const Failure& failure) {
  if (link_ != Link::connecting) return;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = completed(failure);  // The first one is the cause.
  }
  is_stopping_ = true;
}

}  // namespace iqfeed_gateway
