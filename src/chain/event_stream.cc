#include "chain/event_stream.h"

#include <algorithm>

#include "chain/link_codec.h"

namespace theater {
namespace {

/// What must be known of a chain to understand one of its events.
struct Standing {
  /// Where reading must begin: with the link of the call or the start before the event.
  std::uint64_t begin = 0;
  std::optional<FunctionTable> functions;
  std::optional<Digest> component;
  std::optional<Digest> manifest;
  /// The call that runs when the event happens.
  std::optional<std::uint64_t> call;
};

void take(const chain::EventView& event, std::uint64_t link_begin, Standing& standing, bool is_the_event) {
  if (const auto* started = std::get_if<chain::StartedView>(&event.body)) {
    standing.begin = link_begin;
    standing.functions = FunctionTable{chain::names_of(started->imports), chain::names_of(started->exports)};
    standing.component = chain::digest_of(started->component);
    standing.manifest = chain::digest_of(started->manifest);
    standing.call.reset();
  } else if (event.kind() == EventKind::kCall) {
    standing.begin = link_begin;
    standing.call = event.sequence;
  } else if ((event.kind() == EventKind::kReturned || event.kind() == EventKind::kFailed) && !is_the_event) {
    standing.call.reset();
  }
}

Result<Standing> look_before(const ChainSource& source, std::uint64_t sequence, const ReadProgress& progress) {
  Standing standing{.begin = source.first_sequence()};
  auto links = source.links(0);
  if (!links) return fail(std::move(links.error()));
  while (true) {
    const auto link = (*links)->next();
    // Damage before the event is met by whoever reads on.
    if (!link || !*link) return standing;
    chain::LinkDecoder decoder((*link)->bytes);
    if (!decoder.ok() || decoder.header().first_sequence > sequence) return standing;
    if (progress) progress(decoder.header().first_sequence + decoder.header().event_count);
    chain::EventView event;
    while (decoder.next(event) && event.sequence <= sequence) {
      take(event, decoder.header().first_sequence, standing, event.sequence == sequence);
    }
  }
}

}  // namespace

Result<std::unique_ptr<EventStream>> EventStream::open(const ChainSource& source, std::uint64_t from_sequence,
                                                       Values values, const ReadProgress& progress) {
  std::unique_ptr<EventStream> stream(new EventStream(source, from_sequence));
  std::uint64_t begin = 0;
  if (from_sequence > source.first_sequence()) {
    auto standing = look_before(source, from_sequence, progress);
    if (!standing) return fail(std::move(standing.error()));
    begin = standing->begin;
    if (standing->functions) stream->reader_ = ChainReader(std::move(*standing->functions));
  }
  auto links = source.links(begin);
  if (!links) return fail(std::move(links.error()));
  stream->links_ = std::move(*links);
  if (values == Values::kFilled) stream->reader_.use_payloads(&source);
  return stream;
}

Result<std::vector<Event>> EventStream::next() {
  while (true) {
    const auto link = links_->next();
    if (!link) return fail(link.error());
    if (!*link) return std::vector<Event>();
    // The view ends when the source is asked for values.
    const Bytes bytes = to_bytes((*link)->bytes);
    const Digest hash = (*link)->hash;
    if (!verifier_.link(bytes, &hash)) {
      const Fault& fault = *verifier_.report().fault;
      return fail(ErrorCode::kCorrupt, source_.name() + " is broken at event " + std::to_string(fault.sequence) + ": " +
                                           fault.what + "; `theater verify` says more");
    }
    auto events = reader_.read(bytes);
    if (!events) return fail(std::move(events.error()));
    std::erase_if(*events, [&](const Event& event) { return event.sequence < from_sequence_; });
    if (!events->empty()) return events;
  }
}

Result<EventInTurn> find_event(const ChainSource& source, std::uint64_t sequence, const ReadProgress& progress) {
  if (sequence < source.first_sequence() || sequence >= source.next_sequence()) {
    return fail(ErrorCode::kNotFound, source.name() + " has no event " + std::to_string(sequence) +
                                          ", only those from " + std::to_string(source.first_sequence()) + " to " +
                                          std::to_string(source.next_sequence() - 1));
  }
  auto standing = look_before(source, sequence, progress);
  if (!standing) return fail(std::move(standing.error()));
  auto stream = EventStream::open(source, standing->call.value_or(sequence), EventStream::Values::kFilled, progress);
  if (!stream) return fail(std::move(stream.error()));
  EventInTurn found{
      .event = {}, .component = standing->component, .manifest = standing->manifest, .call = std::nullopt};
  while (true) {
    auto events = (*stream)->next();
    if (!events) return fail(std::move(events.error()));
    if (events->empty()) {
      return fail(ErrorCode::kCorrupt, source.name() + " ends before its event " + std::to_string(sequence));
    }
    for (Event& event : *events) {
      if (standing->call && event.sequence == *standing->call) found.call = event;
      if (event.sequence != sequence) continue;
      found.event = std::move(event);
      return found;
    }
  }
}

}  // namespace theater
