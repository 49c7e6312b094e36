#include "server/json_forms.h"

#include <ctime>

#include "base/base64.h"
#include "base/clock.h"
#include "manifest/json_forms.h"

namespace theater::server {
namespace {

Json parent_of(const ActorInfo& actor) { return actor.parent ? Json(to_string(*actor.parent)) : Json(nullptr); }

Json reasons_of(const std::vector<std::pair<std::string, std::uint64_t>>& reasons) {
  Json json = Json::object();
  for (const auto& [reason, count] : reasons) json[reason] = count;
  return json;
}

}  // namespace

std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json bytes_of(const std::optional<Bytes>& bytes) { return bytes ? Json(to_base64(*bytes)) : Json(nullptr); }

std::string time_text(std::uint64_t time_ns) {
  const auto seconds = static_cast<std::time_t>(time_ns / kNsPerSecond);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32];
  std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
  char text[64];
  std::snprintf(text, sizeof(text), "%s.%03uZ", date, static_cast<unsigned>(time_ns / kNsPerMs % 1000));
  return text;
}

Json summary_of(const ActorInfo& actor) {
  return {{"id", to_string(actor.id)},
          {"name", actor.name},
          {"status", to_string(actor.status)},
          {"parent", parent_of(actor)},
          {"shard", actor.shard}};
}

Json details_of(const ActorInfo& actor) {
  Json json = summary_of(actor);
  json.update(metrics_of(actor));
  if (has_ended(actor.status)) {
    json["end"] = {
        {"reason", to_string(actor.end_reason)}, {"message", actor.end_message}, {"result", bytes_of(actor.result)}};
  } else {
    json["end"] = nullptr;
  }
  return json;
}

Json metrics_of(const ActorInfo& actor) {
  return {{"events", actor.events},
          {"mailbox_messages", actor.mailbox_messages},
          {"memory_bytes", actor.memory_bytes},
          {"turns", actor.turns},
          {"fuel_used", actor.fuel_used},
          {"fuel_last_turn", actor.fuel_last_turn},
          {"restarts", actor.restarts}};
}

Json manifest_of(const Manifest& manifest) {
  Json json = {{"name", manifest.name},
               {"version", manifest.version},
               {"component", manifest.component},
               {"description", manifest.description},
               {"long_description", manifest.long_description},
               {"save_chain", manifest.save_chain},
               {"init_state", manifest.init_state ? Json(*manifest.init_state) : Json(nullptr)}};
  json["handler"] = handlers_json(manifest);
  json["permission_policy"] = policies_json(manifest.permission_policy);
  json["limits"] = limits_json(manifest.limits);
  json["sha256"] = to_hex(manifest.text_digest);
  return json;
}

Json totals_of(const MessageTotals& totals) {
  return {{"sent", totals.sent},
          {"delivered", totals.delivered},
          {"refused", totals.refused},
          {"dead_letters", totals.dead_letters},
          {"refused_by_reason", reasons_of(totals.refused_by_reason)},
          {"dead_letters_by_reason", reasons_of(totals.dead_letters_by_reason)}};
}

Json status_of(const api::RuntimeStatus& status) {
  return {{"version", status.version},
          {"started", time_text(status.started_ns)},
          {"uptime_ms", status.uptime_ns / kNsPerMs},
          {"actors_living", status.actors_living},
          {"actors_listed", status.actors_listed},
          {"shards", status.shards},
          {"events_recorded", status.events_recorded},
          {"turns", status.turns},
          {"fuel_used", status.fuel_used},
          {"messages", totals_of(status.messages)},
          {"description", status.description}};
}

Json report_of(const ChainReport& report) {
  Json json = {{"ok", !report.fault.has_value()},
               {"events", report.events},
               {"links", report.links},
               {"complete", report.complete},
               {"first_sequence", report.first_sequence},
               {"head", to_hex(report.head_hash)},
               {"fault", nullptr}};
  if (report.fault) json["fault"] = {{"sequence", report.fault->first}, {"what", report.fault->second}};
  return json;
}

Json waits_of(const WaitReport& report) {
  Json waits = Json::array();
  for (const ActorWait& wait : report.waits) {
    Json& json = waits.emplace_back(Json{{"actor", to_string(wait.actor)},
                                         {"name", wait.name},
                                         {"function", wait.function},
                                         {"waiting_ms", wait.waiting_ns / kNsPerMs},
                                         {"waits_for", nullptr},
                                         {"awaited", nullptr},
                                         {"given_up_in_ms", nullptr},
                                         {"mailbox_messages", wait.mailbox_messages}});
    if (!wait.waits_for) continue;
    json["waits_for"] = to_string(*wait.waits_for);
    json["awaited"] = wait.awaited;
    json["given_up_in_ms"] = wait.given_up_in_ns / kNsPerMs;
  }
  Json awaited = Json::array();
  for (const AwaitedActor& actor : report.awaited) {
    awaited.push_back({{"actor", to_string(actor.actor)},
                       {"name", actor.name},
                       {"has_ended", actor.has_ended},
                       {"is_paused", actor.is_paused},
                       {"mailbox_messages", actor.mailbox_messages},
                       {"outstanding_requests", actor.outstanding_requests}});
  }
  Json shards = Json::array();
  for (const ShardActivity& shard : report.shards) {
    shards.push_back({{"shard", shard.shard},
                      {"answers", shard.answers},
                      {"runs", shard.runs ? Json(to_string(*shard.runs)) : Json(nullptr)},
                      {"running_ms", shard.running_ns / kNsPerMs}});
  }
  return {{"waits", std::move(waits)}, {"awaited", std::move(awaited)}, {"shards", std::move(shards)}};
}

namespace {

Json divergence_of(const ReplayDivergence& divergence) {
  Json differences = Json::array();
  for (const ReplayDifference& difference : divergence.differences) {
    differences.push_back(
        {{"field", difference.field}, {"recorded", difference.recorded}, {"replayed", difference.replayed}});
  }
  Json json = {{"sequence", divergence.sequence},       {"kind", to_string(divergence.kind)},
               {"function", divergence.function},       {"call", nullptr},
               {"differences", std::move(differences)}, {"backtrace", divergence.backtrace}};
  if (divergence.call) json["call"] = {{"sequence", divergence.call_sequence}, {"function", *divergence.call}};
  return json;
}

Json replay_of(const ReplayReport& replay) {
  Json json = {{"result", replay.same()       ? "same"
                          : replay.divergence ? "differs"
                                              : "not-told"},
               {"first_sequence", replay.first_sequence},
               {"next_sequence", replay.next_sequence},
               {"calls", replay.calls},
               {"divergence", nullptr},
               {"stop", nullptr},
               {"remarks", replay.remarks}};
  if (replay.divergence) json["divergence"] = divergence_of(*replay.divergence);
  if (replay.stop) json["stop"] = {{"sequence", replay.stop->sequence}, {"what", replay.stop->what}};
  return json;
}

}  // namespace

Json update_of(const ActorId& id, const UpdateReport& report) {
  return {{"id", to_string(id)},
          {"updated", report.is_done},
          {"former", to_hex(report.former)},
          {"component", to_hex(report.component)},
          {"preflight", report.preflight ? replay_of(*report.preflight) : Json(nullptr)}};
}

Json letter_of(const DeadLetter& letter) {
  return {{"time", time_text(letter.time_ns)},
          {"kind", letter.kind},
          {"reason", letter.reason},
          {"sender", letter.sender.is_nil() ? Json(nullptr) : Json(to_string(letter.sender))},
          {"receiver", to_string(letter.receiver)},
          {"bytes", letter.bytes}};
}

}  // namespace theater::server
