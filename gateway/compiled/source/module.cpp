// The Level 1 reader as a Python object, and the module.
//
// While lines are read the interpreter's lock is not held: it is taken for a line that is not usual,
// and for what has been put aside. Whatever Python raises ends the reading and reaches the caller; no
// C++ exception leaves this file.
#include "pump.hpp"
#include "running.hpp"
#include "tables.hpp"

namespace iqfeed_gateway {
namespace {

// Which sources this was built from; the build says it as a bare word.
#if !defined(IQGW_SOURCE_DIGEST)
#define IQGW_SOURCE_DIGEST
#endif
#define IQGW_TEXT_OF(word) #word
#define IQGW_TEXT(word) IQGW_TEXT_OF(word)
constexpr const char* source_digest = IQGW_TEXT(IQGW_SOURCE_DIGEST);

/// Where frames of Level 1 go, and what its reader asks of Python.
class QuoteCaller final : public Caller, public Outside {
 public:
  enum OwnFunction { keep_call = own_calls, mark_call, wait_call, date_second_call };

  using Caller::Caller;

  bool read_line(Text line, std::int64_t recv_us) override { return hand_line(line, recv_us); }
  bool drop_line(Text start) override { return hand_start(start); }

  bool send(Topic& topic, bool is_event) override {
    const Text frame = topic.last_frame();
    if (can_send()) {
      if (!send_frame(frame)) return false;
      if (!is_event) return true;
    }
    if (!aside_.add(is_event ? static_cast<PyObject*>(topic.owner) : nullptr, frame)) return true;
    const Locked locked(*this);
    return settle() || fail();
  }

  [[nodiscard]] bool is_awaited() const override { return is_awaited_; }
  void wait_for_summary(Symbol& symbol) override { waiting_.push_back(&symbol); }
  void mark(Topic& topic) override {
    // Also when it is handed out before the end: somebody must publish what is made of it.
    is_awaited_ = true;
    marked_.push_back(&topic);
  }

  MaybeMoment date_second(Text second) override { return date(date_second_call, second); }
  MaybeMoment date_day(Text day) override { return date(date_day_call, day); }

 protected:
  bool hand_out() override { return hand_out_frames() && hand_out_waiting() && hand_out_marks(); }

  void forget_aside() override {
    // What a failure has left over will be told with the next message of its kind.
    for (Topic* const topic : marked_) topic->unmarked = 0;
    aside_.clear();
    waiting_.clear();
    marked_.clear();
  }

 private:
  bool hand_out_frames() {
    return aside_.each([this](PyObject* topic, PyObject* frame) {
      PyObject* const arguments[] = {topic, frame};
      if (topic != nullptr && !call(keep_call, arguments, 2)) return false;
      return can_send() || call(send_call, arguments + 1, 1);
    });
  }

  bool hand_out_waiting() {
    for (Symbol* const symbol : waiting_) {
      PyObject* const arguments[] = {static_cast<PyObject*>(symbol->owner)};
      if (!call(wait_call, arguments, 1)) return false;
    }
    return true;
  }

  bool hand_out_marks() {
    for (Topic* const topic : marked_) {
      const Reference count(PyLong_FromUnsignedLongLong(std::exchange(topic->unmarked, 0)));
      PyObject* const arguments[] = {static_cast<PyObject*>(topic->owner), count.get()};
      if (!count || !call(mark_call, arguments, 2)) return false;
    }
    return true;
  }

