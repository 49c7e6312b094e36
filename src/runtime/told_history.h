#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "chain/chain_source.h"
#include "theater/runtime.h"

namespace theater::runtime {

/// Tells the events of a recorded chain from `from_sequence` on, one link in memory at a time. `functions`: the table
/// in force where it begins; none: that of the chain's first event. The sequence after the last event told.
/// `remnants`: links of the chain's removed beginning (store::RemovedEvents), which may name its functions.
Result<std::uint64_t> tell_history(const ChainSource& chain, const std::vector<Bytes>& remnants,
                                   const std::optional<FunctionTable>& functions, std::uint64_t from_sequence,
                                   const Runtime::EventCallback& heard);

}  // namespace theater::runtime
