#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "api/management.h"
#include "server/http_message.h"
#include "server/query.h"
#include "server/routes.h"
#include "server/work.h"

namespace theater::server {

/// What the server counts of itself. Any thread.
struct ServerCounters {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> connections_refused{0};
  std::atomic<std::int64_t> connections_open{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> denied{0};
  std::atomic<std::uint64_t> cut{0};
};

/// What each operation of the HTTP interface does. Knows requests and responses, not connections. Any thread.
class Endpoints {
 public:
  /// All must outlive it and every request.
  Endpoints(api::Management& management, Work& work, const ServerCounters& counters);

  /// What this request asks for; a problem if there is no such route or the right does not reach. For before the body
  /// is read.
  static std::variant<RouteMatch, HttpResponse> admit(const HttpRequest& request);
  /// It puts a message into a mailbox before handle() returns: begun in their order, any number may be under way.
  static bool may_overlap(Operation operation);
  /// Does what was admitted and answers once, perhaps later.
  void handle(std::shared_ptr<const HttpRequest> request, RouteMatch match, Respond respond);

 private:
  struct Call;
  using Answer = HttpResponse;

  void run(Operation operation, const std::shared_ptr<Call>& shared_call);
  Answer health(Call& call);
  Answer metrics(Call& call);
  Answer openapi(Call& call);
  Answer status(Call& call);
  Answer list_actors(Call& call);
  Answer start_actor(Call& call);
  Answer inspect_actor(Call& call);
  Answer actor_manifest(Call& call);
  Answer actor_permissions(Call& call);
  Answer actor_state(Call& call);
  Answer actor_status(Call& call);
  Answer actor_metrics(Call& call);
  Answer actor_children(Call& call);
  Answer actor_events(Call& call);
  Answer follow_actor(Call& call, const ActorId& id);
  Answer update_actor(Call& call);
  Answer verify_actor(Call& call);
  Answer bundle_actor(Call& call, const ActorId& id);
  Answer replay_actor(Call& call, const ActorId& id);
  Answer fork_actor(Call& call, const ActorId& id);
  Answer send_to_actor(Call& call);
  void request_from_actor(const std::shared_ptr<Call>& call);
  /// Answers with the actor as it then is.
  Answer act_on(Call& call, Result<void> (api::Management::*act)(const ActorId&));
  Answer all_events(Call& call);
  void open_channel(const std::shared_ptr<Call>& call);
  Answer dead_letters(Call& call);
  Answer waits(Call& call);

  Result<ActorId> actor_of(const Call& call) const;
  /// Does what goes through a whole chain, which may take long: unless others are at it already.
  Answer with_whole_chain(Call& call, Answer (Endpoints::*answer)(Call& call, const ActorId& id));

  api::Management& management_;
  Work& work_;
  const ServerCounters& counters_;
  /// Requests that go through a whole chain now.
  std::atomic<unsigned> whole_chains_{0};
};

/// The OpenAPI 3.1 description, as it is served.
std::string_view openapi_text();

}  // namespace theater::server
