#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bounded_lines.h"
#include "connection.h"
#include "dial.h"
#include "jobs.h"
#include "line_feed.h"
#include "theater/replay.h"
#include "theater/runtime.h"

namespace patterns {
namespace {

using namespace theater;
using namespace std::chrono_literals;

TEST(BoundedLines, GivesUpTheOldestAndCountsThem) {
  BoundedLines lines(2);
  for (const char* line : {"a", "b", "c"}) lines.add(line);
  const auto batch = lines.take(10);
  EXPECT_EQ(batch.lines, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(batch.lost, 1u);
  EXPECT_TRUE(lines.take(10).empty());
}

TEST(BoundedLines, GivenBackTheyKeepTheirOrderAndTheirCount) {
  BoundedLines lines(3);
  lines.add("a");
  lines.add("b");
  auto batch = lines.take(2);
  lines.add("c");
  lines.add("d");
  lines.give_back(std::move(batch));
  batch = lines.take(10);
  EXPECT_EQ(batch.lines, (std::vector<std::string>{"b", "c", "d"}));
  EXPECT_EQ(batch.lost, 1u);
}

TEST(Connection, GoesThroughItsPhasesInOrder) {
  Connection connection;
  EXPECT_FALSE(connection.may_write());
  EXPECT_TRUE(connection.apply(Happening::kConnected));
  EXPECT_TRUE(connection.may_write());
  EXPECT_TRUE(connection.apply(Happening::kCloseAsked));
  EXPECT_TRUE(connection.apply(Happening::kCloseDone));
  EXPECT_EQ(connection.phase(), Phase::kClosed);
}

TEST(Connection, WhatDoesNotBelongToItsPhaseChangesNothing) {
  Connection connection;
  EXPECT_FALSE(connection.apply(Happening::kCloseDone));
  EXPECT_EQ(connection.phase(), Phase::kConnecting);
  EXPECT_TRUE(connection.apply(Happening::kCloseAsked));
  EXPECT_FALSE(connection.apply(Happening::kConnected)) << "the answer to the call came after it was given up";
  EXPECT_TRUE(connection.apply(Happening::kLost));
  EXPECT_FALSE(connection.apply(Happening::kLost));
  EXPECT_FALSE(connection.apply(Happening::kCloseAsked));
}

/// Keeps what it was asked for.
class FakeTransport final : public Transport {
 public:
  void connect(std::uint64_t connection, std::string address) override {
    note("connect " + std::to_string(connection) + " " + address);
  }
  void write(std::uint64_t connection, ByteView data) override {
    note("write " + std::to_string(connection) + " " + std::string(as_text(data)));
  }
  void close(std::uint64_t connection) override { note("close " + std::to_string(connection)); }

  std::vector<std::string> notes() const {
    const std::lock_guard lock(mutex_);
    return notes_;
  }

 private:
  void note(std::string text) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(text));
  }
  mutable std::mutex mutex_;
  std::vector<std::string> notes_;
};

class Patterns : public testing::Test {
 protected:
  void SetUp() override {
    HandlerRegistry handlers = builtin_handlers(router_);
    ASSERT_TRUE(handlers.add(feed_));
    ASSERT_TRUE(handlers.add(dial_));
    ASSERT_TRUE(handlers.add(jobs_));
    RuntimeOptions options;
    options.shards = 2;
    auto started = Runtime::start(std::move(options), std::move(handlers), router_);
    ASSERT_TRUE(started) << started.error().to_string();
    runtime_ = std::move(*started);
    actor_ = spawn();
  }

  ActorId spawn() {
    const auto id = runtime_->spawn(std::filesystem::path(PATTERNS_FOLDER) / "manifest.toml");
    EXPECT_TRUE(id) << id.error().to_string();
    return id.value_or(ActorId());
  }

