#include <algorithm>
#include <charconv>
#include <deque>
#include <string_view>
#include <utility>

#include "api/event_query.h"
#include "base/clock.h"
#include "chain/event_stream.h"
#include "cli/event_lines.h"
#include "cli/interrupts.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "replay/source.h"

namespace theater::cli {
namespace {

/// As many as the server gives in one page.
constexpr std::uint32_t kPageEvents = 1000;
/// Events that are held to be sorted, or shown from the end.
constexpr std::size_t kEventsHeldMax = 200'000;

struct EventsOptions {
  std::string source;
  std::string actor;
  RemoteOptions remote;
  std::string type;
  std::string kind;
  std::string search;
  std::string from;
  std::string to;
  std::string range;
  std::string sort = "chain";
  std::string format = "pretty";
  std::uint64_t limit = 0;
  bool reverse = false;
  bool detailed = false;
};

/// Which events are wanted.
struct Wanted {
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = UINT64_MAX;
  std::optional<std::uint64_t> from_ms;
  std::optional<std::uint64_t> to_ms;

  static Result<Wanted> parse(const EventsOptions& options) {
    Wanted wanted;
    if (!options.range.empty() && !wanted.parse_range(options.range)) {
      return fail(ErrorCode::kInvalidArgument,
                  "--range takes the first and the last sequence, 10..20, 10.. or ..20, not \"" + options.range + "\"");
    }
    auto from_ms = parse_time_option("--from", options.from);
    if (!from_ms) return fail(std::move(from_ms.error()));
    auto to_ms = parse_time_option("--to", options.to);
    if (!to_ms) return fail(std::move(to_ms.error()));
    wanted.from_ms = *from_ms;
    wanted.to_ms = *to_ms;
    return wanted;
  }

  bool parse_range(std::string_view text) {
    const std::size_t dots = text.find("..");
    if (dots == std::string_view::npos || text.size() == 2) return false;
    const auto number = [](std::string_view digits, std::uint64_t& value) {
      if (digits.empty()) return true;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      return error == std::errc() && end == digits.data() + digits.size();
    };
    return number(text.substr(0, dots), first_sequence) && number(text.substr(dots + 2), last_sequence);
  }
};

/// Takes events in the order of the chain (against it, if they are sent so) and shows them in the one that is wanted.
class Listing {
 public:
  /// `are_reversed`: the events come against the order of the chain.
  Listing(const EventsOptions& options, Context& context, bool are_reversed, bool with_actor)
      : options_(options),
        is_held_(options.sort != "chain" || options.reverse != are_reversed),
        lines_(context, {.format = *parse_event_format(options.format),
                         .detailed = options.detailed,
                         .fields = {},
                         .with_actor = with_actor}) {
    lines_.begin();
  }

  /// No more is wanted.
  bool is_enough() const { return options_.limit > 0 && shown_ == options_.limit; }

  Result<void> take(RemoteEvent event, std::uint64_t time_ns) {
    if (!is_held_) {
      show(event);
      return {};
    }
    // In the order of the chain only the last are wanted.
    if (options_.sort == "chain" && options_.limit > 0 && held_.size() == options_.limit) held_.pop_front();
    if (held_.size() == kEventsHeldMax) {
      return fail(ErrorCode::kTooLarge, "more than " + grouped(kEventsHeldMax) +
                                            " events to be put in order: narrow them with --range, --from, --to, "
                                            "--event-type or --search");
    }
    held_.push_back({.event = std::move(event), .time_ns = time_ns, .place = taken_++});
    return {};
  }

  /// Shows what was held.
  void end() {
    // Those that are alike stay in the order in which they came.
    const auto sort_by = [&](const auto& key) {
      std::ranges::sort(held_, {}, [&](const Held& held) { return std::pair(key(held), held.place); });
    };
    if (options_.sort == "time") sort_by([](const Held& held) { return held.time_ns; });
    if (options_.sort == "type") sort_by([](const Held& held) { return std::string_view(held.event.type); });
    if (options_.sort == "size") sort_by([](const Held& held) { return held.event.json.size(); });
    if (options_.reverse) std::ranges::reverse(held_);
    for (const Held& held : held_) {
      if (is_enough()) return;
      show(held.event);
    }
  }

