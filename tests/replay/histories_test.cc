// Random histories of real components on the simulated scheduler, with updates and evictions: each chain is re-run
// without a difference, and each edit of what a guest did is found at its event.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>

#include "actor_world.h"
#include "engine/engine.h"
#include "engine/instance.h"
#include "forger.h"
#include "replay/component_shelf.h"
#include "replay/replayer.h"
#include "runtime/blueprint.h"
#include "runtime/wasm_guest.h"
#include "theater/manifest.h"

namespace theater::testing {
namespace {

constexpr int kHistories = 1000;
/// Histories share a process, so that components are compiled once.
constexpr int kHistoriesPerTest = 250;

using Random = std::mt19937_64;

std::uint64_t below(Random& random, std::uint64_t bound) { return random() % bound; }

/// What an actor of a history is made of, and what it may be sent.
struct Role {
  const char* name;
  const char* component;
  std::function<std::string(Random&)> message;
};

const std::vector<Role>& roles() {
  static const std::vector<Role> all = {
      {"counter", "counter",
       [](Random& random) {
         return below(random, 5) == 0 ? std::string("apples") : std::to_string(below(random, 100));
       }},
      {"echo", "guests/echo",
       [](Random& random) -> std::string {
         switch (below(random, 6)) {
           case 0: return "fail";
           case 1: return "forward counter 5";
           case 2: return "forward echo " + std::string(below(random, 3000), 'x');
           case 3: return "forward nobody hello";
           case 4: return below(random, 6) == 0 ? "stop" : "go on";
           default: return std::string(below(random, 200), 'y');
         }
       }},
      {"summer", "summer", [](Random&) { return std::string("hello"); }},
      {"client", "client", [](Random& random) { return std::to_string(below(random, 6)); }},
      {"oracle", "oracle",
       [](Random& random) { return below(random, 4) == 0 ? std::string("cancel") : std::string("perhaps"); }},
      {"asker", "asker", [](Random&) { return std::string("will it rain?"); }},
      {"sleeper", "sleeper", [](Random& random) { return std::to_string(below(random, 50)); }},
      {"traps", "guests/traps", [](Random&) { return std::string("x"); }},
      {"chatty", "guests/sends_a_million",
       [](Random& random) { return "counter " + std::to_string(below(random, 200)); }},
  };
  return all;
}

Bytes component_bytes(const std::string& name) {
  std::ifstream file(std::string(THEATER_COMPONENTS) + "/" + name + ".wasm", std::ios::binary);
  EXPECT_TRUE(file) << name;
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

class Histories : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    engine::EngineOptions options;
    options.instances = 64;
    options.stacks = 64;
    engine_ = std::move(engine::Engine::create(options).value());
    for (const Role& role : roles()) {
      replay_options_.components.push_back(component_bytes(role.component));
      const auto component = engine::Component::compile(*engine_, replay_options_.components.back()).value();
      const auto flags = runtime::import_flags(*component, ActorWorld(1).handlers()).value();
      components_[role.name] = engine::LinkedComponent::link(component, runtime::call_host, flags).value();
    }
    replay_options_.manifest = kManifest;
    shelf_ = std::move(replay::ComponentShelf::make(replay_options_, &replay::Replayer::call_host).value());
  }

  ActorId spawn(ActorWorld& world, const Role& role) {
    auto manifest = parse_manifest(kManifest, {});
    EXPECT_TRUE(manifest) << manifest.error().to_string();
    manifest->name = role.name;
    auto spec = runtime::make_spec(std::move(*manifest), components_.at(role.name), world.handlers());
    EXPECT_TRUE(spec) << spec.error().to_string();
    return world.spawn(role.name, *spec, [](actor::ActorCell& cell) {
      auto guest = cell.make_guest(cell.spec());
      EXPECT_TRUE(guest) << guest.error().to_string();
      return std::move(*guest);
    });
  }

