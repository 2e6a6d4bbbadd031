#include "depth_reader.hpp"

#include <algorithm>

namespace iqfeed_gateway {
namespace {

constexpr Text add_action = "add";
constexpr Text update_action = "update";
constexpr Text delete_action = "delete";
/// Longest market maker's name.
constexpr std::size_t maker_bytes_max = 64;

/// Commas of a whole line; 0 for what is no usual row.
std::size_t commas_of(char letter) {
  switch (letter) {
    case '0':
    case '3':
    case '4':
    case '6': return 11;
    case '5': return 7;
    case '7':
    case '8': return 9;
    case '9': return 6;
    default: return 0;
  }
}

bool read_side(Text text, bool& is_bid) {
  is_bid = text == "B";
  return is_bid || text == "A";
}

/// Whether a name's bytes are its UTF-8.
bool is_ascii(Text text) {
  return std::all_of(text.begin(), text.end(), [](char letter) {
    return static_cast<unsigned char>(letter) < 0x80;
  });
}

/// Read an order's number: so near to a line's beginning that eight bytes that end with it may not be
/// there.
bool read_id(Text text, MaybeCount& id) {
  if (text.size() >= 8) return read_count(text, id);
  char padded[16] = {};
  text.copy(padded + 8, text.size());
  return read_count(Text(padded + 8, text.size()), id);
}

/// Read what a row is known by; false when it is neither a usual number nor a usual name.
bool read_key(Text id, Text maker, bool is_bid, RowKey& key) {
  key.maker = maker;
  key.is_bid = is_bid;
  return read_id(id, key.id) && is_ascii(maker) && (key.id.is_there || !maker.empty());
}

Text action_of(Put put) { return put == Put::added ? add_action : update_action; }

void pack_maker(Packer& body, Text maker) { maker.empty() ? body.nil() : body.text(maker); }

}  // namespace

/// A row being read: whose it is, and what its message's header says.
struct DepthReader::Row {
  Depth* depth = nullptr;
  char letter = 0;
  std::uint64_t flags = 0;
  std::int64_t recv_us = 0;
  MaybeMoment event_us;
};

bool DepthReader::feed(const char* data, std::size_t size, std::int64_t recv_us,
                       std::int64_t now_us) {
  now_us_ = now_us;
  return cutter_.feed(
      data, size, [this, recv_us](Text line) { return take_line(line, recv_us); },
      [this](Text start) { return outside_->drop_line(start); });
}

bool DepthReader::take_line(Text line, std::int64_t recv_us) {
  ++counts_.lines;
  Row row;
  row.recv_us = recv_us;
  bool is_done = false;
  if (!read_usual(line, row, is_done)) return false;
  return is_done || outside_->read_line(line, recv_us);
}

bool DepthReader::read_usual(Text line, Row& row, bool& is_done) {
  row.letter = line[0];
  const std::size_t commas = commas_of(row.letter);
  Columns columns;
  const char* place = line.data();
  const char* const end = place + line.size();
  // Nothing stands behind a whole line's last comma.
  if (commas == 0 || !take_columns(place, end, columns.data(), commas) || place != end) return true;
  // Names are read eight bytes at a time.
  const Text name = columns[1];
  if (columns[0].size() != 1 || name.empty() || end - (name.data() + name.size()) < 8) return true;
  row.depth = depths_->find(name);
  if (row.depth == nullptr) return true;
  row.flags = row.depth->flags;
  switch (row.letter) {
    case '5': return read_order_delete(columns, row, is_done);
    case '9': return read_level_delete(columns, row, is_done);
    case '3':
    case '4':
    case '6': return !row.depth->takes_orders || read_order(columns, row, is_done);
    // It may answer the request for orders.
    case '0': if (!row.depth->takes_orders) return true; [[fallthrough]];
    default: return !row.depth->takes_levels || read_level(columns, row, is_done);
  }
}

/// 3 (new), 4 (changed) and 6 (summary): an order, or a market maker's best row.
bool DepthReader::read_order(const Columns& columns, Row& row, bool& is_done) {
  RowKey key;
  RowValues values;
  MaybePrice price;
  MaybeCount size;
  if (!read_side(columns[4], values.is_bid) || columns[3].size() > maker_bytes_max ||
      !read_key(columns[2], columns[3], values.is_bid, key) || !read_price(columns[5], price) ||
      !price.is_there || !read_count(columns[6], size) || !size.is_there ||
      !read_count(columns[7], values.priority) || !read_count(columns[8], values.precision) ||
      !read_when(columns[10], columns[9], row)) {
    return true;
  }
  values.maker = key.maker;
  values.price = price.value;
  values.size = size.value;
  values.heard_us = now_us_;
  const Put put = row.depth->orders->put(key, values);
  if (put == Put::full) return true;
  is_done = true;
  flag(row, values.size);
  Topic& topic = *row.depth->order_topic;
  Packer body = begin(topic, order_message, row, action_of(put), values.is_bid);
  body.maybe(key.id);
  pack_maker(body, values.maker);
  body.real(values.price);
  body.integer(values.size);
  body.maybe(values.priority);
  body.maybe(values.precision);
  return publish(topic, body, counts_.orders, row);
}

/// 5: an order or a market maker's row is gone.
bool DepthReader::read_order_delete(const Columns& columns, Row& row, bool& is_done) {
  RowKey key;
  if (!read_side(columns[4], key.is_bid) || !read_key(columns[2], columns[3], key.is_bid, key) ||
      !read_when(columns[6], columns[5], row)) {
    return true;
  }
  OrderRow* const gone = row.depth->orders->find(key);
  if (gone == nullptr) return ignore(row, is_done);
  is_done = true;
  Topic& topic = *row.depth->order_topic;
  Packer body = begin(topic, order_message, row, delete_action, gone->is_bid);
  body.maybe(gone->id);
  pack_maker(body, gone->maker);
  for (int times = 0; times < 4; ++times) body.nil();
  row.depth->orders->remove(*gone);
  return publish(topic, body, counts_.orders, row);
}

/// 7 (summary) and 8 (changed): a price level. 0: the same in the columns of an order.
bool DepthReader::read_level(const Columns& columns, Row& row, bool& is_done) {
  const bool is_order = row.letter == '0';
  const std::size_t first = is_order ? 4 : 2;
  const std::size_t last = is_order ? 8 : 6;
  bool is_bid = false;
  MaybePrice price;
  MaybeCount size;
  MaybeCount count;
  MaybeCount precision;
  if (!read_side(columns[first], is_bid) || !read_price(columns[first + 1], price) ||
      !price.is_there || !read_count(columns[first + 2], size) || !size.is_there ||
      (!is_order && !read_count(columns[5], count)) || !read_count(columns[last], precision) ||
      !read_when(columns[last + 2], columns[last + 1], row)) {
    return true;
  }
  const Put put = row.depth->levels->put(is_bid, price.value, size.value, count, precision);
  if (put == Put::full) return true;
  is_done = true;
  flag(row, size.value);
  Topic& topic = *row.depth->depth_topic;
  Packer body = begin(topic, depth_message, row, action_of(put), is_bid);
  body.real(price.value);
  body.integer(size.value);
  body.maybe(count);
  body.maybe(precision);
  return publish(topic, body, counts_.levels, row);
}

/// 9: a price level is gone.
bool DepthReader::read_level_delete(const Columns& columns, Row& row, bool& is_done) {
  bool is_bid = false;
  MaybePrice price;
  if (!read_side(columns[2], is_bid) || !read_price(columns[3], price) || !price.is_there ||
      !read_when(columns[5], columns[4], row)) {
    return true;
  }
  if (!row.depth->levels->remove(is_bid, price.value)) return ignore(row, is_done);
  is_done = true;
  Topic& topic = *row.depth->depth_topic;
  Packer body = begin(topic, depth_message, row, delete_action, is_bid);
  body.real(price.value);
  for (int times = 0; times < 3; ++times) body.nil();
  return publish(topic, body, counts_.levels, row);
}

/// Count the deletion of a row that is not there.
bool DepthReader::ignore(const Row& row, bool& is_done) {
  row.depth->heard_us = now_us_;
  ++counts_.unknown;
  is_done = true;
  return true;
}

/// Read a row's time, which is often left out; false when it is there and not as usual.
bool DepthReader::read_when(Text day, Text time, Row& row) {
  if (time.empty()) return true;
  row.event_us =
      days_.moment_of(day, time, [this](Text text) { return outside_->date_day(text); });
  return row.event_us.is_there;
}

/// Flag a row of a summary, and one whose size is 0.
void DepthReader::flag(Row& row, std::uint64_t size) {
  if (row.letter == '6' || row.letter == '7') row.flags |= snapshot_flag;
  if (size == 0) row.flags |= suspect_flag;
}

/// Begin the topic's next message with what rows of both kinds begin with.
Packer DepthReader::begin(Topic& topic, const Message& message, const Row& row, Text action,
                          bool is_bid) const {
  row.depth->heard_us = now_us_;
  Packer body = begin_body(topic, {message, epoch_, row.flags, row.recv_us, row.event_us});
  body.text(action);
  body.text(is_bid ? "B" : "A");
  return body;
}

/// Send what was written, and note that the books have changed.
bool DepthReader::publish(Topic& topic, const Packer& body, std::uint64_t& count, const Row& row) {
  ++count;
  Depth& depth = *row.depth;
  if (!outside_->send(topic.frame_until(body.place()))) return false;
  depth.recv_us = row.recv_us;
  if (row.event_us.is_there) depth.event_us = row.event_us;
  ++depth.merged;
  if (!depth.is_dirty) {
    outside_->change(depth);
    depth.is_dirty = true;
  }
  return true;
}

}  // namespace iqfeed_gateway
