#include <iostream>

#include "sample_options.hpp"
namespace gw = iqfeed_gateway;

int main() {
  gw::GatewayClient client(sample_options());  // tcp://127.0.0.1:7700 and :7701
  if (!client.connect()) gw::raise(*client.last_error());
  client.subscribe_symbols({"AAPL", "MSFT"}, {"l1"});
  for (int lines = 0; lines < 10;) {
    const auto item = client.next_message();
    if (!item) break;
    if (const auto* quote = std::get_if<gw::Quote>(&*item); quote && ++lines) {
      std::cout << quote->symbol << " " << shown(quote->bid) << " " << shown(quote->ask) << "\n";
    } else if (const auto* trade = std::get_if<gw::Trade>(&*item); trade && ++lines) {
      std::cout << trade->symbol << " traded at " << shown(trade->price) << "\n";
    } else if (const auto* gap = std::get_if<gw::Gap>(&*item); gap && gap->is_final) {
      std::cout << "lost " << gap->topic << gap->first_missing << "-" << gap->last_missing << "\n";
    }
  }
}
