#include "actor/shard_services.h"

#include "actor/actor_cell.h"

namespace theater::actor {

void ShardServices::flush_outbox() {
  // Delivering here may drop a message, whose answer is one more effect: it is flushed by this same loop.
  if (flushing_) return;
  flushing_ = true;
  for (std::size_t i = 0; i < outbox_.size(); ++i) {
    const Effect effect = outbox_[i];
    first_new_ = outbox_.size();
    deliver(effect);
  }
  outbox_.clear();
  first_new_ = 0;
  flushing_ = false;
}

void ShardServices::deliver(const Effect& effect) {
  if (effect.target == &shard) {
    effect.delivery->deliver();
  } else {
    shard.send(*effect.target, *effect.delivery);
  }
}

void ShardServices::flush_outbox_when_safe(std::uint64_t position) {
  if (outbox_.size() == first_new_) return;
  if (held_.empty() && position <= sink.acknowledged_position()) return flush_outbox();
  // What is before is on its way already: a delivery that caused these.
  for (std::size_t i = first_new_; i < outbox_.size(); ++i) held_.push_back({position, outbox_[i]});
  outbox_.resize(first_new_);
  if (sink_condition->has_failed()) {
    sink_progressed();
  } else {
    sink.hasten(position);
  }
}

void ShardServices::sink_progressed() {
  // Failed first: what is acknowledged then is acknowledged for good.
  const bool has_failed = sink_condition->has_failed();
  const std::uint64_t acknowledged = sink.acknowledged_position();
  for (; !held_.empty() && held_.front().position <= acknowledged; held_.pop_front()) {
    outbox_.push_back(held_.front().effect);
  }
  flush_outbox();
  while (has_failed && !giving_up_ && !held_.empty()) {
    const Effect effect = held_.front().effect;
    held_.pop_front();
    give_up(effect);
  }
  if (sink_condition->is_full() && !has_failed) return;
  ++rest_number_;
  for (sched::Runnable* runnable : std::exchange(resting_, {})) shard.schedule(*runnable);
}

void ShardServices::give_up(const Effect& effect) {
  giving_up_ = true;
  if (auto* message = dynamic_cast<Message*>(effect.delivery)) {
    drop(message, Undelivered::kNotRecorded);
  } else if (auto* signal = dynamic_cast<Signal*>(effect.delivery)) {
    // Who waits for an answer gets one.
    signal->answer = Payload();
    const bool says_yes = signal->kind == SignalKind::kChannelAccepted;
    if (says_yes) signal->kind = SignalKind::kChannelRefused;
    if (says_yes || signal->kind == SignalKind::kResponse) signal->error = std::string(kNotRecorded);
    deliver(effect);
  } else {
    deliver(effect);
  }
  giving_up_ = false;
  flush_outbox();
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
