#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "chain/chain_source.h"
#include "theater/runtime.h"

namespace theater::runtime {

/// Tells the events of a recorded chain from `from_sequence` on, one link in memory at a time. `functions`: the table
/// in force at sequence_to_read_from(from_sequence). The sequence after the last event told.
Result<std::uint64_t> tell_history(const ChainSource& chain, FunctionTable functions, std::uint64_t from_sequence,
                                   const Runtime::EventCallback& heard);

}  // namespace theater::runtime
