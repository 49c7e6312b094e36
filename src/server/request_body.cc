#include "server/request_body.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace theater::server {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

/// The members of a body that is one JSON object. Each is asked for once; what is left over is an error.
class Members {
 public:
  static Result<Members> read(ByteView body) {
    auto json = nlohmann::json::parse(body.begin(), body.end(), nullptr, false);
    if (json.is_discarded()) return fail(ErrorCode::kInvalidArgument, "the body is no JSON");
    if (!json.is_object()) return fail(ErrorCode::kInvalidArgument, "the body must be a JSON object");
    return Members(std::move(json));
  }

  std::optional<std::string> text(const std::string& name) {
    const auto found = json_.find(name);
    if (found == json_.end()) return std::nullopt;
    if (!found->is_string()) {
      wrong(name + " must be a string");
      return std::nullopt;
    }
    std::string value = found->get<std::string>();
    json_.erase(found);
    return value;
  }
  std::optional<Bytes> base64(const std::string& name) {
    const auto value = text(name);
    if (!value) return std::nullopt;
    auto bytes = parse_base64(*value);
    if (!bytes) wrong(name + " must be base64 with padding (RFC 4648, section 4)");
    return bytes;
  }
  std::optional<std::uint64_t> number(const std::string& name) {
    const auto found = json_.find(name);
    if (found == json_.end()) return std::nullopt;
    if (!found->is_number_unsigned()) {
      wrong(name + " must be a whole number that is not negative");
      return std::nullopt;
    }
    const auto value = found->get<std::uint64_t>();
    json_.erase(found);
    return value;
  }
  bool flag(const std::string& name) {
    const auto found = json_.find(name);
    if (found == json_.end()) return false;
    if (!found->is_boolean()) {
      wrong(name + " must be true or false");
      return false;
    }
    const bool value = found->get<bool>();
    json_.erase(found);
    return value;
  }
  /// Bytes given as base64 in one member or as text in another.
  std::optional<Bytes> bytes(const std::string& base64_name, const std::string& text_name) {
    auto given = base64(base64_name);
    const auto given_text = text(text_name);
    if (given && given_text) wrong("give " + base64_name + " or " + text_name + ", one of the two");
    return given_text ? to_bytes(*given_text) : given;
  }
  void wrong(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
  }
  Result<void> check() const {
    if (!wrong_.empty()) return fail(ErrorCode::kInvalidArgument, wrong_);
    if (json_.empty()) return {};
    return fail(ErrorCode::kInvalidArgument,
                "the body has an unknown member \"" + printable(as_bytes(json_.begin().key()), 100) + "\"");
  }

 private:
  explicit Members(nlohmann::json json) : json_(std::move(json)) {}

  nlohmann::json json_;
  std::string wrong_;
};

Result<void> check_text(ByteView text, std::string_view what) {
  if (is_utf8(text)) return {};
  return fail(ErrorCode::kInvalidArgument, std::string(what) + " is no UTF-8");
}

}  // namespace

bool names_type(std::string_view header, std::string_view type) {
  while (!header.empty()) {
    const std::string_view item = header.substr(0, header.find(','));
    header.remove_prefix(std::min(header.size(), item.size() + 1));
    if (same_word(trimmed(item.substr(0, item.find(';'))), type)) return true;
  }
  return false;
}

Result<Bytes> read_message(const HttpRequest& request) {
  if (!names_type(request.content_type, "application/json")) return request.body;
  auto members = Members::read(request.body);
  if (!members) return fail(std::move(members.error()));
  auto message = members->bytes("data", "text");
  if (auto checked = members->check(); !checked) return fail(std::move(checked.error()));
  if (!message) return fail(ErrorCode::kInvalidArgument, "give the message as data (base64) or text");
  return std::move(*message);
}

Result<api::ReplayRequest> read_replay(const HttpRequest& request) {
  api::ReplayRequest replay;
  if (request.body.empty()) return replay;
  auto members = Members::read(request.body);
  if (!members) return fail(std::move(members.error()));
  replay.until = members->number("until");
  replay.ignore_state = members->flag("ignore_state");
  replay.component = members->base64("component");
  if (auto checked = members->check(); !checked) return fail(std::move(checked.error()));
  return replay;
}

Result<api::ForkRequest> read_fork(const HttpRequest& request) {
  auto members = Members::read(request.body);
  if (!members) return fail(std::move(members.error()));
  const auto at = members->number("at");
  api::ForkRequest fork{.at = at.value_or(0), .component = members->base64("component")};
  if (auto checked = members->check(); !checked) return fail(std::move(checked.error()));
  if (!at) return fail(ErrorCode::kInvalidArgument, "say after which event to go on: at");
  return fork;
}

Result<api::UpdateRequest> read_update(const HttpRequest& request) {
  api::UpdateRequest update;
  if (!names_type(request.content_type, "application/json")) {
    update.component = request.body;
    return update;
  }
  auto members = Members::read(request.body);
  if (!members) return fail(std::move(members.error()));
  update.component = members->base64("component");
  if (const auto path = members->text("component_path")) update.component_path = *path;
  if (auto checked = members->check(); !checked) return fail(std::move(checked.error()));
  return update;
}

Result<api::StartRequest> read_start(const HttpRequest& request) {
  api::StartRequest start;
  if (!names_type(request.content_type, "application/json")) {
    if (auto text = check_text(request.body, "the manifest"); !text) return fail(std::move(text.error()));
    start.manifest_text = std::string(as_text(request.body));
    return start;
  }
  auto members = Members::read(request.body);
  if (!members) return fail(std::move(members.error()));
  start.manifest_text = members->text("manifest");
  if (const auto path = members->text("manifest_path")) start.manifest_path = *path;
  if (const auto path = members->text("base_directory")) start.base_directory = *path;
  start.component = members->base64("component");
  start.initial_state = members->bytes("initial_state", "initial_state_text");
  if (const auto parent = members->text("parent")) {
    start.parent = parse_id<ActorId>(*parent);
    if (!start.parent) members->wrong("parent must be an actor's id");
  }
  if (auto checked = members->check(); !checked) return fail(std::move(checked.error()));
  return start;
}

}  // namespace theater::server
