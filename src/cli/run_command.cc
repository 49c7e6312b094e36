#include "cli/run_command.h"

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "base/clock.h"
#include "cli/interrupts.h"
#include "cli/paths.h"
#include "cli/remote.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

/// A message asked for on the command line.
struct Message {
  std::string target;
  std::string text;
};

/// NAME=TEXT.
Result<Message> parse_message(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(ErrorCode::kInvalidArgument, "\"" + text + "\" is not of the form NAME=TEXT");
  }
  return Message{.target = text.substr(0, equals), .text = text.substr(equals + 1)};
}

Result<Bytes> read_state(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::kNotFound, "cannot read the initial state " + path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return to_bytes(text);
}

/// Shows on the terminal (or as JSON lines) what happens to actors. Called on shards.
class Narrator final : public RuntimeListener {
 public:
  explicit Narrator(Context& context) : context_(context) {}

  void actor_started(const ActorId& id, const std::string& name) override {
    remember(id, name);
    if (context_.json) return put("started", {{"id", to_string(id)}, {"name", name}});
    tell(name, "started as " + to_string(id));
  }
  void actor_logged(const ActorId& id, const std::string& name, std::string_view line) override {
    if (context_.json) return put("log", {{"id", to_string(id)}, {"name", name}, {"line", line}});
    tell(name, line);
  }
  void actor_ended(const ActorInfo& info) override {
    if (context_.json) {
      return put("ended", {{"id", to_string(info.id)},
                           {"name", info.name},
                           {"status", to_string(info.status)},
                           {"reason", to_string(info.end_reason)},
                           {"message", info.end_message}});
    }
    if (info.status == ActorStatus::kFailed) {
      tell(info.name, context_.output.bad("failed: ") + info.end_message);
    } else if (info.end_reason != StopReason::kRequested && info.end_reason != StopReason::kRuntimeEnded) {
      tell(info.name, "stopped (" + std::string(to_string(info.end_reason)) + ")");
    }
  }
  void event(const Event& event) {
    if (context_.json) return put("event", ordered_json::parse(to_json(event)));
    if (event.kind == EventKind::kStarted) remember(event.actor, event.name);
    // The event's own time stands in front, in the form that all lines here have.
    const std::string line = to_line(event);
    tell(name_of(event.actor), context_.output.dim(line.substr(line.find(' ') + 1)), event.time_ns);
  }
  /// The name in its colour, and blanks up to the longest.
  std::string column(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return context_.output.hashed(name) + std::string(std::max(width_, name.size()) - name.size(), ' ');
  }
  void answer(const Message& request, const Result<Bytes>& answer) {
    if (context_.json) {
      ordered_json json = {{"target", request.target}};
      if (answer) {
        json["answer"] = printable(*answer, SIZE_MAX);
      } else {
        json["error"] = {{"code", to_string(answer.error().code())}, {"message", answer.error().to_string()}};
      }
      return put("answer", json);
    }
    if (answer) {
      context_.output.line(context_.output.bold(request.target) + " answered: " + printable(*answer, 4096));
    } else {
      context_.output.error_line(context_.output.bad("request to " + request.target + " failed: ") +
                                 answer.error().to_string());
    }
  }
  void put(std::string_view what, const ordered_json& fields) {
    ordered_json json = {{"what", what}};
    json.update(fields);
    context_.output.line(json.dump());
  }

 private:
  void remember(const ActorId& id, const std::string& name) {
    const std::lock_guard lock(mutex_);
    names_[id] = name;
    width_ = std::max(width_, name.size());
  }
  std::string name_of(const ActorId& id) {
    const std::lock_guard lock(mutex_);
    const auto found = names_.find(id);
    return found == names_.end() ? to_string(id).substr(0, 8) : found->second;
  }
  void tell(const std::string& name, std::string_view what, std::uint64_t time_ns = SystemClock().wall_ns()) {
    context_.output.line(context_.output.dim(clock_time(time_ns)) + "  " + column(name) + "  " + std::string(what));
  }

  Context& context_;
  std::mutex mutex_;
  std::map<ActorId, std::string> names_;
  std::size_t width_ = 0;
};

/// One run of the command.
class Run {
 public:
  Run(const RunOptions& options, Context& context) : options_(options), context_(context), narrator_(context) {}

  int execute() {
    if (auto ran = start_and_wait(); !ran) {
      tell_error(context_, options_.command, ran.error());
      return kExitFailed;
    }
    // The end is part of each chain, so it comes before the chains are verified.
    runtime_->end_all();
    if (forked_ && !options_.forked->save.empty()) save(*forked_, options_.forked->save);
    const bool verified = summarize();
    runtime_->shut_down();
    if (failed_ || !verified) return kExitFailed;
    return interrupted_ ? kExitInterrupted : kExitOk;
  }

