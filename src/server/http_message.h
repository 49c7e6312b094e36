#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "theater/bytes.h"

namespace theater::server {

class BodyFile;
class ChannelFeed;
class LiveEvents;

/// What a caller may do; each includes those before it.
enum class Right : std::uint8_t {
  kNone,     ///< not known: /healthz only
  kRead,     ///< look at everything
  kOperate,  ///< also send, request, open channels, stop
  kAdmin,    ///< also start actors, which may name files of the server's machine
};
std::string_view to_string(Right right);

/// A request as the endpoints see it, whatever it came by.
struct HttpRequest {
  std::string method;
  /// Of the target, as sent: not decoded.
  std::string path;
  std::string query;
  std::string content_type;
  std::string accept;
  std::string last_event_id;
  /// It asks to become a WebSocket.
  bool upgrade = false;
  Right right = Right::kNone;
  Bytes body;
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  /// Instead of a body: a file's content.
  std::shared_ptr<BodyFile> file;
  /// Instead of a body: events as they come, as server-sent events or, when the request asked for it, by WebSocket.
  std::shared_ptr<LiveEvents> events;
  /// Instead of a body: the connection becomes this channel's WebSocket.
  std::shared_ptr<ChannelFeed> channel;
};

/// Takes the one response to a request. Any thread.
using Respond = std::function<void(HttpResponse)>;

}  // namespace theater::server
