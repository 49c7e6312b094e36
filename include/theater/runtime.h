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

#include "theater/bytes.h"
#include "theater/error.h"
#include "theater/event.h"
#include "theater/event_history.h"
#include "theater/handler.h"
#include "theater/handlers.h"
#include "theater/id.h"
#include "theater/manifest.h"
#include "theater/replay.h"
#include "theater/router.h"

namespace theater {

namespace actor {
struct ActorSpec;
}
namespace runtime {
class RuntimeCore;
}

/// How an actor is doing.
enum class ActorStatus : std::uint8_t {
  kStarting,  ///< its init runs, or it waits to be started again
  kRunning,
  kPaused,    ///< messages wait
  kStopping,  ///< its children end, then its running turn, then it
  kStopped,
  kFailed,
};
std::string_view to_string(ActorStatus status);
/// It runs no more, and does not come back by itself.
constexpr bool has_ended(ActorStatus status) {
  return status == ActorStatus::kStopped || status == ActorStatus::kFailed;
}

struct ActorInfo {
  ActorId id;
  std::string name;
  ActorStatus status = ActorStatus::kStarting;
  std::optional<ActorId> parent;
  std::uint32_t shard = 0;
  /// Events recorded so far; the next one's sequence.
  std::uint64_t events = 0;
  std::uint32_t mailbox_messages = 0;
  std::uint64_t memory_bytes = 0;
  /// Once it has ended: why, in words.
  std::string end_message;
  StopReason end_reason{};
  /// With StopReason::kFailed.
  FailureReason failure{};
  /// How often it was started again.
  std::uint64_t restarts = 0;
  /// Turns that have ended, and the fuel that they used, since it last started; one that has ended by its end.
  std::uint64_t turns = 0;
  std::uint64_t fuel_used = 0;
  std::uint64_t fuel_last_turn = 0;
  /// What it gave to runtime.shutdown.
  std::optional<Bytes> result;
};

/// Hears what happens to actors. Called on shards' threads, on several at once: return soon, never block, and do not
/// call the Runtime's own methods, which wait for shards. Must outlive the runtime.
class RuntimeListener {
 public:
  virtual ~RuntimeListener() = default;
  virtual void actor_started(const ActorId& /*id*/, const std::string& /*name*/) {}
  virtual void actor_ended(const ActorInfo& /*info*/) {}
  virtual void actor_logged(const ActorId& /*id*/, const std::string& /*name*/, std::string_view /*line*/) {}
};

/// What happens to a start for which there is no room.
enum class OverLimit : std::uint8_t {
  kRefuse,  ///< it is an error, kResourceExhausted
  kWait,    ///< it waits its turn, RuntimeOptions::start_wait_ms at most
};

struct RuntimeOptions {
  /// Threads that run actors; 0: one for each processor.
  std::uint32_t shards = 0;
  /// Record events. Off only to measure what it costs.
  bool record = true;
  /// Memory for the latest events, a shard.
  std::size_t chain_memory_bytes = 64u << 20;
  /// Memory for the latest large values, a shard.
  std::size_t payload_memory_bytes = 64u << 20;
  /// Actors at once.
  std::uint32_t actors_max = 20'000;
  /// What the memories and tables of all actors may grow to together, as their manifests' limits let them: then no
  /// growth can be too much. None: they may add up to more than there is.
  std::optional<std::uint64_t> guest_memory_bytes;
  /// While this process uses more memory, no actor starts; none: nine tenths of what the machine or the process's
  /// control group has.
  std::optional<std::uint64_t> resident_bytes_max;
  /// What happens to a start beyond one of these three.
  OverLimit over_limit = OverLimit::kRefuse;
  std::uint64_t start_wait_ms = 30'000;
  /// Where compiled components are kept, readable by this user only; none: compiled anew each time.
  std::optional<std::filesystem::path> code_cache;
  /// Where chains are kept (docs/data-directory.md), one runtime at a time; none: in memory only. It is made when it is
  /// not there.
  std::optional<std::filesystem::path> data_directory;
  /// Where the chains of actors with `save_chain = true` are written, as <id>.chain, when there is no data directory;
  /// none: those actors are refused.
  std::optional<std::filesystem::path> chains_directory;
  RuntimeListener* listener = nullptr;
  /// Lines for the operator: what was chosen at start, what failed later.
  std::function<void(std::string_view)> log;
  /// Lines that the operator must see: damage, a disk that failed.
  std::function<void(std::string_view)> warn;
};

/// A component with a manifest, checked and compiled: actors are made from it. Never changes. Any thread.
class Blueprint {
 public:
  const Manifest& manifest() const;
  /// What the component imports and exports, "interface.function".
  const FunctionTable& functions() const;

