#include <iostream>

#include "sample_options.hpp"
namespace gw = iqfeed_gateway;

int main() {
  gw::GatewayClient client(sample_options());
  if (!client.connect()) gw::raise(*client.last_error());
  // A lease keeps the symbol watched; the values come by request, without the stream.
  client.subscribe_symbol("AAPL", {"quote", "summary"});
  for (const auto& message : client.snapshot({"quote,AAPL,", "summary,AAPL,"})) {
    std::visit(gw::overloaded{
                   [](const gw::Quote& quote) {
                     std::cout << quote.symbol << " bid " << shown(quote.bid) << " ask "
                               << shown(quote.ask) << "\n";
                   },
                   [](const gw::Summary& day) {
                     std::cout << day.symbol << " last " << shown(day.last) << " high "
                               << shown(day.high) << " low " << shown(day.low) << "\n";
                   },
                   [](const gw::State& state) {
                     std::cout << state.symbol << " has no value yet: "
                               << state.cause.value_or(state.state.value_or("")) << "\n";
                   },
                   [](const auto&) {},
               },
               message);
  }
}
