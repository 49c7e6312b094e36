#pragma once

#include <string_view>

namespace theater::chain {

// The notes of the runtime by which a replay goes, or a resumption; docs/event-format.md says what they tell.

/// Ends an update: the component that the last started event names goes on.
inline constexpr std::string_view kUpdatedNote = "runtime.updated";
/// Follows the started event of the component that was there before an update, which failed: it goes on.
inline constexpr std::string_view kUpdateFailedNote = "runtime.update-failed";
/// An update that was refused before anything of it ran.
inline constexpr std::string_view kUpdateRefusedNote = "runtime.update-refused";
/// The instance was given up while the actor was idle, and has been made again.
inline constexpr std::string_view kInstanceRenewedNote = "runtime.instance-renewed";

}  // namespace theater::chain
