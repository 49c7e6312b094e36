#include "server/endpoints.h"

#include <exception>

#include "base/limits.h"
#include "manifest/json_forms.h"
#include "replay/report_json.h"
#include "server/body_file.h"
#include "server/json_forms.h"
#include "server/live.h"
#include "server/metrics_text.h"
#include "server/problem.h"
#include "server/request_body.h"

namespace theater::server {
namespace {

/// So that threads are left for all other requests that wait.
constexpr unsigned kWholeChainsAtOnce = 2;

HttpResponse ok(const Json& json, unsigned status = 200) { return {.status = status, .body = to_text(json)}; }

HttpResponse raw(ByteView bytes, std::string type = "application/octet-stream") {
  return {.content_type = std::move(type), .body = std::string(as_text(bytes))};
}

/// Bytes for whoever asked: as they are, or as base64 and, where they are text, as text.
HttpResponse message_response(const HttpRequest& request, const std::optional<Bytes>& bytes) {
  if (bytes && names_type(request.accept, "application/octet-stream")) return raw(*bytes);
  Json json = {{"data", bytes_of(bytes)}, {"text", nullptr}};
  if (bytes && is_utf8(*bytes)) json["text"] = as_text(*bytes);
  return ok(json);
}

bool wants_sent_events(const HttpRequest& request) {
  return request.upgrade || names_type(request.accept, "text/event-stream");
}

HttpResponse started_response(const api::StartedActor& started) {
  HttpResponse response =
      ok({{"id", to_string(started.id)}, {"name", started.name}, {"has_name", started.has_name}}, 201);
  response.headers.emplace_back("Location", "/v1/actors/" + to_string(started.id));
  return response;
}

api::EventFilter read_filter(Query& query) {
  constexpr std::uint64_t kMaxMs = UINT64_MAX / kNsPerMs;
  api::EventFilter filter;
  filter.type_prefix = query.text("type").value_or("");
  filter.search = query.text("search").value_or("");
  if (const auto kind = query.choice("kind", {"started", "call", "host-call", "host-call-begin", "host-call-end",
                                              "returned", "failed", "stopped", "note"})) {
    filter.kind = api::parse_event_kind(*kind);
  }
  if (const auto ms = query.number("from_time_ms", 0, kMaxMs)) filter.from_time_ns = *ms * kNsPerMs;
  if (const auto ms = query.number("to_time_ms", 0, kMaxMs - 1)) filter.to_time_ns = *ms * kNsPerMs + (kNsPerMs - 1);
  return filter;
}

}  // namespace

struct Endpoints::Call {
  std::shared_ptr<const HttpRequest> request;
  std::vector<std::string> path;
  Query query;
  Respond respond;
};

Endpoints::Endpoints(api::Management& management, Work& work, const ServerCounters& counters)
    : management_(management), work_(work), counters_(counters) {}

std::variant<RouteMatch, HttpResponse> Endpoints::admit(const HttpRequest& request) {
  auto match = find_route(request.method, request.path);
  if (const auto* none = std::get_if<NoMatch>(&match)) {
    // Who has no right is not told what there is.
    if (request.right < Right::kRead) return problem(401, ErrorCode::kNotPermitted, "a token is needed");
    if (none->methods.empty()) {
      return problem(Error(ErrorCode::kNotFound, "there is nothing at " + printable(as_bytes(request.path), 200)));
    }
    HttpResponse response = problem(405, ErrorCode::kInvalidArgument, "not with this method");
    std::string methods;
    for (const std::string_view method : none->methods) {
      methods += (methods.empty() ? "" : ", ") + std::string(method);
      if (method == "GET") methods += ", HEAD";
    }
    response.headers.emplace_back("Allow", methods);
    return response;
  }
  const Route& route = routes()[static_cast<std::size_t>(std::get<RouteMatch>(match).operation)];
  if (request.right >= route.right) return std::get<RouteMatch>(std::move(match));
  if (request.right == Right::kNone) {
    HttpResponse response = problem(401, ErrorCode::kNotPermitted,
                                    "send the token as \"Authorization: Bearer …\"; the server made it at its first "
                                    "start, in a file that its documentation names");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
  }
  return problem(Error(ErrorCode::kNotPermitted, "this token has the right \"" + std::string(to_string(request.right)) +
                                                     "\"; this needs \"" + std::string(to_string(route.right)) + "\""));
}

bool Endpoints::may_overlap(Operation operation) {
  return operation == Operation::kSendToActor || operation == Operation::kRequestFromActor;
}

void Endpoints::handle(std::shared_ptr<const HttpRequest> request, RouteMatch match, Respond respond) {
  const Operation operation = match.operation;
  Query query(request->query);
  auto call = std::make_shared<Call>(Call{.request = std::move(request),
                                          .path = std::move(match.values),
                                          .query = std::move(query),
                                          .respond = std::move(respond)});
  if (!routes()[static_cast<std::size_t>(operation)].waits) return run(operation, call);
  if (!work_.wait_for([this, operation, call] { run(operation, call); })) {
    call->respond(problem(Error(ErrorCode::kUnavailable, "too many requests wait already: try again")));
  }
}

void Endpoints::run(Operation operation, const std::shared_ptr<Call>& shared_call) {
  Call& call = *shared_call;
  // Libraries may throw; a request must be answered all the same.
  try {
    switch (operation) {
      case Operation::kHealth: return call.respond(health(call));
      case Operation::kMetrics: return call.respond(metrics(call));
      case Operation::kOpenApi: return call.respond(openapi(call));
      case Operation::kStatus: return call.respond(status(call));
      case Operation::kListActors: return call.respond(list_actors(call));
      case Operation::kStartActor: return call.respond(start_actor(call));
      case Operation::kInspectActor: return call.respond(inspect_actor(call));
      case Operation::kActorManifest: return call.respond(actor_manifest(call));
      case Operation::kActorPermissions: return call.respond(actor_permissions(call));
      case Operation::kActorState: return call.respond(actor_state(call));
      case Operation::kActorStatus: return call.respond(actor_status(call));
      case Operation::kActorMetrics: return call.respond(actor_metrics(call));
      case Operation::kActorChildren: return call.respond(actor_children(call));
      case Operation::kActorEvents: return call.respond(actor_events(call));
      case Operation::kVerifyActor: return call.respond(verify_actor(call));
      case Operation::kBundleActor: return call.respond(with_whole_chain(call, &Endpoints::bundle_actor));
      case Operation::kReplayActor: return call.respond(with_whole_chain(call, &Endpoints::replay_actor));
      case Operation::kForkActor: return call.respond(with_whole_chain(call, &Endpoints::fork_actor));
      case Operation::kSendToActor: return call.respond(send_to_actor(call));
      case Operation::kRequestFromActor: return request_from_actor(shared_call);
      case Operation::kStopActor: return call.respond(act_on(call, &api::Management::stop));
      case Operation::kTerminateActor: return call.respond(act_on(call, &api::Management::terminate));
      case Operation::kRestartActor: return call.respond(act_on(call, &api::Management::restart));
      case Operation::kUpdateActor: return call.respond(update_actor(call));
      case Operation::kPauseActor: return call.respond(act_on(call, &api::Management::pause));
      case Operation::kUnpauseActor: return call.respond(act_on(call, &api::Management::unpause));
      case Operation::kAllEvents: return call.respond(all_events(call));
      case Operation::kOpenChannel: return open_channel(shared_call);
      case Operation::kDeadLetters: return call.respond(dead_letters(call));
      case Operation::kWaits: return call.respond(waits(call));
    }
  } catch (const std::exception& error) {
    call.respond(problem(Error(ErrorCode::kInternal, error.what())));
  }
}

Result<ActorId> Endpoints::actor_of(const Call& call) const {
  if (auto checked = call.query.check(); !checked) return fail(std::move(checked.error()));
  return management_.find(call.path.front());
}

HttpResponse Endpoints::health(Call& call) {
  if (auto checked = call.query.check(); !checked) return problem(checked.error());
  return ok({{"status", "ok"}});
}

HttpResponse Endpoints::metrics(Call& call) {
  if (auto checked = call.query.check(); !checked) return problem(checked.error());
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = metrics_text(management_.status(), counters_)};
}

