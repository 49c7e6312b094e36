#pragma once

namespace theater {

/// Says where and ends the process. For defects only; input never gets here.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace theater

/// Stops the process when an invariant of Theater itself is broken; also in release builds, since going on would write
/// a wrong record.
#define THEATER_CHECK(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::theater::check_failed(#condition, __FILE__, __LINE__))
