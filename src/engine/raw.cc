#include "engine/raw.h"

namespace theater::engine {
namespace {

ErrorCode code_of(te_status status) {
  switch (status) {
    case TE_ERROR_INVALID_COMPONENT:
    case TE_ERROR_UNSUPPORTED:
    case TE_ERROR_LINK: return ErrorCode::kInvalidComponent;
    case TE_ERROR_RESOURCES: return ErrorCode::kResourceExhausted;
    case TE_ERROR_TRAP: return ErrorCode::kTrapped;
    case TE_ERROR_INVALID_ARGUMENT:
    case TE_ERROR_BUILD: return ErrorCode::kInvalidArgument;
    case TE_OK:
    case TE_ERROR_INTERNAL: break;
  }
  return ErrorCode::kInternal;
}

}  // namespace

Bytes take(te_buffer buffer) {
  Bytes bytes(buffer.data, buffer.data + buffer.size);
  te_buffer_free(&buffer);
  return bytes;
}

std::string take_text(te_buffer buffer) {
  std::string text(as_text({buffer.data, buffer.size}));
  te_buffer_free(&buffer);
  return text;
}

std::unexpected<Error> fail(te_status status, te_error& error) {
  return theater::fail(code_of(status), take_text(error.message));
}

}  // namespace theater::engine