HttpResponse Endpoints::openapi(Call& call) {
  if (auto checked = call.query.check(); !checked) return problem(checked.error());
  return {.body = std::string(openapi_text())};
}

HttpResponse Endpoints::status(Call& call) {
  if (auto checked = call.query.check(); !checked) return problem(checked.error());
  return ok(status_of(management_.status()));
}

HttpResponse Endpoints::list_actors(Call& call) {
  api::ActorQuery query;
  if (const auto status =
          call.query.choice("status", {"starting", "running", "paused", "stopping", "stopped", "failed"})) {
    for (const ActorStatus known : {ActorStatus::kStarting, ActorStatus::kRunning, ActorStatus::kPaused,
                                    ActorStatus::kStopping, ActorStatus::kStopped, ActorStatus::kFailed}) {
      if (to_string(known) == *status) query.status = known;
    }
  }
  query.name_part = call.query.text("name").value_or("");
  if (const auto limit = call.query.number("limit", 1, limits::kPageItems)) {
    query.limit = static_cast<std::uint32_t>(*limit);
  }
  const auto after = call.query.text("after");
  if (auto checked = call.query.check(); !checked) return problem(checked.error());
  if (after) {
    query.after = parse_id<ActorId>(*after);
    if (!query.after) return problem(Error(ErrorCode::kInvalidArgument, "after must be an actor's id"));
  }
  const auto page = management_.list(query);
  if (!page) return problem(page.error());
  Json actors = Json::array();
  for (const ActorInfo& actor : page->actors) actors.push_back(summary_of(actor));
  return ok({{"actors", std::move(actors)},
             {"next_after", page->next_after ? Json(to_string(*page->next_after)) : Json(nullptr)}});
}

