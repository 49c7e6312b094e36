#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actor/shard_services.h"
#include "base/random.h"
#include "router/directory.h"
#include "router/groups.h"
#include "theater/router.h"

namespace theater::router {

class ExternalChannelEnd;

/// What the router is for those inside: the messaging handler's side of it. Any thread unless it says otherwise.
class RouterCore final : public actor::UndeliveredHandler {
 public:
  RouterCore() = default;

  Directory& directory() { return directory_; }
  const Directory& directory() const { return directory_; }
  Groups& groups() { return groups_; }
  /// The actor has ended for good: others may have its names, and its groups go on without it.
  void forget(const ActorId& id);

  /// Messages of this shard's actors are routed here. Before the shard runs.
  void attach(actor::ShardServices& shard);
  /// The shards end: what they counted is kept.
  void detach_all();

  /// The target's shard: a message that starts no turn; whoever waits for its answer gets an error.
  void undelivered(actor::ShardServices& shard, actor::Message& message, actor::Undelivered reason) override;

  // From outside.
  Result<void> send(const ActorId& target, ByteView message);
  void request(const ActorId& target, ByteView message, std::uint64_t timeout_ms, MessageRouter::Answer answer);
  Result<ChannelId> open_channel(const ActorId& target, ByteView first_message,
                                 std::shared_ptr<ChannelListener> listener);
  Result<void> send_on_channel(const ChannelId& channel, ByteView message);
  Result<void> close_channel(const ChannelId& channel);
  /// The external end of this channel is gone.
  void forget_channel(const ChannelId& channel);
  /// Tells the actor that the external end is closed.
  void close_to(const ChannelId& channel, const actor::ActorAddress& actor, const ActorId& actor_id);

  actor::Totals totals() const;
  std::vector<actor::DeadLetter> dead_letters() const;

 private:
  struct ExternalChannel {
    actor::ActorAddress actor;
    ActorId actor_id;
    std::shared_ptr<ExternalChannelEnd> end;
  };

  Result<actor::ActorAddress> reserve_from_outside(const ActorId& target, actor::MessageKind kind, std::uint64_t bytes);
  Result<void> refuse_from_outside(actor::Refusal refusal, std::string_view target, const actor::ActorAddress& address,
                                   std::uint64_t bytes);
  template <class Id>
  Id make_id();

  Directory directory_;
  Groups groups_;
  /// Guards what follows.
  mutable std::mutex mutex_;
  std::vector<actor::ShardServices*> shards_;
  /// Of shards that have ended.
  actor::Totals past_totals_;
  std::vector<actor::DeadLetter> past_letters_;
  SecureRandom random_;
  actor::Accounting accounting_;
  std::unordered_map<ChannelId, ExternalChannel> channels_;
};

/// What a refusal is called where errors have codes.
ErrorCode code_of(actor::Refusal refusal);
/// In words, with what to do. `address` may be null when the actor is not known.
std::string explain(actor::Refusal refusal, std::string_view target, const actor::ActorAddress& address,
                    std::uint64_t bytes);
/// None when it was granted.
std::optional<actor::Refusal> refusal_of(actor::Reservation reservation);

// What goes to an end outside leaves like all effects: after the events that caused it are sealed.
void tell_answer(actor::ShardServices& shard, std::shared_ptr<actor::ExternalEnd> end, Result<Payload> answer);
void tell_message(actor::ShardServices& shard, std::shared_ptr<actor::ExternalEnd> end, const ChannelId& channel,
                  Payload message);
void tell_closed(actor::ShardServices& shard, std::shared_ptr<actor::ExternalEnd> end, const ChannelId& channel);

/// Answers a request, or the opening of a channel that was not accepted, on any shard.
void answer(actor::ShardServices& shard, const actor::ReplyTo& reply_to, Payload answer);
void answer_with_error(actor::ShardServices& shard, const actor::ReplyTo& reply_to, ErrorCode code, std::string error);

}  // namespace theater::router
