// Whatever differs from the record is found at its event, with the field that differs.
#include <gmock/gmock.h>
#include <unistd.h>

#include <random>

#include "chain_editor.h"
#include "forger.h"
#include "replay/component_shelf.h"
#include "replay/replayer.h"
#include "replay_fixture.h"

namespace theater::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

auto difference(const std::string& field, const std::string& recorded, const std::string& replayed) {
  return AllOf(Field("field", &ReplayDifference::field, field),
               Field("recorded", &ReplayDifference::recorded, HasSubstr(recorded)),
               Field("replayed", &ReplayDifference::replayed, HasSubstr(replayed)));
}

class Divergence : public ReplayTest {
 protected:
  ReplayReport run(const ChainSource& source, const ReplayOptions& options) {
    const auto shelf = replay::ComponentShelf::make(options, &replay::Replayer::call_host);
    EXPECT_TRUE(shelf) << shelf.error().to_string();
    return replay::Replayer(source, **shelf, options, nullptr).run(0);
  }
  std::unique_ptr<ChainSource> chain(const ActorId& id) {
    auto source = open_chain_file(saved(id).string());
    EXPECT_TRUE(source) << source.error().to_string();
    return source ? std::move(*source) : nullptr;
  }
  /// A counter that was sent 5, then something else.
  ActorId counted() {
    const ActorId id = spawn("counter", "counter");
    send(id, "5");
    send(id, "apples");
    send(id, "7");
    EXPECT_EQ(ask_text(id, "?"), "12");
    return id;
  }
  /// The component with a text in it replaced by one of the same length.
  static Bytes patched(const std::string& name, std::string_view from, std::string_view to) {
    std::string bytes(as_text(component(name)));
    const auto at = bytes.find(from);
    EXPECT_NE(at, std::string::npos);
    EXPECT_EQ(from.size(), to.size());
    bytes.replace(at, to.size(), to);
    return to_bytes(bytes);
  }
  ReplayOptions with_bytes(Bytes bytes) {
    ReplayOptions options = with("counter");
    options.components = {std::move(bytes)};
    return options;
  }
};

// Another component ---------------------------------------------------------------------------------------------------

TEST_F(Divergence, another_components_host_call_differs_by_its_parameters_name) {
  const ActorId id = counted();
  const ReplayReport report = replayed(saved(id), with_bytes(patched("counter", "the sum is ", "the SUM is ")));
  ASSERT_TRUE(report.divergence) << in_words(report);
  const ReplayDivergence& divergence = *report.divergence;
  EXPECT_EQ(divergence.sequence, 4u);
  EXPECT_EQ(divergence.kind, EventKind::kHostCall);
  EXPECT_EQ(divergence.function, "theater:simple/runtime.log");
  EXPECT_EQ(divergence.call, "theater:simple/message-server-client.handle-send");
  EXPECT_EQ(divergence.call_sequence, 3u);
  EXPECT_THAT(divergence.differences, ElementsAre(difference("params.msg", "the sum is 5", "the SUM is 5")));
  EXPECT_THAT(divergence.backtrace, HasSubstr("Component<Counter>::handle_send"));
  EXPECT_THAT(report.remarks, ElementsAre(HasSubstr("another component took the place")));
}

TEST_F(Divergence, another_components_error_differs_by_its_message) {
  const ActorId id = counted();
  const ReplayReport report = replayed(saved(id), with_bytes(patched("counter", "not a number: ", "not in digits:")));
  ASSERT_TRUE(report.divergence) << in_words(report);
  EXPECT_EQ(report.divergence->sequence, 7u);
  EXPECT_EQ(report.divergence->kind, EventKind::kFailed);
  EXPECT_THAT(report.divergence->differences, ElementsAre(difference("message", "not a number", "not in digits")));
}

TEST_F(Divergence, another_component_that_behaves_the_same_is_the_same) {
  const ActorId id = counted();
  Bytes other = component("counter");
  // A custom section that means nothing.
  append(other, Bytes{0, 2, 1, 'x'});
  const ReplayReport report = replayed(saved(id), with_bytes(std::move(other)));
  EXPECT_TRUE(report.same()) << in_words(report);
  EXPECT_EQ(report.next_sequence, runtime->info(id)->events);
}

