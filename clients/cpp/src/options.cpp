#include "iqfeed_gateway/options.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <string_view>

#ifdef _WIN32
#include <process.h>
#else
#include <unistd.h>
#endif

#include "iqfeed_gateway/errors.hpp"
#include "iqfeed_gateway/messages.hpp"
#include "iqfeed_gateway/topics.hpp"

namespace iqfeed_gateway {
namespace {

std::string made_up_name() {
#ifdef _WIN32
  const auto process = static_cast<long>(_getpid());
#else
  const auto process = static_cast<long>(getpid());
#endif
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "cpp-%ld-%08x", process, std::random_device()());
  return text.data();
}

bool is_port(std::string_view text) {
  int port = 0;
  if (text.empty() || text.size() > 5) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + (c - '0');
  }
  return port > 0 && port < 65'536;
}

bool has_blank(std::string_view text) {
  return text.find_first_of(" \t\r\n") != std::string_view::npos;
}

bool is_endpoint(std::string_view text) {
  if (text.starts_with("ipc://")) return text.size() > 6 && !has_blank(text);
  if (!text.starts_with("tcp://")) return false;
  text.remove_prefix(6);
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || !is_port(text.substr(colon + 1))) {
    return false;
  }
  const auto host = text.substr(0, colon);
  if (host.front() == '[') return host.size() > 2 && host.back() == ']' && !has_blank(host);
  return host.find_first_of("/:[]") == std::string_view::npos && !has_blank(host);
}

void check_endpoint(const char* name, const std::string& endpoint) {
  if (is_endpoint(endpoint)) return;
  throw InvalidArgument(std::string(name) + " is not an endpoint: '" + bounded(endpoint) + "'",
                        "Write tcp://host:port or ipc://path.");
}

void check_duration(const char* name, Seconds value) {
  if (value.count() > 0 && value.count() < 86'400) return;
  throw InvalidArgument(std::string(name) + " is not a duration: " + std::to_string(value.count()),
                        "Give seconds above 0 and below 86,400.");
}

}  // namespace

Options checked(Options options) {
  check_endpoint("data_endpoint", options.data_endpoint);
  check_endpoint("control_endpoint", options.control_endpoint);
  check_duration("request_timeout", options.request_timeout);
  check_duration("connect_timeout", options.connect_timeout);
  check_duration("heartbeat_silence", options.heartbeat_silence);
  if (options.skip_after) check_duration("skip_after", *options.skip_after);
  const auto lease_s = options.lease.count();
  if (lease_s < limits::lease_s_min || lease_s > limits::lease_s_max) {
    throw InvalidArgument("lease is out of range: " + std::to_string(lease_s) + " s",
                          "Give 5 to 86,400 seconds.");
  }
  if (options.conflate_above <= 0 || options.conflate_above > options.queue_capacity) {
    throw InvalidArgument("queue bounds do not fit: conflate_above " +
                              std::to_string(options.conflate_above) + ", queue_capacity " +
                              std::to_string(options.queue_capacity),
                          "Keep 0 < conflate_above <= queue_capacity.");
  }
  if (options.receive_messages_max < 1) {
    throw InvalidArgument("receive_messages_max must be above 0",
                          "Keep the default, or 10,000 and more.");
  }
  if (options.curve) check_keys(*options.curve);
  if (options.client_name.empty()) options.client_name = made_up_name();
  if (!topics::is_client_name(options.client_name)) {
    throw InvalidArgument("client_name refused: '" + bounded(options.client_name) + "'",
                          "Use 1 to 64 letters, digits and ._:@- only.");
  }
  return options;
}

}  // namespace iqfeed_gateway
