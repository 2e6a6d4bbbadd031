// The two sockets of a client share how they are given keys and how they survive signals.
#pragma once

#include <cstdint>
#include <optional>
#include <zmq.hpp>

#include "iqfeed_gateway/keys.hpp"

namespace iqfeed_gateway {

inline constexpr int reconnect_ms = 100;
inline constexpr int reconnect_ms_max = 5'000;

/// Give a socket its keys, when there are any.
inline void set_curve(zmq::socket_t& socket, const std::optional<CurveKeys>& curve) {
  if (!curve) return;
  socket.set(zmq::sockopt::curve_serverkey, curve->server_public_key);
  socket.set(zmq::sockopt::curve_publickey, curve->public_key);
  socket.set(zmq::sockopt::curve_secretkey, curve->secret_key);
}

/// Receive without waiting; false when there is nothing, or a signal came between.
inline bool receive(zmq::socket_t& socket, zmq::message_t& message) {
  try {
    return socket.recv(message, zmq::recv_flags::dontwait).has_value();
  } catch (const zmq::error_t& error) {
    if (error.num() == EINTR) return false;
    throw;
  }
}

}  // namespace iqfeed_gateway