TEST_F(Divergence, a_component_without_the_called_function_says_so) {
  const ActorId id = counted();
  const ReplayReport report = replayed(saved(id), with_bytes({0, 'a', 's', 'm', 0x0d, 0, 1, 0}));
  ASSERT_TRUE(report.divergence) << in_words(report);
  EXPECT_EQ(report.divergence->sequence, 1u);
  EXPECT_THAT(report.divergence->differences,
              ElementsAre(difference("event", "call of theater:simple/actor.init", "does not export")));
}

TEST_F(Divergence, other_states_may_be_ignored) {
  const ActorId id = spawn("echo", "guests/echo");
  send(id, "hello");
  EXPECT_TRUE(ask(id, "x"));
  auto source = chain(id);
  ChainEditor editor(*source);
  editor.body<chain::ReturnedView>(4).state.bytes = editor.own(to_bytes("HELLO"));
  ReplayOptions options = with("guests/echo");
  EXPECT_EQ(run(*editor.sealed(), options).divergence->sequence, 4u);
  options.ignore_state = true;
  const ReplayReport report = run(*editor.sealed(), options);
  EXPECT_TRUE(report.same()) << in_words(report);
  EXPECT_EQ(report.state, to_bytes("hello"));
}

// What is missing -----------------------------------------------------------------------------------------------------

TEST_F(Divergence, a_component_that_is_not_there_is_named) {
  const ActorId id = counted();
  const ReplayReport report = replayed(saved(id), {});
  ASSERT_TRUE(report.stop);
  EXPECT_EQ(report.stop->sequence, 0u);
  EXPECT_THAT(report.stop->what, HasSubstr(to_hex(sha256(component("counter")))));
}

TEST_F(Divergence, a_large_value_that_the_guest_needs_and_is_not_kept_ends_the_replay_there) {
  const ActorId echo = spawn("echo", "guests/echo");
  const ActorId asker = spawn("asker", "guests/asks_back");
  send(echo, std::string(3000, 'x'));
  EXPECT_TRUE(ask(echo, "x"));
  {
    auto source = chain(echo);
    ChainEditor editor(*source);
    editor.redact_all();
    const ReplayReport report = run(*editor.sealed(), with("guests/echo"));
    ASSERT_TRUE(report.stop) << in_words(report);
    EXPECT_EQ(report.stop->sequence, 3u);
    EXPECT_THAT(report.stop->what, AllOf(HasSubstr("handle-send was called with"), HasSubstr("3000 bytes")));
  }
  send(asker, "echo");
  EXPECT_TRUE(runtime->stop(asker));
}

TEST_F(Divergence, a_large_answer_of_the_host_that_is_not_kept_ends_the_replay_there) {
  spawn("oracle", "oracle");
  const ActorId asker = spawn("asker", "asker");
  router.send(*router.find("oracle"), as_bytes(std::string(150, 'y')));
  send(asker, "a question");
  wait_for_log("asker", "the answer is");
  auto source = chain(asker);
  ChainEditor editor(*source);
  // The answer as if it were a large one.
  for (std::uint64_t i = 0; i < editor.count(); ++i) {
    auto* end = std::get_if<chain::HostCallEndView>(&editor.event(i).body);
    if (end == nullptr) continue;
    const Bytes body(2000, 'z');
    end->result = {.head = editor.own({0, 0xd0, 0x0f}),
                   .body_digest = editor.own(to_bytes(ByteView(sha256(body)))),
                   .body_size = body.size()};
    const ReplayReport report = run(*editor.sealed(), with("asker"));
    ASSERT_TRUE(report.stop) << in_words(report);
    EXPECT_EQ(report.stop->sequence, i);
    EXPECT_THAT(report.stop->what, AllOf(HasSubstr("what the host answered"), HasSubstr("2000 bytes")));
    return;
  }
  ADD_FAILURE() << "nothing was waited for";
}

