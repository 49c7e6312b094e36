#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "cli/remote.h"

namespace theater::cli {

/// What a server keeps of an actor's chain, as a bundle in a file of its own that goes with this.
class FetchedBundle {
 public:
  FetchedBundle() = default;
  ~FetchedBundle();
  FetchedBundle(FetchedBundle&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  FetchedBundle& operator=(FetchedBundle&&) = delete;

  /// `source` is the actor's id or name.
  static Result<FetchedBundle> fetch(const Configuration& configuration, const RemoteOptions& remote,
                                     const std::string& source);

  std::string path() const { return (folder_ / "actor.bundle").string(); }

 private:
  std::filesystem::path folder_;
};

}  // namespace theater::cli
