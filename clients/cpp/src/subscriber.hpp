// The SUB socket: made, made anew, and always drained.
//
// Two settings are not to be touched. ZMTP heartbeats stay off: with a full receive queue they
// abort the process inside libzmq. SNDHWM is 0: libzmq keeps subscriptions in that queue and
// silently drops what is above the mark, at the start as well as after every reconnect.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <zmq.hpp>

#include "iqfeed_gateway/options.hpp"

namespace iqfeed_gateway {

/// One data connection; every method belongs to the reader thread.
class Subscriber {
 public:
  /// Throws zmq::error_t when libzmq refuses the endpoint or the keys.
  Subscriber(zmq::context_t& context, const Options& options);

  /// Subscribe once, however often it is asked for.
  void subscribe(const std::string& topic);
  /// Take a subscription back.
  void unsubscribe(const std::string& topic);
  /// Send a subscription again that the gateway has not seen; false when it is not ours.
  bool repair(const std::string& topic);
  /// Replace the socket; all subscriptions go with it, requests for snapshots excepted.
  void reopen();
  /// Hand over what has arrived, at most so many frames before other work gets its turn. Returns
  /// whether the socket is empty.
  template <class Receive>
  bool drain(Receive&& receive_frame, int frames_max);
  void close() { socket_.close(); }

  [[nodiscard]] zmq::socket_t& socket() { return socket_; }
  std::int64_t reopen_count = 0;

 private:
  void open();

  zmq::context_t& context_;
  const Options& options_;
  std::unordered_set<std::string> topics_;
  zmq::socket_t socket_;
};

}  // namespace iqfeed_gateway

#include "sockets.hpp"

namespace iqfeed_gateway {

template <class Receive>
bool Subscriber::drain(Receive&& receive_frame, int frames_max) {
  zmq::message_t frame;
  for (int i = 0; i < frames_max; ++i) {
    if (!receive(socket_, frame)) return true;
    receive_frame(std::string_view(static_cast<const char*>(frame.data()), frame.size()));
  }
  return false;
}

}  // namespace iqfeed_gateway
