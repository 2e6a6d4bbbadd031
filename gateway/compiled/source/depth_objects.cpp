// Books, and what is known of a symbol on the Level 2 port, as Python objects.
#include "attributes.hpp"
#include "depths.hpp"
#include "tables.hpp"

namespace iqfeed_gateway {
namespace {

PyTypeObject* order_row_type = nullptr;
PyTypeObject* order_book_type = nullptr;
PyTypeObject* level_book_type = nullptr;
PyTypeObject* depth_type_object = nullptr;
PyTypeObject* depth_table_type_object = nullptr;

constexpr Text add_action = "add";

/// A book, and the image made of it last.
template <typename Book>
struct BookObject {
  PyObject_HEAD
  Book* book;
  PyObject* image;
  std::uint64_t image_changes;
};
using OrderBookObject = BookObject<OrderBook>;
using LevelBookObject = BookObject<LevelBook>;

template <typename Book>
Book& book_of(PyObject* self) {
  return *as<BookObject<Book>>(self)->book;
}

// -- Values

PyObject* utf8_of(Text text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
}

PyObject* side_of(bool is_bid) { return text_of(is_bid ? "B" : "A"); }

PyObject* count_of(const MaybeCount& count) {
  if (!count.is_there) Py_RETURN_NONE;
  return PyLong_FromUnsignedLongLong(count.value);
}

PyObject* maker_of(Text maker) {
  if (maker.empty()) Py_RETURN_NONE;
  return utf8_of(maker);
}

bool read_maybe_count(PyObject* value, MaybeCount& count) {
  count = {};
  count.is_there = value != Py_None;
  return !count.is_there || read_unsigned(value, count.value);
}

/// Any side that is not `B` is the other one.
bool read_is_bid(PyObject* value, bool& is_bid) {
  Text text;
  if (!latin1_of(value, text)) return false;
  is_bid = text == "B";
  return true;
}

/// A name as it goes out; none is empty.
bool read_name(PyObject* value, Text& name) {
  name = {};
  if (value == Py_None) return true;
  Py_ssize_t size = 0;
  const char* const text = PyUnicode_AsUTF8AndSize(value, &size);
  if (text != nullptr) name = Text(text, static_cast<std::size_t>(size));
  return text != nullptr;
}

/// A number, or a market maker and a side.
bool read_row_key(PyObject* value, RowKey& key) {
  if (!PyTuple_Check(value)) {
    key.id.is_there = true;
    return read_unsigned(value, key.id.value);
  }
  if (PyTuple_GET_SIZE(value) != 2) {
    PyErr_SetString(PyExc_ValueError, "a row's key is its number, or its market maker and side");
    return false;
  }
  return read_name(PyTuple_GET_ITEM(value, 0), key.maker) &&
         read_is_bid(PyTuple_GET_ITEM(value, 1), key.is_bid);
}

/// Put a value into a tuple or the like that is being made, which then owns it; false for null.
bool put_item(PyObject* sequence, Py_ssize_t place, PyObject* value) {
  if (value == nullptr) return false;
  PyTuple_SET_ITEM(sequence, place, value);
  return true;
}

PyObject* put_told(Put put) {
  if (put == Put::full) Py_RETURN_NONE;
  return PyBool_FromLong(put == Put::added);
}

// -- What all books have

template <typename Book>
PyObject* book_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  static const char* names[] = {"rows_max", nullptr};
  Py_ssize_t rows_max = 0;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "$n", const_cast<char**>(names),
                                   &rows_max)) {
    return nullptr;
  }
  if (rows_max < 0) {
    PyErr_SetString(PyExc_ValueError, "rows_max must be 0 or more");
    return nullptr;
  }
  PyObject* const self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  as<BookObject<Book>>(self)->book = guarded<Book*>(
      nullptr, [rows_max] { return new Book(static_cast<std::size_t>(rows_max)); });
  if (as<BookObject<Book>>(self)->book == nullptr) {
    Py_DECREF(self);
    return nullptr;
  }
  return self;
}

