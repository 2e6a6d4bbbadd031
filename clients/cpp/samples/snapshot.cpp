#include <iostream>

#include "sample_options.hpp"
namespace gw = iqfeed_gateway;

/// The exact decimal text of a price, or a dash.
static std::string text_of(const std::optional<double>& price) {
  return price ? gw::to_decimal(*price) : "-";
}

int main() {
  gw::GatewayClient client(sample_options());
  if (!client.connect()) gw::raise(*client.last_error());
  // A lease keeps the symbol watched; the values come by request, without the stream.
  client.subscribe_symbol("AAPL", {"quote", "summary"});
  for (const auto& message : client.snapshot({"quote,AAPL,", "summary,AAPL,"})) {
    std::visit(gw::overloaded{
                   [](const gw::Quote& quote) {
                     std::cout << quote.symbol << " bid " << text_of(quote.bid) << " ask "
                               << text_of(quote.ask) << "\n";
                   },
                   [](const gw::Summary& day) {
                     std::cout << day.symbol << " open " << text_of(day.open) << " high "
                               << text_of(day.high) << " low " << text_of(day.low) << "\n";
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
