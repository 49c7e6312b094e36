#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engine/component.h"

namespace theater::engine {

/// A component with its imports bound to one callback; never changes, shared by all its instances. Any thread.
class LinkedComponent final {
 public:
  /// `import_flags` holds TE_IMPORT_… for each of the component's imports; `link_flags` TE_LINK_…. The callback gets
  /// the context of the instance that calls it.
  static Result<std::shared_ptr<const LinkedComponent>> link(std::shared_ptr<const Component> component,
                                                             te_host_fn host,
                                                             std::span<const std::uint32_t> import_flags,
                                                             std::uint32_t link_flags = 0);

  ~LinkedComponent();
  LinkedComponent(const LinkedComponent&) = delete;
  LinkedComponent& operator=(const LinkedComponent&) = delete;

  const Component& component() const { return *component_; }
  const std::shared_ptr<const Component>& shared_component() const { return component_; }
  /// Whether an import may answer TE_HOST_PENDING. Then every call runs on a stack of its own.
  bool suspends() const { return te_linked_suspends(raw_); }

  const te_linked* raw() const { return raw_; }

 private:
  LinkedComponent(te_linked* raw, std::shared_ptr<const Component> component)
      : raw_(raw), component_(std::move(component)) {}

  te_linked* raw_;
  std::shared_ptr<const Component> component_;
};

}  // namespace theater::engine
