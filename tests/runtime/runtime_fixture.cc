#include "runtime_fixture.h"

namespace theater::testing {

std::string components_folder() { return THEATER_COMPONENTS; }

}  // namespace theater::testing
