#pragma once

#include "api/management.h"
#include "server/http_message.h"
#include "theater/bytes.h"
#include "theater/error.h"

namespace theater::server {

/// Whether a Content-Type or one of an Accept's types is this one, whatever its parameters.
bool names_type(std::string_view header, std::string_view type);

/// The message in a body: for application/json the object's `data` (base64) or `text`, otherwise the body as it is.
Result<Bytes> read_message(const HttpRequest& request);
/// What a replay and a fork are asked for: an object, or for a replay nothing.
Result<api::ReplayRequest> read_replay(const HttpRequest& request);
Result<api::ForkRequest> read_fork(const HttpRequest& request);
/// What takes a component's place: an object of application/json, or the component itself.
Result<api::UpdateRequest> read_update(const HttpRequest& request);
/// What to start: an object of application/json, or the manifest itself.
Result<api::StartRequest> read_start(const HttpRequest& request);

}  // namespace theater::server
