// The copy of a book is the gateway's own, or says that it is not current.
#include <limits>

#include "checks.hpp"
#include "frames.hpp"
#include "iqfeed_gateway/book_mirror.hpp"
#include "iqfeed_gateway/errors.hpp"

using namespace iqfeed_gateway;

namespace {

Message update(std::int64_t sequence, const char* side, double price, std::int64_t size) {
  return decode_frame(frames::depth(sequence, side, price, size));
}

Message image(std::int64_t sequence, std::int64_t size) {
  return decode_frame(frames::frame("depth,AAPL,", {13,
                                                    frames::run,
                                                    sequence,
                                                    1,
                                                    5,
                                                    {},
                                                    Array{Array{"add", "B", 1.5, size, 1, 2},
                                                          Array{"add", "A", 1.75, 7, 2, 2}}}));
}

}  // namespace

TEST(updates_before_and_after_a_late_image_fit_together) {
  BookMirror book("depth", "AAPL");
  CHECK(!book.is_current() && !book.is_known());
  CHECK(!book.apply(update(4, "B", 1.25, 9)));
  CHECK(!book.apply(update(5, "B", 1.5, 8)));
  CHECK(book.apply(image(3, 2)));
  CHECK(book.is_current() && book.sequence() == 5);
  CHECK(book.bids().size() == 2 && book.best_bid()->size == 8);
  CHECK(book.best_ask() == (PriceLevel{1.75, 7, 2}));
  CHECK(!book.apply(update(5, "B", 1.5, 99)));
  CHECK(book.best_bid()->size == 8);
}

TEST(a_hole_is_thrown_and_an_image_makes_it_current_again) {
  BookMirror book("depth", "AAPL");
  book.apply(image(3, 2));
  CHECK(checks::throws<SequenceGap>([&] { book.apply(update(6, "B", 1.25, 9)); }));
  CHECK(!book.is_current() && book.reason() == "updates 4 to 5 are missing");
  CHECK(book.apply(image(5, 4)));
  CHECK(book.is_current() && book.sequence() == 6 && book.bids().size() == 2);
}

TEST(loss_silence_and_restarts_end_being_current) {
  BookMirror book("depth", "AAPL");
  book.apply(image(3, 2));
  book.apply(StreamItem(Gap{"depth,AAPL,", 4, 5, false, frames::run}));
  CHECK(!book.is_current());
  book.apply(image(5, 2));
  CHECK(book.is_current());
  book.apply(Disconnected{"silence", 3.0});
  CHECK(!book.is_current() && book.is_stale());
  book.apply(image(5, 2));
  book.apply(GatewayRestarted{frames::run, frames::run + 1});
  CHECK(!book.is_current() && book.bids().empty());
}

TEST(orders_stand_in_their_place_of_the_queue) {
  BookMirror book("order", "AAPL");
  const auto row = [](std::uint64_t id, double price, std::uint64_t priority) {
    return Array{"add", "B", id, {}, price, 1, priority};
  };
  const auto highest = std::numeric_limits<std::uint64_t>::max();
  book.apply(decode_frame(frames::frame(
      "order,AAPL,", {13,
                      frames::run,
                      1,
                      1,
                      5,
                      {},
                      Array{row(7, 1.5, 20), row(highest, 1.5, 10), row(8, 1.75, 30)}})));
  const auto orders = book.orders(side::bid);
  CHECK(orders.size() == 3 && orders[0].order_id == 8 && orders[1].order_id == highest);
  CHECK(book.bids().at(1).order_count == 2);
  CHECK(checks::throws<InvalidArgument>([&] { static_cast<void>(book.orders("X")); }));
}