 private:
  struct Held {
    RemoteEvent event;
    std::uint64_t time_ns = 0;
    std::uint64_t place = 0;
  };

  void show(const RemoteEvent& event) {
    ++shown_;
    lines_.show(event);
  }

  const EventsOptions& options_;
  const bool is_held_;
  const EventLines lines_;
  std::uint64_t shown_ = 0;
  std::uint64_t taken_ = 0;
  std::deque<Held> held_;
};

// From a server -------------------------------------------------------------------------------------------------------

Result<void> list_from_server(const EventsOptions& options, const Wanted& wanted, Context& context) {
  auto client = find_server(context.configuration, options.remote);
  if (!client) return fail(std::move(client.error()));
  RemoteEventQuery query;
  query.type_prefix = options.type;
  query.kind = options.kind;
  query.search = options.search;
  query.from_time_ms = wanted.from_ms;
  query.to_time_ms = wanted.to_ms;
  query.newest_first = options.sort == "chain" && options.reverse;
  if (!options.range.empty()) query.from = query.newest_first ? wanted.last_sequence : wanted.first_sequence;
  Listing listing(options, context, query.newest_first, /*with_actor=*/false);
  const Interrupts interrupts;
  for (bool is_done = false; !is_done;) {
    query.limit = kPageEvents;
    if (options.limit > 0 && options.sort == "chain") {
      query.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(kPageEvents, options.limit));
    }
    auto page = client->events(options.source, query);
    if (!page) return fail(neither_here_nor_there(options.source, options.remote, std::move(page.error())));
    if (interrupts.seen()) return fail(ErrorCode::kInterrupted, "interrupted");
    is_done = page->size() < *query.limit;
    for (RemoteEvent& event : *page) {
      const std::uint64_t sequence = event.sequence;
      const std::uint64_t time_ns = event.time_ms * kNsPerMs;
      const bool is_beyond = query.newest_first ? sequence < wanted.first_sequence : sequence > wanted.last_sequence;
      is_done |= is_beyond || listing.is_enough() || (query.newest_first && sequence == 0);
      if (is_beyond || listing.is_enough()) break;
      if (auto taken = listing.take(std::move(event), time_ns); !taken) return taken;
      query.from = query.newest_first ? sequence - 1 : sequence + 1;
    }
    is_done |= listing.is_enough();
  }
  listing.end();
  return {};
}

// From what lies on the disk ------------------------------------------------------------------------------------------

class DiskEvents {
 public:
  DiskEvents(const EventsOptions& options, const Wanted& wanted, Context& context)
      : options_(options),
        wanted_(wanted),
        context_(context),
        needs_json_(context.json || options.detailed || options.format == "json" || options.sort == "size") {
    filter_.type_prefix = options.type;
    if (!options.kind.empty()) filter_.kind = api::parse_event_kind(options.kind);
    filter_.search = options.search;
    if (wanted.from_ms) filter_.from_time_ns = *wanted.from_ms * kNsPerMs;
    if (wanted.to_ms) filter_.to_time_ns = *wanted.to_ms * kNsPerMs + (kNsPerMs - 1);
  }

  Result<void> list() {
    auto chains = replay::Chains::open(options_.source, options_.actor);
    if (!chains) return fail(std::move(chains.error()));
    Listing listing(options_, context_, /*are_reversed=*/false, /*with_actor=*/chains->size() > 1);
    for (std::size_t place = 0; place < chains->size() && !listing.is_enough(); ++place) {
      const auto chain = chains->take(place);
      if (!chain) return fail(chain.error());
      if (auto listed = list_chain(**chain, listing); !listed) return listed;
    }
    listing.end();
    return {};
  }

