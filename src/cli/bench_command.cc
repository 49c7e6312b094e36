#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "base/machine.h"
#include "cli/bench_components.h"
#include "cli/bench_disk.h"
#include "cli/commands.h"
#include "cli/remote.h"
#include "theater/runtime.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;
using SteadyClock = std::chrono::steady_clock;

struct BenchOptions {
  std::string bench;
  std::uint32_t actors = 2;
  std::uint64_t size = 64;
  double seconds = 3;
  std::uint32_t shards = 0;
  std::string record = "on";
  std::string placement = "pairs";
  /// Where chains are kept on disk; empty: in memory only.
  std::string data;
  std::string durability = "batched";
};

constexpr std::size_t kIdBytes = 36;
/// Actors whose chains the times are taken from.
constexpr std::size_t kSampledActors = 64;
/// Of all actors' latest events so many are in memory still: to read others from a disk would take longer than the
/// measurement.
constexpr std::uint64_t kSampledEvents = 200'000;
/// idle: of how many actors the first message is measured, and when their instances go.
constexpr std::size_t kWokenActors = 10'000;
constexpr std::chrono::milliseconds kEvictAfter{100};
constexpr std::chrono::seconds kEvictionPatience{30};
/// Time before the measurement, for caches and branch predictors.
constexpr std::chrono::milliseconds kWarmUp{300};

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

double percentile_us(std::vector<std::uint64_t>& times_ns, double fraction) {
  if (times_ns.empty()) return 0;
  const auto at = static_cast<std::size_t>(fraction * static_cast<double>(times_ns.size() - 1));
  std::ranges::nth_element(times_ns, times_ns.begin() + static_cast<std::ptrdiff_t>(at));
  return static_cast<double>(times_ns[at]) / 1000;
}

struct Measured {
  std::uint64_t messages = 0;
  double seconds = 0;
  std::uint64_t events = 0;
  std::uint64_t resident = 0;
  std::vector<std::uint64_t> times_ns;
  /// Written to the data directory meanwhile.
  std::uint64_t disk_bytes = 0;
  /// The same as events, as each has the same share of the bytes.
  std::uint64_t disk_events = 0;
};

class Bench {
 public:
  Bench(const BenchOptions& options, Context& context) : options_(options), context_(context) {}

  Result<Measured> run() {
    if (auto measured = measure_disk(); !measured) return fail(std::move(measured.error()));
    if (auto started = start(); !started) return fail(std::move(started.error()));
    auto measured = run_actors();
    if (!measured) return measured;
    shards_ = runtime_->shards();
    const std::uint64_t events = runtime_->events_recorded();
    runtime_->shut_down();
    if (!disk_) return measured;
    // Now all of them are there.
    const std::uint64_t bytes = std::max<std::uint64_t>(1, disk_->segment_bytes());
    measured->disk_events = static_cast<std::uint64_t>(static_cast<double>(measured->disk_bytes) *
                                                       static_cast<double>(events) / static_cast<double>(bytes));
    if (auto again = measure_disk(); !again) return fail(std::move(again.error()));
    return measured;
  }

  std::uint32_t shards() const { return shards_; }
  /// None when nothing is kept on disk.
  BenchDisk* disk() { return disk_.get(); }

 private:
  Result<void> measure_disk() {
    if (options_.data.empty()) return {};
    if (!disk_) {
      auto made = BenchDisk::make(options_.data);
      if (!made) return fail(std::move(made.error()));
      disk_ = std::move(*made);
    }
    return disk_->measure();
  }
  std::uint64_t disk_bytes() const { return disk_ ? disk_->segment_bytes() : 0; }

  Result<Measured> run_actors() {
    if (options_.bench == "ping-pong") return ping_pong();
    if (options_.bench == "requests") return requests();
    if (options_.bench == "fan-in") return fan_in();
    if (options_.bench == "idle") return idle();
    auto bencher = prepare("bencher", bencher_component());
    if (!bencher) return fail(std::move(bencher.error()));
    std::vector<ActorId> ids;
    return spawn_many(*bencher, ids);
  }

