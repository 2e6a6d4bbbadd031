#include <iostream>

#include "sample_options.hpp"
namespace gw = iqfeed_gateway;

int main() {
  gw::BookMirror book("depth", "@ESZ26");
  gw::GatewayClient client(sample_options());
  if (!client.connect()) gw::raise(*client.last_error());
  client.subscribe_symbol(book.symbol(), {"depth", "state"});
  for (int lines = 0; lines < 10;) {
    const auto item = client.next_message();
    if (!item) break;
    // Hand it everything; what is about other things it ignores.
    if (!book.apply(*item) || !book.is_current() || book.is_stale()) continue;
    for (const auto& level : book.bids(3)) std::cout << level.size << "@" << level.price << " ";
    std::cout << "|";
    for (const auto& level : book.asks(3)) std::cout << " " << level.size << "@" << level.price;
    std::cout << "\n";
    ++lines;
  }
}
