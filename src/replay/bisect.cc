#include "replay/bisect.h"

#include <array>

#include "base/clock.h"
#include "engine/value_text.h"
#include "replay/component_shelf.h"
#include "replay/event_cursor.h"
#include "replay/replayer.h"
#include "replay/state.h"

namespace theater::replay {
namespace {

constexpr std::uint64_t kEventsPerCancelCheck = 4096;

/// What one event says, worked out when it is asked for.
class EventAnswers final : public Answers {
 public:
  explicit EventAnswers(const ChainSource& source) : source_(source) {}

  /// Goes on to the next event, whose views must stay until the one after. `component`: null where it is not there.
  void show(const chain::EventView& event, const engine::Component* component) {
    event_ = &event;
    component_ = component;
    for (auto& answer : answers_) answer.reset();
    if (const auto* started = std::get_if<chain::StartedView>(&event.body)) {
      imports_ = chain::names_of(started->imports);
      exports_ = chain::names_of(started->exports);
      export_index_.reset();
    }
    if (const auto* call = std::get_if<chain::CallView>(&event.body)) export_index_ = call->export_index;
    if (const auto* call = std::get_if<chain::HostCallBeginView>(&event.body)) import_index_ = call->import_index;
    if (const auto* call = std::get_if<chain::HostCallView>(&event.body)) import_index_ = call->import_index;
  }
  void show_state(std::optional<ByteView> state) { state_ = state ? Json::binary(to_bytes(*state)) : Json(); }

  const Json& get(Subject subject) override {
    if (subject == Subject::kState) return state_;
    auto& answer = answers_[static_cast<std::size_t>(subject)];
    if (!answer) answer = work_out(subject);
    return *answer;
  }

 private:
  Json work_out(Subject subject) const {
    const chain::EventView& event = *event_;
    switch (subject) {
      case Subject::kSequence: return event.sequence;
      case Subject::kKind: return to_string(event.kind());
      case Subject::kTime: return event.time_ns / kNsPerMs;
      case Subject::kFunction: return function();
      case Subject::kParams: return std::visit([&](const auto& body) { return params_of(body); }, event.body);
      case Subject::kResult: return std::visit([&](const auto& body) { return result_of(body); }, event.body);
      case Subject::kFuel: return std::visit([](const auto& body) { return fuel_of(body); }, event.body);
      case Subject::kMessage: return std::visit([](const auto& body) { return message_of(body); }, event.body);
      case Subject::kReason: return std::visit([](const auto& body) { return reason_of(body); }, event.body);
      case Subject::kType:
      case Subject::kData: break;
      case Subject::kState: return state_;
    }
    const auto* note = std::get_if<chain::NoteView>(&event.body);
    if (note == nullptr) return {};
    return subject == Subject::kType ? Json(note->type) : json_of(note->data, nullptr);
  }

  Json function() const {
    const auto named = [](const std::vector<std::string>& names, std::optional<std::uint32_t> index) {
      return index && *index < names.size() ? Json(names[*index]) : Json();
    };
    switch (event_->kind()) {
      case EventKind::kCall:
      case EventKind::kReturned:
      case EventKind::kFailed: return named(exports_, export_index_);
      case EventKind::kHostCall:
      case EventKind::kHostCallBegin:
      case EventKind::kHostCallEnd: return named(imports_, import_index_);
      default: return {};
    }
  }

  template <class Body>
  Json params_of(const Body& body) const {
    if constexpr (requires { body.params; }) {
      const engine::FunctionType* function = type();
      if (function == nullptr) return json_of(body.params, nullptr);
      const engine::ValueType type = engine::recorded_params(*function);
      return json_of(body.params, &type);
    }
    return {};
  }
  template <class Body>
  Json result_of(const Body& body) const {
    if constexpr (requires { body.result; }) {
      const engine::FunctionType* function = type();
      const auto type = function == nullptr ? std::nullopt : engine::recorded_result(*function);
      return json_of(body.result, type ? &*type : nullptr);
    }
    return {};
  }
  template <class Body>
  static Json fuel_of(const Body& body) {
    if constexpr (requires { body.fuel; }) return body.fuel;
    return {};
  }
  template <class Body>
  static Json message_of(const Body& body) {
    if constexpr (requires { body.message; }) return body.message;
    return {};
  }
  template <class Body>
  static Json reason_of(const Body& body) {
    if constexpr (requires { body.reason; }) return to_string(body.reason);
    return {};
  }

  /// Of the function that the event names or ends; null when the component is not there.
  const engine::FunctionType* type() const {
    if (component_ == nullptr) return nullptr;
    const Json name = function();
    const EventKind kind = event_->kind();
    const bool is_import =
        kind == EventKind::kHostCall || kind == EventKind::kHostCallBegin || kind == EventKind::kHostCallEnd;
    for (const engine::FunctionType& each : is_import ? component_->imports() : component_->exports()) {
      if (name == engine::full_name(each)) return &each;
    }
    return nullptr;
  }

