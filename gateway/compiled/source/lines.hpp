// Bytes of a connection, cut anywhere, to lines.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>

#include "text.hpp"

namespace iqfeed_gateway {

/// Keeps half a line until the rest comes.
class LineCutter {
 public:
  /// Longer lines are left out.
  explicit LineCutter(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Cut what the next bytes complete.
  ///
  /// `take` is given each line without its end, unless it is empty, and `drop` the first bytes of
  /// each that is too long. Either answers false when reading must stop; false then.
  template <typename Take, typename Drop>
  bool feed(const char* data, std::size_t size, Take take, Drop drop) {
    if (size == 0) return true;
    const char* const end = data + size;
    if (is_discarding_) {
      const void* const found = std::memchr(data, '\n', size);
      if (found == nullptr) return true;
      is_discarding_ = false;
      data = static_cast<const char*>(found) + 1;
    }
    const char* stop = end;
    while (stop > data && stop[-1] != '\n') --stop;
    // The rest is kept before any line is read: a line may end the connection, and the rest with it.
    std::string head;
    if (stop > data) head.swap(tail_);
    tail_.append(stop, static_cast<std::size_t>(end - stop));
    std::string oversize;
    if (tail_.size() > bytes_max_) {
      is_discarding_ = true;
      oversize.swap(tail_);
    }
    if (!head.empty()) {
      const auto* const first = static_cast<const char*>(
          std::memchr(data, '\n', static_cast<std::size_t>(stop - data)));
      head.append(data, static_cast<std::size_t>(first + 1 - data));
      if (!cut(head.data(), head.size(), take, drop)) return false;
      data = first + 1;
      // Its memory serves again, unless there is a rest already.
      if (tail_.empty()) {
        head.clear();
        tail_.swap(head);
      }
    }
    if (!cut(data, static_cast<std::size_t>(stop - data), take, drop)) return false;
    // In its turn, behind whatever else was too long.
    return oversize.empty() || drop(start_of(oversize));
  }

  /// Forget half a line: the connection is gone.
  void reset() {
    tail_.clear();
    is_discarding_ = false;
  }

 private:
  [[nodiscard]] Text start_of(Text line) const { return line.substr(0, bytes_max_); }

  /// Cut lines, each with its end.
  template <typename Take, typename Drop>
  bool cut(const char* data, std::size_t size, Take& take, Drop& drop) {
    const char* const end = data + size;
    while (data < end) {
      const auto* const stop = static_cast<const char*>(
          std::memchr(data, '\n', static_cast<std::size_t>(end - data)));
      const Text raw(data, static_cast<std::size_t>(stop - data));
      data = stop + 1;
      if (raw.size() > bytes_max_) {
        if (!drop(start_of(raw))) return false;
        continue;
      }
      const Text line = raw.ends_with('\r') ? raw.substr(0, raw.size() - 1) : raw;
      if (!line.empty() && !take(line)) return false;
    }
    return true;
  }

  const std::size_t bytes_max_;
  std::string tail_;
  bool is_discarding_ = false;
};

}  // namespace iqfeed_gateway
