#include "rpc_codec.hpp"

#include <algorithm>

#include "cursor.hpp"
#include "iqfeed_gateway/messages.hpp"

namespace iqfeed_gateway {
namespace {

constexpr std::int64_t retry_ms_max = 3'600'000;
/// A reply wraps bodies, which nest eight levels, in a few of its own.
constexpr int reply_levels_max = 32;

Failure refusal(const Value* error) {
  static const Map nothing;
  const auto* const fields = error == nullptr ? nullptr : error->map();
  const auto& said = fields == nullptr ? nothing : *fields;
  Failure failure{FailureKind::refused,
                  said.text("message").value_or("the gateway refused without saying why")};
  failure.code = said.text("code").value_or(std::string(error_code::internal));
  failure.hint = said.text("hint").value_or("Read the gateway's log.");
  if (const auto retry_ms = said.integer("retry_ms")) {
    failure.retry_ms = std::clamp<std::int64_t>(*retry_ms, 0, retry_ms_max);
  }
  if (const auto* const details = said.map("details")) failure.details = *details;
  return failure;
}

}  // namespace

std::string encode_request(std::int64_t id, const std::string& method, const Map& params,
                           std::int64_t deadline_ms) {
  const Map request{
      {"v", limits::protocol_version},
      {"id", id},
      {"method", method},
      {"params", params},
      {"deadline_ms", std::clamp<std::int64_t>(deadline_ms, 1, limits::deadline_ms_max)},
  };
  std::string data;
  pack(data, request);
  if (data.size() > limits::request_bytes_max) {
    throw InvalidArgument("request is too long: " + std::to_string(data.size()) + " bytes of " +
                              std::to_string(limits::request_bytes_max) + " for " + bounded(method),
                          "Split the request.");
  }
  return data;
}

Reply decode_reply(std::string_view data) {
  if (data.size() > static_cast<std::size_t>(reply_bytes_max))
    throw DecodeError("reply is too long");
  Cursor cursor(data);
  const auto value = cursor.value(reply_levels_max);
  const auto* const reply = value.map();
  if (reply == nullptr || cursor.left() != 0) throw DecodeError("reply is not a map");
  const auto id = reply->integer("id");
  const auto* const ok = reply->find("ok");
  const auto is_ok = ok == nullptr ? std::nullopt : ok->boolean();
  if (!id || !is_ok) throw DecodeError("reply lacks id or ok");
  if (!*is_ok) return {*id, refusal(reply->find("error"))};
  const auto* const result = reply->find("result");
  return {*id, result == nullptr ? Value() : *result};
}

}  // namespace iqfeed_gateway
