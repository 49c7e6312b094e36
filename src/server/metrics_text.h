#pragma once

#include <string>

#include "api/management.h"
#include "server/endpoints.h"

namespace theater::server {

/// The Prometheus text format, version 0.0.4. Labels are reasons only, whose number is fixed.
std::string metrics_text(const api::RuntimeStatus& status, const ServerCounters& counters);

}  // namespace theater::server