  Result<void> start() {
    RuntimeOptions options;
    if (disk_) options.data_directory = disk_->data_directory();
    options.warn = [this](std::string_view line) { context_.log.warning(line); };
    options.shards = options_.shards;
    options.record = options_.record == "on";
    options.actors_max = std::max(options_.actors + 1, 64u);
    if (context_.verbose) options.log = [this](std::string_view line) { context_.log.info(line); };
    auto runtime = Runtime::start(std::move(options), builtin_handlers(router_), router_);
    if (!runtime) return fail(std::move(runtime.error()));
    runtime_ = std::move(*runtime);
    return {};
  }

  Result<Blueprint> prepare(std::string_view name, ByteView component, std::string_view more = "") {
    std::string text = "name = \"" + std::string(name) + "\"\nversion = \"1\"\ncomponent = \"embedded.wasm\"\n" +
                       "[[handler]]\ntype = \"message-server\"\n[limits]\nmessage_max_bytes = " +
                       std::to_string(std::max<std::uint64_t>(options_.size, 1u << 20)) +
                       "\nmailbox_bytes = " + std::to_string(std::max<std::uint64_t>(options_.size * 64, 8u << 20)) +
                       "\n" + std::string(more);
    if (disk_) text += "[chain]\ndurability = \"" + options_.durability + "\"\n";
    ParseOptions parse;
    parse.base_directory = "/";
    auto manifest = parse_manifest(text, parse);
    if (!manifest) return fail(std::move(manifest.error()));
    return runtime_->prepare(std::move(*manifest), component);
  }

  /// The two of a pair share a shard, unless asked otherwise.
  Result<std::pair<ActorId, ActorId>> spawn_pair(const Blueprint& first, const Blueprint& second) {
    auto a = runtime_->spawn(first);
    if (!a) return fail(std::move(a.error()));
    SpawnOptions options;
    if (options_.placement == "pairs") options.near = *a;
    auto b = runtime_->spawn(second, std::move(options));
    if (!b) return fail(std::move(b.error()));
    return std::pair(*a, *b);
  }

  /// Counts what happens in the time asked for, after a warm-up.
  Measured measure() {
    std::this_thread::sleep_for(kWarmUp);
    Measured measured;
    const std::uint64_t messages = router_.totals().delivered;
    const std::uint64_t events = runtime_->events_recorded();
    const std::uint64_t bytes = disk_bytes();
    const auto start = SteadyClock::now();
    std::this_thread::sleep_for(std::chrono::duration<double>(options_.seconds));
    measured.messages = router_.totals().delivered - messages;
    measured.events = runtime_->events_recorded() - events;
    measured.disk_bytes = disk_bytes() - bytes;
    measured.seconds = seconds_since(start);
    measured.resident = resident_bytes();
    // What is read from now on has an end, and nobody writes beside who reads.
    for (const ActorInfo& actor : runtime_->list()) (void)runtime_->pause(actor.id);
    return measured;
  }

  /// Times between one actor's events of a kind, from the latest of them that are kept.
  void take_times(const ActorId& id, EventKind kind, std::uint64_t divisor,
                  std::vector<std::uint64_t>& times_ns) const {
    const std::uint64_t count = turns(id);
    const auto events = runtime_->events(id, count - std::min(count, kSampledEvents / options_.actors));
    if (!events) return;
    std::uint64_t last_ns = 0;
    for (const Event& event : *events) {
      if (event.kind != kind) continue;
      if (last_ns != 0 && event.time_ns > last_ns) times_ns.push_back((event.time_ns - last_ns) / divisor);
      last_ns = event.time_ns;
    }
  }