 private:
  friend class Runtime;
  friend class runtime::RuntimeCore;
  std::shared_ptr<const actor::ActorSpec> spec_;
};

/// The event of another actor's chain from which a new actor goes on.
struct ForkOrigin {
  ActorId actor;
  std::uint64_t sequence = 0;
  /// Its hash, by which everything up to it can be checked.
  Digest event_hash{};
};

struct SpawnOptions {
  /// Passed to init; none: no state.
  std::optional<Bytes> state;
  /// The state is that of another actor after this event: recorded at the new chain's start.
  std::optional<ForkOrigin> forked_from;
  /// Must live. It may ask about its child by the supervisor interface, and ends before it does.
  std::optional<ActorId> parent;
  /// Let others reach it by its manifest's name, which must be free; so does `unique = true` in the manifest.
  bool register_name = false;
  /// Put it on the shard of this actor, for actors that talk to each other more than to others; none: the next shard in
  /// turn.
  std::optional<ActorId> near;
};

/// An actor of the data directory whose manifest says `resume = true`.
struct ResumedActor {
  ActorId id;
  std::string name;
  /// Why it does not run again: its chain is damaged, its component is not kept any more…
  std::optional<Error> error;
};

/// An actor whose turn waits for something outside of it.
struct ActorWait {
  ActorId actor;
  std::string name;
  /// The function that it waits in, "interface.function", and for how long already.
  std::string function;
  std::uint64_t waiting_ns = 0;
  /// Whose answer it waits for, to which request or opening of a channel (its id), and how long still; none when it
  /// waits for no actor.
  std::optional<ActorId> waits_for;
  std::string awaited;
  std::uint64_t given_up_in_ns = 0;
  std::uint32_t mailbox_messages = 0;
};

/// An actor that others wait for and that waits for nobody: what stands in its way.
struct AwaitedActor {
  ActorId actor;
  std::string name;
  /// It is not there any more.
  bool has_ended = false;
  bool is_paused = false;
  std::uint32_t mailbox_messages = 0;
  /// Requests that it has received and not answered.
  std::size_t outstanding_requests = 0;
};

/// What a shard does: whose turns it runs, and for how long already.
struct ShardActivity {
  std::uint32_t shard = 0;
  /// It took up a question within the time that it was given.
  bool answers = true;
  std::optional<ActorId> runs;
  std::uint64_t running_ns = 0;
};

/// Who waits for whom in a runtime. Waiting actors make no circle: the request that would close one fails.
struct WaitReport {
  /// Those that wait longest first; at most limits::kWaitsReported.
  std::vector<ActorWait> waits;
  std::vector<AwaitedActor> awaited;
  /// What waits on a shard that does not answer is missing above.
  std::vector<ShardActivity> shards;
};

struct UpdateOptions {
  /// First re-run what is kept of the actor's chain, from its last update on, with the new component, and change
  /// nothing when it does anything else than was recorded.
  bool preflight = false;
};

/// How a hot update went.
struct UpdateReport {
  /// SHA-256 of the component before, and of the new one.
  Digest former{};
  Digest component{};
  /// What the re-run found, where one was asked for.
  std::optional<ReplayReport> preflight;
  /// The new component has taken over. If not, the re-run differs or could not be made, and nothing was changed.
  bool is_done = false;
};

/// A chain as the runtime keeps it, and what verifying it found.
struct ChainReport {
  std::uint64_t events = 0;
  std::uint64_t links = 0;
  /// From the first event on; otherwise older ones were given up for memory.
  bool complete = false;
  std::uint64_t first_sequence = 0;
  Digest head_hash{};
  /// The first thing that is wrong, if anything is: sequence and words.
  std::optional<std::pair<std::uint64_t, std::string>> fault;
};

/// Runs actors. Its methods may be called from any thread but a shard's (a listener's callback, a handler): they wait
/// for shards.
class Runtime {
 public:
  /// Starts the shards. The router and the registry's handlers must outlive the runtime.
  static Result<std::unique_ptr<Runtime>> start(RuntimeOptions options, HandlerRegistry handlers,
                                                MessageRouter& router);
  /// Stops everything.
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// Reads the component that the manifest names, compiles it (or takes it from the cache) and checks that the manifest
  /// grants what it imports. kNotFound, kInvalidComponent, kMissingHandler, …
  Result<Blueprint> prepare(Manifest manifest);
  /// The same with the component's bytes given, whatever the manifest's `component` says.
  Result<Blueprint> prepare(Manifest manifest, ByteView component);
  /// Loads a manifest's file with the handlers that this runtime knows, and what its init_state names. `initial_state`,
  /// when given, is merged over that (merge_initial_states). The outcome fills the template.
  struct Loaded {
    Manifest manifest;
    std::optional<Bytes> state;
  };
  Result<Loaded> load(const std::filesystem::path& manifest, std::optional<Bytes> initial_state = std::nullopt) const;
  /// The same for a manifest's text, whose relative paths start from `base_directory`; without one it may name no file.
  Result<Loaded> load_text(std::string_view text, const std::optional<std::filesystem::path>& base_directory,
                           std::optional<Bytes> initial_state = std::nullopt) const;

