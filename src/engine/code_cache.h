#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "engine/component.h"

namespace theater::engine {

/// Compiled components on disk, found by the component's digest and the engine's compatibility. Loading compiled code
/// is trusting it: the folder and its files must be this user's and writable by nobody else, and each file's content
/// must have the digest that was noted when it was written. Anything else is compiled anew and replaced. Any thread,
/// any number of processes.
class CodeCache final {
 public:
  struct Found {
    std::shared_ptr<const Component> component;
    bool from_cache = false;
    /// Why the cache could not be used or written, for the log; empty when all went well.
    std::string warning;
  };

  /// Makes the folder (mode 0700) if it is not there. Over `max_bytes` the files used longest ago are removed.
  static Result<std::unique_ptr<CodeCache>> open(const std::filesystem::path& folder, std::uint64_t max_bytes);

  /// The component from the cache, or compiled now and kept.
  Result<Found> get(const Engine& engine, ByteView wasm) const;

 private:
  CodeCache(std::filesystem::path folder, std::uint64_t max_bytes)
      : folder_(std::move(folder)), max_bytes_(max_bytes) {}

  Result<void> store(const std::filesystem::path& path, ByteView code) const;
  void remove_oldest(const std::filesystem::path& keep) const;

  std::filesystem::path folder_;
  std::uint64_t max_bytes_;
};

}  // namespace theater::engine
