#include "theater/replay.h"

#include "replay/component_shelf.h"
#include "replay/event_cursor.h"
#include "replay/recorded.h"
#include "replay/replayer.h"
#include "replay/source.h"
#include "replay/state.h"

namespace theater {

Result<ReplayReport> replay_chain(const std::filesystem::path& source, const ReplayOptions& options) {
  const auto chain = replay::open_source(source, options.actor);
  if (!chain) return fail(chain.error());
  const auto shelf = replay::ComponentShelf::make(options, &replay::Replayer::call_host);
  if (!shelf) return fail(shelf.error());
  return replay::Replayer(**chain, **shelf, options, nullptr).run(0);
}

Result<std::optional<Bytes>> state_at(const std::filesystem::path& source, std::uint64_t sequence,
                                      const ReplayOptions& options) {
  const auto chain = replay::open_source(source, options.actor);
  if (!chain) return fail(chain.error());
  return replay::state_after(**chain, sequence, options);
}

}  // namespace theater
