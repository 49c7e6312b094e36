// Canonical bytes from anywhere: the reader never reads past them, and what was written from what it accepts reads the
// same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/check.h"
#include "theater/value.h"

namespace {

using theater::Bytes;
using theater::ByteView;
using theater::ValueReader;
using theater::ValueWriter;

// Reads one item after the other, each of the kind that the script's next byte names, and writes what was read. Empty
// when the value is malformed.
std::optional<Bytes> written_again(ByteView script, ByteView value) {
  ValueReader reader(value);
  Bytes again;
  ValueWriter writer(again);
  for (const std::uint8_t kind : script) {
    switch (kind % 8) {
      case 0: writer.u8(reader.u8()); break;
      case 1: writer.boolean(reader.boolean()); break;
      case 2: writer.unsigned_integer(reader.unsigned_integer()); break;
      case 3: writer.signed_integer(reader.signed_integer()); break;
      case 4: writer.f64(reader.f64()); break;
      case 5: writer.string(reader.string()); break;
      case 6: writer.bytes(reader.bytes()); break;
      case 7: writer.optional_bytes(reader.optional_bytes()); break;
    }
    if (!reader.ok()) return std::nullopt;
  }
  if (!reader.done()) return std::nullopt;
  return again;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (input.empty()) return 0;
  const std::size_t script_size = std::min<std::size_t>(input[0] % 32, size - 1);
  const ByteView script = input.subspan(1, script_size);
  const std::optional<Bytes> once = written_again(script, input.subspan(1 + script_size));
  if (!once) return 0;
  THEATER_CHECK(once->size() <= input.size());
  THEATER_CHECK(written_again(script, *once) == once);
  return 0;
}
