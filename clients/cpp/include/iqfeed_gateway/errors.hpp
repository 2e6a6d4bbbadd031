// Every exception the client throws, as one tree:
//
//   GatewayClientError (a std::runtime_error)
//   ├── InvalidArgument
//   │   └── SecurityValidationError
//   ├── NotConnected
//   ├── RequestError: RequestTimedOut, RequestRefused
//   ├── CodecError: DecodeError, UnknownMessage
//   └── SequenceGap
//
// `hint()` says what to do next, and `code()` is stable: the gateway's own error codes where it
// answered, lower_snake names of ours elsewhere. Values from outside are quoted escaped and cut.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "iqfeed_gateway/error_codes.hpp"
#include "iqfeed_gateway/value.hpp"

namespace iqfeed_gateway {

/// Longest quotation of a value in a message.
inline constexpr std::size_t fact_characters_max = 200;

/// Quote a value from outside: printable ASCII, at most `fact_characters_max` characters and "...".
[[nodiscard]] std::string bounded(std::string_view text);

/// Which class of the tree a failure is.
enum class FailureKind {
  invalid_argument,
  symbol_refused,
  not_connected,
  timed_out,
  refused,
  malformed,
  unknown_message,
  sequence_gap,
};

/// A failure as data: what an exception holds, and what `last_error` tells.
struct Failure {
  FailureKind kind = FailureKind::not_connected;
  /// What happened, with the values that show it.
  std::string text;
  /// The gateway's error code, or a lower_snake name of ours; the kind's own when left empty.
  std::string code{};
  /// What to do next; the kind's own advice when left empty.
  std::string hint{};
  /// Milliseconds after which a retry may succeed; empty when the gateway did not say.
  std::optional<std::int64_t> retry_ms{};
  /// What the gateway adds, by name.
  Map details{};
};

/// Fill in code and hint where they were left empty.
[[nodiscard]] Failure completed(Failure failure);

/// Throw the exception that a failure stands for.
[[noreturn]] void raise(const Failure& failure);

/// Base of everything the client throws on purpose.
class GatewayClientError : public std::runtime_error {
 public:
  explicit GatewayClientError(Failure failure)
      : std::runtime_error(failure.text), failure_(completed(std::move(failure))) {}

  [[nodiscard]] const std::string& code() const noexcept { return failure_.code; }
  [[nodiscard]] const std::string& hint() const noexcept { return failure_.hint; }
  [[nodiscard]] const Failure& failure() const noexcept { return failure_; }

 private:
  Failure failure_;
};

/// An argument that can never be right; nothing was sent. Code `invalid_argument`.
class InvalidArgument : public GatewayClientError {
 public:
  explicit InvalidArgument(std::string text, std::string hint = {})
      : GatewayClientError({FailureKind::invalid_argument, std::move(text), {}, std::move(hint)}) {}
  explicit InvalidArgument(Failure failure) : GatewayClientError(std::move(failure)) {}
};

/// A symbol that must not reach the gateway; nothing was sent. Code `symbol_invalid`.
class SecurityValidationError : public InvalidArgument {
 public:
  explicit SecurityValidationError(std::string text, std::string hint = {})
      : InvalidArgument(
            Failure{FailureKind::symbol_refused, std::move(text), {}, std::move(hint)}) {}
  explicit SecurityValidationError(Failure failure) : InvalidArgument(std::move(failure)) {}
};

/// The client is not connected, or lost the gateway while the call was under way. Code
/// `not_connected`.
class NotConnected : public GatewayClientError {
 public:
  explicit NotConnected(Failure failure) : GatewayClientError(std::move(failure)) {}
};

/// A control request that brought no result.
class RequestError : public GatewayClientError {
 public:
  using GatewayClientError::GatewayClientError;
};

/// The answer did not come before the deadline; the gateway may still have acted on it. Code
/// `timeout`.
class RequestTimedOut : public RequestError {
 public:
  using RequestError::RequestError;
};

/// The gateway answered with an error; `code` is the gateway's, as in `error_code`.
class RequestRefused : public RequestError {
 public:
  using RequestError::RequestError;
  /// Milliseconds after which a retry may succeed; empty when a retry is pointless.
  [[nodiscard]] std::optional<std::int64_t> retry_ms() const noexcept { return failure().retry_ms; }
  /// What the gateway adds, by name.
  [[nodiscard]] const Map& details() const noexcept { return failure().details; }
};

/// Bytes and messages do not fit each other.
class CodecError : public GatewayClientError {
 public:
  using GatewayClientError::GatewayClientError;
};

/// Bytes that are not a message of the wire contract. Code `malformed`.
class DecodeError : public CodecError {
 public:
  using CodecError::CodecError;
  explicit DecodeError(std::string text)
      : CodecError(Failure{FailureKind::malformed, std::move(text)}) {}
};

/// A type number or a kind this version does not know. Code `unknown_message`.
class UnknownMessage : public CodecError {
 public:
  using CodecError::CodecError;
  explicit UnknownMessage(std::string text)
      : CodecError(Failure{FailureKind::unknown_message, std::move(text)}) {}
};

/// Updates of a book are missing; its mirror is not current until an image comes. Code
/// `sequence_gap`.
class SequenceGap : public GatewayClientError {
 public:
  SequenceGap(const std::string& topic, std::int64_t first, std::int64_t last);
  /// Sequences of the first and the last update that is missing.
  std::int64_t first_missing;
  std::int64_t last_missing;
};

/// The fact in a few words, as a mirror tells why it is not current.
[[nodiscard]] std::string missing_reason(std::int64_t first, std::int64_t last);

}  // namespace iqfeed_gateway
