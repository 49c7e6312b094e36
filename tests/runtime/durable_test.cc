#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <span>

#include "base/sha256.h"
#include "chain/link_codec.h"
#include "chain/verify.h"
#include "runtime_fixture.h"
#include "store/data_directory.h"

namespace theater::testing {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kResume = "resume = true\n";

/// Runtimes, one after the other, on one data directory.
class Durable : public RuntimeTest {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/theater_data_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    open();
  }
  void TearDown() override {
    RuntimeTest::TearDown();
    runtime.reset();
    std::filesystem::remove_all(folder);
  }

  void open(RuntimeOptions options = {}) {
    options.data_directory = folder / "data";
    options.warn = [this](std::string_view line) {
      const std::lock_guard lock(mutex);
      warnings.emplace_back(line);
    };
    start(std::move(options));
  }
  /// Ends the runtime as a whole and begins another.
  void open_again(RuntimeOptions options = {}) {
    runtime.reset();
    open(std::move(options));
  }
  /// Keys of the top level go before, tables behind.
  Result<ActorId> spawn_with(const std::string& name, const std::string& component, const std::string& keys,
                             const std::string& tables = "") {
    auto manifest = parse(keys + manifest_text(name, component, tables));
    if (!manifest) return fail(std::move(manifest.error()));
    auto blueprint = runtime->prepare(std::move(*manifest));
    if (!blueprint) return fail(std::move(blueprint.error()));
    SpawnOptions options;
    options.register_name = true;
    return runtime->spawn(*blueprint, std::move(options));
  }
  std::unique_ptr<store::DataDirectory> look() const {
    auto directory = store::DataDirectory::open(folder / "data", store::DataDirectory::Access::kRead);
    EXPECT_TRUE(directory) << directory.error().to_string();
    return std::move(*directory);
  }
  VerifyReport verify_stored(const ActorId& id) const {
    const auto directory = look();
    ChainVerifier verifier;
    const auto chain = directory->chain(id);
    if (!chain) return verifier.finish(chain.error().to_string());
    const auto links = (*chain)->links(0);
    while (true) {
      const auto link = (*links)->next();
      if (!link) return verifier.finish(link.error().to_string());
      if (!*link || !verifier.link((*link)->bytes, &(*link)->hash)) return verifier.finish();
    }
  }

  std::filesystem::path folder;
  std::vector<std::string> warnings;
};

TEST_F(Durable, a_chain_is_there_when_the_runtime_is_gone) {
  const ActorId id = spawn("counter", "counter");
  send(id, "5");
  EXPECT_EQ(ask_text(id, "?"), "5");
  runtime.reset();
  const VerifyReport report = verify_stored(id);
  EXPECT_TRUE(report.ok()) << report.fault->what;
  EXPECT_EQ(report.events, 9u);
  const auto directory = look();
  const auto stored = directory->actor(id);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->name, "counter");
  EXPECT_EQ(stored->stopped, StopReason::kRuntimeEnded);
  const auto chain = directory->chain(id);
  EXPECT_TRUE((*chain)->component(stored->component)) << "the component is kept with it";
  EXPECT_THAT((*chain)->manifest(stored->manifest).value_or(""), HasSubstr("counter.wasm"));
}

TEST_F(Durable, chains_of_an_earlier_run_are_read_through_the_runtime) {
  const ActorId id = spawn("counter", "counter");
  send(id, "5");
  EXPECT_EQ(ask_text(id, "?"), "5");
  const auto before = runtime->events(id);
  open_again();
  const auto events = runtime->events(id);
  ASSERT_TRUE(events) << events.error().to_string();
  ASSERT_EQ(events->size(), before->size() + 1);
  EXPECT_TRUE(std::equal(before->begin(), before->end(), events->begin()));
  EXPECT_TRUE(runtime->save_chain(id, folder / "saved.chain"));
  EXPECT_TRUE(verify_chain_file((folder / "saved.chain").string())->ok());
}

TEST_F(Durable, a_second_runtime_on_the_directory_is_refused) {
  MessageRouter other;
  RuntimeOptions options;
  options.shards = 1;
  options.data_directory = folder / "data";
  const auto second = Runtime::start(std::move(options), builtin_handlers(other), other);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().to_string(), HasSubstr("process " + std::to_string(getpid())));
}

