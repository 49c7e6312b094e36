#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "client/response.h"

namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

constexpr std::uint64_t kPayloadMax = 1000;

}  // namespace

/// What a server might send: the first byte says whether it is an HTTP head, server-sent events or WebSocket frames.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace theater::client;
  if (size == 0) return 0;
  std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 3 == 0) {
    const auto head = read_head(text);
    if (head && *head) require((*head)->size <= text.size() && (*head)->status >= 100 && (*head)->status <= 999);
  } else if (data[0] % 3 == 1) {
    std::size_t before = text.size();
    while (take_sent_event(text)) {
      require(text.size() < before);
      before = text.size();
    }
  } else {
    while (true) {
      const std::size_t before = text.size();
      const auto frame = take_frame(text, kPayloadMax);
      if (!frame || !*frame) break;
      require((*frame)->payload.size() <= kPayloadMax && text.size() < before);
    }
  }
  return 0;
}
