// Order books and the reader of their rows by themselves, for sanitizers.
//
// Prints what it has done; ends with 1 when something did not hold.
#include <algorithm>
#include <map>
#include <tuple>

#include "checks.hpp"
#include "fake_depth.hpp"

namespace iqfeed_gateway::testing {
namespace {

const std::string moment = "09:59:59.000100,2026-09-16,";

std::string order(char letter, const std::string& symbol, const std::string& id, const char* maker,
                  char side, const std::string& price, int size) {
  return std::string(1, letter) + "," + symbol + "," + id + "," + maker + "," + side + "," + price +
         "," + std::to_string(size) + ",7,2," + moment + "\r\n";
}

std::string stream() {
  std::string bytes;
  for (const char* const name : {"@ESZ26", "X", "LONGNAME.WITH-32.CHARACTERS.IN.IT", "ZZZ"}) {
    const std::string symbol = name;
    bytes += order('6', symbol, "1001", "", 'B', "4500.25", 3);
    bytes += order('3', symbol, "1002", "", 'A', "4500.5", 3);
    bytes += order('3', symbol, "12345678901234567890", "", 'A', "4500.5", 3);
    bytes += order('4', symbol, "1002", "NSDQ", 'B', "4500.5", 0);
    bytes += order('3', symbol, "", "NSDQ", 'A', "4501.", 9) + order('0', symbol, "", "", 'B', "7.5", 1);
    bytes += "7," + symbol + ",A,10.25,5,2,2," + moment + "\n8," + symbol + ",A,10.25,6,,2,,,\n";
    bytes += "5," + symbol + ",1001,,B," + moment + "\n5," + symbol + ",,NSDQ,A,,,\n";
    bytes += "9," + symbol + ",A,10.25," + moment + "\n9," + symbol + ",A,10.25," + moment + "\n";
    bytes += "5," + symbol + ",1,,B,,,\n3,,1,,B,1,1,1,1,,,\n\n\r\nC," + symbol + ",\n";
  }
  bytes += std::string(900, '3') + "\nP,X,\n" + order('4', "X", "1002", "", 'B', "4500.5", 1) + "X\n";
  return bytes + order('3', "@ESZ26", "77", "", 'B', "1.5", 1) + "3,@ESZ26,1003,,B,45";
}

std::string trace_of(const std::vector<Text>& pieces) {
  DepthWorld world(100);
  for (const Text piece : pieces) world.feed(piece, 5'000);
  return world.recorder.trace.text;
}

/// However bytes are cut, the same is done, and nothing beside them is looked at.
void test_every_cut() {
  const std::string bytes = stream();
  const Text text = bytes;
  const std::string whole = trace_of({text});
  check(whole.find("S") != std::string::npos && whole.find("D700:") != std::string::npos,
        "the stream has rows and a line that is too long");
  for (std::size_t at = 0; at <= text.size(); ++at) {
    check(trace_of({text.substr(0, at), text.substr(at)}) == whole, "two pieces do what one does");
  }
}

/// Short lines, of which much is missing: nothing before or behind them is looked at.
void test_short_lines() {
  const char* const texts[] = {"", "1", "12", "1.5", "B", "A", "123456789", "NSDQ"};
  for (const char letter : std::string("034567890")) {
    for (const char* const symbol : {"", "X", "@ESZ26", "LONGNAME.WITH-32.CHARACTERS.IN.IT"}) {
      for (const char* const first : texts) {
        for (const char* const second : texts) {
          for (std::size_t commas = 0; commas < 12; ++commas) {
            DepthWorld world(3);
            world.feed(std::string(1, letter) + "," + symbol + "," + first + "," + second +
                           std::string(commas, ',') + "\n",
                       1);
            const std::string sides = std::string(1, letter) + "," + symbol + "," + first + ",,B," +
                                      second + ",1" + std::string(commas, ',') + "\n";
            world.feed(sides, 2);
          }
        }
      }
    }
  }
}

/// What a book of orders should hold, kept as simply as can be.
struct PlainRow {
  bool is_bid;
  double price;
  std::uint64_t size;
  std::int64_t heard_us;
  std::uint64_t turn;
};
using PlainBook = std::map<std::pair<std::uint64_t, std::string>, PlainRow>;

/// The levels of one side, added up, best first.
std::vector<std::tuple<double, std::uint64_t, std::uint64_t>> added_up(const PlainBook& rows,
                                                                       bool is_bid) {
  std::map<double, std::pair<std::uint64_t, std::uint64_t>> levels;
  for (const auto& [key, row] : rows) {
    if (row.is_bid != is_bid) continue;
    levels[row.price].first += row.size;
    ++levels[row.price].second;
  }
  std::vector<std::tuple<double, std::uint64_t, std::uint64_t>> all;
  for (const auto& [price, level] : levels) all.emplace_back(price, level.first, level.second);
  if (is_bid) std::reverse(all.begin(), all.end());
  return all;
}

void compare(const OrderBook& book, const PlainBook& rows) {
  std::uint64_t empty = 0;
  for (const auto& [key, row] : rows) empty += row.size == 0 ? 1 : 0;
  check(book.row_count() == rows.size() && book.empty_rows() == empty, "as many rows, and empty ones");
  for (const bool is_bid : {true, false}) {
    std::vector<std::tuple<double, std::uint64_t, std::uint64_t>> found;
    book.side(is_bid).each(book.side(is_bid).size(), [&found](const Level& level) {
      found.emplace_back(level.price, level.size.told(), level.count.value);
      check(OrderBook::rows_of(level).size() == level.count.value, "a level has its rows");
    });
    check(found == added_up(rows, is_bid), "levels are what their rows add up to, best first");
  }
}

/// Rows put, moved, taken away, expired and cleared at random.
void test_order_book() {
  constexpr std::size_t rows_max = 300;
  Chance next;
  for (int world = 0; world < 20; ++world) {
    OrderBook book(rows_max);
    PlainBook rows;
    for (int turn = 1; turn <= 3'000; ++turn) {
      const bool has_id = next() % 3 != 0;
      const bool is_bid = next() % 2 == 0;
      const std::uint64_t id = has_id ? 1 + next() % 400 : 0;
      const std::string maker = has_id ? "" : "MM" + std::to_string(next() % 200);
      const RowKey key{{id, has_id}, maker, is_bid};
      const std::pair<std::uint64_t, std::string> plain_key{id, maker + (is_bid ? "B" : "A")};
      const auto plain = has_id ? std::pair<std::uint64_t, std::string>{id, ""} : plain_key;
      const std::uint64_t what = next() % 100;
      if (what == 0) {
        book.clear(is_bid);
        std::erase_if(rows, [is_bid](const auto& row) { return row.second.is_bid == is_bid; });
      } else if (what == 1) {
        for (OrderRow* const row : book.find_old(turn - 500)) book.remove(*row);
        std::erase_if(rows, [turn](const auto& row) {
          return row.first.first == 0 && row.second.heard_us < turn - 500;
        });
      } else if (what < 40) {
        OrderRow* const row = book.find(key);
        check((row != nullptr) == (rows.erase(plain) == 1), "what is there is found");
        if (row != nullptr) book.remove(*row);
      } else {
        const double price = 100 + static_cast<double>(next() % 60) / 4;
        const RowValues values{is_bid, maker, price, next() % 5, {next(), true}, {}, turn};
        const Put put = book.put(key, values);
        const bool is_known = rows.count(plain) == 1;
        check(put == (is_known ? Put::changed : rows.size() < rows_max ? Put::added : Put::full),
              "a row is new, known, or too many");
        if (put != Put::full) {
          rows[plain] = {is_bid, price, values.size, turn, static_cast<std::uint64_t>(turn)};
        }
      }
      if (turn % 50 == 0) compare(book, rows);
    }
  }
}

/// Where memory is refused, a book is as it was; the next row is taken.
void test_want_of_memory() {
  Chance next;
  std::uint64_t times = 0;
  OrderBook book(10'000);
  LevelBook levels(10'000);
  PlainBook rows;
  std::map<double, std::uint64_t> sizes;
  for (int turn = 1; turn <= 20'000; ++turn) {
    const std::uint64_t id = next() % 3 == 0 ? 0 : 1 + next() % 3'000;
    const bool is_bid = next() % 2 == 0;
    const std::string maker = std::string(next() % 40, 'M') + std::to_string(next() % 50);
    const double price = static_cast<double>(1 + next() % 900);
    const RowValues values{is_bid, maker, price, next() % 5, {}, {}, turn};
    const RowKey key{{id, id != 0}, maker, is_bid};
    const std::pair<std::uint64_t, std::string> plain{
        id, id != 0 ? "" : maker + (is_bid ? "B" : "A")};
    refused = 1 + next() % 3;
    try {
      book.put(key, values);
      refused = 0;
      rows[plain] = {is_bid, price, values.size, turn, 0};
    } catch (const std::bad_alloc&) {
      ++times;
    }
    refused = 1 + next() % 3;
    try {
      levels.put(true, price, 1 + values.size, {}, {});
      refused = 0;
      sizes[price] = 1 + values.size;
    } catch (const std::bad_alloc&) {
      ++times;
    }
    refused = 0;
    if (turn % 500 == 0) compare(book, rows);
  }
  std::map<double, std::uint64_t> found;
  levels.side(true).each(levels.row_count(), [&found](const Level& level) {
    found[level.price] = level.size.told();
  });
  check(found == sizes, "levels as they were");
  std::printf("memory refused %llu times\n", static_cast<unsigned long long>(times));
  check(times > 20, "it was refused");
}

/// Sizes that add up to more than the wire carries, and back.
void test_totals() {
  Total total;
  for (int times = 0; times < 5; ++times) total.add(size_max);
  check(total.told() == size_max, "no more than the wire carries");
  for (int times = 0; times < 4; ++times) total.subtract(size_max);
  total.subtract(size_max - 7);
  check(total.told() == 7, "and the rest is exact");
}

/// Rows of a queue: by priority, then number, then name.
void test_queues() {
  OrderBook book(10);
  const auto put = [&book](std::uint64_t id, const char* maker, MaybeCount priority) {
    book.put({{id, id != 0}, maker, true}, {true, maker, 5, 1, priority, {}, 0});
  };
  put(4, "", {});
  put(3, "", {2, true});
  put(2, "", {1, true});
  put(0, "B", {});
  put(0, "A", {});
  put(1, "", {1, true});
  std::string told;
  for (const OrderRow* const row : OrderBook::rows_of(*book.side(true).best())) {
    told += row->id.is_there ? std::to_string(row->id.value) : row->maker;
  }
  check(told == "1234AB", "a queue's order");
}

/// Once texts have been as long as they get, usual rows cost no memory.
void test_no_allocation() {
  DepthWorld world(10'000);
  world.recorder.trace.is_on = false;
  std::string bytes;
  constexpr int rows = 20'000;
  for (int number = 1; number <= rows; ++number) {
    // As many come as go; each is changed once.
    const int place = number % 500;
    const std::string id = std::to_string(140'719'340'000 + place);
    const std::string price = std::to_string(4'000 + place % 40) + ".25";
    const char side = place % 2 == 0 ? 'B' : 'A';
    switch (number / 500 % 3) {
      case 0: bytes += order('3', "@ESZ26", id, "", side, price, 5); break;
      case 1: bytes += order('4', "@ESZ26", id, "", side, price, 7); break;
      default: bytes += "5,@ESZ26," + id + ",," + side + "," + moment + "\r\n"; break;
    }
  }
  const std::size_t warm = bytes.find('\n', bytes.size() / 10) + 1;
  world.feed(bytes.substr(0, warm), 2);
  const std::uint64_t before = allocations;
  world.reader->feed(bytes.data() + warm, bytes.size() - warm, DepthRecorder::day_us, 3);
  const std::uint64_t counted = allocations - before;
  std::printf("%d rows, %llu frames, %llu by others, %llu allocations\n", rows,
              static_cast<unsigned long long>(world.recorder.frames),
              static_cast<unsigned long long>(world.recorder.lines),
              static_cast<unsigned long long>(counted));
  check(counted == 0, "usual rows allocate nothing");
  check(world.recorder.frames == rows && world.recorder.lines == 0, "they were usual");
}

}  // namespace
}  // namespace iqfeed_gateway::testing

int main() {
  using namespace iqfeed_gateway::testing;
  test_every_cut();
  test_short_lines();
  test_order_book();
  test_want_of_memory();
  test_totals();
  test_queues();
  test_no_allocation();
  return told();
}
