#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "chain/chain_source.h"
#include "theater/error.h"

/// Removing the content of large values and states from what was recorded. Links name them by digest, so that every
/// proof still holds; values that stand in their event cannot be removed.
namespace theater {

/// Large values and states by digest, with their sizes.
using NamedValues = std::map<Digest, std::uint64_t>;

/// Told now and then how many events were gone through.
using RedactProgress = std::function<void(std::uint64_t events)>;

/// Those that these events name; all that the chain names, for `all`. kNotFound when there is no such event.
Result<NamedValues> values_of_events(const ChainSource& source, const std::set<std::uint64_t>& sequences, bool all,
                                     const RedactProgress& progress = {});

struct RedactSummary {
  /// Values whose content was there and is not any more, each once.
  std::uint64_t values = 0;
  std::uint64_t bytes = 0;
};

RedactSummary summary_of(const NamedValues& removed);

/// Writes the chain file anew without the content of these values. Its links, and whether it was closed, stay as they
/// are; a torn tail is left out. kCorrupt when the file is damaged; kAlreadyExists.
Result<RedactSummary> redact_chain_file(const std::string& path, const std::string& new_path,
                                        const std::set<Digest>& values, const RedactProgress& progress = {});
/// The same for a bundle, whose chain is verified on the way.
Result<RedactSummary> redact_bundle(const std::string& path, const std::string& new_path,
                                    const std::set<Digest>& values, const RedactProgress& progress = {});

}  // namespace theater
