// The Level 2 reader as a Python object; see `module.cpp`.
#include "running.hpp"

#include "depths.hpp"
#include "tables.hpp"

namespace iqfeed_gateway {
namespace {

/// Where frames of Level 2 go, and what its reader asks of Python.
class DepthCaller final : public Caller, public DepthOutside {
 public:
  enum OwnFunction { change_call = own_calls };

  using Caller::Caller;

  bool read_line(Text line, std::int64_t recv_us) override { return hand_line(line, recv_us); }
  bool drop_line(Text start) override { return hand_start(start); }

  bool send(Text frame) override {
    if (can_send()) return send_frame(frame);
    if (!aside_.add(nullptr, frame)) return true;
    const Locked locked(*this);
    return settle() || fail();
  }

  void change(Depth& depth) override { changed_.push_back(&depth); }
  MaybeMoment date_day(Text day) override { return date(date_day_call, day); }

 protected:
  bool hand_out() override {
    const bool is_sent = aside_.each([this](PyObject*, PyObject* frame) {
      PyObject* const arguments[] = {frame};
      return call(send_call, arguments, 1);
    });
    for (; is_sent && told_ < changed_.size(); ++told_) {
      PyObject* const arguments[] = {static_cast<PyObject*>(changed_[told_]->owner)};
      if (!call(change_call, arguments, 1)) return false;
    }
    return is_sent;
  }

  void forget_aside() override {
    // What a failure has left over will be told with the next row.
    for (; told_ < changed_.size(); ++told_) changed_[told_]->is_dirty = false;
    told_ = 0;
    changed_.clear();
    aside_.clear();
  }

 private:
  Aside aside_;
  std::vector<Depth*> changed_;
  /// How many of them were told of.
  std::size_t told_ = 0;
};

struct DepthReaderObject {
  RunningObject running;
  DepthReader* reader;
};

DepthReader& reader_of(PyObject* self) { return *as<DepthReaderObject>(self)->reader; }

PyObject* depth_reader_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  static const char* names[] = {"table",     "epoch",     "line_bytes_max", "zmq_send", "socket",
                                "read_line", "drop_line", "change",         "date_day", "send",
                                nullptr};
  using Called = DepthCaller;
  PyObject* table = nullptr;
  unsigned long long epoch = 0;
  Py_ssize_t line_bytes_max = 0;
  unsigned long long zmq_send = 0;
  unsigned long long socket = 0;
  Caller::Functions functions{};
  if (!PyArg_ParseTupleAndKeywords(
          arguments, keywords, "O!$KnKKOOOOO", const_cast<char**>(names), depth_table_type(),
          &table, &epoch, &line_bytes_max, &zmq_send, &socket, &functions[Called::read_line_call],
          &functions[Called::drop_line_call], &functions[Called::change_call],
          &functions[Called::date_day_call], &functions[Called::send_call]) ||
      !check_line_bytes(line_bytes_max)) {
    return nullptr;
  }
  PyObject* const self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  auto* const object = as<DepthReaderObject>(self);
  const bool is_made = guarded(false, [&] {
    auto* const caller =
        new DepthCaller(address_of<SendFunction>(zmq_send), address_of<void*>(socket));
    object->running.caller = caller;
    object->reader = new DepthReader(table_of<Depth>(table), epoch,
                                     static_cast<std::size_t>(line_bytes_max), *caller);
    return true;
  });
  if (!is_made) {
    Py_DECREF(self);
    return nullptr;
  }
  object->running.table = Py_NewRef(table);
  object->running.caller->use(functions);
  return self;
}

void depth_reader_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  delete as<DepthReaderObject>(self)->reader;
  running_free(self);
}

PyObject* depth_reader_feed(PyObject* self, PyObject* arguments) {
  Py_buffer chunk;
  long long recv_us = 0;
  long long now_us = 0;
  if (!PyArg_ParseTuple(arguments, "y*LL", &chunk, &recv_us, &now_us)) return nullptr;
  PyObject* const answer = run(self, [self, &chunk, recv_us, now_us] {
    reader_of(self).feed(static_cast<const char*>(chunk.buf), static_cast<std::size_t>(chunk.len),
                         recv_us, now_us);
  });
  PyBuffer_Release(&chunk);
  return answer;
}

PyObject* depth_reader_reset(PyObject* self, PyObject*) {
  reader_of(self).reset();
  Py_RETURN_NONE;
}

PyObject* depth_reader_take_counts(PyObject* self, PyObject*) {
  const DepthCounts counts = reader_of(self).take_counts();
  return Py_BuildValue("(KKKK)", static_cast<unsigned long long>(counts.lines),
                       static_cast<unsigned long long>(counts.orders),
                       static_cast<unsigned long long>(counts.levels),
                       static_cast<unsigned long long>(counts.unknown));
}

PyMethodDef depth_reader_methods[] = {
    {"feed", depth_reader_feed, METH_VARARGS, "Read what the next bytes complete."},
    {"reset", depth_reader_reset, METH_NOARGS, "Forget half a line."},
    {"take_counts", depth_reader_take_counts, METH_NOARGS,
     "Lines, orders, levels and unknown deletions since the last call."},
    {},
};
PyType_Slot depth_reader_slots[] = {
    {Py_tp_doc, const_cast<char*>("Reads one connection's rows; `_pipeline.pyi` says how.")},
    {Py_tp_new, reinterpret_cast<void*>(depth_reader_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(depth_reader_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(running_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(running_clear)},
    {Py_tp_methods, depth_reader_methods},
    {0, nullptr},
};
PyType_Spec depth_reader_spec = {"gateway.compiled._pipeline.DepthReader",
                                 sizeof(DepthReaderObject), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, depth_reader_slots};

}  // namespace

bool add_depth_reader(PyObject* module) {
  return make_type(module, depth_reader_spec) != nullptr;
}

}  // namespace iqfeed_gateway