template <typename Book>
void book_dealloc(PyObject* self) {
  delete as<BookObject<Book>>(self)->book;
  Py_XDECREF(as<BookObject<Book>>(self)->image);
  free_object(self);
}

template <typename Book>
PyObject* book_row_count(PyObject* self, void*) {
  return PyLong_FromSize_t(book_of<Book>(self).row_count());
}

template <typename Book>
PyObject* book_empty_rows(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(book_of<Book>(self).empty_rows());
}

template <typename Book>
PyObject* book_crossing(PyObject* self, PyObject*) {
  const Level* const bid = book_of<Book>(self).side(true).best();
  const Level* const ask = book_of<Book>(self).side(false).best();
  if (bid == nullptr || ask == nullptr || bid->price < ask->price) Py_RETURN_NONE;
  return text_of(bid->price > ask->price ? "crossed" : "locked");
}

template <typename Book>
PyObject* book_clear(PyObject* self, PyObject* side) {
  bool is_bid = false;
  if (!read_is_bid(side, is_bid)) return nullptr;
  return guarded<PyObject*>(
      nullptr, [self, is_bid] { return PyLong_FromSize_t(book_of<Book>(self).clear(is_bid)); });
}

PyObject* told_level(const Level& level) {
  const Reference told(PyTuple_New(3));
  if (!told || !put_item(told.get(), 0, PyFloat_FromDouble(level.price)) ||
      !put_item(told.get(), 1, PyLong_FromUnsignedLongLong(level.size.told())) ||
      !put_item(told.get(), 2, count_of(level.count))) {
    return nullptr;
  }
  return Py_NewRef(told.get());
}

PyObject* top_of(const BookSide& side, std::size_t count) {
  PyObject* const levels = PyList_New(0);
  bool is_failed = levels == nullptr;
  side.each(count, [levels, &is_failed](const Level& level) {
    if (is_failed) return;
    const Reference told(told_level(level));
    is_failed = !told || PyList_Append(levels, told.get()) != 0;
  });
  if (!is_failed) return levels;
  Py_XDECREF(levels);
  return nullptr;
}

template <typename Book>
PyObject* book_top(PyObject* self, PyObject* count) {
  const Py_ssize_t most = PyLong_AsSsize_t(count);
  if (most < 0) {
    if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_ValueError, "count must be 0 or more");
    return nullptr;
  }
  const Book& book = book_of<Book>(self);
  const Reference bids(top_of(book.side(true), static_cast<std::size_t>(most)));
  const Reference asks(top_of(book.side(false), static_cast<std::size_t>(most)));
  return bids && asks ? PyTuple_Pack(2, bids.get(), asks.get()) : nullptr;
}

// -- Images

/// How many bytes a row of an image takes at most, but for its market maker's name.
constexpr std::size_t row_bytes_max = 64;
constexpr unsigned order_image_items = 8;
constexpr unsigned level_image_items = 6;

/// Append a row that `write` writes, of a name of some bytes.
template <typename Write>
void append_row(std::string& rows, std::size_t name_bytes, Write write) {
  const std::size_t before = rows.size();
  rows.resize(before + row_bytes_max + name_bytes);
  Packer row(rows.data() + before);
  write(row);
  rows.resize(static_cast<std::size_t>(row.place() - rows.data()));
}

void begin_row(Packer& row, unsigned items, bool is_bid) {
  row.array(items);
  row.text(add_action);
  row.text(is_bid ? "B" : "A");
}

void pack_level(const OrderBook&, const Level& level, bool is_bid) {
  for (const OrderRow* const order : OrderBook::rows_of(level)) {
    append_row(level.packed, order->maker.size(), [order, is_bid](Packer& row) {
      begin_row(row, order_image_items, is_bid);
      row.maybe(order->id);
      order->maker.empty() ? row.nil() : row.text(order->maker);
      row.real(order->price);
      row.integer(order->size);
      row.maybe(order->priority);
      row.maybe(order->precision);
    });
  }
}

