// A map that remembers the order of insertion: what waits first is served first.
#pragma once

#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace iqfeed_gateway {

/// Text keys to values, oldest first.
template <class Value>
class OrderedMap {
 public:
  using Entry = std::pair<const std::string, Value>;

  /// Add at the end, or at the front; an entry that is there already stays as it is, where it is.
  bool add(const std::string& key, Value value, bool is_front = false) {
    if (places_.contains(key)) return false;
    const auto place =
        entries_.emplace(is_front ? entries_.begin() : entries_.end(), key, std::move(value));
    places_.emplace(key, place);
    return true;
  }
  [[nodiscard]] Value* find(const std::string& key) {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &found->second->second;
  }
  [[nodiscard]] bool contains(const std::string& key) const { return places_.contains(key); }
  bool erase(const std::string& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return false;
    entries_.erase(found->second);
    places_.erase(found);
    return true;
  }
  /// Take the oldest entry; there must be one.
  std::pair<std::string, Value> pop_front() {
    std::pair<std::string, Value> taken(entries_.front().first, std::move(entries_.front().second));
    places_.erase(taken.first);
    entries_.pop_front();
    return taken;
  }
  void clear() {
    entries_.clear();
    places_.clear();
  }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  [[nodiscard]] auto end() const { return entries_.end(); }

 private:
  std::list<Entry> entries_;
  std::unordered_map<std::string, typename std::list<Entry>::iterator> places_;
};

}  // namespace iqfeed_gateway
