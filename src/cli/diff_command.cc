#include <charconv>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "chain/event_diff.h"
#include "chain/event_stream.h"
#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "replay/source.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

struct DiffOptions {
  std::string first;
  std::string second;
  std::string first_actor;
  std::string second_actor;
};

/// A chain's events one after the other.
class Walk {
 public:
  static Result<Walk> open(const ChainSource& source, std::uint64_t from_sequence) {
    auto stream = EventStream::open(source, from_sequence, EventStream::Values::kFilled);
    if (!stream) return fail(std::move(stream.error()));
    return Walk(std::move(*stream));
  }
  /// Null at the end.
  Result<const Event*> next() {
    if (at_ == events_.size()) {
      auto events = stream_->next();
      if (!events) return fail(std::move(events.error()));
      events_ = std::move(*events);
      at_ = 0;
      if (events_.empty()) return nullptr;
    }
    ++counts_[event_type(events_[at_])];
    ++count_;
    return &events_[at_++];
  }
  /// Reads what is left, to count it.
  Result<void> finish(const Interrupts& interrupts) {
    while (true) {
      const auto event = next();
      if (!event) return fail(event.error());
      if (*event == nullptr) return {};
      if (interrupts.seen()) return fail(ErrorCode::kInterrupted, "interrupted");
    }
  }
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  std::uint64_t count() const { return count_; }

 private:
  explicit Walk(std::unique_ptr<EventStream> stream) : stream_(std::move(stream)) {}

  std::unique_ptr<EventStream> stream_;
  std::vector<Event> events_;
  std::size_t at_ = 0;
  std::map<std::string, std::uint64_t> counts_;
  std::uint64_t count_ = 0;
};

/// What comparing two chains found.
struct FoundDifferences {
  ActorId first_actor;
  ActorId second_actor;
  /// One of the two goes on from an event of the other.
  enum class Fork : std::uint8_t { kNone, kFirst, kSecond };
  Fork fork = Fork::kNone;
  /// Where comparing began: behind that event, and behind the fork's own start.
  std::uint64_t first_begin = 0;
  std::uint64_t second_begin = 0;
  /// Events that are alike from there on.
  std::uint64_t alike = 0;
  /// Of these, those that are the very same: of one actor, with the same hashes.
  std::uint64_t same = 0;
  /// Events that there are from there on.
  std::uint64_t first_events = 0;
  std::uint64_t second_events = 0;
  /// At the first event that is not alike; none when one chain just ends before.
  std::vector<EventDifference> differences;
  /// Event types that do not occur equally often.
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> counts;

  bool is_alike() const { return alike == first_events && alike == second_events; }
};

void compare_counts(const Walk& first, const Walk& second, FoundDifferences& found) {
  for (const auto& [type, count] : first.counts()) found.counts[type].first = count;
  for (const auto& [type, count] : second.counts()) found.counts[type].second = count;
  std::erase_if(found.counts, [](const auto& one) { return one.second.first == one.second.second; });
}

/// A fork's start: where it comes from, and the sequence after its init.
struct ForkStart {
  ActorId origin;
  std::uint64_t origin_sequence = 0;
  std::uint64_t end = 0;
};

/// "<actor> <sequence> <hash>", as a fork notes it.
std::optional<ForkStart> parse_fork(const Event& note) {
  if (note.note_type != "runtime.forked") return std::nullopt;
  const std::string text(as_text(note.note.head));
  const std::size_t blank = text.find(' ');
  const auto origin = parse_id<ActorId>(text.substr(0, blank));
  if (!origin || blank == std::string::npos) return std::nullopt;
  ForkStart start{.origin = *origin};
  const auto parsed = std::from_chars(text.data() + blank + 1, text.data() + text.size(), start.origin_sequence);
  if (parsed.ec != std::errc()) return std::nullopt;
  return start;
}

