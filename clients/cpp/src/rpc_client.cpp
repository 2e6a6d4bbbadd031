#include "rpc_client.hpp"

#include <algorithm>
#include <vector>

#include "sockets.hpp"

namespace iqfeed_gateway {

RpcClient::RpcClient(zmq::context_t& context, const Options& options, std::int64_t silence_ns)
    : context_(context), options_(options), silence_ns_(silence_ns) {
  open();
}

void RpcClient::open() {
  zmq::socket_t socket(context_, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::immediate, true);
  socket.set(zmq::sockopt::maxmsgsize, reply_bytes_max);
  socket.set(zmq::sockopt::reconnect_ivl, reconnect_ms);
  socket.set(zmq::sockopt::reconnect_ivl_max, reconnect_ms_max);
  set_curve(socket, options_.curve);
  socket.connect(options_.control_endpoint);
  socket_ = std::move(socket);
}

void RpcClient::request(const std::string& method, const Map& params, std::int64_t timeout_ns,
                        std::int64_t now_ns, OnDone on_done) {
  if (requests_.size() >= outstanding_max) {
    Failure failure{FailureKind::refused, "too many requests outstanding at " + bounded(method)};
    failure.code = error_code::busy;
    failure.hint = "Wait for replies before asking more.";
    failure.retry_ms = 100;
    on_done(failure);
    return;
  }
  const auto id = next_id_++;
  std::string data;
  try {
    data = encode_request(id, method, params, timeout_ns / 1'000'000);
  } catch (const InvalidArgument& error) {
    on_done(error.failure());
    return;
  }
  const auto deadline_ns = now_ns + timeout_ns;
  deadlines_.emplace(deadline_ns, id);
  requests_.emplace(id, Request{method, std::move(data), deadline_ns, std::move(on_done)});
  outbox_.push_back(id);
  ++request_count;
  if (is_unconnected_) {
    // Nothing was sent on it. libzmq gives an address up for good when the other end has refused
    // our key, which it may take tomorrow.
    is_unconnected_ = false;
    reopen({FailureKind::not_connected, "no connection to the gateway"});
  } else if (unanswered_since_ns_ && now_ns - *unanswered_since_ns_ >= silence_ns_) {
    reopen({FailureKind::not_connected, "the gateway does not answer any more"});
  }
  flush(now_ns);
}

/// Replace the socket; replies to what was sent on the old one cannot come any more.
void RpcClient::reopen(const Failure& failure) {
  socket_.close();
  open();
  ++reopened_count;
  unanswered_since_ns_.reset();
  std::vector<std::int64_t> sent;
  for (const auto& [id, request] : requests_) {
    if (request.sent_ns) sent.push_back(id);
  }
  for (const auto id : sent) finish(id, failure);
}

void RpcClient::flush(std::int64_t now_ns) {
  while (!outbox_.empty()) {
    const auto found = requests_.find(outbox_.front());
    if (found != requests_.end()) {
      try {
        const auto sent = socket_.send(zmq::buffer(found->second.data), zmq::send_flags::dontwait);
        if (!sent) return;
      } catch (const zmq::error_t& error) {
        if (error.num() == EINTR) return;
        throw;
      }
      found->second.sent_ns = now_ns;
      is_unconnected_ = false;
    }
    outbox_.pop_front();
  }
}

void RpcClient::receive_replies(std::int64_t now_ns) {
  zmq::message_t frame;
  while (receive(socket_, frame)) {
    // Frames of one message are there together; the last one is the reply.
    if (frame.more()) continue;
    heard_ns_ = now_ns;
    unanswered_since_ns_.reset();
    try {
      const auto reply = decode_reply(frame.to_string_view());
      if (requests_.contains(reply.id)) {
        finish(reply.id, reply.outcome);
      } else {
        ++late_count;
      }
    } catch (const DecodeError&) {
      ++bad_count;
    }
  }
}

void RpcClient::expire(std::int64_t now_ns) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_ns) {
    const auto id = deadlines_.begin()->second;
    const auto& request = requests_.at(id);
    ++timeout_count;
    Failure failure{FailureKind::timed_out, "no reply in time to " + bounded(request.method)};
    if (!request.sent_ns) {
      std::erase(outbox_, id);
      is_unconnected_ = true;
      failure.text = "no connection to the gateway at " + bounded(options_.control_endpoint);
      failure.hint = "Check that the gateway runs, and that endpoint and keys are right.";
    } else if (heard_ns_ < *request.sent_ns && !unanswered_since_ns_) {
      unanswered_since_ns_ = request.sent_ns;
    }
    finish(id, failure);
  }
}

std::optional<std::int64_t> RpcClient::deadline_ns() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

void RpcClient::close(const Failure& failure) {
  socket_.close();
  outbox_.clear();
  while (!requests_.empty()) finish(requests_.begin()->first, failure);
}

void RpcClient::finish(std::int64_t id, const Outcome& outcome) {
  auto node = requests_.extract(id);
  if (node.empty()) return;
  deadlines_.erase({node.mapped().deadline_ns, id});
  const auto* const failure = std::get_if<Failure>(&outcome);
  node.mapped().on_done(failure == nullptr ? outcome : Outcome(completed(*failure)));
}

}  // namespace iqfeed_gateway