  Result<Measured> ping_pong() {
    auto bencher = prepare("bencher", bencher_component());
    if (!bencher) return fail(std::move(bencher.error()));
    std::vector<std::pair<ActorId, ActorId>> pairs;
    for (std::uint32_t i = 0; i < std::max(1u, options_.actors / 2); ++i) {
      auto pair = spawn_pair(*bencher, *bencher);
      if (!pair) return fail(std::move(pair.error()));
      pairs.push_back(*pair);
    }
    for (const auto& [a, b] : pairs) {
      if (auto sent = router_.send(a, as_bytes(addressed(b))); !sent) return fail(std::move(sent.error()));
    }
    Measured measured = measure();
    // A ball comes back to the same actor after two messages.
    for (std::size_t i = 0; i < std::min(pairs.size(), kSampledActors); ++i) {
      take_times(pairs[i].first, EventKind::kCall, 2, measured.times_ns);
    }
    return measured;
  }

  Result<Measured> requests() {
    auto requester = prepare("requester", requester_component());
    if (!requester) return fail(std::move(requester.error()));
    auto responder = prepare("responder", responder_component());
    if (!responder) return fail(std::move(responder.error()));
    std::vector<ActorId> requesters;
    for (std::uint32_t i = 0; i < std::max(1u, options_.actors / 2); ++i) {
      auto pair = spawn_pair(*requester, *responder);
      if (!pair) return fail(std::move(pair.error()));
      requesters.push_back(pair->first);
      const std::string message = to_string(pair->second) + " 1000000000 " + std::string(options_.size, 'x');
      if (auto sent = router_.send(pair->first, as_bytes(message)); !sent) return fail(std::move(sent.error()));
    }
    Measured measured = measure();
    // The requester goes on at once, so the time between two answers is a round trip.
    for (std::size_t i = 0; i < std::min(requesters.size(), kSampledActors); ++i) {
      take_times(requesters[i], EventKind::kHostCallEnd, 1, measured.times_ns);
    }
    return measured;
  }

  Result<Measured> fan_in() {
    auto blaster = prepare("blaster", blaster_component());
    if (!blaster) return fail(std::move(blaster.error()));
    auto sink = prepare("sink", sink_component());
    if (!sink) return fail(std::move(sink.error()));
    const auto target = runtime_->spawn(*sink);
    if (!target) return fail(target.error());
    for (std::uint32_t i = 1; i < std::max(2u, options_.actors); ++i) {
      const auto source = runtime_->spawn(*blaster);
      if (!source) return fail(source.error());
      if (auto sent = router_.send(*source, as_bytes(addressed(*target))); !sent) return fail(std::move(sent.error()));
    }
    const std::uint64_t before = turns(*target);
    Measured measured = measure();
    // Only what the sink got counts, not what the senders sent to themselves. Its events are a call and a return a
    // message.
    measured.messages = (turns(*target) - before) / 2;
    take_times(*target, EventKind::kCall, 1, measured.times_ns);
    return measured;
  }

  std::uint64_t turns(const ActorId& id) const {
    const auto info = runtime_->info(id);
    return info ? info->events : 0;
  }

