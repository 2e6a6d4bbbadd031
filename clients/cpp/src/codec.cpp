#include "iqfeed_gateway/codec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <type_traits>
#include <utility>

#include "cursor.hpp"
#include "iqfeed_gateway/errors.hpp"
#include "iqfeed_gateway/topics.hpp"

namespace iqfeed_gateway {
namespace {

constexpr std::size_t header_count = 6;
constexpr int levels_max = static_cast<int>(limits::nesting_levels_max);

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

consteval std::uint64_t highest(ItemType type) {
  for (const auto& range : item_ranges) {
    if (range.type == type) return range.highest;
  }
  return 0;
}

// Reading one record: a message, a price level or a row.

template <class Record>
void read_record(Cursor& cursor, std::size_t count, Record& record, std::string_view kind);

template <class Row>
std::vector<Row> read_rows(Cursor& cursor) {
  const auto count = cursor.array_count();
  std::vector<Row> rows;
  rows.reserve(std::min<std::size_t>(count, 256));
  for (std::size_t i = 0; i < count; ++i) {
    const auto item_count = cursor.array_count();
    read_record(cursor, item_count, rows.emplace_back(), {});
  }
  return rows;
}

std::string read_text(Cursor& cursor) {
  const auto text = cursor.text();
  if (text.empty()) throw DecodeError("text is empty");
  return std::string(text);
}

template <ItemType Type>
auto read_item(Cursor& cursor, [[maybe_unused]] std::string_view kind) {
  if constexpr (Type == ItemType::price) {
    return cursor.number();
  } else if constexpr (Type == ItemType::id) {
    return cursor.unsigned_integer(highest(Type));
  } else if constexpr (Type == ItemType::uint || Type == ItemType::count ||
                       Type == ItemType::time_us) {
    return static_cast<std::int64_t>(cursor.unsigned_integer(highest(Type)));
  } else if constexpr (Type == ItemType::text) {
    return read_text(cursor);
  } else if constexpr (Type == ItemType::boolean) {
    return cursor.boolean();
  } else if constexpr (Type == ItemType::texts) {
    const auto count = cursor.array_count();
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) texts.push_back(read_text(cursor));
    return texts;
  } else if constexpr (Type == ItemType::levels) {
    return read_rows<PriceLevel>(cursor);
  } else if constexpr (Type == ItemType::rows) {
    if (topics::split_private(kind) == kind::order) return Rows(read_rows<OrderRow>(cursor));
    return Rows(read_rows<DepthRow>(cursor));
  } else {
    static_assert(Type == ItemType::map);
    auto value = cursor.value(levels_max - 1);
    auto* const map = value.map();
    if (map == nullptr) throw DecodeError("not a map");
    return std::move(*map);
  }
}

/// Read one item where there is one; returns whether it is there.
template <ItemType Type, auto Member, class Record>
bool read_member(Cursor& cursor, std::size_t index, std::size_t count, Record& record,
                 std::string_view kind) {
  using Target = std::remove_reference_t<decltype(record.*Member)>;
  if (index >= count || cursor.take_nil()) {
    if constexpr (!IsOptional<Target>::value) throw DecodeError("mandatory item is missing");
    return false;
  }
  if constexpr (IsOptional<Target>::value) {
    (record.*Member).emplace(read_item<Type>(cursor, kind));
  } else {
    record.*Member = read_item<Type>(cursor, kind);
  }
  return true;
}

template <class Record>
void read_record(Cursor& cursor, std::size_t count, Record& record, std::string_view kind) {
  constexpr auto& items = Layout<Record>::items;
  constexpr auto item_count = std::tuple_size_v<std::remove_cvref_t<decltype(items)>>;
  constexpr bool is_message = std::derived_from<Record, Header>;
  bool has_value = false;
  bool is_incomplete = false;
  std::size_t index = 0;
  const auto read = [&]<ItemType Type, auto Member>(const Item<Type, Member>& item) {
    const bool is_there = read_member<Type, Member>(cursor, index, count, record, kind);
    if (!is_message || index >= header_count) has_value |= is_there;
    is_incomplete |= item.is_mandatory && !is_there;
    ++index;
  };
  std::apply([&read](const auto&... item) { (read(item), ...); }, items);
  for (; index < count; ++index) cursor.skip(levels_max - (is_message ? 1 : 3));
  static_cast<void>(item_count);
  if constexpr (is_message) {
    if (!is_incomplete || (!has_value && (record.flags & flag::snapshot) != 0)) return;
  }
  if (is_incomplete) throw DecodeError("mandatory item is missing");
}

// Dispatching on the message number.

using Decode = void (*)(Message& out, std::string_view kind, std::string_view symbol,
                        std::size_t count, Cursor& cursor);

template <class Record>
void decode_record(Message& out, std::string_view kind, std::string_view symbol, std::size_t count,
                   Cursor& cursor) {
  auto& record = out.emplace<Record>();
  record.kind = kind;
  record.symbol = symbol;
  read_record(cursor, count, record, kind);
  if (cursor.left() != 0) throw DecodeError("bytes behind the body");
}

template <class>
struct Table;
template <class... Records>
struct Table<std::variant<Records...>> {
  static constexpr std::size_t size =
      std::max({static_cast<std::size_t>(Layout<Records>::number)...}) + 1;

