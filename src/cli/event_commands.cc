#include <algorithm>
#include <chrono>
#include <iostream>
#include <string_view>
#include <utility>

#include "cli/event_lines.h"
#include "cli/interrupts.h"
#include "cli/remote.h"

namespace theater::cli {
namespace {

/// As many as the server gives in one page.
constexpr std::uint32_t kPageEvents = 1000;

struct EventsOptions : RemoteOptions {
  std::uint32_t limit = 100;
  std::string type;
  std::string from;
  std::string to;
  std::string search;
  std::string sort = "chain";
  std::string format = "pretty";
  bool reverse = false;
  bool detailed = false;
};

struct SubscribeOptions : RemoteOptions {
  std::string type;
  std::string format = "pretty";
  std::uint64_t limit = 0;
  double timeout_s = 0;
  std::uint32_t history_limit = 0;
  bool history = false;
  bool detailed = false;
};

Result<std::optional<std::uint64_t>> time_of(const std::string& option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto time = parse_time_ms(text);
  if (!time) {
    return fail(ErrorCode::kInvalidArgument,
                option + " takes milliseconds since 1970 or a time such as 2026-01-31T12:00:00Z, not \"" + text + "\"");
  }
  return *time;
}

/// Pages until there are as many as wanted.
Result<std::vector<RemoteEvent>> read_events(Client& client, const EventsOptions& options, RemoteEventQuery query) {
  std::vector<RemoteEvent> events;
  while (events.size() < options.limit) {
    query.limit = std::min<std::uint32_t>(kPageEvents, options.limit - static_cast<std::uint32_t>(events.size()));
    auto page = client.events(options.actor, query);
    if (!page) return fail(std::move(page.error()));
    const bool last = page->size() < *query.limit;
    for (RemoteEvent& event : *page) events.push_back(std::move(event));
    if (last) break;
    const std::uint64_t sequence = events.back().sequence;
    if (query.newest_first && sequence == 0) break;
    query.from = query.newest_first ? sequence - 1 : sequence + 1;
  }
  return events;
}

Result<void> show_events(Client& client, Context& context, const EventsOptions& options) {
  RemoteEventQuery query;
  query.type_prefix = options.type;
  query.search = options.search;
  const auto from = time_of("--from", options.from);
  if (!from) return fail(from.error());
  const auto to = time_of("--to", options.to);
  if (!to) return fail(to.error());
  query.from_time_ms = *from;
  query.to_time_ms = *to;
  // Of the latest ones, unless the order is another.
  query.newest_first = options.sort == "chain" && options.reverse;
  auto events = read_events(client, options, query);
  if (!events) return fail(std::move(events.error()));
  // Those that are alike stay in the chain's order.
  const auto sort_by = [&](const auto& key) {
    std::ranges::sort(*events, {}, [&](const RemoteEvent& event) { return std::pair(key(event), event.sequence); });
  };
  if (options.sort == "time") sort_by([](const RemoteEvent& event) { return event.time_ms; });
  if (options.sort == "type") sort_by([](const RemoteEvent& event) { return std::string_view(event.type); });
  if (options.sort == "size") sort_by([](const RemoteEvent& event) { return event.json.size(); });
  if (options.reverse && options.sort != "chain") std::ranges::reverse(*events);
  const EventLines lines(context,
                         {.format = *parse_event_format(options.format), .detailed = options.detailed, .fields = {}});
  lines.begin();
  for (const RemoteEvent& event : *events) lines.show(event);
  return {};
}

/// The sequence of the first of the last `count` events; 0 when there are fewer or `count` is 0, for all.
Result<std::uint64_t> history_begin(Client& client, const std::string& actor, std::uint32_t count) {
  if (count == 0) return 0;
  const auto info = client.inspect(actor);
  if (!info) return fail(info.error());
  return info->events > count ? info->events - count : 0;
}

Result<void> subscribe(Client& client, Context& context, SubscribeOptions& options) {
  if (options.actor == "-" && !std::getline(std::cin, options.actor)) {
    return fail(ErrorCode::kInvalidArgument, "standard input has no line with an actor's id");
  }
  RemoteEventQuery query;
  query.type_prefix = options.type;
  if (options.history) {
    auto begin = history_begin(client, options.actor, options.history_limit);
    if (!begin) return fail(std::move(begin.error()));
    query.from = *begin;
  }
  const EventLines lines(context,
                         {.format = *parse_event_format(options.format), .detailed = options.detailed, .fields = {}});
  const Interrupts interrupts;
  using Clock = std::chrono::steady_clock;
  auto last = Clock::now();
  bool timed_out = false;
  std::uint64_t shown = 0;
  auto followed = client.follow(
      options.actor, query,
      [&](const RemoteEvent& event) {
        lines.show(event);
        last = Clock::now();
        return ++shown != options.limit && event.kind != "stopped" && !interrupts.seen();
      },
      [&] {
        timed_out = options.timeout_s > 0 && Clock::now() - last > std::chrono::duration<double>(options.timeout_s);
        return !timed_out && !interrupts.seen();
      });
  if (!followed) return fail(std::move(followed.error()));
  if (interrupts.seen()) context.exit_code = kExitInterrupted;
  if (timed_out) return fail(ErrorCode::kTimeout, "no event for " + std::to_string(options.timeout_s) + " s");
  return {};
}

}  // namespace

void add_event_commands(CLI::App& app, Context& context) {
  auto events = std::make_shared<EventsOptions>();
  CLI::App* command = app.add_subcommand("events", "Show what is kept of an actor's chain");
  add_address(*command, *events);
  add_actor(*command, *events);
  command->add_option("-l,--limit", events->limit, "At most so many (default: 100)")->check(CLI::Range(1, 10'000'000));
  command->add_option("-t,--event-type", events->type, "Only events whose type begins so")->type_name("TYPE");
  command->add_option("--from", events->from, "Not before: milliseconds since 1970, or 2026-01-31T12:00:00Z");
  command->add_option("--to", events->to, "Not after");
  command->add_option("--search", events->search, "Occurs in the type, the description or the data");
  command->add_option("-s,--sort", events->sort, "chain, time, type or size")
      ->check(CLI::IsMember({"chain", "time", "type", "size"}));
  command->add_flag("-r,--reverse", events->reverse, "The other way round");
  command->add_flag("-d,--detailed", events->detailed, "All fields");
  command->add_option("-f,--format", events->format, "pretty, csv, json or compact")
      ->check(CLI::IsMember({"pretty", "csv", "json", "compact"}));
  command->callback([events, &context] {
    run_remote(context, "events", *events, [&](Client& client) { return show_events(client, context, *events); });
  });

  auto follow = std::make_shared<SubscribeOptions>();
  command = app.add_subcommand("subscribe", "Show an actor's events as they come, until it ends");
  add_address(*command, *follow);
  add_actor(*command, *follow);
  command->get_option("actor")->description("The actor's id or name; - reads it from standard input");
  command->add_option("-e,--event-type", follow->type, "Only events whose type begins so")->type_name("TYPE");
  command->add_flag("-d,--detailed", follow->detailed, "All fields");
  command->add_option("-l,--limit", follow->limit, "End after so many (default: 0, never)");
  command->add_option("-t,--timeout", follow->timeout_s, "End when nothing came for so long (default: 0, never)")
      ->type_name("SECONDS");
  command->add_option("-f,--format", follow->format, "pretty, compact or json")
      ->check(CLI::IsMember({"pretty", "compact", "json"}));
  command->add_flag("-H,--history", follow->history, "First what was recorded before");
  command->add_option("--history-limit", follow->history_limit, "Of that at most so many (default: 0, all)");
  command->footer("Exit codes: 0 the actor ended, or --limit was reached; 1 an error, or --timeout; 130 interrupted.");
  command->callback([follow, &context] {
    run_remote(context, "subscribe", *follow, [&](Client& client) { return subscribe(client, context, *follow); });
  });
}

}  // namespace theater::cli
