#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chain/chain_source.h"
#include "store/data_directory.h"
#include "theater/bytes.h"
#include "theater/error.h"

namespace theater::runtime {

/// What an actor needs to go on where its recorded chain ends.
struct Resumption {
  /// As it was after the last turn that was recorded as returned.
  std::optional<Bytes> state;
  /// init has returned once.
  bool is_initialized = false;
  Digest component{};
};

/// Reads it from the chain. `remnants`: links of its removed beginning (store::RemovedEvents), which may tell the
/// state. An update that was under way when the chain ended counts for nothing. kNotFound when the content of the last
/// state is not kept.
Result<Resumption> find_resumption(const ChainSource& chain, const std::vector<Bytes>& remnants,
                                   const store::StoredActor& stored);

/// A started event.
struct FoundStart {
  Digest component{};
  FunctionTable functions;
};
/// The last one before this sequence; none when it is not kept any more. Looks through all that is between, twice at
/// most.
Result<std::optional<FoundStart>> find_start_before(const ChainSource& chain, const std::vector<Bytes>& remnants,
                                                    std::uint64_t sequence);

/// The state that the actor was spawned with, which fills its manifest's template; none when there was none, or it is
/// not kept any more.
Result<std::optional<Bytes>> find_initial_state(const ChainSource& chain);

}  // namespace theater::runtime