/// None when the chain is no fork.
Result<std::optional<ForkStart>> fork_start(const ChainSource& source) {
  auto walk = Walk::open(source, 0);
  if (!walk) return fail(std::move(walk.error()));
  std::optional<ForkStart> start;
  bool is_in_init = false;
  while (true) {
    const auto event = walk->next();
    if (!event) return fail(event.error());
    if (*event == nullptr) return start;
    const Event& now = **event;
    if (now.sequence == 0) {
      if (now.kind != EventKind::kStarted || now.start != StartReason::kForked) return std::nullopt;
    } else if (!start) {
      start = parse_fork(now);
      if (!start) return std::nullopt;
    } else if (!is_in_init && now.kind == EventKind::kCall) {
      if (!now.function.ends_with("actor.init")) return start;
      is_in_init = true;
    }
    if (!start) continue;
    start->end = now.sequence + 1;
    if (now.kind == EventKind::kReturned || now.kind == EventKind::kFailed) return start;
  }
}

/// Where one is a fork of the other, only what came after that is compared.
Result<void> find_begins(const ChainSource& first, const ChainSource& second, FoundDifferences& found) {
  const auto first_start = fork_start(first);
  if (!first_start) return fail(first_start.error());
  const auto second_start = fork_start(second);
  if (!second_start) return fail(second_start.error());
  if (*second_start && (*second_start)->origin == first.actor()) {
    found.fork = FoundDifferences::Fork::kSecond;
    found.first_begin = (*second_start)->origin_sequence + 1;
    found.second_begin = (*second_start)->end;
  } else if (*first_start && (*first_start)->origin == second.actor()) {
    found.fork = FoundDifferences::Fork::kFirst;
    found.first_begin = (*first_start)->end;
    found.second_begin = (*first_start)->origin_sequence + 1;
  }
  return {};
}

Result<FoundDifferences> compare(const ChainSource& first_source, const ChainSource& second_source) {
  FoundDifferences found{.first_actor = first_source.actor(), .second_actor = second_source.actor()};
  if (auto begun = find_begins(first_source, second_source, found); !begun) return fail(std::move(begun.error()));
  auto first = Walk::open(first_source, found.first_begin);
  if (!first) return fail(std::move(first.error()));
  auto second = Walk::open(second_source, found.second_begin);
  if (!second) return fail(std::move(second.error()));
  const EventComparison comparison(found.first_actor, found.second_actor);
  const Interrupts interrupts;
  Progress progress("Comparing");
  while (true) {
    const auto one = first->next();
    if (!one) return fail(one.error());
    const auto other = second->next();
    if (!other) return fail(other.error());
    if (*one == nullptr || *other == nullptr) break;
    found.differences = comparison.differences(**one, **other);
    if (!found.differences.empty()) break;
    if (found.same == found.alike && (*one)->hash == (*other)->hash) ++found.same;
    ++found.alike;
    progress.update(found.alike, "events", first_source.next_sequence());
    if (interrupts.seen()) return fail(ErrorCode::kInterrupted, "interrupted");
  }
  for (Walk* walk : {&*first, &*second}) {
    if (auto finished = walk->finish(interrupts); !finished) return fail(std::move(finished.error()));
  }
  found.first_events = first->count();
  found.second_events = second->count();
  compare_counts(*first, *second, found);
  return found;
}

void show_json(const FoundDifferences& found, Context& context) {
  ordered_json json = {{"alike", found.is_alike()},
                       {"first", {{"actor", to_string(found.first_actor)}, {"events", found.first_events}}},
                       {"second", {{"actor", to_string(found.second_actor)}, {"events", found.second_events}}},
                       {"events_alike", found.alike},
                       {"events_same", found.same}};
  if (found.fork != FoundDifferences::Fork::kNone) {
    json["fork"] = found.fork == FoundDifferences::Fork::kFirst ? "first" : "second";
    json["first"]["from_sequence"] = found.first_begin;
    json["second"]["from_sequence"] = found.second_begin;
  }
  if (!found.is_alike()) {
    json["first"]["sequence"] = found.first_begin + found.alike;
    json["second"]["sequence"] = found.second_begin + found.alike;
    json["differences"] = ordered_json::array();
    for (const EventDifference& difference : found.differences) {
      json["differences"].push_back(
          {{"field", difference.field}, {"first", difference.first}, {"second", difference.second}});
    }
    json["counts"] = ordered_json::object();
    for (const auto& [type, count] : found.counts) json["counts"][type] = {count.first, count.second};
  }
  context.output.line(one_line(json));
}

