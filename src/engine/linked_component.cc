#include "engine/linked_component.h"

#include <utility>

#include "engine/raw.h"

namespace theater::engine {

LinkedComponent::~LinkedComponent() { te_linked_free(raw_); }

Result<std::shared_ptr<const LinkedComponent>> LinkedComponent::link(std::shared_ptr<const Component> component,
                                                                     te_host_fn host,
                                                                     std::span<const std::uint32_t> import_flags,
                                                                     std::uint32_t link_flags) {
  te_linked* raw = nullptr;
  te_error error{};
  const te_status status =
      te_link(component->raw(), host, import_flags.data(), import_flags.size(), link_flags, &raw, &error);
  if (status != TE_OK) return fail(status, error);
  return std::shared_ptr<const LinkedComponent>(new LinkedComponent(raw, std::move(component)));
}

}  // namespace theater::engine
