#include "handlers/builtin_schema.h"

#include <algorithm>

#include "base/check.h"

namespace theater::handlers {

HandlerSchema builtin_schema(std::string_view type) {
  const auto& schemas = builtin_handler_schemas();
  const auto found = std::ranges::find(schemas, type, &HandlerSchema::type);
  THEATER_CHECK(found != schemas.end());
  return *found;
}

}  // namespace theater::handlers
