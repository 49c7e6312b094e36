#pragma once

#include <string_view>

#include "theater/manifest.h"

namespace theater::handlers {

/// The fields of a handler that comes with Theater, as the manifest's schema has them.
HandlerSchema builtin_schema(std::string_view type);

}  // namespace theater::handlers
