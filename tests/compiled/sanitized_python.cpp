// Python with the sanitizers' libraries in it, so that every process of the tests has them that is
// Python, and no other has: a preloaded library would be in browsers and compilers, too.
#include <Python.h>
#include <dlfcn.h>
#include <sanitizer/common_interface_defs.h>

#include <cstdio>
#include <cstdlib>
#include <limits>

// What a process finds even if its environment was taken away: a report goes to a file, where nobody
// overlooks it, and ends the process. Leaks of the interpreter's own are none of ours.
#define COMMON "abort_on_error=1:halt_on_error=1:print_stacktrace=1:log_path="
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
  return "detect_leaks=0:" COMMON REPORTS "/address";
}
extern "C" __attribute__((visibility("default"))) const char* __ubsan_default_options() {
  return COMMON REPORTS "/undefined";
}

// Faults made on purpose, with which a run proves that it would see others.
extern "C" __attribute__((visibility("default"), noinline)) int read_freed() {
  char* volatile bytes = static_cast<char*>(std::calloc(8, 1));
  std::free(bytes);
  return bytes[3];
}
extern "C" __attribute__((visibility("default"), noinline)) int overflow(int value) {
  return std::numeric_limits<int>::max() - 1 + value;
}

// Each library has a path of its own, and both have a function of one name that sets it: the one
// that is found first hears both, so the other is told here.
static bool tell_each_its_path() {
  void* library = dlopen("libubsan.so.1", RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) {
    return false;
  }
  using SetPath = void (*)(const char*);
  const auto set_path = reinterpret_cast<SetPath>(dlsym(library, "__sanitizer_set_report_path"));
  if (set_path == nullptr || set_path == &__sanitizer_set_report_path) {
    return false;
  }
  set_path(REPORTS "/undefined");
  __sanitizer_set_report_path(REPORTS "/address");
  return true;
}

int main(int count, char** words) {
  if (!tell_each_its_path()) {
    std::fputs("libubsan cannot be told where its reports belong\n", stderr);
    return 70;
  }
  // Python's own allocator would hide what is wrong.
  setenv("PYTHONMALLOC", "malloc", 0);
  return Py_BytesMain(count, words);
}