TEST_F(Divergence, a_large_value_that_the_guest_made_is_compared_without_its_content) {
  const ActorId upper = spawn("upper", "guests/echo");
  const ActorId words = spawn("words", "guests/echo");
  send(words, "forward upper " + std::string(3000, 'x'));
  EXPECT_TRUE(ask(words, "x"));
  EXPECT_TRUE(ask(upper, "x"));
  auto source = chain(words);
  ChainEditor editor(*source);
  const std::uint64_t sent_at = 4;
  const chain::ValueRef& sent = editor.body<chain::HostCallView>(sent_at).params;
  ASSERT_TRUE(sent.by_digest());
  Digest digest{};
  std::ranges::copy(sent.body_digest, digest.begin());
  editor.redact(digest);
  EXPECT_TRUE(run(*editor.sealed(), with("guests/echo")).same());
  // One that is another is told apart by its digest alone.
  Bytes other = to_bytes(sent.body_digest);
  other[0] ^= 1;
  editor.body<chain::HostCallView>(sent_at).params.body_digest = editor.own(other);
  const ReplayReport report = run(*editor.sealed(), with("guests/echo"));
  ASSERT_TRUE(report.divergence);
  EXPECT_EQ(report.divergence->sequence, sent_at);
  EXPECT_THAT(report.divergence->differences, ElementsAre(difference("params.msg", "\"missing_bytes\":3000", "xxxx")));
}

TEST_F(Divergence, a_broken_chain_is_replayed_up_to_where_it_is_broken) {
  const ActorId id = counted();
  const auto file = saved(id);
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  bytes[bytes.rfind("the sum is 12")] ^= 1;
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  const ReplayReport report = replayed(file, with("counter"));
  ASSERT_TRUE(report.stop) << in_words(report);
  EXPECT_THAT(report.stop->what, HasSubstr("the chain is broken there"));
  EXPECT_EQ(report.stop->sequence, report.next_sequence);
}

// Edited events -------------------------------------------------------------------------------------------------------

