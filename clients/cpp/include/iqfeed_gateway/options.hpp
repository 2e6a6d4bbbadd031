// What a client is told at construction, checked before anything is opened.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "iqfeed_gateway/keys.hpp"

namespace iqfeed_gateway {

/// Seconds with a fraction; every duration of the standard library converts to it.
using Seconds = std::chrono::duration<double>;

/// Everything a client can be told.
struct Options {
  /// Where the gateway publishes.
  std::string data_endpoint = "tcp://127.0.0.1:7700";
  /// Where the gateway answers requests.
  std::string control_endpoint = "tcp://127.0.0.1:7701";
  /// Name the leases belong to; clients with one name share them. Made up when empty.
  std::string client_name{};
  /// Time to wait for a reply.
  Seconds request_timeout{5};
  /// Time in which `connect` must have heard a reply and a heartbeat (one comes a second).
  Seconds connect_timeout{5};
  /// Life of a lease; renewed at half of it, and every ten seconds at least.
  std::chrono::seconds lease{60};
  /// Time without a heartbeat after which the data connection counts as lost.
  Seconds heartbeat_silence{3};
  /// Messages that wait for the application at most; then they are skipped, and that is told.
  std::int64_t queue_capacity = 100'000;
  /// Waiting messages from which on state messages replace older ones of their topic.
  std::int64_t conflate_above = 10'000;
  /// Age at which what waits is skipped, too. Empty, for only when the queue is full: no trade is
  /// ever skipped for its age alone, unless asked for.
  std::optional<Seconds> skip_after{};
  /// Keys, when the gateway asks for them.
  std::optional<CurveKeys> curve{};
  /// Frames libzmq may hold for us (RCVHWM); the reader thread keeps it near empty.
  int receive_messages_max = 200'000;
};

/// The options with a name made up where there is none; throws InvalidArgument where one of them
/// can never work.
[[nodiscard]] Options checked(Options options);

}  // namespace iqfeed_gateway
