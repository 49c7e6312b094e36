#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/limits.h"
#include "cli/event_lines.h"
#include "cli/interrupts.h"
#include "cli/json.h"
#include "cli/permissions_text.h"
#include "cli/remote.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

struct StartOptions : RemoteOptions {
  std::string manifest;
  std::string initial_state;
  std::string event_fields;
  bool subscribe = false;
  bool wait = false;
  bool signals = false;
  /// Ends with the actor, whatever is shown of it.
  bool foreground = false;
  bool restart = false;
  double timeout_s = 0;
};

/// How following an actor ended.
enum class Followed : std::uint8_t { kToItsEnd, kInterrupted, kTimedOut };

/// Follows the actor from an event on until it has ended, Ctrl-C, or the deadline.
Result<Followed> follow_to_end(Client& client, Context& context, const StartOptions& options, const std::string& id,
                               std::uint64_t from, std::chrono::steady_clock::time_point deadline) {
  const Interrupts interrupts;
  RemoteEventQuery query;
  query.from = from;
  const EventLines lines(context, {.format = EventFormat::kCompact, .fields = split_fields(options.event_fields)});
  bool is_late = false;
  const auto goes_on = [&] {
    is_late = std::chrono::steady_clock::now() >= deadline;
    return !interrupts.seen() && !is_late;
  };
  auto followed = client.follow(
      id, query,
      [&](const RemoteEvent& event) {
        if (options.subscribe) lines.show(event);
        return event.kind != "stopped" && goes_on();
      },
      goes_on);
  if (!followed) return fail(std::move(followed.error()));
  if (interrupts.seen()) return Followed::kInterrupted;
  return is_late ? Followed::kTimedOut : Followed::kToItsEnd;
}

/// Follows it to its end, and anew as often as it fails where that is wanted.
Result<Followed> follow_restarts(Client& client, Context& context, const StartOptions& options, const std::string& id) {
  using Clock = std::chrono::steady_clock;
  const auto deadline =
      options.timeout_s > 0
          ? Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.timeout_s))
          : Clock::time_point::max();
  std::uint64_t from = 0;
  while (true) {
    auto followed = follow_to_end(client, context, options, id, from, deadline);
    if (!followed || *followed != Followed::kToItsEnd || !options.restart) return followed;
    const auto ended = client.inspect(id);
    if (!ended) return fail(ended.error());
    if (ended->status != "failed") return followed;
    from = ended->events;
    // One that fails at once must not keep the machine busy.
    constexpr std::chrono::milliseconds kPause{500};
    std::this_thread::sleep_for(kPause);
    if (const auto again = client.restart(id); !again) return fail(again.error());
  }
}

Result<void> start(Client& client, Context& context, const StartOptions& options) {
  RemoteStart start;
  // As the server sees it: on the same machine, whatever its working directory is.
  start.manifest_path = std::filesystem::absolute(options.manifest).lexically_normal().string();
  if (!options.initial_state.empty()) {
    auto state = read_bytes(options.initial_state);
    if (!state) return fail(std::move(state.error()));
    start.initial_state = std::move(*state);
  }
  const auto started = client.start(start);
  if (!started) return fail(started.error());
  const std::string id = to_string(*started);
  context.output.line(context.json ? ordered_json{{"id", id}}.dump() : id);
  if (!options.subscribe && !options.wait && !options.signals && !options.foreground) return {};
  const auto followed = follow_restarts(client, context, options, id);
  if (!followed) return fail(followed.error());
  if (*followed == Followed::kInterrupted) {
    context.exit_code = kExitInterrupted;
    if (!options.signals) return {};
  }
  if (*followed != Followed::kToItsEnd) {
    if (auto stopped = client.stop(id); !stopped) return fail(std::move(stopped.error()));
  }
  if (*followed == Followed::kTimedOut) {
    char seconds[32];
    std::snprintf(seconds, sizeof(seconds), "%g s", options.timeout_s);
    return fail(ErrorCode::kTimeout, id + " ran for " + seconds + ", and was stopped");
  }
  const auto actor = client.inspect(id);
  if (!actor) return fail(actor.error());
  if (options.wait) {
    context.output.line(context.json ? actor->json : "ended (" + actor->end_reason + ") " + actor->end_message);
  }
  if (actor->status == "failed") context.exit_code = kExitFailed;
  return {};
}