  /// Actors without an instance, and how long the first message to one of them takes.
  Result<Measured> idle() {
    auto idler = prepare("idle", responder_component(),
                         "[instance]\nevict_after_ms = " + std::to_string(kEvictAfter.count()) + "\n");
    if (!idler) return fail(std::move(idler.error()));
    std::vector<ActorId> ids;
    auto spawned = spawn_many(*idler, ids);
    if (!spawned) return spawned;
    const std::uint64_t before = resident_before_;
    const auto chosen = [&](std::size_t i) { return ids[i * ids.size() / std::min(kWokenActors, ids.size())]; };
    const std::size_t woken = std::min(kWokenActors, ids.size());
    for (std::size_t i = 0; i < woken; ++i) {
      if (auto evicted = wait_until_evicted(chosen(i)); !evicted) return fail(std::move(evicted.error()));
    }
    Measured measured{.messages = woken, .seconds = spawned->seconds, .resident = resident_bytes() - before};
    const std::uint64_t events = runtime_->events_recorded();
    const Bytes message(options_.size);
    for (std::size_t i = 0; i < woken; ++i) {
      std::promise<Result<Bytes>> promise;
      auto future = promise.get_future();
      const auto asked = SteadyClock::now();
      router_.request(chosen(i), message, 0, [&](Result<Bytes> answer) { promise.set_value(std::move(answer)); });
      auto answer = future.get();
      if (!answer) return fail(std::move(answer.error()));
      measured.times_ns.push_back(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now() - asked).count()));
    }
    measured.events = runtime_->events_recorded() - events;
    return measured;
  }

  Result<void> wait_until_evicted(const ActorId& id) const {
    const auto give_up = SteadyClock::now() + kEvictionPatience;
    while (SteadyClock::now() < give_up) {
      const auto info = runtime_->info(id);
      if (!info) return fail(info.error());
      if (info->memory_bytes == 0) return {};
      std::this_thread::sleep_for(kEvictAfter / 10);
    }
    return fail(ErrorCode::kTimeout, "actor " + to_string(id) + " still has its instance");
  }

  Result<Measured> spawn_many(const Blueprint& blueprint, std::vector<ActorId>& ids) {
    if (auto first = runtime_->spawn(blueprint); !first) return fail(std::move(first.error()));
    ids.resize(options_.actors);
    Measured measured;
    measured.times_ns.resize(options_.actors);
    resident_before_ = resident_bytes();
    const std::uint64_t events = runtime_->events_recorded();
    const std::uint64_t bytes = disk_bytes();
    std::mutex mutex;
    std::condition_variable finished;
    std::uint32_t done = 0;
    std::optional<Error> error;
    // Enough under way to keep the shards busy, few enough that a spawn does not wait for many others.
    const std::uint32_t in_flight_max = 4 * runtime_->shards();
    std::uint32_t begun = 0;
    const auto start = SteadyClock::now();
    std::unique_lock lock(mutex);
    while (done < options_.actors && !error) {
      while (begun < options_.actors && begun - done < in_flight_max) {
        const std::uint32_t number = begun++;
        const auto spawned = SteadyClock::now();
        lock.unlock();
        runtime_->spawn_async(blueprint, {}, [&, number, spawned](Result<ActorId> id) {
          const std::lock_guard inner(mutex);
          measured.times_ns[number] = static_cast<std::uint64_t>(
              std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now() - spawned).count());
          if (id) ids[number] = *id;
          if (!id && !error) error = std::move(id.error());
          ++done;
          finished.notify_one();
        });
        lock.lock();
      }
      finished.wait(
          lock, [&] { return done == begun || (begun < options_.actors && begun - done < in_flight_max) || error; });
    }
    measured.seconds = seconds_since(start);
    // Those under way use this frame.
    finished.wait(lock, [&] { return done == begun; });
    if (error) return fail(std::move(*error));
    measured.messages = options_.actors;
    measured.events = runtime_->events_recorded() - events;
    measured.disk_bytes = disk_bytes() - bytes;
    measured.resident = resident_bytes() - resident_before_;
    return measured;
  }

  std::string addressed(const ActorId& id) const {
    std::string message = to_string(id);
    message.resize(std::max<std::size_t>(options_.size, kIdBytes), 'x');
    return message;
  }

  const BenchOptions& options_;
  Context& context_;
  MessageRouter router_;
  /// Outlives the runtime that writes there.
  std::unique_ptr<BenchDisk> disk_;
  std::unique_ptr<Runtime> runtime_;
  std::uint32_t shards_ = 0;
  /// Before the many actors were made.
  std::uint64_t resident_before_ = 0;
};

double per_second(std::uint64_t count, const Measured& measured) {
  return measured.seconds > 0 ? static_cast<double>(count) / measured.seconds : 0;
}

