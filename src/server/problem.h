#pragma once

#include "server/http_message.h"
#include "theater/error.h"

namespace theater::server {

/// The HTTP status that tells this error.
unsigned http_status(ErrorCode code);

/// The name that the management protocol gives this error, e.g. "ActorNotFound".
std::string_view management_name(ErrorCode code);
/// The same for why an actor did not start.
std::string_view management_name_of_start(ErrorCode code);

/// Problem details (RFC 9457): type, title, status, detail, and `code` and `error`, the names of the code here and in
/// the management protocol.
HttpResponse problem(const Error& error);
/// Why an actor did not start: the management protocol calls more of it an ActorInitializationError.
HttpResponse start_problem(const Error& error);
/// The same with a status that only HTTP knows, such as 405.
HttpResponse problem(unsigned status, ErrorCode code, std::string_view detail);

}  // namespace theater::server
