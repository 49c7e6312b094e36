// Makes children of what is no manifest.
#include <theater.h>

theater_status theater_on_send(theater_state* state, theater_view message) {
  (void)state, (void)message;
  static const char* const kManifests[] = {"",
                                           "=",
                                           "nothing.toml",
                                           "../../../../../nowhere",
                                           "name = 1",
                                           "name = \"x\"\ncomponent = \"nothing.wasm\"",
                                           "{{#each x}}\n{{/each}}"};
  theater_result child = {true, {0, 0}};
  for (size_t i = 0; i < sizeof kManifests / sizeof kManifests[0]; i++) {
    child = theater_spawn(theater_text(kManifests[i]), theater_bytes(0, 0));
    if (!child.failed) return theater_fail("made a child of nonsense");
  }
  static char large[200000];
  __builtin_memset(large, '[', sizeof large);
  large[1] = '\n';
  child = theater_spawn(theater_bytes(large, sizeof large), theater_bytes(0, 0));
  theater_status status = {child.failed, child.value};
  return status;
}
