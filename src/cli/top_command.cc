#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "cli/interrupts.h"
#include "cli/json.h"
#include "cli/remote.h"
#include "cli/top_table.h"

namespace theater::cli {
namespace {

using std::chrono::milliseconds;

/// Each is asked about; more are not looked at.
constexpr std::size_t kActorsMax = 1'000;
/// Of which the turns' times are told.
constexpr std::size_t kTurnsMax = 60;
constexpr std::uint32_t kTurnEvents = 40;

struct TopOptions : RemoteOptions {
  double delay_s = 1;
  std::uint64_t iterations = 0;
  std::string sort = "rate";
};

/// Looks at the server's actors again and again.
class Watcher {
 public:
  explicit Watcher(Client& client) : client_(client) {}

  Result<void> look(TopTable& table) {
    const auto listed = client_.list();
    if (!listed) return fail(listed.error());
    std::vector<TopActor> actors;
    std::size_t living = 0;
    for (const RemoteActor& actor : *listed) {
      if (actor.status == "stopped" || actor.status == "failed") continue;
      if (++living > kActorsMax) continue;
      const auto whole = client_.inspect(to_string(actor.id));
      // It may have ended meanwhile.
      if (!whole && whole.error().code() == ErrorCode::kNotFound) continue;
      if (!whole) return fail(whole.error());
      actors.push_back({.id = whole->id,
                        .name = printable(as_bytes(whole->name), 200),
                        .status = whole->status,
                        .events = whole->events,
                        .mailbox = whole->mailbox_messages,
                        .memory_bytes = whole->memory_bytes,
                        .restarts = whole->restarts,
                        .turn_ns = std::nullopt,
                        .turns = whole->turns,
                        .fuel = whole->fuel_used,
                        .fuel_per_turn = 0,
                        .rate = 0});
    }
    note_ =
        living > kActorsMax ? "(the first " + std::to_string(kActorsMax) + " of " + std::to_string(living) + ")" : "";
    // Those that stood on top are looked at more closely, if anything happened.
    std::map<ActorId, std::uint64_t> before;
    for (const TopActor& actor : table.actors()) before.emplace(actor.id, actor.events);
    std::size_t asked = 0;
    for (TopActor& actor : actors) {
      if (asked == kTurnsMax) break;
      const auto known = before.find(actor.id);
      if (known != before.end() && known->second == actor.events) continue;
      ++asked;
      RemoteEventQuery query;
      query.from = actor.events > kTurnEvents ? actor.events - kTurnEvents : 0;
      query.limit = kTurnEvents;
      if (const auto events = client_.events(to_string(actor.id), query)) actor.turn_ns = mean_turn_ns(*events);
    }
    table.look(std::move(actors), clock_.monotonic_ns());
    return {};
  }

  const std::string& note() const { return note_; }

 private:
  Client& client_;
  const SystemClock clock_;
  std::string note_;
};

void show_json(const TopTable& table, Context& context) {
  nlohmann::ordered_json actors = nlohmann::ordered_json::array();
  for (const TopActor& actor : table.actors()) {
    actors.push_back({{"id", to_string(actor.id)},
                      {"name", actor.name},
                      {"status", actor.status},
                      {"events", actor.events},
                      {"events_per_s", actor.rate},
                      {"mailbox_messages", actor.mailbox},
                      {"memory_bytes", actor.memory_bytes},
                      {"restarts", actor.restarts}});
    actors.back()["fuel_per_turn"] = actor.fuel_per_turn;
    actors.back()["turn_ns"] = actor.turn_ns ? nlohmann::ordered_json(*actor.turn_ns) : nlohmann::ordered_json(nullptr);
  }
  context.output.line(one_line({{"actors", actors}}));
}

/// Without a terminal, or as JSON: one look after the other.
Result<void> print(Watcher& watcher, TopTable& table, const TopOptions& options, Context& context) {
  const Interrupts interrupts;
  const milliseconds delay(static_cast<std::int64_t>(options.delay_s * 1000));
  for (std::uint64_t i = 0; !interrupts.seen(); ++i) {
    if (auto looked = watcher.look(table); !looked) return looked;
    if (context.json) {
      show_json(table, context);
    } else {
      auto lines = table.render({.columns = 0, .rows = table.actors().size() + 3}, watcher.note());
      lines.pop_back();
      for (const ScreenLine& line : lines) context.output.line(line.text);
    }
    if (i + 1 == options.iterations) return {};
    const auto until = std::chrono::steady_clock::now() + delay;
    while (!interrupts.seen() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::min(delay, milliseconds(50)));
    }
  }
  return fail(ErrorCode::kInterrupted, "interrupted");
}

Result<void> watch(Watcher& watcher, TopTable& table, const TopOptions& options, Terminal& terminal) {
  const milliseconds delay(static_cast<std::int64_t>(options.delay_s * 1000));
  for (std::uint64_t looks = 0;;) {
    if (!table.is_paused()) {
      if (auto looked = watcher.look(table); !looked) return looked;
      if (++looks == options.iterations) return {};
    }
    const auto next = std::chrono::steady_clock::now() + delay;
    for (auto now = next - delay; now < next; now = std::chrono::steady_clock::now()) {
      terminal.show(table.render(terminal.size(), watcher.note()));
      const auto key = terminal.read(std::chrono::ceil<milliseconds>(next - now));
      if (!key) return fail(key.error());
      if (*key && !table.press(**key)) return {};
    }
  }
}

Result<void> top(Client& client, Context& context, const TopOptions& options) {
  TopTable table;
  table.set_order(options.sort);
  Watcher watcher(client);
  auto terminal = context.json ? Result<std::unique_ptr<Terminal>>(fail(ErrorCode::kUnavailable, "JSON is wanted"))
                               : Terminal::open(context.output.has_colors());
  return terminal ? watch(watcher, table, options, **terminal) : print(watcher, table, options, context);
}

}  // namespace

void add_top_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* command = app.add_subcommand("top", "Watch the server's actors: rate, mailbox, turns, memory, restarts");
  add_address(*command, *options);
  command->add_option("-d,--delay", options->delay_s, "Time between two looks")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.05, 3600.0))
      ->capture_default_str();
  command->add_option("-n,--iterations", options->iterations, "End after so many looks (default: 0, never)")
      ->type_name("N");
  command->add_option("-s,--sort", options->sort, "What stands first (default: rate)")
      ->check(CLI::IsMember({"rate", "mailbox", "turn", "memory", "restarts", "name"}));
  command->footer(
      "TURN is the mean of an actor's latest turns. Without a terminal each look is printed.\n"
      "Exit codes: 0 ended; 1 no server is there; 130 interrupted.");
  command->callback([options, &context] {
    run_remote(context, "top", *options, [&](Client& client) -> Result<void> {
      auto done = top(client, context, *options);
      if (done || done.error().code() != ErrorCode::kInterrupted) return done;
      context.exit_code = kExitInterrupted;
      return {};
    });
  });
}

}  // namespace theater::cli
