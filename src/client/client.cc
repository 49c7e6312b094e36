#include "theater/client.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/limits.h"
#include "base/random.h"
#include "client/response.h"
#include "client/stream.h"

namespace theater {
namespace {

using client::Stream;
using nlohmann::json;
using std::chrono::milliseconds;

/// Longer than the server itself waits for anything but a request, which has its own.
constexpr milliseconds kAnswerTime{120'000};
/// A re-run of a long chain comes before an update that asks for it.
constexpr milliseconds kUpdateTime{3'600'000};
constexpr milliseconds kIdleTime{250};
/// An answer or a channel's message.
constexpr std::uint64_t kAnswerBytes = 1u << 30;
/// Bodies up to this size are sent in one piece with their heads.
constexpr std::size_t kBodyBytesCopied = 16u << 10;

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '_' || c == '.' || c == '~';
    const auto byte = static_cast<std::uint8_t>(c);
    if (plain) {
      encoded.push_back(c);
    } else {
      encoded.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return encoded;
}

struct Answer {
  unsigned status = 0;
  std::string body;
};

ErrorCode code_of(std::string_view name) {
  for (unsigned number = 1; number <= static_cast<unsigned>(ErrorCode::kInternal); ++number) {
    const auto code = static_cast<ErrorCode>(number);
    if (to_string(code) == name) return code;
  }
  return ErrorCode::kInternal;
}

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::uint64_t number_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

Error problem_of(const Answer& answer) {
  const json problem = json::parse(answer.body, nullptr, false);
  if (!problem.is_object() || text_at(problem, "code").empty()) {
    return {ErrorCode::kCorrupt, "the server answered " + std::to_string(answer.status) + " without saying why"};
  }
  return {code_of(text_at(problem, "code")), text_at(problem, "detail")};
}

Result<json> object_of(const Answer& answer) {
  json object = json::parse(answer.body, nullptr, false);
  if (!object.is_object()) return fail(ErrorCode::kCorrupt, "the server's answer is no JSON object");
  return object;
}

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

Result<RemoteActor> actor_of(const json& object) {
  const auto id = parse_id<ActorId>(text_at(object, "id"));
  if (!object.is_object() || !id) return fail(ErrorCode::kCorrupt, "the server tells an actor without an id");
  RemoteActor actor;
  actor.id = *id;
  actor.name = text_at(object, "name");
  actor.status = text_at(object, "status");
  actor.parent = parse_id<ActorId>(text_at(object, "parent"));
  actor.events = number_at(object, "events");
  actor.mailbox_messages = number_at(object, "mailbox_messages");
  actor.memory_bytes = number_at(object, "memory_bytes");
  actor.restarts = number_at(object, "restarts");
  actor.turns = number_at(object, "turns");
  actor.fuel_used = number_at(object, "fuel_used");
  actor.fuel_last_turn = number_at(object, "fuel_last_turn");
  if (const auto end = object.find("end"); end != object.end() && end->is_object()) {
    actor.end_reason = text_at(*end, "reason");
    actor.end_message = text_at(*end, "message");
  }
  actor.json = dump(object);
  return actor;
}

/// Of an answer with a list of them, behind what is in `actors` already.
Result<void> read_actors(const json& answer, std::vector<RemoteActor>& actors) {
  const auto list = answer.find("actors");
  if (list == answer.end() || !list->is_array()) return fail(ErrorCode::kCorrupt, "the server's list has no actors");
  for (const json& item : *list) {
    auto actor = actor_of(item);
    if (!actor) return fail(std::move(actor.error()));
    actors.push_back(std::move(*actor));
  }
  return {};
}

/// What a preflight found, in lines.
std::vector<std::string> findings_of(const json& preflight) {
  std::vector<std::string> lines;
  const auto object_at = [](const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_object() ? &*found : nullptr;
  };
  if (const json* stop = object_at(preflight, "stop")) {
    lines.push_back("from event " + std::to_string(number_at(*stop, "sequence")) + " on: " + text_at(*stop, "what"));
  }
  if (const json* divergence = object_at(preflight, "divergence")) {
    std::string first = "at event " + std::to_string(number_at(*divergence, "sequence")) + ", " +
                        text_at(*divergence, "kind") + " " + text_at(*divergence, "function");
    if (const json* call = object_at(*divergence, "call")) {
      first +=
          ", in the call at event " + std::to_string(number_at(*call, "sequence")) + ", " + text_at(*call, "function");
    }
    lines.push_back(std::move(first));
    const auto differences = divergence->find("differences");
    if (differences != divergence->end() && differences->is_array()) {
      for (const json& difference : *differences) {
        if (!difference.is_object()) continue;
        lines.push_back(text_at(difference, "field") + ": recorded " + text_at(difference, "recorded") +
                        ", with the new component " + text_at(difference, "replayed"));
      }
    }
  }
  return lines;
}

Result<RemoteEvent> event_of(const json& object) {
  const auto actor = object.is_object() ? parse_id<ActorId>(text_at(object, "actor")) : std::nullopt;
  if (!actor) return fail(ErrorCode::kCorrupt, "the server tells an event without an actor");
  return RemoteEvent{.actor = *actor,
                     .sequence = number_at(object, "sequence"),
                     .kind = text_at(object, "kind"),
                     .type = text_at(object, "event_type"),
                     .time_ms = number_at(object, "timestamp_ms"),
                     .description = text_at(object, "description"),
                     .json = dump(object)};
}

std::string query_text(const RemoteEventQuery& query, bool page) {
  std::string text;
  const auto add = [&](std::string_view name, const std::string& value) {
    text.append(text.empty() ? "?" : "&").append(name).append("=").append(percent_encode(value));
  };
  if (query.from) add("from", std::to_string(*query.from));
  if (page && query.limit) add("limit", std::to_string(*query.limit));
  if (page && query.newest_first) add("order", "newest-first");
  if (!query.type_prefix.empty()) add("type", query.type_prefix);
  if (!query.kind.empty()) add("kind", query.kind);
  if (!query.search.empty()) add("search", query.search);
  if (query.from_time_ms) add("from_time_ms", std::to_string(*query.from_time_ms));
  if (query.to_time_ms) add("to_time_ms", std::to_string(*query.to_time_ms));
  return text;
}

std::string actor_path(std::string_view actor, std::string_view rest = "") {
  return "/v1/actors/" + percent_encode(actor) + std::string(rest);
}

/// Writes an answer's body into a new file: what was received already, then the rest. No part of it is left behind.
Result<void> save(Stream& stream, std::string received, std::uint64_t size, const std::string& path) {
  const auto cannot = [&](std::string_view what) {
    return Error(ErrorCode::kIo, "cannot " + std::string(what) + " " + path + ": " + std::strerror(errno));
  };
  std::FILE* file = std::fopen(path.c_str(), "wbx");
  if (file == nullptr && errno == EEXIST) return fail(ErrorCode::kAlreadyExists, path + " exists already");
  if (file == nullptr) return fail(cannot("make"));
  std::optional<Error> failed;
  std::uint64_t written = 0;
  while (!failed) {
    if (received.size() > size - written) failed = Error(ErrorCode::kCorrupt, "the server sent more than it said");
    if (!failed && std::fwrite(received.data(), 1, received.size(), file) != received.size()) failed = cannot("write");
    written += received.size();
    if (failed || written == size) break;
    auto more = stream.read(kAnswerTime);
    if (!more) failed = std::move(more.error());
    if (more && more->empty())
      failed = Error(ErrorCode::kUnavailable, "the server ended the connection within its answer");
    if (more) received = std::move(*more);
  }
  if (std::fclose(file) != 0 && !failed) failed = cannot("write");
  if (!failed) return {};
  std::remove(path.c_str());
  return fail(std::move(*failed));
}

/// A channel over a connection that has become a WebSocket.
class WebSocketChannel final : public RemoteChannel {
 public:
  WebSocketChannel(std::unique_ptr<Stream> stream, std::string received)
      : stream_(std::move(stream)), received_(std::move(received)) {}
  ~WebSocketChannel() override {
    if (closed_) return;
    const std::array<std::uint8_t, 2> normal = {0x03, 0xe8};
    (void)stream_->write(client::client_frame(client::kClose, normal, mask()));
  }

  Result<void> send(ByteView message) override {
    if (closed_) return fail(*closed_);
    return stream_->write(client::client_frame(client::kBinary, message, mask()));
  }

  Result<std::optional<Bytes>> receive(milliseconds timeout) override {
    const auto give_up = std::chrono::steady_clock::now() + timeout;
    while (true) {
      if (closed_) return fail(*closed_);
      auto frame = client::take_frame(received_, kAnswerBytes);
      if (!frame) return end(std::move(frame.error()));
      if (*frame) {
        if (auto message = take(std::move(**frame))) return message;
        continue;
      }
      const auto left = std::chrono::duration_cast<milliseconds>(give_up - std::chrono::steady_clock::now());
      auto data = stream_->read(std::max(left, milliseconds(0)));
      if (!data && data.error().code() == ErrorCode::kTimeout) return std::nullopt;
      if (!data) return end(std::move(data.error()));
      if (data->empty()) return end(Error(ErrorCode::kClosed, "the server ended the connection"));
      received_ += *data;
    }
  }
  int descriptor() const override { return stream_->descriptor(); }

 private:
  std::unexpected<Error> end(Error error) {
    closed_ = error;
    return fail(std::move(error));
  }

  /// A whole message, if this frame made one.
  std::optional<Bytes> take(client::Frame frame) {
    switch (frame.opcode) {
      case client::kPing:
        (void)stream_->write(client::client_frame(client::kPong, as_bytes(frame.payload), mask()));
        return std::nullopt;
      case client::kPong: return std::nullopt;
      case client::kClose: {
        (void)stream_->write(client::client_frame(
            client::kClose, as_bytes(frame.payload).first(std::min<std::size_t>(frame.payload.size(), 2)), mask()));
        const std::string why = frame.payload.size() > 2 ? frame.payload.substr(2) : "closed";
        closed_ = Error(ErrorCode::kClosed, printable(as_bytes(why), 200));
        return std::nullopt;
      }
      default: break;
    }
    if (message_.size() + frame.payload.size() > kAnswerBytes) {
      closed_ = Error(ErrorCode::kTooLarge, "a message in pieces is too large");
      return std::nullopt;
    }
    append(message_, as_bytes(frame.payload));
    if (!frame.final) return std::nullopt;
    return std::exchange(message_, {});
  }

  std::uint32_t mask() {
    std::array<std::uint8_t, 4> bytes;
    random_.fill(bytes);
    std::uint32_t mask = 0;
    std::memcpy(&mask, bytes.data(), sizeof(mask));
    return mask;
  }

  std::unique_ptr<Stream> stream_;
  std::string received_;
  Bytes message_;
  std::optional<Error> closed_;
  SecureRandom random_;
};

}  // namespace

Result<ServerAddress> ServerAddress::parse(std::string_view text) {
  ServerAddress address;
  constexpr std::string_view kTls = "https://";
  address.tls = text.starts_with(kTls);
  if (address.tls) text.remove_prefix(kTls.size());
  if (address.tls && text.ends_with('/')) text.remove_suffix(1);
  if (text.starts_with("unix:")) text.remove_prefix(5);
  if (!address.tls && text.find('/') != std::string_view::npos) {
    address.socket = text;
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size() || text.find('/') != text.npos) {
    return fail(
        ErrorCode::kInvalidArgument,
        "\"" + std::string(text) + "\" is no server's address: give unix:/PATH, HOST:PORT or https://HOST:PORT");
  }
  address.host = text.substr(0, colon);
  address.port = text.substr(colon + 1);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  return address;
}

std::string ServerAddress::text() const {
  if (!socket.empty()) return "unix:" + socket;
  return (tls ? "https://" : "") + authority();
}

std::string ServerAddress::authority() const {
  if (!socket.empty()) return "";
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

/// One connection, made when it is needed.
class Client::Core {
 public:
  explicit Core(ServerAddress address) : address_(std::move(address)) {}

  Result<Answer> ask(std::string_view method, const std::string& target, std::string_view content_type = "",
                     std::string_view body = "", std::string_view more = "", milliseconds timeout = kAnswerTime) {
    const std::string request = request_text(method, target, content_type, body.size(), more);
    // A kept connection may have been ended by the server meanwhile. What changes something is not sent twice, so that
    // is looked at before.
    if (stream_ && stream_->has_news()) stream_.reset();
    auto answer = try_once(request, body, timeout);
    if (!answer) {
      stream_.reset();
      return answer;
    }
    if (answer->status >= 400) return fail(problem_of(*answer));
    return answer;
  }

  Result<json> ask_object(std::string_view method, const std::string& target, const json& body = nullptr) {
    auto answer = body.is_null() ? ask(method, target) : ask(method, target, "application/json", dump(body));
    if (!answer) return fail(std::move(answer.error()));
    return object_of(*answer);
  }

  Result<ActorId> start_actor(const std::string& target, const json& body) {
    const auto answer = ask_object("POST", target, body);
    if (!answer) return fail(answer.error());
    const auto id = parse_id<ActorId>(text_at(*answer, "id"));
    if (!id) return fail(ErrorCode::kCorrupt, "the server started an actor and told no id");
    return *id;
  }

  Result<RemoteActor> ask_actor(std::string_view method, std::string_view actor, std::string_view rest) {
    const auto answer = ask_object(method, actor_path(actor, rest));
    return answer ? actor_of(*answer) : fail(answer.error());
  }

  /// A connection of its own on which `target` was asked for, with the head read and what came after it.
  struct Opened {
    std::unique_ptr<Stream> stream;
    std::string received;
    std::optional<std::uint64_t> content_length;
  };
  Result<Opened> open(const std::string& target, std::string_view headers, unsigned expected) {
    auto stream = Stream::connect(address_);
    if (!stream) return fail(std::move(stream.error()));
    if (auto sent = (*stream)->write(request_text("GET", target, "", 0, headers)); !sent) {
      return fail(std::move(sent.error()));
    }
    Opened opened{.stream = std::move(*stream), .received = {}, .content_length = std::nullopt};
    auto head = read_head(*opened.stream, opened.received, kAnswerTime);
    if (!head) return fail(std::move(head.error()));
    if (head->status == expected) {
      opened.content_length = head->content_length;
      opened.received.erase(0, head->size);
      return opened;
    }
    auto answer = read_body(*opened.stream, opened.received, *head, kAnswerTime);
    return fail(answer ? problem_of(*answer) : std::move(answer.error()));
  }

 private:
  std::string request_text(std::string_view method, const std::string& target, std::string_view content_type,
                           std::size_t body_bytes, std::string_view more) const {
    std::string text(method);
    text.append(" ").append(target).append(" HTTP/1.1\r\nHost: ");
    text.append(address_.socket.empty() ? address_.authority() : "localhost");
    if (!address_.token.empty()) text.append("\r\nAuthorization: Bearer ").append(address_.token);
    if (!content_type.empty()) text.append("\r\nContent-Type: ").append(content_type);
    if (method != "GET") text.append("\r\nContent-Length: ").append(std::to_string(body_bytes));
    text.append(more);
    return text.append("\r\n\r\n");
  }

  Result<Answer> try_once(const std::string& request, std::string_view body, milliseconds timeout) {
    if (!stream_) {
      auto stream = Stream::connect(address_);
      if (!stream) return fail(std::move(stream.error()));
      stream_ = std::move(*stream);
    }
    // A server may answer and close before it has taken a body that it refuses: the answer tells more than the failed
    // write.
    // Together, where that costs less than to wake the server twice.
    const bool is_small = body.size() <= kBodyBytesCopied;
    auto sent = stream_->write(is_small ? request + std::string(body) : request);
    if (sent && !is_small) sent = stream_->write(body);
    std::string received;
    auto head = read_head(*stream_, received, timeout);
    if (!head) return fail(sent ? std::move(head.error()) : std::move(sent.error()));
    auto answer = read_body(*stream_, received, *head, timeout);
    if (!answer || !head->keeps_connection || !head->content_length || !sent) stream_.reset();
    return answer;
  }

  static Result<client::ResponseHead> read_head(Stream& stream, std::string& received, milliseconds timeout) {
    while (true) {
      auto head = client::read_head(received);
      if (!head) return fail(std::move(head.error()));
      if (*head) return **head;
      auto data = stream.read(timeout);
      if (!data) return fail(std::move(data.error()));
      if (data->empty()) return fail(ErrorCode::kUnavailable, "the server ended the connection");
      received += *data;
    }
  }

  static Result<Answer> read_body(Stream& stream, std::string& received, const client::ResponseHead& head,
                                  milliseconds timeout) {
    if (head.content_length.value_or(0) > kAnswerBytes) return fail(ErrorCode::kTooLarge, "the answer is too large");
    Answer answer{.status = head.status, .body = received.substr(head.size)};
    while (!head.content_length || answer.body.size() < *head.content_length) {
      auto data = stream.read(timeout);
      if (!data) return fail(std::move(data.error()));
      if (data->empty() && !head.content_length) return answer;
      if (data->empty()) return fail(ErrorCode::kUnavailable, "the server ended the connection within its answer");
      if (answer.body.size() + data->size() > kAnswerBytes)
        return fail(ErrorCode::kTooLarge, "the answer is too large");
      answer.body += *data;
    }
    return answer;
  }

  const ServerAddress address_;
  std::unique_ptr<Stream> stream_;
};

Client::Client(ServerAddress address) : core_(std::make_unique<Core>(std::move(address))) {}
Client::~Client() = default;
Client::Client(Client&& other) noexcept = default;
Client& Client::operator=(Client&& other) noexcept = default;

Result<ActorId> Client::start(const RemoteStart& start) {
  json body = json::object();
  if (!start.manifest.empty()) body["manifest"] = start.manifest;
  if (!start.manifest_path.empty()) body["manifest_path"] = start.manifest_path;
  if (!start.base_directory.empty()) body["base_directory"] = start.base_directory;
  if (start.initial_state) body["initial_state"] = to_base64(*start.initial_state);
  if (start.parent) body["parent"] = to_string(*start.parent);
  return core_->start_actor("/v1/actors", body);
}

Result<RemoteActor> Client::stop(std::string_view actor) { return core_->ask_actor("POST", actor, "/stop"); }
Result<RemoteActor> Client::terminate(std::string_view actor) { return core_->ask_actor("POST", actor, "/terminate"); }
Result<RemoteActor> Client::restart(std::string_view actor) { return core_->ask_actor("POST", actor, "/restart"); }
Result<RemoteUpdate> Client::update(std::string_view actor, ByteView component, bool preflight) {
  const std::string rest = preflight ? "/update?preflight=true" : "/update";
  // Compiling and re-running take the time that they take.
  const auto answer =
      core_->ask("POST", actor_path(actor, rest), "application/wasm", as_text(component), "", kUpdateTime);
  if (!answer) return fail(answer.error());
  const auto object = object_of(*answer);
  if (!object) return fail(object.error());
  RemoteUpdate update{.json = dump(*object)};
  const auto updated = object->find("updated");
  update.updated = updated != object->end() && updated->is_boolean() && updated->get<bool>();
  update.former = text_at(*object, "former");
  update.component = text_at(*object, "component");
  if (const auto found = object->find("preflight"); found != object->end() && found->is_object()) {
    update.preflight = text_at(*found, "result");
    update.findings = findings_of(*found);
  }
  return update;
}
Result<RemoteActor> Client::pause(std::string_view actor) { return core_->ask_actor("POST", actor, "/pause"); }
Result<RemoteActor> Client::unpause(std::string_view actor) { return core_->ask_actor("POST", actor, "/unpause"); }
Result<RemoteActor> Client::inspect(std::string_view actor) { return core_->ask_actor("GET", actor, ""); }

Result<std::vector<RemoteActor>> Client::children(std::string_view actor) {
  const auto answer = core_->ask_object("GET", actor_path(actor, "/children"));
  if (!answer) return fail(answer.error());
  std::vector<RemoteActor> actors;
  if (auto read = read_actors(*answer, actors); !read) return fail(std::move(read.error()));
  return actors;
}

Result<std::vector<RemoteActor>> Client::list() {
  std::vector<RemoteActor> actors;
  std::string after;
  do {
    const auto page = core_->ask_object("GET", "/v1/actors?limit=1000" + (after.empty() ? "" : "&after=" + after));
    if (!page) return fail(page.error());
    if (auto read = read_actors(*page, actors); !read) return fail(std::move(read.error()));
    after = text_at(*page, "next_after");
  } while (!after.empty());
  return actors;
}

Result<std::string> Client::manifest(std::string_view actor) {
  const auto answer = core_->ask_object("GET", actor_path(actor, "/manifest"));
  return answer ? Result<std::string>(dump(*answer)) : fail(answer.error());
}

Result<std::string> Client::permissions(std::string_view actor) {
  const auto answer = core_->ask_object("GET", actor_path(actor, "/permissions"));
  return answer ? Result<std::string>(dump(*answer)) : fail(answer.error());
}

Result<std::optional<Bytes>> Client::state(std::string_view actor) {
  const auto answer = core_->ask_object("GET", actor_path(actor, "/state"));
  if (!answer) return fail(answer.error());
  if (const auto data = answer->find("data"); data == answer->end() || !data->is_string()) return std::nullopt;
  auto bytes = parse_base64(text_at(*answer, "data"));
  if (!bytes) return fail(ErrorCode::kCorrupt, "the server's state is no base64");
  return std::move(*bytes);
}

Result<std::vector<RemoteEvent>> Client::events(std::string_view actor, const RemoteEventQuery& query) {
  const auto page = core_->ask_object("GET", actor_path(actor, "/events") + query_text(query, true));
  if (!page) return fail(page.error());
  std::vector<RemoteEvent> events;
  const auto list = page->find("events");
  if (list == page->end() || !list->is_array()) return fail(ErrorCode::kCorrupt, "the server's page has no events");
  for (const json& item : *list) {
    auto event = event_of(item);
    if (!event) return fail(std::move(event.error()));
    events.push_back(std::move(*event));
  }
  return events;
}

Result<void> Client::send(std::string_view actor, ByteView message) {
  auto answer = core_->ask("POST", actor_path(actor, "/send"), "application/octet-stream", as_text(message));
  if (!answer) return fail(std::move(answer.error()));
  return {};
}

Result<Bytes> Client::request(std::string_view actor, ByteView message, milliseconds timeout) {
  const std::string query = timeout.count() > 0 ? "?timeout_ms=" + std::to_string(timeout.count()) : "";
  auto answer = core_->ask("POST", actor_path(actor, "/request") + query, "application/octet-stream", as_text(message),
                           "\r\nAccept: application/octet-stream", kAnswerTime + timeout);
  if (!answer) return fail(std::move(answer.error()));
  return to_bytes(answer->body);
}

Result<std::unique_ptr<RemoteChannel>> Client::open_channel(std::string_view actor, ByteView first_message) {
  std::array<std::uint8_t, 16> key;
  SecureRandom().fill(key);
  const std::string headers =
      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
      to_base64(key);
  std::string target = "/v1/channels?actor=" + percent_encode(actor);
  if (!first_message.empty()) target += "&message=" + percent_encode(as_text(first_message));
  auto opened = core_->open(target, headers, 101);
  if (!opened) return fail(std::move(opened.error()));
  return std::make_unique<WebSocketChannel>(std::move(opened->stream), std::move(opened->received));
}

Result<void> Client::follow(std::string_view actor, const RemoteEventQuery& query,
                            const std::function<bool(const RemoteEvent&)>& heard, const std::function<bool()>& idle) {
  auto opened =
      core_->open(actor_path(actor, "/events") + query_text(query, false), "\r\nAccept: text/event-stream", 200);
  if (!opened) return fail(std::move(opened.error()));
  while (true) {
    while (auto sent = client::take_sent_event(opened->received)) {
      const json object = json::parse(sent->data, nullptr, false);
      if (sent->name == "cut") return fail(ErrorCode::kResourceExhausted, text_at(object, "detail"));
      const auto event = event_of(object);
      if (!event) return fail(event.error());
      if (!heard(*event)) return {};
    }
    auto data = opened->stream->read(kIdleTime);
    if (!data && data.error().code() == ErrorCode::kTimeout) {
      if (!idle()) return {};
      continue;
    }
    if (!data) return fail(std::move(data.error()));
    if (data->empty()) return fail(ErrorCode::kUnavailable, "the server ended the subscription");
    if (opened->received.size() + data->size() > kAnswerBytes)
      return fail(ErrorCode::kTooLarge, "an event is too large");
    opened->received += *data;
  }
}

Result<std::uint64_t> Client::save_bundle(std::string_view actor, const std::string& file) {
  auto opened = core_->open(actor_path(actor, "/bundle"), "", 200);
  if (!opened) return fail(std::move(opened.error()));
  if (!opened->content_length) return fail(ErrorCode::kCorrupt, "the server does not tell the bundle's size");
  auto saved = save(*opened->stream, std::move(opened->received), *opened->content_length, file);
  if (!saved) return fail(std::move(saved.error()));
  return *opened->content_length;
}

Result<std::string> Client::replay(std::string_view actor, const RemoteReplay& replay) {
  json body = {{"ignore_state", replay.ignore_state}};
  if (replay.until) body["until"] = *replay.until;
  if (replay.component) body["component"] = to_base64(*replay.component);
  const auto answer = core_->ask_object("POST", actor_path(actor, "/replay"), body);
  return answer ? Result<std::string>(dump(*answer)) : fail(answer.error());
}

Result<ActorId> Client::fork(std::string_view actor, const RemoteFork& fork) {
  json body = {{"at", fork.at}};
  if (fork.component) body["component"] = to_base64(*fork.component);
  return core_->start_actor(actor_path(actor, "/fork"), body);
}

Result<std::string> Client::waits() {
  const auto answer = core_->ask_object("GET", "/v1/waits");
  return answer ? Result<std::string>(dump(*answer)) : fail(answer.error());
}

Result<std::string> Client::status() {
  const auto answer = core_->ask_object("GET", "/v1/status");
  return answer ? Result<std::string>(dump(*answer)) : fail(answer.error());
}

}  // namespace theater
