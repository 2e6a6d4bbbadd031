#include "subscriber.hpp"

#include "iqfeed_gateway/messages.hpp"

namespace iqfeed_gateway {
namespace {

constexpr int connect_ms_max = 1'000;

}  // namespace

Subscriber::Subscriber(zmq::context_t& context, const Options& options)
    : context_(context), options_(options) {
  open();
}

void Subscriber::open() {
  zmq::socket_t socket(context_, zmq::socket_type::sub);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, options_.receive_messages_max);
  socket.set(zmq::sockopt::maxmsgsize, limits::frame_bytes_max);
  socket.set(zmq::sockopt::reconnect_ivl, reconnect_ms);
  socket.set(zmq::sockopt::reconnect_ivl_max, reconnect_ms_max);
  // Else an attempt made while the way is cut waits for the system's own repeats, up to seconds
  // after it has healed.
  socket.set(zmq::sockopt::connect_timeout, connect_ms_max);
  set_curve(socket, options_.curve);
  for (const auto& topic : topics_) socket.set(zmq::sockopt::subscribe, topic);
  socket.connect(options_.data_endpoint);
  socket_ = std::move(socket);
}

void Subscriber::subscribe(const std::string& topic) {
  if (topics_.insert(topic).second) socket_.set(zmq::sockopt::subscribe, topic);
}

void Subscriber::unsubscribe(const std::string& topic) {
  if (topics_.erase(topic) > 0) socket_.set(zmq::sockopt::unsubscribe, topic);
}

bool Subscriber::repair(const std::string& topic) {
  if (!topics_.contains(topic)) return false;
  socket_.set(zmq::sockopt::unsubscribe, topic);
  socket_.set(zmq::sockopt::subscribe, topic);
  return true;
}

void Subscriber::reopen() {
  socket_.close();
  std::erase_if(topics_, [](const std::string& topic) {
    return topic.starts_with('~') && !topic.ends_with(".sys,client,");
  });
  ++reopen_count;
  open();
}

}  // namespace iqfeed_gateway
