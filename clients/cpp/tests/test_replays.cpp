// Holes of topics whose messages must not be lost: through the intake, as frames bring them.
#include "checks.hpp"
#include "frames.hpp"
#include "intake.hpp"

using namespace iqfeed_gateway;

namespace {

struct Client {
  Joins joins;
  Replays replays;
  Intake intake{joins, replays};

  Client() { intake.add("trade,AAPL,"); }
  /// Sequences delivered and gaps told, as short text.
  std::string told() {
    std::string text;
    for (auto& entry : intake.out) {
      if (const auto* const trade = std::get_if<Trade>(&entry.item)) {
        text += std::to_string(trade->sequence) + ((trade->flags & flag::replay) != 0 ? "r " : " ");
      } else if (const auto* const gap = std::get_if<Gap>(&entry.item)) {
        text += gap->is_final ? "lost" : gap->healed ? "healed" : "gap";
        text += std::to_string(gap->first_missing) + "-" + std::to_string(gap->last_missing) + " ";
      } else {
        text += "event ";
      }
    }
    intake.out.clear();
    return text;
  }
};

Value body_of(std::int64_t sequence) {
  return Array{2, frames::run, sequence, flag::replay, 5, {}, 1.5, 100, {}, {}, {}, "C"};
}

}  // namespace

TEST(lost_trades_come_by_replay_and_what_does_not_come_is_named) {
  Client client;
  client.intake.receive(frames::trade(1));
  client.intake.receive(frames::trade(6));
  CHECK(client.told() == "1 gap2-5 6 ");
  const auto requests = client.replays.start(1);
  CHECK(requests.size() == 1 && requests[0].first == 2 && requests[0].last == 5);
  const Map answer{{"bodies", Array{body_of(3), body_of(4)}}, {"complete", false}, {"oldest", 3}};
  client.replays.answered(requests[0], Value(answer), 2, client.intake.out);
  CHECK(client.told() == "lost2-2 3r 4r healed3-4 ");
  // As much as one reply held; the rest is asked for again.
  const auto rest = client.replays.start(3);
  CHECK(rest.size() == 1 && rest[0].first == 5);
  client.replays.answered(rest[0], Failure{FailureKind::refused, "no", "out_of_range"}, 4,
                          client.intake.out);
  CHECK(client.told() == "lost5-5 ");
  CHECK(client.replays.lost_count == 2 && client.replays.recovered_count == 2);
  CHECK(client.replays.hole_count == 0);
}

TEST(a_busy_gateway_is_asked_again_and_a_restart_ends_the_hope) {
  Client client;
  client.intake.receive(frames::trade(1));
  client.intake.receive(frames::trade(3));
  static_cast<void>(client.told());
  const auto request = client.replays.start(1).at(0);
  Failure busy{FailureKind::refused, "busy", "busy"};
  busy.retry_ms = 10;
  client.replays.answered(request, busy, 0, client.intake.out);
  CHECK(client.told().empty());
  CHECK(client.replays.start(1).empty());
  CHECK(client.replays.start(10'000'000).size() == 1);
  client.intake.receive(frames::trade(1, 0, frames::run + 1));
  CHECK(client.told() == "lost2-2 event 1 ");
}

TEST(a_frame_that_cannot_be_decoded_is_a_hole_that_heals) {
  Client client;
  client.intake.receive(frames::trade(1));
  client.intake.receive(frames::frame("trade,AAPL,", {2, frames::run, 2, 0, 5, {}, "no price"}));
  client.intake.receive(frames::trade(3));
  CHECK(client.told() == "1 gap2-2 3 ");
  CHECK(client.intake.bad_frame_count == 1);
}

TEST(the_loss_of_a_last_message_is_found_by_tails) {
  Client client;
  client.intake.receive(frames::trade(1));
  const Map details{{"topics", Map{{"trade,AAPL,", 3}}}};
  client.intake.receive(frames::frame("sys,tails,", {21, frames::run, 1, 0, 5, {}, details}));
  CHECK(client.told() == "1 gap2-3 ");
}

TEST(a_prefix_that_is_given_up_takes_the_wishes_under_it_along) {
  Client client;
  client.intake.add("quote,");
  for (const auto* const topic : {"quote,AAPL,", "quote,MSFT,"}) {
    client.intake.receive(frames::quote(1, 1.5, topic));
    client.intake.ask_again(topic);
  }
  const auto asked = client.joins.start(0);
  CHECK(asked.size() == 2);
  client.intake.remove("quote,");
  CHECK(std::set(client.intake.answered.begin(), client.intake.answered.end()) ==
        std::set(asked.begin(), asked.end()));
  CHECK(client.joins.overdue(Joins::answer_ns_max).empty() && client.joins.start(1).empty());
}

TEST(an_answer_that_cannot_be_read_is_asked_for_again_after_a_pause) {
  Client client;
  client.intake.add("quote,AAPL,");
  client.intake.receive(frames::quote(1, 1.5));
  client.intake.receive(frames::quote(4, 1.75));
  const auto asked = client.joins.start(0);
  const Array bad{1, frames::run, 4, flag::snapshot, 5, {}, "no price"};
  client.intake.receive(frames::frame(asked.at(0), bad));
  CHECK(client.intake.bad_frame_count == 1 && client.intake.answered.empty());
  CHECK(client.told() == "event gap2-3 event ");
  CHECK(!client.joins.ask("quote,AAPL,") && client.joins.start(1).empty());
  CHECK(client.joins.overdue(Joins::answer_ns_max) == asked);
  CHECK(client.joins.start(Joins::answer_ns_max).size() == 1);
}

TEST(an_answer_to_a_topic_that_is_gone_ends_the_request_all_the_same) {
  Client client;
  client.joins.ask("quote,AAPL,");
  const auto asked = client.joins.start(0);
  client.intake.receive(frames::quote(1, 1.5, asked.at(0), flag::snapshot));
  CHECK(client.intake.answered == asked && client.intake.unrouted_count == 1);
}

TEST(a_hole_of_quotes_is_healed_by_a_snapshot) {
  Client client;
  client.intake.add("quote,AAPL,");
  client.intake.receive(frames::quote(1, 1.5));
  client.intake.receive(frames::quote(4, 1.75));
  CHECK(client.told() == "event gap2-3 event ");
  const auto asked = client.joins.start(0);
  CHECK(asked.size() == 1);
  client.intake.receive(frames::quote(4, 1.75, asked.at(0), flag::snapshot));
  CHECK(client.told() == "event healed2-3 ");
  CHECK(client.intake.answered == asked);
}
