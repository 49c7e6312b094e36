#pragma once

#include <gtest/gtest.h>

#include "actor_world.h"

namespace theater::testing {

/// A test in a world of its parameter. 0: real threads; n: a simulation with seed n; 100 and more: see
/// ActorWorld::kSlowDisk. At its end all actors are stopped, everything is accounted for and all chains verify.
class SeededWorld : public ::testing::TestWithParam<int> {
 protected:
  void TearDown() override {
    world.stop_all();
    world.expect_accounted();
    world.expect_chains_verify();
  }
  ActorWorld world{static_cast<std::uint64_t>(GetParam())};
};

}  // namespace theater::testing