  Aside aside_;
  std::vector<Symbol*> waiting_;
  std::vector<Topic*> marked_;
};

struct ReaderObject {
  RunningObject running;
  QuoteCaller* caller;
  Reader* reader;
  Pump* pump;
};

ReaderObject* as_reader(PyObject* self) { return reinterpret_cast<ReaderObject*>(self); }

PyObject* reader_new(PyTypeObject* type, PyObject* arguments, PyObject* keywords) {
  static const char* names[] = {"table",     "epoch",       "line_bytes_max", "summary_interval_us",
                                "price_max", "jump_max",    "zmq_send",       "socket",
                                "read_line", "drop_line",   "keep",           "mark",
                                "wait",      "date_second", "date_day",       "send",
                                nullptr};
  using Called = QuoteCaller;
  PyObject* table = nullptr;
  unsigned long long epoch = 0;
  Py_ssize_t line_bytes_max = 0;
  long long interval_us = 0;
  unsigned long long zmq_send = 0;
  unsigned long long socket = 0;
  Limits limits;
  Caller::Functions functions{};
  if (!PyArg_ParseTupleAndKeywords(
          arguments, keywords, "O!$KnLddKKOOOOOOOO", const_cast<char**>(names), symbol_table_type(),
          &table, &epoch, &line_bytes_max, &interval_us, &limits.price_max, &limits.jump_max,
          &zmq_send, &socket, &functions[Called::read_line_call], &functions[Called::drop_line_call],
          &functions[Called::keep_call], &functions[Called::mark_call],
          &functions[Called::wait_call], &functions[Called::date_second_call],
          &functions[Called::date_day_call], &functions[Called::send_call]) ||
      !check_line_bytes(line_bytes_max)) {
    return nullptr;
  }
  limits.epoch = epoch;
  limits.line_bytes_max = static_cast<std::size_t>(line_bytes_max);
  limits.summary_interval_us = interval_us;
  PyObject* const self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  ReaderObject* const object = as_reader(self);
  const bool is_made = guarded(false, [&] {
    object->caller = new QuoteCaller(address_of<SendFunction>(zmq_send), address_of<void*>(socket));
    object->running.caller = object->caller;
    object->reader = new Reader(table_of<Symbol>(table), limits, *object->caller);
    return true;
  });
  if (!is_made) {
    Py_DECREF(self);
    return nullptr;
  }
  object->running.table = Py_NewRef(table);
  object->caller->use(functions);
  return self;
}

void reader_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
#if defined(__linux__)
  delete as_reader(self)->pump;
#endif
  delete as_reader(self)->reader;
  running_free(self);
}

PyObject* reader_feed(PyObject* self, PyObject* arguments) {
  Py_buffer chunk;
  long long recv_us = 0;
  if (!PyArg_ParseTuple(arguments, "y*L", &chunk, &recv_us)) return nullptr;
  Reader& reader = *as_reader(self)->reader;
  PyObject* const answer = run(self, [&reader, &chunk, recv_us] {
    reader.feed(static_cast<const char*>(chunk.buf), static_cast<std::size_t>(chunk.len), recv_us);
  });
  PyBuffer_Release(&chunk);
  return answer;
}

PyObject* reader_read(PyObject* self, PyObject* arguments) {
  PyObject* lines = nullptr;
  long long recv_us = 0;
  if (!PyArg_ParseTuple(arguments, "OL", &lines, &recv_us)) return nullptr;
  const Reference held(PySequence_Tuple(lines));
  if (!held) return nullptr;
  std::vector<Text> texts;
  const auto size = static_cast<std::size_t>(PyTuple_GET_SIZE(held.get()));
  if (!guarded(false, [&texts, size] { return texts.resize(size), true; })) return nullptr;
  for (std::size_t place = 0; place < texts.size(); ++place) {
    if (!latin1_of(PyTuple_GET_ITEM(held.get(), static_cast<Py_ssize_t>(place)), texts[place])) {
      return nullptr;
    }
  }
  Reader& reader = *as_reader(self)->reader;
  return run(self, [&reader, &texts, recv_us] { reader.read(texts, recv_us); });
}

PyObject* reader_split(PyObject* self, PyObject* data) {
  Py_buffer chunk;
  if (PyObject_GetBuffer(data, &chunk, PyBUF_SIMPLE) != 0) return nullptr;
  ReaderObject* const object = as_reader(self);
  Reader& reader = *object->reader;
  PyObject* const lines = PyList_New(0);
  if (lines != nullptr) {
    const Layout layout = reader.layout();
    reader.use({});
    object->caller->collect(lines);
    PyObject* const answer = run(self, [&reader, &chunk] {
      reader.feed(static_cast<const char*>(chunk.buf), static_cast<std::size_t>(chunk.len), 0);
    });
    object->caller->collect(nullptr);
    reader.use(layout);
    if (answer == nullptr) {
      Py_DECREF(lines);
      PyBuffer_Release(&chunk);
      return nullptr;
    }
    Py_DECREF(answer);
  }
  PyBuffer_Release(&chunk);
  return lines;
}

PyObject* reader_use(PyObject* self, PyObject* arguments) {
  Py_ssize_t commas = 0;
  int has_trades = 0;
  if (!PyArg_ParseTuple(arguments, "np", &commas, &has_trades)) return nullptr;
  if (commas < 0) {
    PyErr_SetString(PyExc_ValueError, "commas must be 0 or more");
    return nullptr;
  }
  as_reader(self)->reader->use({static_cast<std::size_t>(commas), has_trades != 0});
  Py_RETURN_NONE;
}

PyObject* reader_reset(PyObject* self, PyObject*) {
  as_reader(self)->reader->reset();
  Py_RETURN_NONE;
}

PyObject* reader_forget_seconds(PyObject* self, PyObject*) {
  as_reader(self)->reader->forget_seconds();
  Py_RETURN_NONE;
}

PyObject* reader_take_counts(PyObject* self, PyObject*) {
  const Counts counts = as_reader(self)->reader->take_counts();
  return Py_BuildValue("(KKK)", static_cast<unsigned long long>(counts.lines),
                       static_cast<unsigned long long>(counts.quotes),
                       static_cast<unsigned long long>(counts.trades));
}

#if defined(__linux__)

/// Read what is to be waited for; false with an exception.
bool read_items(PyObject* items, std::vector<PollItem>& read) {
  const Reference held(PySequence_Tuple(items));
  if (!held) return false;
  for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(held.get()); ++place) {
    unsigned long long socket = 0;
    PollItem item;
    if (!PyArg_ParseTuple(PyTuple_GET_ITEM(held.get(), place), "Kih", &socket, &item.descriptor,
                          &item.events)) {
      return false;
    }
    item.socket = address_of<void*>(socket);
    read.push_back(item);
  }
  return true;
}