void show_disk(Context& context, const BenchOptions& options, BenchDisk& disk, const Measured& measured,
               double p50_us) {
  const double sync_us = percentile_us(disk.sync_times_ns(), 0.5);
  context.output.line("  on disk (" + options.durability + "): " +
                      grouped(static_cast<std::uint64_t>(per_second(measured.disk_events, measured))) + " events/s, " +
                      byte_size(static_cast<std::uint64_t>(per_second(measured.disk_bytes, measured))) + "/s");
  char text[256];
  std::snprintf(text, sizeof(text), "  the disk by itself: fdatasync of 4 KiB p50 %.0f µs, ", sync_us);
  context.output.line(text + byte_size(static_cast<std::uint64_t>(disk.bytes_per_second())) + "/s written");
  if (options.durability != "sync" || p50_us == 0) return;
  std::snprintf(text, sizeof(text), "  the p50 above is %.2f such fdatasyncs", p50_us / sync_us);
  context.output.line(text);
}

void show_idle(Context& context, const BenchOptions& options, std::uint32_t shards, Measured& measured) {
  const double rate = measured.seconds > 0 ? options.actors / measured.seconds : 0;
  const double p50_us = percentile_us(measured.times_ns, 0.5);
  const double p99_us = percentile_us(measured.times_ns, 0.99);
  const std::uint64_t bytes_per_actor = measured.resident / std::max(1u, options.actors);
  if (context.json) {
    const ordered_json json = {{"bench", options.bench},
                               {"actors", options.actors},
                               {"size", options.size},
                               {"shards", shards},
                               {"record", options.record == "on"},
                               {"spawn_seconds", measured.seconds},
                               {"spawn_rate", rate},
                               {"rss_bytes", measured.resident},
                               {"bytes_per_actor", bytes_per_actor},
                               {"woken", measured.messages},
                               {"p50_us", p50_us},
                               {"p99_us", p99_us},
                               {"events", measured.events}};
    context.output.line(json.dump());
    return;
  }
  context.output.line("idle  " + grouped(options.actors) + " actors without an instance, " + std::to_string(shards) +
                      " shards: " + context.output.bold(byte_size(bytes_per_actor)) + " an actor, " +
                      byte_size(measured.resident) + " in all");
  char text[256];
  std::snprintf(text, sizeof(text), "  first message and its answer p50 %.2f µs, p99 %.2f µs", p50_us, p99_us);
  context.output.line(text);
  context.output.line("  made at " + grouped(static_cast<std::uint64_t>(rate)) + " actors/s");
}

void show(Context& context, const BenchOptions& options, Bench& bench, Measured& measured) {
  const std::uint32_t shards = bench.shards();
  if (options.bench == "idle") return show_idle(context, options, shards, measured);
  const double rate = per_second(measured.messages, measured);
  const double p50_us = percentile_us(measured.times_ns, 0.5);
  const double p99_us = percentile_us(measured.times_ns, 0.99);
  if (context.json) {
    ordered_json json = {{"bench", options.bench},
                         {"actors", options.actors},
                         {"size", options.size},
                         {"shards", shards},
                         {"record", options.record == "on"},
                         {"messages", measured.messages},
                         {"seconds", measured.seconds},
                         {"rate", rate},
                         {"p50_us", nullptr},
                         {"p99_us", nullptr},
                         {"rss_bytes", measured.resident},
                         {"events", measured.events}};
    if (!measured.times_ns.empty()) {
      json["p50_us"] = p50_us;
      json["p99_us"] = p99_us;
    }
    if (BenchDisk* disk = bench.disk()) {
      json["durability"] = options.durability;
      json["disk_events_rate"] = per_second(measured.disk_events, measured);
      json["disk_bytes_rate"] = per_second(measured.disk_bytes, measured);
      json["fdatasync_p50_us"] = percentile_us(disk->sync_times_ns(), 0.5);
      json["fdatasync_p99_us"] = percentile_us(disk->sync_times_ns(), 0.99);
      json["disk_write_rate"] = disk->bytes_per_second();
    }
    context.output.line(json.dump());
    return;
  }
  const bool spawn = options.bench == "spawn";
  char text[256];
  std::snprintf(text, sizeof(text), "%s  %u actors, %u shards, %s: ", options.bench.c_str(), options.actors, shards,
                options.record == "on" ? "recorded" : "not recorded");
  std::string line =
      text + context.output.bold(grouped(static_cast<std::uint64_t>(rate))) + (spawn ? " actors/s" : " messages/s");
  if (!spawn && options.size >= 1024)
    line += ", " + byte_size(static_cast<std::uint64_t>(rate * static_cast<double>(options.size))) + "/s";
  context.output.line(line);
  if (!measured.times_ns.empty()) {
    std::snprintf(text, sizeof(text), "  %s p50 %.2f µs, p99 %.2f µs",
                  spawn                          ? "time to spawn"
                  : options.bench == "requests"  ? "round trip"
                  : options.bench == "ping-pong" ? "a message"
                                                 : "between messages",
                  p50_us, p99_us);
    context.output.line(text);
  }
  context.output.line(
      "  " + grouped(measured.events) + " events, " + byte_size(measured.resident) +
      (spawn ? " more memory, " + byte_size(measured.resident / std::max(1u, options.actors)) + " an actor"
             : " resident"));
  if (bench.disk() != nullptr) show_disk(context, options, *bench.disk(), measured, p50_us);
}

}  // namespace

