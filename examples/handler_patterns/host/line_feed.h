#pragma once

#include <memory>

#include "theater/handler.h"

namespace patterns {

class LineHub;

/// The event queue: lines come from outside at any time and on any thread; each actor that subscribed gets them in
/// turns of its own, in batches. No thread waits for an actor: what its mailbox has no room for stays in its buffer,
/// which is bounded (`buffer_lines`).
class LineFeedHandler final : public theater::Handler {
 public:
  LineFeedHandler();
  ~LineFeedHandler() override;

  /// Any thread: a line for every actor that has subscribed.
  void publish(std::string_view line);
  std::size_t subscribers() const;

  std::string_view type() const override { return "line-feed"; }
  std::span<const theater::HandlerInterface> imports() const override;
  std::span<const std::string_view> exports() const override;
  theater::HandlerSchema schema() const override;
  theater::Result<std::unique_ptr<theater::HandlerInstance>> create(const theater::HandlerSetup& setup) const override;

 private:
  const std::shared_ptr<LineHub> hub_;
};

}  // namespace patterns
