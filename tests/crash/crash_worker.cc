// A runtime that is made to be killed: counters in a data directory with durability = "sync" and resume = true. It
// writes one line for each answer that has left the runtime, at once, so that whoever reads them knows what was
// acknowledged.
//
//   crash_worker DIRECTORY ACTORS ROUNDS

#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <string>
#include <string_view>
#include <vector>

#include "theater/handlers.h"
#include "theater/router.h"
#include "theater/runtime.h"

namespace theater::testing {
namespace {

/// One write, so that lines of several threads never mix and none is lost in a buffer.
void say(const std::string& line) {
  const std::string whole = line + "\n";
  if (write(STDOUT_FILENO, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) std::_Exit(3);
}

[[noreturn]] void give_up(const Error& error) {
  say("error " + error.to_string());
  std::_Exit(2);
}

unsigned long number(const char* text) {
  unsigned long value = 0;
  std::from_chars(text, text + std::string_view(text).size(), value);
  return value;
}

std::vector<ActorId> resume_or_spawn(Runtime& runtime, unsigned long count) {
  std::vector<ActorId> actors;
  for (const ResumedActor& resumed : runtime.resume()) {
    if (resumed.error) give_up(*resumed.error);
    actors.push_back(resumed.id);
  }
  // The first run may have been killed between two spawns.
  while (actors.size() < count) {
    const std::string text = "name = \"counter-" + std::to_string(actors.size()) +
                             "\"\nversion = \"1.0.0\"\ncomponent = \"" THEATER_COMPONENTS
                             "/counter.wasm\"\nresume = true\n[chain]\ndurability = \"sync\"\n[[handler]]\ntype = "
                             "\"message-server\"\n[[handler]]\ntype = \"runtime\"\n";
    ParseOptions own_paths;
    own_paths.base_directory = "/";
    auto manifest = parse_manifest(text, own_paths);
    if (!manifest) give_up(manifest.error());
    const auto blueprint = runtime.prepare(std::move(*manifest));
    if (!blueprint) give_up(blueprint.error());
    const auto id = runtime.spawn(*blueprint, SpawnOptions());
    if (!id) give_up(id.error());
    actors.push_back(*id);
  }
  return actors;
}

int work(const char* directory, unsigned long actor_count, unsigned long rounds) {
  const auto started_at = std::chrono::steady_clock::now();
  MessageRouter router;
  RuntimeOptions options;
  options.shards = 2;
  options.data_directory = directory;
  auto runtime = Runtime::start(std::move(options), builtin_handlers(router), router);
  if (!runtime) give_up(runtime.error());
  const std::vector<ActorId> actors = resume_or_spawn(**runtime, actor_count);
  const std::chrono::duration<double, std::milli> start_ms = std::chrono::steady_clock::now() - started_at;
  say("serving " + std::to_string(static_cast<long>(start_ms.count())));
  for (unsigned long round = 0; round < rounds; ++round) {
    std::latch answers(static_cast<std::ptrdiff_t>(actors.size()));
    for (const ActorId& id : actors) {
      if (const auto sent = router.send(id, as_bytes("1")); !sent) give_up(sent.error());
      router.request(id, as_bytes("?"), 0, [&answers, id](Result<Bytes> sum) {
        if (!sum) give_up(sum.error());
        say("sum " + to_string(id) + " " + std::string(as_text(*sum)));
        answers.count_down();
      });
    }
    answers.wait();
  }
  say("done");
  return 0;
}

}  // namespace
}  // namespace theater::testing

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: crash_worker DIRECTORY ACTORS ROUNDS\n", stderr);
    return 2;
  }
  return theater::testing::work(argv[1], theater::testing::number(argv[2]), theater::testing::number(argv[3]));
}
