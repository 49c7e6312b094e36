#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "chain/event_stream.h"
#include "cli/decoded_event.h"

namespace theater::cli {

/// What there is to say of one event, as names and values without control characters. Names may come several times.
using EventSheet = std::vector<std::pair<std::string, std::string>>;

/// `decoder` may be null: then values are shown as far as they can be guessed, and `why_undecoded` says why. Values are
/// cut to about `max_bytes`.
EventSheet sheet_of(const EventInTurn& found, const EventDecoder* decoder, const std::string& why_undecoded,
                    std::size_t max_bytes);

/// A name, filled up so that values stand in a column.
std::string sheet_label(std::string name);

}  // namespace theater::cli
