// What the tests of both readers have: bytes in memory of their own, and a trace of what was done.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "../../gateway/compiled/source/state.hpp"

namespace iqfeed_gateway::testing {

/// Bytes in memory that is exactly as large, so that a sanitizer sees any look beyond them.
class Exact {
 public:
  explicit Exact(Text text)
      : bytes_(static_cast<char*>(std::malloc(text.size() == 0 ? 1 : text.size()))),
        size_(text.size()) {
    if (bytes_ == nullptr) std::abort();
    std::memcpy(bytes_, text.data(), size_);
  }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;
  ~Exact() { std::free(bytes_); }

  [[nodiscard]] const char* data() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  char* bytes_;
  std::size_t size_;
};

/// What was done, a piece for each.
class Trace {
 public:
  std::string text;
  bool is_on = true;

  void note(char what, Text piece) {
    if (!is_on) return;
    text += what;
    text += std::to_string(piece.size());
    text += ':';
    text += piece;
  }
};

/// Look at each byte of a frame, so that a sanitizer does; a body is no longer than promised.
inline void look_at(Text frame, const Topic& topic) {
  if (frame.size() > topic.prefix().size() + body_bytes_max) std::abort();
  std::uint64_t sum = 0;
  for (const char letter : frame) sum += static_cast<unsigned char>(letter);
  if (sum == 0) std::abort();
}

}  // namespace iqfeed_gateway::testing
