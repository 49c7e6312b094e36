#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/management.h"

namespace theater::server {

using Json = nlohmann::ordered_json;

/// On one line. Bytes that are no UTF-8 are replaced, never an exception.
std::string to_text(const Json& json);

/// What the list shows.
Json summary_of(const ActorInfo& actor);
/// All that is known.
Json details_of(const ActorInfo& actor);
Json metrics_of(const ActorInfo& actor);
/// With its handlers under `handler`, each with its `type`.
Json manifest_of(const Manifest& manifest);
Json totals_of(const MessageTotals& totals);
Json status_of(const api::RuntimeStatus& status);
Json report_of(const ChainReport& report);
Json waits_of(const WaitReport& report);
Json update_of(const ActorId& id, const UpdateReport& report);
Json letter_of(const DeadLetter& letter);
/// Base64, or null.
Json bytes_of(const std::optional<Bytes>& bytes);
/// RFC 3339, UTC.
std::string time_text(std::uint64_t time_ns);

}  // namespace theater::server