HttpResponse Endpoints::start_actor(Call& call) {
  if (auto checked = call.query.check(); !checked) return problem(checked.error());
  auto request = read_start(*call.request);
  if (!request) return problem(request.error());
  const auto started = management_.start(std::move(*request));
  return started ? started_response(*started) : start_problem(started.error());
}

HttpResponse Endpoints::inspect_actor(Call& call) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const auto info = management_.info(*id);
  return info ? ok(details_of(*info)) : problem(info.error());
}

HttpResponse Endpoints::actor_manifest(Call& call) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const auto manifest = management_.manifest(*id);
  if (!manifest) return problem(manifest.error());
  if (names_type(call.request->accept, "application/toml")) return raw(as_bytes(manifest->text), "application/toml");
  return ok(manifest_of(*manifest));
}

HttpResponse Endpoints::actor_permissions(Call& call) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const auto permissions = management_.permissions(*id);
  return permissions ? ok(permissions_json(*permissions)) : problem(permissions.error());
}

HttpResponse Endpoints::actor_state(Call& call) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const auto state = management_.state(*id);
  return state ? message_response(*call.request, *state) : problem(state.error());
}

HttpResponse Endpoints::actor_status(Call& call) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const auto info = management_.info(*id);
  return info ? ok({{"id", to_string(*id)}, {"status", to_string(info->status)}}) : problem(info.error());
}

HttpResponse Endpoints::actor_metrics(Call& call) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const auto info = management_.info(*id);
  return info ? ok(metrics_of(*info)) : problem(info.error());
}

HttpResponse Endpoints::actor_children(Call& call) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const auto children = management_.children(*id);
  if (!children) return problem(children.error());
  Json actors = Json::array();
  for (const ActorInfo& child : *children) actors.push_back(summary_of(child));
  return ok({{"actors", std::move(actors)}});
}

