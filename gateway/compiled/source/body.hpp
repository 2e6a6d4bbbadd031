// How each message's body begins.
#pragma once

#include "msgpack.hpp"
#include "state.hpp"

namespace iqfeed_gateway {

/// What the first items of a body say.
struct Head {
  unsigned items;
  unsigned type;
  std::uint64_t epoch;
  std::uint64_t flags;
  std::int64_t recv_us;
  MaybeMoment event_us;
};

/// Begin the topic's next message.
inline Packer begin_body(Topic& topic, const Head& head) {
  Packer body(topic.body());
  body.array(head.items);
  body.integer(head.type);
  body.integer(head.epoch);
  body.integer(++topic.sequence);
  body.integer(head.flags);
  body.moment(head.recv_us);
  body.maybe(head.event_us);
  return body;
}

}  // namespace iqfeed_gateway