  /// Makes an actor and waits until its init has returned: an id that is handed out takes messages.
  Result<ActorId> spawn(const Blueprint& blueprint, SpawnOptions options = {});
  /// The same without waiting; `done` is called once, on a shard's thread or, for an early error, on this one.
  void spawn_async(const Blueprint& blueprint, SpawnOptions options, std::function<void(Result<ActorId>)> done);
  /// Loads, prepares and spawns.
  Result<ActorId> spawn(const std::filesystem::path& manifest, SpawnOptions options = {});

  /// Starts the actors of the data directory again whose manifests say so: with the same id, their last state, and
  /// their chain going on. Not those that ended by themselves, or were stopped. Each gets its manifest's name when it
  /// is free. To be called once, before others are spawned; nothing without a data directory.
  std::vector<ResumedActor> resume();

  /// Ends an actor for good, its children before it, last started first. Each ends its running turn first, for
  /// limits.stop_timeout_ms of its manifest at most; then a suspended call is given up. Waiting messages become dead
  /// letters; waiting requests and open channels are told. Returns when it has ended. kNotFound; ending one that has
  /// ended is no error.
  Result<void> stop(const ActorId& id);
  /// The same without waiting for turns.
  Result<void> terminate(const ActorId& id);
  /// Ends the actor and its children and makes it anew: same id, name and chain, first state. Also an actor that has
  /// ended, while it is remembered (limits::kEndedChildrenKept). Returns when its init has returned. kNotFound,
  /// kStopped when it is being ended, or why it did not start.
  Result<void> restart(const ActorId& id);
  /// No turn begins until unpause(); messages wait in the mailbox. kNotRunning unless it runs.
  Result<void> pause(const ActorId& id);
  /// kNotRunning unless it is paused.
  Result<void> unpause(const ActorId& id);
  /// Goes on with another component: id, mailbox, state, channels, children and chain stay. It must do with what the
  /// actor's manifest grants and export what the present one does. Between two turns its instance takes over: its
  /// theater:ext/migrate, if it exports that, is called with the state, then its init. When anything of that fails or
  /// takes longer than limits::kUpdateTimeoutMs, the former instance goes on as it was, and the error says why:
  /// kInvalidComponent, kMissingHandler, kGuestError, kTimeout; kNotFound, kStopped and kNotRunning for an actor that
  /// does not run; kUnavailable while another update of it is under way.
  Result<UpdateReport> update(const ActorId& id, ByteView component, const UpdateOptions& options = {});
  /// In the order of their start.
  std::vector<ActorId> children(const ActorId& id) const;
  /// Waits until the actor has ended, or the time is over (kTimeout).
  Result<ActorInfo> wait(const ActorId& id, std::chrono::milliseconds timeout);
  /// Waits until no actor lives, or the time is over. True if none lives.
  bool wait_all(std::chrono::milliseconds timeout);

