#pragma once

#include <atomic>

namespace theater::cli {

/// Notes Ctrl-C and SIGTERM instead of dying at once; a second one ends the process as usual. One at a time in a
/// process.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Any thread.
  bool seen() const;
};

}  // namespace theater::cli
