// Topics, ranges, leases, snapshots asked for: the parts without I/O.
#include "checks.hpp"
#include "iqfeed_gateway/errors.hpp"
#include "iqfeed_gateway/options.hpp"
#include "iqfeed_gateway/topics.hpp"
#include "iqfeed_gateway/tracker.hpp"
#include "joins.hpp"
#include "leases.hpp"
#include "ranges.hpp"

using namespace iqfeed_gateway;

TEST(symbols_that_must_not_be_sent_are_refused) {
  for (const char* good : {"AAPL", "@ESZ26", "BRK.B", "A B", "$SPX.X"}) topics::check_symbol(good);
  for (const char* bad : {"", "aapl", "A,B", " A", "A ", "A\nB", "A\xc3\xa9"}) {
    CHECK(checks::throws<SecurityValidationError>([bad] { topics::check_symbol(bad); }));
  }
  try {
    topics::check_symbol(" aapl");
  } catch (const SecurityValidationError& error) {
    CHECK(error.hint() == "Try 'AAPL'.");
    CHECK(error.code() == "symbol_invalid");
  }
}

TEST(kinds_are_spelled_out_once) {
  const std::vector<std::string> l1{"quote", "trade", "summary", "state"};
  CHECK(topics::expand_kinds({"l1", "quote"}) == l1);
  CHECK(topics::expand_kinds({"book@250x5"}).size() == 1);
  for (const char* bad : {"tick", "trade@250", "quote@0", "quote@250x5", "quote@"}) {
    CHECK(
        checks::throws<InvalidArgument>([bad] { static_cast<void>(topics::expand_kinds({bad})); }));
  }
  CHECK(checks::throws<InvalidArgument>([] { static_cast<void>(topics::expand_kinds({})); }));
}

TEST(private_topics_cannot_be_asked_for_by_hand) {
  for (const char* good : {"news,", "quote@250,AAPL,", "bar,AAPL,"}) topics::check_topic(good);
  for (const char* bad :
       {"", "quote", "~abcdefghijklmn.quote,AAPL,", "quote,AAPL", "quote,,", ","}) {
    CHECK(checks::throws<InvalidArgument>([bad] { topics::check_topic(bad); }));
  }
  CHECK(topics::new_nonce() != topics::new_nonce());
  CHECK(topics::new_nonce().size() == 20);
}

TEST(sequences_say_what_was_lost) {
  TopicTracker tracker;
  CHECK(tracker.update(1, 5, 0).verdict == Verdict::good);
  const auto gap = tracker.update(1, 8, 0);
  CHECK(gap.verdict == Verdict::gap && gap.first_missing == 6 && gap.last_missing == 7);
  CHECK(tracker.update(1, 8, 0).verdict == Verdict::repeat);
  CHECK(tracker.update(1, 6, flag::replay).verdict == Verdict::replayed);
  CHECK(tracker.snapshot(1, 7).verdict == Verdict::repeat);
  CHECK(tracker.snapshot(1, 9).verdict == Verdict::gap);
  CHECK(tracker.tail(1, 9).verdict == Verdict::good);
  CHECK(tracker.update(2, 1, 0).verdict == Verdict::restart);
}

TEST(ranges_are_joined_and_cut) {
  CHECK((joined({{5, 6}, {1, 2}, {3, 3}}) == std::vector<Range>{{1, 3}, {5, 6}}));
  CHECK((without({1, 10}, {{3, 4}, {9, 20}}) == std::vector<Range>{{1, 2}, {5, 8}}));
  CHECK(without({1, 2}, {{0, 5}}).empty());
}

TEST(a_snapshot_is_asked_for_once_and_again_when_no_answer_comes) {
  Joins joins;
  CHECK(joins.ask("quote,A,"));
  CHECK(!joins.ask("quote,A,"));
  const auto started = joins.start(0);
  CHECK(started.size() == 1 && started[0].ends_with(".quote,A,"));
  CHECK(joins.overdue(Joins::answer_ns_max) == started);
  const auto again = joins.start(0);
  CHECK(again.size() == 1 && again != started);
  CHECK(!joins.answered(started[0]));
  CHECK(joins.answered(again[0]) == "quote,A,");
  CHECK(joins.unanswered_count == 1);
}

TEST(leases_are_renewed_every_ten_seconds_at_least) {
  LeaseBook leases(60);
  leases.want({"A", "B"}, {"quote"});
  leases.add("one", {"A", "B"}, 0);
  CHECK(leases.due(9'000'000'000).empty());
  CHECK(leases.due(10'000'000'000).size() == 1);
  CHECK(leases.due(11'000'000'000).empty());
  leases.renewed("one", 0, true);
  CHECK(leases.deadline_ns() == LeaseBook::doubt_ns);
  CHECK((leases.drop("A", std::nullopt) == std::vector<std::string>{"quote,A,"}));
  CHECK(leases.start_over() == std::vector<Group>({{{"B"}, {"quote"}}}));
}

TEST(options_that_can_never_work_are_refused) {
  CHECK(checked({}).client_name.starts_with("cpp-"));
  Options options;
  options.data_endpoint = "tcp://localhost";
  CHECK(checks::throws<InvalidArgument>([&] { static_cast<void>(checked(options)); }));
  options = {};
  options.conflate_above = options.queue_capacity + 1;
  CHECK(checks::throws<InvalidArgument>([&] { static_cast<void>(checked(options)); }));
}