void pack_level(const LevelBook&, const Level& level, bool is_bid) {
  append_row(level.packed, 0, [&level, is_bid](Packer& row) {
    begin_row(row, level_image_items, is_bid);
    row.real(level.price);
    row.integer(level.size.told());
    row.maybe(level.count);
    row.maybe(level.precision);
  });
}

/// Look at all levels, bids best first, then asks.
template <typename Book, typename Function>
void each_level(const Book& book, Function function) {
  for (const bool is_bid : {true, false}) {
    const BookSide& side = book.side(is_bid);
    side.each(side.size(), [&function, is_bid](const Level& level) { function(level, is_bid); });
  }
}

/// The whole book; levels that have not changed since the last time are packed already.
template <typename Book>
PyObject* make_image(const Book& book) {
  return guarded<PyObject*>(nullptr, [&book]() -> PyObject* {
    std::size_t size = 0;
    each_level(book, [&book, &size](const Level& level, bool is_bid) {
      if (!level.is_packed) {
        level.packed.clear();
        pack_level(book, level, is_bid);
        level.is_packed = true;
      }
      size += level.packed.size();
    });
    PyObject* const image = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
    if (image == nullptr) return nullptr;
    char* place = PyBytes_AS_STRING(image);
    each_level(book, [&place](const Level& level, bool) {
      level.packed.copy(place, level.packed.size());
      place += level.packed.size();
    });
    return image;
  });
}

template <typename Book>
PyObject* book_image(PyObject* self, PyObject*) {
  auto* const object = as<BookObject<Book>>(self);
  if (object->image == nullptr || object->image_changes != object->book->changes()) {
    PyObject* const image = make_image(*object->book);
    if (image == nullptr) return nullptr;
    Py_XSETREF(object->image, image);
    object->image_changes = object->book->changes();
  }
  const Reference count(book_row_count<Book>(self, nullptr));
  return count ? PyTuple_Pack(2, count.get(), object->image) : nullptr;
}

/// The attributes of every book.
template <typename Book>
PyGetSetDef book_attributes[] = {
    {"row_count", book_row_count<Book>, nullptr, "Rows at present.", nullptr},
    {"empty_rows", book_empty_rows<Book>, nullptr, "Rows with size 0 at present.", nullptr},
    {},
};

template <typename Book>
PyTypeObject* make_book_type(PyObject* module, const char* name, const char* told,
                             PyMethodDef* methods) {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>(told)},
      {Py_tp_new, reinterpret_cast<void*>(book_new<Book>)},
      {Py_tp_dealloc, reinterpret_cast<void*>(book_dealloc<Book>)},
      {Py_tp_methods, methods},
      {Py_tp_getset, book_attributes<Book>},
      {0, nullptr},
  };
  PyType_Spec spec = {name, sizeof(BookObject<Book>), 0, Py_TPFLAGS_DEFAULT, slots};
  return make_type(module, spec);
}

// -- LevelBook

PyObject* level_book_has(PyObject* self, PyObject* arguments) {
  PyObject* side = nullptr;
  double price = 0;
  bool is_bid = false;
  if (!PyArg_ParseTuple(arguments, "Od", &side, &price) || !read_is_bid(side, is_bid)) {
    return nullptr;
  }
  return PyBool_FromLong(book_of<LevelBook>(self).side(is_bid).find(price) != nullptr);
}

PyObject* level_book_put(PyObject* self, PyObject* arguments) {
  PyObject* side = nullptr;
  double price = 0;
  PyObject* size_object = nullptr;
  PyObject* count_object = nullptr;
  PyObject* precision_object = nullptr;
  bool is_bid = false;
  std::uint64_t size = 0;
  MaybeCount count;
  MaybeCount precision;
  if (!PyArg_ParseTuple(arguments, "OdOOO", &side, &price, &size_object, &count_object,
                        &precision_object) ||
      !read_is_bid(side, is_bid) || !read_unsigned(size_object, size) ||
      !read_maybe_count(count_object, count) || !read_maybe_count(precision_object, precision)) {
    return nullptr;
  }
  return guarded<PyObject*>(nullptr, [&] {
    return put_told(book_of<LevelBook>(self).put(is_bid, price, size, count, precision));
  });
}

