#include "server/json_forms.h"

#include <ctime>

#include "base/base64.h"
#include "base/clock.h"

namespace theater::server {
namespace {

Json parent_of(const ActorInfo& actor) { return actor.parent ? Json(to_string(*actor.parent)) : Json(nullptr); }

Json fields_of(const ConfigFields& fields) {
  Json json = Json::object();
  for (const auto& [name, value] : fields) std::visit([&](const auto& content) { json[name] = content; }, value);
  return json;
}

Json reasons_of(const std::vector<std::pair<std::string, std::uint64_t>>& reasons) {
  Json json = Json::object();
  for (const auto& [reason, count] : reasons) json[reason] = count;
  return json;
}

std::string_view mode_name(PermissionMode mode) {
  switch (mode) {
    case PermissionMode::kInherit: return "inherit";
    case PermissionMode::kDisallow: return "disallow";
    case PermissionMode::kRestrict: return "restrict";
  }
  return "disallow";
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
  if (api::has_ended(actor.status)) {
    json["end"] = {
        {"reason", to_string(actor.end_reason)}, {"message", actor.end_message}, {"result", bytes_of(actor.result)}};
  } else {
    json["end"] = nullptr;
  }
  return json;
}

Json metrics_of(const ActorInfo& actor) {
  return {{"events", actor.events}, {"mailbox_messages", actor.mailbox_messages}, {"memory_bytes", actor.memory_bytes}};
}

Json manifest_of(const Manifest& manifest) {
  Json json = {{"name", manifest.name},
               {"version", manifest.version},
               {"component", manifest.component},
               {"description", manifest.description},
               {"long_description", manifest.long_description},
               {"save_chain", manifest.save_chain},
               {"init_state", manifest.init_state ? Json(*manifest.init_state) : Json(nullptr)}};
  Json handlers = Json::array();
  for (const HandlerConfig& handler : manifest.handlers) {
    Json block = {{"type", handler.type}};
    block.update(fields_of(handler.fields));
    handlers.push_back(std::move(block));
  }
  json["handler"] = std::move(handlers);
  Json policies = Json::object();
  for (const auto& [capability, policy] : manifest.permission_policy.capabilities) {
    policies[capability] = {{"type", mode_name(policy.mode)}};
    if (policy.mode == PermissionMode::kRestrict) policies[capability]["config"] = fields_of(policy.restrictions);
  }
  json["permission_policy"] = std::move(policies);
  const ActorLimits& limits = manifest.limits;
  json["limits"] = {
      {"memory_bytes", limits.memory_bytes},
      {"fuel_per_turn", limits.fuel_per_turn},
      {"turn_timeout_ms", limits.turn_timeout_ms},
      {"mailbox_messages", limits.mailbox_messages},
      {"mailbox_bytes", limits.mailbox_bytes},
      {"mailbox_overflow", limits.mailbox_overflow == MailboxOverflow::kRefuse ? "refuse" : "drop-oldest"},
      {"message_max_bytes", limits.message_max_bytes},
      {"request_timeout_ms", limits.request_timeout_ms},
      {"channels_max", limits.channels_max}};
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

Json letter_of(const DeadLetter& letter) {
  return {{"time", time_text(letter.time_ns)},
          {"kind", letter.kind},
          {"reason", letter.reason},
          {"sender", letter.sender.is_nil() ? Json(nullptr) : Json(to_string(letter.sender))},
          {"receiver", to_string(letter.receiver)},
          {"bytes", letter.bytes}};
}

}  // namespace theater::server
