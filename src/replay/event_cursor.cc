#include "replay/event_cursor.h"

namespace theater::replay {
namespace {

/// Links read ahead to find the end of a call.
constexpr std::size_t kAheadBytesMax = 1u << 20;

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

bool EventCursor::read(Link& link) {
  if (has_read_all_) return false;
  auto next = links_->next();
  if (!next) read_error_ = std::move(next.error());
  has_read_all_ = !next || !*next;
  if (has_read_all_) return false;
  link.bytes.assign((*next)->bytes.begin(), (*next)->bytes.end());
  link.hash = (*next)->hash;
  return true;
}

const EventCursor::Link* EventCursor::look_ahead(std::size_t links) {
  if (links < ahead_.size()) return &ahead_[links];
  Link link;
  if (ahead_bytes_ > kAheadBytesMax || !read(link)) return nullptr;
  ahead_bytes_ += link.bytes.size();
  return &ahead_.emplace_back(std::move(link));
}

bool EventCursor::go_to_next_link() {
  if (ahead_.empty()) return read(current_);
  current_ = std::move(ahead_.front());
  ahead_.pop_front();
  ahead_bytes_ -= current_.bytes.size();
  return true;
}

bool EventCursor::read_link() {
  decoder_.reset();
  if (!go_to_next_link()) {
    ended_ = true;
    if (read_error_) fault_ = Fault{.sequence = sequence_, .what = read_error_->to_string()};
    return false;
  }
  if (!verifier_->link(current_.bytes, &current_.hash)) {
    ended_ = true;
    fault_ = verifier_->report().fault;
    return false;
  }
  decoder_.emplace(current_.bytes);
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

EventCursor::CallEnd EventCursor::find_call_end() {
  CallEnd end{.end_sequence = sequence_};
  if (!decoder_ || (has_event_ && look_at(event_, end))) return end;
  chain::EventView event;
  // A copy of the decoder goes on without the original.
  chain::LinkDecoder rest = *decoder_;
  while (rest.next(event)) {
    if (look_at(event, end)) return end;
  }
  std::uint64_t next_sequence = link_end_;
  std::size_t links = 0;
  while (const Link* link = look_ahead(links++)) {
    chain::LinkDecoder decoder(link->bytes);
    if (!decoder.ok()) return end;
    next_sequence = decoder.header().first_sequence + decoder.header().event_count;
    while (decoder.next(event)) {
      if (look_at(event, end)) return end;
    }
  }
  if (has_read_all_) return end;
  // A long call: the rest is read twice.
  const auto others = source_->links(next_sequence);
  while (others) {
    const auto link = (*others)->next();
    if (!link || !*link) break;
    chain::LinkDecoder decoder((*link)->bytes);
    while (decoder.next(event)) {
      if (look_at(event, end)) return end;
    }
  }
  return end;
}

}  // namespace theater::replay