PyObject* level_book_delete(PyObject* self, PyObject* arguments) {
  PyObject* side = nullptr;
  double price = 0;
  bool is_bid = false;
  if (!PyArg_ParseTuple(arguments, "Od", &side, &price) || !read_is_bid(side, is_bid)) {
    return nullptr;
  }
  return PyBool_FromLong(book_of<LevelBook>(self).remove(is_bid, price));
}

PyMethodDef level_book_methods[] = {
    {"has", level_book_has, METH_VARARGS, "Whether there is a level."},
    {"put", level_book_put, METH_VARARGS, "Add or replace a level."},
    {"delete", level_book_delete, METH_VARARGS, "Remove a level."},
    {"clear", book_clear<LevelBook>, METH_O, "Remove a side."},
    {"crossing", book_crossing<LevelBook>, METH_NOARGS, "Say `crossed` or `locked`."},
    {"top", book_top<LevelBook>, METH_O, "List the best levels."},
    {"image", book_image<LevelBook>, METH_O, "Encode the whole book."},
    {},
};

// -- OrderBook

PyStructSequence_Field order_row_fields[] = {
    {"side", nullptr},  {"order_id", nullptr}, {"market_maker", nullptr}, {"price", nullptr},
    {"size", nullptr},  {"priority", nullptr}, {"precision", nullptr},    {"heard_us", nullptr},
    {nullptr, nullptr},
};
PyStructSequence_Desc order_row_desc = {"gateway.compiled._pipeline.OrderRow",
                                        "A row that has left its book.", order_row_fields, 8};

PyObject* told_row(const OrderRow& row) {
  PyObject* const told = PyStructSequence_New(order_row_type);
  if (told == nullptr) return nullptr;
  PyObject* const values[] = {side_of(row.is_bid),
                              count_of(row.id),
                              maker_of(row.maker),
                              PyFloat_FromDouble(row.price),
                              PyLong_FromUnsignedLongLong(row.size),
                              count_of(row.priority),
                              count_of(row.precision),
                              PyLong_FromLongLong(row.heard_us)};
  bool is_whole = true;
  for (Py_ssize_t place = 0; place < order_row_desc.n_in_sequence; ++place) {
    is_whole = is_whole && values[place] != nullptr;
    PyStructSequence_SetItem(told, place, values[place]);
  }
  if (is_whole) return told;
  Py_DECREF(told);
  return nullptr;
}

PyObject* order_book_put(PyObject* self, PyObject* arguments) {
  PyObject* key_object = nullptr;
  PyObject* side = nullptr;
  PyObject* id = nullptr;
  PyObject* maker = nullptr;
  PyObject* size = nullptr;
  PyObject* priority = nullptr;
  PyObject* precision = nullptr;
  PyObject* heard = nullptr;
  RowKey key;
  RowValues values;
  if (!PyArg_ParseTuple(arguments, "OOOOdOOOO", &key_object, &side, &id, &maker, &values.price,
                        &size, &priority, &precision, &heard) ||
      !read_row_key(key_object, key) || !read_is_bid(side, values.is_bid) ||
      !read_name(maker, values.maker) || !read_unsigned(size, values.size) ||
      !read_maybe_count(priority, values.priority) ||
      !read_maybe_count(precision, values.precision) || !read_signed(heard, values.heard_us)) {
    return nullptr;
  }
  const bool is_known_by_id = key.id.is_there && id != Py_None;
  const bool is_known_by_maker = !key.id.is_there && id == Py_None && key.maker == values.maker &&
                                 key.is_bid == values.is_bid;
  if (!is_known_by_id && !is_known_by_maker) {
    PyErr_SetString(PyExc_ValueError, "a row must have the number, or maker and side, of its key");
    return nullptr;
  }
  return guarded<PyObject*>(
      nullptr, [&] { return put_told(book_of<OrderBook>(self).put(key, values)); });
}

