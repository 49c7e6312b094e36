#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/access.h"
#include "server/query.h"
#include "server/request_body.h"
#include "server/routes.h"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

void try_route(std::string_view path) {
  using namespace theater::server;
  const auto match = find_route("GET", path);
  if (const auto* found = std::get_if<RouteMatch>(&match)) {
    require(static_cast<std::size_t>(found->operation) < routes().size());
    for (const std::string& value : found->values) require(!value.empty());
  }
}

void try_query(std::string_view text) {
  theater::server::Query query(text);
  if (const auto limit = query.number("limit", 1, 1000)) require(*limit >= 1 && *limit <= 1000);
  static_cast<void>(query.text("name"));
  static_cast<void>(query.flag("follow"));
  if (const auto checked = query.check(); !checked)
    require(theater::is_utf8(theater::as_bytes(checked.error().message())));
}

void try_body(std::string_view text) {
  theater::server::HttpRequest request;
  request.body = theater::to_bytes(text);
  request.content_type = "application/json";
  if (const auto message = theater::server::read_message(request); !message) {
    require(message.error().code() == theater::ErrorCode::kInvalidArgument);
  }
  static_cast<void>(theater::server::read_start(request));
  static_cast<void>(theater::server::read_replay(request));
  static_cast<void>(theater::server::read_fork(request));
  static_cast<void>(theater::server::read_update(request));
  static_cast<void>(theater::server::names_type(text, "application/json"));
}

}  // namespace

/// The first byte says what the rest is: a path, a query, a body, a Host header or a token file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 5) {
    case 0: try_route(text); break;
    case 1: try_query(text); break;
    case 2: try_body(text); break;
    case 3: require(!theater::server::Access().knows_host(text)); break;
    case 4: require(theater::server::best_token(text).size() <= text.size()); break;
  }
  return 0;
}
