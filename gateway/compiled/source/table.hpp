// Things by name, for one look-up a line: names of up to eight bytes are compared as one number.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "state.hpp"

namespace iqfeed_gateway {

/// Slots found by hash: open addressing, half of the places are empty. `Slot` has `hash` and `item`,
/// which is null in an empty one.
template <typename Slot>
class SlotTable {
 public:
  [[nodiscard]] std::size_t size() const { return count_; }

  /// The slot that a test is true of, among those of a hash; null when there is none. In an empty
  /// table none is looked at.
  template <typename Test>
  [[nodiscard]] const Slot* find(std::uint64_t hash, Test test) const {
    if (slots_.empty()) return nullptr;
    for (std::size_t place = hash >> shift_; slots_[place].item != nullptr; place = next(place)) {
      if (test(slots_[place])) return &slots_[place];
    }
    return nullptr;
  }

  /// Make sure that the next slot can be added without more memory.
  void make_room() {
    if ((count_ + 1) * 2 > slots_.size()) grow();
  }
  /// Add a slot whose item is not there.
  void add(const Slot& slot) {
    make_room();
    put(slot);
    ++count_;
  }

  /// Empty a slot that `find` found.
  void remove(const Slot* slot) {
    auto hole = static_cast<std::size_t>(slot - slots_.data());
    // What stands behind it moves up, unless its own place lies behind the hole.
    for (std::size_t place = next(hole); slots_[place].item != nullptr; place = next(place)) {
      const std::size_t own = slots_[place].hash >> shift_;
      if (((place - own) & mask()) < ((place - hole) & mask())) continue;
      slots_[hole] = slots_[place];
      hole = place;
    }
    slots_[hole] = {};
    --count_;
  }

  /// Empty all of them, and give their memory back.
  std::vector<Slot> take_all() {
    count_ = 0;
    return std::exchange(slots_, {});
  }

  /// Look at everything there is, in any order.
  template <typename Function>
  void each(Function function) const {
    for (const Slot& slot : slots_) {
      if (slot.item != nullptr) function(*slot.item);
    }
  }

 private:
  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t place) const { return (place + 1) & mask(); }

  void put(const Slot& slot) {
    std::size_t place = slot.hash >> shift_;
    while (slots_[place].item != nullptr) place = next(place);
    slots_[place] = slot;
  }

  void grow() {
    std::vector<Slot> old(std::max<std::size_t>(slots_.size() * 2, 64));
    old.swap(slots_);
    shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots_.size()));
    for (const Slot& slot : old) {
      if (slot.item != nullptr) put(slot);
    }
  }

  unsigned shift_ = 0;
  std::size_t count_ = 0;
  std::vector<Slot> slots_;
};

/// An odd number by which hashes are made, so that nobody outside knows which keys share a place.
inline std::uint64_t make_secret() {
  std::random_device chance;
  return std::uint64_t{chance()} << 32 | chance() | 1;
}

/// Items that have a `name`; owns none of them. A name is found where it stands in a line: eight
/// bytes from the beginning of each of its eights can be read.
template <typename Item>
class NameTable {
 public:
  [[nodiscard]] std::size_t size() const { return slots_.size(); }

  /// The item of a name; null when there is none.
  [[nodiscard]] Item* find(Text name) const {
    const Slot* const slot = slot_of(name);
    return slot != nullptr ? slot->item : nullptr;
  }

  /// Add an item whose name is not there.
  void add(Item& item) {
    const std::string name = padded(item.name);
    const Text text(name.data(), item.name.size());
    slots_.add({head_of(text), hash_of(text), &item});
  }

  /// Take an item out; null when there is none of that name.
  Item* remove(Text name) {
    const std::string copy = padded(name);
    const Slot* const slot = slot_of(Text(copy.data(), name.size()));
    if (slot == nullptr) return nullptr;
    Item* const found = slot->item;
    slots_.remove(slot);
    return found;
  }

  /// Take everything out, in any order.
  template <typename Function>
  void take_all(Function function) {
    for (const Slot& slot : slots_.take_all()) {
      if (slot.item != nullptr) function(*slot.item);
    }
  }

  /// Look at everything there is, in any order.
  template <typename Function>
  void each(Function function) const {
    slots_.each(function);
  }

 private:
  struct Slot {
    std::uint64_t head = 0;
    std::uint64_t hash = 0;
    Item* item = nullptr;
  };

  static std::string padded(Text name) { return std::string(name) + std::string(8, '\0'); }

  [[nodiscard]] const Slot* slot_of(Text name) const {
    const std::uint64_t head = head_of(name);
    return slots_.find(hash_of(name), [head, name](const Slot& slot) {
      return slot.head == head && is_named(*slot.item, name);
    });
  }

  static bool is_named(const Item& item, Text name) {
    // The heads are the same, which is all there is of names that are no longer.
    return item.name.size() == name.size() &&
           (name.size() <= 8 || std::memcmp(item.name.data(), name.data(), name.size()) == 0);
  }

  /// Up to eight bytes as a number.
  static std::uint64_t eight_of(const char* text, std::size_t size) {
    const std::uint64_t bytes = load_eight(text);
    return size >= 8 ? bytes : bytes & ((std::uint64_t{1} << (8 * size)) - 1);
  }
  static std::uint64_t head_of(Text name) { return eight_of(name.data(), name.size()); }

  /// Its top bits are the place.
  [[nodiscard]] std::uint64_t hash_of(Text name) const {
    std::uint64_t hash = head_of(name) * secret_;
    for (std::size_t at = 8; at < name.size(); at += 8) {
      hash = ((hash ^ hash >> 32) + eight_of(name.data() + at, name.size() - at)) * secret_;
    }
    return hash;
  }

  /// Names come from strangers too.
  std::uint64_t secret_ = make_secret();
  SlotTable<Slot> slots_;
};

using SymbolTable = NameTable<Symbol>;

}  // namespace iqfeed_gateway
