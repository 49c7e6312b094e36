#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "chain/event_stream.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "replay/source.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

/// Messages that led to one another; a longer row is shown as far as this.
constexpr std::size_t kStepsMax = 10'000;

struct CausesOptions {
  std::string source;
  std::uint64_t sequence = 0;
  std::string actor;
  std::vector<std::string> others;
};

/// Chains by their actor, wherever they are.
class AllChains {
 public:
  Result<void> add(const std::string& path) {
    auto chains = replay::Chains::open(path, "");
    if (!chains) return fail(std::move(chains.error()));
    groups_.push_back(std::move(*chains));
    const replay::Chains& added = groups_.back();
    for (std::size_t place = 0; place < added.size(); ++place) {
      places_.emplace(added.actor(place).id, Place{groups_.size() - 1, place});
    }
    return {};
  }

  /// Null when there is none.
  Result<const ChainSource*> find(const ActorId& actor) {
    if (const auto known = opened_.find(actor); known != opened_.end()) return known->second.get();
    const auto found = places_.find(actor);
    if (found == places_.end()) return nullptr;
    auto chain = groups_[found->second.group].take(found->second.place);
    if (!chain) return fail(std::move(chain.error()));
    return opened_.emplace(actor, std::move(*chain)).first->second.get();
  }
  std::string name_of(const ActorId& actor) const {
    const auto found = places_.find(actor);
    return found == places_.end() ? std::string() : groups_[found->second.group].actor(found->second.place).name;
  }

 private:
  struct Place {
    std::size_t group = 0;
    std::size_t place = 0;
  };

  std::vector<replay::Chains> groups_;
  std::map<ActorId, Place> places_;
  std::map<ActorId, std::unique_ptr<ChainSource>> opened_;
};

struct Step {
  Event event;
  /// The call in which it happened, if it is not that itself.
  std::optional<Event> call;
};

/// What led to an event, the latest first.
struct Row {
  std::vector<Step> steps;
  /// Why it goes no further.
  std::string end;
};

Result<Row> walk(AllChains& chains, ActorId actor, std::uint64_t sequence) {
  Row row;
  Progress progress("Reading");
  std::set<std::pair<ActorId, std::uint64_t>> seen;
  while (true) {
    const auto source = chains.find(actor);
    if (!source) return fail(source.error());
    if (*source == nullptr) {
      row.end = "the chain of " + to_string(actor) + " is not here; --in SOURCE adds it";
      return row;
    }
    auto found = find_event(**source, sequence,
                            [&](std::uint64_t read) { progress.update(read, "events", (*source)->next_sequence()); });
    if (!found && found.error().code() == ErrorCode::kNotFound && !row.steps.empty()) {
      row.end = found.error().message();
      return row;
    }
    if (!found) return fail(std::move(found.error()));
    const std::optional<Cause> cause = found->call ? found->call->cause : std::nullopt;
    const bool is_call = found->call && found->call->sequence == found->event.sequence;
    row.steps.push_back({std::move(found->event), is_call ? std::nullopt : std::move(found->call)});
    if (!cause) {
      row.end = row.steps.back().call || is_call ? "its message came from outside" : "it happened outside of any call";
      return row;
    }
    // True chains go back in time; what a forger wrote may go round.
    if (!seen.emplace(cause->actor, cause->sequence).second || row.steps.size() == kStepsMax) {
      row.end = "it leads back to what was shown, or on for too long";
      return row;
    }
    actor = cause->actor;
    sequence = cause->sequence;
  }
}

Result<ActorId> chosen_actor(const CausesOptions& options) {
  const auto source = replay::open_source(options.source, options.actor);
  if (!source) return fail(source.error());
  return (*source)->actor();
}

void show_json(const Row& row, Context& context) {
  ordered_json json = {{"steps", ordered_json::array()}, {"end", row.end}};
  for (const Step& step : row.steps) {
    ordered_json one = {{"event", ordered_json::parse(to_json(step.event))}};
    one["call"] = step.call ? ordered_json::parse(to_json(*step.call)) : ordered_json();
    json["steps"].push_back(std::move(one));
  }
  context.output.line(one_line(json));
}

void show_text(const Row& row, const AllChains& chains, Context& context) {
  Output& output = context.output;
  for (std::size_t i = 0; i < row.steps.size(); ++i) {
    const Step& step = row.steps[i];
    const std::string name = chains.name_of(step.event.actor);
    output.line((i == 0 ? "" : "caused by  ") + output.hashed(to_string(step.event.actor)) +
                (name.empty() ? "" : " " + printable(as_bytes(name), 100)));
    output.line("    " + to_line(step.event));
    if (step.call) output.line(output.dim("    in " + to_line(*step.call)));
  }
  output.line(row.end);
}

}  // namespace

void add_causes_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<CausesOptions>();
  CLI::App* command = app.add_subcommand(
      "causes", "Walk from an event to the one in another chain that sent the message, and on to where it came from");
  command->add_option("source", options->source, "A data directory, a chain file or a bundle")
      ->required()
      ->type_name("SOURCE");
  command->add_option("sequence", options->sequence, "The event's sequence")->required()->type_name("SEQ");
  command->add_option("--actor", options->actor, "Which actor of a data directory, by id or name")->type_name("ACTOR");
  command->add_option("--in", options->others, "Where further chains are; may be repeated")
      ->type_name("SOURCE")
      ->allow_extra_args(false);
  command->footer("Exit codes: 0 shown; 1 there is no such event, or a chain is broken.");
  command->callback([options, &context] {
    AllChains chains;
    const auto run = [&]() -> Result<Row> {
      const auto actor = chosen_actor(*options);
      if (!actor) return fail(actor.error());
      if (auto added = chains.add(options->source); !added) return fail(std::move(added.error()));
      for (const std::string& other : options->others) {
        if (auto added = chains.add(other); !added) return fail(std::move(added.error()));
      }
      return walk(chains, *actor, options->sequence);
    };
    const auto row = run();
    if (!row) {
      context.exit_code = kExitFailed;
      return tell_error(context, "causes", row.error());
    }
    if (context.json) {
      show_json(*row, context);
    } else {
      show_text(*row, chains, context);
    }
  });
}

}  // namespace theater::cli