PyObject* order_book_delete(PyObject* self, PyObject* key_object) {
  RowKey key;
  if (!read_row_key(key_object, key)) return nullptr;
  return guarded<PyObject*>(nullptr, [self, &key] {
    OrderBook& book = book_of<OrderBook>(self);
    OrderRow* const row = book.find(key);
    if (row == nullptr) return Py_NewRef(Py_None);
    PyObject* const told = told_row(*row);
    if (told != nullptr) book.remove(*row);
    return told;
  });
}

PyObject* order_book_confirm(PyObject* self, PyObject* arguments) {
  PyObject* key_object = nullptr;
  long long heard_us = 0;
  RowKey key;
  if (!PyArg_ParseTuple(arguments, "OL", &key_object, &heard_us) ||
      !read_row_key(key_object, key)) {
    return nullptr;
  }
  OrderRow* const row = guarded<OrderRow*>(
      nullptr, [self, &key] { return book_of<OrderBook>(self).find(key); });
  if (row == nullptr) return PyErr_Occurred() != nullptr ? nullptr : Py_NewRef(Py_None);
  row->heard_us = heard_us;
  return Py_BuildValue("(dK)", row->price, static_cast<unsigned long long>(row->size));
}

PyObject* order_book_expire(PyObject* self, PyObject* before) {
  std::int64_t before_us = 0;
  if (!read_signed(before, before_us)) return nullptr;
  const Reference gone(PyList_New(0));
  if (!gone) return nullptr;
  return guarded<PyObject*>(nullptr, [self, before_us, &gone]() -> PyObject* {
    OrderBook& book = book_of<OrderBook>(self);
    for (OrderRow* const row : book.find_old(before_us)) {
      const Reference told(told_row(*row));
      if (!told || PyList_Append(gone.get(), told.get()) != 0) return nullptr;
      book.remove(*row);
    }
    return Py_NewRef(gone.get());
  });
}

PyMethodDef order_book_methods[] = {
    {"put", order_book_put, METH_VARARGS, "Add or replace a row."},
    {"delete", order_book_delete, METH_O, "Remove a row and return it."},
    {"confirm", order_book_confirm, METH_VARARGS, "Note that a row was told again as it is."},
    {"expire", order_book_expire, METH_O, "Remove market makers' rows that are too old."},
    {"clear", book_clear<OrderBook>, METH_O, "Remove a side."},
    {"crossing", book_crossing<OrderBook>, METH_NOARGS, "Say `crossed` or `locked`."},
    {"top", book_top<OrderBook>, METH_O, "List the best levels."},
    {"image", book_image<OrderBook>, METH_O, "Encode the whole book."},
    {},
};

// -- DepthState

/// `DepthState(name, orders, levels, order_topic, depth_topic)`.
struct DepthObject {
  PyObject_HEAD
  Depth* depth;
  PyObject* orders;
  PyObject* levels;
  PyObject* order_topic;
  PyObject* depth_topic;
};

Depth& depth_of(PyObject* self) { return *as<DepthObject>(self)->depth; }

PyObject* depth_new(PyTypeObject* type, PyObject* arguments, PyObject*) {
  PyObject* name = nullptr;
  PyObject* orders = nullptr;
  PyObject* levels = nullptr;
  PyObject* order_topic = nullptr;
  PyObject* depth_topic = nullptr;
  Text text;
  if (!PyArg_ParseTuple(arguments, "OO!O!O!O!", &name, order_book_type, &orders, level_book_type,
                        &levels, topic_type(), &order_topic, topic_type(), &depth_topic) ||
      !latin1_of(name, text)) {
    return nullptr;
  }
  PyObject* const self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  auto* const object = as<DepthObject>(self);
  object->depth = guarded<Depth*>(nullptr, [=] {
    return new Depth(text, book_of<OrderBook>(orders), book_of<LevelBook>(levels),
                     topic_of(order_topic), topic_of(depth_topic));
  });
  if (object->depth == nullptr) {
    Py_DECREF(self);
    return nullptr;
  }
  object->depth->owner = self;
  object->orders = Py_NewRef(orders);
  object->levels = Py_NewRef(levels);
  object->order_topic = Py_NewRef(order_topic);
  object->depth_topic = Py_NewRef(depth_topic);
  return self;
}

