#include "replay/report_json.h"

#include "base/clock.h"

namespace theater::replay {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(const ReplayDivergence& divergence) {
  ordered_json differences = ordered_json::array();
  for (const ReplayDifference& difference : divergence.differences) {
    differences.push_back(
        {{"field", difference.field}, {"recorded", difference.recorded}, {"replayed", difference.replayed}});
  }
  ordered_json json = {{"sequence", divergence.sequence}, {"kind", to_string(divergence.kind)}};
  if (!divergence.function.empty()) json["function"] = divergence.function;
  if (divergence.call) json["call"] = {{"sequence", divergence.call_sequence}, {"function", *divergence.call}};
  json["differences"] = std::move(differences);
  json["backtrace"] = divergence.backtrace;
  return json;
}

}  // namespace

ordered_json to_json(const ReplayReport& report) {
  ordered_json json = {{"result", report.same()       ? "same"
                                  : report.divergence ? "differs"
                                                      : "not-told"},
                       {"actor", to_string(report.actor)},
                       {"name", report.name},
                       {"first_sequence", report.first_sequence},
                       {"next_sequence", report.next_sequence},
                       {"calls", report.calls},
                       {"host_calls", report.host_calls},
                       {"recorded_seconds", static_cast<double>(report.recorded_ns) / kNsPerSecond}};
  if (report.divergence) json["divergence"] = to_json(*report.divergence);
  if (report.stop) json["stop"] = {{"sequence", report.stop->sequence}, {"what", report.stop->what}};
  json["remarks"] = report.remarks;
  return json;
}

}  // namespace theater::replay
