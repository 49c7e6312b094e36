#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "theater/manifest.h"

namespace {

/// Promises that hold for any input. A broken one ends the process, which the fuzzer reports.
void require(bool promise) {
  if (!promise) std::abort();
}

void check_handlers(const theater::Manifest& manifest, std::string_view text) {
  for (const theater::HandlerConfig& handler : manifest.handlers) {
    // A handler's type is a word that the manifest's author wrote: no state may bring one in. Texts may spell it with
    // escapes, so only those without any are looked at.
    if (text.find('\\') == std::string_view::npos && text.find("{{") == std::string_view::npos) {
      require(text.find(handler.type) != std::string_view::npos);
    }
  }
}

}  // namespace

/// The input is a manifest and, after the first NUL byte, the initial state that fills its template.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const std::string_view text = input.substr(0, end);
  theater::ParseOptions options;
  options.base_directory = "/actors";
  if (end < size) options.initial_state = theater::as_bytes(input.substr(end + 1));

  const theater::Result<theater::Manifest> manifest = theater::parse_manifest(text, options);
  if (manifest) {
    require(!manifest->name.empty() && !manifest->component.empty() && manifest->text == text);
    check_handlers(*manifest, text);
  } else {
    require(manifest.error().code() == theater::ErrorCode::kInvalidManifest && !manifest.error().message().empty());
    require(theater::is_utf8(theater::as_bytes(manifest.error().message())));
  }
  static_cast<void>(theater::find_init_state(text, options));
  static_cast<void>(theater::parse_component_reference(text, options.base_directory));

  // The same text from the network never names a file.
  options.base_directory.reset();
  const theater::Result<theater::Manifest> sent = theater::parse_manifest(text, options);
  require(!sent || !std::holds_alternative<theater::FileReference>(sent->component_reference));
  return 0;
}
