#include "replay/state.h"

#include <algorithm>

#include "chain/runtime_notes.h"
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

namespace {

/// Where a re-run may begin: with any start whose state is there, as a new instance knows nothing of what was before.
class RerunStart {
 public:
  void see(const chain::EventView& event, bool is_state_known) {
    if (const auto* note = std::get_if<chain::NoteView>(&event.body)) {
      if (note->type == chain::kUpdatedNote) is_updating_ = false;
    }
    const auto* started = std::get_if<chain::StartedView>(&event.body);
    if (started == nullptr) return;
    const bool is_update = started->reason == StartReason::kUpdated;
    if (is_update && is_updating_) {
      // It failed: the instance before it goes on.
      start_ = before_update_;
    } else {
      before_update_ = start_;
      if (is_state_known) start_ = event.sequence;
    }
    is_updating_ = is_update && !is_updating_;
  }
  std::optional<std::uint64_t> sequence() const { return start_; }

 private:
  std::optional<std::uint64_t> start_;
  std::optional<std::uint64_t> before_update_;
  bool is_updating_ = false;
};

}  // namespace

Result<std::optional<Bytes>> state_after(const ChainSource& source, std::uint64_t sequence,
                                         const ReplayOptions& options) {
  auto cursor = EventCursor::open(source, 0);
  if (!cursor) return fail(std::move(cursor.error()));
  KnownState state;
  RerunStart start;
  std::optional<std::uint64_t> last;
  for (const auto* event = cursor->peek(); event != nullptr && event->sequence <= sequence; event = cursor->peek()) {
    state.see(*event);
    last = event->sequence;
    if (event->kind() == EventKind::kStarted || event->kind() == EventKind::kNote) {
      start.see(*event, event->kind() == EventKind::kStarted && state.is_known(source));
    }
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
  if (!start.sequence()) {
    return fail(ErrorCode::kUnavailable, "the state after " + at_event(sequence) +
                                             " is not in the chain, and no start before it from which to re-run");
  }
  return replayed_state(source, *start.sequence(), sequence, options);
}

}  // namespace theater::replay
