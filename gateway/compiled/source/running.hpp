// What the readers of both ports have in common as Python objects.
#pragma once

#include "caller.hpp"

namespace iqfeed_gateway {

/// How a reader's object begins. The table, and through it every item, lives as long as the reader.
struct RunningObject {
  PyObject_HEAD
  PyObject* table;
  Caller* caller;
  bool is_reading;
};

inline RunningObject* as_running(PyObject* self) { return reinterpret_cast<RunningObject*>(self); }

template <typename Address>
Address address_of(unsigned long long number) {
  return reinterpret_cast<Address>(static_cast<std::uintptr_t>(number));
}

inline int running_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as_running(self)->table);
  if (as_running(self)->caller == nullptr) return 0;
  for (PyObject* const function : as_running(self)->caller->functions()) Py_VISIT(function);
  return 0;
}

inline int running_clear(PyObject* self) {
  if (as_running(self)->caller != nullptr) as_running(self)->caller->forget();
  return 0;
}

/// Give back what every reader has; its own parts are gone.
inline void running_free(PyObject* self) {
  delete as_running(self)->caller;
  Py_XDECREF(as_running(self)->table);
  free_object(self);
}

/// Run something that reads, one at a time; None, or null with an exception.
template <typename Work>
PyObject* run(PyObject* self, Work work) {
  RunningObject* const object = as_running(self);
  if (object->is_reading) {
    PyErr_SetString(PyExc_RuntimeError, "the reader is reading already");
    return nullptr;
  }
  object->is_reading = true;
  const bool is_done = object->caller->run(work);
  object->is_reading = false;
  if (!is_done) return nullptr;
  Py_RETURN_NONE;
}

/// Whether a bound of a line's bytes is one; false with an exception.
inline bool check_line_bytes(Py_ssize_t line_bytes_max) {
  if (line_bytes_max >= 1) return true;
  PyErr_SetString(PyExc_ValueError, "line_bytes_max must be 1 or more");
  return false;
}

/// Put the type of the Level 2 readers into the module; false, with an exception, when that fails.
bool add_depth_reader(PyObject* module);

}  // namespace iqfeed_gateway
