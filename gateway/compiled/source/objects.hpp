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

/// An object as the structure that it is.
template <typename Object>
Object* as(PyObject* self) {
  return reinterpret_cast<Object*>(self);
}

/// Make the types of Level 1, or of Level 2, and put them into the module; false, with an exception,
/// when that fails.
bool add_object_types(PyObject* module);
bool add_depth_types(PyObject* module);
/// Make a type and put it into the module; null, with an exception, when that fails.
PyTypeObject* make_type(PyObject* module, PyType_Spec& spec);
/// The types of topics and of tables of symbols, once made.
PyTypeObject* topic_type();
PyTypeObject* symbol_table_type();
/// What is in an object of the topics' type.
Topic& topic_of(PyObject* object);

/// `use_codec(pack, unpack)`: how bodies become tuples and back.
PyObject* use_codec(PyObject* module, PyObject* arguments);

}  // namespace iqfeed_gateway
