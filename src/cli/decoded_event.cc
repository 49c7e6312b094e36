#include "cli/decoded_event.h"

#include <algorithm>

#include "base/limits.h"
#include "engine/value_text.h"

namespace theater::cli {
namespace {

/// Nothing runs here. Everything else is as in a runtime, so that its compiled code can be used.
constexpr std::uint32_t kInstances = 8;

engine::ShownValue shown(const EventValue& value) {
  engine::ShownValue shown{.head = value.head, .body = {}, .missing_bytes = 0};
  if (value.body) {
    shown.body = *value.body;
  } else {
    shown.missing_bytes = value.body_size;
  }
  return shown;
}

Result<Bytes> find_component(const ChainSource& source, const Digest& digest, const ReplayOptions& options) {
  for (const Bytes& component : options.components) {
    if (sha256(component) == digest) return component;
  }
  if (auto kept = source.component(digest)) return std::move(*kept);
  return fail(ErrorCode::kNotFound, source.name() + " does not hold the component with the SHA-256 " + to_hex(digest) +
                                        ": name its file with --component");
}

}  // namespace

Result<std::unique_ptr<EventDecoder>> EventDecoder::make(const ChainSource& source, const Digest& component,
                                                         const ReplayOptions& options) {
  const auto bytes = find_component(source, component, options);
  if (!bytes) return fail(bytes.error());
  std::unique_ptr<EventDecoder> decoder(new EventDecoder());
  engine::EngineOptions engine_options;
  engine_options.instances = kInstances;
  engine_options.stacks = kInstances;
  auto engine = engine::Engine::create(engine_options);
  if (!engine) return fail(std::move(engine.error()));
  decoder->engine_ = std::move(*engine);
  if (options.code_cache) {
    if (const auto cache = engine::CodeCache::open(*options.code_cache, limits::kCodeCacheBytes)) {
      auto found = (*cache)->get(*decoder->engine_, *bytes);
      if (!found) return fail(std::move(found.error()));
      decoder->component_ = std::move(found->component);
      return decoder;
    }
  }
  auto compiled = engine::Component::compile(*decoder->engine_, *bytes);
  if (!compiled) return fail(std::move(compiled.error()));
  decoder->component_ = std::move(*compiled);
  return decoder;
}

const engine::FunctionType* EventDecoder::function_of(const Event& event) const {
  const bool is_import = event.kind == EventKind::kHostCall || event.kind == EventKind::kHostCallBegin ||
                         event.kind == EventKind::kHostCallEnd;
  const auto& functions = is_import ? component_->imports() : component_->exports();
  const auto found = std::ranges::find_if(
      functions, [&](const engine::FunctionType& function) { return engine::full_name(function) == event.function; });
  return found == functions.end() ? nullptr : &*found;
}

Result<std::string> EventDecoder::params_text(const Event& event, std::size_t max_bytes) const {
  const auto* function = function_of(event);
  if (function == nullptr || event.params.size() == 0) return std::string();
  return engine::value_to_text(engine::recorded_params(*function), shown(event.params), max_bytes);
}

Result<std::string> EventDecoder::result_text(const Event& event, std::size_t max_bytes) const {
  const auto* function = function_of(event);
  const auto type = function == nullptr ? std::nullopt : engine::recorded_result(*function);
  if (!type || event.result.size() == 0) return std::string();
  return engine::value_to_text(*type, shown(event.result), max_bytes);
}

Result<std::string> EventDecoder::params_json(const Event& event) const {
  const auto* function = function_of(event);
  if (function == nullptr || event.params.size() == 0) return std::string();
  return engine::value_to_json(engine::recorded_params(*function), shown(event.params));
}

Result<std::string> EventDecoder::result_json(const Event& event) const {
  const auto* function = function_of(event);
  const auto type = function == nullptr ? std::nullopt : engine::recorded_result(*function);
  if (!type || event.result.size() == 0) return std::string();
  return engine::value_to_json(*type, shown(event.result));
}

}  // namespace theater::cli
