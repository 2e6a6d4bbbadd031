// Data frames to typed messages: strict about what is there, open to what is appended.
//
// A frame is `kind,symbol,body` with a msgpack array for a body. Extra items at its end are
// ignored, missing ones are empty; a wrong type, NaN, infinity or a number out of range is a
// DecodeError, and so is a kind whose type number belongs to another kind. A type number this
// version does not know throws UnknownMessage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "iqfeed_gateway/messages.hpp"

namespace iqfeed_gateway {

/// Decode one frame; `kind` and `symbol` of the message are the frame's, nonce and variant
/// included.
///
/// Throws DecodeError for what is not a frame of the contract, and UnknownMessage for a type number
/// or a kind that this version does not know.
[[nodiscard]] Message decode_frame(std::string_view frame);

/// Turn a price into the exact decimal number the vendor sent, without trailing zeros.
///
/// Throws DecodeError for NaN and infinity, which no message holds.
[[nodiscard]] std::string to_decimal(double price);

/// Message number of a kind without variant, or of a name of `sys` topics; 0 when unknown.
[[nodiscard]] std::int64_t type_of_kind(std::string_view base) noexcept;

/// Whether this version has a record for a message number.
[[nodiscard]] bool is_known_type(std::int64_t number) noexcept;

/// Whether a topic `sys,<name>,` may carry a message number: a client may get tails of its own.
[[nodiscard]] bool is_sys_carrier(std::int64_t number, std::string_view name) noexcept;

namespace codec {

/// A frame's topic and what sequence tracking needs of its body.
struct FrameHead {
  /// Second comma included; a view into the frame.
  std::string_view topic;
  std::string_view body;
  std::int64_t type;
  std::int64_t epoch;
  std::int64_t sequence;
  std::int64_t flags;
};

/// Cut a frame into topic and body, and read the header's first items.
///
/// Throws DecodeError when it is not a frame of the contract.
[[nodiscard]] FrameHead split_frame(std::string_view frame);

/// Decode a body of a known type; `kind` is what the message is to say
/// as its kind, and decides how the rows of an image are laid out.
///
/// Throws DecodeError.
void decode_body(Message& out, std::string_view kind, std::string_view symbol,
                 std::string_view body);

/// Check the whole of a body that nobody can decode.
void check_body(std::string_view body);

/// Decode a body that came in a reply; throws DecodeError.
[[nodiscard]] Message decode_value(std::string_view topic, const Value& body);

}  // namespace codec

}  // namespace iqfeed_gateway
