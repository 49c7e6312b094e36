#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "theater/bytes.h"
#include "theater/error.h"
#include "theater/id.h"

namespace theater {

namespace actor {
class ShardServices;
struct ActorAddress;
class ExternalEnd;
struct DeadLetter;
struct Totals;
}  // namespace actor

namespace router {
class RouterCore;
}

/// What an end outside of all actors is told of its channel. Called on a shard's thread: return soon, never block.
class ChannelListener {
 public:
  virtual ~ChannelListener() = default;
  /// The actor accepted; messages may be sent.
  virtual void opened(const ChannelId& channel) = 0;
  /// The actor refused, is not there, or did not answer in time. Nothing follows.
  virtual void refused(const Error& error) = 0;
  virtual void message(const ChannelId& channel, ByteView message) = 0;
  /// The actor closed the channel or ended. Nothing follows.
  virtual void closed(const ChannelId& channel) = 0;
};

/// A message that was accepted and yet started no turn.
struct DeadLetter {
  std::uint64_t time_ns = 0;  ///< since the Unix epoch
  std::string kind;           ///< "send", "request", "channel-open", "channel-message", "channel-close"
  std::string reason;         ///< "stopped", "dropped-oldest", "channel-closed", "expired", "overloaded"
  ActorId sender;             ///< nil: from outside
  ActorId receiver;
  std::uint64_t bytes = 0;
};

/// Totals over all messages since the start. When nothing is under way: sent = delivered + refused + dead_letters,
/// exactly.
struct MessageTotals {
  std::uint64_t sent = 0;
  std::uint64_t delivered = 0;
  std::uint64_t refused = 0;
  std::uint64_t dead_letters = 0;
  std::vector<std::pair<std::string, std::uint64_t>> refused_by_reason;
  std::vector<std::pair<std::string, std::uint64_t>> dead_letters_by_reason;
};

/// Finds actors and brings messages to their mailboxes: for guests, for the C++ API and for servers alike. Made before
/// the runtime that it serves and given to its MessageServerHandler. A process may hold several routers; actors reach
/// each other within one only. Any thread.
class MessageRouter {
 public:
  MessageRouter();
  ~MessageRouter();
  MessageRouter(const MessageRouter&) = delete;
  MessageRouter& operator=(const MessageRouter&) = delete;

  /// The actor with this id, or with this name when the text is no id. kNotFound.
  Result<ActorId> find(std::string_view id_or_name) const;
  /// How many actors take messages.
  std::size_t size() const;

  /// Puts a message into the actor's mailbox. Answers at once: when it is ok the message will be delivered unless the
  /// actor ends. kNotFound, kMailboxFull, kTooLarge, kStopped, kNotPermitted (the actor takes no such messages).
  Result<void> send(const ActorId& target, ByteView message);

  using Answer = std::function<void(Result<Bytes>)>;
  /// Sends a request and calls `answer` exactly once, on a shard's thread: with the answer, or kTimeout, kStopped,
  /// kGuestError (the actor answered with an error), kRefused (it cancelled), or what send() returns. `timeout_ms` 0:
  /// the default of 30 s.
  void request(const ActorId& target, ByteView message, std::uint64_t timeout_ms, Answer answer);

  /// Opens a channel to the actor with a first message. The listener is told what comes of it.
  Result<ChannelId> open_channel(const ActorId& target, ByteView first_message,
                                 std::shared_ptr<ChannelListener> listener);
  /// kClosed when the channel is not open to this side; otherwise as send().
  Result<void> send_on_channel(const ChannelId& channel, ByteView message);
  /// Tells the actor; the listener hears no more. kClosed when it was closed already.
  Result<void> close_channel(const ChannelId& channel);

  MessageTotals totals() const;
  /// The latest dead letters, at most 1,000 a shard.
  std::vector<DeadLetter> dead_letters() const;

  /// For the messaging handler and the runtime.
  router::RouterCore& core() { return *core_; }

 private:
  std::unique_ptr<router::RouterCore> core_;
};

}  // namespace theater
