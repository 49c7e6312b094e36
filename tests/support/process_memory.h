#pragma once

#include <malloc.h>

#include <cstddef>
#include <fstream>
#include <string>

namespace theater::testing {

/// What a sanitizer keeps for itself would be most of it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kMemoryIsMeasured = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kMemoryIsMeasured = false;
#else
inline constexpr bool kMemoryIsMeasured = true;
#endif
#else
inline constexpr bool kMemoryIsMeasured = true;
#endif

/// Bytes of memory that this process has for itself alone: not what it shares with files, which the system may take
/// back at any time, nor what is free and could go back to the system.
inline std::size_t own_bytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    std::size_t kibibytes = 0;
    if (word == "RssAnon:" && file >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace theater::testing
