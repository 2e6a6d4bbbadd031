// A test is a function that checks; `unit_tests.cpp` runs them all and tells what failed.
#pragma once

#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace checks {

struct Test {
  std::string name;
  std::function<void()> run;
};

inline std::vector<Test>& all() {
  static std::vector<Test> tests;
  return tests;
}

inline int& failure_count() {
  static int count = 0;
  return count;
}

inline void check(bool is_true, const char* text, const char* file, int line) {
  if (is_true) return;
  ++failure_count();
  std::cerr << file << ":" << line << ": not so: " << text << "\n";
}

template <class Error, class Call>
bool throws(Call call) {
  try {
    call();
  } catch (const Error&) {
    return true;
  }
  return false;
}

struct Registration {
  Registration(std::string name, std::function<void()> run) {
    all().push_back({std::move(name), std::move(run)});
  }
};

}  // namespace checks

/// A sentence of what holds, and the function that checks it.
#define TEST(name)                                                         \
  static void test_##name();                                               \
  static const checks::Registration registered_##name(#name, test_##name); \
  static void test_##name()

#define CHECK(condition) checks::check(static_cast<bool>(condition), #condition, __FILE__, __LINE__)
