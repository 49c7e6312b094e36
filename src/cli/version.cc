#include "cli/version.h"

#include "engine/build.h"

namespace theater::cli {

std::string version_text() {
  return std::string("theater ") + THEATER_VERSION + " (" + std::string(engine::version()) + ")";
}

}  // namespace theater::cli
