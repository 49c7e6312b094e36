#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/event_feed.h"
#include "api/event_query.h"
#include "api/recording.h"
#include "base/clock.h"
#include "theater/replay.h"
#include "theater/runtime.h"

namespace theater::api {

/// What an actor is made from. Exactly one of manifest_text and manifest_path is set.
struct StartRequest {
  std::optional<std::string> manifest_text;
  std::optional<std::filesystem::path> manifest_path;
  /// Where the text's relative paths start; without it a text may name no file. Must be absolute.
  std::optional<std::filesystem::path> base_directory;
  /// The component's binary, whatever the manifest's `component` says.
  std::optional<Bytes> component;
  std::optional<Bytes> initial_state;
  std::optional<ActorId> parent;
};

/// What takes an actor's component's place. Exactly one of the two is set.
struct UpdateRequest {
  std::optional<Bytes> component;
  /// Absolute, on this machine.
  std::optional<std::filesystem::path> component_path;
  /// See UpdateOptions.
  bool preflight = false;
};

struct StartedActor {
  ActorId id;
  std::string name;
  /// Others reach it by its name: it was free.
  bool has_name = false;
};

/// Which actors are wanted. What is not set does not narrow.
struct ActorQuery {
  std::optional<ActorStatus> status;
  /// Occurs in the actor's name.
  std::string name_part;
  /// Actors in a page, 1 to limits::kPageItems.
  std::uint32_t limit = 100;
  /// The last actor of the page before.
  std::optional<ActorId> after;
};

/// What of an actor's chain is to be re-run, and with what.
struct ReplayRequest {
  /// The last event to go through; none: all.
  std::optional<std::uint64_t> until;
  bool ignore_state = false;
  /// Instead of those that the chain names.
  std::optional<Bytes> component;
};

struct ForkRequest {
  /// The event after which the new actor goes on.
  std::uint64_t at = 0;
  /// Instead of the one that was in force.
  std::optional<Bytes> component;
};

/// Where a runtime keeps its things, as in its options.
struct RuntimePlaces {
  std::optional<std::filesystem::path> data_directory;
  std::optional<std::filesystem::path> code_cache;
};

struct ActorPage {
  std::vector<ActorInfo> actors;
  /// `after` of the next page; none when this is the last.
  std::optional<ActorId> next_after;
};

/// How a whole runtime is doing.
struct RuntimeStatus {
  std::string version;
  std::uint64_t started_ns = 0;  ///< since the Unix epoch
  std::uint64_t uptime_ns = 0;
  std::size_t actors_living = 0;
  std::size_t actors_listed = 0;  ///< with those that have ended and are remembered
  std::uint32_t shards = 0;
  std::uint64_t events_recorded = 0;
  std::uint64_t turns = 0;
  std::uint64_t fuel_used = 0;
  MessageTotals messages;
  /// What was chosen for this machine, in a line.
  std::string description;
};

/// What programs outside may do with a runtime: everything as plain structures, without a transport. Any thread but a
/// shard's, since most of it waits for shards; what does not wait says so.
class Management {
 public:
  /// Both must outlive it, and what it hands out.
  Management(Runtime& runtime, MessageRouter& router, std::string version, const Clock& clock,
             RuntimePlaces places = {});

  /// The actor with this id, also when it has ended, or the living one with this name. kNotFound; kInvalidArgument when
  /// several have the name.
  Result<ActorId> find(std::string_view id_or_name) const;

  /// Returns when the actor takes messages. May take seconds: a component is compiled when it is new.
  Result<StartedActor> start(StartRequest request);
  Result<void> stop(const ActorId& id) { return runtime_.stop(id); }
  /// The same, recorded as terminated.
  Result<void> terminate(const ActorId& id) { return runtime_.terminate(id); }
  Result<void> restart(const ActorId& id) { return runtime_.restart(id); }
  /// Returns when the new component has taken over, or the old one goes on. May take seconds, like start().
  Result<UpdateReport> update(const ActorId& id, const UpdateRequest& request);
  Result<void> pause(const ActorId& id) { return runtime_.pause(id); }
  Result<void> unpause(const ActorId& id) { return runtime_.unpause(id); }

  // What is kept of a chain may be large: these take as long as it needs.
  Result<std::shared_ptr<const Recording>> record(const ActorId& id) const {
    return Recording::make(runtime_, places_.data_directory, id);
  }
  /// For a minute at most; then the report says that it was given up.
  Result<ReplayReport> replay(const ActorId& id, ReplayRequest request) const;
  /// Starts a new actor in the state after an event of this one's.
  Result<StartedActor> fork(const ActorId& id, ForkRequest request);

  /// kNotFound when `after` is not remembered any more.
  Result<ActorPage> list(const ActorQuery& query) const;
  Result<ActorInfo> info(const ActorId& id) const { return runtime_.info(id); }
  /// Those that live, in the order of their start. kNotFound for an unknown parent.
  Result<std::vector<ActorInfo>> children(const ActorId& id) const;
  Result<Manifest> manifest(const ActorId& id) const { return runtime_.manifest(id); }
  Result<EffectivePermissions> permissions(const ActorId& id) const { return runtime_.permissions(id); }
  /// On a loaded machine a shard is not taken for one that hangs.
  WaitReport waits() const { return runtime_.waits(std::chrono::seconds(2)); }
  Result<std::optional<Bytes>> state(const ActorId& id) const { return runtime_.state(id); }
  Result<ChainReport> verify(const ActorId& id) const { return runtime_.verify(id); }
  Result<EventPage> events(const ActorId& id, const EventQuery& query) const;
  RuntimeStatus status() const;
  std::vector<DeadLetter> dead_letters() const { return router_.dead_letters(); }

  /// An actor's events from a sequence on (none: from now on), without a gap, and then as they come. kTooLarge when
  /// more than limits::kFeedHistoryEvents are kept from there on.
  Result<std::shared_ptr<EventFeed>> follow(const ActorId& id, std::optional<std::uint64_t> from, FeedBounds bounds,
                                            std::function<void()> ready);
  /// All actors' events from now on.
  std::shared_ptr<EventFeed> follow_all(FeedBounds bounds, std::function<void()> ready);

  // These do not wait; as in MessageRouter.
  Result<void> send(const ActorId& id, ByteView message) { return router_.send(id, message); }
  void request(const ActorId& id, ByteView message, std::uint64_t timeout_ms, MessageRouter::Answer answer) {
    router_.request(id, message, timeout_ms, std::move(answer));
  }
  Result<ChannelId> open_channel(const ActorId& id, ByteView first_message, std::shared_ptr<ChannelListener> listener) {
    return router_.open_channel(id, first_message, std::move(listener));
  }
  Result<void> send_on_channel(const ChannelId& channel, ByteView message) {
    return router_.send_on_channel(channel, message);
  }
  Result<void> close_channel(const ChannelId& channel) { return router_.close_channel(channel); }

 private:
  Result<Blueprint> prepare(StartRequest& request, std::optional<Bytes>& state);
  Result<EventPage> newest_events(const ActorId& id, const EventQuery& query) const;
  Result<StartedActor> spawn(const Blueprint& blueprint, SpawnOptions options);
  ReplayOptions replay_options(std::optional<Bytes> component) const;

  Runtime& runtime_;
  MessageRouter& router_;
  const std::string version_;
  const RuntimePlaces places_;
  const Clock& clock_;
  const std::uint64_t started_wall_ns_;
  const std::uint64_t started_monotonic_ns_;
};

}  // namespace theater::api
