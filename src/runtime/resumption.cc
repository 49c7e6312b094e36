#include "runtime/resumption.h"

#include <algorithm>
#include <functional>

#include "chain/link_codec.h"
#include "chain/runtime_notes.h"

namespace theater::runtime {
namespace {

/// Calls `visit` for each event from `from_sequence` on (and a few before), until it returns false.
Result<void> visit_events(const ChainSource& chain, std::uint64_t from_sequence,
                          const std::function<bool(const chain::EventView&)>& visit) {
  auto links = chain.links(from_sequence);
  if (!links) return fail(std::move(links.error()));
  while (true) {
    const auto link = (*links)->next();
    if (!link) return fail(link.error());
    if (!*link) return {};
    chain::LinkDecoder decoder((*link)->bytes);
    chain::EventView event;
    while (decoder.next(event)) {
      if (!visit(event)) return {};
    }
    if (decoder.fault()) return fail(ErrorCode::kCorrupt, chain.name() + ": " + decoder.fault()->to_string());
  }
}

/// What a link says of the state, without borrowing from it.
struct KnownState {
  EventState::Form form = EventState::Form::kUnchanged;
  Bytes bytes;
  Digest digest{};
};

KnownState copy(const chain::StateRef& state) {
  KnownState known{.form = state.form, .bytes = to_bytes(state.bytes), .digest = {}};
  if (!state.digest.empty()) std::ranges::copy(state.digest, known.digest.begin());
  return known;
}

Result<std::optional<Bytes>> content_of(const ChainSource& chain, const KnownState& state) {
  switch (state.form) {
    case EventState::Form::kUnchanged:
    case EventState::Form::kNone: return std::nullopt;
    case EventState::Form::kInline: return state.bytes;
    case EventState::Form::kDigest: break;
  }
  auto content = chain.find(state.digest);
  if (content) return content;
  return fail(ErrorCode::kNotFound,
              chain.name() + ": the content of its last state, " + to_hex(state.digest) + ", is not kept");
}

void note_state(const chain::EventView& event, KnownState& last) {
  const chain::StateRef* state = nullptr;
  if (const auto* started = std::get_if<chain::StartedView>(&event.body)) state = &started->state;
  if (const auto* returned = std::get_if<chain::ReturnedView>(&event.body)) state = &returned->state;
  if (state != nullptr && state->form != EventState::Form::kUnchanged) last = copy(*state);
}

void note_state(ByteView link, KnownState& last) {
  chain::LinkDecoder decoder(link);
  chain::EventView event;
  while (decoder.next(event)) note_state(event, last);
}

/// The last state that an event from this sequence on tells.
Result<KnownState> last_state(const ChainSource& chain, std::uint64_t from_sequence) {
  KnownState last;
  auto visited = visit_events(chain, from_sequence, [&](const chain::EventView& event) {
    note_state(event, last);
    return true;
  });
  if (!visited) return fail(std::move(visited.error()));
  return last;
}

void note_start(const chain::EventView& event, std::optional<FoundStart>& last) {
  const auto* started = std::get_if<chain::StartedView>(&event.body);
  if (started == nullptr) return;
  last.emplace();
  std::ranges::copy(started->component, last->component.begin());
  last->functions = {.imports = chain::names_of(started->imports), .exports = chain::names_of(started->exports)};
}

/// Whether the chain tells how the update ended that began there.
Result<bool> is_update_over(const ChainSource& chain, std::uint64_t start_sequence) {
  bool is_over = false;
  auto visited = visit_events(chain, start_sequence, [&](const chain::EventView& event) {
    const auto* note = std::get_if<chain::NoteView>(&event.body);
    is_over = note != nullptr && event.sequence > start_sequence &&
              (note->type == chain::kUpdatedNote || note->type == chain::kUpdateFailedNote);
    return !is_over;
  });
  if (!visited) return fail(std::move(visited.error()));
  return is_over;
}

Result<KnownState> state_at_start(const ChainSource& chain, std::uint64_t start_sequence) {
  KnownState state;
  auto visited = visit_events(chain, start_sequence, [&](const chain::EventView& event) {
    if (event.sequence == start_sequence) note_state(event, state);
    return event.sequence < start_sequence;
  });
  if (!visited) return fail(std::move(visited.error()));
  return state;
}

}  // namespace

Result<std::optional<FoundStart>> find_start_before(const ChainSource& chain, const std::vector<Bytes>& remnants,
                                                    std::uint64_t sequence) {
  std::optional<FoundStart> last;
  for (std::uint64_t events = 1000;; events *= 10) {
    const std::uint64_t from = sequence > events ? sequence - events : 0;
    auto visited = visit_events(chain, from, [&](const chain::EventView& event) {
      if (event.sequence < sequence) note_start(event, last);
      return event.sequence < sequence;
    });
    if (!visited) return fail(std::move(visited.error()));
    if (last || from <= chain.first_sequence()) break;
  }
  if (last) return last;
  for (const Bytes& link : remnants) {
    chain::LinkDecoder decoder(link);
    chain::EventView event;
    while (decoder.next(event)) note_start(event, last);
  }
  return last;
}

Result<Resumption> find_resumption(const ChainSource& chain, const std::vector<Bytes>& remnants,
                                   const store::StoredActor& stored) {
  Resumption resumption{.component = stored.component};
  KnownState state;
  // Near its end most likely: each look goes ten times as far back as the one before.
  for (std::uint64_t events = 1000;; events *= 10) {
    const std::uint64_t end = chain.next_sequence();
    const std::uint64_t from = end > events ? end - events : 0;
    auto found = last_state(chain, from);
    if (!found) return fail(std::move(found.error()));
    state = std::move(*found);
    if (state.form != EventState::Form::kUnchanged || from <= chain.first_sequence()) break;
  }
  if (state.form == EventState::Form::kUnchanged) {
    for (const Bytes& link : remnants) note_state(link, state);
  }
  if (stored.start == StartReason::kUpdated) {
    const auto is_over = is_update_over(chain, stored.start_sequence);
    if (!is_over) return fail(is_over.error());
    if (!*is_over) {
      const auto former = find_start_before(chain, remnants, stored.start_sequence);
      if (!former) return fail(former.error());
      if (!*former)
        return fail(ErrorCode::kNotFound, chain.name() + " no longer names the component before its update");
      auto before = state_at_start(chain, stored.start_sequence);
      if (!before) return fail(std::move(before.error()));
      resumption.component = (*former)->component;
      state = std::move(*before);
    }
  }
  auto content = content_of(chain, state);
  if (!content) return fail(std::move(content.error()));
  resumption.state = std::move(*content);
  // Where the beginning was removed long ago, init has returned long ago.
  resumption.is_initialized = chain.first_sequence() > 0;
  auto visited = visit_events(chain, 0, [&](const chain::EventView& event) {
    // The first call is that of init, if there is one.
    if (event.kind() == EventKind::kReturned) resumption.is_initialized = true;
    return event.kind() != EventKind::kReturned && event.kind() != EventKind::kFailed;
  });
  if (!visited) return fail(std::move(visited.error()));
  return resumption;
}

Result<std::optional<Bytes>> find_initial_state(const ChainSource& chain) {
  KnownState state;
  if (chain.first_sequence() > 0) return std::nullopt;
  auto visited = visit_events(chain, 0, [&](const chain::EventView& event) {
    if (const auto* started = std::get_if<chain::StartedView>(&event.body)) state = copy(started->state);
    return false;
  });
  if (!visited) return fail(std::move(visited.error()));
  auto content = content_of(chain, state);
  if (!content && content.error().code() == ErrorCode::kNotFound) return std::nullopt;
  return content;
}

}  // namespace theater::runtime
