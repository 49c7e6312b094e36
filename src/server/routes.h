#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/http_message.h"

namespace theater::server {

/// What can be asked for. The numbers are places in routes().
enum class Operation : std::uint8_t {
  kHealth,
  kMetrics,
  kOpenApi,
  kStatus,
  kListActors,
  kStartActor,
  kInspectActor,
  kActorManifest,
  kActorPermissions,
  kActorState,
  kActorStatus,
  kActorMetrics,
  kActorChildren,
  kActorEvents,
  kVerifyActor,
  kBundleActor,
  kReplayActor,
  kForkActor,
  kSendToActor,
  kRequestFromActor,
  kStopActor,
  kTerminateActor,
  kRestartActor,
  kUpdateActor,
  kPauseActor,
  kUnpauseActor,
  kAllEvents,
  kOpenChannel,
  kDeadLetters,
  kWaits,
};

struct Route {
  std::string_view method;
  /// `{name}` stands for one segment.
  std::string_view pattern;
  /// The operationId in the OpenAPI description.
  std::string_view name;
  Right right = Right::kAdmin;
  /// It may wait for shards, so it runs on a thread that may.
  bool waits = false;
};

/// All that is served, by Operation.
std::span<const Route> routes();

struct RouteMatch {
  Operation operation{};
  /// What stands for the pattern's names, decoded, in their order.
  std::vector<std::string> values;
};

struct NoMatch {
  /// Methods that the path has; none: there is no such path.
  std::vector<std::string_view> methods;
};

/// `path` as sent, not decoded. HEAD is served where GET is.
std::variant<RouteMatch, NoMatch> find_route(std::string_view method, std::string_view path);

}  // namespace theater::server