/// Changes what came from outside in one event.
bool forge_input(ChainEditor& editor, std::uint64_t sequence, std::mt19937_64& random) {
  auto& body = editor.event(sequence).body;
  const auto change_value = [&](chain::ValueRef& value) {
    Bytes other = to_bytes(value.head);
    if (other.empty()) return false;
    other[random() % other.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
    value.head = editor.own(std::move(other));
    return true;
  };
  if (auto* call = std::get_if<chain::HostCallView>(&body)) return change_value(call->result);
  if (auto* end = std::get_if<chain::HostCallEndView>(&body)) return change_value(end->result);
  if (auto* call = std::get_if<chain::CallView>(&body)) {
    if (random() % 4 != 0) return change_value(call->params);
    call->export_index = call->export_index == 0 ? 1 : call->export_index - 1;
    return true;
  }
  return false;
}

class EditedEvents : public Divergence {
 protected:
  struct Recorded {
    std::unique_ptr<ChainSource> source;
    std::string component;
  };
  /// Chains with host calls, states, errors, traps and waiting.
  std::vector<Recorded> recorded_chains() {
    std::vector<Recorded> recorded;
    recorded.push_back({chain(counted()), "counter"});
    const ActorId echo = spawn("echo", "guests/echo");
    send(echo, "forward echo hello");
    send(echo, std::string(3000, 'x'));
    send(echo, "fail");
    EXPECT_TRUE(ask(echo, "state"));
    recorded.push_back({chain(echo), "guests/echo"});
    const ActorId sleeper = spawn("sleeper", "sleeper");
    send(sleeper, "4");
    send(sleeper, "stop");
    ended(sleeper);
    recorded.push_back({chain(sleeper), "sleeper"});
    const ActorId traps = spawn("traps", "guests/traps");
    send(traps, "x");
    ended(traps);
    recorded.push_back({chain(traps), "guests/traps"});
    return recorded;
  }
};

TEST_F(EditedEvents, an_edit_of_what_the_guest_did_is_found_at_its_event) {
  std::mt19937_64 random(4);
  for (const Recorded& recorded : recorded_chains()) {
    const ReplayOptions options = with(recorded.component);
    const auto shelf = replay::ComponentShelf::make(options, &replay::Replayer::call_host);
    ASSERT_TRUE(shelf);
    EXPECT_TRUE(replay::Replayer(*recorded.source, **shelf, options, nullptr).run(0).same()) << recorded.component;
    std::uint64_t found = 0;
    for (int round = 0; round < 150; ++round) {
      ChainEditor editor(*recorded.source);
      const std::uint64_t sequence = random() % editor.count();
      if (!forge(editor, sequence, random)) continue;
      const ReplayReport report = replay::Replayer(*editor.sealed(), **shelf, options, nullptr).run(0);
      ASSERT_TRUE(report.divergence) << recorded.component << " round " << round << ": " << in_words(report);
      ASSERT_EQ(report.divergence->sequence, sequence) << recorded.component << " round " << round << in_words(report);
      EXPECT_THAT(report.divergence->differences, ::testing::Not(IsEmpty()));
      ++found;
    }
    EXPECT_GT(found, 20u);
  }
}

TEST_F(EditedEvents, an_edit_of_what_came_from_outside_is_found_where_the_guest_acts_on_it_or_not_at_all) {
  std::mt19937_64 random(5);
  std::uint64_t found = 0;
  std::uint64_t without_effect = 0;
  for (const Recorded& recorded : recorded_chains()) {
    const ReplayOptions options = with(recorded.component);
    const auto shelf = replay::ComponentShelf::make(options, &replay::Replayer::call_host);
    ASSERT_TRUE(shelf);
    for (int round = 0; round < 100; ++round) {
      ChainEditor editor(*recorded.source);
      const std::uint64_t sequence = random() % editor.count();
      if (!forge_input(editor, sequence, random)) continue;
      const ReplayReport report = replay::Replayer(*editor.sealed(), **shelf, options, nullptr).run(0);
      ASSERT_FALSE(report.stop) << in_words(report);
      if (report.divergence) {
        EXPECT_GE(report.divergence->sequence, sequence);
        ++found;
      } else {
        ++without_effect;
      }
    }
  }
  EXPECT_GT(found, without_effect);
}

TEST_F(EditedEvents, an_event_left_out_or_put_in_is_found) {
  const ActorId id = counted();
  const auto source = chain(id);
  {
    ChainEditor editor(*source);
    // The log line after the first number.
    std::erase_if(editor.links[2].events, [](const chain::EventView& event) {
      return std::holds_alternative<chain::HostCallView>(event.body);
    });
    const ReplayReport report = run(*editor.sealed(), with("counter"));
    ASSERT_TRUE(report.divergence) << in_words(report);
    EXPECT_EQ(report.divergence->sequence, 4u);
    EXPECT_THAT(report.divergence->differences,
                ElementsAre(difference("event", "returned", "theater:simple/runtime.log {msg: \"the sum is 5\"}")));
  }
  {
    ChainEditor editor(*source);
    auto& events = editor.links[2].events;
    events.insert(events.begin() + 1, events[1]);
    const ReplayReport report = run(*editor.sealed(), with("counter"));
    ASSERT_TRUE(report.divergence) << in_words(report);
    EXPECT_EQ(report.divergence->sequence, 5u);
    EXPECT_THAT(report.divergence->differences,
                ElementsAre(difference("event", "theater:simple/runtime.log {msg: \"the sum is 5\"}", "returned")));
  }
}

TEST_F(EditedEvents, several_fields_that_differ_are_all_shown) {
  const ActorId id = spawn("echo", "guests/echo");
  send(id, R"({"count": 3, "name": "a"})");
  EXPECT_TRUE(ask(id, "x"));
  const auto source = chain(id);
  ChainEditor editor(*source);
  auto& returned = editor.body<chain::ReturnedView>(4);
  const std::uint64_t fuel = returned.fuel++;
  returned.state.bytes = editor.own(to_bytes(R"({"count": 4, "name": "a"})"));
  const ReplayReport report = run(*editor.sealed(), with("guests/echo"));
  ASSERT_TRUE(report.divergence);
  EXPECT_THAT(report.divergence->differences,
              ElementsAre(difference("state.count", "4", "3"),
                          difference("fuel", std::to_string(fuel + 1), std::to_string(fuel))));
}

// Several starts ------------------------------------------------------------------------------------------------------

class Starts : public Divergence {
 protected:
  /// Another chain of that component, started with this state.
  std::unique_ptr<ChainSource> going_on(Bytes component_bytes, const std::optional<Bytes>& state) {
    auto manifest = parse(manifest_text("counter", "counter"));
    auto blueprint = runtime->prepare(std::move(*manifest), component_bytes);
    EXPECT_TRUE(blueprint);
    SpawnOptions options;
    options.state = state;
    const auto id = runtime->spawn(*blueprint, std::move(options));
    EXPECT_TRUE(id) << id.error().to_string();
    send(*id, "100");
    EXPECT_TRUE(ask(*id, "?"));
    return chain(*id);
  }
  Bytes state_of(const ActorId& id) {
    const auto state = runtime->state(id);
    EXPECT_TRUE(state && *state);
    return state && *state ? **state : Bytes();
  }
};

TEST_F(Starts, a_restart_an_update_and_a_resumption_are_replayed_with_their_components) {
  const ActorId id = counted();
  const Bytes state = state_of(id);
  const Bytes second = patched("counter", "the sum is ", "the SUM is ");
  ChainEditor editor(*chain(id));
  for (const StartReason reason : {StartReason::kRestarted, StartReason::kUpdated, StartReason::kResumed}) {
    const Bytes& component_bytes = reason == StartReason::kRestarted ? component("counter") : second;
    const auto tail = going_on(component_bytes, state);
    ChainEditor starts(*tail);
    starts.body<chain::StartedView>(0).reason = reason;
    const auto joined = starts.sealed();
    ChainEditor whole(*chain(id));
    whole.append(*joined, 0);
    ReplayOptions options = with("counter");
    if (reason != StartReason::kRestarted) options.components.push_back(second);
    const ReplayReport report = run(*whole.sealed(), options);
    EXPECT_TRUE(report.same()) << to_string(reason) << in_words(report);
    EXPECT_EQ(report.next_sequence, whole.count());
    if (reason == StartReason::kRestarted) continue;
    const ReplayReport without = run(*whole.sealed(), with("counter"));
    ASSERT_TRUE(without.stop) << in_words(without);
    EXPECT_EQ(without.stop->sequence, runtime->info(id)->events);
    EXPECT_THAT(without.stop->what, HasSubstr(to_hex(sha256(second))));
  }
}

TEST_F(Starts, an_update_must_go_on_with_the_state_that_was_reached) {
  const ActorId id = counted();
  Bytes state = state_of(id);
  state.back() ^= 1;
  ChainEditor starts(*going_on(component("counter"), state));
  starts.body<chain::StartedView>(0).reason = StartReason::kUpdated;
  const auto joined = starts.sealed();
  ChainEditor whole(*chain(id));
  const std::uint64_t at = whole.count();
  whole.append(*joined, 0);
  const ReplayReport report = run(*whole.sealed(), with("counter"));
  ASSERT_TRUE(report.divergence) << in_words(report);
  EXPECT_EQ(report.divergence->sequence, at);
  EXPECT_THAT(report.divergence->differences, ElementsAre(Field(&ReplayDifference::field, "state")));
}

TEST_F(Starts, a_resumption_in_the_middle_of_a_call_is_replayed_wherever_the_runtime_ended) {
  const ActorId id = counted();
  const auto source = chain(id);
  const auto tail = going_on(component("counter"), std::nullopt);
  for (std::uint64_t events = 2; events < source->next_sequence(); ++events) {
    ChainEditor whole(*source);
    whole.cut(events);
    // Whatever the state is there.
    ReplayOptions options = with("counter");
    const auto state = run(*whole.sealed(), options).state;
    const auto next = going_on(component("counter"), state);
    ChainEditor starts(*next);
    starts.body<chain::StartedView>(0).reason = StartReason::kResumed;
    const auto joined = starts.sealed();
    whole.append(*joined, 0);
    const ReplayReport report = run(*whole.sealed(), options);
    EXPECT_TRUE(report.same()) << events << ": " << in_words(report);
    EXPECT_EQ(report.next_sequence, whole.count()) << events;
  }
}

TEST_F(Starts, a_chain_whose_beginning_was_given_up_is_replayed_from_its_next_start) {
  const ActorId id = counted();
  const Bytes state = state_of(id);
  ChainEditor starts(*going_on(component("counter"), state));
  starts.body<chain::StartedView>(0).reason = StartReason::kRestarted;
  const auto joined = starts.sealed();
  ChainEditor whole(*chain(id));
  const std::uint64_t at = whole.count();
  whole.append(*joined, 0);
  const auto complete = whole.sealed();
  ChainSnapshot rest;
  rest.actor = complete->actor();
  rest.next_sequence = complete->next_sequence();
  auto links = complete->links(4);
  while (const auto link = (*links)->next().value()) {
    chain::LinkDecoder decoder(link->bytes);
    rest.links.push_back({.first_sequence = decoder.header().first_sequence,
                          .event_count = decoder.header().event_count,
                          .hash = link->hash,
                          .offset = rest.bytes.size(),
                          .size = link->bytes.size()});
    append(rest.bytes, link->bytes);
  }
  const auto source = make_chain_source(std::move(rest), "the rest");
  ASSERT_GT(source->first_sequence(), 0u);
  const ReplayReport report = run(*source, with("counter"));
  EXPECT_TRUE(report.same()) << in_words(report);
  EXPECT_EQ(report.first_sequence, at);
  EXPECT_EQ(report.next_sequence, complete->next_sequence());
  EXPECT_THAT(report.remarks, ::testing::Contains(HasSubstr("were not re-run")));
}

// A host that ends the guest ------------------------------------------------------------------------------------------

/// Greets; ends a guest that asks for "trap", and fails itself at "throw".
class Greeting final : public Handler {
 public:
  std::string_view type() const override { return "greeter"; }
  std::span<const HandlerInterface> imports() const override {
    static const std::vector<HandlerInterface> interfaces = {
        {.name = "example:greeter/greet", .functions = {{.name = "greet"}}}};
    return interfaces;
  }
  Result<std::unique_ptr<HandlerInstance>> create(const HandlerSetup&) const override {
    return std::make_unique<Instance>();
  }

 private:
  class Instance final : public HandlerInstance {
   public:
    HostStatus call(HostCall& call) override {
      const std::string_view name = call.params().string();
      if (name == "trap") return call.trap("the host ends this");
      if (name == "throw") throw std::runtime_error("a defect");
      if (name == "nonsense") {
        call.result().u8(7);
        return call.done();
      }
      call.result().ok();
      call.result().string("hello " + std::string(name));
      return call.done();
    }
  };
};

TEST_F(Divergence, a_guest_that_its_host_ended_is_ended_again) {
  HandlerRegistry handlers = builtin_handlers(router);
  ASSERT_TRUE(handlers.add(std::make_shared<Greeting>()));
  RuntimeOptions runtime_options;
  runtime_options.listener = this;
  runtime->shut_down();
  auto started = Runtime::start(std::move(runtime_options), std::move(handlers), router);
  ASSERT_TRUE(started);
  runtime = std::move(*started);
  const std::vector<HandlerSchema> schemas = {Greeting().schema()};
  for (const char* name : {"trap", "throw", "nonsense", "you"}) {
    ParseOptions parse;
    parse.base_directory = "/";
    parse.extra_handlers = schemas;
    auto manifest = parse_manifest(manifest_text("greeter", "greeter", "[[handler]]\ntype = \"greeter\"\n"), parse);
    ASSERT_TRUE(manifest) << manifest.error().to_string();
    const auto blueprint = runtime->prepare(std::move(*manifest));
    ASSERT_TRUE(blueprint) << blueprint.error().to_string();
    const ActorId id = runtime->spawn(*blueprint).value();
    EXPECT_TRUE(ask(id, "first"));
    EXPECT_EQ(ask(id, name).has_value(), std::string(name) == "you");
    const ReplayReport report = expect_same(id, "greeter");
    EXPECT_THAT(report.remarks, IsEmpty());
    EXPECT_EQ(report.host_calls, 2u) << name;
  }
}

}  // namespace
}  // namespace theater::testing
