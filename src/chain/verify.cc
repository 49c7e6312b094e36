#include "chain/verify.h"

#include <cstring>

#include "base/sha256.h"

namespace theater {
namespace {

using chain::EventView;

/// Values that one link can name by digest: two and a state in each event.
constexpr std::size_t kPayloadsPerLinkMax = 3 * chain::kLinkEventsMax;

std::string short_hex(const Digest& digest) { return to_hex(ByteView(digest).first(8)); }

}  // namespace

std::size_t ChainVerifier::DigestHash::operator()(const Digest& digest) const {
  std::size_t value;
  std::memcpy(&value, digest.data(), sizeof(value));
  return value;
}

bool ChainVerifier::provide_payload(ByteView content, const Digest& stored_digest) {
  const bool is_true = sha256(content) == stored_digest;
  payload_sizes_.insert_or_assign(stored_digest, is_true ? std::optional<std::uint64_t>(content.size()) : std::nullopt);
  return is_true;
}

bool ChainVerifier::fault(std::uint64_t sequence, std::string what) {
  if (!report_.fault) report_.fault = Fault{sequence, std::move(what)};
  return false;
}

std::uint64_t ChainVerifier::expected_sequence() const {
  return is_first_ ? expectation_.first_sequence.value_or(0) : next_sequence_;
}

bool ChainVerifier::link(ByteView bytes, const Digest* stored_hash) {
  if (report_.fault) return false;
  const Digest hash = sha256(bytes);
  // Before anything in the link is believed, its own numbers included.
  if (stored_hash != nullptr && *stored_hash != hash) {
    return fault(expected_sequence(), "the link was changed: its bytes do not have the hash stored with them");
  }
  return link_with_hash(bytes, hash);
}

bool ChainVerifier::link_with_hash(ByteView bytes, const Digest& hash) {
  if (report_.fault) return false;
  chain::LinkDecoder decoder(bytes);
  if (!decoder.ok()) return fault(expected_sequence(), "the link is malformed: " + decoder.fault()->to_string());
  if (!check_header(decoder.header()) || !check_events(decoder)) return false;

  if (!check_heads(decoder.header().first_sequence + decoder.header().event_count, hash)) return false;

  is_first_ = false;
  next_sequence_ = decoder.header().first_sequence + decoder.header().event_count;
  report_.head_hash = hash;
  report_.last_sequence = next_sequence_ - 1;
  report_.events += decoder.header().event_count;
  ++report_.links;
  if (next_head_ > 0 && expectation_.heads[next_head_ - 1].next_sequence == next_sequence_) certain_ = report_;
  return true;
}

bool ChainVerifier::check_heads(std::uint64_t next_sequence, const Digest& hash) {
  const std::vector<KnownHead>& heads = expectation_.heads;
  for (; next_head_ < heads.size() && heads[next_head_].next_sequence <= next_sequence; ++next_head_) {
    const KnownHead& known = heads[next_head_];
    if (known.next_sequence == next_sequence && known.head == hash) {
      ++report_.heads_checked;
      continue;
    }
    // Somewhere after the last known head that fits the chain was written anew; its own hashes cannot say where.
    report_ = certain_;
    const std::uint64_t from = report_.events == 0 ? report_.first_sequence : report_.last_sequence + 1;
    return fault(from, "was written anew from here or later: event " + std::to_string(known.next_sequence - 1) +
                           " once ended the link " + short_hex(known.head) + "…, which is not in this chain");
  }
  return true;
}

bool ChainVerifier::check_header(const chain::LinkHeader& header) {
  if (is_first_) {
    const std::uint64_t first = header.first_sequence;
    report_.actor = expectation_.actor.value_or(header.actor);
    if (expectation_.first_sequence && first != *expectation_.first_sequence) {
      return fault(*expectation_.first_sequence, "begins with event " + std::to_string(first) + " instead");
    }
    if ((first == 0) != (header.previous == Digest{})) {
      return fault(first,
                   first == 0 ? "the first link names a link before it" : "a later link names no link before it");
    }
    report_.first_sequence = first;
    report_.complete = first == 0;
    phase_ = first == 0 ? Phase::kNew : Phase::kUnknown;
    const std::vector<KnownHead>& heads = expectation_.heads;
    while (next_head_ < heads.size() && heads[next_head_].next_sequence < first) ++next_head_;
    report_.heads_before = next_head_;
    certain_ = report_;
    // Of what came before the chain only the hash is left.
    if (first > 0 && !check_heads(first, header.previous)) return false;
    certain_ = report_;
  } else if (header.first_sequence != next_sequence_) {
    return fault(next_sequence_, "the next link begins with event " + std::to_string(header.first_sequence) +
                                     (header.first_sequence > next_sequence_ ? ": links are missing or out of order"
                                                                             : ": links are repeated or out of order"));
  } else if (header.previous != report_.head_hash) {
    return fault(next_sequence_, "the link does not follow the one before it: it names " + short_hex(header.previous) +
                                     "…, that one is " + short_hex(report_.head_hash) + "…");
  }
  if (header.actor != report_.actor) {
    return fault(header.first_sequence, "the link belongs to another actor, " + to_string(header.actor));
  }
  if (header.base_time_ns < last_time_ns_) ++report_.clock_steps_back;
  return true;
}

bool ChainVerifier::check_events(chain::LinkDecoder& decoder) {
  EventView event;
  while (decoder.next(event)) {
    if (const char* what = check_event(event); what != nullptr) return fault(event.sequence, what);
    last_time_ns_ = event.time_ns;
  }
  if (!decoder.fault()) return true;
  const std::uint64_t sequence = decoder.fault()->sequence.value_or(decoder.header().first_sequence);
  return fault(sequence, "the event is malformed: " + decoder.fault()->to_string());
}

const char* ChainVerifier::check_event(const EventView& event) {
  const auto* started = std::get_if<chain::StartedView>(&event.body);
  const bool is_resumption = started != nullptr && started->reason == StartReason::kResumed;
  if (const char* what = check_order(event.kind(), is_resumption); what != nullptr) return what;
  if (const char* what = check_functions(event); what != nullptr) return what;
  return check_values(event);
}

const char* ChainVerifier::check_order(EventKind kind, bool is_resumption) {
  const Phase before = phase_;
  const bool is_unknown = before == Phase::kUnknown;
  if (before == Phase::kNew && kind != EventKind::kStarted) return "the chain does not begin with a started event";
  if (before == Phase::kStopped && kind != EventKind::kStarted) return "an event after the actor has stopped";
  switch (kind) {
    case EventKind::kStarted:
      phase_ = Phase::kIdle;
      // Only a runtime that ended in the middle of a call leaves one without its end.
      return (before == Phase::kInCall || before == Phase::kSuspended) && !is_resumption ? "started during a call"
                                                                                         : nullptr;
    case EventKind::kCall:
      phase_ = Phase::kInCall;
      return before == Phase::kIdle || is_unknown ? nullptr : "a call during another call";
    case EventKind::kHostCall:
      // Also outside a call: a component may call while it is instantiated.
      return before == Phase::kSuspended ? "a host call while another one is pending" : nullptr;
    case EventKind::kHostCallBegin:
      phase_ = Phase::kSuspended;
      return before == Phase::kInCall || is_unknown ? nullptr : "a suspending host call outside a running call";
    case EventKind::kHostCallEnd:
      phase_ = Phase::kInCall;
      return before == Phase::kSuspended || is_unknown ? nullptr : "the end of a host call that was not begun";
    case EventKind::kReturned:
      phase_ = Phase::kIdle;
      return before == Phase::kInCall || is_unknown ? nullptr : "a return without a call that could return";
    case EventKind::kFailed:
      phase_ = Phase::kIdle;
      return before == Phase::kIdle ? "a failure without a call" : nullptr;
    case EventKind::kStopped:
      phase_ = Phase::kStopped;
      return before == Phase::kIdle || is_unknown ? nullptr : "stopped without the end of its call";
    case EventKind::kNote: return nullptr;
  }
  return "an unknown kind of event";
}

const char* ChainVerifier::check_functions(const EventView& event) {
  const auto check = [](const std::optional<std::uint64_t>& count, std::uint32_t index) {
    return count && index >= *count ? "names a function that the component does not have" : nullptr;
  };
  if (const auto* call = std::get_if<chain::CallView>(&event.body)) return check(export_count_, call->export_index);
  if (const auto* call = std::get_if<chain::HostCallView>(&event.body)) return check(import_count_, call->import_index);
  if (const auto* call = std::get_if<chain::HostCallBeginView>(&event.body)) {
    return check(import_count_, call->import_index);
  }
  if (const auto* started = std::get_if<chain::StartedView>(&event.body)) {
    import_count_ = started->imports.count;
    export_count_ = started->exports.count;
  }
  return nullptr;
}

const char* ChainVerifier::check_values(const EventView& event) {
  const char* what = nullptr;
  chain::visit_digests(event, [&](ByteView digest, std::uint64_t size) {
    Digest wanted;
    std::memcpy(wanted.data(), digest.data(), sizeof(wanted));
    const auto found = payload_sizes_.find(wanted);
    const bool is_provided = found != payload_sizes_.end();
    const std::optional<std::uint64_t> kept = is_provided          ? found->second
                                              : values_ != nullptr ? values_->size_of(wanted)
                                                                   : std::nullopt;
    if (!kept && is_provided) {
      what = "the content of a large value was changed: it does not have its digest";
    } else if (!kept) {
      ++report_.payloads_missing;
    } else if (*kept != size) {
      what = "a large value has another length than its content";
    } else {
      ++report_.payloads_checked;
    }
  });
  return what;
}

VerifyReport ChainVerifier::finish(std::optional<std::string> extra_fault) {
  const std::uint64_t next = report_.events == 0 ? expectation_.first_sequence.value_or(0) : next_sequence_;
  if (extra_fault) fault(next, std::move(*extra_fault));
  if (next_head_ < expectation_.heads.size()) {
    fault(next, "ends before event " + std::to_string(next) + ", but once had events up to " +
                    std::to_string(expectation_.heads.back().next_sequence) + ", that one not included: cut off");
  }
  if (expectation_.next_sequence && *expectation_.next_sequence != next) {
    fault(next, "ends before event " + std::to_string(next) + ", expected were events up to " +
                    std::to_string(*expectation_.next_sequence) + ", that one not included");
  }
  if (expectation_.head_hash && *expectation_.head_hash != report_.head_hash) {
    fault(next, "ends with link " + short_hex(report_.head_hash) + "…, expected was " +
                    short_hex(*expectation_.head_hash) + "…: cut off, or written anew");
  }
  return report_;
}

VerifyReport verify(const ChainSnapshot& snapshot, VerifyExpectation expectation) {
  if (!expectation.actor) expectation.actor = snapshot.actor;
  if (!expectation.head_hash && !snapshot.links.empty()) expectation.head_hash = snapshot.head_hash;
  if (!expectation.next_sequence && !snapshot.links.empty()) expectation.next_sequence = snapshot.next_sequence;
  if (!expectation.first_sequence && !snapshot.links.empty()) {
    expectation.first_sequence = snapshot.links.front().first_sequence;
  }
  ChainVerifier verifier(std::move(expectation));
  bool all_true = true;
  for (const RecordedPayload& payload : snapshot.payloads) {
    all_true &= verifier.provide_payload(payload.content.view(), payload.digest);
  }
  for (const ChainSnapshot::Link& link : snapshot.links) {
    if (!verifier.link(snapshot.link_bytes(link), &link.hash)) break;
  }
  if (all_true) return verifier.finish();
  // Reached only when no event names the changed content.
  return verifier.finish("the content of a large value does not have its digest");
}

namespace {

constexpr std::uint64_t kEventsPerProgress = 100'000;

/// What is wrong with the record, if anything: feeds it to the verifier.
std::optional<std::string> check_record(const ChainFileRecord& record, ChainVerifier& verifier,
                                        std::size_t& pending_payloads) {
  switch (record.type) {
    case ChainFileRecord::Type::kLink:
      verifier.link(record.bytes, &record.digest);
      verifier.forget_payloads();
      pending_payloads = 0;
      return std::nullopt;
    case ChainFileRecord::Type::kPayload:
      if (++pending_payloads > kPayloadsPerLinkMax) return "more large values than one link can name";
      if (verifier.provide_payload(record.bytes, record.digest)) return std::nullopt;
      return "a large value was changed: its content does not have its digest";
    case ChainFileRecord::Type::kClosed: {
      const VerifyReport& report = verifier.report();
      const std::uint64_t next = report.events == 0 ? 0 : report.last_sequence + 1;
      if (record.digest == report.head_hash && record.closed_links == report.links &&
          record.closed_next_sequence == next) {
        return std::nullopt;
      }
      return "the closing record tells of " + std::to_string(record.closed_links) + " links up to event " +
             std::to_string(record.closed_next_sequence) + ", the file holds others";
    }
  }
  return "an unknown record";
}

}  // namespace

Result<FileVerifyReport> verify_chain_file(const std::string& path, VerifyExpectation expectation, FileSection section,
                                           const std::function<void(std::uint64_t)>& progress) {
  auto reader = ChainFileReader::open(path, section);
  if (!reader) return fail(std::move(reader.error()));
  ChainVerifier verifier(std::move(expectation));
  FileVerifyReport report;
  std::optional<std::string> fault;
  std::size_t pending_payloads = 0;
  std::uint64_t next_progress = kEventsPerProgress;
  while (!fault && verifier.report().ok()) {
    auto record = (*reader)->next();
    if (!record) {
      if (record.error().code() != ErrorCode::kCorrupt) return fail(std::move(record.error()));
      fault = record.error().message();
      break;
    }
    if (!*record) break;
    fault = check_record(**record, verifier, pending_payloads);
    report.closed = (*record)->type == ChainFileRecord::Type::kClosed;
    if (progress && verifier.report().events >= next_progress) {
      progress(verifier.report().events);
      next_progress = verifier.report().events + kEventsPerProgress;
    }
  }
  report.torn_bytes = (*reader)->torn_bytes();
  report.chain = verifier.finish(std::move(fault));
  return report;
}

}  // namespace theater