int depth_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as<DepthObject>(self)->order_topic);
  Py_VISIT(as<DepthObject>(self)->depth_topic);
  return 0;
}

// Its books and topics stay: rows may be read as long as a table has it.
int depth_clear(PyObject*) { return 0; }

void depth_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  auto* const object = as<DepthObject>(self);
  delete object->depth;
  Py_XDECREF(object->orders);
  Py_XDECREF(object->levels);
  Py_XDECREF(object->order_topic);
  Py_XDECREF(object->depth_topic);
  free_object(self);
}

template <PyObject* DepthObject::*field>
PyObject* depth_part(PyObject* self, void*) {
  return Py_NewRef(as<DepthObject>(self)->*field);
}

PyGetSetDef depth_attributes[] = {
    {"orders", depth_part<&DepthObject::orders>, nullptr, nullptr, nullptr},
    {"levels", depth_part<&DepthObject::levels>, nullptr, nullptr, nullptr},
    {"order_topic", depth_part<&DepthObject::order_topic>, nullptr, nullptr, nullptr},
    {"depth_topic", depth_part<&DepthObject::depth_topic>, nullptr, nullptr, nullptr},
    {"flags", get_unsigned<depth_of, &Depth::flags>, set_unsigned<depth_of, &Depth::flags>, nullptr,
     nullptr},
    {"takes_orders", get_bool<depth_of, &Depth::takes_orders>,
     set_bool<depth_of, &Depth::takes_orders>, nullptr, nullptr},
    {"takes_levels", get_bool<depth_of, &Depth::takes_levels>,
     set_bool<depth_of, &Depth::takes_levels>, nullptr, nullptr},
    {"is_dirty", get_bool<depth_of, &Depth::is_dirty>, set_bool<depth_of, &Depth::is_dirty>,
     nullptr, nullptr},
    {"merged", get_unsigned<depth_of, &Depth::merged>, set_unsigned<depth_of, &Depth::merged>,
     nullptr, nullptr},
    {"recv_us", get_signed<depth_of, &Depth::recv_us>, set_signed<depth_of, &Depth::recv_us>,
     nullptr, nullptr},
    {"event_us", get_moment<depth_of, &Depth::event_us>, set_moment<depth_of, &Depth::event_us>,
     nullptr, nullptr},
    {"heard_us", get_signed<depth_of, &Depth::heard_us>, set_signed<depth_of, &Depth::heard_us>,
     nullptr, nullptr},
    {},
};

PyType_Slot depth_slots[] = {
    {Py_tp_doc, const_cast<char*>("What the usual rows of a symbol read and change.")},
    {Py_tp_new, reinterpret_cast<void*>(depth_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(depth_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(depth_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(depth_clear)},
    {Py_tp_getset, depth_attributes},
    {0, nullptr},
};
PyType_Spec depth_spec = {"gateway.compiled._pipeline.DepthState", sizeof(DepthObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                          depth_slots};

}  // namespace

PyTypeObject* depth_table_type() { return depth_table_type_object; }

bool add_depth_types(PyObject* module) {
  order_row_type = PyStructSequence_NewType(&order_row_desc);
  order_book_type = make_book_type<OrderBook>(module, "gateway.compiled._pipeline.OrderBook",
                                              "A book of orders.", order_book_methods);
  level_book_type = make_book_type<LevelBook>(module, "gateway.compiled._pipeline.LevelBook",
                                              "A book of price levels.", level_book_methods);
  depth_type_object = make_type(module, depth_spec);
  if (order_row_type == nullptr || order_book_type == nullptr || level_book_type == nullptr ||
      depth_type_object == nullptr) {
    return false;
  }
  TableType<Depth>::item_type = depth_type_object;
  depth_table_type_object = TableType<Depth>::make_table_type(
      module, "gateway.compiled._pipeline.DepthTable", "The symbols that rows are looked up in.");
  return depth_table_type_object != nullptr;
}

}  // namespace iqfeed_gateway
