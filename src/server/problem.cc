#include "server/problem.h"

#include "server/json_forms.h"

namespace theater::server {

unsigned http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return 400;
    case ErrorCode::kNotPermitted: return 403;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kStopped:
    case ErrorCode::kNotRunning:
    case ErrorCode::kCycle:
    case ErrorCode::kRefused:
    case ErrorCode::kClosed: return 409;
    case ErrorCode::kTooLarge: return 413;
    case ErrorCode::kTrapped:
    case ErrorCode::kGuestError:
    case ErrorCode::kInvalidComponent:
    case ErrorCode::kInvalidManifest:
    case ErrorCode::kMissingHandler: return 422;
    case ErrorCode::kMailboxFull: return 429;
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInternal: return 500;
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kUnavailable:
    case ErrorCode::kInterrupted: return 503;
    case ErrorCode::kTimeout: return 504;
  }
  return 500;
}

std::string_view management_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound: return "ActorNotFound";
    case ErrorCode::kAlreadyExists: return "ActorAlreadyExists";
    case ErrorCode::kStopped:
    case ErrorCode::kNotRunning: return "ActorNotRunning";
    case ErrorCode::kTrapped:
    case ErrorCode::kGuestError: return "ActorError";
    case ErrorCode::kRefused: return "ChannelRejected";
    case ErrorCode::kClosed: return "ChannelClosed";
    case ErrorCode::kTimeout: return "Timeout";
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTooLarge:
    case ErrorCode::kNotPermitted: return "InvalidRequest";
    case ErrorCode::kInvalidManifest:
    case ErrorCode::kInvalidComponent:
    case ErrorCode::kMissingHandler: return "ActorInitializationError";
    case ErrorCode::kMailboxFull:
    case ErrorCode::kCycle: return "CommunicationError";
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kUnavailable:
    case ErrorCode::kInterrupted: return "RuntimeError";
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInternal: return "InternalError";
  }
  return "InternalError";
}

std::string_view management_name_of_start(ErrorCode code) {
  switch (code) {
    // A file that is not there, or an init that failed: nothing is wrong with an actor that there was before.
    case ErrorCode::kNotFound:
    case ErrorCode::kIo:
    case ErrorCode::kTrapped:
    case ErrorCode::kGuestError:
    case ErrorCode::kTimeout:
    case ErrorCode::kStopped: return "ActorInitializationError";
    default: return management_name(code);
  }
}

namespace {

HttpResponse problem(unsigned status, ErrorCode code, std::string_view name, std::string_view detail) {
  std::string title(to_string(code));
  for (char& c : title) c = c == '-' ? ' ' : c;
  const Json json = {{"type", "urn:theater:error:" + std::string(to_string(code))},
                     {"title", title},
                     {"status", status},
                     {"detail", detail},
                     {"code", to_string(code)},
                     {"error", name}};
  return {.status = status, .content_type = "application/problem+json", .body = to_text(json)};
}

HttpResponse problem(const Error& error, std::string_view name) {
  HttpResponse response = problem(http_status(error.code()), error.code(), name, error.to_string());
  if (response.status == 429 || response.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

HttpResponse problem(unsigned status, ErrorCode code, std::string_view detail) {
  return problem(status, code, management_name(code), detail);
}
HttpResponse problem(const Error& error) { return problem(error, management_name(error.code())); }
HttpResponse start_problem(const Error& error) { return problem(error, management_name_of_start(error.code())); }

}  // namespace theater::server
