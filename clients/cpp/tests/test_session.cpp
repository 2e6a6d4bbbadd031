// What is held at a gateway, against one that answers when the test says so.
#include "checks.hpp"
#include "cursor.hpp"
#include "session.hpp"

using namespace iqfeed_gateway;

namespace {

constexpr std::int64_t silence_ns = 3'000'000'000;

Options options_here() {
  Options options;
  options.data_endpoint = "inproc://data";
  options.control_endpoint = "inproc://control";
  options.client_name = "tests";
  return options;
}

struct Client {
  const Options options = options_here();
  zmq::context_t context;
  zmq::socket_t router{context, zmq::socket_type::router};
  RpcClient rpc{(router.bind(options.control_endpoint), context), options, silence_ns};
  Subscriber subscriber{context, options};
  DeliveryQueue queue{100, 100, std::nullopt, {}};
  Session session{options, rpc, subscriber, queue};
  zmq::message_t peer;

  /// The next request of a method; others before it are passed over.
  Map request(const std::string& method) {
    router.set(zmq::sockopt::rcvtimeo, 2'000);
    while (true) {
      zmq::message_t body;
      if (!router.recv(peer) || !router.recv(body)) throw std::runtime_error("no " + method);
      Cursor cursor(body.to_string_view());
      const auto asked = *cursor.value(8).map();
      if (asked.text("method") == method) return asked;
    }
  }
  void answer(const Map& asked, const Map& result) {
    std::string data;
    pack(data, Map{{"id", *asked.integer("id")}, {"ok", true}, {"result", result}});
    router.send(zmq::message_t(peer.to_string()), zmq::send_flags::sndmore);
    router.send(zmq::message_t(data), zmq::send_flags::none);
    zmq::pollitem_t item{rpc.socket().handle(), 0, ZMQ_POLLIN, 0};
    zmq::poll(&item, 1, std::chrono::seconds(2));
    rpc.receive_replies(monotonic_ns());
  }
  void subscribe(const std::vector<std::string>& symbols) {
    session.subscribe(symbols, {"quote"}, monotonic_ns(), Seconds(5), [](const auto&) {});
    answer(request("subscribe"), {{"lease_id", "first"}});
  }
  void restart() {
    session.intake.has_restarted = true;
    session.after_batch(monotonic_ns());
  }
  void give_up(const std::string& symbol) {
    session.give_up({symbol}, std::nullopt, monotonic_ns(), Seconds(5), [](const auto&) {});
  }
};

const std::int64_t much_later_ns = monotonic_ns() + 3'600'000'000'000;

}  // namespace

TEST(what_is_given_up_while_the_gateway_is_asked_again_stays_given_up) {
  Client client;
  client.subscribe({"AAPL", "MSFT"});
  client.restart();
  client.give_up("AAPL");
  client.answer(client.request("subscribe"), {{"lease_id", "second"}});
  auto& leases = client.session.leases;
  CHECK(!leases.is_wanted("AAPL") && leases.is_wanted("MSFT"));
  CHECK(!client.subscriber.repair("quote,AAPL,") && client.subscriber.repair("quote,MSFT,"));
  const auto due = leases.due(much_later_ns);
  CHECK(due.size() == 1 && due.at(0).symbols == std::vector<std::string>{"MSFT"});
}

TEST(a_lease_of_nothing_wanted_is_given_back) {
  Client client;
  client.subscribe({"AAPL"});
  client.restart();
  client.give_up("AAPL");
  client.answer(client.request("subscribe"), {{"lease_id", "second"}});
  CHECK(client.session.leases.due(much_later_ns).empty());
  static_cast<void>(client.request("unsubscribe"));
  const auto back = client.request("unsubscribe");
  CHECK(*back.map("params")->array("symbols") == Array{"AAPL"});
}

TEST(a_symbol_that_is_wanted_anew_is_not_given_back) {
  Client client;
  client.subscribe({"AAPL"});
  client.restart();
  client.give_up("AAPL");
  const auto again = client.request("subscribe");
  client.session.subscribe({"AAPL"}, {"quote"}, monotonic_ns(), Seconds(5), [](const auto&) {});
  client.answer(again, {{"lease_id", "second"}});
  client.answer(client.request("subscribe"), {{"lease_id", "third"}});
  CHECK(client.session.leases.is_wanted("AAPL"));
  CHECK(client.session.leases.due(much_later_ns).at(0).lease_id == "third");
  CHECK(client.rpc.outstanding_count() == 2);  // `hello` and the one `unsubscribe`.
}

TEST(what_every_client_needs_is_not_given_up) {
  Client client;
  client.session.listen_to({"news,"});
  client.session.forget_topics({"sys,heartbeat,", "news,"});
  CHECK(client.subscriber.repair("sys,heartbeat,") && !client.subscriber.repair("news,"));
}
