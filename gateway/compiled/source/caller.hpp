// What readers ask of Python while they run without the interpreter's lock.
#pragma once

#include "objects.hpp"

#include <array>
#include <cerrno>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace iqfeed_gateway {

using SendFunction = int (*)(void* socket, const void* data, std::size_t size, int flags);

/// Runs a reader without the interpreter's lock, and takes the lock for what only Python can do. What
/// Python raises ends the reading, and reaches whoever called.
class Caller {
 public:
  /// What every reader calls; behind them stand its own.
  enum Function { read_line_call, drop_line_call, date_day_call, send_call, own_calls };
  static constexpr std::size_t functions_max = 8;
  using Functions = std::array<PyObject*, functions_max>;

  Caller(SendFunction send, void* socket) : send_(send), socket_(socket) {}
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  virtual ~Caller() { forget(); }

  /// Keep the functions, null behind the last one.
  void use(const Functions& functions) {
    for (std::size_t at = 0; at < functions_max; ++at) functions_[at] = Py_XNewRef(functions[at]);
  }
  [[nodiscard]] const Functions& functions() const { return functions_; }
  void forget() {
    for (auto& function : functions_) Py_CLEAR(function);
  }

  /// Run `work` without the interpreter's lock, then do what was put aside. False when a Python
  /// exception is set.
  template <typename Work>
  bool run(Work work) {
    is_failed_ = is_awaited_ = false;
    error_ = 0;
    bool is_memory_short = false;
    released_ = PyEval_SaveThread();
    try {
      work();
    } catch (const std::exception&) {
      is_memory_short = true;
    }
    PyEval_RestoreThread(std::exchange(released_, nullptr));
    if (is_failed_) {
      // Nobody is told of what was put aside: it may be gone by the next time.
      forget_aside();
      return false;
    }
    if (!settle()) return fail();
    if (is_memory_short) return PyErr_NoMemory() != nullptr;
    if (error_ == 0) return true;
    errno = error_;
    return PyErr_SetFromErrno(PyExc_OSError) != nullptr;
  }

  /// Take lines into a list instead of having them read; null ends that.
  void collect(PyObject* lines) { collected_ = lines; }

 protected:
  /// The interpreter's lock, held for a while.
  class Locked {
   public:
    explicit Locked(Caller& caller) : caller_(caller) { PyEval_RestoreThread(caller.released_); }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    ~Locked() { caller_.released_ = PyEval_SaveThread(); }

   private:
    Caller& caller_;
  };

  /// Do what was put aside; the lock is held. False when a Python exception is set.
  virtual bool hand_out() = 0;
  /// Forget what was put aside, done or not.
  virtual void forget_aside() = 0;

  [[nodiscard]] bool can_send() const { return send_ != nullptr; }
  /// Send a frame through libzmq; false when reading must stop.
  bool send_frame(Text frame) {
    while (send_(socket_, frame.data(), frame.size(), 0) < 0) {
      if (errno == EINTR) continue;
      error_ = errno;
      return false;
    }
    return true;
  }

  bool hand_line(Text line, std::int64_t recv_us) {
    const Locked locked(*this);
    is_awaited_ = true;
    if (is_failed_ || !settle()) return fail();
    const Reference text(text_of(line));
    if (!text) return fail();
    if (collected_ != nullptr) return PyList_Append(collected_, text.get()) == 0 || fail();
    const Reference when(PyLong_FromLongLong(recv_us));
    if (!when) return fail();
    PyObject* const arguments[] = {text.get(), when.get()};
    return call(read_line_call, arguments, 2);
  }

  bool hand_start(Text start) {
    const Locked locked(*this);
    if (is_failed_) return false;
    const Reference text(text_of(start));
    if (!text) return fail();
    PyObject* const arguments[] = {text.get()};
    return call(drop_line_call, arguments, 1);
  }

  /// Have a text dated.
  MaybeMoment date(int place, Text text) {
    const Locked locked(*this);
    if (is_failed_) return {};
    const Reference argument(text_of(text));
    if (!argument) return fail(), MaybeMoment();
    const Reference moment(PyObject_CallOneArg(function(place), argument.get()));
    if (!moment) return fail(), MaybeMoment();
    if (moment.get() == Py_None) return {};
    const MaybeMoment answer{PyLong_AsLongLong(moment.get()), true};
    if (answer.value == -1 && PyErr_Occurred() != nullptr) return fail(), MaybeMoment();
    return answer;
  }

  bool fail() {
    is_failed_ = true;
    return false;
  }

  bool call(int place, PyObject* const* arguments, std::size_t count) {
    return Reference(PyObject_Vectorcall(function(place), arguments, count, nullptr)) || fail();
  }

  bool settle() {
    const bool is_done = hand_out();
    forget_aside();
    return is_done;
  }

  bool is_awaited_ = false;

 private:
  [[nodiscard]] PyObject* function(int place) const {
    return functions_[static_cast<std::size_t>(place)];
  }

  const SendFunction send_;
  void* const socket_;
  Functions functions_{};
  PyThreadState* released_ = nullptr;
  PyObject* collected_ = nullptr;
  bool is_failed_ = false;
  int error_ = 0;
};

/// Frames put aside because Python sends them, or keeps them.
class Aside {
 public:
  /// Frames at most before they are handed out.
  static constexpr std::size_t count_max = 1024;

  struct Frame {
    /// What it is an event of; null for what is not kept.
    PyObject* topic;
    std::size_t place;
    std::size_t size;
  };

  /// Put a frame aside; true when it is time to hand them out.
  bool add(PyObject* topic, Text frame) {
    const std::size_t place = bytes_.size();
    bytes_.append(frame);
    frames_.push_back({topic, place, frame.size()});
    return frames_.size() >= count_max;
  }
  void clear() {
    frames_.clear();
    bytes_.clear();
  }

  /// Give each frame and its topic to `take`, which answers false when it failed.
  template <typename Take>
  bool each(Take take) const {
    for (const Frame& frame : frames_) {
      const Reference data(PyBytes_FromStringAndSize(bytes_.data() + frame.place,
                                                     static_cast<Py_ssize_t>(frame.size)));
      if (!data || !take(frame.topic, data.get())) return false;
    }
    return true;
  }

 private:
  std::vector<Frame> frames_;
  std::string bytes_;
};

}  // namespace iqfeed_gateway
