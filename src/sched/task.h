#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "sched/delivery.h"

namespace theater::sched {

/// A delivery that calls a function once, and goes.
class Task final : public Delivery {
 public:
  explicit Task(std::function<void()> function) : function_(std::move(function)) {}
  void deliver() override {
    const std::unique_ptr<Task> self(this);
    function_();
  }

 private:
  std::function<void()> function_;
};

}  // namespace theater::sched
