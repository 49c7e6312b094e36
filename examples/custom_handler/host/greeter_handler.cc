#include "greeter_handler.h"

#include <vector>

namespace greeter {

using theater::ErrorCode;
using theater::HandlerInterface;
using theater::HostCall;
using theater::HostStatus;

namespace {

constexpr std::string_view kPlace = "{}";

/// One actor's side.
class Greeter final : public theater::HandlerInstance {
 public:
  explicit Greeter(std::string greeting) : greeting_(std::move(greeting)) {}

  /// greet: func(name: string) -> result<string, string>
  HostStatus call(HostCall& call) override {
    theater::ValueReader params = call.params();
    const std::string_view name = params.string();
    if (!params.done()) return call.trap("malformed parameters");
    if (name.empty()) return call.done_with_error("nobody to greet");
    if (name.size() > kNameBytesMax)
      return call.done_with_error("a name has at most " + std::to_string(kNameBytesMax) + " bytes");
    std::string text = greeting_;
    text.replace(text.find(kPlace), kPlace.size(), name);
    theater::ValueWriter result = call.result();
    result.ok();
    result.string(text);
    return call.done();
  }

 private:
  const std::string greeting_;
};

}  // namespace

std::span<const HandlerInterface> GreeterHandler::imports() const {
  static const std::vector<HandlerInterface> interfaces = {
      {.name = "example:greeter/greet", .functions = {{.name = "greet"}}}};
  return interfaces;
}

theater::HandlerSchema GreeterHandler::schema() const {
  return {.type = std::string(type()),
          .description = "Greetings",
          .fields = {{.name = "greeting",
                      .kind = theater::FieldKind::kString,
                      .description = "What is said; {} stands for the name",
                      .default_value = std::string("Hello, {}!")}}};
}

theater::Result<std::unique_ptr<theater::HandlerInstance>> GreeterHandler::create(
    const theater::HandlerSetup& setup) const {
  const std::string greeting = *setup.config.string("greeting");
  if (!greeting.contains(kPlace))
    return theater::fail(ErrorCode::kInvalidManifest, "greeter: greeting needs a {} for the name");
  return std::make_unique<Greeter>(greeting);
}

}  // namespace greeter