/// Add a line to the list of latencies, if there was such a read; false with an exception.
bool add_latency(PyObject* list, std::uint64_t took_us, const Pumped::Latency& latency) {
  if (latency.reads == 0) return true;
  const Reference entry(Py_BuildValue("(KKKK)", static_cast<unsigned long long>(took_us),
                                      static_cast<unsigned long long>(latency.lines),
                                      static_cast<unsigned long long>(latency.quotes),
                                      static_cast<unsigned long long>(latency.trades)));
  return entry && PyList_Append(list, entry.get()) == 0;
}

/// `(found, bytes, heard_ns, is_drained, latencies, last_us)` as `_pipeline.pyi` says.
PyObject* told_of(const PumpOrder& order, const Pumped& pumped) {
  const Reference found(PyTuple_New(static_cast<Py_ssize_t>(order.items.size())));
  const Reference latencies(PyList_New(0));
  if (!found || !latencies) return nullptr;
  for (std::size_t place = 0; place < order.items.size(); ++place) {
    PyObject* const flags = PyLong_FromLong(order.items[place].found);
    if (flags == nullptr) return nullptr;
    PyTuple_SET_ITEM(found.get(), static_cast<Py_ssize_t>(place), flags);
  }
  for (std::size_t took_us = 0; took_us < pumped.latencies.size(); ++took_us) {
    if (!add_latency(latencies.get(), took_us, pumped.latencies[took_us])) return nullptr;
  }
  for (const auto& slow : pumped.slow) {
    if (!add_latency(latencies.get(), slow.took_us, slow.latency)) return nullptr;
  }
  return Py_BuildValue("(OKLOOK)", found.get(), static_cast<unsigned long long>(pumped.bytes),
                       static_cast<long long>(pumped.heard_ns),
                       pumped.is_drained ? Py_True : Py_False, latencies.get(),
                       static_cast<unsigned long long>(pumped.last_us));
}

PyObject* reader_pump(PyObject* self, PyObject* arguments) {
  unsigned long long poll = 0;
  PyObject* items = nullptr;
  Py_ssize_t own = 0;
  long long deadline_ns = 0;
  long long clock_until_us = 0;
  long long seen_ns = 0;
  long long pause_ns_max = 0;
  Py_ssize_t read_bytes_max = 0;
  if (!PyArg_ParseTuple(arguments, "KOnLLLLn", &poll, &items, &own, &deadline_ns, &clock_until_us,
                        &seen_ns, &pause_ns_max, &read_bytes_max)) {
    return nullptr;
  }
  ReaderObject* const object = as_reader(self);
  try {
    PumpOrder order;
    if (!read_items(items, order.items)) return nullptr;
    if (own < 0 || static_cast<std::size_t>(own) >= order.items.size() || read_bytes_max < 1) {
      PyErr_SetString(PyExc_ValueError, "own must be one of the items, read_bytes_max 1 or more");
      return nullptr;
    }
    if (object->pump == nullptr) {
      object->pump = new Pump(*object->reader, *object->caller,
                              static_cast<std::size_t>(read_bytes_max));
    }
    order.poll = address_of<PollFunction>(poll);
    order.own = static_cast<std::size_t>(own);
    order.deadline_ns = deadline_ns;
    order.clock_until_us = clock_until_us;
    order.seen_ns = seen_ns;
    order.pause_ns_max = pause_ns_max;
    Pumped pumped;
    Pump& pump = *object->pump;
    const Reference answer(run(self, [&pump, &order, &pumped] { pump.run(order, pumped); }));
    if (!answer) return nullptr;
    if (pumped.error == 0) return told_of(order, pumped);
    errno = pumped.error;
    return PyErr_SetFromErrno(PyExc_OSError);
  } catch (const std::exception&) {
    return PyErr_NoMemory();
  }
}