  std::future<std::string> begin(const ActorId& actor, std::string_view command) {
    auto promise = std::make_shared<std::promise<std::string>>();
    auto answer = promise->get_future();
    router_.request(actor, as_bytes(command), 20'000, [promise](Result<Bytes> result) {
      promise->set_value(result ? std::string(as_text(*result)) : "error: " + result.error().message());
    });
    return answer;
  }
  std::string ask(std::string_view command) { return begin(actor_, command).get(); }
  /// Asks until the answer is this one.
  void expect_soon(std::string_view command, std::string_view answer) {
    std::string last;
    for (int i = 0; i < 500; ++i) {
      last = ask(command);
      if (last == answer) return;
      std::this_thread::sleep_for(10ms);
    }
    FAIL() << command << " answers " << last << ", not " << answer;
  }
  void expect_nothing_left() {
    EXPECT_EQ(feed_->subscribers(), 0u);
    EXPECT_EQ(dial_->connections(), 0u);
    EXPECT_EQ(jobs_->jobs(), 0u);
  }
  void take_one_of_each() {
    EXPECT_EQ(ask("subscribe"), "ok");
    EXPECT_EQ(ask("connect there"), "1");
    EXPECT_EQ(ask("start 4000000"), "1");
    EXPECT_EQ(feed_->subscribers(), 1u);
  }

  const std::shared_ptr<LineFeedHandler> feed_ = std::make_shared<LineFeedHandler>();
  const std::shared_ptr<FakeTransport> transport_ = std::make_shared<FakeTransport>();
  const std::shared_ptr<DialHandler> dial_ = std::make_shared<DialHandler>(transport_);
  const std::shared_ptr<JobsHandler> jobs_ = std::make_shared<JobsHandler>(1ms);
  MessageRouter router_;
  std::unique_ptr<Runtime> runtime_;
  ActorId actor_;
};

TEST_F(Patterns, LinesReachTheActorInTurnsOfItsOwn) {
  EXPECT_EQ(ask("subscribe"), "ok");
  for (int i = 0; i < 5; ++i) feed_->publish("line " + std::to_string(i));
  expect_soon("lines", "5 0");
}

TEST_F(Patterns, WhatFitsNeitherMailboxNorBufferIsCountedAndNothingElseIsLost) {
  EXPECT_EQ(ask("subscribe"), "ok");
  EXPECT_EQ(ask("start 100"), "1");
  auto collecting = begin(actor_, "collect 1");
  // The actor waits: ten batches of at most eight lines fill its mailbox, twenty lines wait in the buffer, the others
  // go.
  for (int i = 0; i < 1000; ++i) feed_->publish("line");
  EXPECT_EQ(collecting.get(), "5050");
  std::uint64_t lines = 0;
  std::uint64_t lost = 0;
  for (int i = 0; i < 500 && lines + lost < 1000; ++i) {
    std::this_thread::sleep_for(10ms);
    const std::string counts = ask("lines");
    lines = std::stoull(counts);
    lost = std::stoull(counts.substr(counts.find(' ')));
  }
  EXPECT_EQ(lines + lost, 1000u);
  EXPECT_GT(lost, 0u);
  EXPECT_GE(lines, 20u);
}

TEST_F(Patterns, AConnectionIsToldOfEachPhase) {
  EXPECT_EQ(ask("connect there"), "1");
  EXPECT_EQ(ask("phase-of 1"), "0");
  EXPECT_EQ(ask("write 1 early"), "error: the request failed in patterns: connection 1 is not open");
  dial_->happened(1, Happening::kConnected, "hello");
  expect_soon("phase", "1 1 hello");
  EXPECT_EQ(ask("write 1 data"), "ok");
  EXPECT_EQ(ask("close 1"), "ok");
  EXPECT_EQ(ask("close 1"), "error: the request failed in patterns: connection 1 is closed, or closing already");
  dial_->happened(1, Happening::kConnected, "too late");
  dial_->happened(1, Happening::kCloseDone, "bye");
  expect_soon("phase", "1 3 bye");
  EXPECT_EQ(ask("phase-of 1"), "3");
  EXPECT_EQ(transport_->notes(), (std::vector<std::string>{"connect 1 there", "write 1 1 data", "close 1"}));
}

