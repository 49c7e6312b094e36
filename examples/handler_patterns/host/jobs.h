#pragma once

#include <chrono>
#include <memory>

#include "theater/handler.h"

namespace patterns {

class Workshop;

/// The split operation: what takes long is begun by one call, looked at by others, and its result collected by a last
/// one, which waits without keeping a thread. The work is done on a thread of the handler's own. Here a job adds up 1
/// to `steps`.
class JobsHandler final : public theater::Handler {
 public:
  /// Jobs that one actor may have at once, finished ones that were not collected included.
  static constexpr std::size_t kJobsMax = 8;

  explicit JobsHandler(std::chrono::microseconds step);
  ~JobsHandler() override;

  /// Jobs of all actors.
  std::size_t jobs() const;

  std::string_view type() const override { return "jobs"; }
  std::span<const theater::HandlerInterface> imports() const override;
  theater::Result<std::unique_ptr<theater::HandlerInstance>> create(const theater::HandlerSetup& setup) const override;

 private:
  const std::shared_ptr<Workshop> workshop_;
};

}  // namespace patterns