 private:
  Result<void> list_chain(const ChainSource& source, Listing& listing) {
    const bool needs_values = needs_json_ || !options_.search.empty();
    const auto progress = [&](std::uint64_t read) { progress_.update(read, "events", source.next_sequence()); };
    auto stream =
        EventStream::open(source, wanted_.first_sequence,
                          needs_values ? EventStream::Values::kFilled : EventStream::Values::kInline, progress);
    if (!stream) return fail(std::move(stream.error()));
    while (!listing.is_enough()) {
      const auto events = (*stream)->next();
      if (!events) return fail(events.error());
      if (events->empty() || events->front().sequence > wanted_.last_sequence) return {};
      if (interrupts_.seen()) return fail(ErrorCode::kInterrupted, "interrupted");
      progress(events->back().sequence + 1);
      for (const Event& event : *events) {
        if (listing.is_enough()) break;
        if (event.sequence > wanted_.last_sequence || !filter_.matches(event)) continue;
        if (auto taken = listing.take(as_shown(event), event.time_ns); !taken) return taken;
      }
    }
    return {};
  }

  RemoteEvent as_shown(const Event& event) const {
    return {.actor = event.actor,
            .sequence = event.sequence,
            .kind = std::string(to_string(event.kind)),
            .type = event_type(event),
            .time_ms = event.time_ns / kNsPerMs,
            .description = describe(event),
            .json = needs_json_ ? to_json(event) : std::string()};
  }

  const EventsOptions& options_;
  const Wanted& wanted_;
  Context& context_;
  const bool needs_json_;
  api::EventFilter filter_;
  const Interrupts interrupts_;
  Progress progress_{"Reading"};
};

Result<void> list_events(const EventsOptions& options, Context& context) {
  const auto wanted = Wanted::parse(options);
  if (!wanted) return fail(wanted.error());
  if (!names_an_actor(options.source, options.remote)) return DiskEvents(options, *wanted, context).list();
  if (options.actor.empty()) return list_from_server(options, *wanted, context);
  return fail(ErrorCode::kInvalidArgument,
              "--actor chooses from a data directory, and there is none at " + options.source);
}

}  // namespace

void add_events_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<EventsOptions>();
  options->format = default_event_format(context);
  CLI::App* command = app.add_subcommand("events", "List the events of a recorded chain, or of a server's actor");
  command
      ->add_option("source", options->source,
                   "A chain file, a bundle, a data directory (which may be in use), or an actor of the server: its id, "
                   "or its name while it lives")
      ->required()
      ->type_name("SOURCE");
  command
      ->add_option("--actor", options->actor, "Which actor of a data directory, by id or name (default: all of them)")
      ->type_name("ACTOR");
  add_address(*command, options->remote);
  command->add_option("-l,--limit", options->limit, "At most so many (default: 0, all)")->type_name("N");
  command
      ->add_option("-t,--event-type", options->type,
                   "Only events whose type begins so, with or without its package: actor., runtime.log")
      ->type_name("TYPE");
  command->add_option("-k,--kind", options->kind, "Only events of this kind")
      ->check(CLI::IsMember({"started", "call", "host-call", "host-call-begin", "host-call-end", "returned", "failed",
                             "stopped", "note"}));
  command->add_option("--search", options->search, "Occurs in the type, the description or the data")
      ->type_name("TEXT");
  command
      ->add_option("--from", options->from, "Not before: 2026-01-31T12:00:00Z, 2026-01-31, or milliseconds since 1970")
      ->type_name("TIME");
  command->add_option("--to", options->to, "Not after")->type_name("TIME");
  command->add_option("--range", options->range, "Only these sequences, both included: 10..20, 10.. or ..20")
      ->type_name("FIRST..LAST");
  command->add_option("-s,--sort", options->sort, "chain, time, type or size (default: chain)")
      ->check(CLI::IsMember({"chain", "time", "type", "size"}));
  command->add_flag("-r,--reverse", options->reverse, "The other way round; of the chain so the latest");
  command->add_flag("-d,--detailed", options->detailed, "All fields");
  command->add_option("-f,--format", options->format, "pretty, csv, json or compact (default: pretty)")
      ->check(CLI::IsMember({"pretty", "csv", "json", "compact"}));
  command->footer(
      "Of a recorded chain each link is verified before its events are shown.\n"
      "Exit codes: 0 done; 1 the chain is broken, or cannot be had; 130 interrupted.");
  command->callback([options, &context] {
    const auto listed = list_events(*options, context);
    if (listed) return;
    context.exit_code = listed.error().code() == ErrorCode::kInterrupted ? kExitInterrupted : kExitFailed;
    tell_error(context, "events", listed.error());
  });
}

}  // namespace theater::cli
