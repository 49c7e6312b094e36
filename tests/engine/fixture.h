#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/build.h"
#include "engine/instance.h"
#include "guest_builder.h"
#include "theater/value.h"

namespace theater::engine::test {

/// The host side of one instance: what the guest asked, and how it is answered.
struct TestHost {
  using Answer = std::function<te_host_status(std::string_view function, ByteView params, Bytes& reply)>;

  const Component* component = nullptr;
  Answer answer;
  std::vector<std::pair<std::string, Bytes>> asked;
  Bytes reply;

  static te_host_status callback(void* context, std::uint32_t import, te_value params, te_host_reply* reply);
};

inline te_bytes raw(ByteView bytes) { return {.data = bytes.data(), .size = bytes.size()}; }
inline ByteView view(te_bytes bytes) { return {bytes.data, bytes.size}; }
inline std::string text(te_bytes bytes) { return std::string(as_text(view(bytes))); }
inline Bytes joined(te_value value) {
  Bytes all = to_bytes(view(value.head));
  append(all, view(value.body));
  return all;
}

/// A list<u8>'s or string's canonical bytes.
Bytes listed(std::string_view content);
/// A tuple of two of them.
Bytes listed(std::string_view first, std::string_view second);

struct Options {
  std::uint32_t import_flags = 0;
  std::uint32_t link_flags = 0;
  InstanceLimits limits;
};

/// One instance with its host.
class TestGuest final {
 public:
  /// The instance's making may fail, the linking may not.
  static Result<std::unique_ptr<TestGuest>> create(const Engine& engine, ByteView wasm, const Options& options,
                                                   TestHost::Answer answer = {});

  struct Call {
    std::string interface;
    std::string function;
    Bytes params;
    std::optional<Bytes> state;
    std::uint64_t fuel = 1'000'000'000;
    std::uint64_t deadline_ticks = UINT64_MAX;
  };
  const Outcome& call(const Call& call);
  /// handle-send with this message.
  const Outcome& send(std::string_view message);

  TestHost& host() { return host_; }
  Instance& instance() { return *instance_; }
  const Component& component() const { return *component_; }
  const std::shared_ptr<const LinkedComponent>& linked() const { return linked_; }

 private:
  TestGuest() = default;

  TestHost host_;
  std::shared_ptr<const Component> component_;
  std::shared_ptr<const LinkedComponent> linked_;
  std::optional<Instance> instance_;
};

/// A process-wide engine with fuel and a small pool.
const Engine& shared_engine();

/// Stops the test with the error's text.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return *std::move(result);
}

/// The guest of misbehaving_guest.c, built once.
ByteView misbehaving_guest();

}  // namespace theater::engine::test
