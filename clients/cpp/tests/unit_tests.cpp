#include <exception>

#include "checks.hpp"

int main() {
  for (const auto& test : checks::all()) {
    try {
      test.run();
    } catch (const std::exception& error) {
      ++checks::failure_count();
      std::cerr << test.name << " threw: " << error.what() << "\n";
    }
  }
  std::cout << checks::all().size() << " tests, " << checks::failure_count() << " failures\n";
  return checks::failure_count() == 0 ? 0 : 1;
}