  /// Any other component in its place, which may do as well, or be refused, or fail with the state that it finds.
  void update(ActorWorld& world, const ActorId& id, const Role& role) {
    world.on_cell(id, [this, &world, linked = components_.at(role.name)](actor::ActorCell& cell) {
      auto spec = runtime::make_update_spec(cell.spec(), linked, world.handlers());
      if (!spec) return;
      ++updates_begun_;
      cell.update(std::move(*spec), [this](const Result<void>& updated) { updates_done_ += updated ? 1 : 0; });
    });
  }

  ReplayReport replayed(const ChainSource& source) {
    return replay::Replayer(source, *shelf_, replay_options_, nullptr).run(0);
  }

  /// Some actors are sent some messages; a few are stopped in the middle of what they do.
  std::vector<ChainSnapshot> history(std::uint64_t seed) {
    Random random(seed);
    ActorWorld world(1 + seed % (ActorWorld::kSlowDisk - 1));
    std::map<std::string, ActorId> actors;
    for (const Role& role : roles()) {
      if (below(random, 3) > 0) actors[role.name] = spawn(world, role);
    }
    for (std::uint64_t i = 0; i < 12; ++i) {
      const Role& role = roles()[below(random, roles().size())];
      const auto actor = actors.find(role.name);
      if (actor == actors.end()) continue;
      if (below(random, 15) == 0) world.stop(actor->second);
      // One that has ended refuses it.
      (void)world.router().send(actor->second, as_bytes(role.message(random)));
      if (below(random, 4) == 0) update(world, actor->second, roles()[below(random, roles().size())]);
      if (below(random, 3) == 0) world.settle();
    }
    if (below(random, 2) == 0) world.settle();
    world.stop_all();
    std::vector<ChainSnapshot> chains;
    for (const auto& [name, id] : actors) chains.push_back(world.chain(id));
    return chains;
  }

  static constexpr std::string_view kManifest =
      "name = \"actor\"\ncomponent = \"https://example.org/actor.wasm\"\n"
      "[[handler]]\ntype = \"message-server\"\n[[handler]]\ntype = \"runtime\"\n[[handler]]\ntype = \"timing\"\n"
      "[limits]\nrequest_timeout_ms = 50\nfuel_per_turn = 50000\n[instance]\nevict_after_ms = 20\n";

  std::unique_ptr<engine::Engine> engine_;
  std::map<std::string, std::shared_ptr<const engine::LinkedComponent>> components_;
  std::uint64_t updates_begun_ = 0;
  std::uint64_t updates_done_ = 0;
  ReplayOptions replay_options_;
  std::unique_ptr<replay::ComponentShelf> shelf_;
};

TEST_P(Histories, replay_without_a_difference_and_show_each_edit_at_its_event) {
  std::uint64_t events = 0;
  std::uint64_t edits = 0;
  for (int i = 0; i < kHistoriesPerTest; ++i) {
    const auto seed = static_cast<std::uint64_t>(GetParam() * kHistoriesPerTest + i);
    for (ChainSnapshot& snapshot : history(seed)) {
      const auto source = make_chain_source(std::move(snapshot), "history " + std::to_string(seed));
      const ReplayReport report = replayed(*source);
      ASSERT_TRUE(report.same()) << source->name() << " " << report.name << " at " << report.next_sequence;
      ASSERT_EQ(report.next_sequence, source->next_sequence());
      events += report.next_sequence;
      Random random(seed);
      ChainEditor editor(*source);
      const std::uint64_t sequence = below(random, editor.count());
      if (!forge(editor, sequence, random)) continue;
      const ReplayReport forged = replayed(*editor.sealed());
      ASSERT_TRUE(forged.divergence) << source->name() << " " << report.name << ", edited at " << sequence;
      ASSERT_EQ(forged.divergence->sequence, sequence) << source->name() << " " << report.name;
      ++edits;
    }
  }
  EXPECT_GT(events, 50u * kHistoriesPerTest);
  EXPECT_GT(edits, std::uint64_t{kHistoriesPerTest});
  EXPECT_GT(updates_done_, 20u);
  EXPECT_GT(updates_begun_ - updates_done_, 20u) << "those that failed";
}

INSTANTIATE_TEST_SUITE_P(Seeds, Histories, ::testing::Range(0, kHistories / kHistoriesPerTest));

}  // namespace
}  // namespace theater::testing
