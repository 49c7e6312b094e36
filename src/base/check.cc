#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace theater {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "theater: broken invariant: %s (%s:%d). This is a defect of Theater; please report it.\n",
               condition, file, line);
  std::abort();
}

}  // namespace theater
