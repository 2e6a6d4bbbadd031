// Tables of names as Python objects: they hold what is in them.
#pragma once

#include "objects.hpp"

namespace iqfeed_gateway {

template <typename Item>
struct TableObject {
  PyObject_HEAD
  NameTable<Item>* items;
};

/// How an object of an item's type begins.
template <typename Item>
struct ItemObject {
  PyObject_HEAD
  Item* item;
};

template <typename Item>
NameTable<Item>& table_of(PyObject* table) {
  return *as<TableObject<Item>>(table)->items;
}

/// The type of tables of some items.
template <typename Item>
struct TableType {
  /// The type of what can be added.
  static inline PyTypeObject* item_type = nullptr;

  static PyObject* make_new(PyTypeObject* type, PyObject*, PyObject*) {
    PyObject* const self = type->tp_alloc(type, 0);
    if (self == nullptr) return nullptr;
    try {
      as<TableObject<Item>>(self)->items = new NameTable<Item>();
      return self;
    } catch (const std::exception& error) {
      // Without chance there is no table: memory is short, or the system has none to give.
      PyErr_SetString(PyExc_OSError, error.what());
    }
    Py_DECREF(self);
    return nullptr;
  }

  static int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    if (as<TableObject<Item>>(self)->items == nullptr) return 0;
    int answer = 0;
    table_of<Item>(self).each([visit, arg, &answer](const Item& item) {
      if (answer == 0) answer = visit(static_cast<PyObject*>(item.owner), arg);
    });
    return answer;
  }

  static int clear(PyObject* self) {
    if (as<TableObject<Item>>(self)->items == nullptr) return 0;
    table_of<Item>(self).take_all(
        [](const Item& item) { Py_DECREF(static_cast<PyObject*>(item.owner)); });
    return 0;
  }

  static void dealloc(PyObject* self) {
    PyObject_GC_UnTrack(self);
    clear(self);
    delete as<TableObject<Item>>(self)->items;
    free_object(self);
  }

  static PyObject* remove(PyObject* self, PyObject* name) {
    Text text;
    if (!latin1_of(name, text)) return nullptr;
    return guarded<PyObject*>(nullptr, [self, text] {
      const Item* const found = table_of<Item>(self).remove(text);
      if (found != nullptr) Py_DECREF(static_cast<PyObject*>(found->owner));
      return Py_NewRef(Py_None);
    });
  }

  static PyObject* add(PyObject* self, PyObject* object) {
    if (!PyObject_TypeCheck(object, item_type)) {
      PyErr_Format(PyExc_TypeError, "only a %s can be added", item_type->tp_name);
      return nullptr;
    }
    Item& item = *as<ItemObject<Item>>(object)->item;
    const Reference name(text_of(item.name));
    if (!name || !Reference(remove(self, name.get()))) return nullptr;
    return guarded<PyObject*>(nullptr, [self, object, &item] {
      table_of<Item>(self).add(item);
      Py_INCREF(object);
      return Py_NewRef(Py_None);
    });
  }

  static Py_ssize_t length(PyObject* self) {
    return static_cast<Py_ssize_t>(table_of<Item>(self).size());
  }

  /// Make the type and put it into the module; null, with an exception, when that fails.
  static PyTypeObject* make_table_type(PyObject* module, const char* name, const char* told) {
    static PyMethodDef methods[] = {
        {"add", add, METH_O, "Add an item, in place of one of its name."},
        {"remove", remove, METH_O, "Take an item out, if it is there."},
        {},
    };
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>(told)},
        {Py_tp_new, reinterpret_cast<void*>(make_new)},
        {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
        {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
        {Py_tp_clear, reinterpret_cast<void*>(clear)},
        {Py_tp_methods, methods},
        {Py_sq_length, reinterpret_cast<void*>(length)},
        {0, nullptr},
    };
    PyType_Spec spec = {name, sizeof(TableObject<Item>), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
    return make_type(module, spec);
  }
};

}  // namespace iqfeed_gateway
