#include "joins.hpp"

#include "iqfeed_gateway/topics.hpp"

namespace iqfeed_gateway {

bool Joins::ask(const std::string& topic) {
  return !asked_.contains(topic) && waiting_.add(topic, true);
}

std::vector<std::string> Joins::start(std::int64_t now_ns) {
  std::vector<std::string> started;
  while (!waiting_.empty() && outstanding_.size() < outstanding_max) {
    const auto topic = waiting_.pop_front().first;
    std::string private_topic("~");
    private_topic += topics::new_nonce();
    private_topic += '.';
    private_topic += topic;
    outstanding_.add(private_topic, {topic, now_ns + answer_ns_max});
    asked_[topic] = private_topic;
    ++requested_count;
    started.push_back(private_topic);
  }
  return started;
}

std::optional<std::string> Joins::base_of(const std::string& private_topic) {
  const auto* const join = outstanding_.find(private_topic);
  return join == nullptr ? std::nullopt : std::optional(join->topic);
}

std::optional<std::string> Joins::answered(const std::string& private_topic) {
  const auto* const join = outstanding_.find(private_topic);
  if (join == nullptr) return std::nullopt;
  auto topic = join->topic;
  outstanding_.erase(private_topic);
  asked_.erase(topic);
  return topic;
}

std::vector<std::string> Joins::overdue(std::int64_t now_ns) {
  std::vector<std::string> late;
  while (!outstanding_.empty() && outstanding_.begin()->second.deadline_ns <= now_ns) {
    const auto [private_topic, join] = outstanding_.pop_front();
    asked_.erase(join.topic);
    ++unanswered_count;
    waiting_.add(join.topic, true);
    late.push_back(private_topic);
  }
  return late;
}

std::optional<std::string> Joins::forget(const std::string& topic) {
  waiting_.erase(topic);
  const auto found = asked_.find(topic);
  if (found == asked_.end()) return std::nullopt;
  auto private_topic = found->second;
  asked_.erase(found);
  outstanding_.erase(private_topic);
  return private_topic;
}

void Joins::restart() {
  for (const auto& [private_topic, join] : outstanding_) waiting_.add(join.topic, true);
  outstanding_.clear();
  asked_.clear();
}

std::optional<std::int64_t> Joins::deadline_ns() const {
  if (outstanding_.empty()) return std::nullopt;
  return outstanding_.begin()->second.deadline_ns;
}

}  // namespace iqfeed_gateway
