#include "objects.hpp"

#include "attributes.hpp"
#include "tables.hpp"

namespace iqfeed_gateway {
namespace {

PyObject* pack_body = nullptr;
PyObject* unpack_body = nullptr;
PyTypeObject* topic_type_object = nullptr;
PyTypeObject* prints_type_object = nullptr;
PyTypeObject* symbol_type_object = nullptr;
PyTypeObject* table_type_object = nullptr;

/// Have a body packed or unpacked; null, with an exception, when nobody said how.
PyObject* code_body(PyObject* function, PyObject* body) {
  if (function != nullptr) return PyObject_CallOneArg(function, body);
  PyErr_SetString(PyExc_RuntimeError, "use_codec has not been called");
  return nullptr;
}

// -- Topic

PyObject* topic_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  static const char* names[] = {"prefix", "type", "is_kept", "floor", nullptr};
  const char* prefix = nullptr;
  Py_ssize_t size = 0;
  long number = 0;
  int is_kept = 0;
  unsigned long long floor = 0;
  if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "y#lpK", const_cast<char**>(names), &prefix,
                                   &size, &number, &is_kept, &floor)) {
    return nullptr;
  }
  PyObject* const self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  auto* const object = as<TopicObject>(self);
  object->topic = guarded<Topic*>(nullptr, [prefix, size, floor] {
    return new Topic(Text(prefix, static_cast<std::size_t>(size)), floor);
  });
  if (object->topic == nullptr) {
    Py_DECREF(self);
    return nullptr;
  }
  object->topic->owner = self;
  object->ring = Py_NewRef(Py_None);
  object->variants = Py_NewRef(Py_None);
  object->type = number;
  object->is_kept = is_kept != 0;
  object->scanned = object->told = floor;
  return self;
}

int topic_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as<TopicObject>(self)->ring);
  Py_VISIT(as<TopicObject>(self)->variants);
  return 0;
}

int topic_clear(PyObject* self) {
  Py_CLEAR(as<TopicObject>(self)->ring);
  Py_CLEAR(as<TopicObject>(self)->variants);
  return 0;
}

void topic_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  topic_clear(self);
  delete as<TopicObject>(self)->topic;
  free_object(self);
}

PyObject* topic_prefix(PyObject* self, void*) {
  const Text prefix = as<TopicObject>(self)->topic->prefix();
  return PyBytes_FromStringAndSize(prefix.data(), static_cast<Py_ssize_t>(prefix.size()));
}

PyObject* topic_type(PyObject* self, void*) { return PyLong_FromLong(as<TopicObject>(self)->type); }

PyObject* topic_is_kept(PyObject* self, void*) {
  return PyBool_FromLong(as<TopicObject>(self)->is_kept);
}

PyObject* topic_ring(PyObject* self, void*) { return Py_NewRef(as<TopicObject>(self)->ring); }

int topic_set_ring(PyObject* self, PyObject* value, void*) {
  if (is_deletion(value)) return -1;
  Py_XSETREF(as<TopicObject>(self)->ring, Py_NewRef(value));
  return 0;
}

PyObject* topic_variants(PyObject* self, void*) {
  return Py_NewRef(as<TopicObject>(self)->variants);
}

int topic_set_variants(PyObject* self, PyObject* value, void*) {
  if (is_deletion(value)) return -1;
  Py_XSETREF(as<TopicObject>(self)->variants, Py_NewRef(value));
  as<TopicObject>(self)->topic->has_variants = value != Py_None;
  return 0;
}

TopicObject& topic_object_of(PyObject* self) { return *as<TopicObject>(self); }

PyObject* topic_last(PyObject* self, void*) {
  const Topic& topic = *as<TopicObject>(self)->topic;
  if (!topic.has_last()) Py_RETURN_NONE;
  const Text body = topic.last_body();
  const Reference data(
      PyBytes_FromStringAndSize(body.data(), static_cast<Py_ssize_t>(body.size())));
  return data ? code_body(unpack_body, data.get()) : nullptr;
}