void show_list(Context& context, const std::vector<RemoteActor>& actors, bool all) {
  std::size_t shown = 0;
  for (const RemoteActor& actor : actors) {
    const bool has_ended = actor.status == "stopped" || actor.status == "failed";
    if (has_ended && !all) continue;
    ++shown;
    if (context.json) {
      context.output.line(actor.json);
    } else {
      const std::string status = actor.status == "failed" ? context.output.bad("failed  ") : actor.status + " ";
      context.output.line(to_string(actor.id) + "  " + status + " " + printable(as_bytes(actor.name), 100));
    }
  }
  if (shown == 0 && !context.json) context.output.line(all ? "no actors" : "no actors run");
}

/// The actor's last start, update or resumption that is kept, as an object; null if none is.
ordered_json last_start(Client& client, const std::string& id) {
  RemoteEventQuery query;
  query.kind = "started";
  query.newest_first = true;
  query.limit = 1;
  const auto events = client.events(id, query);
  return events && !events->empty() ? ordered_json::parse(events->front().json) : ordered_json();
}

/// `start` names the component that runs: the manifest does not, once there was an update.
void show_actor(Context& context, const RemoteActor& actor, const ordered_json& start) {
  const std::string component = start.is_object() ? start.value("component", "") : "";
  if (context.json) {
    ordered_json json = ordered_json::parse(actor.json);
    json["component"] = component.empty() ? ordered_json() : ordered_json(component);
    return context.output.line(one_line(json));
  }
  context.output.line("id       " + to_string(actor.id));
  context.output.line("name     " + printable(as_bytes(actor.name), 200));
  context.output.line("status   " + actor.status);
  if (actor.parent) context.output.line("parent   " + to_string(*actor.parent));
  if (!component.empty()) {
    context.output.line("runs     component " + component + ", " + start.value("reason", "") + " at event " +
                        std::to_string(start.value("sequence", std::uint64_t{0})));
  }
  context.output.line("events   " + grouped(actor.events));
  context.output.line("mailbox  " + grouped(actor.mailbox_messages) + " messages");
  context.output.line("memory   " + byte_size(actor.memory_bytes));
  context.output.line("turns    " + grouped(actor.turns) + ", with " + grouped(actor.fuel_used) +
                      " fuel, the last with " + grouped(actor.fuel_last_turn));
  if (!actor.end_reason.empty()) {
    context.output.line(
        "ended    " + actor.end_reason +
        (actor.end_message.empty() ? "" : ": " + printable_lines(actor.end_message, limits::kErrorTextBytes, 9)));
  }
}

Result<void> inspect(Client& client, Context& context, const std::string& id, bool detailed) {
  const auto actor = client.inspect(id);
  if (!actor) return fail(actor.error());
  show_actor(context, *actor, last_start(client, id));
  // One that has ended keeps no manifest.
  if (!detailed || !actor->end_reason.empty()) return {};
  const auto manifest = client.manifest(id);
  if (!manifest) return fail(manifest.error());
  context.output.line(context.json ? *manifest : ordered_json::parse(*manifest).dump(2));
  return {};
}

