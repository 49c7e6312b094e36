#pragma once

#include <cstdint>

#include "chain/chain_snapshot.h"
#include "chain/chain_source.h"

namespace theater::store {

/// Puts before a snapshot of the end of a chain what `source`, where the same chain is kept, has from the link that
/// holds `from_sequence` on; with the large values that the snapshot does not have. Nothing, where events between are
/// nowhere any more. Where that is more than about `events_max` events, only those: nothing is left of what the
/// snapshot held then.
Result<void> prepend(ChainSnapshot& snapshot, const ChainSource& source, std::uint64_t from_sequence,
                     std::uint64_t events_max = UINT64_MAX);

}  // namespace theater::store
