#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace theater {

/// Stable codes: programs decide by these, people read the message.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument = 1,  ///< the caller's input is wrong
  kNotFound,             ///< no such file, actor, function, channel…
  kAlreadyExists,
  kNotPermitted,       ///< refused by the manifest's permissions
  kMailboxFull,        ///< the receiver's mailbox has no room
  kTooLarge,           ///< over a documented bound in bytes or number
  kStopped,            ///< the actor has stopped or is stopping
  kNotRunning,         ///< the actor is not in a state that allows this
  kTimeout,            ///< a deadline passed
  kCycle,              ///< the request would close a cycle of waiting actors
  kRefused,            ///< the other side said no
  kClosed,             ///< the channel is closed
  kTrapped,            ///< the guest trapped
  kGuestError,         ///< the guest's handler returned an error
  kInvalidComponent,   ///< not a component, or one that cannot be run
  kInvalidManifest,    ///< the manifest has an error
  kMissingHandler,     ///< the component imports an interface that its manifest does not grant
  kResourceExhausted,  ///< no memory, instance slot or other bounded resource left
  kCorrupt,            ///< data failed its integrity check
  kIo,                 ///< the operating system refused
  kUnavailable,        ///< cannot be done now; may be tried again
  kInterrupted,
  kInternal,  ///< a defect of Theater itself
};

/// The code's name as shown in JSON and logs, e.g. "mailbox-full".
std::string_view to_string(ErrorCode code);

/// What went wrong: a code, a message that says what to do about it, and where it happened, outermost first.
class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  /// The message alone, without the context.
  const std::string& message() const { return message_; }
  /// "while starting actor x: while reading the manifest: …".
  std::string to_string() const;

  /// Adds what was being done, to be shown before all that is there.
  Error&& with_context(std::string what) && {
    context_.push_back(std::move(what));
    return std::move(*this);
  }

 private:
  ErrorCode code_;
  std::string message_;
  std::vector<std::string> context_;
};

template <class T>
using Result = std::expected<T, Error>;

/// `return fail(ErrorCode::kNotFound, "…")` in a function that returns a Result.
inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error(code, std::move(message)));
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

}  // namespace theater
