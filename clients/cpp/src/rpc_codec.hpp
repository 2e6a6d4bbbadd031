// Control requests to bytes, bytes to replies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "iqfeed_gateway/errors.hpp"
#include "iqfeed_gateway/value.hpp"

namespace iqfeed_gateway {

/// Longest reply that is read: 5,000 snapshots of books fit.
inline constexpr std::int64_t reply_bytes_max = 64 * 1024 * 1024;

/// What a request came to: the method's result, or why there is none.
using Outcome = std::variant<Value, Failure>;

/// One answer of the gateway.
struct Reply {
  std::int64_t id;
  Outcome outcome;
};

/// Pack one request; throws InvalidArgument when it is longer than the gateway reads.
[[nodiscard]] std::string encode_request(std::int64_t id, const std::string& method,
                                         const Map& params, std::int64_t deadline_ms);

/// Read one reply; throws DecodeError.
[[nodiscard]] Reply decode_reply(std::string_view data);

}  // namespace iqfeed_gateway
