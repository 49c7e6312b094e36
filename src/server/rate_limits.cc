#include "server/rate_limits.h"

#include <algorithm>

namespace theater::server {

bool RateLimits::admit(const Bearer& bearer, Time now) {
  if (bearer.requests_per_s == 0) return true;
  const double per_second = bearer.requests_per_s;
  if (bearer.place >= allowances_.size()) {
    allowances_.resize(bearer.place + 1, {.requests = -1, .counted = now});
  }
  Allowance& allowance = allowances_[bearer.place];
  // Its first.
  if (allowance.requests < 0) allowance = {.requests = per_second, .counted = now};
  const double seconds = std::chrono::duration<double>(now - allowance.counted).count();
  allowance.requests = std::min(per_second, allowance.requests + seconds * per_second);
  allowance.counted = now;
  if (allowance.requests < 1) return false;
  allowance.requests -= 1;
  return true;
}

}  // namespace theater::server
