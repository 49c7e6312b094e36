// A program with a runtime inside: docs/embedding.md goes through it.
//
//   embedding EXAMPLES_FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>

#include "theater/replay.h"
#include "theater/runtime.h"

using namespace theater;

namespace {

/// Hears of all actors, on shards' threads.
class Listener final : public RuntimeListener {
 public:
  void actor_logged(const ActorId&, const std::string& name, std::string_view line) override {
    std::printf("%s: %.*s\n", name.c_str(), static_cast<int>(line.size()), line.data());
  }
  void actor_ended(const ActorInfo& info) override {
    std::printf("%s ended: %s\n", info.name.c_str(), info.end_message.c_str());
  }
};

/// This program's end of a channel: waits for the sum of 1, 2 and 3.
class Sums final : public ChannelListener {
 public:
  void opened(const ChannelId&) override {}
  void refused(const Error& error) override { sum_.set_value(fail(error)); }
  void message(const ChannelId&, ByteView message) override {
    if (as_text(message) == "6") sum_.set_value(std::string(as_text(message)));
  }
  void closed(const ChannelId&) override {}

  Result<std::string> wait() { return sum_.get_future().get(); }

 private:
  std::promise<Result<std::string>> sum_;
};

Result<Bytes> ask(MessageRouter& router, const ActorId& actor, std::string_view question) {
  auto promise = std::make_shared<std::promise<Result<Bytes>>>();
  auto answer = promise->get_future();
  router.request(actor, as_bytes(question), 5'000,
                 [promise](Result<Bytes> result) { promise->set_value(std::move(result)); });
  return answer.get();
}

Result<Bytes> read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::kNotFound, "cannot read " + path.string());
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

/// An actor whose manifest is no file and whose component is bytes.
Result<ActorId> spawn_in_code(Runtime& runtime, ByteView component) {
  ParseOptions options;
  options.source_name = "the summer's manifest";
  options.base_directory = "/";  // `component` must be a reference; the bytes go before it
  auto manifest = parse_manifest(R"(
      name = "summer"
      component = "summer.wasm"
      [[handler]]
      type = "runtime"
      [[handler]]
      type = "message-server"
      [limits]
      memory = "16MiB"
      mailbox_messages = 100
      )",
                                 options);
  if (!manifest) return fail(std::move(manifest.error()));
  auto blueprint = runtime.prepare(std::move(*manifest), component);
  if (!blueprint) return fail(std::move(blueprint.error()));
  SpawnOptions spawn;
  spawn.register_name = true;  // other actors reach it as "summer"
  return runtime.spawn(*blueprint, std::move(spawn));
}

Result<void> run(const std::filesystem::path& examples) {
  Listener listener;
  MessageRouter router;
  RuntimeOptions options;
  options.shards = 2;
  options.listener = &listener;
  auto started = Runtime::start(std::move(options), builtin_handlers(router), router);
  if (!started) return fail(std::move(started.error()));
  Runtime& runtime = **started;

  const auto counter = runtime.spawn(examples / "counter/manifest.toml");
  if (!counter) return fail(counter.error());

  const auto subscription =
      runtime.subscribe(*counter, [](const Event& event) { std::printf("  %s\n", to_line(event).c_str()); });

  if (auto sent = router.send(*counter, as_bytes("3")); !sent) return sent;
  if (auto sent = router.send(*counter, as_bytes("4")); !sent) return sent;
  const auto sum = ask(router, *counter, "total");
  if (!sum) return fail(sum.error());
  std::printf("the sum is %s\n", std::string(as_text(*sum)).c_str());

  const auto component = read(examples / "channels/build/summer.wasm");
  if (!component) return fail(component.error());
  const auto summer = spawn_in_code(runtime, *component);
  if (!summer) return fail(summer.error());
  const auto sums = std::make_shared<Sums>();
  const auto channel = router.open_channel(*summer, as_bytes("numbers, please"), sums);
  if (!channel) return fail(channel.error());
  for (const char* number : {"1", "2", "3"}) {
    if (auto sent = router.send_on_channel(*channel, as_bytes(number)); !sent) return sent;
  }
  const auto last = sums->wait();
  if (!last) return fail(last.error());
  std::printf("the channel's last sum is %s\n", last->c_str());
  if (auto closed = router.close_channel(*channel); !closed) return closed;
  if (auto ended = runtime.wait(*summer, std::chrono::seconds(5)); !ended) return fail(ended.error());

  if (auto stopped = runtime.stop(*counter); !stopped) return stopped;
  const auto report = runtime.verify(*counter);
  if (!report) return fail(report.error());
  std::printf("%llu events, %s\n", static_cast<unsigned long long>(report->events),
              report->fault ? "broken" : "verified");

  const auto chain = std::filesystem::temp_directory_path() / (to_string(*counter) + ".chain");
  if (auto saved = runtime.save_chain(*counter, chain); !saved) return saved;
  const auto counter_component = read(examples / "counter/build/counter.wasm");
  if (!counter_component) return fail(counter_component.error());
  ReplayOptions again;
  again.components = {*counter_component};
  const auto replayed = replay_chain(chain, again);
  std::filesystem::remove(chain);
  if (!replayed) return fail(replayed.error());
  std::printf("a re-run is %s\n", replayed->same() ? "the same" : "different");

  runtime.shut_down();
  const MessageTotals totals = router.totals();
  std::printf("%llu sent, %llu delivered\n", static_cast<unsigned long long>(totals.sent),
              static_cast<unsigned long long>(totals.delivered));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: embedding EXAMPLES_FOLDER\n", stderr);
    return 1;
  }
  const auto ran = run(argv[1]);
  if (ran) return 0;
  std::fprintf(stderr, "embedding: %s\n", ran.error().to_string().c_str());
  return 1;
}
