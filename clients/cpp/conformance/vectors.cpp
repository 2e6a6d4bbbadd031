#include <iostream>
#include <string>

#include "iqfeed_gateway/errors.hpp"
#include "rendering.hpp"

namespace conformance {
namespace {

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

Json answer(const Json& test) {
  Json out{{"id", test.at("id")}};
  try {
    const auto message =
        iqfeed_gateway::decode_frame(bytes_of(test.at("frame").get<std::string>()));
    out["result"] = "valid";
    out["message"] = json_of(message);
  } catch (const iqfeed_gateway::CodecError& error) {
    out["result"] = "invalid";
    out["error"] = error.code();
  }
  return out;
}

}  // namespace

int run_vectors() {
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) std::cout << answer(Json::parse(line)).dump() << std::endl;
  }
  return 0;
}

}  // namespace conformance
