// Bytes that nobody vouches for, and values that must stay exact.
#include <limits>
#include <random>

#include "checks.hpp"
#include "frames.hpp"
#include "iqfeed_gateway/errors.hpp"

using namespace iqfeed_gateway;

TEST(every_prefix_of_a_frame_is_refused_without_reading_past_its_end) {
  const auto whole =
      frames::frame("state,AAPL,", {9,
                                    1000,
                                    1,
                                    0,
                                    5,
                                    {},
                                    "live",
                                    {},
                                    7,
                                    Map{{"message", "text"}, {"list", Array{1, -2.5, {}}}}});
  CHECK(std::holds_alternative<State>(decode_frame(whole)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A buffer of exactly this size: a sanitizer sees any byte read behind it.
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(checks::throws<CodecError>([&] {
      static_cast<void>(decode_frame({cut.data(), cut.size()}));
    }));
  }
}

TEST(mutated_frames_are_decoded_or_refused) {
  std::mt19937 random(7);
  const std::vector<std::string> seeds{
      frames::trade(1), frames::quote(1, 2.5), frames::depth(1, "B", 1.5, 2),
      frames::frame("book,AAPL,", {7, 1000, 1, 0, 5, {}, Array{Array{1.5, 2, 3}}, Array{}}),
      frames::frame("depth,AAPL,",
                    {13, 1000, 1, 1, 5, {}, Array{Array{"add", "B", 1.5, 2, 1, 2}}})};
  int decoded = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto frame = seeds[static_cast<std::size_t>(i) % seeds.size()];
    for (auto left = random() % 3 + 1; left > 0; --left) {
      frame[random() % frame.size()] = static_cast<char>(random());
    }
    try {
      decoded += static_cast<int>(decode_frame(frame).index() < 99);
    } catch (const CodecError&) {
    }
  }
  CHECK(decoded > 0);
}

TEST(lying_counts_allocate_nothing) {
  for (const auto& tag : {std::string("\xdd\xff\xff\xff\xff"), std::string("\xdf\xff\xff\xff\xff"),
                          std::string("\xdb\xff\xff\xff\xff")}) {
    CHECK(checks::throws<DecodeError>([&] { static_cast<void>(Cursor(tag).value(8)); }));
    CHECK(checks::throws<DecodeError>([&] { Cursor(tag).skip(8); }));
  }
  CHECK(checks::throws<DecodeError>([] { Cursor(std::string(100, '\x91')).skip(8); }));
}

TEST(what_was_packed_is_read_again) {
  const auto highest = std::numeric_limits<std::uint64_t>::max();
  const auto lowest = std::numeric_limits<std::int64_t>::min();
  Array integers;
  for (int shift = 0; shift < 63; ++shift) {
    for (const std::int64_t near : {-1, 0, 1}) {
      integers.emplace_back((std::int64_t{1} << shift) + near);
      integers.emplace_back(-(std::int64_t{1} << shift) + near);
    }
  }
  const Value value(Map{{"integers", integers},
                        {"highest", highest},
                        {"lowest", lowest},
                        {"text", std::string(300, 'x')},
                        {"pi", 3.25},
                        {"none", {}},
                        {"yes", true}});
  std::string bytes;
  pack(bytes, value);
  Cursor cursor(bytes);
  CHECK(cursor.value(8) == value);
  CHECK(cursor.left() == 0);
}

TEST(of_equal_keys_the_last_one_counts) {
  Cursor cursor("\x82\xa1k\x01\xa1k\x02");
  CHECK(cursor.value(8).map()->integer("k") == 2);
}

TEST(an_empty_snapshot_is_good_and_a_trade_without_a_price_is_not) {
  const Array header{2, 1000, 0, 1, 5, {}};
  CHECK(!std::get<Trade>(decode_frame(frames::frame("trade,AAPL,", header))).price);
  CHECK(checks::throws<DecodeError>([] {
    static_cast<void>(decode_frame(frames::frame("trade,AAPL,", {2, 1000, 3, 0, 5, {}})));
  }));
}

TEST(prices_become_the_text_the_vendor_sent) {
  CHECK(to_decimal(6614.0) == "6614");
  CHECK(to_decimal(0.1) == "0.1");
  CHECK(to_decimal(-37.63) == "-37.63");
  CHECK(to_decimal(1e-7) == "0.0000001");
  CHECK(to_decimal(1e15) == "1000000000000000");
  CHECK(checks::throws<DecodeError>(
      [] { static_cast<void>(to_decimal(std::numeric_limits<double>::infinity())); }));
}
