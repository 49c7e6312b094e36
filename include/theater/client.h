#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "theater/bytes.h"
#include "theater/error.h"
#include "theater/id.h"

namespace theater {

/// Where a server listens and who asks.
struct ServerAddress {
  /// A Unix socket; empty: TCP.
  std::string socket;
  std::string host;
  std::string port;
  /// By TCP encrypted: the server must show a certificate for this host that the system trusts (or the file that
  /// SSL_CERT_FILE names).
  bool tls = false;
  /// For TCP; see the server's file of tokens.
  std::string token;

  /// "unix:/path", "/path", "host:port" or "https://host:port". kInvalidArgument.
  static Result<ServerAddress> parse(std::string_view text);
  /// As parse() reads it.
  std::string text() const;
  /// "host:port"; empty for a Unix socket.
  std::string authority() const;
};

/// What a server tells of an actor. Figures are zero where a list does not tell them.
struct RemoteActor {
  ActorId id;
  std::string name;
  std::string status;  ///< "starting", "running", "paused", "stopping", "stopped", "failed"
  std::optional<ActorId> parent;
  std::uint64_t events = 0;
  std::uint64_t mailbox_messages = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t restarts = 0;
  /// Since it last started.
  std::uint64_t turns = 0;
  std::uint64_t fuel_used = 0;
  std::uint64_t fuel_last_turn = 0;
  /// Once it has ended.
  std::string end_reason;
  std::string end_message;
  /// All of it, as the server sent it.
  std::string json;
};

/// How an update went.
struct RemoteUpdate {
  bool updated = false;
  /// SHA-256 of the component before and of the new one, in hexadecimal.
  std::string former;
  std::string component;
  /// Where a preflight was asked for: "same", "differs" or "not-told", and what it says in a line for each difference.
  std::string preflight;
  std::vector<std::string> findings;
  /// All of it.
  std::string json;
};

struct RemoteEvent {
  ActorId actor;
  std::uint64_t sequence = 0;
  std::string kind;
  std::string type;
  std::uint64_t time_ms = 0;  ///< since the Unix epoch
  std::string description;
  /// All of it; docs/event-format.md lists the fields.
  std::string json;
};

struct RemoteStart {
  /// Exactly one of the two: the manifest's text, or an absolute path on the server's machine.
  std::string manifest;
  std::string manifest_path;
  /// Where the text's relative paths start, absolute.
  std::string base_directory;
  std::optional<Bytes> initial_state;
  std::optional<ActorId> parent;
};

struct RemoteReplay {
  /// The last event to go through; none: all.
  std::optional<std::uint64_t> until;
  /// Do not compare states.
  bool ignore_state = false;
  /// Instead of those that the chain names.
  std::optional<Bytes> component;
};

struct RemoteFork {
  /// The event after which to go on.
  std::uint64_t at = 0;
  /// Instead of the one that was in force.
  std::optional<Bytes> component;
};

struct RemoteEventQuery {
  std::optional<std::uint64_t> from;
  std::optional<std::uint32_t> limit;
  bool newest_first = false;
  std::string type_prefix;
  /// "call", "failed"…; empty: all.
  std::string kind;
  std::string search;
  std::optional<std::uint64_t> from_time_ms;
  std::optional<std::uint64_t> to_time_ms;
};

/// An open channel to an actor. One thread at a time.
class RemoteChannel {
 public:
  virtual ~RemoteChannel() = default;
  /// kClosed once it is closed.
  virtual Result<void> send(ByteView message) = 0;
  /// The next message; none when the time is over (0: do not wait). kClosed, with the reason, once it is closed.
  virtual Result<std::optional<Bytes>> receive(std::chrono::milliseconds timeout) = 0;
  /// To wait for together with others: receive() with 0 until it gives nothing, then wait until this can be read.
  virtual int descriptor() const = 0;
};

/// Talks to a `theater server`. Connects when it must and again when the connection was lost between requests. Errors
/// are the server's own, with their codes; kUnavailable when none is there. One thread at a time.
class Client {
 public:
  explicit Client(ServerAddress address);
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;

  /// Answers when the actor takes messages.
  Result<ActorId> start(const RemoteStart& start);
  // Everywhere an actor is its id or, while it lives, its name.
  Result<RemoteActor> stop(std::string_view actor);
  Result<RemoteActor> terminate(std::string_view actor);
  /// Ends it with its children and makes it anew: same id, name and chain, first state. kStopped while it is being
  /// ended.
  Result<RemoteActor> restart(std::string_view actor);
  /// Goes on with another component. With `preflight` nothing is changed when a re-run of the actor's chain with it
  /// differs; that is no error.
  Result<RemoteUpdate> update(std::string_view actor, ByteView component, bool preflight);
  /// No turn begins until unpause(); messages wait. kNotRunning unless it runs.
  Result<RemoteActor> pause(std::string_view actor);
  Result<RemoteActor> unpause(std::string_view actor);
  Result<RemoteActor> inspect(std::string_view actor);
  /// Those that live, in the order of their start.
  Result<std::vector<RemoteActor>> children(std::string_view actor);
  /// All actors, living and remembered, in the order of their start.
  Result<std::vector<RemoteActor>> list();
  /// As JSON.
  Result<std::string> manifest(std::string_view actor);
  /// What it may do and where each line comes from, as JSON.
  Result<std::string> permissions(std::string_view actor);
  Result<std::optional<Bytes>> state(std::string_view actor);
  /// A page; as many as `limit` says, 100 without one.
  Result<std::vector<RemoteEvent>> events(std::string_view actor, const RemoteEventQuery& query);

  Result<void> send(std::string_view actor, ByteView message);
  /// `timeout` 0: the server's own.
  Result<Bytes> request(std::string_view actor, ByteView message,
                        std::chrono::milliseconds timeout = std::chrono::milliseconds(0));
  Result<std::unique_ptr<RemoteChannel>> open_channel(std::string_view actor, ByteView first_message);

  /// Calls `heard` for the actor's events from `from` on (none: from now on), until it returns false or the server ends
  /// it. `idle`, about four times a second while nothing comes, may end it by returning false too.
  Result<void> follow(std::string_view actor, const RemoteEventQuery& query,
                      const std::function<bool(const RemoteEvent&)>& heard, const std::function<bool()>& idle);

  /// Saves what is kept of the actor's chain, with what is needed to check it and run it again, into a new file (a
  /// bundle). kAlreadyExists. Its bytes.
  Result<std::uint64_t> save_bundle(std::string_view actor, const std::string& file);
  /// Has the server re-run the actor from its chain. The report as JSON; `result` in it is "same", "differs" or
  /// "not-told".
  Result<std::string> replay(std::string_view actor, const RemoteReplay& replay);
  /// Starts a new actor that goes on from the state after an event of this one's.
  Result<ActorId> fork(std::string_view actor, const RemoteFork& fork);

  /// How the server is doing, as JSON.
  Result<std::string> status();
  /// Who waits for whom there, as JSON.
  Result<std::string> waits();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace theater
