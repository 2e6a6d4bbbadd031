#include <iostream>

#include "sample_options.hpp"
namespace gw = iqfeed_gateway;

int main() {
  gw::GatewayClient client(sample_options());  // tcp://127.0.0.1:7700 and :7701
  if (!client.connect()) gw::raise(*client.last_error());
  client.subscribe_symbols({"AAPL", "MSFT"}, {"l1"});
  int lines = 0;
  const auto print = gw::overloaded{
      [&](const gw::Quote& q) { std::cout << q.symbol << " quote " << q.bid.value_or(0) << " " << q.ask.value_or(0) << "\n"; ++lines; },
      [&](const gw::Trade& t) { std::cout << t.symbol << " trade " << t.price.value_or(0) << " " << t.size.value_or(0) << "\n"; ++lines; },
      [](const gw::Gap& gap) { if (gap.is_final) std::cerr << "lost " << gap.topic << " from " << gap.first_missing << "\n"; },
      [](const auto&) {}};
  while (lines < 10) {
    if (const auto item = client.next_message()) std::visit(print, *item);
  }
}
