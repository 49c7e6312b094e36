#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

#include "actor/gate.h"
#include "base/check.h"
#include "base/payload.h"
#include "sched/delivery.h"
#include "theater/event.h"
#include "theater/value.h"

namespace theater::actor {

/// Someone outside of all actors who sent a request or holds one end of a channel: the C++ API, a server's client.
/// Called on a shard's thread; must not block.
class ExternalEnd {
 public:
  virtual ~ExternalEnd() = default;
  /// The answer to a request or to the opening of a channel.
  virtual void answered(Result<Payload> answer) = 0;
  /// A message on the channel.
  virtual void channel_message(const ChannelId& channel, const Payload& message) = 0;
  /// The other side closed the channel, or ended.
  virtual void channel_closed(const ChannelId& channel) = 0;
};

/// Whom the answer to a message goes to: a suspended host call of an actor, or an end outside.
struct ReplyTo {
  ActorAddress caller;
  std::uint64_t call_number = 0;
  std::shared_ptr<ExternalEnd> external;
};

/// A message on its way to, or in, an actor's mailbox: a call of one of its exported functions. Its place in the
/// mailbox is reserved.
///
/// Small messages lie in the object itself, so that sending and receiving one touches the same few cache lines.
class Message final : public sched::Delivery {
 public:
  static constexpr std::size_t kInlineBytes = 120;

  MessageKind kind = MessageKind::kSend;
  /// Place in the actor's table of exports; equals the kind but for posted ones.
  std::uint16_t slot = 0;
  bool counts_as_message = true;
  ActorAddress target;
  ActorId target_id;
  /// Nil when sent from outside.
  ActorId sender;
  std::optional<Cause> cause() const {
    if (sender.is_nil()) return std::nullopt;
    return Cause{.actor = sender, .sequence = cause_sequence};
  }
  std::uint64_t cause_sequence = 0;
  /// The request's or channel's id.
  std::array<std::uint8_t, 16> id{};
  ReplyTo reply_to;
  /// A request: when its sender stops waiting, monotonic.
  std::uint64_t expires_ns = 0;
  /// A channel's close that the receiver itself asked for.
  bool closed_by_receiver = false;
  /// Bytes reserved in the mailbox.
  std::uint32_t reserved_bytes = 0;

  /// Parameters: what `prefix` wrote (at most 64 bytes), then the length and content of `body`.
  void set_params(ByteView prefix, ByteView body) {
    start_params(prefix, body.size());
    if (body.size() <= kInlineBytes - inline_size_) {
      append_inline(body);
    } else {
      payload_ = Payload::copy(body);
    }
  }
  /// The same with a body that is shared already.
  void set_params(ByteView prefix, const Payload& body) {
    if (body.size() + prefix.size() + 5 <= kInlineBytes) return set_params(prefix, body.view());
    start_params(prefix, body.size());
    payload_ = body;
  }
  /// Parameters that do not end with a byte list.
  void set_plain_params(ByteView params) {
    inline_size_ = 0;
    payload_ = Payload();
    if (params.size() <= kInlineBytes) {
      append_inline(params);
    } else {
      payload_ = Payload::copy(params);
    }
  }

  ValueView params() const { return {.head = ByteView(inline_.data(), inline_size_), .body = payload_.view()}; }
  const Payload& payload() const { return payload_; }

  /// On the receiver's shard.
  void deliver() override;

 private:
  friend class Mailbox;
  friend class MessagePool;

  /// The caller has made sure of the room.
  void append_inline(ByteView bytes) {
    if (bytes.empty()) return;  // memcpy must not see the null pointer of an empty view
    std::memcpy(inline_.data() + inline_size_, bytes.data(), bytes.size());
    inline_size_ = static_cast<std::uint8_t>(inline_size_ + bytes.size());
  }

  void start_params(ByteView prefix, std::uint64_t body_size) {
    THEATER_CHECK(prefix.size() <= 64);
    payload_ = Payload();
    inline_size_ = 0;
    append_inline(prefix);
    while (body_size >= 0x80) {
      inline_[inline_size_++] = static_cast<std::uint8_t>(body_size | 0x80);
      body_size >>= 7;
    }
    inline_[inline_size_++] = static_cast<std::uint8_t>(body_size);
  }

  std::uint8_t inline_size_ = 0;
  std::array<std::uint8_t, kInlineBytes> inline_;
  Payload payload_;
  Message* next_in_mailbox_ = nullptr;
};

/// Messages that were used and may be used again. One thread. A message made on one shard ends on another, so what one
/// pool lacks another has too much of: beyond kKept they go back to the allocator.
class MessagePool {
 public:
  MessagePool() = default;
  MessagePool(const MessagePool&) = delete;
  MessagePool& operator=(const MessagePool&) = delete;
  ~MessagePool() {
    while (free_ != nullptr) {
      Message* message = free_;
      free_ = free_->next_in_mailbox_;
      delete message;
    }
  }

  Message* take() {
    if (free_ == nullptr) return new Message;
    Message* message = free_;
    free_ = free_->next_in_mailbox_;
    --count_;
    message->next_in_mailbox_ = nullptr;
    message->counts_as_message = true;
    message->closed_by_receiver = false;
    return message;
  }
  void give_back(Message* message) {
    if (count_ == kKept) {
      delete message;
      return;
    }
    message->payload_ = Payload();
    message->reply_to.external.reset();
    message->next_in_mailbox_ = free_;
    free_ = message;
    ++count_;
  }

 private:
  static constexpr std::size_t kKept = 4096;
  Message* free_ = nullptr;
  std::size_t count_ = 0;
};

/// The messages that wait for an actor's next turns, oldest first. The actor's shard only.
class Mailbox {
 public:
  bool empty() const { return head_ == nullptr; }
  Message* front() const { return head_; }
  bool holds_several() const { return head_ != tail_; }
  void push(Message* message) {
    message->next_in_mailbox_ = nullptr;
    (head_ == nullptr ? head_ : tail_->next_in_mailbox_) = message;
    tail_ = message;
  }
  Message* pop() {
    Message* message = head_;
    head_ = message->next_in_mailbox_;
    if (head_ == nullptr) tail_ = nullptr;
    return message;
  }

 private:
  Message* head_ = nullptr;
  Message* tail_ = nullptr;
};

enum class SignalKind : std::uint8_t {
  kComplete,  ///< a host call's result, canonical bytes
  kResponse,  ///< the answer to a request
  kChannelAccepted,
  kChannelRefused,
  kChannelGone,  ///< closed by its other end, for an actor that exports no function to be told by
  kStop,
};

/// What reaches an actor at once, past its mailbox: the end of what its suspended call waits for, or the order to stop.
class Signal final : public sched::Delivery {
 public:
  SignalKind kind = SignalKind::kComplete;
  ActorAddress target;
  std::uint64_t call_number = 0;
  ChannelId channel;
  /// The other side of the channel.
  ActorAddress peer;
  /// kResponse: the answer, unless `error` is set. kComplete: in `result`.
  Payload answer;
  std::optional<std::string> error;
  Bytes result;
  StopReason stop_reason = StopReason::kRequested;

  void deliver() override;
};

}  // namespace theater::actor