  /// By its type, or as it is.
  Json json_of(const chain::ValueRef& recorded, const engine::ValueType* type) const {
    const RecordedValue value = fetch(recorded, source_);
    if (type != nullptr) {
      const auto text =
          engine::value_to_json(*type, {.head = value.head, .body = value.body, .missing_bytes = value.missing_bytes});
      if (text) return parse_json(*text).value_or(Json());
    }
    if (value.missing_bytes > 0) return {};
    Bytes bytes = value.head;
    append(bytes, value.body);
    return Json::binary(std::move(bytes));
  }

  const ChainSource& source_;
  const chain::EventView* event_ = nullptr;
  const engine::Component* component_ = nullptr;
  std::vector<std::string> imports_;
  std::vector<std::string> exports_;
  std::optional<std::uint32_t> export_index_;
  std::optional<std::uint32_t> import_index_;
  Json state_;
  std::array<std::optional<Json>, static_cast<std::size_t>(Subject::kTime) + 1> answers_;
};

/// Asks the condition at each event of a re-run.
class AskingWatcher final : public Replayer::Watcher {
 public:
  AskingWatcher(const ChainSource& source, const Condition& condition) : condition_(condition), answers_(source) {}

  bool event(const chain::EventView& event, std::optional<ByteView> state,
             const engine::Component* component) override {
    answers_.show(event, component);
    if (event.kind() == EventKind::kStarted || event.kind() == EventKind::kReturned) answers_.show_state(state);
    if (!condition_.holds(answers_)) return true;
    found_ = event.sequence;
    return false;
  }
  const std::optional<std::uint64_t>& found() const { return found_; }

 private:
  const Condition& condition_;
  EventAnswers answers_;
  std::optional<std::uint64_t> found_;
};

Result<Bisected> by_replay(const ChainSource& source, const Condition& condition, const ReplayOptions& options,
                           ComponentShelf& shelf) {
  AskingWatcher watcher(source, condition);
  ReplayReport report = Replayer(source, shelf, options, &watcher).run(0);
  Bisected bisected{.sequence = watcher.found(),
                    .next_sequence = report.next_sequence,
                    .state = std::move(report.state),
                    .was_replayed = true};
  if (bisected.sequence || report.same()) return bisected;
  const std::uint64_t at = report.divergence ? report.divergence->sequence : report.stop->sequence;
  if (report.stop && report.stop->given_up) return fail(ErrorCode::kInterrupted, "given up");
  return fail(
      report.stop ? ErrorCode::kUnavailable : ErrorCode::kCorrupt,
      "the condition holds at no event before " + std::to_string(at) +
          ", and what comes then needs states that the chain does not hold: a re-run " +
          (report.divergence ? std::string("differs there (see theater replay)") : "ends there: " + report.stop->what));
}

}  // namespace

Result<Bisected> bisect(const ChainSource& source, const Condition& condition, const ReplayOptions& options) {
  const auto shelf = ComponentShelf::make(options, &Replayer::call_host);
  if (!shelf) return fail(shelf.error());
  auto cursor = EventCursor::open(source, 0);
  if (!cursor) return fail(std::move(cursor.error()));
  const bool asks_for_state = condition.asks_for(Subject::kState);
  EventAnswers answers(source);
  KnownState state;
  ComponentShelf::Found component;
  Bisected bisected{.next_sequence = source.first_sequence()};
  for (const auto* event = cursor->peek(); event != nullptr && event->sequence <= options.until;
       event = cursor->peek()) {
    if (const auto* started = std::get_if<chain::StartedView>(&event->body)) {
      Digest digest{};
      std::ranges::copy(started->component, digest.begin());
      // Without it there are no types: values are then their bytes.
      component = (*shelf)->get(digest, source).value_or(ComponentShelf::Found());
    }
    answers.show(*event, component.linked ? &component.linked->component() : nullptr);
    if (state.see(*event) && asks_for_state) {
      if (!state.is_known(source)) return by_replay(source, condition, options, **shelf);
      answers.show_state(state.bytes() ? std::optional<ByteView>(*state.bytes()) : std::nullopt);
    }
    bisected.next_sequence = event->sequence + 1;
    if (condition.holds(answers)) {
      bisected.sequence = event->sequence;
      if (asks_for_state) bisected.state = state.bytes();
      return bisected;
    }
    if (bisected.next_sequence % kEventsPerCancelCheck == 0 && options.progress &&
        !options.progress(bisected.next_sequence, source.next_sequence())) {
      return fail(ErrorCode::kInterrupted, "given up");
    }
    cursor->take();
  }
  if (cursor->fault()) {
    return fail(ErrorCode::kCorrupt, "the chain is broken at event " + std::to_string(cursor->fault()->sequence) +
                                         ": " + cursor->fault()->what);
  }
  return bisected;
}

}  // namespace theater::replay
