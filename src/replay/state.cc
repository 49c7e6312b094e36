#include "replay/state.h"

#include <algorithm>

#include "replay/component_shelf.h"
#include "replay/event_cursor.h"
#include "replay/replayer.h"

namespace theater::replay {
namespace {

std::string at_event(std::uint64_t sequence) { return "event " + std::to_string(sequence); }

Result<std::optional<Bytes>> replayed_state(const ChainSource& source, std::uint64_t from, std::uint64_t sequence,
                                            const ReplayOptions& options) {
  ReplayOptions up_to = options;
  up_to.until = sequence;
  const auto shelf = ComponentShelf::make(up_to, &Replayer::call_host);
  if (!shelf) return fail(shelf.error());
  ReplayReport report = Replayer(source, **shelf, up_to, nullptr).run(from);
  if (report.divergence) {
    return fail(ErrorCode::kCorrupt, "a re-run differs at " + at_event(report.divergence->sequence) +
                                         ", so that it does not tell the state after " + at_event(sequence) +
                                         "; see theater replay");
  }
  if (report.stop) {
    return fail(report.stop->given_up ? ErrorCode::kInterrupted : ErrorCode::kUnavailable,
                "the state after " + at_event(sequence) + " is not in the chain, and a re-run ends at " +
                    at_event(report.stop->sequence) + ": " + report.stop->what);
  }
  return std::move(report.state);
}

}  // namespace

bool KnownState::see(const chain::EventView& event) {
  const chain::StateRef* state = nullptr;
  if (const auto* started = std::get_if<chain::StartedView>(&event.body)) state = &started->state;
  if (const auto* returned = std::get_if<chain::ReturnedView>(&event.body)) state = &returned->state;
  if (state == nullptr || state->form == EventState::Form::kUnchanged) return false;
  bytes_.reset();
  form_ = Form::kKnown;
  if (state->form == EventState::Form::kInline) bytes_ = to_bytes(state->bytes);
  if (state->form != EventState::Form::kDigest) return true;
  form_ = Form::kDigest;
  std::ranges::copy(state->digest, digest_.begin());
  size_ = state->size;
  return true;
}

bool KnownState::is_known(const ChainSource& source) {
  if (form_ == Form::kDigest) {
    auto found = source.find(digest_);
    if (!found || found->size() != size_) return false;
    bytes_ = std::move(found);
    form_ = Form::kKnown;
  }
  return form_ == Form::kKnown;
}

Result<std::optional<Bytes>> state_after(const ChainSource& source, std::uint64_t sequence,
                                         const ReplayOptions& options) {
  auto cursor = EventCursor::open(source, 0);
  if (!cursor) return fail(std::move(cursor.error()));
  KnownState state;
  std::optional<std::uint64_t> start;
  std::optional<std::uint64_t> last;
  for (const auto* event = cursor->peek(); event != nullptr && event->sequence <= sequence; event = cursor->peek()) {
    state.see(*event);
    last = event->sequence;
    // A re-run may begin with any start whose state is there: a new instance knows nothing of what was before.
    if (event->kind() == EventKind::kStarted && state.is_known(source)) start = event->sequence;
    cursor->take();
  }
  if (cursor->fault()) {
    return fail(ErrorCode::kCorrupt,
                "the chain is broken at " + at_event(cursor->fault()->sequence) + ": " + cursor->fault()->what);
  }
  if (last != sequence) {
    return fail(ErrorCode::kNotFound, "there is no " + at_event(sequence) + ": the chain holds those from " +
                                          std::to_string(source.first_sequence()) + " to " +
                                          std::to_string(source.next_sequence() - 1));
  }
  if (state.is_known(source)) return state.bytes();
  if (!start) {
    return fail(ErrorCode::kUnavailable, "the state after " + at_event(sequence) +
                                             " is not in the chain, and no start before it from which to re-run");
  }
  return replayed_state(source, *start, sequence, options);
}

}  // namespace theater::replay
