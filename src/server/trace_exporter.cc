#include "server/trace_exporter.h"

#include <chrono>
#include <utility>

#include "client/stream.h"
#include "server/json_forms.h"

namespace theater::server {
namespace {

constexpr std::size_t kMessagesRemembered = 100'000;
constexpr std::size_t kSpansWaiting = 20'000;
constexpr std::size_t kSpansAtOnce = 2'000;
/// What waits is sent after this time, or as soon as it is so much.
constexpr std::chrono::milliseconds kPace{1'000};
constexpr std::chrono::milliseconds kAnswerTime{10'000};

Json attribute(std::string_view key, const std::string& value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}

Json span_json(const Span& span) {
  // Numbers of 64 bits are strings in OTLP's JSON, ids hexadecimal.
  Json json = {{"traceId", to_hex(span.trace)},
               {"spanId", to_hex(span.id)},
               {"name", span.function},
               {"kind", span.parent ? 5 : 2},
               {"startTimeUnixNano", std::to_string(span.start_ns)},
               {"endTimeUnixNano", std::to_string(span.end_ns)},
               {"attributes",
                {attribute("theater.actor", to_string(span.actor)),
                 {{"key", "theater.sequence"}, {"value", {{"intValue", std::to_string(span.sequence)}}}}}}};
  if (span.parent) json["parentSpanId"] = to_hex(*span.parent);
  if (span.failure) json["status"] = {{"code", 2}, {"message", *span.failure}};
  return json;
}

}  // namespace

std::string otlp_json(std::span<const Span> spans) {
  Json list = Json::array();
  for (const Span& span : spans) list.push_back(span_json(span));
  Json scope = {{"scope", {{"name", "theater"}}}, {"spans", std::move(list)}};
  Json resource = {{"resource", {{"attributes", Json::array({attribute("service.name", "theater")})}}},
                   {"scopeSpans", Json::array({std::move(scope)})}};
  return to_text({{"resourceSpans", Json::array({std::move(resource)})}});
}

Result<std::unique_ptr<TraceExporter>> TraceExporter::start(std::string_view url, Log& log) {
  constexpr std::string_view kPlain = "http://";
  constexpr std::string_view kTls = "https://";
  std::string path = "/v1/traces";
  std::string_view authority = url;
  const bool tls = authority.starts_with(kTls);
  if (tls) authority.remove_prefix(kTls.size());
  if (!tls && !authority.starts_with(kPlain)) {
    return fail(ErrorCode::kInvalidArgument,
                "\"" + std::string(url) + "\" is no collector's address: give http://HOST:PORT or https://HOST:PORT");
  }
  if (!tls) authority.remove_prefix(kPlain.size());
  if (const std::size_t slash = authority.find('/'); slash != std::string_view::npos) {
    std::string_view prefix = authority.substr(slash);
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    path.insert(0, prefix);
    authority = authority.substr(0, slash);
  }
  auto collector = ServerAddress::parse((tls ? std::string(kTls) : "") + std::string(authority));
  if (!collector) return fail(std::move(collector.error()).with_context("the collector's address"));
  return std::unique_ptr<TraceExporter>(new TraceExporter(std::move(*collector), std::move(path), log));
}

TraceExporter::TraceExporter(ServerAddress collector, std::string path, Log& log)
    : collector_(std::move(collector)),
      path_(std::move(path)),
      log_(log),
      builder_(kMessagesRemembered),
      thread_([this] { run(); }) {}

TraceExporter::~TraceExporter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakeup_.notify_one();
  thread_.join();
}

void TraceExporter::see(const Event& event) {
  const std::lock_guard lock(mutex_);
  auto span = builder_.see(event);
  if (!span) return;
  if (waiting_.size() == kSpansWaiting) {
    ++dropped_;
    return;
  }
  waiting_.push_back(std::move(*span));
  if (waiting_.size() == kSpansAtOnce) wakeup_.notify_one();
}

void TraceExporter::run() {
  bool is_told = false;
  std::unique_lock lock(mutex_);
  while (true) {
    wakeup_.wait_for(lock, kPace, [&] { return stopping_ || waiting_.size() >= kSpansAtOnce; });
    const bool last = stopping_;
    const std::vector<Span> spans = std::exchange(waiting_, {});
    const std::uint64_t dropped = std::exchange(dropped_, 0);
    lock.unlock();
    if (dropped > 0) log_.warning("event=spans-dropped count=" + std::to_string(dropped));
    std::optional<Error> error;
    for (std::size_t at = 0; at < spans.size() && !error; at += kSpansAtOnce) {
      auto sent = send(std::span(spans).subspan(at, std::min(kSpansAtOnce, spans.size() - at)));
      if (!sent) error = std::move(sent.error());
    }
    // Once until it works again.
    if (error && !is_told) log_.warning("event=spans-not-sent error=\"" + error->to_string() + "\"");
    if (!spans.empty()) is_told = error.has_value();
    if (last) return;
    lock.lock();
  }
}

Result<void> TraceExporter::send(std::span<const Span> spans) const {
  auto stream = client::Stream::connect(collector_);
  if (!stream) return fail(std::move(stream.error()));
  const std::string body = otlp_json(spans);
  auto sent = (*stream)->write("POST " + path_ + " HTTP/1.1\r\nHost: " + collector_.authority() +
                               "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
                               std::to_string(body.size()) + "\r\n\r\n" + body);
  std::string received;
  constexpr std::string_view kStatusLine = "HTTP/1.1 200";
  while (sent) {
    if (received.size() >= kStatusLine.size()) {
      // More of the answer is of no use here.
      const std::string status = received.substr(kStatusLine.size() - 3, 3);
      if (received.starts_with("HTTP/1.") && status.starts_with('2')) return {};
      return fail(ErrorCode::kUnavailable, "the collector answered " + printable(as_bytes(status), 20));
    }
    auto more = (*stream)->read(kAnswerTime);
    if (!more) return fail(std::move(more.error()));
    if (more->empty()) return fail(ErrorCode::kUnavailable, "the collector ended the connection");
    received += *more;
  }
  return sent;
}

}  // namespace theater::server
