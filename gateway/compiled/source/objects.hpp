// The state of topics and symbols as Python objects. The interpreter's lock is held in every one of
// these functions; nobody reads lines meanwhile, because the thread that does is the only one that
// touches these objects.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <exception>

#include "reader.hpp"

namespace iqfeed_gateway {

/// `Topic(prefix, type, is_kept, floor)`: has the attributes of `gateway.wire.envelope.Topic`.
struct TopicObject {
  PyObject_HEAD
  Topic* topic;
  PyObject* ring;
  PyObject* variants;
  long type;
  bool is_kept;
  std::uint64_t scanned;
  std::uint64_t told;
};

/// `SymbolState(name, quote, trade)`: what a symbol's usual lines read and change.
struct SymbolObject {
  PyObject_HEAD
  Symbol* symbol;
  PyObject* cause;
  PyObject* quote;
  PyObject* trade;
};

/// `SymbolTable()`: the symbols that lines are looked up in.
struct TableObject {
  PyObject_HEAD
  SymbolTable* symbols;
};

/// An object's reference, given up at the end.
class Reference {
 public:
  explicit Reference(PyObject* object) : object_(object) {}
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;
  ~Reference() { Py_XDECREF(object_); }

  [[nodiscard]] PyObject* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_;
};

/// Do what may need memory that is not there: then `failed`, with an exception of Python's. No C++
/// exception leaves it, for what called us is C. Nothing of ours throws, so memory it must be.
template <typename Answer, typename Work>
Answer guarded(Answer failed, Work work) {
  try {
    return work();
  } catch (const std::exception&) {
    PyErr_NoMemory();
    return failed;
  }
}

/// Give a type's instance back, its own memory being free.
void free_object(PyObject* self);

/// A str of characters below 256 as the bytes it came from; false, with an exception, otherwise.
bool latin1_of(PyObject* object, Text& text);
PyObject* text_of(Text text);

/// Make the types and put them into the module; false, with an exception, when that fails.
bool add_object_types(PyObject* module);
/// The type of the tables, once made.
PyTypeObject* table_type();

/// `use_codec(pack, unpack)`: how bodies become tuples and back.
PyObject* use_codec(PyObject* module, PyObject* arguments);

}  // namespace iqfeed_gateway