HttpResponse Endpoints::actor_events(Call& call) {
  if (wants_sent_events(*call.request)) {
    const auto id = management_.find(call.path.front());
    return id ? follow_actor(call, *id) : problem(id.error());
  }
  api::EventQuery query;
  query.filter = read_filter(call.query);
  query.from = call.query.number("from", 0, UINT64_MAX);
  if (const auto limit = call.query.number("limit", 1, limits::kPageItems)) {
    query.limit = static_cast<std::uint32_t>(*limit);
  }
  query.newest_first = call.query.choice("order", {"oldest-first", "newest-first"}) == "newest-first";
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const auto page = management_.events(*id, query);
  if (!page) return problem(page.error());
  // The events are JSON already.
  std::string body = R"({"events":[)";
  for (const Event& event : page->events) {
    if (body.back() != '[') body += ',';
    body += to_json(event);
  }
  body += R"(],"next_from":)" + (page->next_from ? std::to_string(*page->next_from) : "null") + "}";
  return {.body = std::move(body)};
}

HttpResponse Endpoints::follow_actor(Call& call, const ActorId& id) {
  auto filter = read_filter(call.query);
  auto from = call.query.number("from", 0, UINT64_MAX);
  if (auto checked = call.query.check(); !checked) return problem(checked.error());
  if (!call.request->last_event_id.empty()) {
    // A reader that comes back says what it saw last, whatever it first asked for.
    Query last("id=" + call.request->last_event_id);
    const auto sequence = last.number("id", 0, UINT64_MAX - 1);
    if (!sequence) return problem(Error(ErrorCode::kInvalidArgument, "Last-Event-ID must be a sequence"));
    from = *sequence + 1;
  }
  auto wakeup = std::make_shared<Wakeup>(work_);
  auto feed = management_.follow(id, from, {}, [wakeup] { wakeup->call(); });
  if (!feed) return problem(feed.error());
  HttpResponse response;
  response.events = std::make_shared<LiveEvents>(std::move(*feed), std::move(wakeup), std::move(filter), true);
  return response;
}

HttpResponse Endpoints::all_events(Call& call) {
  auto filter = read_filter(call.query);
  if (auto checked = call.query.check(); !checked) return problem(checked.error());
  if (!wants_sent_events(*call.request)) {
    return problem(406, ErrorCode::kInvalidArgument, "ask for text/event-stream, or for a WebSocket");
  }
  auto wakeup = std::make_shared<Wakeup>(work_);
  auto feed = management_.follow_all({}, [wakeup] { wakeup->call(); });
  HttpResponse response;
  response.events = std::make_shared<LiveEvents>(std::move(feed), std::move(wakeup), std::move(filter), false);
  return response;
}

HttpResponse Endpoints::verify_actor(Call& call) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const auto report = management_.verify(*id);
  return report ? ok(report_of(*report)) : problem(report.error());
}

HttpResponse Endpoints::with_whole_chain(Call& call, Answer (Endpoints::*answer)(Call& call, const ActorId& id)) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const bool is_admitted = ++whole_chains_ <= kWholeChainsAtOnce;
  // Also past whatever is thrown.
  const std::unique_ptr<std::atomic<unsigned>, void (*)(std::atomic<unsigned>*)> ends(
      &whole_chains_, [](std::atomic<unsigned>* count) { --*count; });
  if (is_admitted) return (this->*answer)(call, *id);
  return problem(Error(ErrorCode::kUnavailable, "other chains are being gone through already: try again"));
}

HttpResponse Endpoints::bundle_actor(Call&, const ActorId& id) {
  auto recording = management_.record(id);
  if (!recording) return problem(recording.error());
  const std::filesystem::path path = (*recording)->file();
  auto file = BodyFile::open(path, std::move(*recording));
  if (!file) return problem(file.error());
  HttpResponse response{.content_type = "application/x-tar", .file = std::move(*file)};
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + to_string(id) + ".bundle\"");
  return response;
}

