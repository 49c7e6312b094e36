#pragma once

#include <chrono>
#include <vector>

#include "server/access.h"

namespace theater::server {

/// How often each token may ask: its requests of a second, which it may make at once. One thread at a time.
class RateLimits {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Whether the bearer may make a request now; it has then made one.
  bool admit(const Bearer& bearer, Time now);

 private:
  struct Allowance {
    double requests = 0;
    Time counted;
  };
  /// By the tokens' places in their file.
  std::vector<Allowance> allowances_;
};

}  // namespace theater::server