 private:
  Result<void> start_and_wait() {
    std::vector<Message> sends;
    std::vector<Message> requests;
    if (auto parsed = parse_all(options_.sends, sends); !parsed) return parsed;
    if (auto parsed = parse_all(options_.requests, requests); !parsed) return parsed;
    if (options_.manifests.empty() && options_.data.empty() && !options_.forked) {
      return fail(ErrorCode::kInvalidArgument, "name a manifest, or a data directory whose actors go on: --data DIR");
    }
    if (auto started = start_runtime(); !started) return started;
    const Interrupts interrupts;
    resume();
    if (options_.manifests.empty() && !options_.forked && actors_.empty() && !failed_) {
      return fail(ErrorCode::kNotFound,
                  options_.data + " holds no actor that goes on: those do whose manifest says resume = true");
    }
    for (const std::string& manifest : options_.manifests) {
      if (auto spawned = spawn(manifest); !spawned) return spawned;
      if (interrupts.seen()) break;
    }
    if (options_.forked) {
      if (auto forked = fork(*options_.forked); !forked) return forked;
    }
    for (const Message& message : sends) {
      if (auto sent = send(message); !sent) return sent;
    }
    for (const Message& message : requests) request(message);
    wait(interrupts);
    return {};
  }

  static Result<void> parse_all(const std::vector<std::string>& texts, std::vector<Message>& messages) {
    for (const std::string& text : texts) {
      auto message = parse_message(text);
      if (!message) return fail(std::move(message.error()));
      messages.push_back(std::move(*message));
    }
    return {};
  }

  Result<void> start_runtime() {
    RuntimeOptions options;
    options.shards = options_.shards;
    options_.room.apply(options);
    options.code_cache = code_cache_directory();
    options.chains_directory = options_.chains.empty() ? chains_directory() : std::filesystem::path(options_.chains);
    if (!options_.data.empty()) {
      options.data_directory = options_.data;
      options.warn = [this](std::string_view line) { context_.log.warning(line); };
    }
    options.listener = &narrator_;
    if (context_.verbose) options.log = [this](std::string_view line) { context_.log.info(line); };
    auto started = Runtime::start(std::move(options), builtin_handlers(router_), router_);
    if (!started) return fail(std::move(started.error()));
    runtime_ = std::move(*started);
    if (options_.events)
      events_ = runtime_->subscribe(std::nullopt, [this](const Event& event) { narrator_.event(event); });
    return {};
  }

  void resume() {
    for (const ResumedActor& actor : runtime_->resume()) {
      if (actor.error) {
        failed_ = true;
        tell_error(context_, options_.command,
                   Error(*actor.error).with_context("not resumed: " + actor.name + " (" + to_string(actor.id) + ")"));
        continue;
      }
      actors_.push_back(actor.id);
      resumed_.insert(actor.name);
    }
  }

  /// Several actors may come from one manifest: only the first gets the name.
  Result<void> spawn(const std::string& path) {
    std::filesystem::path manifest = path;
    if (std::filesystem::is_directory(manifest)) manifest /= "manifest.toml";
    SpawnOptions spawn;
    if (!options_.initial_state.empty()) {
      auto state = read_state(options_.initial_state);
      if (!state) return fail(std::move(state.error()));
      spawn.state = std::move(*state);
    }
    auto loaded = runtime_->load(manifest, std::move(spawn.state));
    if (!loaded) return fail(std::move(loaded.error()));
    spawn.state = std::move(loaded->state);
    // It runs already, where it left off.
    if (loaded->manifest.resume && resumed_.erase(loaded->manifest.name) > 0) return {};
    spawn.register_name = !router_.find(loaded->manifest.name);
    auto blueprint = runtime_->prepare(std::move(loaded->manifest));
    if (!blueprint) return fail(std::move(blueprint.error()).with_context(manifest.string()));
    auto id = runtime_->spawn(*blueprint, std::move(spawn));
    if (!id) return fail(std::move(id.error()).with_context(manifest.string()));
    actors_.push_back(*id);
    return {};
  }

  Result<void> fork(const ForkedActor& forked) {
    const auto blueprint = runtime_->prepare(forked.manifest, forked.component);
    if (!blueprint) return fail(blueprint.error());
    SpawnOptions spawn = forked.spawn;
    spawn.register_name = !router_.find(forked.manifest.name);
    const auto id = runtime_->spawn(*blueprint, std::move(spawn));
    if (!id) return fail(id.error());
    actors_.push_back(*id);
    forked_ = *id;
    return {};
  }

  void save(const ActorId& id, const std::string& file) {
    if (auto saved = runtime_->save_chain(id, file); !saved) {
      failed_ = true;
      tell_error(context_, options_.command, saved.error());
    }
  }

  /// The forked actor goes by its name here, though another may have it: the one that it was forked from.
  Result<ActorId> find(const std::string& name) {
    if (forked_ && name == options_.forked->manifest.name) return *forked_;
    return router_.find(name);
  }

  Result<void> send(const Message& message) {
    const auto target = find(message.target);
    if (!target) return fail(Error(target.error()).with_context("--send " + message.target));
    auto sent = router_.send(*target, as_bytes(message.text));
    if (!sent) return fail(std::move(sent.error()).with_context("--send " + message.target));
    return {};
  }

