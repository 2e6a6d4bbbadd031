// How fast frames are read: by msgpack-cxx alone, by the codec, and through the whole client.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <msgpack.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <zmq.hpp>

#include "../src/delivery.hpp"
#include "../src/intake.hpp"
#include "../src/subscriber.hpp"
#include "rendering.hpp"

namespace conformance {
namespace gw = iqfeed_gateway;
namespace {

using Clock = std::chrono::steady_clock;

/// Time from the first message to the last one.
class Meter {
 public:
  explicit Meter(long long count) : count_(count) {}
  /// Note messages; whether more are wanted.
  bool note(long long messages) {
    const auto now = Clock::now();
    if (seen_ == 0) first_ = now;
    last_ = now;
    seen_ += messages;
    return seen_ < count_;
  }
  [[nodiscard]] bool is_silent() const {
    return seen_ > 0 && Clock::now() - last_ > std::chrono::seconds(3);
  }
  void print(const std::string& mode) const {
    const double seconds = std::chrono::duration<double>(last_ - first_).count();
    const Json out{{"mode", mode},
                   {"messages", seen_},
                   {"seconds", seconds},
                   {"per_second", seconds > 0 ? static_cast<double>(seen_) / seconds : 0.0}};
    std::cout << out.dump() << std::endl;
  }

 private:
  long long count_;
  long long seen_ = 0;
  Clock::time_point first_;
  Clock::time_point last_;
};

void read_plain(std::string_view frame) {
  const auto first = frame.find(',');
  const auto second = frame.find(',', first + 1);
  const auto body = frame.substr(second + 1);
  const auto handle = msgpack::unpack(body.data(), body.size());
  if (handle.get().type != msgpack::type::ARRAY) std::abort();
}

void read_typed(std::string_view frame) {
  const auto message = gw::decode_frame(frame);
  if (message.valueless_by_exception()) std::abort();
}

void wait_for_frames(zmq::socket_t& socket) {
  zmq::pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
  zmq::poll(&item, 1, std::chrono::milliseconds(100));
}

template <class Read>
void run_socket(const std::string& endpoint, Meter& meter, Read read) {
  zmq::context_t context;
  gw::Options options;
  options.data_endpoint = endpoint;
  gw::Subscriber subscriber(context, options);
  subscriber.subscribe("quote,");
  subscriber.subscribe("trade,");
  std::cout << R"({"ready": true})" << std::endl;
  bool is_wanted = true;
  while (is_wanted && !meter.is_silent()) {
    wait_for_frames(subscriber.socket());
    subscriber.drain(
        [&](std::string_view frame) {
          read(frame);
          is_wanted = meter.note(1);
        },
        1'000);
  }
}

/// The client's own path, from the socket to the application, in its two threads.
void run_client(const std::string& endpoint, Meter& meter) {
  zmq::context_t context;
  gw::Options options;
  options.data_endpoint = endpoint;
  gw::Joins joins;
  gw::Replays replays;
  gw::Intake intake(joins, replays);
  gw::DeliveryQueue queue(options.queue_capacity, options.conflate_above, std::nullopt, {});
  std::atomic<bool> is_done = false;
  std::jthread reader([&] {
    gw::Subscriber subscriber(context, options);
    for (const std::string topic : {"quote,", "trade,"}) {
      intake.add(topic);
      subscriber.subscribe(topic);
    }
    std::cout << R"({"ready": true})" << std::endl;
    while (!is_done) {
      wait_for_frames(subscriber.socket());
      subscriber.drain([&](std::string_view frame) { intake.receive(frame); }, 1'000);
      queue.extend(intake.out, std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
    }
  });
  bool is_wanted = true;
  while (is_wanted && !meter.is_silent()) {
    const auto item = queue.pop(Clock::now() + std::chrono::milliseconds(100));
    if (!item) continue;
    // A conflated message stands for those it replaced, an Overrun for those it skipped: all of
    // them went through the reader.
    const auto count = std::visit(
        [](const auto& typed) -> long long {
          using Item = std::remove_cvref_t<decltype(typed)>;
          if constexpr (std::is_same_v<Item, gw::Quote>) return typed.merged.value_or(1);
          if constexpr (std::is_same_v<Item, gw::Trade>) return 1;
          if constexpr (std::is_same_v<Item, gw::Overrun>) return typed.dropped;
          return 0;
        },
        *item);
    if (count > 0) is_wanted = meter.note(count);
  }
  is_done = true;
}

}  // namespace

int run_bench(const std::string& mode, const std::string& endpoint, long long count) {
  Meter meter(count);
  if (mode == "plain") {
    run_socket(endpoint, meter, read_plain);
  } else if (mode == "typed") {
    run_socket(endpoint, meter, read_typed);
  } else if (mode == "client") {
    run_client(endpoint, meter);
  } else {
    std::cerr << "no such mode: use plain, typed or client\n";
    return 2;
  }
  meter.print(mode);
  return 0;
}

}  // namespace conformance
