// A slow application: conflation, skips, and what is told of them.
#include "checks.hpp"
#include "delivery.hpp"
#include "frames.hpp"
#include "intake.hpp"

using namespace iqfeed_gateway;

namespace {

constexpr auto no_wait = std::chrono::steady_clock::time_point::min();

struct Stream {
  Joins joins;
  Replays replays;
  Intake intake{joins, replays};
  DeliveryQueue queue;

  Stream(std::int64_t capacity, std::int64_t conflate_above)
      : queue(capacity, conflate_above, std::nullopt, {}) {
    intake.add("trade,AAPL,");
    intake.add("quote,AAPL,");
  }
  void send(const std::string& frame) {
    intake.receive(frame);
    queue.extend(intake.out, 0);
  }
};

}  // namespace

TEST(quotes_are_conflated_above_the_mark_and_trades_are_not) {
  Stream stream(100, 2);
  stream.send(frames::trade(1));
  stream.send(frames::quote(1, 1.5));
  stream.send(frames::quote(2, 1.75));
  stream.send(frames::trade(2));
  stream.send(frames::quote(3, 2.5));
  CHECK(std::get<Trade>(*stream.queue.pop(no_wait)).sequence == 1);
  const auto quote = std::get<Quote>(*stream.queue.pop(no_wait));
  CHECK(quote.sequence == 3 && quote.bid == 2.5 && quote.merged == 3);
  CHECK((quote.flags & flag::conflated) != 0);
  CHECK(std::get<Trade>(*stream.queue.pop(no_wait)).sequence == 2);
  CHECK(!stream.queue.pop(no_wait));
}

TEST(a_skip_names_every_trade_and_keeps_the_newest_quote) {
  Stream stream(10, 10);
  stream.send(frames::quote(1, 1.5));
  for (std::int64_t sequence = 1; sequence <= 12; ++sequence) stream.send(frames::trade(sequence));
  stream.send(frames::quote(2, 2.5));
  const auto overrun = std::get<Overrun>(*stream.queue.pop(no_wait));
  CHECK(overrun.dropped == 9 && overrun.unnamed == 0 && overrun.topic == "trade,AAPL,");
  const auto gap = std::get<Gap>(*stream.queue.pop(no_wait));
  CHECK(gap.is_final && gap.first_missing == 1 && gap.last_missing == 9);
  CHECK(std::get<Quote>(*stream.queue.pop(no_wait)).sequence == 1);
  CHECK(std::get<Trade>(*stream.queue.pop(no_wait)).sequence == 10);
  CHECK(std::get<Trade>(*stream.queue.pop(no_wait)).sequence == 11);
  CHECK(std::get<Trade>(*stream.queue.pop(no_wait)).sequence == 12);
  CHECK(std::get<Quote>(*stream.queue.pop(no_wait)).sequence == 2);
  CHECK(stream.queue.counts().skips == 1);
}

TEST(several_skips_before_the_application_reads_are_told_as_one) {
  Stream stream(10, 10);
  for (std::int64_t sequence = 1; sequence <= 35; ++sequence) stream.send(frames::trade(sequence));
  const auto overrun = std::get<Overrun>(*stream.queue.pop(no_wait));
  const auto gap = std::get<Gap>(*stream.queue.pop(no_wait));
  CHECK(gap.first_missing == 1 && gap.last_missing == overrun.dropped);
  std::int64_t next = gap.last_missing + 1;
  while (const auto item = stream.queue.pop(no_wait)) {
    CHECK(std::get<Trade>(*item).sequence == next++);
  }
  CHECK(next == 36);
}

TEST(the_failure_of_the_reader_is_told_once_the_queue_is_read) {
  Stream stream(100, 100);
  stream.send(frames::trade(1));
  stream.queue.fail({FailureKind::not_connected, "the reader thread failed"});
  stream.queue.close();
  CHECK(stream.queue.pop(no_wait).has_value());
  bool is_told = false;
  try {
    static_cast<void>(stream.queue.pop(std::nullopt));
  } catch (const NotConnected&) {
    is_told = true;
  }
  CHECK(is_told);
}