void add_start_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<StartOptions>();
  CLI::App* command = app.add_subcommand("start", "Start an actor on the server and print its id");
  add_address(*command, *options);
  command->add_option("manifest", options->manifest, "Manifest, or the folder that holds its manifest.toml")
      ->required()
      ->type_name("MANIFEST");
  command
      ->add_option("-i,--initial-state", options->initial_state,
                   "File with the state passed to init (-: standard input)")
      ->type_name("FILE");
  command->add_flag("-s,--subscribe", options->subscribe, "Show its events until it ends");
  command->add_flag("-p,--parent", options->wait, "Wait until it ends, and show how");
  command->add_flag("-u,--unix-signals", options->signals, "Wait; Ctrl-C and SIGTERM stop the actor");
  command
      ->add_option("--event-fields", options->event_fields,
                   "Of the events' JSON fields show these, separated by commas")
      ->type_name("FIELDS");
  command->callback([options, &context] {
    run_remote(context, "start", *options, [&](Client& client) { return start(client, context, *options); });
  });
}

void add_process_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<StartOptions>();
  options->manifest = ".";
  options->foreground = true;
  auto no_subscribe = std::make_shared<bool>(false);
  auto no_parent = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("process", "Run an actor of the server in the foreground: its events, its end");
  add_address(*command, *options);
  command
      ->add_option("manifest", options->manifest, "Manifest, or the folder that holds its manifest.toml (default: .)")
      ->type_name("MANIFEST");
  command
      ->add_option("-i,--initial-state", options->initial_state,
                   "File with the state passed to init (-: standard input)")
      ->type_name("FILE");
  command->add_flag("--no-subscribe", *no_subscribe, "Do not show its events");
  command->add_flag("--no-parent", *no_parent, "Do not tell how it ended");
  command->add_flag("-u,--unix-signals", options->signals, "Ctrl-C and SIGTERM stop the actor");
  command->add_option("--timeout", options->timeout_s, "Stop it after this time (default: 0, never)")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--restart-on-failure", options->restart, "Start it again when it fails");
  command
      ->add_option("--event-fields", options->event_fields,
                   "Of the events' JSON fields show these, separated by commas")
      ->type_name("FIELDS");
  command->footer("Exit codes: 0 it ended; 1 it failed, could not start, or --timeout; 130 interrupted.");
  command->callback([options, no_subscribe, no_parent, &context] {
    options->subscribe = !*no_subscribe;
    options->wait = !*no_parent;
    run_remote(context, "process", *options, [&](Client& client) { return start(client, context, *options); });
  });
}

void add_act_command(CLI::App& app, Context& context, const std::string& name, const std::string& help,
                     Result<RemoteActor> (Client::*act)(std::string_view)) {
  auto options = std::make_shared<RemoteOptions>();
  CLI::App* command = app.add_subcommand(name, help);
  add_address(*command, *options);
  add_actor(*command, *options);
  command->callback([options, name, act, &context] {
    run_remote(context, name, *options, [&](Client& client) -> Result<void> {
      const auto actor = (client.*act)(options->actor);
      if (!actor) return fail(actor.error());
      context.output.line(context.json ? actor->json : to_string(actor->id) + " " + actor->status);
      return {};
    });
  });
}

struct UpdateCommandOptions : RemoteOptions {
  std::string component;
  bool preflight = false;
};

/// It went on as before since the preflight found something.
constexpr int kExitNotUpdated = 2;

Result<void> update(Client& client, Context& context, const UpdateCommandOptions& options) {
  const auto component = read_bytes(options.component);
  if (!component) return fail(component.error());
  const auto update = client.update(options.actor, *component, options.preflight);
  if (!update) return fail(update.error());
  if (!update->updated) context.exit_code = kExitNotUpdated;
  if (context.json) {
    context.output.line(update->json);
    return {};
  }
  Output& output = context.output;
  if (update->updated) {
    output.line(output.good("UPDATED") + "  " + options.actor + ": " + update->former.substr(0, 16) + " → " +
                update->component.substr(0, 16));
  } else if (update->preflight == "differs") {
    output.line(output.bad("DIFFERS") + "  " + options.actor +
                " was left as it is: the new component does something else");
  } else {
    output.line(output.bad("NOT TOLD") + "  " + options.actor +
                " was left as it is: it cannot be told to the end what "
                "the new component does");
  }
  for (const std::string& finding : update->findings) output.line("    " + printable(as_bytes(finding), 4000));
  return {};
}

