// Symbols by name, for one look-up a line: open addressing, and names of up to eight bytes are
// compared as one number.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "state.hpp"

namespace iqfeed_gateway {

/// Owns no symbol. A name is found where it stands in a line: eight bytes from the beginning of each
/// of its eights can be read.
class SymbolTable {
 public:
  SymbolTable() {
    std::random_device chance;
    secret_ = std::uint64_t{chance()} << 32 | chance() | 1;
  }

  [[nodiscard]] std::size_t size() const { return count_; }

  /// The symbol of a name; null when there is none.
  [[nodiscard]] Symbol* find(Text name) const {
    if (slots_.empty()) return nullptr;
    return slots_[find_place(name)].symbol;
  }

  /// Add a symbol whose name is not there.
  void add(Symbol& symbol) {
    if ((count_ + 1) * 2 > slots_.size()) grow();
    const std::string name = padded(symbol.name);
    const Text text(name.data(), symbol.name.size());
    put({head_of(text), hash_of(text), &symbol});
    ++count_;
  }

  /// Take a symbol out; null when there is none of that name.
  Symbol* remove(Text name) {
    if (slots_.empty()) return nullptr;
    const std::string copy = padded(name);
    std::size_t hole = find_place(Text(copy.data(), name.size()));
    Symbol* const found = slots_[hole].symbol;
    if (found == nullptr) return nullptr;
    // What stands behind it moves up, unless its own place lies behind the hole.
    for (std::size_t place = next(hole); slots_[place].symbol != nullptr; place = next(place)) {
      const std::size_t own = slots_[place].hash >> shift_;
      if (((place - own) & mask()) < ((place - hole) & mask())) continue;
      slots_[hole] = slots_[place];
      hole = place;
    }
    slots_[hole] = {};
    --count_;
    return found;
  }

  /// Take everything out, in any order.
  template <typename Function>
  void take_all(Function function) {
    std::vector<Slot> taken;
    taken.swap(slots_);
    count_ = 0;
    for (const Slot& slot : taken) {
      if (slot.symbol != nullptr) function(*slot.symbol);
    }
  }

  /// Look at everything there is, in any order.
  template <typename Function>
  void each(Function function) const {
    for (const Slot& slot : slots_) {
      if (slot.symbol != nullptr) function(*slot.symbol);
    }
  }

 private:
  struct Slot {
    std::uint64_t head = 0;
    std::uint64_t hash = 0;
    Symbol* symbol = nullptr;
  };

  static std::string padded(Text name) { return std::string(name) + std::string(8, '\0'); }

  static bool is_named(const Symbol& symbol, Text name) {
    // The heads are the same, which is all there is of names that are no longer.
    return symbol.name.size() == name.size() &&
           (name.size() <= 8 || std::memcmp(symbol.name.data(), name.data(), name.size()) == 0);
  }

  /// Up to eight bytes as a number.
  static std::uint64_t eight_of(const char* text, std::size_t size) {
    const std::uint64_t bytes = load_eight(text);
    return size >= 8 ? bytes : bytes & ((std::uint64_t{1} << (8 * size)) - 1);
  }
  static std::uint64_t head_of(Text name) { return eight_of(name.data(), name.size()); }

  /// Its top bits are the place; nobody outside knows which names share one.
  [[nodiscard]] std::uint64_t hash_of(Text name) const {
    std::uint64_t hash = head_of(name) * secret_;
    for (std::size_t at = 8; at < name.size(); at += 8) {
      hash = ((hash ^ hash >> 32) + eight_of(name.data() + at, name.size() - at)) * secret_;
    }
    return hash;
  }

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t place) const { return (place + 1) & mask(); }

  /// Where a name is, or the hole where it would be: half of the places are empty.
  [[nodiscard]] std::size_t find_place(Text name) const {
    const std::uint64_t head = head_of(name);
    std::size_t place = hash_of(name) >> shift_;
    while (slots_[place].symbol != nullptr &&
           !(slots_[place].head == head && is_named(*slots_[place].symbol, name))) {
      place = next(place);
    }
    return place;
  }

  void put(const Slot& slot) {
    std::size_t place = slot.hash >> shift_;
    while (slots_[place].symbol != nullptr) place = next(place);
    slots_[place] = slot;
  }

  void grow() {
    std::vector<Slot> old(std::max<std::size_t>(slots_.size() * 2, 64));
    old.swap(slots_);
    shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots_.size()));
    for (const Slot& slot : old) {
      if (slot.symbol != nullptr) put(slot);
    }
  }

  /// Odd; symbols are named by strangers too.
  std::uint64_t secret_ = 1;
  unsigned shift_ = 0;
  std::size_t count_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace iqfeed_gateway
