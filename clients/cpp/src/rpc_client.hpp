// The DEALER socket: many requests outstanding, each with its own deadline.
//
// A request waits in our own outbox until the connection stands (IMMEDIATE), so one whose deadline
// has passed is never sent late. When a request ran into its deadline and nothing was heard from
// the peer for `silence_ns` since it was sent, the peer counts as vanished and the socket is made
// anew.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <zmq.hpp>

#include "iqfeed_gateway/options.hpp"
#include "rpc_codec.hpp"

namespace iqfeed_gateway {

/// Gets the outcome of a request, exactly once, in the reader thread.
using OnDone = std::function<void(const Outcome&)>;

/// One control connection; every method belongs to the reader thread.
class RpcClient {
 public:
  /// Requests that may wait for their replies.
  static constexpr std::size_t outstanding_max = 1'000;

  /// Throws zmq::error_t when libzmq refuses the endpoint or the keys.
  RpcClient(zmq::context_t& context, const Options& options, std::int64_t silence_ns);

  /// Send a request; `on_done` is called exactly once, at the deadline at the latest, and at once
  /// when nothing can be sent.
  void request(const std::string& method, const Map& params, std::int64_t timeout_ns,
               std::int64_t now_ns, OnDone on_done);
  /// Send what waits, as far as the connection takes it.
  void flush(std::int64_t now_ns);
  /// Read the replies that have arrived.
  void receive_replies(std::int64_t now_ns);
  /// End the requests whose deadline has passed.
  void expire(std::int64_t now_ns);
  /// Monotonic time of the next deadline.
  [[nodiscard]] std::optional<std::int64_t> deadline_ns() const;
  /// Close for good; every outstanding request ends with the failure.
  void close(const Failure& failure);

  [[nodiscard]] bool has_unsent() const { return !outbox_.empty(); }
  [[nodiscard]] std::size_t outstanding_count() const { return requests_.size(); }
  [[nodiscard]] zmq::socket_t& socket() { return socket_; }

  std::int64_t request_count = 0;
  std::int64_t timeout_count = 0;
  std::int64_t late_count = 0;
  std::int64_t bad_count = 0;
  std::int64_t reopened_count = 0;

 private:
  struct Request {
    std::string method;
    std::string data;
    std::int64_t deadline_ns;
    OnDone on_done;
    std::optional<std::int64_t> sent_ns{};
  };

  void open();
  void reopen(const Failure& failure);
  void finish(std::int64_t id, const Outcome& outcome);

  zmq::context_t& context_;
  const Options& options_;
  const std::int64_t silence_ns_;
  zmq::socket_t socket_;
  std::map<std::int64_t, Request> requests_;
  std::deque<std::int64_t> outbox_;
  std::set<std::pair<std::int64_t, std::int64_t>> deadlines_;
  std::int64_t next_id_ = 1;
  std::int64_t heard_ns_ = 0;
  std::optional<std::int64_t> unanswered_since_ns_;
  /// Whether a request ran into its deadline without having found a connection.
  bool is_unconnected_ = false;
};

}  // namespace iqfeed_gateway