  static constexpr std::array<Decode, size> decoders() {
    std::array<Decode, size> table{};
    ((table[static_cast<std::size_t>(Layout<Records>::number)] = decode_record<Records>), ...);
    return table;
  }

  static constexpr std::int64_t number_of(std::string_view name) {
    std::int64_t number = 0;
    ((Layout<Records>::name == name ? void(number = Layout<Records>::number) : void()), ...);
    return number;
  }
};

constexpr auto decoders = Table<Message>::decoders();

bool is_kind_of(std::int64_t number, const topics::KindParts& parts, std::string_view symbol) {
  if (parts.base == kind::image) return false;
  if (number == message_type::state && !parts.nonce.empty()) return true;
  if (parts.base == kind::sys) return is_sys_carrier(number, symbol);
  if (number == message_type::image) return topics::is_book_event_kind(parts.base);
  return type_of_kind(parts.base) == number;
}

bool is_sys_name(std::string_view name) {
  return std::ranges::find(sys_names, name) != sys_names.end();
}

}  // namespace

std::int64_t type_of_kind(std::string_view base) noexcept {
  return Table<Message>::number_of(base);
}

bool is_known_type(std::int64_t number) noexcept {
  return number >= 0 && number < static_cast<std::int64_t>(decoders.size()) &&
         decoders[static_cast<std::size_t>(number)] != nullptr;
}

bool is_sys_carrier(std::int64_t number, std::string_view name) noexcept {
  if (!is_sys_name(name)) return false;
  return type_of_kind(name) == number ||
         (number == message_type::tails && name == Layout<ClientNotice>::name);
}

Message decode_frame(std::string_view frame) {
  if (frame.size() > limits::frame_bytes_max) throw DecodeError("frame is too long");
  const auto head = frame.substr(0, static_cast<std::size_t>(limits::topic_bytes_max));
  const auto first = head.find(',');
  const auto second = first == std::string_view::npos ? first : head.find(',', first + 1);
  if (second == std::string_view::npos) throw DecodeError("frame does not begin with a topic");
  const auto kind = head.substr(0, first);
  const auto symbol = head.substr(first + 1, second - first - 1);
  const auto parts = topics::parse_kind(kind);
  if (!parts || !topics::is_wire_symbol(symbol)) {
    throw DecodeError("topic is malformed: " + bounded(head.substr(0, second + 1)));
  }
  const bool is_known = parts->base == kind::sys
                            ? is_sys_name(symbol)
                            : type_of_kind(parts->base) != 0 && !is_sys_name(parts->base);
  if (!is_known) throw UnknownMessage("unknown kind: " + bounded(head.substr(0, second + 1)));
  if (!parts->variant.empty() && !topics::is_variant(parts->base, parts->variant)) {
    throw DecodeError("kind has no such variant: " + bounded(kind));
  }
  const auto [topic, body, number, epoch, sequence, flags] = codec::split_frame(frame);
  if (!is_known_type(number)) {
    codec::check_body(body);
    throw UnknownMessage("unknown type number " + std::to_string(number));
  }
  if (!is_kind_of(number, *parts, symbol)) {
    throw DecodeError("kind and type number do not match: " + bounded(topic));
  }
  Message message;
  codec::decode_body(message, kind, symbol, body);
  return message;
}

std::string to_decimal(double price) {
  if (!std::isfinite(price)) throw DecodeError("price is not finite");
  if (price == 0) return "0";
  std::array<char, 512> text{};
  // The shortest digits that read back as the same double, never with an exponent.
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), price, std::chars_format::fixed).ptr;
  return {text.data(), end};
}

namespace codec {

FrameHead split_frame(std::string_view frame) {
  const auto first = frame.find(',');
  const auto second = first == std::string_view::npos ? first : frame.find(',', first + 1);
  if (second == std::string_view::npos) throw DecodeError("frame has no topic");
  FrameHead head{frame.substr(0, second + 1), frame.substr(second + 1), 0, 0, 0, 0};
  Cursor cursor(head.body);
  if (cursor.array_count() < header_count) throw DecodeError("header is not complete");
  constexpr auto limit = highest(ItemType::uint);
  for (auto* const item : {&head.type, &head.epoch, &head.sequence, &head.flags}) {
    *item = static_cast<std::int64_t>(cursor.unsigned_integer(limit));
  }
  return head;
}

void decode_body(Message& out, std::string_view kind, std::string_view symbol,
                 std::string_view body) {
  Cursor cursor(body);
  const auto count = cursor.array_count();
  auto ahead = cursor;
  const auto number = static_cast<std::int64_t>(ahead.unsigned_integer(highest(ItemType::uint)));
  if (count < header_count || !is_known_type(number)) throw DecodeError("not a body");
  decoders[static_cast<std::size_t>(number)](out, kind, symbol, count, cursor);
}

void check_body(std::string_view body) {
  Cursor cursor(body);
  cursor.skip(levels_max);
  if (cursor.left() != 0) throw DecodeError("bytes behind the body");
}

Message decode_value(std::string_view topic, const Value& body) {
  const auto [kind, symbol] = topics::split_topic(topic);
  if (kind.empty()) throw DecodeError("not a topic: " + bounded(topic));
  std::string bytes;
  pack(bytes, body);
  Message message;
  decode_body(message, topics::split_private(kind), symbol, bytes);
  return message;
}

}  // namespace codec

}  // namespace iqfeed_gateway
