#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "actor/actor_cell.h"
#include "router/router_core.h"
#include "theater/handler.h"

namespace theater::handlers {

/// One actor's messaging: what it sends, the requests that it owes an answer, its ends of channels. On the actor's
/// shard.
class MessageServer final : public HandlerInstance, public actor::MessageHooks {
 public:
  MessageServer(actor::ActorCell& cell, router::RouterCore& router, MessageServerPermissions permissions);

  /// The messaging of this actor; null when its manifest does not name the handler.
  static MessageServer* of(actor::ActorCell& cell) { return dynamic_cast<MessageServer*>(cell.hooks()); }

  HostStatus call(HostCall& call) override;
  void actor_ended() override;

  // For handlers with other functions that send. A message to oneself at a later time needs no permission.
  enum class Right : std::uint8_t { kSend, kSendLater, kRequest, kOpenChannel };
  /// Why the actor may not do this to the target; none if it may.
  std::optional<std::string> why_not(Right right, std::string_view target);
  /// Puts a message into the target's mailbox as `send` does; it names the actor's event `cause_sequence` as its cause.
  /// Or why it was refused.
  struct Refused {
    actor::Refusal refusal{};
    std::string text;
  };
  std::expected<const actor::Message*, Refused> send_to(Right right, std::string_view target, const Payload& content,
                                                        std::uint64_t cause_sequence);

  std::optional<actor::Undelivered> turn_starting(actor::Message& message) override;
  void turn_ended(actor::Message& message, const actor::TurnResult& result) override;
  void signal(actor::Signal& signal) override;
  const actor::AwaitedAnswer& awaited() const override { return awaited_; }
  std::size_t outstanding_requests() const override { return outstanding_.size(); }

 private:
  /// A request received and not answered.
  struct Outstanding {
    actor::ReplyTo reply_to;
    std::uint64_t expires_ns = 0;
  };
  /// This actor's end of a channel. The other end is an actor, or outside.
  struct Channel {
    actor::ActorAddress peer;
    ActorId peer_id;
    std::shared_ptr<actor::ExternalEnd> external;
    bool open = false;
    /// This actor opened it. Who was asked for a channel may answer on it, whatever it may open itself.
    bool opened_here = false;
  };
  struct Target {
    actor::ActorAddress address;
    ActorId id;
  };
  HostStatus send(HostCall& call);
  HostStatus request(HostCall& call);
  HostStatus open_channel(HostCall& call);
  HostStatus send_on_channel(HostCall& call);
  HostStatus close_channel(HostCall& call);
  HostStatus list_outstanding(HostCall& call);
  HostStatus respond(HostCall& call);
  HostStatus cancel(HostCall& call);

  /// The target with a place for the message, or why not (counted).
  std::expected<Target, Refused> reserve(Right right, std::string_view text, actor::MessageKind kind,
                                         std::uint64_t bytes);
  template <class Content>
  std::expected<const actor::Message*, Refused> put(Right right, std::string_view target, const Content& content,
                                                    std::uint64_t cause_sequence);
  bool permitted(Right right, std::string_view text, const ActorId& id) const;
  /// Counts and records the refusal; the text is for the guest.
  std::string not_permitted(Right right, std::string_view text);
  const Target& find(std::string_view text);
  /// A message for whose answer the call will wait, or the result of a call that failed.
  std::expected<actor::Message*, HostStatus> prepare_waiting(HostCall& call, Right right, actor::MessageKind kind,
                                                             std::string_view text, ByteView content,
                                                             const std::array<std::uint8_t, 16>& id);
  /// The call waits for the message's answer; the error `when_due` is its result at the deadline.
  HostStatus send_and_wait(HostCall& call, actor::Message* message, const std::string& when_due);
  HostStatus refuse_cycle(HostCall& call, const std::vector<ActorId>& cycle, const Target& target,
                          std::uint64_t bytes) const;

  actor::Message* make_message(const Target& target, actor::MessageKind kind, std::uint64_t cause_sequence,
                               std::uint64_t bytes) const;
  void send_close(const ChannelId& id, const Channel& channel);
  void deliver_on_channel(const ChannelId& id, Channel& channel, ByteView content, std::uint64_t cause_sequence);
  void request_ended(actor::Message& message, const actor::TurnResult& result);
  void channel_open_ended(actor::Message& message, const actor::TurnResult& result);
  void channel_answered(actor::Signal& signal);
  void forget_expired();

  actor::ActorCell& cell_;
  actor::ShardServices& services_;
  router::RouterCore& router_;
  const MessageServerPermissions permissions_;
  /// The last target and the text it was called by, if that is no longer than an id: most actors write to the same one
  /// again and again. It lies in the object itself, since with many actors each further cache line costs.
  std::array<char, kUuidTextLength> last_text_{};
  std::size_t last_text_size_ = 0;
  /// What the text, if it is a name, was looked up in.
  std::uint64_t last_names_version_ = 0;
  Target last_;
  /// Of the host call that waited last.
  actor::AwaitedAnswer awaited_;
  std::unordered_map<RequestId, Outstanding> outstanding_;
  std::unordered_map<ChannelId, Channel> channels_;
};

}  // namespace theater::handlers