/// Read what the next trade is compared with, of a trade's body: price and the day's volume.
bool read_trade(PyObject* body, MaybePrice& last_price, MaybeCount& last_volume) {
  constexpr Py_ssize_t price_at = 6;
  constexpr Py_ssize_t volume_at = 13;
  PyObject* const price = PyTuple_GET_ITEM(body, price_at);
  PyObject* const volume = PyTuple_GET_ITEM(body, volume_at);
  if (price != Py_None) {
    last_price = {PyFloat_AsDouble(price), true};
    if (last_price.value == -1 && PyErr_Occurred() != nullptr) return false;
  }
  last_volume.is_there = volume != Py_None;
  return !last_volume.is_there || read_unsigned(volume, last_volume.value);
}

int topic_set_last(PyObject* self, PyObject* value, void*) {
  if (is_deletion(value)) return -1;
  auto* const object = as<TopicObject>(self);
  if (value == Py_None) {
    object->topic->forget();
    return 0;
  }
  constexpr Py_ssize_t trade_items = 16;
  if (!PyTuple_Check(value)) {
    PyErr_SetString(PyExc_TypeError, "last must be a tuple or None");
    return -1;
  }
  MaybePrice last_price;
  MaybeCount last_volume;
  if (PyTuple_GET_SIZE(value) == trade_items && !read_trade(value, last_price, last_volume)) {
    return -1;
  }
  const Reference data(code_body(pack_body, value));
  char* bytes = nullptr;
  Py_ssize_t size = 0;
  if (!data || PyBytes_AsStringAndSize(data.get(), &bytes, &size) != 0) return -1;
  if (!object->topic->set_body(Text(bytes, static_cast<std::size_t>(size)))) {
    PyErr_Format(PyExc_ValueError, "last has %zd bytes, more than any quote or trade", size);
    return -1;
  }
  object->topic->last_price = last_price;
  object->topic->last_volume = last_volume;
  return 0;
}

PyGetSetDef topic_attributes[] = {
    {"prefix", topic_prefix, nullptr, "The bytes every frame of this topic begins with.", nullptr},
    {"type", topic_type, nullptr, "The number of its messages.", nullptr},
    {"is_kept", topic_is_kept, nullptr, "Whether its messages are kept.", nullptr},
    {"ring", topic_ring, topic_set_ring, "Its last messages.", nullptr},
    {"variants", topic_variants, topic_set_variants, "Conflated topics made of it.", nullptr},
    {"sequence", get_unsigned<topic_of, &Topic::sequence>, set_unsigned<topic_of, &Topic::sequence>,
     "Sequence of the last message.", nullptr},
    {"last", topic_last, topic_set_last, "The body last published; None when there is none.",
     nullptr},
    {"scanned", get_unsigned<topic_object_of, &TopicObject::scanned>,
     set_unsigned<topic_object_of, &TopicObject::scanned>, "The sequence at the last look of the tails scan.",
     nullptr},
    {"told", get_unsigned<topic_object_of, &TopicObject::told>,
     set_unsigned<topic_object_of, &TopicObject::told>, "The sequence last announced.",
     nullptr},
    {},
};

