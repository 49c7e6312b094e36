#include "server/metrics_text.h"

#include "base/clock.h"
#include "base/machine.h"

namespace theater::server {
namespace {

class Exposition {
 public:
  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    head(name, help, "counter");
    line(name, "", std::to_string(value));
  }
  void gauge(std::string_view name, std::string_view help, const std::string& value) {
    head(name, help, "gauge");
    line(name, "", value);
  }
  void counters(std::string_view name, std::string_view help,
                const std::vector<std::pair<std::string, std::uint64_t>>& by_reason) {
    head(name, help, "counter");
    for (const auto& [reason, value] : by_reason) line(name, "{reason=\"" + reason + "\"}", std::to_string(value));
  }
  std::string take() { return std::move(text_); }

 private:
  void head(std::string_view name, std::string_view help, std::string_view type) {
    text_.append("# HELP ").append(name).append(" ").append(help);
    text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  void line(std::string_view name, std::string_view labels, std::string_view value) {
    text_.append(name).append(labels).append(" ").append(value).append("\n");
  }

  std::string text_;
};

}  // namespace

std::string metrics_text(const api::RuntimeStatus& status, const ServerCounters& counters) {
  Exposition out;
  const MessageTotals& messages = status.messages;
  out.gauge("theater_uptime_seconds", "Time since the start.",
            std::to_string(static_cast<double>(status.uptime_ns) / static_cast<double>(kNsPerSecond)));
  out.gauge("theater_actors_living", "Actors that run.", std::to_string(status.actors_living));
  out.counter("theater_events_recorded_total", "Events recorded in all chains.", status.events_recorded);
  out.counter("theater_turns_total", "Turns that have ended.", status.turns);
  out.counter("theater_fuel_used_total", "Fuel that turns used.", status.fuel_used);
  out.counter("theater_messages_sent_total", "Messages that anybody tried to send.", messages.sent);
  out.counter("theater_messages_delivered_total", "Messages that started a turn.", messages.delivered);
  out.counters("theater_messages_refused_total", "Messages whose sender got an error.", messages.refused_by_reason);
  out.counters("theater_dead_letters_total", "Accepted messages that started no turn.",
               messages.dead_letters_by_reason);
  out.counter("theater_server_connections_total", "Connections accepted.", counters.connections);
  out.counter("theater_server_connections_refused_total", "Connections over the bound.", counters.connections_refused);
  out.gauge("theater_server_connections_open", "Connections now.", std::to_string(counters.connections_open));
  out.counter("theater_server_requests_total", "Requests read.", counters.requests);
  out.counter("theater_server_denied_total", "Requests without the right.", counters.denied);
  out.counter("theater_server_cut_total", "Live connections ended because they were too slow.", counters.cut);
  out.gauge("process_resident_memory_bytes", "Memory in use.", std::to_string(resident_bytes()));
  return out.take();
}

}  // namespace theater::server
