#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/event_query.h"
#include "cli/event_sheet.h"
#include "cli/remote.h"

namespace theater::cli {

struct ExploredActor {
  ActorId id;
  std::string name;
};

/// An event as a row of a list, without control characters.
struct ExploredEvent {
  std::uint64_t sequence = 0;
  std::uint64_t time_ms = 0;  ///< since the Unix epoch
  std::string kind;
  std::string type;
  std::string description;
  /// Of a call: the event of another actor that sent the message.
  std::optional<Cause> cause;
};

/// Where events are looked at: what lies on the disk, or a server. One thread.
class ExploreSource {
 public:
  virtual ~ExploreSource() = default;
  /// What it is called.
  virtual const std::string& name() const = 0;
  virtual Result<std::vector<ExploredActor>> actors() = 0;
  /// The one to begin with, if one was asked for.
  virtual Result<std::optional<ActorId>> chosen() = 0;
  /// In the order of the chain, the wanted ones from this sequence on.
  virtual Result<std::vector<ExploredEvent>> events(const ActorId& actor, std::uint64_t from) = 0;
  virtual Result<EventSheet> sheet(const ActorId& actor, std::uint64_t sequence) = 0;
  /// Whether more may come.
  virtual bool is_live() const = 0;
};

/// Which events are listed, beside all that a screen narrows.
struct ExploreLimits {
  api::EventFilter filter;
  /// The first so many of an actor.
  std::size_t events_max = 100'000;
};

/// A chain file, a bundle or a data directory, beginning with this actor, by id or name, unless it is empty.
Result<std::unique_ptr<ExploreSource>> explore_disk(const std::string& path, const std::string& actor,
                                                    ExploreLimits limits, ReplayOptions replay);
/// The actors of a server, the same. `is_live`: look for more events.
std::unique_ptr<ExploreSource> explore_server(Client client, std::string actor, ExploreLimits limits, bool is_live);

}  // namespace theater::cli
