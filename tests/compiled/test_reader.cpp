// The extension's core by itself, for sanitizers: every look at memory that is not there is seen.
//
// Prints what it has done; ends with 1 when something did not hold.
#include <algorithm>

#include "checks.hpp"
#include "fake_outside.hpp"

namespace iqfeed_gateway::testing {
namespace {

std::string micros(int value) {
  char text[8];
  std::snprintf(text, sizeof text, "%06d", value % 1'000'000);
  return text;
}

/// A line of all columns.
std::string line_of(const std::string& name, const std::string& contents, int number) {
  const std::string moment = "09:59:59." + micros(number);
  return "Q," + name + "," + contents + ",188.25,100," + moment + ",11,188.3600,200," + moment +
         ",26,188.3000,50," + moment + ",09/16/2026,19,3D87,0," + std::to_string(4711 + number) +
         "," + std::to_string(37'629'453 + number) +
         ",188.2900,300,09:59:57.500000,09/16/2026,5,187.0,189.5,186.25,187.97,,188.0123,,1234,";
}

const std::string beginning =
    "T,20260916 10:00:00\r\nP,AAPL,x\r\nP,X,x\r\nP,LONGNAME.WITH-32.CHARACTERS.IN.IT,x\r\n";

std::string stream() {
  std::string bytes = beginning;
  int number = 1;
  for (const char* const contents : {"ba", "b", "a", "Cba", "Ov", "bz", "", "ab"}) {
    for (const char* const name : {"AAPL", "X", "LONGNAME.WITH-32.CHARACTERS.IN.IT", "ZZZ"}) {
      bytes += line_of(name, contents, ++number) + "\r\n";
    }
  }
  bytes += "Q,X,b,,5\nQ,X,b,55\nQ,X,b,1.5,7,09:59:59.000100,5,,,,\nQ,,,\n\n\r\nV,AAPL,\n";
  bytes += line_of("AAPL", "ba", ++number) + "\n" + std::string(900, 'Q') + "\nX\nQ,AAPL,\nU,1\n";
  return bytes + line_of("AAPL", "Cb", ++number) + "\r\nQ,AAPL,ba,188";
}

std::string trace_of(const std::vector<Text>& pieces) {
  World world(usual_limits());
  for (const Text piece : pieces) {
    world.feed(piece, Recorder::day_us + 36'000 * second_us);
  }
  return world.recorder.trace.text;
}

/// However bytes are cut, the same is done, and nothing beside them is looked at.
void test_every_cut() {
  const std::string bytes = stream();
  const std::string whole = trace_of({bytes});
  check(whole.find("E") != std::string::npos && whole.find("D700:") != std::string::npos,
        "the stream has trades and a line that is too long");
  const Text text = bytes;
  for (std::size_t at = 0; at <= bytes.size() && failures == 0; ++at) {
    const bool is_same = trace_of({text.substr(0, at), text.substr(at)}) == whole;
    if (!is_same) std::fprintf(stderr, "cut at %zu of %zu\n", at, bytes.size());
    check(is_same, "two pieces do what one does");
  }
  for (const std::size_t size : {1, 2, 3, 7, 8, 9, 64, 200}) {
    std::vector<Text> pieces;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      pieces.push_back(Text(bytes).substr(at, size));
    }
    check(trace_of(pieces) == whole, "small pieces do what one does");
  }
}

/// Every beginning of a line, alone in memory, with an end and without.
void test_every_length() {
  for (const char* const name : {"X", "AAPL"}) {
    for (const char* const contents : {"ba", "ab", "Cba", "bOa"}) {
      const std::string whole = line_of(name, contents, 5);
      World world(usual_limits());
      world.feed(beginning, 1);
      for (std::size_t size = 0; size <= whole.size(); ++size) {
        world.feed(whole.substr(0, size) + "\n", 2);
        const Exact alone(Text(whole).substr(0, size));
        if (size != 0) world.reader->read({Text(alone.data(), size)}, 3);
      }
      check(world.recorder.frames > 0, "the whole line is read");
    }
  }
}

/// Columns of every length in lines that are as short as can be.
void test_short_lines() {
  World world(usual_limits());
  world.feed(beginning, 1);
  const char* const texts[] = {"", "1", "12", ".5", "5.", "1.5", "12345678", "1234567.", "123456789"};
  for (const char layout : {'1', '2'}) {
    world.recorder.select(layout);
    for (const char* const bid : texts) {
      for (const char* const size : texts) {
        for (const char* const time : {"", "09:59:59.000001"}) {
          std::string line = std::string("Q,X,b,") + bid + "," + size + "," + time + ",,,,,,";
          for (std::size_t cut = 0; cut < 7; ++cut) {
            const Exact alone(Text(line).substr(0, line.size() - cut));
            world.reader->read({Text(alone.data(), alone.size())}, 2);
          }
        }
      }
    }
  }
}

/// Numbers against the C library, which reads them by another way.
void test_numbers() {
  Chance next;
  for (int turn = 0; turn < 400'000; ++turn) {
    std::string text = "........";
    const std::size_t size = 1 + next() % 19;
    for (std::size_t at = 0; at < size; ++at) text += static_cast<char>('0' + next() % 10);
    if (next() % 3 != 0) text[8 + next() % size] = '.';
    if (next() % 16 == 0) text[8 + next() % size] = static_cast<char>(next());
    const Exact exact(text);
    const Text digits(exact.data() + 8, size);
    std::uint64_t count = 0;
    if (read_digits(digits, count)) {
      check(count == std::strtoull(text.c_str() + 8, nullptr, 10), "an integer is the one written");
      check(digits.find_first_not_of("0123456789") == Text::npos, "it is of digits only");
    }
    MaybePrice price;
    if (read_price(digits, price)) {
      check(price.value == std::strtod(text.c_str() + 8, nullptr), "a price is the nearest double");
      check(digits.find_first_not_of("0123456789.") == Text::npos, "it is of digits and a point");
    }
  }
}

/// Every second of a day is read, and whatever else stands in a place is not.
void test_times() {
  Chance next;
  for (unsigned second = 0; second < 86'400; ++second) {
    const auto fraction = static_cast<unsigned>(next() % 1'000'000);
    char text[32];
    std::snprintf(text, sizeof text, "%02u:%02u:%02u.%06u", second / 3'600, second / 60 % 60,
                  second % 60, fraction);
    const Exact exact(Text(text, 15));
    TimeOfDay time;
    const bool is_read = read_time(Text(exact.data(), 15), time);
    check(is_read && time.second == second && time.micros == fraction, "a time is the one written");
  }
  for (const char* const text : {"24:00:00.000000", "23:60:00.000000", "23:59:60.000000"}) {
    TimeOfDay time;
    check(!read_time(Text(text, 15), time), "a day ends");
  }
  const std::string usual = "03:02:00.008000";
  for (std::size_t at = 0; at < usual.size(); ++at) {
    for (int letter = 0; letter < 256; ++letter) {
      std::string text = usual;
      text[at] = static_cast<char>(letter);
      const bool is_place = usual[at] == ':' || usual[at] == '.';
      const bool is_usual = is_place ? text[at] == usual[at] : is_digit(text[at]);
      TimeOfDay time;
      // Hours begin with 0, 1 and, before 4, 2; minutes and seconds with 0 to 5.
      const bool is_in_day = at == 0 ? letter <= '2' : (at != 3 && at != 6) || letter <= '5';
      check(read_time(text, time) == (is_usual && (is_place || is_in_day)),
            "a time is digits and what stands between them");
    }
  }
}

/// Letters and columns against the library's own search.
void test_letters() {
  Chance next;
  for (int turn = 0; turn < 20'000; ++turn) {
    std::string text(next() % 200, ' ');
    for (char& letter : text) letter = next() % 4 == 0 ? ',' : static_cast<char>(next());
    const Exact exact(text);
    const char* const end = exact.data() + exact.size();
    const auto commas = static_cast<std::size_t>(std::count(text.begin(), text.end(), ','));
    check(count_letter(exact.data(), end, ',') == commas, "as many commas as there are");
    if (text.size() >= 64) {
      check(find_letter(exact.data(), ',') == find_letter_by_eights(exact.data(), ','),
            "the same letters in both ways");
    }
    Text columns[8];
    const std::size_t count = 1 + next() % 8;
    const char* place = exact.data();
    check(take_columns(place, end, columns, count) == (commas >= count), "columns, or too few");
    if (commas < count) continue;
    std::size_t begin = 0;
    for (std::size_t at = 0; at < count; ++at) {
      const std::size_t comma = text.find(',', begin);
      check(columns[at] == Text(text).substr(begin, comma - begin), "a column is what is between");
      begin = comma + 1;
    }
    check(place == exact.data() + begin, "what is left stands behind them");
  }
}

/// Once texts have been as long as they get, usual lines cost no memory.
void test_no_allocation() {
  World world(usual_limits());
  world.recorder.trace.is_on = false;
  world.feed(beginning, 1);
  std::string bytes;
  constexpr int lines = 20'000;
  for (int number = 1; number <= lines; ++number) {
    const char* const contents = number % 5 == 0 ? "Cba" : number % 2 == 0 ? "ba" : "ab";
    bytes += line_of(number % 3 == 0 ? "AAPL" : "X", contents, 100'000 + number) + "\r\n";
  }
  const std::size_t warm = bytes.find('\n', bytes.size() / 50) + 1;
  world.reader->feed(bytes.data(), warm, 2);
  const std::uint64_t before = allocations;
  world.reader->feed(bytes.data() + warm, bytes.size() - warm, 3);
  const std::uint64_t counted = allocations - before;
  std::printf("%d lines, %llu frames, %llu by others, %llu allocations\n", lines,
              static_cast<unsigned long long>(world.recorder.frames),
              static_cast<unsigned long long>(world.recorder.lines),
              static_cast<unsigned long long>(counted));
  check(counted == 0, "usual lines allocate nothing");
  check(world.recorder.frames > lines && world.recorder.lines < 50, "they were usual");

  // A chunk that begins and ends within a line may take one piece for each of the two.
  std::uint64_t chunks = 0;
  const std::uint64_t cut_before = allocations;
  for (std::size_t at = 0; at + 1'000 <= bytes.size(); at += 1'000, ++chunks) {
    world.reader->feed(bytes.data() + at, 1'000, 4);
  }
  std::printf("%llu cut chunks, %llu allocations\n", static_cast<unsigned long long>(chunks),
              static_cast<unsigned long long>(allocations - cut_before));
  check(allocations - cut_before <= 2 * chunks + 4, "a chunk allocates two pieces at most");
}

/// Symbols come and go, and each is found as long as it is there.
void test_table() {
  std::vector<std::unique_ptr<Listing>> listings;
  SymbolTable table;
  for (int number = 0; number < 3'000; ++number) {
    // Names of all lengths, many with the same beginning.
    listings.push_back(std::make_unique<Listing>(std::string(number % 40, 'A') + std::to_string(number)));
    table.add(listings.back()->symbol);
    if (number % 3 == 2) {
      const Symbol& gone = listings[static_cast<std::size_t>(number / 2)]->symbol;
      Symbol* const removed = table.remove(gone.name);
      check(removed == nullptr || removed == &gone, "what is removed is what was named");
    }
  }
  std::uint64_t found = 0;
  for (const auto& listing : listings) {
    const std::string line = listing->symbol.name + ",ba,,,,,,,,,,";
    const Exact exact(line);
    Symbol* const symbol = table.find(Text(exact.data(), listing->symbol.name.size()));
    check(symbol == nullptr || symbol == &listing->symbol, "a name finds its own symbol");
    found += symbol != nullptr ? 1 : 0;
    for (std::size_t size = 0; size < listing->symbol.name.size(); ++size) {
      Symbol* const other = table.find(Text(exact.data(), size));
      check(other == nullptr || other->name == Text(exact.data(), size), "no other one");
    }
  }
  check(found == table.size(), "every symbol that is there is found");
}

}  // namespace
}  // namespace iqfeed_gateway::testing

int main() {
  using namespace iqfeed_gateway::testing;
  test_every_cut();
  test_every_length();
  test_short_lines();
  test_numbers();
  test_times();
  test_letters();
  test_no_allocation();
  test_table();
  return told();
}
