#pragma once

#include <memory>

#include "actor/guest.h"
#include "engine/instance.h"

namespace theater::actor {
class ActorCell;
}

namespace theater::runtime {

/// An actor's code as an instance of a component. The actor's shard only.
class WasmGuest final : public actor::Guest {
 public:
  explicit WasmGuest(engine::Instance instance) : instance_(std::move(instance)) {}

  const te_outcome& call(const te_call_args& args) override;
  const te_outcome& resume(te_value result) override;
  std::uint64_t memory_bytes() const override { return instance_.memory_bytes(); }

 private:
  const te_outcome& broken(const Error& error);

  engine::Instance instance_;
  te_outcome broken_{};
  std::string broken_message_;
};

/// An instance for this cell; its start functions run. On the cell's shard.
Result<std::unique_ptr<actor::Guest>> make_wasm_guest(std::shared_ptr<const engine::LinkedComponent> linked,
                                                      const engine::InstanceLimits& limits, actor::ActorCell& cell);

/// The callback that components are linked with: their context is the actor's cell.
te_host_status call_host(void* cell, std::uint32_t import_index, te_value params, te_host_reply* reply);

}  // namespace theater::runtime