void show_text(const DiffOptions& options, const FoundDifferences& found, Context& context) {
  Output& output = context.output;
  const bool is_fork = found.fork != FoundDifferences::Fork::kNone;
  if (is_fork) {
    const bool is_first = found.fork == FoundDifferences::Fork::kFirst;
    output.line("FORK  " + (is_first ? options.first : options.second) + " goes on from event " +
                std::to_string((is_first ? found.second_begin : found.first_begin) - 1) + " of " +
                (is_first ? options.second : options.first) + "; compared is what came after it");
  }
  if (found.is_alike()) {
    output.line(output.good("ALIKE") + "  all " + grouped(found.alike) + " events" +
                (found.same == found.alike ? ", to the last hash" : "; times, ids and fuel were not compared"));
    return;
  }
  const std::string first_sequence = std::to_string(found.first_begin + found.alike);
  const std::string second_sequence = std::to_string(found.second_begin + found.alike);
  output.line(output.bad("DIFFERENT") + "  from event " + first_sequence +
              (first_sequence == second_sequence ? "" : " and event " + second_sequence) + " on");
  if (found.same > 0) {
    output.line("    up to event " + std::to_string(found.same - 1) + " they are one chain, with the same hashes");
  }
  for (const EventDifference& difference : found.differences) {
    output.line("    " + output.bold(difference.field));
    output.line("      < " + difference.first);
    output.line("      > " + difference.second);
  }
  if (found.differences.empty()) {
    output.line("    " + (found.first_events < found.second_events ? options.first : options.second) + " ends there");
  }
  const std::string_view since = is_fork ? " events after it" : " events";
  output.line("    < " + options.first + ": " + grouped(found.first_events) + std::string(since));
  output.line("    > " + options.second + ": " + grouped(found.second_events) + std::string(since));
  for (const auto& [type, count] : found.counts) {
    output.line("    " + printable(as_bytes(type), 200) + ": " + grouped(count.first) + " and " +
                grouped(count.second));
  }
}

Result<FoundDifferences> run(const DiffOptions& options) {
  const auto first = replay::open_source(options.first, options.first_actor);
  if (!first) return fail(first.error());
  // In two directories of one system an actor has its name twice.
  std::error_code ignored;
  const bool is_also_its_name = options.second_actor.empty() && !parse_id<ActorId>(options.first_actor) &&
                                std::filesystem::is_directory(options.second, ignored);
  const auto second =
      replay::open_source(options.second, is_also_its_name ? options.first_actor : options.second_actor);
  if (!second) return fail(second.error());
  return compare(**first, **second);
}

}  // namespace

void add_diff_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* command = app.add_subcommand(
      "diff", "Compare two recorded chains: the first event that differs, and how often what happened");
  command->add_option("first", options->first, "A chain file, a bundle, or a data directory")
      ->required()
      ->type_name("A");
  command->add_option("second", options->second, "The other")->required()->type_name("B");
  command->add_option("--actor", options->first_actor, "Which actor of A, by id or name")->type_name("ACTOR");
  command
      ->add_option("--other-actor", options->second_actor,
                   "Which actor of B (default: the one with the name of --actor)")
      ->type_name("ACTOR");
  command->footer(
      "Times, hashes, fuel and the actors' own ids are not compared.\n"
      "Exit codes: 0 alike; 1 different, or one is broken or cannot be read; 130 interrupted.");
  command->callback([options, &context] {
    const auto found = run(*options);
    if (!found) {
      context.exit_code = found.error().code() == ErrorCode::kInterrupted ? kExitInterrupted : kExitFailed;
      return tell_error(context, "diff", found.error());
    }
    if (!found->is_alike()) context.exit_code = kExitFailed;
    if (context.json) {
      show_json(*found, context);
    } else {
      show_text(*options, *found, context);
    }
  });
}

}  // namespace theater::cli
