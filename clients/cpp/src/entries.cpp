#include "entries.hpp"

#include <type_traits>

namespace iqfeed_gateway {
namespace {

template <class T>
concept Merging = requires(T item) {
  item.merged;
};
template <class T>
concept Sent = std::is_base_of_v<Header, T>;

}  // namespace

std::int64_t Entry::merged() const {
  const auto own = std::visit(
      [](const auto& typed) -> std::int64_t {
        if constexpr (Merging<std::remove_cvref_t<decltype(typed)>>) {
          return typed.merged.value_or(1);
        }
        return 1;
      },
      item);
  return merged_add + (own > 0 ? own : 1);
}

void Entry::replace(Entry&& newer) {
  const auto count = merged() + newer.merged_add;
  item = std::move(newer.item);
  epoch = newer.epoch;
  sequence = newer.sequence;
  is_snapshot = newer.is_snapshot;
  merged_add = count;
}

StreamItem Entry::finished() && {
  const auto add = (merged_add > 0 ? flag::conflated : 0) | (is_snapshot ? flag::snapshot : 0);
  if (add != 0) {
    std::visit(
        [this, add](auto& typed) {
          using Record = std::remove_cvref_t<decltype(typed)>;
          if constexpr (Sent<Record>) typed.flags |= add;
          if constexpr (Merging<Record>) {
            if (merged_add > 0) typed.merged = typed.merged.value_or(1) + merged_add;
          }
        },
        item);
  }
  return std::move(item);
}

}  // namespace iqfeed_gateway