HttpResponse Endpoints::replay_actor(Call& call, const ActorId& id) {
  auto request = read_replay(*call.request);
  if (!request) return problem(request.error());
  const auto report = management_.replay(id, std::move(*request));
  return report ? ok(replay::to_json(*report)) : problem(report.error());
}

HttpResponse Endpoints::fork_actor(Call& call, const ActorId& id) {
  auto request = read_fork(*call.request);
  if (!request) return problem(request.error());
  const auto started = management_.fork(id, std::move(*request));
  return started ? started_response(*started) : start_problem(started.error());
}

HttpResponse Endpoints::update_actor(Call& call) {
  const bool preflight = call.query.flag("preflight");
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  auto request = read_update(*call.request);
  if (!request) return problem(request.error());
  request->preflight = preflight;
  const auto report = management_.update(*id, *request);
  return report ? ok(update_of(*id, *report)) : problem(report.error());
}

HttpResponse Endpoints::send_to_actor(Call& call) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  const auto message = read_message(*call.request);
  if (!message) return problem(message.error());
  const auto sent = management_.send(*id, *message);
  return sent ? ok({{"id", to_string(*id)}}, 202) : problem(sent.error());
}

void Endpoints::request_from_actor(const std::shared_ptr<Call>& call) {
  const auto timeout_ms = call->query.number("timeout_ms", 1, limits::kRequestTimeoutMsMax);
  const auto id = actor_of(*call);
  if (!id) return call->respond(problem(id.error()));
  const auto message = read_message(*call->request);
  if (!message) return call->respond(problem(message.error()));
  management_.request(*id, *message, timeout_ms.value_or(0), [&work = work_, call](Result<Bytes> answer) {
    // Off the shard's thread, which has other things to do.
    work.serve([call, answer = std::move(answer)] {
      call->respond(answer ? message_response(*call->request, *answer) : problem(answer.error()));
    });
  });
}

HttpResponse Endpoints::act_on(Call& call, Result<void> (api::Management::*act)(const ActorId&)) {
  const auto id = actor_of(call);
  if (!id) return problem(id.error());
  if (auto done = (management_.*act)(*id); !done) return problem(done.error());
  const auto info = management_.info(*id);
  return info ? ok(details_of(*info)) : problem(info.error());
}

void Endpoints::open_channel(const std::shared_ptr<Call>& call) {
  const auto actor = call->query.text("actor");
  const auto first_message = call->query.text("message");
  if (auto checked = call->query.check(); !checked) return call->respond(problem(checked.error()));
  if (!actor) return call->respond(problem(Error(ErrorCode::kInvalidArgument, "say which actor: ?actor=ID or NAME")));
  if (!call->request->upgrade) {
    HttpResponse response = problem(426, ErrorCode::kInvalidArgument, "a channel is opened by a WebSocket");
    response.headers.emplace_back("Upgrade", "websocket");
    return call->respond(std::move(response));
  }
  const auto id = management_.find(*actor);
  if (!id) return call->respond(problem(id.error()));
  ChannelFeed::open(management_, work_, *id, as_bytes(first_message.value_or("")),
                    [&work = work_, call](Result<std::shared_ptr<ChannelFeed>> opened) {
                      work.serve([call, opened = std::move(opened)] {
                        if (!opened) return call->respond(problem(opened.error()));
                        HttpResponse response;
                        response.channel = *opened;
                        call->respond(std::move(response));
                      });
                    });
}

HttpResponse Endpoints::waits(Call& call) {
  if (auto checked = call.query.check(); !checked) return problem(checked.error());
  return ok(waits_of(management_.waits()));
}

HttpResponse Endpoints::dead_letters(Call& call) {
  if (auto checked = call.query.check(); !checked) return problem(checked.error());
  Json letters = Json::array();
  for (const DeadLetter& letter : management_.dead_letters()) letters.push_back(letter_of(letter));
  return ok({{"dead_letters", std::move(letters)}});
}

}  // namespace theater::server