TEST_F(Patterns, AnActorCannotUseTheConnectionOfAnother) {
  EXPECT_EQ(ask("connect there"), "1");
  dial_->happened(1, Happening::kConnected, "");
  const ActorId other = spawn();
  EXPECT_EQ(begin(other, "write 1 data").get(), "error: the request failed in patterns: connection 1 is not open");
  EXPECT_EQ(begin(other, "phase-of 1").get(), "3");
}

TEST_F(Patterns, AJobIsBegunLookedAtAndCollected) {
  EXPECT_EQ(ask("start 200"), "1");
  EXPECT_TRUE(ask("poll 1").ends_with(" of 200"));
  EXPECT_EQ(ask("collect 1"), "20100");
  EXPECT_EQ(ask("poll 1"), "error: the request failed in patterns: no such job: 1");
}

TEST_F(Patterns, WhatAnActorMayHoldIsBounded) {
  for (std::size_t i = 1; i <= JobsHandler::kJobsMax; ++i) EXPECT_EQ(ask("start 4000000"), std::to_string(i));
  EXPECT_EQ(ask("start 1"), "error: the request failed in patterns: an actor has at most 8 jobs; collect one");
}

TEST_F(Patterns, NothingIsLeftOfAnActorThatWasStoppedWhileItWaited) {
  take_one_of_each();
  auto collecting = begin(actor_, "collect 1");
  std::this_thread::sleep_for(20ms);
  ASSERT_TRUE(runtime_->stop(actor_));
  EXPECT_TRUE(collecting.get().starts_with("error: "));
  expect_nothing_left();
  EXPECT_EQ(transport_->notes().back(), "close 1");
}

TEST_F(Patterns, NothingIsLeftOfAnActorThatTrapped) {
  take_one_of_each();
  EXPECT_TRUE(ask("trap").starts_with("error: "));
  ASSERT_TRUE(runtime_->wait(actor_, 10s));
  expect_nothing_left();
}

TEST_F(Patterns, NothingIsLeftOfAnActorThatEndedByItself) {
  take_one_of_each();
  EXPECT_EQ(ask("end"), "ending");
  ASSERT_TRUE(runtime_->wait(actor_, 10s));
  expect_nothing_left();
}

TEST_F(Patterns, NothingIsLeftWhenTheRuntimeEnds) {
  take_one_of_each();
  runtime_.reset();
  expect_nothing_left();
  feed_->publish("to nobody");
  dial_->happened(1, Happening::kConnected, "to nobody");
}

TEST_F(Patterns, TheChainHoldsTheHandlersCallsVerifiesAndIsReplayedWithoutThem) {
  EXPECT_EQ(ask("start 3"), "1");
  EXPECT_EQ(ask("collect 1"), "6");
  const auto events = runtime_->events(actor_);
  ASSERT_TRUE(events);
  EXPECT_TRUE(std::ranges::any_of(*events, [](const Event& event) {
    return event.function == "example:patterns/jobs.start" && event.result.head == Bytes{0, 1};
  }));
  const auto report = runtime_->verify(actor_);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->fault) << report->fault->second;

  const auto file = std::filesystem::path(testing::TempDir()) / (to_string(actor_) + ".chain");
  ASSERT_TRUE(runtime_->save_chain(actor_, file));
  std::ifstream wasm(std::filesystem::path(PATTERNS_FOLDER) / "build/patterns_actor.wasm", std::ios::binary);
  ReplayOptions options;
  options.components = {Bytes(std::istreambuf_iterator<char>(wasm), {})};
  const auto replayed = replay_chain(file, options);
  std::filesystem::remove(file);
  ASSERT_TRUE(replayed) << replayed.error().to_string();
  EXPECT_TRUE(replayed->same());
  EXPECT_GE(replayed->host_calls, 2u);
}

}  // namespace
}  // namespace patterns
