#include "api/management.h"

#include <algorithm>

#include "base/limits.h"
#include "replay/fork.h"
#include "replay/source.h"
#include "runtime/read_file.h"

namespace theater::api {

namespace {

/// A re-run that a client waits for.
constexpr std::chrono::seconds kReplayTime{60};
/// Events that are decoded at once at most, to find some that a filter lets through.
constexpr std::uint64_t kStretchEvents = 32'768;

}  // namespace

Management::Management(Runtime& runtime, MessageRouter& router, std::string version, const Clock& clock,
                       RuntimePlaces places)
    : runtime_(runtime),
      router_(router),
      version_(std::move(version)),
      places_(std::move(places)),
      clock_(clock),
      started_wall_ns_(clock.wall_ns()),
      started_monotonic_ns_(clock.monotonic_ns()) {}

Result<ActorId> Management::find(std::string_view id_or_name) const {
  if (const auto id = parse_id<ActorId>(id_or_name)) return *id;
  if (auto named = router_.find(id_or_name)) return named;
  std::optional<ActorId> found;
  for (const ActorInfo& actor : runtime_.list()) {
    if (has_ended(actor.status) || actor.name != id_or_name) continue;
    if (found) {
      return fail(ErrorCode::kInvalidArgument,
                  "several actors are named " + printable(as_bytes(id_or_name), 100) + ": use the id");
    }
    found = actor.id;
  }
  if (found) return *found;
  return fail(ErrorCode::kNotFound, "no such actor: " + printable(as_bytes(id_or_name), 100));
}

Result<Blueprint> Management::prepare(StartRequest& request, std::optional<Bytes>& state) {
  if (request.manifest_text.has_value() == request.manifest_path.has_value()) {
    return fail(ErrorCode::kInvalidArgument, "give the manifest's text or its path, one of the two");
  }
  if (request.base_directory && !request.base_directory->is_absolute()) {
    return fail(ErrorCode::kInvalidArgument, "the base directory must be an absolute path");
  }
  if (request.manifest_path && !request.manifest_path->is_absolute()) {
    return fail(ErrorCode::kInvalidArgument, "the manifest's path must be absolute");
  }
  if (request.manifest_path) {
    std::error_code error;
    if (std::filesystem::is_directory(*request.manifest_path, error)) *request.manifest_path /= "manifest.toml";
  }
  auto loaded = request.manifest_path ? runtime_.load(*request.manifest_path, std::move(request.initial_state))
                                      : runtime_.load_text(*request.manifest_text, request.base_directory,
                                                           std::move(request.initial_state));
  if (!loaded) return fail(std::move(loaded.error()));
  state = std::move(loaded->state);
  return request.component ? runtime_.prepare(std::move(loaded->manifest), *request.component)
                           : runtime_.prepare(std::move(loaded->manifest));
}

Result<StartedActor> Management::start(StartRequest request) {
  SpawnOptions options;
  options.parent = request.parent;
  if (options.parent) {
    if (auto parent = runtime_.info(*options.parent); !parent) return fail(std::move(parent.error()));
  }
  auto blueprint = prepare(request, options.state);
  if (!blueprint) return fail(std::move(blueprint.error()));
  return spawn(*blueprint, std::move(options));
}

Result<StartedActor> Management::spawn(const Blueprint& blueprint, SpawnOptions options) {
  const std::string& name = blueprint.manifest().name;
  // The first with a name gets it. Another may take it while this one starts; then it goes without.
  options.register_name = !router_.find(name);
  auto id = runtime_.spawn(blueprint, options);
  if (!id && id.error().code() == ErrorCode::kAlreadyExists && options.register_name) {
    options.register_name = false;
    id = runtime_.spawn(blueprint, options);
  }
  if (!id) return fail(std::move(id.error()));
  return StartedActor{.id = *id, .name = name, .has_name = options.register_name};
}

ReplayOptions Management::replay_options(std::optional<Bytes> component) const {
  ReplayOptions options;
  options.code_cache = places_.code_cache;
  if (component) options.components.push_back(std::move(*component));
  options.progress = [give_up = std::chrono::steady_clock::now() + kReplayTime](std::uint64_t, std::uint64_t) {
    return std::chrono::steady_clock::now() < give_up;
  };
  return options;
}

Result<ReplayReport> Management::replay(const ActorId& id, ReplayRequest request) const {
  const auto recording = record(id);
  if (!recording) return fail(recording.error());
  ReplayOptions options = replay_options(std::move(request.component));
  options.until = request.until.value_or(UINT64_MAX);
  options.ignore_state = request.ignore_state;
  return replay_chain((*recording)->file(), options);
}

Result<StartedActor> Management::fork(const ActorId& id, ForkRequest request) {
  const auto recording = record(id);
  if (!recording) return fail(recording.error());
  const auto chain = replay::open_source((*recording)->file(), "");
  if (!chain) return fail(chain.error());
  auto fork = replay::prepare_fork(**chain, request.at, replay_options(std::move(request.component)));
  if (!fork) return fail(std::move(fork.error()));
  const auto blueprint = runtime_.prepare(std::move(fork->manifest), fork->component);
  if (!blueprint) return fail(blueprint.error());
  SpawnOptions options;
  options.state = std::move(fork->state);
  options.forked_from = {.actor = id, .sequence = request.at, .event_hash = fork->event_hash};
  return spawn(*blueprint, std::move(options));
}

Result<UpdateReport> Management::update(const ActorId& id, const UpdateRequest& request) {
  if (request.component.has_value() == request.component_path.has_value()) {
    return fail(ErrorCode::kInvalidArgument, "give the component or its path, one of the two");
  }
  if (request.component_path && !request.component_path->is_absolute()) {
    return fail(ErrorCode::kInvalidArgument, "the component's path must be absolute");
  }
  const UpdateOptions options{.preflight = request.preflight};
  if (request.component) return runtime_.update(id, *request.component, options);
  const auto component = runtime::read_file(*request.component_path, limits::kComponentBytes);
  if (!component) return fail(component.error());
  return runtime_.update(id, *component, options);
}

Result<ActorPage> Management::list(const ActorQuery& query) const {
  const std::vector<ActorInfo> all = runtime_.list();
  auto next = all.begin();
  if (query.after) {
    next = std::ranges::find(all, *query.after, &ActorInfo::id);
    if (next == all.end()) {
      return fail(ErrorCode::kNotFound, "the actor after which to go on is forgotten: begin the list again");
    }
    ++next;
  }
  ActorPage page;
  for (; next != all.end(); ++next) {
    if (query.status && next->status != *query.status) continue;
    if (next->name.find(query.name_part) == std::string::npos) continue;
    if (page.actors.size() == query.limit) {
      page.next_after = page.actors.back().id;
      break;
    }
    page.actors.push_back(*next);
  }
  return page;
}

Result<std::vector<ActorInfo>> Management::children(const ActorId& id) const {
  if (auto parent = runtime_.info(id); !parent) return fail(std::move(parent.error()));
  std::vector<ActorInfo> found;
  for (const ActorId& child : runtime_.children(id)) {
    if (auto info = runtime_.info(child)) found.push_back(std::move(*info));
  }
  return found;
}

Result<EventPage> Management::events(const ActorId& id, const EventQuery& query) const {
  if (query.newest_first) return newest_events(id, query);
  EventPage page;
  std::uint64_t next = query.from.value_or(0);
  // A chain may be long: it is read on only as far as the page needs.
  for (std::uint64_t stretch = 2ull * query.limit;; stretch = std::min(stretch * 8, kStretchEvents)) {
    auto events = runtime_.events(id, next, stretch);
    if (!events) return fail(std::move(events.error()));
    const bool is_end = events->size() < stretch;
    if (!events->empty()) next = events->back().sequence + 1;
    extend_page(page, std::move(*events), query);
    if (is_end || page.next_from) return page;
  }
}

Result<EventPage> Management::newest_events(const ActorId& id, const EventQuery& query) const {
  // One that is not of this runtime is in the data directory at most, where its end is not known.
  const auto info = runtime_.info(id);
  std::uint64_t end = info ? info->events : UINT64_MAX;
  if (query.from) end = std::min(end, *query.from + 1);
  // A chain may be long: only as much of its end is decoded as the page needs.
  for (std::uint64_t stretch = 4ull * query.limit;; stretch *= 8) {
    const std::uint64_t begin = info && end > stretch ? end - stretch : 0;
    auto events = runtime_.events(id, begin);
    if (!events) return fail(std::move(events.error()));
    EventPage page = take_page(std::move(*events), query);
    if (begin == 0 || page.next_from) return page;
  }
}

RuntimeStatus Management::status() const {
  return {.version = version_,
          .started_ns = started_wall_ns_,
          .uptime_ns = clock_.monotonic_ns() - started_monotonic_ns_,
          .actors_living = runtime_.living(),
          .actors_listed = runtime_.list().size(),
          .shards = runtime_.shards(),
          .events_recorded = runtime_.events_recorded(),
          .turns = runtime_.turns(),
          .fuel_used = runtime_.fuel_used(),
          .messages = router_.totals(),
          .description = runtime_.describe()};
}

namespace {

std::shared_ptr<EventFeed> subscribe(Runtime& runtime, std::optional<ActorId> id, FeedBounds bounds,
                                     std::function<void()> ready) {
  auto feed = std::make_shared<EventFeed>(bounds, std::move(ready));
  // Weak, since the feed holds the subscription.
  feed->hold(runtime.subscribe(id, [weak = std::weak_ptr(feed)](const Event& event) {
    if (const auto held = weak.lock()) held->put(event);
  }));
  return feed;
}

}  // namespace

Result<std::shared_ptr<EventFeed>> Management::follow(const ActorId& id, std::optional<std::uint64_t> from,
                                                      FeedBounds bounds, std::function<void()> ready) {
  if (auto known = runtime_.info(id); !known) return fail(std::move(known.error()));
  auto feed = subscribe(runtime_, id, bounds, std::move(ready));
  std::unique_ptr<EventHistory> history;
  if (from) {
    // After the subscription: what is recorded in between is in both, and given once.
    auto kept = runtime_.history(id, *from, limits::kFeedHistoryEvents + 1);
    if (!kept) return fail(std::move(kept.error()));
    if ((*kept)->size() > limits::kFeedHistoryEvents) {
      return fail(ErrorCode::kTooLarge, "more than " + std::to_string(limits::kFeedHistoryEvents) +
                                            " events are kept from there on: read them by pages and follow from the "
                                            "last");
    }
    history = std::move(*kept);
  }
  feed->begin(std::move(history));
  return feed;
}

std::shared_ptr<EventFeed> Management::follow_all(FeedBounds bounds, std::function<void()> ready) {
  auto feed = subscribe(runtime_, std::nullopt, bounds, std::move(ready));
  feed->begin(nullptr);
  return feed;
}

}  // namespace theater::api
