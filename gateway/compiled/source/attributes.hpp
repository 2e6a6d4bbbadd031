// Members of C++ objects as attributes of Python objects: `of` finds the C++ object of a Python one.
#pragma once

#include "objects.hpp"

namespace iqfeed_gateway {

// A deleted attribute is a mistake everywhere here.
inline bool is_deletion(PyObject* value) {
  if (value != nullptr) return false;
  PyErr_SetString(PyExc_TypeError, "the attribute cannot be deleted");
  return true;
}

// Each of these leaves what it reads into as it is, unless it can be read.

inline bool read_unsigned(PyObject* value, std::uint64_t& number) {
  const std::uint64_t read = PyLong_AsUnsignedLongLong(value);
  if (read == static_cast<std::uint64_t>(-1) && PyErr_Occurred() != nullptr) return false;
  number = read;
  return true;
}

inline bool read_signed(PyObject* value, std::int64_t& number) {
  const std::int64_t read = PyLong_AsLongLong(value);
  if (read == -1 && PyErr_Occurred() != nullptr) return false;
  number = read;
  return true;
}

inline bool read_moment(PyObject* value, MaybeMoment& moment) {
  std::int64_t read_us = 0;
  if (value != Py_None && !read_signed(value, read_us)) return false;
  moment = {read_us, value != Py_None};
  return true;
}

inline PyObject* moment_of(const MaybeMoment& moment) {
  if (!moment.is_there) Py_RETURN_NONE;
  return PyLong_FromLongLong(moment.value);
}

template <auto of, auto field>
PyObject* get_signed(PyObject* self, void*) {
  return PyLong_FromLongLong(of(self).*field);
}

template <auto of, auto field>
int set_signed(PyObject* self, PyObject* value, void*) {
  if (is_deletion(value)) return -1;
  return read_signed(value, of(self).*field) ? 0 : -1;
}

template <auto of, auto field>
PyObject* get_unsigned(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(of(self).*field);
}

template <auto of, auto field>
int set_unsigned(PyObject* self, PyObject* value, void*) {
  if (is_deletion(value)) return -1;
  return read_unsigned(value, of(self).*field) ? 0 : -1;
}

template <auto of, auto field>
PyObject* get_moment(PyObject* self, void*) {
  return moment_of(of(self).*field);
}

template <auto of, auto field>
int set_moment(PyObject* self, PyObject* value, void*) {
  if (is_deletion(value)) return -1;
  return read_moment(value, of(self).*field) ? 0 : -1;
}

template <auto of, auto field>
PyObject* get_bool(PyObject* self, void*) {
  return PyBool_FromLong(of(self).*field);
}

template <auto of, auto field>
int set_bool(PyObject* self, PyObject* value, void*) {
  if (is_deletion(value)) return -1;
  const int is_true = PyObject_IsTrue(value);
  if (is_true >= 0) of(self).*field = is_true != 0;
  return is_true < 0 ? -1 : 0;
}

}  // namespace iqfeed_gateway
