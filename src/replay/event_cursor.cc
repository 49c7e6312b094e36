#include "replay/event_cursor.h"

namespace theater::replay {
namespace {

/// Takes note of one event after a call began; true when the call has ended.
bool look_at(const chain::EventView& event, EventCursor::CallEnd& end) {
  end.end_sequence = event.sequence;
  switch (event.kind()) {
    case EventKind::kReturned:
      end.kind = EventKind::kReturned;
      end.fuel = std::get<chain::ReturnedView>(event.body).fuel;
      return true;
    case EventKind::kFailed: {
      const auto& failed = std::get<chain::FailedView>(event.body);
      end.kind = EventKind::kFailed;
      end.failure = failed.reason;
      end.fuel = failed.fuel;
      return true;
    }
    case EventKind::kHostCall:
    case EventKind::kHostCallBegin:
    case EventKind::kHostCallEnd:
      end.last_host_event = event.sequence;
      end.end_sequence = event.sequence + 1;
      return false;
    case EventKind::kNote: end.end_sequence = event.sequence + 1; return false;
    case EventKind::kStarted:
    case EventKind::kCall:
    case EventKind::kStopped: return true;
  }
  return true;
}

}  // namespace

Result<EventCursor> EventCursor::open(const ChainSource& source, std::uint64_t from_sequence) {
  auto links = source.links(from_sequence);
  if (!links) return fail(std::move(links.error()));
  return EventCursor(source, std::move(*links), from_sequence);
}

void EventCursor::broken(std::string what) {
  ended_ = true;
  fault_ = Fault{.sequence = sequence_, .what = std::move(what)};
}

bool EventCursor::read_link() {
  decoder_.reset();
  auto link = links_->next();
  if (!link) {
    broken(link.error().to_string());
    return false;
  }
  if (!*link) {
    ended_ = true;
    return false;
  }
  if (!verifier_->link((*link)->bytes, &(*link)->hash)) {
    const Fault& found = *verifier_->report().fault;
    ended_ = true;
    fault_ = found;
    return false;
  }
  decoder_.emplace((*link)->bytes);
  link_end_ = decoder_->header().first_sequence + decoder_->header().event_count;
  return true;
}

const chain::EventView* EventCursor::peek() {
  if (has_event_) return &event_;
  while (!ended_) {
    if (decoder_ && decoder_->next(event_)) {
      has_event_ = true;
      sequence_ = event_.sequence;
      return &event_;
    }
    if (decoder_) sequence_ = link_end_;
    if (!read_link()) break;
  }
  return nullptr;
}

EventCursor::CallEnd EventCursor::find_call_end() const {
  CallEnd end{.end_sequence = sequence_};
  if (has_event_ && look_at(event_, end)) return end;
  if (!decoder_) return end;
  chain::LinkDecoder rest = *decoder_;
  chain::EventView event;
  while (rest.next(event)) {
    if (look_at(event, end)) return end;
  }
  auto links = source_->links(link_end_);
  while (links) {
    const auto link = (*links)->next();
    if (!link || !*link) break;
    chain::LinkDecoder decoder((*link)->bytes);
    while (decoder.next(event)) {
      if (look_at(event, end)) return end;
    }
  }
  return end;
}

}  // namespace theater::replay
