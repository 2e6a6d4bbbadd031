#include "iqfeed_gateway/errors.hpp"

#include <array>

namespace iqfeed_gateway {
namespace {

struct Defaults {
  std::string_view code;
  std::string_view hint;
};

Defaults defaults_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::invalid_argument:
      return {"invalid_argument", "Correct the named argument."};
    case FailureKind::symbol_refused:
      return {"symbol_invalid",
              "Use upper case letters, digits and @+#$=./!&^_%- only, 1 to 48 characters, no comma "
              "and no blank at either end."};
    case FailureKind::not_connected:
      return {"not_connected", "Call connect() first; when it returned false, read last_error()."};
    case FailureKind::timed_out:
      return {"timeout",
              "Retry; if it repeats, check that the gateway runs and read get_health_status()."};
    case FailureKind::refused:
      return {"refused", "Read the gateway's log."};
    case FailureKind::malformed:
      return {
          "malformed",
          "Compare the bytes with the wire contract; gateway and client may differ in version."};
    case FailureKind::unknown_message:
      return {"unknown_message",
              "A newer gateway may send it; skip the message or update the client."};
    case FailureKind::sequence_gap:
      return {"sequence_gap",
              "Ask for an image of the topic and apply it; updates may be applied meanwhile."};
  }
  return {"client", ""};
}

}  // namespace

std::string bounded(std::string_view text) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    if (out.size() >= fact_characters_max) {
      out.resize(fact_characters_max);
      return out + "...";
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\') {
      out += c;
    } else {
      out += "\\x";
      out += digits[byte >> 4U];
      out += digits[byte & 0xfU];
    }
  }
  return out;
}

Failure completed(Failure failure) {
  const auto [code, hint] = defaults_of(failure.kind);
  if (failure.code.empty()) failure.code = code;
  if (failure.hint.empty()) failure.hint = hint;
  return failure;
}

void raise(const Failure& failure) {
  switch (failure.kind) {
    case FailureKind::invalid_argument:
      throw InvalidArgument(failure);
    case FailureKind::symbol_refused:
      throw SecurityValidationError(failure);
    case FailureKind::not_connected:
      throw NotConnected(failure);
    case FailureKind::timed_out:
      throw RequestTimedOut(failure);
    case FailureKind::refused:
      throw RequestRefused(failure);
    case FailureKind::malformed:
      throw DecodeError(failure);
    case FailureKind::unknown_message:
      throw UnknownMessage(failure);
    case FailureKind::sequence_gap:
      break;
  }
  throw GatewayClientError(failure);
}

std::string missing_reason(std::int64_t first, std::int64_t last) {
  if (first == last) return "update " + std::to_string(first) + " is missing";
  return "updates " + std::to_string(first) + " to " + std::to_string(last) + " are missing";
}

SequenceGap::SequenceGap(const std::string& topic, std::int64_t first, std::int64_t last)
    : GatewayClientError(Failure{FailureKind::sequence_gap,
                                 missing_reason(first, last) + " on " + bounded(topic)}),
      first_missing(first),
      last_missing(last) {}

}  // namespace iqfeed_gateway