  void request(const Message& message) {
    const auto target = find(message.target);
    if (!target) {
      failed_ = true;
      narrator_.answer(message, fail(target.error()));
      return;
    }
    ++open_requests_;
    router_.request(*target, as_bytes(message.text), 0, [this, message](Result<Bytes> answer) {
      narrator_.answer(message, answer);
      if (!answer) failed_ = true;
      --open_requests_;
    });
  }

  void wait(const Interrupts& interrupts) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    while (true) {
      if (runtime_->wait_all(std::chrono::milliseconds(20))) break;
      if (interrupts.seen()) {
        interrupted_ = true;
        break;
      }
      const double passed = std::chrono::duration<double>(Clock::now() - start).count();
      if (options_.seconds && passed >= *options_.seconds && open_requests_ == 0) break;
    }
    for (const ActorId& id : actors_) {
      const auto info = runtime_->info(id);
      if (info && info->status == ActorStatus::kFailed) failed_ = true;
    }
  }

  /// A line for each actor: its chain, verified, and the totals. False if a chain does not verify.
  bool summarize() {
    bool all_good = true;
    for (const ActorId& id : actors_) {
      const auto info = runtime_->info(id);
      if (!info) continue;
      const auto report = runtime_->verify(id);
      const bool good = report && !report->fault;
      all_good &= good;
      if (context_.json) {
        ordered_json json = {{"id", to_string(id)},
                             {"name", info->name},
                             {"status", to_string(info->status)},
                             {"events", info->events},
                             {"verified", good}};
        if (good) json["head"] = to_hex(report->head_hash);
        narrator_.put("chain", json);
        continue;
      }
      std::string text = narrator_.column(info->name) + "  " + grouped(info->events) + " events";
      if (good) {
        text += ", " + context_.output.good("chain verified") +
                (report->complete ? "" : " (the latest " + grouped(report->events) + ")") + ", head " +
                to_hex(report->head_hash).substr(0, 16);
      } else if (report) {
        text += ", " + context_.output.bad("chain broken at event " + std::to_string(report->fault->first)) + ": " +
                report->fault->second;
      } else {
        text += ", " + report.error().to_string();
      }
      context_.output.line(text);
    }
    const MessageTotals totals = router_.totals();
    if (context_.json) {
      narrator_.put("messages", {{"sent", totals.sent},
                                 {"delivered", totals.delivered},
                                 {"refused", totals.refused},
                                 {"dead_letters", totals.dead_letters}});
    } else {
      context_.output.line("messages: " + grouped(totals.sent) + " sent, " + grouped(totals.delivered) +
                           " delivered, " + grouped(totals.refused) + " refused, " + grouped(totals.dead_letters) +
                           (totals.dead_letters == 1 ? " dead letter" : " dead letters"));
    }
    return all_good;
  }

  const RunOptions& options_;
  Context& context_;
  Narrator narrator_;
  MessageRouter router_;
  std::unique_ptr<Runtime> runtime_;
  std::shared_ptr<void> events_;
  std::vector<ActorId> actors_;
  /// Names of actors that were resumed, and that no manifest of this run has stood for yet.
  std::multiset<std::string> resumed_;
  std::optional<ActorId> forked_;
  std::atomic<int> open_requests_ = 0;
  std::atomic<bool> failed_ = false;
  bool interrupted_ = false;
};

}  // namespace

int run_actors(const RunOptions& options, Context& context) { return Run(options, context).execute(); }

void add_session_options(CLI::App& command, RunOptions& options) {
  command
      .add_option("--send", options.sends,
                  "Send TEXT to the actor with this name or id once all have started; may be repeated")
      ->type_name("NAME=TEXT")
      ->allow_extra_args(false);
  command.add_option("--request", options.requests, "Send TEXT as a request and show the answer; may be repeated")
      ->type_name("NAME=TEXT")
      ->allow_extra_args(false);
  command
      .add_option("--for", options.seconds,
                  "End after this time, once all answers have come (default: on Ctrl-C, or when all actors have ended)")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--chains", options.chains,
                  "Where actors with save_chain = true write their chains (default: $THEATER_HOME/chains)")
      ->type_name("DIR");
  command
      .add_option("--data", options.data,
                  "Keep all chains in this folder, and go on with its actors that have resume = true; a manifest whose "
                  "actor goes on is not started anew")
      ->type_name("DIR");
  command.add_option("--shards", options.shards, "Threads that run actors (default: one for each processor)")
      ->type_name("N")
      ->check(CLI::Range(1, 256));
  add_room_options(command, options.room);
  command.add_flag("--events", options.events, "Show every event as it is recorded");
  command.footer(
      "Exit codes: 0 all went well; 1 an actor or request failed, or a chain does not verify; 130 interrupted.");
}

void add_run_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Run actors in this process and show what they do");
  command
      ->add_option("manifests", options->manifests, "Manifests, or folders with a manifest.toml; started in this order")
      ->type_name("MANIFEST");
  add_session_options(*command, *options);
  command
      ->add_option("-i,--initial-state", options->initial_state,
                   "File with the state passed to each actor's init; fills its manifest's template when it is JSON")
      ->type_name("FILE");
  command->callback([options, &context] { context.exit_code = run_actors(*options, context); });
}

}  // namespace theater::cli
