#include "engine/build.h"

#include "engine/raw.h"

namespace theater::engine {

Result<std::vector<GeneratedFile>> bindgen_c(const std::filesystem::path& wit, std::string_view world) {
  std::vector<GeneratedFile> files;
  const auto emit = [](void* context, te_bytes name, te_bytes content) {
    auto& list = *static_cast<std::vector<GeneratedFile>*>(context);
    list.push_back({.name = std::string(as_text(from_raw(name))), .content = to_bytes(from_raw(content))});
  };
  te_error error{};
  const te_status status = te_bindgen_c(to_raw(wit.native()), to_raw(world), emit, &files, &error);
  if (status != TE_OK) return fail(status, error);
  return files;
}

Result<Bytes> componentize(ByteView module) {
  te_buffer out{};
  te_error error{};
  const te_status status = te_componentize(to_raw(module), &out, &error);
  if (status != TE_OK) return fail(status, error);
  return take(out);
}

Result<Bytes> wat_to_wasm(std::string_view text) {
  te_buffer out{};
  te_error error{};
  const te_status status = te_wat_to_wasm(to_raw(text), &out, &error);
  if (status != TE_OK) return fail(status, error);
  return take(out);
}

std::string_view version() { return as_text(from_raw(te_version())); }

}  // namespace theater::engine