  Result<ActorInfo> info(const ActorId& id) const;
  /// All that live, and the latest that have ended, in the order of their start.
  std::vector<ActorInfo> list() const;
  std::size_t living() const;
  Result<std::optional<Bytes>> state(const ActorId& id) const;
  /// The manifest of an actor that lives. kStopped once it has ended.
  Result<Manifest> manifest(const ActorId& id) const;

  /// What the actor may do, and where each line comes from. kStopped once it has ended.
  Result<EffectivePermissions> permissions(const ActorId& id) const;
  /// Waits for each shard, but for this time at most.
  WaitReport waits(std::chrono::milliseconds patience = std::chrono::milliseconds(200)) const;

  /// What is kept of an actor's chain, from a sequence on, up to so many events; also after its end. kCorrupt.
  Result<std::vector<Event>> events(const ActorId& id, std::uint64_t from_sequence = 0,
                                    std::uint64_t events_max = UINT64_MAX) const;
  /// The same, for many: a tenth of the memory.
  Result<std::unique_ptr<EventHistory>> history(const ActorId& id, std::uint64_t from_sequence = 0,
                                                std::uint64_t events_max = UINT64_MAX) const;
  /// Verifies what is kept of the chain against the actor's head.
  Result<ChainReport> verify(const ActorId& id) const;
  /// Writes what is kept of the chain to a file that `theater verify` reads.
  Result<void> save_chain(const ActorId& id, const std::filesystem::path& file) const;

  /// Calls `heard` for every event of the actor (of all, without one) from now on, in order for each actor, on shards'
  /// threads, until the returned subscription is given up. Return soon and do not call the runtime.
  using EventCallback = std::function<void(const Event&)>;
  std::shared_ptr<void> subscribe(std::optional<ActorId> actor, EventCallback heard);
  /// The same for one actor's events from a sequence on: first those that are kept, called on this thread, then those
  /// to come, with neither a gap nor a repetition. What was given up for memory, or removed, is left out.
  Result<std::shared_ptr<void>> subscribe(const ActorId& actor, std::uint64_t from_sequence, EventCallback heard);

  MessageRouter& router();
  std::uint32_t shards() const;
  /// Events recorded since the start.
  std::uint64_t events_recorded() const;
  /// Turns that have ended since the start, and the fuel that they used.
  std::uint64_t turns() const;
  std::uint64_t fuel_used() const;
  /// What was chosen for this machine, in a line.
  std::string describe() const;

  /// Ends all actors, as the end of the runtime does, and waits for it. What is kept of them can be read still; those
  /// with `resume = true` start again when their data directory is opened again. No actor starts afterwards.
  void end_all();
  /// Ends all actors and the shards. Called by the destructor.
  void shut_down();

 private:
  explicit Runtime(std::unique_ptr<runtime::RuntimeCore> core);
  std::unique_ptr<runtime::RuntimeCore> core_;
};

}  // namespace theater