void add_bench_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Measure this machine with actors made for it");
  command
      ->add_option("bench", options->bench,
                   "ping-pong: pairs bounce a message. requests: pairs ask and answer. fan-in: all but one send to "
                   "one. spawn: make actors. idle: actors that have given up their instances, and their first message")
      ->check(CLI::IsMember({"ping-pong", "requests", "fan-in", "spawn", "idle"}));
  command->add_option("--actors", options->actors, "How many")->check(CLI::Range(1, 10'000'000))->capture_default_str();
  command->add_option("--size", options->size, "Bytes of a message, at least 36 for ping-pong and fan-in")
      ->check(CLI::Range(0, 64 << 20))
      ->capture_default_str();
  command->add_option("--seconds", options->seconds, "How long to measure, after a short warm-up")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command->add_option("--shards", options->shards, "Threads that run actors (default: one for each processor)")
      ->check(CLI::Range(1, 256));
  command->add_option("--record", options->record, "Whether events are recorded and hashed")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  command
      ->add_option("--placement", options->placement,
                   "pairs: partners share a shard. spread: they do not, if there are several")
      ->check(CLI::IsMember({"pairs", "spread"}))
      ->capture_default_str();
  auto* data = command
                   ->add_option("--data", options->data,
                                "Keep chains on disk: in a new folder in this one, which is removed at the end")
                   ->type_name("DIR");
  command
      ->add_option("--durability", options->durability,
                   "How safely chains are kept there: none (in memory), batched (within milliseconds), sync (before "
                   "anyone sees what an actor did)")
      ->check(CLI::IsMember({"none", "batched", "sync"}))
      ->capture_default_str()
      ->needs(data);
  command->add_flag("--json", context.json, "One JSON object");
  command->footer(
      "Times come from the events recorded last: for ping-pong a message's part of the way there and back, for "
      "requests the round\n"
      "trip, for fan-in the time between two messages at the receiver; for spawn the time until init has returned; for "
      "idle the\n"
      "time from a request to its answer by an actor whose instance must be made again first.\n"
      "With --data the disk is measured by itself too, before and after: appending 4 KiB and syncing, and writing 64 "
      "MiB.\n"
      "With --durability sync each message of ping-pong waits until the event that sent it is safe, those of requests "
      "twice.");
  add_bench_server_command(*command, context);
  command->callback([options, command, &context] {
    if (!command->get_subcommands().empty()) return;
    if (options->bench.empty()) throw CLI::RequiredError("bench");
    Bench bench(*options, context);
    auto measured = bench.run();
    if (!measured) {
      context.exit_code = kExitFailed;
      return tell_error(context, "bench", measured.error());
    }
    show(context, *options, bench, *measured);
  });
}

}  // namespace theater::cli
