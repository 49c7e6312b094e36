// Runs the greeter actor in this process, with a handler of its own beside those that come with Theater.
//
//   greeter_host MANIFEST [NAME…]
#include <cstdio>
#include <future>
#include <memory>
#include <string>

#include "greeter_handler.h"
#include "theater/runtime.h"

namespace {

/// Waits for the answer; the router calls back on a shard's thread.
theater::Result<std::string> ask(theater::MessageRouter& router, const theater::ActorId& actor, std::string_view name) {
  auto promise = std::make_shared<std::promise<theater::Result<theater::Bytes>>>();
  auto answer = promise->get_future();
  router.request(actor, theater::as_bytes(name), 5'000,
                 [promise](auto result) { promise->set_value(std::move(result)); });
  auto bytes = answer.get();
  if (!bytes) return theater::fail(std::move(bytes.error()));
  return std::string(theater::as_text(*bytes));
}

theater::Result<void> run(const char* manifest, std::span<char*> names) {
  theater::MessageRouter router;
  theater::HandlerRegistry handlers = theater::builtin_handlers(router);
  if (auto added = handlers.add(std::make_shared<greeter::GreeterHandler>()); !added) return added;
  auto runtime = theater::Runtime::start({}, std::move(handlers), router);
  if (!runtime) return theater::fail(std::move(runtime.error()));
  const auto actor = (*runtime)->spawn(manifest);
  if (!actor) return theater::fail(actor.error());
  for (const char* name : names) {
    auto greeting = ask(router, *actor, name);
    if (!greeting) return theater::fail(std::move(greeting.error()));
    std::puts(greeting->c_str());
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: greeter_host MANIFEST [NAME…]\n", stderr);
    return 1;
  }
  const auto ran = run(argv[1], std::span(argv + 2, argv + argc));
  if (ran) return 0;
  std::fprintf(stderr, "greeter_host: %s\n", ran.error().to_string().c_str());
  return 1;
}
