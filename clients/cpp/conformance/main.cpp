// conformance vectors | conformance live | conformance bench MODE ENDPOINT COUNT
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "rendering.hpp"

int main(int count, char** values) {
  const std::string mode = count > 1 ? values[1] : "";
  try {
    if (mode == "vectors" && count == 2) return conformance::run_vectors();
    if (mode == "live" && count == 2) return conformance::run_live();
    if (mode == "bench" && count == 5) {
      return conformance::run_bench(values[2], values[3], std::stoll(values[4]));
    }
  } catch (const std::exception& error) {
    std::cerr << "conformance: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
  std::cerr << "usage: conformance vectors | live | bench plain|typed|client ENDPOINT COUNT\n";
  return 2;
}
