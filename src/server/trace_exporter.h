#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/log.h"
#include "server/trace_builder.h"
#include "theater/client.h"
#include "theater/error.h"

namespace theater::server {

/// What an OTLP/HTTP collector takes for these spans, as JSON.
std::string otlp_json(std::span<const Span> spans);

/// Sends spans to an OpenTelemetry collector by OTLP/HTTP, on a thread of its own. Any thread.
class TraceExporter {
 public:
  /// `url`: "http://127.0.0.1:4318", as OTEL_EXPORTER_OTLP_ENDPOINT has it; /v1/traces is added. kInvalidArgument. The
  /// log must outlive it.
  static Result<std::unique_ptr<TraceExporter>> start(std::string_view url, Log& log);
  /// Sends what waits, if the collector takes it at once.
  ~TraceExporter();
  TraceExporter(const TraceExporter&) = delete;
  TraceExporter& operator=(const TraceExporter&) = delete;

  /// As TraceBuilder::see. Never waits: of what the collector does not take in time, the newest is dropped and told.
  void see(const Event& event);

 private:
  TraceExporter(ServerAddress collector, std::string path, Log& log);
  void run();
  Result<void> send(std::span<const Span> spans) const;

  const ServerAddress collector_;
  const std::string path_;
  Log& log_;
  std::mutex mutex_;
  std::condition_variable wakeup_;
  TraceBuilder builder_;
  std::vector<Span> waiting_;
  std::uint64_t dropped_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace theater::server
