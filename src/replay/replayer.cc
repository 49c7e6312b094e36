#include "replay/replayer.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "actor/guest.h"
#include "actor/turn_failure.h"
#include "base/limits.h"
#include "chain/link_builder.h"
#include "chain/runtime_notes.h"
#include "engine/value_text.h"
#include "theater/handler.h"

namespace theater::replay {
namespace {

using actor::from_engine;
using actor::to_engine;

constexpr std::uint32_t kAbsent = UINT32_MAX;
constexpr std::uint64_t kEventsPerProgress = 1024;
constexpr std::string_view kMigrate = "theater:ext/migrate.migrate";
constexpr std::string_view kReplayEnds = "the replay goes no further";

/// The name by which functions of different builds are the same: without version and the older package name.
std::string canonical_name(std::string_view full_name) {
  const auto dot = full_name.rfind('.');
  if (dot == std::string_view::npos) return std::string(full_name);
  return canonical_interface(full_name.substr(0, dot)) + std::string(full_name.substr(dot));
}

std::vector<std::string> names_of(const std::vector<engine::FunctionType>& functions) {
  std::vector<std::string> names;
  for (const engine::FunctionType& function : functions) names.push_back(engine::full_name(function));
  return names;
}

/// For each recorded name its place in the component.
std::vector<std::uint32_t> places_of(const std::vector<std::string>& recorded,
                                     const std::vector<std::string>& present) {
  std::vector<std::string> canonical;
  std::ranges::transform(present, std::back_inserter(canonical), canonical_name);
  std::vector<std::uint32_t> places;
  for (const std::string& name : recorded) {
    // The very same name goes first: a component may import two versions.
    auto found = std::ranges::find(present, name) - present.begin();
    if (found == std::ssize(present)) found = std::ranges::find(canonical, canonical_name(name)) - canonical.begin();
    places.push_back(found == std::ssize(present) ? kAbsent : static_cast<std::uint32_t>(found));
  }
  return places;
}

std::string name_at(const std::vector<std::string>& names, std::uint32_t index, std::string_view what) {
  return index < names.size() ? names[index] : std::string(what) + " " + std::to_string(index);
}

std::string missing_in_words(std::string_view what, std::uint64_t bytes, ByteView digest) {
  return std::string(what) + " cannot be had: " + std::to_string(bytes) + " bytes with the SHA-256 " + to_hex(digest) +
         " are not kept";
}

/// How the call ended, as it would be recorded; nothing when it returned.
std::optional<FailureReason> failure_in(const engine::Outcome& outcome) {
  switch (outcome.status) {
    case TE_CALL_GUEST_ERROR: return FailureReason::kGuestError;
    case TE_CALL_TRAPPED: return actor::failure_of(outcome.trap);
    default: break;
  }
  if (actor::why_state_is_refused(outcome.state.size)) return FailureReason::kHostError;
  return std::nullopt;
}

std::string message_in(const engine::Outcome& outcome, const ActorLimits& limits) {
  switch (outcome.status) {
    case TE_CALL_GUEST_ERROR: return std::string(as_text(from_engine(outcome.result.head)));
    case TE_CALL_TRAPPED: return actor::explain_trap(outcome, limits);
    default: return actor::why_state_is_refused(outcome.state.size).value_or("");
  }
}

bool is_resumption(const chain::EventView& event) {
  const auto* started = std::get_if<chain::StartedView>(&event.body);
  return started != nullptr && started->reason == StartReason::kResumed;
}

}  // namespace

te_host_status Replayer::call_host(void* replayer, std::uint32_t import_index, te_value params, te_host_reply* reply) {
  auto& self = *static_cast<Replayer*>(replayer);
  // No exception may cross the engine.
  try {
    const ValueView view = {.head = from_engine(params.head), .body = from_engine(params.body)};
    return self.host_call(import_index, view, reply);
  } catch (const std::exception& error) {
    self.stop_at(self.report_.next_sequence, error.what());
    return halt(reply);
  }
}

Replayer::Replayer(const ChainSource& source, ComponentShelf& shelf, const ReplayOptions& options, Watcher* watcher)
    : source_(source), shelf_(shelf), options_(options), watcher_(watcher) {}

ReplayReport Replayer::run(std::uint64_t from_sequence) {
  report_.actor = source_.actor();
  auto cursor = EventCursor::open(source_, from_sequence);
  if (!cursor) {
    stop_at(from_sequence, cursor.error().to_string());
    return std::move(report_);
  }
  cursor_.emplace(std::move(*cursor));
  find_initial_state();
  skip_to_start(from_sequence);
  while (const chain::EventView* event = next_event()) go_through(*event);
  instance_.reset();
  if (has_state_) report_.state = std::move(state_);
  return std::move(report_);
}

// Going through events ------------------------------------------------------------------------------------------------

const chain::EventView* Replayer::next_event() {
  while (!is_over_) {
    const chain::EventView* event = cursor_->peek();
    if (event == nullptr) {
      if (cursor_->fault()) {
        stop_at(cursor_->fault()->sequence, "the chain is broken there: " + cursor_->fault()->what);
      }
      is_over_ = true;
    } else if (event->sequence > options_.until) {
      is_over_ = true;
    } else if (const auto* note = std::get_if<chain::NoteView>(&event->body)) {
      take_note(*note, event->sequence);
      went_through(*event);
    } else {
      return event;
    }
  }
  return nullptr;
}

void Replayer::went_through(const chain::EventView& event) {
  report_.next_sequence = event.sequence + 1;
  if (events_ == 0) first_time_ns_ = event.time_ns;
  // A wall clock may have been set back.
  report_.recorded_ns = std::max(event.time_ns, first_time_ns_) - first_time_ns_;
  cursor_->take();
  if (watcher_ != nullptr) {
    const auto state = has_state_ ? std::optional<ByteView>(state_) : std::nullopt;
    if (!watcher_->event(event, state, component_.linked ? &component() : nullptr)) is_over_ = true;
  }
  if (++events_ % kEventsPerProgress == 0 && options_.progress &&
      !options_.progress(report_.next_sequence, source_.next_sequence())) {
    stop_at(report_.next_sequence, "given up", true);
  }
}

void Replayer::stop_at(std::uint64_t sequence, std::string what, bool given_up) {
  is_over_ = true;
  if (!report_.stop) report_.stop = {.sequence = sequence, .what = std::move(what), .given_up = given_up};
}

/// The template of the actor's manifest was filled from the state that it was first started with.
void Replayer::find_initial_state() {
  if (source_.first_sequence() != 0) return;
  const auto links = source_.links(0);
  if (!links) return;
  const auto link = (*links)->next();
  if (!link || !*link) return;
  chain::LinkDecoder decoder((*link)->bytes);
  chain::EventView event;
  if (!decoder.next(event)) return;
  if (const auto* started = std::get_if<chain::StartedView>(&event.body)) {
    initial_state_ = fetch(started->state, source_);
  }
}

void Replayer::skip_to_start(std::uint64_t from_sequence) {
  std::optional<std::uint64_t> first_skipped;
  const chain::EventView* event = cursor_->peek();
  while (event != nullptr && (event->kind() != EventKind::kStarted || event->sequence < from_sequence)) {
    if (event->sequence >= from_sequence && !first_skipped) first_skipped = event->sequence;
    cursor_->take();
    event = cursor_->peek();
  }
  report_.first_sequence = report_.next_sequence = cursor_->sequence();
  if (event == nullptr) {
    if (cursor_->fault()) {
      stop_at(cursor_->fault()->sequence, "the chain is broken there: " + cursor_->fault()->what);
    } else {
      stop_at(cursor_->sequence(), "the chain holds no start to begin with");
    }
  } else if (first_skipped) {
    remark("events " + std::to_string(*first_skipped) + " to " + std::to_string(event->sequence - 1) +
           " were not re-run: the start before them is no longer in the chain");
  }
}

void Replayer::go_through(const chain::EventView& event) {
  switch (event.kind()) {
    case EventKind::kStarted: return start(event);
    case EventKind::kCall: return call(event);
    case EventKind::kStopped: instance_.reset(); return went_through(event);
    case EventKind::kFailed:
      // The end of a call that never got on: the actor was stopped while it waited.
      if (is_call_cut_) {
        is_call_cut_ = false;
        return went_through(event);
      }
      break;
    default: break;
  }
  differs(event.sequence, event.kind(), {},
          {{.field = "event", .recorded = in_words(event), .replayed = "(nothing: no call runs)"}});
}

// A start -------------------------------------------------------------------------------------------------------------

void Replayer::start(const chain::EventView& event) {
  const auto& started = std::get<chain::StartedView>(event.body);
  const std::uint64_t sequence = event.sequence;
  is_call_cut_ = false;
  if (started.reason == StartReason::kUpdated) {
    if (former_) return come_back(event, started);
    if (instance_) stand_aside();
  } else if (former_) {
    // The runtime ended, or the actor did, before the update was over: it counts for nothing.
    if (started.reason == StartReason::kResumed) {
      has_state_ = former_->state.has_value();
      state_ = former_->state.value_or(Bytes());
    }
    former_.reset();
  }
  instance_.reset();
  report_.name = started.name;
  recorded_functions_ = {.imports = chain::names_of(started.imports), .exports = chain::names_of(started.exports)};
  if (!take_state_of(started, sequence)) return;
  find_limits(chain::digest_of(started.manifest));
  if (!take_component(chain::digest_of(started.component), sequence)) return;
  went_through(event);
  if (!is_over_) make_instance(sequence);
}

void Replayer::stand_aside() {
  former_.emplace(Former{.component = component_,
                         .recorded_functions = std::move(recorded_functions_),
                         .imports = imports_,
                         .exports = exports_,
                         .instance = std::move(instance_),
                         .state = has_state_ ? std::optional(state_) : std::nullopt});
  instance_.reset();
}

/// The update failed: the former instance goes on.
void Replayer::come_back(const chain::EventView& event, const chain::StartedView& started) {
  const std::uint64_t sequence = event.sequence;
  component_ = std::move(former_->component);
  recorded_functions_ = std::move(former_->recorded_functions);
  imports_ = std::move(former_->imports);
  exports_ = std::move(former_->exports);
  instance_ = std::move(former_->instance);
  has_state_ = former_->state.has_value();
  state_ = std::move(former_->state).value_or(Bytes());
  former_.reset();
  if (!take_state_of(started, sequence)) return;
  went_through(event);
}

void Replayer::take_note(const chain::NoteView& note, std::uint64_t sequence) {
  if (note.type == chain::kUpdatedNote || note.type == chain::kUpdateFailedNote) former_.reset();
  // In a call it would be another's note of the same name.
  if (note.type == chain::kInstanceRenewedNote && component_.linked && !running_) {
    instance_.reset();
    make_instance(sequence);
  }
}

bool Replayer::take_state_of(const chain::StartedView& started, std::uint64_t sequence) {
  const bool is_first = sequence == report_.first_sequence;
  const bool goes_on = started.reason == StartReason::kUpdated || started.reason == StartReason::kResumed;
  const chain::StateRef& state = started.state;
  if (state.form == EventState::Form::kUnchanged) {
    if (!is_first) return true;
    stop_at(sequence, "the state that the actor started with is not in the chain");
    return false;
  }
  if (goes_on && !is_first) {
    if (options_.ignore_state) return true;
    std::vector<ReplayDifference> differences;
    compare_state(state, has_state_, state_, differences);
    if (!differences.empty()) {
      differs(sequence, EventKind::kStarted, {}, std::move(differences));
      return false;
    }
    return true;
  }
  if (state.form == EventState::Form::kNone) {
    has_state_ = false;
    state_.clear();
    return true;
  }
  if (has_state_ && is_same(state, state_)) return true;
  auto bytes = fetch(state, source_);
  if (!bytes) {
    stop_at(sequence, missing_in_words("the state that the actor started with", state.size, state.digest));
    return false;
  }
  has_state_ = true;
  state_ = std::move(*bytes);
  return true;
}

void Replayer::find_limits(const Digest& manifest) {
  std::optional<std::string> text;
  if (options_.manifest && sha256(as_bytes(*options_.manifest)) == manifest) {
    text = options_.manifest;
  } else {
    text = source_.manifest(manifest);
  }
  if (!text && options_.manifest) {
    text = options_.manifest;
    remark("the manifest given is not the recorded one; its limits may be others");
  }
  limits_ = {};
  limits_known_ = false;
  if (!text) return remark("the manifest is not there: the limits are taken to be the usual ones");
  ParseOptions parse;
  if (initial_state_) parse.initial_state = *initial_state_;
  auto limits = theater::find_limits(*text, parse);
  if (!limits) return remark("the limits cannot be read: " + limits.error().to_string());
  limits_ = *limits;
  limits_known_ = true;
}

bool Replayer::take_component(const Digest& digest, std::uint64_t sequence) {
  auto found = shelf_.get(digest, source_);
  if (!found) {
    stop_at(sequence, found.error().to_string());
    return false;
  }
  for (const Digest& unnamed : shelf_.unnamed()) {
    remark("the component given with the SHA-256 " + to_hex(unnamed) + " is none that the chain names: left aside");
  }
  component_ = std::move(*found);
  match_functions();
  if (!component_.is_recorded) {
    remark("another component took the place of the recorded one: fuel and backtraces were not compared");
    return true;
  }
  std::vector<ReplayDifference> differences;
  const auto compare = [&](const char* field, const std::vector<std::string>& recorded,
                           const std::vector<std::string>& present) {
    if (recorded == present) return;
    const auto joined = [](const std::vector<std::string>& names) {
      std::string text;
      for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
      return text;
    };
    differences.push_back({.field = field, .recorded = joined(recorded), .replayed = joined(present)});
  };
  compare("imports", recorded_functions_.imports, names_of(component().imports()));
  compare("exports", recorded_functions_.exports, names_of(component().exports()));
  if (differences.empty()) return true;
  differs(sequence, EventKind::kStarted, {}, std::move(differences));
  return false;
}

void Replayer::match_functions() {
  imports_ = places_of(recorded_functions_.imports, names_of(component().imports()));
  exports_ = places_of(recorded_functions_.exports, names_of(component().exports()));
}

void Replayer::make_instance(std::uint64_t sequence) {
  const auto instance_limits = engine::InstanceLimits::of_actor(limits_.memory_bytes, limits_.table_elements,
                                                                limits_.message_max_bytes, limits_.fuel_per_turn);
  auto made = engine::Instance::create(component_.linked, instance_limits, this);
  if (made) {
    instance_.emplace(std::move(*made));
  } else if (made.error().code() == ErrorCode::kResourceExhausted) {
    stop_at(sequence, made.error().to_string());
  } else if (!is_over_) {
    differs(sequence, EventKind::kStarted, {},
            {{.field = "event",
              .recorded = "the instance was made",
              .replayed = "the instance could not be made: " + made.error().to_string()}});
  }
}

// A call --------------------------------------------------------------------------------------------------------------

void Replayer::call(const chain::EventView& event) {
  const auto& recorded = std::get<chain::CallView>(event.body);
  const std::uint64_t sequence = event.sequence;
  if (skip_migration(recorded, sequence)) return;
  const std::uint32_t place = recorded.export_index < exports_.size() ? exports_[recorded.export_index] : kAbsent;
  if (place == kAbsent || !instance_) {
    return differs(sequence, EventKind::kCall, recorded_export(recorded.export_index),
                   {{.field = "event",
                     .recorded = in_words(event),
                     .replayed = place == kAbsent ? "(the component does not export it)"
                                                  : "(no instance is left that could be called)"}});
  }
  // The engine reads it while the guest runs, and by then the event is no longer there.
  fetch(recorded.params, source_, params_);
  if (params_.missing_bytes > 0) {
    const std::string what = "what " + recorded_export(recorded.export_index) + " was called with";
    return stop_at(sequence, missing_in_words(what, params_.missing_bytes, recorded.params.body_digest));
  }
  went_through(event);
  if (is_over_) return;
  ++report_.calls;
  running_ = {.export_index = recorded.export_index, .sequence = sequence, .end = {}};
  running_->end = cursor_->find_call_end();
  if (!running_->end.kind) {
    remark("the call at event " + std::to_string(sequence) + " was never recorded to end: compared as far as it goes");
    if (!running_->end.last_host_event) {
      // Whatever it did, nothing would be there to compare it with.
      instance_.reset();
      running_.reset();
      return;
    }
  }
  const te_call_args args = {
      .export_index = place,
      .has_state = has_state_,
      .state = to_engine(state_),
      .params = {.head = to_engine(params_.head), .body = to_engine(params_.body)},
      .fuel = fuel_for(running_->end),
      .deadline_ticks = UINT64_MAX,
  };
  const auto outcome = instance_->call(args);
  if (outcome) {
    finish_call(**outcome);
  } else {
    const std::string message = actor::call_not_made(outcome.error());
    te_outcome broken{};
    broken.status = TE_CALL_TRAPPED;
    broken.trap = TE_TRAP_OTHER;
    broken.message = to_engine(as_bytes(message));
    finish_call(broken);
  }
  running_.reset();
}

bool Replayer::skip_migration(const chain::CallView& recorded, std::uint64_t sequence) {
  if (component_.is_recorded || canonical_name(recorded_export(recorded.export_index)) != kMigrate) return false;
  remark("the call at event " + std::to_string(sequence) +
         " turned a state into one of the recorded component: not made again, what came of it was taken");
  const chain::EventView* event = next_event();
  while (event != nullptr) {
    const auto* returned = std::get_if<chain::ReturnedView>(&event->body);
    if (returned != nullptr && returned->state.form == EventState::Form::kNone) has_state_ = false;
    if (returned != nullptr && returned->state.form >= EventState::Form::kInline) {
      auto state = fetch(returned->state, source_);
      if (!state) {
        stop_at(sequence, missing_in_words("the state that it came to", returned->state.size, returned->state.digest));
        return true;
      }
      has_state_ = true;
      state_ = std::move(*state);
    }
    const bool is_end = returned != nullptr || event->kind() == EventKind::kFailed;
    went_through(*event);
    if (is_end) return true;
    event = next_event();
  }
  return true;
}

std::uint64_t Replayer::fuel_for(const EventCursor::CallEnd& end) const {
  const bool failed = end.kind == EventKind::kFailed;
  // The wall clock cut it off. With as much fuel as it had used by then it gets at least to its last host call.
  if (failed && end.failure == FailureReason::kTimedOut && component_.is_recorded) return end.fuel;
  if (limits_known_) return limits_.fuel_per_turn;
  if (failed && end.failure == FailureReason::kOutOfFuel) return end.fuel;
  return std::max(limits_.fuel_per_turn, end.fuel);
}

void Replayer::finish_call(const engine::Outcome& outcome) {
  if (!is_over_ && !is_call_cut_) compare_end(outcome);
  if (report_.divergence) report_.divergence->backtrace = as_text(from_engine(outcome.backtrace));
  if (outcome.status == TE_CALL_TRAPPED) instance_.reset();
}

void Replayer::compare_end(const engine::Outcome& outcome) {
  const chain::EventView* event = next_event();
  if (event == nullptr || is_resumption(*event)) return;
  std::vector<ReplayDifference> differences;
  if (const auto* returned = std::get_if<chain::ReturnedView>(&event->body)) {
    compare_returned(*returned, outcome, differences);
  } else if (const auto* failed = std::get_if<chain::FailedView>(&event->body)) {
    compare_failed(*failed, outcome, differences);
  } else {
    differences.push_back({.field = "event", .recorded = in_words(*event), .replayed = in_words(outcome)});
  }
  if (!differences.empty()) {
    const std::string function = event->kind() == EventKind::kHostCall || event->kind() == EventKind::kHostCallBegin
                                     ? std::string()
                                     : recorded_export(running_->export_index);
    return differs(event->sequence, event->kind(), function, std::move(differences));
  }
  if (!failure_in(outcome)) take_state(outcome);
  went_through(*event);
}

void Replayer::compare_returned(const chain::ReturnedView& recorded, const engine::Outcome& outcome,
                                std::vector<ReplayDifference>& differences) const {
  if (failure_in(outcome)) {
    const chain::EventView event{.sequence = 0, .time_ns = 0, .body = recorded};
    differences.push_back({.field = "event", .recorded = in_words(event), .replayed = in_words(outcome)});
    return;
  }
  const ValueView result = {.head = from_engine(outcome.result.head), .body = from_engine(outcome.result.body)};
  if (!is_same(recorded.result, result)) {
    const auto type = result_type();
    add_differences("result", type ? &*type : nullptr, fetch(recorded.result, source_), result, differences);
  }
  if (!options_.ignore_state) {
    compare_state(recorded.state, outcome.has_state, from_engine(outcome.state), differences);
  }
  if (component_.is_recorded && recorded.fuel != outcome.fuel_used) {
    differences.push_back(
        {.field = "fuel", .recorded = std::to_string(recorded.fuel), .replayed = std::to_string(outcome.fuel_used)});
  }
}

void Replayer::compare_failed(const chain::FailedView& recorded, const engine::Outcome& outcome,
                              std::vector<ReplayDifference>& differences) {
  const auto failure = failure_in(outcome);
  const bool timed_out = recorded.reason == FailureReason::kTimedOut && component_.is_recorded;
  if (timed_out && failure == FailureReason::kOutOfFuel) {
    return remark("the call at event " + std::to_string(running_->sequence) +
                  " timed out: compared up to the fuel that it had used by then, " + std::to_string(recorded.fuel));
  }
  if (failure != recorded.reason) {
    const chain::EventView event{.sequence = 0, .time_ns = 0, .body = recorded};
    differences.push_back({.field = "event", .recorded = in_words(event), .replayed = in_words(outcome)});
    return;
  }
  std::string storage;
  // That of a bound used up names the bound, which is the host's.
  if (recorded.reason != FailureReason::kOutOfFuel) {
    const std::string message = message_in(outcome, limits_);
    const std::string_view text = recordable_text(message, chain::kMessageBytesMax, storage);
    if (text != recorded.message) add_differences("message", as_bytes(recorded.message), as_bytes(text), differences);
  }
  if (!component_.is_recorded) return;
  const std::string_view backtrace =
      recordable_text(as_text(from_engine(outcome.backtrace)), chain::kBacktraceBytesMax, storage);
  if (backtrace != recorded.backtrace) {
    add_differences("backtrace", as_bytes(recorded.backtrace), as_bytes(backtrace), differences);
  }
  if (recorded.fuel != outcome.fuel_used) {
    differences.push_back(
        {.field = "fuel", .recorded = std::to_string(recorded.fuel), .replayed = std::to_string(outcome.fuel_used)});
  }
}

void Replayer::compare_state(const chain::StateRef& recorded, bool has_state, ByteView state,
                             std::vector<ReplayDifference>& differences) const {
  const bool is_unchanged = has_state == has_state_ && (!has_state || std::ranges::equal(state, ByteView(state_)));
  const auto in_words = [](bool has, ByteView bytes) {
    if (!has) return std::string("none");
    const ByteView shown = bytes.first(std::min<std::size_t>(bytes.size(), 100));
    return std::to_string(bytes.size()) + " bytes: " + (is_text(shown) ? printable(shown, 400) : "0x" + to_hex(shown)) +
           (shown.size() < bytes.size() ? "…" : "");
  };
  switch (recorded.form) {
    case EventState::Form::kUnchanged:
      if (is_unchanged) return;
      if (has_state_ && has_state) return add_differences("state", state_, state, differences);
      differences.push_back({.field = "state",
                             .recorded = "unchanged: " + in_words(has_state_, state_),
                             .replayed = in_words(has_state, state)});
      return;
    case EventState::Form::kNone:
      if (has_state) differences.push_back({.field = "state", .recorded = "none", .replayed = in_words(true, state)});
      return;
    default: break;
  }
  if (has_state && is_same(recorded, state)) return;
  const auto bytes = fetch(recorded, source_);
  if (bytes && has_state) return add_differences("state", *bytes, state, differences);
  const std::string by_digest =
      std::to_string(recorded.size) + " bytes with the SHA-256 " + to_hex(recorded.digest) + ", not kept";
  differences.push_back(
      {.field = "state",
       .recorded = bytes ? in_words(true, *bytes) : by_digest,
       .replayed = has_state && !bytes ? "with the SHA-256 " + to_hex(sha256(state)) + ": " + in_words(has_state, state)
                                       : in_words(has_state, state)});
}

void Replayer::take_state(const engine::Outcome& outcome) {
  const ByteView state = from_engine(outcome.state);
  has_state_ = outcome.has_state;
  state_.assign(state.begin(), state.end());
}

// A host call ---------------------------------------------------------------------------------------------------------

te_host_status Replayer::halt(te_host_reply* reply) {
  reply->value = {.head = to_engine(as_bytes(kReplayEnds)), .body = {}};
  return TE_HOST_TRAP;
}

te_host_status Replayer::host_call(std::uint32_t import_index, const ValueView& params, te_host_reply* reply) {
  // A guest that goes on after its host ended it gets no further.
  if (is_over_ || is_call_cut_) return halt(reply);
  const chain::EventView* event = next_event();
  if (event == nullptr || is_resumption(*event)) {
    is_call_cut_ = true;
    return halt(reply);
  }
  ++report_.host_calls;
  if (const auto* recorded = std::get_if<chain::HostCallView>(&event->body)) {
    if (!compare_host_call(*event, recorded->import_index, recorded->params, import_index, params)) return halt(reply);
    return answer(*event, recorded->result, reply);
  }
  if (const auto* recorded = std::get_if<chain::HostCallBeginView>(&event->body)) {
    if (!compare_host_call(*event, recorded->import_index, recorded->params, import_index, params)) return halt(reply);
    went_through(*event);
    return end_of_pending(reply);
  }
  const RecordedValue value{.head = to_bytes(params.head), .body = to_bytes(params.body)};
  differs(event->sequence, event->kind(), running_ ? recorded_export(running_->export_index) : std::string(),
          {{.field = "event", .recorded = in_words(*event), .replayed = host_call_in_words(import_index, value)}});
  return halt(reply);
}

bool Replayer::compare_host_call(const chain::EventView& event, std::uint32_t recorded_index,
                                 const chain::ValueRef& recorded, std::uint32_t import_index, const ValueView& params) {
  const bool is_function = recorded_index < imports_.size() && imports_[recorded_index] == import_index;
  if (is_function && is_same(recorded, params)) return true;
  std::vector<ReplayDifference> differences;
  const engine::FunctionType& type = component().imports()[import_index];
  if (is_function) {
    const engine::ValueType params_type = engine::recorded_params(type);
    add_differences("params", &params_type, fetch(recorded, source_), params, differences);
  } else {
    const RecordedValue value{.head = to_bytes(params.head), .body = to_bytes(params.body)};
    differences.push_back({.field = "function",
                           .recorded = recorded_host_call_in_words(recorded_index, recorded),
                           .replayed = host_call_in_words(import_index, value)});
  }
  differs(event.sequence, event.kind(), recorded_import(recorded_index), std::move(differences));
  return false;
}

te_host_status Replayer::answer(const chain::EventView& event, const chain::ValueRef& result, te_host_reply* reply) {
  fetch(result, source_, reply_);
  if (reply_.missing_bytes > 0) {
    stop_at(event.sequence, missing_in_words("what the host answered", reply_.missing_bytes, result.body_digest));
    return halt(reply);
  }
  const bool is_last = running_ && !running_->end.kind && running_->end.last_host_event == event.sequence;
  went_through(event);
  if (is_over_) return halt(reply);
  if (is_last) {
    is_call_cut_ = true;
    return halt(reply);
  }
  reply->value = {.head = to_engine(reply_.head), .body = to_engine(reply_.body)};
  return TE_HOST_DONE;
}

/// What came after a host call that was not answered at once.
te_host_status Replayer::end_of_pending(te_host_reply* reply) {
  const chain::EventView* event = next_event();
  if (event == nullptr) return halt(reply);
  if (const auto* end = std::get_if<chain::HostCallEndView>(&event->body)) return answer(*event, end->result, reply);
  const auto* failed = std::get_if<chain::FailedView>(&event->body);
  if (failed != nullptr && failed->reason == FailureReason::kTrapped) {
    reply_ = {.head = to_bytes(failed->message)};
    reply->value = {.head = to_engine(reply_.head), .body = {}};
    return TE_HOST_TRAP;
  }
  // Stopped while it waited, or the runtime itself ended.
  is_call_cut_ = true;
  return halt(reply);
}

// Words ---------------------------------------------------------------------------------------------------------------

void Replayer::differs(std::uint64_t sequence, EventKind kind, std::string function,
                       std::vector<ReplayDifference> differences) {
  is_over_ = true;
  ReplayDivergence divergence{.sequence = sequence, .kind = kind, .function = std::move(function)};
  if (running_) {
    divergence.call = recorded_export(running_->export_index);
    divergence.call_sequence = running_->sequence;
  }
  divergence.differences = std::move(differences);
  report_.divergence = std::move(divergence);
}

void Replayer::remark(std::string text) {
  if (std::ranges::find(report_.remarks, text) == report_.remarks.end()) report_.remarks.push_back(std::move(text));
}

std::string Replayer::recorded_import(std::uint32_t index) const {
  return name_at(recorded_functions_.imports, index, "import");
}
std::string Replayer::recorded_export(std::uint32_t index) const {
  return name_at(recorded_functions_.exports, index, "export");
}

std::string Replayer::host_call_in_words(std::uint32_t import_index, const RecordedValue& params) const {
  const engine::FunctionType& type = component().imports()[import_index];
  const engine::ValueType params_type = engine::recorded_params(type);
  return engine::full_name(type) + " " + short_text(&params_type, params);
}

std::string Replayer::recorded_host_call_in_words(std::uint32_t recorded_index, const chain::ValueRef& params) const {
  const std::uint32_t place = recorded_index < imports_.size() ? imports_[recorded_index] : kAbsent;
  const RecordedValue value = fetch(params, source_);
  const std::string name = recorded_import(recorded_index);
  if (place == kAbsent) return name + " " + short_text(nullptr, value);
  const engine::ValueType params_type = engine::recorded_params(component().imports()[place]);
  return name + " " + short_text(&params_type, value);
}

std::optional<engine::ValueType> Replayer::result_type() const {
  if (!running_) return std::nullopt;
  const std::uint32_t index = running_->export_index;
  return engine::recorded_result(component().exports()[exports_[index]]);
}

std::string Replayer::in_words(const chain::EventView& event) const {
  const std::string kind(to_string(event.kind()));
  if (const auto* call = std::get_if<chain::CallView>(&event.body)) {
    return kind + " of " + recorded_export(call->export_index);
  }
  if (const auto* call = std::get_if<chain::HostCallView>(&event.body)) {
    return recorded_host_call_in_words(call->import_index, call->params);
  }
  if (const auto* call = std::get_if<chain::HostCallBeginView>(&event.body)) {
    return recorded_host_call_in_words(call->import_index, call->params);
  }
  if (const auto* returned = std::get_if<chain::ReturnedView>(&event.body)) {
    const auto type = result_type();
    const RecordedValue result = fetch(returned->result, source_);
    if (!type && result.view().size() == 0) return kind;
    return kind + " " + short_text(type ? &*type : nullptr, result);
  }
  if (const auto* failed = std::get_if<chain::FailedView>(&event.body)) {
    return kind + " (" + std::string(to_string(failed->reason)) + "): " + printable(as_bytes(failed->message), 400);
  }
  return kind;
}

std::string Replayer::in_words(const engine::Outcome& outcome) const {
  if (const auto failure = failure_in(outcome)) {
    return std::string(to_string(EventKind::kFailed)) + " (" + std::string(to_string(*failure)) +
           "): " + printable(as_bytes(message_in(outcome, limits_)), 400);
  }
  const auto type = result_type();
  const RecordedValue result{.head = to_bytes(from_engine(outcome.result.head)),
                             .body = to_bytes(from_engine(outcome.result.body))};
  std::string text(to_string(EventKind::kReturned));
  if (type || result.view().size() > 0) text += " " + short_text(type ? &*type : nullptr, result);
  return text;
}

}  // namespace theater::replay