#endif

PyMethodDef reader_methods[] = {
#if defined(__linux__)
    {"pump", reader_pump, METH_VARARGS, "Wait for bytes, and read as long as nothing else comes."},
#endif
    {"feed", reader_feed, METH_VARARGS, "Read what the next bytes complete."},
    {"read", reader_read, METH_VARARGS, "Read lines that were cut already."},
    {"split", reader_split, METH_O, "Cut the next bytes into lines without reading them."},
    {"use", reader_use, METH_VARARGS, "Read by this layout: commas of a line, whether trades too."},
    {"reset", reader_reset, METH_NOARGS, "Forget half a line."},
    {"forget_seconds", reader_forget_seconds, METH_NOARGS, "The vendor's clock has moved."},
    {"take_counts", reader_take_counts, METH_NOARGS, "Lines, quotes and trades since the last call."},
    {},
};
PyType_Slot reader_slots[] = {
    {Py_tp_doc, const_cast<char*>("Reads one connection's lines; `_pipeline.pyi` says how.")},
    {Py_tp_new, reinterpret_cast<void*>(reader_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(reader_dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(running_traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(running_clear)},
    {Py_tp_methods, reader_methods},
    {0, nullptr},
};
PyType_Spec reader_spec = {"gateway.compiled._pipeline.Reader", sizeof(ReaderObject), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, reader_slots};

PyObject* count_lines(PyObject*, PyObject* data) {
  Py_buffer chunk;
  if (PyObject_GetBuffer(data, &chunk, PyBUF_SIMPLE) != 0) return nullptr;
  const auto* const begin = static_cast<const char*>(chunk.buf);
  const std::size_t count = count_letter(begin, begin + chunk.len, '\n');
  PyBuffer_Release(&chunk);
  return PyLong_FromSize_t(count);
}

PyMethodDef module_methods[] = {
    {"count_lines", count_lines, METH_O, "Count the lines that a chunk ends."},
    {"use_codec", use_codec, METH_VARARGS, "Say how bodies become bytes, and tuples again."},
    {},
};
PyModuleDef module = {PyModuleDef_HEAD_INIT, "_pipeline", "The usual lines, read without Python.",
                      -1, module_methods, nullptr, nullptr, nullptr, nullptr};

/// `messages` and `flags`: what the extension takes for the wire's numbers.
bool add_numbers(PyObject* made) {
  const auto put = [made](const char* name, PyObject* value) {
    const Reference held(value);
    return held && PyModule_AddObjectRef(made, name, held.get()) == 0;
  };
  const auto told = [](const char* name, const Message& message) {
    return Py_BuildValue("(sII)", name, message.type, message.items);
  };
  return put("messages",
             Py_BuildValue("(NNNN)", told("quote", quote_message), told("trade", trade_message),
                           told("depth", depth_message), told("order", order_message))) &&
         put("flags", Py_BuildValue("(KK)", static_cast<unsigned long long>(snapshot_flag),
                                    static_cast<unsigned long long>(suspect_flag)));
}

}  // namespace
}  // namespace iqfeed_gateway

PyMODINIT_FUNC PyInit__pipeline() {
  using namespace iqfeed_gateway;
  PyObject* const made = PyModule_Create(&module);
  if (made == nullptr) return nullptr;
  auto* const type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&reader_spec));
  if (type == nullptr || PyModule_AddType(made, type) != 0 || !add_object_types(made) ||
      !add_depth_types(made) || !add_depth_reader(made) || !add_numbers(made) ||
      PyModule_AddStringConstant(made, "source_digest", source_digest) != 0) {
    Py_DECREF(made);
    return nullptr;
  }
  return made;
}
