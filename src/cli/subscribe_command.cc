#include <chrono>
#include <iostream>
#include <utility>

#include "cli/event_lines.h"
#include "cli/interrupts.h"
#include "cli/remote.h"

namespace theater::cli {
namespace {

struct SubscribeOptions : RemoteOptions {
  std::string type;
  std::string format = "pretty";
  std::uint64_t limit = 0;
  double timeout_s = 0;
  std::uint32_t history_limit = 0;
  bool history = false;
  bool detailed = false;
};

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

void add_subscribe_command(CLI::App& app, Context& context) {
  auto follow = std::make_shared<SubscribeOptions>();
  follow->format = default_event_format(context);
  CLI::App* command = app.add_subcommand("subscribe", "Show an actor's events as they come, until it ends");
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
