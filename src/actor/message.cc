#include "actor/message.h"

#include "actor/actor_cell.h"

namespace theater::actor {

void Message::deliver() {
  if (ActorCell* cell = target.gate->cell(target.generation)) {
    cell->enqueue(this);
  } else {
    ShardServices& services = target.gate->services();
    services.drop(this, Undelivered::kStopped);
    services.flush_outbox();
  }
}

void Signal::deliver() {
  const std::unique_ptr<Signal> self(this);
  if (ActorCell* cell = target.gate->cell(target.generation)) cell->signal(*this);
}

}  // namespace theater::actor
