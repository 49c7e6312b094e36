#pragma once

#include <memory>
#include <span>
#include <string>

#include "theater/handler.h"

namespace greeter {

/// The host's side of example:greeter/greet: greets in the words of a template, where {} stands for the name. The
/// manifest chooses the template:
///
///   [[handler]]
///   type = "greeter"
///   greeting = "Good morning, {}."
class GreeterHandler final : public theater::Handler {
 public:
  std::string_view type() const override { return "greeter"; }
  std::span<const theater::HandlerInterface> imports() const override;
  theater::HandlerSchema schema() const override;
  theater::Result<std::unique_ptr<theater::HandlerInstance>> create(const theater::HandlerSetup& setup) const override;
};

/// Names longer than this are refused.
inline constexpr std::size_t kNameBytesMax = 200;

}  // namespace greeter
