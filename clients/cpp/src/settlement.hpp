// A value or a failure that one thread waits for and another brings, once.
#pragma once

#include <chrono>
#include <future>
#include <utility>
#include <variant>

#include "iqfeed_gateway/errors.hpp"
#include "iqfeed_gateway/options.hpp"

namespace iqfeed_gateway {

/// Shared by the caller and the reader thread.
template <class T>
class Settlement {
 public:
  /// Bring it; only the first time counts. Only the reader thread settles.
  void settle(std::variant<T, Failure> outcome) {
    if (is_settled_) return;
    is_settled_ = true;
    promise_.set_value(std::move(outcome));
  }

  /// Wait for it; throws what the failure stands for. The reader thread ends every call at its
  /// deadline, so waiting a while longer than that never happens.
  T wait(Seconds timeout) {
    static constexpr Seconds grace{2};
    if (future_.wait_for(timeout + grace) != std::future_status::ready) {
      raise({FailureKind::timed_out, "the reader thread does not answer"});
    }
    auto outcome = future_.get();
    if (const auto* const failure = std::get_if<Failure>(&outcome)) raise(*failure);
    return std::move(std::get<T>(outcome));
  }

 private:
  std::promise<std::variant<T, Failure>> promise_;
  std::future<std::variant<T, Failure>> future_ = promise_.get_future();
  bool is_settled_ = false;
};

}  // namespace iqfeed_gateway
