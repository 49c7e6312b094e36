#include "theater/error.h"

namespace theater {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid-argument";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kAlreadyExists: return "already-exists";
    case ErrorCode::kNotPermitted: return "not-permitted";
    case ErrorCode::kMailboxFull: return "mailbox-full";
    case ErrorCode::kTooLarge: return "too-large";
    case ErrorCode::kStopped: return "stopped";
    case ErrorCode::kNotRunning: return "not-running";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kCycle: return "cycle";
    case ErrorCode::kRefused: return "refused";
    case ErrorCode::kClosed: return "closed";
    case ErrorCode::kTrapped: return "trapped";
    case ErrorCode::kGuestError: return "guest-error";
    case ErrorCode::kInvalidComponent: return "invalid-component";
    case ErrorCode::kInvalidManifest: return "invalid-manifest";
    case ErrorCode::kMissingHandler: return "missing-handler";
    case ErrorCode::kResourceExhausted: return "resource-exhausted";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kInterrupted: return "interrupted";
    case ErrorCode::kInternal: return "internal";
  }
  return "unknown";
}

std::string Error::to_string() const {
  std::string text;
  for (auto it = context_.rbegin(); it != context_.rend(); ++it) text += *it + ": ";
  return text + message_;
}

}  // namespace theater
