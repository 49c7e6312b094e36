#include "cli/room_options.h"

namespace theater::cli {

void RoomOptions::apply(RuntimeOptions& options) const {
  if (actors_max) options.actors_max = *actors_max;
  options.guest_memory_bytes = guest_memory_bytes;
  options.resident_bytes_max = resident_bytes_max;
  options.over_limit = waits ? OverLimit::kWait : OverLimit::kRefuse;
}

void add_room_options(CLI::App& command, RoomOptions& options) {
  command.add_option("--actors-max", options.actors_max, "Actors that may live at once (default: 20000)")
      ->type_name("N")
      ->check(CLI::Range(1u, 4'000'000u));
  command
      .add_option("--guest-memory", options.guest_memory_bytes,
                  "What all actors' memory limits may add up to, such as 8GiB (default: no such bound)")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false));
  command
      .add_option("--memory-max", options.resident_bytes_max,
                  "Start no actor while this process uses more memory (default: nine tenths of what there is)")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false));
  command.add_flag("--wait-for-room", options.waits,
                   "Beyond these limits actors wait to be started, for 30 s at most, instead of being refused");
}

}  // namespace theater::cli