TEST_F(Durable, an_actor_whose_chain_is_not_to_be_saved_stays_in_memory) {
  const auto kept = spawn_with("kept", "counter", "");
  const auto memory = spawn_with("memory", "counter", "save_chain = false\n");
  ASSERT_TRUE(kept && memory);
  send(*memory, "5");
  EXPECT_EQ(ask_text(*memory, "?"), "5");
  EXPECT_THAT(*runtime->events(*memory), SizeIs(8));
  runtime.reset();
  const auto directory = look();
  EXPECT_THAT(*directory->actors(), SizeIs(1));
  EXPECT_TRUE(directory->actor(*kept));
}

TEST_F(Durable, what_memory_gave_up_is_read_from_the_disk) {
  RuntimeOptions options;
  options.chain_memory_bytes = 1;
  open_again(options);
  const ActorId id = spawn("echo", "guests/echo");
  const ActorId other = spawn("other", "guests/echo");
  const std::string text(900, 'x');
  for (int i = 0; i < 2'000; ++i) {
    ASSERT_EQ(ask_text(id, text + std::to_string(i)), text + std::to_string(i));
    if (i % 3 == 0) send(other, text);
  }
  const auto report = runtime->verify(id);
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_FALSE(report->fault) << report->fault->second;
  EXPECT_TRUE(report->complete);
  EXPECT_EQ(report->events, 4'003u);
  const auto events = runtime->events(id);
  ASSERT_TRUE(events);
  ASSERT_THAT(*events, SizeIs(4'003));
  EXPECT_EQ(as_text(ByteView(events->at(3).params.head).last(901)), text + "0");
  EXPECT_THAT(*runtime->events(id, 3'000), SizeIs(1'003));
  EXPECT_EQ(runtime->events(id, 3'000)->front(), events->at(3'000));
}

TEST_F(Durable, an_actor_at_rest_of_which_memory_has_nothing_left_is_told_of_from_its_first_event) {
  RuntimeOptions options;
  options.shards = 1;
  options.chain_memory_bytes = 1;
  open_again(options);
  const ActorId boss = runtime->spawn(THEATER_EXAMPLES "/supervisor_tree/manifest.toml").value();
  const ActorId child = runtime->children(boss).at(0);
  const std::string told = ask_text(boss, "events " + to_string(child));
  const auto before = runtime->events(child).value();
  const ActorId other = spawn("other", "guests/echo");
  const std::string text(900, 'x');
  for (int i = 0; i < 4'000; ++i) ASSERT_EQ(ask_text(other, text), text);
  EXPECT_EQ(ask_text(boss, "events " + to_string(child)), told) << "its parent";
  EXPECT_EQ(runtime->events(child).value(), before);
  std::vector<Event> followed;
  const auto subscribed = runtime->subscribe(child, 0, [&](const Event& event) { followed.push_back(event); });
  ASSERT_TRUE(subscribed) << subscribed.error().to_string();
  EXPECT_EQ(followed, before) << "who follows it";
}

// Resuming ------------------------------------------------------------------------------------------------------------

TEST_F(Durable, an_actor_that_resumes_goes_on_with_its_state_its_id_and_its_chain) {
  const auto id = spawn_with("counter", "counter", kResume);
  ASSERT_TRUE(id) << id.error().to_string();
  send(*id, "5");
  EXPECT_EQ(ask_text(*id, "?"), "5");
  for (int sum = 5; sum < 8; ++sum) {
    open_again();
    const auto resumed = runtime->resume();
    ASSERT_THAT(resumed, SizeIs(1));
    EXPECT_FALSE(resumed[0].error) << resumed[0].error->to_string();
    EXPECT_EQ(resumed[0].id, *id);
    EXPECT_EQ(*router.find("counter"), *id);
    EXPECT_EQ(ask_text(*id, "?"), std::to_string(sum));
    send(*id, "1");
    EXPECT_EQ(ask_text(*id, "?"), std::to_string(sum + 1));
  }
  const auto report = runtime->verify(*id);
  EXPECT_FALSE(report->fault) << report->fault->second;
  EXPECT_TRUE(report->complete);
  const auto events = runtime->events(*id);
  EXPECT_EQ(std::ranges::count_if(*events, [](const Event& e) { return e.start == StartReason::kResumed; }), 3);
  EXPECT_EQ(std::ranges::count_if(*events, [](const Event& e) { return e.function.ends_with(".init"); }), 2 * 4)
      << "init was called at each start, and returned";
}

TEST_F(Durable, an_actor_that_resumes_is_told_its_id_and_that_it_resumes) {
  const auto id = spawn_with("sdk", "guests/sdk_everything", kResume);
  ASSERT_TRUE(id) << id.error().to_string();
  EXPECT_EQ(ask_text(*id, "self"), to_string(*id));
  open_again();
  ASSERT_THAT(runtime->resume(), SizeIs(1));
  EXPECT_EQ(ask_text(*id, "self"), to_string(*id));
  EXPECT_EQ(ask_text(*id, "?"), "starts 2 numbers 0 upgraded false");
}

TEST_F(Durable, an_error_of_init_at_a_resumption_leaves_the_actor_its_state) {
  const auto id = spawn_with("sdk", "guests/sdk_everything", kResume);
  ASSERT_TRUE(id) << id.error().to_string();
  for (const char* number : {"1", "2", "3", "4"}) send(*id, std::string("add ") + number);
  EXPECT_EQ(ask_text(*id, "?"), "starts 1 numbers 4 upgraded false");
  open_again();
  const auto resumed = runtime->resume();
  ASSERT_THAT(resumed, SizeIs(1));
  EXPECT_FALSE(resumed[0].error) << resumed[0].error->to_string();
  wait_for_log("sdk", "init returned an error: will not go on");
  EXPECT_EQ(ask_text(*id, "?"), "starts 1 numbers 4 upgraded false");
  EXPECT_FALSE(runtime->verify(*id)->fault);
}

TEST_F(Durable, a_large_state_is_resumed_too) {
  const auto id = spawn_with("echo", "guests/echo", kResume);
  ASSERT_TRUE(id);
  const std::string large(70'000, 'y');
  send(*id, "small");
  send(*id, large);
  EXPECT_EQ(ask_text(*id, "state"), large);
  open_again();
  ASSERT_THAT(runtime->resume(), SizeIs(1));
  EXPECT_EQ(ask_text(*id, "state"), large);
}

TEST_F(Durable, what_its_manifest_does_not_want_kept_goes_and_the_actor_goes_on) {
  const auto id = spawn_with("echo", "guests/echo", kResume, "[chain]\nretain_bytes = \"1MiB\"\n");
  ASSERT_TRUE(id) << id.error().to_string();
  const std::string large(300'000, 'z');
  // A segment for each run of the runtime.
  for (int run = 0; run < 4; ++run) {
    for (int i = 0; i < 3; ++i) send(*id, std::string(large.size() + static_cast<std::size_t>(run * 3 + i), 'z'));
    ASSERT_EQ(ask_text(*id, "state").size(), large.size() + static_cast<std::size_t>(run * 3 + 2));
    open_again();
    ASSERT_THAT(runtime->resume(), SizeIs(1));
  }
  const auto report = runtime->verify(*id);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->fault) << report->fault->second;
  EXPECT_FALSE(report->complete);
  EXPECT_GT(report->first_sequence, 0u);
  const auto events = runtime->events(*id);
  ASSERT_TRUE(events);
  EXPECT_EQ(events->front().sequence, report->first_sequence);
  EXPECT_EQ(ask_text(*id, "state").size(), large.size() + 11);
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(Durable, an_actor_that_ended_or_does_not_ask_for_it_is_not_resumed) {
  const auto ended_by_itself = spawn_with("a", "guests/echo", kResume);
  const auto stopped = spawn_with("b", "guests/echo", kResume);
  const auto plain = spawn_with("c", "guests/echo", "");
  const auto resumes = spawn_with("d", "guests/echo", kResume);
  ASSERT_TRUE(ended_by_itself && stopped && plain && resumes);
  send(*ended_by_itself, "stop");
  (void)ended(*ended_by_itself);
  EXPECT_TRUE(runtime->stop(*stopped));
  open_again();
  const auto resumed = runtime->resume();
  ASSERT_THAT(resumed, SizeIs(1));
  EXPECT_EQ(resumed[0].id, *resumes);
}

TEST_F(Durable, a_damaged_chain_is_not_resumed_and_the_others_are) {
  const auto whole = spawn_with("whole", "guests/echo", kResume);
  const auto damaged = spawn_with("damaged", "guests/echo", kResume);
  ASSERT_TRUE(whole && damaged);
  send(*damaged, "a message that is found again");
  EXPECT_EQ(ask_text(*damaged, "x"), "x");
  runtime.reset();
  for (const auto& file : std::filesystem::directory_iterator(folder / "data" / "segments")) {
    std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(stream)), {});
    const auto at = content.find("a message that is");
    if (at == std::string::npos) continue;
    stream.seekp(static_cast<std::streamoff>(at));
    stream << "A";
  }
  open();
  const auto resumed = runtime->resume();
  ASSERT_THAT(resumed, SizeIs(2));
  for (const ResumedActor& actor : resumed) {
    EXPECT_EQ(actor.error.has_value(), actor.id == *damaged);
    const std::string error = actor.error ? actor.error->to_string() : "event 3";
    EXPECT_THAT(error, HasSubstr("event 3"));
  }
  // Of the damage, and of the signed heads that the chain no longer reaches.
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("is damaged"), HasSubstr("a signed checkpoint knows it")));
  EXPECT_THAT(warnings, Each(HasSubstr(to_string(*damaged))));
  EXPECT_EQ(ask_text(*whole, "x"), "x");
}

// States --------------------------------------------------------------------------------------------------------------

/// What of an actor's states is kept whole, where they are too long to stand in their events.
class KeptStates : public Durable {
 protected:
  /// Gives an actor with this policy one state after the other; of each whether it is kept at the end, in order.
  std::vector<bool> kept_with(const std::string& keys, const std::string& policy) {
    const auto id = spawn_with("echo", "guests/echo", keys, "[chain]\n" + policy);
    EXPECT_TRUE(id) << id.error().to_string();
    for (char letter = 'a'; letter < 'g'; ++letter) send(*id, std::string(100, letter));
    EXPECT_EQ(ask_text(*id, "state"), std::string(100, 'f'));
    runtime.reset();
    std::vector<bool> kept;
    const auto directory = look();
    const auto chain = directory->chain(*id);
    const auto links = (*chain)->links(0);
    while (const auto link = *(*links)->next()) {
      chain::LinkDecoder decoder(link->bytes);
      chain::EventView event;
      while (decoder.next(event)) {
        chain::visit_digests(event, [&](ByteView named, std::uint64_t) {
          Digest digest;
          std::ranges::copy(named, digest.begin());
          kept.push_back((*chain)->find(digest).has_value());
        });
      }
    }
    return kept;
  }
};

TEST_F(KeptStates, without_a_policy_the_last_one_is_kept_at_the_end) {
  EXPECT_THAT(kept_with("", ""), ElementsAre(false, false, false, false, false, true));
}

TEST_F(KeptStates, after_so_many_turns_and_at_the_end) {
  // init is the first turn.
  EXPECT_THAT(kept_with("", "snapshot_turns = 3\n"), ElementsAre(false, true, false, false, true, true));
}

TEST_F(KeptStates, after_so_many_bytes_of_chain_and_at_the_end) {
  EXPECT_THAT(kept_with("", "snapshot_bytes = 1\n"), Contains(true).Times(::testing::Ge(2)));
  open();
  const std::vector<bool> kept = kept_with("", "snapshot_bytes = \"1MiB\"\n");
  EXPECT_THAT(kept, ElementsAre(false, false, false, false, false, true)) << "there were not so many";
}

TEST_F(KeptStates, each_one_of_an_actor_that_is_to_be_resumed) { EXPECT_THAT(kept_with(kResume, ""), Each(true)); }

TEST_F(KeptStates, an_actor_whose_last_state_was_removed_is_not_resumed_and_the_others_are) {
  const auto whole = spawn_with("whole", "guests/echo", kResume);
  const auto redacted = spawn_with("redacted", "guests/echo", kResume);
  ASSERT_TRUE(whole && redacted);
  send(*whole, std::string(100, 'w'));
  send(*redacted, std::string(100, 'r'));
  EXPECT_EQ(ask_text(*whole, "x"), "x");
  EXPECT_EQ(ask_text(*redacted, "x"), "x");
  runtime.reset();
  {
    auto directory = store::DataDirectory::open(folder / "data", store::DataDirectory::Access::kWrite);
    ASSERT_TRUE(directory);
    const auto removed = (*directory)->redact({sha256(as_bytes(std::string(100, 'r')))});
    ASSERT_TRUE(removed) << removed.error().to_string();
    EXPECT_EQ(removed->values, 1u);
  }
  open();
  const auto resumed = runtime->resume();
  ASSERT_THAT(resumed, SizeIs(2));
  for (const ResumedActor& actor : resumed) {
    EXPECT_EQ(actor.error.has_value(), actor.id == *redacted);
    if (actor.error) {
      EXPECT_THAT(actor.error->to_string(), HasSubstr("its last state"));
    }
  }
  EXPECT_THAT(warnings, IsEmpty()) << "what is removed is no damage";
}

// When the disk fails -------------------------------------------------------------------------------------------------

TEST_F(Durable, when_the_disk_is_full_turns_are_refused_and_reading_and_stopping_still_work) {
  RuntimeOptions options;
  options.shards = 1;
  open_again(options);
  const auto id = spawn_with("echo", "guests/echo", "", "[chain]\ndurability = \"sync\"\n");
  ASSERT_TRUE(id);
  EXPECT_EQ(ask_text(*id, "before"), "before");
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit before = limit;
  signal(SIGXFSZ, SIG_IGN);
  limit.rlim_cur = 1;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string answer = ask_text(*id, "lost");
  const std::string next = ask_text(*id, "lost too");
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(answer, HasSubstr("not recorded"));
  EXPECT_THAT(next, HasSubstr("not recorded"));
  // The signing of heads may say so as well.
  EXPECT_THAT(warnings, Contains(HasSubstr("can no longer be kept")));
  EXPECT_FALSE(spawn_with("late", "guests/echo", ""));
  EXPECT_TRUE(spawn_with("memory", "guests/echo", "save_chain = false\n")) << "what is not kept does not mind";
  EXPECT_TRUE(runtime->events(*id));
  EXPECT_TRUE(runtime->stop(*id));
  open_again();
  const auto events = runtime->events(*id);
  ASSERT_TRUE(events) << events.error().to_string();
  EXPECT_EQ(events->size(), 5u) << "what was acknowledged before";
}

// Following -----------------------------------------------------------------------------------------------------------

TEST_F(Durable, events_are_followed_from_any_sequence_without_a_gap) {
  RuntimeOptions options;
  options.chain_memory_bytes = 1;
  open_again(options);
  const ActorId id = spawn("echo", "guests/echo");
  const std::string text(1000, 'x');
  for (int i = 0; i < 1'300; ++i) ASSERT_EQ(ask_text(id, text), text);
  std::atomic<bool> done = false;
  std::thread sender([&] {
    // As fast as it can, also faster than a follower reads.
    while (!done) ask_text(id, text);
  });
  for (const std::uint64_t from : {0, 1, 2'500, 5'000}) {
    struct Told {
      std::mutex mutex;
      std::vector<std::uint64_t> sequences;
    };
    // Shared: a call that is under way when the subscription is given up still comes to its end.
    const auto told = std::make_shared<Told>();
    const auto subscribed = runtime->subscribe(id, from, [told](const Event& event) {
      const std::lock_guard lock(told->mutex);
      told->sequences.push_back(event.sequence);
    });
    ASSERT_TRUE(subscribed) << subscribed.error().to_string();
    const auto heard = [&] {
      const std::lock_guard lock(told->mutex);
      return told->sequences.size();
    };
    const std::size_t at_first = heard();
    EXPECT_GE(at_first + from, 2'600u) << "history comes before it returns";
    wait_until([&] { return heard() > at_first + 50; });
    const std::lock_guard lock(told->mutex);
    for (std::size_t i = 0; i < told->sequences.size(); ++i) ASSERT_EQ(told->sequences[i], from + i);
  }
  done = true;
  sender.join();
}

TEST_F(Durable, of_a_long_chain_the_first_events_from_anywhere_are_those_that_are_there) {
  RuntimeOptions options;
  options.chain_memory_bytes = 1;
  open_again(options);
  const ActorId id = spawn("echo", "guests/echo");
  const std::string text(1000, 'x');
  for (int i = 0; i < 1'300; ++i) ASSERT_EQ(ask_text(id, text), text);
  const auto check = [&] {
    const auto all = runtime->events(id);
    ASSERT_TRUE(all) << all.error().to_string();
    ASSERT_GT(all->size(), 2'600u);
    // On the disk, on both sides of what is still in memory, and at the end.
    for (const std::uint64_t from : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1'200}, std::uint64_t{2'000},
                                     all->size() - 3, all->size()}) {
      for (const std::uint64_t most : {1u, 7u, 600u, 1'500u, 100'000u}) {
        const auto some = runtime->events(id, from, most);
        ASSERT_TRUE(some) << some.error().to_string();
        const auto begin = all->begin() + static_cast<std::ptrdiff_t>(from);
        const auto count = std::min<std::uint64_t>(most, all->size() - from);
        EXPECT_TRUE(std::ranges::equal(*some, std::span(begin, count))) << from << " " << most;
      }
    }
  };
  check();
  open_again();
  check();
}

TEST_F(Durable, an_actor_of_an_earlier_run_is_followed_to_its_end) {
  const ActorId id = spawn("counter", "counter");
  open_again();
  std::vector<std::uint64_t> sequences;
  const auto subscribed = runtime->subscribe(id, 1, [&](const Event& event) { sequences.push_back(event.sequence); });
  ASSERT_TRUE(subscribed) << subscribed.error().to_string();
  EXPECT_THAT(sequences, ElementsAre(1, 2, 3));
  EXPECT_FALSE(runtime->subscribe(ActorId(), 0, [](const Event&) {})) << "no such actor";
}

}  // namespace
}  // namespace theater::testing
