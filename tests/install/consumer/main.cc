// What someone else's program does with an installed Theater: starts a runtime, engine included, and is told why a
// manifest that does not exist makes no actor.
#include <cstdio>
#include <memory>
#include <utility>

#include "theater/handlers.h"
#include "theater/router.h"
#include "theater/runtime.h"
#include "theater/value.h"

int main() {
  theater::Bytes bytes;
  theater::ValueWriter writer(bytes);
  writer.signed_integer(-300);
  theater::ValueReader reader(bytes);
  if (reader.signed_integer() != -300 || !reader.done()) {
    std::puts("a value came back changed");
    return 1;
  }

  theater::MessageRouter router;
  auto runtime = theater::Runtime::start({.shards = 1}, theater::builtin_handlers(router), router);
  if (!runtime) {
    std::printf("no runtime: %s\n", runtime.error().message().c_str());
    return 1;
  }
  std::puts((*runtime)->describe().c_str());
  if ((*runtime)->spawn("nowhere/manifest.toml")) {
    std::puts("an actor was made from nothing");
    return 1;
  }
  return 0;
}
