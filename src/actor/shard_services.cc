#include "actor/shard_services.h"

namespace theater::actor {

void ShardServices::flush_outbox() {
  // Delivering here may drop a message, whose answer is one more effect: it is flushed by this same loop.
  if (flushing_) return;
  flushing_ = true;
  for (std::size_t i = 0; i < outbox_.size(); ++i) {
    const Effect effect = outbox_[i];
    if (effect.target == &shard) {
      effect.delivery->deliver();
    } else {
      shard.send(*effect.target, *effect.delivery);
    }
  }
  outbox_.clear();
  flushing_ = false;
}

void ShardServices::drop(Message* message, Undelivered reason) {
  message->target.gate->release(message->reserved_bytes);
  if (message->counts_as_message) {
    accounting.dead_letter({.time_ns = shard.clock().wall_ns(),
                            .kind = message->kind,
                            .reason = reason,
                            .sender = message->sender,
                            .receiver = message->target_id,
                            .bytes = message->reserved_bytes});
  }
  if (undelivered_handler != nullptr) undelivered_handler->undelivered(*this, *message, reason);
  recycle(message);
}

}  // namespace theater::actor