PyType_Slot topic_slots[] = {
    {Py_tp_doc, const_cast<char*>("One topic's spelling, count and last value.")},
    {Py_tp_new, reinterpret_cast<void*>(topic_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(topic_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(topic_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(topic_clear)},
    {Py_tp_getset, topic_attributes},
    {0, nullptr},
};
PyType_Spec topic_spec = {"gateway.compiled._pipeline.Topic", sizeof(TopicObject), 0,
                          Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, topic_slots};

// -- Prints

struct PrintsObject {
  PyObject_HEAD
  PyObject* owner;
};

Prints& prints_of(PyObject* self) {
  return as<SymbolObject>(as<PrintsObject>(self)->owner)->symbol->prints;
}

void prints_dealloc(PyObject* self) {
  Py_XDECREF(as<PrintsObject>(self)->owner);
  free_object(self);
}

PyObject* prints_is_late(PyObject* self, PyObject* arguments) {
  PyObject* event = nullptr;
  PyObject* id = nullptr;
  PyObject* center = nullptr;
  PyObject* date = nullptr;
  if (!PyArg_ParseTuple(arguments, "OOOO", &event, &id, &center, &date)) return nullptr;
  MaybeMoment event_us;
  MaybeCount number;
  Text center_text;
  Text date_text;
  if (!read_moment(event, event_us)) return nullptr;
  number.is_there = id != Py_None;
  if (number.is_there && !read_unsigned(id, number.value)) return nullptr;
  if (!latin1_of(center, center_text) || !latin1_of(date, date_text)) return nullptr;
  return guarded<PyObject*>(nullptr, [&] {
    return PyBool_FromLong(prints_of(self).is_late(event_us, number, center_text, date_text));
  });
}

PyMethodDef prints_methods[] = {
    {"is_late", prints_is_late, METH_VARARGS,
     "Whether a trade is older than one that was published; it is remembered if not."},
    {},
};
PyGetSetDef prints_attributes[] = {
    {"newest_us", get_signed<prints_of, &Prints::newest_us>,
     set_signed<prints_of, &Prints::newest_us>, "Time of the newest trade.", nullptr},
    {"has_sizes", get_bool<prints_of, &Prints::has_sizes>, set_bool<prints_of, &Prints::has_sizes>,
     "Whether a trade had a size.", nullptr},
    {},
};
PyType_Slot prints_slots[] = {
    {Py_tp_doc, const_cast<char*>("What is known of a symbol's trades.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(prints_dealloc)},
    {Py_tp_methods, prints_methods},
    {Py_tp_getset, prints_attributes},
    {0, nullptr},
};
PyType_Spec prints_spec = {"gateway.compiled._pipeline.Prints", sizeof(PrintsObject), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, prints_slots};

// -- SymbolState

Symbol& symbol_of(PyObject* self) { return *as<SymbolObject>(self)->symbol; }

PyObject* symbol_new(PyTypeObject* type, PyObject* arguments, PyObject*) {
  PyObject* name = nullptr;
  PyObject* quote = nullptr;
  PyObject* trade = nullptr;
  Text text;
  if (!PyArg_ParseTuple(arguments, "OO!O!", &name, topic_type_object, &quote, topic_type_object,
                        &trade) ||
      !latin1_of(name, text)) {
    return nullptr;
  }
  PyObject* const self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  auto* const object = as<SymbolObject>(self);
  object->symbol = guarded<Symbol*>(nullptr, [text, quote, trade] {
    return new Symbol(text, *as<TopicObject>(quote)->topic, *as<TopicObject>(trade)->topic);
  });
  if (object->symbol == nullptr) {
    Py_DECREF(self);
    return nullptr;
  }
  object->symbol->owner = self;
  object->quote = Py_NewRef(quote);
  object->trade = Py_NewRef(trade);
  object->cause = Py_NewRef(Py_None);
  object->symbol->has_cause = false;
  return self;
}

int symbol_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as<SymbolObject>(self)->cause);
  Py_VISIT(as<SymbolObject>(self)->quote);
  Py_VISIT(as<SymbolObject>(self)->trade);
  return 0;
}

int symbol_clear(PyObject* self) {
  // Its topics stay: lines may be read as long as a table has it.
  Py_CLEAR(as<SymbolObject>(self)->cause);
  return 0;
}

void symbol_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  symbol_clear(self);
  delete as<SymbolObject>(self)->symbol;
  Py_XDECREF(as<SymbolObject>(self)->quote);
  Py_XDECREF(as<SymbolObject>(self)->trade);
  free_object(self);
}

PyObject* symbol_quote(PyObject* self, void*) { return Py_NewRef(as<SymbolObject>(self)->quote); }
PyObject* symbol_trade(PyObject* self, void*) { return Py_NewRef(as<SymbolObject>(self)->trade); }

PyObject* symbol_prints(PyObject* self, void*) {
  auto* const prints = PyObject_New(PrintsObject, prints_type_object);
  if (prints == nullptr) return nullptr;
  prints->owner = Py_NewRef(self);
  return reinterpret_cast<PyObject*>(prints);
}

PyObject* symbol_cause(PyObject* self, void*) {
  PyObject* const cause = as<SymbolObject>(self)->cause;
  return Py_NewRef(cause != nullptr ? cause : Py_None);
}

int symbol_set_cause(PyObject* self, PyObject* value, void*) {
  if (is_deletion(value)) return -1;
  Py_XSETREF(as<SymbolObject>(self)->cause, Py_NewRef(value));
  symbol_of(self).has_cause = value != Py_None;
  return 0;
}

template <std::string Symbol::*field>
PyObject* symbol_text(PyObject* self, void*) {
  return text_of(symbol_of(self).*field);
}

template <std::string Symbol::*field>
int symbol_set_text(PyObject* self, PyObject* value, void*) {
  Text text;
  if (is_deletion(value) || !latin1_of(value, text)) return -1;
  return guarded(-1, [self, text] { return (symbol_of(self).*field).assign(text), 0; });
}

int symbol_set_line(PyObject* self, PyObject* value, void* closure) {
  symbol_of(self).rest_size = 0;
  return symbol_set_text<&Symbol::line>(self, value, closure);
}

template <std::string Symbol::*field, bool Symbol::*is_there>
PyObject* symbol_maybe_text(PyObject* self, void*) {
  if (!(symbol_of(self).*is_there)) Py_RETURN_NONE;
  return text_of(symbol_of(self).*field);
}

template <std::string Symbol::*field, bool Symbol::*is_there>
int symbol_set_maybe_text(PyObject* self, PyObject* value, void*) {
  Text text;
  if (is_deletion(value) || (value != Py_None && !latin1_of(value, text))) return -1;
  return guarded(-1, [self, value, text] {
    (symbol_of(self).*field).assign(text);
    symbol_of(self).*is_there = value != Py_None;
    return 0;
  });
}

struct SymbolTables : TableType<Symbol> {
  static PyTypeObject* make(PyObject* module) {
    return make_table_type(module, "gateway.compiled._pipeline.SymbolTable",
                           "The symbols that lines are looked up in.");
  }
};

PyGetSetDef symbol_attributes[] = {
    {"quote", symbol_quote, nullptr, nullptr, nullptr},
    {"trade", symbol_trade, nullptr, nullptr, nullptr},
    {"prints", symbol_prints, nullptr, nullptr, nullptr},
    {"cause", symbol_cause, symbol_set_cause, nullptr, nullptr},
    {"is_live", get_bool<symbol_of, &Symbol::is_live>, set_bool<symbol_of, &Symbol::is_live>, nullptr,
     nullptr},
    {"flags", get_unsigned<symbol_of, &Symbol::flags>, set_unsigned<symbol_of, &Symbol::flags>, nullptr,
     nullptr},
    {"last_line_us", get_moment<symbol_of, &Symbol::last_line_us>,
     set_moment<symbol_of, &Symbol::last_line_us>, nullptr, nullptr},
    {"line", symbol_text<&Symbol::line>, symbol_set_line, nullptr, nullptr},
    {"bid_time_text", symbol_text<&Symbol::bid_time>, symbol_set_text<&Symbol::bid_time>, nullptr,
     nullptr},
    {"ask_time_text", symbol_text<&Symbol::ask_time>, symbol_set_text<&Symbol::ask_time>, nullptr,
     nullptr},
    {"bid_us", get_moment<symbol_of, &Symbol::bid_us>, set_moment<symbol_of, &Symbol::bid_us>, nullptr,
     nullptr},
    {"ask_us", get_moment<symbol_of, &Symbol::ask_us>, set_moment<symbol_of, &Symbol::ask_us>, nullptr,
     nullptr},
    {"quote_us", get_signed<symbol_of, &Symbol::quote_us>, set_signed<symbol_of, &Symbol::quote_us>, nullptr,
     nullptr},
    {"last_conditions", symbol_maybe_text<&Symbol::last_conditions, &Symbol::has_last_conditions>,
     symbol_set_maybe_text<&Symbol::last_conditions, &Symbol::has_last_conditions>, nullptr,
     nullptr},
    {"summary_line", symbol_maybe_text<&Symbol::summary_line, &Symbol::has_summary_line>,
     symbol_set_maybe_text<&Symbol::summary_line, &Symbol::has_summary_line>, nullptr, nullptr},
    {"summary_recv_us", get_signed<symbol_of, &Symbol::summary_recv_us>,
     set_signed<symbol_of, &Symbol::summary_recv_us>, nullptr, nullptr},
    {"summary_due_us", get_signed<symbol_of, &Symbol::summary_due_us>,
     set_signed<symbol_of, &Symbol::summary_due_us>, nullptr, nullptr},
    {"summary_merged", get_unsigned<symbol_of, &Symbol::summary_merged>,
     set_unsigned<symbol_of, &Symbol::summary_merged>, nullptr, nullptr},
    {},
};

PyType_Slot symbol_slots[] = {
    {Py_tp_doc, const_cast<char*>("What the usual lines of a symbol read and change.")},
    {Py_tp_new, reinterpret_cast<void*>(symbol_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(symbol_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(symbol_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(symbol_clear)},
    {Py_tp_getset, symbol_attributes},
    {0, nullptr},
};
PyType_Spec symbol_spec = {"gateway.compiled._pipeline.SymbolState", sizeof(SymbolObject), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
                           symbol_slots};

}  // namespace

void free_object(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

bool latin1_of(PyObject* object, Text& text) {
  if (!PyUnicode_Check(object) || PyUnicode_KIND(object) != PyUnicode_1BYTE_KIND) {
    PyErr_Format(PyExc_ValueError, "not a text of characters below 256: %.100R", object);
    return false;
  }
  text = Text(reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(object)),
              static_cast<std::size_t>(PyUnicode_GET_LENGTH(object)));
  return true;
}

PyObject* text_of(Text text) {
  return PyUnicode_DecodeLatin1(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
}

PyTypeObject* make_type(PyObject* module, PyType_Spec& spec) {
  auto* const type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (type == nullptr || PyModule_AddType(module, type) != 0) return nullptr;
  return type;
}

PyTypeObject* topic_type() { return topic_type_object; }
Topic& topic_of(PyObject* object) { return *as<TopicObject>(object)->topic; }
PyTypeObject* symbol_table_type() { return table_type_object; }

PyObject* use_codec(PyObject*, PyObject* arguments) {
  PyObject* pack = nullptr;
  PyObject* unpack = nullptr;
  if (!PyArg_ParseTuple(arguments, "OO", &pack, &unpack)) return nullptr;
  Py_XSETREF(pack_body, Py_NewRef(pack));
  Py_XSETREF(unpack_body, Py_NewRef(unpack));
  Py_RETURN_NONE;
}

bool add_object_types(PyObject* module) {
  topic_type_object = make_type(module, topic_spec);
  prints_type_object = make_type(module, prints_spec);
  symbol_type_object = make_type(module, symbol_spec);
  if (symbol_type_object == nullptr) return false;
  SymbolTables::item_type = symbol_type_object;
  table_type_object = SymbolTables::make(module);
  return topic_type_object != nullptr && prints_type_object != nullptr &&
         table_type_object != nullptr;
}

}  // namespace iqfeed_gateway