void add_update_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<UpdateCommandOptions>();
  CLI::App* command = app.add_subcommand(
      "update", "Let an actor go on with another component: same id, state, mailbox, channels, children and chain");
  add_address(*command, *options);
  add_actor(*command, *options);
  command->add_option("component", options->component, "The new component's file (-: standard input)")
      ->required()
      ->type_name("COMPONENT");
  command->add_flag("--preflight", options->preflight,
                    "First re-run its chain with the new component; change nothing when that differs");
  command->footer(
      "Exit codes: 0 the new component has taken over; 1 it could not, and the old one goes on; 2 the preflight found "
      "a "
      "difference, or could not be made to the end: nothing was changed.");
  command->callback([options, &context] {
    run_remote(context, "update", *options, [&](Client& client) { return update(client, context, *options); });
  });
}

void add_list_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<RemoteOptions>();
  auto all = std::make_shared<bool>(false);
  auto parent = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("list", "List the server's actors");
  add_address(*command, *options);
  command->add_flag("--all", *all, "Also those that have ended and are remembered");
  command->add_option("-c,--children-of", *parent, "Of its children those that live")
      ->type_name("ID")
      ->excludes("--all");
  command->callback([options, all, parent, &context] {
    run_remote(context, "list", *options, [&](Client& client) -> Result<void> {
      const auto actors = parent->empty() ? client.list() : client.children(*parent);
      if (!actors) return fail(actors.error());
      show_list(context, *actors, *all);
      return {};
    });
  });
}

void add_inspect_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<RemoteOptions>();
  auto detailed = std::make_shared<bool>(false);
  auto permissions = std::make_shared<bool>(false);
  auto parents = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("inspect", "Show all about an actor");
  add_address(*command, *options);
  add_actor(*command, *options);
  command->add_flag("-d,--detailed", *detailed, "Also its manifest");
  CLI::Option* shows_permissions =
      command->add_flag("--permissions", *permissions,
                        "What it may do, and which line of which manifest says so. Instead of an actor it may be a "
                        "manifest, or the folder that holds its manifest.toml: then no server is asked");
  command
      ->add_option("--parent", *parents,
                   "With a manifest: that of its parent. May be repeated, for the parent's parent and so on")
      ->type_name("MANIFEST")
      ->allow_extra_args(false)
      ->needs(shows_permissions);
  command->callback([options, detailed, permissions, parents, &context] {
    if (*permissions && !names_an_actor(options->actor, *options)) {
      if (auto shown = show_manifest_permissions(context, options->actor, *parents); !shown) {
        context.exit_code = kExitFailed;
        tell_error(context, "inspect", shown.error());
      }
      return;
    }
    if (*permissions) {
      return run_remote(context, "inspect", *options, [&](Client& client) -> Result<void> {
        const auto shown = client.permissions(options->actor);
        if (!shown) return fail(neither_here_nor_there(options->actor, *options, shown.error()));
        show_permissions(context, *shown);
        return {};
      });
    }
    run_remote(context, "inspect", *options,
               [&](Client& client) { return inspect(client, context, options->actor, *detailed); });
  });
}

}  // namespace

void add_actor_commands(CLI::App& app, Context& context) {
  add_start_command(app, context);
  add_process_command(app, context);
  add_act_command(app, context, "stop", "End an actor, its children before it", &Client::stop);
  add_act_command(app, context, "terminate", "End an actor without waiting for its turn", &Client::terminate);
  add_act_command(app, context, "restart", "End an actor and make it anew: same id and chain, first state",
                  &Client::restart);
  add_update_command(app, context);
  add_act_command(app, context, "pause", "Let no turn of an actor begin; messages wait", &Client::pause);
  add_act_command(app, context, "unpause", "Let turns of an actor begin again", &Client::unpause);
  add_list_command(app, context);
  add_inspect_command(app, context);
}

}  // namespace theater::cli
