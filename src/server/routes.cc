#include "server/routes.h"

#include <array>

#include "server/query.h"

namespace theater::server {
namespace {

constexpr std::array kRoutes = std::to_array<Route>({
    {"GET", "/healthz", "health", Right::kNone, false},
    {"GET", "/metrics", "metrics", Right::kRead, true},
    {"GET", "/v1/openapi.json", "openapi", Right::kRead, false},
    {"GET", "/v1/status", "status", Right::kRead, true},
    {"GET", "/v1/actors", "listActors", Right::kRead, true},
    {"POST", "/v1/actors", "startActor", Right::kAdmin, true},
    {"GET", "/v1/actors/{actor}", "inspectActor", Right::kRead, true},
    {"GET", "/v1/actors/{actor}/manifest", "actorManifest", Right::kRead, true},
    {"GET", "/v1/actors/{actor}/permissions", "actorPermissions", Right::kRead, true},
    {"GET", "/v1/actors/{actor}/state", "actorState", Right::kRead, true},
    {"GET", "/v1/actors/{actor}/status", "actorStatus", Right::kRead, true},
    {"GET", "/v1/actors/{actor}/metrics", "actorMetrics", Right::kRead, true},
    {"GET", "/v1/actors/{actor}/children", "actorChildren", Right::kRead, true},
    {"GET", "/v1/actors/{actor}/events", "actorEvents", Right::kRead, true},
    {"GET", "/v1/actors/{actor}/verification", "verifyActor", Right::kRead, true},
    {"GET", "/v1/actors/{actor}/bundle", "bundleActor", Right::kRead, true},
    {"POST", "/v1/actors/{actor}/replay", "replayActor", Right::kOperate, true},
    {"POST", "/v1/actors/{actor}/fork", "forkActor", Right::kAdmin, true},
    {"POST", "/v1/actors/{actor}/send", "sendToActor", Right::kOperate, false},
    {"POST", "/v1/actors/{actor}/request", "requestFromActor", Right::kOperate, false},
    {"POST", "/v1/actors/{actor}/stop", "stopActor", Right::kOperate, true},
    {"POST", "/v1/actors/{actor}/terminate", "terminateActor", Right::kOperate, true},
    {"POST", "/v1/actors/{actor}/restart", "restartActor", Right::kOperate, true},
    {"POST", "/v1/actors/{actor}/update", "updateActor", Right::kAdmin, true},
    {"POST", "/v1/actors/{actor}/pause", "pauseActor", Right::kOperate, true},
    {"POST", "/v1/actors/{actor}/unpause", "unpauseActor", Right::kOperate, true},
    {"GET", "/v1/events", "allEvents", Right::kRead, false},
    {"GET", "/v1/channels", "openChannel", Right::kOperate, false},
    {"GET", "/v1/dead-letters", "deadLetters", Right::kRead, true},
    {"GET", "/v1/waits", "waits", Right::kRead, true},
});

/// Takes the next segment off, which ends before the next slash.
std::string_view take_segment(std::string_view& path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

/// Whether the path is this one, whatever stands for the pattern's names. Asked for each route, so it is quick to say
/// no.
bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty() && path.starts_with('/')) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view given = take_segment(path);
    if (!wanted.starts_with('{') && wanted != given) return false;
  }
  return pattern.empty() && path.empty();
}

/// What stands for the pattern's names, decoded; none when one is malformed or empty.
std::optional<std::vector<std::string>> values_of(std::string_view pattern, std::string_view path) {
  std::vector<std::string> values;
  while (!pattern.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view given = take_segment(path);
    if (!wanted.starts_with('{')) continue;
    auto text = percent_decode(given, false);
    if (!text || text->empty()) return std::nullopt;
    values.push_back(std::move(*text));
  }
  return values;
}

}  // namespace

std::string_view to_string(Right right) {
  switch (right) {
    case Right::kNone: return "none";
    case Right::kRead: return "read";
    case Right::kOperate: return "operate";
    case Right::kAdmin: return "admin";
  }
  return "none";
}

std::span<const Route> routes() { return kRoutes; }

std::variant<RouteMatch, NoMatch> find_route(std::string_view method, std::string_view path) {
  if (method == "HEAD") method = "GET";
  NoMatch none;
  for (std::size_t place = 0; place < kRoutes.size(); ++place) {
    if (!matches(kRoutes[place].pattern, path)) continue;
    auto values = values_of(kRoutes[place].pattern, path);
    if (!values) continue;
    if (kRoutes[place].method == method) {
      return RouteMatch{.operation = static_cast<Operation>(place), .values = std::move(*values)};
    }
    none.methods.push_back(kRoutes[place].method);
  }
  return none;
}

}  // namespace theater::server
