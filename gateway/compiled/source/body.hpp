// How each message's body begins.
#pragma once

#include "msgpack.hpp"
#include "state.hpp"

namespace iqfeed_gateway {

/// A message's number on the wire, and how many items its body has.
struct Message {
  unsigned type;
  unsigned items;
};

// A test compares them, and these flags, with the wire's.
constexpr Message quote_message{1, 15};
constexpr Message trade_message{2, 16};
constexpr Message depth_message{5, 12};
constexpr Message order_message{6, 14};
constexpr std::uint64_t snapshot_flag = 1;
constexpr std::uint64_t suspect_flag = 32;

/// What the first items of a body say.
struct Head {
  Message message;
  std::uint64_t epoch;
  std::uint64_t flags;
  std::int64_t recv_us;
  MaybeMoment event_us;
};

/// Begin the topic's next message.
inline Packer begin_body(Topic& topic, const Head& head) {
  Packer body(topic.body());
  body.array(head.message.items);
  body.integer(head.message.type);
  body.integer(head.epoch);
  body.integer(++topic.sequence);
  body.integer(head.flags);
  body.moment(head.recv_us);
  body.maybe(head.event_us);
  return body;
}

}  // namespace iqfeed_gateway
