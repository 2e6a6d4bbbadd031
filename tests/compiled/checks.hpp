// Counts what does not hold, and memory that is asked for. For one file of a program.
#pragma once

#include <cstdio>
#include <new>

#include "exact.hpp"

namespace {

std::uint64_t allocations = 0;
/// Which one from now on is refused; 0 for none.
std::uint64_t refused = 0;

}  // namespace

// Every way to memory of C++ leads through these.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (refused != 0 && --refused == 0) throw std::bad_alloc();
  if (void* const place = std::malloc(size == 0 ? 1 : size)) return place;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* place) noexcept { std::free(place); }
[[gnu::noinline]] void operator delete(void* place, std::size_t) noexcept { std::free(place); }

namespace iqfeed_gateway::testing {
namespace {

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  ++failures;
  std::fprintf(stderr, "FAILED: %s\n", what);
}

/// What a test program ends with.
int told() {
  std::printf(failures == 0 ? "all holds\n" : "%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}

/// Numbers that look like chance, always the same ones.
class Chance {
 public:
  std::uint64_t operator()() {
    seed_ = seed_ * 6364136223846793005u + 1442695040888963407u;
    return seed_ >> 33;
  }

 private:
  std::uint64_t seed_ = 1;
};

}  // namespace
}  // namespace iqfeed_gateway::testing
